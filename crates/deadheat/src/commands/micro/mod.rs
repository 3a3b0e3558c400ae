//! `deadheat micro`: whether a change is worth a commit, in less than ten seconds, on uncommitted code.

mod caveats;
mod decide;
mod failure;
mod memory;
mod next;
mod pending_requests;
mod race;
mod results;
mod screening;
mod script;
mod several;
mod variants;
mod watched;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::rc::Rc;
use std::time::{Duration, Instant};

use deadheat_core::judge::sequential::Sampling;
use deadheat_core::judge::stats::Threshold;
use deadheat_core::micro::{self, Decision, MicroReport, Worth, render};
use deadheat_core::model::{Comparison, NextStep, PerSide, Python, Warning, WarningCode};
use deadheat_core::protocol::{MicroCode, MicroRequest, MicroWatch, Reply};
use deadheat_core::text::counted;
use serde::Serialize;

use crate::Installation;
use crate::cli::micro::MicroTarget;
use crate::commands::common::context::drawn_seed;
use crate::commands::micro::decide::{Answer, Rules};
use crate::commands::micro::pending_requests::{PendingRequests, TrackingLauncher};
use crate::commands::micro::results::Results;
use crate::commands::micro::screening::{RESERVE, Screening};
use crate::commands::micro::variants::{VariantContext, Variants};
use crate::commands::micro::watched::watch;
use crate::config::Config;
use crate::config::settings::DEFAULT_THRESHOLD_PERCENT;
use crate::error::{ExitCode, Failure, is_worth_a_report};
use crate::experiments::store::ExperimentStore;
use crate::git::Git;
use crate::passes::measure::{self, Goal, Stopping};
use crate::passes::runner::Schedule;
use crate::prepare::env_vars;
use crate::prepare::interpreter::{Candidates, Interpreter, Pytest};
use crate::report::output;
use crate::report::progress::Progress;
use crate::system::clock;
use crate::system::command::Deadline;
use crate::system::cpu_pinning::CpuPinning;
use crate::system::interrupt::Interrupt;
use crate::system::limits::MemoryLimit;
use crate::system::terminal;
use crate::worker::launcher::{Forks, ProcessLauncher};
use crate::worker::process::WorkerCommand;
use crate::worker::session::{CollectSpec, WorkerSpec};

pub(crate) use crate::cli::micro::MicroOptions;

/// The share of the time that is kept for the memory, if `--memory` is given.
const MEMORY_SHARE: f64 = 0.3;

pub(crate) fn run(
    options: &MicroOptions,
    installation: &Installation,
    interrupt: &Interrupt,
) -> anyhow::Result<ExitCode> {
    let started = Instant::now();
    let limits = Deadline {
        until: started + options.timeout,
        interrupt: interrupt.clone(),
    };
    let git = match Git::discover(&options.folder, &limits) {
        Ok(git) => Some(git),
        // Only a function has a base in git.
        Err(_) if !matches!(options.asked, MicroTarget::Function { .. }) => None,
        Err(error) => return Err(error),
    };
    let top = git.as_ref().map_or(options.folder.as_path(), Git::top);
    let config = Config::load(&options.folder, top, options.config_file.as_deref())?;
    let scratch = tempfile::Builder::new().prefix("deadheat-micro-").tempdir()?;
    let around = VariantContext {
        folder: &options.folder,
        git: git.as_ref(),
        config: &config,
        scratch: scratch.path(),
    };
    let screening = Screening {
        options,
        installation,
        interrupt,
        git: git.as_ref(),
        config: &config,
        logs: scratch.path().to_owned(),
        started,
        until: started + options.timeout.saturating_sub(RESERVE),
    };
    if let Some(several) = several::find(&options.asked, &around)? {
        return screening.race(&several);
    }
    let subject = find_variants(&options.asked, &around)?;
    let mut progress = Progress::new(options.verbosity);
    let results = screening
        .screen(&subject, &mut progress)
        .unwrap_or_else(Results::of_error);
    progress.finish();
    let (mut report, outcome) = results.into_report(&subject, options, started.elapsed());
    let is_loop = git
        .as_ref()
        .is_some_and(|git| ExperimentStore::has_baseline(&config, git.top()));
    report.next = match outcome {
        Ok(()) => next::next_steps(&report, options, is_loop),
        Err(_) => Vec::new(),
    };
    if options.json {
        report.next = NextStep::for_programs(report.next);
    }
    if let Err(error) = outcome {
        // A run that gave no numbers still says so where its answer is expected.
        if is_worth_a_report(&error) {
            write(&report, options)?;
        }
        return Err(error);
    }
    write(&report, options)?;
    if let Some(git) = &git
        && let Err(error) = write_down(&report, &subject, &config, git)
    {
        // The answer is valid, recorded or not.
        terminal::print_note(&format!("not written to the loop's records: {error:#}"));
    }
    Ok(exit(report.decision, options.gate))
}

