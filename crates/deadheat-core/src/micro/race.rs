//! The result of a race between more than two variants.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::report::Form;
use crate::model::{NextStep, Python, Warning};
use crate::race::{RaceAnswer, RaceCandidate};

/// The result. Its serde form is the JSON of `docs/reference.md`.
#[derive(Clone, Debug, PartialEq, JsonSchema, Serialize, Deserialize)]
pub struct MicroRace {
    pub schema_version: u32,
    pub form: Form,
    /// The target as typed.
    pub target: String,
    /// The full hash of the commit that is checked out; null outside a repository.
    pub base_commit: Option<String>,
    pub answer: RaceAnswer,
    pub candidates: Vec<RaceCandidate>,
    pub threshold_percent: f64,
    /// The largest difference that counts as a tie when the time is over.
    pub worth_percent: f64,
    /// The time that the whole command took.
    pub seconds: f64,
    pub pairs: usize,
    /// As in a race of refs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub replicates: Vec<Vec<Option<f64>>>,
    pub raced: Vec<String>,
    pub python: Option<Python>,
    pub pinned_core: Option<usize>,
    pub warnings: Vec<Warning>,
    pub next: Vec<NextStep>,
}
