//! Replicates from several machines: whether their kinds agree, and which machine is unlike the others.

use std::collections::{BTreeMap, BTreeSet};

use statrs::distribution::ContinuousCDF;

use super::many_machines::{self, LEAST_VARIANCE};
use super::sequential::{Sampling, is_settled};
use super::stats::{self, ERROR_RATE, FEWEST_REPLICATES, LogEstimate, Threshold};
use crate::model::{
    Agreement, Comparison, KindEstimate, MeasuringMachine, OpenReason, Outlier, PerSide, Replicate, Verdict,
    Warning, WarningCode,
};
use crate::text::{plain, shorten, speedup};

/// The probability that any sound machine of a run is named.
const NAMED_WRONGLY: f64 = 0.001;
/// The smallest logarithm of a ratio to the other machines that is worth naming a machine: half a percent.
const TRIFLE: f64 = 0.005;
/// The process pairs times benchmarks up to which machines are compared two by two: beyond, that takes minutes, and two
/// machines seldom have benchmarks in common.
const MOST_CELLS: usize = 1_000_000;
/// The fewest machines of a kind of which one can be named: if two disagree, either may be the odd one.
const FEWEST_MACHINES: usize = 3;

/// The estimates of a row: of all of its replicates, and of each kind of machine.
#[derive(Clone, Debug, PartialEq)]
pub struct Estimates {
    pub together: LogEstimate,
    /// The kind, the number of its replicates, and its estimate, of at least two kinds; otherwise empty.
    pub by_kind: Vec<(u32, usize, LogEstimate)>,
    /// The p-value of the hypothesis that the kinds have the same ratio, of all looks together; 1 if there is only one.
    pub difference_p: f64,
}

/// Returns the estimates of a look; `kinds` has the kind of each machine, and is empty for a run on one machine.
pub fn estimates(
    replicates: &[Replicate],
    kinds: &[u32],
    sampling: Sampling,
    look: u32,
) -> Option<Estimates> {
    let values = log_ratios(replicates, kinds);
    estimates_of(&values, sampling, look)
}

/// Returns each replicate's logarithm of the ratio, with the kind of its machine.
fn log_ratios(replicates: &[Replicate], kinds: &[u32]) -> Vec<(Option<u32>, f64)> {
    let values = replicates
        .iter()
        .filter_map(|replicate| Some((replicate.kind(kinds), stats::log_ratio(replicate)?)));
    values.collect()
}

