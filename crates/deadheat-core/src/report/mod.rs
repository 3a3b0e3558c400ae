//! The one value that every output renders. Its serde form is the JSON report of `docs/reference.md`.

mod csv;
mod html;
mod markdown;
mod parts;
mod pytest_benchmark;
mod reproduce;
mod schema;
mod stored;
mod terminal;
mod text;
mod units;
mod warnings;

use std::collections::BTreeMap;
use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::{
    Comparison, Confirmation, Estimate, FunctionComparison, Missing, MissingReason, PerSide, Reason,
    Replicate, Revision, Side, SideTime, TargetFunction, ToSettle, Verdict, Warning, WarningCode,
};
use crate::output::{Difference, OutputCheck};
use crate::partition::Partition;
use crate::profile::{self, Breakdown, ProfileReplicate, Profiled};
use crate::records::Status;
use crate::resource::ResourceComparison;
use crate::sequential::{self, Sampling};
use crate::stats::{self, LogEstimate, Threshold};
use crate::thresholds::Thresholds;

pub use csv::csv;
pub use html::html;
pub use markdown::markdown;
pub use pytest_benchmark::pytest_benchmark;
pub use reproduce::quoted;
pub use schema::schema;
pub(crate) use stored::check;
pub use stored::{Unsound, judge_again};
pub use terminal::{Style, render, render_tests};
pub(crate) use terminal::{bare_table, cut};
pub use terminal::{escaped, plain, short_commit};
pub use units::{change_percent, duration, speedup};
pub(crate) use units::{is_too_wide, signed_percent};

pub const SCHEMA_VERSION: u32 = 1;

#[derive(Clone, Debug, PartialEq, JsonSchema, Serialize, Deserialize)]
pub struct Report {
    pub schema_version: u32,
    pub tool_version: String,
    /// Whether the run was stopped before it was done.
    pub partial: bool,
    pub revisions: PerSide<Revision>,
    pub settings: Settings,
    pub seed: u64,
    /// The machine; in a merged report, that of its first shard.
    pub machine: Machine,
    /// The parts of a merged report, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub shards: Vec<Shard>,
    /// `None` where the run ended before an interpreter was found.
    pub python: Option<PerSide<Python>>,
    pub target_functions: Vec<TargetFunction>,
    pub selection: Selection,
    /// In a part: every benchmark that both sides can run, of all parts, in collection order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub suite: Vec<String>,
    /// The plan of a run with `--dry-run`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<Plan>,
    pub summary: Summary,
    /// The results of `deadheat noise`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub noise: Option<Vec<Noise>>,
    pub comparisons: Vec<Comparison>,
    /// The benchmarks' use of resources other than time, where requested.
    #[serde(default)]
    pub resources: Vec<ResourceComparison>,
    pub missing: Vec<Missing>,
    pub warnings: Vec<Warning>,
    /// The experiment that `--record` wrote.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recorded: Option<Recorded>,
}

/// An experiment that was written into the loop's records.
#[derive(Clone, Debug, PartialEq, Eq, JsonSchema, Serialize, Deserialize)]
pub struct Recorded {
    pub status: Status,
    /// The status by the verdicts alone.
    pub status_by_rule: Status,
    /// The `results.tsv` that has its rows.
    pub file: String,
}

impl Recorded {
    /// Returns the words that follow the status in a sentence: the status by rule, if it is another one.
    fn by_rule(&self) -> String {
        match self.status == self.status_by_rule {
            true => String::new(),
            false => format!(" (by rule it is {})", self.status_by_rule),
        }
    }
}

