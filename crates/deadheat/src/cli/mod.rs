//! The command line's arguments. `options.rs` turns them into options.

pub(crate) mod format;
pub(crate) mod micro;
pub(crate) mod options;
#[cfg(test)]
mod page;
pub(crate) mod values;

use std::path::PathBuf;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Parser, Subcommand};
use deadheat_core::model::{BenchmarksFrom, Environments, Gate, Partition, Status};

use crate::cli::values::{parse_environments, parse_memory_limit, parse_percent, parse_seconds};

macro_rules! exit_codes {
    () => {
        "\
Exit codes:
  0  done (also when nothing changed)
  1  a gate failed
  2  wrong arguments, configuration or refs
  3  nothing could be measured
  4  stopped early (--timeout, Ctrl-C, SIGTERM); the report is partial
  5  the tool itself failed"
    };
}

const COMPARE_HELP: &str = concat!(
    "\
Examples:
  deadheat compare                       the current branch against where it left the default branch
  deadheat compare main HEAD             two refs
  deadheat compare v1.0...feature        a branch against its merge base
  deadheat compare --working-tree        what is not committed yet against HEAD
  deadheat compare main HEAD -k parse -o result.json
  deadheat compare main HEAD --script 'make && ./bench.sh'

",
    exit_codes!()
);

/// Benchmark two git refs of a Python project against each other, with error bounds
#[derive(Debug, Parser)]
#[command(name = "deadheat", version, after_help = exit_codes!(), propagate_version = true)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: CommandArgs,
}

#[derive(Debug, Subcommand)]
pub(crate) enum CommandArgs {
    /// Measure the project's own pytest benchmarks on two git refs and say which became faster or slower
    Compare(Box<CompareArgs>),
    /// Compare two variants of a piece of code in less than 10 s, without a worktree: is the change worth a commit?
    Micro(Box<MicroArgs>),
    /// Merge reports that were measured in parts (--partition) into one
    Merge(MergeArgs),
    /// Compare a ref with itself, to see how noisy this machine is and which changes it can detect
    Noise(Box<NoiseArgs>),
    /// Run ordinary tests on two git refs under cProfile, and show which functions and tests became slower; for
    /// projects without benchmarks
    Profile(Box<ProfileArgs>),
    /// Check whether deadheat works in this project, and what is missing. Only imports the project and collects its
    /// tests
    Detect(DetectArgs),
    /// Make the current commit the baseline of an optimisation loop
    Start(StartArgs),
    /// Show the baseline, the experiments by status, and the cumulative speedup
    Status(RecordsArgs),
    /// List every recorded experiment, with the cumulative speedup
    Log(RecordsArgs),
    /// Show a stored report again, or write it in another format, or judge it with another threshold
    Report(StoredArgs),
    /// Unpack an example project with two commits and compare them
    Demo(DemoArgs),
    /// Delete everything in the cache: leftovers of killed and kept runs, environments, builds, fetched submodules
    Clean(CleanArgs),
}

impl CommandArgs {
    /// Whether the command starts the project's code, again and again.
    pub(crate) fn runs_code(&self) -> bool {
        matches!(
            self,
            CommandArgs::Compare(_)
                | CommandArgs::Micro(_)
                | CommandArgs::Noise(_)
                | CommandArgs::Profile(_)
                | CommandArgs::Demo(_)
        )
    }
}

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct OutputArgs {
    /// Print the result as one JSON value on stdout, and nothing else there
    #[arg(long)]
    pub(crate) json: bool,
    /// Print only the result and errors
    #[arg(short, long)]
    pub(crate) quiet: bool,
    /// Show everything in full: all functions, whole messages, reasons
    #[arg(short, long, conflicts_with = "quiet")]
    pub(crate) verbose: bool,
}

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct ReportArgs {
    /// Write the report to a file as well (repeatable); `-` is stdout. FORMAT: json, md (for a pull request), html,
    /// csv, or pytest-benchmark:NAME for NAME.base.json and NAME.head.json [default: by the file's extension]
    #[arg(short, long = "output", value_name = "[FORMAT:]FILE")]
    pub(crate) output: Vec<String>,
}

