//! Decides which worker measures which replicates. It knows neither clocks nor processes: the caller says when it is,
//! and reports what became of each task. So the same replicates give the same looks, in whatever order they arrive.

mod handing_out;
#[cfg(test)]
mod large_cluster;
mod looks;
mod row;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use deadheat_core::judge::stats::FEWEST_REPLICATES;
use deadheat_core::model::{MeasuringMachine, PerSide};

use crate::distribute::scheduler::row::Row;
use crate::distribute::task::{Task, TaskResult};
use crate::passes::measure::{Measured, ReplicateSet, SHORTEST_STARTUP, Stopping};
use crate::passes::runner::{BenchmarkFailure, OneAtATime, Schedule, StoppedBy};

/// How often the replicates of a lost task are tried.
const TRIES: u32 = 3;
/// A worker gets no more tasks after it could not measure this many in a row.
const MOST_FAILED: u32 = 2;

/// A worker, and the number of tasks that it takes at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct WorkerSlots {
    pub(crate) name: String,
    pub(crate) slots: usize,
}

#[derive(Debug, Default)]
struct WorkerState {
    slots: usize,
    running: usize,
    /// Tasks in a row that it could not measure.
    failed: u32,
    /// Why it gets no more tasks.
    given_up: Option<String>,
    /// Whether its results are unlike those of other machines.
    is_outlier: bool,
}

/// A task that is being measured.
struct Running {
    task: Task,
    worker: String,
    tries: u32,
}

/// A task that has to be measured again, elsewhere if possible.
struct Again {
    task: Task,
    not_by: String,
    tries: u32,
}

/// The benchmarks to measure, and how; most fields are the arguments of [`crate::passes::measure::measure`].
pub(crate) struct Job<'a> {
    pub(crate) schedule: &'a Schedule,
    pub(crate) stopping: Stopping,
    pub(crate) earlier: BTreeMap<String, ReplicateSet>,
    pub(crate) benchmarks: &'a [String],
    /// The machines of an earlier measurement of the same run.
    pub(crate) machines: Vec<MeasuringMachine>,
}

/// The distribution of a run's replicates.
pub(crate) struct Scheduler {
    stopping: Stopping,
    schedule: Schedule,
    /// The time until which replicates may be measured.
    budget: Duration,
    rows: Vec<Row>,
    by_name: BTreeMap<String, usize>,
    /// The rows that can be handed out, by the number of their next replicate: those that had the least time first.
    open: BTreeMap<usize, BTreeSet<(Duration, usize)>>,
    /// The time that the replicates of open rows will take.
    open_time: Duration,
    again: VecDeque<Again>,
    running: BTreeMap<u64, Running>,
    workers: BTreeMap<String, WorkerState>,
    /// The time to start the processes of a replicate, on average.
    startup: Duration,
    /// The sum of that time over the tasks.
    starting: Duration,
    startups: u32,
    next_id: u64,
    /// Failures of benchmarks that another worker is to confirm.
    suspects: BTreeMap<String, (String, BenchmarkFailure)>,
    failures: Vec<BenchmarkFailure>,
    one_at_a_time: OneAtATime,
    project_modules: PerSide<u64>,
    /// Whether a look was made since the rows were last settled.
    has_looked: bool,
    machines: Vec<MeasuringMachine>,
    /// How often it was asked whether a machine is an outlier, and the number of process pairs at that time.
    asked: (u32, u32),
    /// The process pairs so far.
    pairs: u32,
}

impl Scheduler {
    pub(crate) fn new(job: Job<'_>, budget: Duration) -> Self {
        let Job {
            schedule,
            stopping,
            mut earlier,
            benchmarks,
            machines,
        } = job;
        let rows: Vec<Row> = benchmarks
            .iter()
            .map(|benchmark| {
                let set = earlier.remove(benchmark).unwrap_or_default();
                Row::new(benchmark, set, schedule, &stopping)
            })
            .collect();
        let names = rows.iter().enumerate();
        let mut scheduler = Scheduler {
            by_name: names.map(|(index, row)| (row.benchmark.clone(), index)).collect(),
            one_at_a_time: schedule.one_at_a_time.clone(),
            schedule: schedule.clone(),
            stopping,
            budget,
            rows,
            open: BTreeMap::new(),
            open_time: Duration::ZERO,
            again: VecDeque::new(),
            running: BTreeMap::new(),
            workers: BTreeMap::new(),
            startup: SHORTEST_STARTUP,
            starting: Duration::ZERO,
            startups: 0,
            next_id: 1,
            suspects: BTreeMap::new(),
            failures: Vec::new(),
            project_modules: PerSide::default(),
            has_looked: true,
            machines,
            asked: (0, 0),
            pairs: 0,
        };
        let kinds = scheduler.kinds();
        for row in &mut scheduler.rows {
            row.estimate(scheduler.stopping.sampling, &kinds);
        }
        scheduler.settle();
        for index in 0..scheduler.rows.len() {
            scheduler.put_back(index);
        }
        scheduler
    }

