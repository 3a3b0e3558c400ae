//! The answers, one for each command.

use schemars::JsonSchema;
use serde::Serialize;

use crate::model::NextStep;
use crate::records::{Baseline, Cumulative, Row};

/// The answer of `deadheat detect`.
#[derive(Debug, JsonSchema, Serialize)]
pub struct Detected<'a> {
    /// Whether `deadheat compare` can be used.
    pub available: bool,
    /// The first obstacle, in a few words.
    pub reason: Option<&'a str>,
    /// Relative to the configuration's folder.
    pub benchmarks_root: Option<&'a str>,
    pub benchmarks: Option<usize>,
    pub tests: Option<usize>,
    /// The version of memray in the project's interpreter.
    pub memray: Option<&'a str>,
    pub checks: &'a [Check],
    pub fallbacks: &'a [Fallback],
    /// The file that `--write` wrote.
    pub written: Option<&'a str>,
    /// The reason why it was not written.
    pub not_written: Option<&'a str>,
    pub next: Vec<NextStep>,
}

/// One line of `deadheat detect`.
#[derive(Debug, JsonSchema, Serialize)]
pub struct Check {
    pub check: &'static str,
    pub ok: bool,
    /// The finding, or the reason for a no.
    pub detail: String,
    pub hint: Option<String>,
}

/// A command to use if benchmarks are missing, or in addition to them.
#[derive(Debug, JsonSchema, Serialize)]
pub struct Fallback {
    pub name: &'static str,
    pub applies: bool,
    /// The way to use it, or the reason why not.
    pub detail: String,
}

/// The answer of `deadheat start`.
#[derive(Debug, JsonSchema, Serialize)]
pub struct Started<'a> {
    pub baseline: &'a Baseline,
    /// The baseline that it replaced.
    pub replaced: Option<&'a Baseline>,
    /// Paths with changes that are not in the baseline.
    pub uncommitted: &'a [String],
    /// Whether git ignores the loop's records.
    pub ignored: bool,
    pub file: String,
    pub next: Vec<NextStep>,
}

/// The answer of `deadheat status`. The lists hold the experiments since the baseline, in the order of the file.
#[derive(Debug, JsonSchema, Serialize)]
pub struct LoopStatus<'a> {
    pub state_folder: String,
    /// A sentence for each cell of `results.tsv` that could not be read.
    pub problems: &'a [String],
    pub baseline: Option<&'a Baseline>,
    /// The commit of the last experiment that was kept, or else the baseline.
    pub last_kept: Option<&'a str>,
    pub kept: Vec<&'a Row>,
    pub mixed: Vec<&'a Row>,
    pub discarded: Vec<&'a Row>,
    /// Measurements of the whole, by another tool.
    pub measured: Vec<&'a Row>,
    /// Those without a status, or with another one.
    pub other: Vec<&'a Row>,
    pub cumulative: Option<Cumulative>,
    pub next: Vec<NextStep>,
}

/// The answer of `deadheat log`.
#[derive(Debug, JsonSchema, Serialize)]
pub struct LoopLog<'a> {
    pub state_folder: String,
    /// A sentence for each cell of `results.tsv` that could not be read.
    pub problems: &'a [String],
    pub rows: Vec<LoggedRow<'a>>,
    pub cumulative: Option<Cumulative>,
    pub next: Vec<NextStep>,
}

/// A row, with the cumulative result of the experiments up to it.
#[derive(Debug, JsonSchema, Serialize)]
pub struct LoggedRow<'a> {
    #[serde(flatten)]
    pub row: &'a Row,
    pub cumulative: Option<Cumulative>,
}

/// The answer of `deadheat handoff`.
#[derive(Debug, JsonSchema, Serialize)]
pub struct HandedOff<'a> {
    pub file: String,
    /// A sentence for each cell of `results.tsv` that could not be read.
    pub problems: &'a [String],
    pub next: Vec<NextStep>,
}

/// The answer of `deadheat skill`.
#[derive(Debug, Default, JsonSchema, Serialize)]
pub struct Skills<'a> {
    /// The file that was asked for, and its text; null with `--install`.
    pub file: Option<&'a str>,
    pub text: Option<&'a str>,
    /// The installed skills; empty without `--install`.
    pub installed: &'a [InstalledSkill],
    pub next: Vec<NextStep>,
}

/// A skill in one of the folders that it is installed into.
#[derive(Debug, JsonSchema, Serialize)]
pub struct InstalledSkill {
    pub skill: &'static str,
    pub folder: String,
    /// Whether a file had to be written.
    pub written: bool,
}

/// The answer of any command that ends with the codes 2 or 5.
#[derive(Debug, JsonSchema, Serialize)]
pub struct Failed<'a> {
    pub error: Problem<'a>,
    pub exit_code: i32,
    pub next: Vec<NextStep>,
}

/// An error.
#[derive(Debug, JsonSchema, Serialize)]
pub struct Problem<'a> {
    /// The stable name of its kind.
    pub code: &'a str,
    pub message: &'a str,
    pub hint: Option<&'a str>,
}
