//! The schedule of a pass, and the time that it leaves for a request.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use crate::passes::runner::failures::{End, StoppedBy};

/// The number of replicates, each with a fresh process pair, and what is known about the benchmarks.
#[derive(Clone, Debug)]
pub(crate) struct Schedule {
    /// `None`: until the [`Pass`](super::Pass) has enough.
    pub(crate) replicates: Option<usize>,
    /// The number of replicates in an earlier run that this one continues.
    pub(crate) earlier: usize,
    pub(crate) seed: u64,
    /// Whether both sides run on the same core, and on no other.
    pub(crate) one_core: bool,
    /// The hard end of the run.
    pub(crate) until: Instant,
    /// The benchmarks that are known not to run on both sides at once.
    pub(crate) one_at_a_time: OneAtATime,
    /// The benchmarks whose calls are known to use up the values of their fixtures.
    pub(crate) set_up_each_call: BTreeSet<String>,
    /// The benchmarks that get all cores, in process pairs of their own.
    pub(crate) several_cores: BTreeSet<String>,
}

/// Benchmarks that cannot run on both sides at once, each with its message from one side while the other was inside.
pub(crate) type OneAtATime = BTreeMap<String, String>;

/// The bounds of the longest that one request may take, which is half of the rest of the run.
pub(super) const SHORTEST_LIMIT: Duration = Duration::from_secs(10);
const LONGEST_LIMIT: Duration = Duration::from_secs(300);

/// Returns the longest that the next request may take.
pub(super) fn limit(schedule: &Schedule) -> Result<Duration, End> {
    let left = schedule.until.saturating_duration_since(Instant::now());
    if left.is_zero() {
        return Err(End::Stopped(StoppedBy::Timeout));
    }
    Ok((left / 2).clamp(SHORTEST_LIMIT, LONGEST_LIMIT).min(left))
}

/// Returns a different, reproducible hash seed for each replicate (SplitMix64, Steele, Lea and Flood 2014).
pub(crate) fn hash_seed(seed: u64, replicate: usize) -> u32 {
    let mut z = seed.wrapping_add((replicate as u64 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15));
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    ((z ^ (z >> 31)) >> 32) as u32
}
