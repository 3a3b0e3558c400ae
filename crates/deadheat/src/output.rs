//! Writes reports and errors.

use std::io::{IsTerminal, Write};
use std::os::fd::{AsRawFd, IntoRawFd};

use anyhow::Context;
use deadheat_core::model::Side;
use deadheat_core::report::{self, Report, Style, render};
use rustix::fs::{FileType, fstat};
use rustix::io::Errno;
use serde::Serialize;

use crate::files;
use crate::format::{Destination, Format, Output};
use crate::options::{Outputs, Verbosity};
use crate::state;

/// The line width where stdout is not a terminal.
const WIDTH_ELSEWHERE: usize = 120;

/// Writes the report to every place that was asked for, and the table to stdout unless that is taken.
pub(crate) fn write_report(report: &Report, outputs: &Outputs) -> anyhow::Result<()> {
    for output in &outputs.written {
        put(output, documents(report, output.format)?)?;
    }
    if !outputs.stdout_is_taken() {
        print(render(report, style(outputs.verbosity)).as_bytes())?;
    }
    Ok(())
}

/// Returns the report in a format: several documents where the format takes several files.
fn documents(report: &Report, format: Format) -> anyhow::Result<Vec<Vec<u8>>> {
    Ok(match format {
        Format::Json => vec![json(report)?],
        Format::Markdown => vec![report::markdown(report).into_bytes()],
        Format::Html => vec![report::html(report).into_bytes()],
        Format::Csv => vec![report::csv(report).into_bytes()],
        Format::PytestBenchmark => {
            let now = state::now();
            let files = Side::BOTH.map(|side| json(&report::pytest_benchmark(report, side, &now)));
            files.into_iter().collect::<anyhow::Result<_>>()?
        }
    })
}

/// Does what [`write_report`] does for the result of another command, which has no format but JSON; `render` writes it
/// for a person.
pub(crate) fn write(
    value: &impl Serialize,
    render: impl FnOnce(Style) -> String,
    outputs: &Outputs,
) -> anyhow::Result<()> {
    for output in &outputs.written {
        put(output, vec![json(value)?])?;
    }
    if !outputs.stdout_is_taken() {
        print(render(style(outputs.verbosity)).as_bytes())?;
    }
    Ok(())
}

fn put(output: &Output, documents: Vec<Vec<u8>>) -> anyhow::Result<()> {
    match output.destination {
        Destination::Stdout => documents.iter().try_for_each(|document| print(document)),
        Destination::File(_) => output
            .paths()
            .iter()
            .zip(documents)
            .try_for_each(|(path, document)| files::write_atomically(path, &document)),
    }
}

fn json(value: &impl Serialize) -> anyhow::Result<Vec<u8>> {
    let mut json = serde_json::to_vec_pretty(value).context("the result cannot be written as JSON")?;
    json.push(b'\n');
    Ok(json)
}

/// Returns the style for stdout.
pub(crate) fn style(verbosity: Verbosity) -> Style {
    Style {
        color: anstream::AutoStream::choice(&std::io::stdout()) != anstream::ColorChoice::Never,
        width: terminal_width(),
        wraps: std::io::stdout().is_terminal(),
        verbose: verbosity == Verbosity::Verbose,
    }
}

/// Prints one JSON value to stdout.
pub(crate) fn print_json(value: &impl Serialize) -> anyhow::Result<()> {
    print(&json(value)?)
}

/// Prints to stdout. It is not an error that a pager or `head` closed it early, or that its terminal is gone.
pub(crate) fn print(bytes: &[u8]) -> anyhow::Result<()> {
    let mut stdout = std::io::stdout().lock();
    let is_device = fstat(&stdout).is_ok_and(|of| FileType::from_raw_mode(of.st_mode).is_char_device());
    let is_gone = |error: &std::io::Error| {
        error.kind() == std::io::ErrorKind::BrokenPipe
            || is_device && error.raw_os_error() == Some(Errno::IO.raw_os_error())
    };
    match stdout.write_all(bytes).and_then(|()| stdout.flush()) {
        Err(error) if !is_gone(&error) => Err(error).context("cannot write to stdout"),
        _ => Ok(()),
    }
}

/// Opens `/dev/null` in place of those standard streams that are closed, because the next file that is opened would be
/// taken for one of them. Returns whether stdout was open.
pub(crate) fn stand_in_for_closed_streams() -> bool {
    let is_open = rustix::io::fcntl_getfd(std::io::stdout()).is_ok();
    while let Ok(null) = std::fs::File::options().read(true).write(true).open("/dev/null") {
        if null.as_raw_fd() > 2 {
            break;
        }
        // It stays open for as long as the process lives.
        let _ = null.into_raw_fd();
    }
    is_open
}

fn terminal_width() -> usize {
    if !std::io::stdout().is_terminal() {
        return WIDTH_ELSEWHERE;
    }
    rustix::termios::tcgetwinsize(std::io::stdout())
        .ok()
        .map(|size| usize::from(size.ws_col))
        .filter(|&columns| columns > 0)
        .unwrap_or(80)
}

pub(crate) fn print_failure(message: &str, hint: Option<&str>) {
    let mut stderr = anstream::stderr();
    let bold = anstyle::Style::new().bold();
    let _ = writeln!(stderr, "{bold}deadheat:{bold:#} {message}");
    if let Some(hint) = hint {
        let _ = writeln!(stderr, "{bold}hint:{bold:#} {hint}");
    }
}

/// Joins an error's message with those of its causes.
pub(crate) fn whole_message(error: &anyhow::Error) -> String {
    let parts: Vec<String> = error.chain().map(ToString::to_string).collect();
    parts.join(": ")
}

/// Prints something that a person needs after the run to stderr.
pub(crate) fn print_note(text: &str) {
    let _ = writeln!(anstream::stderr(), "{text}");
}

/// Escapes the characters in text from elsewhere that would control a terminal; newlines and tabs stay.
pub(crate) fn harmless(text: &str) -> String {
    let shown = |character: char| match character {
        '\n' | '\t' => character.to_string(),
        character if character.is_control() => report::escaped(character),
        character => character.to_string(),
    };
    text.chars().map(shown).collect()
}
