//! From measurements to verdicts.

use super::machines::{self, Estimates, Settled};
use super::sequential::{self, Sampling};
use super::stats::{self, LogEstimate, Threshold};
use super::thresholds::Thresholds;
use crate::model::{
    Comparison, Confirmation, Judged, OpenReason, PerSide, Replicate, Round, SideTime, ToSettle, Verdict,
    Warning,
};
use crate::output::{Difference, OutputCheck};

/// The measurements of one benchmark.
#[derive(Clone, Debug, Default)]
pub struct MeasuredBenchmark {
    pub benchmark: String,
    pub replicates: Vec<Replicate>,
    /// The replicates of outlier machines.
    pub set_aside: Vec<Replicate>,
    /// The number of looks at the replicates.
    pub looks: u32,
    /// The seconds that one more replicate would take.
    pub replicate_seconds: f64,
    pub output: (OutputCheck, Option<Difference>),
    pub is_control: bool,
    pub set_up_each_call: bool,
    pub several_cores: bool,
    pub first_call_ns: Option<PerSide<f64>>,
    pub warnings: Vec<Warning>,
}

/// A benchmark with the logarithms of its ratios and their estimates.
type Estimated = (MeasuredBenchmark, Vec<f64>, Estimates);

/// Turns measurements into comparisons with verdicts, in the given order of benchmarks.
///
/// A benchmark with fewer than [`stats::FEWEST_REPLICATES`] replicates has no comparison.
pub fn judge(
    measured: Vec<MeasuredBenchmark>,
    sampling: Sampling,
    thresholds: &Thresholds,
) -> (Vec<Comparison>, Option<Judged>, Option<Judged>) {
    judge_on_machines(measured, sampling, thresholds, &[])
}

/// Judges the measurements of several machines; `kinds` has the kind of each.
pub fn judge_on_machines(
    measured: Vec<MeasuredBenchmark>,
    sampling: Sampling,
    thresholds: &Thresholds,
    kinds: &[u32],
) -> (Vec<Comparison>, Option<Judged>, Option<Judged>) {
    let estimated: Vec<Estimated> = measured
        .into_iter()
        .filter_map(|measured| {
            let ratios = machines::log_ratios(&measured.replicates, kinds);
            let estimates = machines::estimates(&ratios, sampling, measured.looks)?;
            let ratios = ratios.into_iter().map(|(_, ratio)| ratio).collect();
            Some((measured, ratios, estimates))
        })
        .collect();
    let settled = machines::settle(estimated.iter().map(|(_, _, estimates)| Some(estimates)));
    let settled: Vec<Settled> = settled.into_iter().flatten().collect();

    let of_benchmarks: Vec<&[Replicate]> = estimated
        .iter()
        .map(|(measured, _, _)| measured.replicates.as_slice())
        .collect();
    // The sums have the replicates that all benchmarks have: those of the one with the fewest looks.
    let looks = estimated
        .iter()
        .map(|(measured, _, _)| measured.looks)
        .min()
        .unwrap_or(1);
    let judge_together = |ratios: Vec<(Option<u32>, f64)>, center: f64| {
        let estimates = machines::estimates(&ratios, sampling, looks)?;
        let agreement = machines::agreements(std::iter::once(&estimates)).pop().flatten();
        let (verdict, reason) = estimates.verdict(agreement, thresholds.general(), true);
        if agreement.is_some_and(|agreement| !agreement.agree) {
            let judged = judge_alone(estimates.judged(agreement), thresholds.general())?;
            return Some(Judged {
                verdict,
                reason,
                ..judged
            });
        }
        judge_alone(
            LogEstimate {
                center,
                ..estimates.together
            },
            thresholds.general(),
        )
    };
    let (total, geometric_mean) = centers(&estimated, &settled);
    let total = judge_together(stats::total_log_ratios_on(&of_benchmarks, kinds), total);
    let geometric_mean = judge_together(
        stats::geometric_log_ratios_on(&of_benchmarks, kinds),
        geometric_mean,
    );

    let comparisons: Vec<Comparison> = estimated
        .into_iter()
        .zip(settled)
        .map(|(row, settled)| judge_row(row, settled, thresholds))
        .collect();
    let base_ns: f64 = comparisons
        .iter()
        .map(|comparison| comparison.base.median_ns)
        .sum();
    let total = total.map(|total| Judged {
        base_ns: Some(base_ns),
        head_ns: Some(base_ns * total.estimate.point_estimate),
        ..total
    });
    (comparisons, total, geometric_mean)
}

