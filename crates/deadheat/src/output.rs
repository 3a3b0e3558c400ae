//! Where reports and errors are written.

use std::io::{IsTerminal, Write};

use anyhow::Context;
use deadheat_core::report::{Report, Style, html, render};
use serde::Serialize;

use crate::files;
use crate::options::{Destination, Outputs, Verbosity};

/// Lines are this long where nobody looks at a terminal.
const WIDTH_ELSEWHERE: usize = 120;

/// Writes the report to every place that was asked for, and the table to stdout unless that is taken.
pub(crate) fn write_report(report: &Report, outputs: &Outputs) -> anyhow::Result<()> {
    if !outputs.html.is_empty() {
        let page = html(report);
        for destination in &outputs.html {
            deliver(destination, page.as_bytes())?;
        }
    }
    write(report, |style| render(report, style), outputs)
}

/// The same for what another command found; `render` writes it for a person.
pub(crate) fn write(
    value: &impl Serialize,
    render: impl FnOnce(Style) -> String,
    outputs: &Outputs,
) -> anyhow::Result<()> {
    if !outputs.json.is_empty() {
        let mut json = serde_json::to_vec_pretty(value).context("the report cannot be written as JSON")?;
        json.push(b'\n');
        for destination in &outputs.json {
            deliver(destination, &json)?;
        }
    }
    if !outputs.stdout_is_taken() {
        print(render(style(outputs.verbosity)).as_bytes())?;
    }
    Ok(())
}

fn deliver(destination: &Destination, content: &[u8]) -> anyhow::Result<()> {
    match destination {
        Destination::Stdout => print(content),
        Destination::File(path) => files::write_atomically(path, content),
    }
}

/// How stdout is written to.
pub(crate) fn style(verbosity: Verbosity) -> Style {
    Style {
        color: anstream::AutoStream::choice(&std::io::stdout()) != anstream::ColorChoice::Never,
        width: terminal_width(),
        verbose: verbosity == Verbosity::Verbose,
    }
}

/// One JSON value on stdout.
pub(crate) fn print_json(value: &impl serde::Serialize) -> anyhow::Result<()> {
    let mut json = serde_json::to_vec_pretty(value).context("the result cannot be written as JSON")?;
    json.push(b'\n');
    print(&json)
}

/// To stdout; that a pager or `head` closed it early is no error.
pub(crate) fn print(bytes: &[u8]) -> anyhow::Result<()> {
    let mut stdout = std::io::stdout().lock();
    match stdout.write_all(bytes).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(error).context("cannot write to stdout")
        }
        _ => Ok(()),
    }
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

/// An error with everything that led to it.
pub(crate) fn whole_message(error: &anyhow::Error) -> String {
    let parts: Vec<String> = error.chain().map(ToString::to_string).collect();
    parts.join(": ")
}

/// Something that a person needs after the run, on stderr.
pub(crate) fn print_note(text: &str) {
    let _ = writeln!(anstream::stderr(), "{text}");
}

/// Text from elsewhere without what would steer a terminal; its lines stay lines.
pub(crate) fn harmless(text: &str) -> String {
    let shown = |character: char| match character {
        '\n' | '\t' => character.to_string(),
        character if character.is_control() => character.escape_default().to_string(),
        character => character.to_string(),
    };
    text.chars().map(shown).collect()
}
