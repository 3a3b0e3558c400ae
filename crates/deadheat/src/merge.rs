//! `deadheat merge`: one report of the parts that several machines measured.

use std::path::Path;

use deadheat_core::merge::{self, Part};
use deadheat_core::report::Report;

use crate::cli::MergeArgs;
use crate::confirmation;
use crate::failure::{Exit, Failure};
use crate::files;
use crate::options::{Destination, Outputs};
use crate::output::{self, harmless};

pub(crate) fn run(args: &MergeArgs) -> anyhow::Result<Exit> {
    let outputs = Outputs::new(&args.output, &args.report)?;
    for destination in &outputs.json {
        if let Destination::File(path) = destination {
            files::check_writable(path)?;
        }
    }
    let parts: Vec<Part> = args
        .reports
        .iter()
        .map(|path| read(path))
        .collect::<Result<_, _>>()?;
    let report = merge::merge(parts, env!("CARGO_PKG_VERSION"))
        .map_err(|refusal| Failure::usage(refusal.message).hint(refusal.hint))?;
    output::write_report(&report, &outputs)?;
    let exit = if merge::is_nothing_measured(&report) {
        Exit::NothingMeasured
    } else if report.partial {
        Exit::StoppedEarly
    } else {
        Exit::Done
    };
    Ok(confirmation::apply_gates(&report, exit))
}

fn read(path: &Path) -> Result<Part, Failure> {
    let name = harmless(&path.display().to_string());
    let text = std::fs::read_to_string(path)
        .map_err(|error| Failure::usage(format!("{name} cannot be read: {error}")))?;
    let report: Report = serde_json::from_str(&text).map_err(|error| {
        let error = harmless(&error.to_string());
        Failure::usage(format!("{name} is no report of deadheat: {error}"))
            .hint("merge takes what `deadheat compare --partition I/N -o FILE.json` writes")
    })?;
    Ok(Part { name, report })
}
