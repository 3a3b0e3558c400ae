//! A pre-screen rendered for people: a few lines, the decision last.

use super::race::MicroRace;
use super::report::{Form, MicroReport};
use crate::model::{Python, ResourceComparison, Side, Warning, WarningCode};
use crate::race;
use crate::text::{Digits, bytes, change, counted, duration, plain, short_commit, speedup};

pub fn render(report: &MicroReport) -> String {
    let mut lines = vec![plain(&report.target)];
    lines.extend(Side::BOTH.map(|side| variant(report, side)));
    lines.extend(time(report));
    lines.extend(report.memory.as_ref().map(memory));
    lines.extend(conditions(report));
    lines.extend(results(report));
    // Different results are reported above, and the reason for missing numbers below.
    let is_said = |code| matches!(code, WarningCode::OutputDiffers | WarningCode::NothingMeasured);
    let warnings = report.warnings.iter();
    lines.extend(warnings.filter(|warning| !is_said(warning.code)).flat_map(warned));
    lines.push(format!("{}: {}", report.decision, plain(&report.decision_reason)));
    lines.join("\n") + "\n"
}

/// Renders a race: a line for each variant, the answer last.
pub fn render_race(race: &MicroRace) -> String {
    let reference = race.raced.first().map_or("", String::as_str);
    let mut lines = race::lines(&race.candidates, reference);
    let how = race.python.as_ref();
    lines.extend(how.map(|python| how_measured(python, race.pinned_core, race.pairs, race.seconds)));
    lines.extend(race.warnings.iter().flat_map(warned));
    lines.push(race.answer.sentence.clone());
    lines.join("\n") + "\n"
}

fn how_measured(python: &Python, pinned_core: Option<usize>, pairs: usize, seconds: f64) -> String {
    let core = match pinned_core {
        Some(core) => format!("on core {core}"),
        None => "not pinned".to_owned(),
    };
    format!(
        "        {} {}, {}, {core}, {seconds:.1} s",
        plain(&python.implementation),
        plain(&python.version),
        counted(pairs, "process pair"),
    )
}

fn variant(report: &MicroReport, side: Side) -> String {
    let variants = report.variants();
    let variant = variants.get(side);
    let time = variant.median_ns.map_or_else(|| "-".to_owned(), duration);
    let commit = match (side, report.form, &report.base_commit) {
        (Side::Base, Form::Function, Some(commit)) => format!(" ({})", short_commit(commit)),
        _ => String::new(),
    };
    format!("{side}  {time:>8}  {}{commit}", plain(&variant.name))
}

fn time(report: &MicroReport) -> Option<String> {
    let (estimate, verdict) = (report.estimate.as_ref()?, report.verdict?);
    let reason = report
        .reason
        .map_or(String::new(), |reason| format!(" ({reason})"));
    let speedup = speedup(estimate.point_estimate);
    Some(format!(
        "time    {}  {speedup}  {verdict}{reason}",
        change(estimate)
    ))
}

fn memory(memory: &ResourceComparison) -> String {
    format!(
        "memory  {}  {}  {} to {} at the peak",
        change(&memory.estimate),
        memory.verdict,
        bytes(memory.median.base, Digits::OneDecimal),
        bytes(memory.median.head, Digits::OneDecimal)
    )
}

/// Renders how it was measured.
fn conditions(report: &MicroReport) -> Vec<String> {
    let pairs = report.replicates.len();
    let how = report.python.as_ref();
    let how = how.map(|python| how_measured(python, report.pinned_core, pairs, report.seconds));
    let around = (report.form == Form::Function).then(|| {
        "        everything except this module comes from the working tree on both sides".to_owned()
    });
    how.into_iter().chain(around).collect()
}

/// Renders a difference of the results, or why they are not compared.
fn results(report: &MicroReport) -> Vec<String> {
    let different = report.output_difference.as_ref().map(|difference| {
        let at = match difference.place.as_str() {
            "" => String::new(),
            place => format!("at {}, ", plain(place)),
        };
        format!(
            "DIFFERENT RESULTS: {at}{} returns {} and {} returns {}",
            plain(&report.base.name),
            plain(&difference.base),
            plain(&report.head.name),
            plain(&difference.head)
        )
    });
    let is_warned_of = |code| report.warnings.iter().any(|warning| warning.code == code);
    let reason = report.output_reason.as_ref();
    let reason = reason.filter(|_| !is_warned_of(WarningCode::OutputNotConsumed));
    let not_compared = reason.map(|reason| format!("the results are not compared: {}", plain(reason)));
    different.into_iter().chain(not_compared).collect()
}

fn warned(warning: &Warning) -> Vec<String> {
    let marks = std::iter::once("!").chain(std::iter::repeat(" "));
    let message = marks.zip(warning.message.lines());
    let message = message.map(|(mark, line)| format!("{mark} {}", plain(line)));
    let hint = warning.hint.as_ref().map(|hint| format!("  {}", plain(hint)));
    message.chain(hint).collect()
}
