//! Hands tasks out: which replicates of which benchmarks, and to whom.

use std::collections::BTreeSet;
use std::time::Duration;

use deadheat_core::judge::sequential::Sampling;
use deadheat_core::judge::stats::FEWEST_REPLICATES;

use super::{Again, Running, Scheduler};
use crate::distribute::task::Task;
use crate::passes::runner::OneAtATime;

/// A task is not longer than this many starts of its processes, so that starting takes a small part of it and its
/// results come in time for the next look.
const STARTS_OF_A_TASK: u32 = 20;
/// A task has this many times as long as it should take, and this long in addition.
const PATIENCE: (u32, Duration) = (10, Duration::from_secs(60));

impl Scheduler {
    /// Returns the next task and the worker that is to measure it. `None`: until another task ends, there is none.
    pub(crate) fn next(&mut self, now: Duration) -> Option<(String, Task)> {
        // The idlest first, so that the tasks spread over all machines.
        let idlest = self
            .workers
            .iter()
            .filter(|(_, state)| state.is_free())
            .min_by_key(|(_, state)| state.running);
        let idlest = idlest?.0.clone();
        let (worker, task, tries) = match self.take_again() {
            Some((worker, again)) => (worker, again.task, again.tries),
            None => (idlest, self.compose(now)?, 0),
        };
        self.workers.get_mut(&worker)?.running += 1;
        let running = Running {
            task: task.clone(),
            worker: worker.clone(),
            tries,
        };
        self.running.insert(task.id, running);
        Some((worker, task))
    }

    /// Returns a task that has to be measured again, and the free worker for it.
    pub(super) fn take_again(&mut self) -> Option<(String, Again)> {
        if self.again.is_empty() {
            return None;
        }
        let free = self.workers.iter().filter(|(_, state)| state.is_free());
        let free: Vec<String> = free.map(|(name, _)| name.clone()).collect();
        let is_alone = self.is_alone();
        loop {
            let suits = |again: &Again| free.iter().find(|worker| is_alone || again.not_by != **worker);
            let (position, worker) = self
                .again
                .iter()
                .enumerate()
                .find_map(|(position, again)| Some((position, suits(again)?.clone())))?;
            let mut again = self.again.remove(position)?;
            let benchmarks = &mut again.task.benchmarks;
            benchmarks.retain(|benchmark| self.rows[self.by_name[benchmark]].is_open());
            if !again.task.benchmarks.is_empty() {
                again.task.id = self.take_id();
                self.brief(&mut again.task);
                return Some((worker, again));
            }
        }
    }

    /// Whether nobody else could measure what the only worker could not.
    pub(super) fn is_alone(&self) -> bool {
        self.workers.values().filter(|state| state.is_usable()).count() < 2
    }

    pub(super) fn take_id(&mut self) -> u64 {
        self.next_id += 1;
        self.next_id - 1
    }

    /// Tells a task everything that is known about its benchmarks by now.
    pub(super) fn brief(&self, task: &mut Task) {
        let rows = task
            .benchmarks
            .iter()
            .map(|benchmark| &self.rows[self.by_name[benchmark]]);
        let each_call = rows.filter(|row| row.set.set_up_each_call);
        task.set_up_each_call = each_call.map(|row| row.benchmark.clone()).collect();
        let one_at_a_time = task.benchmarks.iter();
        let one_at_a_time = one_at_a_time.filter_map(|benchmark| {
            let words = self.one_at_a_time.get(benchmark)?;
            Some((benchmark.clone(), words.clone()))
        });
        task.one_at_a_time = one_at_a_time.collect();
    }

