//! The guard: a command that must still succeed on head for an experiment to be kept.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The guard of a recorded comparison, and its outcome.
#[derive(Clone, Debug, PartialEq, Eq, JsonSchema, Serialize, Deserialize)]
pub struct Guard {
    /// The argument of `sh -c`.
    pub command: String,
    pub outcome: GuardOutcome,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, JsonSchema, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GuardOutcome {
    Passed,
    Failed,
    /// The run ended before the guard did, or before it was started.
    Unfinished,
    /// Nothing improved, so there was nothing to keep.
    NotNeeded,
}
