//! Known answers of the statistics.

use super::*;
use crate::model::{Clock, Order, Round, Sample};
use proptest::prelude::*;

fn judge(values: &[f64], threshold_percent: f64) -> (Verdict, Option<OpenReason>) {
    let estimate = estimate(values).unwrap();
    let survives = survives_correction(&[estimate.p_value])[0];
    verdict(&estimate, Threshold::from_percent(threshold_percent), survives)
}

fn replicate(seed: u32, base_ns: u64, head_ns: u64) -> Replicate {
    let sample = |elapsed_ns| Sample {
        elapsed_ns,
        iterations: 1,
    };
    Replicate {
        clock: Clock::Wall,
        machine: None,
        seed,
        rounds: vec![Round {
            order: Order::BaseHead,
            base: sample(base_ns),
            head: sample(head_ns),
        }],
    }
}

#[test]
fn an_interval_that_says_nothing_has_finite_bounds() {
    let nothing = LogEstimate {
        center: 1.0,
        standard_error: 50.0,
        half_width: 3_000.0,
        p_value: 1.0,
    };
    let interval = nothing.to_estimate().confidence_interval;
    assert!(interval.lower_bound > 0.0 && interval.upper_bound.is_finite());
    assert!(
        LogEstimate::from_estimate(&nothing.to_estimate())
            .half_width
            .is_finite()
    );
}

#[test]
fn without_trimming_the_interval_is_students() {
    // Four values with mean 2.5 and standard deviation 1.29099; t(0.995, 3) = 5.84091.
    let estimate = estimate(&[1.0, 2.0, 3.0, 4.0]).unwrap();
    assert!((estimate.center - 2.5).abs() < 1e-12);
    assert!((estimate.standard_error - 1.290_994_45 / 2.0).abs() < 1e-6);
    assert!((estimate.half_width - 5.840_909 * 1.290_994_45 / 2.0).abs() < 1e-4);
}

#[test]
fn the_interval_of_trimmed_replicates_is_tukeys_and_mclaughlins() {
    // Three of 25 values are set aside at each end. Between them lie 0, 0.01, ... 0.18. Computed elsewhere: the
    // standard deviation of the winsorised values, 0.066332, times 5/19; t(0.995, 18) = 2.87844.
    let mut values: Vec<f64> = (0..19).map(|index| f64::from(index) / 100.0).collect();
    values.extend([30.0, -1.0, 1.0, -2.0, 2.0, -3.0]);
    let estimate = estimate(&values).unwrap();
    assert!((estimate.center - 0.09).abs() < 1e-12);
    assert!((estimate.standard_error - 0.017_455_920).abs() < 1e-9);
    assert!((estimate.half_width - 0.050_245_826).abs() < 1e-8);
    assert!((estimate.p_value / 6.634_193e-5 - 1.0).abs() < 1e-6);
}

#[test]
fn replicates_without_a_spread_are_certain() {
    let certain = estimate(&[0.5; 3]).unwrap();
    assert_eq!((certain.half_width, certain.p_value), (0.0, 0.0));
    let same = estimate(&[0.0; 3]).unwrap();
    assert_eq!((same.half_width, same.p_value), (0.0, 1.0));
    assert_eq!(estimate(&[0.5]), None);
    assert!(estimate(&[0.5, 0.6]).is_some());
}

#[test]
fn a_replicate_without_rounds_has_no_ratio() {
    let mut empty = replicate(2, 1_000, 1_000);
    empty.rounds.clear();
    assert_eq!(log_ratios(&[empty, replicate(1, 1_000, 2_000)]), [2_f64.ln()]);
}

#[test]
fn the_median_is_the_middle_or_between_the_middle_two() {
    assert_eq!(median([]), None);
    assert_eq!(median([7.0]), Some(7.0));
    assert_eq!(median([1.0, 4.0]), Some(2.5));
    assert_eq!(median([9.0, 1.0, 4.0, 8.0, 2.0]), Some(4.0));
    assert_eq!(median([9.0, 1.0, 4.0, 8.0, 2.0, 7.0]), Some(5.5));
}