/// Adds the run to the records of the loop, if there is one.
fn write_down(report: &MicroReport, subject: &Variants, config: &Config, git: &Git) -> anyhow::Result<()> {
    let state = ExperimentStore::find(config, git.top())?;
    let git = git.afterwards();
    if state.is_started()? {
        let blob = match (&report.path, &subject.code.head) {
            (Some(path), MicroCode::Function { module, .. }) => {
                git.blob_of_text(path, Path::new(&module.source))?
            }
            _ => None,
        };
        let record = micro::record(report, clock::now(), blob);
        state.append_micro(&serde_json::to_string(&record)?)?;
    }
    Ok(())
}

fn exit(decision: Decision, gate: bool) -> ExitCode {
    match decision {
        Decision::Stop if gate => ExitCode::GateFailed,
        Decision::Go | Decision::Stop => ExitCode::Done,
        Decision::NoAnswer => ExitCode::NothingMeasured,
    }
}

fn write(report: &MicroReport, options: &MicroOptions) -> anyhow::Result<()> {
    if options.json {
        return print_json(report, options);
    }
    let text = render(report) + &output::next_for_people(&report.next, options.verbosity);
    terminal::print(text.as_bytes())
}

/// Prints the answer for programs, with the samples if they are asked for.
fn print_json(report: &impl Serialize, options: &MicroOptions) -> anyhow::Result<()> {
    match options.samples {
        true => output::print_json(report),
        false => terminal::print(&output::summary(report)?),
    }
}

impl Screening<'_> {
    /// Measures and decides. It is an error only if nothing could be started.
    fn screen(&self, subject: &Variants, progress: &mut Progress) -> anyhow::Result<Results> {
        let interpreter = self.choose_interpreter()?;
        let cores = CpuPinning::choose(self.options.pinning)?;
        let pinned_core = cores.measuring;
        let mut launcher = self.launcher(&interpreter, cores);
        let rules = self.rules(pinned_core);
        let unanswered = PendingRequests::default();
        progress.step("measuring");
        let measured = measure::measure(
            &rules.schedule,
            rules.stopping.clone(),
            BTreeMap::new(),
            &spec(subject, None),
            std::slice::from_ref(&subject.target),
            &mut TrackingLauncher {
                inner: &mut launcher,
                unanswered: Rc::clone(&unanswered),
            },
            &mut |_| {},
        );
        let mut of_machine: Vec<Warning> = pinned_core.is_none().then(not_pinned).into_iter().collect();
        if measured.is_ok() {
            of_machine.extend(launcher.conditions.warnings());
        }
        let answer = measured.and_then(|measured| match self.failure_of(subject, &measured) {
            Some(failure) => Err(failure.into()),
            None => Ok(self.decide(subject, measured, &rules, &unanswered)),
        });
        let answer = answer.and_then(|answer| self.check_function(answer, subject, &rules, &mut launcher));
        let memory = match &answer {
            Ok(_) if self.options.memory => {
                progress.step("measuring the memory");
                let spec = spec(subject, Some(MicroWatch::Memory));
                memory::compare(&rules, &spec, &subject.target, &mut launcher).map(Some)
            }
            _ => Ok(None),
        };
        Ok(Results {
            python: Some(python_of(interpreter)),
            pinned_core,
            of_machine,
            answer,
            memory,
        })
    }

    /// Withdraws the answer if both sides are the same code, or if the call runs the compared function on neither side.
    fn check_function(
        &self,
        mut answer: Answer,
        subject: &Variants,
        rules: &Rules,
        launcher: &mut ProcessLauncher,
    ) -> anyhow::Result<Answer> {
        let (MicroTarget::Function { qualname, call, .. }, None) = (&self.options.asked, subject.lacking)
        else {
            return Ok(answer);
        };
        let is_same = |warning: &Warning| warning.code == WarningCode::NothingChanged;
        if subject.warnings.iter().any(is_same) {
            answer.decision = Decision::NoAnswer;
            answer.reason = "both sides are the same code".to_owned();
            return Ok(answer);
        }
        let entered = |reply: &Reply| match reply {
            Reply::EnteredFunction { function, .. } => Some(*function),
            _ => None,
        };
        let spec = spec(subject, Some(MicroWatch::Function));
        let calls = answer.comparison.as_ref().map_or(1, calls_to_watch);
        let readings = watch(rules, 1, calls, &spec, &subject.target, launcher, entered)?;
        if let Ok(
            [
                PerSide {
                    base: Some(false),
                    head: Some(false),
                },
            ],
        ) = readings.as_deref()
        {
            let times = counted(usize::try_from(calls + 1).unwrap_or(usize::MAX), "call");
            answer.decision = Decision::NoAnswer;
            answer.reason = format!("the call `{call}` does not run `{qualname}`");
            answer.doubts.push(Warning::new(
                WarningCode::FunctionNotCalled,
                format!("{times} of `{call}` did not run `{qualname}`: the times say nothing about it"),
                Some(
                    "--call has to run the function whose two versions are compared, such as `f(x)` for `f`",
                ),
            ));
        }
        Ok(answer)
    }

    fn rules(&self, pinned_core: Option<usize>) -> Rules {
        let threshold = Threshold::from_percent(self.threshold_percent());
        let worth = self.worth();
        Rules {
            schedule: self.schedule(pinned_core),
            stopping: self.stopping(worth, threshold),
            worth,
            threshold,
            before: self.started.elapsed(),
        }
    }

    fn threshold_percent(&self) -> f64 {
        self.config.threshold.unwrap_or(DEFAULT_THRESHOLD_PERCENT)
    }

    fn worth(&self) -> Worth {
        Worth::from_percent(self.options.worth_percent)
    }

    fn schedule(&self, pinned_core: Option<usize>) -> Schedule {
        Schedule {
            replicates: None,
            earlier: 0,
            seed: self.options.seed.unwrap_or_else(drawn_seed),
            one_core: pinned_core.is_some(),
            until: self.until,
            one_at_a_time: BTreeMap::new(),
            set_up_each_call: BTreeSet::new(),
            several_cores: BTreeSet::new(),
        }
    }

    fn stopping(&self, worth: Worth, threshold: Threshold) -> Stopping {
        let left = self.until.saturating_duration_since(Instant::now());
        let for_memory = if self.options.memory {
            left.mul_f64(MEMORY_SHARE)
        } else {
            Duration::ZERO
        };
        Stopping {
            call_times: BTreeMap::new(),
            sampling: Sampling::UntilSettled,
            goal: Goal::Decision(worth),
            thresholds: threshold.into(),
            budget_ends: self.until - for_memory,
        }
    }

    fn choose_interpreter(&self) -> Result<Interpreter, Failure> {
        let top = self.git.map_or(self.options.folder.as_path(), Git::top);
        let choice = Candidates::new(
            self.options.python.as_deref(),
            self.config,
            vec![self.config.folder.clone(), top.to_owned()],
            self.installation,
        )
        .choose(&self.installation.worker_file("probe.py"), Pytest::NotNeeded)?;
        Ok(choice.interpreter)
    }

    fn launcher(&self, interpreter: &Interpreter, cores: CpuPinning) -> ProcessLauncher {
        let local_to_git = self.git.map_or(&[][..], Git::local_variables);
        let mut environment = env_vars::for_workers(std::env::vars_os(), &self.config.pass_env, local_to_git);
        // The modules are imported from the user's checkout, which stays as it is.
        environment.insert("PYTHONDONTWRITEBYTECODE".into(), "1".into());
        let commands = PerSide::new((), ()).map(|()| WorkerCommand {
            interpreter: interpreter.path.clone(),
            script: self.installation.worker_file("micro.py"),
            folder: self.options.folder.clone(),
            environment: environment.clone(),
            memory_limit: self.config.memory_limit_mib.map(MemoryLimit::of_mib),
        });
        let (logs, pinning) = (self.logs.clone(), self.options.pinning);
        let mut launcher = ProcessLauncher::new(commands, logs, pinning, self.interrupt, Forks::default());
        launcher.move_to(cores);
        launcher
    }
}

