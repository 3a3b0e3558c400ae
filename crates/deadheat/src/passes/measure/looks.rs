//! The looks at the replicates: when they are due, and which benchmarks are settled by them.

use std::collections::{BTreeMap, BTreeSet};

use deadheat_core::judge::sequential::{Sampling, is_settled, may_settle};
use deadheat_core::judge::stats::{self, LogEstimate};

use crate::passes::measure::goal::{Goal, Stopping};
use crate::passes::measure::replicate_set::ReplicateSet;

/// Looks at the benchmarks that have enough replicates for their next look.
pub(crate) fn look_where_it_is_due(benchmarks: &mut BTreeMap<String, ReplicateSet>, sampling: Sampling) {
    for rounds in benchmarks.values_mut() {
        if rounds.replicates.len() >= sampling.replicates_at(rounds.looks + 1) {
            rounds.look(sampling);
        }
    }
}

/// Looks at the benchmarks that have more replicates since their last look: the end of a run is also a look.
pub(crate) fn look_at_the_rest(benchmarks: &mut BTreeMap<String, ReplicateSet>, sampling: Sampling) {
    for rounds in benchmarks.values_mut() {
        if rounds.replicates.len() > rounds.looked_at {
            rounds.look(sampling);
        }
    }
}

/// Returns the benchmarks that have their verdicts, with a correction over all benchmarks.
pub(crate) fn settled(benchmarks: &BTreeMap<String, ReplicateSet>, stopping: &Stopping) -> BTreeSet<String> {
    let estimates: Vec<(&String, &ReplicateSet, LogEstimate)> = benchmarks
        .iter()
        .filter_map(|(benchmark, rounds)| Some((benchmark, rounds, rounds.estimate?)))
        .collect();
    let mut p_values: Vec<f64> = estimates
        .iter()
        .map(|(_, _, estimate)| estimate.p_value)
        .collect();
    // Benchmarks without a look also count.
    p_values.resize(benchmarks.len(), 1.0);
    let survives = stats::survives_correction(&p_values);
    let decided = estimates
        .iter()
        .zip(survives)
        .filter(|((_, rounds, estimate), _)| may_settle(estimate, rounds.looked_at))
        .filter(|((benchmark, _, estimate), survives)| match stopping.goal {
            Goal::Verdict => is_settled(estimate, stopping.thresholds.of(benchmark), *survives),
            Goal::Decision(worth) => worth.decide(estimate).is_some(),
        });
    decided
        .map(|((benchmark, _, _), _)| (*benchmark).clone())
        .collect()
}
