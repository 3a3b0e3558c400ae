//! The steps that would follow a pre-screen.

use deadheat_core::micro::{Decision, MicroReport};
use deadheat_core::model::{Action, NextStep, Verdict, WarningCode};
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
        MicroTarget::Function { base, .. } => base == "HEAD",
        _ => false,
    };
    let is_doubtful = DOUBTS.into_iter().any(has);
    let commit = |why: &str| {
        let suite = "the suite decides";
        let then = match is_loop {
            true => NextStep::command(
                Action::Record,
                &["deadheat", "compare", "--record", "experiment"],
                suite,
            ),
            false => NextStep::command(Action::Measure, &["deadheat", "compare"], suite),
        };
        [NextStep::commit_first(why), then]
    };
    let take_back = NextStep::edit(
        Action::RevertEdit,
        "the change is not worth a commit: take your edit back, and nothing else in the file",
    );
    match (report.decision, typed) {
        (Decision::Go, true) => steps.extend(commit("the change is worth a commit")),
        // Less than --worth is still a gain.
        (Decision::Stop | Decision::NoAnswer, true)
            if report.verdict == Some(Verdict::Improved)
                && steps.is_empty()
                && !is_doubtful
                && !has(WarningCode::NothingChanged) =>
        {
            let why = format!(
                "the change is faster, if by less than {} % (--worth): commit it if gains of that size count, or take it back",
                options.worth_percent
            );
            steps.extend(commit(&why));
        }
        (Decision::Stop, true) if !is_doubtful => steps.push(take_back),
        (Decision::NoAnswer, _) if has(WarningCode::NothingChanged) && steps.is_empty() => {
            let why = "both sides are the same code: name a function of a file that changed";
            steps.push(NextStep::edit(Action::FixCall, why));
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
