//! `deadheat status`: shows the state of the loop.

use std::path::Path;

use deadheat_core::answers::LoopStatus;
use deadheat_core::model::NextStep;
use deadheat_core::records::{self, Row, StatusEffect};

use crate::cli::args::LoopArgs;
use crate::cli::options::verbosity;
use crate::error::ExitCode;
use crate::experiments::loop_records::LoopRecords;
use crate::report::output;
use crate::system::interrupt::Interrupt;
use crate::system::terminal;

pub(crate) fn run(args: &LoopArgs, folder: &Path, interrupt: &Interrupt) -> anyhow::Result<ExitCode> {
    let common = &args.records.output;
    let found = LoopRecords::read(folder, args.records.config_file.as_deref(), interrupt)?;
    let (results, baseline) = (&found.results, found.baseline.as_ref());
    let next = found.next()?;
    if args.brief {
        let brief = records::brief_status(results, baseline, &NextStep::for_programs(next));
        terminal::print(&output::one_line(brief.to_string()))?;
    } else if common.json {
        let history = found.history();
        let rows = |effect| history.with_effect(effect).collect::<Vec<&Row>>();
        output::print_json(&LoopStatus {
            state_folder: found.state.folder().display().to_string(),
            problems: &results.problems,
            baseline,
            last_kept: history
                .last_kept()
                .or(baseline.map(|baseline| baseline.commit.as_str())),
            kept: history.kept().collect(),
            mixed: rows(StatusEffect::Mixed),
            discarded: rows(StatusEffect::Discarded),
            measured: rows(StatusEffect::Measured),
            other: history.others().collect(),
            cumulative: history.cumulative(),
            next: NextStep::for_programs(next),
        })?;
    } else {
        let verbosity = verbosity(common);
        let text = records::status(results, baseline, output::style(verbosity));
        terminal::print((text + &output::next_for_people(&next, verbosity)).as_bytes())?;
    }
    Ok(ExitCode::Done)
}
