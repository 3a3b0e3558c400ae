//! The options as values: no strings are left to parse, and every choice has its own value.

use std::path::PathBuf;
use std::time::Duration;

use deadheat_core::judge::sequential::Sampling;
use deadheat_core::model::{BenchmarksFrom, Environments, Gate, Status};

use crate::cli::args::{
    CompareArgs, NoiseArgs, OutputArgs, ProfileArgs, RaceArgs, ReportArgs, RunArgs, SidesArgs, StoredArgs,
};
use crate::cli::format::{Destination, Format, Output};
use crate::cli::values::{EngineChoice, Partition};
use crate::error::Failure;
use crate::system::cpu_pinning::Pinning;
use crate::system::files;
use crate::system::paths;

/// The amount of output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verbosity {
    Quiet,
    Normal,
    Verbose,
    /// Progress as lines of JSON, for a program.
    Json,
}

/// The outputs to write, and the verbosity of the run.
#[derive(Clone, Debug)]
pub(crate) struct Outputs {
    pub(crate) verbosity: Verbosity,
    /// The outputs, each in its format; the table is printed unless one of them takes stdout.
    pub(crate) written: Vec<Output>,
}

impl Outputs {
    pub(crate) fn new(output: &OutputArgs, report: &ReportArgs) -> Result<Self, Failure> {
        let mut written: Vec<Output> = Vec::new();
        let on_stdout = match (output.json, report.samples, report.brief) {
            (true, true, _) => Some(Format::Json),
            (true, false, _) => Some(Format::Summary),
            (false, _, true) => Some(Format::Brief),
            (false, _, false) => report.metrics.then_some(Format::Metrics),
        };
        written.extend(on_stdout.map(|format| Output {
            format,
            destination: Destination::Stdout,
        }));
        for text in &report.output {
            let output = Output::parse(text)?;
            if written.contains(&output) {
                continue;
            }
            if let Some(other) = written
                .iter()
                .find(|other| other.destination == output.destination)
            {
                let place = match &output.destination {
                    Destination::Stdout => "stdout".to_owned(),
                    Destination::File(path) => path.display().to_string(),
                };
                let (one, two) = (other.format.name(), output.format.name());
                return Err(
                    Failure::usage(format!("-o {text}: {place} cannot hold both {one} and {two}"))
                        .hint("give each format its own file"),
                );
            }
            written.push(output);
        }
        Ok(Outputs {
            verbosity: verbosity(output),
            written,
        })
    }

    pub(crate) fn stdout_is_taken(&self) -> bool {
        self.form_on_stdout().is_some()
    }

    /// Returns the format that is written to stdout, if that is not the table.
    pub(crate) fn form_on_stdout(&self) -> Option<Format> {
        let mut written = self.written.iter();
        let on_stdout = written.find(|output| output.destination == Destination::Stdout)?;
        Some(on_stdout.format)
    }

    /// Refuses places that cannot be written to, before anything is measured.
    pub(crate) fn check_writable(&self) -> Result<(), Failure> {
        let paths = self.written.iter().flat_map(Output::paths);
        paths
            .into_iter()
            .try_for_each(|path| files::check_writable(&path))
    }

    /// Returns the file that will hold the report with its samples.
    pub(crate) fn stored(&self) -> Option<String> {
        let files = self.written.iter().filter(|output| output.format == Format::Json);
        let path = files.flat_map(Output::paths).next()?;
        // A command that reads it may run in another folder.
        let path = std::path::absolute(&path).unwrap_or(path);
        Some(path.display().to_string())
    }

    /// Refuses formats other than these forms of JSON, for a report that has no other.
    fn only_json(self, forms: &[Format], whose: &str) -> Result<Self, Failure> {
        match self.written.iter().find(|output| !forms.contains(&output.format)) {
            None => Ok(self),
            Some(output) => Err(Failure::usage(format!(
                "-o: the results of {whose} can only be written as json, not as {}",
                output.format.name()
            ))
            .hint("write -o FILE.json; the other formats are for reports of compare, demo and noise")),
        }
    }
}

pub(crate) fn verbosity(output: &OutputArgs) -> Verbosity {
    match (output.quiet, output.verbose, output.progress_json) {
        (true, ..) => Verbosity::Quiet,
        (_, true, _) => Verbosity::Verbose,
        (.., true) => Verbosity::Json,
        _ => Verbosity::Normal,
    }
}

