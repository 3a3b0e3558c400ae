//! The tables of times and of other resources.

use super::comment::{MOST_BYTES, Section};
use super::escape::prose;
use super::page::{Page, change_heading, closing, line, opening, table, unbroken, verdict_in_words};
use crate::model::{Comparison, Counts, ResourceComparison, Verdict};
use crate::output::OutputCheck;
use crate::report::machines;
use crate::report::words::what_would_settle;
use crate::text::{amount, change, duration, speedup};

impl Page<'_> {
    /// Renders the changes of the pull request: slower rows first, then faster ones, the largest change
    /// first; then those that return a different value.
    pub(super) fn changed(&self) -> Option<Section> {
        let is_changed = |row: &&Comparison| {
            matches!(row.verdict, Verdict::Improved | Verdict::Regressed)
                || row.output == OutputCheck::Different
        };
        let mut rows: Vec<&Comparison> = self.rows().filter(is_changed).collect();
        rows.sort_by(|a, b| {
            let size = |row: &Comparison| row.estimate.point_estimate.ln().abs();
            let kind = |row: &Comparison| match row.verdict {
                Verdict::Regressed => 0,
                Verdict::Improved => 1,
                Verdict::Unchanged | Verdict::Inconclusive | Verdict::Unexplained => 2,
            };
            kind(a).cmp(&kind(b)).then(size(b).total_cmp(&size(a)))
        });
        Some(Section {
            rank: 1,
            opening: format!("\n{}", self.table_of_times(&rows)?),
            blocks: rows.iter().map(|row| self.row(row)).collect(),
            closing: String::new(),
            most_bytes: Some(MOST_BYTES / 2),
            called: "changed benchmark",
        })
    }

    pub(super) fn inconclusive(&self) -> Option<Section> {
        let rows: Vec<&Comparison> = self
            .plain_rows()
            .filter(|row| row.verdict == Verdict::Inconclusive)
            .collect();
        let title = format!("{} inconclusive: too early to say", rows.len());
        Some(Section {
            rank: 4,
            opening: opening(&title) + &self.table_of_times(&rows)?,
            blocks: rows.iter().map(|row| self.row(row)).collect(),
            closing: format!("\n{}\n{}", prose(&what_would_settle(self.report)), closing()),
            most_bytes: Some(MOST_BYTES / 4),
            called: "inconclusive benchmark",
        })
    }

    pub(super) fn unexplained(&self) -> Option<Section> {
        let rows: Vec<&Comparison> = self
            .plain_rows()
            .filter(|row| row.verdict == Verdict::Unexplained)
            .collect();
        let title = format!("{} unexplained: no code that they run has changed", rows.len());
        Some(Section {
            rank: 4,
            opening: opening(&title) + &self.table_of_times(&rows)?,
            blocks: rows.iter().map(|row| self.row(row)).collect(),
            closing: closing(),
            most_bytes: Some(MOST_BYTES / 4),
            called: "unexplained benchmark",
        })
    }

    pub(super) fn unchanged(&self) -> Option<Section> {
        let rows: Vec<&Comparison> = self
            .plain_rows()
            .filter(|row| row.verdict == Verdict::Unchanged)
            .collect();
        let percent = self.report.settings.threshold_percent;
        let own = match rows.iter().any(|row| row.threshold_percent.is_some()) {
            true => ", or their own threshold",
            false => "",
        };
        let title = format!("{} unchanged: within {percent} %{own}", rows.len());
        Some(Section {
            rank: 8,
            opening: opening(&title) + &self.table_of_times(&rows)?,
            blocks: rows.iter().map(|row| self.row(row)).collect(),
            closing: closing(),
            most_bytes: None,
            called: "unchanged benchmark",
        })
    }

    pub(super) fn table_of_times(&self, rows: &[&Comparison]) -> Option<String> {
        let change = change_heading(&rows.first()?.estimate);
        Some(table(&[
            "benchmark",
            "base ",
            "head ",
            &change,
            "speedup ",
            "verdict",
        ]))
    }

    pub(super) fn row(&self, row: &Comparison) -> String {
        let mut verdict = verdict_in_words(row.verdict);
        if let Some(reason) = row.reason {
            verdict.push_str(&format!(": {reason}"));
        }
        if let Some(percent) = row.threshold_percent {
            verdict.push_str(&format!(" (±{})", unbroken(&format!("{percent} %"))));
        }
        if row.output == OutputCheck::Different {
            verdict.push_str(", **different output**");
        }
        if let Some(kinds) = machines::of_row(self.report, row) {
            verdict.push_str(&format!("<br>{}", prose(&kinds)));
        }
        line(&[
            self.name(&row.benchmark),
            unbroken(&duration(row.base.median_ns)),
            unbroken(&duration(row.head.median_ns)),
            unbroken(&change(&row.estimate)),
            speedup(row.estimate.point_estimate),
            verdict,
        ])
    }

    pub(super) fn changed_resources(&self) -> Option<Section> {
        let resources = self.report.resources.iter();
        let rows: Vec<&ResourceComparison> = resources
            .filter(|row| matches!(row.verdict, Verdict::Improved | Verdict::Regressed))
            .collect();
        let opening = format!("\n**Resources:**\n\n{}", self.table_of_resources(&rows)?);
        Some(Section {
            rank: 2,
            opening,
            blocks: rows.iter().map(|row| self.resource(row)).collect(),
            closing: String::new(),
            most_bytes: Some(MOST_BYTES / 4),
            called: "changed resource",
        })
    }

    pub(super) fn other_resources(&self) -> Option<Section> {
        let resources = self.report.resources.iter();
        let rows: Vec<&ResourceComparison> = resources
            .filter(|row| {
                matches!(
                    row.verdict,
                    Verdict::Unchanged | Verdict::Inconclusive | Verdict::Unexplained
                )
            })
            .collect();
        let of = |verdict| rows.iter().filter(|row| row.verdict == verdict).count();
        let counts = Counts {
            unchanged: of(Verdict::Unchanged),
            inconclusive: of(Verdict::Inconclusive),
            ..Counts::default()
        };
        let title = format!("Resources: {counts}");
        Some(Section {
            rank: 7,
            opening: opening(&title) + &self.table_of_resources(&rows)?,
            blocks: rows.iter().map(|row| self.resource(row)).collect(),
            closing: closing(),
            most_bytes: None,
            called: "resource",
        })
    }

    pub(super) fn table_of_resources(&self, rows: &[&ResourceComparison]) -> Option<String> {
        let change = change_heading(&rows.first()?.estimate);
        Some(table(&[
            "benchmark",
            "resource",
            "base ",
            "head ",
            &change,
            "verdict",
        ]))
    }

    pub(super) fn resource(&self, row: &ResourceComparison) -> String {
        let reason = row.reason.map_or(String::new(), |reason| format!(": {reason}"));
        line(&[
            self.name(&row.benchmark),
            row.resource.to_string(),
            unbroken(&amount(row.resource, row.median.base)),
            unbroken(&amount(row.resource, row.median.head)),
            unbroken(&change(&row.estimate)),
            verdict_in_words(row.verdict) + &reason,
        ])
    }
}