#[derive(Clone, Debug, PartialEq, JsonSchema, Serialize, Deserialize)]
pub struct Settings {
    pub threshold_percent: f64,
    /// The thresholds of the benchmarks that match a glob, in place of the common one.
    #[serde(default)]
    pub thresholds: BTreeMap<String, f64>,
    pub confidence_level: f64,
    /// The requested number; `None` for as many as a verdict takes.
    pub replicates: Option<usize>,
    /// The budget for measuring, where the number of replicates is open.
    pub budget_seconds: Option<f64>,
    pub timeout_seconds: f64,
    /// The gates of `--fail-on`.
    #[serde(default)]
    pub fail_on: Vec<Gate>,
    pub benchmarks_root: Option<String>,
    pub benchmarks_from: BenchmarksFrom,
    /// Ordinary tests that were timed instead of benchmarks.
    #[serde(default)]
    pub tests: Vec<String>,
    pub keyword: Option<String>,
    /// More arguments for pytest, those of the configuration first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pytest_args: Vec<String>,
    /// The requested functions, instead of the changed ones.
    #[serde(default)]
    pub functions: Option<String>,
    pub all: bool,
    #[serde(default)]
    pub profile: bool,
    #[serde(default)]
    pub memory: bool,
    /// The project's folder in the repository; empty where it is the repository itself.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub folder: String,
    /// Paths are relative to the repository.
    pub module_roots: Vec<String>,
    pub tests_root: Option<String>,
    pub injected: Vec<String>,
    #[serde(default)]
    pub environment: Environments,
    /// The requirements files that the sides' environments were made from, where they were given.
    #[serde(default)]
    pub requirements: Vec<String>,
    /// The command that built each side.
    #[serde(default)]
    pub build: Option<String>,
    /// The command that was measured instead of benchmarks.
    #[serde(default)]
    pub script: Option<String>,
    /// The file to which it writes its timings, relative to the folder that it runs in.
    #[serde(default)]
    pub script_output: Option<String>,
    /// The memory limit of each worker, in MiB.
    #[serde(default)]
    pub memory_limit_mib: Option<u64>,
    /// The part of the suite that was measured, where it is not the whole.
    #[serde(default)]
    pub partition: Option<Partition>,
}

/// The environments that the sides run in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, JsonSchema, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Environments {
    /// Both sides run in the project's environment.
    #[default]
    Shared,
    /// Each side has an environment of what its revision declares.
    PerRef,
}

/// The side whose benchmarks both sides run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, JsonSchema, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BenchmarksFrom {
    #[default]
    Head,
    Base,
    /// Each side runs its own.
    Own,
}

impl BenchmarksFrom {
    /// Returns the side whose files both use.
    pub fn side(self) -> Option<Side> {
        match self {
            BenchmarksFrom::Head => Some(Side::Head),
            BenchmarksFrom::Base => Some(Side::Base),
            BenchmarksFrom::Own => None,
        }
    }
}

/// A condition that ends a run with exit code 1. Any of them also implies `Failed`.
#[derive(Clone, Copy, Debug, PartialEq, JsonSchema, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "what")]
pub enum Gate {
    /// A benchmark that became slower, by at least this many percent.
    Regression { percent: Option<f64> },
    /// A benchmark that ran on base and fails on head.
    Failed,
    /// A benchmark that returns something else on head than on base.
    OutputChange,
    /// A benchmark without a verdict.
    Inconclusive,
}

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

#[derive(Clone, Debug, PartialEq, JsonSchema, Serialize, Deserialize)]
pub struct Machine {
    pub system: String,
    pub architecture: String,
    pub processor: Option<String>,
    pub cores: usize,
    /// The core that both sides ran on.
    pub pinned_core: Option<usize>,
    /// The cores that they moved to together, because others used the pinned one.
    #[serde(default)]
    pub later_cores: Vec<usize>,
}

/// One part of a merged report, and where it was measured.
#[derive(Clone, Debug, PartialEq, JsonSchema, Serialize, Deserialize)]
pub struct Shard {
    pub partition: Partition,
    /// The number of comparisons in it.
    pub benchmarks: usize,
    /// Whether its run was stopped before it was done.
    pub partial: bool,
    pub machine: Machine,
    pub python: Option<PerSide<Python>>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, JsonSchema, Serialize, Deserialize)]
pub struct Python {
    pub path: String,
    pub version: String,
    pub implementation: String,
    pub pytest: String,
}

/// The benchmarks that a run with the same arguments would measure.
#[derive(Clone, Debug, PartialEq, JsonSchema, Serialize, Deserialize)]
pub struct Plan {
    pub benchmarks: Vec<String>,
    pub estimated_seconds: f64,
}

