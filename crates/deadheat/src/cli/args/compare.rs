//! The arguments of the commands that measure benchmarks.

use std::path::PathBuf;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use deadheat_core::model::{BenchmarksFrom, Gate, Status};

use crate::cli::args::shared::*;
use crate::cli::values::{
    EngineChoice, Partition, parse_engine, parse_partition, parse_percent, parse_seconds,
};

const COMPARE_HELP: &str = concat!(
    "\
Examples:
  deadheat compare                       the current branch against where it left the default branch
  deadheat compare main HEAD             two refs
  deadheat compare v1.0...feature        a branch against its merge base
  deadheat compare --working-tree        the uncommitted changes against HEAD
  deadheat compare main HEAD -k parse -o result.json
  deadheat compare main HEAD --script 'make && ./bench.sh'

",
    exit_codes!()
);

#[derive(Debug, clap::Args)]
#[command(after_help = COMPARE_HELP, args_override_self = true)]
pub(crate) struct CompareArgs {
    /// Two refs, or BASE...HEAD for their merge base; a single ref is compared with HEAD. Without any, HEAD is compared
    /// with the commit where it left the default branch, or on the default branch with the commit before it
    #[arg(value_name = "BASE HEAD", num_args = 0..=2)]
    pub(crate) refs: Vec<String>,
    /// Compare the working tree, with its uncommitted changes, as head
    #[arg(long)]
    pub(crate) working_tree: bool,
    /// Use the baseline of the loop as base (see `deadheat start`)
    #[arg(help_heading = SIDES, long, conflicts_with = "continued")]
    pub(crate) baseline: bool,
    /// Use the last experiment that was kept as base, or else the baseline
    #[arg(help_heading = SIDES, long, conflicts_with_all = ["baseline", "continued"])]
    pub(crate) last_kept: bool,
    /// Compare GitHub pull request N with its merge base (needs `gh`); fetches commits that are missing here
    #[arg(help_heading = SIDES, long = "pr",
        value_name = "N",
        value_parser = clap::value_parser!(u64).range(1..),
        conflicts_with_all = ["refs", "working_tree", "baseline", "last_kept", "record", "continued"]
    )]
    pub(crate) pull_request: Option<u64>,
    /// Use these functions as targets instead of those that the diff changed: "a.py::f,g;b.py::C.m"
    #[arg(help_heading = BENCHMARKS, long, value_name = "TARGETS")]
    pub(crate) functions: Option<String>,
    /// Run the benchmarks of base, of head, or each side's own
    #[arg(help_heading = BENCHMARKS, long, value_name = "SIDE", value_parser = benchmarks_from_parser(), default_value = "head")]
    pub(crate) benchmarks_from: BenchmarksFrom,
    /// Measure all benchmarks, even if nothing relevant changed
    #[arg(help_heading = BENCHMARKS, long)]
    pub(crate) all: bool,
    /// Run exactly N replicates (fresh pairs of processes) of each benchmark [default: until its verdict is settled]
    #[arg(help_heading = STRICTNESS, long, value_name = "N", value_parser = clap::value_parser!(u16).range(2..=10_000), conflicts_with = "budget")]
    pub(crate) replicates: Option<u16>,
    /// Limit the time for measuring, in seconds; verdicts that are open by then stay open [default: 5 for each
    /// benchmark, at least 20]
    #[arg(long, value_name = "SECONDS", value_parser = parse_seconds, allow_negative_numbers = true)]
    pub(crate) budget: Option<f64>,
    /// Exit with 1 if a benchmark became slower (regression, or regression:PCT for at least PCT percent; measured again
    /// first), returns a different value (output-change), has no verdict (inconclusive), or ran on base and fails on
    /// head (failed, implied by the others); repeatable
    #[arg(long, value_name = "WHAT", value_parser = parse_gate)]
    pub(crate) fail_on: Vec<Gate>,
    /// Add replicates to a stored report: its revisions, seed and settings, and the time of a new --budget
    #[arg(help_heading = STRICTNESS, long = "continue",
        value_name = "R.json",
        conflicts_with_all = [
            "refs", "working_tree", "functions", "all", "replicates", "keyword", "seed", "inject", "benchmarks_root",
            "benchmarks_from", "tests", "pytest_args", "environments", "requirements", "build", "memory_limit"
        ]
    )]
    pub(crate) continued: Option<PathBuf>,
    /// Measure only this part of the suite: I of N, for N machines; `deadheat merge` makes one report of the parts.
    /// auto: the part that the variables of the CI system or of an array job tell
    #[arg(help_heading = BENCHMARKS, long, value_name = "I/N|auto", value_parser = parse_partition,
        conflicts_with_all = ["continued", "script", "record"]
    )]
    pub(crate) partition: Option<Partition>,
    /// Cut the suite into parts of equal length by the times in an earlier report, instead of by hash; every part needs the
    /// same file
    #[arg(help_heading = BENCHMARKS, long, value_name = "R.json", conflicts_with = "continued")]
    pub(crate) balance: Option<PathBuf>,
    /// Measure replicates side by side: `local:N` on N cores of this machine, or dask://HOST:PORT on the workers of a Dask
    /// cluster
    #[arg(help_heading = STRICTNESS, long, value_name = "WHERE", value_parser = parse_engine,
        conflicts_with_all = ["script", "cpu", "no_pin", "dry_run"])]
    pub(crate) on: Option<EngineChoice>,
    /// Measure this shell command on both sides instead of benchmarks: any project, any language, no pytest. If it prints
    /// METRIC name=number lines, those are compared
    #[arg(help_heading = BENCHMARKS, long,
        value_name = "CMD",
        conflicts_with_all = [
            "keyword", "tests", "pytest_args", "benchmarks_root", "benchmarks_from", "functions", "profile", "continued",
            "environments", "requirements", "python"
        ]
    )]
    pub(crate) script: Option<String>,
    /// Read the times from this JSON file, which the command of --script writes: its keys with their seconds
    /// (`__total__` is the total)
    #[arg(help_heading = BENCHMARKS, long, value_name = "FILE.json", requires = "script")]
    pub(crate) script_output: Option<String>,
    /// Also profile every function of the project, base against head (by the standard library's cProfile)
    #[arg(help_heading = BENCHMARKS, long)]
    pub(crate) profile: bool,
    /// Also compare peak memory and the number of allocations, in separate processes (needs memray in the project's
    /// interpreter)
    #[arg(help_heading = BENCHMARKS, long)]
    pub(crate) memory: bool,
    /// Show the changed functions, the benchmarks and the time that a run would take, and measure nothing
    #[arg(help_heading = BENCHMARKS, long)]
    pub(crate) dry_run: bool,
    /// Keep the worktrees, and print the commands that run one side by hand; `deadheat clean` removes them
    #[arg(help_heading = OUTPUT, long)]
    pub(crate) keep: bool,
    #[command(flatten)]
    pub(crate) run: RunArgs,
    /// Write the result into the loop's records, with this description; without refs, base is the last kept experiment
    #[arg(help_heading = LOOP, long, value_name = "TEXT", conflicts_with_all = ["working_tree", "dry_run"])]
    pub(crate) record: Option<String>,
    /// Set the status of the recorded experiment: keep, discard, mixed or checks_failed [default: by the verdicts]
    #[arg(help_heading = LOOP, long, value_name = "STATUS", value_parser = parse_status, requires = "record")]
    pub(crate) status: Option<Status>,
    /// Run this shell command on head after measuring, such as the tests that must still pass; if it fails, the status is
    /// checks_failed, however fast head is
    #[arg(help_heading = LOOP, long, value_name = "CMD", requires = "record")]
    pub(crate) guard: Option<String>,
    /// Also record a run that was stopped early
    #[arg(help_heading = LOOP, long, requires = "record")]
    pub(crate) allow_partial: bool,
}

