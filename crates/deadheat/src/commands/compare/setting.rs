//! The inputs of one run, and the functions on them that its steps share.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::time::{Duration, Instant};

use deadheat_core::model::{PerSide, Side, WarningCode};
use deadheat_core::report::{Environments, Python};

use crate::Installation;
use crate::cli::options::CompareOptions;
use crate::commands::compare::continued;
use crate::config::Config;
use crate::error::Failure;
use crate::git::Git;
use crate::git::pull_request;
use crate::passes::measure::{Aim, Stopping};
use crate::passes::walk::Schedule;
use crate::passes::workers::Stage;
use crate::prepare::interpreter::{Candidates, Interpreter, Pytest};
use crate::prepare::variables;
use crate::prepare::{Preparation, Prepared};
use crate::project::changes::{self, Differences};
use crate::project::compiled::Compiled;
use crate::project::layout::Project;
use crate::project::subject::{Checkout, Subject};
use crate::report::draft::Draft;
use crate::report::progress::Progress;
use crate::system::command::Limits;
use crate::system::conditions::Conditions;
use crate::system::cores::{Cores, Pinning};
use crate::system::interrupt::Interrupt;
use crate::system::limit::MemoryLimit;
use crate::worker::launcher::{Forks, Launcher, Workers};
use crate::worker::process::WorkerCommand;
use crate::worker::session::{Briefing, ToCollect};

/// The time that measuring may take where no budget is given.
const BUDGET_PER_BENCHMARK: Duration = Duration::from_secs(5);
const SMALLEST_BUDGET: Duration = Duration::from_secs(20);

/// The inputs of one run.
pub(crate) struct Setting<'a> {
    pub(crate) options: &'a CompareOptions,
    pub(crate) installation: &'a Installation,
    pub(crate) interrupt: &'a Interrupt,
    pub(crate) git: &'a Git,
    pub(crate) config: &'a Config,
    pub(crate) until: Instant,
}

