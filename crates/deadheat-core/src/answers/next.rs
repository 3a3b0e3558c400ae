//! The steps that would follow where a loop stands.

use crate::model::{Action, NextStep};
use crate::records::{Baseline, History, Row, Source, StatusEffect, is_commit};
use crate::test_profile::{FunctionTimes, TestProfile};
use crate::text::short_commit;

/// The state of the user's checkout.
#[derive(Clone, Debug, Default)]
pub struct Checkout {
    /// The commit that is checked out.
    pub head: Option<String>,
    /// The first line of its message.
    pub subject: String,
    pub is_clean: bool,
    /// Whether a merge or a rebase has stopped half-way.
    pub is_merging: bool,
}

/// Returns the steps after `deadheat start`, the most useful one first.
pub fn next_after_start(is_clean: bool) -> Vec<NextStep> {
    if is_clean {
        return vec![NextStep::edit(
            Action::NextExperiment,
            "edit the code, and screen each edit with `deadheat micro`",
        )];
    }
    vec![
        NextStep::commit_first("the uncommitted changes are not in the baseline"),
        NextStep::command(
            Action::Start,
            &["deadheat", "start", "--replace"],
            "the loop then starts from that commit",
        ),
    ]
}

/// Returns the steps after `deadheat profile`, the most useful one first.
pub fn next_after_profile(profile: &TestProfile) -> Vec<NextStep> {
    /// The factor by which a limit is raised.
    const MORE: f64 = 3.0;
    let settings = &profile.settings;
    let again = |option: &str, seconds: f64| {
        let (base, head) = (&profile.revisions.base.commit, &profile.revisions.head);
        let seconds = (MORE * seconds).ceil().to_string();
        let mut words = vec!["deadheat", "profile", base];
        words.push(if head.dirty {
            "--working-tree"
        } else {
            &head.commit
        });
        words.extend([option, &seconds, "--"]);
        words.extend(settings.arguments.iter().map(String::as_str));
        words.into_iter().map(str::to_owned).collect()
    };
    let mut steps = Vec::new();
    let mut add = |action, argv, why: &str| steps.push(NextStep::new(action, argv, why));
    if profile.partial {
        let argv = again("--timeout", settings.timeout_seconds);
        add(
            Action::RaiseTimeout,
            argv,
            "the run was stopped before it was done",
        );
    }
    let slower = |function: &&FunctionTimes| function.is_different && function.own_difference_ns() > 0.0;
    if profile.counts.regressed > 0 {
        let why = match profile.functions.iter().find(slower) {
            Some(function) => format!("tests became slower, and so did {}", function.name),
            None => "tests became slower".to_owned(),
        };
        add(Action::FixRegression, Vec::new(), &why);
    }
    if let (1.., false, Some(seconds)) = (
        profile.counts.inconclusive,
        profile.partial,
        settings.budget_seconds,
    ) {
        add(
            Action::RaiseBudget,
            again("--budget", seconds),
            "more replicates would settle tests that are inconclusive",
        );
    }
    let why = "the durations of tests explain and do not decide; a benchmark would";
    add(Action::WriteBenchmark, Vec::new(), why);
    steps
}

