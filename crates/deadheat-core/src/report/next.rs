//! The steps that would follow a comparison, the most useful one first.

use super::reproduce;
use crate::model::{
    Action, Comparison, Environments, Missing, MissingReason, NextStep, Report, Side, Status, TargetFunction,
    ToSettle, Verdict, Warning, WarningCode,
};
use crate::output::OutputCheck;
use crate::text::{counted, main_line, short_commit};

/// A longer wait for a verdict is not proposed.
const LONGEST_SECONDS: f64 = 1800.0;
/// In seconds.
const SHORTEST_TIMEOUT: f64 = 60.0;
/// The estimate of the time that is missing is rough.
const RESERVE: f64 = 1.5;

/// The surroundings of a report, which it does not hold.
#[derive(Clone, Copy, Debug, Default)]
pub struct Surroundings<'a> {
    /// A JSON file that holds the report with its samples.
    pub stored: Option<&'a str>,
    /// The commit to which a reset would lose nothing: head is checked out without uncommitted changes, and no commit
    /// between the two was kept.
    pub reset_to: Option<&'a str>,
    /// The options of the loop and of the output on the command line, which the same command would have again.
    pub options: &'a [String],
}

/// Returns the steps.
pub fn next_steps(report: &Report, around: Surroundings<'_>) -> Vec<NextStep> {
    let mut steps = Vec::new();
    if report.noise.is_some() {
        // A measurement of the noise has no verdict that more time would settle.
        return more_time(report, around).into_iter().collect();
    }
    steps.extend(more_time(report, around));
    steps.extend(measure(report, around));
    let status = report.recorded.as_ref().map(|recorded| recorded.status);
    match status {
        // It is decided, and open verdicts change nothing about it.
        Some(Status::Keep) => {
            steps.push(NextStep::edit(
                Action::NextExperiment,
                "the experiment is kept: go on from this commit",
            ));
            steps.extend(settle(report, around));
        }
        Some(Status::ChecksFailed) => {
            steps.push(reset(
                report,
                around,
                "the guard failed, so the experiment is not kept",
            ));
            steps.push(fix_checks(report));
            steps.extend(fix_output(report));
        }
        Some(Status::Discard) => {
            steps.extend(settle(report, around));
            steps.push(reset(report, around, "the experiment is discarded"));
            steps.extend(fix_output(report));
        }
        Some(Status::Mixed) => {
            steps.extend(fix_output(report));
            steps.extend(settle(report, around));
            steps.extend(fix_regression(report));
            steps.push(reset(
                report,
                around,
                "some benchmarks became slower, or return something else",
            ));
        }
        None => {
            steps.extend(fix_output(report));
            steps.extend(settle(report, around));
            steps.extend(fix_regression(report));
        }
    }
    steps.extend(fix_benchmark(report));
    steps.extend(write_benchmark(report));
    // A commit on top of one that is not kept would be taken back with it.
    let is_given_up = matches!(status, Some(Status::Discard | Status::ChecksFailed));
    steps.extend(commit_first(report).filter(|_| !is_given_up));
    steps
}

/// Returns the command of the run with other settings, with its interpreter, gates, record and file.
fn again(report: &Report, around: Surroundings<'_>) -> Vec<String> {
    let mut words = reproduce::words(report);
    let is_shared = report.settings.environment == Environments::Shared;
    if let (Some(python), true, None) = (&report.python, is_shared, &report.settings.script) {
        words.extend(["--python".to_owned(), python.head.path.clone()]);
    }
    for gate in &report.settings.fail_on {
        words.extend(["--fail-on".to_owned(), gate.to_string()]);
    }
    words.extend_from_slice(around.options);
    if let Some(file) = around.stored {
        words.extend(["-o".to_owned(), format!("json:{file}")]);
    }
    words
}

fn reset(report: &Report, around: Surroundings<'_>, why: &str) -> NextStep {
    let base = &report.revisions.base.commit;
    if around.reset_to == Some(base) {
        return NextStep::command(Action::Reset, &["git", "reset", "--hard", base], why);
    }
    let why = format!(
        "{why}: take its changes back, but neither commits that were kept nor uncommitted work; it was compared with {}",
        short_commit(base)
    );
    NextStep::edit(Action::Reset, why)
}

fn fix_checks(report: &Report) -> NextStep {
    let failed = |warning: &&Warning| warning.code == WarningCode::GuardFailed;
    let warning = report.warnings.iter().find(failed);
    let words = warning.map_or("", |warning| &warning.message);
    let last = words.lines().rev().find(|line| !line.trim().is_empty());
    NextStep::edit(
        Action::FixChecks,
        format!(
            "or correct the change, so that the guard succeeds: {}",
            last.unwrap_or_default().trim()
        ),
    )
}

fn fix_benchmark(report: &Report) -> Option<NextStep> {
    let fails = |row: &&Missing| row.reason == MissingReason::Failed && row.side != Some(Side::Base);
    let row = report.missing.iter().find(fails)?;
    let side = row.side.map_or("both sides".to_owned(), |side| side.to_string());
    let why = format!("{} fails on {side}: {}", row.benchmark, main_line(&row.message));
    Some(NextStep::edit(Action::FixBenchmark, why))
}

fn more_time(report: &Report, around: Surroundings<'_>) -> Option<NextStep> {
    if !report.partial {
        return None;
    }
    let mut longer = report.clone();
    longer.settings.timeout_seconds = (3.0 * longer.settings.timeout_seconds).max(SHORTEST_TIMEOUT);
    // It was cut to the time that there was.
    longer.settings.budget_seconds = None;
    Some(NextStep::new(
        Action::RaiseTimeout,
        again(&longer, around),
        "the run was stopped before it was done",
    ))
}

