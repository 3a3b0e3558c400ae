//! Made-up runs of tests, compared.

use super::*;
use crate::judge::profile::ProfileSample;
use crate::protocol::FunctionSample;

fn run(node: &str, outcome: TestOutcome, milliseconds: f64) -> TestRun {
    TestRun {
        node: node.to_owned(),
        outcome,
        duration_ns: (milliseconds * 1e6) as u64,
        message: format!("{node} says why"),
    }
}

fn replicate(seed: u32, base: Vec<TestRun>, head: Vec<TestRun>) -> TestReplicate {
    TestReplicate {
        seed,
        order: Order::of_round(seed as usize),
        runs: PerSide::new(base, head),
        errors: PerSide::default(),
    }
}

#[test]
fn only_tests_that_pass_on_both_sides_in_all_replicates_are_compared() {
    use TestOutcome::{Failed, Passed, Skipped};
    let usual = |odd| {
        vec![
            run("a.py::good", Passed, 1.0),
            run("a.py::odd", odd, 1.0),
            run("a.py::bad", Failed, 1.0),
            run("a.py::not", Skipped, 1.0),
            run("a.py::gone", Passed, 1.0),
            run("lost.py::test", Passed, 1.0),
        ]
    };
    let head = |odd| {
        vec![
            run("a.py::good", Passed, 1.0),
            run("a.py::odd", odd, 1.0),
            run("a.py::bad", Passed, 1.0),
            run("a.py::not", Skipped, 1.0),
            run("a.py::new", Passed, 1.0),
        ]
    };
    let mut first = replicate(0, usual(Passed), head(Passed));
    first.errors.head.push(Uncollected {
        node: "lost.py".to_owned(),
        message: "E   ImportError".to_owned(),
    });
    let (both, missing) = sort_out(&[first, replicate(1, usual(Passed), head(Failed))]);
    assert_eq!(both, ["a.py::good"]);
    let rows: Vec<_> = missing
        .iter()
        .map(|row| (row.benchmark.as_str(), row.reason, row.side))
        .collect();
    assert_eq!(
        rows,
        [
            ("lost.py", MissingReason::Failed, Some(Side::Head)),
            ("a.py::odd", MissingReason::Failed, Some(Side::Head)),
            ("a.py::bad", MissingReason::Failed, Some(Side::Base)),
            ("a.py::not", MissingReason::Skipped, None),
            ("a.py::gone", MissingReason::OnlyBase, Some(Side::Base)),
            ("a.py::new", MissingReason::OnlyHead, Some(Side::Head)),
        ]
    );
}

#[test]
fn durations_have_verdicts_where_they_are_long_enough() {
    let side = |slow, wobble| {
        vec![
            run("short", TestOutcome::Passed, 0.2 * slow),
            run("changed", TestOutcome::Passed, 10.0 * slow + wobble),
            run("same", TestOutcome::Passed, 50.0 + wobble),
        ]
    };
    let replicates: Vec<TestReplicate> = (0..5)
        .map(|seed| replicate(seed, side(1.0, 0.0), side(3.0, f64::from(seed) / 1e3)))
        .collect();
    let (both, _) = sort_out(&replicates);
    let (tests, total) = compare_tests(&both, &replicates, Threshold::from_percent(2.0));
    let rows: Vec<_> = tests.iter().map(|row| (row.test.as_str(), row.verdict)).collect();
    assert_eq!(
        rows,
        [
            ("same", Some(Verdict::Unchanged)),
            ("changed", Some(Verdict::Regressed)),
            ("short", None)
        ]
    );
    assert_eq!(total.unwrap().base_ns, Some(60e6));
    assert_eq!(tests[2].estimate, None);
    assert_eq!(tests[2].replicates.len(), 5);
    let counts = count(&tests, &[]);
    assert_eq!((counts.regressed, counts.unchanged, counts.too_short), (1, 1, 1));
}

#[test]
fn functions_come_in_the_order_of_what_they_gained_or_lost() {
    let function = |qualname: &str| TargetFunction {
        path: "pkg/core.py".to_owned(),
        qualname: qualname.to_owned(),
        change: None,
        lines: (1, 1),
        detail: None,
        places: PerSide::default(),
        reached_by: Vec::new(),
    };
    let sample = |rows: &[(usize, f64)]| {
        let functions = rows.iter().map(|&(function, time)| FunctionSample {
            function,
            calls: 2,
            total_ns: Some(time * 2.0),
            total_probe_ns: 0.0,
            self_ns: Some(time),
            self_probe_ns: 0.0,
        });
        vec![ProfileSample {
            iterations: 1,
            length_ns: 1e6,
            unbalanced: 0,
            functions: functions.collect(),
        }]
    };
    let pair = |wobble: f64| {
        PerSide::new(
            sample(&[(0, 100.0), (1, 100.0 + wobble)]),
            sample(&[(0, 101.0 - wobble), (1, 300.0), (2, 50.0)]),
        )
    };
    let functions = [function("same"), function("slower"), function("new")];
    let rows = compare_functions(&functions, &[pair(0.0), pair(1.0), pair(2.0)]);
    let names: Vec<&str> = rows.iter().map(|row| row.name.as_str()).collect();
    assert_eq!(names, ["slower", "new", "same"]);
    assert_eq!(rows[0].base.unwrap().self_ns, 101.0);
    assert_eq!(rows[0].head.unwrap().total_ns, 600.0);
    let estimate = rows[0].self_estimate.unwrap();
    assert!((estimate.point_estimate - 2.97).abs() < 0.01);
    assert!(rows[0].is_different && !rows[2].is_different);
    assert_eq!((rows[1].base, rows[1].self_estimate), (None, None));
    assert!(rows[1].is_different);
}
