//! One fixed report, split into four parts and merged again.

use std::collections::BTreeMap;

use super::{PartReport, merge};
use crate::judge::resource::{self, MeasuredResource};
use crate::judge::sequential::Sampling;
use crate::judge::stats::FEWEST_REPLICATES;
use crate::judge::{MeasuredBenchmark, count, judge};
use crate::model::{
    Balance, CallProfile, Change, Clock, Cut, FunctionComparison, Missing, MissingReason, Order, Part,
    PerSide, Replicate, Report, Resource, Round, Sample, Summary, TargetFunction, Verdict, WarningCode,
};
use crate::output::OutputCheck;
use crate::testing;

pub(super) const BENCHMARKS: u32 = 12;
pub(super) const OF: u32 = 4;
/// A benchmark that is clearly slower among those of its part, but not among the twelve of the suite.
pub(super) const DOUBTFUL: u32 = 3;

pub(super) fn id(number: u32) -> String {
    format!("bench/test_a.py::test_{number}")
}

pub(super) fn replicates(number: u32) -> Vec<Replicate> {
    (0..8_u32)
        .map(|seed| {
            let offset = f64::from((seed * 5 + number * 3) % 8) - 3.5;
            let ratio = if number == DOUBTFUL {
                1.05 + 0.0083 * offset
            } else {
                1.0 + 0.0001 * f64::from(number % 3) + 0.001 * offset
            };
            let sample = |elapsed_ns: f64| Sample {
                elapsed_ns: elapsed_ns as u64,
                iterations: 7,
            };
            let base_ns = 100_000.0 * f64::from(number + 1) + 37.0 * offset;
            Replicate {
                clock: Clock::Wall,
                machine: None,
                seed,
                rounds: vec![Round {
                    order: Order::of_round(seed as usize),
                    base: sample(base_ns),
                    head: sample(base_ns * ratio),
                }],
            }
        })
        .collect()
}

pub(super) fn functions(number: u32) -> Vec<FunctionComparison> {
    let side = |time: f64| {
        Some(CallProfile {
            calls: 1.0,
            total_ns: Some(time),
            self_ns: Some(time),
            share: Some(0.5),
            self_share: Some(0.5),
            probe_ns: 1.0,
        })
    };
    let time = 10.0 * f64::from(number + 1);
    vec![FunctionComparison {
        name: "f".to_owned(),
        qualname: "f".to_owned(),
        path: "pkg/core.py".to_owned(),
        change: Some(Change::Modified),
        base: side(time),
        head: side(time * 2.0),
        estimate: Some(testing::report(&[("x", 2.0, Verdict::Regressed)]).comparisons[0].estimate),
        note: None,
    }]
}

/// Returns the report that a run of these benchmarks would give.
fn report(numbers: &[u32]) -> Report {
    let mut report = testing::report(&[]);
    report.settings.replicates = Some(8);
    report.settings.thresholds = BTreeMap::from([(id(5), 0.1)]);
    let (sampling, thresholds) = (report.settings.sampling(), report.settings.thresholds());
    let measured = numbers.iter().map(|&number| MeasuredBenchmark {
        benchmark: id(number),
        replicates: replicates(number),
        looks: 1,
        replicate_seconds: 0.5,
        output: (OutputCheck::Same, None),
        ..MeasuredBenchmark::default()
    });
    let (mut comparisons, total, geometric_mean) = judge(measured.collect(), sampling, &thresholds);
    for (row, number) in comparisons.iter_mut().zip(numbers) {
        row.functions = functions(*number);
        row.unexplained_ns = Some(1.0);
    }
    report.missing = (0..8).map(skipped).collect();
    let amounts = numbers.iter().map(|&number| MeasuredResource {
        benchmark: id(number),
        resource: Resource::PeakMemory,
        replicates: vec![PerSide::new(1e6, 1e6 + f64::from(number)); 3],
        looks: 1,
    });
    let once = Sampling::Exactly(FEWEST_REPLICATES);
    report.resources = resource::judge(amounts.collect(), once, &thresholds);
    report.target_functions = vec![TargetFunction {
        reached_by: numbers.iter().map(|&number| id(number)).collect(),
        ..testing::target("pkg/core.py", "f", &[])
    }];
    report.summary = Summary {
        counts: count(&comparisons, &report.missing),
        total,
        geometric_mean,
        ..Summary::default()
    };
    report.comparisons = comparisons;
    report
}

fn skipped(number: u32) -> Missing {
    Missing {
        benchmark: format!("bench/test_b.py::test_{number}"),
        side: None,
        reason: MissingReason::Skipped,
        message: String::new(),
    }
}

pub(super) fn whole() -> Report {
    report(&(0..BENCHMARKS).collect::<Vec<_>>())
}

pub(super) fn part(number: u32) -> PartReport {
    part_of_cut(number, &[])
}

/// Returns a part of the suite, of which these are the benchmarks' parts.
fn part_of_cut(number: u32, numbers: &[u32]) -> PartReport {
    let part = Part { number, of: OF };
    let suite: Vec<String> = (0..BENCHMARKS).map(id).collect();
    let cut = Cut::new(OF, &suite, numbers);
    let ours: Vec<u32> = (0..BENCHMARKS)
        .filter(|&benchmark| cut.has(part, &id(benchmark)))
        .collect();
    let mut report = report(&ours);
    report.missing.retain(|row| cut.has(part, &row.benchmark));
    report.summary.counts = count(&report.comparisons, &report.missing);
    report.settings.part = Some(part);
    report.settings.budget_seconds = Some(f64::from(number));
    report.settings.timeout_seconds = 600.0 + f64::from(number);
    report.machine.processor = Some(format!("processor {number}"));
    report.suite_parts = numbers.to_vec();
    report.settings.balance = (!numbers.is_empty()).then(|| Balance {
        file: format!("folder {number}/earlier.json"),
        digest: "cut".to_owned(),
    });
    report.suite = suite;
    PartReport {
        name: format!("{number}.json"),
        report,
    }
}

pub(super) fn parts() -> Vec<PartReport> {
    (1..=OF).map(part).collect()
}

/// The parts of the benchmarks in another cut than that by hash.
pub(super) const NUMBERS: [u32; BENCHMARKS as usize] = [1, 1, 1, 2, 3, 3, 4, 2, 1, 2, 3, 4];

pub(super) fn balanced_parts() -> Vec<PartReport> {
    (1..=OF).map(|number| part_of_cut(number, &NUMBERS)).collect()
}

pub(super) fn merged(parts: Vec<PartReport>) -> Report {
    merge(parts, "0").unwrap()
}

pub(super) fn refusal(parts: Vec<PartReport>) -> String {
    merge(parts, "0").unwrap_err().message
}

pub(super) fn codes(report: &Report) -> Vec<WarningCode> {
    report.warnings.iter().map(|warning| warning.code).collect()
}
