//! A regression that would fail a gate is measured again: fresh replicates that took no part in the verdict.

use std::collections::BTreeMap;
use std::time::Instant;

use deadheat_core::model::{Comparison, Warning, WarningCode};
use deadheat_core::report::{self, Gate, Report};
use deadheat_core::sequential::Sampling;

use crate::draft::Draft;
use crate::failure::Exit;
use crate::measure::{self, Stopping};
use crate::progress::Progress;
use crate::stage::Stage;
use crate::walk::Schedule;

/// Makes another seed of a seed.
const ANOTHER_SEED: u64 = 0x636f_6e66_6972_6d21;

/// The benchmarks that fail a gate.
pub(crate) fn failing(report: &Report, gate: Gate) -> Vec<String> {
    let fails = |row: &&Comparison| gate.is_failed_by(row);
    let rows = report.comparisons.iter().filter(fails);
    rows.map(|row| row.benchmark.clone()).collect()
}

/// What each gate says that does not hold, a line each.
pub(crate) fn failed_gates(report: &Report) -> Vec<String> {
    let gates = report.settings.fail_on.iter().map(|&gate| {
        let (name, what) = match gate {
            Gate::Regression { .. } => ("regression", "slower"),
            Gate::OutputChange => ("output-change", "other output"),
        };
        (name, what, failing(report, gate))
    });
    gates
        .filter(|(_, _, benchmarks)| !benchmarks.is_empty())
        .map(|(name, what, benchmarks)| format!("--fail-on {name}: {what}: {}", benchmarks.join(", ")))
        .collect()
}

/// Measures again what would fail a gate, in as many replicates as decided the first time. A verdict is taken back only
/// by a measurement that does not show it: one that could not be made leaves it as it is.
pub(crate) fn confirm(
    draft: &mut Draft,
    stage: &mut Stage,
    schedule: Schedule,
    progress: &mut Progress,
) -> anyhow::Result<Exit> {
    let report = &mut draft.report;
    let gates = report.settings.fail_on.iter();
    let mut failing: Vec<String> = gates
        .filter(|gate| matches!(gate, Gate::Regression { .. }))
        .flat_map(|&gate| failing(report, gate))
        .collect();
    failing.sort();
    failing.dedup();
    let of = |report: &Report, benchmark: &String| {
        let mut rows = report.comparisons.iter();
        rows.position(|row| row.benchmark == *benchmark)
    };
    // What an earlier run has confirmed, with these very replicates, is not drawn once more.
    failing.retain(|benchmark| {
        of(report, benchmark).is_some_and(|row| report.comparisons[row].confirmation.is_none())
    });
    let rows = report.comparisons.iter();
    let counts = rows
        .filter(|row| failing.contains(&row.benchmark))
        .map(|row| row.replicates.len());
    let Some(count) = counts.max() else {
        return Ok(Exit::Done);
    };
    progress.step("measuring again what became slower");
    let stopping = Stopping {
        sampling: Sampling::Exactly(count),
        threshold: report.settings.threshold(),
        budget_ends: Instant::now(),
    };
    let schedule = Schedule {
        replicates: Some(count),
        // Other processes with other hash seeds than before.
        seed: report.seed ^ ANOTHER_SEED,
        earlier: count,
        ..schedule
    };
    let mut again = measure::measure(
        &schedule,
        stopping,
        BTreeMap::new(),
        &stage.briefing,
        &failing,
        &mut stage.launcher,
        &mut |event| progress.passing("measuring again", event),
    )?;
    for benchmark in &failing {
        let Some(row) = of(report, benchmark) else {
            continue;
        };
        let row = &mut report.comparisons[row];
        let fresh = again.benchmarks.remove(benchmark).unwrap_or_default();
        let failed = again
            .setbacks
            .iter()
            .find(|setback| setback.benchmark == *benchmark);
        let is_cut_short = again.stopped.is_some() && fresh.replicates.len() < count;
        let (message, hint) = if let Some(setback) = failed {
            let words = setback.message.lines().last().unwrap_or_default();
            (
                format!("it became slower, and could not be measured again: {words}"),
                "the verdict stands, unconfirmed: mend the benchmark and run it once more",
            )
        } else if is_cut_short {
            (
                "it became slower, and there was no time to measure it again".to_owned(),
                "the verdict stands, unconfirmed: give the run more time with --timeout",
            )
        } else {
            match report::confirm(row, fresh.replicates) {
                Some(true) => continue,
                Some(false) => (
                    "it looked slower, and not again in fresh replicates".to_owned(),
                    "something disturbed one of the two measurements: run it once more",
                ),
                None => (
                    "it became slower, and could not be measured again".to_owned(),
                    "the verdict stands, unconfirmed: run it once more",
                ),
            }
        };
        report.warnings.push(Warning {
            code: WarningCode::NotConfirmed,
            message,
            hint: Some(hint.to_owned()),
            benchmark: Some(benchmark.clone()),
        });
    }
    report.summary.counts = report::count(&report.comparisons, &report.missing);
    let Some(by) = again.stopped else {
        return Ok(Exit::Done);
    };
    report.partial = true;
    draft.warn(
        WarningCode::StoppedEarly,
        &format!("stopped {by} while what became slower was measured again"),
        None,
    );
    Ok(Exit::StoppedEarly)
}
