//! Estimates and verdicts.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[derive(Clone, Copy, Debug, PartialEq, JsonSchema, Serialize, Deserialize)]
pub struct ConfidenceInterval {
    pub lower_bound: f64,
    pub upper_bound: f64,
    pub confidence_level: f64,
}

/// The ratio head/base, estimated from the replicates.
#[derive(Clone, Copy, Debug, PartialEq, JsonSchema, Serialize, Deserialize)]
pub struct Estimate {
    pub point_estimate: f64,
    /// The standard error of the logarithm of the ratio; for small values, the relative one of the ratio.
    pub standard_error: f64,
    pub confidence_interval: ConfidenceInterval,
}

impl Estimate {
    /// Returns the ratio base/head.
    pub fn speedup(&self) -> f64 {
        1.0 / self.point_estimate
    }

    /// Returns the bounds of the speedup, the lower one first.
    pub fn speedup_interval(&self) -> [f64; 2] {
        let interval = self.confidence_interval;
        [1.0 / interval.upper_bound, 1.0 / interval.lower_bound]
    }

    /// Whether the interval contains "no change".
    pub(crate) fn may_be_none(&self) -> bool {
        let interval = self.confidence_interval;
        interval.lower_bound <= 1.0 && interval.upper_bound >= 1.0
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, JsonSchema, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    Improved,
    Regressed,
    /// A positive statement: the whole interval lies within the threshold.
    Unchanged,
    /// Too early to say.
    Inconclusive,
    /// A control's number moved, although nothing that it runs while it is timed has changed. Memory layout, leftovers
    /// of the untimed set-up or the state of imports do that; it does not answer the question.
    Unexplained,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Verdict::Improved => "improved",
            Verdict::Regressed => "regressed",
            Verdict::Unchanged => "unchanged",
            Verdict::Inconclusive => "inconclusive",
            Verdict::Unexplained => "unexplained",
        })
    }
}

/// The reason for an `Inconclusive` verdict.
#[derive(Clone, Copy, Debug, PartialEq, Eq, JsonSchema, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OpenReason {
    /// The interval contains both "no change" and a change that matters.
    TooWide,
    /// There is a change, but the estimate is below the threshold while the interval reaches beyond it.
    SmallerThanThreshold,
    /// Alone it would be a change; among this many benchmarks it may be chance.
    NotAfterCorrection,
    /// It looked like a regression that fails a gate, but fresh replicates did not confirm it.
    NotConfirmed,
    /// The later calls of a process did not change, and the first one did.
    FirstCallChanged,
    /// The kinds of machines that measured it have different verdicts.
    MachinesDisagree,
}

impl fmt::Display for OpenReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            OpenReason::TooWide => "interval too wide",
            OpenReason::SmallerThanThreshold => "smaller than the threshold",
            OpenReason::NotAfterCorrection => "not after correction for many benchmarks",
            OpenReason::NotConfirmed => "not confirmed by fresh replicates",
            OpenReason::FirstCallChanged => "only the first call changed",
            OpenReason::MachinesDisagree => "the kinds of machines disagree",
        })
    }
}

#[derive(Clone, Debug, PartialEq, JsonSchema, Serialize, Deserialize)]
pub struct Judged {
    pub estimate: Estimate,
    pub verdict: Verdict,
    pub reason: Option<OpenReason>,
    /// The time of each side, if a sum of times is meaningful.
    pub base_ns: Option<f64>,
    pub head_ns: Option<f64>,
}
