//! The times of looks at the replicates, and the error rate that each may spend: stopping at the first clear
//! answer, however early, must not make wrong answers likelier than one look at the end would.

use super::stats::{self, ERROR_RATE, LogEstimate, Threshold};
use crate::model::Verdict;

/// The number of replicates at each look; after the last, each look is at half as many more.
///
/// Three are enough only for a change that [`is_plain`].
const COUNTS: [usize; 10] = [3, 5, 7, 10, 14, 20, 30, 45, 68, 100];
/// The share of the error rate that each of these looks may spend. Each later look may spend half of the
/// rest.
const SPENT: [f64; 10] = [0.05, 0.05, 0.10, 0.20, 0.25, 0.15, 0.10, 0.05, 0.025, 0.0125];
/// The largest half width of an interval, as a part of its change, at which no more replicates are wanted.
const KNOWN_TO: f64 = 0.5;
/// The probability that a change of the smallest promised size stays inconclusive.
const MISSED: f64 = 0.1;
/// The largest number of replicates worth waiting for.
const MOST_PROJECTED: usize = 2_000;

/// The number of replicates to measure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sampling {
    /// This many, and one look.
    Exactly(usize),
    /// As many as each benchmark needs for a verdict, with looks on the way.
    ///
    /// Every look has an interval of its own level, and the levels' errors sum up to [`ERROR_RATE`] (Bonferroni's
    /// inequality): whatever makes a benchmark stop, its interval misses no more often than that.
    UntilSettled,
}

impl Sampling {
    /// Returns the number of replicates if it is known beforehand.
    pub fn exact_count(self) -> Option<usize> {
        match self {
            Sampling::Exactly(count) => Some(count),
            Sampling::UntilSettled => None,
        }
    }

    /// Returns the number of replicates at which a look is due; looks are counted from 1.
    pub fn replicates_at(self, look: u32) -> usize {
        match self {
            Sampling::Exactly(count) => count,
            Sampling::UntilSettled => {
                let index = look.max(1) as usize - 1;
                (COUNTS.len()..=index).fold(COUNTS[index.min(COUNTS.len() - 1)], |count, _| count / 2 * 3)
            }
        }
    }

    /// Returns the error that the interval of a look may have.
    pub fn error_at(self, look: u32) -> f64 {
        match self {
            Sampling::Exactly(_) => ERROR_RATE,
            Sampling::UntilSettled => {
                let index = look.max(1) as usize - 1;
                let share = SPENT.get(index).copied().unwrap_or_else(|| {
                    let left = 1.0 - SPENT.iter().sum::<f64>();
                    left * 0.5_f64.powi((index - SPENT.len()) as i32 + 1)
                });
                ERROR_RATE * share
            }
        }
    }

    /// Returns the estimate of a look. Its p-value is that of the whole sequence of looks.
    pub fn estimate(self, log_ratios: &[f64], look: u32) -> Option<LogEstimate> {
        self.estimate_among(log_ratios, look, 1)
    }

    /// Returns the estimate of a look at one of several sequences that share the error rate: all their intervals
    /// together miss no more often than that of a single sequence.
    pub fn estimate_among(self, log_ratios: &[f64], look: u32, sequences: usize) -> Option<LogEstimate> {
        let error = self.error_at(look) / sequences as f64;
        let estimate = match self {
            Sampling::UntilSettled if log_ratios.len() < FEWEST_FOR_ANY => {
                estimate_of_few(log_ratios, error)?
            }
            _ => stats::estimate_with_error(log_ratios, error)?,
        };
        Some(LogEstimate {
            p_value: (estimate.p_value * ERROR_RATE / error).min(1.0),
            ..estimate
        })
    }
}

/// With fewer replicates than this, only a plain change is settled: if a process is fast or slow as a whole,
/// two or three pairs agree by chance too often.
const FEWEST_FOR_ANY: usize = 5;
/// The ratio from which a change cannot come from a single process, its memory layout or the order of its
/// hashes.
const PLAIN: f64 = 1.5;

/// Estimates from few replicates. The spread of two to four of them says little about the next ones, and
/// Student's t pays for that with intervals that say nothing about a tenfold change. So if the change is
/// plain, the interval may also be that of [`stats::estimate_with_prior`]; each of the two may miss in half
/// of the cases.
fn estimate_of_few(log_ratios: &[f64], error: f64) -> Option<LogEstimate> {
    let alone = stats::estimate_with_error(log_ratios, error / 2.0)?;
    let with_prior = stats::estimate_with_prior(log_ratios, error / 2.0)?;
    let is_better = with_prior.half_width < alone.half_width && is_plain(&with_prior);
    let estimate = if is_better { with_prior } else { alone };
    Some(LogEstimate {
        p_value: (2.0 * estimate.p_value).min(1.0),
        ..estimate
    })
}