#[test]
fn an_estimate_is_a_ratio_with_its_interval_and_back() {
    let log = LogEstimate {
        center: 2_f64.ln(),
        standard_error: 0.1,
        half_width: 1.25_f64.ln(),
        p_value: 0.5,
    };
    let estimate = log.to_estimate();
    let interval = estimate.confidence_interval;
    assert!((estimate.point_estimate - 2.0).abs() < 1e-12);
    assert!((interval.lower_bound - 1.6).abs() < 1e-12);
    assert!((interval.upper_bound - 2.5).abs() < 1e-12);
    assert_eq!((estimate.standard_error, interval.confidence_level), (0.1, 0.99));
    let back = LogEstimate::from_estimate(&estimate);
    assert!((back.center - log.center).abs() < 1e-12);
    assert!((back.half_width - log.half_width).abs() < 1e-12);
    assert_eq!(back.standard_error, 0.1);
    assert!(back.p_value.is_nan());
}

#[test]
fn a_regression_is_tested_on_one_side() {
    let p = |center| {
        LogEstimate {
            center,
            standard_error: 0.1,
            half_width: 0.2,
            p_value: 0.04,
        }
        .p_of_no_regression()
    };
    assert_eq!((p(0.3), p(-0.3)), (0.02, 0.98));
}

#[test]
fn one_odd_replicate_of_twelve_moves_nothing() {
    let mut values: Vec<f64> = (0..12).map(|index| -0.3 + 0.001 * f64::from(index)).collect();
    let calm = estimate(&values).unwrap();
    values[11] = 5.0;
    let disturbed = estimate(&values).unwrap();
    assert_eq!(calm.center, disturbed.center);
    assert_eq!(calm.half_width, disturbed.half_width);
}

#[test]
fn what_is_far_from_all_others_is_counted() {
    assert_eq!(strays(&[0.01, -0.02, 0.0, 0.69, 0.01, -0.01, 0.02, 0.7]), 2);
    assert_eq!(strays(&[0.01, -0.02, 0.0, 0.1, 0.01]), 0);
    // A spread this wide makes nothing odd.
    assert_eq!(strays(&[0.3, -0.3, 0.2, -0.1, 0.5]), 0);
    assert_eq!(strays(&[]), 0);
    assert_eq!(strays(&[0.0, 0.0, 0.0, STRAY_LOG]), 0);
    // Half of these are within 0.05 of the median, which makes 0.593 far.
    let around = |far: f64| [0.3, 0.2, 0.25, 0.25, 0.35, 0.35, 0.3 + far].map(|value| value + 1.0);
    assert_eq!(strays(&around(0.5)), 0);
    assert_eq!(strays(&around(0.7)), 1);
}

#[test]
fn verdicts_follow_the_rule() {
    assert_eq!(judge(&[0.001, -0.001, 0.0005, 0.0], 2.0).0, Verdict::Unchanged);
    assert_eq!(judge(&[-0.30, -0.31, -0.29, -0.30], 2.0).0, Verdict::Improved);
    assert_eq!(judge(&[0.30, 0.31, 0.29, 0.30], 2.0).0, Verdict::Regressed);
    assert_eq!(
        judge(&[0.3, -0.3, 0.2, -0.1], 2.0),
        (Verdict::Inconclusive, Some(OpenReason::TooWide))
    );
    assert_eq!(
        judge(&[0.018, 0.0185, 0.0215, 0.017, 0.0185, 0.0225], 2.0),
        (Verdict::Inconclusive, Some(OpenReason::SmallerThanThreshold))
    );
    let clear = estimate(&[0.30, 0.31, 0.29, 0.30]).unwrap();
    assert_eq!(
        verdict(&clear, Threshold::from_percent(2.0), false),
        (Verdict::Inconclusive, Some(OpenReason::NotAfterCorrection))
    );
}

#[test]
fn the_threshold_is_symmetric_in_the_logarithm() {
    // 1/1.02 = 0.9804: a ratio of 0.9805 is inside, 0.9799 is outside, although both are within 2.01 %.
    let narrow = |ratio: f64| {
        let center = ratio.ln();
        verdict(
            &LogEstimate {
                center,
                standard_error: 1e-9,
                half_width: 1e-9,
                p_value: 0.0,
            },
            Threshold::from_percent(2.0),
            true,
        )
        .0
    };
    assert_eq!(narrow(0.9805), Verdict::Unchanged);
    assert_eq!(narrow(0.9799), Verdict::Improved);
    assert_eq!(narrow(1.0199), Verdict::Unchanged);
    assert_eq!(narrow(1.0201), Verdict::Regressed);
    let threshold = Threshold::from_percent(2.0);
    let exactly = LogEstimate {
        center: threshold.log,
        standard_error: 1e-9,
        half_width: 1e-9,
        p_value: 0.0,
    };
    assert_eq!(verdict(&exactly, threshold, true).0, Verdict::Regressed);
}

