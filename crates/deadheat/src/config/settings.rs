//! The settings of a run: the command line, else the settings of the report that it continues, else the
//! configuration, else the defaults. They are merged here, once; paths are relative to the repository.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use deadheat_core::judge::balance::Costs;
use deadheat_core::judge::sequential::Sampling;
use deadheat_core::judge::stats::{CONFIDENCE_LEVEL, Threshold};
use deadheat_core::judge::thresholds::Thresholds;
use deadheat_core::model;
use deadheat_core::model::{
    Balance, BenchmarksFrom, Environments, Gate, Part, PerSide, Report, Revision, Status,
};

use crate::cli::options::{
    CompareOptions, RecordRequest, RefArgs, RunMode, Script, SideOptions, WorktreeCleanup,
};
use crate::cli::values::EngineChoice;
use crate::config::{Config, job_part};
use crate::error::Failure;
use crate::system::cpu_pinning::Pinning;
use crate::system::limits::MemoryLimit;
use crate::system::paths::{join, normalize};

pub(crate) const DEFAULT_THRESHOLD_PERCENT: f64 = 2.0;
/// The default budget.
const BUDGET_PER_BENCHMARK: Duration = Duration::from_secs(5);
const SMALLEST_BUDGET: Duration = Duration::from_secs(20);

/// The settings of every command that runs both revisions.
pub(crate) struct SideSettings {
    /// The folder where deadheat was started.
    pub(crate) started_in: PathBuf,
    /// The file of the configuration, if it was named.
    pub(crate) config_file: Option<PathBuf>,
    pub(crate) python: Option<String>,
    /// Files and folders of the working tree that are copied into both worktrees.
    pub(crate) injected: Vec<String>,
    /// The environment variables that are kept.
    pub(crate) passed_variables: Vec<String>,
    pub(crate) environment: Environments,
    /// Requirements files, relative to the project's folder.
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

/// The settings of one comparison.
pub(crate) struct CompareSettings {
    pub(crate) sides: SideSettings,
    pub(crate) refs: RefArgs,
    /// The number of the pull request that is compared.
    pub(crate) pull_request: Option<u64>,
    pub(crate) benchmarks_root: Option<String>,
    pub(crate) benchmarks_from: BenchmarksFrom,
    /// Ordinary tests that are timed instead of benchmarks, as typed.
    pub(crate) tests: Vec<String>,
    pub(crate) keyword: Option<String>,
    pub(crate) pytest_args: Vec<String>,
    pub(crate) functions: Option<String>,
    pub(crate) script: Option<Script>,
    pub(crate) partition: Option<Part>,
    pub(crate) on: Option<EngineChoice>,
    /// The variables that tell the part, if it was looked for.
    pub(crate) partition_by: Option<String>,
    /// The earlier report by whose times the suite is cut.
    pub(crate) balance: Option<Balance>,
    /// The times of its benchmarks, if it was read.
    pub(crate) costs: Option<Costs>,
    pub(crate) all: bool,
    pub(crate) threshold_percent: f64,
    /// The thresholds of benchmarks that match a glob.
    pub(crate) thresholds: BTreeMap<String, f64>,
    pub(crate) sampling: Sampling,
    /// The time for measuring, if the number of replicates is open.
    budget: Option<Duration>,
    pub(crate) fail_on: Vec<Gate>,
    pub(crate) profile: bool,
    pub(crate) memory: bool,
    pub(crate) task: RunMode,
    pub(crate) worktrees: WorktreeCleanup,
    pub(crate) guard: Option<GuardSettings>,
    /// The report that replicates are added to.
    pub(crate) continued: Option<Report>,
}

/// The guard of an experiment that is to be recorded.
pub(crate) struct GuardSettings {
    /// The argument of `sh -c`.
    pub(crate) command: String,
    /// Whether it runs even if nothing improved, because the user wants to keep the experiment.
    pub(crate) always: bool,
}

impl GuardSettings {
    fn merge(to_record: Option<&RecordRequest>, config: &Config) -> Option<Self> {
        let asked = to_record?;
        let command = asked.guard.as_ref().or(config.guard.as_ref())?;
        Some(GuardSettings {
            command: command.clone(),
            always: matches!(asked.status, Some(Status::Keep | Status::Mixed)),
        })
    }
}

impl SideSettings {
    /// Merges the options with the configuration. `top` is the repository's folder.
    pub(crate) fn merge(options: &SideOptions, config: &Config, top: &Path) -> Result<Self, Failure> {
        let configured = config.inject.iter().map(|path| (config.folder.as_path(), path));
        let typed = options.inject.iter().map(|path| (options.folder.as_path(), path));
        let injected = configured
            .chain(typed)
            .map(|(folder, path)| injected_path(folder, path, top));
        Ok(SideSettings {
            started_in: options.folder.clone(),
            config_file: options.config_file.clone(),
            python: options.python.clone(),
            injected: injected.collect::<Result<_, _>>()?,
            passed_variables: config.pass_env.iter().chain(&options.pass_env).cloned().collect(),
            environment: options.environments.or(config.environments).unwrap_or_default(),
            requirements: match options.requirements.as_slice() {
                [] => config.requirements.clone(),
                named => named.to_vec(),
            },
            build: options.build.clone().or_else(|| config.build.clone()),
            memory_limit_mib: options.memory_limit_mib.or(config.memory_limit_mib),
            fetch: options.fetch,
            pinning: options.pinning,
            timeout: options.timeout,
            seed: options.seed,
        })
    }

