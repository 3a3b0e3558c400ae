//! One fixed report, split into four parts and merged again.

use std::collections::BTreeSet;

use super::testing::*;
use super::*;
use crate::model::{Confirmation, Gate, Machine, OpenReason, SelectionRule, Side, Verdict, Warning, part_of};

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
        assert_eq!(row.part.take(), Some(part_of(&row.benchmark, OF)));
        row.to_settle = None;
    }
    let mut expected = whole.comparisons;
    for row in &mut expected {
        row.to_settle = None;
    }
    assert_eq!(merged.comparisons, expected);
    assert!(!merged.partial);
    assert_eq!(merged.settings.part, None);
    assert_eq!(codes(&merged), []);
}

#[test]
fn balanced_parts_are_the_same_whole() {
    let mut report = merged(balanced_parts());
    for (number, row) in report.comparisons.iter_mut().enumerate() {
        assert_eq!(row.part.take(), Some(NUMBERS[number]));
    }
    let whole = whole();
    assert_eq!(report.comparisons, whole.comparisons);
    assert_eq!(report.summary.total, whole.summary.total);
    assert_eq!((&report.settings.balance, report.suite_parts.len()), (&None, 0));
    // Each lacking benchmark is said to be in the part that the cut put it into.
    let report = merged(balanced_parts()[..3].to_vec());
    let lacking = report
        .missing
        .iter()
        .filter(|row| row.reason == MissingReason::Unfinished);
    let lacking: Vec<(&str, &str)> = lacking
        .map(|row| (row.benchmark.as_str(), row.message.as_str()))
        .collect();
    let ids = [id(6), id(11)];
    let why = "part 4/4 is not among the merged reports";
    assert_eq!(lacking, ids.each_ref().map(|id| (id.as_str(), why)));
    let said = "part 4/4 is missing: 2 of 12 benchmarks are not in this report";
    assert_eq!(report.warnings[0].message, said);
}

#[test]
fn a_row_that_is_clear_in_its_part_may_be_open_in_the_suite() {
    let of_part = |row: &&Comparison| row.benchmark == id(DOUBTFUL);
    let report = part(part_of(&id(DOUBTFUL), OF)).report;
    let row = report.comparisons.iter().find(of_part).unwrap();
    assert_eq!((row.verdict, row.reason), (Verdict::Regressed, None));
    let mut report = merged(parts());
    let row = report.comparisons.iter().find(of_part).unwrap();
    assert_eq!(
        (row.verdict, row.reason),
        (Verdict::Inconclusive, Some(OpenReason::NotAfterCorrection))
    );
    report.settings.fail_on = vec![Gate::Regression { percent: None }];
    assert_eq!(crate::judge::gate::failure(&report), None);
}

#[test]
fn each_row_keeps_its_machine() {
    let report = merged(parts());
    let machines: Vec<Option<&str>> = report
        .parts
        .iter()
        .map(|part| part.machine.processor.as_deref())
        .collect();
    assert_eq!(
        machines,
        ["processor 1", "processor 2", "processor 3", "processor 4"].map(Some)
    );
    let counts: usize = report.parts.iter().map(|part| part.benchmarks).sum();
    assert_eq!(counts, BENCHMARKS as usize);
}

#[test]
fn the_machines_of_parts_are_those_of_the_whole() {
    let machine = |name: &str, processor: &str, kind| MeasuringMachine {
        name: name.to_owned(),
        machine: Machine {
            processor: Some(processor.to_owned()),
            ..whole().machine
        },
        python: PerSide::default(),
        kind,
        replicates: 4,
        outlier: None,
    };
    let mut all = parts();
    all.truncate(2);
    // The second part met the same machines in another order, and one more.
    all[0].report.machines = vec![machine("a", "EPYC", 0), machine("b", "Xeon", 1)];
    all[1].report.machines = vec![
        machine("c", "Xeon", 0),
        machine("a", "EPYC", 1),
        machine("b", "Xeon", 0),
    ];
    for (part, other, slow) in [(0, 1, 0), (1, 2, 1)] {
        for row in &mut all[part].report.comparisons {
            for (index, replicate) in row.replicates.iter_mut().enumerate() {
                replicate.machine = Some(if index % 2 == 0 { slow } else { other });
                if index % 2 == 0 {
                    replicate.rounds[0].head.elapsed_ns *= 2;
                }
            }
        }
    }
    let merged = merged(all);
    let machines: Vec<(&str, u32, usize)> = merged
        .machines
        .iter()
        .map(|machine| (machine.name.as_str(), machine.kind, machine.replicates))
        .collect();
    assert_eq!(machines, [("a", 0, 8), ("b", 1, 8), ("c", 1, 4)]);
    for row in &merged.comparisons {
        let kinds: Vec<f64> = row
            .by_kind
            .iter()
            .map(|kind| kind.estimate.point_estimate)
            .collect();
        let [epyc, xeon] = kinds.as_slice() else {
            panic!("{kinds:?}");
        };
        assert!(
            (1.9..2.2).contains(epyc) && (0.9..1.1).contains(xeon),
            "{kinds:?}"
        );
    }
    let disagree = codes(&merged)
        .into_iter()
        .filter(|code| *code == WarningCode::MachinesDisagree);
    assert_eq!(disagree.count(), merged.comparisons.len());
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
        let number = part_of(&row.benchmark, OF);
        assert_eq!(
            row.message,
            format!("part {number}/4 is not among the merged reports")
        );
    }
    assert_eq!(codes(&report), [WarningCode::MissingParts]);
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
fn what_was_not_confirmed_does_not_come_back() {
    let mut all = parts();
    let slower: Vec<u64> = (0..8).map(|seed| 150_000 + 10 * seed).collect();
    let row = &mut all[0].report.comparisons[0];
    for (replicate, elapsed_ns) in row.replicates.iter_mut().zip(slower) {
        replicate.rounds[0].base.elapsed_ns = 100_000;
        replicate.rounds[0].head.elapsed_ns = elapsed_ns;
    }
    let (benchmark, estimate) = (row.benchmark.clone(), row.estimate);
    (row.verdict, row.reason) = (Verdict::Inconclusive, Some(OpenReason::NotConfirmed));
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
        (Verdict::Inconclusive, Some(OpenReason::NotConfirmed))
    );
    all[0].report.comparisons[0].confirmation = None;
    assert_eq!(verdict(all), (Verdict::Regressed, None));
}
