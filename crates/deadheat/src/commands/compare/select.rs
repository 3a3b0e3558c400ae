//! Selects the benchmarks to measure: those that run a changed function, unless that is unknown.

use std::collections::BTreeSet;

use deadheat_core::model::{
    Missing, MissingReason, Selection, SelectionRule, TargetFunction, Warning, WarningCode,
};

use crate::config::settings::CompareSettings;
use crate::passes::reach::Reach;
use crate::project::changes::Changes;

/// The largest number of names that a warning lists.
const MOST_NAMES: usize = 5;

/// The benchmarks to measure, and the messages about the rest.
#[derive(Debug, PartialEq)]
pub(crate) struct Selected {
    pub(crate) selection: Selection,
    pub(crate) benchmarks: Vec<String>,
    /// Those of them in whose timed part nothing differs, as far as is known, so that a move of their numbers has another
    /// cause than the change.
    pub(crate) controls: BTreeSet<String>,
    pub(crate) missing: Vec<Missing>,
    pub(crate) warnings: Vec<Warning>,
}

/// Whether the change leaves nothing to measure.
pub(crate) fn is_nothing_changed(
    settings: &CompareSettings,
    differences: &Changes,
    targets: &[TargetFunction],
) -> bool {
    let is_equal = differences.unattributed.is_empty()
        && differences.in_benchmarks.is_empty()
        && differences.outside.is_empty()
        && targets.is_empty();
    is_equal && !settings.all
}

/// The benchmarks that a run may measure.
#[derive(Clone, Debug)]
pub(crate) struct Candidates {
    pub(crate) ids: Vec<String>,
    /// Whether the suite has others, which were deselected.
    pub(crate) some_deselected: bool,
}

impl Candidates {
    /// Returns the noun for one of them.
    fn noun(&self) -> &'static str {
        if self.some_deselected {
            "selected benchmark"
        } else {
            "benchmark"
        }
    }
}

/// Selects the benchmarks. `targets` already list the benchmarks that run them; `reach` is `None` if there
/// was nothing to look for.
pub(crate) fn select(
    settings: &CompareSettings,
    differences: &Changes,
    targets: &[TargetFunction],
    reach: Option<&Reach>,
    candidates: Candidates,
) -> Selected {
    let noun = candidates.noun();
    let benchmarks = candidates.ids;
    let mut warnings = Vec::new();
    let watched = reach.filter(|reach| reach.problem.is_none());
    if let Some(reach) = watched {
        let all_ran = benchmarks.iter().all(|benchmark| reach.ran.contains(benchmark));
        let verb = match reach.start_processes.is_empty() && all_ran {
            true => "runs",
            false => "is seen to run",
        };
        warnings.extend(functions_not_reached(targets, &format!("no {noun} {verb}")));
    }
    let is_all_known = settings.functions.is_none() && differences.first_unattributed().is_none();
    let controls: BTreeSet<String> = match watched {
        Some(reach) if is_all_known => benchmarks
            .iter()
            .filter(|benchmark| reach.untouched.contains(*benchmark))
            .cloned()
            .collect(),
        _ => BTreeSet::new(),
    };
    let reason = match deciding_reach(settings, differences, reach, noun) {
        Ok(reach) => return of_reached(reach, benchmarks, &controls, warnings, noun),
        Err(reason) => reason,
    };
    Selected {
        selection: Selection {
            rule: SelectionRule::All,
            reason,
        },
        benchmarks,
        controls,
        missing: Vec::new(),
        warnings,
    }
}

/// Returns the reach that the selection goes by, or else the reason for measuring every benchmark.
fn deciding_reach<'a>(
    settings: &CompareSettings,
    differences: &Changes,
    reach: Option<&'a Reach>,
    noun: &str,
) -> Result<&'a Reach, String> {
    if settings.all {
        return Err(format!("every {noun}, as asked (--all)"));
    }
    if settings.functions.is_none()
        && let Some(first) = differences.first_unattributed()
    {
        return Err(format!("every {noun}: {first}"));
    }
    let unchanged = || format!("every {noun}: no function changed, which says nothing about memory");
    let reach = reach.ok_or_else(unchanged)?;
    match &reach.problem {
        None => Ok(reach),
        Some(why) => Err(format!(
            "every {noun}: deadheat cannot see which of them run the change ({why})"
        )),
    }
}