/// Returns the logarithms of the total and of the geometric mean. They come from the benchmarks' own estimates, so that
/// they lie between these, although some benchmarks have replicates that others lack.
fn centers(estimated: &[Estimated], settled: &[Settled]) -> (f64, f64) {
    let weights = estimated.iter().zip(settled).map(|((measured, _, _), settled)| {
        let base = side_time(&measured.replicates, |round| round.base.per_iteration_ns());
        (base.median_ns, settled.estimate.center)
    });
    let (mut base, mut head, mut logs) = (0.0, 0.0, 0.0);
    for (weight, center) in weights {
        base += weight;
        head += weight * center.exp();
        logs += center;
    }
    ((head / base).ln(), logs / estimated.len() as f64)
}

/// Returns the comparison of one benchmark.
fn judge_row(
    (measured, ratios, estimates): Estimated,
    settled: Settled,
    thresholds: &Thresholds,
) -> Comparison {
    let Settled {
        estimate,
        agreement,
        survives,
    } = settled;
    let threshold = thresholds.of(&measured.benchmark);
    let (verdict, reason) = estimates.verdict(agreement, threshold, survives);
    let (verdict, reason) = match verdict {
        Verdict::Improved | Verdict::Regressed if measured.is_control => (Verdict::Unexplained, reason),
        Verdict::Unchanged if measured.first_call_ns.is_some() => {
            (Verdict::Inconclusive, Some(OpenReason::FirstCallChanged))
        }
        verdict => (verdict, reason),
    };
    let is_final = matches!(
        reason,
        Some(OpenReason::FirstCallChanged | OpenReason::MachinesDisagree)
    );
    let is_open = verdict == Verdict::Inconclusive && !is_final;
    let more = is_open.then(|| sequential::replicates_to_settle(&ratios, measured.looks, threshold));
    let replicates = measured.replicates;
    let estimate = estimate.to_estimate();
    let base = side_time(&replicates, |round| round.base.per_iteration_ns());
    Comparison {
        threshold_percent: thresholds.own_percent(&measured.benchmark),
        benchmark: measured.benchmark,
        base,
        head: base.times(estimate.point_estimate),
        estimate,
        verdict,
        reason,
        is_control: measured.is_control,
        set_up_each_call: measured.set_up_each_call,
        several_cores: measured.several_cores,
        first_call_ns: measured.first_call_ns,
        looks: measured.looks,
        replicate_seconds: (measured.replicate_seconds > 0.0).then_some(measured.replicate_seconds),
        to_settle: more.flatten().map(|replicates| ToSettle {
            replicates,
            seconds: replicates as f64 * measured.replicate_seconds,
        }),
        output: measured.output.0,
        output_difference: measured.output.1,
        confirmation: None,
        by_kind: estimates.kind_estimates(),
        agreement,
        part: None,
        replicates,
        set_aside: measured.set_aside,
        functions: Vec::new(),
        unexplained_ns: None,
        profile: None,
        warnings: measured.warnings,
    }
}

/// Adds the check of a regression by fresh replicates, and withdraws the verdict if they do not confirm it.
/// Returns whether it was confirmed; `None` if there are too few replicates to tell, and the verdict stays.
pub fn confirm(comparison: &mut Comparison, replicates: Vec<Replicate>) -> Option<bool> {
    let estimate = stats::estimate(&stats::log_ratios(&replicates))?;
    let p_value = estimate.p_of_no_regression();
    let confirmed = p_value <= stats::CONFIRMATION_P;
    if !confirmed {
        comparison.take_back();
    }
    comparison.confirmation = Some(Confirmation {
        estimate: estimate.to_estimate(),
        p_value,
        confirmed,
        replicates,
    });
    Some(confirmed)
}

/// Judges the total that a command reports itself, in place of a sum of its rows.
pub fn judge_total(total: &MeasuredBenchmark, sampling: Sampling, threshold: Threshold) -> Option<Judged> {
    let ratios = stats::log_ratios(&total.replicates);
    let judged = judge_alone(sampling.estimate(&ratios, total.looks)?, threshold)?;
    let base = side_time(&total.replicates, |round| round.base.per_iteration_ns());
    Some(Judged {
        base_ns: Some(base.median_ns),
        head_ns: Some(base.times(judged.estimate.point_estimate).median_ns),
        ..judged
    })
}

/// For a single hypothesis, the correction agrees with the interval.
fn judge_alone(estimate: LogEstimate, threshold: Threshold) -> Option<Judged> {
    let (verdict, reason) = stats::verdict(&estimate, threshold, true);
    Some(Judged {
        estimate: estimate.to_estimate(),
        verdict,
        reason,
        base_ns: None,
        head_ns: None,
    })
}

/// Judges an estimate of which only the interval is known. For a single hypothesis, the correction agrees with the
/// interval.
pub(super) fn judge_alone_by_interval(judged: &Judged, threshold: Threshold) -> Judged {
    let estimate = LogEstimate::from_estimate(&judged.estimate);
    let (verdict, reason) = stats::verdict(&estimate, threshold, true);
    Judged {
        verdict,
        reason,
        ..judged.clone()
    }
}

