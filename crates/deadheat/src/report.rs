//! `deadheat report`: writes a stored report again, in any format, with another threshold if one is given.

use deadheat_core::report::judge_again;

use crate::failure::{Exit, Failure};
use crate::options::ReportOptions;
use crate::output;
use crate::stored;

pub(crate) fn run(options: &ReportOptions) -> anyhow::Result<Exit> {
    options.outputs.check_writable()?;
    let report = stored::read(&options.file, "report")?;
    let report = judge_again(report, options.threshold_percent).map_err(|unsound| {
        let file = options.file.display();
        Failure::usage(output::harmless(&format!(
            "report: `{file}` is damaged: {unsound}"
        )))
    })?;
    output::write_report(&report, &options.outputs)?;
    Ok(Exit::Done)
}