    /// Refuses paths that do not exist, before anything runs.
    pub(crate) fn check_injected(&self, top: &Path) -> Result<(), Failure> {
        let is_lacking = |path: &&String| std::fs::symlink_metadata(top.join(path)).is_err();
        match self.injected.iter().find(is_lacking) {
            None => Ok(()),
            Some(path) => Err(Failure::usage(format!(
                "--inject {path}: there is no such file or folder in the repository"
            ))
            .hint("on the command line, it is relative to the folder that deadheat is started in")),
        }
    }

    pub(crate) fn memory_limit(&self) -> Option<MemoryLimit> {
        self.memory_limit_mib.map(MemoryLimit::of_mib)
    }
}

impl CompareSettings {
    /// Merges the options with the report that is continued and with the configuration.
    pub(crate) fn merge(
        options: &CompareOptions,
        continued: Option<Report>,
        config: &Config,
        top: &Path,
    ) -> Result<Self, Failure> {
        let part = options.partition.map(job_part::find).transpose()?;
        let mut settings = CompareSettings {
            sides: SideSettings::merge(&options.sides, config, top)?,
            refs: options.refs.clone(),
            pull_request: options.pull_request,
            benchmarks_root: benchmarks_root(options.benchmarks_root.as_deref(), config, top)?,
            benchmarks_from: options.benchmarks_from,
            tests: options.tests.clone(),
            keyword: options.keyword.clone(),
            pytest_args: [config.pytest_args.as_slice(), &options.pytest_args].concat(),
            functions: options.functions.clone(),
            script: options.script.clone(),
            partition: part.as_ref().map(|found| found.part),
            partition_by: part.and_then(|found| found.by),
            balance: None,
            costs: None,
            on: options.on.clone(),
            all: options.all,
            threshold_percent: options
                .threshold_percent
                .or(config.threshold)
                .unwrap_or(DEFAULT_THRESHOLD_PERCENT),
            thresholds: match options.threshold_percent {
                // A typed threshold holds for every benchmark.
                Some(_) => BTreeMap::new(),
                None => config.thresholds.clone(),
            },
            sampling: options.sampling,
            budget: options.budget.or(config.budget.map(Duration::from_secs_f64)),
            fail_on: options.fail_on.clone(),
            profile: options.profile,
            memory: options.memory,
            task: options.task,
            worktrees: options.worktrees,
            guard: GuardSettings::merge(options.to_record.as_ref(), config),
            continued: None,
        };
        if settings.script.is_some() {
            // No environment is made for a command, whatever is configured for benchmarks.
            settings.sides.environment = Environments::Shared;
            settings.sides.requirements.clear();
        }
        if let Some(report) = continued {
            settings.measure_as(
                &report.revisions,
                report.seed,
                &report.settings,
                options.threshold_percent.is_some(),
            );
            settings.continued = Some(report);
        }
        settings.sides.check_injected(top)?;
        Ok(settings)
    }

