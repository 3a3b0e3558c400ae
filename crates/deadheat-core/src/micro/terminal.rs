//! A pre-screen rendered for people: a few lines, the decision last.

use super::report::{Form, MicroReport};
use crate::model::{Estimate, ResourceComparison, Side, WarningCode};
use crate::text::{Digits, bytes, change_percent, duration, plain, short_commit, signed_percent, speedup};

pub fn render(report: &MicroReport) -> String {
    let mut lines = vec![plain(&report.target)];
    for side in Side::BOTH {
        let variants = report.variants();
        let variant = variants.get(side);
        let time = variant.median_ns.map_or_else(|| "-".to_owned(), duration);
        let commit = match (side, report.form, &report.base_commit) {
            (Side::Base, Form::Function, Some(commit)) => format!(" ({})", short_commit(commit)),
            _ => String::new(),
        };
        lines.push(format!("{side}  {time:>8}  {}{commit}", plain(&variant.name)));
    }
    if let (Some(estimate), Some(verdict)) = (&report.estimate, report.verdict) {
        let reason = report
            .reason
            .map_or(String::new(), |reason| format!(" ({reason})"));
        let speedup = speedup(estimate.point_estimate);
        lines.push(format!(
            "time    {}  {speedup}  {verdict}{reason}",
            change(estimate)
        ));
    }
    if let Some(memory) = &report.memory {
        lines.push(memory_line(memory));
    }
    if let Some(python) = &report.python {
        let replicates = report.replicates.len();
        let core = match report.pinned_core {
            Some(core) => format!("on core {core}"),
            None => "not pinned".to_owned(),
        };
        lines.push(format!(
            "        {} {}, {replicates} process pair{}, {core}, {:.1} s",
            plain(&python.implementation),
            plain(&python.version),
            if replicates == 1 { "" } else { "s" },
            report.seconds
        ));
    }
    if report.form == Form::Function {
        lines.push("        everything but this module is the working tree's on both sides".to_owned());
    }
    if let Some(difference) = &report.output_difference {
        let at = match difference.place.as_str() {
            "" => String::new(),
            place => format!("at {}, ", plain(place)),
        };
        lines.push(format!(
            "DIFFERENT RESULTS: {at}{} returns {} and {} returns {}",
            plain(&report.base.name),
            plain(&difference.base),
            plain(&report.head.name),
            plain(&difference.head)
        ));
    }
    let is_warned_of = |code| report.warnings.iter().any(|warning| warning.code == code);
    if let Some(reason) = &report.output_reason
        && !is_warned_of(WarningCode::OutputNotConsumed)
    {
        lines.push(format!("the results are not compared: {}", plain(reason)));
    }
    // Different results are reported above, and the reason for missing numbers below.
    let is_said = |code| matches!(code, WarningCode::OutputDiffers | WarningCode::NothingMeasured);
    for warning in report.warnings.iter().filter(|warning| !is_said(warning.code)) {
        for (index, line) in warning.message.lines().enumerate() {
            lines.push(format!("{} {}", if index == 0 { "!" } else { " " }, plain(line)));
        }
        if let Some(hint) = &warning.hint {
            lines.push(format!("  {}", plain(hint)));
        }
    }
    lines.push(format!("{}: {}", report.decision, plain(&report.decision_reason)));
    let mut text = lines.join("\n");
    text.push('\n');
    text
}

fn change(estimate: &Estimate) -> String {
    let interval = estimate.confidence_interval;
    format!(
        "{} ({} to {})",
        change_percent(estimate.point_estimate),
        signed_percent(interval.lower_bound),
        signed_percent(interval.upper_bound)
    )
}

fn memory_line(memory: &ResourceComparison) -> String {
    format!(
        "memory  {}  {}  {} to {} at the peak",
        change(&memory.estimate),
        memory.verdict,
        bytes(memory.median.base, Digits::OneDecimal),
        bytes(memory.median.head, Digits::OneDecimal)
    )
}
