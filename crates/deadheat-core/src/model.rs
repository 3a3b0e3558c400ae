//! The words of the field, each a type; `docs/glossary.md` has a line for each of them.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::output::{Difference, OutputCheck};

/// One of the two revisions that are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, JsonSchema, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    Base,
    Head,
}

impl Side {
    pub const BOTH: [Side; 2] = [Side::Base, Side::Head];

    pub fn other(self) -> Side {
        match self {
            Side::Base => Side::Head,
            Side::Head => Side::Base,
        }
    }
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Side::Base => "base",
            Side::Head => "head",
        })
    }
}

/// A value that both sides have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, JsonSchema, Serialize, Deserialize)]
pub struct PerSide<T> {
    pub base: T,
    pub head: T,
}

impl<T> PerSide<T> {
    pub fn new(base: T, head: T) -> Self {
        PerSide { base, head }
    }

    pub fn get(&self, side: Side) -> &T {
        match side {
            Side::Base => &self.base,
            Side::Head => &self.head,
        }
    }

    pub fn get_mut(&mut self, side: Side) -> &mut T {
        match side {
            Side::Base => &mut self.base,
            Side::Head => &mut self.head,
        }
    }

    pub fn map<U>(self, mut f: impl FnMut(T) -> U) -> PerSide<U> {
        PerSide {
            base: f(self.base),
            head: f(self.head),
        }
    }

    /// Makes the value of each side, base first, and stops at the first error.
    pub fn try_from_fn<E>(mut f: impl FnMut(Side) -> Result<T, E>) -> Result<Self, E> {
        Ok(PerSide {
            base: f(Side::Base)?,
            head: f(Side::Head)?,
        })
    }

    pub fn as_ref(&self) -> PerSide<&T> {
        PerSide {
            base: &self.base,
            head: &self.head,
        }
    }
}

/// What was typed, and the commit that it stands for.
#[derive(Clone, Debug, PartialEq, Eq, JsonSchema, Serialize, Deserialize)]
pub struct Revision {
    pub name: String,
    /// The full commit hash.
    pub commit: String,
    /// Whether uncommitted changes lie over the commit (`--working-tree`).
    pub dirty: bool,
}

/// Why a function is a target.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, JsonSchema, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// Its own code differs.
    Modified,
    /// Only head has it.
    Added,
    /// Only base has it.
    Removed,
    /// The same code under another path or qualified name.
    Moved,
    /// Its own code is the same, and it reads something that differs once the modules are imported.
    Affected,
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Change::Modified => "modified",
            Change::Added => "added",
            Change::Removed => "removed",
            Change::Moved => "moved",
            Change::Affected => "affected",
        })
    }
}

/// A function that the difference between the revisions touches.
#[derive(Clone, Debug, PartialEq, Eq, JsonSchema, Serialize, Deserialize)]
pub struct TargetFunction {
    /// Relative to the repository, on the side where the function is: head, or base for a removed one.
    pub path: String,
    /// As Python's `__qualname__` has it: `Class.method`, `outer.<locals>.inner`.
    pub qualname: String,
    /// `None` where the user named a function that did not change.
    pub change: Option<Change>,
    /// First and last line, decorators included, from 1.
    pub lines: (u32, u32),
    /// More than `change` tells: the place that it was moved from, the name that it reads.
    pub detail: Option<String>,
    /// Where each side has it; `None` where it has not.
    #[serde(default)]
    pub places: PerSide<Option<FunctionPlace>>,
    /// The benchmarks that run it, as far as it was looked.
    pub reached_by: Vec<String>,
}

/// Where one side has a function.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, JsonSchema, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FunctionPlace {
    /// Relative to the repository.
    pub path: String,
    pub qualname: String,
    /// The first one, decorators included, from 1.
    pub line: u32,
}

