//! The functions that a difference touches.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::side::PerSide;

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
    /// `None` if the user named a function that did not change.
    pub change: Option<Change>,
    /// First and last line, decorators included, from 1.
    pub lines: (u32, u32),
    /// Detail on `change`: the place that it was moved from, the name that it reads.
    pub detail: Option<String>,
    /// The function's place on each side; `None` if the side does not have it.
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
