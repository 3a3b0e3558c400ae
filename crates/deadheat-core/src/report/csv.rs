//! The report as CSV: a row for each comparison and for each benchmark that was not measured.

use crate::model::{ConfidenceInterval, Estimate, Report};
use crate::text::{main_line, one_line};

const COLUMNS: [&str; 19] = [
    "benchmark",
    "measure",
    "base",
    "head",
    "ratio",
    "ratio_low",
    "ratio_high",
    "standard_error",
    "verdict",
    "reason",
    "replicates",
    "looks",
    "output",
    "confirmed",
    "missing",
    "side",
    "message",
    "base_commit",
    "head_commit",
];

/// Renders the report as RFC 4180 CSV, but with the line ends of the system's other text files.
pub fn csv(report: &Report) -> String {
    let mut text = COLUMNS.join(",") + "\n";
    let mut add = |row: Row| {
        let commits = [&report.revisions.base.commit, &report.revisions.head.commit];
        let cells = row.cells.into_iter().chain(commits.map(|commit| quoted(commit)));
        text.push_str(&cells.collect::<Vec<_>>().join(","));
        text.push('\n');
    };
    for row in &report.comparisons {
        let cells = Row::named(&row.benchmark)
            .word("time")
            .amounts(row.base.median_ns, row.head.median_ns)
            .estimate(&row.estimate)
            .word(&word(&row.verdict))
            .word(&row.reason.map_or(String::new(), |reason| word(&reason)))
            .number(row.replicates.len())
            .number(row.looks)
            .word(&word(&row.output))
            .word(match &row.confirmation {
                None => "",
                Some(confirmation) if confirmation.confirmed => "true",
                Some(_) => "false",
            })
            .empty(3);
        add(cells);
    }
    for row in &report.resources {
        let cells = Row::named(&row.benchmark)
            .word(&word(&row.resource))
            .amounts(row.median.base, row.median.head)
            .estimate(&row.estimate)
            .word(&word(&row.verdict))
            .word(&row.reason.map_or(String::new(), |reason| word(&reason)))
            .number(row.replicates.len())
            .number(row.looks)
            .empty(5);
        add(cells);
    }
    for row in &report.missing {
        let cells = Row::named(&row.benchmark)
            .empty(13)
            .word(&word(&row.reason))
            .word(&row.side.map_or(String::new(), |side| word(&side)))
            .text(main_line(&row.message));
        add(cells);
    }
    text
}

struct Row {
    cells: Vec<String>,
}

impl Row {
    fn named(benchmark: &str) -> Self {
        Row { cells: Vec::new() }.text(benchmark)
    }

    /// Adds a text of others, quoted.
    fn text(mut self, text: &str) -> Self {
        self.cells.push(quoted(text));
        self
    }

    /// Adds a word of ours, as it is.
    fn word(mut self, word: &str) -> Self {
        self.cells.push(word.to_owned());
        self
    }

    fn number(mut self, number: impl ToString) -> Self {
        self.cells.push(number.to_string());
        self
    }

    fn amounts(self, base: f64, head: f64) -> Self {
        self.number(base).number(head)
    }

    fn estimate(self, estimate: &Estimate) -> Self {
        let ConfidenceInterval {
            lower_bound,
            upper_bound,
            ..
        } = estimate.confidence_interval;
        self.number(estimate.point_estimate)
            .number(lower_bound)
            .number(upper_bound)
            .number(estimate.standard_error)
    }

    fn empty(mut self, count: usize) -> Self {
        self.cells.extend(std::iter::repeat_n(String::new(), count));
        self
    }
}

/// Returns the word of a value in the JSON report.
fn word(value: &impl serde::Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(word)) => word,
        _ => String::new(),
    }
}

/// Quotes a cell so that a spreadsheet takes it as text: one that begins like a formula gets an apostrophe in front.
fn quoted(text: &str) -> String {
    let mut text = one_line(text);
    let begins_a_formula = |character: char| "=+-@＝＋－＠".contains(character);
    if text.trim_start().starts_with(begins_a_formula) {
        text.insert(0, '\'');
    }
    if text.contains([',', '"', ' ', ';', '\'']) {
        text = format!("\"{}\"", text.replace('"', "\"\""));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::quoted;

    #[test]
    fn no_cell_is_a_formula_or_ends_early() {
        assert_eq!(quoted("=1+1"), "\"'=1+1\"");
        assert_eq!(quoted("-k"), "\"'-k\"");
        assert_eq!(quoted(" @SUM(A1)"), "\"' @SUM(A1)\"");
        assert_eq!(quoted("＝1"), "\"'＝1\"");
        assert_eq!(quoted("\t=1"), "\\t=1");
        assert_eq!(quoted("a.py::f[-1]"), "a.py::f[-1]");
        assert_eq!(quoted("a,\"b\"\nc"), "\"a,\"\"b\"\"\\nc\"");
    }
}
