//! `deadheat status`: shows the state of the loop.

use std::path::Path;

use deadheat_core::answers::{LoopStatus, next_in_loop};
use deadheat_core::model::NextStep;
use deadheat_core::records::{self, History, Row, StatusEffect};
use deadheat_core::report::next_lines;
use deadheat_core::text::plain;

use crate::cli::args::LoopArgs;
use crate::cli::options::{Verbosity, verbosity};
use crate::error::ExitCode;
use crate::experiments::checkout::checkout;
use crate::experiments::store::ExperimentStore;
use crate::report::output;
use crate::system::interrupt::Interrupt;
use crate::system::terminal;

pub(crate) fn run(args: &LoopArgs, folder: &Path, interrupt: &Interrupt) -> anyhow::Result<ExitCode> {
    let common = &args.records.output;
    let (git, state) = ExperimentStore::open(folder, args.records.config_file.as_deref(), interrupt)?;
    let baseline = state.known_baseline()?;
    let results = state.results()?;
    state.warn_of(&results.problems);
    let history = History::new(&results.rows, baseline.as_ref());
    let mut next = next_in_loop(&history, baseline.as_ref(), &checkout(&git)?);
    if args.brief || common.json {
        next = next.into_iter().map(NextStep::for_program).collect();
    }
    if args.brief {
        let brief = records::brief_status(&results, baseline.as_ref(), &next);
        terminal::print(&output::one_line(brief.to_string()))?;
    } else if common.json {
        let rows = |effect| history.with_effect(effect).collect::<Vec<&Row>>();
        output::print_json(&LoopStatus {
            state_folder: state.folder().display().to_string(),
            problems: &results.problems,
            baseline: baseline.as_ref(),
            last_kept: history
                .last_kept()
                .or(baseline.as_ref().map(|baseline| baseline.commit.as_str())),
            kept: history.kept().collect(),
            mixed: rows(StatusEffect::Mixed),
            discarded: rows(StatusEffect::Discarded),
            measured: rows(StatusEffect::Measured),
            other: history.others().collect(),
            cumulative: history.cumulative(),
            next,
        })?;
    } else {
        let mut text = records::status(&results, baseline.as_ref(), output::style(verbosity(common)));
        if verbosity(common) != Verbosity::Quiet {
            text.extend(next_lines(&next).iter().map(|line| plain(line) + "\n"));
        }
        terminal::print(text.as_bytes())?;
    }
    Ok(ExitCode::Done)
}
