//! The answer, and the compared revisions.

use super::comment::Section;
use super::escape::{code, prose};
use super::page::{Page, closing, line, opening, table, unbroken};
use crate::judge::gate;
use crate::model::{Judged, Revision, WarningCode};
use crate::report::parts;
use crate::report::words::of_controls;
use crate::text::{change, counted, duration, sentence, short_commit, speedup};

impl Page<'_> {
    /// Renders the answer, and the compared revisions.
    pub(super) fn head(&self) -> Section {
        let report = self.report;
        let mut text = format!("### {}\n\n", self.answer());
        let (base, head) = (&report.revisions.base, &report.revisions.head);
        text.push_str(&match report.noise {
            Some(_) => format!("deadheat compared {} with itself", revision(base)),
            None => format!("deadheat compared {} with {}", revision(base), revision(head)),
        });
        // The origin of the numbers, if it is not one machine's whole suite.
        let of_parts = parts::merged_from(report).or_else(|| parts::part_of_suite(report));
        let of_parts = of_parts.map_or(String::new(), |words| format!("\n**{}.**\n", sentence(&words)));
        if report.comparisons.is_empty() {
            text.push_str(&format!(".\n{of_parts}"));
            let why = report
                .warnings
                .iter()
                .find(|warning| warning.code == WarningCode::NothingMeasured);
            let why = why.map_or(&report.selection.reason, |warning| &warning.message);
            if report.plan.is_none() {
                text.push_str(&format!("\n{}\n", prose(why)));
            }
            return Section::fixed(text + &self.gate());
        }
        match self.prefix.trim_end_matches(':') {
            "" => text.push_str(".\n"),
            prefix => text.push_str(&format!(", benchmarks in {}.\n", code(prefix))),
        }
        text.push_str(&of_parts);
        let summary = &report.summary;
        let is_one = report.comparisons.len() == 1;
        let both = [
            ("total", &summary.total),
            ("geometric mean", &summary.geometric_mean),
        ];
        let judged: Vec<String> = both
            .into_iter()
            .filter(|_| !is_one && report.noise.is_none())
            .filter_map(|(name, judged)| Some(together(name, judged.as_ref()?)))
            .collect();
        if !judged.is_empty() {
            text.push_str(&format!("\n{}\n", judged.join("; ")));
        }
        Section::fixed(text + &self.gate())
    }

    /// Explains why the run ends with exit code 1.
    pub(super) fn gate(&self) -> String {
        gate::failure(self.report).map_or(String::new(), |line| {
            format!("\n🔴 **Gate failed:** {}\n", prose(&line))
        })
    }

    pub(super) fn answer(&self) -> String {
        let report = self.report;
        if let Some(plan) = &report.plan {
            let time = duration(plan.estimated_seconds * 1e9);
            return format!(
                "{} would take about {time}",
                counted(plan.benchmarks.len(), "benchmark")
            );
        }
        if report.comparisons.is_empty() {
            return match report.missing.len() {
                0 => "Nothing was measured".to_owned(),
                count => format!(
                    "Nothing was measured: {} could not be",
                    counted(count, "benchmark")
                ),
            };
        }
        let mut answer = report.summary.counts.to_string();
        if report.noise.is_some() {
            answer = format!("The same code on both sides: {answer}");
        }
        if let Some(mean) = &report.summary.geometric_mean {
            let mean = speedup(mean.estimate.point_estimate);
            answer.push_str(&format!("; geometric mean {mean}"));
        }
        if report.partial {
            answer.push_str(" (stopped early: partial)");
        }
        if let Some(controls) = report.summary.controls {
            answer.push_str(&format!("; {}", of_controls(controls)));
        }
        answer
    }

    pub(super) fn plan(&self) -> Option<Section> {
        let plan = self.report.plan.as_ref()?;
        Some(Section {
            rank: 1,
            opening: opening("Would be measured"),
            blocks: plan
                .benchmarks
                .iter()
                .map(|name| format!("- {}\n", code(name)))
                .collect(),
            closing: closing(),
            most_bytes: None,
            called: "benchmark",
        })
    }

    /// Renders the results of `deadheat noise`.
    pub(super) fn noise(&self) -> Option<Section> {
        let noise = self.report.noise.as_ref()?;
        let rows = noise.iter().zip(&self.report.comparisons);
        let rows = rows.map(|(row, comparison)| {
            let smallest = row.smallest_change_percent;
            line(&[
                self.name(&row.benchmark),
                unbroken(&duration(comparison.base.median_ns)),
                comparison.verdict.to_string(),
                unbroken(&format!("{:.2} %", row.spread_percent)),
                smallest.map_or("none".to_owned(), |percent| unbroken(&format!("{percent:.1} %"))),
            ])
        });
        Some(Section {
            rank: 1,
            opening: format!(
                "\n{}",
                table(&["benchmark", "time ", "found", "spread ", "smallest change found "])
            ),
            blocks: rows.collect(),
            closing: String::new(),
            most_bytes: None,
            called: "benchmark",
        })
    }
}

fn revision(revision: &Revision) -> String {
    let short = &short_commit(&revision.commit);
    let is_named = !(revision.commit.starts_with(&revision.name) && revision.name.len() >= 7);
    match (is_named, revision.dirty) {
        (true, true) => format!(
            "{} (uncommitted changes on {})",
            code(&revision.name),
            code(short)
        ),
        (false, true) => format!("uncommitted changes on {}", code(short)),
        (true, false) => format!("{} ({})", code(&revision.name), code(short)),
        (false, false) => code(short),
    }
}

/// Formats a sum or mean: `total 2.10 s → 1.90 s, -9.9 % [-12.0, -7.1], improved`.
fn together(name: &str, judged: &Judged) -> String {
    let times = judged.base_ns.zip(judged.head_ns);
    let times = times.map_or(String::new(), |(base, head)| {
        format!(" {} → {},", duration(base), duration(head))
    });
    format!("{name}{times} {}, {}", change(&judged.estimate), judged.verdict)
}