/// One timed batch of calls on one side.
#[derive(Clone, Copy, Debug, PartialEq, JsonSchema, Serialize, Deserialize)]
pub struct Sample {
    pub elapsed_ns: u64,
    /// The calls in it, at least 1.
    pub iterations: u64,
}

impl Sample {
    /// Nanoseconds of one iteration. A batch that was too short for the clock counts as half a tick, so that ratios
    /// stay finite.
    pub fn per_iteration_ns(&self) -> f64 {
        (self.elapsed_ns as f64).max(0.5) / self.iterations.max(1) as f64
    }
}

/// Which side of a round ran first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, JsonSchema, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Order {
    BaseHead,
    HeadBase,
}

impl Order {
    /// Base-head and head-base in turn: the visits are base, head, head, base, and over each four of them a steady drift
    /// cancels.
    pub fn of_round(index: usize) -> Order {
        if index.is_multiple_of(2) {
            Order::BaseHead
        } else {
            Order::HeadBase
        }
    }

    pub fn reversed(self) -> Order {
        match self {
            Order::BaseHead => Order::HeadBase,
            Order::HeadBase => Order::BaseHead,
        }
    }

    pub fn sides(self) -> [Side; 2] {
        match self {
            Order::BaseHead => [Side::Base, Side::Head],
            Order::HeadBase => [Side::Head, Side::Base],
        }
    }
}

/// The two samples of one round.
#[derive(Clone, Copy, Debug, PartialEq, JsonSchema, Serialize, Deserialize)]
pub struct Pair {
    pub order: Order,
    pub base: Sample,
    pub head: Sample,
}

/// What one fresh pair of processes measured of one benchmark: the unit of all statistics.
#[derive(Clone, Debug, PartialEq, JsonSchema, Serialize, Deserialize)]
pub struct Replicate {
    /// Replicates of different benchmarks that have the same one come from the same two processes. It is the hash seed of both,
    /// unless they were forked: then the processes that they were forked from have one in common, which is not in the report.
    pub seed: u32,
    #[serde(default)]
    pub clock: Clock,
    pub pairs: Vec<Pair>,
}

/// What samples are timed by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, JsonSchema, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Clock {
    /// The time that passes, while the sides run in turn.
    #[default]
    Wall,
    /// The processor time that the process uses, while both sides run on the same core at once.
    Processor,
}

#[derive(Clone, Copy, Debug, PartialEq, JsonSchema, Serialize, Deserialize)]
pub struct ConfidenceInterval {
    pub lower_bound: f64,
    pub upper_bound: f64,
    pub confidence_level: f64,
}

/// The ratio head/base, from the replicates.
#[derive(Clone, Copy, Debug, PartialEq, JsonSchema, Serialize, Deserialize)]
pub struct Estimate {
    pub point_estimate: f64,
    /// Of the logarithm of the ratio, which for small values is that of the ratio in relative terms.
    pub standard_error: f64,
    pub confidence_interval: ConfidenceInterval,
}

impl Estimate {
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
    /// The number of a control moved: nothing that it runs while it is timed has changed. Memory layout does that, what the
    /// untimed set-up left behind, or the state of imports; it does not answer what was asked.
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

/// Why a verdict is `Inconclusive`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, JsonSchema, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// The interval contains both "no change" and a change that matters.
    TooWide,
    /// There is a change, but the estimate is below the threshold while the interval reaches beyond it.
    SmallerThanThreshold,
    /// Alone it would be a change; among this many benchmarks it may be chance.
    NotAfterCorrection,
    /// It looked like a regression that fails a gate, and did not show again in fresh replicates.
    NotConfirmed,
    /// The later calls of a process did not change, and the first one did.
    FirstCallChanged,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Reason::TooWide => "interval too wide",
            Reason::SmallerThanThreshold => "smaller than the threshold",
            Reason::NotAfterCorrection => "not after correction for many benchmarks",
            Reason::NotConfirmed => "not confirmed by fresh replicates",
            Reason::FirstCallChanged => "only the first call changed",
        })
    }
}