/// Selects the benchmarks that may run a changed function.
fn of_reached(
    reach: &Reach,
    benchmarks: Vec<String>,
    controls: &BTreeSet<String>,
    mut warnings: Vec<Warning>,
    noun: &str,
) -> Selected {
    let (not_reached, reached): (Vec<String>, Vec<String>) = benchmarks
        .into_iter()
        .partition(|benchmark| reach.not_reached.contains(benchmark));
    let all = reached.len() + not_reached.len();
    let processes = reached
        .iter()
        .filter(|benchmark| reach.start_processes.contains(*benchmark))
        .count();
    let mut reason = match not_reached.len() {
        0 => format!("every {noun}, because each may run the change"),
        _ => format!(
            "{} of {all} {noun}s, those that may run the change",
            reached.len()
        ),
    };
    if processes > 0 {
        reason.push_str(&format!(
            " ({processes} of them because they start other processes, whose calls cannot be seen)"
        ));
    }
    if reached.is_empty() {
        warnings.push(Warning::new(
            WarningCode::NoBenchmarkReaches,
            format!("no {noun} runs changed code"),
            Some("--all measures them anyway; a benchmark that calls the changed code would tell more"),
        ));
    }
    Selected {
        selection: Selection {
            rule: SelectionRule::Reached,
            reason,
        },
        controls: controls
            .iter()
            .filter(|control| reached.contains(control))
            .cloned()
            .collect(),
        benchmarks: reached,
        missing: not_reached
            .into_iter()
            .map(|benchmark| Missing {
                benchmark,
                side: None,
                reason: MissingReason::NotReached,
                message: "it runs no changed function on either side".to_owned(),
            })
            .collect(),
        warnings,
    }
}

