//! The context of a command that runs both revisions, and the steps that such commands share.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::time::{Duration, Instant};

use deadheat_core::judge::sequential::Sampling;
use deadheat_core::model::{Environments, PerSide, Python, Revision, Side, TargetFunction, WarningCode};

use crate::Installation;
use crate::cli::options::SideOptions;
use crate::config::Config;
use crate::config::settings::{CompareSettings, SideSettings};
use crate::error::Failure;
use crate::events::Events;
use crate::git::{Git, pull_request};
use crate::passes::measure::{Goal, Stopping};
use crate::passes::runner::Schedule;
use crate::passes::workers::WorkerPool;
use crate::prepare::import_hints::Hints;
use crate::prepare::interpreter::{Candidates, Interpreter, Pytest};
use crate::prepare::{Preparation, Prepared, env_vars};
use crate::project::changes::{self, Changes};
use crate::project::extension_modules::ExtensionModules;
use crate::project::layout::ProjectLayout;
use crate::project::sources::ProjectSources;
use crate::report::listener::Listener;
use crate::system::command::Deadline;
use crate::system::cpu_pinning::{CpuPinning, Pinning};
use crate::system::interrupt::Interrupt;
use crate::worker::launcher::{Forks, ProcessLauncher, WorkerKind};
use crate::worker::process::WorkerCommand;
use crate::worker::session::{CollectSpec, WorkerSpec};
use crate::workspace::checkout::Checkouts;

/// The number of replicates that most verdicts take, for the estimate of `--dry-run`.
pub(crate) const USUAL_REPLICATES: u32 = 10;

/// The repository and the configuration that a command starts from.
pub(crate) struct StartingPoint {
    pub(crate) limits: Deadline,
    pub(crate) git: Git,
    pub(crate) config: Config,
}

impl StartingPoint {
    pub(crate) fn open(options: &SideOptions, interrupt: &Interrupt) -> anyhow::Result<Self> {
        let limits = Deadline {
            until: Instant::now() + options.timeout,
            interrupt: interrupt.clone(),
        };
        let git = Git::discover(&options.folder, &limits)?;
        let config = Config::load(&options.folder, git.top(), options.config_file.as_deref())?;
        Ok(StartingPoint { limits, git, config })
    }
}

/// The context of one command.
pub(crate) struct Context<'a> {
    pub(crate) settings: &'a SideSettings,
    pub(crate) installation: &'a Installation,
    pub(crate) git: &'a Git,
    pub(crate) config: &'a Config,
    pub(crate) revisions: &'a PerSide<Revision>,
    pub(crate) listener: &'a Listener,
    pub(crate) limits: Deadline,
    /// The seed of the hash seeds.
    pub(crate) seed: u64,
}

/// The context of one comparison.
pub(crate) struct CompareContext<'a> {
    pub(crate) context: Context<'a>,
    pub(crate) settings: &'a CompareSettings,
}