/// The rule by which benchmarks were selected, and the reason.
#[derive(Clone, Debug, PartialEq, Eq, JsonSchema, Serialize, Deserialize)]
pub struct Selection {
    pub rule: SelectionRule,
    pub reason: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, JsonSchema, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SelectionRule {
    /// Every benchmark that was collected.
    All,
    /// The benchmarks that run a changed function.
    Reached,
    /// None: nothing that a benchmark could notice has changed.
    NothingChanged,
}

#[derive(Clone, Debug, PartialEq, JsonSchema, Serialize, Deserialize)]
pub struct Summary {
    pub counts: Counts,
    /// The movement of the controls; `None` where there are none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub controls: Option<Controls>,
    /// The verdict on the sum of the benchmarks' times.
    pub total: Option<Judged>,
    pub geometric_mean: Option<Judged>,
    /// The changed functions over all measured benchmarks, the most expensive first.
    #[serde(default)]
    pub functions: Vec<FunctionComparison>,
    /// As in a comparison, for the sum of the benchmarks' times.
    pub unexplained_ns: Option<f64>,
    /// With `--profile`, as in a comparison.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub profile: Option<Vec<FunctionComparison>>,
}

/// The movement of the benchmarks that run nothing that changed: by this much, memory layout and machine move numbers
/// in this very run.
#[derive(Clone, Copy, Debug, PartialEq, JsonSchema, Serialize, Deserialize)]
pub struct Controls {
    pub benchmarks: usize,
    /// The ratio of the one that moved farthest.
    pub farthest: f64,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, JsonSchema, Serialize, Deserialize)]
pub struct Counts {
    pub improved: usize,
    pub regressed: usize,
    pub unchanged: usize,
    pub inconclusive: usize,
    #[serde(default)]
    pub unexplained: usize,
    pub failed: usize,
    pub not_reached: usize,
}

/// Writes the counts above 0: "2 improved, 1 failed".
impl fmt::Display for Counts {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words = [
            (self.improved, "improved"),
            (self.regressed, "regressed"),
            (self.unchanged, "unchanged"),
            (self.inconclusive, "inconclusive"),
            (self.unexplained, "unexplained"),
            (self.failed, "failed"),
            (self.not_reached, "not reached"),
        ];
        let present = words.into_iter().filter(|(count, _)| *count > 0);
        for (index, (count, word)) in present.enumerate() {
            let comma = if index > 0 { ", " } else { "" };
            write!(formatter, "{comma}{count} {word}")?;
        }
        Ok(())
    }
}

#[derive(Clone, Debug, PartialEq, JsonSchema, Serialize, Deserialize)]
pub struct Judged {
    pub estimate: Estimate,
    pub verdict: Verdict,
    pub reason: Option<Reason>,
    /// The time of each side, where a sum of times is meaningful.
    pub base_ns: Option<f64>,
    pub head_ns: Option<f64>,
}

/// The measurements of one benchmark.
#[derive(Clone, Debug, Default)]
pub struct MeasuredBenchmark {
    pub benchmark: String,
    pub replicates: Vec<Replicate>,
    /// The number of looks at the replicates.
    pub looks: u32,
    /// The seconds that one more replicate would take.
    pub replicate_seconds: f64,
    pub output: (OutputCheck, Option<Difference>),
    pub is_control: bool,
    pub set_up_each_call: bool,
    pub several_cores: bool,
    pub first_call_ns: Option<PerSide<f64>>,
    pub warnings: Vec<Warning>,
}

/// The noise of a benchmark's replicates, where both sides are the same.
#[derive(Clone, Debug, PartialEq, JsonSchema, Serialize, Deserialize)]
pub struct Noise {
    pub benchmark: String,
    /// The standard deviation of head/base between replicates.
    pub spread_percent: f64,
    /// The smallest change that the default settings find here nine times in ten.
    pub smallest_change_percent: Option<f64>,
    /// The number of replicates that the default budget has room for.
    pub replicates: usize,
}

/// Returns the noise of a revision compared with itself; `replicates` is what the default budget has room for.
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