/// Returns the steps of a loop that is under way, the most useful one first.
pub fn next_in_loop(
    history: &History<'_>,
    baseline: Option<&Baseline>,
    checkout: &Checkout,
) -> Vec<NextStep> {
    let (Some(baseline), Some(head)) = (baseline, checkout.head.as_deref()) else {
        return vec![NextStep::command(
            Action::Start,
            &["deadheat", "start"],
            "a loop starts from a baseline",
        )];
    };
    if checkout.is_merging {
        return vec![NextStep::edit(
            Action::FixSetup,
            "a merge or a rebase is not finished: finish it, or give it up",
        )];
    }
    let is_head = |commit: &str| commit == head || commit.len() >= 7 && head.starts_with(commit);
    let measured = |row: &&&Row| row.head.as_deref().is_some_and(is_head);
    let last = history.experiments.iter().rev().find(measured);
    let mut steps = Vec::new();
    match last {
        Some(row) if row.effect() == StatusEffect::Discarded => {
            let why = "HEAD is an experiment that was not kept";
            let good = history.last_kept().unwrap_or(&baseline.commit);
            // Behind it are commits that were kept.
            let base = row.base.as_deref().filter(|base| is_commit(Some(base), good));
            steps.push(match base.filter(|_| checkout.is_clean) {
                Some(base) => NextStep::command(Action::Reset, &["git", "reset", "--hard", base], why),
                None => NextStep::edit(
                    Action::Reset,
                    format!(
                        "{why}: put uncommitted work elsewhere, and go back to {}",
                        short_commit(good)
                    ),
                ),
            });
        }
        _ if !checkout.is_clean => {
            steps.push(NextStep::commit_first(
                "there are uncommitted changes, and only commits are compared",
            ));
        }
        None if !is_head(&baseline.commit) => {
            let record = ["deadheat", "compare", "--record", checkout.subject.as_str()];
            let why = format!("{} has not been compared yet", short_commit(head));
            steps.push(NextStep::command(Action::Record, &record, &why));
        }
        _ => {}
    }
    if !steps.is_empty() {
        return steps;
    }
    steps.push(NextStep::edit(
        Action::NextExperiment,
        "HEAD is measured: edit the code, and screen each edit with `deadheat micro`",
    ));
    let is_product = |source| source == Source::ProductOfSteps;
    if history
        .cumulative()
        .is_some_and(|total| is_product(total.source) && total.steps > 1)
    {
        let all = ["deadheat", "compare", "--baseline", "--record", "all of it"];
        let why = "the cumulative speedup is a product of steps, and would then be measured";
        steps.push(NextStep::command(Action::Record, &all, why));
    }
    if !history.experiments.is_empty() {
        let handoff = ["deadheat", "handoff"];
        steps.push(NextStep::command(
            Action::Handoff,
            &handoff,
            "it writes what was tried, for whoever goes on",
        ));
    }
    steps
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::records::Results;

    const HEADER: &str = "time\tbase\thead\tbenchmark\tspeedup\tverdict\tstatus\n";

    fn steps(rows: &str, head: &str, is_clean: bool) -> Vec<(Action, String)> {
        let results = Results::parse(format!("{HEADER}{rows}").as_bytes()).unwrap();
        let baseline = Baseline {
            commit: "a".repeat(40),
            date: None,
            branch: None,
        };
        let history = History::new(&results.rows, Some(&baseline));
        let checkout = Checkout {
            head: Some(head.repeat(40)),
            subject: "one pass".to_owned(),
            is_clean,
            is_merging: false,
        };
        let steps = next_in_loop(&history, Some(&baseline), &checkout);
        steps
            .into_iter()
            .map(|step| (step.action, step.argv.join(" ")))
            .collect()
    }

    fn row(base: &str, head: &str, speedup: f64, status: &str) -> String {
        let (base, head) = (base.repeat(40), head.repeat(40));
        format!("2026-01-02T00:00:00Z\t{base}\t{head}\t__total__\t{speedup}\timproved\t{status}\n")
    }

    #[test]
    fn a_loop_needs_a_baseline() {
        let checkout = Checkout {
            head: Some("a".to_owned()),
            ..Checkout::default()
        };
        let steps = next_in_loop(&History::new(&[], None), None, &checkout);
        assert_eq!(steps[0].argv, ["deadheat", "start"]);
    }

    #[test]
    fn the_next_step_depends_on_what_is_checked_out() {
        assert_eq!(steps("", "a", true)[0].0, Action::NextExperiment);
        assert_eq!(steps("", "a", false)[0].0, Action::CommitFirst);
        let record = (Action::Record, "deadheat compare --record one pass".to_owned());
        assert_eq!(steps("", "b", true), [record]);
        let kept = row("a", "b", 1.5, "keep");
        assert_eq!(steps(&kept, "b", true)[0].0, Action::NextExperiment);
        for status in ["discard", "checks_failed"] {
            let rows = format!("{kept}{}", row("b", "c", 0.9, status));
            let reset = format!("git reset --hard {}", "b".repeat(40));
            assert_eq!(steps(&rows, "c", true), [(Action::Reset, reset)]);
            // Nothing uncommitted is lost.
            assert_eq!(steps(&rows, "c", false), [(Action::Reset, String::new())]);
            // Nor is a commit that was kept.
            let whole = format!("{kept}{}", row("a", "c", 0.9, status));
            assert_eq!(steps(&whole, "c", true), [(Action::Reset, String::new())]);
        }
    }

    #[test]
    fn the_whole_is_measured_after_several_steps() {
        let rows = format!("{}{}", row("a", "b", 1.5, "keep"), row("b", "c", 1.2, "keep"));
        let actions: Vec<Action> = steps(&rows, "c", true)
            .into_iter()
            .map(|(action, _)| action)
            .collect();
        assert_eq!(actions, [Action::NextExperiment, Action::Record, Action::Handoff]);
        let whole = format!("{rows}{}", row("a", "c", 1.8, "keep"));
        assert_eq!(steps(&whole, "c", true).len(), 2);
    }
}