impl Context<'_> {
    /// Chooses the project's interpreter, which need not have pytest if the sides get environments.
    pub(crate) fn choose_interpreter(&self, project: &ProjectLayout) -> Result<Interpreter, Failure> {
        let pytest = match self.settings.environment {
            Environments::Shared => Pytest::Needed,
            Environments::PerRef => Pytest::NotNeeded,
        };
        let top = self.git.top();
        let choice = Candidates::new(
            self.settings.python.as_deref(),
            self.config,
            vec![top.join(&project.folder), top.to_owned()],
            self.installation,
        )
        .choose(&self.installation.worker_file("probe.py"), pytest)?;
        for other in choice.passed_over {
            let path = choice.interpreter.path.display();
            self.listener
                .note(&format!("not used: {other}; running with {path}"));
        }
        Ok(choice.interpreter)
    }

    /// Returns the environment variables of the project's processes.
    pub(crate) fn variables(&self, hides_tokens: bool) -> BTreeMap<OsString, OsString> {
        let passed = &self.settings.passed_variables;
        let mut variables = env_vars::for_workers(std::env::vars_os(), passed, self.git.local_variables());
        if hides_tokens {
            let is_token = |name: &OsString| pull_request::TOKENS.iter().any(|token| name == token);
            variables.retain(|name, _| !is_token(name) || passed.iter().any(|kept| name == kept.as_str()));
        }
        variables
    }

    /// Finds the differences in the code. They must be looked for before anything is laid over the worktrees.
    pub(crate) fn find_changes(
        &self,
        checkouts: &Checkouts,
        sources: &ProjectSources,
        interpreter: &Interpreter,
        compiled: Option<&ExtensionModules>,
    ) -> anyhow::Result<Changes> {
        let installed = interpreter.folders_in(self.git.top());
        let worktrees = checkouts.worktrees();
        let mut differences = changes::find(
            &sources.project,
            &checkouts.changed,
            &sources.files,
            worktrees,
            installed,
        )?;
        if let Some(compiled) = compiled {
            compiled.add_differing_to(&mut differences.unattributed);
        }
        self.listener.warn_all(differences.warnings.clone());
        Ok(differences)
    }

    /// Returns the hints for imports that fail in the checkouts.
    pub(crate) fn hints<'b>(
        &'b self,
        sources: &'b ProjectSources,
        compiled: Option<&ExtensionModules>,
        checkouts: &Checkouts,
    ) -> Hints<'b> {
        Hints::new(
            self.git,
            &sources.project,
            compiled,
            self.settings,
            checkouts.worktrees(),
        )
    }

    /// Prepares the worktrees so that their code can run.
    pub(crate) fn prepare(
        &self,
        checkouts: &Checkouts,
        sources: &ProjectSources,
        interpreter: &Interpreter,
        differences: &Changes,
        compiled: Option<&ExtensionModules>,
        variables: BTreeMap<OsString, OsString>,
    ) -> anyhow::Result<Prepared> {
        let preparation = Preparation {
            git: self.git,
            installation: self.installation,
            project: &sources.project,
            checkouts: checkouts.worktrees(),
            revisions: self.revisions,
            interpreter,
            variables,
            laid_over: checkouts.laid_over.clone(),
            changed: &checkouts.changed,
            submodules: &checkouts.submodules,
            keeps_python_path: self
                .settings
                .passed_variables
                .iter()
                .any(|name| name == "PYTHONPATH"),
            scratch: checkouts.workspace.folder(),
            limits: self.limits.clone(),
            settings: self.settings,
            events: self.listener,
        };
        let prepared = preparation.prepare(differences, compiled)?;
        self.limits.check()?;
        Ok(prepared)
    }

    /// Returns the run's workers, of which none is started yet.
    pub(crate) fn workers(
        &self,
        checkouts: &Checkouts,
        project: &ProjectLayout,
        prepared: &Prepared,
        workers: WorkerKind,
    ) -> WorkerPool {
        let worktrees = checkouts.worktrees();
        let sides = PerSide::new(Side::Base, Side::Head);
        let hello = sides.map(|side| project.hello(worktrees.get(side), self.git.top()));
        // The installation of a test may lack it.
        let can_fork = self.installation.worker_file("fork_server.py").is_file();
        let forks = Forks::new(can_fork.then(|| hello.clone()), workers, self.limits.until);
        let spec = WorkerSpec {
            trace: None,
            micro: None,
            hello,
            collect: CollectSpec::default(),
            keyword: None,
            pytest_args: Vec::new(),
        };
        let commands = sides.map(|side| WorkerCommand {
            interpreter: prepared.interpreters.get(side).path.clone(),
            script: self.installation.worker_file(workers.script()),
            folder: worktrees.get(side).to_path_buf(),
            environment: prepared.variables.get(side).clone(),
            memory_limit: self.settings.memory_limit(),
        });
        let (logs, pinning) = (checkouts.workspace.logs(), self.settings.pinning);
        let launcher = ProcessLauncher::new(commands, logs, pinning, &self.limits.interrupt, forks);
        WorkerPool::new(
            spec,
            launcher,
            self.installation.extension.display().to_string(),
            self.limits.until,
        )
    }

    /// Chooses a core for measuring, and warns if processes cannot be pinned to it, or if deadheat shares it.
    pub(crate) fn choose_cores(&self) -> anyhow::Result<CpuPinning> {
        let cores = CpuPinning::choose(self.settings.pinning)?;
        if cores.measuring.is_none() {
            let message = match self.settings.pinning {
                Pinning::Off => "not pinned to a core, as asked: no error rate is claimed for the verdicts",
                _ => {
                    "this system does not let a process be pinned to a core: no error rate is claimed for the verdicts"
                }
            };
            let hint = "run it again, and trust only results that both runs agree on";
            self.listener.doubt(WarningCode::NotPinned, message, Some(hint));
        } else if cores.is_shared_with_driver() {
            self.listener.doubt(
                WarningCode::SharedCore,
                "there is only one core, which deadheat shares with the processes that it measures",
                None,
            );
        }
        Ok(cores)
    }

    /// Returns the core that everything was measured on; none if a process could not be put there.
    pub(crate) fn core_of(&self, cores: &CpuPinning) -> Option<usize> {
        if cores.has_failed() {
            self.listener.doubt(
                WarningCode::NotPinned,
                "the system refused to put a process on the measuring core: no error rate is claimed for the verdicts",
                Some("run it again, and trust only results that both runs agree on"),
            );
            return None;
        }
        cores.measuring
    }

    /// Returns the time when the run began.
    pub(crate) fn started(&self) -> Instant {
        self.limits.until - self.settings.timeout
    }
}

