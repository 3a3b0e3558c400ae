//! `deadheat merge`: one report of the parts that several machines measured.

use std::path::Path;

use deadheat_core::judge::merge::{self, PartReport};
use deadheat_core::report::{Surroundings, next_steps};
use deadheat_core::text::plain;

use crate::cli::args::MergeArgs;
use crate::cli::options::Outputs;
use crate::commands::common::gates;
use crate::error::{ExitCode, Failure};
use crate::report::load;
use crate::report::output;

pub(crate) fn run(args: &MergeArgs) -> anyhow::Result<ExitCode> {
    let outputs = Outputs::new(&args.output, &args.report)?;
    outputs.check_writable()?;
    let parts: Vec<PartReport> = args
        .reports
        .iter()
        .map(|path| read(path))
        .collect::<Result<_, _>>()?;
    let mut report = merge::merge(parts, env!("CARGO_PKG_VERSION"))
        .map_err(|refusal| Failure::usage(refusal.message).hint(refusal.hint))?;
    report.next = next_steps(&report, Surroundings::default());
    // A suite that was measured in parts is not measured again by one command.
    report.next.retain(|step| step.argv.is_empty());
    output::write_report(&report, &outputs)?;
    let exit = if merge::is_nothing_measured(&report) {
        ExitCode::NothingMeasured
    } else if report.partial {
        ExitCode::StoppedEarly
    } else {
        ExitCode::Done
    };
    Ok(gates::apply(&report, exit))
}

fn read(path: &Path) -> Result<PartReport, Failure> {
    Ok(PartReport {
        name: plain(&path.display().to_string()),
        report: load::read(path, "merge")?,
    })
}