fn side_time(replicates: &[Replicate], time: impl Fn(&Round) -> f64) -> SideTime {
    let medians = replicates
        .iter()
        .filter_map(|replicate| stats::median(replicate.rounds.iter().map(&time)));
    SideTime {
        median_ns: stats::median(medians).unwrap_or(f64::NAN),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::judge::{controls, controls_moved, count};
    use crate::model::{Clock, Gate, Order, Sample};

    /// Returns replicates in which base takes 1 µs, and head the given nanoseconds, plus one more in each replicate.
    fn five_replicates(head_ns: u64) -> Vec<Replicate> {
        let replicate = |seed| Replicate {
            seed,
            clock: Clock::Wall,
            machine: None,
            rounds: vec![Round {
                order: Order::BaseHead,
                base: Sample {
                    elapsed_ns: 1_000,
                    iterations: 1,
                },
                head: Sample {
                    elapsed_ns: head_ns + u64::from(seed),
                    iterations: 1,
                },
            }],
        };
        (0..5).map(replicate).collect()
    }

    #[test]
    fn a_first_call_that_changed_alone_leaves_a_row_open() {
        let judged = |head_ns, first_call_ns| {
            let measured = MeasuredBenchmark {
                benchmark: "a.py::a".to_owned(),
                replicates: five_replicates(head_ns),
                looks: 1,
                first_call_ns,
                ..MeasuredBenchmark::default()
            };
            let threshold = Threshold::from_percent(2.0);
            let row = judge(vec![measured], Sampling::Exactly(5), &threshold.into())
                .0
                .remove(0);
            (row.verdict, row.reason, row.to_settle)
        };
        let first = Some(PerSide::new(1e6, 5e7));
        assert_eq!(judged(1_000, None), (Verdict::Unchanged, None, None));
        let open = (Verdict::Inconclusive, Some(OpenReason::FirstCallChanged), None);
        assert_eq!(judged(1_000, first), open);
        // The suite is about the later calls, and these changed.
        assert_eq!(judged(800, first), (Verdict::Improved, None, None));
        assert_eq!(judged(1_200, first), (Verdict::Regressed, None, None));
    }

    #[test]
    fn the_total_lies_between_its_benchmarks_whatever_replicates_they_share() {
        let measured = |name: &str, replicates: Vec<Replicate>| MeasuredBenchmark {
            benchmark: name.to_owned(),
            replicates,
            looks: 2,
            ..MeasuredBenchmark::default()
        };
        // They share three seeds, and the processes of one of these were slow on head.
        let mut other = five_replicates(800);
        other[3].seed = 8;
        other[4].seed = 9;
        other[0].rounds[0].head.elapsed_ns = 8_000;
        let rows = vec![measured("a", five_replicates(700)), measured("b", other)];
        let threshold = Threshold::from_percent(2.0);
        let (rows, total, mean) = judge(rows, Sampling::UntilSettled, &threshold.into());
        let ratios = [&rows[0], &rows[1]].map(|row| row.estimate.point_estimate);
        for judged in [total.unwrap(), mean.unwrap()] {
            let ratio = judged.estimate.point_estimate;
            assert!(ratios[0] < ratio && ratio < ratios[1], "{ratio}, {ratios:?}");
        }
    }

    #[test]
    fn a_control_that_moves_is_no_verdict_on_the_change() {
        let judged = |is_control| {
            let measured = MeasuredBenchmark {
                benchmark: "a.py::a".to_owned(),
                replicates: five_replicates(1_200),
                looks: 1,
                is_control,
                ..MeasuredBenchmark::default()
            };
            let threshold = Threshold::from_percent(2.0);
            judge(vec![measured], Sampling::Exactly(5), &threshold.into()).0
        };
        let (rows, moved) = (judged(false), judged(true));
        assert_eq!(rows[0].verdict, Verdict::Regressed);
        assert_eq!((controls(&rows), controls_moved(&rows)), (None, Vec::new()));
        assert_eq!(moved[0].verdict, Verdict::Unexplained);
        assert_eq!(moved[0].estimate, rows[0].estimate);
        assert!(!Gate::Regression { percent: None }.is_failed_by(&moved[0]));
        assert!(!Gate::Inconclusive.is_failed_by(&moved[0]));
        let counts = count(&moved, &[]);
        assert_eq!((counts.regressed, counts.unexplained), (0, 1));
        assert_eq!(controls(&moved).unwrap().benchmarks, 1);
        assert!(
            controls_moved(&moved)[0]
                .message
                .starts_with("its time changed by +20.")
        );
    }
}
