//! The steps that would follow a pre-screen.

use deadheat_core::micro::{Decision, Form, MicroReport};
use deadheat_core::model::{Action, NextStep, WarningCode};
use deadheat_core::output::OutputCheck;

use crate::cli::micro::{MicroOptions, MicroTarget};

/// The time that a pre-screen says it needs is an estimate.
const RESERVE: f64 = 1.5;

/// Returns the steps, the most useful one first.
pub(super) fn next_steps(report: &MicroReport, options: &MicroOptions) -> Vec<NextStep> {
    let mut steps = Vec::new();
    let has = |code| report.warnings.iter().any(|warning| warning.code == code);
    if has(WarningCode::FunctionNotCalled) {
        steps.push(step(
            Action::FixCall,
            &[],
            "the call has to run the compared function",
        ));
    }
    if report.output == OutputCheck::Different {
        steps.push(step(Action::FixOutput, &[], "the two return different values"));
    }
    match (report.decision, &report.path) {
        (Decision::Go, Some(_)) => {
            let commit = ["git", "commit", "--all", "--message", "experiment"];
            let record = ["deadheat", "compare", "--record", "experiment"];
            steps.push(step(Action::CommitFirst, &commit, "the change is worth a commit"));
            steps.push(step(Action::Record, &record, "the suite decides"));
        }
        (Decision::Stop, Some(path)) if report.form == Form::Function => {
            let revert = ["git", "checkout", "--", path];
            steps.push(step(
                Action::RevertEdit,
                &revert,
                "the change is not worth a commit",
            ));
        }
        (Decision::NoAnswer, _) => steps.extend(report.seconds_needed.map(|seconds| NextStep {
            seconds: Some(seconds),
            ..longer(options, (seconds * RESERVE).ceil())
        })),
        _ => {}
    }
    steps
}

fn step(action: Action, argv: &[&str], why: &str) -> NextStep {
    NextStep {
        action,
        argv: argv.iter().map(|&word| word.to_owned()).collect(),
        why: why.to_owned(),
        seconds: None,
    }
}

/// Returns the same command with more time.
fn longer(options: &MicroOptions, seconds: f64) -> NextStep {
    let seconds = seconds.to_string();
    let mut argv = vec!["deadheat", "micro"];
    match &options.asked {
        MicroTarget::Script { script } => argv.push(script),
        MicroTarget::Function {
            file,
            qualname,
            call,
            setup,
            base,
        } => {
            let target = format!("{file}::{qualname}");
            let mut words = vec!["--call", call.as_str(), "--base", base.as_str()];
            words.extend(setup.iter().flat_map(|setup| ["--setup", setup.as_str()]));
            argv.push(&target);
            argv.extend(words);
            return with_timeout(&argv, &seconds, options);
        }
        MicroTarget::Statements { a, b, setup } => {
            argv.extend(["-a", a, "-b", b]);
            argv.extend(setup.iter().flat_map(|setup| ["--setup", setup.as_str()]));
        }
    }
    with_timeout(&argv, &seconds, options)
}

fn with_timeout(argv: &[&str], seconds: &str, options: &MicroOptions) -> NextStep {
    let worth = options.worth_percent.to_string();
    let argv = [argv, &["--worth", &worth, "--timeout", seconds]].concat();
    step(Action::RaiseTimeout, &argv, "more process pairs would settle it")
}
