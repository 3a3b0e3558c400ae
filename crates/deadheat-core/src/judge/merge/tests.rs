//! One fixed report, split into four parts and merged again.

use super::*;
use crate::judge::resource::{self, MeasuredResource};
use crate::judge::sequential::Sampling;
use crate::judge::stats::FEWEST_REPLICATES;
use crate::judge::{MeasuredBenchmark, judge};
use crate::model::{
    CallProfile, Change, Clock, Confirmation, FunctionComparison, Gate, Order, Pair, Plan, Reason, Replicate,
    Resource, Sample, Side, Summary, Verdict,
};
use crate::output::OutputCheck;
use crate::testing;

const BENCHMARKS: u32 = 12;
const OF: u32 = 4;
/// A benchmark that is clearly slower among those of its part, but not among the twelve of the suite.
const DOUBTFUL: u32 = 3;

fn id(number: u32) -> String {
    format!("bench/test_a.py::test_{number}")
}

fn replicates(number: u32) -> Vec<Replicate> {
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
                seed,
                pairs: vec![Pair {
                    order: Order::of_round(seed as usize),
                    base: sample(base_ns),
                    head: sample(base_ns * ratio),
                }],
            }
        })
        .collect()
}

fn functions(number: u32) -> Vec<FunctionComparison> {
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
    let measured = numbers.iter().map(|&number| MeasuredBenchmark {
        is_control: false,
        set_up_each_call: false,
        several_cores: false,
        first_call_ns: None,
        benchmark: id(number),
        replicates: replicates(number),
        looks: 1,
        replicate_seconds: 0.5,
        output: (OutputCheck::Same, None),
        warnings: Vec::new(),
    });
    let (mut comparisons, total, geometric_mean) = judge(
        measured.collect(),
        report.settings.sampling(),
        &report.settings.thresholds(),
    );
    for (row, number) in comparisons.iter_mut().zip(numbers) {
        row.functions = functions(*number);
        row.unexplained_ns = Some(1.0);
    }
    report.missing = (0..8)
        .map(|number| Missing {
            benchmark: format!("bench/test_b.py::test_{number}"),
            side: None,
            reason: MissingReason::Skipped,
            message: String::new(),
        })
        .collect();
    report.resources = resource::judge(
        numbers
            .iter()
            .map(|&number| MeasuredResource {
                benchmark: id(number),
                resource: Resource::PeakMemory,
                replicates: vec![PerSide::new(1e6, 1e6 + f64::from(number)); 3],
                looks: 1,
            })
            .collect(),
        Sampling::Exactly(FEWEST_REPLICATES),
        &report.settings.thresholds(),
    );
    report.target_functions = vec![testing::target(
        "pkg/core.py",
        "f",
        &numbers
            .iter()
            .map(|&number| id(number))
            .collect::<Vec<_>>()
            .iter()
            .map(String::as_str)
            .collect::<Vec<_>>(),
    )];
    report.summary = Summary {
        controls: None,
        counts: count(&comparisons, &report.missing),
        total,
        geometric_mean,
        ..report.summary
    };
    report.comparisons = comparisons;
    report
}

fn whole() -> Report {
    report(&(0..BENCHMARKS).collect::<Vec<_>>())
}

fn part(shard: u32) -> Part {
    let partition = Partition { shard, of: OF };
    let ours: Vec<u32> = (0..BENCHMARKS)
        .filter(|&number| partition.has(&id(number)))
        .collect();
    let mut report = report(&ours);
    report.missing.retain(|row| partition.has(&row.benchmark));
    report.summary.counts = count(&report.comparisons, &report.missing);
    report.settings.partition = Some(partition);
    report.settings.budget_seconds = Some(f64::from(shard));
    report.settings.timeout_seconds = 600.0 + f64::from(shard);
    report.machine.processor = Some(format!("processor {shard}"));
    report.suite = (0..BENCHMARKS).map(id).collect();
    Part {
        name: format!("{shard}.json"),
        report,
    }
}

fn parts() -> Vec<Part> {
    (1..=OF).map(part).collect()
}

