//! The domain's terms, each a type; `docs/glossary.md` has a line for each of them.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::output::{Difference, OutputCheck};

/// One of the two compared revisions.
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

/// A value for each side.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, JsonSchema, Serialize, Deserialize)]
pub struct PerSide<T> {
    pub base: T,
    pub head: T,
}

impl<T> PerSide<T> {
    pub fn new(base: T, head: T) -> Self {
        PerSide { base, head }
    }

    /// Gives both sides the same value.
    pub fn same(value: T) -> Self
    where
        T: Clone,
    {
        PerSide::new(value.clone(), value)
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

/// A revision as typed, and its commit.
#[derive(Clone, Debug, PartialEq, Eq, JsonSchema, Serialize, Deserialize)]
pub struct Revision {
    pub name: String,
    /// The full commit hash.
    pub commit: String,
    /// Whether uncommitted changes lie over the commit (`--working-tree`).
    pub dirty: bool,
}

/// The reason why a function is a target.
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
    /// Its own code is the same, but it reads something that differs once the modules are imported.
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
    /// The path relative to the repository, on the side that has the function: head, or base for a removed one.
    pub path: String,
    /// Python's `__qualname__`: `Class.method`, `outer.<locals>.inner`.
    pub qualname: String,
    /// `None` where the user named a function that did not change.
    pub change: Option<Change>,
    /// First and last line, decorators included, from 1.
    pub lines: (u32, u32),
    /// Detail on `change`: the place that it was moved from, the name that it reads.
    pub detail: Option<String>,
    /// The function's place on each side; `None` where the side does not have it.
    #[serde(default)]
    pub places: PerSide<Option<FunctionPlace>>,
    /// The benchmarks that are known to run it.
    pub reached_by: Vec<String>,
}

/// The place of a function on one side.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, JsonSchema, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FunctionPlace {
    /// Relative to the repository.
    pub path: String,
    pub qualname: String,
    /// The first line, decorators included, from 1.
    pub line: u32,
}

/// One timed batch of calls on one side.
#[derive(Clone, Copy, Debug, PartialEq, JsonSchema, Serialize, Deserialize)]
pub struct Sample {
    pub elapsed_ns: u64,
    /// The number of calls, at least 1.
    pub iterations: u64,
}

impl Sample {
    /// Returns the nanoseconds per iteration. A batch that was too short for the clock counts as half a tick, so that
    /// ratios stay finite.
    pub fn per_iteration_ns(&self) -> f64 {
        (self.elapsed_ns as f64).max(0.5) / self.iterations.max(1) as f64
    }
}

/// The order of the sides in a round.
#[derive(Clone, Copy, Debug, PartialEq, Eq, JsonSchema, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Order {
    BaseHead,
    HeadBase,
}

impl Order {
    /// Alternates base-head and head-base: the sides run as base, head, head, base, and over these four runs a steady
    /// drift cancels.
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

/// One benchmark's samples from one fresh pair of processes: the unit of all statistics.
#[derive(Clone, Debug, PartialEq, JsonSchema, Serialize, Deserialize)]
pub struct Replicate {
    /// Replicates of different benchmarks with the same seed come from the same two processes. It is the hash seed of
    /// both, unless they were forked: then the processes that they were forked from share one, which is not in the
    /// report.
    pub seed: u32,
    #[serde(default)]
    pub clock: Clock,
    pub pairs: Vec<Pair>,
}

/// The clock that times samples.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, JsonSchema, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Clock {
    /// Wall time, while the sides run in turn.
    #[default]
    Wall,
    /// The process's processor time, while both sides run on the same core at once.
    Processor,
}

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
    pub reason: Option<Reason>,
    /// Whether it is a control: it runs nothing that changed while it is timed, so that its number should not move.
    #[serde(default)]
    pub is_control: bool,
    /// The verdict's threshold, where it is not the common one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub threshold_percent: Option<f64>,
    /// Whether the test's own fixtures were set up for each call, because calls use them up.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub set_up_each_call: bool,
    /// The median time of the first call in a process, in nanoseconds, where it changed unlike the later ones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_call_ns: Option<PerSide<f64>>,
    /// Whether it was measured on all cores, because it uses several at once.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub several_cores: bool,
    /// The number of looks at the replicates on the way: each look has its share of the error rate.
    #[serde(default = "one_look")]
    pub looks: u32,
    /// The seconds that one more replicate would take; null where unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replicate_seconds: Option<f64>,
    /// The effort that would probably settle it; null where there is a verdict, and where nobody would wait for it.
    pub to_settle: Option<ToSettle>,
    /// Whether both sides return the same.
    #[serde(default)]
    pub output: OutputCheck,
    /// The place where they differ.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output_difference: Option<Difference>,
    /// The confirmation of a regression that would fail a gate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confirmation: Option<Confirmation>,
    /// In a merged report, the number of the part that measured it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shard: Option<u32>,
    pub replicates: Vec<Replicate>,
    /// The changed functions that it runs, the most expensive first.
    #[serde(default)]
    pub functions: Vec<FunctionComparison>,
    /// The part of the change, in nanoseconds, that is not these functions' own; null where nothing was profiled.
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
    /// Withdraws a regression that fresh replicates did not show.
    pub fn take_back(&mut self) {
        (self.verdict, self.reason) = (Verdict::Inconclusive, Some(Reason::NotConfirmed));
        // More of the replicates that were not confirmed would settle nothing.
        self.to_settle = None;
    }
}