    /// Makes a task of the benchmarks that have had the least time.
    pub(super) fn compose(&mut self, now: Duration) -> Option<Task> {
        let slots = u32::try_from(self.slots()).unwrap_or(u32::MAX);
        let longest = self.startup * STARTS_OF_A_TASK;
        // Towards the end, short tasks keep all workers busy.
        let longest = longest.min(self.open_time / slots).max(2 * self.startup);
        let (number, chosen) = self.choose(now, longest)?;
        let rows = || chosen.iter().map(|index| &self.rows[*index]);
        let is_pilot = rows().all(|row| row.is_pilot_open());
        let once: Duration = self.startup + rows().map(|row| row.cost).sum::<Duration>();
        let room = rows().map(|row| row.room(&self.stopping)).min().unwrap_or(1);
        let replicates = match is_pilot {
            true => 1,
            false => {
                let fitting = (longest.as_secs_f64() / once.as_secs_f64()) as usize;
                let shared = room.div_ceil(slots as usize);
                fitting.clamp(1, shared.max(1)).min(room)
            }
        };
        let length = once * u32::try_from(replicates).unwrap_or(u32::MAX);
        let benchmarks: Vec<String> = rows().map(|row| row.benchmark.clone()).collect();
        let mut task = Task {
            id: self.take_id(),
            seed: self.schedule.seed,
            first: number,
            replicates,
            benchmarks,
            is_pilot,
            set_up_each_call: BTreeSet::new(),
            one_at_a_time: OneAtATime::new(),
            seconds: (length * PATIENCE.0 + PATIENCE.1).as_secs_f64(),
        };
        self.brief(&mut task);
        for index in chosen {
            self.rows[index].hand_out(replicates, self.startup / task.benchmarks.len() as u32);
            self.put_back(index);
        }
        Some(task)
    }

    /// Takes rows that have the same next replicate out of the open ones, up to this length of a task.
    pub(super) fn choose(&mut self, now: Duration, longest: Duration) -> Option<(usize, Vec<usize>)> {
        let left = self.budget.saturating_sub(now + self.startup);
        let mut passed_over = BTreeSet::new();
        loop {
            let next = self.open.iter();
            let next = next.filter_map(|(number, rows)| {
                let first = rows.iter().find(|(_, index)| !passed_over.contains(index))?;
                Some((*first, *number))
            });
            let ((_, first), number) = next.min()?;
            if !self.fits(first, left) {
                passed_over.insert(first);
                continue;
            }
            let is_pilot = self.rows[first].is_pilot_open();
            let (mut chosen, mut length) = (Vec::new(), Duration::ZERO);
            for &(_, index) in &self.open[&number] {
                let row = &self.rows[index];
                if row.is_pilot_open() != is_pilot || !self.fits(index, left.saturating_sub(length)) {
                    continue;
                }
                if !chosen.is_empty() && length + row.cost > longest {
                    break;
                }
                length += row.cost;
                chosen.push(index);
            }
            for index in &chosen {
                self.take_out(*index);
            }
            return Some((number, chosen));
        }
    }

    /// Whether one more replicate of a row has room in the rest of the budget.
    pub(super) fn fits(&self, index: usize, left: Duration) -> bool {
        let row = &self.rows[index];
        // Two replicates give an interval: until then the budget does not count.
        let has_few = row.set.replicates.len() + row.ahead() < FEWEST_REPLICATES;
        has_few || self.stopping.sampling != Sampling::UntilSettled || row.cost <= left
    }

    pub(super) fn take_out(&mut self, index: usize) {
        let row = &mut self.rows[index];
        let Some((number, had, time)) = row.place.take() else {
            return;
        };
        self.open_time = self.open_time.saturating_sub(time);
        if let Some(rows) = self.open.get_mut(&number) {
            rows.remove(&(had, index));
            if rows.is_empty() {
                self.open.remove(&number);
            }
        }
    }

    /// Puts a row where the next task finds it, if it wants more replicates.
    pub(super) fn put_back(&mut self, index: usize) {
        self.take_out(index);
        let row = &mut self.rows[index];
        let room = row.room(&self.stopping);
        if room == 0 {
            return;
        }
        let time = row.cost * u32::try_from(room).unwrap_or(u32::MAX);
        let place = (row.handed_out, row.had + row.cost, time);
        row.place = Some(place);
        self.open_time += time;
        self.open.entry(place.0).or_default().insert((place.1, index));
    }
}
