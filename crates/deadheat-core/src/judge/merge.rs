//! One report from the parts of a suite that several machines measured: as if one machine had measured them all, except
//! for the reasons to doubt a row, which are each machine's own.

use std::collections::{BTreeMap, BTreeSet};

use super::breakdown::NOTICEABLE_SHARE;
use super::machine_words;
use super::profile;
use super::stored::judge_again;
use super::summary::{controls, count};
use crate::model::{
    Comparison, Cut, MeasuringMachine, MergedPart, Missing, MissingReason, Part, PerSide, Replicate, Report,
    TargetFunction, WarningCode, kind_among,
};
use checks::{Parts, parts_of_one_whole};

mod checks;
mod doubts;
pub use checks::{PartReport, Refusal};

/// Merges the parts, in any order, into one report. Missing parts make it partial.
///
/// Estimates equal those of the same samples in one report, to the last digit; verdicts are corrected for the suite.
pub fn merge(reports: Vec<PartReport>, tool_version: &str) -> Result<Report, Refusal> {
    judge(put_together(&parts_of_one_whole(reports, tool_version)?))
}

/// Whether a merged report says that nothing could be measured, rather than that there was nothing to measure.
pub fn is_nothing_measured(report: &Report) -> bool {
    let lacks = |row: &Missing| matches!(row.reason, MissingReason::Failed | MissingReason::Unfinished);
    report.comparisons.is_empty()
        && (report.missing.iter().any(lacks)
            || report
                .warnings
                .iter()
                .any(|warning| warning.code == WarningCode::NothingMeasured))
}

fn put_together(
    Parts {
        reports: parts,
        suite,
        numbers,
    }: &Parts,
) -> Report {
    let of = parts[0].0.of;
    let cut = Cut::new(of, suite, numbers);
    let positions: BTreeMap<&str, usize> = suite
        .iter()
        .enumerate()
        .map(|(position, id)| (id.as_str(), position))
        .collect();
    let position = |benchmark: &str| positions.get(benchmark).copied().unwrap_or(usize::MAX);
    let reports = || parts.iter().map(|(_, report)| report);

    let mut merged = parts[0].1.clone();
    merged.parts = parts
        .iter()
        .map(|(part, report)| merged_part(*part, report))
        .collect();
    merged.selection = doubts::selection(parts);
    merged.warnings = doubts::warnings(parts);
    for target in &mut merged.target_functions {
        target.reached_by = reached_by(target, parts);
        target.reached_by.sort_by_key(|benchmark| position(benchmark));
    }
    merged
        .warnings
        .extend(doubts::functions_not_reached(&merged, parts));

    merged.machines = Vec::new();
    merged.comparisons = Vec::new();
    for (part, report) in parts {
        let places = add_machines(&mut merged.machines, &report.machines);
        merged.comparisons.extend(rows_of(*part, report, &places));
    }
    merged.comparisons.sort_by_key(|row| position(&row.benchmark));
    merged.resources = reports()
        .flat_map(|report| report.resources.iter().cloned())
        .collect();
    merged.resources.sort_by_key(|row| position(&row.benchmark));
    merged.missing = Vec::new();
    for row in reports().flat_map(|report| &report.missing) {
        // Parts that could measure nothing all report the same.
        if !merged.missing.contains(row) {
            merged.missing.push(row.clone());
        }
    }
    let present: BTreeSet<u32> = parts.iter().map(|(part, _)| part.number).collect();
    let absent: Vec<u32> = (1..=of).filter(|number| !present.contains(number)).collect();
    let unfinished = unfinished(&merged, suite, of, &cut, &present);
    merged.partial = reports().any(|report| report.partial) || !absent.is_empty() || !unfinished.is_empty();
    merged.missing.extend(unfinished);
    merged.missing.sort_by_key(|row| position(&row.benchmark));
    merged
        .warnings
        .extend(doubts::missing_parts(&absent, of, suite, &cut));

    merged.settings.part = None;
    merged.settings.balance = None;
    merged.settings.budget_seconds = None;
    merged.suite = Vec::new();
    merged.suite_parts = Vec::new();
    merged
}