/// Whether this many replicates may settle a benchmark with this estimate.
pub fn may_settle(estimate: &LogEstimate, replicates: usize) -> bool {
    replicates >= FEWEST_FOR_ANY || is_plain(estimate)
}

/// Whether the whole interval is farther from 1 than [`PLAIN`].
fn is_plain(estimate: &LogEstimate) -> bool {
    estimate.center.abs() - estimate.half_width >= PLAIN.ln()
}

/// Whether a benchmark needs no more replicates: it has its verdict, and of a change, not only the sign but also the
/// approximate size is known.
pub fn is_settled(estimate: &LogEstimate, threshold: Threshold, survives: bool) -> bool {
    match stats::verdict(estimate, threshold, survives).0 {
        Verdict::Inconclusive | Verdict::Unexplained => false,
        Verdict::Unchanged => true,
        Verdict::Improved | Verdict::Regressed => estimate.half_width <= estimate.center.abs() * KNOWN_TO,
    }
}

/// Returns the number of further replicates that would probably settle an inconclusive verdict, if their
/// spread stays the same; `None` if it would take too many.
pub fn replicates_to_settle(log_ratios: &[f64], look: u32, threshold: Threshold) -> Option<usize> {
    let center = stats::estimate(log_ratios)?.center;
    replicates_to_reach(log_ratios, look, threshold.distance_to_verdict(center))
}

/// Returns the number of further replicates with which the interval would probably reach `half_width` at most.
pub(crate) fn replicates_to_reach(log_ratios: &[f64], look: u32, half_width: f64) -> Option<usize> {
    let count = log_ratios.len();
    let spread = stats::estimate(log_ratios)?.spread(count);
    // Every look adds at least one replicate.
    (look + 1..=look + MOST_PROJECTED as u32)
        .map(|look| (look, Sampling::UntilSettled.replicates_at(look)))
        .take_while(|&(_, replicates)| replicates <= MOST_PROJECTED)
        .find(|&(look, replicates)| {
            let error = Sampling::UntilSettled.error_at(look);
            replicates > count
                && stats::t_quantile(error, replicates - 1) * spread / (replicates as f64).sqrt()
                    <= half_width
        })
        .map(|(_, replicates)| replicates - count)
}

