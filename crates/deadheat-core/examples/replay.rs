//! Replays recorded replicates through deadheat's own statistics, and through the estimators that lost.
//!
//! Standard input: a JSON list of [`Sequence`]s. Standard output: a JSON list of [`Outcome`]s. `bench/lab/evidence.py`
//! makes the input and reads the output.

#![expect(clippy::disallowed_methods, reason = "a program, which the core is not")]

use std::io::Read;

use deadheat_core::judge::sequential::{Sampling, is_settled, may_settle};
use deadheat_core::judge::stats::{self, ERROR_RATE, LogEstimate, Threshold};
use deadheat_core::model::Verdict;
use serde::{Deserialize, Serialize};

/// One benchmark's replicates in the order in which they were recorded.
#[derive(Deserialize)]
struct Sequence {
    condition: String,
    workload: String,
    /// The true ratio head/base.
    truth: f64,
    log_ratios: Vec<f64>,
    /// The time of the rounds of one replicate.
    rounds_seconds: f64,
    /// The time limit for the rounds of a comparison.
    budget_seconds: f64,
    threshold_percent: f64,
}

/// One comparison.
#[derive(Serialize)]
struct Outcome<'a> {
    condition: &'a str,
    workload: &'a str,
    truth: f64,
    threshold_percent: f64,
    method: &'static str,
    replicates: usize,
    seconds: f64,
    /// The interval's half-width, in percent.
    half_width: f64,
    covers: bool,
    verdict: Verdict,
}

/// The number of replicates for methods that do not stop by themselves.
const FIXED: usize = 14;

fn main() {
    let mut text = String::new();
    std::io::stdin()
        .read_to_string(&mut text)
        .expect("standard input is text");
    let sequences: Vec<Sequence> = serde_json::from_str(&text).expect("a list of sequences");
    let mut outcomes = Vec::new();
    for sequence in &sequences {
        replay(sequence, "until settled", &mut outcomes, until_settled);
        for (method, estimate) in METHODS {
            replay(sequence, method, &mut outcomes, |left, _, _| {
                let values = left.get(..FIXED)?;
                Some((estimate(values)?, FIXED))
            });
        }
    }
    serde_json::to_writer(std::io::stdout().lock(), &outcomes).expect("standard output takes text");
}

/// Cuts a sequence into comparisons that share no replicate; leaves out a last one with too few.
fn replay<'a>(
    sequence: &'a Sequence,
    method: &'static str,
    outcomes: &mut Vec<Outcome<'a>>,
    compare: impl Fn(&[f64], usize, Threshold) -> Option<(LogEstimate, usize)>,
) {
    let threshold = Threshold::from_percent(sequence.threshold_percent);
    let most = ((sequence.budget_seconds / sequence.rounds_seconds) as usize).max(stats::FEWEST_REPLICATES);
    let mut left = sequence.log_ratios.as_slice();
    while let Some((estimate, used)) = compare(left, most, threshold) {
        left = &left[used..];
        let survives = stats::survives_correction(&[estimate.p_value])[0];
        outcomes.push(Outcome {
            condition: &sequence.condition,
            workload: &sequence.workload,
            truth: sequence.truth,
            threshold_percent: sequence.threshold_percent,
            method,
            replicates: used,
            seconds: used as f64 * sequence.rounds_seconds,
            half_width: estimate.half_width * 100.0,
            covers: (estimate.center - sequence.truth.ln()).abs() <= estimate.half_width,
            verdict: stats::verdict(&estimate, threshold, survives).0,
        });
    }
}

/// Estimates one benchmark as a run does, with at most `most` replicates.
fn until_settled(values: &[f64], most: usize, threshold: Threshold) -> Option<(LogEstimate, usize)> {
    for look in 1.. {
        let due = Sampling::UntilSettled.replicates_at(look);
        let count = due.min(most);
        let estimate = Sampling::UntilSettled.estimate(values.get(..count)?, look)?;
        let survives = stats::survives_correction(&[estimate.p_value])[0];
        let is_settled = may_settle(&estimate, count) && is_settled(&estimate, threshold, survives);
        if is_settled || due >= most {
            return Some((estimate, count));
        }
    }
    None
}

type Method = (&'static str, fn(&[f64]) -> Option<LogEstimate>);

const METHODS: [Method; 4] = [
    ("trimmed mean", stats::estimate),
    ("mean", mean),
    ("median, order statistics", median),
    ("mean, percentile bootstrap", bootstrap),
];

/// Returns Student's interval around the mean.
fn mean(values: &[f64]) -> Option<LogEstimate> {
    let (center, standard_error) = mean_and_error(values);
    let half_width = stats::t_quantile(ERROR_RATE, values.len() - 1) * standard_error;
    Some(with_interval(center, standard_error, half_width))
}

/// Returns the median between two order statistics, whose positions come from the binomial distribution.
fn median(values: &[f64]) -> Option<LogEstimate> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let count = sorted.len();
    // P(fewer than k of n values below the median), in both tails together.
    let mut tail = 0.0;
    let mut rank = 0;
    let mut term = 0.5_f64.powi(count as i32);
    while 2.0 * (tail + term) <= ERROR_RATE {
        tail += term;
        term *= (count - rank) as f64 / (rank + 1) as f64;
        rank += 1;
    }
    let lowest = rank.checked_sub(1)?;
    let (lower, upper) = (sorted[lowest], sorted[count - 1 - lowest]);
    Some(with_interval(
        (lower + upper) / 2.0,
        f64::NAN,
        (upper - lower) / 2.0,
    ))
}

/// Returns percentiles of the means of resampled values; the numbers come from an xorshift generator (Marsaglia 2003).
fn bootstrap(values: &[f64]) -> Option<LogEstimate> {
    const RESAMPLES: usize = 2_000;
    let mut state: u64 = 0x9E37_79B9_7F4A_7C15;
    let mut draw = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 33) as usize % values.len()
    };
    let mut means: Vec<f64> = (0..RESAMPLES)
        .map(|_| values.iter().map(|_| values[draw()]).sum::<f64>() / values.len() as f64)
        .collect();
    means.sort_by(f64::total_cmp);
    let cut = (ERROR_RATE / 2.0 * RESAMPLES as f64) as usize;
    let (lower, upper) = (means[cut], means[RESAMPLES - 1 - cut]);
    Some(with_interval(
        (lower + upper) / 2.0,
        f64::NAN,
        (upper - lower) / 2.0,
    ))
}

fn mean_and_error(values: &[f64]) -> (f64, f64) {
    let count = values.len() as f64;
    let mean = values.iter().sum::<f64>() / count;
    let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (count - 1.0);
    (mean, (variance / count).sqrt())
}

/// Builds an estimate whose p-value shows only on which side of the error rate it is, as the interval does.
fn with_interval(center: f64, standard_error: f64, half_width: f64) -> LogEstimate {
    LogEstimate {
        center,
        standard_error,
        half_width,
        p_value: if center.abs() > half_width { 0.0 } else { 1.0 },
    }
}
