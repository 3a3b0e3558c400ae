//! The results of a measured benchmark.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::function::FunctionComparison;
use super::sample::Replicate;
use super::side::PerSide;
use super::verdict::{Estimate, OpenReason, Verdict};
use super::warning::Warning;
use crate::output::{Difference, OutputCheck};

/// The time of one side of a comparison.
#[derive(Clone, Copy, Debug, PartialEq, JsonSchema, Serialize, Deserialize)]
pub struct SideTime {
    /// Nanoseconds per iteration: for base the median over the replicates, for head that times the estimate. The
    /// estimate compares neighbouring samples; head's own median would carry the machine's drift and contradict it.
    pub median_ns: f64,
}

impl SideTime {
    pub(crate) fn times(self, ratio: f64) -> SideTime {
        SideTime {
            median_ns: self.median_ns * ratio,
        }
    }
}

/// The results of one measured benchmark.
#[derive(Clone, Debug, PartialEq, JsonSchema, Serialize, Deserialize)]
pub struct Comparison {
    /// The pytest node id, the same on both sides.
    pub benchmark: String,
    pub base: SideTime,
    pub head: SideTime,
    pub estimate: Estimate,
    pub verdict: Verdict,
    pub reason: Option<OpenReason>,
    /// Whether it is a control: it runs nothing that changed while it is timed, so that its number should not move.
    #[serde(default)]
    pub is_control: bool,
    /// The verdict's threshold, if it is not the common one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub threshold_percent: Option<f64>,
    /// Whether the test's own fixtures were set up for each call, because calls use them up.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub set_up_each_call: bool,
    /// The median time of the first call in a process, in nanoseconds, if it changed unlike the later ones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_call_ns: Option<PerSide<f64>>,
    /// Whether it was measured on all cores, because it uses several at once.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub several_cores: bool,
    /// The number of looks at the replicates on the way: each look has its share of the error rate.
    #[serde(default = "one_look")]
    pub looks: u32,
    /// The seconds that one more replicate would take; null if unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replicate_seconds: Option<f64>,
    /// The effort that would probably settle it; null if there is a verdict, or if it would take too long.
    pub to_settle: Option<ToSettle>,
    /// Whether both sides return the same value.
    #[serde(default)]
    pub output: OutputCheck,
    /// The place where they differ.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output_difference: Option<Difference>,
    /// The confirmation of a regression that would fail a gate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confirmation: Option<Confirmation>,
    /// The estimates of the kinds of machines, if at least two kinds measured it; together their intervals miss no more
    /// often than that of a single estimate.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub by_kind: Vec<KindEstimate>,
    /// Whether the kinds agree. If they do not, the estimate is the hull of their intervals, and no average.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agreement: Option<Agreement>,
    /// In a merged report, the number of the part that measured it.
    #[serde(default, rename = "shard", skip_serializing_if = "Option::is_none")]
    pub part: Option<u32>,
    /// Empty in a report without samples.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub replicates: Vec<Replicate>,
    /// The replicates of outlier machines, which do not count. Empty in a report without samples.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub set_aside: Vec<Replicate>,
    /// The changed functions that it runs, the most expensive first.
    #[serde(default)]
    pub functions: Vec<FunctionComparison>,
    /// The part of the change, in nanoseconds, that is not these functions' own; null if nothing was
    /// profiled.
    pub unexplained_ns: Option<f64>,
    /// With `--profile`: every function of the project that takes a noticeable part of the time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub profile: Option<Vec<FunctionComparison>>,
    pub warnings: Vec<Warning>,
}

/// Returns the number of looks in reports from before there were looks on the way.
fn one_look() -> u32 {
    1
}

impl Comparison {
    /// Withdraws a regression that fresh replicates did not confirm.
    pub fn take_back(&mut self) {
        (self.verdict, self.reason) = (Verdict::Inconclusive, Some(OpenReason::NotConfirmed));
        // More replicates like those that were not confirmed would settle nothing.
        self.to_settle = None;
    }
}

/// The estimate of the machines of one kind.
#[derive(Clone, Copy, Debug, PartialEq, JsonSchema, Serialize, Deserialize)]
pub struct KindEstimate {
    /// The kind's number, as in the report's `machines`.
    pub kind: u32,
    /// The number of replicates that it comes from.
    pub replicates: usize,
    pub estimate: Estimate,
}

/// The test of the hypothesis that all kinds of machines have the same ratio.
#[derive(Clone, Copy, Debug, PartialEq, JsonSchema, Serialize, Deserialize)]
pub struct Agreement {
    /// The p-value, of all looks together.
    pub p_value: f64,
    /// Whether the hypothesis stands, after the correction for all benchmarks.
    pub agree: bool,
}

/// The check of a regression by fresh replicates, which took no part in the verdict.
#[derive(Clone, Debug, PartialEq, JsonSchema, Serialize, Deserialize)]
pub struct Confirmation {
    pub estimate: Estimate,
    /// The one-sided p-value of the hypothesis that head is not slower.
    pub p_value: f64,
    pub confirmed: bool,
    /// Empty in a report without samples.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub replicates: Vec<Replicate>,
}

/// The further effort that an inconclusive verdict would probably take.
#[derive(Clone, Copy, Debug, PartialEq, JsonSchema, Serialize, Deserialize)]
pub struct ToSettle {
    pub replicates: usize,
    /// On this machine, for this benchmark alone.
    pub seconds: f64,
}
