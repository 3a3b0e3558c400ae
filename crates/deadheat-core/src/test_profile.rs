//! The results of `deadheat profile`: a project's ordinary tests on both sides, their durations, and the functions that
//! ran meanwhile. Its serde form is the JSON of `docs/reference.md`.

use std::collections::HashMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::judge;
use crate::judge::MeasuredBenchmark;
use crate::judge::profile::{self, ProfileReplicate};
use crate::judge::sequential::Sampling;
use crate::judge::stats::{self, LogEstimate, Threshold};
use crate::model::{
    Change, Clock, Environments, Estimate, Judged, Machine, Missing, MissingReason, NextStep, OpenReason,
    Order, PerSide, Python, Replicate, Revision, Round, Sample, Side, SideTime, TargetFunction, Verdict,
    Warning,
};
use crate::protocol::{TestOutcome, TestRun, Uncollected};

pub const SCHEMA_VERSION: u32 = 1;
/// The shortest judged duration: pytest's own work is a large part of a shorter test, and chance of the rest.
pub const SHORTEST_NS: f64 = 1e6;

#[derive(Clone, Debug, PartialEq, JsonSchema, Serialize, Deserialize)]
pub struct TestProfile {
    pub schema_version: u32,
    pub tool_version: String,
    /// Whether the run was stopped before it was done.
    pub partial: bool,
    pub revisions: PerSide<Revision>,
    pub settings: TestSettings,
    pub seed: u64,
    pub machine: Machine,
    pub python: Option<PerSide<Python>>,
    pub counts: TestCounts,
    /// The verdict on the sum of the judged tests' durations.
    pub total: Option<Judged>,
    /// The tests that passed on both sides, the slowest first.
    pub tests: Vec<TestComparison>,
    /// The project's functions that ran in them, the largest difference of the own time first.
    pub functions: Vec<FunctionTimes>,
    pub missing: Vec<Missing>,
    pub warnings: Vec<Warning>,
    /// The steps that would follow, the most useful one first.
    #[serde(default)]
    pub next: Vec<NextStep>,
}

#[derive(Clone, Debug, PartialEq, JsonSchema, Serialize, Deserialize)]
pub struct TestSettings {
    /// The arguments of pytest.
    pub arguments: Vec<String>,
    pub threshold_percent: f64,
    pub confidence_level: f64,
    /// The finished replicates; each is a process per side without the profiler and one with it.
    pub replicates: usize,
    /// `None` if the number of replicates was prescribed.
    pub budget_seconds: Option<f64>,
    pub timeout_seconds: f64,
    pub module_roots: Vec<String>,
    pub tests_root: Option<String>,
    pub injected: Vec<String>,
    pub environment: Environments,
    pub requirements: Vec<String>,
    pub build: Option<String>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, JsonSchema, Serialize, Deserialize)]
pub struct TestCounts {
    pub improved: usize,
    pub regressed: usize,
    pub unchanged: usize,
    pub inconclusive: usize,
    pub too_short: usize,
    pub failed: usize,
}

/// One test's durations: setup, call and teardown, without the profiler.
#[derive(Clone, Debug, PartialEq, JsonSchema, Serialize, Deserialize)]
pub struct TestComparison {
    /// The pytest node id, the same on both sides.
    pub test: String,
    pub base: SideTime,
    pub head: SideTime,
    /// Null, as are the verdict and its reason, if the test is too short to be judged.
    pub estimate: Option<Estimate>,
    pub verdict: Option<Verdict>,
    pub reason: Option<OpenReason>,
    /// The durations of each replicate.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub replicates: Vec<PerSide<u64>>,
}