fn merged(parts: Vec<Part>) -> Report {
    merge(parts, "0").unwrap()
}

fn refusal(parts: Vec<Part>) -> String {
    merge(parts, "0").unwrap_err().message
}

fn codes(report: &Report) -> Vec<WarningCode> {
    report.warnings.iter().map(|warning| warning.code).collect()
}

#[test]
fn four_parts_are_the_whole_to_the_last_digit() {
    let whole = whole();
    let mut shuffled = parts();
    shuffled.reverse();
    let mut merged = merged(shuffled);
    assert_eq!(merged.summary.total, whole.summary.total);
    assert_eq!(merged.summary.geometric_mean, whole.summary.geometric_mean);
    assert_eq!(merged.summary.counts, whole.summary.counts);
    assert_eq!(merged.resources, whole.resources);
    assert_eq!(merged.target_functions, whole.target_functions);
    let names = |report: &Report| -> BTreeSet<String> {
        report.missing.iter().map(|row| row.benchmark.clone()).collect()
    };
    assert_eq!(names(&merged), names(&whole));
    assert_eq!(merged.missing.len(), whole.missing.len());
    for row in &mut merged.comparisons {
        assert_eq!(row.shard.take(), Some(shard_of(&row.benchmark, OF)));
        row.to_settle = None;
    }
    let mut expected = whole.comparisons;
    for row in &mut expected {
        row.to_settle = None;
    }
    assert_eq!(merged.comparisons, expected);
    assert!(!merged.partial);
    assert_eq!(merged.settings.partition, None);
    assert_eq!(codes(&merged), []);
}

#[test]
fn a_row_that_is_clear_in_its_part_may_be_open_in_the_suite() {
    let of_part = |row: &&Comparison| row.benchmark == id(DOUBTFUL);
    let shard = shard_of(&id(DOUBTFUL), OF);
    let report = part(shard).report;
    let row = report.comparisons.iter().find(of_part).unwrap();
    assert_eq!((row.verdict, row.reason), (Verdict::Regressed, None));
    let mut report = merged(parts());
    let row = report.comparisons.iter().find(of_part).unwrap();
    assert_eq!(
        (row.verdict, row.reason),
        (Verdict::Inconclusive, Some(Reason::NotAfterCorrection))
    );
    report.settings.fail_on = vec![Gate::Regression { percent: None }];
    assert_eq!(crate::judge::gate::failure(&report), None);
}

#[test]
fn each_row_keeps_its_machine() {
    let report = merged(parts());
    let machines: Vec<Option<&str>> = report
        .shards
        .iter()
        .map(|shard| shard.machine.processor.as_deref())
        .collect();
    assert_eq!(
        machines,
        ["processor 1", "processor 2", "processor 3", "processor 4"].map(Some)
    );
    let counts: usize = report.shards.iter().map(|shard| shard.benchmarks).sum();
    assert_eq!(counts, BENCHMARKS as usize);
}

#[test]
fn functions_are_summed_over_all_parts() {
    let report = merged(parts());
    let [function] = report.summary.functions.as_slice() else {
        panic!("{:?}", report.summary.functions);
    };
    let total = |side| function.side(side).unwrap().total_ns.unwrap();
    assert_eq!((total(Side::Base), total(Side::Head)), (780.0, 1560.0));
    let estimate = function.estimate.unwrap();
    assert!((estimate.point_estimate - 2.0).abs() < 1e-12);
    // Relative to their sum, twelve independent errors are less than one.
    assert!(estimate.standard_error < 0.005);
    assert_eq!(report.summary.unexplained_ns, Some(12.0));
    // The share is of the benchmarks' time on that side.
    let time = |side: fn(&Comparison) -> f64| report.comparisons.iter().map(side).sum::<f64>();
    for (side, time) in [
        (Side::Base, time(|row| row.base.median_ns)),
        (Side::Head, time(|row| row.head.median_ns)),
    ] {
        let share = function.side(side).unwrap().share.unwrap();
        assert!((share * time / total(side) - 1.0).abs() < 1e-12, "{side}");
    }
}

