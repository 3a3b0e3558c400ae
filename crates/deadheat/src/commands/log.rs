//! `deadheat log`: every recorded experiment.

use std::path::Path;

use deadheat_core::answers::{LoggedRow, LoopLog, next_in_loop};
use deadheat_core::model::NextStep;
use deadheat_core::records::{self, History};

use crate::cli::args::LoopArgs;
use crate::cli::options::verbosity;
use crate::error::ExitCode;
use crate::experiments::checkout::checkout;
use crate::experiments::store::ExperimentStore;
use crate::report::output;
use crate::system::interrupt::Interrupt;
use crate::system::terminal;

pub(crate) fn run(args: &LoopArgs, folder: &Path, interrupt: &Interrupt) -> anyhow::Result<ExitCode> {
    let (git, state) = ExperimentStore::open(folder, args.records.config_file.as_deref(), interrupt)?;
    let baseline = state.known_baseline()?;
    let results = state.results()?;
    state.warn_of(&results.problems);
    let history = History::new(&results.rows, baseline.as_ref());
    let next = next_in_loop(&history, baseline.as_ref(), &checkout(&git)?);
    let next: Vec<NextStep> = next.into_iter().map(NextStep::for_program).collect();
    if args.brief {
        let brief = records::brief_log(&results, baseline.as_ref(), &next);
        terminal::print(&output::one_line(brief.to_string()))?;
    } else if args.records.output.json {
        let rows = results.rows.iter().enumerate();
        let rows: Vec<LoggedRow<'_>> = rows
            .map(|(index, row)| LoggedRow {
                row,
                cumulative: history.so_far(index),
            })
            .collect();
        output::print_json(&LoopLog {
            state_folder: state.folder().display().to_string(),
            problems: &results.problems,
            rows,
            cumulative: history.cumulative(),
            next,
        })?;
    } else {
        let style = output::style(verbosity(&args.records.output));
        terminal::print(records::log(&results, baseline.as_ref(), style).as_bytes())?;
    }
    Ok(ExitCode::Done)
}
