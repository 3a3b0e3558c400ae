//! Reports that are not parts of one whole.

use super::super::testing::*;
use super::*;
use crate::model::{MergedPart, Plan};

type Change = fn(&mut Report);

/// Checks that the second part is refused after each of these changes, in these words.
fn check_refused<const COUNT: usize>(changes: [(Change, &str); COUNT]) {
    for (change, words) in changes {
        let mut all = parts();
        change(&mut all[1].report);
        let message = refusal(all);
        assert!(message.starts_with(words), "{message}");
    }
}

#[test]
fn only_sound_parts_are_put_together() {
    check_refused([
        (
            |report| report.tool_version = "1".to_owned(),
            "2.json was written by deadheat 1, and this is 0",
        ),
        (
            |report| report.settings.part = None,
            "2.json is not a part of a suite",
        ),
        (
            |report| report.settings.part = Some(Part { number: 5, of: 4 }),
            "2.json is damaged: there is no part 5/4",
        ),
        (
            |report| {
                report.parts.push(MergedPart {
                    part: Part { number: 2, of: 4 },
                    benchmarks: 1,
                    partial: false,
                    machine: report.machine.clone(),
                    python: None,
                });
            },
            "2.json is already a merged report",
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
            |report| {
                let again = report.comparisons[0].clone();
                report.comparisons.push(again);
            },
            "2.json contains bench/test_a.py::test_",
        ),
        (
            |report| report.comparisons[0].replicates[0].rounds.clear(),
            "2.json is damaged: it contains impossible measurements",
        ),
    ]);
    let foreign = part(1).report.comparisons.remove(0);
    let mut all = parts();
    all[1].report.comparisons.push(foreign);
    assert!(refusal(all).contains("which belongs to part 1/4"));
    assert!(refusal(Vec::new()).contains("nothing to merge"));
}

#[test]
fn only_parts_of_one_whole_are_put_together() {
    check_refused([
        (
            |report| report.settings.part = Some(Part { number: 2, of: 5 }),
            "1.json and 2.json are parts 1/4 and 2/5",
        ),
        (
            |report| report.settings.part = Some(Part { number: 1, of: 4 }),
            "1.json and 2.json are both part 1/4",
        ),
        (
            |report| report.revisions.head.commit = "other".to_owned(),
            "1.json and 2.json compare different commits",
        ),
        (
            |report| report.settings.keyword = Some("x".to_owned()),
            "1.json and 2.json were measured with different values of `keyword`",
        ),
        (
            |report| report.seed = 2,
            "1.json and 2.json were measured with different seeds (--seed)",
        ),
        (
            |report| report.suite.swap(0, 1),
            "1.json and 2.json collected different suites: the order differs",
        ),
    ]);
}

#[test]
fn parts_of_different_cuts_are_not_put_together() {
    let balanced = balanced_parts();
    for mixture in [[part(1), balanced[1].clone()], [balanced[0].clone(), part(2)]] {
        let message = refusal(mixture.to_vec());
        let words = "1.json and 2.json were measured with different values of `balance`";
        assert!(message.starts_with(words), "{message}");
    }
    let changes: [(Change, &str); 3] = [
        (
            |report| report.settings.balance.as_mut().unwrap().digest = "other".to_owned(),
            "1.json and 2.json were measured with different values of `balance`",
        ),
        (
            |report| report.suite_parts.swap(0, 4),
            "1.json and 2.json were cut differently",
        ),
        (
            |report| report.suite_parts[0] = 5,
            "2.json is damaged: not every benchmark is in a part",
        ),
    ];
    for (change, words) in changes {
        let mut all = balanced.clone();
        change(&mut all[1].report);
        let message = refusal(all);
        assert!(message.starts_with(words), "{message}");
    }
    let foreign = balanced[0].report.comparisons[0].clone();
    let mut all = balanced;
    all[1].report.comparisons.push(foreign);
    assert!(refusal(all).contains("which belongs to part 1/4"));
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
    assert!(parts_of_one_whole(all.clone(), "0").is_ok());
    all[1].report.python = python("3.13.0");
    assert!(refusal(all).contains("with different versions of Python"));
}
