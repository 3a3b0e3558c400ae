//! `deadheat report`: writes a stored report again, in any format, with another threshold if one is given.

use deadheat_core::model::Action;
use deadheat_core::report::{Surroundings, next_steps};

use crate::cli::options::ReportOptions;
use crate::error::ExitCode;
use crate::report::load;
use crate::report::output;

pub(crate) fn run(options: &ReportOptions) -> anyhow::Result<ExitCode> {
    options.outputs.check_writable()?;
    let mut report = load::read_judged(&options.file, "report", options.threshold_percent)?;
    let stored = options.file.display().to_string();
    let around = Surroundings {
        stored: Some(&stored),
        ..Surroundings::default()
    };
    report.next = next_steps(&report, around);
    // The working tree has moved on since.
    report.next.retain(|step| step.action != Action::CommitFirst);
    output::write_report(&report, &options.outputs)?;
    Ok(ExitCode::Done)
}
