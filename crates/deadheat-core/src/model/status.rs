//! The outcome of an experiment in an optimisation loop.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The outcome of an experiment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, JsonSchema, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Something improved, and nothing regressed.
    Keep,
    /// Nothing improved.
    Discard,
    /// Both: the user decides.
    Mixed,
    /// The guard failed on head: it is not kept, however fast it is.
    ChecksFailed,
}

impl Status {
    pub const ALL: [Status; 4] = [Status::Keep, Status::Discard, Status::Mixed, Status::ChecksFailed];

    /// Parses a status as files and users write it.
    pub fn parse(text: &str) -> Option<Self> {
        let is = |status: &Status| text.trim().eq_ignore_ascii_case(&status.to_string());
        Status::ALL.into_iter().find(is)
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Status::Keep => "keep",
            Status::Discard => "discard",
            Status::Mixed => "mixed",
            Status::ChecksFailed => "checks_failed",
        })
    }
}