    /// Returns the settings of a measurement that another process has begun.
    pub(crate) fn of_stored(
        revisions: &PerSide<Revision>,
        seed: u64,
        stored: &model::Settings,
        sides: SideSettings,
    ) -> Self {
        let mut settings = CompareSettings {
            sides,
            refs: RefArgs {
                names: Vec::new(),
                working_tree: revisions.head.dirty,
                recorded: None,
            },
            pull_request: None,
            benchmarks_root: None,
            benchmarks_from: BenchmarksFrom::default(),
            tests: Vec::new(),
            keyword: None,
            pytest_args: Vec::new(),
            functions: None,
            script: None,
            partition: None,
            partition_by: None,
            balance: None,
            costs: None,
            on: None,
            all: false,
            threshold_percent: DEFAULT_THRESHOLD_PERCENT,
            thresholds: BTreeMap::new(),
            sampling: Sampling::UntilSettled,
            budget: None,
            fail_on: Vec::new(),
            profile: false,
            memory: false,
            task: RunMode::Measure,
            worktrees: WorktreeCleanup::Remove,
            guard: None,
            continued: None,
        };
        settings.measure_as(revisions, seed, stored, false);
        settings
    }

    /// Takes the settings that decide about a measurement, which more replicates are added to.
    fn measure_as(
        &mut self,
        revisions: &PerSide<Revision>,
        seed: u64,
        settings: &model::Settings,
        has_typed_threshold: bool,
    ) {
        self.refs.names = vec![revisions.base.commit.clone(), revisions.head.commit.clone()];
        self.sides.seed = Some(seed);
        self.sides.injected.clone_from(&settings.injected);
        self.sides.environment = settings.environment;
        self.sides.requirements.clone_from(&settings.requirements);
        self.sides.build.clone_from(&settings.build);
        self.sides.memory_limit_mib = settings.memory_limit_mib;
        self.all = settings.all;
        self.functions.clone_from(&settings.functions);
        self.benchmarks_root.clone_from(&settings.benchmarks_root);
        self.benchmarks_from = settings.benchmarks_from;
        self.tests.clone_from(&settings.tests);
        self.keyword.clone_from(&settings.keyword);
        self.pytest_args.clone_from(&settings.pytest_args);
        self.partition = settings.part;
        self.balance.clone_from(&settings.balance);
        if !has_typed_threshold {
            self.threshold_percent = settings.threshold_percent;
            self.thresholds.clone_from(&settings.thresholds);
        }
    }

    /// Cuts the suite by the times in a report.
    pub(crate) fn balance_by(&mut self, file: &Path, costs: Costs) {
        self.balance = Some(Balance {
            file: file.display().to_string(),
            digest: costs.digest(),
        });
        self.costs = Some(costs);
    }

    pub(crate) fn thresholds(&self) -> Thresholds {
        Thresholds::new(
            Threshold::from_percent(self.threshold_percent),
            self.thresholds.clone(),
        )
    }

