//! Replicates from several machines: whether their kinds agree, and which machine is unlike the others.

use std::collections::{BTreeMap, BTreeSet};

use super::many_machines;
use super::process_pairs::{Group, ProcessPairs, TRIFLE, tail};
use super::sequential::{Sampling, is_settled};
use super::stats::{self, ERROR_RATE, FEWEST_REPLICATES, LogEstimate, Threshold};
use crate::model::{Agreement, KindEstimate, OpenReason, Outlier, Replicate, Verdict};

/// The probability that any sound machine of a run is named.
const NAMED_WRONGLY: f64 = 0.001;
/// The process pairs times benchmarks up to which machines are compared two by two: beyond, that takes minutes, and two
/// machines seldom have benchmarks in common.
const MOST_CELLS: usize = 1_000_000;
/// The fewest machines of a kind of which one can be named: if two disagree, either may be the odd one.
pub(super) const FEWEST_MACHINES: usize = 3;

/// The estimates of a row: of all of its replicates, and of each kind of machine.
#[derive(Clone, Debug, PartialEq)]
pub struct Estimates {
    pub together: LogEstimate,
    /// The kind, the number of its replicates, and its estimate, of at least two kinds; otherwise empty.
    pub by_kind: Vec<(u32, usize, LogEstimate)>,
    /// The p-value of the hypothesis that the kinds have the same ratio, of all looks together; 1 if there is only one.
    pub difference_p: f64,
}

/// Returns each replicate's logarithm of the ratio, with the kind of its machine; `kinds` has the kind of each, and is empty
/// for a run on one machine.
pub fn log_ratios(replicates: &[Replicate], kinds: &[u32]) -> Vec<(Option<u32>, f64)> {
    let values = replicates
        .iter()
        .filter_map(|replicate| Some((replicate.kind(kinds), stats::log_ratio(replicate)?)));
    values.collect()
}

/// Returns the estimates of a look at logarithms of ratios, each with the kind of its machine.
pub fn estimates(values: &[(Option<u32>, f64)], sampling: Sampling, look: u32) -> Option<Estimates> {
    let all: Vec<f64> = values.iter().map(|(_, value)| *value).collect();
    let together = sampling.estimate(&all, look)?;
    let mut of_kinds: BTreeMap<u32, Vec<f64>> = BTreeMap::new();
    for &(kind, value) in values {
        if let Some(kind) = kind {
            of_kinds.entry(kind).or_default().push(value);
        }
    }
    of_kinds.retain(|_, values| values.len() >= FEWEST_REPLICATES);
    if of_kinds.len() < 2 {
        return Some(Estimates {
            together,
            by_kind: Vec::new(),
            difference_p: 1.0,
        });
    }
    let by_kind = of_kinds.iter().filter_map(|(&kind, values)| {
        let estimate = sampling.estimate_among(values, look, of_kinds.len())?;
        Some((kind, values.len(), estimate))
    });
    let groups: Vec<&[f64]> = of_kinds.values().map(Vec::as_slice).collect();
    let of_all_looks = ERROR_RATE / sampling.error_at(look);
    Some(Estimates {
        together,
        by_kind: by_kind.collect(),
        difference_p: (p_of_equal_centers(&groups) * of_all_looks).min(1.0),
    })
}

/// Returns the p-value of the hypothesis that all groups have the same centre.
///
/// Every two groups are compared by the difference of their trimmed means, with the degrees of freedom of the smaller
/// group: however unequal the variances, that is never too optimistic (Mickey and Brown 1966). Welch's degrees of
/// freedom are, far out in the tails, where a correction for many benchmarks looks. The pairs share the error
/// (Bonferroni).
fn p_of_equal_centers(groups: &[&[f64]]) -> f64 {
    let estimates: Vec<(LogEstimate, usize)> = groups
        .iter()
        .filter_map(|values| {
            let degrees = values.len() - 2 * (values.len() / 8) - 1;
            Some((stats::estimate(values)?, degrees))
        })
        .collect();
    let mut smallest: f64 = 1.0;
    let mut pairs = 0;
    for (index, (one, degrees)) in estimates.iter().enumerate() {
        for (other, other_degrees) in &estimates[..index] {
            let error = one.standard_error.hypot(other.standard_error);
            let distance = (one.center - other.center).abs();
            smallest = smallest.min(2.0 * tail(distance, error, *degrees.min(other_degrees)));
            pairs += 1;
        }
    }
    (smallest * f64::from(pairs)).min(1.0)
}