    /// Takes the list of workers; those that left have lost their tasks.
    pub(crate) fn workers_are(&mut self, workers: &[WorkerSlots]) {
        for state in self.workers.values_mut() {
            state.slots = 0;
        }
        for worker in workers {
            let state = self.workers.entry(worker.name.clone()).or_default();
            state.slots = worker.slots;
            let mut machines = self.machines.iter();
            state.is_outlier =
                machines.any(|machine| machine.name == worker.name && machine.outlier.is_some());
        }
        let gone = |running: &&Running| self.workers[&running.worker].slots == 0;
        let lost: Vec<u64> = self
            .running
            .values()
            .filter(gone)
            .map(|running| running.task.id)
            .collect();
        for id in lost {
            self.lost(id);
        }
    }

    /// Returns the workers that have been given up, with the reasons.
    pub(crate) fn given_up(&self) -> impl Iterator<Item = (&str, &str)> {
        let workers = self.workers.iter();
        workers.filter_map(|(name, state)| Some((name.as_str(), state.given_up.as_deref()?)))
    }

    /// Gives a worker no more tasks.
    pub(crate) fn give_up(&mut self, worker: &str, why: String) {
        self.workers.entry(worker.to_owned()).or_default().given_up = Some(why);
    }

    /// Whether any worker can be given tasks, now or when it has done its present ones.
    pub(crate) fn has_workers(&self) -> bool {
        self.workers.values().any(WorkerState::is_usable)
    }

    fn slots(&self) -> usize {
        let usable = self.workers.values().filter(|state| state.is_usable());
        usable.map(|state| state.slots).sum::<usize>().max(1)
    }

    /// Takes the answer to a task. Answers to tasks that were given to another worker meanwhile do not count.
    pub(crate) fn done(&mut self, mut result: TaskResult) {
        let Some(running) = self.end(result.task) else {
            return;
        };
        let Running { task, worker, tries } = running;
        let machine = self.machine_of(&worker, &result);
        self.startups += 1;
        self.pairs += task.replicates as u32;
        self.starting += Duration::from_secs_f64(result.startup_seconds);
        self.startup = (self.starting / self.startups).max(SHORTEST_STARTUP);
        self.one_at_a_time.append(&mut result.one_at_a_time);
        self.project_modules.base += result.project_modules.base;
        self.project_modules.head += result.project_modules.head;
        let mut failures = std::mem::take(&mut result.failures);
        if result.benchmarks.is_empty() && failures.is_empty() {
            self.could_not(&worker, "its answers are empty");
        } else if let Some(state) = self.workers.get_mut(&worker) {
            state.failed = 0;
        }
        let mut lacking = Vec::new();
        for benchmark in &task.benchmarks {
            let index = self.by_name[benchmark];
            let failure = failures
                .iter()
                .position(|failure| failure.benchmark == *benchmark);
            let failure = failure.map(|position| failures.swap_remove(position));
            let arrived = result.benchmarks.remove(benchmark).map_or(0, |measurements| {
                self.rows[index].arrive(measurements, &task, machine)
            });
            if arrived < task.replicates {
                match failure {
                    Some(failure) => self.failed_there(failure, &task, &worker),
                    None => lacking.push(benchmark.clone()),
                }
            }
        }
        if !lacking.is_empty() {
            let rest = Task {
                benchmarks: lacking,
                ..task.clone()
            };
            self.try_again(rest, worker, tries);
        }
        self.count(&task);
    }

    /// A worker that cannot measure a number of tasks in a row gets no more.
    fn could_not(&mut self, worker: &str, why: &str) {
        if let Some(state) = self.workers.get_mut(worker) {
            state.failed += 1;
            if state.failed >= MOST_FAILED {
                state.given_up = Some(why.to_owned());
            }
        }
    }

    /// A benchmark has failed on a worker: another worker must see that too before it counts.
    fn failed_there(&mut self, failure: BenchmarkFailure, task: &Task, worker: &str) {
        let benchmark = failure.benchmark.clone();
        let is_confirmed = self
            .suspects
            .get(&benchmark)
            .is_some_and(|(first, _)| first != worker);
        if self.is_alone() || is_confirmed {
            self.suspects.remove(&benchmark);
            let index = self.by_name[&benchmark];
            self.rows[index].is_lost = true;
            self.put_back(index);
            self.failures.push(failure);
            return;
        }
        self.suspects
            .insert(benchmark.clone(), (worker.to_owned(), failure));
        let again = Task {
            benchmarks: vec![benchmark],
            ..task.clone()
        };
        self.try_again(again, worker.to_owned(), 0);
    }

    /// A worker could not measure a task, for a reason of its own.
    pub(crate) fn failed(&mut self, id: u64, message: &str) {
        let Some(running) = self.end(id) else {
            return;
        };
        self.could_not(&running.worker, message);
        self.try_again(running.task, running.worker, running.tries);
    }

