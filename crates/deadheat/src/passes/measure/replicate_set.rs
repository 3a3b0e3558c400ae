//! The measurements of one benchmark over all replicates.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use deadheat_core::judge::sequential::Sampling;
use deadheat_core::judge::stats::{self, LogEstimate};
use deadheat_core::model::{Comparison, MeasuringMachine, PerSide, Replicate, Side};
use deadheat_core::output::Outputs;
use deadheat_core::protocol::ChangedValue;
use serde::{Deserialize, Serialize};

use crate::passes::runner::{BenchmarkFailure, OneAtATime, StoppedBy};

/// First calls count as different if their ratio of head to base differs from that of the later calls by this
/// factor...
pub(super) const APART: f64 = 1.5;

/// ...and one of them takes this much more or less than a later one, which is more than cold caches explain.
pub(super) const COLD_NS: f64 = 50_000.0;

/// Set-ups for each call are kept if they change the time by this factor: pytest, which makes them, also uses
/// the caches.
pub(super) const USED_UP: f64 = 2.0;

/// A call that is this many times longer, and by at least `FAR_APART_NS`, did different work, such as a reader that still
/// had input. Cold caches do not explain it.
pub(super) const FAR_APART: f64 = 20.0;

pub(super) const FAR_APART_NS: f64 = 5_000.0;

/// The measurements of one benchmark.
#[derive(Clone, Debug, Default)]
pub(crate) struct ReplicateSet {
    pub(crate) replicates: Vec<Replicate>,
    /// The replicates of outlier machines, which do not count.
    pub(crate) set_aside: Vec<Replicate>,
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
    pub(crate) first_calls: Vec<(PerSide<f64>, f64)>,
    /// The median times of the first calls in an earlier run, if they changed in another way than later ones.
    pub(super) first_calls_of_earlier_run: Option<PerSide<f64>>,
    /// Whether the suite prescribes how many calls a sample has, or how many samples there are.
    pub(crate) is_prescribed: bool,
    /// Whether its fixtures are set up for each call.
    pub(crate) set_up_each_call: bool,
    /// The reason why they are, if this run has found it out.
    pub(crate) used_up: Option<PerSide<UsedUp>>,
    /// Whether it is known whether they must be, though no replicate is at hand.
    pub(super) knows_set_up: bool,
    /// A replicate with fixtures that were set up once, kept until it is known whether that makes a difference.
    pub(super) put_aside: Option<(Replicate, PerSide<UsedUp>)>,
    /// The estimate of the last look.
    pub(crate) estimate: Option<LogEstimate>,
    /// The number of replicates at that look.
    pub(crate) looked_at: usize,
    pub(crate) of_earlier_run: bool,
    /// The time spent inside the benchmark in this run.
    pub(crate) inside: Duration,
    pub(crate) visits: u32,
    /// Its share of the time to start the processes.
    pub(super) startup: Duration,
}

impl ReplicateSet {
    /// Returns a set without replicates of a benchmark of which it is known how its fixtures are set up.
    pub(crate) fn of_known(set_up_each_call: bool) -> Self {
        ReplicateSet {
            knows_set_up: true,
            set_up_each_call,
            ..ReplicateSet::default()
        }
    }