/// The options that every command that measures has for its processes.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct ProcessArgs {
    /// Seed the run's hash seeds, to reproduce it [default: random]
    #[arg(long, value_name = "N")]
    pub(crate) seed: Option<u64>,
    /// Measure on this core [default: the quietest]
    #[arg(long, value_name = "N", conflicts_with = "no_pin")]
    pub(crate) cpu: Option<usize>,
    /// Do not pin to a core, where pinning is not allowed; verdicts then carry no error rate
    #[arg(long)]
    pub(crate) no_pin: bool,
}

/// The locations of the interpreter and the configuration.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct PlaceArgs {
    /// Use this Python for the project [default: the active virtual environment, .venv, the one that runs deadheat,
    /// python3]
    #[arg(long, value_name = "PATH")]
    pub(crate) python: Option<String>,
    /// Read the configuration from this file instead of the nearest pyproject.toml
    #[arg(long, value_name = "FILE")]
    pub(crate) config_file: Option<PathBuf>,
}

/// The options of every run on two checkouts.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct SidesArgs {
    /// Stop the whole run after this time, and report what is finished
    #[arg(long, value_name = "SECONDS", default_value_t = 600.0, value_parser = parse_seconds)]
    pub(crate) timeout: f64,
    #[command(flatten)]
    pub(crate) process: ProcessArgs,
    #[command(flatten)]
    pub(crate) place: PlaceArgs,
    /// Copy a file or folder of the working tree into both worktrees (repeatable)
    #[arg(long, value_name = "PATH")]
    pub(crate) inject: Vec<String>,
    /// Keep an environment variable that is otherwise dropped for the workers (repeatable)
    #[arg(long, value_name = "NAME")]
    pub(crate) pass_env: Vec<String>,
    /// Choose the sides' environments. shared: the project's interpreter for both sides; per-ref: an environment for
    /// each side with the dependencies that its revision declares, made by uv or pip [default: shared]
    #[arg(long = "env", value_name = "shared|per-ref", value_parser = parse_environments)]
    pub(crate) environments: Option<Environments>,
    /// Install from this requirements file, as each revision has it; with --env per-ref (repeatable)
    #[arg(long, value_name = "FILE")]
    pub(crate) requirements: Vec<String>,
    /// Run this command in each worktree before measuring, for projects with compiled parts; the result is kept for the
    /// next run
    #[arg(long, value_name = "CMD")]
    pub(crate) build: Option<String>,
    /// Limit the memory of each process of the suite, in MiB (Linux)
    #[arg(long, value_name = "MIB", value_parser = parse_memory_limit)]
    pub(crate) memory_limit: Option<u64>,
    /// Fetch commits of submodules that are missing here
    #[arg(long)]
    pub(crate) fetch: bool,
    #[command(flatten)]
    pub(crate) report: ReportArgs,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
}

/// The options of every run that measures benchmarks.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct RunArgs {
    /// Find the benchmarks in this folder or file, relative to pyproject.toml
    #[arg(long, value_name = "DIR")]
    pub(crate) benchmarks_root: Option<String>,
    /// Time this ordinary test, or all tests of a file, instead of benchmarks (repeatable): FILE, FILE::NAME. Its own
    /// fixtures are set up again for each call, and only the call is timed
    #[arg(long, value_name = "NODE", conflicts_with = "benchmarks_root")]
    pub(crate) tests: Vec<String>,
    /// Measure only benchmarks that match this pytest expression
    #[arg(short = 'k', value_name = "EXPR")]
    pub(crate) keyword: Option<String>,
    /// Pass this argument to pytest on both sides (repeatable): --pytest-arg=--run-slow
    #[arg(long = "pytest-arg", value_name = "ARG", allow_hyphen_values = true)]
    pub(crate) pytest_args: Vec<String>,
    /// Set the smallest change that matters, in percent [default: 2]
    #[arg(long, value_name = "PCT", value_parser = parse_percent)]
    pub(crate) threshold: Option<f64>,
    #[command(flatten)]
    pub(crate) sides: SidesArgs,
}

