//! `deadheat explain`: one benchmark or one function of a stored report.

use anyhow::Context;
use deadheat_core::report::{self, render_explained};
use deadheat_core::text::plain;

use crate::cli::args::ExplainArgs;
use crate::cli::options::verbosity;
use crate::error::{ExitCode, Failure};
use crate::report::load;
use crate::report::output;
use crate::system::terminal;

/// The number of rows for people.
const DEPTH: usize = 15;
/// The number of names in a message.
const MOST_NAMES: usize = 5;

pub(crate) fn run(args: &ExplainArgs) -> anyhow::Result<ExitCode> {
    let report = load::read_judged(&args.file, "explain", None)?;
    let subject = report::find(&report, &args.name).map_err(|unclear| {
        let name = plain(&args.name);
        if unclear.matches.is_empty() {
            let known = unclear.known.iter().map(String::as_str);
            let last = known.map(|name| name.rsplit("::").next().unwrap_or(name));
            return Failure::usage(format!(
                "no benchmark and no changed function of the report is called `{name}`"
            ))
            .near(&args.name, last);
        }
        let matches = unclear.matches.iter().take(MOST_NAMES);
        let matches: Vec<String> = matches.map(|full| format!("`{}`", plain(full))).collect();
        Failure::usage(format!(
            "`{name}` stands for {} of the report",
            unclear.matches.len()
        ))
        .hint(format!("name one of them in full: {}", matches.join(", ")))
    })?;
    if args.output.json {
        let value = report::explain(&report, &subject, args.depth)
            .context("the explanation cannot be written as JSON")?;
        terminal::print(&output::one_line(value.to_string()))?;
    } else {
        let style = output::style(verbosity(&args.output));
        let depth = if style.verbose {
            usize::MAX
        } else {
            args.depth.unwrap_or(DEPTH)
        };
        let text = render_explained(&report, &subject, depth, style);
        terminal::print(text.as_bytes())?;
    }
    Ok(ExitCode::Done)
}
