//! Outliers among many machines, which have too few benchmarks in common to be compared two by two.

use std::collections::BTreeMap;

use super::stats::{self, LogEstimate};
use crate::model::{Outlier, Replicate};

/// The smallest variance that weighs a benchmark, so that one whose times never vary is not the only one that counts.
pub(super) const LEAST_VARIANCE: f64 = 1e-8;
/// The fewest process pairs of a machine that can be named.
const FEWEST_PAIRS: usize = 5;
/// The fewest other machines whose median stands for a benchmark.
const FEWEST_OTHERS: usize = 2;

/// Returns the machines whose results are unlike the others' of their kind, each at the level `error` and by more than
/// `trifle`, in logarithms; `kinds` has the kind of each machine, or `None` for those that are not asked about.
///
/// The unit is a process pair: the mean distance of its benchmarks from the median of the other machines. The median
/// is not moved by a minority of outliers. A machine's pairs are tested against no distance, by Student's t.
pub(super) fn outliers<'a>(
    benchmarks: impl Iterator<Item = &'a [Replicate]>,
    kinds: &[Option<u32>],
    error: f64,
    trifle: f64,
) -> Vec<(u32, Outlier)> {
    let mut pairs: BTreeMap<(u32, u32), Distance> = BTreeMap::new();
    for replicates in benchmarks {
        let mut by_kind: BTreeMap<u32, Vec<(u32, u32, f64)>> = BTreeMap::new();
        for replicate in replicates {
            let machine = replicate.machine.unwrap_or(u32::MAX);
            let kind = kinds.get(machine as usize).copied().flatten();
            if let Some((kind, value)) = kind.zip(stats::log_ratio(replicate)) {
                by_kind
                    .entry(kind)
                    .or_default()
                    .push((machine, replicate.seed, value));
            }
        }
        for values in by_kind.into_values() {
            add_distances(&values, &mut pairs);
        }
    }
    let mut machines: BTreeMap<u32, Vec<f64>> = BTreeMap::new();
    for ((machine, _), distance) in pairs {
        machines.entry(machine).or_default().push(distance.mean());
    }
    let odd = |(machine, distances): (&u32, &Vec<f64>)| {
        let outlier = outlier(distances, error, trifle)?;
        Some((*machine, outlier))
    };
    let found: Vec<(u32, Outlier)> = machines.iter().filter_map(odd).collect();
    let is_of = |kind: Option<u32>| move |machine: &&u32| kinds[**machine as usize] == kind;
    let is_minority = |(machine, _): &(u32, Outlier)| {
        let kind = kinds[*machine as usize];
        let odd = found
            .iter()
            .map(|(machine, _)| machine)
            .filter(is_of(kind))
            .count();
        2 * odd < machines.keys().filter(is_of(kind)).count()
    };
    found.iter().filter(|one| is_minority(one)).copied().collect()
}

/// The sum of weighted distances, and of the weights.
#[derive(Default)]
struct Distance {
    sum: f64,
    weight: f64,
}

impl Distance {
    fn mean(&self) -> f64 {
        self.sum / self.weight
    }
}

/// Adds the distances of one benchmark's values, each with its machine and seed.
fn add_distances(values: &[(u32, u32, f64)], pairs: &mut BTreeMap<(u32, u32), Distance>) {
    let center = stats::median(values.iter().map(|(.., value)| *value)).unwrap_or_default();
    let spread = stats::median(values.iter().map(|(.., value)| (value - center).abs())).unwrap_or_default();
    let weight = 1.0 / (spread * spread).max(LEAST_VARIANCE);
    for &(machine, seed, value) in values {
        let others = || values.iter().filter(|(other, ..)| *other != machine);
        if others().count() < FEWEST_OTHERS {
            continue;
        }
        if let Some(median) = stats::median(others().map(|(.., value)| *value)) {
            let distance = pairs.entry((machine, seed)).or_default();
            distance.sum += weight * (value - median);
            distance.weight += weight;
        }
    }
}

fn outlier(distances: &[f64], error: f64, trifle: f64) -> Option<Outlier> {
    if distances.len() < FEWEST_PAIRS {
        return None;
    }
    let LogEstimate {
        center, half_width, ..
    } = stats::estimate_with_error(distances, error)?;
    (center.abs() - half_width >= trifle).then(|| Outlier {
        ratio: center.exp(),
        lower: (center - half_width).exp(),
        upper: (center + half_width).exp(),
        replicates: distances.len(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Clock, Order, Round, Sample};

    const MACHINES: u32 = 200;

    /// Returns the replicates of 6,000 benchmarks, ten of each, by machines in turn; `bias` is a machine's.
    fn benchmarks(seed: u64, bias: &dyn Fn(u32) -> f64) -> Vec<Vec<Replicate>> {
        let mut state = seed;
        let mut random = || {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (state >> 40) as f64 / f64::from(1 << 24) - 0.5
        };
        let sample = |ns: f64| Sample {
            elapsed_ns: ns as u64,
            iterations: 1,
        };
        let mut replicate = |benchmark: u32, number: u32| {
            // Twenty benchmarks share a process pair.
            let machine = (benchmark / 20 * 7 + number * 11) % MACHINES;
            let noise = 0.05 * (random() + random() + random());
            Replicate {
                seed: benchmark / 20 * 100 + number,
                clock: Clock::Wall,
                machine: Some(machine),
                rounds: vec![Round {
                    order: Order::BaseHead,
                    base: sample(1e9),
                    head: sample(1e9 * (bias(machine) + noise).exp()),
                }],
            }
        };
        (0..6_000)
            .map(|benchmark| (0..10).map(|number| replicate(benchmark, number)).collect())
            .collect()
    }

    fn named(benchmarks: &[Vec<Replicate>]) -> Vec<u32> {
        let kinds = vec![Some(0); MACHINES as usize];
        let all = benchmarks.iter().map(Vec::as_slice);
        let found = outliers(all, &kinds, 0.0005 / f64::from(MACHINES), 0.005);
        found.into_iter().map(|(machine, _)| machine).collect()
    }

    #[test]
    fn biased_machines_are_named_and_sound_ones_are_not() {
        for seed in 0..5 {
            assert_eq!(named(&benchmarks(seed, &|_| 0.0)), Vec::<u32>::new());
            let biased = |machine| if machine % 50 == 3 { 0.05 } else { 0.0 };
            assert_eq!(named(&benchmarks(seed, &biased)), [3, 53, 103, 153]);
        }
    }
}
