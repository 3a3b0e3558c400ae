//! `--continue`: adds replicates to a stored report. Only replicates that were measured in the same way may be added
//! up.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use deadheat_core::judge::sequential::Sampling;
use deadheat_core::model::{
    Comparison, MissingReason, OpenReason, Python, Report, SCHEMA_VERSION, Sample, Summary, Verdict,
};
use deadheat_core::text::counted;

use crate::error::Failure;
use crate::passes::measure::ReplicateSet;
use crate::passes::runner::hash_seed;
use crate::report::load;
use crate::system::paths::shown;

/// Loads a report that replicates can be added to.
pub(crate) fn load(path: &Path) -> Result<Report, Failure> {
    let shown = path.display();
    let report = load::read(path, "--continue")?;
    match objection(&report) {
        Some((why, hint)) => Err(Failure::usage(format!("--continue: `{shown}` {why}")).hint(hint)),
        None => Ok(report),
    }
}

/// Returns why nothing can be added to a report, and what to do instead.
fn objection(report: &Report) -> Option<(String, &'static str)> {
    let again = "measure it from the beginning";
    let threshold = report.settings.threshold_percent;
    if report.schema_version != SCHEMA_VERSION || report.tool_version != env!("CARGO_PKG_VERSION") {
        return Some((
            format!(
                "was written by deadheat {}, and this is {}",
                report.tool_version,
                env!("CARGO_PKG_VERSION")
            ),
            again,
        ));
    }
    if report.settings.script.is_some() {
        return Some((
            "compares a command (--script): only benchmarks can be continued".to_owned(),
            "measure it again with --script, and a larger --budget",
        ));
    }
    if !report.parts.is_empty() {
        return Some((
            "was merged from the parts of several machines".to_owned(),
            "continue one of its parts, and merge them again",
        ));
    }
    if report.comparisons.is_empty() {
        return Some(("holds no measurement".to_owned(), again));
    }
    let mut thresholds = report.settings.thresholds.values().chain([&threshold]);
    let is_measurable = thresholds.all(|percent| percent.is_finite() && *percent > 0.0);
    if !(is_measurable && report.comparisons.iter().all(is_sound)) {
        return Some((
            "is damaged: it contains impossible measurements".to_owned(),
            again,
        ));
    }
    if report.revisions.head.dirty {
        return Some((
            "compares uncommitted code, which may have changed since".to_owned(),
            "commit it, and compare the commits",
        ));
    }
    if let Sampling::Exactly(count) = report.settings.sampling() {
        return Some((
            format!(
                "has exactly {}, and more would invalidate its error rate",
                counted(count, "replicate")
            ),
            "measure again, without --replicates or with more of them",
        ));
    }
    None
}

/// Returns the benchmarks that an earlier run measured on all cores.
pub(crate) fn on_several_cores(earlier: &Report) -> BTreeSet<String> {
    let rows = earlier.comparisons.iter().filter(|row| row.several_cores);
    rows.map(|row| row.benchmark.clone()).collect()
}

/// More replicates than any run begins.
const MOST_BEGUN: usize = 100_000;

/// Returns the number of replicates that the earlier run had begun when it began the last one in the report. A
/// benchmark may have sat some of them out, so that the number may exceed its own replicates; no seed is drawn again.
pub(crate) fn replicates_begun(earlier: &BTreeMap<String, ReplicateSet>, seed: u64) -> usize {
    let replicates = earlier.values().flat_map(|rounds| &rounds.replicates);
    let mut to_find: BTreeSet<u32> = replicates.map(|replicate| replicate.seed).collect();
    let mut begun = 0;
    while !to_find.is_empty() && begun < MOST_BEGUN {
        to_find.remove(&hash_seed(seed, begun));
        begun += 1;
    }
    begun
}

fn is_sound(comparison: &Comparison) -> bool {
    let replicates = &comparison.replicates;
    let seeds: BTreeSet<u32> = replicates.iter().map(|replicate| replicate.seed).collect();
    let mut rounds = replicates.iter().flat_map(|replicate| &replicate.rounds);
    let is_measured = |sample: &Sample| sample.elapsed_ns > 0 && sample.iterations > 0;
    seeds.len() == replicates.len()
        && replicates.iter().all(|replicate| !replicate.rounds.is_empty())
        && rounds.all(|round| is_measured(&round.base) && is_measured(&round.head))
}

