//! `deadheat handoff`: writes what the loop has found into `HANDOFF.md`, for whoever continues it.

use std::path::Path;

use deadheat_core::answers::HandedOff;
use deadheat_core::model::{Action, NextStep};
use deadheat_core::records::{History, write_handover};

use crate::cli::args::RecordsArgs;
use crate::error::ExitCode;
use crate::experiments::loop_records::next_steps;
use crate::experiments::store::ExperimentStore;
use crate::report::output;
use crate::system::interrupt::Interrupt;
use crate::system::terminal;

pub(crate) fn run(args: &RecordsArgs, folder: &Path, interrupt: &Interrupt) -> anyhow::Result<ExitCode> {
    let (git, state) = ExperimentStore::open(folder, args.config_file.as_deref(), interrupt)?;
    let lock = state.lock()?;
    let results = state.results()?;
    let baseline = state.known_baseline()?;
    let history = History::new(&results.rows, baseline.as_ref());
    let text = write_handover(&state.handoff()?, &history, baseline.as_ref());
    let path = state.write_handoff(&lock, &text)?;
    drop(lock);
    state.warn_of(&results.problems);
    let file = path.display().to_string();
    match args.output.json {
        true => {
            let mut next = next_steps(&git, &history, baseline.as_ref())?;
            next.retain(|step| step.action != Action::Handoff);
            output::print_json(&HandedOff {
                file,
                problems: &results.problems,
                next: NextStep::for_programs(next),
            })?;
        }
        false => terminal::print(format!("written to {file}\n").as_bytes())?,
    }
    Ok(ExitCode::Done)
}
