//! `deadheat micro`: whether a change is worth a commit, in less than ten seconds, on uncommitted code.

mod attention;
mod doubts;
mod memory;
mod subject;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::{Duration, Instant};

use deadheat_core::micro::{self, Decision, Form, MicroReport, Variant, Worth, render};
use deadheat_core::model::{PerSide, Side, SideTime, Warning, WarningCode};
use deadheat_core::output as outputs;
use deadheat_core::output::OutputCheck;
use deadheat_core::protocol::{MicroCode, MicroRequest};
use deadheat_core::report::{self, MeasuredBenchmark, Python, SCHEMA_VERSION, main_line};
use deadheat_core::sequential::Sampling;
use deadheat_core::stats::{self, FEWEST_REPLICATES, Threshold};

use crate::Installation;
use crate::cli::micro::Asked;
use crate::cli::options::Verbosity;
use crate::commands::common::context::drawn_seed;
use crate::commands::common::row_warnings::warnings_of_row;
use crate::commands::micro::attention::{Attentive, Unanswered, doing};
use crate::commands::micro::subject::{Subject, Surroundings};
use crate::config::Config;
use crate::config::settings::DEFAULT_THRESHOLD_PERCENT;
use crate::error::{Exit, Failure};
use crate::experiments::state::State;
use crate::git::Git;
use crate::passes::measure::{self, Aim, Measured, Stopping};
use crate::passes::walk::{Schedule, SetbackKind, StoppedBy};
use crate::prepare::interpreter::{Candidates, Interpreter, Pytest};
use crate::prepare::variables;
use crate::report::progress::Progress;
use crate::system::clock;
use crate::system::command::Limits;
use crate::system::conditions::Conditions;
use crate::system::cores::Cores;
use crate::system::interrupt::Interrupt;
use crate::system::limit::MemoryLimit;
use crate::system::terminal;
use crate::worker::launcher::{Forks, Launcher};
use crate::worker::process::WorkerCommand;
use crate::worker::session::{Briefing, ToCollect};

pub(crate) use crate::cli::micro::MicroOptions;

/// The time kept free at the end, to stop the processes and to print the answer.
const RESERVE: Duration = Duration::from_millis(300);
/// The share of the time that is kept for the memory, where `--memory` is given.
const MEMORY_SHARE: f64 = 0.3;
/// The number of process pairs that the first look takes.
const FEWEST_LOOKED_AT: f64 = 5.0;
/// The most lines of a traceback that are shown without `-v`.
const MOST_LINES: usize = 30;

