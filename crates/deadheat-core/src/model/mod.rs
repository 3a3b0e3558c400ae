//! The domain's terms, each a type; `docs/glossary.md` has a line for each of them.

mod comparison;
mod function;
mod gate;
mod guard;
mod machine;
mod missing;
mod next;
mod part;
mod report;
mod resource;
mod sample;
mod settings;
mod side;
mod status;
mod target;
mod verdict;
mod warning;

pub use comparison::{Agreement, Comparison, Confirmation, KindEstimate, SideTime, ToSettle};
pub use function::{CallProfile, FunctionComparison, ProfileNote};
pub use gate::Gate;
pub use guard::{Guard, GuardOutcome};
pub use machine::{Machine, MachineKind, MeasuringMachine, Outlier, Python, kind_among, kind_of};
pub use missing::{Missing, MissingReason};
pub use next::{Action, NextStep};
pub use part::{Cut, Part, part_of};
pub use report::{
    Controls, Counts, MergedPart, Noise, Plan, Recorded, Report, SCHEMA_VERSION, Selection, SelectionRule,
    Summary,
};
pub use resource::{Resource, ResourceComparison};
pub use sample::{Clock, Order, Replicate, Round, Sample};
pub use settings::{Balance, BenchmarksFrom, Environments, Settings};
pub use side::{PerSide, Revision, Side};
pub use status::Status;
pub use target::{Change, FunctionPlace, TargetFunction};
pub use verdict::{ConfidenceInterval, Estimate, Judged, OpenReason, Verdict};
pub use warning::{Warning, WarningCode};
