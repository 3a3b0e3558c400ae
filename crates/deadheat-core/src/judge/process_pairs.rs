//! Process pairs of several machines, and how much the machines differ by them.

use std::collections::BTreeMap;

use statrs::distribution::ContinuousCDF;

use super::many_machines::LEAST_VARIANCE;
use super::stats::{self, FEWEST_REPLICATES};
use crate::model::Replicate;

/// The smallest logarithm of a ratio to the other machines that is worth naming a machine: half a percent.
pub(super) const TRIFLE: f64 = 0.005;

/// Returns the probability that Student's t exceeds `distance / error`.
pub(super) fn tail(distance: f64, error: f64, degrees: usize) -> f64 {
    match distance > 0.0 {
        // Without any spread the quotient is infinite, and nothing exceeds it.
        true => stats::t_distribution(degrees).sf(distance / error),
        false => 0.5,
    }
}

/// The log ratios of process pairs.
pub(super) struct ProcessPairs {
    pub(super) benchmarks: usize,
    /// For each machine, its process pairs: a value for each benchmark.
    pub(super) machines: Vec<Vec<Vec<Option<f64>>>>,
}

/// The process pairs of one or several machines, compared with their means.
pub(super) struct Group {
    /// For each benchmark, the number of values, and their mean.
    pub(super) counts: Vec<f64>,
    pub(super) means: Vec<f64>,
    /// For each process pair, how far each benchmark moves the mean, and its weight in it.
    pub(super) parts: Vec<(Vec<f64>, Vec<f64>)>,
}

/// The difference of two groups of machines, in logarithms.
pub(super) struct Difference {
    pub(super) center: f64,
    pub(super) error: f64,
    pub(super) degrees: usize,
}

impl Difference {
    /// Returns the one-sided p-value of the hypothesis that the difference is no more than a trifle in this direction.
    pub(super) fn p_beyond(&self, direction: f64) -> f64 {
        let distance = direction * self.center - TRIFLE;
        match distance > 0.0 {
            true => tail(distance, self.error, self.degrees),
            false => 1.0,
        }
    }
}

impl ProcessPairs {
    pub(super) fn of<'a>(benchmarks: impl Iterator<Item = &'a [Replicate]>, machines: usize) -> Self {
        let mut pairs: Vec<BTreeMap<u32, Vec<Option<f64>>>> = vec![BTreeMap::new(); machines];
        let mut count = 0;
        for replicates in benchmarks {
            for replicate in replicates {
                let machine = replicate.machine.map(|machine| machine as usize);
                if let Some(machine) = machine.and_then(|machine| pairs.get_mut(machine)) {
                    let values = machine.entry(replicate.seed).or_default();
                    values.resize(count + 1, None);
                    values[count] = stats::log_ratio(replicate);
                }
            }
            count += 1;
        }
        let padded = |mut values: Vec<Option<f64>>| {
            values.resize(count, None);
            values
        };
        ProcessPairs {
            benchmarks: count,
            machines: pairs
                .into_iter()
                .map(|pairs| pairs.into_values().map(padded).collect())
                .collect(),
        }
    }

    /// Returns the kinds with at least two machines that have enough process pairs to compare, with these machines.
    pub(super) fn of_kinds(&self, kinds: &[u32]) -> BTreeMap<u32, Vec<usize>> {
        let mut found: BTreeMap<u32, Vec<usize>> = BTreeMap::new();
        for (machine, kind) in kinds.iter().enumerate() {
            if self.machines[machine].len() >= FEWEST_REPLICATES {
                found.entry(*kind).or_default().push(machine);
            }
        }
        found.retain(|_, machines| machines.len() > 1);
        found
    }

    pub(super) fn group(&self, machines: &[usize]) -> Group {
        let pairs = || machines.iter().flat_map(|&machine| &self.machines[machine]);
        let mut counts = vec![0.0_f64; self.benchmarks];
        let mut means = counts.clone();
        for values in pairs() {
            for (benchmark, value) in values.iter().enumerate() {
                if let Some(value) = value {
                    counts[benchmark] += 1.0;
                    means[benchmark] += value;
                }
            }
        }
        for (mean, count) in means.iter_mut().zip(&counts) {
            *mean /= count.max(1.0);
        }
        let parts = pairs().map(|values| {
            let (mut moves, mut weights) = (vec![0.0; self.benchmarks], vec![0.0; self.benchmarks]);
            for (benchmark, value) in values.iter().enumerate() {
                let count: f64 = counts[benchmark];
                // A single value has no spread, and would look exact.
                if let Some(value) = value.filter(|_| count > 1.0) {
                    weights[benchmark] = 1.0 / count;
                    moves[benchmark] = (value - means[benchmark]) / count * (count / (count - 1.0)).sqrt();
                }
            }
            (moves, weights)
        });
        Group {
            parts: parts.collect(),
            counts,
            means,
        }
    }

    /// Returns the precision of each benchmark: the inverse of its variance within a machine.
    pub(super) fn weights(&self, machines: &[usize]) -> Vec<f64> {
        let (mut squares, mut degrees) = (vec![0.0; self.benchmarks], vec![0.0; self.benchmarks]);
        for &machine in machines {
            let Group { counts, means, .. } = self.group(&[machine]);
            for values in &self.machines[machine] {
                for (benchmark, value) in values.iter().enumerate() {
                    squares[benchmark] += value.map_or(0.0, |value| (value - means[benchmark]).powi(2));
                }
            }
            for (degrees, count) in degrees.iter_mut().zip(counts) {
                *degrees += f64::max(count - 1.0, 0.0);
            }
        }
        let precision = |(squares, degrees): (f64, f64)| match degrees > 0.0 {
            true => 1.0 / (squares / degrees).max(LEAST_VARIANCE),
            false => 0.0,
        };
        squares.into_iter().zip(degrees).map(precision).collect()
    }
}

impl Group {
    /// Returns the difference of two groups: the mean of the benchmarks' differences, weighted by their precision. Its
    /// error comes from the residuals of process pairs, each the sum over its benchmarks, and its degrees of freedom
    /// are those of the group with fewer pairs.
    pub(super) fn minus(&self, other: &Group, weights: &[f64]) -> Option<Difference> {
        let counts = self.counts.iter().zip(&other.counts);
        let mut shares: Vec<f64> = counts
            .zip(weights)
            .map(|((&one, &other), weight)| match one > 1.0 && other > 1.0 {
                true => weight * one * other / (one + other),
                false => 0.0,
            })
            .collect();
        let sum: f64 = shares.iter().sum();
        if sum <= 0.0 {
            return None;
        }
        shares.iter_mut().for_each(|share| *share /= sum);
        let of_shares = |values: &[f64]| -> f64 {
            shares
                .iter()
                .zip(values)
                .map(|(share, value)| share * value)
                .sum()
        };
        let (mut variance, mut degrees) = (0.0, f64::INFINITY);
        for group in [self, other] {
            let mut squares = 0.0;
            for (moves, weights) in &group.parts {
                variance += of_shares(moves).powi(2);
                squares += of_shares(weights).powi(2);
            }
            // Ten pairs of the same weight are ten, and benchmarks that have two values each count like two.
            degrees = f64::min(degrees, of_shares(&group.counts).min(1.0 / squares) - 1.0);
        }
        // Rounding must not take one away.
        let degrees = (degrees + 1e-9).floor() as usize;
        (degrees > 0).then(|| Difference {
            center: of_shares(&self.means) - of_shares(&other.means),
            error: variance.sqrt(),
            degrees,
        })
    }
}
