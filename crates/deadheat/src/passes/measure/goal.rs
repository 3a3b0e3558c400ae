//! The aim of measuring, and when enough is measured.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use deadheat_core::judge::sequential::Sampling;
use deadheat_core::judge::thresholds::Thresholds;
use deadheat_core::micro::Worth;

/// The aim of measuring a benchmark.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Goal {
    /// Its verdict, and the size of the change.
    Verdict,
    /// A quick decision: whether the change is worth this much.
    Decision(Worth),
}

/// The conditions under which enough is measured.
#[derive(Clone, Debug)]
pub(crate) struct Stopping {
    pub(crate) sampling: Sampling,
    /// The time of one call of a benchmark, if an earlier pass has found it.
    pub(crate) call_times: BTreeMap<String, Duration>,
    pub(crate) goal: Goal,
    /// The smallest changes that matter.
    pub(crate) thresholds: Thresholds,
    /// The time when the measuring should be over, with or without verdicts.
    pub(crate) budget_ends: Instant,
}