    /// Returns the time for measuring these benchmarks.
    pub(crate) fn budget(&self, benchmarks: &[String]) -> Duration {
        let count = || benchmarks.len() as f64;
        // Parts that take as long as each other have the same time, however many benchmarks they have.
        let weight = self
            .costs
            .as_ref()
            .map_or_else(count, |costs| costs.weight(benchmarks));
        self.budget.unwrap_or_else(|| {
            // Rounded down for the report.
            let seconds = (BUDGET_PER_BENCHMARK.as_secs_f64() * weight * 100.0).floor() / 100.0;
            let usual = Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX);
            usual.max(SMALLEST_BUDGET)
        })
    }

    /// Returns the time for a race in which each replicate has this number of process pairs.
    pub(crate) fn race_budget(&self, benchmarks: &[String], pairs: usize) -> Duration {
        let pairs = u32::try_from(pairs).unwrap_or(u32::MAX);
        self.budget
            .unwrap_or_else(|| self.budget(benchmarks).saturating_mul(pairs))
    }

    /// Returns the settings as the report shows them; the rest depends on the findings.
    pub(crate) fn reported(&self) -> model::Settings {
        model::Settings {
            threshold_percent: self.threshold_percent,
            thresholds: self.thresholds.clone(),
            confidence_level: CONFIDENCE_LEVEL,
            replicates: self.sampling.exact_count(),
            budget_seconds: None,
            fail_on: self.fail_on.clone(),
            timeout_seconds: self.sides.timeout.as_secs_f64(),
            benchmarks_root: None,
            benchmarks_from: self.benchmarks_from,
            tests: self.tests.clone(),
            keyword: self.keyword.clone(),
            pytest_args: self.pytest_args.clone(),
            functions: self.functions.clone(),
            all: self.all,
            profile: self.profile,
            memory: self.memory,
            folder: String::new(),
            module_roots: Vec::new(),
            tests_root: None,
            injected: self.sides.injected.clone(),
            environment: self.sides.environment,
            requirements: self.sides.requirements.clone(),
            build: self.sides.build.clone(),
            script: self.script.as_ref().map(|script| script.command.clone()),
            script_output: self.script.as_ref().and_then(|script| script.output.clone()),
            memory_limit_mib: self.sides.memory_limit_mib,
            on: self.on.as_ref().map(ToString::to_string),
            part: self.partition,
            balance: self.balance.clone(),
        }
    }
}

/// Returns the benchmarks root that is typed, else the configured one, relative to the repository; both are relative to
/// the project's folder.
pub(crate) fn benchmarks_root(
    typed: Option<&str>,
    config: &Config,
    top: &Path,
) -> Result<Option<String>, Failure> {
    let Some(root) = typed.or(config.benchmarks_root.as_deref()) else {
        return Ok(None);
    };
    let folder = config.folder.strip_prefix(top).unwrap_or(Path::new(""));
    let path = normalize(&join(&folder.to_string_lossy(), root)).ok_or_else(|| {
        Failure::usage(format!("benchmarks-root `{root}` lies outside the repository"))
            .hint("give a path inside the repository, relative to pyproject.toml")
    })?;
    Ok(Some(path))
}