const RACE_HELP: &str = concat!(
    "\
Examples:
  deadheat race main idea-1 idea-2 idea-3          which of four is the fastest?
  deadheat race HEAD~3 HEAD~2 HEAD~1 HEAD -k parse
  deadheat race main idea-1 idea-2 --json          `answer` and `next` for programs

",
    exit_codes!()
);

#[derive(Debug, clap::Args)]
#[command(after_help = RACE_HELP, args_override_self = true)]
pub(crate) struct RaceArgs {
    /// The candidates, 2 to 20 refs. The first is the reference: its benchmarks are run, and the speedups refer to it
    #[arg(value_name = "REF", num_args = 2..=20, required = true)]
    pub(crate) refs: Vec<String>,
    /// Race over all benchmarks, and not only those that run changed code
    #[arg(help_heading = BENCHMARKS, long)]
    pub(crate) all: bool,
    /// Limit the time for measuring, in seconds; a race that is open by then has no winner [default: 5 for each
    /// benchmark and candidate, at least 20 for each candidate]
    #[arg(long, value_name = "SECONDS", value_parser = parse_seconds, allow_negative_numbers = true)]
    pub(crate) budget: Option<f64>,
    #[command(flatten)]
    pub(crate) run: RunArgs,
}

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  deadheat noise\n  deadheat noise main -k parse",
    args_override_self = true
)]
pub(crate) struct NoiseArgs {
    /// The ref that is compared with itself
    #[arg(value_name = "REF", default_value = "HEAD")]
    pub(crate) reference: String,
    /// Run this number of replicates (fresh pairs of processes) of each benchmark
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u16).range(2..=10_000))]
    pub(crate) replicates: u16,
    #[command(flatten)]
    pub(crate) run: RunArgs,
}

fn benchmarks_from_parser() -> impl TypedValueParser<Value = BenchmarksFrom> {
    PossibleValuesParser::new(["head", "base", "own"]).map(|side| match side.as_str() {
        "base" => BenchmarksFrom::Base,
        "own" => BenchmarksFrom::Own,
        _ => BenchmarksFrom::Head,
    })
}

fn parse_gate(text: &str) -> Result<Gate, String> {
    match text.split_once(':') {
        None if text == "regression" => Ok(Gate::Regression { percent: None }),
        None if text == "failed" => Ok(Gate::Failed),
        None if text == "output-change" => Ok(Gate::OutputChange),
        None if text == "inconclusive" => Ok(Gate::Inconclusive),
        Some(("regression", percent)) => Ok(Gate::Regression {
            percent: Some(parse_percent(percent)?),
        }),
        _ => Err(format!(
            "`{text}` is not a gate; write regression, regression:PCT, failed, output-change or inconclusive"
        )),
    }
}

fn parse_status(text: &str) -> Result<Status, String> {
    Status::parse(text)
        .ok_or_else(|| format!("`{text}` is not a status; write keep, discard, mixed or checks_failed"))
}
