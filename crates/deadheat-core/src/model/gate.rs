//! The conditions that end a run with exit code 1.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::comparison::Comparison;
use super::verdict::Verdict;
use crate::output::OutputCheck;

/// A condition that ends a run with exit code 1. Any of them also implies `Failed`.
#[derive(Clone, Copy, Debug, PartialEq, JsonSchema, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "what")]
pub enum Gate {
    /// A benchmark that became slower, by at least this many percent.
    Regression { percent: Option<f64> },
    /// A benchmark that ran on base and fails on head.
    Failed,
    /// A benchmark that returns a different value on head than on base.
    OutputChange,
    /// A benchmark without a verdict.
    Inconclusive,
}

impl Gate {
    /// Whether this row fails the gate.
    pub fn is_failed_by(self, comparison: &Comparison) -> bool {
        match self {
            Gate::Regression { percent } => {
                let least = 1.0 + percent.unwrap_or(0.0) / 100.0;
                comparison.verdict == Verdict::Regressed && comparison.estimate.point_estimate >= least
            }
            Gate::OutputChange => comparison.output == OutputCheck::Different,
            Gate::Inconclusive => comparison.verdict == Verdict::Inconclusive,
            Gate::Failed => false,
        }
    }
}

impl fmt::Display for Gate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Gate::Regression { percent: None } => f.write_str("regression"),
            Gate::Regression {
                percent: Some(percent),
            } => write!(f, "regression:{percent}"),
            Gate::Failed => f.write_str("failed"),
            Gate::OutputChange => f.write_str("output-change"),
            Gate::Inconclusive => f.write_str("inconclusive"),
        }
    }
}
