//! From replicates to verdicts. `docs/statistics.md` explains the method and names its sources.
//!
//! Everything is computed on logarithms of the ratio head/base, where a change and its reverse are the same size.

use statrs::distribution::{ContinuousCDF, StudentsT};

use crate::model::{ConfidenceInterval, Estimate, OpenReason, Replicate, Verdict};

/// The probability that an interval misses.
pub const ERROR_RATE: f64 = 0.01;
pub const CONFIDENCE_LEVEL: f64 = 1.0 - ERROR_RATE;

/// The share of changes among all called changes that may be false (Benjamini and Hochberg).
pub const FALSE_DISCOVERY_RATE: f64 = 0.01;

/// The fewest replicates for an interval: it needs a spread, and a spread needs two values.
pub const FEWEST_REPLICATES: usize = 2;

/// The smallest change that matters, symmetric in the logarithm: from 1/(1+t) to 1+t.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Threshold {
    log: f64,
}

impl Threshold {
    /// `percent` must be above 0.
    pub fn from_percent(percent: f64) -> Self {
        Threshold {
            log: (percent / 100.0).ln_1p(),
        }
    }

    /// Returns the smallest slow-down that matters, head/base.
    pub fn ratio(self) -> f64 {
        self.log.exp()
    }

    /// Whether the whole interval lies within the threshold.
    pub fn contains(self, estimate: &LogEstimate) -> bool {
        let (lower, upper) = estimate.bounds();
        lower >= -self.log && upper <= self.log
    }

    /// Returns how far an interval may reach around this estimate for a verdict: if the estimate matters, it
    /// must not contain "no change"; otherwise it must not contain a change that matters.
    pub fn distance_to_verdict(self, center: f64) -> f64 {
        let size = center.abs();
        if size >= self.log { size } else { self.log - size }
    }
}

/// An estimate with the p-value, which a verdict also needs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LogEstimate {
    pub center: f64,
    pub standard_error: f64,
    pub half_width: f64,
    /// The two-sided p-value of the hypothesis that nothing changed.
    pub p_value: f64,
}

/// The largest bound of an interval that says nothing: JSON has no infinity, and the ratio of two bounds stays finite.
const MOST_LOG: f64 = 300.0;

impl LogEstimate {
    /// Returns the ends of the interval.
    pub fn bounds(&self) -> (f64, f64) {
        (self.center - self.half_width, self.center + self.half_width)
    }

    /// Returns the standard deviation between the `count` replicates that the estimate comes from.
    pub fn spread(&self, count: usize) -> f64 {
        self.standard_error * (count as f64).sqrt()
    }

    /// Converts the estimate of a report, which has no p-value.
    pub fn from_estimate(estimate: &Estimate) -> Self {
        let ConfidenceInterval {
            lower_bound,
            upper_bound,
            ..
        } = estimate.confidence_interval;
        LogEstimate {
            center: estimate.point_estimate.ln(),
            standard_error: estimate.standard_error,
            half_width: (upper_bound / lower_bound).ln() / 2.0,
            p_value: f64::NAN,
        }
    }

    pub fn to_estimate(self) -> Estimate {
        let bound = |log: f64| log.clamp(-MOST_LOG, MOST_LOG).exp();
        Estimate {
            point_estimate: self.center.exp(),
            standard_error: self.standard_error,
            confidence_interval: ConfidenceInterval {
                lower_bound: bound(self.center - self.half_width),
                upper_bound: bound(self.center + self.half_width),
                confidence_level: CONFIDENCE_LEVEL,
            },
        }
    }
}

/// Returns the median; of an even count the mean of the middle two. `None` without values.
pub fn median(values: impl IntoIterator<Item = f64>) -> Option<f64> {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() {
        0 => None,
        count if count % 2 == 1 => Some(values[middle]),
        _ => Some((values[middle - 1] + values[middle]) / 2.0),
    }
}

/// Returns one replicate's answer: the median over its rounds of the logarithm of head/base.
pub fn log_ratio(replicate: &Replicate) -> Option<f64> {
    median(
        replicate
            .rounds
            .iter()
            .map(|round| (round.head.per_iteration_ns() / round.base.per_iteration_ns()).ln()),
    )
}

/// Returns each replicate's [`log_ratio`].
pub fn log_ratios(replicates: &[Replicate]) -> Vec<f64> {
    replicates.iter().filter_map(log_ratio).collect()
}

/// Calls [`estimate_with_error`] for a single look at the data.
pub fn estimate(values: &[f64]) -> Option<LogEstimate> {
    estimate_with_error(values, ERROR_RATE)
}

