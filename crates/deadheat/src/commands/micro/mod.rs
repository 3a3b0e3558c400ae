//! `deadheat micro`: whether a change is worth a commit, in less than ten seconds, on uncommitted code.

mod caveats;
mod decide;
mod failure;
mod memory;
mod pending_requests;
mod screening;
mod variants;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::rc::Rc;
use std::time::{Duration, Instant};

use deadheat_core::micro::{self, Decision, Form, MicroReport, Variant, Worth, render};
use deadheat_core::model::{PerSide, Side, Warning, WarningCode};
use deadheat_core::output::OutputCheck;
use deadheat_core::protocol::{MicroCode, MicroRequest};
use deadheat_core::report::{Python, SCHEMA_VERSION, main_line};
use deadheat_core::sequential::Sampling;
use deadheat_core::stats::Threshold;

use crate::Installation;
use crate::cli::micro::MicroTarget;
use crate::commands::common::context::drawn_seed;
use crate::commands::micro::decide::Screened;
use crate::commands::micro::pending_requests::{PendingRequests, TrackingLauncher};
use crate::commands::micro::screening::{RESERVE, Screening};
use crate::commands::micro::variants::{VariantContext, Variants};
use crate::config::Config;
use crate::config::settings::DEFAULT_THRESHOLD_PERCENT;
use crate::error::{ExitCode, Failure};
use crate::experiments::store::ExperimentStore;
use crate::git::Git;
use crate::passes::measure::{self, Goal, Stopping};
use crate::passes::runner::Schedule;
use crate::prepare::env_vars;
use crate::prepare::interpreter::{Candidates, Interpreter, Pytest};
use crate::report::progress::Progress;
use crate::system::clock;
use crate::system::command::Deadline;
use crate::system::cpu_pinning::CpuPinning;
use crate::system::disturbances::DisturbanceMonitor;
use crate::system::interrupt::Interrupt;
use crate::system::limits::MemoryLimit;
use crate::system::terminal;
use crate::worker::launcher::{Forks, ProcessLauncher};
use crate::worker::process::WorkerCommand;
use crate::worker::session::{CollectSpec, WorkerSpec};

pub(crate) use crate::cli::micro::MicroOptions;

/// The share of the time that is kept for the memory, where `--memory` is given.
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
    let subject = Variants::find(
        &options.asked,
        &VariantContext {
            folder: &options.folder,
            git: git.as_ref(),
            config: &config,
            scratch: scratch.path(),
        },
    )?;
    let mut report = draft(&subject, options);
    let mut progress = Progress::new(options.verbosity);
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
    let outcome = screening.fill(&subject, &mut report, &mut progress);
    progress.finish();
    if report.replicates.is_empty() {
        // There are no numbers that the machine could have disturbed.
        report.warnings.retain(|warning| !is_about_machine(warning.code));
    }
    report.seconds = started.elapsed().as_secs_f64();
    match outcome {
        Ok(()) => {
            write(&report, options)?;
            if let Some(git) = &git
                && let Err(error) = write_down(&report, &subject, &config, git)
            {
                // The answer is valid, recorded or not.
                terminal::print_note(&format!("not written to the loop's records: {error:#}"));
            }
            Ok(exit(report.decision, options.gate))
        }
        Err(error) => {
            // A run that gave no numbers still says so where its answer is expected.
            if let Some(failure) = error.downcast_ref::<Failure>()
                && failure.kind.is_worth_a_report()
            {
                report.decision_reason = main_line(&failure.message).to_owned();
                let hint = failure.hint.as_deref();
                let code = WarningCode::NothingMeasured;
                report.warnings.push(Warning::new(code, &failure.message, hint));
                write(&report, options)?;
            }
            Err(error)
        }
    }
}

