//! `deadheat report`: a stored report once more, in any format, with another threshold if asked.

use deadheat_core::report::judge_again;

use crate::failure::{Exit, Failure};
use crate::options::ReportOptions;
use crate::output;
use crate::stored;

pub(crate) fn run(options: &ReportOptions) -> anyhow::Result<Exit> {
    options.outputs.check_writable()?;
    let report = stored::read(&options.file, "report")?;
    let report = judge_again(report, options.threshold_percent).map_err(|unsound| {
        Failure::usage(format!(
            "report: `{}` is damaged: {unsound}",
            options.file.display()
        ))
    })?;
    output::write_report(&report, &options.outputs)?;
    Ok(Exit::Done)
}