/// What one side of a comparison took.
#[derive(Clone, Copy, Debug, PartialEq, JsonSchema, Serialize, Deserialize)]
pub struct SideTime {
    /// Nanoseconds of one iteration: of base the median over the replicates, of head that times the estimate. The estimate is made of
    /// neighbouring samples; a median of head's own would carry the machine's drift and contradict it.
    pub median_ns: f64,
}

impl SideTime {
    pub(crate) fn times(self, ratio: f64) -> SideTime {
        SideTime {
            median_ns: self.median_ns * ratio,
        }
    }
}

/// Everything that is known of one measured benchmark.
#[derive(Clone, Debug, PartialEq, JsonSchema, Serialize, Deserialize)]
pub struct Comparison {
    /// The pytest node id, the same on both sides.
    pub benchmark: String,
    pub base: SideTime,
    pub head: SideTime,
    pub estimate: Estimate,
    pub verdict: Verdict,
    pub reason: Option<Reason>,
    /// Whether it is a control: it runs nothing that changed while it is timed, so that its number should not move.
    #[serde(default)]
    pub is_control: bool,
    /// The threshold of the verdict, where it is not the one that holds for all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub threshold_percent: Option<f64>,
    /// Whether each call got the test's own fixtures set up for it, as calls use them up.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub set_up_each_call: bool,
    /// The median time of the first call in a process, in nanoseconds, where it changed in another way than the later ones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_call_ns: Option<PerSide<f64>>,
    /// Whether it was measured on all cores, because it uses several at once.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub several_cores: bool,
    /// How often the replicates were looked at on the way: each look has its share of the error rate.
    #[serde(default = "one_look")]
    pub looks: u32,
    /// What one more replicate would take; null where nobody knows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replicate_seconds: Option<f64>,
    /// What would probably settle it; null where there is a verdict, and where nobody would wait for it.
    pub to_settle: Option<ToSettle>,
    /// Whether both sides return the same.
    #[serde(default)]
    pub output: OutputCheck,
    /// Where they part.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output_difference: Option<Difference>,
    /// Of a regression that would fail a gate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confirmation: Option<Confirmation>,
    /// Of a merged report: the number of the part that measured it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shard: Option<u32>,
    pub replicates: Vec<Replicate>,
    /// The changed functions that it runs, the most expensive first.
    #[serde(default)]
    pub functions: Vec<FunctionComparison>,
    /// Of the change in nanoseconds, what is not these functions' own; null where nothing was profiled.
    pub unexplained_ns: Option<f64>,
    /// With `--profile`: every function of the project that takes a noticeable part of the time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub profile: Option<Vec<FunctionComparison>>,
    pub warnings: Vec<Warning>,
}

/// Before there were looks on the way, everybody looked once.
fn one_look() -> u32 {
    1
}

impl Comparison {
    /// For a regression that fresh replicates did not show.
    pub fn take_back(&mut self) {
        (self.verdict, self.reason) = (Verdict::Inconclusive, Some(Reason::NotConfirmed));
        // More of the replicates that were not confirmed would settle nothing.
        self.to_settle = None;
    }
}

/// What fresh replicates, which took no part in the verdict, say of a regression.
#[derive(Clone, Debug, PartialEq, JsonSchema, Serialize, Deserialize)]
pub struct Confirmation {
    pub estimate: Estimate,
    /// One-sided, of the hypothesis that head is not slower.
    pub p_value: f64,
    pub confirmed: bool,
    pub replicates: Vec<Replicate>,
}

/// What an open verdict would probably take more.
#[derive(Clone, Copy, Debug, PartialEq, JsonSchema, Serialize, Deserialize)]
pub struct ToSettle {
    pub replicates: usize,
    /// On this machine, for this benchmark alone.
    pub seconds: f64,
}

