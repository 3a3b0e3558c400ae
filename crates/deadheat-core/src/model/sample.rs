//! The measurements of a process pair.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::side::Side;

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

/// One visit to both sides: a sample of each.
#[derive(Clone, Copy, Debug, PartialEq, JsonSchema, Serialize, Deserialize)]
pub struct Round {
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
    /// The machine that measured it, as its place in the report's `machines`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub machine: Option<u32>,
    #[serde(rename = "pairs")]
    pub rounds: Vec<Round>,
}

impl Replicate {
    /// Returns the kind of the machine that measured it; `kinds` has the kind of each machine.
    pub fn kind(&self, kinds: &[u32]) -> Option<u32> {
        kinds.get(self.machine? as usize).copied()
    }
}

/// The clock that times samples.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, JsonSchema, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Clock {
    /// Wall time, while the sides run in turn.
    #[default]
    Wall,
    /// The process's processor time, while both sides run on the same core at the same time.
    Processor,
}
