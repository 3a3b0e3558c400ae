//! The looks at the replicates: when they are due, and which benchmarks are settled by them.

use std::collections::{BTreeMap, BTreeSet};

use deadheat_core::judge::sequential::{Sampling, is_settled, may_settle};
use deadheat_core::judge::stats;

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
    let rows = || {
        benchmarks
            .iter()
            .map(|(benchmark, rounds)| (benchmark.as_str(), rounds))
    };
    let settled = rows().zip(settled_among(rows(), stopping));
    settled
        .filter(|(_, is_settled)| *is_settled)
        .map(|((benchmark, _), _)| benchmark.to_owned())
        .collect()
}

/// Returns for each benchmark whether it has its verdict, with a correction over all benchmarks.
pub(crate) fn settled_among<'a>(
    benchmarks: impl Iterator<Item = (&'a str, &'a ReplicateSet)>,
    stopping: &Stopping,
) -> Vec<bool> {
    let rows: Vec<(&str, &ReplicateSet)> = benchmarks.collect();
    // Benchmarks without a look also count.
    let p_value = |rounds: &ReplicateSet| rounds.estimate.map_or(1.0, |estimate| estimate.p_value);
    let p_values: Vec<f64> = rows.iter().map(|(_, rounds)| p_value(rounds)).collect();
    let survives = stats::survives_correction(&p_values);
    let is_settled = |((benchmark, rounds), survives): (&(&str, &ReplicateSet), bool)| {
        let Some(estimate) = &rounds.estimate else {
            return false;
        };
        may_settle(estimate, rounds.looked_at)
            && match stopping.goal {
                Goal::Verdict => is_settled(estimate, stopping.thresholds.of(benchmark), survives),
                Goal::Decision(worth) => worth.decide(estimate).is_some(),
            }
    };
    rows.iter().zip(survives).map(is_settled).collect()
}