#[test]
fn correction_is_benjamini_and_hochbergs() {
    // With four hypotheses at 1 % the limits are 0.0025, 0.005, 0.0075 and 0.01: the third is rescued by none,
    // the second by its own.
    assert_eq!(
        survives_correction(&[0.2, 0.001, 0.009, 0.004]),
        [false, true, false, true]
    );
    // A later one below its limit takes the earlier ones with it.
    assert_eq!(survives_correction(&[0.009, 0.009]), [true, true]);
    assert_eq!(survives_correction(&[]), Vec::<bool>::new());
}

#[test]
fn totals_weigh_by_time_and_the_geometric_mean_does_not() {
    let slow: Vec<Replicate> = (0..3).map(|seed| replicate(seed, 9_000, 9_000)).collect();
    let fast: Vec<Replicate> = (0..3).map(|seed| replicate(seed, 1_000, 500)).collect();
    let total = total_log_ratios(&[&slow, &fast]);
    let geometric = geometric_log_ratios_on(&[&slow, &fast], &[]);
    assert_eq!(total.len(), 3);
    assert!((total[0].exp() - 0.95).abs() < 1e-12);
    assert!((geometric[0].1.exp() - 0.5_f64.sqrt()).abs() < 1e-12);
}

#[test]
fn replicates_that_one_benchmark_lacks_are_left_out_of_the_total() {
    let all: Vec<Replicate> = (0..3).map(|seed| replicate(seed, 1_000, 1_000)).collect();
    let two = vec![replicate(2, 1_000, 1_000), replicate(0, 1_000, 1_000)];
    assert_eq!(total_log_ratios(&[&all, &two]).len(), 2);
}

#[test]
fn replicates_of_the_same_processes_are_put_together() {
    let one: Vec<Replicate> = [(7, 2_000), (8, 3_000), (9, 4_000)]
        .map(|(seed, head_ns)| replicate(seed, 1_000, head_ns))
        .into();
    let shuffled = [2, 0, 1].map(|place| one[place].clone());
    let doubled = total_log_ratios(&[&one, &shuffled]);
    for (log, ratio) in doubled.iter().zip([2.0, 3.0, 4.0]) {
        assert!((log.exp() - ratio).abs() < 1e-12);
    }
    assert_eq!(doubled.len(), 3);
}

#[test]
fn replicates_of_other_processes_are_put_together_by_their_place() {
    let one: Vec<Replicate> = (0..3).map(|seed| replicate(seed, 1_000, 1_000)).collect();
    let later: Vec<Replicate> = (2..6).map(|seed| replicate(seed, 1_000, 4_000)).collect();
    let logs = geometric_log_ratios_on(&[&one, &later], &[]);
    assert_eq!(logs.len(), 3);
    assert!(logs.iter().all(|(_, log)| (log.exp() - 2.0).abs() < 1e-12));
}

proptest! {
    #[test]
    fn swapping_the_sides_inverts_the_estimate(values in prop::collection::vec(-1.0..1.0_f64, 2..30)) {
        let forward = estimate(&values).unwrap();
        let swapped: Vec<f64> = values.iter().map(|value| -value).collect();
        let backward = estimate(&swapped).unwrap();
        prop_assert!((forward.center + backward.center).abs() < 1e-12);
        prop_assert!((forward.half_width - backward.half_width).abs() < 1e-9);
    }

    #[test]
    fn the_order_of_the_replicates_does_not_matter(values in prop::collection::vec(-1.0..1.0_f64, 2..30)) {
        let mut reversed = values.clone();
        reversed.reverse();
        prop_assert_eq!(estimate(&values), estimate(&reversed));
    }

    #[test]
    fn scaling_all_times_changes_nothing(times in prop::collection::vec((1_000_u64..100_000, 1_000_u64..100_000), 2..12)) {
        let ratios = |factor: u64| -> Vec<f64> {
            times
                .iter()
                .map(|&(base, head)| log_ratio(&replicate(0, base * factor, head * factor)).unwrap())
                .collect()
        };
        for (plain, scaled) in ratios(1).into_iter().zip(ratios(8)) {
            prop_assert!((plain - scaled).abs() < 1e-12);
        }
    }
}
