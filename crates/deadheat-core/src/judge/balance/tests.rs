//! Cuts whose best solution is known.

use proptest::prelude::*;

use super::*;
use crate::model::{Order, Replicate, Round, Sample, Verdict};
use crate::testing;

fn ids(count: usize) -> Vec<String> {
    (0..count).map(|number| format!("b.py::test_{number}")).collect()
}

fn costs(ns: &[u64]) -> Costs {
    Costs(ids(ns.len()).into_iter().zip(ns.iter().copied()).collect())
}

/// Returns the time of the part that takes longest.
fn longest(ns: &[u64], numbers: &[u32], of: u32) -> u64 {
    let load = |number| {
        let ours = ns.iter().zip(numbers).filter(|(_, part)| **part == number);
        ours.map(|(ns, _)| ns).sum()
    };
    (1..=of).map(load).max().unwrap()
}

/// Returns the time of the longest part in the best of all cuts.
fn best(ns: &[u64], of: u32) -> u64 {
    let cuts = of.pow(ns.len() as u32);
    let cut = |index: u32| -> Vec<u32> {
        let digit = |place| index / of.pow(place) % of + 1;
        (0..ns.len() as u32).map(digit).collect()
    };
    (0..cuts).map(|index| longest(ns, &cut(index), of)).min().unwrap()
}

proptest! {
    #[test]
    fn no_part_takes_more_than_four_thirds_of_the_best(ns in prop::collection::vec(1_u64..1_000, 1..8), of in 1_u32..4) {
        let numbers = costs(&ns).cut(&ids(ns.len()), of);
        prop_assert!(numbers.iter().all(|number| (1..=of).contains(number)));
        let (longest, best) = (longest(&ns, &numbers, of), best(&ns, of));
        prop_assert!(3 * u64::from(of) * longest <= (4 * u64::from(of) - 1) * best, "{longest}, {best}");
    }

    #[test]
    fn the_order_of_collection_moves_no_benchmark(ns in prop::collection::vec(1_u64..4, 1..30), of in 1_u32..6) {
        let (costs, suite) = (costs(&ns), ids(ns.len()));
        let reversed: Vec<String> = suite.iter().rev().cloned().collect();
        let mut numbers = costs.cut(&reversed, of);
        numbers.reverse();
        prop_assert_eq!(numbers, costs.cut(&suite, of));
    }
}

#[test]
fn the_worst_case_of_the_rule_is_cut_as_graham_says() {
    // For two parts, the rule gives 7 where the best is 6.
    let ns = [3, 3, 2, 2, 2];
    let numbers = costs(&ns).cut(&ids(5), 2);
    assert_eq!(numbers, [1, 2, 1, 2, 1]);
    assert_eq!((longest(&ns, &numbers, 2), best(&ns, 2)), (7, 6));
}

#[test]
fn new_benchmarks_take_as_long_as_the_median() {
    let known = costs(&[1, 10, 1_000]);
    let suite = ["b.py::test_2", "new", "newer", "b.py::test_0"].map(str::to_owned);
    assert_eq!(known.cut(&suite, 2), [1, 2, 2, 2]);
    assert_eq!(known.weight(&suite), 1_021.0 / 337.0);
    assert_eq!(known.weight(&ids(3)), 3.0);
}

/// Returns a report of one benchmark after another: the milliseconds in its samples on each side, how many replicates,
/// and the seconds of one more.
fn report(rows: &[(u64, usize, Option<f64>)]) -> Report {
    let names = ids(rows.len());
    let named: Vec<_> = names
        .iter()
        .map(|id| (id.as_str(), 1.0, Verdict::Unchanged))
        .collect();
    let mut report = testing::report(&named);
    for (row, &(ms, replicates, seconds)) in report.comparisons.iter_mut().zip(rows) {
        let sample = Sample {
            elapsed_ns: ms * 1_000_000,
            iterations: 1,
        };
        let round = Round {
            order: Order::BaseHead,
            base: sample,
            head: sample,
        };
        let replicate = |seed| Replicate {
            seed,
            machine: None,
            clock: Default::default(),
            rounds: vec![round],
        };
        row.replicates = (0..replicates as u32).map(replicate).collect();
        row.replicate_seconds = seconds;
    }
    report
}

fn milliseconds(report: &Report) -> Vec<u64> {
    let costs = Costs::of(report).unwrap().0;
    costs.values().map(|ns| (ns + 500_000) / 1_000_000).collect()
}

#[test]
fn a_benchmark_costs_its_replicates_without_the_start_of_processes() {
    // The processes start in 0.5 s; the second benchmark needs 2 s to set up.
    let mut report = report(&[(10, 5, Some(0.52)), (10, 10, Some(2.52)), (100, 3, None)]);
    assert_eq!(milliseconds(&report), [100, 20_200, 600]);
    // Other parts were measured on machines that start processes slower.
    report.comparisons[0].part = Some(1);
    report.comparisons[1].part = Some(2);
    assert_eq!(milliseconds(&report), [100, 200, 600]);
}

#[test]
fn without_samples_it_costs_a_whole_replicate() {
    assert_eq!(
        milliseconds(&report(&[(0, 0, Some(0.52)), (0, 0, Some(2.5))])),
        [520, 2_500]
    );
    assert_eq!(Costs::of(&report(&[(0, 0, None)])), None);
    assert_eq!(Costs::of(&report(&[])), None);
}

#[test]
fn impossible_times_are_cut_too() {
    let costs = Costs::of(&report(&[
        (u64::MAX / 1_000_000, 3, None),
        (0, 1, Some(-1e300)),
        (0, 0, Some(1e300)),
    ]));
    assert_eq!(costs.unwrap().cut(&ids(3), 2).len(), 3);
}

#[test]
fn the_digest_is_of_benchmarks_and_their_times() {
    let digest = costs(&[1, 2]).digest();
    assert_eq!(digest.len(), 64);
    assert_eq!(digest, costs(&[1, 2]).digest());
    assert_ne!(digest, costs(&[2, 1]).digest());
    assert_ne!(digest, costs(&[1, 2, 3]).digest());
}
