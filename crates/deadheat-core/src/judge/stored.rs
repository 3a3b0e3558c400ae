//! Judges a stored report again from its replicates, by the functions of a live run. With the threshold that it was
//! measured with, every number stays the same, to the last digit; with another one, the verdicts follow.
//!
//! Everything that replicates do not hold stays as stored: the breakdown by function, the outputs, the warnings.

use super::resource::{self, MeasuredResource};
use super::sequential::Sampling;
use super::stats::{self, FEWEST_REPLICATES};
use super::summary::{controls, count, noise};
use super::thresholds::Thresholds;
use super::verdicts::{MeasuredBenchmark, confirm, judge_alone_by_interval, judge_on_machines};
use crate::model::{
    Comparison, Confirmation, Noise, Replicate, Report, ResourceComparison, ToSettle, Verdict,
};

/// The largest number of looks, far more than any run takes.
const MOST_LOOKS: u32 = 40;

/// The reason why a report cannot be judged: it holds values that no run writes.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unsound {
    #[error("its threshold is not a number above 0")]
    Threshold,
    #[error("a commit in it is not a hash")]
    Commit,
    #[error("some samples of {benchmark} are missing")]
    Samples { benchmark: String },
}

/// Judges a report again; `threshold_percent` replaces the one that it was measured with.
pub fn judge_again(mut report: Report, threshold_percent: Option<f64>) -> Result<Report, Unsound> {
    let settings = &mut report.settings;
    let was_percent = settings.threshold_percent;
    settings.threshold_percent = threshold_percent.unwrap_or(was_percent);
    let is_other = threshold_percent.is_some();
    if is_other {
        // As on the command line: it holds for every benchmark.
        settings.thresholds.clear();
    }
    check(&report)?;
    let settings = &report.settings;
    let (sampling, thresholds) = (settings.sampling(), settings.thresholds());

    let stored = std::mem::take(&mut report.comparisons);
    let measured = stored.iter().map(measured).collect();
    let kinds: Vec<u32> = report.machines.iter().map(|machine| machine.kind).collect();
    let (mut comparisons, total, geometric_mean) = judge_on_machines(measured, sampling, &thresholds, &kinds);
    for (row, stored) in comparisons.iter_mut().zip(stored) {
        if stored.replicate_seconds.is_none() {
            row.to_settle = row
                .to_settle
                .map(|needed| seconds_as_stored(needed, stored.to_settle));
            // Nothing may be inconclusive with this threshold, and something again with the next one.
            row.replicate_seconds = stored.to_settle.filter(|_| is_other).and_then(seconds_of_one);
        }
        if let Some(confirmation) = stored.confirmation {
            confirm_again(row, confirmation);
        }
        row.part = stored.part;
        row.functions = stored.functions;
        row.unexplained_ns = stored.unexplained_ns;
        row.profile = stored.profile;
    }
    report.comparisons = comparisons;

    report.resources = judge_resources(&report, sampling, &thresholds);
    let summary = &mut report.summary;
    // A run without a measurement may have ended before anything was counted.
    if !report.comparisons.is_empty() {
        summary.counts = count(&report.comparisons, &report.missing);
    }
    summary.controls = controls(&report.comparisons);
    summary.geometric_mean = geometric_mean;
    // A command that reports its own total may report something other than the sum of its rows, and the replicates of
    // that total are not stored.
    summary.total = match summary.total.take() {
        _ if report.settings.script_output.is_none() => total,
        Some(stored) if is_other => Some(judge_alone_by_interval(&stored, thresholds.general())),
        stored => stored,
    };
    if let Some(rows) = &report.noise {
        let replicates = rows.first().map_or(0, |row: &Noise| row.replicates);
        report.noise = Some(noise(&report.comparisons, replicates, &thresholds));
    }
    Ok(report)
}

