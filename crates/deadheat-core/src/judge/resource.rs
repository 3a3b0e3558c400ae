//! The resources that a benchmark uses in addition to wall time, compared between the sides by the same rule.

use super::sequential::Sampling;
use super::stats::{self, LogEstimate};
use super::thresholds::Thresholds;
use crate::model::{PerSide, Resource, ResourceComparison};

/// The measurements of one resource in one benchmark: an amount per side for each replicate.
#[derive(Clone, Debug, PartialEq)]
pub struct MeasuredResource {
    pub benchmark: String,
    pub resource: Resource,
    pub replicates: Vec<PerSide<f64>>,
    /// The number of looks at the replicates.
    pub looks: u32,
}

/// Turns amounts into verdicts, in the given order, corrected for their number.
///
/// A row with fewer than [`stats::FEWEST_REPLICATES`] replicates is left out.
pub fn judge(
    measured: Vec<MeasuredResource>,
    sampling: Sampling,
    thresholds: &Thresholds,
) -> Vec<ResourceComparison> {
    let estimated: Vec<(MeasuredResource, LogEstimate)> = measured
        .into_iter()
        .filter_map(|row| Some((estimate(row.resource, &row.replicates, sampling, row.looks)?, row)))
        .map(|(estimate, row)| (row, estimate))
        .collect();
    let p_values: Vec<f64> = estimated.iter().map(|(_, estimate)| estimate.p_value).collect();
    let survivors = stats::survives_correction(&p_values);
    estimated
        .into_iter()
        .zip(survivors)
        .map(|((row, estimate), survives)| {
            let (verdict, reason) = stats::verdict(&estimate, thresholds.of(&row.benchmark), survives);
            let median = |amount: fn(&PerSide<f64>) -> f64| {
                stats::median(row.replicates.iter().map(amount)).unwrap_or(f64::NAN)
            };
            ResourceComparison {
                median: PerSide::new(median(|pair| pair.base), median(|pair| pair.head)),
                benchmark: row.benchmark,
                resource: row.resource,
                estimate: estimate.to_estimate(),
                verdict,
                reason,
                looks: row.looks,
                replicates: row.replicates,
            }
        })
        .collect()
}

/// Estimates the ratio head/base. Amounts below one unit count as one, so that ratios stay finite.
pub fn estimate(
    resource: Resource,
    replicates: &[PerSide<f64>],
    sampling: Sampling,
    look: u32,
) -> Option<LogEstimate> {
    let (least, most) = match resource {
        // Its unit is unknown.
        Resource::Metric => (1e-150, 1e150),
        _ => (1.0, f64::MAX),
    };
    let ratio_of = |pair: &PerSide<f64>| {
        let amounts = pair.as_ref().map(|amount| amount.clamp(least, most));
        (amounts.head / amounts.base).ln()
    };
    let ratios: Vec<f64> = replicates.iter().map(ratio_of).collect();
    sampling.estimate(&ratios, look)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::judge::stats::Threshold;
    use crate::model::Verdict;

    fn row(resource: Resource, amounts: &[(f64, f64)]) -> MeasuredResource {
        MeasuredResource {
            benchmark: "b".to_owned(),
            resource,
            replicates: amounts
                .iter()
                .map(|&(base, head)| PerSide::new(base, head))
                .collect(),
            looks: 1,
        }
    }

    #[test]
    fn amounts_get_the_verdicts_of_times() {
        let rows = vec![
            row(Resource::PeakMemory, &[(1000.0, 500.0); 3]),
            row(Resource::Allocations, &[(7.0, 7.0); 3]),
            row(Resource::UserTime, &[(1.0, 2.0), (1.0, 0.5), (1.0, 1.0)]),
            row(Resource::SystemTime, &[(0.0, 0.0); 3]),
            row(Resource::SystemTime, &[(1.0, 1.0)]),
            row(Resource::Metric, &[(0.5, 0.4); 3]),
            row(Resource::Metric, &[(0.0, -1.0); 3]),
        ];
        let judged = judge(rows, Sampling::Exactly(3), &Threshold::from_percent(2.0).into());
        let verdicts: Vec<Verdict> = judged.iter().map(|row| row.verdict).collect();
        assert_eq!(
            verdicts,
            [
                Verdict::Improved,
                Verdict::Unchanged,
                Verdict::Inconclusive,
                Verdict::Unchanged,
                Verdict::Improved,
                Verdict::Unchanged
            ]
        );
        assert_eq!(judged[0].median, PerSide::new(1000.0, 500.0));
        assert!((judged[0].estimate.point_estimate - 0.5).abs() < 1e-12);
    }
}