/// Returns one warning for all changed functions that no benchmark runs; its sentence begins with
/// `nobody_runs`.
fn functions_not_reached(targets: &[TargetFunction], nobody_runs: &str) -> Option<Warning> {
    let missed: Vec<&TargetFunction> = targets
        .iter()
        .filter(|target| target.reached_by.is_empty())
        .collect();
    if missed.is_empty() {
        return None;
    }
    let names: Vec<String> = missed
        .iter()
        .take(MOST_NAMES)
        .map(|target| format!("`{}` ({})", target.qualname, target.path))
        .collect();
    let more = match missed.len().saturating_sub(MOST_NAMES) {
        0 => String::new(),
        count => format!(", and {count} more"),
    };
    Some(Warning::new(
        WarningCode::FunctionNotReached,
        format!("{nobody_runs} {}{more}", names.join(", ")),
        Some("the numbers say nothing about these functions"),
    ))
}

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};

    use clap::Parser;
    use deadheat_core::model::PerSide;
    use deadheat_core::source::Unattributed;

    use super::*;
    use crate::cli::args::{Args, CommandArgs};
    use crate::cli::options::CompareOptions;
    use crate::config::Config;

    fn settings(arguments: &[&str]) -> CompareSettings {
        let words = ["deadheat", "compare"].iter().chain(arguments);
        let CommandArgs::Compare(args) = Args::parse_from(words).command else {
            panic!("it is `compare`");
        };
        let options = CompareOptions::new(*args, PathBuf::new()).unwrap();
        CompareSettings::merge(&options, None, &Config::default(), Path::new("")).unwrap()
    }

    fn target(qualname: &str, reached_by: &[&str]) -> TargetFunction {
        TargetFunction {
            path: "a.py".to_owned(),
            qualname: qualname.to_owned(),
            change: None,
            lines: (1, 2),
            detail: None,
            places: PerSide::default(),
            reached_by: names(reached_by),
        }
    }

    fn names<C: FromIterator<String>>(names: &[&str]) -> C {
        names.iter().map(|&name| name.to_owned()).collect()
    }

    /// Returns a change with unknown consequences.
    fn unattributed() -> Changes {
        Changes {
            unattributed: vec![Unattributed {
                path: "data.txt".to_owned(),
                what: "differs".to_owned(),
            }],
            ..Changes::default()
        }
    }

    /// Returns findings by which `a` and `b` run the change, `b` before it is timed, and `c` does not.
    fn reach() -> Reach {
        let mut reach = Reach::default();
        reach.ran = names(&["a", "b", "c"]);
        reach.not_reached = names(&["c"]);
        reach.untouched = names(&["b", "c"]);
        reach
    }

    fn candidates(ids: &[&str]) -> Candidates {
        Candidates {
            ids: names(ids),
            some_deselected: false,
        }
    }

    fn selected(arguments: &[&str], differences: &Changes, reach: Option<&Reach>) -> Selected {
        let targets = [target("f", &["a", "b"])];
        select(
            &settings(arguments),
            differences,
            &targets,
            reach,
            candidates(&["a", "b", "c"]),
        )
    }

    #[test]
    fn nothing_runs_where_nothing_changed_and_nobody_asked_for_all() {
        let (function, nothing) = ([target("f", &[])], Changes::default());
        let in_benchmarks = Changes {
            in_benchmarks: function.to_vec(),
            ..Changes::default()
        };
        for (arguments, differences, targets, is_nothing) in [
            (&[][..], &nothing, &[][..], true),
            (&["--all"], &nothing, &[], false),
            (&[], &unattributed(), &[], false),
            (&[], &in_benchmarks, &[], false),
            (&[], &nothing, &function, false),
        ] {
            assert_eq!(
                is_nothing_changed(&settings(arguments), differences, targets),
                is_nothing,
                "{arguments:?} {differences:?} {targets:?}"
            );
        }
    }

    #[test]
    fn what_runs_a_changed_function_is_measured_and_the_rest_is_missing() {
        let found = selected(&[], &Changes::default(), Some(&reach()));
        assert_eq!(
            found,
            Selected {
                selection: Selection {
                    rule: SelectionRule::Reached,
                    reason: "2 of 3 benchmarks, those that may run the change".to_owned(),
                },
                benchmarks: names(&["a", "b"]),
                controls: names(&["b"]),
                missing: vec![Missing {
                    benchmark: "c".to_owned(),
                    side: None,
                    reason: MissingReason::NotReached,
                    message: "it runs no changed function on either side".to_owned(),
                }],
                warnings: Vec::new(),
            }
        );
    }

    #[test]
    fn where_each_may_run_what_changed_all_are_measured() {
        let mut everywhere = reach();
        everywhere.not_reached.clear();
        everywhere.start_processes = names(&["c"]);
        let found = selected(&[], &Changes::default(), Some(&everywhere));
        assert_eq!(found.selection.rule, SelectionRule::Reached);
        assert_eq!(
            found.selection.reason,
            "every benchmark, because each may run the change (1 of them because they start other processes, \
             whose calls cannot be seen)"
        );
        assert_eq!(found.benchmarks, ["a", "b", "c"]);
        assert_eq!(found.missing, []);
    }

    #[test]
    fn what_cannot_be_told_of_a_change_is_measured_everywhere() {
        let mut blind = reach();
        blind.problem = Some("no monitoring".to_owned());
        let (unknown, known, reach) = (unattributed(), Changes::default(), reach());
        for (arguments, differences, reach, reason) in [
            (
                &["--all"][..],
                &known,
                Some(&reach),
                "every benchmark, as asked (--all)",
            ),
            (&[], &unknown, Some(&reach), "every benchmark: `data.txt` differs"),
            (
                &[],
                &known,
                Some(&blind),
                "every benchmark: deadheat cannot see which of them run the change (no monitoring)",
            ),
            (
                &[],
                &known,
                None,
                "every benchmark: no function changed, which says nothing about memory",
            ),
        ] {
            let found = selected(arguments, differences, reach);
            assert_eq!(found.selection.rule, SelectionRule::All, "{reason}");
            assert_eq!(found.selection.reason, reason);
            assert_eq!(found.benchmarks, ["a", "b", "c"], "{reason}");
            assert_eq!(found.missing, [], "{reason}");
        }
    }

    #[test]
    fn controls_are_only_where_every_change_is_known() {
        let controls = |arguments: &[&str], differences: &Changes, reach: &Reach| {
            let found = selected(arguments, differences, Some(reach));
            found.controls.into_iter().collect::<Vec<_>>()
        };
        let (known, unknown) = (Changes::default(), unattributed());
        assert_eq!(controls(&["--all"], &known, &reach()), ["b", "c"]);
        assert_eq!(controls(&["--all"], &unknown, &reach()), [""; 0]);
        // Other changes may affect the benchmarks that do not run the named functions.
        assert_eq!(controls(&["--functions", "f"], &known, &reach()), [""; 0]);
        let mut blind = reach();
        blind.problem = Some("no monitoring".to_owned());
        assert_eq!(controls(&[], &known, &blind), [""; 0]);
    }

    #[test]
    fn nothing_is_said_of_benchmarks_that_were_deselected() {
        let some = Candidates {
            some_deselected: true,
            ..candidates(&["a"])
        };
        let mut nowhere = reach();
        nowhere.not_reached = names(&["a"]);
        let targets = [target("f", &[])];
        let known = Changes::default();
        let found = select(&settings(&[]), &known, &targets, Some(&nowhere), some.clone());
        assert_eq!(found.warnings[0].message, "no selected benchmark runs `f` (a.py)");
        assert_eq!(
            found.warnings[1].message,
            "no selected benchmark runs changed code"
        );
        let found = select(&settings(&["--all"]), &known, &targets, Some(&nowhere), some);
        assert_eq!(
            found.selection.reason,
            "every selected benchmark, as asked (--all)"
        );
    }

    #[test]
    fn named_functions_select_whatever_else_changed() {
        let found = selected(&["--functions", "f"], &unattributed(), Some(&reach()));
        assert_eq!(found.selection.rule, SelectionRule::Reached);
        assert_eq!(found.benchmarks, ["a", "b"]);
    }

    #[test]
    fn what_no_benchmark_runs_is_said() {
        let said = |targets: &[TargetFunction], reach: &Reach| -> Vec<String> {
            let known = Changes::default();
            let found = select(&settings(&[]), &known, targets, Some(reach), candidates(&["a"]));
            found
                .warnings
                .into_iter()
                .map(|warning| warning.message)
                .collect()
        };
        let all_run = [target("f", &["a"])];
        assert_eq!(said(&all_run, &reach()), [""; 0]);
        let many: Vec<TargetFunction> = (0..7).map(|number| target(&format!("f{number}"), &[])).collect();
        let mut nowhere = reach();
        nowhere.not_reached = names(&["a"]);
        assert_eq!(
            said(&many[..6], &nowhere),
            [
                "no benchmark runs `f0` (a.py), `f1` (a.py), `f2` (a.py), `f3` (a.py), `f4` (a.py), and 1 more",
                "no benchmark runs changed code"
            ]
        );
        let mut failing = reach();
        failing.ran = names(&["b", "c"]);
        assert_eq!(
            said(&many[..1], &failing)[0],
            "no benchmark is seen to run `f0` (a.py)"
        );
        let mut hidden = reach();
        hidden.start_processes = names(&["a"]);
        assert_eq!(
            said(&[all_run[0].clone(), many[0].clone()], &hidden),
            ["no benchmark is seen to run `f0` (a.py)"]
        );
    }
}
