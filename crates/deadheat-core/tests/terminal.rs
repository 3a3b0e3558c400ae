//! What a person sees: one fixed report that holds every verdict and every kind of row, as snapshots.

use std::collections::BTreeMap;

use deadheat_core::model::{
    CallProfile, Change, Clock, ConfidenceInterval, Estimate, FunctionComparison, Missing, MissingReason,
    Order, Pair, PerSide, ProfileNote, Replicate, Revision, Sample, Side, TargetFunction, Warning,
    WarningCode,
};
use deadheat_core::output::OutputCheck;
use deadheat_core::records::Status;
use deadheat_core::report::{
    BenchmarksFrom, Environments, Machine, MeasuredBenchmark, Python, Recorded, Report, SCHEMA_VERSION,
    Selection, SelectionRule, Settings, Style, Summary, count, judge, render,
};
use deadheat_core::resource::{self, MeasuredResource, Resource, ResourceComparison};
use deadheat_core::sequential::Sampling;
use deadheat_core::stats::Threshold;

/// Twelve replicates of one pair each, whose ratios spread by `spread` around `ratio`.
fn replicates(base_ns: u64, ratio: f64, spread: f64) -> Vec<Replicate> {
    (0..12)
        .map(|seed| {
            let offset = (f64::from(seed) - 5.5) / 5.5 * spread;
            Replicate {
                clock: Clock::Wall,
                seed,
                pairs: vec![Pair {
                    order: Order::of_round(seed as usize),
                    base: Sample {
                        elapsed_ns: base_ns * 100,
                        iterations: 100,
                    },
                    head: Sample {
                        elapsed_ns: (base_ns as f64 * 100.0 * ratio * (1.0 + offset)) as u64,
                        iterations: 100,
                    },
                }],
            }
        })
        .collect()
}