pub(crate) fn run(
    options: &MicroOptions,
    installation: &Installation,
    interrupt: &Interrupt,
) -> anyhow::Result<Exit> {
    let started = Instant::now();
    let limits = Limits {
        until: started + options.timeout,
        interrupt: interrupt.clone(),
    };
    let git = match Git::discover(&options.folder, &limits) {
        Ok(git) => Some(git),
        // Only a function has a base in git.
        Err(_) if !matches!(options.asked, Asked::Function { .. }) => None,
        Err(error) => return Err(error),
    };
    let top = git.as_ref().map_or(options.folder.as_path(), Git::top);
    let config = Config::load(&options.folder, top, options.config_file.as_deref())?;
    let scratch = tempfile::Builder::new().prefix("deadheat-micro-").tempdir()?;
    let subject = Subject::find(
        &options.asked,
        &Surroundings {
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
fn write_down(report: &MicroReport, subject: &Subject, config: &Config, git: &Git) -> anyhow::Result<()> {
    let state = State::find(config, git.top())?;
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

fn exit(decision: Decision, gate: bool) -> Exit {
    match decision {
        Decision::Stop if gate => Exit::GateFailed,
        Decision::Go | Decision::Stop => Exit::Done,
        Decision::NoAnswer => Exit::NothingMeasured,
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
fn draft(subject: &Subject, options: &MicroOptions) -> MicroReport {
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

/// The inputs of one pre-screen.
struct Screening<'a> {
    options: &'a MicroOptions,
    installation: &'a Installation,
    interrupt: &'a Interrupt,
    git: Option<&'a Git>,
    config: &'a Config,
    logs: PathBuf,
    started: Instant,
    /// The time when everything must be over.
    until: Instant,
}

impl Screening<'_> {
    fn fill(
        &self,
        subject: &Subject,
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
        let cores = Cores::choose(self.options.pinning)?;
        report.pinned_core = cores.measuring;
        if cores.measuring.is_none() {
            report.warnings.push(Warning::new(
                WarningCode::NotPinned,
                "not pinned to a core: no error rate is claimed",
                Some("run it again, and trust what both runs say"),
            ));
        }
        let mut launcher = self.launcher(&interpreter, cores);
        let mut briefing = Briefing {
            trace: None,
            hello: PerSide::new(subject.hello.clone(), subject.hello.clone()),
            collect: ToCollect::default(),
            micro: Some(requests(subject, false)),
            keyword: None,
            pytest_args: Vec::new(),
        };
        let schedule = Schedule {
            replicates: None,
            earlier: 0,
            seed: self.options.seed.unwrap_or_else(drawn_seed),
            one_core: report.pinned_core.is_some(),
            until: self.until,
            one_at_a_time: BTreeMap::new(),
            set_up_each_call: BTreeSet::new(),
            several_cores: BTreeSet::new(),
        };
        let threshold = Threshold::from_percent(self.config.threshold.unwrap_or(DEFAULT_THRESHOLD_PERCENT));
        let worth = Worth::from_percent(self.options.worth_percent);
        let left = self.until.saturating_duration_since(Instant::now());
        let for_memory = if self.options.memory {
            left.mul_f64(MEMORY_SHARE)
        } else {
            Duration::ZERO
        };
        let stopping = Stopping {
            call_times: BTreeMap::new(),
            sampling: Sampling::UntilSettled,
            aim: Aim::Decision(worth),
            thresholds: threshold.into(),
            budget_ends: self.until - for_memory,
        };
        progress.step("measuring");
        let unanswered = Unanswered::default();
        let measuring = Instant::now();
        let measured = measure::measure(
            &schedule,
            stopping.clone(),
            BTreeMap::new(),
            &briefing,
            std::slice::from_ref(&subject.target),
            &mut Attentive {
                inner: &mut launcher,
                unanswered: Rc::clone(&unanswered),
            },
            &mut |_| {},
        )?;
        report.warnings.extend(launcher.conditions.warnings());
        let before = measuring - self.started;
        self.conclude(subject, report, measured, stopping, worth, &unanswered, before)?;
        if self.options.memory {
            progress.step("measuring the memory");
            briefing.micro = Some(requests(subject, true));
            match memory::compare(&schedule, &briefing, &subject.target, threshold, &mut launcher)? {
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

    fn launcher(&self, interpreter: &Interpreter, cores: Cores) -> Launcher {
        let local_to_git = self.git.map_or(&[][..], Git::local_variables);
        let environment = variables::for_workers(std::env::vars_os(), &self.config.pass_env, local_to_git);
        Launcher {
            commands: PerSide::new((), ()).map(|()| WorkerCommand {
                interpreter: interpreter.path.clone(),
                script: self.installation.worker_file("micro.py"),
                folder: self.options.folder.clone(),
                environment: environment.clone(),
                memory_limit: self.config.memory_limit_mib.map(MemoryLimit::of_mib),
            }),
            conditions: Conditions::begin(&cores),
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

    /// Turns the measurements into the decision. `before` is the time until the first process pair.
    #[expect(clippy::too_many_arguments, reason = "the steps before have one result each")]
    fn conclude(
        &self,
        subject: &Subject,
        report: &mut MicroReport,
        mut measured: Measured,
        stopping: Stopping,
        worth: Worth,
        unanswered: &Unanswered,
        before: Duration,
    ) -> anyhow::Result<()> {
        if measured.stopped == Some(StoppedBy::User) {
            return Err(Failure::stopped().into());
        }
        let rounds = measured.benchmarks.remove(&subject.target).unwrap_or_default();
        if let Some(setback) = measured.setbacks.pop() {
            let variants = match setback.side {
                Some(side) => format!("{} ({side})", subject.names.get(side)),
                None => "both variants".to_owned(),
            };
            let what = match (setback.kind, setback.side) {
                (SetbackKind::Skipped, _) => "cannot be run",
                (_, Some(_)) => "fails",
                (_, None) => "fail",
            };
            let message = setback.message.trim();
            if let Some((option, error)) = mistyped(message) {
                let option = match (option, setback.side) {
                    ("<statement>", Some(Side::Head)) => "-b",
                    ("<statement>", _) => "-a",
                    (option, _) => option,
                };
                return Err(Failure::usage(format!("{option} cannot be parsed: {error}"))
                    .hint("it is Python code, as one argument: mind the shell's quotes")
                    .into());
            }
            let error = error_line(message);
            let traceback = self.shortened(message.strip_suffix(error).unwrap_or(message).trim_end());
            let details = match traceback.as_str() {
                "" => String::new(),
                traceback => format!("\n\n{traceback}"),
            };
            if let (Some(lacking), Some(function)) = (subject.lacking, &subject.function)
                && setback.side == Some(lacking)
                && is_about_a_name(error)
            {
                let only = subject.names.get(lacking.other());
                let the = if lacking == Side::Base { "the " } else { "" };
                return Err(Failure::nothing_measured(format!(
                    "`{function}` exists only in {the}{only}, and {variants} {what} without it: {error}{details}"
                ))
                .hint(
                    "--call something that both have; or --base REF names a commit that has it; or compare two ways of doing \
                     it: -a STMT -b STMT",
                )
                .into());
            }
            return Err(Failure::nothing_measured(format!("{variants} {what}: {error}{details}")).into());
        }
        if let Some(StoppedBy::Worker(side)) = measured.stopped {
            return Err(Failure::nothing_measured(format!(
                "the process of {} started at first and no longer does; its last words:\n\n{}",
                subject.names.get(side),
                measured.last_words
            ))
            .into());
        }
        (report.output, report.output_difference) =
            outputs::check(&rounds.outputs.base, &rounds.outputs.head);
        if report.output == OutputCheck::NotComparable {
            let outputs = &rounds.outputs;
            report.output_reason = Some(outputs::why_not_comparable(&outputs.base, &outputs.head));
        }
        let difference = report.output_difference.as_ref();
        let of_row = warnings_of_row(&subject.target, &rounds, None, None, difference);
        // These come before the warnings about the machine.
        let doubts = doubts::complete(of_row, &rounds, &self.options.asked, &subject.names);
        report.warnings.splice(0..0, doubts);
        let log_ratios = stats::log_ratios(&rounds.replicates);
        let seconds_of = |replicates: f64| {
            let replicate = if rounds.replicate_seconds > 0.0 {
                rounds.replicate_seconds
            } else {
                measured.replicate_time.as_secs_f64()
            };
            (before + RESERVE).as_secs_f64() + replicates * replicate
        };
        report.replicates.clone_from(&rounds.replicates);
        if rounds.replicates.len() < FEWEST_REPLICATES {
            let waiting = unanswered.borrow();
            let slow: Vec<String> = Side::BOTH
                .into_iter()
                .filter_map(|side| {
                    let request = waiting.get(side).as_ref()?;
                    Some(format!("{} {}", subject.names.get(side), doing(request)))
                })
                .collect();
            let slow = match slow.as_slice() {
                [] => String::new(),
                slow => format!(", when {}", slow.join(" and ")),
            };
            report.decision_reason = format!(
                "{} of at least {FEWEST_LOOKED_AT} process pairs could be measured in {} s{}",
                rounds.replicates.len(),
                self.options.timeout.as_secs_f64(),
                slow
            );
            if !rounds.replicates.is_empty() {
                report.seconds_needed = Some(seconds_of(FEWEST_LOOKED_AT));
            }
            self.add_time_needed(report);
            return Ok(());
        }
        let looks = rounds.looks;
        let estimate = stopping.sampling.estimate(&log_ratios, looks);
        let decision = estimate.and_then(|estimate| worth.decide(&estimate));
        let count = rounds.replicates.len();
        if decision.is_none() {
            let more = worth.replicates_to_decide(&log_ratios, looks);
            report.seconds_needed = more.map(|more| seconds_of((count + more) as f64));
        }
        let row = MeasuredBenchmark {
            benchmark: subject.target.clone(),
            replicates: rounds.replicates,
            looks,
            replicate_seconds: rounds.replicate_seconds,
            output: (report.output, None),
            is_control: false,
            set_up_each_call: false,
            several_cores: false,
            first_call_ns: None,
            warnings: Vec::new(),
        };
        let (mut comparisons, _, _) = report::judge(vec![row], stopping.sampling, &stopping.thresholds);
        let comparison = comparisons.pop().expect("there are enough replicates");
        let median = |side: SideTime| Some(side.median_ns);
        report.base.median_ns = median(comparison.base);
        report.head.median_ns = median(comparison.head);
        report.verdict = Some(comparison.verdict);
        report.reason = comparison.reason;
        report.decision = decision.unwrap_or(Decision::NoAnswer);
        report.decision_reason = worth.reason(report.decision, &comparison.estimate);
        report.estimate = Some(comparison.estimate);
        if report.decision != Decision::NoAnswer {
            for (index, caveat) in doubts::caveats(report).into_iter().enumerate() {
                let joint = if index == 0 { "; but" } else { ", and" };
                report.decision_reason.push_str(&format!("{joint} {caveat}"));
            }
        }
        if report.decision == Decision::NoAnswer {
            self.add_time_needed(report);
        }
        Ok(())
    }

    fn add_time_needed(&self, report: &mut MicroReport) {
        if let Some(seconds) = report.seconds_needed {
            report.decision_reason.push_str(&format!(
                "; an answer would take about {seconds:.0} s (--timeout)"
            ));
        }
    }

    /// Shortens a long traceback to its end, which says most.
    fn shortened(&self, traceback: &str) -> String {
        let lines: Vec<&str> = traceback.lines().collect();
        match lines.len().checked_sub(MOST_LINES) {
            Some(left_out) if left_out > 0 && self.options.verbosity != Verbosity::Verbose => format!(
                "... ({left_out} lines before; -v shows all)\n{}",
                lines[left_out..].join("\n")
            ),
            _ => traceback.to_owned(),
        }
    }
}

/// Returns the line that says what went wrong: the last one of a traceback, the first one of a message about a process.
fn error_line(message: &str) -> &str {
    let is_traceback = message.lines().any(is_frame);
    let mut lines = message.lines();
    let line = if is_traceback {
        lines.next_back()
    } else {
        lines.next()
    };
    line.unwrap_or_default()
}

fn is_frame(line: &str) -> bool {
    line.trim_start().starts_with("File \"")
}

/// Returns the option whose code is not Python, and the error: one in the code itself, not in something that it imports
/// or runs.
fn mistyped(message: &str) -> Option<(&str, &str)> {
    let error = error_line(message);
    let kinds = ["SyntaxError", "IndentationError", "TabError"];
    if !kinds.iter().any(|kind| error.starts_with(kind)) {
        return None;
    }
    let mut frames = message.lines().filter(|line| is_frame(line)).map(str::trim_start);
    let (frame, None) = (frames.next()?, frames.next()) else {
        return None;
    };
    let file = frame.strip_prefix("File \"")?.split('"').next()?;
    match file {
        "<--call>" => Some(("--call", error)),
        "<--setup>" => Some(("--setup", error)),
        "<statement>" => Some(("<statement>", error)),
        _ => None,
    }
}

fn is_about_a_name(error: &str) -> bool {
    ["NameError", "AttributeError", "ImportError"]
        .iter()
        .any(|kind| error.starts_with(kind))
}

fn requests(subject: &Subject, memory: bool) -> PerSide<MicroRequest> {
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
    fn the_line_that_says_what_went_wrong() {
        let traceback =
            "Traceback (most recent call last):\n  File \"a.py\", line 1, in f\n    g()\nValueError: no";
        assert_eq!(error_line(traceback), "ValueError: no");
        let death = "the process ended: signal: 11 (SIGSEGV)\nlast words";
        assert_eq!(error_line(death), "the process ended: signal: 11 (SIGSEGV)");
    }

    #[test]
    fn an_error_in_what_was_typed_is_told_from_one_of_the_code() {
        let typed = "File \"<--call>\", line 1\n    f(\n     ^\nSyntaxError: '(' was never closed";
        assert_eq!(
            mistyped(typed),
            Some(("--call", "SyntaxError: '(' was never closed"))
        );
        let imported =
            "  File \"<--setup>\", line 1, in <module>\n  File \"/a/b.py\", line 3\n    x(\nSyntaxError: no";
        assert_eq!(mistyped(imported), None);
        assert_eq!(mistyped("File \"/a/b.py\", line 3\nSyntaxError: no"), None);
        assert_eq!(mistyped("File \"<--call>\", line 1, in f\nValueError: no"), None);
    }

    #[test]
    fn only_a_gate_makes_a_stop_an_error() {
        assert_eq!(exit(Decision::Stop, false), Exit::Done);
        assert_eq!(exit(Decision::Stop, true), Exit::GateFailed);
        assert_eq!(exit(Decision::Go, true), Exit::Done);
        assert_eq!(exit(Decision::NoAnswer, true), Exit::NothingMeasured);
    }
}