/// Returns how many calls take a tenth of a second: a function may run in some of them only.
fn calls_to_watch(comparison: &Comparison) -> u64 {
    const WATCHED_NS: f64 = 1e8;
    const MOST: f64 = 1000.0;
    let slower = comparison.base.median_ns.max(comparison.head.median_ns);
    (WATCHED_NS / slower.max(1.0)).clamp(1.0, MOST) as u64
}

fn not_pinned() -> Warning {
    Warning::new(
        WarningCode::NotPinned,
        "not pinned to a core: no error rate is claimed",
        Some("run it again, and trust only results that both runs agree on"),
    )
}

/// Returns the interpreter as the report shows it.
fn python_of(interpreter: Interpreter) -> Python {
    Python {
        path: interpreter.path.display().to_string(),
        version: interpreter.version,
        implementation: interpreter.implementation,
        pytest: String::new(),
    }
}

fn spec(subject: &Variants, watch: Option<MicroWatch>) -> WorkerSpec {
    WorkerSpec {
        trace: None,
        hello: PerSide::new(subject.hello.clone(), subject.hello.clone()),
        collect: CollectSpec::default(),
        micro: Some(subject.code.as_ref().map(|code| MicroRequest {
            benchmark: subject.target.clone(),
            watch,
            code: code.clone(),
        })),
        keyword: None,
        pytest_args: Vec::new(),
    }
}

fn find_variants(asked: &MicroTarget, around: &VariantContext<'_>) -> anyhow::Result<Variants> {
    match asked {
        MicroTarget::Script { script } => script::variants(script, around),
        MicroTarget::Function {
            file,
            qualname,
            call,
            setup,
            base,
        } => variants::of_function(file, qualname, call, setup.as_ref(), base, around),
        MicroTarget::Statements { a, b, setup, .. } => variants::of_statements(a, b, setup.as_ref(), around),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_gate_makes_a_stop_an_error() {
        assert_eq!(exit(Decision::Stop, false), ExitCode::Done);
        assert_eq!(exit(Decision::Stop, true), ExitCode::GateFailed);
        assert_eq!(exit(Decision::Go, true), ExitCode::Done);
        assert_eq!(exit(Decision::NoAnswer, true), ExitCode::NothingMeasured);
    }
}
