//! Simulated runs on several machines.

use std::collections::BTreeSet;

use deadheat_core::judge::machines::{Estimates, agreements, estimates, outliers};
use deadheat_core::judge::sequential::Sampling;
use deadheat_core::model::{Clock, Order, Outlier, Replicate, Round, Sample};

use super::{Noise, Random};

pub(crate) const BENCHMARKS: usize = 24;
/// The process pairs of each machine when it is asked which of them is odd.
pub(crate) const ASKED_AT: [usize; 8] = [3, 5, 7, 10, 14, 20, 30, 45];

/// Machines of one kind.
#[derive(Clone)]
pub(crate) struct Machines {
    pub(crate) noise: Noise,
    /// For each machine, the logarithm of its bias, and how many times as much its replicates spread.
    pub(crate) each: Vec<(f64, f64)>,
    /// The part of the variance that the benchmarks of a process pair share.
    pub(crate) shared: f64,
    /// Whether benchmarks are settled one by one, so that later process pairs have fewer, and the last machine has
    /// a third of the process pairs.
    pub(crate) uneven: bool,
}

impl Machines {
    pub(crate) fn biased(&self) -> BTreeSet<u32> {
        let each = self.each.iter().enumerate();
        each.filter(|(_, (bias, _))| *bias != 0.0)
            .map(|(machine, _)| machine as u32)
            .collect()
    }
}

/// The machines that were named in a run, in order, each with the process pairs that every machine had by then.
pub(crate) fn named(machines: &Machines, random: &mut Random) -> Vec<(u32, usize, Outlier)> {
    let count = machines.each.len();
    let kinds = vec![0; count];
    let mut benchmarks: Vec<Vec<Replicate>> = vec![Vec::new(); BENCHMARKS];
    let mut found: Vec<(u32, usize, Outlier)> = Vec::new();
    let mut pairs = 0;
    for (look, &until) in ASKED_AT.iter().enumerate() {
        while pairs < until {
            for (machine, &(bias, spread)) in machines.each.iter().enumerate() {
                let is_named = found.iter().any(|(named, ..)| *named == machine as u32);
                if is_named || (machines.uneven && machine + 1 == count && !pairs.is_multiple_of(3)) {
                    continue;
                }
                let of_pair = machines.noise.draw(1, random)[0] * machines.shared.sqrt();
                let own = machines.noise.draw(BENCHMARKS, random);
                for (index, own) in own.into_iter().enumerate() {
                    if machines.uneven && pairs > 4 + 2 * index {
                        continue;
                    }
                    let noise = spread * (of_pair + own * (1.0 - machines.shared).sqrt());
                    let seed = (pairs * count + machine) as u32;
                    benchmarks[index].push(replicate(machine as u32, seed, bias + noise));
                }
            }
            pairs += 1;
        }
        let replicates = benchmarks.iter().map(Vec::as_slice);
        for (machine, outlier) in outliers(replicates, &kinds, look as u32 + 1) {
            found.push((machine, pairs, outlier));
            for replicates in &mut benchmarks {
                replicates.retain(|replicate| replicate.machine != Some(machine));
            }
        }
    }
    found
}

/// Returns a replicate with this logarithm of head/base.
pub(crate) fn replicate(machine: u32, seed: u32, log_ratio: f64) -> Replicate {
    let sample = |elapsed_ns: f64| Sample {
        elapsed_ns: elapsed_ns as u64,
        iterations: 1,
    };
    Replicate {
        seed,
        clock: Clock::Wall,
        machine: Some(machine),
        rounds: vec![Round {
            order: Order::BaseHead,
            base: sample(1e9),
            head: sample(1e9 * log_ratio.exp()),
        }],
    }
}

/// Kinds of machines: for each, the number of its replicates, their standard deviation, and the logarithm of its ratio.
pub(crate) type Kinds = [(usize, f64, f64)];

/// Returns the estimates of one benchmark at a single look.
pub(crate) fn of_kinds(kinds: &Kinds, random: &mut Random) -> Estimates {
    let values = kinds
        .iter()
        .enumerate()
        .flat_map(|(kind, &(count, deviation, center))| {
            let values = Noise::Normal(deviation).draw(count, random);
            values
                .into_iter()
                .map(move |value| (Some(kind as u32), center + value))
        });
    let values: Vec<_> = values.collect();
    estimates(&values, Sampling::Exactly(values.len()), 1).expect("there are enough replicates")
}

/// Returns in how many of the benchmarks of a run the kinds disagree.
pub(crate) fn disagreeing(kinds: &Kinds, random: &mut Random) -> usize {
    let rows: Vec<Estimates> = (0..BENCHMARKS).map(|_| of_kinds(kinds, random)).collect();
    let agreements = agreements(rows.iter());
    agreements
        .iter()
        .flatten()
        .filter(|agreement| !agreement.agree)
        .count()
}