/// Returns which rows' kinds agree, corrected for all rows that have several kinds.
pub fn agreements<'a>(rows: impl Iterator<Item = &'a Estimates>) -> Vec<Option<Agreement>> {
    let rows: Vec<Option<f64>> = rows
        .map(|row| (!row.by_kind.is_empty()).then_some(row.difference_p))
        .collect();
    let p_values: Vec<f64> = rows.iter().flatten().copied().collect();
    let mut differ = stats::survives_correction(&p_values).into_iter();
    let agreement = |p_value: Option<f64>| {
        let p_value = p_value?;
        let agree = !differ.next()?;
        Some(Agreement { p_value, agree })
    };
    rows.into_iter().map(agreement).collect()
}

/// An estimate that counts, and what all rows together say about it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Settled {
    pub estimate: LogEstimate,
    /// Whether the kinds of machines agree.
    pub agreement: Option<Agreement>,
    /// Whether it may be a change among all rows.
    pub survives: bool,
}

/// Returns the estimates that count; rows that have not been looked at have none, and count for the corrections.
pub fn settle<'a>(rows: impl Iterator<Item = Option<&'a Estimates>>) -> Vec<Option<Settled>> {
    let rows: Vec<Option<&Estimates>> = rows.collect();
    let mut agreements = agreements(rows.iter().copied().flatten()).into_iter();
    let judged = rows.into_iter().map(|row| {
        let agreement = row.and_then(|_| agreements.next().flatten());
        Some((row?.judged(agreement), agreement))
    });
    let judged: Vec<Option<(LogEstimate, Option<Agreement>)>> = judged.collect();
    let p_value = |row: &Option<(LogEstimate, _)>| row.map_or(1.0, |(estimate, _)| estimate.p_value);
    let survives = stats::survives_correction(&judged.iter().map(p_value).collect::<Vec<_>>());
    let settled = |(row, survives): (Option<(LogEstimate, _)>, bool)| {
        let (estimate, agreement) = row?;
        Some(Settled {
            estimate,
            agreement,
            survives,
        })
    };
    judged.into_iter().zip(survives).map(settled).collect()
}

impl Estimates {
    /// Returns the estimate that counts. If the kinds do not agree, it is the hull of their intervals, and its p-value is
    /// the largest of theirs (Berger 1982): an improvement is one on every kind.
    pub fn judged(&self, agreement: Option<Agreement>) -> LogEstimate {
        if agreement.is_none_or(|agreement| agreement.agree) {
            return self.together;
        }
        let estimates = || self.by_kind.iter().map(|(_, _, estimate)| estimate);
        let lower = estimates().map(|estimate| estimate.bounds().0);
        let upper = estimates().map(|estimate| estimate.bounds().1);
        let (lower, upper) = (
            lower.fold(f64::INFINITY, f64::min),
            upper.fold(f64::NEG_INFINITY, f64::max),
        );
        let largest = |of: fn(&LogEstimate) -> f64| estimates().map(of).fold(0.0, f64::max);
        LogEstimate {
            center: (lower + upper) / 2.0,
            half_width: (upper - lower) / 2.0,
            standard_error: largest(|estimate| estimate.standard_error),
            p_value: largest(|estimate| estimate.p_value),
        }
    }

