//! The steps that would follow a pre-screen.

use deadheat_core::micro::{Decision, MicroReport};
use deadheat_core::model::{Action, NextStep, WarningCode};
use deadheat_core::output::OutputCheck;

use crate::cli::micro::{MicroOptions, MicroTarget};

/// The time that a pre-screen says it needs is an estimate.
const RESERVE: f64 = 1.5;

/// Reasons not to take an edit back because of a `stop`.
const DOUBTS: [WarningCode; 3] = [
    WarningCode::OutputNotConsumed,
    WarningCode::SetupChanged,
    WarningCode::FirstCallDiffers,
];

/// Returns the steps, the most useful one first. `is_loop`: the loop has a baseline.
pub(super) fn next_steps(report: &MicroReport, options: &MicroOptions, is_loop: bool) -> Vec<NextStep> {
    let mut steps = Vec::new();
    let has = |code| report.warnings.iter().any(|warning| warning.code == code);
    if has(WarningCode::FunctionNotCalled) {
        steps.push(NextStep::edit(
            Action::FixCall,
            "the call has to run the compared function",
        ));
    }
    if report.output == OutputCheck::Different {
        steps.push(NextStep::edit(
            Action::FixOutput,
            "the two return different values",
        ));
    }
    // The other version is that of HEAD only if nothing else was asked for.
    let typed = match &options.asked {
        MicroTarget::Function { file, base, .. } if base == "HEAD" => Some(file.as_str()),
        _ => None,
    };
    let is_doubtful = DOUBTS.into_iter().any(has);
    match (report.decision, typed) {
        (Decision::Go, Some(_)) => {
            let commit = ["git", "commit", "--all", "--message", "experiment"];
            steps.push(NextStep::command(
                Action::CommitFirst,
                &commit,
                "the change is worth a commit",
            ));
            steps.push(match is_loop {
                true => {
                    let record = ["deadheat", "compare", "--record", "experiment"];
                    NextStep::command(Action::Record, &record, "the suite decides")
                }
                false => NextStep::command(Action::Measure, &["deadheat", "compare"], "the suite decides"),
            });
        }
        (Decision::Stop, Some(file)) if !is_doubtful => {
            let revert = ["git", "checkout", "HEAD", "--", file];
            let why = "the change is not worth a commit; this takes back every uncommitted edit of the file";
            steps.push(NextStep::command(Action::RevertEdit, &revert, why));
        }
        (Decision::NoAnswer, _) if steps.is_empty() && !has(WarningCode::NothingChanged) => {
            let given = options.timeout.as_secs_f64();
            let needed = report.seconds_needed.unwrap_or(2.0 * given);
            steps.push(NextStep {
                seconds: report.seconds_needed,
                ..longer(options, (needed * RESERVE).ceil())
            });
        }
        _ => {}
    }
    steps
}

/// Returns the same command with more time.
pub(super) fn longer(options: &MicroOptions, seconds: f64) -> NextStep {
    let (target, setup) = match &options.asked {
        MicroTarget::Script { script } => (vec![script.clone()], &None),
        MicroTarget::Function {
            file,
            qualname,
            call,
            setup,
            base,
        } => {
            let words = [&format!("{file}::{qualname}"), "--call", call, "--base", base];
            (words.map(str::to_owned).to_vec(), setup)
        }
        MicroTarget::Statements { a, b, more, setup } => {
            let others = std::iter::once(b).chain(more);
            let others = others.flat_map(|other| ["-b".to_owned(), other.clone()]);
            (
                ["-a".to_owned(), a.clone()].into_iter().chain(others).collect(),
                setup,
            )
        }
    };
    let (worth, seconds) = (options.worth_percent.to_string(), seconds.to_string());
    let mut argv = vec!["deadheat", "micro"];
    argv.extend(target.iter().map(String::as_str));
    for (option, value) in [("--setup", setup), ("--python", &options.python)] {
        argv.extend(value.iter().flat_map(|value| [option, value.as_str()]));
    }
    argv.extend(["--worth", &worth, "--timeout", &seconds]);
    argv.extend(options.memory.then_some("--memory"));
    argv.extend(options.gate.then_some("--gate"));
    NextStep::command(Action::RaiseTimeout, &argv, "more process pairs would settle it")
}
