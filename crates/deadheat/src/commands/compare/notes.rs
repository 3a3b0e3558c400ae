//! The notes and doubts of a comparison that belong to no single step.

use std::time::Duration;

use deadheat_core::model::{Revision, TargetFunction, WarningCode};
use deadheat_core::text::counted;

use crate::commands::common::context::CompareContext;
use crate::commands::common::findings::Findings;
use crate::events::Events;
use crate::git::Git;
use crate::project::changes::Changes;
use crate::project::layout::ProjectLayout;

/// Mentions uncommitted changes if head is the commit that is checked out.
pub(super) fn note_uncommitted(git: &Git, head: &Revision, project: &ProjectLayout, events: &dyn Events) {
    if head.dirty || !git.is_checked_out(&head.commit) {
        return;
    }
    let mut changed = git.uncommitted_paths().unwrap_or_default();
    changed.retain(|path| project.is_code(path) || project.is_shared(path));
    let words = match changed.len() {
        0 => return,
        1 => "1 file is changed and not committed, and is not measured".to_owned(),
        count => format!("{count} files are changed and not committed, and are not measured"),
    };
    let hint = "--working-tree measures the uncommitted state";
    events.doubt(WarningCode::Uncommitted, &words, Some(hint));
}

/// Warns of globs in the configuration that match none of the suite's benchmarks, if the whole suite is
/// known.
pub(super) fn warn_of_unused_thresholds(
    run: &CompareContext<'_>,
    benchmarks: &[String],
    findings: &Findings,
) {
    let is_selected = run.settings.keyword.is_some() || !run.settings.tests.is_empty();
    if is_selected || findings.missing.iter().any(|row| !row.benchmark.contains("::")) {
        return;
    }
    let missing = findings.missing.iter().map(|row| row.benchmark.as_str());
    let known = benchmarks.iter().map(String::as_str).chain(missing);
    for glob in run.settings.thresholds().unused(known) {
        run.context.listener.doubt(
            WarningCode::ThresholdUnused,
            &format!("[tool.deadheat.thresholds]: \"{glob}\" names no benchmark"),
            Some(
                "a glob matches whole ids, including the file: \"*::test_parse*\"; `*` and `?` are its only \
                 wildcards",
            ),
        );
    }
}

pub(super) fn found(targets: &[TargetFunction], differences: &Changes) -> String {
    match (targets.len(), differences.first_unattributed()) {
        (0, None) => "no function changed".to_owned(),
        (0, Some(other)) => format!("no function changed, but {other}"),
        (count, _) => counted(count, "changed function"),
    }
}

/// A run may take this many times its budget before it explains why.
const UNEXPLAINED: f64 = 1.25;

/// Explains where the time went in a run that took much longer than its budget, which covers only the measuring.
pub(super) fn took(
    budget_seconds: f64,
    preparing: Duration,
    measuring: Duration,
    all: Duration,
) -> Option<String> {
    if all.as_secs_f64() <= budget_seconds * UNEXPLAINED {
        return None;
    }
    let after = all.saturating_sub(preparing + measuring);
    let [all, preparing, measuring, after] =
        [all, preparing, measuring, after].map(|time| format!("{:.0} s", time.as_secs_f64()));
    Some(format!(
        "took {all}: {preparing} before measuring, {measuring} to measure (budget {budget_seconds:.0} s), \
         {after} afterwards, such as for the breakdown by function"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_that_took_longer_than_its_budget_says_why() {
        let took = |all| {
            let seconds = Duration::from_secs;
            took(60.0, seconds(15), seconds(58), seconds(all))
        };
        assert_eq!(took(75), None);
        assert_eq!(
            took(95).as_deref(),
            Some(
                "took 95 s: 15 s before measuring, 58 s to measure (budget 60 s), 22 s afterwards, such as \
                 for the breakdown by function"
            )
        );
    }
}
