//! The report of a page, its rows, and how tables and folded parts look.

use super::escape::code;
use crate::model::{Comparison, Estimate, Report, Verdict};
use crate::output::OutputCheck;

pub(super) struct Page<'a> {
    pub(super) report: &'a Report,
    /// The common beginning of all benchmark names, which is shown once.
    pub(super) prefix: &'a str,
}

impl Page<'_> {
    pub(super) fn name(&self, benchmark: &str) -> String {
        code(benchmark.strip_prefix(self.prefix).unwrap_or(benchmark))
    }

    /// Returns the rows of a comparison; none for `noise`, where they have another meaning.
    pub(super) fn rows(&self) -> impl Iterator<Item = &Comparison> {
        let rows = self.report.comparisons.iter();
        rows.filter(|_| self.report.noise.is_none())
    }

    /// Returns the rows that are not listed as changed for their output.
    pub(super) fn plain_rows(&self) -> impl Iterator<Item = &Comparison> {
        self.rows().filter(|row| row.output != OutputCheck::Different)
    }
}

pub(super) fn change_heading(estimate: &Estimate) -> String {
    let level = estimate.confidence_interval.confidence_level * 100.0;
    format!("change [{level:.0} % interval] ")
}

/// Keeps a number with its unit, however narrow the table.
pub(super) fn unbroken(text: &str) -> String {
    text.replace(' ', "\u{a0}")
}

pub(super) fn verdict_in_words(verdict: Verdict) -> String {
    match verdict {
        Verdict::Improved => "🟢 improved".to_owned(),
        Verdict::Regressed => "🔴 regressed".to_owned(),
        Verdict::Unchanged | Verdict::Inconclusive | Verdict::Unexplained => verdict.to_string(),
    }
}

pub(super) fn and_more(count: usize) -> String {
    match count {
        0 => String::new(),
        count => format!(" (and {count} more)"),
    }
}

/// Begins a table; a heading that ends with a space is that of numbers.
pub(super) fn table(headings: &[&str]) -> String {
    let names: Vec<String> = headings
        .iter()
        .map(|heading| heading.trim_end().to_owned())
        .collect();
    let rules: Vec<String> = headings
        .iter()
        .map(|heading| {
            if heading.ends_with(' ') {
                "--:".to_owned()
            } else {
                ":--".to_owned()
            }
        })
        .collect();
    line(&names) + &line(&rules)
}

pub(super) fn line(cells: &[String]) -> String {
    format!("| {} |\n", cells.join(" | "))
}

/// Opens a folded part; Markdown in it needs the empty line before it.
pub(super) fn opening(title: &str) -> String {
    format!("\n<details><summary>{title}</summary>\n\n")
}

pub(super) fn closing() -> String {
    "\n</details>\n".to_owned()
}