    /// Returns the verdict; `survives` is the answer of the correction for the p-value of [`Self::judged`].
    pub fn verdict(
        &self,
        agreement: Option<Agreement>,
        threshold: Threshold,
        survives: bool,
    ) -> (Verdict, Option<OpenReason>) {
        let of_kind =
            |(_, _, estimate): &(u32, usize, LogEstimate)| stats::verdict(estimate, threshold, survives).0;
        let disagree = agreement.is_some_and(|agreement| !agreement.agree);
        let mut verdicts = self.by_kind.iter().map(of_kind);
        let first = verdicts.next();
        if disagree && verdicts.any(|verdict| Some(verdict) != first) {
            return (Verdict::Inconclusive, Some(OpenReason::MachinesDisagree));
        }
        stats::verdict(&self.judged(agreement), threshold, survives)
    }

    /// Whether the row needs no more replicates: it has its verdict, or every kind has one of its own.
    pub fn is_settled(&self, agreement: Option<Agreement>, threshold: Threshold, survives: bool) -> bool {
        match agreement {
            Some(Agreement { agree: false, .. }) => {
                let mut kinds = self.by_kind.iter();
                kinds.all(|(_, _, estimate)| is_settled(estimate, threshold, survives))
            }
            _ => is_settled(&self.together, threshold, survives),
        }
    }

    /// Returns the kinds' estimates, as a report has them.
    pub fn kind_estimates(&self) -> Vec<KindEstimate> {
        let kinds = self.by_kind.iter();
        kinds
            .map(|&(kind, replicates, estimate)| KindEstimate {
                kind,
                replicates,
                estimate: estimate.to_estimate(),
            })
            .collect()
    }
}

/// Two machines of one kind that differ, when neither can be named.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Odds {
    pub kind: u32,
    /// The machines' places in the report.
    pub machines: (u32, u32),
    /// The ratio of the first machine's head/base to the second's.
    pub ratio: f64,
}

/// Returns the machines whose results are unlike those of the others of their kind, by their places; `kinds` has the
/// kind of each machine, and `look` is how often this was asked about the run, with this time.
///
/// The unit is a process pair, because its benchmarks share its memory layout. A machine is named if it differs, in the
/// same direction, from more others of its kind than may be outliers themselves, which are a minority: so it differs
/// from a sound one. An outlier among the others cannot make a sound machine look odd.
pub fn outliers<'a>(
    benchmarks: impl Iterator<Item = &'a [Replicate]>,
    kinds: &[u32],
    look: u32,
) -> Vec<(u32, Outlier)> {
    let benchmarks: Vec<&[Replicate]> = benchmarks.collect();
    if are_too_many(&benchmarks) {
        let of_kind = |kind: &u32| kinds.iter().filter(|other| *other == kind).count();
        let asked = kinds
            .iter()
            .map(|kind| (of_kind(kind) >= FEWEST_MACHINES).then_some(*kind));
        let asked: Vec<Option<u32>> = asked.collect();
        let error = error_at(look) / asked.iter().flatten().count().max(1) as f64;
        return many_machines::outliers(benchmarks.into_iter(), &asked, error, TRIFLE);
    }
    let pairs = ProcessPairs::of(benchmarks.into_iter(), kinds.len());
    let compared = pairs.of_kinds(kinds);
    let error = error_at(look) / compared.values().map(Vec::len).sum::<usize>() as f64;
    let mut found = Vec::new();
    for (kind, machines) in compared {
        let of_kind = kinds.iter().filter(|&&other| other == kind).count();
        let minority = (machines.len() - 1) / 2;
        // Machines without a replicate may have been set aside before.
        let left = ((of_kind - 1) / 2).saturating_sub(of_kind - machines.len());
        let weights = pairs.weights(&machines);
        let groups: Vec<Group> = machines.iter().map(|machine| pairs.group(&[*machine])).collect();
        let is_odd = |index: &usize| is_odd(*index, &groups, minority + 1, &weights, error);
        let odd: Vec<usize> = (0..machines.len())
            .filter(is_odd)
            .map(|index| machines[index])
            .collect();
        if odd.is_empty() || odd.len() > minority.min(left) {
            continue;
        }
        let others: Vec<usize> = machines
            .into_iter()
            .filter(|machine| !odd.contains(machine))
            .collect();
        let others = pairs.group(&others);
        for machine in odd {
            let Some(difference) = pairs.group(&[machine]).minus(&others, &weights) else {
                continue;
            };
            let reach = stats::t_quantile(error, difference.degrees) * difference.error;
            if difference.center.abs() - reach >= TRIFLE {
                let outlier = Outlier {
                    ratio: difference.center.exp(),
                    lower: (difference.center - reach).exp(),
                    upper: (difference.center + reach).exp(),
                    replicates: pairs.machines[machine].len(),
                };
                found.push((machine as u32, outlier));
            }
        }
    }
    found
}

