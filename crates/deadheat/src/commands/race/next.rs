//! The steps that would follow a race.

use deadheat_core::model::{Action, Environments, NextStep};
use deadheat_core::output::OutputCheck;
use deadheat_core::race::{RaceCandidate, RaceReport, RaceStatus, RaceVerdict};

use crate::cli::options::CompareOptions;
use crate::git::Git;

/// The factor by which a race that was open at its end gets more time.
const LONGER: f64 = 3.0;

/// Returns the steps, the most useful one first.
pub(super) fn next_steps(
    report: &RaceReport,
    git: &Git,
    refs: &[String],
    options: &CompareOptions,
) -> Vec<NextStep> {
    let mut steps = Vec::new();
    if report.partial {
        let seconds = LONGER * report.settings.timeout_seconds;
        let argv = again(report, refs, options, &["--timeout", &seconds.to_string()]);
        steps.push(NextStep::new(
            Action::RaiseTimeout,
            argv,
            "the race was stopped before it was decided",
        ));
        return steps;
    }
    match report.answer.verdict {
        RaceVerdict::Inconclusive => {
            let seconds = (LONGER * report.settings.budget_seconds.unwrap_or_default()).ceil();
            // The whole command ends later, too.
            let timeout = report.settings.timeout_seconds + seconds;
            let more = [
                "--budget",
                &seconds.to_string(),
                "--timeout",
                &timeout.to_string(),
            ];
            let argv = again(report, refs, options, &more);
            steps.push(NextStep::new(
                Action::RaiseBudget,
                argv,
                "more replicates would decide the race",
            ));
        }
        RaceVerdict::Winner | RaceVerdict::Tied => steps.push(after_answer(report, git)),
        RaceVerdict::NothingMeasured => {}
    }
    steps
}

fn after_answer(report: &RaceReport, git: &Git) -> NextStep {
    let reference = report.reference();
    if report.answer.fastest.iter().any(|name| name == reference) {
        let why = format!("no candidate is faster than {reference}");
        return NextStep::edit(Action::NextExperiment, why);
    }
    let fastest = report
        .candidates
        .iter()
        .find(|candidate| candidate.place == Some(1));
    let Some(fastest) = fastest else {
        return NextStep::edit(Action::NextExperiment, "nothing was raced");
    };
    if fastest.output == OutputCheck::Different {
        let why = format!("{} returns something else than {reference}", fastest.name);
        return NextStep::edit(Action::FixOutput, why);
    }
    let why = match report.answer.verdict {
        RaceVerdict::Winner => format!("{} is the fastest", fastest.name),
        _ => format!("{} is one of the fastest", fastest.name),
    };
    NextStep::new(Action::Adopt, adopting(fastest, git), why)
}

/// Returns the command that brings the current branch to a candidate; none if it is there.
fn adopting(fastest: &RaceCandidate, git: &Git) -> Vec<String> {
    let commit = fastest.commit.as_deref().unwrap_or_default();
    if git.is_checked_out(commit) {
        return Vec::new();
    }
    let head = git.commit("HEAD").ok().flatten().unwrap_or_default();
    let is_ahead = git.is_ancestor(&head, commit).unwrap_or_default();
    let how = if is_ahead { "--ff-only" } else { "--no-edit" };
    words(&["git", "merge", how, &fastest.name])
}

/// Returns the command of a race between the reference and those that may be the fastest.
fn again(report: &RaceReport, refs: &[String], options: &CompareOptions, more: &[&str]) -> Vec<String> {
    let is_open = |candidate: &&RaceCandidate| {
        matches!(
            candidate.status,
            RaceStatus::Open | RaceStatus::Tied | RaceStatus::Winner
        )
    };
    let open = report
        .candidates
        .iter()
        .filter(is_open)
        .map(|candidate| &candidate.name);
    let open: Vec<&String> = open.collect();
    let is_named = |name: &&String| *name == report.reference() || open.contains(name);
    let mut argv = words(&["deadheat", "race"]);
    argv.extend(refs.iter().filter(is_named).cloned());
    if options.all {
        argv.push("--all".to_owned());
    }
    argv.extend(benchmarks_and_sides(options));
    argv.extend(words(more));
    argv
}

/// Returns the options that say what is raced, and how its sides are made.
fn benchmarks_and_sides(options: &CompareOptions) -> Vec<String> {
    let mut argv = Vec::new();
    let single = [
        ("-k", options.keyword.clone()),
        (
            "--benchmarks-root",
            options
                .benchmarks_root
                .clone()
                .filter(|_| options.tests.is_empty()),
        ),
        (
            "--threshold",
            options.threshold_percent.map(|percent| percent.to_string()),
        ),
        ("--python", options.sides.python.clone()),
        ("--build", options.sides.build.clone()),
        (
            "--env",
            options.sides.environments.map(|environments| match environments {
                Environments::Shared => "shared".to_owned(),
                Environments::PerRef => "per-ref".to_owned(),
            }),
        ),
        (
            "--config-file",
            options
                .sides
                .config_file
                .as_ref()
                .map(|file| file.display().to_string()),
        ),
    ];
    for (option, value) in single {
        argv.extend(value.into_iter().flat_map(|value| [option.to_owned(), value]));
    }
    let repeated = [
        ("--tests", &options.tests),
        ("--inject", &options.sides.inject),
        ("--pass-env", &options.sides.pass_env),
        ("--requirements", &options.sides.requirements),
    ];
    for (option, values) in repeated {
        argv.extend(values.iter().flat_map(|value| [option.to_owned(), value.clone()]));
    }
    argv.extend(
        options
            .pytest_args
            .iter()
            .map(|argument| format!("--pytest-arg={argument}")),
    );
    argv
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|&word| word.to_owned()).collect()
}