impl CompareContext<'_> {
    pub(crate) fn variables(&self) -> BTreeMap<OsString, OsString> {
        self.context.variables(self.settings.pull_request.is_some())
    }

    /// Returns the functions whose effect is looked for: those that differ, or those that are named.
    pub(crate) fn targets(
        &self,
        differences: &mut Changes,
        sources: &ProjectSources,
        checkouts: &Checkouts,
    ) -> anyhow::Result<Vec<TargetFunction>> {
        let Some(named) = &self.settings.functions else {
            return Ok(differences.targets.clone());
        };
        differences.in_benchmarks.clear();
        let targets =
            changes::name_targets(named, &differences.targets, &sources.files, checkouts.worktrees())?;
        Ok(targets)
    }

    /// Whether the values in the project's modules are compared.
    pub(crate) fn observes(&self, differences: &Changes) -> bool {
        self.settings.functions.is_none() && !differences.changed.is_empty()
    }

    pub(crate) fn schedule(&self, replicates: Option<usize>, workers: &WorkerPool) -> Schedule {
        Schedule {
            replicates,
            earlier: 0,
            seed: self.context.seed,
            one_core: workers.launcher.cores.measuring.is_some(),
            until: self.context.limits.until,
            one_at_a_time: workers.one_at_a_time.clone(),
            set_up_each_call: workers.set_up_each_call.clone(),
            several_cores: workers.several_cores.clone(),
        }
    }

    /// Returns the part of the budget that the timeout leaves room for.
    pub(crate) fn affordable_budget(&self, benchmarks: &[String]) -> Duration {
        // The rest is for the breakdown and the report, and for confirming regressions that would fail a
        // gate.
        let eighths = if self.settings.fail_on.is_empty() { 6 } else { 3 };
        let affordable = self
            .context
            .limits
            .until
            .saturating_duration_since(Instant::now())
            * eighths
            / 8;
        // Rounded down for the report.
        let affordable = Duration::from_secs_f64((affordable.as_secs_f64() * 100.0).floor() / 100.0);
        self.settings.budget(benchmarks).min(affordable)
    }

    /// Says how long the measuring may take, if the number of replicates is open; returns that number of
    /// seconds.
    pub(crate) fn announce(&self, subject: &str, stopping: &Stopping, budget: Duration) -> Option<f64> {
        if stopping.sampling != Sampling::UntilSettled {
            return None;
        }
        let seconds = budget.as_secs_f64();
        self.context.listener.until(stopping.budget_ends);
        let words = format!("measuring {subject} for at most {seconds:.0} s");
        self.context.listener.note(&words);
        Some(seconds)
    }

    pub(crate) fn stopping(&self, budget: Duration) -> Stopping {
        Stopping {
            sampling: self.settings.sampling,
            goal: Goal::Verdict,
            call_times: BTreeMap::new(),
            thresholds: self.settings.thresholds(),
            budget_ends: Instant::now() + budget,
        }
    }
}

/// Returns the interpreters as the report shows them.
pub(crate) fn reported_python(interpreters: &PerSide<Interpreter>) -> PerSide<Python> {
    interpreters.as_ref().map(|interpreter| Python {
        path: interpreter.path.display().to_string(),
        version: interpreter.version.clone(),
        implementation: interpreter.implementation.clone(),
        pytest: interpreter.pytest.clone(),
    })
}

/// Returns the run's seed: the typed one, or one that the parts of a suite share, or a random one.
pub(crate) fn seed_of(settings: &CompareSettings, revisions: &PerSide<Revision>) -> u64 {
    match (settings.sides.seed, settings.partition) {
        (Some(seed), _) => seed,
        (None, Some(_)) => shared_seed(revisions),
        (None, None) => drawn_seed(),
    }
}

/// Returns a seed that depends only on the revisions: the parts of one suite need the same one on machines that do not
/// know of each other, because replicates of different benchmarks are matched by it.
fn shared_seed(revisions: &PerSide<Revision>) -> u64 {
    // 52 bits each.
    let number = |commit: &str| u64::from_str_radix(commit.get(..13).unwrap_or_default(), 16).unwrap_or(0);
    number(&revisions.base.commit) ^ (number(&revisions.head.commit) << 1)
}

pub(crate) fn drawn_seed() -> u64 {
    use std::hash::{BuildHasher, RandomState};
    // Kept below 2^53, so that every reader of JSON reads the same number.
    RandomState::new().hash_one(std::process::id()) >> 11
}
