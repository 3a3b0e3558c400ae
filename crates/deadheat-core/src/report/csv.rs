//! The report as CSV: a row for each comparison and for each benchmark that was not measured.
use csv::{QuoteStyle, WriterBuilder};
use serde::{Serialize, Serializer};

use crate::model::{
    Comparison, Estimate, Missing, MissingReason, OpenReason, Report, Resource, ResourceComparison, Side,
    Verdict,
};
use crate::output::OutputCheck;
use crate::text::{main_line, plain};

/// The columns, in their order. What a row does not have stays empty.
#[derive(Default, Serialize)]
struct Row {
    benchmark: Text,
    measure: Option<Measure>,
    base: Option<Number>,
    head: Option<Number>,
    ratio: Option<Number>,
    ratio_low: Option<Number>,
    ratio_high: Option<Number>,
    standard_error: Option<Number>,
    verdict: Option<Verdict>,
    reason: Option<OpenReason>,
    replicates: Option<usize>,
    looks: Option<u32>,
    output: Option<OutputCheck>,
    confirmed: Option<bool>,
    missing: Option<MissingReason>,
    side: Option<Side>,
    message: Text,
    base_commit: Text,
    head_commit: Text,
}

#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
enum Measure {
    Time,
    #[serde(untagged)]
    Resource(Resource),
}

/// A number as Rust writes it: `csv` would write `1500000.0` for `1500000`.
struct Number(f64);

impl Serialize for Number {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

/// Foreign text, quoted.
#[derive(Default, Serialize)]
struct Text(String);

impl Text {
    /// Quotes a cell so that a spreadsheet takes it as text: one that begins like a formula gets an
    /// apostrophe in front. More is quoted than a comma requires, because spreadsheets in some countries
    /// split at semicolons.
    fn quoted(text: &str) -> Self {
        let mut text = plain(text);
        let begins_a_formula = |character: char| "=+-@＝＋－＠".contains(character);
        if text.trim_start().starts_with(begins_a_formula) {
            text.insert(0, '\'');
        }
        if text.contains([',', '"', ' ', ';', '\'']) {
            text = format!("\"{}\"", text.replace('"', "\"\""));
        }
        Text(text)
    }
}

/// Renders the report as RFC 4180 CSV, but with the line ends of the system's other text files.
pub fn csv(report: &Report) -> String {
    let mut rows: Vec<Row> = report.comparisons.iter().map(of_comparison).collect();
    rows.extend(report.resources.iter().map(of_resource));
    rows.extend(report.missing.iter().map(of_missing));
    for row in &mut rows {
        row.base_commit = Text::quoted(&report.revisions.base.commit);
        row.head_commit = Text::quoted(&report.revisions.head.commit);
    }
    written(&rows)
}

fn written(rows: &[Row]) -> String {
    let mut writer = WriterBuilder::new()
        .quote_style(QuoteStyle::Never)
        .from_writer(Vec::new());
    // The writer knows the columns from the first row only.
    let empty = [Row::default()];
    let all = if rows.is_empty() { &empty } else { rows };
    let written = all.iter().try_for_each(|row| writer.serialize(row));
    written.expect("a row is made of plain cells");
    let bytes = writer.into_inner().expect("memory takes whatever is written");
    let mut text = String::from_utf8(bytes).expect("cells are text");
    if rows.is_empty() {
        text.truncate(text.find('\n').map_or(0, |end| end + 1));
    }
    text
}

fn of_comparison(row: &Comparison) -> Row {
    Row {
        benchmark: Text::quoted(&row.benchmark),
        measure: Some(Measure::Time),
        base: Some(Number(row.base.median_ns)),
        head: Some(Number(row.head.median_ns)),
        verdict: Some(row.verdict),
        reason: row.reason,
        replicates: Some(row.replicates.len()),
        looks: Some(row.looks),
        output: Some(row.output),
        confirmed: row.confirmation.as_ref().map(|again| again.confirmed),
        ..estimated(&row.estimate)
    }
}

fn of_resource(row: &ResourceComparison) -> Row {
    Row {
        benchmark: Text::quoted(&row.benchmark),
        measure: Some(Measure::Resource(row.resource)),
        base: Some(Number(row.median.base)),
        head: Some(Number(row.median.head)),
        verdict: Some(row.verdict),
        reason: row.reason,
        replicates: Some(row.replicates.len()),
        looks: Some(row.looks),
        ..estimated(&row.estimate)
    }
}

fn of_missing(row: &Missing) -> Row {
    Row {
        benchmark: Text::quoted(&row.benchmark),
        missing: Some(row.reason),
        side: row.side,
        message: Text::quoted(main_line(&row.message)),
        ..Row::default()
    }
}

fn estimated(estimate: &Estimate) -> Row {
    let interval = estimate.confidence_interval;
    Row {
        ratio: Some(Number(estimate.point_estimate)),
        ratio_low: Some(Number(interval.lower_bound)),
        ratio_high: Some(Number(interval.upper_bound)),
        standard_error: Some(Number(estimate.standard_error)),
        ..Row::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_cell_is_a_formula_or_ends_early() {
        let quoted = |text: &str| Text::quoted(text).0;
        assert_eq!(quoted("=1+1"), "\"'=1+1\"");
        assert_eq!(quoted("-k"), "\"'-k\"");
        assert_eq!(quoted(" @SUM(A1)"), "\"' @SUM(A1)\"");
        assert_eq!(quoted("＝1"), "\"'＝1\"");
        assert_eq!(quoted("\t=1"), "\\t=1");
        assert_eq!(quoted("a.py::f[-1]"), "a.py::f[-1]");
        assert_eq!(quoted("a,\"b\"\nc"), "\"a,\"\"b\"\"\\nc\"");
    }

    #[test]
    fn columns_stand_there_without_rows() {
        let text = written(&[]);
        assert!(text.starts_with("benchmark,measure,base,head,ratio,"), "{text}");
        assert!(text.ends_with(",message,base_commit,head_commit\n"), "{text}");
    }
}
