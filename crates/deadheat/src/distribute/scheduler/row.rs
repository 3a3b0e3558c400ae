//! One benchmark of a distributed run: its replicates that are counted, that have come, and that are being measured.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::time::Duration;

use deadheat_core::judge::machines::{Estimates, estimates};
use deadheat_core::judge::sequential::Sampling;
use deadheat_core::judge::stats;
use deadheat_core::model::{Replicate, Side};

use crate::distribute::task::{Measurements, Task};
use crate::passes::measure::{ReplicateSet, RoundsTime, SHORTEST_STARTUP, Stopping};
use crate::passes::runner::Schedule;

/// The number of looks for which replicates are measured before it is known whether they are needed.
const LOOKS_AHEAD: u32 = 2;

/// The state of the replicate that decides how often fixtures are set up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Pilot {
    Open,
    Running,
    Done,
}

pub(super) struct Row {
    pub(super) benchmark: String,
    /// The replicates that count.
    pub(super) set: ReplicateSet,
    /// The machine of each, and the logarithm of its ratio.
    log_ratios: Vec<(Option<u32>, f64)>,
    /// Those that have come and do not count yet, by their numbers.
    arrived: BTreeMap<usize, Replicate>,
    /// The numbers of those that no worker could measure.
    given_up: BTreeSet<usize>,
    /// The number of the next replicate to count.
    next: usize,
    /// The number of the next replicate to hand out.
    pub(super) handed_out: usize,
    /// The number of the first replicate, after those of an earlier run.
    first: usize,
    /// The time that it has had, including its share of the processes.
    pub(super) had: Duration,
    /// The time of one more replicate, without its processes.
    pub(super) cost: Duration,
    pilot: Pilot,
    /// Whether a look was made whose verdict is not known yet.
    pub(super) awaits_verdict: bool,
    pub(super) is_settled: bool,
    /// Whether it has failed.
    pub(super) is_lost: bool,
    /// Where the scheduler finds it, and the time of the replicates that it has room for.
    pub(super) place: Option<(usize, Duration, Duration)>,
    /// The estimates of the last look.
    pub(super) estimates: Option<Estimates>,
}

impl Row {
    pub(super) fn new(benchmark: &str, set: ReplicateSet, schedule: &Schedule, stopping: &Stopping) -> Self {
        let call = stopping.call_times.get(benchmark).copied().unwrap_or_default();
        let rounds = RoundsTime::new(stopping.goal, SHORTEST_STARTUP, 1);
        Row {
            benchmark: benchmark.to_owned(),
            arrived: BTreeMap::new(),
            given_up: BTreeSet::new(),
            next: schedule.earlier,
            handed_out: schedule.earlier,
            first: schedule.earlier,
            had: Duration::ZERO,
            cost: rounds.cost_of_call(call),
            pilot: match set.replicates.is_empty() {
                true => Pilot::Open,
                false => Pilot::Done,
            },
            log_ratios: log_ratios(&set.replicates),
            set,
            awaits_verdict: false,
            is_settled: false,
            is_lost: false,
            place: None,
            estimates: None,
        }
    }

    /// Whether it wants more replicates, now or after its next look.
    pub(super) fn is_open(&self) -> bool {
        !self.is_settled && !self.is_lost
    }

    pub(super) fn is_pilot_open(&self) -> bool {
        self.pilot == Pilot::Open
    }

    /// Returns the number of replicates that are being measured, or have come and do not count yet.
    pub(super) fn ahead(&self) -> usize {
        self.handed_out - self.next
    }

    /// Returns the number of replicates that may be handed out now.
    pub(super) fn room(&self, stopping: &Stopping) -> usize {
        if !self.is_open() {
            return 0;
        }
        match (self.pilot, stopping.sampling) {
            (Pilot::Open, _) => 1,
            (Pilot::Running, _) => 0,
            (Pilot::Done, Sampling::Exactly(count)) => {
                let wanted = self.first + count + self.set.set_aside.len();
                wanted.saturating_sub(self.handed_out)
            }
            (Pilot::Done, Sampling::UntilSettled) => {
                let wanted = stopping.sampling.replicates_at(self.set.looks + LOOKS_AHEAD);
                wanted.saturating_sub(self.set.replicates.len() + self.ahead())
            }
        }
    }

    pub(super) fn hand_out(&mut self, replicates: usize, startup: Duration) {
        if self.pilot == Pilot::Open {
            self.pilot = Pilot::Running;
        }
        self.handed_out += replicates;
        self.had += (self.cost + startup) * replicates as u32;
    }

