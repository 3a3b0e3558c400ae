//! Confirms a regression that would fail a gate, with fresh replicates that took no part in the verdict.

use std::collections::BTreeMap;
use std::time::Instant;

use deadheat_core::judge;
use deadheat_core::judge::sequential::Sampling;
use deadheat_core::judge::thresholds::Thresholds;
use deadheat_core::model::{Comparison, Gate, Warning, WarningCode};

use crate::error::ExitCode;
use crate::events::Events;
use crate::passes::measure::{Goal, Measured, Stopping};

/// The benchmarks to be measured again.
pub(crate) struct Remeasure {
    pub(crate) benchmarks: Vec<String>,
    pub(crate) stopping: Stopping,
    /// The number of replicates that decided the first time.
    pub(crate) replicates: usize,
    /// A seed that gives other hash seeds than before.
    pub(crate) seed: u64,
}

/// The mask that turns a seed into another one.
const ANOTHER_SEED: u64 = 0x636f_6e66_6972_6d21;

/// The rules of the comparison whose verdicts are confirmed.
pub(crate) struct Rules<'a> {
    pub(crate) fail_on: &'a [Gate],
    pub(crate) thresholds: Thresholds,
    /// The seed of the first measurement.
    pub(crate) seed: u64,
}

/// Whether this row would end the run with 1 and has not been measured again. A row that an earlier run has
/// confirmed, with these very replicates, is not measured again.
fn is_to_be_confirmed(row: &Comparison, gates: &[Gate]) -> bool {
    let fails = |gate: &Gate| matches!(gate, Gate::Regression { .. }) && gate.is_failed_by(row);
    row.confirmation.is_none() && gates.iter().any(fails)
}

/// Measures again the rows that would fail a gate, in as many replicates as decided the first time. Only a
/// measurement that does not confirm the regression takes a verdict back: one that could not be made leaves
/// it as it is.
pub(crate) fn confirm(
    comparisons: &mut [Comparison],
    rules: &Rules<'_>,
    events: &dyn Events,
    measure: &mut dyn FnMut(&Remeasure) -> anyhow::Result<Measured>,
) -> anyhow::Result<ExitCode> {
    let mut rows: Vec<&mut Comparison> = comparisons
        .iter_mut()
        .filter(|row| is_to_be_confirmed(row, rules.fail_on))
        .collect();
    let Some(count) = rows.iter().map(|row| row.replicates.len()).max() else {
        return Ok(ExitCode::Done);
    };
    let benchmarks: Vec<String> = rows.iter().map(|row| row.benchmark.clone()).collect();
    events.step("measuring the regressions again");
    let again = Remeasure {
        benchmarks,
        stopping: Stopping {
            call_times: BTreeMap::new(),
            sampling: Sampling::Exactly(count),
            goal: Goal::Verdict,
            thresholds: rules.thresholds.clone(),
            budget_ends: Instant::now(),
        },
        replicates: count,
        seed: rules.seed ^ ANOTHER_SEED,
    };
    let mut again = measure(&again)?;
    for row in &mut rows {
        if let Some((message, hint)) = confirm_row(row, &mut again, count) {
            let warning = Warning::new(WarningCode::NotConfirmed, message, Some(hint));
            events.warn(warning.of(&row.benchmark));
        }
    }
    let Some(by) = again.stopped else {
        return Ok(ExitCode::Done);
    };
    events.doubt(
        WarningCode::StoppedEarly,
        &format!("stopped {by} while the regressions were being measured again"),
        None,
    );
    Ok(ExitCode::StoppedEarly)
}

/// Judges one row by its fresh replicates; returns a message and a hint if they do not confirm its verdict.
fn confirm_row(row: &mut Comparison, again: &mut Measured, count: usize) -> Option<(String, &'static str)> {
    let fresh = again.benchmarks.remove(&row.benchmark).unwrap_or_default();
    let mut failures = again.failures.iter();
    if let Some(failure) = failures.find(|failure| failure.benchmark == row.benchmark) {
        let why = failure.main_line();
        return Some((
            format!("it became slower, but could not be measured again: {why}"),
            "the verdict stands, unconfirmed: fix the benchmark and run it again",
        ));
    }
    if again.stopped.is_some() && fresh.replicates.len() < count {
        return Some((
            "it became slower, but there was no time to measure it again".to_owned(),
            "the verdict stands, unconfirmed: give the run more time with --timeout",
        ));
    }
    match judge::confirm(row, fresh.replicates) {
        Some(true) => None,
        Some(false) => Some((
            "it looked slower, which fresh replicates did not confirm".to_owned(),
            "something disturbed one of the two measurements: run it again",
        )),
        None => Some((
            "it became slower, but could not be measured again".to_owned(),
            "the verdict stands, unconfirmed: run it again",
        )),
    }
}