fn report() -> Report {
    let warning = |code, message: &str, benchmark: Option<&str>| Warning {
        code,
        message: message.to_owned(),
        hint: Some("what to do about it".to_owned()),
        benchmark: benchmark.map(str::to_owned),
    };
    let busy = |benchmark: &str| {
        vec![warning(
            WarningCode::IdleSideBusy,
            "head used the processor for 40 % of the time in which only base should have run",
            Some(benchmark),
        )]
    };
    let rows = [
        ("bench/test_parse.py::test_faster", 12_345, 0.73, 0.01),
        ("bench/test_parse.py::test_slower", 1_500_000, 1.25, 0.01),
        ("bench/test_parse.py::test_same[größe-<b>]", 860, 1.0, 0.01),
        ("bench/test_parse.py::test_noisy", 2_100_000_000, 0.9, 0.6),
        (
            "bench/test_parse.py::TestVeryLongClassName::test_with_a_very_long_name_and_parameters[中文-another-parameter-value]",
            50,
            0.0025,
            0.1,
        ),
    ]
    .map(|(name, base_ns, ratio, spread)| {
        let warnings = if spread > 0.5 { busy(name) } else { Vec::new() };
        MeasuredBenchmark {
            benchmark: name.to_owned(),
            replicates: replicates(base_ns, ratio, spread),
            looks: 4,
            replicate_seconds: 1.5,
            output: (OutputCheck::Same, None),
            warnings,
        }
    });
    let (mut comparisons, total, geometric_mean) = judge(
        rows.to_vec(),
        Sampling::UntilSettled,
        &Threshold::from_percent(2.0).into(),
    );
    let missing: Vec<Missing> = [
        (
            MissingReason::OnlyHead,
            Some(Side::Head),
            "E   ImportError: cannot import name 'new' from 'pkg'",
        ),
        (
            MissingReason::OnlyBase,
            Some(Side::Base),
            "head's benchmarks do not have it",
        ),
        (
            MissingReason::Failed,
            Some(Side::Head),
            "def test():\n>   f()\nE   ValueError: \x1b[31mred\x1b[0m\n\na.py:3",
        ),
        (
            MissingReason::Failed,
            None,
            "the process ended: signal: 11 (SIGSEGV)\nthe last words",
        ),
        (MissingReason::Skipped, None, "Skipped: not on this machine"),
        (MissingReason::Skipped, None, "Skipped: not on this machine"),
        (
            MissingReason::Unfinished,
            None,
            "the run ended before it was measured",
        ),
        (MissingReason::NotReached, None, "it runs no changed function"),
    ]
    .into_iter()
    .enumerate()
    .map(|(index, (reason, side, message))| Missing {
        benchmark: format!("bench/test_more.py::test_{index}"),
        side,
        reason,
        message: message.to_owned(),
    })
    .collect();
    for comparison in &mut comparisons {
        comparison.unexplained_ns = Some(-12_000.0);
    }
    comparisons[0].functions = functions();
    let target = |qualname: &str, change, lines, detail: Option<&str>| TargetFunction {
        path: "pkg/core.py".to_owned(),
        qualname: qualname.to_owned(),
        change: Some(change),
        lines,
        detail: detail.map(str::to_owned),
        places: PerSide::default(),
        reached_by: Vec::new(),
    };
    let revision = |name: &str, commit: &str| Revision {
        name: name.to_owned(),
        commit: commit.to_owned(),
        dirty: name == "working tree",
    };
    let python = Python {
        path: "/env/bin/python".to_owned(),
        version: "3.13.0".to_owned(),
        implementation: "CPython".to_owned(),
        pytest: "9.2.0".to_owned(),
    };
    Report {
        schema_version: SCHEMA_VERSION,
        tool_version: "0.0.0".to_owned(),
        partial: false,
        revisions: PerSide::new(
            revision("main", "1111111111222222222233333333334444444444"),
            revision("working tree", "5555555555666666666677777777778888888888"),
        ),
        settings: Settings {
            threshold_percent: 2.0,
            thresholds: BTreeMap::new(),
            confidence_level: 0.99,
            replicates: None,
            budget_seconds: Some(25.0),
            timeout_seconds: 600.0,
            fail_on: Vec::new(),
            benchmarks_root: Some("bench".to_owned()),
            benchmarks_from: BenchmarksFrom::Head,
            tests: Vec::new(),
            functions: None,
            keyword: None,
            all: false,
            profile: false,
            memory: false,
            module_roots: vec!["pkg".to_owned()],
            tests_root: None,
            injected: Vec::new(),
            environment: Environments::Shared,
            requirements: Vec::new(),
            build: None,
            script: None,
            script_output: None,
            partition: None,
        },
        seed: 1,
        machine: Machine {
            system: "linux".to_owned(),
            architecture: "x86_64".to_owned(),
            processor: None,
            cores: 2,
            pinned_core: Some(1),
            later_cores: Vec::new(),
        },
        shards: Vec::new(),
        python: Some(PerSide::new(python.clone(), python)),
        target_functions: vec![
            target("Parser.parse", Change::Modified, (10, 42), None),
            target("Parser._scan", Change::Moved, (44, 60), Some("was scan")),
            target(
                "outer.<locals>.inner",
                Change::ModuleLevel,
                (70, 71),
                Some("names `TABLE`, which changed"),
            ),
        ],
        selection: Selection {
            rule: SelectionRule::Reached,
            reason: "5 of 20 benchmarks, those that may run what changed".to_owned(),
        },
        suite: Vec::new(),
        plan: None,
        summary: Summary {
            counts: count(&comparisons, &missing),
            total,
            geometric_mean,
            functions: functions(),
            unexplained_ns: Some(-12_000.0),
            profile: None,
        },
        noise: None,
        resources: resources(),
        comparisons,
        missing,
        warnings: vec![warning(WarningCode::NotPinned, "not pinned to a core", None)],
        recorded: Some(Recorded {
            status: Status::Keep,
            status_by_rule: Status::Mixed,
            file: "/project/.codeflash/results.tsv".to_owned(),
        }),
    }
}