#[test]
fn surveys_are_summed_where_there_are_any() {
    assert_eq!(merged(parts()).summary.profile, None);
    let mut all = parts();
    for part in &mut all {
        for row in &mut part.report.comparisons {
            let mut survey = functions(0);
            // Long enough to be shown.
            survey[0].base.as_mut().unwrap().total_ns = Some(row.base.median_ns / 2.0);
            row.profile = Some(survey);
        }
    }
    let profile = merged(all).summary.profile.unwrap();
    let [function] = profile.as_slice() else {
        panic!("{profile:?}");
    };
    let share = function.side(Side::Base).unwrap().share.unwrap();
    assert!((share - 0.5).abs() < 1e-12);
}

#[test]
fn missing_parts_are_said_and_make_it_partial() {
    let report = merged(vec![part(2), part(4)]);
    assert!(report.partial);
    let unfinished: Vec<&Missing> = report
        .missing
        .iter()
        .filter(|row| row.reason == MissingReason::Unfinished)
        .collect();
    assert_eq!(unfinished.len() + report.comparisons.len(), BENCHMARKS as usize);
    for row in &unfinished {
        let shard = shard_of(&row.benchmark, OF);
        assert_eq!(
            row.message,
            format!("part {shard}/4 is not among the merged reports")
        );
    }
    assert_eq!(codes(&report), [WarningCode::MissingShards]);
    let said = format!(
        "parts 1/4, 3/4 are missing: {} of 12 benchmarks are not in this report",
        unfinished.len()
    );
    assert_eq!(report.warnings[0].message, said);
    assert!(!is_nothing_measured(&report));
}

#[test]
fn a_part_that_ended_early_has_unfinished_rows() {
    let mut all = parts();
    let lost = all[1].report.comparisons.pop().unwrap();
    let report = merged(all);
    assert!(report.partial);
    let row = report
        .missing
        .iter()
        .find(|row| row.benchmark == lost.benchmark)
        .unwrap();
    assert_eq!(row.message, "part 2/4 ended before it was measured");
    let mut all = parts();
    all[0].report.partial = true;
    assert!(merged(all).partial);
}

#[test]
fn where_nothing_was_measured_that_is_what_it_says() {
    let mut all = parts();
    for part in &mut all {
        part.report.comparisons.clear();
    }
    assert!(is_nothing_measured(&merged(all)));
    let mut all = parts();
    for part in &mut all {
        part.report.comparisons.clear();
        part.report.missing.clear();
        part.report.suite.clear();
        part.report.selection.rule = SelectionRule::NothingChanged;
    }
    let report = merged(all);
    assert!(!is_nothing_measured(&report) && !report.partial);
    assert_eq!(report.selection.rule, SelectionRule::NothingChanged);
    let with = |code| {
        let mut report = report.clone();
        report.warnings.push(Warning::new(code, "x", None));
        is_nothing_measured(&report)
    };
    assert!(with(WarningCode::NothingMeasured));
    assert!(!with(WarningCode::MachineBusy));
}

#[test]
fn what_all_parts_say_is_said_once_and_the_rest_with_its_part() {
    let warning = |code, message: &str| Warning::new(code, message, None);
    let mut all = parts();
    for part in &mut all {
        let warnings = &mut part.report.warnings;
        warnings.push(warning(WarningCode::DependenciesDiffer, "they differ"));
        warnings.push(warning(WarningCode::FunctionNotReached, "no benchmark runs `g`"));
    }
    all[1]
        .report
        .warnings
        .push(warning(WarningCode::MachineBusy, "busy"));
    all[2]
        .report
        .warnings
        .push(warning(WarningCode::NoBenchmarkReaches, "none"));
    all[3]
        .report
        .warnings
        .push(warning(WarningCode::MachineBusy, "busy"));
    let lacking = testing::target("pkg/core.py", "g", &[]);
    for part in &mut all {
        part.report.target_functions.push(lacking.clone());
    }
    let messages: Vec<String> = merged(all)
        .warnings
        .into_iter()
        .map(|warning| warning.message)
        .collect();
    assert_eq!(
        messages,
        [
            "they differ",
            "part 2/4, 4/4: busy",
            "no benchmark is seen to run `g` (pkg/core.py)"
        ]
    );
}