/// The refs as typed, and whether the working tree is head.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct RefArgs {
    pub(crate) names: Vec<String>,
    pub(crate) working_tree: bool,
    /// The base, if it comes from the loop's records.
    pub(crate) recorded: Option<RecordedBase>,
}

/// A commit that the loop's records name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RecordedBase {
    Baseline,
    /// The head of the last experiment that was kept; the baseline, if there is none.
    LastKept,
}

/// The options of `--record`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RecordRequest {
    pub(crate) description: String,
    /// The status to record instead of the one by rule.
    pub(crate) status: Option<Status>,
    /// The command that must succeed on head.
    pub(crate) guard: Option<String>,
    pub(crate) allow_partial: bool,
}

/// A command that is measured instead of benchmarks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Script {
    /// The argument of `sh -c`.
    pub(crate) command: String,
    /// The file that it writes its times to, relative to the folder that it runs in.
    pub(crate) output: Option<String>,
}

/// Refuses a guard that checks nothing.
fn checked_guard(command: String) -> Result<String, Failure> {
    if command.trim().is_empty() {
        return Err(Failure::usage("--guard: the command is empty").hint("--guard 'python -m pytest -q'"));
    }
    Ok(command)
}

impl Script {
    fn new(command: String, output: Option<String>) -> Result<Self, Failure> {
        if command.trim().is_empty() {
            return Err(Failure::usage("--script: the command is empty")
                .hint("deadheat compare --script 'make bench'"));
        }
        let output = output.map(|file| {
            paths::normalize(&file)
                .filter(|path| !path.is_empty())
                .ok_or_else(|| {
                    Failure::usage(format!(
                        "--script-output {file}: the file is not in the folder that the command runs in"
                    ))
                    .hint(
                        "each side writes its own file: name it relative to that folder, as the command does",
                    )
                })
        });
        Ok(Script {
            command,
            output: output.transpose()?,
        })
    }
}

/// The options of every command that runs both revisions, before the configuration is read.
#[derive(Clone, Debug)]
pub(crate) struct SideOptions {
    /// The folder where deadheat was started.
    pub(crate) folder: PathBuf,
    pub(crate) python: Option<String>,
    pub(crate) config_file: Option<PathBuf>,
    pub(crate) inject: Vec<String>,
    pub(crate) pass_env: Vec<String>,
    pub(crate) environments: Option<Environments>,
    pub(crate) requirements: Vec<String>,
    pub(crate) build: Option<String>,
    /// The limit for each worker, in MiB.
    pub(crate) memory_limit_mib: Option<u64>,
    /// Whether submodules may be fetched.
    pub(crate) fetch: bool,
    pub(crate) pinning: Pinning,
    pub(crate) timeout: Duration,
    pub(crate) seed: Option<u64>,
}

impl SideOptions {
    fn new(args: SidesArgs, folder: PathBuf) -> Self {
        SideOptions {
            folder,
            python: args.place.python,
            config_file: args.place.config_file,
            inject: args.inject,
            pass_env: args.pass_env,
            environments: args.environments,
            requirements: args.requirements,
            build: args.build,
            memory_limit_mib: args.memory_limit,
            fetch: args.fetch,
            pinning: Pinning::asked(args.process.no_pin, args.process.cpu),
            timeout: Duration::from_secs_f64(args.timeout),
            seed: args.process.seed,
        }
    }
}

/// The options of one `deadheat compare`, before the configuration is read.
#[derive(Clone, Debug)]
pub(crate) struct CompareOptions {
    pub(crate) sides: SideOptions,
    pub(crate) refs: RefArgs,
    /// The number of the pull request that is compared.
    pub(crate) pull_request: Option<u64>,
    /// Set if the result goes into the loop's records.
    pub(crate) to_record: Option<RecordRequest>,
    pub(crate) functions: Option<String>,
    pub(crate) benchmarks_root: Option<String>,
    pub(crate) benchmarks_from: BenchmarksFrom,
    /// Ordinary tests that are timed instead of benchmarks.
    pub(crate) tests: Vec<String>,
    pub(crate) keyword: Option<String>,
    /// Additional arguments for pytest.
    pub(crate) pytest_args: Vec<String>,
    /// The command that is measured instead of benchmarks.
    pub(crate) script: Option<Script>,
    /// The part of the suite that is measured, if it is not the whole.
    pub(crate) partition: Option<Partition>,
    /// The file of the report by whose times the suite is cut.
    pub(crate) balance: Option<PathBuf>,
    pub(crate) on: Option<EngineChoice>,
    pub(crate) all: bool,
    pub(crate) threshold_percent: Option<f64>,
    pub(crate) sampling: Sampling,
    /// The time for measuring, if the number of replicates is open.
    pub(crate) budget: Option<Duration>,
    pub(crate) fail_on: Vec<Gate>,
    /// The file of the report that replicates are added to.
    pub(crate) continued: Option<PathBuf>,
    pub(crate) profile: bool,
    pub(crate) memory: bool,
    pub(crate) task: RunMode,
    pub(crate) worktrees: WorktreeCleanup,
    pub(crate) outputs: Outputs,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RunMode {
    Measure,
    /// Compare a ref with itself, to learn the machine's noise.
    Noise,
    /// Show what would be done.
    Plan,
}

/// The treatment of the worktrees at the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WorktreeCleanup {
    Remove,
    Keep,
}

