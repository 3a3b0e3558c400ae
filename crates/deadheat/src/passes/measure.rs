//! The rounds: while both sides are inside a benchmark, they are asked in turn for samples of a fraction of a
//! millisecond. Nothing is traced here; these times decide.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use deadheat_core::micro::Worth;
use deadheat_core::model::{Clock, Comparison, Order, Pair, PerSide, Replicate, Sample, Side};
use deadheat_core::output::Outputs;
use deadheat_core::protocol::{ChangedValue, Reply, Request};
use deadheat_core::sequential::{Sampling, is_settled, may_settle};
use deadheat_core::stats::{self, FEWEST_REPLICATES, LogEstimate};
use deadheat_core::thresholds::Thresholds;

use crate::passes::walk::{
    Both, Entered, Event, Left, OneAtATime, Schedule, SetUp, Setback, StoppedBy, Trouble, Visit,
    out_of_order, walk,
};
use crate::worker::session::{Briefing, Launch, Waited};

/// The length of a sample, or one iteration where that takes longer. A machine's slow moments last milliseconds: the
/// shorter the two samples of a round, the more often both fall into the same one.
const SAMPLE_NS: u64 = 300_000;
/// Before each sample, one untimed call is made for this many timed ones, because the other side had the core's caches.
const WARMUP_SHARE: u64 = 4;
const MOST_ROUNDS: usize = 100;
/// Where the sides' calibrated times differ by more than this factor, fewer rounds are enough.
const CLEAR_RATIO: f64 = 1.5;
const ROUNDS_OF_CLEAR: usize = 40;
/// More rounds make a replicate more precise, while starting its processes again makes another replicate; the best
/// number of rounds grows with the square root of the cost of that start over the cost of a round (Kalibera and Jones
/// 2013). This is the factor: the variance of a round over that of process pairs, times the time of a round, which is
/// much the same for calls of 1 µs and of 3 ms.
const ROUNDS_FACTOR_NS: f64 = 40e6;
/// The cost of a sample in addition to its calls: the request, and the blocks that vary the layout.
const SAMPLE_COST_NS: f64 = 100_000.0;
/// The fewest rounds, because the first ones vary more than the others...
const FEW_ROUNDS: usize = 12;
/// ...unless they take longer than this: then there are two at least, one in each order.
const ROUNDS_NS: f64 = 300e6;
const FEWEST_ROUNDS: usize = 2;
/// A round that takes longer than this is the only one of its replicate; the next replicate has the other order.
const LONG_ROUND_NS: u64 = 900_000_000;
/// A sample whose calls have to be set up one by one (`benchmark.pedantic` with a `setup`) takes no longer than this in
/// total, unless a single call does.
const MOST_WALL_NS: u64 = 5_000_000;
/// Calls that take at least this long, on both sides, are made at once.
const AT_ONCE_NS: f64 = 20e6;
/// The number of times that a sample that seems long enough is taken, to be sure that it is, unless it is too long for
/// that.
const TRIES: u32 = 4;
const AFFORDABLE_AGAIN_NS: u64 = 20_000_000;
/// The very first call is made once more if it is shorter than this: an import or a disturbance must not pass for its
/// time.
const AFFORDABLE_ONCE_MORE_NS: u64 = 300_000_000;
/// First calls are apart where their change differs from that of the later ones by at least this factor...
const APART: f64 = 1.5;
/// ...and one of them takes this much more or less than a later one, which is more than cold caches explain.
const COLD_NS: f64 = 50_000.0;
/// Set-ups for each call are kept where they change the time by this factor: pytest, which makes them, uses the caches,
/// too.
const USED_UP: f64 = 2.0;
/// A call that is this many times longer, and by this much, did other work: a reader that had something left to read.
/// Cold caches do not explain it.
const FAR_APART: f64 = 20.0;
const FAR_APART_NS: f64 = 5_000.0;
/// More calls than fit into a sample: a clock that does not move must not make a sample grow for ever.
const MOST_ITERATIONS: u64 = 10_000_000;

/// The time for a pre-screen's rounds, and the time of both sides' first calls together from which these are the only
/// ones.
const BRIEF_ROUNDS_NS: f64 = 60e6;
const BRIEF_FIRST_CALLS_NS: f64 = 250e6;