#[test]
fn what_is_of_one_benchmark_is_said_without_its_part() {
    let mut all = parts();
    let benchmark = all[1].report.comparisons[0].benchmark.clone();
    let warning = Warning::new(WarningCode::MachineBusy, "busy", None).of(&benchmark);
    all[1].report.warnings.push(warning.clone());
    assert_eq!(merged(all).warnings, [warning]);
}

#[test]
fn that_no_benchmark_reaches_is_said_of_the_suite_where_every_part_says_it() {
    let mut all = parts();
    for part in &mut all {
        let message = "in this part of the suite, no benchmark runs anything that changed";
        let warning = Warning::new(WarningCode::NoBenchmarkReaches, message, None);
        part.report.warnings.push(warning);
    }
    let report = merged(all);
    assert_eq!(codes(&report), [WarningCode::NoBenchmarkReaches]);
    assert_eq!(
        report.warnings[0].message,
        "no benchmark runs anything that changed"
    );
}

#[test]
fn a_function_may_be_reached_in_a_part_that_did_not_look() {
    let mut all = parts();
    let busy = Warning::new(WarningCode::MachineBusy, "busy", None);
    for part in &mut all {
        let lacking = testing::target("pkg/core.py", "g", &[]);
        part.report.target_functions.push(lacking);
        part.report.warnings.push(busy.clone());
    }
    assert_eq!(merged(all).warnings, [busy]);
}

#[test]
fn a_part_without_benchmarks_has_no_say() {
    let mut all = parts();
    let empty = Warning::new(WarningCode::EmptyPartition, "empty", None);
    let busy = Warning::new(WarningCode::MachineBusy, "busy", None);
    all[0].report.warnings.push(empty);
    all[0].report.selection.reason = "nothing to select".to_owned();
    for part in &mut all[1..] {
        part.report.warnings.push(busy.clone());
        part.report.selection.rule = SelectionRule::Reached;
    }
    let report = merged(all);
    assert_eq!(report.warnings, [busy]);
    assert_eq!(
        (report.selection.rule, report.selection.reason.as_str()),
        (SelectionRule::Reached, "")
    );
}

#[test]
fn a_part_that_measures_everything_says_why_for_all() {
    let selection = |rules: [(SelectionRule, &str); OF as usize]| {
        let mut all = parts();
        for (part, (rule, reason)) in all.iter_mut().zip(rules) {
            part.report.selection = Selection {
                rule,
                reason: reason.to_owned(),
            };
        }
        let Selection { rule, reason } = merged(all).selection;
        (rule, reason)
    };
    let (all, reached) = (SelectionRule::All, SelectionRule::Reached);
    assert_eq!(
        selection([
            (reached, "1 of 2"),
            (reached, "2 of 3"),
            (all, "blind"),
            (reached, "1 of 2")
        ]),
        (all, "blind".to_owned())
    );
    assert_eq!(
        selection([
            (reached, "1 of 2"),
            (reached, "2 of 3"),
            (reached, "1 of 2"),
            (reached, "1 of 2")
        ]),
        (
            reached,
            "the benchmarks that may run what changed, by part".to_owned()
        )
    );
    assert_eq!(
        selection([(reached, "1 of 2"); OF as usize]),
        (reached, "1 of 2".to_owned())
    );
}