fn measure(report: &Report, around: Surroundings<'_>) -> Option<NextStep> {
    let plan = report.plan.as_ref().filter(|plan| !plan.benchmarks.is_empty())?;
    let why = format!(
        "{} would be measured",
        counted(plan.benchmarks.len(), "benchmark")
    );
    Some(NextStep {
        seconds: Some(plan.estimated_seconds),
        ..NextStep::new(Action::Measure, again(report, around), why)
    })
}

fn fix_output(report: &Report) -> Option<NextStep> {
    let row = report
        .comparisons
        .iter()
        .find(|row| row.output == OutputCheck::Different)?;
    let place = row.output_difference.as_ref().map(|difference| {
        format!(
            ": {} instead of {}{}",
            difference.head,
            difference.base,
            match difference.place.as_str() {
                "" => String::new(),
                place => format!(" at {place}"),
            }
        )
    });
    let why = format!(
        "{} returns something else on head{}",
        row.benchmark,
        place.unwrap_or_default()
    );
    Some(NextStep::edit(Action::FixOutput, why))
}

fn settle(report: &Report, around: Surroundings<'_>) -> Option<NextStep> {
    let open: Vec<ToSettle> = report
        .comparisons
        .iter()
        .filter_map(|row| row.to_settle)
        .collect();
    let seconds: f64 = open.iter().map(|needed| needed.seconds).sum();
    if open.is_empty() || seconds > LONGEST_SECONDS {
        return None;
    }
    let seconds = (seconds * RESERVE).ceil().max(1.0);
    let why = format!(
        "{} still inconclusive, and more replicates would settle {}",
        match open.len() {
            1 => "1 benchmark is".to_owned(),
            count => format!("{count} benchmarks are"),
        },
        if open.len() == 1 { "it" } else { "them" },
    );
    // Neither uncommitted code nor a prescribed number of replicates can be continued.
    let can_go_on = !report.revisions.head.dirty && report.settings.replicates.is_none();
    if let (Some(file), true) = (around.stored, can_go_on) {
        let seconds_text = seconds.to_string();
        let mut argv = vec![
            "deadheat",
            "compare",
            "--continue",
            file,
            "--budget",
            &seconds_text,
            "-o",
            file,
        ];
        let gates: Vec<String> = report.settings.fail_on.iter().map(ToString::to_string).collect();
        argv.extend(gates.iter().flat_map(|gate| ["--fail-on", gate.as_str()]));
        if let Some(place) = &report.settings.on {
            argv.extend(["--on", place]);
        }
        argv.extend(around.options.iter().map(String::as_str));
        return Some(NextStep {
            seconds: Some(seconds),
            ..NextStep::command(Action::Settle, &argv, why)
        });
    }
    let mut longer = report.clone();
    let most = open
        .iter()
        .map(|needed| needed.replicates)
        .max()
        .unwrap_or_default();
    match (longer.settings.replicates, longer.settings.budget_seconds) {
        (Some(count), _) => longer.settings.replicates = Some(count + most),
        (None, budget) => longer.settings.budget_seconds = Some(budget.unwrap_or_default().ceil() + seconds),
    }
    Some(NextStep::new(Action::RaiseBudget, again(&longer, around), why))
}

fn fix_regression(report: &Report) -> Option<NextStep> {
    let slower: Vec<&Comparison> = report
        .comparisons
        .iter()
        .filter(|row| row.verdict == Verdict::Regressed)
        .collect();
    let worst = slower
        .iter()
        .max_by(|a, b| a.estimate.point_estimate.total_cmp(&b.estimate.point_estimate))?;
    let more = match slower.len() {
        1 => String::new(),
        count => format!(" (and {})", counted(count - 1, "other")),
    };
    let why = format!(
        "{} became slower, {:.2} times as long{more}",
        worst.benchmark, worst.estimate.point_estimate
    );
    Some(NextStep::edit(Action::FixRegression, why))
}

fn write_benchmark(report: &Report) -> Option<NextStep> {
    if !report.comparisons.is_empty() || report.plan.is_some() {
        return None;
    }
    let has_none = report
        .warnings
        .iter()
        .any(|warning| warning.code == WarningCode::NoBenchmarkReaches);
    let unreached = report.target_functions.iter().find(|target| is_unreached(target));
    let is_filtered = report
        .missing
        .iter()
        .any(|row| row.reason == MissingReason::Failed);
    let target = unreached.filter(|_| has_none && !is_filtered)?;
    let why = format!("no benchmark runs {} ({})", target.qualname, target.path);
    Some(NextStep::edit(Action::WriteBenchmark, why))
}

fn is_unreached(target: &TargetFunction) -> bool {
    target.reached_by.is_empty() && target.change.is_some()
}

fn commit_first(report: &Report) -> Option<NextStep> {
    let uncommitted = report
        .warnings
        .iter()
        .any(|warning| warning.code == WarningCode::Uncommitted);
    let why = "the working tree has changes that are not committed, and were not measured";
    uncommitted.then(|| NextStep::commit_first(why))
}

/// Renders the steps that are commands: `next: COMMAND (about 15 s), because WHY`.
pub fn lines(steps: &[NextStep]) -> Vec<String> {
    let commands = steps.iter().filter(|step| !step.argv.is_empty());
    let lines = commands.enumerate().map(|(index, step)| {
        let label = if index == 0 { "next" } else { "or" };
        let seconds = step.seconds.map(|seconds| format!(" (about {seconds:.0} s)"));
        let command = reproduce::joined(&step.argv);
        format!(
            "{label}: {command}{}, because {}",
            seconds.unwrap_or_default(),
            step.why
        )
    });
    lines.collect()
}
