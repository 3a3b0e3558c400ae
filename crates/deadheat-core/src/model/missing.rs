//! Benchmarks that were not measured.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::side::Side;

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