/// Adds the run to the loop's records, where a comparison looks for its functions. Other forms are of no use outside a
/// loop, and do not make its folder.
fn write_down(report: &MicroReport, subject: &Variants, config: &Config, git: &Git) -> anyhow::Result<()> {
    let state = ExperimentStore::find(config, git.top())?;
    let git = git.afterwards();
    if report.form == Form::Function || state.folder().is_dir() {
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

fn is_about_machine(code: WarningCode) -> bool {
    matches!(
        code,
        WarningCode::NotPinned
            | WarningCode::SharedCore
            | WarningCode::MachineBusy
            | WarningCode::StolenTime
            | WarningCode::ThermalThrottling
            | WarningCode::FrequencyScaling
    )
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
        let mut json = serde_json::to_vec_pretty(report)?;
        json.push(b'\n');
        return terminal::print(&json);
    }
    terminal::print(render(report).as_bytes())
}

/// Returns the report as far as it is known before anything is measured.
fn draft(subject: &Variants, options: &MicroOptions) -> MicroReport {
    let variant = |side: Side| Variant {
        name: subject.names.get(side).clone(),
        median_ns: None,
    };
    MicroReport {
        schema_version: SCHEMA_VERSION,
        form: subject.form,
        target: subject.target.clone(),
        base_commit: subject.base_commit.clone(),
        path: subject.path.clone(),
        function: subject.function.clone(),
        base: variant(Side::Base),
        head: variant(Side::Head),
        estimate: None,
        verdict: None,
        reason: None,
        worth_percent: options.worth_percent,
        decision: Decision::NoAnswer,
        decision_reason: String::new(),
        seconds_needed: None,
        seconds: 0.0,
        output: OutputCheck::NotChecked,
        output_difference: None,
        output_reason: None,
        memory: None,
        replicates: Vec::new(),
        python: None,
        pinned_core: None,
        warnings: subject.warnings.clone(),
    }
}

impl Screening<'_> {
    fn fill(
        &self,
        subject: &Variants,
        report: &mut MicroReport,
        progress: &mut Progress,
    ) -> anyhow::Result<()> {
        let interpreter = self.choose_interpreter()?;
        report.python = Some(Python {
            path: interpreter.path.display().to_string(),
            version: interpreter.version.clone(),
            implementation: interpreter.implementation.clone(),
            pytest: String::new(),
        });
        let cores = CpuPinning::choose(self.options.pinning)?;
        report.pinned_core = cores.measuring;
        if cores.measuring.is_none() {
            report.warnings.push(Warning::new(
                WarningCode::NotPinned,
                "not pinned to a core: no error rate is claimed",
                Some("run it again, and trust what both runs say"),
            ));
        }
        let mut launcher = self.launcher(&interpreter, cores);
        let mut spec = WorkerSpec {
            trace: None,
            hello: PerSide::new(subject.hello.clone(), subject.hello.clone()),
            collect: CollectSpec::default(),
            micro: Some(requests(subject, false)),
            keyword: None,
            pytest_args: Vec::new(),
        };
        let schedule = self.schedule(report.pinned_core.is_some());
        let threshold = Threshold::from_percent(self.config.threshold.unwrap_or(DEFAULT_THRESHOLD_PERCENT));
        let worth = Worth::from_percent(self.options.worth_percent);
        let stopping = self.stopping(worth, threshold);
        progress.step("measuring");
        let unanswered = PendingRequests::default();
        let measuring = Instant::now();
        let measured = measure::measure(
            &schedule,
            stopping.clone(),
            BTreeMap::new(),
            &spec,
            std::slice::from_ref(&subject.target),
            &mut TrackingLauncher {
                inner: &mut launcher,
                unanswered: Rc::clone(&unanswered),
            },
            &mut |_| {},
        )?;
        report.warnings.extend(launcher.conditions.warnings());
        let before = measuring - self.started;
        if let Some(failure) = self.failure_of(subject, &measured) {
            return Err(failure.into());
        }
        let screened = Screened::new(subject, measured, before, stopping, worth);
        self.decide(subject, screened, &unanswered, report);
        if self.options.memory {
            progress.step("measuring the memory");
            spec.micro = Some(requests(subject, true));
            match memory::compare(&schedule, &spec, &subject.target, threshold, &mut launcher)? {
                Ok(comparison) => report.memory = Some(comparison),
                Err(problem) => report.warnings.push(Warning::new(
                    WarningCode::NotProfiled,
                    format!("the memory was not measured: {problem}"),
                    Some("--timeout gives more time"),
                )),
            }
        }
        Ok(())
    }

    fn schedule(&self, one_core: bool) -> Schedule {
        Schedule {
            replicates: None,
            earlier: 0,
            seed: self.options.seed.unwrap_or_else(drawn_seed),
            one_core,
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
        Candidates::new(
            self.options.python.as_deref(),
            self.config,
            vec![self.config.folder.clone(), top.to_owned()],
            self.installation,
        )
        .choose(&self.installation.worker_file("probe.py"), Pytest::NotNeeded)
    }

    fn launcher(&self, interpreter: &Interpreter, cores: CpuPinning) -> ProcessLauncher {
        let local_to_git = self.git.map_or(&[][..], Git::local_variables);
        let environment = env_vars::for_workers(std::env::vars_os(), &self.config.pass_env, local_to_git);
        ProcessLauncher {
            commands: PerSide::new((), ()).map(|()| WorkerCommand {
                interpreter: interpreter.path.clone(),
                script: self.installation.worker_file("micro.py"),
                folder: self.options.folder.clone(),
                environment: environment.clone(),
                memory_limit: self.config.memory_limit_mib.map(MemoryLimit::of_mib),
            }),
            conditions: DisturbanceMonitor::begin(&cores),
            cores,
            pinning: self.options.pinning,
            on_several_cores: false,
            logs: self.logs.clone(),
            started: 0,
            next_seed: 0,
            starting: Vec::new(),
            interrupt: self.interrupt.clone(),
            forks: Forks::default(),
        }
    }
}

fn requests(subject: &Variants, memory: bool) -> PerSide<MicroRequest> {
    subject.code.as_ref().map(|code| MicroRequest {
        benchmark: subject.target.clone(),
        memory,
        code: code.clone(),
    })
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