/// Returns the smallest change, as a ratio above 1, that is found nine times in ten with at most `most_replicates`, if
/// they spread as these do.
pub fn smallest_change(log_ratios: &[f64], most_replicates: usize, threshold: Threshold) -> Option<f64> {
    let estimate = stats::estimate(log_ratios)?;
    let spread = estimate.spread(log_ratios.len());
    let mut smallest = f64::INFINITY;
    for look in 1..=most_replicates.max(1) as u32 {
        let due = Sampling::UntilSettled.replicates_at(look);
        let count = due.min(most_replicates);
        if count < stats::FEWEST_REPLICATES {
            return None;
        }
        let error = Sampling::UntilSettled.error_at(look);
        let standard_error = spread / (count as f64).sqrt();
        // The interval must exclude 1, and the estimate must reach the threshold: a change of the size of the threshold
        // itself does so only every other time.
        let needed = (stats::t_quantile(error, count - 1) * standard_error).max(threshold.ratio().ln());
        let luck = stats::t_quantile(2.0 * MISSED, count - 1) * standard_error;
        smallest = smallest.min(needed + luck);
        if due >= most_replicates {
            break;
        }
    }
    Some(smallest.exp())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_looks_together_spend_the_error_rate_and_no_more() {
        let looks = 1..60;
        let spent: f64 = looks
            .clone()
            .map(|look| Sampling::UntilSettled.error_at(look))
            .sum();
        assert!(spent <= ERROR_RATE);
        assert!(spent > 0.999 * ERROR_RATE);
        let counts: Vec<usize> = looks
            .map(|look| Sampling::UntilSettled.replicates_at(look))
            .collect();
        assert!(counts.windows(2).all(|pair| pair[0] < pair[1]));
        assert_eq!(counts[..2], [3, 5]);
        assert_eq!(counts[9..12], [100, 150, 225]);
    }

    #[test]
    fn a_single_look_may_spend_everything() {
        let values = [0.01, 0.02, 0.03, 0.02, 0.01];
        let once = Sampling::Exactly(5).estimate(&values, 1).unwrap();
        assert_eq!(once, stats::estimate(&values).unwrap());
        let early = Sampling::UntilSettled.estimate(&values, 1).unwrap();
        assert_eq!(early.center, once.center);
        assert!(early.half_width > 2.0 * once.half_width);
        assert!((early.p_value / once.p_value - 20.0).abs() < 1e-9);
    }

    #[test]
    fn a_change_whose_size_is_not_known_is_not_settled() {
        let estimate = |center, half_width| LogEstimate {
            center,
            standard_error: half_width / 4.0,
            half_width,
            p_value: 1e-6,
        };
        let settled = |center, half_width| {
            is_settled(&estimate(center, half_width), Threshold::from_percent(2.0), true)
        };
        assert!(!settled(-0.3, 0.2));
        assert!(settled(-0.3, 0.1));
        assert!(settled(0.001, 0.01));
        assert!(!settled(0.001, 0.03));
    }

    #[test]
    fn three_replicates_settle_plain_changes_only() {
        let estimate = |center: f64| LogEstimate {
            center,
            standard_error: 0.01,
            half_width: 0.1,
            p_value: 1e-6,
        };
        let (twice, barely, same) = (estimate(2_f64.ln()), estimate(1.6_f64.ln()), estimate(0.0));
        assert!(may_settle(&twice, 3));
        assert!(!may_settle(&barely, 3));
        assert!(!may_settle(&same, 4));
        assert!(may_settle(&same, 5));
    }

    #[test]
    fn two_and_three_replicates_tell_a_plain_change_however_they_spread() {
        // The first look may miss in 0.05 %, so each of its two intervals in 0.025 %. With three more degrees of
        // freedom, and their deviation of 0.08: t(0.000125, 4) = 12.3122 for two, t(0.000125, 5) = 9.2355 for three.
        let interval = |values: &[f64]| {
            let estimate = Sampling::UntilSettled.estimate(values, 1).unwrap();
            (estimate.center, estimate.half_width)
        };
        let (center, half_width) = interval(&[-3.9, -3.7]);
        assert!((center + 3.8).abs() < 1e-9);
        let deviation = ((3.0 * 0.08_f64.powi(2) + 0.02) / 4.0).sqrt();
        assert!(
            (half_width - 12.3122 * deviation / 2_f64.sqrt()).abs() < 1e-4,
            "{half_width}"
        );
        let (_, half_width) = interval(&[-3.9, -3.7, -3.8]);
        let deviation = ((3.0 * 0.08_f64.powi(2) + 0.02) / 5.0).sqrt();
        assert!(
            (half_width - 9.2355 * deviation / 3_f64.sqrt()).abs() < 1e-4,
            "{half_width}"
        );
        // The p-value of t = 3.8 / 0.07 with four degrees of freedom, times 2 for two intervals and 20 for all looks.
        let p_value = |values: &[f64]| Sampling::UntilSettled.estimate(values, 1).unwrap().p_value;
        assert!((p_value(&[-3.9, -3.7]) / 2.757_320_043e-5 - 1.0).abs() < 1e-5);
        assert!((p_value(&[-3.9, -3.7, -3.8]) / 3.338_805_624e-7 - 1.0).abs() < 1e-5);
        assert_eq!(p_value(&[-0.1, 0.1]), 1.0);
        assert_eq!(Sampling::UntilSettled.estimate(&[-3.8], 1), None);
        assert_eq!(stats::estimate_with_prior(&[-3.8], 0.01), None);
        // Processes of two kinds, one twice as slow, may fall on the two sides as a whole.
        let (center, half_width) = interval(&[0.69, 0.70]);
        assert!(half_width > center);
        // If the spread is small, the interval of the replicates alone is shorter: t(0.000125, 2) = 63.2337.
        let (_, half_width) = interval(&[0.0499, 0.0500, 0.0501]);
        assert!(
            (half_width - 63.2337 * 0.0001 / 3_f64.sqrt()).abs() < 1e-6,
            "{half_width}"
        );
        // From five on, and with a single look, the replicates alone are always used.
        let five = [-3.9, -3.7, -3.8, -3.9, -3.7];
        let alone = stats::estimate_with_error(&five, 0.0005).unwrap();
        assert_eq!(
            Sampling::UntilSettled.estimate(&five, 2).unwrap().half_width,
            alone.half_width
        );
        let once = Sampling::Exactly(2).estimate(&[-3.9, -3.7], 1).unwrap();
        assert_eq!(once, stats::estimate(&[-3.9, -3.7]).unwrap());
    }

    #[test]
    fn what_is_near_the_threshold_takes_longest() {
        let spread = [-0.01, -0.005, 0.0, 0.005, 0.01];
        let threshold = Threshold::from_percent(2.0);
        let more = |center: f64| {
            let values: Vec<f64> = spread.iter().map(|value| value + center).collect();
            replicates_to_settle(&values, 1, threshold)
        };
        let (none, small, near) = (more(0.0).unwrap(), more(0.01).unwrap(), more(0.017).unwrap());
        assert!(none < small && small < near, "{none} {small} {near}");
        assert_eq!(more(0.0197), None);
    }

    #[test]
    fn how_many_replicates_settle_a_row_is_known_for_planted_ones() {
        // Around the centre, with a standard deviation of 0.0079; the interval must reach no farther than
        // from the centre to the threshold (log 1.02 = 0.0198), or to 1 if the centre is beyond the
        // threshold.
        let five = [-0.01, -0.005, 0.0, 0.005, 0.01];
        let two = [-0.005, 0.005];
        for (spread, center, look, more) in [
            // 7 replicates reach 5.96 standard errors: 0.0178.
            (&five[..], 0.0, 2, Some(7 - 5)),
            (&five[..], -0.001, 2, Some(7 - 5)),
            // 10 reach 0.0107, 14 reach 0.0079.
            (&five[..], 0.01, 2, Some(14 - 5)),
            (&five[..], -0.01, 2, Some(14 - 5)),
            // 100 reach 0.0032, 150 reach 0.0027.
            (&five[..], 0.017, 2, Some(150 - 5)),
            (&five[..], 0.03, 2, Some(7 - 5)),
            // A past look does not count again.
            (&five[..], 0.0, 3, Some(10 - 5)),
            // Nor does one that has its replicates already: 5 reach 0.0304.
            (&five[..], 0.05, 1, Some(7 - 5)),
            // 2,000 reach 0.0009.
            (&five[..], 0.0197, 2, None),
            // 7 reach 0.0159.
            (&two[..], 0.0, 1, Some(7 - 2)),
            (&two[..], 0.005, 1, Some(10 - 2)),
        ] {
            let values: Vec<f64> = spread.iter().map(|value| value + center).collect();
            let needed = replicates_to_settle(&values, look, Threshold::from_percent(2.0));
            assert_eq!(needed, more, "{} around {center}", spread.len());
        }
        assert_eq!(
            replicates_to_settle(&[0.01], 1, Threshold::from_percent(2.0)),
            None
        );
    }

    #[test]
    fn the_smallest_change_shrinks_with_the_replicates_and_stays_above_the_threshold() {
        let values: Vec<f64> = (0..20).map(|index| f64::from(index % 5 - 2) * 0.02).collect();
        let two_percent = Threshold::from_percent(2.0);
        let few = smallest_change(&values, 5, two_percent).unwrap();
        let more = smallest_change(&values, 30, two_percent).unwrap();
        assert!(few > more && more > 1.02, "{few} {more}");
        let most = smallest_change(&values, 1_500, two_percent).unwrap();
        assert!(most > 1.02 && most < 1.023, "{most}");
        assert_eq!(smallest_change(&values, 1, two_percent), None);
        assert!(smallest_change(&values, 2, two_percent).is_some());
    }

    #[test]
    fn the_smallest_change_is_known_for_planted_replicates() {
        // With a standard deviation of 0.0079057, and t computed elsewhere. At 5 of 5 replicates the interval reaches
        // t(0.00025, 4) = 10.3063 standard errors, and one change in ten falls short by t(0.1, 4) = 1.53321 more. From
        // 7 on, the threshold is farther than the interval reaches.
        let values = [-0.01, -0.005, 0.0, 0.005, 0.01];
        for (most_replicates, expected) in [(5, 1.042_747_249), (7, 1.024_397_588), (100, 1.021_040_892)] {
            let smallest = smallest_change(&values, most_replicates, Threshold::from_percent(2.0)).unwrap();
            assert!(
                (smallest - expected).abs() < 1e-8,
                "{most_replicates}: {smallest}"
            );
        }
    }
}
