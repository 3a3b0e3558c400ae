//! Whether a change is worth a commit.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::judge::sequential::replicates_to_reach;
use crate::judge::stats::{self, LogEstimate};
use crate::model::Estimate;
use crate::text::{is_too_wide, speedup};

/// The smallest speedup that is worth a commit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Worth {
    log: f64,
}

impl Worth {
    /// `percent` must be above 0.
    pub fn from_percent(percent: f64) -> Self {
        Worth {
            log: (percent / 100.0).ln_1p(),
        }
    }

    /// Decides after one look; `None` if it is too early.
    ///
    /// A change is worth it if head is faster beyond chance and the estimate is large enough. It is not if
    /// the interval contains no speedup of that size.
    pub fn decide(self, estimate: &LogEstimate) -> Option<Decision> {
        if estimate.center <= -self.log && estimate.center + estimate.half_width < 0.0 {
            Some(Decision::Go)
        } else if estimate.center - estimate.half_width > -self.log {
            Some(Decision::Stop)
        } else {
            None
        }
    }

    /// Returns the number of further replicates that would probably decide, if their spread stays the same;
    /// `None` if it would take too many.
    pub fn replicates_to_decide(self, log_ratios: &[f64], look: u32) -> Option<usize> {
        let center = stats::estimate(log_ratios)?.center;
        let distance = if center <= -self.log {
            -center
        } else {
            center + self.log
        };
        replicates_to_reach(log_ratios, look, distance)
    }

    /// Formats the speedup for people.
    fn shown(self) -> String {
        speedup((-self.log).exp())
    }

    /// Explains the decision in plain words.
    pub fn reason(self, decision: Decision, estimate: &Estimate) -> String {
        let interval = estimate.confidence_interval;
        let (ratio, worth) = (speedup(estimate.point_estimate), self.shown());
        let (lowest, highest) = (speedup(interval.upper_bound), speedup(interval.lower_bound));
        match decision {
            Decision::Go => {
                format!("the speedup is {ratio} (from {lowest} to {highest}), and {worth} is worth a commit")
            }
            Decision::Stop => {
                format!("the speedup is {ratio} and at most {highest}; only {worth} would be worth a commit")
            }
            Decision::NoAnswer if is_too_wide(&interval) => {
                format!("the process pairs spread too widely to tell whether the speedup is {worth}")
            }
            Decision::NoAnswer => format!(
                "the speedup lies between {lowest} and {highest}, which does not tell whether it is {worth}"
            ),
        }
    }
}

/// The recommendation for the change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, JsonSchema, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Decision {
    Go,
    Stop,
    NoAnswer,
}

impl fmt::Display for Decision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Decision::Go => "go",
            Decision::Stop => "stop",
            Decision::NoAnswer => "no answer",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::judge::sequential::Sampling;

    fn decided(speedup: f64, half_width: f64) -> Option<Decision> {
        Worth::from_percent(20.0).decide(&LogEstimate {
            center: -speedup.ln(),
            standard_error: half_width / 4.0,
            half_width,
            p_value: 0.0,
        })
    }

    #[test]
    fn a_change_is_worth_it_when_it_is_large_enough_and_no_chance() {
        assert_eq!(decided(1.3, 0.05), Some(Decision::Go));
        assert_eq!(decided(1.21, 0.18), Some(Decision::Go));
        assert_eq!(decided(1.3, 0.3), None);
        // The estimate is too small, however certain its sign is.
        assert_eq!(decided(1.15, 0.01), Some(Decision::Stop));
        assert_eq!(decided(1.15, 0.1), None);
    }

    #[test]
    fn it_is_not_where_so_large_a_speedup_is_out_of_the_question() {
        assert_eq!(decided(1.0, 0.18), Some(Decision::Stop));
        assert_eq!(decided(1.0, 0.19), None);
        assert_eq!(decided(0.5, 0.5), Some(Decision::Stop));
        assert_eq!(decided(0.5, 1.0), None);
    }

    #[test]
    fn what_is_near_the_size_that_is_worth_it_takes_longest() {
        let worth = Worth::from_percent(20.0);
        let more = |speedup: f64| {
            let values: Vec<f64> = [-0.1, -0.05, 0.0, 0.05, 0.1]
                .iter()
                .map(|value| value - f64::ln(speedup))
                .collect();
            let estimate = Sampling::UntilSettled.estimate(&values, 1).unwrap();
            assert_eq!(worth.decide(&estimate), None);
            worth.replicates_to_decide(&values, 1)
        };
        let (none, large, near) = (more(1.0).unwrap(), more(1.25).unwrap(), more(1.15).unwrap());
        assert!(none < near && large < near, "{none} {large} {near}");
        assert_eq!(more(1.199), None);
    }
}