    /// Returns an earlier run's measurements, as they were at its last look.
    pub(crate) fn earlier(comparison: &Comparison, sampling: Sampling) -> Self {
        let mut rounds = ReplicateSet {
            replicates: comparison.replicates.clone(),
            set_aside: comparison.set_aside.clone(),
            looks: comparison.looks.saturating_sub(1),
            of_earlier_run: true,
            set_up_each_call: comparison.set_up_each_call,
            first_calls_of_earlier_run: comparison.first_call_ns,
            // Until a better value is known.
            replicate_seconds: comparison
                .to_settle
                .map_or(0.0, |needed| needed.seconds / needed.replicates.max(1) as f64),
            ..ReplicateSet::default()
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

    pub(super) fn first_calls_apart_now(&self) -> Option<PerSide<f64>> {
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

    pub(super) fn add(&mut self, replicate: Replicate, first_calls: Option<PerSide<f64>>) {
        self.first_calls
            .extend(first_calls.zip(stats::log_ratio(&replicate)));
        self.replicates.push(replicate);
    }

    pub(crate) fn look(&mut self, sampling: Sampling) {
        self.looks += 1;
        self.looked_at = self.replicates.len();
        let log_ratios = stats::log_ratios(&self.replicates);
        self.estimate = sampling.estimate(&log_ratios, self.looks);
    }
}

/// The times of calls that shared their fixtures, in nanoseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct UsedUp {
    pub(crate) first_ns: f64,
    pub(crate) later_ns: f64,
}

/// The relation of the first call of a process to the later ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FirstCall {
    Alike,
    /// No more than cold caches explain.
    Cold,
    /// Many times as long, or as short, but by little time.
    FarApart,
    Apart,
}

impl FirstCall {
    /// Compares two times in nanoseconds.
    pub(super) fn of(first: f64, later: f64) -> Self {
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
pub(super) fn is_apart(factor: f64, one: f64, other: f64) -> bool {
    (ratio_of(one, other) > factor && (one - other).abs() > COLD_NS) || is_far_apart(one, other)
}

pub(super) fn is_far_apart(one: f64, other: f64) -> bool {
    ratio_of(one, other) > FAR_APART && (one - other).abs() > FAR_APART_NS
}

/// Returns the ratio of the longer of two times to the shorter one.
pub(super) fn ratio_of(one: f64, other: f64) -> f64 {
    one.max(other) / one.min(other)
}

/// Returns the median time of one iteration, in nanoseconds.
pub(super) fn median_ns<'a>(replicates: impl IntoIterator<Item = &'a Replicate>, side: Side) -> f64 {
    let rounds = replicates.into_iter().flat_map(|replicate| &replicate.rounds);
    let samples = rounds.map(|round| match side {
        Side::Base => round.base.per_iteration_ns(),
        Side::Head => round.head.per_iteration_ns(),
    });
    stats::median(samples).unwrap_or(f64::INFINITY)
}

/// Processor time that a waiting side and its children used, and the time for which it waited.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct IdleUse {
    pub(crate) waits: u64,
    pub(crate) cpu_ns: u64,
    pub(crate) waited_ns: u64,
}

/// The processor time of a wait itself: a reply is written and a request is read.
pub(super) const WAIT_COST_NS: u64 = 200_000;

impl IdleUse {
    /// Returns the share of the other side's time in which this side ran too, beyond the cost of waiting itself.
    pub(crate) fn share(self) -> f64 {
        let used = self.cpu_ns.saturating_sub(self.waits * WAIT_COST_NS) as f64;
        // A thread that holds the interpreter's lock makes the process late to see that its turn has come.
        (used / self.waited_ns.max(1) as f64).min(1.0)
    }

    pub(crate) fn add(&mut self, other: IdleUse) {
        self.waits += other.waits;
        self.cpu_ns += other.cpu_ns;
        self.waited_ns += other.waited_ns;
    }
}

/// The result of a measurement.
#[derive(Debug, Default)]
pub(crate) struct Measured {
    pub(crate) benchmarks: BTreeMap<String, ReplicateSet>,
    pub(crate) failures: Vec<BenchmarkFailure>,
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
    /// The machines that measured, of a run on several: what the replicates' `machine` counts.
    pub(crate) machines: Vec<MeasuringMachine>,
}

impl Measured {
    /// Adds the measurements of other benchmarks.
    pub(crate) fn add(&mut self, other: Measured) {
        self.benchmarks.extend(other.benchmarks);
        self.failures.extend(other.failures);
        self.newly += other.newly;
        self.project_modules.base += other.project_modules.base;
        self.project_modules.head += other.project_modules.head;
        self.stopped = self.stopped.or(other.stopped);
        self.last_words.push_str(&other.last_words);
        self.one_at_a_time.extend(other.one_at_a_time);
        self.several_cores.extend(other.several_cores);
    }
}

/// Returns the benchmarks whose calls use up their fixtures.
pub(crate) fn set_up_each_call(benchmarks: &BTreeMap<String, ReplicateSet>) -> BTreeSet<String> {
    let chosen = benchmarks.iter().filter(|(_, rounds)| rounds.set_up_each_call);
    chosen.map(|(benchmark, _)| benchmark.clone()).collect()
}