impl CompareOptions {
    pub(crate) fn new(args: CompareArgs, folder: PathBuf) -> Result<Self, Failure> {
        let sampling = args
            .replicates
            .map_or(Sampling::UntilSettled, |count| Sampling::Exactly(count.into()));
        if args.balance.is_some() && args.partition.is_none() {
            return Err(
                Failure::usage("--balance cuts a suite into parts, and --partition is missing")
                    .hint("say which part this machine measures: --partition I/N, or --partition auto"),
            );
        }
        let guard = args.guard.map(checked_guard).transpose()?;
        let to_record = args.record.map(|description| RecordRequest {
            description,
            status: args.status,
            guard,
            allow_partial: args.allow_partial,
        });
        let recorded = match (args.baseline, args.last_kept, &to_record) {
            (true, ..) => Some(RecordedBase::Baseline),
            (_, true, _) => Some(RecordedBase::LastKept),
            (.., Some(_)) if args.refs.is_empty() && args.continued.is_none() => Some(RecordedBase::LastKept),
            _ => None,
        };
        let script = args
            .script
            .map(|command| Script::new(command, args.script_output))
            .transpose()?;
        if script.is_some() && args.fail_on.contains(&Gate::OutputChange) {
            return Err(
                Failure::usage("--fail-on output-change: the output of a command is not compared")
                    .hint("a command that checks its own results can fail: that ends the run with code 3"),
            );
        }
        Ok(CompareOptions {
            refs: RefArgs {
                names: args.refs,
                working_tree: args.working_tree,
                recorded,
            },
            pull_request: args.pull_request,
            to_record,
            functions: args.functions,
            script,
            partition: args.partition,
            on: args.on,
            balance: args.balance,
            all: args.all,
            budget: args.budget.map(Duration::from_secs_f64),
            fail_on: args.fail_on,
            continued: args.continued,
            benchmarks_from: args.benchmarks_from,
            profile: args.profile,
            memory: args.memory,
            task: if args.dry_run {
                RunMode::Plan
            } else {
                RunMode::Measure
            },
            worktrees: if args.keep {
                WorktreeCleanup::Keep
            } else {
                WorktreeCleanup::Remove
            },
            ..Self::usual(args.run, sampling, folder)?
        })
    }

    pub(crate) fn noise(args: NoiseArgs, folder: PathBuf) -> Result<Self, Failure> {
        Ok(CompareOptions {
            refs: RefArgs {
                names: vec![args.reference.clone(), args.reference],
                ..RefArgs::default()
            },
            all: true,
            task: RunMode::Noise,
            ..Self::usual(args.run, Sampling::Exactly(args.replicates.into()), folder)?
        })
    }

    /// Returns the options of every comparison of a race, between the reference and another candidate.
    pub(crate) fn race(args: RaceArgs, folder: PathBuf) -> Result<(Self, Vec<String>), Failure> {
        let usual = Self::usual(args.run, Sampling::Exactly(1), folder)?;
        let forms = [Format::Json, Format::Summary, Format::Brief];
        let options = CompareOptions {
            // All candidates run the same.
            benchmarks_from: BenchmarksFrom::Base,
            all: args.all,
            budget: args.budget.map(Duration::from_secs_f64),
            outputs: usual.outputs.only_json(&forms, "deadheat race")?,
            ..usual
        };
        Ok((options, args.refs))
    }

