//! `deadheat log`: every recorded experiment.

use std::path::Path;

use deadheat_core::records::{self, Cumulative, History, Row};
use serde::Serialize;
use serde_json::json;

use crate::cli::args::LoopArgs;
use crate::cli::options::verbosity;
use crate::error::ExitCode;
use crate::experiments::store::ExperimentStore;
use crate::report::output;
use crate::system::interrupt::Interrupt;
use crate::system::terminal;

/// A row, with the cumulative result of the experiments up to it.
#[derive(Serialize)]
struct LoggedRow<'a> {
    #[serde(flatten)]
    row: &'a Row,
    cumulative: Option<Cumulative>,
}

pub(crate) fn run(args: &LoopArgs, folder: &Path, interrupt: &Interrupt) -> anyhow::Result<ExitCode> {
    let (_git, state) = ExperimentStore::open(folder, args.records.config_file.as_deref(), interrupt)?;
    let baseline = state.known_baseline()?;
    let results = state.results()?;
    state.warn_of(&results.problems);
    if args.brief {
        terminal::print(&output::one_line(
            records::brief_log(&results, baseline.as_ref()).to_string(),
        ))?;
    } else if args.records.output.json {
        let history = History::new(&results.rows, baseline.as_ref());
        let rows = results.rows.iter().enumerate();
        let rows: Vec<LoggedRow<'_>> = rows
            .map(|(index, row)| LoggedRow {
                row,
                cumulative: history.so_far(index),
            })
            .collect();
        output::print_json(&json!({
            "state_folder": state.folder().display().to_string(),
            "problems": results.problems,
            "rows": rows,
            "cumulative": history.cumulative(),
        }))?;
    } else {
        let style = output::style(verbosity(&args.records.output));
        terminal::print(records::log(&results, baseline.as_ref(), style).as_bytes())?;
    }
    Ok(ExitCode::Done)
}