/// Turns measurements into comparisons with verdicts, in the given order of benchmarks.
///
/// A benchmark with fewer than [`stats::FEWEST_REPLICATES`] replicates has no comparison.
pub fn judge(
    measured: Vec<MeasuredBenchmark>,
    sampling: Sampling,
    thresholds: &Thresholds,
) -> (Vec<Comparison>, Option<Judged>, Option<Judged>) {
    let estimated: Vec<(MeasuredBenchmark, Vec<f64>, LogEstimate)> = measured
        .into_iter()
        .filter_map(|measured| {
            let ratios = stats::log_ratios(&measured.replicates);
            let estimate = sampling.estimate(&ratios, measured.looks)?;
            Some((measured, ratios, estimate))
        })
        .collect();
    let p_values: Vec<f64> = estimated
        .iter()
        .map(|(_, _, estimate)| estimate.p_value)
        .collect();
    let survivors = stats::survives_correction(&p_values);

    let of_benchmarks: Vec<&[Replicate]> = estimated
        .iter()
        .map(|(measured, _, _)| measured.replicates.as_slice())
        .collect();
    // The sums have the replicates that all benchmarks have: those of the one with the fewest looks.
    let looks = estimated
        .iter()
        .map(|(measured, _, _)| measured.looks)
        .min()
        .unwrap_or(1);
    let judge_together =
        |ratios: &[f64]| judge_alone(sampling.estimate(ratios, looks)?, thresholds.general());
    let total = judge_together(&stats::total_log_ratios(&of_benchmarks));
    let geometric_mean = judge_together(&stats::geometric_log_ratios(&of_benchmarks));

    let comparisons: Vec<Comparison> = estimated
        .into_iter()
        .zip(survivors)
        .map(|((measured, ratios, estimate), survives)| {
            let threshold = thresholds.of(&measured.benchmark);
            let (verdict, reason) = stats::verdict(&estimate, threshold, survives);
            let (verdict, reason) = match verdict {
                Verdict::Improved | Verdict::Regressed if measured.is_control => {
                    (Verdict::Unexplained, reason)
                }
                Verdict::Unchanged if measured.first_call_ns.is_some() => {
                    (Verdict::Inconclusive, Some(Reason::FirstCallChanged))
                }
                verdict => (verdict, reason),
            };
            let is_open = verdict == Verdict::Inconclusive && reason != Some(Reason::FirstCallChanged);
            let more = is_open.then(|| sequential::replicates_to_settle(&ratios, measured.looks, threshold));
            let replicates = measured.replicates;
            let estimate = estimate.to_estimate();
            let base = side_time(&replicates, |pair| pair.base.per_iteration_ns());
            Comparison {
                threshold_percent: thresholds.own_percent(&measured.benchmark),
                benchmark: measured.benchmark,
                base,
                head: base.times(estimate.point_estimate),
                estimate,
                verdict,
                reason,
                is_control: measured.is_control,
                set_up_each_call: measured.set_up_each_call,
                several_cores: measured.several_cores,
                first_call_ns: measured.first_call_ns,
                looks: measured.looks,
                replicate_seconds: (measured.replicate_seconds > 0.0).then_some(measured.replicate_seconds),
                to_settle: more.flatten().map(|replicates| ToSettle {
                    replicates,
                    seconds: replicates as f64 * measured.replicate_seconds,
                }),
                output: measured.output.0,
                output_difference: measured.output.1,
                confirmation: None,
                shard: None,
                replicates,
                functions: Vec::new(),
                unexplained_ns: None,
                profile: None,
                warnings: measured.warnings,
            }
        })
        .collect();
    let base_ns: f64 = comparisons
        .iter()
        .map(|comparison| comparison.base.median_ns)
        .sum();
    let total = total.map(|total| Judged {
        base_ns: Some(base_ns),
        head_ns: Some(base_ns * total.estimate.point_estimate),
        ..total
    });
    (comparisons, total, geometric_mean)
}