    /// A task is lost with its worker.
    pub(crate) fn lost(&mut self, id: u64) {
        if let Some(running) = self.end(id) {
            self.try_again(running.task, running.worker, running.tries);
        }
    }

    fn end(&mut self, id: u64) -> Option<Running> {
        let running = self.running.remove(&id)?;
        if let Some(state) = self.workers.get_mut(&running.worker) {
            state.running -= 1;
        }
        Some(running)
    }

    /// Measures the replicates of a task again, or gives them up.
    fn try_again(&mut self, task: Task, not_by: String, tries: u32) {
        if tries + 1 < TRIES {
            self.again.push_back(Again {
                task,
                not_by,
                tries: tries + 1,
            });
            return;
        }
        for benchmark in &task.benchmarks {
            let row = &mut self.rows[self.by_name[benchmark]];
            row.give_up(task.numbers());
        }
        self.count(&task);
    }

    /// Counts the replicates of a task's benchmarks that have come, in the order of their numbers, and looks at them.
    fn count(&mut self, task: &Task) {
        let rows: Vec<usize> = task
            .benchmarks
            .iter()
            .map(|benchmark| self.by_name[benchmark])
            .collect();
        let kinds = self.kinds();
        for &index in &rows {
            self.has_looked |= self.rows[index].count(&self.stopping, &kinds);
        }
        for index in rows {
            self.put_back(index);
        }
    }

    /// Returns the tasks whose results no row needs.
    pub(crate) fn take_superfluous(&mut self) -> Vec<u64> {
        let needs = |benchmark: &String| self.rows[self.by_name[benchmark]].is_open();
        let running = self.running.values();
        let superfluous = running.filter(|running| !running.task.benchmarks.iter().any(needs));
        let ids: Vec<u64> = superfluous.map(|running| running.task.id).collect();
        for id in &ids {
            self.end(*id);
        }
        ids
    }

    /// Whether a task could be handed out now.
    pub(crate) fn wants_more(&self, now: Duration) -> bool {
        let left = self.budget.saturating_sub(now + self.startup);
        let mut open = self.open.values().flatten();
        !self.again.is_empty() || open.any(|(_, index)| self.fits(*index, left))
    }

    /// Whether nothing is being measured.
    pub(crate) fn is_idle(&self) -> bool {
        self.running.is_empty()
    }

    /// Returns the number of process pairs so far, and of benchmarks that want more.
    pub(crate) fn progress(&self) -> (usize, usize) {
        let open = self.rows.iter().filter(|row| row.is_open()).count();
        (self.pairs as usize, open)
    }

    /// Ends the measuring.
    pub(crate) fn finish(mut self, stopped: Option<StoppedBy>) -> Measured {
        // An unconfirmed failure still says more than nothing.
        let suspects = std::mem::take(&mut self.suspects);
        let without_numbers = |benchmark: &String| {
            let row = &self.rows[self.by_name[benchmark]];
            row.set.replicates.len() < FEWEST_REPLICATES
        };
        let unconfirmed = suspects
            .into_iter()
            .filter(|(benchmark, _)| without_numbers(benchmark));
        let unconfirmed: Vec<BenchmarkFailure> = unconfirmed.map(|(_, (_, failure))| failure).collect();
        self.failures.extend(unconfirmed);
        let kinds = self.kinds();
        let mut benchmarks: BTreeMap<String, ReplicateSet> = BTreeMap::new();
        for row in self.rows {
            let (benchmark, set) = row.finish(self.stopping.sampling, self.startup, &kinds);
            benchmarks.insert(benchmark, set);
        }
        benchmarks.retain(|_, set| set.visits > 0 || set.of_earlier_run);
        let counted = benchmarks.values().flat_map(|set| &set.replicates);
        let pairs: BTreeSet<(Option<u32>, u32)> = counted.map(|one| (one.machine, one.seed)).collect();
        for (machine, _) in pairs {
            if let Some(machine) = machine.and_then(|number| self.machines.get_mut(number as usize)) {
                machine.replicates += 1;
            }
        }
        let newly = benchmarks.values().map(|set| set.visits).sum();
        let inside: Duration = benchmarks.values().map(|set| set.inside).sum();
        let inside = inside / u32::max(newly, 1);
        Measured {
            newly,
            failures: self.failures,
            benchmarks,
            replicate_time: self.startup + inside,
            inside,
            project_modules: self.project_modules,
            stopped,
            last_words: String::new(),
            one_at_a_time: self.one_at_a_time,
            several_cores: BTreeSet::new(),
            machines: self.machines,
        }
    }
}

impl WorkerState {
    fn is_free(&self) -> bool {
        self.is_usable() && self.running < self.slots
    }

    fn is_usable(&self) -> bool {
        self.given_up.is_none() && !self.is_outlier && self.slots > 0
    }
}