/// The aim of measuring a benchmark.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Aim {
    /// Its verdict, and the size of the change.
    Verdict,
    /// A quick decision: whether the change is worth this much.
    Decision(Worth),
}

/// The conditions under which enough is measured.
#[derive(Clone, Debug)]
pub(crate) struct Stopping {
    pub(crate) sampling: Sampling,
    /// The time of one call of a benchmark, where an earlier pass has found it.
    pub(crate) call_times: BTreeMap<String, Duration>,
    pub(crate) aim: Aim,
    /// The smallest changes that matter.
    pub(crate) thresholds: Thresholds,
    /// The time when the measuring should be over, with or without verdicts.
    pub(crate) budget_ends: Instant,
}

/// The result of a measurement.
#[derive(Debug, Default)]
pub(crate) struct Measured {
    pub(crate) benchmarks: BTreeMap<String, Rounds>,
    pub(crate) setbacks: Vec<Setback>,
    /// The number of replicates, of any benchmark, that this run added.
    pub(crate) newly: u32,
    /// The average time of a replicate.
    pub(crate) replicate_time: Duration,
    /// The part of it in which benchmarks were measured.
    pub(crate) inside: Duration,
    /// Whether any benchmark imported code of the project, per side.
    pub(crate) project_modules: PerSide<u64>,
    pub(crate) stopped: Option<StoppedBy>,
    /// The last output of a worker that ended the run.
    pub(crate) last_words: String,
    /// Benchmarks whose sides were measured one after the other.
    pub(crate) one_at_a_time: OneAtATime,
    /// Benchmarks that had all cores.
    pub(crate) several_cores: BTreeSet<String>,
}

/// The measurements of one benchmark.
#[derive(Clone, Debug, Default)]
pub(crate) struct Rounds {
    pub(crate) replicates: Vec<Replicate>,
    /// The number of looks at them, including the last one.
    pub(crate) looks: u32,
    /// The time of one more replicate of this benchmark alone, including its processes.
    pub(crate) replicate_seconds: f64,
    /// The output of its first sample, in each process of this run.
    pub(crate) outputs: PerSide<Outputs>,
    /// The values that its set-up made and its calls changed, in any process of this run.
    pub(crate) changed: PerSide<BTreeSet<ChangedValue>>,
    /// The processor use of each side while the other one ran.
    pub(crate) idle: PerSide<IdleUse>,
    /// For each process pair of this run, the time of the first call on each side, in nanoseconds, and the log ratio of
    /// the later calls.
    first_calls: Vec<(PerSide<f64>, f64)>,
    /// The median times of the first calls in an earlier run, if they changed in another way than later ones.
    first_calls_of_earlier_run: Option<PerSide<f64>>,
    /// Whether the suite prescribes how many calls a sample has, or how many samples there are.
    pub(crate) is_prescribed: bool,
    /// Whether its fixtures are set up for each call.
    pub(crate) set_up_each_call: bool,
    /// The reason why they are, where this run has found it out.
    pub(crate) used_up: Option<PerSide<UsedUp>>,
    /// A replicate with fixtures that were set up once, kept until it is known whether that makes a difference.
    put_aside: Option<(Replicate, PerSide<UsedUp>)>,
    /// The estimate of the last look.
    estimate: Option<LogEstimate>,
    /// The number of replicates at that look.
    looked_at: usize,
    of_earlier_run: bool,
    /// The time spent inside the benchmark in this run.
    inside: Duration,
    visits: u32,
    /// Its share of the time to start the processes.
    startup: Duration,
}

impl Rounds {
    /// Returns an earlier run's measurements, as they were at its last look.
    pub(crate) fn earlier(comparison: &Comparison, sampling: Sampling) -> Self {
        let mut rounds = Rounds {
            replicates: comparison.replicates.clone(),
            looks: comparison.looks.saturating_sub(1),
            of_earlier_run: true,
            set_up_each_call: comparison.set_up_each_call,
            first_calls_of_earlier_run: comparison.first_call_ns,
            // Until a better value is known.
            replicate_seconds: comparison
                .to_settle
                .map_or(0.0, |needed| needed.seconds / needed.replicates.max(1) as f64),
            ..Rounds::default()
        };
        rounds.look(sampling);
        rounds
    }

