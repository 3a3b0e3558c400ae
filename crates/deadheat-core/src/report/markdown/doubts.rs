//! Failures, unmeasured benchmarks and warnings.

use super::comment::{MOST_BYTES, Section};
use super::escape::prose;
use super::page::{Page, and_more, closing, line, opening, table};
use crate::model::{Missing, MissingReason, WarningCode};
use crate::report::warnings::grouped as grouped_warnings;
use crate::report::words::grouped_missing;
use crate::text::{counted, main_line};

impl Page<'_> {
    /// Renders the benchmarks that broke, which a reviewer must not overlook.
    pub(super) fn failed(&self) -> Option<Section> {
        let missing = self.report.missing.iter();
        let rows: Vec<&Missing> = missing
            .filter(|row| row.reason == MissingReason::Failed)
            .collect();
        (!rows.is_empty()).then(|| Section {
            rank: 2,
            opening: format!("\n**{} failed:**\n\n", rows.len()),
            blocks: grouped_missing(&rows)
                .iter()
                .map(|(row, more)| {
                    let side = row.side.map_or(String::new(), |side| format!(" on {side}"));
                    let more = and_more(*more);
                    let message = prose(main_line(&row.message));
                    format!("- {}{more} failed{side}: {message}\n", self.name(&row.benchmark))
                })
                .collect(),
            closing: String::new(),
            most_bytes: Some(MOST_BYTES / 4),
            called: "failed benchmark",
        })
    }

    /// Renders the warnings; the same doubt about many benchmarks only once.
    pub(super) fn warnings(&self) -> Option<Section> {
        let own = self.report.comparisons.iter().flat_map(|row| &row.warnings);
        let all = self.report.warnings.iter().chain(own);
        // The first lines have this one already, if there are no rows.
        let is_said = self.report.comparisons.is_empty();
        let groups =
            grouped_warnings(all.filter(|warning| !is_said || warning.code != WarningCode::NothingMeasured));
        let title = match groups.len() {
            0 => return None,
            count => counted(count, "warning"),
        };
        let blocks = groups.iter().map(|(warning, more)| {
            let benchmark = warning.benchmark.as_ref();
            let benchmark = benchmark.map_or(String::new(), |name| {
                format!("{}{}: ", self.name(name), and_more(*more))
            });
            let mut lines = warning.message.lines();
            let message = prose(lines.next().unwrap_or_default());
            let lines: String = lines.map(|line| format!("<br>{}", prose(line.trim()))).collect();
            let hint = warning.hint.as_ref();
            let hint = hint.map_or(String::new(), |hint| format!("<br>_{}_", prose(hint)));
            format!("- {benchmark}{message}{lines}{hint}\n")
        });
        Some(Section {
            rank: 3,
            opening: opening(&format!("⚠️ {title}")),
            blocks: blocks.collect(),
            closing: closing(),
            most_bytes: None,
            called: "warning",
        })
    }

    /// Renders the benchmarks that were not measured, except those that failed.
    pub(super) fn missing(&self) -> Option<Section> {
        let missing = self.report.missing.iter();
        let mut rows: Vec<&Missing> = missing
            .filter(|row| row.reason != MissingReason::Failed)
            .collect();
        // Unreached ones come last: they are many, and nothing is wrong with them.
        rows.sort_by_key(|row| row.reason == MissingReason::NotReached);
        let not_reached = rows
            .iter()
            .filter(|row| row.reason == MissingReason::NotReached)
            .count();
        let title = match not_reached {
            0 => format!("{} not measured", rows.len()),
            count => format!(
                "{} not measured, {count} of them for running no changed function",
                rows.len()
            ),
        };
        let blocks = rows.iter().map(|row| {
            line(&[
                self.name(&row.benchmark),
                row.reason.to_string(),
                row.side.map_or(String::new(), |side| side.to_string()),
                prose(main_line(&row.message)),
            ])
        });
        (!rows.is_empty()).then(|| Section {
            rank: 6,
            opening: opening(&title) + &table(&["benchmark", "why", "side", "message"]),
            blocks: blocks.collect(),
            closing: closing(),
            most_bytes: None,
            called: "unmeasured benchmark",
        })
    }
}
