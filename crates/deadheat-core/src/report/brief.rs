//! The shortest report: one JSON value of at most [`BRIEF_BYTES`] bytes, whatever the suite.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use super::without_samples;
use crate::model::{
    Comparison, Counts, Estimate, Judged, MissingReason, NextStep, Report, Status, Verdict, Warning,
    WarningCode,
};
use crate::text::{cut, main_line, shorten};

/// A short answer is read whole, and paid for by its length.
pub const BRIEF_BYTES: usize = 1500;
/// The number of rows at each end.
const ROWS: usize = 3;

/// The answer of `--brief`.
#[derive(Clone, Debug, JsonSchema, Serialize)]
pub struct BriefReport {
    schema_version: u32,
    /// The verdict of the suite as a whole.
    verdict: &'static str,
    /// Of the recorded experiment.
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<Status>,
    partial: bool,
    /// Why there are no numbers, or not all.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    /// The remedy.
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<String>,
    counts: Counts,
    total: Option<Change>,
    geometric_mean: Option<Change>,
    worst: Vec<Row>,
    best: Vec<Row>,
    /// Benchmarks that could not be measured, because they failed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    failed: Vec<String>,
    /// The number of warnings by code.
    warnings: BTreeMap<String, usize>,
    next: Vec<NextStep>,
    /// The file that holds the whole report.
    report: Option<String>,
    /// Whether something was left out to keep it short.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    cut: bool,
}

#[derive(Clone, Debug, JsonSchema, Serialize)]
struct Change {
    speedup: f64,
    /// The interval of the speedup.
    interval: [f64; 2],
}

#[derive(Clone, Debug, JsonSchema, Serialize)]
struct Row {
    benchmark: String,
    verdict: Verdict,
    #[serde(flatten)]
    change: Change,
}

/// Returns the brief report. `stored` is a file that holds the whole one.
pub fn brief(report: &Report, stored: Option<&str>) -> serde_json::Result<String> {
    let mut rows: Vec<&Comparison> = report.comparisons.iter().collect();
    rows.sort_by(|a, b| b.estimate.point_estimate.total_cmp(&a.estimate.point_estimate));
    let changed = |verdict: Verdict| rows.iter().filter(move |row| row.verdict == verdict);
    let slower = changed(Verdict::Regressed).take(ROWS);
    let faster = changed(Verdict::Improved).rev().take(ROWS);
    let failed = report
        .missing
        .iter()
        .filter(|row| row.reason == MissingReason::Failed);
    let mut warnings = BTreeMap::new();
    let of_rows = report.comparisons.iter().flat_map(|row| &row.warnings);
    for warning in report.warnings.iter().chain(of_rows) {
        *warnings.entry(code(warning.code)).or_default() += 1;
    }
    let of = |judged: &Judged| change(&judged.estimate);
    let whole = BriefReport {
        schema_version: report.schema_version,
        verdict: verdict_of(report),
        status: report.recorded.as_ref().map(|recorded| recorded.status),
        partial: report.partial,
        reason: ending_of(report).map(reason_of),
        hint: ending_of(report).and_then(|warning| warning.hint.clone()),
        counts: report.summary.counts,
        total: report.summary.total.as_ref().map(of),
        geometric_mean: report.summary.geometric_mean.as_ref().map(of),
        worst: slower.map(|row| row_of(row)).collect(),
        best: faster.map(|row| row_of(row)).collect(),
        failed: failed.take(ROWS).map(|row| row.benchmark.clone()).collect(),
        warnings,
        next: report.next.clone(),
        report: stored.map(str::to_owned),
        cut: false,
    };
    fitting(whole)
}

/// Whether a benchmark has this verdict, or the total that a command reports itself.
fn has_any(report: &Report, verdict: Verdict) -> bool {
    let total = report
        .summary
        .total
        .as_ref()
        .filter(|_| report.settings.script.is_some());
    report.comparisons.iter().any(|row| row.verdict == verdict)
        || total.is_some_and(|total| total.verdict == verdict)
}

/// Returns the verdict of the suite: a change counts wherever it is.
fn verdict_of(report: &Report) -> &'static str {
    let any = |verdict| has_any(report, verdict);
    match (any(Verdict::Regressed), any(Verdict::Improved)) {
        _ if report.comparisons.is_empty() => "nothing_measured",
        (false, false) if report.summary.counts.failed > 0 => "failed",
        (true, true) => "mixed",
        (true, false) => "regressed",
        (false, true) => "improved",
        _ if any(Verdict::Inconclusive) => "inconclusive",
        _ => "unchanged",
    }
}

/// Returns the warning that explains missing numbers, or numbers that do not count.
fn ending_of(report: &Report) -> Option<&Warning> {
    let ended = [
        WarningCode::NothingMeasured,
        WarningCode::StoppedEarly,
        WarningCode::GuardFailed,
    ];
    report
        .warnings
        .iter()
        .find(|warning| ended.contains(&warning.code))
}

fn reason_of(warning: &Warning) -> String {
    main_line(&warning.message).to_owned()
}

fn row_of(row: &Comparison) -> Row {
    Row {
        benchmark: row.benchmark.clone(),
        verdict: row.verdict,
        change: change(&row.estimate),
    }
}

fn change(estimate: &Estimate) -> Change {
    Change {
        speedup: estimate.speedup(),
        interval: estimate.speedup_interval(),
    }
}

fn code(code: WarningCode) -> String {
    match serde_json::to_value(code) {
        Ok(Value::String(code)) => code,
        _ => String::new(),
    }
}

/// Shortens texts, then leaves out what matters least, until it fits.
fn fitting(mut brief: BriefReport) -> serde_json::Result<String> {
    for length in [usize::MAX, 120, 80, 50, 30] {
        shorten_texts(&mut brief, length);
        let text = written(&brief)?;
        if text.len() <= BRIEF_BYTES {
            return Ok(text);
        }
    }
    for kept in (0..ROWS).rev() {
        brief.worst.truncate(kept.max(1));
        brief.best.truncate(kept);
        let text = written(&brief)?;
        if text.len() <= BRIEF_BYTES {
            return Ok(text);
        }
    }
    // What is left may be of any length, and is in the whole report.
    brief.cut = true;
    brief.warnings = BTreeMap::from([("all".to_owned(), brief.warnings.values().sum())]);
    brief.report = brief.report.filter(|path| path.len() < BRIEF_BYTES / 4);
    let length_of = |step: &NextStep| step.argv.iter().map(|word| word.len() + 3).sum::<usize>();
    brief.next.retain(|step| length_of(step) < BRIEF_BYTES / 5);
    brief.next.truncate(2);
    written(&brief)
}

fn shorten_texts(brief: &mut BriefReport, length: usize) {
    for row in brief.worst.iter_mut().chain(&mut brief.best) {
        row.benchmark = shorten(&row.benchmark, length);
    }
    for text in [&mut brief.reason, &mut brief.hint].into_iter().flatten() {
        *text = cut(text, 3 * length.min(200));
    }
    for name in &mut brief.failed {
        *name = shorten(name, length);
    }
    for step in &mut brief.next {
        step.why = cut(&step.why, length);
    }
}

fn written(brief: &BriefReport) -> serde_json::Result<String> {
    let mut value = serde_json::to_value(brief)?;
    without_samples::shorten(&mut value);
    Ok(value.to_string())
}