/// Refuses to add the measurements of another project of the repository.
pub(crate) fn check_project(earlier: &Report, folder: &str, module_roots: &[String]) -> Result<(), Failure> {
    let settings = &earlier.settings;
    if settings.folder == folder && settings.module_roots == module_roots {
        return Ok(());
    }
    Err(Failure::usage(format!(
        "--continue: the report is about the project in `{}`, with the code in {}, and not about the one here",
        shown(&settings.folder),
        settings.module_roots.join(", ")
    ))
    .hint("start deadheat in that folder, with the --config-file that was used"))
}

/// Refuses to mix replicates of several machines with those of this one.
pub(super) fn check_machines(earlier: Option<&Report>, is_on_several: bool) -> Result<(), Failure> {
    let (words, hint) = match earlier.map(|earlier| !earlier.machines.is_empty()) {
        Some(false) if is_on_several => (
            "on one core, and replicates of several cannot be added",
            "continue it without --on",
        ),
        Some(true) if !is_on_several => ("on several cores or machines", "also continue it with --on"),
        _ => return Ok(()),
    };
    Err(Failure::usage(format!("--continue: the report was measured {words}")).hint(hint))
}

/// Refuses to mix the measurements of two interpreters, or pinned and unpinned ones.
pub(crate) fn check_same(earlier: &Report, python: &Python, is_pinned: bool) -> Result<(), Failure> {
    let refuse = |what: String, hint: String| {
        Err(Failure::usage(format!(
            "--continue: the report was measured {what}: the two cannot be added up"
        ))
        .hint(hint))
    };
    if let Some(then) = earlier.python.as_ref().map(|python| &python.head) {
        let words = |python: &Python| {
            format!(
                "{} {}, pytest {}",
                python.implementation, python.version, python.pytest
            )
        };
        if words(then) != words(python) {
            return refuse(
                format!("with {}, and this is {}", words(then), words(python)),
                format!("name the same interpreter: --python {}", then.path),
            );
        }
    }
    // Each of several machines has its own core.
    let was_pinned = earlier.machine.pinned_core.is_some() || !earlier.machines.is_empty();
    match (was_pinned, is_pinned) {
        (false, true) => refuse(
            "without pinning".to_owned(),
            "also continue with --no-pin".to_owned(),
        ),
        (true, false) => refuse(
            "pinned to a core".to_owned(),
            "continue without --no-pin".to_owned(),
        ),
        _ => Ok(()),
    }
}

/// Returns the earlier measurements, by benchmark.
pub(crate) fn rounds(earlier: Option<&Report>, sampling: Sampling) -> BTreeMap<String, ReplicateSet> {
    let rows = earlier.into_iter().flat_map(|report| &report.comparisons);
    rows.map(|row| (row.benchmark.clone(), ReplicateSet::earlier(row, sampling)))
        .collect()
}

/// Returns the benchmarks to continue: those that have numbers, and those that the earlier run had no time for.
pub(crate) fn selection(earlier: &Report) -> Vec<String> {
    let measured = earlier.comparisons.iter().map(|row| &row.benchmark);
    let unfinished = earlier.missing.iter();
    let unfinished = unfinished
        .filter(|row| row.reason == MissingReason::Unfinished)
        .map(|row| &row.benchmark);
    measured.chain(unfinished).cloned().collect()
}

/// Takes the rows that a stopped run added nothing to as they were, with the breakdown and the output that it
/// did not get to.
pub(crate) fn keep_untouched_rows(earlier: &Report, comparisons: &mut [Comparison], summary: &mut Summary) {
    let mut are_all_untouched = true;
    for row in comparisons {
        let mut rows = earlier.comparisons.iter();
        match rows.find(|then| then.benchmark == row.benchmark) {
            Some(then) if then.replicates.len() == row.replicates.len() => *row = then.clone(),
            _ => are_all_untouched = false,
        }
    }
    if are_all_untouched {
        *summary = earlier.summary.clone();
    }
}

/// Carries earlier confirmations over: a regression that fresh replicates did not confirm does not come back
/// because the first ones are read again; only a confirmation with more replicates brings it back.
pub(crate) fn carry_confirmations(earlier: &Report, comparisons: &mut [Comparison], is_gated: bool) {
    for row in comparisons {
        let Some(then) = earlier
            .comparisons
            .iter()
            .find(|then| then.benchmark == row.benchmark)
        else {
            continue;
        };
        let is_confirmed_anew = is_gated && row.replicates.len() > then.replicates.len();
        if is_confirmed_anew || then.confirmation.is_none() {
            continue;
        }
        row.confirmation = then.confirmation.clone();
        if then.reason == Some(OpenReason::NotConfirmed) && row.verdict == Verdict::Regressed {
            row.take_back();
        }
    }
}
