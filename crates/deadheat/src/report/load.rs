//! Reads reports that were written earlier.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use deadheat_core::judge::balance::Costs;
use deadheat_core::judge::judge_again;
use deadheat_core::model::{Action, Report, SCHEMA_VERSION};
use deadheat_core::report::{Surroundings, next_steps};
use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::error::Failure;

/// A larger file is not a report; reading it would only fill the memory.
const MOST_BYTES: u64 = 1 << 30;

/// The fields that distinguish reports of different kinds and versions.
#[derive(Deserialize)]
struct Header {
    schema_version: Option<u32>,
    tool_version: Option<String>,
    /// A field of reports of `deadheat profile`.
    tests: Option<IgnoredAny>,
    /// A field of reports of `deadheat micro`.
    decision: Option<IgnoredAny>,
}

/// Reads the times of a report's benchmarks.
pub(crate) fn read_costs(path: &Path, asked: &str) -> Result<Costs, Failure> {
    let report = read_any(path, asked)?;
    Costs::of(&report).ok_or_else(|| {
        Failure::usage(format!(
            "{asked}: `{}` has no times of benchmarks",
            path.display()
        ))
        .hint(
            "name a report in which they were measured, such as one of `deadheat compare --all -o FILE.json`",
        )
    })
}

/// Reads a report with its samples. `asked` is the command or option that the file was given to, for the message.
pub(crate) fn read(path: &Path, asked: &str) -> Result<Report, Failure> {
    let report = read_any(path, asked)?;
    if !report.samples {
        return Err(Failure::usage(format!(
            "{asked}: `{}` has no samples, because --json leaves them out",
            path.display()
        ))
        .hint("-o FILE.json writes a report that can be used again; --samples prints one"));
    }
    Ok(report)
}

/// Reads a report, which may lack its samples.
fn read_any(path: &Path, asked: &str) -> Result<Report, Failure> {
    let shown = path.display();
    let fail = |why: String| Failure::usage(format!("{asked}: `{shown}` {why}"));
    let bytes = read_bytes(path).map_err(fail)?;
    match serde_json::from_slice::<Report>(&bytes) {
        Ok(report) if report.schema_version <= SCHEMA_VERSION => Ok(report),
        Ok(report) => Err(newer(fail, report.schema_version, Some(&report.tool_version))),
        Err(error) => Err(explain(fail, &bytes, &error)),
    }
}

/// Reads a report and judges it again, with another threshold if there is one; its next steps are those of today.
pub(crate) fn read_judged(
    path: &Path,
    asked: &str,
    threshold_percent: Option<f64>,
) -> Result<Report, Failure> {
    let report = read(path, asked)?;
    let file = path.display().to_string();
    let mut report = judge_again(report, threshold_percent)
        .map_err(|unsound| Failure::usage(format!("{asked}: `{file}` is damaged: {unsound}")))?;
    let around = Surroundings {
        stored: Some(&file),
        ..Surroundings::default()
    };
    report.next = next_steps(&report, around);
    // The working tree has moved on since.
    report.next.retain(|step| step.action != Action::CommitFirst);
    Ok(report)
}

fn read_bytes(path: &Path) -> Result<Vec<u8>, String> {
    let cannot = |error: std::io::Error| format!("cannot be read: {error}");
    let file = File::open(path).map_err(cannot)?;
    let length = file.metadata().map_err(cannot)?.len();
    let too_large = || format!("is larger than {} GiB: that is not a report", MOST_BYTES >> 30);
    if length > MOST_BYTES {
        return Err(too_large());
    }
    let mut bytes = Vec::with_capacity(usize::try_from(length).unwrap_or_default());
    // Only ordinary files have a length.
    file.take(MOST_BYTES + 1)
        .read_to_end(&mut bytes)
        .map_err(cannot)?;
    if bytes.len() as u64 > MOST_BYTES {
        return Err(too_large());
    }
    Ok(bytes)
}

fn newer(fail: impl Fn(String) -> Failure, schema: u32, tool: Option<&str>) -> Failure {
    fail(format!(
        "has schema_version {schema}, written by deadheat {}; this is deadheat {}, which knows {SCHEMA_VERSION}",
        tool.unwrap_or("of an unknown version"),
        env!("CARGO_PKG_VERSION")
    ))
    .hint("read it with the deadheat that wrote it, or a newer one")
}

/// Returns the reason why a file is not a report that can be read.
fn explain(fail: impl Fn(String) -> Failure, bytes: &[u8], error: &serde_json::Error) -> Failure {
    if error.is_eof() {
        return fail(format!(
            "ends too early ({error}): it is empty, or only a part of a report"
        ))
        .hint(
            "was it copied while it was being written? a complete report ends where its first brace closes",
        );
    }
    let header: Header = match serde_json::from_slice(bytes) {
        Ok(header) => header,
        Err(_) => return fail(format!("is not a report of deadheat: {error}")),
    };
    match header {
        Header {
            schema_version: Some(schema),
            tool_version,
            ..
        } if schema > SCHEMA_VERSION => newer(fail, schema, tool_version.as_deref()),
        Header { tests: Some(_), .. } => {
            fail("is a result of `deadheat profile`, whose only format is JSON".to_owned())
        }
        Header {
            decision: Some(_), ..
        } => fail("is a result of `deadheat micro`, whose only format is JSON".to_owned()),
        Header {
            schema_version: Some(_),
            tool_version,
            ..
        } => fail(format!(
            "is damaged, or of another version (it was written by deadheat {}): {error}",
            tool_version.as_deref().unwrap_or("of an unknown version")
        )),
        Header { .. } => fail(format!("is not a report of deadheat: {error}")),
    }
}
