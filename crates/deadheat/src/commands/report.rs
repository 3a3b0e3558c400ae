//! `deadheat report`: writes a stored report again, in any format, with another threshold if one is given.

use crate::cli::options::ReportOptions;
use crate::error::ExitCode;
use crate::report::load;
use crate::report::output;

pub(crate) fn run(options: &ReportOptions) -> anyhow::Result<ExitCode> {
    options.outputs.check_writable()?;
    let report = load::read_judged(&options.file, "report", options.threshold_percent)?;
    output::write_report(&report, &options.outputs)?;
    Ok(ExitCode::Done)
}
