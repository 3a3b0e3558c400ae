//! The steps that would follow a detection.

use deadheat_core::answers::Fallback;
use deadheat_core::model::{Action, NextStep};

use crate::commands::detect::checks::Found;

/// The checks that a benchmark, once written, would answer with yes.
const OF_BENCHMARKS: [&str; 2] = ["benchmarks-root", "benchmarks"];

/// Returns the steps, the most useful one first. `is_loop`: the loop has a baseline.
pub(super) fn next_steps(found: &Found, fallbacks: &[Fallback], is_loop: bool) -> Vec<NextStep> {
    let Some(reason) = &found.reason else {
        if let Some(root) = &found.uncommitted_root {
            let root = format!(":/{root}");
            return vec![
                NextStep::command(
                    Action::CommitFirst,
                    &["git", "add", "--", &root],
                    "only commits are compared, and none has the benchmarks yet",
                ),
                NextStep::command(
                    Action::CommitFirst,
                    &["git", "commit", "--message", "benchmarks", "--", &root],
                    "a commit of their own",
                ),
            ];
        }
        return vec![match is_loop {
            true => NextStep::edit(
                Action::NextExperiment,
                "the loop has a baseline: `deadheat status` shows it",
            ),
            false => NextStep::command(
                Action::Start,
                &["deadheat", "start"],
                "benchmarks can be compared here",
            ),
        }];
    };
    let mut steps = Vec::new();
    let first = found.checks.iter().find(|check| !check.ok);
    if let Some(check) = first {
        let action = match OF_BENCHMARKS.contains(&check.check) {
            true => Action::WriteBenchmark,
            false => Action::FixSetup,
        };
        let why = check.hint.as_deref().unwrap_or(&check.detail);
        steps.push(NextStep::edit(action, format!("{reason}: {why}")));
    }
    let applies = |name: &str| {
        fallbacks
            .iter()
            .any(|fallback| fallback.name == name && fallback.applies)
    };
    if applies("profile") {
        let why = "it compares the ordinary tests of HEAD with those of the commit before";
        steps.push(NextStep::command(
            Action::Measure,
            &["deadheat", "profile", "HEAD^", "HEAD"],
            why,
        ));
    }
    steps
}