    /// Takes the measurements of a task, and returns the number of its replicates.
    pub(super) fn arrive(&mut self, mut measurements: Measurements, task: &Task, machine: u32) -> usize {
        let replicates = measurements.take_replicates(task, machine);
        let arrived = replicates.len();
        let count = arrived as u32;
        let inside = Duration::from_secs_f64(measurements.inside_seconds);
        self.set.inside += inside * count;
        self.set.visits += count;
        self.cost = self.set.inside / self.set.visits.max(1);
        if self.pilot != Pilot::Done {
            self.set.set_up_each_call = measurements.set_up_each_call;
            self.set.used_up = measurements.used_up;
            self.pilot = Pilot::Done;
        }
        self.set.is_prescribed = measurements.is_prescribed;
        self.set.first_calls.append(&mut measurements.first_calls);
        for side in Side::BOTH {
            let outputs = std::mem::take(measurements.outputs.get_mut(side));
            self.set.outputs.get_mut(side).extend(outputs);
            let changed = std::mem::take(measurements.changed.get_mut(side));
            self.set.changed.get_mut(side).extend(changed);
            self.set.idle.get_mut(side).add(*measurements.idle.get(side));
        }
        let is_new = |number: &usize| *number >= self.next && !self.given_up.contains(number);
        let new = replicates.into_iter().filter(|(number, _)| is_new(number));
        self.arrived.extend(new.collect::<Vec<_>>());
        arrived
    }

    pub(super) fn give_up(&mut self, numbers: Range<usize>) {
        let not_counted = numbers.filter(|number| *number >= self.next);
        let lacking = not_counted.filter(|number| !self.arrived.contains_key(number));
        self.given_up.extend(lacking);
        if self.pilot == Pilot::Running {
            self.pilot = Pilot::Open;
        }
    }

    /// Counts the replicates that have come, in the order of their numbers, up to the next look. Returns whether it
    /// looked.
    pub(super) fn count(&mut self, stopping: &Stopping, kinds: &[u32]) -> bool {
        while !self.awaits_verdict && !self.is_settled {
            match self.arrived.remove(&self.next) {
                Some(replicate) => {
                    self.log_ratios.extend(log_ratios([&replicate]));
                    self.set.replicates.push(replicate);
                }
                None if self.given_up.remove(&self.next) => {}
                None => return false,
            }
            self.next += 1;
            let is_due = self.set.replicates.len() >= stopping.sampling.replicates_at(self.set.looks + 1);
            if stopping.sampling == Sampling::UntilSettled && is_due {
                self.look(stopping.sampling, kinds);
                self.awaits_verdict = true;
                return true;
            }
        }
        false
    }

    pub(super) fn look(&mut self, sampling: Sampling, kinds: &[u32]) {
        self.set.looks += 1;
        self.estimate(sampling, kinds);
    }

    /// Estimates by the level of the last look.
    pub(super) fn estimate(&mut self, sampling: Sampling, kinds: &[u32]) {
        self.set.looked_at = self.set.replicates.len();
        self.estimates = match self.set.looks {
            0 => None,
            looks => {
                let kind = |machine: u32| kinds.get(machine as usize).copied();
                let values = self.log_ratios.iter();
                let values = values.map(|&(machine, value)| (machine.and_then(kind), value));
                estimates(&values.collect::<Vec<_>>(), sampling, looks)
            }
        };
    }

    /// Sets the replicates of a machine aside, so that they do not count.
    pub(super) fn set_aside(&mut self, machine: u32) {
        let is_its = |replicate: &Replicate| replicate.machine == Some(machine);
        let its = self.set.replicates.extract_if(.., |replicate| is_its(replicate));
        self.set.set_aside.extend(its);
        self.log_ratios = log_ratios(&self.set.replicates);
        let its = self.arrived.extract_if(.., |_, replicate| is_its(replicate));
        for (number, replicate) in its.collect::<Vec<_>>() {
            self.given_up.insert(number);
            self.set.set_aside.push(replicate);
        }
    }

    pub(super) fn finish(
        mut self,
        sampling: Sampling,
        startup: Duration,
        kinds: &[u32],
    ) -> (String, ReplicateSet) {
        // The end of a run is also a look.
        if self.set.replicates.len() > self.set.looked_at {
            self.look(sampling, kinds);
        }
        self.set.estimate = self.estimates.map(|estimates| estimates.together);
        if self.set.visits > 0 {
            self.set.replicate_seconds = (startup + self.set.inside / self.set.visits).as_secs_f64();
        }
        (self.benchmark, self.set)
    }
}

fn log_ratios<'a>(replicates: impl IntoIterator<Item = &'a Replicate>) -> Vec<(Option<u32>, f64)> {
    let ratios = replicates.into_iter();
    ratios
        .filter_map(|replicate| Some((replicate.machine, stats::log_ratio(replicate)?)))
        .collect()
}