    /// Returns the median time of one iteration, over all samples.
    pub(crate) fn median_ns(&self, side: Side) -> f64 {
        median_ns(&self.replicates, side)
    }

    /// Returns the median time of a first call on each side, if first calls changed in another way than later ones.
    pub(crate) fn first_calls_apart(&self) -> Option<PerSide<f64>> {
        self.first_calls_apart_now().or(self.first_calls_of_earlier_run)
    }

    fn first_calls_apart_now(&self) -> Option<PerSide<f64>> {
        let apart = self
            .first_calls
            .iter()
            .map(|(first, later)| (first.head / first.base).ln() - later);
        let apart: Vec<f64> = apart.collect();
        let estimate = stats::estimate(&apart)?;
        let nearest = estimate.center.abs() - estimate.half_width;
        let of_side = |side: Side| stats::median(self.first_calls.iter().map(|(first, _)| *first.get(side)));
        let first = PerSide::new(of_side(Side::Base)?, of_side(Side::Head)?);
        let [base, head] = Side::BOTH.map(|side| FirstCall::of(*first.get(side), self.median_ns(side)));
        let is_more_than_cold = match (base, head) {
            (FirstCall::Apart, _) | (_, FirstCall::Apart) => true,
            // Cold caches make the first calls of both sides longer.
            (FirstCall::FarApart, other) | (other, FirstCall::FarApart) => other == FirstCall::Alike,
            _ => false,
        };
        let is_clear = nearest > APART.ln() && is_more_than_cold;
        is_clear.then_some(first)
    }

    fn add(&mut self, replicate: Replicate, first_calls: Option<PerSide<f64>>) {
        self.first_calls
            .extend(first_calls.zip(stats::log_ratio(&replicate)));
        self.replicates.push(replicate);
    }

    fn look(&mut self, sampling: Sampling) {
        self.looks += 1;
        self.looked_at = self.replicates.len();
        let log_ratios = stats::log_ratios(&self.replicates);
        self.estimate = sampling.estimate(&log_ratios, self.looks);
    }
}

/// The times of calls that shared their fixtures, in nanoseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct UsedUp {
    pub(crate) first_ns: f64,
    pub(crate) later_ns: f64,
}

/// The relation of the first call of a process to the later ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum FirstCall {
    Alike,
    /// No more than cold caches explain.
    Cold,
    /// Many times as long, or as short, but by little time.
    FarApart,
    Apart,
}

impl FirstCall {
    /// Compares two times in nanoseconds.
    fn of(first: f64, later: f64) -> Self {
        if (first - later).abs() > COLD_NS {
            FirstCall::Apart
        } else if is_far_apart(first, later) {
            FirstCall::FarApart
        } else if ratio_of(first, later) > APART {
            FirstCall::Cold
        } else {
            FirstCall::Alike
        }
    }
}

/// Whether two times, in nanoseconds, differ by more than this factor, and by more than cold caches explain.
fn is_apart(factor: f64, one: f64, other: f64) -> bool {
    (ratio_of(one, other) > factor && (one - other).abs() > COLD_NS) || is_far_apart(one, other)
}

fn is_far_apart(one: f64, other: f64) -> bool {
    ratio_of(one, other) > FAR_APART && (one - other).abs() > FAR_APART_NS
}

/// Returns the ratio of the longer of two times to the shorter one.
fn ratio_of(one: f64, other: f64) -> f64 {
    one.max(other) / one.min(other)
}

/// Returns the median time of one iteration, in nanoseconds.
fn median_ns<'a>(replicates: impl IntoIterator<Item = &'a Replicate>, side: Side) -> f64 {
    let pairs = replicates.into_iter().flat_map(|replicate| &replicate.pairs);
    let samples = pairs.map(|pair| match side {
        Side::Base => pair.base.per_iteration_ns(),
        Side::Head => pair.head.per_iteration_ns(),
    });
    stats::median(samples).unwrap_or(f64::INFINITY)
}

/// Processor time that a waiting side and its children used, and the time for which it waited.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct IdleUse {
    pub(crate) waits: u64,
    pub(crate) cpu_ns: u64,
    pub(crate) waited_ns: u64,
}

