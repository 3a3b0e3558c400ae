//! The selection of benchmarks in a merged report, and its warnings.

use crate::model::{Cut, Part, Report, Selection, SelectionRule, Warning, WarningCode};
use crate::text::counted;

/// The largest number of names in a warning.
const MOST_NAMES: usize = 5;

fn says(report: &Report, code: WarningCode) -> bool {
    report.warnings.iter().any(|warning| warning.code == code)
}

/// Returns the reports of the parts that had something to measure.
fn busy(parts: &[(Part, Report)]) -> Vec<&Report> {
    let reports = parts.iter().map(|(_, report)| report);
    reports
        .filter(|report| !says(report, WarningCode::EmptyPart))
        .collect()
}

pub(super) fn selection(parts: &[(Part, Report)]) -> Selection {
    let busy = busy(parts);
    let selections = || busy.iter().map(|report| &report.selection);
    let Some(first) = selections().next() else {
        return parts[0].1.selection.clone();
    };
    if selections().all(|selection| selection == first) {
        return first.clone();
    }
    let all = selections().find(|selection| selection.rule == SelectionRule::All);
    all.cloned().unwrap_or(Selection {
        rule: SelectionRule::Reached,
        reason: "the benchmarks that may run the change, by part".to_owned(),
    })
}

/// Collects the parts' warnings, with the part's number if not all parts report the same.
pub(super) fn warnings(parts: &[(Part, Report)]) -> Vec<Warning> {
    let busy = busy(parts);
    let mut said: Vec<(&Warning, Vec<String>)> = Vec::new();
    for (part, report) in parts {
        for warning in &report.warnings {
            match said.iter_mut().find(|(other, _)| *other == warning) {
                Some((_, by)) => by.push(part.to_string()),
                None => said.push((warning, vec![part.to_string()])),
            }
        }
    }
    let kept = said.into_iter().filter_map(|(warning, by)| {
        let is_of_all = by.len() >= busy.len();
        match warning.code {
            // These are about single parts.
            WarningCode::EmptyPart | WarningCode::FunctionNotReached => None,
            // Decided again, with the correction for all benchmarks.
            WarningCode::MachinesDisagree if warning.benchmark.is_some() => None,
            WarningCode::NoBenchmarkReaches => is_of_all.then(|| Warning {
                message: "no benchmark runs changed code".to_owned(),
                ..warning.clone()
            }),
            _ if is_of_all || warning.benchmark.is_some() => Some(warning.clone()),
            _ => Some(Warning {
                message: format!("part {}: {}", by.join(", "), warning.message),
                ..warning.clone()
            }),
        }
    });
    kept.collect()
}

/// Warns of functions that no benchmark of any part runs, if every part has looked.
pub(super) fn functions_not_reached(merged: &Report, parts: &[(Part, Report)]) -> Option<Warning> {
    if !busy(parts)
        .iter()
        .all(|report| says(report, WarningCode::FunctionNotReached))
    {
        return None;
    }
    let missed: Vec<String> = merged
        .target_functions
        .iter()
        .filter(|target| target.reached_by.is_empty())
        .map(|target| format!("`{}` ({})", target.qualname, target.path))
        .collect();
    (!missed.is_empty()).then(|| {
        Warning::new(
            WarningCode::FunctionNotReached,
            format!("no benchmark was seen to run {}", first_of(&missed)),
            Some("the numbers say nothing about these functions"),
        )
    })
}

/// Warns of the parts that are not there, of `of`; `None` if all are.
pub(super) fn missing_parts(absent: &[u32], of: u32, suite: &[String], cut: &Cut<'_>) -> Option<Warning> {
    let are = match absent.len() {
        0 => return None,
        1 => "is",
        _ => "are",
    };
    let parts = if absent.len() == 1 { "part" } else { "parts" };
    let names: Vec<String> = absent.iter().map(|number| format!("{number}/{of}")).collect();
    let is_absent = |benchmark: &&String| absent.contains(&cut.number(benchmark));
    let lacking = suite.iter().filter(is_absent).count();
    Some(Warning::new(
        WarningCode::MissingParts,
        format!(
            "{parts} {} {are} missing: {lacking} of {} are not in this report",
            first_of(&names),
            counted(suite.len(), "benchmark")
        ),
        Some(
            "the verdicts are corrected for the benchmarks that are here; merge again when all parts are there",
        ),
    ))
}

/// Lists the first names, and counts the others.
fn first_of(names: &[String]) -> String {
    let named = names[..names.len().min(MOST_NAMES)].join(", ");
    match names.len().saturating_sub(MOST_NAMES) {
        0 => named,
        more => format!("{named}, and {more} more"),
    }
}

#[cfg(test)]
mod tests;
