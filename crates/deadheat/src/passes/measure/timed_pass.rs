//! The timed pass over the benchmarks: which is visited when, and for how many rounds.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use deadheat_core::judge::sequential::Sampling;
use deadheat_core::judge::stats::FEWEST_REPLICATES;
use deadheat_core::model::{Clock, Order, PerSide, Replicate, Round, Side};

use crate::passes::measure::goal::Stopping;
use crate::passes::measure::looks::{look_where_it_is_due, settled};
use crate::passes::measure::replicate_set::{APART, ReplicateSet, USED_UP, UsedUp, is_apart, median_ns};
use crate::passes::measure::rounds::*;
use crate::passes::measure::samples::Found;
use crate::passes::measure::samples::{AlternatingSampler, OneSidedSamples, rounds, samples_alone};
use crate::passes::runner::{Entered, Left, PairFailure, Pass, ProcessPair, SetUp};

pub(super) struct Timing {
    pub(super) stopping: Stopping,
    /// The time for the rounds of this replicate.
    pub(super) rounds: RoundsTime,
    pub(super) benchmarks: BTreeMap<String, ReplicateSet>,
    pub(super) started: Instant,
    /// The number of replicates that were begun.
    pub(super) replicates: u32,
}

impl Timing {
    /// Returns the average time to start the processes of a replicate.
    pub(super) fn startup(&self) -> Duration {
        self.started.elapsed().saturating_sub(self.inside()) / self.replicates.max(1)
    }

    pub(super) fn inside(&self) -> Duration {
        self.benchmarks.values().map(|rounds| rounds.inside).sum()
    }

    /// Returns the time of one more replicate of a benchmark, without its processes.
    pub(super) fn cost(&self, benchmark: &str) -> Duration {
        match self.benchmarks.get(benchmark) {
            Some(rounds) if rounds.visits > 0 => rounds.inside / rounds.visits,
            _ => {
                let call = self.stopping.call_times.get(benchmark);
                call.map_or(Duration::ZERO, |call| self.rounds.cost_of_call(*call))
            }
        }
    }

    /// Returns the time that a benchmark has had so far, including its share of the processes.
    pub(super) fn had(&self, benchmark: &str) -> Duration {
        let rounds = self.benchmarks.get(benchmark);
        rounds.map_or(Duration::ZERO, |rounds| rounds.inside + rounds.startup)
    }

    /// Returns the benchmarks of the next replicate. Every open one gets the same time, so that cheap verdicts come
    /// first and a slow benchmark delays only itself; each has room for its next replicate in the rest of the budget.
    pub(super) fn next_in_turn<'a>(&self, mut open: Vec<&'a String>) -> Vec<&'a String> {
        let startup = self.startup().max(SHORTEST_STARTUP);
        let now = Instant::now();
        // Two replicates give an interval: until then the budget does not count.
        let has_few = |benchmark: &String| {
            let rounds = self.benchmarks.get(benchmark);
            rounds.is_none_or(|rounds| rounds.replicates.len() < FEWEST_REPLICATES)
        };
        open.retain(|benchmark| {
            has_few(benchmark) || now + startup + self.cost(benchmark) <= self.stopping.budget_ends
        });
        let after_next = |benchmark: &String| self.had(benchmark) + self.cost(benchmark);
        let Some(least) = open.iter().map(|benchmark| after_next(benchmark)).min() else {
            return open;
        };
        open.retain(|benchmark| after_next(benchmark) <= least + startup);
        // If they cannot all have their next replicate, the cheapest have theirs.
        let mut left = self.stopping.budget_ends.saturating_duration_since(now + startup);
        let mut by_cost = open.clone();
        by_cost.sort_by_key(|benchmark| self.cost(benchmark));
        let fitting: BTreeSet<&String> = by_cost
            .into_iter()
            .filter(|benchmark| {
                let cost = self.cost(benchmark);
                let fits = has_few(benchmark) || cost <= left;
                left = left.saturating_sub(cost);
                fits
            })
            .collect();
        open.retain(|benchmark| fitting.contains(benchmark));
        open
    }
}

/// The least time that is assumed for starting processes, even before any has been started.
pub(crate) const SHORTEST_STARTUP: Duration = Duration::from_millis(300);

impl Pass for Timing {
    type PairResult = Found;
    type SideResult = OneSidedSamples;

