//! Measures benchmarks on an engine's workers.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use deadheat_core::model::Warning;

use crate::distribute::engine::{Engine, EngineEvent};
use crate::distribute::scheduler::{Job, Scheduler};
use crate::distribute::serve::Answer;
use crate::distribute::task::{Task, TaskResult};
use crate::error::Failure;
use crate::passes::measure::Measured;
use crate::passes::runner::{Event, StoppedBy};
use crate::system::interrupt::Interrupt;

/// The longest wait for an event: so often, the user's wish and the clock are checked.
const LOOK: Duration = Duration::from_millis(100);
/// After each decision about verdicts, the driver waits this many times as long as that took: so decisions take little of its
/// time, however many benchmarks there are.
pub(super) const BETWEEN_LOOKS: u32 = 200;
/// The longest time without any worker.
const NO_WORKER: Duration = Duration::from_secs(30);

/// The results of a distributed measurement.
pub(crate) struct Distributed {
    pub(crate) measured: Measured,
    /// The doubts about each worker, of which each is kept once.
    pub(crate) warnings: Vec<(String, Warning)>,
    /// The workers that could not measure, with the reasons.
    pub(crate) given_up: Vec<(String, String)>,
}

/// A run's measurement on an engine's workers.
struct Distribution<'a> {
    engine: &'a mut dyn Engine,
    scheduler: Scheduler,
    /// Each with its worker, and when it was handed out.
    tasks: BTreeMap<u64, (String, Task, Instant)>,
    /// The last time that a worker could be given tasks.
    had_workers: Instant,
    /// The time at which verdicts may be decided again.
    next_look: Instant,
    warnings: Vec<(String, Warning)>,
    started: Instant,
}

/// Measures benchmarks on an engine's workers.
pub(crate) fn measure_on(
    engine: &mut dyn Engine,
    job: Job<'_>,
    interrupt: &Interrupt,
    listen: &mut dyn FnMut(Event<'_>),
) -> anyhow::Result<Distributed> {
    let started = Instant::now();
    let budget = job.stopping.budget_ends.saturating_duration_since(started);
    let until = job.schedule.until;
    let mut distribution = Distribution {
        engine,
        scheduler: Scheduler::new(job, budget),
        tasks: BTreeMap::new(),
        had_workers: started,
        next_look: started,
        warnings: Vec::new(),
        started,
    };
    let stopped = distribution.run(until, interrupt, listen)?;
    let given_up = distribution.scheduler.given_up();
    let given_up = given_up
        .map(|(name, why)| (name.to_owned(), why.to_owned()))
        .collect();
    Ok(Distributed {
        measured: distribution.scheduler.finish(stopped),
        warnings: distribution.warnings,
        given_up,
    })
}

impl Distribution<'_> {
    fn run(
        &mut self,
        until: Instant,
        interrupt: &Interrupt,
        listen: &mut dyn FnMut(Event<'_>),
    ) -> anyhow::Result<Option<StoppedBy>> {
        loop {
            if interrupt.is_asked() {
                return Ok(Some(StoppedBy::User));
            }
            if Instant::now() >= until {
                return Ok(Some(StoppedBy::Timeout));
            }
            self.hand_out();
            if self.scheduler.has_workers() && self.scheduler.is_idle() && !self.has_more(listen) {
                return Ok(None);
            }
            if self.scheduler.has_workers() {
                self.had_workers = Instant::now();
            } else if self.had_workers.elapsed() > NO_WORKER {
                return Err(self.no_worker().into());
            }
            let mut next = self.engine.wait(LOOK);
            let had_any = next.is_some();
            while let Some(event) = next {
                self.hear(event)?;
                next = self.engine.wait(Duration::ZERO);
            }
            if had_any && Instant::now() >= self.next_look {
                self.look(listen);
            }
        }
    }

    /// Whether something is left to measure when no worker has a task: after the last look, and without outliers.
    fn has_more(&mut self, listen: &mut dyn FnMut(Event<'_>)) -> bool {
        self.look(listen);
        self.scheduler.set_outliers_aside(true);
        self.scheduler.wants_more(self.started.elapsed())
    }

    /// Decides which benchmarks have their verdicts.
    fn look(&mut self, listen: &mut dyn FnMut(Event<'_>)) {
        let began = Instant::now();
        self.scheduler.settle();
        self.scheduler.set_outliers_aside(false);
        for id in self.scheduler.take_superfluous() {
            self.tasks.remove(&id);
            self.engine.cancel(id);
        }
        self.next_look = Instant::now() + began.elapsed() * BETWEEN_LOOKS;
        let (index, benchmarks) = self.scheduler.progress();
        listen(Event::ReplicateStarted {
            index,
            of: None,
            benchmarks,
        });
    }

    fn hand_out(&mut self) {
        while let Some((worker, task)) = self.scheduler.next(self.started.elapsed()) {
            self.engine.submit(&worker, &task);
            self.tasks.insert(task.id, (worker, task, Instant::now()));
        }
    }

    fn hear(&mut self, event: EngineEvent) -> anyhow::Result<()> {
        match event {
            EngineEvent::Workers(workers) => self.scheduler.workers_are(&workers),
            EngineEvent::Answered { task, answer } => {
                let Some((worker, asked, since)) = self.tasks.remove(&task) else {
                    return Ok(());
                };
                match *answer {
                    Answer::Done(result) => match result.check(&asked, since.elapsed()) {
                        Ok(()) => {
                            self.keep_warnings(&worker, &result);
                            self.scheduler.done(*result);
                        }
                        Err(why) => self
                            .scheduler
                            .failed(task, &format!("its answer is refused: {why}")),
                    },
                    Answer::Failed { message, .. } => self.scheduler.failed(task, &message),
                }
            }
            EngineEvent::Failed { task, message } => {
                self.tasks.remove(&task);
                self.scheduler.failed(task, &message);
            }
            EngineEvent::Lost { task } => {
                self.tasks.remove(&task);
                self.scheduler.lost(task);
            }
            EngineEvent::Refused { worker, message } => self.scheduler.give_up(&worker, message),
            EngineEvent::Broken(failure) => return Err(failure.into()),
        }
        Ok(())
    }

    fn keep_warnings(&mut self, worker: &str, result: &TaskResult) {
        for warning in &result.warnings {
            let is_same = |(name, known): &(String, Warning)| name == worker && known.code == warning.code;
            if !self.warnings.iter().any(is_same) {
                self.warnings.push((worker.to_owned(), warning.clone()));
            }
        }
    }

    fn no_worker(&self) -> Failure {
        match self.scheduler.given_up().next() {
            Some((name, why)) => {
                Failure::nothing_measured(format!("no worker could measure; {name} says: {why}"))
            }
            None => Failure::nothing_measured("there is no worker that could measure")
                .hint("is a worker running, and has it a free slot?"),
        }
    }
}