/// Adds the check of a regression by fresh replicates, and withdraws the verdict where they do not show it. Returns
/// whether it was confirmed; `None` where there are too few replicates to tell, and the verdict stays.
pub fn confirm(comparison: &mut Comparison, replicates: Vec<Replicate>) -> Option<bool> {
    let estimate = stats::estimate(&stats::log_ratios(&replicates))?;
    let p_value = estimate.p_of_no_regression();
    let confirmed = p_value <= stats::CONFIRMATION_P;
    if !confirmed {
        comparison.take_back();
    }
    comparison.confirmation = Some(Confirmation {
        estimate: estimate.to_estimate(),
        p_value,
        confirmed,
        replicates,
    });
    Some(confirmed)
}

/// Judges the total that a command reports itself, in place of a sum of its rows.
pub fn judge_total(total: &MeasuredBenchmark, sampling: Sampling, threshold: Threshold) -> Option<Judged> {
    let ratios = stats::log_ratios(&total.replicates);
    let judged = judge_alone(sampling.estimate(&ratios, total.looks)?, threshold)?;
    let base = side_time(&total.replicates, |pair| pair.base.per_iteration_ns());
    Some(Judged {
        base_ns: Some(base.median_ns),
        head_ns: Some(base.times(judged.estimate.point_estimate).median_ns),
        ..judged
    })
}

fn judge_alone(estimate: LogEstimate, threshold: Threshold) -> Option<Judged> {
    let survives = stats::survives_correction(&[estimate.p_value])[0];
    let (verdict, reason) = stats::verdict(&estimate, threshold, survives);
    Some(Judged {
        estimate: estimate.to_estimate(),
        verdict,
        reason,
        base_ns: None,
        head_ns: None,
    })
}

/// Judges an estimate of which only the interval is known. For a single hypothesis, the correction agrees with the
/// interval.
fn judge_alone_by_interval(judged: &Judged, threshold: Threshold) -> Judged {
    let estimate = LogEstimate::from_estimate(&judged.estimate);
    let (verdict, reason) = stats::verdict(&estimate, threshold, true);
    Judged {
        verdict,
        reason,
        ..judged.clone()
    }
}

fn side_time(replicates: &[Replicate], time: impl Fn(&crate::model::Pair) -> f64) -> SideTime {
    let medians = replicates
        .iter()
        .filter_map(|replicate| stats::median(replicate.pairs.iter().map(&time)));
    SideTime {
        median_ns: stats::median(medians).unwrap_or(f64::NAN),
    }
}

/// The smallest share of the time that is noticeable.
pub(crate) const NOTICEABLE_SHARE: f64 = 0.01;

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

/// Warns where a benchmark changed by more than its changed functions did, beyond what the intervals allow.
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
                "of its change of {}, {} is not in the changed functions",
                units::signed_duration(change),
                units::signed_duration(rest)
            ),
            Some(
                "code that they call or that calls them, garbage collection, memory layout, or what the set-up left behind; \
                 --profile looks at every function",
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

/// Summarizes the controls; `None` where there are none.
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
                "its time changed by {}, and nothing that it runs while it is timed has changed",
                change_percent(row.estimate.point_estimate)
            ),
            Some(
                "memory layout, what its set-up leaves behind (a cache, other data) or the state of imports can do that; it \
                 counts as neither better nor worse, and changes of this size elsewhere may have the same cause",
            ),
        )
        .of(&row.benchmark)
    });
    warnings.collect()
}

/// Returns the line of pytest's message that says what went wrong: in a traceback the first one about the last
/// exception, which pytest marks with an `E`; otherwise the first line. Empty for an empty message. A line of a million
/// characters is cut: it stands in sentences, and the row has the whole message.
pub fn main_line(message: &str) -> &str {
    let line = whole_main_line(message);
    let longest = line.char_indices().nth(LONGEST_MAIN_LINE);
    longest.map_or(line, |(end, _)| &line[..end])
}

/// In characters.
const LONGEST_MAIN_LINE: usize = 1000;