/// Checks that everything in the report can have been measured.
pub(crate) fn check(report: &Report) -> Result<(), Unsound> {
    let thresholds = report.settings.thresholds.values();
    let mut thresholds = thresholds.chain([&report.settings.threshold_percent]);
    if !thresholds.all(|percent| percent.is_finite() && *percent > 0.0) {
        return Err(Unsound::Threshold);
    }
    let revisions = [&report.revisions.base, &report.revisions.head];
    let is_hash = |commit: &str| commit.chars().all(|character| character.is_ascii_alphanumeric());
    if !revisions.into_iter().all(|revision| is_hash(&revision.commit)) {
        return Err(Unsound::Commit);
    }
    let is_sampled = |replicates: &[Replicate]| {
        let is_measured = |replicate: &Replicate| {
            let mut samples = replicate.rounds.iter().flat_map(|round| [round.base, round.head]);
            let mut machine = replicate.machine.iter();
            machine.all(|&machine| (machine as usize) < report.machines.len())
                && !replicate.rounds.is_empty()
                && samples.all(|sample| sample.iterations > 0)
        };
        replicates.len() >= FEWEST_REPLICATES && replicates.iter().all(is_measured)
    };
    let times = report.comparisons.iter().map(|row| {
        let confirmation = row.confirmation.as_ref();
        let is_sound = is_sampled(&row.replicates)
            && confirmation.is_none_or(|confirmation| is_sampled(&confirmation.replicates));
        (&row.benchmark, row.looks, is_sound)
    });
    let amounts = report.resources.iter().map(|row| {
        let mut amounts = row.replicates.iter();
        let is_sound = row.replicates.len() >= FEWEST_REPLICATES
            && amounts.all(|sides| sides.base.is_finite() && sides.head.is_finite());
        (&row.benchmark, row.looks, is_sound)
    });
    let mut unsound = times
        .chain(amounts)
        .filter(|(_, looks, is_sound)| !is_sound || !(1..=MOST_LOOKS).contains(looks));
    match unsound.next() {
        None => Ok(()),
        Some((benchmark, ..)) => Err(Unsound::Samples {
            benchmark: benchmark.clone(),
        }),
    }
}

fn measured(row: &Comparison) -> MeasuredBenchmark {
    MeasuredBenchmark {
        benchmark: row.benchmark.clone(),
        replicates: row.replicates.clone(),
        set_aside: row.set_aside.clone(),
        looks: row.looks,
        // Older reports have it only as a part of `to_settle`.
        replicate_seconds: row.replicate_seconds.unwrap_or(0.0),
        output: (row.output, row.output_difference.clone()),
        is_control: row.is_control,
        set_up_each_call: row.set_up_each_call,
        several_cores: row.several_cores,
        first_call_ns: row.first_call_ns,
        warnings: row.warnings.clone(),
    }
}

/// Sets the time of the needed replicates from the time that the run itself expected for its replicates.
fn seconds_as_stored(needed: ToSettle, stored: Option<ToSettle>) -> ToSettle {
    match stored {
        Some(stored) if stored.replicates == needed.replicates => stored,
        Some(stored) => ToSettle {
            seconds: seconds_of_one(stored).unwrap_or(0.0) * needed.replicates as f64,
            ..needed
        },
        None => needed,
    }
}

fn seconds_of_one(stored: ToSettle) -> Option<f64> {
    let is_known = stored.replicates > 0 && stored.seconds > 0.0;
    is_known.then(|| stored.seconds / stored.replicates as f64)
}

/// Confirms a regression again; if another threshold has changed the verdict, fresh replicates leave that
/// alone.
fn confirm_again(row: &mut Comparison, confirmation: Confirmation) {
    let (verdict, reason, to_settle) = (row.verdict, row.reason, row.to_settle);
    confirm(row, confirmation.replicates);
    if verdict != Verdict::Regressed {
        (row.verdict, row.reason, row.to_settle) = (verdict, reason, to_settle);
    }
}

fn judge_resources(report: &Report, sampling: Sampling, thresholds: &Thresholds) -> Vec<ResourceComparison> {
    let rows = report.resources.iter().map(|row| MeasuredResource {
        benchmark: row.benchmark.clone(),
        resource: row.resource,
        replicates: row.replicates.clone(),
        looks: row.looks,
    });
    // A command's resources have the looks of its times; those of benchmarks have one look, in separate
    // passes.
    let sampling = match report.settings.script {
        Some(_) => sampling,
        None => Sampling::Exactly(stats::FEWEST_REPLICATES),
    };
    resource::judge(rows.collect(), sampling, thresholds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_for_more_replicates_is_as_the_run_knew_it() {
        let of = |replicates, seconds| ToSettle { replicates, seconds };
        let lacking = of(10, 0.0);
        assert_eq!(seconds_as_stored(lacking, None), lacking);
        assert_eq!(seconds_as_stored(lacking, Some(of(10, 7.1))), of(10, 7.1));
        assert_eq!(seconds_as_stored(lacking, Some(of(20, 7.0))), of(10, 3.5));
    }
}
