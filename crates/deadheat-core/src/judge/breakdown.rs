//! The breakdown of each benchmark's change by function, and of that of the whole run.

use std::collections::BTreeMap;

use super::profile::{self, Breakdown, ProfileReplicate, Profiled};
use crate::model::{Comparison, Estimate, Summary, TargetFunction, Verdict, Warning, WarningCode};
use crate::text::signed_duration;

/// The smallest share of the time that is noticeable.
pub(super) const NOTICEABLE_SHARE: f64 = 0.01;

/// The samples of watched functions, by benchmark.
pub type ProfileReplicates = BTreeMap<String, Vec<ProfileReplicate>>;

/// Adds the breakdowns by changed function.
pub fn explain(
    targets: &[TargetFunction],
    profiles: &ProfileReplicates,
    comparisons: &mut [Comparison],
    summary: &mut Summary,
) {
    let (each, all) = breakdowns(targets, profiles, comparisons);
    (summary.functions, summary.unexplained_ns) = (all.functions, all.unexplained_ns);
    for (comparison, breakdown) in comparisons.iter_mut().zip(each) {
        (comparison.functions, comparison.unexplained_ns) = (breakdown.functions, breakdown.unexplained_ns);
        comparison.warnings.extend(unexplained_part(comparison));
    }
}

/// The smallest part of a change, as a share of base's time, that gets a warning when it is not the changed functions'.
const NOTEWORTHY_REST: f64 = 0.05;

/// Warns if a benchmark changed by more than its changed functions did, beyond what the intervals allow.
fn unexplained_part(row: &Comparison) -> Option<Warning> {
    let is_change = matches!(row.verdict, Verdict::Improved | Verdict::Regressed);
    let rest = row.unexplained_ns.filter(|_| is_change)?;
    let width = |estimate: &Estimate| {
        let interval = estimate.confidence_interval;
        (interval.upper_bound - interval.lower_bound) / 2.0
    };
    let mut tolerance = row.base.median_ns * width(&row.estimate);
    for function in &row.functions {
        // A function that could not be timed may have done anything.
        let base_ns = function.base.as_ref()?.total_ns?;
        tolerance += base_ns * width(function.estimate.as_ref()?);
    }
    (rest.abs() > tolerance.max(NOTEWORTHY_REST * row.base.median_ns)).then(|| {
        let change = row.base.median_ns * (row.estimate.point_estimate - 1.0);
        Warning::new(
            WarningCode::UnexplainedPart,
            format!(
                "of its change of {}, {} lies outside the changed functions",
                signed_duration(change),
                signed_duration(rest)
            ),
            Some(
                "it may come from code that they call or that calls them, garbage collection, memory layout \
                 or the set-up's leftovers; --profile covers every function",
            ),
        )
        .of(&row.benchmark)
    })
}

/// Adds the breakdowns by every function of the project.
pub fn survey(
    functions: &[TargetFunction],
    profiles: &ProfileReplicates,
    comparisons: &mut [Comparison],
    summary: &mut Summary,
) {
    let (each, all) = breakdowns(functions, profiles, comparisons);
    summary.profile = Some(profile::weighty(all.functions, NOTICEABLE_SHARE));
    for (comparison, breakdown) in comparisons.iter_mut().zip(each) {
        if breakdown.unexplained_ns.is_some() {
            comparison.profile = Some(profile::weighty(breakdown.functions, NOTICEABLE_SHARE));
        }
    }
}

fn breakdowns(
    functions: &[TargetFunction],
    profiles: &ProfileReplicates,
    comparisons: &[Comparison],
) -> (Vec<Breakdown>, Breakdown) {
    let profiled: Vec<Profiled<'_>> = comparisons
        .iter()
        .map(|comparison| profiled(comparison, profiles))
        .collect();
    let each = profiled
        .iter()
        .map(|one| profile::breakdown(functions, std::slice::from_ref(one)))
        .collect();
    (each, profile::breakdown(functions, &profiled))
}

fn profiled<'a>(comparison: &'a Comparison, profiles: &'a ProfileReplicates) -> Profiled<'a> {
    Profiled {
        replicates: profiles.get(&comparison.benchmark).map_or(&[], Vec::as_slice),
        base_ns: comparison.base.median_ns,
        estimate: &comparison.estimate,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    #[test]
    fn a_change_that_is_not_the_changed_functions_is_said() {
        let mut report = testing::report(&[("a.py::a", 1.5, Verdict::Regressed)]);
        let row = &mut report.comparisons[0];
        // Base takes 1 ms, so that the change is 0.5 ms.
        let said = |row: &mut Comparison, rest: f64| {
            row.unexplained_ns = Some(rest);
            unexplained_part(row).map(|warning| warning.message)
        };
        let width = {
            let interval = row.estimate.confidence_interval;
            1e6 * (interval.upper_bound - interval.lower_bound) / 2.0
        };
        let rest = 50_000_f64.max(width);
        assert_eq!(said(row, 0.99 * rest), None);
        let words = said(row, -400_000.0 - rest).unwrap();
        assert!(words.starts_with("of its change of +500 µs, -"), "{words}");
        row.verdict = Verdict::Unchanged;
        assert_eq!(said(row, 400_000.0 + rest), None);
    }
}