/// One function of the project over all tests, as cProfile reports it.
#[derive(Clone, Debug, PartialEq, JsonSchema, Serialize, Deserialize)]
pub struct FunctionTimes {
    /// A short, unique name.
    pub name: String,
    pub qualname: String,
    pub path: String,
    pub change: Option<Change>,
    /// Null if it did not run.
    pub base: Option<Times>,
    pub head: Option<Times>,
    /// Whether the own time differs by more than chance among that many functions; also true if one side has
    /// none.
    pub is_different: bool,
    /// The ratio of the own times; null if a side has none.
    pub self_estimate: Option<Estimate>,
    /// The ratio of the cumulative times.
    pub total_estimate: Option<Estimate>,
}

/// Medians over the replicates.
#[derive(Clone, Copy, Debug, Default, PartialEq, JsonSchema, Serialize, Deserialize)]
pub struct Times {
    pub calls: f64,
    /// The time with the functions that it calls.
    pub total_ns: f64,
    /// The time without other functions of Python code.
    pub self_ns: f64,
}

impl FunctionTimes {
    pub fn own_difference_ns(&self) -> f64 {
        let own = |side: Option<Times>| side.map_or(0.0, |times| times.self_ns);
        own(self.head) - own(self.base)
    }
}

/// One process per side, without the profiler.
#[derive(Clone, Debug, PartialEq)]
pub struct TestReplicate {
    pub seed: u32,
    pub order: Order,
    pub runs: PerSide<Vec<TestRun>>,
    pub errors: PerSide<Vec<Uncollected>>,
}

/// The runs of each test, by replicate.
struct Runs<'a>(Vec<PerSide<HashMap<&'a str, &'a TestRun>>>);

impl<'a> Runs<'a> {
    fn new(replicates: &'a [TestReplicate]) -> Self {
        let by_test = |runs: &'a Vec<TestRun>| runs.iter().map(|run| (run.node.as_str(), run)).collect();
        let replicates = replicates.iter();
        Runs(replicates.map(|one| one.runs.as_ref().map(by_test)).collect())
    }

    /// Returns a test's run of each replicate; `None` if it did not run.
    fn of(&self, test: &str, side: Side) -> impl Iterator<Item = Option<&'a TestRun>> {
        self.0.iter().map(move |runs| runs.get(side).get(test).copied())
    }

    /// Returns the first run of a test that ended so, with the side that it happened on, `None` for both.
    fn with(&self, test: &str, outcome: TestOutcome) -> Option<(Option<Side>, &'a TestRun)> {
        let of_side = |side| self.of(test, side).flatten().find(|run| run.outcome == outcome);
        match (of_side(Side::Base), of_side(Side::Head)) {
            (None, None) => None,
            (Some(run), None) => Some((Some(Side::Base), run)),
            (None, Some(run)) => Some((Some(Side::Head), run)),
            (Some(_), Some(run)) => Some((None, run)),
        }
    }

    /// Returns the side on which a test did not run in every replicate.
    fn lacking(&self, test: &str) -> Option<Side> {
        let lacks = |side: &Side| self.of(test, *side).any(|run| run.is_none());
        Side::BOTH.into_iter().find(lacks)
    }

    /// Returns the durations of a test in each replicate that has it on both sides.
    fn durations(&self, test: &str) -> Vec<PerSide<u64>> {
        let sides = self.of(test, Side::Base).zip(self.of(test, Side::Head));
        sides
            .filter_map(|(base, head)| Some(PerSide::new(base?.duration_ns, head?.duration_ns)))
            .collect()
    }
}

