//! The consequences of a run's settings for its verdicts.

use super::sequential::Sampling;
use super::stats::Threshold;
use super::thresholds::Thresholds;
use crate::model::Settings;

impl Settings {
    pub fn sampling(&self) -> Sampling {
        self.replicates.map_or(Sampling::UntilSettled, Sampling::Exactly)
    }

    /// Returns the threshold of benchmarks that match no glob.
    pub fn threshold(&self) -> Threshold {
        Threshold::from_percent(self.threshold_percent)
    }

    pub fn thresholds(&self) -> Thresholds {
        Thresholds::new(self.threshold(), self.thresholds.clone())
    }
}