/// One function on one side, per iteration of the benchmark.
#[derive(Clone, Debug, PartialEq, JsonSchema, Serialize, Deserialize)]
pub struct CallProfile {
    pub calls: f64,
    /// Between entering and leaving, outermost activations only; null where it cannot be told.
    pub total_ns: Option<f64>,
    /// The same without other functions of this table.
    pub self_ns: Option<f64>,
    pub share: Option<f64>,
    pub self_share: Option<f64>,
    /// What watching took of the total time, and was subtracted.
    pub probe_ns: f64,
}

/// Why a time is not given, or is to be doubted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, JsonSchema, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProfileNote {
    /// Nearly all of what was measured is the cost of measuring.
    MostlyProbe,
    /// This Python tells when the function starts and not when it is suspended.
    CallsOnly,
    /// Stacks were switched behind Python's back (greenlets): times may have gone to the wrong function.
    Unbalanced,
}

/// One function, base against head.
#[derive(Clone, Debug, PartialEq, JsonSchema, Serialize, Deserialize)]
pub struct FunctionComparison {
    /// Short, and different from all others of the report.
    pub name: String,
    pub qualname: String,
    pub path: String,
    pub change: Option<Change>,
    pub base: Option<CallProfile>,
    pub head: Option<CallProfile>,
    /// Of the total time; null where one side has none.
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

    /// Head less base, of the own time; a side that has none counts as 0.
    pub fn own_difference_ns(&self) -> f64 {
        let own = |side| self.side(side).and_then(|profile| profile.self_ns).unwrap_or(0.0);
        own(Side::Head) - own(Side::Base)
    }

    /// The larger of both sides' total times: what the table is sorted by.
    pub fn weight_ns(&self) -> f64 {
        let total = |side| {
            self.side(side)
                .and_then(|profile| profile.total_ns)
                .unwrap_or(0.0)
        };
        total(Side::Base).max(total(Side::Head))
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, JsonSchema, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MissingReason {
    NotReached,
    OnlyBase,
    OnlyHead,
    Failed,
    Skipped,
    Unfinished,
}

impl fmt::Display for MissingReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            MissingReason::NotReached => "not reached",
            MissingReason::OnlyBase => "only on base",
            MissingReason::OnlyHead => "only on head",
            MissingReason::Failed => "failed",
            MissingReason::Skipped => "skipped",
            MissingReason::Unfinished => "unfinished",
        })
    }
}

/// A benchmark (or a file of benchmarks) that was not measured, and why.
#[derive(Clone, Debug, PartialEq, Eq, JsonSchema, Serialize, Deserialize)]
pub struct Missing {
    pub benchmark: String,
    /// Where it went wrong, when it is one side.
    pub side: Option<Side>,
    pub reason: MissingReason,
    /// pytest's own words, or ours.
    pub message: String,
}

/// A reason to doubt the data, with what to do about it.
#[derive(Clone, Debug, PartialEq, Eq, JsonSchema, Serialize, Deserialize)]
pub struct Warning {
    pub code: WarningCode,
    pub message: String,
    pub hint: Option<String>,
    pub benchmark: Option<String>,
}

impl Warning {
    pub fn new(code: WarningCode, message: impl Into<String>, hint: Option<&str>) -> Self {
        Warning {
            code,
            message: message.into(),
            hint: hint.map(str::to_owned),
            benchmark: None,
        }
    }