/// Returns the trimmed mean with the interval of Tukey and McLaughlin (1963): the spread is that of the winsorised
/// values, the degrees of freedom are those of the kept values.
///
/// One value in eight is set aside at each end, so that a single odd replicate cannot move the estimate of eight or
/// more. The interval misses with the probability `error`. `None` with fewer than [`FEWEST_REPLICATES`] values.
pub fn estimate_with_error(values: &[f64], error: f64) -> Option<LogEstimate> {
    let count = values.len();
    if count < FEWEST_REPLICATES {
        return None;
    }
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let trimmed = count / 8;
    let kept = count - 2 * trimmed;
    let center = sorted[trimmed..count - trimmed].iter().sum::<f64>() / kept as f64;

    let (lowest, highest) = (sorted[trimmed], sorted[count - trimmed - 1]);
    let winsorised: Vec<f64> = sorted.iter().map(|value| value.clamp(lowest, highest)).collect();
    let mean = winsorised.iter().sum::<f64>() / count as f64;
    let variance = winsorised.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (count - 1) as f64;
    let standard_error = variance.sqrt() * (count as f64).sqrt() / kept as f64;

    let half_width = t_quantile(error, kept - 1) * standard_error;
    let p_value = if center == 0.0 {
        1.0
    } else {
        // Without any spread the quotient is infinite, and nothing exceeds it.
        2.0 * t_distribution(kept - 1).sf((center / standard_error).abs())
    };
    Some(LogEstimate {
        center,
        standard_error,
        half_width,
        p_value,
    })
}

/// The spread of process pairs, as far as it is known before any of a benchmark has run: the standard deviation of
/// their log ratios, and the number of degrees of freedom that this knowledge is worth. Of the 171 sequences of
/// replicates in the bank of evidence, the largest deviation is 0.056, and half are below 0.018.
const PRIOR_DEVIATION: f64 = 0.08;
const PRIOR_DEGREES: usize = 3;

/// Returns the mean with the interval of Student's t of the variances of the values and of [`PRIOR_DEVIATION`],
/// weighted by their degrees of freedom: the moderated t of Smyth (2004), with a prior that is given, not estimated.
///
/// The interval misses with the probability `error`. `None` with fewer than [`FEWEST_REPLICATES`] values.
pub fn estimate_with_prior(values: &[f64], error: f64) -> Option<LogEstimate> {
    let count = values.len();
    if count < FEWEST_REPLICATES {
        return None;
    }
    let center = values.iter().sum::<f64>() / count as f64;
    let squares: f64 = values.iter().map(|value| (value - center).powi(2)).sum();
    let degrees = count - 1 + PRIOR_DEGREES;
    let variance = (squares + PRIOR_DEGREES as f64 * PRIOR_DEVIATION.powi(2)) / degrees as f64;
    let standard_error = (variance / count as f64).sqrt();
    Some(LogEstimate {
        center,
        standard_error,
        half_width: t_quantile(error, degrees) * standard_error,
        p_value: 2.0 * t_distribution(degrees).sf((center / standard_error).abs()),
    })
}

/// Counts the values that are far from all others: beyond [`STRAY_SPREADS`] spreads and [`STRAY_LOG`] from the median.
pub fn strays(values: &[f64]) -> usize {
    let Some(center) = median(values.iter().copied()) else {
        return 0;
    };
    let distances = values.iter().map(|value| (value - center).abs());
    // The median of the distances is 0.6745 standard deviations of normally distributed values.
    let spread = median(distances.clone()).unwrap_or_default() / 0.6745;
    distances
        .filter(|&distance| distance > (STRAY_SPREADS * spread).max(STRAY_LOG))
        .count()
}

/// Returns the value that Student's t exceeds, in either direction, with the probability `error`.
pub fn t_quantile(error: f64, degrees_of_freedom: usize) -> f64 {
    t_distribution(degrees_of_freedom).inverse_cdf(1.0 - error / 2.0)
}

pub(super) fn t_distribution(degrees_of_freedom: usize) -> StudentsT {
    StudentsT::new(0.0, 1.0, degrees_of_freedom as f64).expect("at least one degree of freedom is left")
}

/// Returns which of several hypotheses may be rejected together (Benjamini and Hochberg 1995).
pub fn survives_correction(p_values: &[f64]) -> Vec<bool> {
    let count = p_values.len() as f64;
    let mut order: Vec<usize> = (0..p_values.len()).collect();
    order.sort_by(|&a, &b| p_values[a].total_cmp(&p_values[b]));
    let last = order
        .iter()
        .enumerate()
        .rev()
        .find(|&(rank, &index)| p_values[index] <= FALSE_DISCOVERY_RATE * (rank + 1) as f64 / count)
        .map(|(rank, _)| rank);
    let mut survives = vec![false; p_values.len()];
    if let Some(last) = last {
        for &index in &order[..=last] {
            survives[index] = true;
        }
    }
    survives
}

/// The distance of a stray from the median, in spreads.
const STRAY_SPREADS: f64 = 8.0;
/// The distance of a stray from the median, as a logarithm: a quarter.
const STRAY_LOG: f64 = 0.223;
/// A regression counts as confirmed by fresh replicates up to this one-sided p-value.
pub const CONFIRMATION_P: f64 = 0.05;