    fn choose<'a>(&mut self, mut benchmarks: Vec<&'a String>) -> Vec<&'a String> {
        let most = self.stopping.sampling.exact_count();
        if most.is_some_and(|most| self.replicates as usize >= most) {
            return Vec::new();
        }
        if self.stopping.sampling == Sampling::UntilSettled {
            look_where_it_is_due(&mut self.benchmarks, self.stopping.sampling);
            let settled = settled(&self.benchmarks, &self.stopping);
            benchmarks.retain(|benchmark| !settled.contains(*benchmark));
            benchmarks = self.next_in_turn(benchmarks);
        }
        if !benchmarks.is_empty() {
            let startup = self.startup();
            self.rounds = RoundsTime::new(
                self.stopping.goal,
                startup.max(SHORTEST_STARTUP),
                benchmarks.len(),
            );
            let startup = startup / benchmarks.len() as u32;
            for benchmark in &benchmarks {
                let rounds = self.benchmarks.entry((*benchmark).clone()).or_default();
                rounds.startup += startup;
            }
        }
        self.replicates += 1;
        benchmarks
    }

    fn inside(
        &mut self,
        both: &mut ProcessPair<'_>,
        benchmark: &str,
        entered: PerSide<Entered>,
    ) -> Result<Found, PairFailure> {
        let started = Instant::now();
        let mut turns = AlternatingSampler::new(both);
        let measured = rounds(&mut turns, entered, self.rounds)?;
        let idle = turns.idle;
        let rounds = self.benchmarks.entry(benchmark.to_owned()).or_default();
        rounds.is_prescribed = [entered.base, entered.head]
            .into_iter()
            .any(Entered::is_prescribed);
        rounds.inside += started.elapsed();
        rounds.visits += 1;
        for side in Side::BOTH {
            rounds.idle.get_mut(side).add(*idle.get(side));
        }
        Ok(measured)
    }

    fn inside_alone(
        &mut self,
        alone: &mut ProcessPair<'_>,
        side: Side,
        benchmark: &str,
        entered: Entered,
        other: Option<&OneSidedSamples>,
    ) -> Result<OneSidedSamples, PairFailure> {
        let started = Instant::now();
        let half = samples_alone(
            &mut AlternatingSampler::new(alone),
            side,
            entered,
            other,
            self.rounds,
        )?;
        let rounds = self.benchmarks.entry(benchmark.to_owned()).or_default();
        rounds.inside += started.elapsed();
        // Both halves are one visit.
        rounds.visits += u32::from(other.is_some());
        Ok(half)
    }

    fn join(&mut self, order: Order, halves: PerSide<OneSidedSamples>) -> Found {
        let first_calls = halves.base.cost.zip(halves.head.cost);
        let samples = halves.base.samples.into_iter().zip(halves.head.samples);
        let rounds = samples.map(|(base, head)| Round { order, base, head });
        Found {
            clock: Clock::Wall,
            rounds: rounds.collect(),
            first_calls: first_calls.map(|(base, head)| PerSide::new(base.first_ns, head.first_ns)),
        }
    }

    fn left(&mut self, benchmark: &str, mut left: Left, found: Found) -> SetUp {
        let rounds = self.benchmarks.entry(benchmark.to_owned()).or_default();
        rounds.set_up_each_call = left.set_up_each_call;
        let replicate = Replicate {
            seed: left.seed,
            clock: found.clock,
            machine: None,
            rounds: found.rounds,
        };
        for side in Side::BOTH {
            if let Some(output) = left.outputs.get_mut(side).take() {
                rounds.outputs.get_mut(side).add(output);
            }
            let changed = std::mem::take(left.changed.get_mut(side));
            rounds.changed.get_mut(side).extend(changed);
        }
        if let Some((put_aside, used_up)) = rounds.put_aside.take() {
            if Side::BOTH
                .into_iter()
                .any(|side| is_apart(USED_UP, median_ns([&replicate], side), used_up.get(side).later_ns))
            {
                rounds.used_up = Some(used_up);
                rounds.add(replicate, None);
                return SetUp::AsItIs;
            }
            // The first call was slow for another reason: a cache, an import.
            rounds.set_up_each_call = false;
            rounds.add(put_aside, Some(used_up.map(|calls| calls.first_ns)));
            return SetUp::OnceAfterAll;
        }
        if left.can_set_up_each_call
            && rounds.replicates.is_empty()
            && !rounds.knows_set_up
            && let Some(first) = found.first_calls
        {
            let used_up = PerSide::new(Side::Base, Side::Head).map(|side| UsedUp {
                first_ns: *first.get(side),
                later_ns: median_ns([&replicate], side),
            });
            if Side::BOTH
                .into_iter()
                .map(|side| used_up.get(side))
                .any(|calls| is_apart(APART, calls.first_ns, calls.later_ns))
            {
                rounds.put_aside = Some((replicate, used_up));
                return SetUp::TryEachCall;
            }
        }
        rounds.add(replicate, found.first_calls);
        SetUp::AsItIs
    }

    fn cannot_set_up_each_call(&mut self, benchmark: &str) -> bool {
        let Some(rounds) = self.benchmarks.get_mut(benchmark) else {
            return false;
        };
        let Some((replicate, used_up)) = rounds.put_aside.take() else {
            return false;
        };
        rounds.add(replicate, Some(used_up.map(|calls| calls.first_ns)));
        true
    }
}
