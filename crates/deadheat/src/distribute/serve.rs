//! The measuring of tasks on one core of this machine, one after the other.

use std::collections::BTreeMap;
use std::io::{BufRead, Write};
use std::sync::mpsc::{self, Receiver};
use std::time::{Duration, Instant};

use anyhow::Context;
use deadheat_core::judge::sequential::Sampling;
use deadheat_core::judge::stats::Threshold;
use serde::{Deserialize, Serialize};

use crate::Installation;
use crate::distribute::site::Site;
use crate::distribute::task::{Measurements, Task, TaskResult};
use crate::error::Failure;
use crate::passes::measure::{self, Goal, Measured, ReplicateSet, Stopping};
use crate::passes::runner::Schedule;
use crate::passes::workers::WorkerPool;
use crate::system::command::Deadline;
use crate::system::cpu_pinning::{CpuPinning, Pinning};
use crate::system::disturbances::DisturbanceMonitor;
use crate::system::interrupt::Interrupt;
use crate::system::machine::machine_of_many;
use crate::system::terminal::whole_message;

/// An answer to a task, as a line of JSON.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum Answer {
    Done(Box<TaskResult>),
    Failed { task: u64, message: String },
}

/// Reads tasks from stdin, line by line; its end also ends a task that is being measured.
pub(crate) fn tasks(interrupt: &Interrupt) -> Receiver<String> {
    let (sender, receiver) = mpsc::channel();
    let interrupt = interrupt.clone();
    std::thread::spawn(move || {
        for line in std::io::stdin().lock().lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                return;
            }
        }
        interrupt.ask();
    });
    receiver
}

/// Writes a value as a line of JSON.
pub(super) fn write_line(output: &mut impl Write, value: &impl Serialize) -> std::io::Result<()> {
    let mut line = serde_json::to_vec(value)?;
    line.push(b'\n');
    output.write_all(&line)?;
    output.flush()
}

/// The workers of a site on one core.
pub(crate) struct Slot<'a> {
    pub(crate) site: &'a Site,
    pub(crate) workers: WorkerPool,
}

impl<'a> Slot<'a> {
    /// Reserves a core for as long as this lives, so that nobody else measures on it.
    pub(crate) fn open(
        site: &'a Site,
        installation: &Installation,
        pinning: Pinning,
        interrupt: &Interrupt,
    ) -> anyhow::Result<Self> {
        let limits = Deadline::never(interrupt);
        let cores = CpuPinning::reserve(pinning, &limits)?;
        // A core that other processes of this run may choose is not left for another one.
        let pinning = cores.measuring.map_or(pinning, Pinning::Core);
        let workers = site.workers(installation, cores, pinning, &limits)?;
        Ok(Slot { site, workers })
    }

    /// Measures the task of a line, and writes the answer to stdout.
    pub(crate) fn answer(&mut self, line: &str) -> anyhow::Result<()> {
        let task: Task = serde_json::from_str(line).context("this is not a task")?;
        let answer = match self.measure(&task) {
            Ok(result) => Answer::Done(Box::new(result)),
            Err(error) => Answer::Failed {
                task: task.id,
                message: whole_message(&error),
            },
        };
        write_line(&mut std::io::stdout().lock(), &answer)?;
        Ok(())
    }

    fn measure(&mut self, task: &Task) -> anyhow::Result<TaskResult> {
        let started = Instant::now();
        let workers = &mut self.workers;
        workers.launcher.conditions = DisturbanceMonitor::begin(&workers.launcher.cores);
        workers.spec.collect.clone_from(&self.site.collect);
        workers
            .spec
            .collect
            .narrow_to(&task.benchmarks, self.site.folders());
        let schedule = Schedule {
            replicates: Some(task.replicates),
            earlier: task.first,
            seed: task.seed,
            one_core: workers.launcher.cores.measuring.is_some(),
            until: started + Duration::from_secs_f64(task.seconds.clamp(0.0, 1e6)),
            one_at_a_time: task.one_at_a_time.clone(),
            set_up_each_call: task.set_up_each_call.clone(),
            several_cores: Default::default(),
        };
        let stopping = Stopping {
            sampling: Sampling::Exactly(task.replicates),
            call_times: BTreeMap::new(),
            goal: Goal::Verdict,
            thresholds: Threshold::from_percent(1.0).into(),
            budget_ends: started,
        };
        let known = |benchmark: &String| {
            let set = ReplicateSet::of_known(task.set_up_each_call.contains(benchmark));
            (benchmark.clone(), set)
        };
        let earlier = match task.is_pilot {
            true => BTreeMap::new(),
            false => task.benchmarks.iter().map(known).collect(),
        };
        let benchmarks = &task.benchmarks;
        let measured = measure::time(workers, &schedule, stopping, earlier, benchmarks, &mut |_| {})?;
        if let Some(by) = &measured.stopped
            && measured.newly == 0
        {
            return Err(Failure::nothing_measured(format!("stopped {by}: {}", measured.last_words)).into());
        }
        Ok(self.result(task, measured))
    }

    fn result(&self, task: &Task, measured: Measured) -> TaskResult {
        let launcher = &self.workers.launcher;
        let startup = measured.replicate_time.saturating_sub(measured.inside);
        let mut warnings = self.site.warnings.clone();
        warnings.extend(launcher.conditions.warnings());
        let measured_now = measured.benchmarks.into_iter().filter(|(_, set)| set.visits > 0);
        TaskResult {
            task: task.id,
            machine: machine_of_many(launcher.cores.measuring),
            python: self.site.python.clone(),
            warnings,
            benchmarks: measured_now
                .map(|(benchmark, set)| (benchmark, Measurements::of(set)))
                .collect(),
            failures: measured.failures,
            one_at_a_time: measured.one_at_a_time,
            project_modules: measured.project_modules,
            startup_seconds: startup.as_secs_f64(),
        }
    }
}