impl LogEstimate {
    /// Returns the one-sided p-value of the hypothesis that head is not slower.
    pub fn p_of_no_regression(&self) -> f64 {
        if self.center > 0.0 {
            self.p_value / 2.0
        } else {
            1.0 - self.p_value / 2.0
        }
    }
}

/// Returns the verdict on one estimate; `survives` is the answer of [`survives_correction`] for it.
pub fn verdict(
    estimate: &LogEstimate,
    threshold: Threshold,
    survives: bool,
) -> (Verdict, Option<OpenReason>) {
    let (lower, upper) = estimate.bounds();
    if threshold.contains(estimate) {
        return (Verdict::Unchanged, None);
    }
    if lower <= 0.0 && upper >= 0.0 {
        return (Verdict::Inconclusive, Some(OpenReason::TooWide));
    }
    if estimate.center.abs() < threshold.log {
        return (Verdict::Inconclusive, Some(OpenReason::SmallerThanThreshold));
    }
    if !survives {
        return (Verdict::Inconclusive, Some(OpenReason::NotAfterCorrection));
    }
    if estimate.center < 0.0 {
        (Verdict::Improved, None)
    } else {
        (Verdict::Regressed, None)
    }
}

/// Returns the replicates' log ratios of total times.
pub fn total_log_ratios(benchmarks: &[&[Replicate]]) -> Vec<f64> {
    let ratios = total_log_ratios_on(benchmarks, &[]);
    ratios.into_iter().map(|(_, ratio)| ratio).collect()
}

/// Returns the replicates' log ratios of total times: the benchmarks' ratios, weighted by base's median times.
///
/// The ratios come from neighbouring samples; sums of each side's times would carry the drift between them. Each has the kind of its machine.
pub fn total_log_ratios_on(benchmarks: &[&[Replicate]], kinds: &[u32]) -> Vec<(Option<u32>, f64)> {
    let weights: Option<Vec<f64>> = benchmarks
        .iter()
        .map(|replicates| {
            let medians = replicates.iter().filter_map(|replicate| {
                median(replicate.rounds.iter().map(|round| round.base.per_iteration_ns()))
            });
            median(medians)
        })
        .collect();
    let Some(weights) = weights else {
        return Vec::new();
    };
    let total: f64 = weights.iter().sum();
    over_replicates(benchmarks, kinds, |replicates| {
        let mut sum = 0.0;
        for (replicate, weight) in replicates.iter().zip(&weights) {
            sum += weight * log_ratio(replicate)?.exp();
        }
        Some((sum / total).ln())
    })
}

/// Returns the replicates' means of the benchmarks' log ratios: logarithms of the geometric mean.
/// Each has the kind of its machine.
pub fn geometric_log_ratios_on(benchmarks: &[&[Replicate]], kinds: &[u32]) -> Vec<(Option<u32>, f64)> {
    over_replicates(benchmarks, kinds, |replicates| {
        let ratios: Option<Vec<f64>> = replicates.iter().map(|replicate| log_ratio(replicate)).collect();
        let ratios = ratios?;
        Some(ratios.iter().sum::<f64>() / ratios.len() as f64)
    })
}

/// The part of the replicates of the benchmark with the fewest that must share their seeds with all others.
const MOSTLY: f64 = 0.8;

/// Combines replicates by their seed, which those from the same processes share. Benchmarks that were measured at
/// different times share too few seeds: then the first of each is matched with the first of the others, and so on; they
/// are of no kind if their machines are not all of one.
fn over_replicates(
    benchmarks: &[&[Replicate]],
    kinds: &[u32],
    combine: impl Fn(&[&Replicate]) -> Option<f64>,
) -> Vec<(Option<u32>, f64)> {
    let Some(first) = benchmarks.first() else {
        return Vec::new();
    };
    let matched = |find: &dyn Fn(usize, &[Replicate]) -> Option<usize>| -> Vec<(Option<u32>, f64)> {
        (0..first.len())
            .filter_map(|place| {
                let matching: Option<Vec<&Replicate>> = benchmarks
                    .iter()
                    .map(|replicates| find(place, replicates).and_then(|found| replicates.get(found)))
                    .collect();
                let matching = matching?;
                let kind = matching[0].kind(kinds);
                let is_of_one = matching.iter().all(|replicate| replicate.kind(kinds) == kind);
                Some((kind.filter(|_| is_of_one), combine(&matching)?))
            })
            .collect()
    };
    let by_seed = matched(&|place, replicates| {
        replicates
            .iter()
            .position(|other| other.seed == first[place].seed)
    });
    let fewest = benchmarks
        .iter()
        .map(|replicates| replicates.len())
        .min()
        .unwrap_or(0);
    match by_seed.len() as f64 >= MOSTLY * fewest as f64 {
        true => by_seed,
        false => matched(&|place, _| Some(place)),
    }
}

#[cfg(test)]
mod tests;
