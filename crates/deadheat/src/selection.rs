//! Which benchmarks are measured: those that run a changed function, unless that cannot be told.

use std::collections::BTreeSet;

use deadheat_core::model::{Missing, MissingReason, TargetFunction, Warning, WarningCode};
use deadheat_core::report::{Selection, SelectionRule};

use crate::changes::Differences;
use crate::options::CompareOptions;
use crate::reach::Reach;

/// How many names a warning lists.
const MOST_NAMES: usize = 5;

/// What is measured, and what is said of the rest.
#[derive(Debug, PartialEq)]
pub(crate) struct Selected {
    pub(crate) selection: Selection,
    pub(crate) benchmarks: Vec<String>,
    /// Of them, those in whose timed part nothing differs, as far as anybody knows: what their numbers do is not the change's doing.
    pub(crate) controls: BTreeSet<String>,
    pub(crate) missing: Vec<Missing>,
    pub(crate) warnings: Vec<Warning>,
}

/// Whether there is no reason to run anything.
pub(crate) fn is_nothing_changed(
    options: &CompareOptions,
    differences: &Differences,
    targets: &[TargetFunction],
) -> bool {
    let is_equal =
        differences.unattributed.is_empty() && differences.in_benchmarks.is_empty() && targets.is_empty();
    is_equal && !options.all
}

/// `targets` say already which benchmarks run them; `reach` is `None` where nothing could be looked for.
pub(crate) fn select(
    options: &CompareOptions,
    differences: &Differences,
    targets: &[TargetFunction],
    reach: Option<&Reach>,
    benchmarks: Vec<String>,
) -> Selected {
    let mut warnings = Vec::new();
    let watched = reach.filter(|reach| reach.problem.is_none());
    if let Some(reach) = watched {
        warnings.extend(functions_not_reached(targets, reach));
    }
    let is_all_known = options.functions.is_none() && differences.first_unattributed().is_none();
    let controls: BTreeSet<String> = match watched {
        Some(reach) if is_all_known => benchmarks
            .iter()
            .filter(|benchmark| reach.untouched.contains(*benchmark))
            .cloned()
            .collect(),
        _ => BTreeSet::new(),
    };
    let everything = |reason: String, warnings| Selected {
        selection: Selection {
            rule: SelectionRule::All,
            reason,
        },
        benchmarks: benchmarks.clone(),
        controls: controls.clone(),
        missing: Vec::new(),
        warnings,
    };
    if options.all {
        return everything("every benchmark, as asked (--all)".to_owned(), warnings);
    }
    if options.functions.is_none()
        && let Some(first) = differences.first_unattributed()
    {
        return everything(format!("every benchmark: {first}"), warnings);
    }
    let Some(reach) = watched else {
        let reason = match reach.and_then(|reach| reach.problem.as_deref()) {
            Some(why) => {
                format!("every benchmark: which of them run what changed cannot be seen ({why})")
            }
            None => "every benchmark: no function changed, which says nothing of memory".to_owned(),
        };
        return everything(reason, warnings);
    };
    let (not_reached, reached): (Vec<String>, Vec<String>) = benchmarks
        .into_iter()
        .partition(|benchmark| reach.not_reached.contains(benchmark));
    let all = reached.len() + not_reached.len();
    let processes = reached
        .iter()
        .filter(|benchmark| reach.start_processes.contains(*benchmark))
        .count();
    let mut reason = match not_reached.len() {
        0 => "every benchmark, because each may run what changed".to_owned(),
        _ => format!(
            "{} of {all} benchmarks, those that may run what changed",
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
            "no benchmark runs anything that changed",
            Some("--all measures them all the same; a benchmark that calls the changed code would tell more"),
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

/// One warning for all changed functions that no benchmark runs.
fn functions_not_reached(targets: &[TargetFunction], reach: &Reach) -> Option<Warning> {
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
    let verb = if reach.start_processes.is_empty() {
        "runs"
    } else {
        "is seen to run"
    };
    Some(Warning::new(
        WarningCode::FunctionNotReached,
        format!("no benchmark {verb} {}{more}", names.join(", ")),
        Some("what these functions take is not in the numbers"),
    ))
}
