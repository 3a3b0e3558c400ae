//! `deadheat status`: shows the state of the loop.

use std::path::Path;

use deadheat_core::records::{self, History, Row, Standing};
use serde_json::json;

use crate::cli::args::RecordsArgs;
use crate::cli::options::verbosity;
use crate::error::ExitCode;
use crate::experiments::store::ExperimentStore;
use crate::report::output;
use crate::system::interrupt::Interrupt;
use crate::system::terminal;

pub(crate) fn run(args: &RecordsArgs, folder: &Path, interrupt: &Interrupt) -> anyhow::Result<ExitCode> {
    let (_git, state) = ExperimentStore::open(folder, args.config_file.as_deref(), interrupt)?;
    let baseline = state.known_baseline()?;
    let results = state.results()?;
    state.warn_of(&results.problems);
    if args.output.json {
        let history = History::new(&results.rows, baseline.as_ref());
        let rows = |standing| history.with_standing(standing).collect::<Vec<&Row>>();
        output::print_json(&json!({
            "state_folder": state.folder().display().to_string(),
            "problems": results.problems,
            "baseline": baseline,
            "last_kept": history.last_kept().or(baseline.as_ref().map(|baseline| baseline.commit.as_str())),
            "kept": rows(Standing::Kept),
            "mixed": rows(Standing::Mixed),
            "discarded": rows(Standing::Discarded),
            "measured": rows(Standing::Measured),
            "other": history.others().collect::<Vec<&Row>>(),
            "cumulative": history.cumulative(),
        }))?;
    } else {
        let style = output::style(verbosity(&args.output));
        terminal::print(records::status(&results, baseline.as_ref(), style).as_bytes())?;
    }
    Ok(ExitCode::Done)
}