/// The check of a regression by fresh replicates, which took no part in the verdict.
#[derive(Clone, Debug, PartialEq, JsonSchema, Serialize, Deserialize)]
pub struct Confirmation {
    pub estimate: Estimate,
    /// The one-sided p-value of the hypothesis that head is not slower.
    pub p_value: f64,
    pub confirmed: bool,
    pub replicates: Vec<Replicate>,
}

/// The further effort that an inconclusive verdict would probably take.
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
    /// Time between entering and leaving, outermost activations only; null where it is unknown.
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
    /// Nearly all of what was measured is the cost of measuring.
    MostlyProbe,
    /// This Python reports when the function starts, but not when it is suspended.
    CallsOnly,
    /// Stacks were switched behind Python's back (greenlets): times may have gone to the wrong function.
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
    /// The ratio of the total times; null where one side has none.
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
    /// The side where it went wrong, if it is only one.
    pub side: Option<Side>,
    pub reason: MissingReason,
    /// pytest's message, or ours.
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

    /// Limits the warning to this benchmark.
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
    /// The benchmark's fixtures cannot be set up on both sides at once, so the sides were measured one after the other.
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
    /// One side's pytest settings are also in the other's worktree, which could not collect its benchmarks otherwise.
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
    /// The project itself is not installed in the environment that was made for a side.
    ProjectNotInstalled,
    /// A submodule is not in the worktrees.
    SubmoduleMissing,
    /// Files that git LFS stores elsewhere are in the worktrees as pointers to their content.
    LargeFilePointers,
    /// The project's configuration keeps benchmarks from being collected.
    Deselected,
    /// Something that should have been removed afterwards is still there.
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
    /// The time of a control changed: a benchmark that runs nothing that changed while it is timed.
    ControlMoved,
    /// A part of a benchmark's change does not come from its changed functions.
    UnexplainedPart,
    /// An iteration is too short to distinguish from the loop around it.
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
    /// The first call of a process changed unlike the later ones, which the verdict is about.
    FirstCallDiffers,
    /// Calls use up what the test's own fixtures make, so the fixtures are set up for each call.
    SetUpEachCall,
    /// A benchmark failed while replicates were added to those of an earlier run.
    FailedLater,
    /// The benchmark returns something else on head than on base.
    OutputDiffers,
    /// The timed code returns something that does its work only when consumed: the work is not timed.
    OutputNotConsumed,
    /// The calls change what the set-up made; it runs once in each process.
    SetupChanged,
    /// Each side runs its own benchmarks, and this one's own code differs between them.
    BenchmarkDiffers,
    /// `deadheat micro` disagrees with this comparison about a changed function.
    MicroDisagrees,
    /// The last kept commit is not an ancestor of head.
    AnotherHistory,
    /// The loop's files are tracked by git.
    RecordsTracked,
    /// A glob of `[tool.deadheat.thresholds]` matches no benchmark.
    ThresholdUnused,
    /// No benchmark falls into this part of the suite.
    EmptyPartition,
    /// Parts of the suite are not among the merged reports.
    MissingShards,
}