/// Returns the tests that passed on both sides in all replicates, in base's order, and the rows of the others.
pub fn sort_out(replicates: &[TestReplicate]) -> (Vec<String>, Vec<Missing>) {
    let Some(first) = replicates.first() else {
        return (Vec::new(), Vec::new());
    };
    let runs = Runs::new(replicates);
    let on_base = &runs.0[0].base;
    let only_head = first
        .runs
        .head
        .iter()
        .filter(|run| !on_base.contains_key(run.node.as_str()));
    let mut both = Vec::new();
    let mut missing = uncollected(&first.errors);
    for run in first.runs.base.iter().chain(only_head) {
        let test = run.node.as_str();
        let ended = runs
            .with(test, TestOutcome::Failed)
            .or_else(|| runs.with(test, TestOutcome::Skipped));
        let (side, reason, message) = if let Some((side, run)) = ended {
            let reason = match run.outcome {
                TestOutcome::Failed => MissingReason::Failed,
                _ => MissingReason::Skipped,
            };
            (side, reason, run.message.clone())
        } else if let Some(side) = runs.lacking(test) {
            let file = test.split("::").next().unwrap_or_default();
            if first.errors.get(side).iter().any(|error| error.node == file) {
                // The row of the file says why.
                continue;
            }
            let reason = match side {
                Side::Base => MissingReason::OnlyHead,
                Side::Head => MissingReason::OnlyBase,
            };
            (Some(side.other()), reason, String::new())
        } else {
            both.push(test.to_owned());
            continue;
        };
        missing.push(Missing {
            benchmark: test.to_owned(),
            side,
            reason,
            message,
        });
    }
    (both, missing)
}

/// Returns a row for everything that could not be collected: one if both sides cannot.
fn uncollected(errors: &PerSide<Vec<Uncollected>>) -> Vec<Missing> {
    let mut missing: Vec<Missing> = Vec::new();
    for side in Side::BOTH {
        for error in errors.get(side) {
            match missing.iter_mut().find(|row| row.benchmark == error.node) {
                Some(row) => row.side = None,
                None => missing.push(Missing {
                    benchmark: error.node.clone(),
                    side: Some(side),
                    reason: MissingReason::Failed,
                    message: error.message.clone(),
                }),
            }
        }
    }
    missing
}

/// Compares these tests, which ran in all replicates, the slowest first, and also returns the total of those
/// judged.
pub fn compare_tests(
    tests: &[String],
    replicates: &[TestReplicate],
    threshold: Threshold,
) -> (Vec<TestComparison>, Option<Judged>) {
    let runs = Runs::new(replicates);
    let median = |rows: &[PerSide<u64>], side| SideTime {
        median_ns: stats::median(rows.iter().map(|row| *row.get(side) as f64)).unwrap_or(0.0),
    };
    let mut compared: Vec<TestComparison> = tests
        .iter()
        .map(|test| {
            let rows = runs.durations(test);
            TestComparison {
                test: test.clone(),
                base: median(&rows, Side::Base),
                head: median(&rows, Side::Head),
                estimate: None,
                verdict: None,
                reason: None,
                replicates: rows,
            }
        })
        .collect();
    let long = |test: &&TestComparison| test.base.median_ns.max(test.head.median_ns) >= SHORTEST_NS;
    let measured = compared.iter().filter(long).map(|test| MeasuredBenchmark {
        benchmark: test.test.clone(),
        replicates: as_replicates(test, replicates),
        looks: 1,
        ..MeasuredBenchmark::default()
    });
    let sampling = Sampling::Exactly(replicates.len());
    let (judged, total, _) = judge::judge(measured.collect(), sampling, &threshold.into());
    let mut judged = judged.into_iter().peekable();
    for test in &mut compared {
        if let Some(row) = judged.next_if(|row| row.benchmark == test.test) {
            test.estimate = Some(row.estimate);
            (test.verdict, test.reason) = (Some(row.verdict), row.reason);
        }
    }
    compared.sort_by(|a, b| slower(b).total_cmp(&slower(a)));
    (compared, total)
}

fn as_replicates(test: &TestComparison, replicates: &[TestReplicate]) -> Vec<Replicate> {
    let sample = |elapsed_ns: u64| Sample {
        elapsed_ns,
        iterations: 1,
    };
    let rows = test.replicates.iter().zip(replicates);
    rows.map(|(row, replicate)| Replicate {
        seed: replicate.seed,
        clock: Clock::Wall,
        machine: None,
        rounds: vec![Round {
            order: replicate.order,
            base: sample(row.base),
            head: sample(row.head),
        }],
    })
    .collect()
}

