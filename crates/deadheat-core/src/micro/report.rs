//! The result of a pre-screen, and its line in the loop's records.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::decision::Decision;
use crate::model::{
    Estimate, NextStep, OpenReason, PerSide, Python, Replicate, ResourceComparison, Verdict, Warning,
};
use crate::output::{Difference, OutputCheck};

/// The kind of the target.
#[derive(Clone, Copy, Debug, PartialEq, Eq, JsonSchema, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Form {
    Script,
    Function,
    Statements,
}

/// One of the two variants.
#[derive(Clone, Debug, PartialEq, JsonSchema, Serialize, Deserialize)]
pub struct Variant {
    /// The name that the user knows.
    pub name: String,
    /// Nanoseconds per call, the median over the replicates; null if nothing was measured.
    pub median_ns: Option<f64>,
}

/// The result of a pre-screen. Its serde form is the JSON of `docs/reference.md`.
#[derive(Clone, Debug, PartialEq, JsonSchema, Serialize, Deserialize)]
pub struct MicroReport {
    pub schema_version: u32,
    pub form: Form,
    /// The target as typed.
    pub target: String,
    /// The full hash of the commit that the change starts from; null outside a repository.
    pub base_commit: Option<String>,
    /// The path of the function's file, relative to the repository.
    pub path: Option<String>,
    pub function: Option<String>,
    pub base: Variant,
    pub head: Variant,
    /// The estimate of the ratio head/base.
    pub estimate: Option<Estimate>,
    pub verdict: Option<Verdict>,
    /// The reason for an inconclusive verdict.
    pub reason: Option<OpenReason>,
    pub worth_percent: f64,
    pub decision: Decision,
    pub decision_reason: String,
    /// The time that the whole command would probably take to decide, if it did not.
    pub seconds_needed: Option<f64>,
    /// The time that the whole command took.
    pub seconds: f64,
    pub output: OutputCheck,
    pub output_difference: Option<Difference>,
    /// The reason why the variants' return values cannot be compared.
    pub output_reason: Option<String>,
    pub memory: Option<ResourceComparison>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub replicates: Vec<Replicate>,
    pub python: Option<Python>,
    pub pinned_core: Option<usize>,
    pub warnings: Vec<Warning>,
    /// The steps that would follow, the most useful one first.
    #[serde(default)]
    pub next: Vec<NextStep>,
}

impl MicroReport {
    pub fn variants(&self) -> PerSide<&Variant> {
        PerSide::new(&self.base, &self.head)
    }
}

/// A pre-screen's line in the loop's `micro.jsonl`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct MicroRecord {
    /// ISO 8601, UTC.
    pub time: String,
    /// The full hash of the commit that the change starts from.
    pub base: Option<String>,
    pub path: Option<String>,
    pub function: Option<String>,
    /// The git blob of the file as it was measured.
    pub blob: Option<String>,
    pub script: Option<String>,
    pub statements: Option<String>,
    /// The ratio base/head, as are its bounds.
    pub speedup: Option<f64>,
    pub ci_low: Option<f64>,
    pub ci_high: Option<f64>,
    pub verdict: Option<Verdict>,
    pub decision: Option<Decision>,
    pub worth_percent: Option<f64>,
}

/// Returns the record of a pre-screen at `time`; `blob` is that of the function's file in the working tree.
pub fn record(report: &MicroReport, time: String, blob: Option<String>) -> MicroRecord {
    let target_of = |form: Form| (report.form == form).then(|| report.target.clone());
    let interval = report.estimate.map(|estimate| estimate.speedup_interval());
    MicroRecord {
        time,
        base: report.base_commit.clone(),
        path: report.path.clone(),
        function: report.function.clone(),
        blob,
        script: target_of(Form::Script),
        statements: target_of(Form::Statements),
        speedup: report.estimate.map(|estimate| estimate.speedup()),
        ci_low: interval.map(|[low, _]| low),
        ci_high: interval.map(|[_, high]| high),
        verdict: report.verdict,
        decision: Some(report.decision),
        worth_percent: Some(report.worth_percent),
    }
}
