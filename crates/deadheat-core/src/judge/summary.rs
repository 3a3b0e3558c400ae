//! Results over all benchmarks of a run.

use super::thresholds::Thresholds;
use super::{sequential, stats};
use crate::model::{
    Comparison, Controls, Counts, Missing, MissingReason, Noise, Verdict, Warning, WarningCode,
};
use crate::text::change_percent;

/// Counts the rows of each kind.
pub fn count(comparisons: &[Comparison], missing: &[Missing]) -> Counts {
    let of = |verdict| {
        comparisons
            .iter()
            .filter(|comparison| comparison.verdict == verdict)
            .count()
    };
    let absent = |reason| missing.iter().filter(|row| row.reason == reason).count();
    Counts {
        improved: of(Verdict::Improved),
        regressed: of(Verdict::Regressed),
        unchanged: of(Verdict::Unchanged),
        inconclusive: of(Verdict::Inconclusive),
        unexplained: of(Verdict::Unexplained),
        failed: absent(MissingReason::Failed),
        not_reached: absent(MissingReason::NotReached),
    }
}

/// Summarizes the controls; `None` if there are none.
pub fn controls(comparisons: &[Comparison]) -> Option<Controls> {
    let ratios: Vec<f64> = comparisons
        .iter()
        .filter(|row| row.is_control)
        .map(|row| row.estimate.point_estimate)
        .collect();
    let farthest = ratios
        .iter()
        .max_by(|a, b| a.ln().abs().total_cmp(&b.ln().abs()))?;
    Some(Controls {
        benchmarks: ratios.len(),
        farthest: *farthest,
    })
}

/// Returns a warning for each control that moved.
pub fn controls_moved(comparisons: &[Comparison]) -> Vec<Warning> {
    let moved = comparisons
        .iter()
        .filter(|row| row.verdict == Verdict::Unexplained);
    let warnings = moved.map(|row| {
        Warning::new(
            WarningCode::ControlMoved,
            format!(
                "its time changed by {}, although no code that it runs while timed has changed",
                change_percent(row.estimate.point_estimate)
            ),
            Some(
                "memory layout, state that its set-up leaves behind (a cache, different data) or the state of \
                 imports can cause this; it counts as neither better nor worse, and changes of this size \
                 elsewhere may have the same cause",
            ),
        )
        .of(&row.benchmark)
    });
    warnings.collect()
}

/// Returns the noise of a revision compared with itself; `replicates` is the number that the default budget
/// has room for.
pub fn noise(comparisons: &[Comparison], replicates: usize, thresholds: &Thresholds) -> Vec<Noise> {
    let rows = comparisons.iter().filter_map(|comparison| {
        let ratios = stats::log_ratios(&comparison.replicates);
        let estimate = stats::estimate(&ratios)?;
        let smallest = sequential::smallest_change(&ratios, replicates, thresholds.of(&comparison.benchmark));
        Some(Noise {
            benchmark: comparison.benchmark.clone(),
            spread_percent: estimate.spread(ratios.len()) * 100.0,
            smallest_change_percent: smallest.map(|ratio| (ratio - 1.0) * 100.0),
            replicates,
        })
    });
    rows.collect()
}