/// Whether a machine differs, in the same direction, from at least `most` of the others: a partial conjunction (Benjamini
/// and Heller 2008), at the level `error`.
fn is_odd(machine: usize, groups: &[Group], most: usize, weights: &[f64], error: f64) -> bool {
    let others = groups.len() - 1;
    if groups.len() < FEWEST_MACHINES {
        return false;
    }
    // Of the p-values, the one of this rank counts as often as there are others from it on; and there are two directions.
    let each = error / (2 * (others - most + 1)) as f64;
    let (mut above, mut below) = (0, 0);
    for (seen, other) in (0..groups.len()).filter(|&other| other != machine).enumerate() {
        if above.max(below) + others - seen < most {
            return false;
        }
        if let Some(difference) = groups[machine].minus(&groups[other], weights) {
            above += usize::from(difference.p_beyond(1.0) <= each);
            below += usize::from(difference.p_beyond(-1.0) <= each);
        }
    }
    above.max(below) >= most
}

/// Returns, for each kind, the two machines that differ most, if they do and neither can be named: there is no third
/// one, or no majority that agrees. The replicates are those that count at the end of a run.
pub fn at_odds<'a>(benchmarks: impl Iterator<Item = &'a [Replicate]>, kinds: &[u32]) -> Vec<Odds> {
    let benchmarks: Vec<&[Replicate]> = benchmarks.collect();
    if are_too_many(&benchmarks) {
        return Vec::new();
    }
    let pairs = ProcessPairs::of(benchmarks.into_iter(), kinds.len());
    let compared = pairs.of_kinds(kinds);
    let of_two = |machines: &Vec<usize>| machines.len() * (machines.len() - 1) / 2;
    let each = NAMED_WRONGLY / (2 * compared.values().map(of_two).sum::<usize>()) as f64;
    let mut found = Vec::new();
    for (kind, machines) in compared {
        let weights = pairs.weights(&machines);
        let groups: Vec<Group> = machines.iter().map(|machine| pairs.group(&[*machine])).collect();
        let mut clearest: Option<(f64, Odds)> = None;
        for other in 0..groups.len() {
            for one in 0..other {
                let Some(difference) = groups[one].minus(&groups[other], &weights) else {
                    continue;
                };
                let p_value = difference.p_beyond(difference.center.signum());
                if p_value <= each && clearest.is_none_or(|(least, _)| p_value < least) {
                    let odds = Odds {
                        kind,
                        machines: (machines[one] as u32, machines[other] as u32),
                        ratio: difference.center.exp(),
                    };
                    clearest = Some((p_value, odds));
                }
            }
        }
        found.extend(clearest.map(|(_, odds)| odds));
    }
    found
}

/// Whether process pairs times benchmarks are too many to compare machines two by two.
fn are_too_many(benchmarks: &[&[Replicate]]) -> bool {
    let replicates = benchmarks.iter().flat_map(|replicates| replicates.iter());
    let pairs: BTreeSet<(Option<u32>, u32)> = replicates.map(|one| (one.machine, one.seed)).collect();
    pairs.len() * benchmarks.len() > MOST_CELLS
}

/// Returns the error that one ask may have: half of it at the first, and half of the rest at each later one.
fn error_at(look: u32) -> f64 {
    NAMED_WRONGLY * 0.5_f64.powi(look.clamp(1, 1_000) as i32)
}
