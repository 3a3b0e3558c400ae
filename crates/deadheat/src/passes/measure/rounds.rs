//! The number of rounds in a replicate, by the time that they are worth.

use std::time::Duration;

use crate::passes::measure::goal::Goal;

/// The length of a sample, or one iteration if that takes longer. A machine's slow moments last milliseconds:
/// the shorter the two samples of a round, the more often both fall into the same one.
pub(super) const SAMPLE_NS: u64 = 300_000;

/// Before each sample, one untimed call is made for this many timed ones, because the other side had the core's caches.
pub(super) const WARMUP_SHARE: u64 = 4;

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

/// The time for a pre-screen's rounds.
pub(super) const BRIEF_ROUNDS_NS: f64 = 60e6;

/// If both first calls of a pre-screen together take at least this long, they are its only samples.
pub(super) const BRIEF_FIRST_CALLS_NS: f64 = 250e6;

/// The time for the rounds of one benchmark in one replicate.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RoundsTime {
    pub(super) goal: Goal,
    pub(super) ns: f64,
}

impl RoundsTime {
    /// Returns the time for the rounds. `startup` is the time to start the processes, which `benchmarks` share.
    pub(crate) fn new(goal: Goal, startup: Duration, benchmarks: usize) -> Self {
        let share_ns = startup.as_nanos() as f64 / benchmarks.max(1) as f64;
        let ns = match goal {
            Goal::Verdict => (ROUNDS_FACTOR_NS * share_ns).sqrt(),
            Goal::Decision(_) => BRIEF_ROUNDS_NS,
        };
        RoundsTime { goal, ns }
    }

    /// Returns the number of rounds, for samples of both sides that take `samples_ns` together; it is even if above
    /// one, so that each order comes equally often.
    pub(super) fn count(self, samples_ns: f64) -> usize {
        if samples_ns > LONG_ROUND_NS as f64 {
            return 1;
        }
        let round_ns = samples_ns * (1.0 + 1.0 / WARMUP_SHARE as f64) + 2.0 * SAMPLE_COST_NS;
        let fewest = match self.goal {
            Goal::Verdict => ((ROUNDS_NS / round_ns) as usize).clamp(FEWEST_ROUNDS, FEW_ROUNDS),
            // The order alternates between the replicates.
            Goal::Decision(_) if samples_ns > self.ns => return 1,
            Goal::Decision(_) => FEW_ROUNDS / 2,
        };
        ((self.ns / round_ns) as usize).clamp(fewest, MOST_ROUNDS) / 2 * 2
    }

    /// Returns the time of one replicate of a benchmark whose calls take this long on each side: calibration, and the
    /// rounds.
    pub(crate) fn cost_of_call(self, call: Duration) -> Duration {
        let samples_ns = 2.0 * (call.as_nanos() as f64).max(SAMPLE_NS as f64);
        Duration::from_nanos((samples_ns * (self.count(samples_ns) as f64 + 1.0)) as u64)
    }
}
