//! The warnings of four parts, and those of the merged report.

use super::super::testing::*;
use super::*;
use crate::testing;

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
            "no benchmark was seen to run `g` (pkg/core.py)"
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
        let message = "in this part of the suite, no benchmark runs changed code";
        let warning = Warning::new(WarningCode::NoBenchmarkReaches, message, None);
        part.report.warnings.push(warning);
    }
    let report = merged(all);
    assert_eq!(codes(&report), [WarningCode::NoBenchmarkReaches]);
    assert_eq!(report.warnings[0].message, "no benchmark runs changed code");
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
    let empty = Warning::new(WarningCode::EmptyPart, "empty", None);
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
            "the benchmarks that may run the change, by part".to_owned()
        )
    );
    assert_eq!(
        selection([(reached, "1 of 2"); OF as usize]),
        (reached, "1 of 2".to_owned())
    );
}
