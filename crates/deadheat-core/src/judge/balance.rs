//! A suite cut into parts by the seconds that its benchmarks took in an earlier run. Every machine must compute the same
//! cut, so everything is a whole number of nanoseconds.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

use sha2::{Digest, Sha256};

use crate::model::{Comparison, Report};

/// The nanoseconds that each benchmark of a report took on its machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Costs(BTreeMap<String, u64>);

impl Costs {
    /// Returns the times of the report's benchmarks; `None` if it has none.
    ///
    /// A benchmark costs its replicates, without the start of their processes, which all benchmarks of a part share. A
    /// report without samples does not tell the two apart: there, it costs one replicate with that start.
    pub fn of(report: &Report) -> Option<Self> {
        let mut startups: BTreeMap<Option<u32>, f64> = BTreeMap::new();
        let known = report
            .comparisons
            .iter()
            .filter_map(|row| Some((row.part, around(row)?)));
        for (part, seconds) in known {
            let shortest = startups.entry(part).or_insert(seconds);
            *shortest = shortest.min(seconds);
        }
        let cost = |row: &Comparison| {
            let replicates = row.replicates.len() as f64;
            let seconds = match (row.replicate_seconds, startups.get(&row.part)) {
                (Some(seconds), None) => seconds,
                (Some(seconds), Some(startup)) if replicates > 0.0 => replicates * (seconds - startup),
                _ if replicates > 0.0 => inside(row),
                _ => return None,
            };
            // None is free, or one part would get all of those.
            Some((row.benchmark.clone(), ((seconds * 1e9) as u64).max(1)))
        };
        let costs: BTreeMap<String, u64> = report.comparisons.iter().filter_map(cost).collect();
        (!costs.is_empty()).then_some(Costs(costs))
    }

    /// Returns a digest of all benchmarks and their times.
    pub fn digest(&self) -> String {
        let mut digest = Sha256::new();
        for (benchmark, cost) in &self.0 {
            digest.update(format!("{}\0{benchmark}\0{cost}\n", benchmark.len()));
        }
        let bytes = digest.finalize();
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// Returns the number of each benchmark's part, in the order of `suite`: the longest benchmark first, each into the
    /// part that has the least so far (Graham 1969). Of equal benchmarks, the first id goes first; of equal parts, the
    /// first number.
    pub fn cut(&self, suite: &[String], of: u32) -> Vec<u32> {
        let usual = self.median();
        let mut order: Vec<(Reverse<u64>, &str, usize)> = suite
            .iter()
            .enumerate()
            .map(|(position, id)| (Reverse(self.cost(id, usual)), id.as_str(), position))
            .collect();
        order.sort_unstable();
        let mut parts: BinaryHeap<Reverse<(u128, u32)>> =
            (1..=of).map(|number| Reverse((0, number))).collect();
        let mut numbers = vec![0; suite.len()];
        for (Reverse(cost), _, position) in order {
            if let Some(Reverse((load, number))) = parts.pop() {
                numbers[position] = number;
                parts.push(Reverse((load + u128::from(cost), number)));
            }
        }
        numbers
    }

    /// Returns the number of average benchmarks that take as long as these.
    pub fn weight(&self, benchmarks: &[String]) -> f64 {
        let usual = self.median();
        let total = |costs: &mut dyn Iterator<Item = u64>| costs.map(|cost| cost as f64).sum::<f64>();
        let mean = total(&mut self.0.values().copied()) / self.0.len() as f64;
        total(&mut benchmarks.iter().map(|id| self.cost(id, usual))) / mean
    }

    /// Returns the time of a benchmark; one that the report lacks takes the `usual` one.
    fn cost(&self, benchmark: &str, usual: u64) -> u64 {
        self.0.get(benchmark).copied().unwrap_or(usual)
    }

    fn median(&self) -> u64 {
        let mut costs: Vec<u64> = self.0.values().copied().collect();
        costs.sort_unstable();
        costs[(costs.len() - 1) / 2]
    }
}

/// Returns the seconds inside a benchmark's samples.
fn inside(row: &Comparison) -> f64 {
    let rounds = row.replicates.iter().flat_map(|replicate| &replicate.rounds);
    let ns = rounds.map(|round| round.base.elapsed_ns as f64 + round.head.elapsed_ns as f64);
    ns.sum::<f64>() / 1e9
}

/// Returns the seconds of a replicate outside the benchmark's samples: the start of the processes, which is the same for
/// all benchmarks of a run, and the benchmark's own set-up.
fn around(row: &Comparison) -> Option<f64> {
    let replicates = row.replicates.len();
    let seconds = row.replicate_seconds.filter(|_| replicates > 0)?;
    Some((seconds - inside(row) / replicates as f64).max(0.0))
}

#[cfg(test)]
mod tests;
