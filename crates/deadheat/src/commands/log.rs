//! `deadheat log`: every recorded experiment.

use std::path::Path;

use deadheat_core::answers::{LoggedRow, LoopLog};
use deadheat_core::model::NextStep;
use deadheat_core::records;

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
    if args.brief {
        let brief = records::brief_log(results, baseline, &NextStep::for_programs(found.next()?));
        terminal::print(&output::one_line(brief.to_string()))?;
    } else if common.json {
        let history = found.history();
        let rows = results.rows.iter().enumerate();
        let rows: Vec<LoggedRow<'_>> = rows
            .map(|(index, row)| LoggedRow {
                row,
                cumulative: history.so_far(index),
            })
            .collect();
        output::print_json(&LoopLog {
            state_folder: found.state.folder().display().to_string(),
            problems: &results.problems,
            rows,
            cumulative: history.cumulative(),
            next: NextStep::for_programs(found.next()?),
        })?;
    } else {
        let text = records::log(results, baseline, output::style(verbosity(common)));
        terminal::print(text.as_bytes())?;
    }
    Ok(ExitCode::Done)
}
