//! The options that several commands share.

use std::path::PathBuf;

use deadheat_core::model::Environments;

use crate::cli::values::{parse_environments, parse_memory_limit, parse_percent, parse_seconds};

/// Headings of `--help`, in their order.
pub(crate) const SIDES: &str = "What to compare";
pub(crate) const BENCHMARKS: &str = "What to measure";
pub(crate) const STRICTNESS: &str = "How long, and how strict";
pub(crate) const ENVIRONMENT: &str = "Environment";
pub(crate) const OUTPUT: &str = "Output";
pub(crate) const LOOP: &str = "The optimisation loop";

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct OutputArgs {
    /// Print the result as one JSON value on stdout, without the samples
    #[arg(help_heading = OUTPUT, long)]
    pub(crate) json: bool,
    /// Print only the result and errors
    #[arg(help_heading = OUTPUT, short, long)]
    pub(crate) quiet: bool,
    /// Show everything in full: all functions, whole messages, reasons
    #[arg(help_heading = OUTPUT, short, long, conflicts_with = "quiet")]
    pub(crate) verbose: bool,
    /// Write progress and errors to stderr as lines of JSON, for programs
    #[arg(help_heading = OUTPUT, long, conflicts_with_all = ["quiet", "verbose"])]
    pub(crate) progress_json: bool,
}

#[derive(Clone, Debug, Default, clap::Args)]
pub(crate) struct ReportArgs {
    /// Also write the report to a file (repeatable); `-` is stdout. FORMAT: json, md (for a pull request), html,
    /// csv, metrics (METRIC lines), summary or brief (JSON without samples), or pytest-benchmark:NAME for
    /// NAME.base.json and NAME.head.json [default: by the file's extension]
    #[arg(short, long = "output", value_name = "[FORMAT:]FILE")]
    pub(crate) output: Vec<String>,
    /// Print the answer as one JSON value of at most 1,500 bytes
    #[arg(help_heading = OUTPUT, long, conflicts_with = "json")]
    pub(crate) brief: bool,
    /// Print METRIC name=number lines instead of the table, for a loop whose measuring script this is
    #[arg(help_heading = OUTPUT, long, conflicts_with_all = ["json", "brief"])]
    pub(crate) metrics: bool,
    /// Include every sample in the JSON on stdout, as -o does in files
    #[arg(help_heading = OUTPUT, long, requires = "json")]
    pub(crate) samples: bool,
}

/// The options that every command that measures has for its processes.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct ProcessArgs {
    /// Set the seed of the run's hash seeds, to reproduce a run [default: random]
    #[arg(help_heading = STRICTNESS, long, value_name = "N")]
    pub(crate) seed: Option<u64>,
    /// Measure on this core [default: the quietest]
    #[arg(help_heading = STRICTNESS, long, value_name = "N", conflicts_with = "no_pin")]
    pub(crate) cpu: Option<usize>,
    /// Do not pin the processes to a core (for systems that do not allow it); verdicts then carry no error rate
    #[arg(help_heading = STRICTNESS, long)]
    pub(crate) no_pin: bool,
}

/// The locations of the interpreter and the configuration.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct PlaceArgs {
    /// Use this Python for the project [default: the active virtual environment, .venv, the one that runs deadheat,
    /// python3]
    #[arg(help_heading = ENVIRONMENT, long, value_name = "PATH")]
    pub(crate) python: Option<String>,
    /// Read the configuration from this file instead of the nearest pyproject.toml
    #[arg(help_heading = ENVIRONMENT, long, value_name = "FILE")]
    pub(crate) config_file: Option<PathBuf>,
}

/// The options of every run on two checkouts.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct SidesArgs {
    /// Stop the whole run after this time, and report what is finished
    #[arg(help_heading = STRICTNESS, long, value_name = "SECONDS", default_value_t = 600.0, value_parser = parse_seconds, allow_negative_numbers = true)]
    pub(crate) timeout: f64,
    #[command(flatten)]
    pub(crate) process: ProcessArgs,
    #[command(flatten)]
    pub(crate) place: PlaceArgs,
    /// Copy a file or folder of the working tree into both worktrees (repeatable)
    #[arg(help_heading = ENVIRONMENT, long, value_name = "PATH")]
    pub(crate) inject: Vec<String>,
    /// Pass this environment variable to the workers, although it is usually dropped (repeatable)
    #[arg(help_heading = ENVIRONMENT, long, value_name = "NAME")]
    pub(crate) pass_env: Vec<String>,
    /// Choose the sides' environments. shared: the project's interpreter for both sides; per-ref: an environment for
    /// each side with the dependencies that its revision declares, made by uv or pip [default: shared]
    #[arg(help_heading = ENVIRONMENT, long = "env", value_name = "shared|per-ref", value_parser = parse_environments)]
    pub(crate) environments: Option<Environments>,
    /// Install from this requirements file, as each revision has it; with --env per-ref (repeatable)
    #[arg(help_heading = ENVIRONMENT, long, value_name = "FILE")]
    pub(crate) requirements: Vec<String>,
    /// Run this command in each worktree before measuring, for projects with compiled parts; the result is kept for the
    /// next run
    #[arg(help_heading = ENVIRONMENT, long, value_name = "CMD")]
    pub(crate) build: Option<String>,
    /// Limit the memory of each process of the suite, in MiB (Linux)
    #[arg(help_heading = ENVIRONMENT, long, value_name = "MIB", value_parser = parse_memory_limit)]
    pub(crate) memory_limit: Option<u64>,
    /// Fetch commits of submodules that are missing here
    #[arg(help_heading = ENVIRONMENT, long)]
    pub(crate) fetch: bool,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
}

/// The options of every run that measures benchmarks.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct RunArgs {
    /// Find the benchmarks in this folder or file, relative to pyproject.toml
    #[arg(help_heading = BENCHMARKS, long, value_name = "DIR")]
    pub(crate) benchmarks_root: Option<String>,
    /// Time this ordinary test, or all tests of a file, instead of benchmarks (repeatable): FILE, FILE::NAME. Its own
    /// fixtures are set up again for each call, and only the call is timed
    #[arg(help_heading = BENCHMARKS, long, value_name = "NODE", conflicts_with = "benchmarks_root")]
    pub(crate) tests: Vec<String>,
    /// Measure only benchmarks that match this pytest expression
    #[arg(short = 'k', value_name = "EXPR")]
    pub(crate) keyword: Option<String>,
    /// Pass this argument to pytest on both sides (repeatable): --pytest-arg=--run-slow
    #[arg(help_heading = BENCHMARKS, long = "pytest-arg", value_name = "ARG", allow_hyphen_values = true)]
    pub(crate) pytest_args: Vec<String>,
    /// Set the smallest change that matters, in percent [default: 2]
    #[arg(help_heading = STRICTNESS, long, value_name = "PCT", value_parser = parse_percent, allow_negative_numbers = true)]
    pub(crate) threshold: Option<f64>,
    #[command(flatten)]
    pub(crate) report: ReportArgs,
    #[command(flatten)]
    pub(crate) sides: SidesArgs,
}