#[derive(Debug, clap::Args)]
#[command(after_help = COMPARE_HELP, args_override_self = true)]
pub(crate) struct CompareArgs {
    /// Two refs, or BASE...HEAD for their merge base; one ref is compared with HEAD. Without any: where HEAD left the
    /// default branch, or the commit before HEAD on the default branch itself
    #[arg(value_name = "BASE HEAD", num_args = 0..=2)]
    pub(crate) refs: Vec<String>,
    /// Compare the working tree, with its uncommitted changes, as head
    #[arg(long)]
    pub(crate) working_tree: bool,
    /// Use the baseline of the loop as base (see `deadheat start`)
    #[arg(long, conflicts_with = "continued")]
    pub(crate) baseline: bool,
    /// Use the last experiment that was kept as base, or else the baseline
    #[arg(long, conflicts_with_all = ["baseline", "continued"])]
    pub(crate) last_kept: bool,
    /// Write the result into the loop's records, with this description; without refs, base is the last kept
    #[arg(long, value_name = "TEXT", conflicts_with_all = ["working_tree", "dry_run"])]
    pub(crate) record: Option<String>,
    /// Set the status of the recorded experiment: keep, discard or mixed [default: by the verdicts]
    #[arg(long, value_name = "STATUS", value_parser = parse_status, requires = "record")]
    pub(crate) status: Option<Status>,
    /// Record a run that was stopped early, too
    #[arg(long, requires = "record")]
    pub(crate) allow_partial: bool,
    /// Compare GitHub pull request N with its merge base, by the command `gh`; fetches commits that are missing here
    #[arg(
        long = "pr",
        value_name = "N",
        value_parser = clap::value_parser!(u64).range(1..),
        conflicts_with_all = ["refs", "working_tree", "baseline", "last_kept", "record", "continued"]
    )]
    pub(crate) pull_request: Option<u64>,
    /// Look at these functions instead of those that the diff changed: "a.py::f,g;b.py::C.m"
    #[arg(long, value_name = "TARGETS")]
    pub(crate) functions: Option<String>,
    /// Run the benchmarks of base, of head, or each side's own
    #[arg(long, value_name = "SIDE", value_parser = benchmarks_from_parser(), default_value = "head")]
    pub(crate) benchmarks_from: BenchmarksFrom,
    /// Measure all benchmarks, even if nothing relevant changed
    #[arg(long)]
    pub(crate) all: bool,
    /// Run exactly N replicates (fresh pairs of processes) of each benchmark [default: until its verdict is settled]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(2..=10_000), conflicts_with = "budget")]
    pub(crate) replicates: Option<u16>,
    /// Limit the time for measuring, in seconds; verdicts that are open by then stay open [default: 5 for each
    /// benchmark, at least 20]
    #[arg(long, value_name = "SECONDS", value_parser = parse_seconds)]
    pub(crate) budget: Option<f64>,
    /// Exit with 1 if a benchmark became slower (regression, or regression:PCT for at least PCT percent; measured again
    /// first), returns a different value (output-change) or has no verdict (inconclusive), and with any of these if one
    /// that ran on base fails on head (failed); repeatable
    #[arg(long, value_name = "WHAT", value_parser = parse_gate)]
    pub(crate) fail_on: Vec<Gate>,
    /// Add replicates to a stored report: its revisions, seed and settings, and the time of a new --budget
    #[arg(
        long = "continue",
        value_name = "R.json",
        conflicts_with_all = [
            "refs", "working_tree", "functions", "all", "replicates", "keyword", "seed", "inject", "benchmarks_root",
            "benchmarks_from", "tests", "pytest_args", "environments", "requirements", "build", "memory_limit"
        ]
    )]
    pub(crate) continued: Option<PathBuf>,
    /// Measure only this part of the suite: I of N, for N machines; `deadheat merge` makes one report of the parts
    #[arg(long, value_name = "I/N", conflicts_with_all = ["continued", "script", "record"])]
    pub(crate) partition: Option<Partition>,
    /// Measure this shell command on both sides instead of benchmarks: any project, any language, no pytest
    #[arg(
        long,
        value_name = "CMD",
        conflicts_with_all = [
            "keyword", "tests", "pytest_args", "benchmarks_root", "benchmarks_from", "functions", "profile", "continued",
            "environments", "requirements", "python"
        ]
    )]
    pub(crate) script: Option<String>,
    /// Read the times from this JSON file, which the command of --script writes: its keys with their seconds
    /// (`__total__` is the total)
    #[arg(long, value_name = "FILE.json", requires = "script")]
    pub(crate) script_output: Option<String>,
    /// Also profile every function of the project, base against head (by the standard library's cProfile)
    #[arg(long)]
    pub(crate) profile: bool,
    /// Also compare peak memory and the number of allocations, in processes of their own (needs memray in the project's
    /// interpreter)
    #[arg(long)]
    pub(crate) memory: bool,
    /// Show the changed functions, the benchmarks and the time that a run would take, and measure nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Keep the worktrees, and say how to run one side by hand; `deadheat clean` removes them
    #[arg(long)]
    pub(crate) keep: bool,
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

