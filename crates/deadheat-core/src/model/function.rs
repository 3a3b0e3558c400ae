//! The breakdown of a time by function.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::side::Side;
use super::target::Change;
use super::verdict::Estimate;

/// One function on one side, per iteration of the benchmark.
#[derive(Clone, Debug, PartialEq, JsonSchema, Serialize, Deserialize)]
pub struct CallProfile {
    pub calls: f64,
    /// Time between entering and leaving, outermost activations only; null if it is unknown.
    pub total_ns: Option<f64>,
    /// The same without other functions of this table.
    pub self_ns: Option<f64>,
    pub share: Option<f64>,
    pub self_share: Option<f64>,
    /// The profiler's part of the total time, in nanoseconds, already subtracted.
    pub probe_ns: f64,
}

/// The reason why a time is missing or doubtful.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, JsonSchema, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProfileNote {
    /// Nearly all of the measured time is the cost of measuring it.
    MostlyProbe,
    /// This Python reports when the function starts, but not when it is suspended.
    CallsOnly,
    /// Greenlets switched stacks without Python's knowledge: times may have gone to the wrong function.
    Unbalanced,
}

/// One function, base against head.
#[derive(Clone, Debug, PartialEq, JsonSchema, Serialize, Deserialize)]
pub struct FunctionComparison {
    /// A short name, unique in the report.
    pub name: String,
    pub qualname: String,
    pub path: String,
    pub change: Option<Change>,
    pub base: Option<CallProfile>,
    pub head: Option<CallProfile>,
    /// The ratio of the total times; null if one side has none.
    pub estimate: Option<Estimate>,
    pub note: Option<ProfileNote>,
}

impl FunctionComparison {
    pub fn side(&self, side: Side) -> Option<&CallProfile> {
        match side {
            Side::Base => self.base.as_ref(),
            Side::Head => self.head.as_ref(),
        }
    }

    /// Returns the difference of the own times, head minus base; a side that has none counts as 0.
    pub fn own_difference_ns(&self) -> f64 {
        let own = |side| self.side(side).and_then(|profile| profile.self_ns).unwrap_or(0.0);
        own(Side::Head) - own(Side::Base)
    }

    /// Returns the larger of the sides' total times, by which the table is sorted.
    pub fn weight_ns(&self) -> f64 {
        let total = |side| {
            self.side(side)
                .and_then(|profile| profile.total_ns)
                .unwrap_or(0.0)
        };
        total(Side::Base).max(total(Side::Head))
    }
}