    /// Of this benchmark alone.
    pub fn of(self, benchmark: &str) -> Self {
        Warning {
            benchmark: Some(benchmark.to_owned()),
            ..self
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, JsonSchema, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WarningCode {
    /// Nothing that a benchmark could see differs between the revisions.
    NothingChanged,
    /// No core could be reserved: the error rate of the verdicts is not claimed.
    NotPinned,
    /// Only one core: the driver shares it with what it measures.
    SharedCore,
    /// The benchmark's fixtures cannot stand on both sides at once, so that these were measured one after the other.
    OneSideAtATime,
    /// The other side used the processor while it should have been waiting.
    IdleSideBusy,
    /// The benchmark uses more than one core at once, and was measured on one.
    OneOfSeveralCores,
    /// The benchmark uses more than one core at once, and was measured on all of them.
    SeveralCores,
    /// No module of the project's code was imported by any benchmark.
    ProjectNotImported,
    /// A file that git ignores was copied into the worktrees.
    GeneratedFileCopied,
    /// A benchmark did not find a file that is in the working tree, and that git ignores.
    IgnoredFileMissing,
    /// pytest's settings of one side are in the worktree of the other, too, which could not collect its benchmarks otherwise.
    SettingsShared,
    /// A changed file could not be parsed.
    SyntaxError,
    /// The samples are too few or too short for their clock.
    FewSamples,
    /// The dependencies differ, and both sides ran with the same ones.
    DependenciesDiffer,
    /// Compiled sources differ, and nothing was built.
    CompiledSourcesDiffer,
    /// Extension modules of the working tree were copied into the worktrees.
    ExtensionModulesCopied,
    /// The project has a compiled part, and the worktrees hold no extension module.
    CompiledPartMissing,
    /// In an environment that was made for a side, the project itself is not installed.
    ProjectNotInstalled,
    /// A submodule is not in the worktrees.
    SubmoduleMissing,
    /// Files that git LFS stores elsewhere are in the worktrees as pointers to their content.
    LargeFilePointers,
    /// The project's configuration keeps benchmarks from being collected.
    Deselected,
    /// Something that had to be removed afterwards is still there.
    LeftBehind,
    /// The run ended before all replicates were done.
    StoppedEarly,
    /// There are no numbers at all; the message says why.
    NothingMeasured,
    /// A changed function that no benchmark runs.
    FunctionNotReached,
    /// No benchmark runs anything that changed.
    NoBenchmarkReaches,
    /// There is no breakdown by function, or only a part of it.
    NotProfiled,
    /// A regression that would have failed a gate did not show again.
    NotConfirmed,
    /// The time of a benchmark changed that runs nothing that changed while it is timed.
    ControlMoved,
    /// A part of a benchmark's change is not that of its changed functions.
    UnexplainedPart,
    /// An iteration is too short to be told from the loop around it.
    BelowResolution,
    /// Something else used the machine while it was measured.
    MachineBusy,
    /// Another run of deadheat measured on the same core at the same time.
    MeasuringCoreShared,
    /// The hypervisor gave a part of the measuring core's time to others.
    StolenTime,
    /// The processor slowed itself down because it was too hot.
    ThermalThrottling,
    /// The measuring core's frequency fell at times.
    FrequencyScaling,
    /// Setting the benchmarks up takes much longer than measuring them.
    ExpensiveSetup,
    /// Some process pairs are far from all others.
    StrayReplicates,
    /// The first call of a process changed in another way than the later ones, which the verdict is about.
    FirstCallDiffers,
    /// Calls use up what the test's own fixtures make: they are set up for each call.
    SetUpEachCall,
    /// A benchmark failed while replicates were added to what an earlier run measured of it.
    FailedLater,
    /// The benchmark returns something else on head than on base.
    OutputDiffers,
    /// What is timed returns something that would have to be consumed to do its work: the work is not timed.
    OutputNotConsumed,
    /// The calls change what the set-up made, which is made once in each process.
    SetupChanged,
    /// With the benchmarks of each side: this one's own code differs between them.
    BenchmarkDiffers,
    /// `deadheat micro` found something else of a changed function than this comparison.
    MicroDisagrees,
    /// The last kept commit is not an ancestor of head.
    AnotherHistory,
    /// The loop's files are tracked by git.
    RecordsTracked,
    /// A glob of `[tool.deadheat.thresholds]` names no benchmark.
    ThresholdUnused,
    /// No benchmark falls into this part of the suite.
    EmptyPartition,
    /// Parts of the suite are not among the reports that were merged.
    MissingShards,
}