fn slower(test: &TestComparison) -> f64 {
    test.base.median_ns.max(test.head.median_ns)
}

/// Compares the profiles of these functions in all pairs of processes, the largest difference of the own time first.
pub fn compare_functions(
    functions: &[TargetFunction],
    replicates: &[ProfileReplicate],
) -> Vec<FunctionTimes> {
    let names = profile::names(functions);
    // By function, then replicate.
    let mut times = vec![PerSide::<Vec<Times>>::default(); functions.len()];
    for function in &mut times {
        for side in Side::BOTH {
            *function.get_mut(side) = vec![Times::default(); replicates.len()];
        }
    }
    for (index, replicate) in replicates.iter().enumerate() {
        for side in Side::BOTH {
            for row in replicate.get(side).iter().flat_map(|sample| &sample.functions) {
                times[row.function].get_mut(side)[index] = Times {
                    calls: row.calls as f64,
                    total_ns: row.total_ns.unwrap_or(0.0),
                    self_ns: row.self_ns.unwrap_or(0.0),
                };
            }
        }
    }
    let own: Vec<Option<LogEstimate>> = times
        .iter()
        .map(|times| ratio(times, |times| times.self_ns))
        .collect();
    let p_values: Vec<f64> = own.iter().flatten().map(|estimate| estimate.p_value).collect();
    let mut survivors = stats::survives_correction(&p_values).into_iter();
    let mut compared: Vec<FunctionTimes> = functions
        .iter()
        .zip(names)
        .zip(times.iter().zip(own))
        .map(|((function, name), (times, own))| FunctionTimes {
            name,
            qualname: function.qualname.clone(),
            path: function.path.clone(),
            change: function.change,
            base: medians(&times.base),
            head: medians(&times.head),
            is_different: match own {
                Some(_) => survivors.next().unwrap_or_default(),
                None => medians(&times.base).is_some() != medians(&times.head).is_some(),
            },
            self_estimate: own.map(LogEstimate::to_estimate),
            total_estimate: ratio(times, |times| times.total_ns).map(LogEstimate::to_estimate),
        })
        .collect();
    compared.sort_by(|a, b| {
        b.own_difference_ns()
            .abs()
            .total_cmp(&a.own_difference_ns().abs())
    });
    compared
}

fn medians(times: &[Times]) -> Option<Times> {
    let median = |of: fn(&Times) -> f64| stats::median(times.iter().map(of)).unwrap_or(0.0);
    times.iter().any(|one| one.calls > 0.0).then(|| Times {
        calls: median(|one| one.calls),
        total_ns: median(|one| one.total_ns),
        self_ns: median(|one| one.self_ns),
    })
}

/// Estimates head/base; `None` if a side has no time in one of the replicates.
fn ratio(times: &PerSide<Vec<Times>>, of: fn(&Times) -> f64) -> Option<LogEstimate> {
    let ratios = times.base.iter().zip(&times.head).map(|(base, head)| {
        let (base, head) = (of(base), of(head));
        (base > 0.0 && head > 0.0).then(|| (head / base).ln())
    });
    let ratios: Option<Vec<f64>> = ratios.collect();
    stats::estimate(&ratios?)
}

pub fn count(tests: &[TestComparison], missing: &[Missing]) -> TestCounts {
    let of = |verdict| tests.iter().filter(|test| test.verdict == verdict).count();
    TestCounts {
        improved: of(Some(Verdict::Improved)),
        regressed: of(Some(Verdict::Regressed)),
        unchanged: of(Some(Verdict::Unchanged)),
        inconclusive: of(Some(Verdict::Inconclusive)),
        too_short: of(None),
        failed: missing
            .iter()
            .filter(|row| row.reason == MissingReason::Failed)
            .count(),
    }
}

#[cfg(test)]
mod tests;
