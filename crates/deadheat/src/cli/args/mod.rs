//! The command line's arguments. `options.rs` turns them into options.

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

mod compare;
mod micro;
mod shared;
mod skill;
mod slurm;

use std::path::PathBuf;

use clap::{Parser, Subcommand};

pub(crate) use crate::cli::args::compare::{CompareArgs, NoiseArgs, RaceArgs};
pub(crate) use crate::cli::args::micro::MicroArgs;
use crate::cli::args::shared::OUTPUT;
pub(crate) use crate::cli::args::shared::{OutputArgs, PlaceArgs, ReportArgs, RunArgs, SidesArgs};
pub(crate) use crate::cli::args::skill::SkillArgs;
pub(crate) use crate::cli::args::slurm::SlurmArgs;
use crate::cli::values::{parse_percent, parse_seconds};

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
    /// Race several git refs: which of them is the fastest? The slower ones drop out as soon as the data say so
    Race(Box<RaceArgs>),
    /// Compare two variants of a piece of code in less than 10 s, without a worktree: is the change worth a commit?
    Micro(Box<MicroArgs>),
    /// Merge the reports of a suite's parts (--partition) into one
    Merge(MergeArgs),
    /// Print a script that submits a comparison to SLURM: the parts of the suite as an array, and a job that merges them
    Slurm(SlurmArgs),
    /// Compare a ref with itself, to see how noisy this machine is and which changes it can detect
    Noise(Box<NoiseArgs>),
    /// Run ordinary tests on two git refs under cProfile, and show which functions and tests became slower; for
    /// projects without benchmarks
    Profile(Box<ProfileArgs>),
    /// Check whether deadheat works in this project, and report what is missing. Only imports the project and collects
    /// its tests
    Detect(DetectArgs),
    /// Make the current commit the baseline of an optimisation loop
    Start(StartArgs),
    /// Show the baseline, the experiments by status, and the cumulative speedup
    Status(LoopArgs),
    /// List every recorded experiment, with the cumulative speedup
    Log(LoopArgs),
    /// Write what was kept, what was given up and how to go on into HANDOFF.md in the state folder
    Handoff(RecordsArgs),
    /// Show a stored report again, or write it in another format, or judge it with another threshold
    Report(StoredArgs),
    /// Explain one benchmark or one function of a stored report
    Explain(ExplainArgs),
    /// Unpack an example project with two commits and compare them
    Demo(DemoArgs),
    /// Print the skills for coding agents, or install them where agents look for them
    Skill(SkillArgs),
    /// Delete everything in the cache: leftovers of killed and kept runs, environments, builds, fetched submodules
    Clean(CleanArgs),
    /// Measure tasks that another process of this program hands out, on one core
    #[command(hide = true)]
    Replicate(ReplicateArgs),
    /// Serve detect, micro, compare, explain, status and log to a client of the Model Context Protocol, on stdin and
    /// stdout
    Mcp(McpArgs),
}

impl CommandArgs {
    /// Whether the command starts the project's code, again and again.
    pub(crate) fn runs_code(&self) -> bool {
        matches!(
            self,
            CommandArgs::Compare(_)
                | CommandArgs::Race(_)
                | CommandArgs::Micro(_)
                | CommandArgs::Noise(_)
                | CommandArgs::Profile(_)
                | CommandArgs::Demo(_)
                | CommandArgs::Replicate(_)
        )
    }
}

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  deadheat detect\n  deadheat detect --write\n\nExits with 0 whatever it finds.",
    args_override_self = true
)]
pub(crate) struct DetectArgs {
    /// Also write the findings into setup.md in the state folder
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
    after_help = "Example:\n  deadheat status\n  deadheat log --json\n  deadheat handoff",
    args_override_self = true
)]
pub(crate) struct LoopArgs {
    /// Print the answer as one JSON value of at most 1,500 bytes
    #[arg(help_heading = OUTPUT, long, conflicts_with = "json")]
    pub(crate) brief: bool,
    #[command(flatten)]
    pub(crate) records: RecordsArgs,
}

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  deadheat status\n  deadheat log --json\n  deadheat handoff",
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
    /// As in `deadheat compare`: two refs, or BASE...HEAD; one ref is compared with HEAD; without any, HEAD is compared
    /// with the commit where it left the default branch
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
    #[arg(long, value_name = "SECONDS", default_value_t = 60.0, value_parser = parse_seconds, allow_negative_numbers = true)]
    pub(crate) budget: f64,
    /// Run exactly N replicates
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(2..=10_000), conflicts_with = "budget")]
    pub(crate) replicates: Option<u16>,
    /// Also write the report to a file, as JSON (repeatable); `-` is stdout
    #[arg(short, long = "output", value_name = "[json:]FILE")]
    pub(crate) output: Vec<String>,
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
    #[arg(long, value_name = "PCT", value_parser = parse_percent, allow_negative_numbers = true)]
    pub(crate) threshold: Option<f64>,
    #[command(flatten)]
    pub(crate) report: ReportArgs,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
}

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  deadheat explain result.json test_parse\n  deadheat explain result.json \
                  pkg/core.py::Parser.parse",
    args_override_self = true
)]
pub(crate) struct ExplainArgs {
    /// A report that `-o R.json` wrote
    #[arg(value_name = "R.json")]
    pub(crate) file: PathBuf,
    /// A benchmark or a function, by its full name or the end of it
    #[arg(value_name = "NAME")]
    pub(crate) name: String,
    /// List this number of functions, or of benchmarks [default: 15, and with --json as many as fit into 1,500 bytes]
    #[arg(long, value_name = "N")]
    pub(crate) depth: Option<usize>,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
}

#[derive(Debug, clap::Args)]
#[command(
    after_help = concat!(
        "Example:\n  deadheat compare main HEAD --partition 1/2 -o 1.json    on one machine\n  deadheat \
         compare main HEAD --partition 2/2 -o 2.json    on another machine\n  deadheat merge 1.json 2.json -o \
         all.json\n\n",
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

#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  claude mcp add deadheat -- deadheat mcp")]
pub(crate) struct McpArgs {}

#[derive(Debug, clap::Args)]
pub(crate) struct ReplicateArgs {
    /// The plan of a comparison, which is opened on this machine first
    #[arg(
        value_name = "PLAN",
        required_unless_present = "site",
        conflicts_with = "site"
    )]
    pub(crate) plan: Option<PathBuf>,
    /// A site that is open on this machine
    #[arg(long, value_name = "FILE")]
    pub(crate) site: Option<PathBuf>,
    /// Measure on this core
    #[arg(long, value_name = "N")]
    pub(crate) cpu: Option<usize>,
    /// Remove what was made for the plan
    #[arg(long, requires = "plan")]
    pub(crate) clean: bool,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_definition_is_consistent() {
        super::Args::command().debug_assert();
    }
}
