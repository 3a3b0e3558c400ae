//! The gates (`--fail-on`): a failed one becomes the exit code.

use deadheat_core::judge::gate;
use deadheat_core::model::Report;

use crate::error::ExitCode;
use crate::system::terminal;

/// Prints the failed gates, and turns the exit of a run that went well into a failure.
pub(crate) fn apply(report: &Report, exit: ExitCode) -> ExitCode {
    let Some(line) = gate::failure(report) else {
        return exit;
    };
    terminal::print_note(&line);
    match exit {
        ExitCode::Done => ExitCode::GateFailed,
        exit => exit,
    }
}
