//! The timed pass over the benchmarks: which is visited when, and for how many rounds.

use crate::passes::measure::*;

pub(super) const MOST_ROUNDS: usize = 100;

pub(super) const ROUNDS_OF_CLEAR: usize = 40;

/// More rounds make a replicate more precise, while starting its processes again makes another replicate; the best
/// number of rounds grows with the square root of the cost of that start over the cost of a round (Kalibera and Jones
/// 2013). This is the factor: the variance of a round over that of process pairs, times the time of a round, which is
/// much the same for calls of 1 µs and of 3 ms.
pub(super) const ROUNDS_FACTOR_NS: f64 = 40e6;

/// The cost of a sample in addition to its calls: the request, and the blocks that vary the layout.
pub(super) const SAMPLE_COST_NS: f64 = 100_000.0;

/// The fewest rounds, because the first ones vary more than the others...
pub(super) const FEW_ROUNDS: usize = 12;

/// ...unless they take longer than this: then there are two at least, one in each order.
pub(super) const ROUNDS_NS: f64 = 300e6;

pub(super) const FEWEST_ROUNDS: usize = 2;

/// A round that takes longer than this is the only one of its replicate; the next replicate has the other order.
pub(super) const LONG_ROUND_NS: u64 = 900_000_000;

/// The time for a pre-screen's rounds, and the time of both sides' first calls together from which these are the only
/// ones.
pub(super) const BRIEF_ROUNDS_NS: f64 = 60e6;

pub(super) const BRIEF_FIRST_CALLS_NS: f64 = 250e6;

pub(super) struct Timing {
    pub(super) stopping: Stopping,
    /// The time for the rounds of this replicate.
    pub(super) rounds: RoundsTime,
    pub(super) benchmarks: BTreeMap<String, Rounds>,
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
        // Where they cannot all have their next replicate, the cheapest have theirs.
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

/// The least time that is assumed for starting processes, also before any has been started.
pub(super) const SHORTEST_STARTUP: Duration = Duration::from_millis(300);

/// The time for the rounds of one benchmark in one replicate.
#[derive(Clone, Copy, Debug)]
pub(super) struct RoundsTime {
    pub(super) aim: Aim,
    pub(super) ns: f64,
}

impl RoundsTime {
    /// Returns the time for the rounds. `startup` is the time to start the processes, which `benchmarks` share.
    pub(super) fn new(aim: Aim, startup: Duration, benchmarks: usize) -> Self {
        let share_ns = startup.as_nanos() as f64 / benchmarks.max(1) as f64;
        let ns = match aim {
            Aim::Verdict => (ROUNDS_FACTOR_NS * share_ns).sqrt(),
            Aim::Decision(_) => BRIEF_ROUNDS_NS,
        };
        RoundsTime { aim, ns }
    }

    /// Returns the number of rounds, for samples of both sides that take `samples_ns` together; it is even if above
    /// one, so that each order comes equally often.
    pub(super) fn count(self, samples_ns: f64) -> usize {
        if samples_ns > LONG_ROUND_NS as f64 {
            return 1;
        }
        let round_ns = samples_ns * (1.0 + 1.0 / WARMUP_SHARE as f64) + 2.0 * SAMPLE_COST_NS;
        let fewest = match self.aim {
            Aim::Verdict => ((ROUNDS_NS / round_ns) as usize).clamp(FEWEST_ROUNDS, FEW_ROUNDS),
            // The order alternates between the replicates.
            Aim::Decision(_) if samples_ns > self.ns => return 1,
            Aim::Decision(_) => FEW_ROUNDS / 2,
        };
        ((self.ns / round_ns) as usize).clamp(fewest, MOST_ROUNDS) / 2 * 2
    }

    /// Returns the time of one replicate of a benchmark whose calls take this long on each side: calibration, and the
    /// rounds.
    pub(super) fn cost_of_call(self, call: Duration) -> Duration {
        let samples_ns = 2.0 * (call.as_nanos() as f64).max(SAMPLE_NS as f64);
        Duration::from_nanos((samples_ns * (self.count(samples_ns) as f64 + 1.0)) as u64)
    }
}

/// The measurements of one process pair.
pub(super) struct Found {
    pub(super) clock: Clock,
    pub(super) pairs: Vec<Pair>,
    /// The time of the first call on each side; `None` where the suite counts the calls.
    pub(super) first_calls: Option<PerSide<f64>>,
}

impl Visit for Timing {
    type Finding = Found;
    type Half = Alone;

    fn choose<'a>(&mut self, mut benchmarks: Vec<&'a String>) -> Vec<&'a String> {
        if self.stopping.sampling == Sampling::UntilSettled {
            look_where_it_is_due(&mut self.benchmarks, self.stopping.sampling);
            let settled = settled(&self.benchmarks, &self.stopping);
            benchmarks.retain(|benchmark| !settled.contains(*benchmark));
            benchmarks = self.next_in_turn(benchmarks);
        }
        if !benchmarks.is_empty() {
            let startup = self.startup();
            self.rounds = RoundsTime::new(self.stopping.aim, startup.max(SHORTEST_STARTUP), benchmarks.len());
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
        both: &mut Both<'_>,
        benchmark: &str,
        entered: PerSide<Entered>,
    ) -> Result<Found, Trouble> {
        let started = Instant::now();
        let mut turns = Turns::new(both);
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
        alone: &mut Both<'_>,
        side: Side,
        benchmark: &str,
        entered: Entered,
        other: Option<&Alone>,
    ) -> Result<Alone, Trouble> {
        let started = Instant::now();
        let half = samples_alone(&mut Turns::new(alone), side, entered, other, self.rounds)?;
        let rounds = self.benchmarks.entry(benchmark.to_owned()).or_default();
        rounds.inside += started.elapsed();
        // Both halves are one visit.
        rounds.visits += u32::from(other.is_some());
        Ok(half)
    }

    fn join(&mut self, order: Order, halves: PerSide<Alone>) -> Found {
        let first_calls = halves.base.cost.zip(halves.head.cost);
        let samples = halves.base.samples.into_iter().zip(halves.head.samples);
        let pairs = samples.map(|(base, head)| Pair { order, base, head });
        Found {
            clock: Clock::Wall,
            pairs: pairs.collect(),
            first_calls: first_calls.map(|(base, head)| PerSide::new(base.first_ns, head.first_ns)),
        }
    }

    fn left(&mut self, benchmark: &str, mut left: Left, found: Found) -> SetUp {
        let rounds = self.benchmarks.entry(benchmark.to_owned()).or_default();
        rounds.set_up_each_call = left.set_up_each_call;
        let replicate = Replicate {
            seed: left.seed,
            clock: found.clock,
            pairs: found.pairs,
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