const MICRO_HELP: &str = concat!(
    "\
Examples:
  deadheat micro pkg/core.py::parse --setup \"text = 'a,b'\" --call \"parse(text)\"
                                         the function as in HEAD against the working tree
  deadheat micro try.py                  a script's functions bench_a and bench_b
  deadheat micro -a \"','.join(x)\" -b \"'%s,%s' % x\" --setup \"x = ('a', 'b')\"
  deadheat micro try.py --gate && git commit

The last line says `go`, `stop` or `no answer`, and why.

",
    exit_codes!()
);

#[derive(Debug, clap::Args)]
#[command(after_help = MICRO_HELP, args_override_self = true)]
pub(crate) struct MicroArgs {
    /// A script with functions `bench_a` and `bench_b`, or one that takes `a` or `b` as its argument and is run whole; or
    /// a function, which is compared as in HEAD with the working tree's (with --call)
    #[arg(
        value_name = "SCRIPT.py|FILE.py::FUNCTION",
        required_unless_present = "statement_a",
        conflicts_with_all = ["statement_a", "statement_b"]
    )]
    pub(crate) target: Option<String>,
    /// The first variant: a statement or an expression
    #[arg(
        short = 'a',
        value_name = "STMT",
        requires = "statement_b",
        allow_hyphen_values = true
    )]
    pub(crate) statement_a: Option<String>,
    /// The second one
    #[arg(
        short = 'b',
        value_name = "STMT",
        requires = "statement_a",
        allow_hyphen_values = true
    )]
    pub(crate) statement_b: Option<String>,
    /// The call to time, in the function's module: `f(x)`, `C().m()`; a result that can be awaited is awaited
    #[arg(long, value_name = "EXPR", allow_hyphen_values = true)]
    pub(crate) call: Option<String>,
    /// Run this set-up code once in each process, not timed. It is not run again between calls: mutated values stay
    /// mutated
    #[arg(long, value_name = "CODE", allow_hyphen_values = true)]
    pub(crate) setup: Option<String>,
    /// The ref that the function's module is taken from [default: HEAD]
    #[arg(long, value_name = "REF")]
    pub(crate) base: Option<String>,
    /// Set the smallest speedup that counts as `go`, in percent
    #[arg(long, value_name = "PCT", default_value = "20", value_parser = parse_percent)]
    pub(crate) worth: f64,
    /// Also compare the peak of the memory that one call needs (by the standard library's tracemalloc)
    #[arg(long)]
    pub(crate) memory: bool,
    /// Exit with 0 for `go` and with 1 for `stop`
    #[arg(long)]
    pub(crate) gate: bool,
    /// Limit the time of the whole command
    #[arg(long, value_name = "SECONDS", default_value_t = 10.0, value_parser = parse_seconds)]
    pub(crate) timeout: f64,
    #[command(flatten)]
    pub(crate) process: ProcessArgs,
    #[command(flatten)]
    pub(crate) place: PlaceArgs,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
}

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  deadheat detect\n  deadheat detect --write\n\nEnds with 0 whatever it finds.",
    args_override_self = true
)]
pub(crate) struct DetectArgs {
    /// Write the findings into setup.md in the state folder, too
    #[arg(long)]
    pub(crate) write: bool,
    /// Find the benchmarks in this folder or file, relative to pyproject.toml
    #[arg(long, value_name = "DIR")]
    pub(crate) benchmarks_root: Option<String>,
    #[command(flatten)]
    pub(crate) place: PlaceArgs,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
}

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  deadheat start\n  deadheat start --replace",
    args_override_self = true
)]
pub(crate) struct StartArgs {
    /// Replace an existing baseline
    #[arg(long)]
    pub(crate) replace: bool,
    /// Read the configuration from this file instead of the nearest pyproject.toml
    #[arg(long, value_name = "FILE")]
    pub(crate) config_file: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
}

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  deadheat status\n  deadheat log --json",
    args_override_self = true
)]
pub(crate) struct RecordsArgs {
    /// Read the configuration from this file instead of the nearest pyproject.toml
    #[arg(long, value_name = "FILE")]
    pub(crate) config_file: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
}