/// The processor time of a wait itself: a reply is written and a request is read.
const WAIT_COST_NS: u64 = 200_000;

impl IdleUse {
    /// Returns the share of the other side's time in which this side ran too, beyond the cost of waiting itself.
    pub(crate) fn share(self) -> f64 {
        let used = self.cpu_ns.saturating_sub(self.waits * WAIT_COST_NS) as f64;
        // A thread that holds the interpreter's lock makes the process late to see that its turn has come.
        (used / self.waited_ns.max(1) as f64).min(1.0)
    }

    fn add(&mut self, other: IdleUse) {
        self.waits += other.waits;
        self.cpu_ns += other.cpu_ns;
        self.waited_ns += other.waited_ns;
    }
}

/// Measures benchmarks. `earlier` holds an earlier run's measurements of the same revisions, to which this one adds.
pub(crate) fn measure(
    schedule: &Schedule,
    stopping: Stopping,
    earlier: BTreeMap<String, Rounds>,
    briefing: &Briefing,
    benchmarks: &[String],
    launch: &mut dyn Launch,
    listen: &mut dyn FnMut(Event<'_>),
) -> anyhow::Result<Measured> {
    let sampling = stopping.sampling;
    let mut timing = Timing {
        rounds: RoundsTime::new(stopping.aim, SHORTEST_STARTUP, benchmarks.len()),
        stopping,
        benchmarks: earlier,
        started: Instant::now(),
        replicates: 0,
    };
    let walked = walk(
        schedule,
        briefing,
        PerSide::default(),
        benchmarks,
        launch,
        &mut timing,
        listen,
    )?;
    let startup = timing.startup();
    let replicate_time = timing.started.elapsed() / timing.replicates.max(1);
    let inside = timing.inside() / timing.replicates.max(1);
    let mut benchmarks = timing.benchmarks;
    // An earlier run's measurements are not lost with this run's.
    benchmarks.retain(|benchmark, rounds| rounds.of_earlier_run || !walked.lost.contains(benchmark));
    look_at_the_rest(&mut benchmarks, sampling);
    for rounds in benchmarks.values_mut() {
        if rounds.visits > 0 {
            rounds.replicate_seconds = (startup + rounds.inside / rounds.visits).as_secs_f64();
        }
    }
    Ok(Measured {
        setbacks: walked.setbacks,
        newly: benchmarks.values().map(|rounds| rounds.visits).sum(),
        benchmarks,
        replicate_time,
        inside,
        project_modules: walked.project_modules,
        stopped: walked.stopped,
        last_words: walked.last_words,
        one_at_a_time: walked.one_at_a_time,
        several_cores: schedule.several_cores.clone(),
    })
}

/// Returns the benchmarks whose calls use up their fixtures.
pub(crate) fn set_up_each_call(benchmarks: &BTreeMap<String, Rounds>) -> BTreeSet<String> {
    let chosen = benchmarks.iter().filter(|(_, rounds)| rounds.set_up_each_call);
    chosen.map(|(benchmark, _)| benchmark.clone()).collect()
}

/// Looks at the benchmarks that have enough replicates for their next look.
pub(crate) fn look_where_it_is_due(benchmarks: &mut BTreeMap<String, Rounds>, sampling: Sampling) {
    for rounds in benchmarks.values_mut() {
        if rounds.replicates.len() >= sampling.replicates_at(rounds.looks + 1) {
            rounds.look(sampling);
        }
    }
}

/// Looks at the benchmarks that have more replicates since their last look: the end of a run is a look, too.
pub(crate) fn look_at_the_rest(benchmarks: &mut BTreeMap<String, Rounds>, sampling: Sampling) {
    for rounds in benchmarks.values_mut() {
        if rounds.replicates.len() > rounds.looked_at {
            rounds.look(sampling);
        }
    }
}

/// Returns the benchmarks that have their verdicts, with a correction over all benchmarks.
pub(crate) fn settled(benchmarks: &BTreeMap<String, Rounds>, stopping: &Stopping) -> BTreeSet<String> {
    let estimates: Vec<(&String, &Rounds, LogEstimate)> = benchmarks
        .iter()
        .filter_map(|(benchmark, rounds)| Some((benchmark, rounds, rounds.estimate?)))
        .collect();
    let mut p_values: Vec<f64> = estimates
        .iter()
        .map(|(_, _, estimate)| estimate.p_value)
        .collect();
    // Benchmarks without a look count, too.
    p_values.resize(benchmarks.len(), 1.0);
    let survives = stats::survives_correction(&p_values);
    let decided = estimates
        .iter()
        .zip(survives)
        .filter(|((_, rounds, estimate), _)| may_settle(estimate, rounds.looked_at))
        .filter(|((benchmark, _, estimate), survives)| match stopping.aim {
            Aim::Verdict => is_settled(estimate, stopping.thresholds.of(benchmark), *survives),
            Aim::Decision(worth) => worth.decide(estimate).is_some(),
        });
    decided
        .map(|((benchmark, _, _), _)| (*benchmark).clone())
        .collect()
}

struct Timing {
    stopping: Stopping,
    /// The time for the rounds of this replicate.
    rounds: RoundsTime,
    benchmarks: BTreeMap<String, Rounds>,
    started: Instant,
    /// The number of replicates that were begun.
    replicates: u32,
}

impl Timing {
    /// Returns the average time to start the processes of a replicate.
    fn startup(&self) -> Duration {
        self.started.elapsed().saturating_sub(self.inside()) / self.replicates.max(1)
    }

    fn inside(&self) -> Duration {
        self.benchmarks.values().map(|rounds| rounds.inside).sum()
    }

    /// Returns the time of one more replicate of a benchmark, without its processes.
    fn cost(&self, benchmark: &str) -> Duration {
        match self.benchmarks.get(benchmark) {
            Some(rounds) if rounds.visits > 0 => rounds.inside / rounds.visits,
            _ => {
                let call = self.stopping.call_times.get(benchmark);
                call.map_or(Duration::ZERO, |call| self.rounds.cost_of_call(*call))
            }
        }
    }

    /// Returns the time that a benchmark has had so far, including its share of the processes.
    fn had(&self, benchmark: &str) -> Duration {
        let rounds = self.benchmarks.get(benchmark);
        rounds.map_or(Duration::ZERO, |rounds| rounds.inside + rounds.startup)
    }

    /// Returns the benchmarks of the next replicate. Every open one gets the same time, so that cheap verdicts come
    /// first and a slow benchmark delays only itself; each has room for its next replicate in the rest of the budget.
    fn next_in_turn<'a>(&self, mut open: Vec<&'a String>) -> Vec<&'a String> {
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
const SHORTEST_STARTUP: Duration = Duration::from_millis(300);

/// The time for the rounds of one benchmark in one replicate.
#[derive(Clone, Copy, Debug)]
struct RoundsTime {
    aim: Aim,
    ns: f64,
}

impl RoundsTime {
    /// Returns the time for the rounds. `startup` is the time to start the processes, which `benchmarks` share.
    fn new(aim: Aim, startup: Duration, benchmarks: usize) -> Self {
        let share_ns = startup.as_nanos() as f64 / benchmarks.max(1) as f64;
        let ns = match aim {
            Aim::Verdict => (ROUNDS_FACTOR_NS * share_ns).sqrt(),
            Aim::Decision(_) => BRIEF_ROUNDS_NS,
        };
        RoundsTime { aim, ns }
    }

    /// Returns the number of rounds, for samples of both sides that take `samples_ns` together; it is even if above
    /// one, so that each order comes equally often.
    fn count(self, samples_ns: f64) -> usize {
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
    fn cost_of_call(self, call: Duration) -> Duration {
        let samples_ns = 2.0 * (call.as_nanos() as f64).max(SAMPLE_NS as f64);
        Duration::from_nanos((samples_ns * (self.count(samples_ns) as f64 + 1.0)) as u64)
    }
}

/// The measurements of one process pair.
struct Found {
    clock: Clock,
    pairs: Vec<Pair>,
    /// The time of the first call on each side; `None` where the suite counts the calls.
    first_calls: Option<PerSide<f64>>,
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

/// The measurements of one side alone in one replicate.
struct Alone {
    /// `None` where the suite counts the calls.
    cost: Option<Cost>,
    iterations: u64,
    samples: Vec<Sample>,
}

/// Takes as many samples as of both sides in turn, but no more than there already are of the other side.
fn samples_alone(
    alone: &mut Turns<'_, '_>,
    side: Side,
    entered: Entered,
    other: Option<&Alone>,
    time: RoundsTime,
) -> Result<Alone, Trouble> {
    let mut rounds = other.map_or(MOST_ROUNDS, |other| other.samples.len());
    let mut cost = None;
    let mut iterations = entered.iterations_per_sample.unwrap_or(1);
    let most = Entered::most_rounds(PerSide::new(entered, entered));
    if let Some(most) = most {
        rounds = rounds.min(most);
    } else {
        let cost = *cost.insert(calibrate(alone, side)?);
        let other = other.and_then(|other| Some((other.cost?, other.iterations)));
        iterations = match other {
            Some((its_cost, its_iterations)) if is_alike(cost.ns / its_cost.ns) => its_iterations,
            _ => cost.iterations(),
        };
        rounds = rounds.min(time.count(2.0 * cost.of_sample_ns(iterations)));
    }
    let mut samples = Vec::with_capacity(rounds);
    while samples.len() < rounds {
        let taken = alone.sample(side, iterations)?;
        samples.push(taken.sample);
        if most.is_some() && samples.len() == 1 {
            rounds = rounds.min(time.count(2.0 * taken.wall_ns as f64));
        }
    }
    Ok(Alone {
        cost,
        iterations,
        samples,
    })
}

/// The sampling of one benchmark in one process pair, and the processor use of each side during the other's turns.
struct Turns<'a, 'b> {
    both: &'a mut Both<'b>,
    idle: PerSide<IdleUse>,
    /// The side that had the last turn.
    last: Option<Side>,
}

impl<'a, 'b> Turns<'a, 'b> {
    fn new(both: &'a mut Both<'b>) -> Self {
        for side in Side::BOTH {
            both.look_for_children(side);
        }
        Turns {
            both,
            idle: PerSide::default(),
            last: None,
        }
    }

    fn sample(&mut self, side: Side, iterations: u64) -> Result<Taken, Trouble> {
        let waited = self.waited(side);
        let asked = Instant::now();
        let request = Request::Run {
            warmup: iterations / WARMUP_SHARE,
            iterations,
            clock: Clock::Wall,
        };
        let reply = self.both.ask(side, &request)?;
        let taken = taken(side, reply, asked)?;
        self.note_idle(side, waited, &taken);
        self.last = Some(side);
        Ok(taken)
    }

    /// Makes a single call on each side, both at once: the kernel gives them the core in turn, every few milliseconds,
    /// so that the machine's slow moments fall on both. Each is timed by the processor time that it used.
    fn sample_at_once(&mut self, order: Order) -> Result<Pair, Trouble> {
        let waited = PerSide::new(self.waited(Side::Base), self.waited(Side::Head));
        let asked = Instant::now();
        let request = Request::Run {
            warmup: 0,
            iterations: 1,
            clock: Clock::Processor,
        };
        let replies = self.both.ask_at_once(order, &request)?;
        let samples = PerSide::new(
            taken(Side::Base, replies.base, asked)?,
            taken(Side::Head, replies.head, asked)?,
        );
        for side in Side::BOTH {
            self.note_idle(side, *waited.get(side), samples.get(side));
        }
        // From now on neither waits while the other one runs.
        self.last = None;
        Ok(Pair {
            order,
            base: samples.base.sample,
            head: samples.head.sample,
        })
    }

    /// Returns the time and processor use of a side's wait, if the other side had the last turn.
    fn waited(&mut self, side: Side) -> Option<Waited> {
        (self.last == Some(side.other())).then(|| self.both.waited(side))
    }

    fn note_idle(&mut self, side: Side, waited: Option<Waited>, taken: &Taken) {
        if let Some(waited) = waited {
            self.idle.get_mut(side).add(IdleUse {
                waits: 1,
                cpu_ns: taken.idle_cpu_ns + waited.children_cpu_ns,
                waited_ns: waited.time.as_nanos() as u64,
            });
        }
    }
}

fn taken(side: Side, reply: Reply, asked: Instant) -> Result<Taken, Trouble> {
    match reply {
        Reply::Sample {
            elapsed_ns,
            iterations,
            idle_cpu_ns,
            waits,
        } => Ok(Taken {
            sample: Sample {
                elapsed_ns,
                iterations,
            },
            idle_cpu_ns,
            waits,
            wall_ns: (asked.elapsed().as_nanos() as u64).max(elapsed_ns),
        }),
        Reply::Failed { message, .. } => Err(Trouble::failed(side, message)),
        other => Err(out_of_order(side, &other)),
    }
}

fn rounds(turns: &mut Turns<'_, '_>, entered: PerSide<Entered>, time: RoundsTime) -> Result<Found, Trouble> {
    let most = Entered::most_rounds(entered);
    let mut iterations = Entered::iterations(entered);
    let mut rounds = MOST_ROUNDS;
    let mut first_calls = None;
    if let Some(most) = most {
        // The suite counts the calls: none of them can be spent on warming up or on calibration.
        rounds = rounds.min(most);
    } else {
        let mut costs = PerSide::<Cost>::default();
        // Which process makes its first call first affects all of its times, so that this alternates, too.
        let order = turns.both.order_of_round(0);
        for side in order.sides() {
            *costs.get_mut(side) = calibrate(turns, side)?;
        }
        first_calls = Some(costs.map(|cost| cost.first_ns));
        if time.aim != Aim::Verdict && costs.base.ns + costs.head.ns >= BRIEF_FIRST_CALLS_NS {
            let [base, head] = [costs.base, costs.head].map(Cost::as_sample);
            return Ok(Found {
                clock: Clock::Wall,
                pairs: vec![Pair { order, base, head }],
                first_calls,
            });
        }
        iterations = iterations_for(costs);
        for side in Side::BOTH {
            // The first calls may have started children.
            turns.both.look_for_children(side);
            if *iterations.get(side) > 1 {
                // Warm again after the other side's calibration; this sample does not count.
                turns.sample(side, *iterations.get(side))?;
            }
        }
        let round_ns = |side: Side| costs.get(side).of_sample_ns(*iterations.get(side));
        rounds = time.count(round_ns(Side::Base) + round_ns(Side::Head));
        let ratio = costs.base.ns / costs.head.ns;
        if ratio.max(1.0 / ratio) > CLEAR_RATIO {
            rounds = rounds.min(ROUNDS_OF_CLEAR);
        }
        if turns.both.share_a_core()
            && !(entered.base.own_clock || entered.head.own_clock)
            && Side::BOTH.iter().all(|side| costs.get(*side).suits_at_once())
        {
            let pairs = (0..rounds).map(|round| turns.sample_at_once(turns.both.order_of_round(round)));
            return Ok(Found {
                clock: Clock::Processor,
                pairs: pairs.collect::<Result<_, _>>()?,
                first_calls,
            });
        }
    }
    let mut pairs: Vec<Pair> = Vec::with_capacity(rounds);
    while pairs.len() < rounds {
        let order = turns.both.order_of_round(pairs.len());
        let mut round_wall_ns = 0;
        let mut turn = |side: Side| -> Result<Sample, Trouble> {
            let taken = turns.sample(side, *iterations.get(side))?;
            round_wall_ns += taken.wall_ns;
            Ok(taken.sample)
        };
        let [first, second] = order.sides();
        let (first_sample, second_sample) = (turn(first)?, turn(second)?);
        let (base, head) = match first {
            Side::Base => (first_sample, second_sample),
            Side::Head => (second_sample, first_sample),
        };
        pairs.push(Pair { order, base, head });
        if most.is_some() && pairs.len() == 1 {
            rounds = rounds.min(time.count(round_wall_ns as f64));
        }
    }
    Ok(Found {
        clock: Clock::Wall,
        pairs,
        first_calls,
    })
}

/// Finds the time of one iteration, by samples that grow to the wanted length. They warm the code up, too.
fn calibrate(turns: &mut Turns<'_, '_>, side: Side) -> Result<Cost, Trouble> {
    let mut iterations = 1;
    let mut first_ns = None;
    loop {
        // The first call of all pays for caches and imports; it tells only whether a second one is affordable.
        let enough = if iterations == 1 { SAMPLE_NS } else { SAMPLE_NS / 2 };
        let mut taken = turns.sample(side, iterations)?;
        let first_ns = *first_ns.get_or_insert(taken.sample.per_iteration_ns());
        let mut tries = 1;
        // Something else may have had the core during the sample or around it: a sample that is long for that reason
        // would make all later ones far too short.
        while (taken.sample.elapsed_ns >= enough || taken.wall_ns >= MOST_WALL_NS / 2) && tries < TRIES {
            let affordable = match (iterations, tries) {
                (1, 1) => AFFORDABLE_ONCE_MORE_NS,
                _ => AFFORDABLE_AGAIN_NS,
            };
            if taken.wall_ns >= affordable {
                break;
            }
            let again = turns.sample(side, iterations)?;
            taken.wall_ns = taken.wall_ns.min(again.wall_ns);
            if again.sample.elapsed_ns < taken.sample.elapsed_ns {
                (taken.sample, taken.waits) = (again.sample, again.waits);
            }
            tries += 1;
        }
        let cost = Cost {
            first_ns,
            ns: taken.sample.per_iteration_ns(),
            wall_ns: taken.wall_ns as f64 / iterations as f64,
            waits: taken.waits,
        };
        let is_other_count = taken.sample.iterations != iterations;
        let is_clock_still = iterations > MOST_ITERATIONS;
        // Where the calls are short and the request is long, either set-ups take the time or something else has the
        // core: more calls tell which, because only set-ups make them longer.
        if taken.sample.elapsed_ns >= enough
            || taken.wall_ns >= AFFORDABLE_AGAIN_NS
            || is_other_count
            || is_clock_still
        {
            return Ok(cost);
        }
        iterations = cost.iterations().clamp(iterations * 2, iterations * 16);
    }
}

/// The result of one request for a sample.
struct Taken {
    sample: Sample,
    idle_cpu_ns: u64,
    waits: u64,
    /// The time from the request to the reply, including the suite's set-up and tear-down around its calls.
    wall_ns: u64,
}

/// The time of one iteration.
#[derive(Clone, Copy, Debug, Default)]
struct Cost {
    /// The time of the very first call.
    first_ns: f64,
    ns: f64,
    wall_ns: f64,
    /// The number of times that the process gave up its core voluntarily.
    waits: u64,
}

impl Cost {
    /// Returns the number of calls that make a sample of the wanted length, unless setting them up takes too long.
    fn iterations(self) -> u64 {
        let wanted = SAMPLE_NS as f64 / self.ns;
        let affordable = MOST_WALL_NS as f64 / self.wall_ns.max(1.0);
        (wanted.min(affordable).round() as u64).max(1)
    }

    /// Whether processor time agrees with the wall clock, and a call lasts for many of the kernel's time slices.
    fn suits_at_once(self) -> bool {
        self.ns >= AT_ONCE_NS && self.wall_ns < 2.0 * self.ns && self.waits == 0
    }

    /// Returns the sample that it was found by, where that was a single call.
    fn as_sample(self) -> Sample {
        Sample {
            elapsed_ns: self.ns as u64,
            iterations: 1,
        }
    }

    fn of_sample_ns(self, iterations: u64) -> f64 {
        self.ns.max(self.wall_ns) * iterations as f64
    }
}

/// Whether sides whose costs have this ratio get the same number of calls in a sample.
fn is_alike(ratio: f64) -> bool {
    (0.5..=2.0).contains(&ratio)
}

/// Returns the numbers of calls in a sample. Sides of about the same speed get the same number, so that nothing but
/// their code differs.
fn iterations_for(costs: PerSide<Cost>) -> PerSide<u64> {
    if is_alike(costs.base.ns / costs.head.ns) {
        let both = Cost {
            ns: (costs.base.ns * costs.head.ns).sqrt(),
            wall_ns: costs.base.wall_ns.max(costs.head.wall_ns),
            ..Cost::default()
        };
        PerSide::new(both.iterations(), both.iterations())
    } else {
        costs.map(Cost::iterations)
    }
}

#[cfg(test)]
#[path = "measure_tests.rs"]
mod tests;
