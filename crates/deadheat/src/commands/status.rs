//! `deadheat status`: shows the state of the loop.

use std::path::Path;

use deadheat_core::model::Status;
use deadheat_core::records::{self, History, Row};
use serde_json::json;

use crate::cli::args::LoopArgs;
use crate::cli::options::verbosity;
use crate::error::ExitCode;
use crate::experiments::store::ExperimentStore;
use crate::report::output;
use crate::system::interrupt::Interrupt;
use crate::system::terminal;

pub(crate) fn run(args: &LoopArgs, folder: &Path, interrupt: &Interrupt) -> anyhow::Result<ExitCode> {
    let (_git, state) = ExperimentStore::open(folder, args.records.config_file.as_deref(), interrupt)?;
    let baseline = state.known_baseline()?;
    let results = state.results()?;
    state.warn_of(&results.problems);
    if args.brief {
        terminal::print(&output::one_line(
            records::brief_status(&results, baseline.as_ref()).to_string(),
        ))?;
    } else if args.records.output.json {
        let history = History::new(&results.rows, baseline.as_ref());
        let rows = |status| history.with_status(status).collect::<Vec<&Row>>();
        output::print_json(&json!({
            "state_folder": state.folder().display().to_string(),
            "problems": results.problems,
            "baseline": baseline,
            "last_kept": history.last_kept().or(baseline.as_ref().map(|baseline| baseline.commit.as_str())),
            "kept": rows(Status::Keep),
            "mixed": rows(Status::Mixed),
            "discarded": rows(Status::Discard),
            "other": history.of_no_status().collect::<Vec<&Row>>(),
            "cumulative": history.cumulative(),
        }))?;
    } else {
        let style = output::style(verbosity(&args.records.output));
        terminal::print(records::status(&results, baseline.as_ref(), style).as_bytes())?;
    }
    Ok(ExitCode::Done)
}
