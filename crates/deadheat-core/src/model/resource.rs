//! The resources that a benchmark uses in addition to wall time.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::side::PerSide;
use super::verdict::{Estimate, OpenReason, Verdict};

/// The kind of a resource, with its unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, JsonSchema, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Resource {
    /// Bytes.
    PeakMemory,
    /// The number of allocations.
    Allocations,
    /// Nanoseconds of processor time outside of the kernel.
    UserTime,
    /// Nanoseconds of processor time in the kernel.
    SystemTime,
    /// A number that a command printed under a name of its own, in an unknown unit.
    Metric,
}

impl fmt::Display for Resource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Resource::PeakMemory => "peak memory",
            Resource::Allocations => "allocations",
            Resource::UserTime => "user time",
            Resource::SystemTime => "system time",
            Resource::Metric => "metric",
        })
    }
}

/// One resource of one benchmark, with the verdict: `Improved` means less of it.
#[derive(Clone, Debug, PartialEq, JsonSchema, Serialize, Deserialize)]
pub struct ResourceComparison {
    pub benchmark: String,
    pub resource: Resource,
    /// The median over the replicates.
    pub median: PerSide<f64>,
    /// The estimate of the ratio head/base.
    pub estimate: Estimate,
    pub verdict: Verdict,
    pub reason: Option<OpenReason>,
    pub looks: u32,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub replicates: Vec<PerSide<f64>>,
}