/// Returns the path of a file or folder to be injected. `path` is relative to `folder`.
fn injected_path(folder: &Path, path: &str, top: &Path) -> Result<String, Failure> {
    let absolute = folder.join(path);
    let inside = absolute
        .strip_prefix(top)
        .ok()
        .and_then(|path| normalize(&path.to_string_lossy()))
        .filter(|path| !path.is_empty() && !path.split('/').any(|part| part == ".git"));
    let Some(inside) = inside else {
        return Err(
            Failure::usage(format!("--inject {path}: it lies outside the repository"))
                .hint("only files of the working tree can be injected"),
        );
    };
    Ok(inside)
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::cli::args::{Args, CommandArgs};
    use crate::experiments::record;

    /// Returns the settings of a run that was started in `folder` of a repository.
    fn merged(
        top: &Path,
        folder: &str,
        arguments: &[&str],
        config: Config,
        continued: Option<Report>,
    ) -> CompareSettings {
        let words = ["deadheat", "compare"].iter().chain(arguments);
        let CommandArgs::Compare(args) = Args::parse_from(words).command else {
            panic!("it is `compare`");
        };
        let options = CompareOptions::new(*args, top.join(folder)).unwrap();
        let config = Config {
            folder: top.join(&config.folder),
            ..config
        };
        CompareSettings::merge(&options, continued, &config, top).unwrap()
    }

    fn repository(files: &[&str]) -> tempfile::TempDir {
        let top = tempfile::tempdir().unwrap();
        for file in files {
            let file = top.path().join(file);
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::write(file, "").unwrap();
        }
        top
    }

    #[test]
    fn a_report_that_is_continued_keeps_its_settings() {
        let top = repository(&["data"]);
        let mut report = record::tests::report("head", "improved");
        let words = |text: &str| vec![text.to_owned()];
        let settings = &mut report.settings;
        settings.all = true;
        settings.functions = Some("a.py::f".to_owned());
        settings.benchmarks_root = Some("bench".to_owned());
        settings.tests = words("test_a.py");
        settings.benchmarks_from = BenchmarksFrom::Own;
        settings.injected = words("data");
        settings.environment = Environments::PerRef;
        settings.requirements = words("requirements.txt");
        settings.build = Some("make".to_owned());
        settings.memory_limit_mib = Some(512);
        settings.keyword = Some("fast".to_owned());
        settings.pytest_args = words("--run-slow");
        let before = settings.clone();
        let again = merged(top.path(), "", &[], Config::default(), Some(report));
        assert_eq!(again.refs.names, ["base", "head"]);
        assert_eq!(again.sides.seed, Some(1));
        assert_eq!(again.benchmarks_root.as_deref(), Some("bench"));
        let reported = again.reported();
        assert_eq!(
            reported,
            model::Settings {
                benchmarks_root: None,
                replicates: None,
                budget_seconds: None,
                timeout_seconds: reported.timeout_seconds,
                ..before
            }
        );
    }

    #[test]
    fn a_project_in_a_subfolder_continues_with_the_same_paths() {
        let top = repository(&["python/data", "python/more"]);
        let config = || Config {
            folder: PathBuf::from("python"),
            benchmarks_root: Some("bench".to_owned()),
            inject: vec!["data".to_owned()],
            ..Config::default()
        };
        let first = merged(top.path(), "python", &["--inject", "more"], config(), None);
        assert_eq!(first.benchmarks_root.as_deref(), Some("python/bench"));
        assert_eq!(first.sides.injected, ["python/data", "python/more"]);
        let mut report = record::tests::report("head", "improved");
        report.settings = model::Settings {
            benchmarks_root: first.benchmarks_root.clone(),
            ..first.reported()
        };
        let again = merged(top.path(), "", &[], config(), Some(report));
        assert_eq!(again.benchmarks_root, first.benchmarks_root);
        assert_eq!(again.sides.injected, first.sides.injected);
    }

    #[test]
    fn a_typed_threshold_holds_for_every_benchmark() {
        let config = || Config {
            threshold: Some(3.0),
            thresholds: [("*".to_owned(), 5.0)].into(),
            ..Config::default()
        };
        let top = repository(&[]);
        let configured = merged(top.path(), "", &[], config(), None);
        assert_eq!(configured.threshold_percent, 3.0);
        assert_eq!(configured.thresholds.len(), 1);
        let typed = merged(top.path(), "", &["--threshold", "1"], config(), None);
        assert_eq!(typed.threshold_percent, 1.0);
        assert!(typed.thresholds.is_empty());
    }

    #[test]
    fn injected_paths_must_lie_in_the_repository() {
        let top = Path::new("/repo");
        assert_eq!(injected_path(Path::new("/repo/a"), "b", top).unwrap(), "a/b");
        for path in ["../../b", "/etc/passwd", "../.git/config", ".."] {
            assert!(injected_path(Path::new("/repo/a"), path, top).is_err(), "{path}");
        }
    }
}
