//! Writes reports and errors.

use std::io::{IsTerminal, Write};

use anyhow::Context;
use deadheat_core::answers::{Failed, Problem};
use deadheat_core::model::{NextStep, Report, Side};
use deadheat_core::race::RaceReport;
use deadheat_core::report::{self, Style, render};
use deadheat_core::text::plain;
use serde::Serialize;
use serde_json::Value;

use crate::cli::format::{Destination, Format, Output};
use crate::cli::options::{Outputs, Verbosity};
use crate::error::Failure;
use crate::system::clock;
use crate::system::files;
use crate::system::terminal::{print, terminal_width};

/// Writes the report to every place that was asked for, and the table to stdout unless that is taken.
pub(crate) fn write_report(report: &Report, outputs: &Outputs) -> anyhow::Result<()> {
    let stored = outputs.stored();
    for output in &outputs.written {
        put(output, documents(report, output.format, stored.as_deref())?)?;
    }
    if !outputs.stdout_is_taken() {
        print(render(report, style(outputs.verbosity)).as_bytes())?;
    }
    Ok(())
}

/// Returns the report in a format: several documents if the format takes several files.
fn documents(report: &Report, format: Format, stored: Option<&str>) -> anyhow::Result<Vec<Vec<u8>>> {
    Ok(match format {
        Format::Json => vec![pretty(report)?],
        Format::Summary => vec![summary(report)?],
        Format::Brief => vec![one_line(report::brief(report, stored)?)],
        Format::Markdown => vec![report::markdown(report).into_bytes()],
        Format::Html => vec![report::html(report).into_bytes()],
        Format::Csv => vec![report::csv(report).into_bytes()],
        Format::Metrics => vec![report::metrics(report).into_bytes()],
        Format::PytestBenchmark => {
            let now = clock::now();
            let files = Side::BOTH.map(|side| pretty(&report::pytest_benchmark(report, side, &now)));
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
        let document = match output.format {
            Format::Summary => summary(value)?,
            _ => pretty(value)?,
        };
        put(output, vec![document])?;
    }
    if !outputs.stdout_is_taken() {
        print(render(style(outputs.verbosity)).as_bytes())?;
    }
    Ok(())
}

/// Does what [`write_report`] does for a race.
pub(crate) fn write_race(race: &RaceReport, outputs: &Outputs) -> anyhow::Result<()> {
    for output in &outputs.written {
        let document = match output.format {
            Format::Summary => summary(race)?,
            Format::Brief => one_line(report::race_brief(race)),
            _ => pretty(race)?,
        };
        put(output, vec![document])?;
    }
    if !outputs.stdout_is_taken() {
        print(report::render_race(race, style(outputs.verbosity)).as_bytes())?;
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

/// Returns a result as one line of JSON, without its samples.
pub(crate) fn summary(value: &impl Serialize) -> anyhow::Result<Vec<u8>> {
    let value = report::without_samples(value).context("the result cannot be written as JSON")?;
    Ok(one_line(value.to_string()))
}

pub(crate) fn one_line(mut text: String) -> Vec<u8> {
    text.push('\n');
    text.into_bytes()
}

fn pretty(value: &impl Serialize) -> anyhow::Result<Vec<u8>> {
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

/// Returns the lines with the commands that would follow; none if only the result is wanted.
pub(crate) fn next_for_people(next: &[NextStep], verbosity: Verbosity) -> String {
    if verbosity == Verbosity::Quiet {
        return String::new();
    }
    let lines = report::next_lines(next);
    lines.iter().map(|line| plain(line) + "\n").collect()
}

/// Prints one JSON value to stdout.
pub(crate) fn print_json(value: &impl Serialize) -> anyhow::Result<()> {
    print(&pretty(value)?)
}

/// Prints an error as JSON to stdout, where a program expects its answer.
pub(crate) fn print_failure(failure: &Failure) {
    // The exit code says the same where stdout is closed.
    let _ = print(&one_line(self::failure(failure).to_string()));
}

/// Writes an error as a line of JSON to stderr.
pub(crate) fn report_failure(failure: &Failure) {
    let _ = writeln!(anstream::stderr(), "{}", self::failure(failure));
}

/// Returns an error as JSON.
pub(crate) fn failure(failure: &Failure) -> Value {
    let failed = Failed {
        error: Problem {
            code: failure.code(),
            message: &failure.message,
            hint: failure.hint.as_deref(),
        },
        exit_code: failure.kind.exit() as i32,
        next: NextStep::for_programs(failure.next.clone()),
    };
    serde_json::to_value(failed).unwrap_or_default()
}