/// Every resource, of two benchmarks.
fn resources() -> Vec<ResourceComparison> {
    let row = |name: &str, resource, base: f64, ratio: f64, spread: f64| MeasuredResource {
        benchmark: format!("bench/test_parse.py::{name}"),
        resource,
        replicates: (0..12)
            .map(|index| {
                let offset = (f64::from(index) - 5.5) / 5.5 * spread;
                PerSide::new(base, base * ratio * (1.0 + offset))
            })
            .collect(),
        looks: 4,
    };
    let rows = vec![
        row("test_faster", Resource::PeakMemory, 12.5 * 1_048_576.0, 0.5, 0.0),
        row("test_faster", Resource::Allocations, 1_234_567.0, 1.0, 0.0),
        row("test_slower", Resource::UserTime, 1_400_000.0, 1.3, 0.01),
        row("test_slower", Resource::SystemTime, 90_000.0, 1.0, 0.6),
    ];
    resource::judge(rows, Sampling::UntilSettled, &Threshold::from_percent(2.0).into())
}

/// A breakdown with every kind of row.
fn functions() -> Vec<FunctionComparison> {
    let side = |calls, time: Option<f64>| CallProfile {
        calls,
        total_ns: time,
        self_ns: time,
        share: time.map(|time| time / 1e6),
        self_share: time.map(|time| time / 1e6),
        probe_ns: 100.0,
    };
    let row = |name: &str, change, base, head, ratio: Option<f64>, note| FunctionComparison {
        name: name.to_owned(),
        qualname: name.to_owned(),
        path: "pkg/core.py".to_owned(),
        change: Some(change),
        base,
        head,
        estimate: ratio.map(|ratio| Estimate {
            point_estimate: ratio,
            standard_error: 0.01,
            confidence_interval: ConfidenceInterval {
                lower_bound: ratio * 0.97,
                upper_bound: ratio * 1.03,
                confidence_level: 0.99,
            },
        }),
        note,
    };
    vec![
        row(
            "Parser.parse",
            Change::Modified,
            Some(side(1.0, Some(900_000.0))),
            Some(side(1.0, Some(450_000.0))),
            Some(0.5),
            None,
        ),
        row(
            "Parser._scan",
            Change::Moved,
            Some(side(12_000.0, Some(31_000.0))),
            Some(side(0.5, Some(2_500.0))),
            Some(0.08),
            None,
        ),
        row(
            "Parser.peek",
            Change::Added,
            None,
            Some(side(2_000.0, None)),
            None,
            Some(ProfileNote::MostlyProbe),
        ),
        row(
            "Parser.tokens",
            Change::Modified,
            Some(side(3.0, None)),
            Some(side(3.0, None)),
            None,
            Some(ProfileNote::CallsOnly),
        ),
    ]
}

fn rendered(width: usize, color: bool, verbose: bool) -> String {
    render(
        &report(),
        Style {
            color,
            width,
            verbose,
        },
    )
}

#[test]
fn in_a_wide_terminal() {
    insta::assert_snapshot!(rendered(120, false, false));
}

#[test]
fn in_eighty_columns() {
    insta::assert_snapshot!(rendered(80, false, false));
}

#[test]
fn with_everything_shown() {
    insta::assert_snapshot!(rendered(120, false, true));
}

#[test]
fn colour_changes_no_word() {
    let stripped = |text: &str| -> String {
        let mut plain = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('\x1b') {
            plain.push_str(before);
            rest = after.split_once('m').map_or("", |(_, after)| after);
        }
        plain + rest
    };
    let colored = rendered(120, true, false);
    assert!(colored.contains('\x1b'));
    let lines = |text: &str| -> Vec<String> { text.lines().map(|line| line.trim_end().to_owned()).collect() };
    assert_eq!(lines(&stripped(&colored)), lines(&rendered(120, false, false)));
}

#[test]
fn a_report_is_read_back_as_it_was_written() {
    let report = report();
    let json = serde_json::to_string(&report).unwrap();
    // Not `assert_eq`, whose message would be all the samples twice.
    assert!(serde_json::from_str::<Report>(&json).unwrap() == report);
}