impl Setting<'_> {
    /// Records the interpreters that the sides run with.
    pub(crate) fn note_interpreters(
        &self,
        draft: &mut Draft,
        interpreters: &PerSide<Interpreter>,
    ) -> Result<(), Failure> {
        let python = interpreters.as_ref().map(|interpreter| Python {
            path: interpreter.path.display().to_string(),
            version: interpreter.version.clone(),
            implementation: interpreter.implementation.clone(),
            pytest: interpreter.pytest.clone(),
        });
        if let Some(earlier) = self.options.continued.as_deref() {
            continued::check_same(earlier, &python.head, self.options.pinning != Pinning::Off)?;
        }
        draft.report.python = Some(python);
        Ok(())
    }

    pub(crate) fn choose_interpreter(
        &self,
        project: &Project,
        pytest: Pytest,
    ) -> Result<Interpreter, Failure> {
        let top = self.git.top();
        Candidates::new(
            self.options.python.as_deref(),
            self.config,
            vec![top.join(&project.folder), top.to_owned()],
            self.installation,
        )
        .choose(&self.installation.worker_file("probe.py"), pytest)
    }

    /// Returns the names of variables that the user wants to keep.
    pub(crate) fn passed(&self) -> Vec<String> {
        let names = self.config.pass_env.iter().chain(&self.options.pass_env);
        names.cloned().collect()
    }

    pub(crate) fn variables(&self) -> BTreeMap<OsString, OsString> {
        let passed = self.passed();
        let mut variables = variables::for_workers(std::env::vars_os(), &passed, self.git.local_variables());
        if self.options.pull_request.is_some() {
            let is_token = |name: &OsString| pull_request::TOKENS.iter().any(|token| name == token);
            variables.retain(|name, _| !is_token(name) || passed.iter().any(|kept| name == kept.as_str()));
        }
        variables
    }

    /// Finds the differences in the code, and the functions that become targets through them.
    pub(crate) fn find_changes(
        &self,
        checkout: &Checkout,
        subject: &Subject,
        interpreter: &Interpreter,
        compiled: Option<&Compiled>,
        draft: &mut Draft,
    ) -> anyhow::Result<Differences> {
        let Subject { files, project, .. } = subject;
        let installed = interpreter.folders_in(self.git.top());
        let worktrees = checkout.worktrees();
        let mut differences = changes::find(project, &checkout.changed, files, worktrees, installed)?;
        if let Some(compiled) = compiled {
            compiled.add_differing_to(&mut differences.unattributed);
        }
        draft.report.warnings.extend(differences.warnings.iter().cloned());
        draft.report.target_functions = match &self.options.functions {
            Some(asked) => {
                differences.in_benchmarks.clear();
                changes::name_targets(asked, &differences.targets, files, checkout.worktrees())?
            }
            None => differences.targets.clone(),
        };
        Ok(differences)
    }

    /// Gives the worktrees what their code needs before it can run.
    #[expect(clippy::too_many_arguments, reason = "the steps before have one result each")]
    pub(crate) fn prepare(
        &self,
        checkout: &Checkout,
        subject: &Subject,
        interpreter: &Interpreter,
        differences: &Differences,
        compiled: Option<&Compiled>,
        draft: &mut Draft,
        progress: &mut Progress,
    ) -> anyhow::Result<Prepared> {
        let revisions = draft.report.revisions.clone();
        let preparation = Preparation {
            git: self.git,
            installation: self.installation,
            project: &subject.project,
            checkouts: checkout.worktrees(),
            revisions: &revisions,
            interpreter,
            variables: self.variables(),
            laid_over: checkout.laid_over.clone(),
            changed: &checkout.changed,
            submodules: &checkout.submodules,
            keeps_python_path: self.passed().iter().any(|name| name == "PYTHONPATH"),
            scratch: checkout.workspace.folder(),
            limits: self.limits(),
        };
        let prepared = preparation.prepare(draft, progress, differences, compiled)?;
        if draft.report.settings.environment == Environments::PerRef {
            self.note_interpreters(draft, &prepared.interpreters)?;
        }
        self.go_on()?;
        Ok(prepared)
    }

    /// Returns the stage with the run's workers; nothing is collected yet.
    pub(crate) fn set_up(
        &self,
        checkout: &Checkout,
        project: &Project,
        prepared: &Prepared,
        workers: Workers,
    ) -> Stage {
        let worktrees = checkout.worktrees();
        let hello = PerSide::new(Side::Base, Side::Head)
            .map(|side| project.hello(worktrees.get(side), self.git.top()));
        // The workers of a test may have no fork server.
        let can_fork = self.installation.worker_file("fork_server.py").is_file();
        let forks = Forks::new(can_fork.then(|| hello.clone()), workers, self.until);
        Stage {
            extension: self.installation.extension.display().to_string(),
            until: self.until,
            first_seed: 0,
            one_at_a_time: BTreeMap::new(),
            set_up_each_call: BTreeSet::new(),
            several_cores: BTreeSet::new(),
            ran: BTreeSet::new(),
            call_times: BTreeMap::new(),
            opened: PerSide::default(),
            opened_watch: false,
            briefing: Briefing {
                trace: None,
                micro: None,
                hello: hello.clone(),
                collect: ToCollect::default(),
                keyword: self.options.keyword.clone(),
                pytest_args: Vec::new(),
            },
            launcher: Launcher {
                commands: PerSide::new(Side::Base, Side::Head).map(|side| WorkerCommand {
                    interpreter: prepared.interpreters.get(side).path.clone(),
                    script: self.installation.worker_file(workers.script()),
                    folder: worktrees.get(side).to_path_buf(),
                    environment: prepared.variables.get(side).clone(),
                    memory_limit: self.memory_limit(),
                }),
                cores: Cores::not_pinned(),
                pinning: self.options.pinning,
                on_several_cores: false,
                logs: checkout.workspace.logs(),
                started: 0,
                next_seed: 0,
                starting: Vec::new(),
                conditions: Conditions::default(),
                interrupt: self.interrupt.clone(),
                forks,
            },
        }
    }

    pub(crate) fn schedule(&self, replicates: Option<usize>, draft: &Draft, stage: &Stage) -> Schedule {
        Schedule {
            replicates,
            earlier: 0,
            seed: draft.report.seed,
            one_core: draft.report.machine.pinned_core.is_some(),
            until: self.until,
            one_at_a_time: stage.one_at_a_time.clone(),
            set_up_each_call: stage.set_up_each_call.clone(),
            several_cores: stage.several_cores.clone(),
        }
    }

    pub(crate) fn budget(&self, benchmarks: usize) -> Duration {
        let configured = self.config.budget.map(Duration::from_secs_f64);
        self.options.budget.or(configured).unwrap_or_else(|| {
            let usual = BUDGET_PER_BENCHMARK * u32::try_from(benchmarks).unwrap_or(u32::MAX);
            usual.max(SMALLEST_BUDGET)
        })
    }

    /// Returns as much of the budget as the timeout leaves room for.
    pub(crate) fn affordable_budget(&self, draft: &Draft, benchmarks: usize) -> Duration {
        // The rest is for the breakdown and the report, and for measuring again what would fail a gate.
        let eighths = if draft.report.settings.fail_on.is_empty() {
            6
        } else {
            3
        };
        let affordable = self.until.saturating_duration_since(Instant::now()) * eighths / 8;
        // It is reported, and nobody wants to read nanoseconds.
        let affordable = Duration::from_secs_f64((affordable.as_secs_f64() * 100.0).floor() / 100.0);
        self.budget(benchmarks).min(affordable)
    }

    pub(crate) fn stopping(&self, draft: &Draft, budget: Duration) -> Stopping {
        Stopping {
            sampling: self.options.sampling,
            aim: Aim::Verdict,
            call_times: BTreeMap::new(),
            thresholds: draft.report.settings.thresholds(),
            budget_ends: Instant::now() + budget,
        }
    }

    pub(crate) fn memory_limit(&self) -> Option<MemoryLimit> {
        let mib = self.options.memory_limit_mib.or(self.config.memory_limit_mib);
        mib.map(MemoryLimit::of_mib)
    }

    /// Returns the time when the run began.
    pub(crate) fn started(&self) -> Instant {
        self.until - self.options.timeout
    }

    pub(crate) fn limits(&self) -> Limits {
        Limits {
            until: self.until,
            interrupt: self.interrupt.clone(),
        }
    }

    pub(crate) fn go_on(&self) -> Result<(), Failure> {
        self.limits().check()
    }

    pub(crate) fn warn_of_cores(&self, cores: &Cores, draft: &mut Draft) {
        if cores.measuring.is_none() {
            let message = match self.options.pinning {
                Pinning::Off => "not pinned to a core, as asked: no error rate is claimed for the verdicts",
                _ => {
                    "this system does not let a process be pinned to a core: no error rate is claimed for the verdicts"
                }
            };
            let hint = "run it again, and trust what both runs say";
            draft.warn(WarningCode::NotPinned, message, Some(hint));
        } else if cores.is_shared_with_driver() {
            draft.warn(
                WarningCode::SharedCore,
                "there is one core only: deadheat itself runs beside what it measures",
                None,
            );
        }
    }
}