fn whole_main_line(message: &str) -> &str {
    let marked = |line: &&str| line.starts_with("E ") || line.starts_with("E\t");
    let from_last = message.lines().rev().skip_while(|line| !marked(line));
    match from_last.take_while(marked).last() {
        Some(line) => line[1..].trim(),
        None => message
            .lines()
            .map(str::trim)
            .find(|line| !line.is_empty())
            .unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::records::testing;

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

    /// Returns replicates in which base takes 1 µs, and head the given nanoseconds, plus one more in each replicate.
    fn five_replicates(head_ns: u64) -> Vec<Replicate> {
        let replicate = |seed| Replicate {
            seed,
            clock: crate::model::Clock::Wall,
            pairs: vec![crate::model::Pair {
                order: crate::model::Order::BaseHead,
                base: crate::model::Sample {
                    elapsed_ns: 1_000,
                    iterations: 1,
                },
                head: crate::model::Sample {
                    elapsed_ns: head_ns + u64::from(seed),
                    iterations: 1,
                },
            }],
        };
        (0..5).map(replicate).collect()
    }

    #[test]
    fn a_first_call_that_changed_alone_leaves_a_row_open() {
        let judged = |head_ns, first_call_ns| {
            let measured = MeasuredBenchmark {
                benchmark: "a.py::a".to_owned(),
                replicates: five_replicates(head_ns),
                looks: 1,
                first_call_ns,
                ..MeasuredBenchmark::default()
            };
            let threshold = Threshold::from_percent(2.0);
            let row = judge(vec![measured], Sampling::Exactly(5), &threshold.into())
                .0
                .remove(0);
            (row.verdict, row.reason, row.to_settle)
        };
        let first = Some(PerSide::new(1e6, 5e7));
        assert_eq!(judged(1_000, None), (Verdict::Unchanged, None, None));
        let open = (Verdict::Inconclusive, Some(Reason::FirstCallChanged), None);
        assert_eq!(judged(1_000, first), open);
        // The suite is about the later calls, and these changed.
        assert_eq!(judged(800, first), (Verdict::Improved, None, None));
        assert_eq!(judged(1_200, first), (Verdict::Regressed, None, None));
    }

    #[test]
    fn a_control_that_moves_is_no_verdict_on_the_change() {
        let judged = |is_control| {
            let measured = MeasuredBenchmark {
                benchmark: "a.py::a".to_owned(),
                replicates: five_replicates(1_200),
                looks: 1,
                is_control,
                ..MeasuredBenchmark::default()
            };
            let threshold = Threshold::from_percent(2.0);
            judge(vec![measured], Sampling::Exactly(5), &threshold.into()).0
        };
        let (rows, moved) = (judged(false), judged(true));
        assert_eq!(rows[0].verdict, Verdict::Regressed);
        assert_eq!((controls(&rows), controls_moved(&rows)), (None, Vec::new()));
        assert_eq!(moved[0].verdict, Verdict::Unexplained);
        assert_eq!(moved[0].estimate, rows[0].estimate);
        assert!(!Gate::Regression { percent: None }.is_failed_by(&moved[0]));
        assert!(!Gate::Inconclusive.is_failed_by(&moved[0]));
        let counts = count(&moved, &[]);
        assert_eq!((counts.regressed, counts.unexplained), (0, 1));
        assert_eq!(controls(&moved).unwrap().benchmarks, 1);
        assert!(
            controls_moved(&moved)[0]
                .message
                .starts_with("its time changed by +20.")
        );
    }

    #[test]
    fn the_line_that_says_what_went_wrong() {
        let traceback = "def test():\n>   f()\nE   ValueError: no\n\na.py:3: ValueError";
        assert_eq!(main_line(traceback), "ValueError: no");
        let chained =
            "E   KeyError: 1\n\nThe above exception\n\nE   OSError: in use\nE   assert 1 == 2\n\na.py:3";
        assert_eq!(main_line(chained), "OSError: in use");
        assert_eq!(main_line("\n one\ntwo\n"), "one");
        // A worker's last output is less informative than what happened to it.
        let death = "the process ended: signal: 11 (SIGSEGV)\nlast words";
        assert_eq!(main_line(death), "the process ended: signal: 11 (SIGSEGV)");
        assert_eq!(main_line(""), "");
        assert_eq!(
            main_line(&"\u{20ac}".repeat(5000)).chars().count(),
            LONGEST_MAIN_LINE
        );
    }
}
