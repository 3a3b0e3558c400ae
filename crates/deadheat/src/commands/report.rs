//! `deadheat report`: writes a stored report again, in any format, with another threshold if one is given.

use deadheat_core::judge::judge_again;
use deadheat_core::report::next_steps;

use crate::cli::options::ReportOptions;
use crate::error::{ExitCode, Failure};
use crate::report::load;
use crate::report::output;

pub(crate) fn run(options: &ReportOptions) -> anyhow::Result<ExitCode> {
    options.outputs.check_writable()?;
    let report = load::read(&options.file, "report")?;
    let mut report = judge_again(report, options.threshold_percent).map_err(|unsound| {
        let file = options.file.display();
        Failure::usage(format!("report: `{file}` is damaged: {unsound}"))
    })?;
    report.next = next_steps(&report, Some(&options.file.display().to_string()), false);
    output::write_report(&report, &options.outputs)?;
    Ok(ExitCode::Done)
}