#[test]
fn what_was_not_confirmed_does_not_come_back() {
    let mut all = parts();
    let slower: Vec<u64> = (0..8).map(|seed| 150_000 + 10 * seed).collect();
    let row = &mut all[0].report.comparisons[0];
    for (replicate, elapsed_ns) in row.replicates.iter_mut().zip(slower) {
        replicate.pairs[0].base.elapsed_ns = 100_000;
        replicate.pairs[0].head.elapsed_ns = elapsed_ns;
    }
    let (benchmark, estimate) = (row.benchmark.clone(), row.estimate);
    (row.verdict, row.reason) = (Verdict::Inconclusive, Some(Reason::NotConfirmed));
    row.confirmation = Some(Confirmation {
        estimate,
        p_value: 0.5,
        confirmed: false,
        replicates: replicates(1),
    });
    let verdict = |parts| {
        let report = merged(parts);
        let row = report
            .comparisons
            .iter()
            .find(|row| row.benchmark == benchmark)
            .unwrap();
        (row.verdict, row.reason)
    };
    assert_eq!(
        verdict(all.clone()),
        (Verdict::Inconclusive, Some(Reason::NotConfirmed))
    );
    all[0].report.comparisons[0].confirmation = None;
    assert_eq!(verdict(all), (Verdict::Regressed, None));
}

#[test]
fn only_parts_of_one_whole_are_put_together() {
    type Change = fn(&mut Report);
    let changes: [(Change, &str); 15] = [
        (
            |report| report.tool_version = "1".to_owned(),
            "2.json was written by deadheat 1, and this is 0",
        ),
        (
            |report| report.settings.partition = None,
            "2.json is not a part of a suite",
        ),
        (
            |report| report.settings.partition = Some(Partition { shard: 5, of: 4 }),
            "2.json is damaged: there is no part 5/4",
        ),
        (
            |report| report.settings.partition = Some(Partition { shard: 2, of: 5 }),
            "1.json and 2.json are parts 1/4 and 2/5",
        ),
        (
            |report| report.settings.partition = Some(Partition { shard: 1, of: 4 }),
            "1.json and 2.json are both part 1/4",
        ),
        (
            |report| {
                let shard = shard(Partition { shard: 2, of: 4 }, report);
                report.shards.push(shard);
            },
            "2.json is merged already",
        ),
        (
            |report| {
                report.plan = Some(Plan {
                    benchmarks: Vec::new(),
                    estimated_seconds: 1.0,
                });
            },
            "2.json is not a comparison",
        ),
        (
            |report| report.noise = Some(Vec::new()),
            "2.json is not a comparison",
        ),
        (
            |report| report.revisions.head.dirty = true,
            "2.json compares uncommitted code",
        ),
        (
            |report| report.revisions.head.commit = "other".to_owned(),
            "1.json and 2.json compare other commits",
        ),
        (
            |report| report.settings.keyword = Some("x".to_owned()),
            "1.json and 2.json were measured with another `keyword`",
        ),
        (
            |report| report.seed = 2,
            "1.json and 2.json were measured with another --seed",
        ),
        (
            |report| report.suite.swap(0, 1),
            "1.json and 2.json collected another suite: they have it in another order",
        ),
        (
            |report| {
                let again = report.comparisons[0].clone();
                report.comparisons.push(again);
            },
            "2.json holds bench/test_a.py::test_",
        ),
        (
            |report| report.comparisons[0].replicates[0].pairs.clear(),
            "2.json is damaged: it contains impossible measurements",
        ),
    ];
    for (change, words) in changes {
        let mut all = parts();
        change(&mut all[1].report);
        let message = refusal(all);
        assert!(message.starts_with(words), "{message}");
    }
    let foreign = part(1).report.comparisons.remove(0);
    let mut all = parts();
    all[1].report.comparisons.push(foreign);
    assert!(refusal(all).contains("which is of part 1/4"));
    assert!(refusal(Vec::new()).contains("nothing to merge"));
}

#[test]
fn the_python_may_differ_in_its_last_number_only() {
    let python = |version: &str| {
        let python = Python {
            version: version.to_owned(),
            implementation: "CPython".to_owned(),
            ..Python::default()
        };
        Some(PerSide::same(python))
    };
    let mut all = parts();
    all[0].report.python = python("3.12.1");
    all[1].report.python = python("3.12.9");
    assert!(merge(all.clone(), "0").is_ok());
    all[1].report.python = python("3.13.0");
    assert!(refusal(all).contains("with another Python"));
}