/// Adds the machines of a part, with the numbers of their kinds among all, and returns their new places. A machine that
/// measured several parts is one, unless it is an outlier in one of them.
fn add_machines(all: &mut Vec<MeasuringMachine>, machines: &[MeasuringMachine]) -> Vec<u32> {
    let place = |machine: &MeasuringMachine| {
        let is_same = |other: &MeasuringMachine| {
            (&other.name, &other.machine, &other.python) == (&machine.name, &machine.machine, &machine.python)
                && other.outlier.is_none()
                && machine.outlier.is_none()
        };
        let place = all.iter().position(is_same).unwrap_or(all.len());
        match all.get_mut(place) {
            Some(same) => same.replicates += machine.replicates,
            None => all.push(MeasuringMachine {
                kind: kind_among(all, &machine.machine, &machine.python),
                ..machine.clone()
            }),
        }
        place as u32
    };
    machines.iter().map(place).collect()
}

/// Returns the comparisons of a part, each with its number; `places` has the new places of its machines.
fn rows_of(part: Part, report: &Report, places: &[u32]) -> impl Iterator<Item = Comparison> {
    let moved = |replicates: &mut Vec<Replicate>| {
        for replicate in replicates {
            replicate.machine = replicate
                .machine
                .and_then(|machine| places.get(machine as usize).copied());
        }
    };
    report.comparisons.iter().map(move |row| {
        let mut row = row.clone();
        row.part = Some(part.number);
        moved(&mut row.replicates);
        moved(&mut row.set_aside);
        if let Some(confirmation) = &mut row.confirmation {
            moved(&mut confirmation.replicates);
        }
        row
    })
}

/// Returns the benchmarks that run a function in any part.
fn reached_by(target: &TargetFunction, parts: &[(Part, Report)]) -> Vec<String> {
    let others = parts.iter().flat_map(|(_, report)| &report.target_functions);
    let same = others.filter(|other| {
        (&other.path, &other.qualname, &other.places) == (&target.path, &target.qualname, &target.places)
    });
    let reached: BTreeSet<&String> = same.flat_map(|other| &other.reached_by).collect();
    reached.into_iter().cloned().collect()
}

/// Returns rows for the benchmarks of the suite that no part says anything about; `present` has the parts that are
/// there, of `of`.
fn unfinished(
    merged: &Report,
    suite: &[String],
    of: u32,
    cut: &Cut<'_>,
    present: &BTreeSet<u32>,
) -> Vec<Missing> {
    let measured = merged.comparisons.iter().map(|row| &row.benchmark);
    let known: BTreeSet<&String> = measured
        .chain(merged.missing.iter().map(|row| &row.benchmark))
        .collect();
    suite
        .iter()
        .filter(|benchmark| !known.contains(benchmark))
        .map(|benchmark| {
            let number = cut.number(benchmark);
            let why = match present.contains(&number) {
                true => "ended before it was measured",
                false => "is not among the merged reports",
            };
            Missing {
                benchmark: benchmark.clone(),
                side: None,
                reason: MissingReason::Unfinished,
                message: format!("part {number}/{of} {why}"),
            }
        })
        .collect()
}

fn merged_part(part: Part, report: &Report) -> MergedPart {
    MergedPart {
        part,
        benchmarks: report.comparisons.len(),
        partial: report.partial,
        machine: report.machine.clone(),
        python: report.python.clone(),
    }
}

/// Computes the verdicts and sums of the report's rows, with the functions of a live run.
fn judge(report: Report) -> Result<Report, Refusal> {
    let mut report = judge_again(report, None).map_err(|unsound| Refusal {
        message: format!("the parts cannot be judged together: {unsound}"),
        hint: "measure that part again",
    })?;
    report.warnings.extend(machine_words::warnings_of_rows(
        &report.machines,
        &report.comparisons,
    ));
    let rows = &report.comparisons;
    let summary = &mut report.summary;
    summary.counts = count(rows, &report.missing);
    summary.controls = controls(rows);
    let lengths = |row: &Comparison| {
        let base = row.base.median_ns;
        PerSide::new(base, base * row.estimate.point_estimate)
    };
    let explained = || rows.iter().filter(|row| row.unexplained_ns.is_some());
    let functions: Vec<_> = explained()
        .map(|row| (row.functions.as_slice(), lengths(row)))
        .collect();
    summary.functions = profile::combine(&functions);
    summary.unexplained_ns = explained()
        .filter_map(|row| row.unexplained_ns)
        .reduce(|sum, unexplained| sum + unexplained);
    let surveyed: Vec<_> = rows
        .iter()
        .filter_map(|row| Some((row.profile.as_deref()?, lengths(row))))
        .collect();
    let has_survey = !surveyed.is_empty();
    summary.profile = has_survey.then(|| profile::weighty(profile::combine(&surveyed), NOTICEABLE_SHARE));
    Ok(report)
}

#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