    fn usual(args: RunArgs, sampling: Sampling, folder: PathBuf) -> Result<Self, Failure> {
        let shared_folder = folder_of(&args.tests);
        if shared_folder.as_deref() == Some("") {
            return Err(Failure::usage(format!(
                "--tests: the files of the tests share no folder except that of the whole project: {}",
                args.tests.join(", ")
            ))
            .hint(
                "compare the tests of one file, or of one folder, at a time: both sides use that whole \
                 folder",
            ));
        }
        let outputs = Outputs::new(&args.sides.output, &args.report)?;
        Ok(CompareOptions {
            sides: SideOptions::new(args.sides, folder),
            refs: RefArgs::default(),
            pull_request: None,
            to_record: None,
            functions: None,
            benchmarks_root: args.benchmarks_root.or(shared_folder),
            benchmarks_from: BenchmarksFrom::Head,
            tests: args.tests,
            keyword: args.keyword,
            pytest_args: args.pytest_args,
            script: None,
            partition: None,
            on: None,
            balance: None,
            all: false,
            threshold_percent: args.threshold,
            sampling,
            budget: None,
            fail_on: Vec::new(),
            continued: None,
            profile: false,
            memory: false,
            task: RunMode::Measure,
            worktrees: WorktreeCleanup::Remove,
            outputs,
        })
    }
}

/// The options of one `deadheat profile`.
#[derive(Clone, Debug)]
pub(crate) struct ProfileOptions {
    pub(crate) sides: SideOptions,
    pub(crate) refs: RefArgs,
    /// The arguments for pytest.
    pub(crate) arguments: Vec<String>,
    pub(crate) replicates: Replicates,
    pub(crate) outputs: Outputs,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Replicates {
    Exactly(usize),
    /// As many as fit into this time.
    Within(Duration),
}

impl ProfileOptions {
    pub(crate) fn new(args: ProfileArgs, folder: PathBuf) -> Result<Self, Failure> {
        let report = ReportArgs {
            output: args.output,
            ..ReportArgs::default()
        };
        let outputs = Outputs::new(&args.sides.output, &report)?;
        Ok(ProfileOptions {
            sides: SideOptions::new(args.sides, folder),
            refs: RefArgs {
                names: args.refs,
                working_tree: args.working_tree,
                recorded: None,
            },
            arguments: args.pytest_args,
            replicates: match args.replicates {
                Some(count) => Replicates::Exactly(count.into()),
                None => Replicates::Within(Duration::from_secs_f64(args.budget)),
            },
            outputs: outputs.only_json(&[Format::Json, Format::Summary], "deadheat profile")?,
        })
    }
}

/// The options of one `deadheat report`.
#[derive(Clone, Debug)]
pub(crate) struct ReportOptions {
    pub(crate) file: PathBuf,
    pub(crate) threshold_percent: Option<f64>,
    pub(crate) outputs: Outputs,
}

impl ReportOptions {
    pub(crate) fn new(args: StoredArgs) -> Result<Self, Failure> {
        Ok(ReportOptions {
            file: args.file,
            threshold_percent: args.threshold,
            outputs: Outputs::new(&args.output, &args.report)?,
        })
    }
}

/// Returns the path that holds all of the tests: their file, or the folder that they share.
fn folder_of(nodes: &[String]) -> Option<String> {
    let mut files = nodes.iter().map(|node| {
        node.split("::")
            .next()
            .unwrap_or_default()
            .trim_start_matches("./")
    });
    let first = files.next()?.to_owned();
    Some(files.fold(first, |common, file| {
        let mut common = common.as_str();
        while file != common && !(common.is_empty() || file.starts_with(&format!("{common}/"))) {
            common = paths::parent(common);
        }
        common.to_owned()
    }))
}

#[cfg(test)]
mod tests {
    use super::folder_of;

    #[test]
    fn tests_lie_in_the_folder_that_they_share() {
        let folder = |nodes: &[&str]| {
            let nodes: Vec<String> = nodes.iter().map(|&node| node.to_owned()).collect();
            folder_of(&nodes)
        };
        assert_eq!(folder(&[]), None);
        assert_eq!(
            folder(&["tests/a.py::f", "./tests/a.py::g"]).unwrap(),
            "tests/a.py"
        );
        assert_eq!(folder(&["tests/x/a.py::f", "tests/b.py"]).unwrap(), "tests");
        assert_eq!(folder(&["tests/ab.py", "tests/a"]).unwrap(), "tests");
        assert_eq!(folder(&["a.py", "b.py"]).unwrap(), "");
    }
}