#[derive(Debug, clap::Args)]
#[command(
    after_help = concat!(
        "Examples:\n  deadheat profile\n  deadheat profile main HEAD -- tests/test_parser.py -k 'not slow'\n\n",
        exit_codes!()
    ),
    args_override_self = true
)]
pub(crate) struct ProfileArgs {
    /// As in `deadheat compare`: two refs, or BASE...HEAD; one ref is compared with HEAD; without any, where HEAD left the
    /// default branch
    #[arg(value_name = "BASE HEAD", num_args = 0..=2)]
    pub(crate) refs: Vec<String>,
    /// The arguments for pytest on each side, in the project's folder [default: the tests root]
    #[arg(value_name = "PYTEST_ARGS", last = true, allow_hyphen_values = true)]
    pub(crate) pytest_args: Vec<String>,
    /// Compare the working tree, with its uncommitted changes, as head
    #[arg(long)]
    pub(crate) working_tree: bool,
    /// Limit the time for running the tests, in seconds: at least 3 replicates and at most 10, as many as fit; each
    /// runs the tests twice on each side, without the profiler and with it
    #[arg(long, value_name = "SECONDS", default_value_t = 60.0, value_parser = parse_seconds)]
    pub(crate) budget: f64,
    /// Run exactly N replicates
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(2..=10_000), conflicts_with = "budget")]
    pub(crate) replicates: Option<u16>,
    #[command(flatten)]
    pub(crate) sides: SidesArgs,
}

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  deadheat report result.json\n  deadheat report result.json -o result.md -o result.csv\n  \
                  deadheat report result.json --threshold 5",
    args_override_self = true
)]
pub(crate) struct StoredArgs {
    /// A report that `-o R.json` wrote
    #[arg(value_name = "R.json")]
    pub(crate) file: PathBuf,
    /// Judge again with this threshold, in percent [default: the one that it was measured with]
    #[arg(long, value_name = "PCT", value_parser = parse_percent)]
    pub(crate) threshold: Option<f64>,
    #[command(flatten)]
    pub(crate) report: ReportArgs,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
}

#[derive(Debug, clap::Args)]
#[command(
    after_help = concat!(
        "Example:\n  deadheat compare main HEAD --partition 1/2 -o 1.json    on one machine\n  deadheat compare main \
         HEAD --partition 2/2 -o 2.json    on another one\n  deadheat merge 1.json 2.json -o all.json\n\n",
        exit_codes!()
    )
)]
pub(crate) struct MergeArgs {
    /// The parts' reports, in any order
    #[arg(value_name = "R.json", required = true)]
    pub(crate) reports: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) report: ReportArgs,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  deadheat demo -o demo.html")]
pub(crate) struct DemoArgs {
    /// Use this Python, which needs pytest [default: the one that runs deadheat]
    #[arg(long, value_name = "PATH")]
    pub(crate) python: Option<String>,
    #[command(flatten)]
    pub(crate) report: ReportArgs,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  deadheat clean")]
pub(crate) struct CleanArgs {
    #[command(flatten)]
    pub(crate) output: OutputArgs,
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
    Status::parse(text).ok_or_else(|| format!("`{text}` is not a status; write keep, discard or mixed"))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_definition_is_consistent() {
        super::Args::command().debug_assert();
    }
}
