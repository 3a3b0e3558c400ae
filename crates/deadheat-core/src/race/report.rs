//! The values of a race's report. Their serde form is the JSON of `docs/reference.md`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::answer::{RaceAnswer, by_time};
use crate::judge::race::{Race, Standing};
use crate::model::{Estimate, Machine, NextStep, Python, Warning};
use crate::output::OutputCheck;

#[derive(Clone, Debug, PartialEq, JsonSchema, Serialize, Deserialize)]
pub struct RaceReport {
    pub schema_version: u32,
    pub tool_version: String,
    /// Whether the run was stopped before it was done.
    pub partial: bool,
    pub answer: RaceAnswer,
    /// The fastest first, those without numbers last.
    pub candidates: Vec<RaceCandidate>,
    /// The benchmarks whose total is raced.
    pub benchmarks: Vec<String>,
    pub settings: RaceSettings,
    pub seed: u64,
    pub machine: Machine,
    pub python: Option<Python>,
    /// The number of process pairs.
    pub pairs: usize,
    /// For each replicate, the logarithm of each raced candidate's time as a ratio to that of the one that led, in the
    /// order of `raced`; null if it did not take part.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub replicates: Vec<Vec<Option<f64>>>,
    pub raced: Vec<String>,
    pub warnings: Vec<Warning>,
    /// The steps that would follow, the most useful one first.
    pub next: Vec<NextStep>,
}

impl RaceReport {
    /// Returns the name of the reference.
    pub fn reference(&self) -> &str {
        self.raced.first().map_or("", String::as_str)
    }
}

#[derive(Clone, Debug, PartialEq, JsonSchema, Serialize, Deserialize)]
pub struct RaceSettings {
    pub threshold_percent: f64,
    pub confidence_level: f64,
    pub budget_seconds: Option<f64>,
    pub timeout_seconds: f64,
    pub keyword: Option<String>,
    pub tests: Vec<String>,
    pub all: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, JsonSchema, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RaceStatus {
    Winner,
    /// One of the fastest, which cannot be told apart within the threshold.
    Tied,
    /// It may be the fastest.
    Open,
    /// Slower than another one.
    Dropped,
    Failed,
    /// It has the same code as an earlier candidate, and was not measured.
    Same,
}

/// A candidate, and what is known about it.
#[derive(Clone, Debug, PartialEq, JsonSchema, Serialize, Deserialize)]
pub struct RaceCandidate {
    pub name: String,
    /// The full hash; null for a statement.
    pub commit: Option<String>,
    pub status: RaceStatus,
    /// The place by the estimates; those that remain share the first one. Null if it was not measured to the end.
    pub place: Option<usize>,
    /// Nanoseconds for all benchmarks together.
    pub median_ns: Option<f64>,
    /// The ratio of its time to that of the reference, which is the first candidate.
    pub estimate: Option<Estimate>,
    /// The number of replicates that it took part in.
    pub replicates: usize,
    /// Why it failed, or which candidate it is the same as.
    pub reason: Option<String>,
    /// Whether it returns what the reference returns.
    pub output: OutputCheck,
    /// The benchmarks one by one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rows: Vec<RaceRow>,
}

#[derive(Clone, Debug, PartialEq, JsonSchema, Serialize, Deserialize)]
pub struct RaceRow {
    pub benchmark: String,
    pub median_ns: Option<f64>,
    /// The ratio to the reference; its interval misses as seldom as those of the whole race.
    pub estimate: Option<Estimate>,
    pub output: OutputCheck,
}

/// Returns a candidate that was not raced.
pub fn unraced(
    name: &str,
    commit: Option<&str>,
    status: RaceStatus,
    reason: Option<String>,
) -> RaceCandidate {
    RaceCandidate {
        name: name.to_owned(),
        commit: commit.map(str::to_owned),
        status,
        place: None,
        median_ns: None,
        estimate: None,
        replicates: 0,
        reason,
        output: OutputCheck::NotChecked,
        rows: Vec::new(),
    }
}

/// Returns the raced candidates of `names`, the fastest first; those that failed come last and have no reason yet.
/// `reference_ns` is the time of the first one.
pub fn raced(race: &Race, names: &[String], reference_ns: Option<f64>) -> Vec<RaceCandidate> {
    let remaining = race.remaining();
    let is_decided = race.challengers().is_empty();
    let dropped = (0..names.len()).filter(|one| matches!(race.standing(*one), Standing::Dropped { .. }));
    let failed = (0..names.len()).filter(|&one| race.standing(one) == Standing::Withdrawn);
    let order = by_time(race, remaining.clone());
    let order = order
        .into_iter()
        .chain(by_time(race, dropped.collect()))
        .chain(failed);
    let candidates = order.enumerate().map(|(index, one)| {
        let is_in = remaining.contains(&one);
        let status = match race.standing(one) {
            Standing::Dropped { .. } => RaceStatus::Dropped,
            Standing::Withdrawn => RaceStatus::Failed,
            _ if remaining.len() == 1 => RaceStatus::Winner,
            _ if is_decided => RaceStatus::Tied,
            _ => RaceStatus::Open,
        };
        let estimate = (one > 0).then(|| race.estimate(0, one)).flatten();
        let ratio = match one {
            0 => Some(1.0),
            _ => estimate.map(|estimate| estimate.center.exp()),
        };
        RaceCandidate {
            name: names[one].clone(),
            commit: None,
            status,
            place: (status != RaceStatus::Failed).then_some(if is_in { 1 } else { index + 1 }),
            median_ns: reference_ns
                .zip(ratio)
                .map(|(reference, ratio)| reference * ratio),
            estimate: estimate.map(|estimate| estimate.to_estimate()),
            replicates: race.replicates_of(one),
            reason: None,
            output: OutputCheck::NotChecked,
            rows: Vec::new(),
        }
    });
    candidates.collect()
}
