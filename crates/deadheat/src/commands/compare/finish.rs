//! The end of a comparison: its report, however the run ended.

use deadheat_core::model::{Report, WarningCode};
use deadheat_core::report::{Surroundings, next_steps};

use crate::cli::format::Format;
use crate::cli::options::{CompareOptions, RecordRequest};
use crate::commands::common::context::CompareContext;
use crate::commands::common::findings::Findings;
use crate::commands::common::gates;
use crate::error::{ErrorKind, ExitCode, Failure};
use crate::events::Events;
use crate::experiments::record;
use crate::experiments::store::ExperimentStore;
use crate::git::Git;
use crate::report::output;
use crate::system::terminal::print_note;

/// Makes the report from the findings, however the run ended, and writes it.
pub(super) fn finish(
    run: &CompareContext<'_>,
    options: &CompareOptions,
    findings: Findings,
    outcome: anyhow::Result<ExitCode>,
    recording: Option<(&ExperimentStore, &RecordRequest)>,
) -> anyhow::Result<ExitCode> {
    let exit = match outcome {
        Ok(exit) => exit,
        Err(error) => {
            write_failed(run, options, findings, &error);
            return Err(error);
        }
    };
    let mut report = findings.into_report(run.settings.reported(), run.context.listener.take_warnings());
    let git = run.context.git.afterwards();
    let reset_to = recording.and_then(|(state, _)| reset_to(&git, state, &report));
    let added = recording.map(|(state, asked)| record::add(&report, state, Some(&git), asked));
    let mut refused = Ok(());
    match added {
        Some(Ok((recorded, warnings))) => {
            report.recorded = Some(recorded);
            report.warnings.extend(warnings);
        }
        Some(Err(error)) => refused = Err(error),
        None => {}
    }
    let stored = options.outputs.stored();
    let again = options_of(options);
    let around = Surroundings {
        stored: stored.as_deref(),
        reset_to: reset_to.as_deref(),
        options: &again,
    };
    report.next = next_steps(&report, around);
    output::write_report(&report, &options.outputs)?;
    refused.map(|()| gates::apply(&report, exit))
}

/// Returns the commit to which a reset would lose neither uncommitted changes nor a commit that was kept. It is asked
/// before the run itself is recorded.
fn reset_to(git: &Git, state: &ExperimentStore, report: &Report) -> Option<String> {
    let is_at_head = git.is_checked_out(&report.revisions.head.commit);
    let is_clean = git.uncommitted_paths().is_ok_and(|paths| paths.is_empty());
    state.last_kept(git).ok().filter(|_| is_at_head && is_clean)
}

/// Returns the options of the loop and of stdout, for the same command again.
fn options_of(options: &CompareOptions) -> Vec<String> {
    let mut words = Vec::new();
    let mut add = |option: &str, value: Option<&str>| {
        words.push(option.to_owned());
        words.extend(value.map(str::to_owned));
    };
    if let Some(asked) = &options.to_record {
        add("--record", Some(&asked.description));
        if let Some(status) = asked.status {
            add("--status", Some(&status.to_string()));
        }
        if let Some(guard) = &asked.guard {
            add("--guard", Some(guard));
        }
        if asked.allow_partial {
            add("--allow-partial", None);
        }
    }
    match options.outputs.form_on_stdout() {
        Some(Format::Brief) => add("--brief", None),
        Some(Format::Summary | Format::Json) => add("--json", None),
        _ => {}
    }
    words
}

/// Writes the report files of a run that failed. A continued report is not lost with a run that added nothing to it.
fn write_failed(
    run: &CompareContext<'_>,
    options: &CompareOptions,
    findings: Findings,
    error: &anyhow::Error,
) {
    let Some(failure) = error.downcast_ref::<Failure>() else {
        return;
    };
    if !failure.kind.is_worth_a_report() || options.outputs.written.is_empty() {
        return;
    }
    let earlier = run.settings.continued.as_ref();
    let earlier = earlier.filter(|_| findings.comparisons.is_empty());
    let listener = run.context.listener;
    let (code, message) = end_of(failure, earlier);
    listener.doubt(code, &message, failure.hint.as_deref());
    let warnings = listener.take_warnings();
    let mut report = match earlier {
        Some(earlier) => {
            let mut report = earlier.clone();
            report.warnings.extend(warnings);
            report
        }
        None => findings.into_report(run.settings.reported(), warnings),
    };
    report.partial = failure.kind == ErrorKind::Stopped;
    let again = options_of(options);
    let around = Surroundings {
        options: &again,
        ..Surroundings::default()
    };
    report.next = failure.next.clone();
    report.next.extend(next_steps(&report, around));
    if let Err(unwritten) = output::write_report(&report, &options.outputs) {
        // The error that ended the run is the one that is returned.
        print_note(&format!("the report could not be written: {unwritten:#}"));
    }
}

/// Describes the end of a run whose report has the rows of an earlier one, or none.
fn end_of(failure: &Failure, earlier: Option<&Report>) -> (WarningCode, String) {
    let has_rows = earlier.is_some_and(|earlier| !earlier.comparisons.is_empty());
    match failure.kind {
        ErrorKind::Stopped if has_rows => (
            WarningCode::StoppedEarly,
            "stopped before anything was added: the rows are those of the earlier report".to_owned(),
        ),
        _ if has_rows => (
            WarningCode::NothingMeasured,
            format!("nothing was added to the earlier report: {}", failure.message),
        ),
        _ => (WarningCode::NothingMeasured, failure.message.clone()),
    }
}