/// Returns the estimates of logarithms of ratios, each with the kind of its machine.
pub fn estimates_of(values: &[(Option<u32>, f64)], sampling: Sampling, look: u32) -> Option<Estimates> {
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

/// Returns the probability that Student's t exceeds `distance / error`.
fn tail(distance: f64, error: f64, degrees: usize) -> f64 {
    match distance > 0.0 {
        // Without any spread the quotient is infinite, and nothing exceeds it.
        true => stats::t_distribution(degrees).sf(distance / error),
        false => 0.5,
    }
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

/// The log ratios of process pairs.
struct ProcessPairs {
    benchmarks: usize,
    /// For each machine, its process pairs: a value for each benchmark.
    machines: Vec<Vec<Vec<Option<f64>>>>,
}

/// The process pairs of one or several machines, compared with their means.
struct Group {
    /// For each benchmark, the number of values, and their mean.
    counts: Vec<f64>,
    means: Vec<f64>,
    /// For each process pair, how far each benchmark moves the mean, and its weight in it.
    parts: Vec<(Vec<f64>, Vec<f64>)>,
}

/// The difference of two groups of machines, in logarithms.
struct Difference {
    center: f64,
    error: f64,
    degrees: usize,
}

impl Difference {
    /// Returns the one-sided p-value of the hypothesis that the difference is no more than a trifle in this direction.
    fn p_beyond(&self, direction: f64) -> f64 {
        let distance = direction * self.center - TRIFLE;
        match distance > 0.0 {
            true => tail(distance, self.error, self.degrees),
            false => 1.0,
        }
    }
}

impl ProcessPairs {
    fn of<'a>(benchmarks: impl Iterator<Item = &'a [Replicate]>, machines: usize) -> Self {
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
    fn of_kinds(&self, kinds: &[u32]) -> BTreeMap<u32, Vec<usize>> {
        let mut found: BTreeMap<u32, Vec<usize>> = BTreeMap::new();
        for (machine, kind) in kinds.iter().enumerate() {
            if self.machines[machine].len() >= FEWEST_REPLICATES {
                found.entry(*kind).or_default().push(machine);
            }
        }
        found.retain(|_, machines| machines.len() > 1);
        found
    }

    fn group(&self, machines: &[usize]) -> Group {
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
    fn weights(&self, machines: &[usize]) -> Vec<f64> {
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
    fn minus(&self, other: &Group, weights: &[f64]) -> Option<Difference> {
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

/// The longest name of a kind of machine.
const LONGEST_NAME: usize = 60;

/// Returns what to call each kind of machine, by its number: its processor, with the interpreter where several kinds
/// have the same one. The names may be printed as they are.
pub fn kind_names(machines: &[MeasuringMachine]) -> BTreeMap<u32, String> {
    let mut firsts: BTreeMap<u32, &MeasuringMachine> = BTreeMap::new();
    for machine in machines {
        firsts.entry(machine.kind).or_insert(machine);
    }
    let processor = |machine: &MeasuringMachine| {
        let machine = &machine.machine;
        machine
            .processor
            .clone()
            .unwrap_or_else(|| machine.architecture.clone())
    };
    let name = |(&kind, machine): (&u32, &&MeasuringMachine)| {
        let name = processor(machine);
        let is_shared = firsts
            .iter()
            .any(|(other, machine)| *other != kind && processor(machine) == name);
        let PerSide { base, head } = machine.python.as_ref().map(|python| python.version.as_str());
        let name = match is_shared {
            true if base == head => format!("{name} with Python {head}"),
            true => format!("{name} with Python {base} and {head}"),
            false => name,
        };
        (kind, shorten(&plain(&name), LONGEST_NAME))
    };
    firsts.iter().map(name).collect()
}

/// Describes the estimates of a row's kinds, the one with the largest speedup first; `None` if they agree:
/// `1.31x (1.28 to 1.34) on AMD EPYC 7B13, 1.12x (1.08 to 1.16) on Intel Xeon`.
pub fn of_kinds(row: &Comparison, names: &BTreeMap<u32, String>) -> Option<String> {
    if row.agreement.is_none_or(|agreement| agreement.agree) {
        return None;
    }
    let mut kinds: Vec<&KindEstimate> = row.by_kind.iter().collect();
    kinds.sort_by(|one, other| {
        one.estimate
            .point_estimate
            .total_cmp(&other.estimate.point_estimate)
    });
    let words = |kind: &&KindEstimate| {
        let interval = kind.estimate.confidence_interval;
        format!(
            "{} ({} to {}) on {}",
            speedup(kind.estimate.point_estimate),
            speedup(interval.upper_bound).trim_end_matches('x'),
            speedup(interval.lower_bound).trim_end_matches('x'),
            names.get(&kind.kind).map_or("an unknown kind", String::as_str)
        )
    };
    let mut all: Vec<String> = kinds.iter().take(MOST_KINDS).map(words).collect();
    if let Some(more) = kinds.len().checked_sub(MOST_KINDS).filter(|more| *more > 0) {
        all.push(format!("and {more} more kinds"));
    }
    Some(all.join(", "))
}

/// The largest number of kinds that a line about a row names.
const MOST_KINDS: usize = 4;

/// Returns the warnings about the machines of a run.
pub fn warnings(machines: &[MeasuringMachine], comparisons: &[Comparison]) -> Vec<Warning> {
    let kinds: Vec<u32> = machines.iter().map(|machine| machine.kind).collect();
    let replicates = comparisons.iter().map(|row| row.replicates.as_slice());
    let odds = at_odds(replicates, &kinds);
    let odds = odds.iter().map(|odds| warning_of_odds(machines, odds));
    let mut warnings = warnings_of_outliers(machines);
    warnings.extend(odds);
    warnings.extend(warnings_of_rows(machines, comparisons));
    warnings
}

/// Returns a warning for each row about which the kinds of machines disagree.
pub(super) fn warnings_of_rows(machines: &[MeasuringMachine], comparisons: &[Comparison]) -> Vec<Warning> {
    let names = kind_names(machines);
    let rows = comparisons.iter().filter_map(|row| {
        let words = of_kinds(row, &names)?;
        let warning = Warning::new(
            WarningCode::MachinesDisagree,
            format!("the kinds of machines disagree: {words}"),
            Some(
                "its estimate covers all kinds and is no average; to know one kind, measure on machines of that kind \
                 alone",
            ),
        );
        Some(warning.of(&row.benchmark))
    });
    rows.collect()
}

fn warning_of_outlier(machine: &MeasuringMachine, outlier: Outlier) -> Warning {
    let Outlier {
        ratio,
        lower,
        upper,
        replicates,
    } = outlier;
    Warning::new(
        WarningCode::MachineOutlier,
        format!(
            "`{}` is unlike the other machines of its kind: its head/base is {ratio:.3} times theirs ({lower:.3} to \
             {upper:.3}), so its {} not count",
            plain(&machine.name),
            match replicates {
                1 => "replicate does".to_owned(),
                count => format!("{count} replicates do"),
            },
        ),
        Some(LOOK_AT_IT),
    )
}

/// The advice about an outlier.
const LOOK_AT_IT: &str =
    "something on it treats base and head differently: look at it, or leave it out of --on";
/// The largest number of outliers that have warnings of their own.
const MOST_OUTLIERS: usize = 5;

fn warnings_of_outliers(machines: &[MeasuringMachine]) -> Vec<Warning> {
    let outliers = machines
        .iter()
        .filter_map(|machine| Some((machine, machine.outlier?)));
    let mut warnings: Vec<Warning> = outliers
        .clone()
        .take(MOST_OUTLIERS)
        .map(|(machine, outlier)| warning_of_outlier(machine, outlier))
        .collect();
    if let Some(more @ 1..) = outliers.count().checked_sub(MOST_OUTLIERS) {
        let message = format!(
            "{} unlike the others of {}, and not counted: see `machines` in the JSON report",
            match more {
                1 => "1 more machine is".to_owned(),
                more => format!("{more} more machines are"),
            },
            if more == 1 { "its kind" } else { "their kinds" },
        );
        warnings.push(Warning::new(
            WarningCode::MachineOutlier,
            message,
            Some(LOOK_AT_IT),
        ));
    }
    warnings
}

fn warning_of_odds(machines: &[MeasuringMachine], odds: &Odds) -> Warning {
    let name = |index: u32| {
        machines
            .get(index as usize)
            .map_or("", |machine| machine.name.as_str())
    };
    let (one, other) = odds.machines;
    Warning::new(
        WarningCode::MachinesDisagree,
        format!(
            "`{}` and `{}` are machines of one kind, and the head/base of the first is {:.3} times that of the second: \
             neither can be named the odd one",
            plain(name(one)),
            plain(name(other)),
            odds.ratio
        ),
        Some(
            match machines
                .iter()
                .filter(|machine| machine.kind == odds.kind)
                .count()
            {
                ..FEWEST_MACHINES => {
                    "measure on a third machine of that kind: then the odd one is named, and does not count"
                }
                _ => {
                    "measure longer, or on more machines of that kind: then the odd one is named, and does not count"
                }
            },
        ),
    )
}
