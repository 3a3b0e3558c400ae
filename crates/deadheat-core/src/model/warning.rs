//! Reasons to doubt the data.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

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
    /// The processes could not be pinned to a core: no error rate is claimed for the verdicts.
    NotPinned,
    /// Only one core: the driver shares it with the measured processes.
    SharedCore,
    /// The benchmark's fixtures cannot be set up on both sides at the same time, so the sides were measured
    /// one after the other.
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
    /// No benchmark runs changed code.
    NoBenchmarkReaches,
    /// The working tree has changes in the code that are not committed, and are not measured.
    Uncommitted,
    /// There is no breakdown by function, or only a part of it.
    NotProfiled,
    /// Fresh replicates did not confirm a regression that would have failed a gate.
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
    /// Kinds of machines, or machines of one kind, have different results.
    MachinesDisagree,
    /// A machine's results are unlike those of the others of its kind, and do not count.
    MachineOutlier,
    /// Setting the benchmarks up takes much longer than measuring them.
    ExpensiveSetup,
    /// Some process pairs are far from all others.
    StrayReplicates,
    /// The first call of a process changed unlike the later ones, which the verdict is about.
    FirstCallDiffers,
    /// Calls use up the values of the test's own fixtures, so the fixtures are set up for each call.
    SetUpEachCall,
    /// A benchmark failed while replicates were added to those of an earlier run.
    FailedLater,
    /// The benchmark returns a different value on head than on base.
    OutputDiffers,
    /// The timed code returns something that does its work only when consumed: the work is not timed.
    OutputNotConsumed,
    /// The calls change values of the set-up, which runs once in each process.
    SetupChanged,
    /// The call that `deadheat micro` times runs the compared function on neither side.
    FunctionNotCalled,
    /// Other files changed than the one whose function `deadheat micro` compares: their effect is not in its answer.
    OtherFilesChanged,
    /// Each side runs its own benchmarks, and this one's own code differs between them.
    BenchmarkDiffers,
    /// `deadheat micro` disagrees with this comparison about a changed function.
    MicroDisagrees,
    /// The guard failed on head, so the experiment is not kept.
    GuardFailed,
    /// The last kept commit is not an ancestor of head.
    AnotherHistory,
    /// The loop's files are tracked by git.
    RecordsTracked,
    /// A glob of `[tool.deadheat.thresholds]` matches no benchmark.
    ThresholdUnused,
    /// No benchmark falls into this part of the suite.
    #[serde(rename = "empty_partition")]
    EmptyPart,
    /// Parts of the suite are not among the merged reports.
    #[serde(rename = "missing_shards")]
    MissingParts,
}

impl WarningCode {
    /// Whether it is about the machine and what else ran on it, not about the code.
    pub fn is_about_machine(self) -> bool {
        matches!(
            self,
            WarningCode::NotPinned
                | WarningCode::SharedCore
                | WarningCode::MachineBusy
                | WarningCode::MeasuringCoreShared
                | WarningCode::StolenTime
                | WarningCode::ThermalThrottling
                | WarningCode::FrequencyScaling
                | WarningCode::MachinesDisagree
                | WarningCode::MachineOutlier
        )
    }
}
