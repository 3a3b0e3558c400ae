//! The one value that every output renders. Its serde form is the JSON report of `docs/reference.md`.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::comparison::Comparison;
use super::function::FunctionComparison;
use super::guard::Guard;
use super::machine::{Machine, MeasuringMachine, Python};
use super::missing::Missing;
use super::next::NextStep;
use super::part::{Cut, Part};
use super::resource::ResourceComparison;
use super::settings::Settings;
use super::side::{PerSide, Revision};
use super::status::Status;
use super::target::TargetFunction;
use super::verdict::Judged;
use super::warning::Warning;

/// Since 2, a report may come without its samples, which it then says.
pub const SCHEMA_VERSION: u32 = 2;

#[derive(Clone, Debug, PartialEq, JsonSchema, Serialize, Deserialize)]
pub struct Report {
    pub schema_version: u32,
    pub tool_version: String,
    /// Whether the run was stopped before it was done.
    pub partial: bool,
    pub revisions: PerSide<Revision>,
    pub settings: Settings,
    pub seed: u64,
    /// Whether the replicates are in it. Without them it cannot be judged again, continued or merged.
    #[serde(default = "with_samples", skip_serializing_if = "Clone::clone")]
    pub samples: bool,
    /// The machine; in a merged report, that of its first part.
    pub machine: Machine,
    /// The machines that measured the replicates, of a run on several.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub machines: Vec<MeasuringMachine>,
    /// The parts of a merged report, in order.
    #[serde(default, rename = "shards", skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<MergedPart>,
    /// `None` if the run ended before an interpreter was found.
    pub python: Option<PerSide<Python>>,
    pub target_functions: Vec<TargetFunction>,
    pub selection: Selection,
    /// In a part: every benchmark that both sides can run, of all parts, in collection order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub suite: Vec<String>,
    /// With `--balance`: the number of the part that has each benchmark of `suite`.
    #[serde(default, rename = "suite_shards", skip_serializing_if = "Vec::is_empty")]
    pub suite_parts: Vec<u32>,
    /// The plan of a run with `--dry-run`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<Plan>,
    pub summary: Summary,
    /// The results of `deadheat noise`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub noise: Option<Vec<Noise>>,
    pub comparisons: Vec<Comparison>,
    /// The benchmarks' use of resources other than time, if requested.
    #[serde(default)]
    pub resources: Vec<ResourceComparison>,
    pub missing: Vec<Missing>,
    pub warnings: Vec<Warning>,
    /// The guard of the experiment that `--record` was to write.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub guard: Option<Guard>,
    /// The experiment that `--record` wrote.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recorded: Option<Recorded>,
    /// The steps that would follow, the most useful one first.
    #[serde(default)]
    pub next: Vec<NextStep>,
}

impl Report {
    /// Returns the cut of the suite that a part's report belongs to.
    pub fn cut(&self) -> Option<Cut<'_>> {
        let part = self.settings.part?;
        Some(Cut::new(part.of, &self.suite, &self.suite_parts))
    }
}

/// Returns that a report has its samples, as all did before they could be left out.
fn with_samples() -> bool {
    true
}

/// An experiment that was written into the loop's records.
#[derive(Clone, Debug, PartialEq, Eq, JsonSchema, Serialize, Deserialize)]
pub struct Recorded {
    pub status: Status,
    /// The status by the verdicts alone.
    pub status_by_rule: Status,
    #[serde(default)]
    pub description: String,
    /// The `results.tsv` that has its rows.
    pub file: String,
}

impl Recorded {
    /// Returns the words that follow the status in a sentence: the status by rule, if it is another one.
    pub(crate) fn by_rule(&self) -> String {
        match self.status == self.status_by_rule {
            true => String::new(),
            false => format!(" (by rule it is {})", self.status_by_rule),
        }
    }
}

/// One part of a merged report, and where it was measured.
#[derive(Clone, Debug, PartialEq, JsonSchema, Serialize, Deserialize)]
pub struct MergedPart {
    #[serde(rename = "partition")]
    pub part: Part,
    /// The number of comparisons in it.
    pub benchmarks: usize,
    /// Whether its run was stopped before it was done.
    pub partial: bool,
    pub machine: Machine,
    pub python: Option<PerSide<Python>>,
}

/// The benchmarks that a run with the same arguments would measure.
#[derive(Clone, Debug, PartialEq, JsonSchema, Serialize, Deserialize)]
pub struct Plan {
    pub benchmarks: Vec<String>,
    pub estimated_seconds: f64,
}

/// The rule by which benchmarks were selected, and the reason.
#[derive(Clone, Debug, PartialEq, Eq, JsonSchema, Serialize, Deserialize)]
pub struct Selection {
    pub rule: SelectionRule,
    pub reason: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, JsonSchema, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SelectionRule {
    /// Every benchmark that was collected.
    All,
    /// The benchmarks that run a changed function.
    Reached,
    /// None: nothing that a benchmark could notice has changed.
    NothingChanged,
}

#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize, Deserialize)]
pub struct Summary {
    pub counts: Counts,
    /// The movement of the controls; `None` if there are none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub controls: Option<Controls>,
    /// The verdict on the sum of the benchmarks' times.
    pub total: Option<Judged>,
    pub geometric_mean: Option<Judged>,
    /// The changed functions over all measured benchmarks, the most expensive first.
    #[serde(default)]
    pub functions: Vec<FunctionComparison>,
    /// As in a comparison, for the sum of the benchmarks' times.
    pub unexplained_ns: Option<f64>,
    /// With `--profile`, as in a comparison.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub profile: Option<Vec<FunctionComparison>>,
}

/// The movement of the benchmarks that run nothing that changed: by this much, memory layout and machine move numbers
/// in this very run.
#[derive(Clone, Copy, Debug, PartialEq, JsonSchema, Serialize, Deserialize)]
pub struct Controls {
    pub benchmarks: usize,
    /// The ratio of the one that moved farthest.
    pub farthest: f64,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, JsonSchema, Serialize, Deserialize)]
pub struct Counts {
    pub improved: usize,
    pub regressed: usize,
    pub unchanged: usize,
    pub inconclusive: usize,
    #[serde(default)]
    pub unexplained: usize,
    pub failed: usize,
    pub not_reached: usize,
}

/// Writes the counts above 0: "2 improved, 1 failed".
impl fmt::Display for Counts {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words = [
            (self.improved, "improved"),
            (self.regressed, "regressed"),
            (self.unchanged, "unchanged"),
            (self.inconclusive, "inconclusive"),
            (self.unexplained, "unexplained"),
            (self.failed, "failed"),
            (self.not_reached, "not reached"),
        ];
        let present = words.into_iter().filter(|(count, _)| *count > 0);
        for (index, (count, word)) in present.enumerate() {
            let comma = if index > 0 { ", " } else { "" };
            write!(formatter, "{comma}{count} {word}")?;
        }
        Ok(())
    }
}

/// The noise of a benchmark's replicates, if both sides are the same.
#[derive(Clone, Debug, PartialEq, JsonSchema, Serialize, Deserialize)]
pub struct Noise {
    pub benchmark: String,
    /// The standard deviation of head/base between replicates.
    pub spread_percent: f64,
    /// The smallest change that the default settings find here nine times in ten.
    pub smallest_change_percent: Option<f64>,
    /// The number of replicates that the default budget has room for.
    pub replicates: usize,
}
