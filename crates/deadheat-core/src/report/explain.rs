//! One benchmark or one function of a report: its numbers, and how they hang together.

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use super::breakdown::{ShownBreakdown, reconciliation};
use super::brief::BRIEF_BYTES;
use super::within;
use super::words::why;
use crate::model::{
    CallProfile, Change, Comparison, FunctionComparison, Missing, MissingReason, NextStep, ProfileNote,
    Report, Side, TargetFunction, ToSettle, Verdict, WarningCode,
};
use crate::output::{Difference, OutputCheck};
use crate::text::main_line;

/// The subject of an explanation.
#[derive(Clone, Copy, Debug)]
pub enum Subject<'a> {
    Benchmark(&'a Comparison),
    NotMeasured(&'a Missing),
    Function(Function<'a>),
}

/// A function that a report names.
#[derive(Clone, Copy, Debug)]
pub struct Function<'a> {
    pub(super) path: &'a str,
    pub(super) qualname: &'a str,
    /// `None` if it did not change.
    pub(super) target: Option<&'a TargetFunction>,
    /// Over all measured benchmarks.
    pub(super) all: Option<&'a FunctionComparison>,
}

/// A name that stands for no part of the report, or for several.
#[derive(Debug, PartialEq, Eq)]
pub struct Unclear {
    /// The full names that it could stand for; empty if there is none.
    pub matches: Vec<String>,
    /// All names of the report.
    pub known: Vec<String>,
}

/// Finds what a name stands for: a full name, or its end from `/`, `::` or `.` on.
pub fn find<'a>(report: &'a Report, name: &str) -> Result<Subject<'a>, Unclear> {
    let subjects = subjects(report);
    let matching = |matches: fn(&str, &str) -> bool| -> Vec<&(String, Subject<'a>)> {
        subjects.iter().filter(|(full, _)| matches(full, name)).collect()
    };
    let levels: [fn(&str, &str) -> bool; 3] = [
        |full, name| full == name,
        ends_with,
        |full, name| ends_with(full.split('[').next().unwrap_or(full), name),
    ];
    let found = levels.map(matching).into_iter().find(|found| !found.is_empty());
    match found.as_deref() {
        Some([(_, subject)]) => Ok(*subject),
        found => Err(Unclear {
            matches: found
                .unwrap_or_default()
                .iter()
                .map(|(full, _)| full.clone())
                .collect(),
            known: subjects.iter().map(|(full, _)| full.clone()).collect(),
        }),
    }
}

fn ends_with(full: &str, name: &str) -> bool {
    let rest = full.strip_suffix(name);
    rest.is_some_and(|rest| !name.is_empty() && rest.ends_with(['/', ':', '.']))
}

/// Returns everything that has a name, with its full name.
fn subjects(report: &Report) -> Vec<(String, Subject<'_>)> {
    let measured = report.comparisons.iter();
    let measured = measured.map(|row| (row.benchmark.clone(), Subject::Benchmark(row)));
    let missing = report.missing.iter();
    let missing = missing.map(|row| (row.benchmark.clone(), Subject::NotMeasured(row)));
    let mut subjects: Vec<(String, Subject<'_>)> = measured.chain(missing).collect();
    let targets = report.target_functions.iter();
    let targets = targets.map(|target| (target.path.as_str(), target.qualname.as_str()));
    let watched = report.summary.functions.iter();
    let watched = watched.chain(report.summary.profile.iter().flatten());
    let watched = watched.map(|function| (function.path.as_str(), function.qualname.as_str()));
    for (path, qualname) in targets.chain(watched) {
        let full = format!("{path}::{qualname}");
        if subjects.iter().all(|(other, _)| *other != full) {
            subjects.push((full, Subject::Function(function(report, path, qualname))));
        }
    }
    subjects
}

fn function<'a>(report: &'a Report, path: &'a str, qualname: &'a str) -> Function<'a> {
    let mut targets = report.target_functions.iter();
    let summary = &report.summary;
    let mut all = summary.functions.iter().chain(summary.profile.iter().flatten());
    Function {
        path,
        qualname,
        target: targets.find(|target| target.path == path && target.qualname == qualname),
        all: all.find(|function| function.path == path && function.qualname == qualname),
    }
}

impl<'a> Function<'a> {
    /// Returns the measured benchmarks that run it, with its part in each where that was watched.
    pub(super) fn benchmarks(
        &self,
        report: &'a Report,
    ) -> Vec<(&'a Comparison, Option<&'a FunctionComparison>)> {
        let part = |row: &'a Comparison| {
            let mut parts = row.functions.iter().chain(row.profile.iter().flatten());
            parts.find(|part| part.path == self.path && part.qualname == self.qualname)
        };
        let reaches = |row: &Comparison| {
            self.target
                .is_some_and(|target| target.reached_by.contains(&row.benchmark))
        };
        let rows = report.comparisons.iter().map(|row| (row, part(row)));
        rows.filter(|(row, part)| part.is_some() || reaches(row))
            .collect()
    }
}

/// The answer of `deadheat explain`. Fields that do not apply are left out, and lists that are too long lose their last
/// rows, which `cut` says.
#[derive(Debug, Default, JsonSchema, Serialize)]
pub struct Explained<'a> {
    pub benchmark: Option<&'a str>,
    /// Its path and qualified name.
    pub function: Option<String>,
    pub verdict: Option<ExplainedVerdict>,
    /// The reasons for the verdict, or for the lack of one.
    pub why: Option<String>,
    /// The side on which it could not be measured.
    pub side: Option<Side>,
    pub change: Option<Change>,
    pub detail: Option<&'a str>,
    /// The first and the last line of the function.
    pub lines: Option<(u32, u32)>,
    /// Nanoseconds per iteration.
    pub base_ns: Option<f64>,
    pub head_ns: Option<f64>,
    pub output: Option<OutputCheck>,
    pub output_difference: Option<&'a Difference>,
    pub to_settle: Option<ToSettle>,
    #[serde(flatten)]
    pub numbers: Numbers,
    /// The functions of a benchmark.
    pub functions: Option<Vec<ExplainedPart<'a>>>,
    /// A sentence: how much of the difference the changed functions explain.
    pub explained: Option<String>,
    pub warnings: Option<Vec<WarningCode>>,
    /// The number of measured benchmarks that run a function.
    pub run_by: Option<usize>,
    /// The benchmarks that run a function.
    pub benchmarks: Option<Vec<ExplainedPart<'a>>>,
    pub cut: Option<bool>,
    /// The steps that would follow the report.
    pub next: &'a [NextStep],
}

/// A verdict, or the reason why there is none.
#[derive(Debug, JsonSchema, Serialize)]
#[serde(untagged)]
pub enum ExplainedVerdict {
    Measured(Verdict),
    Missing(MissingReason),
}

/// A function's part of a benchmark.
#[derive(Debug, Default, JsonSchema, Serialize)]
pub struct ExplainedPart<'a> {
    pub function: Option<&'a str>,
    pub change: Option<Change>,
    pub benchmark: Option<&'a str>,
    pub verdict: Option<Verdict>,
    #[serde(flatten)]
    pub numbers: Numbers,
}

/// The numbers of a benchmark or of a function, per iteration of the benchmark; of two, the first is that of base.
#[derive(Clone, Copy, Debug, Default, JsonSchema, Serialize)]
pub struct Numbers {
    pub calls: Option<[Option<f64>; 2]>,
    pub time_ns: Option<[Option<f64>; 2]>,
    /// The fraction of the benchmark's time.
    pub share: Option<[Option<f64>; 2]>,
    pub speedup: Option<f64>,
    /// The interval of the speedup.
    pub interval: Option<[f64; 2]>,
    /// The fraction of the benchmark's difference.
    pub explains: Option<f64>,
    pub note: Option<ProfileNote>,
}

/// Returns the explanation as JSON: `depth` rows of its list, or as many as fit into a brief answer.
pub fn explain(report: &Report, subject: &Subject<'_>, depth: Option<usize>) -> serde_json::Result<Value> {
    let most = depth.unwrap_or(usize::MAX);
    let explained = match subject {
        Subject::Benchmark(row) => benchmark(report, row, most),
        Subject::NotMeasured(row) => Explained {
            benchmark: Some(&row.benchmark),
            verdict: Some(ExplainedVerdict::Missing(row.reason)),
            side: row.side,
            why: Some(main_line(&row.message).to_owned()),
            ..Explained::default()
        },
        Subject::Function(function) => of_function(report, function, most),
    };
    let explained = Explained {
        next: &report.next,
        ..explained
    };
    let limit = if depth.is_some() { usize::MAX } else { BRIEF_BYTES };
    Ok(within(serde_json::to_value(explained)?, limit))
}

fn benchmark<'a>(report: &Report, row: &'a Comparison, most: usize) -> Explained<'a> {
    let breakdown = ShownBreakdown::of(row);
    let parts = row.profile.as_ref().unwrap_or(&row.functions);
    let functions = parts.iter().take(most).map(|part| ExplainedPart {
        function: Some(&part.name),
        change: part.change,
        numbers: numbers(part, Some(&breakdown)),
        ..ExplainedPart::default()
    });
    Explained {
        benchmark: Some(&row.benchmark),
        verdict: Some(ExplainedVerdict::Measured(row.verdict)),
        why: Some(why(report, row)),
        base_ns: Some(row.base.median_ns),
        head_ns: Some(row.head.median_ns),
        output: Some(row.output),
        output_difference: row.output_difference.as_ref(),
        to_settle: row.to_settle,
        numbers: Numbers {
            speedup: Some(row.estimate.speedup()),
            interval: Some(row.estimate.speedup_interval()),
            ..Numbers::default()
        },
        functions: Some(functions.collect()),
        explained: reconciliation(&breakdown),
        warnings: Some(row.warnings.iter().map(|warning| warning.code).collect()),
        ..Explained::default()
    }
}

fn of_function<'a>(report: &'a Report, function: &Function<'a>, most: usize) -> Explained<'a> {
    let rows = function.benchmarks(report);
    let benchmarks = rows.iter().take(most).map(|&(row, part)| {
        let breakdown = ShownBreakdown::of(row);
        ExplainedPart {
            benchmark: Some(&row.benchmark),
            verdict: Some(row.verdict),
            numbers: part
                .map(|part| numbers(part, Some(&breakdown)))
                .unwrap_or_default(),
            ..ExplainedPart::default()
        }
    });
    let target = function.target;
    Explained {
        function: Some(format!("{}::{}", function.path, function.qualname)),
        change: target.and_then(|target| target.change),
        detail: target.and_then(|target| target.detail.as_deref()),
        lines: target.map(|target| target.lines),
        // Without a share: the benchmarks' differences may cancel each other out.
        numbers: function.all.map(|part| numbers(part, None)).unwrap_or_default(),
        run_by: Some(rows.len()),
        benchmarks: Some(benchmarks.collect()),
        ..Explained::default()
    }
}

/// Returns the numbers of a function, and its part of a breakdown.
fn numbers(part: &FunctionComparison, breakdown: Option<&ShownBreakdown<'_>>) -> Numbers {
    let both = |of: fn(&CallProfile) -> Option<f64>| {
        let sides = [&part.base, &part.head].map(|side| side.as_ref().and_then(of));
        sides.iter().any(Option::is_some).then_some(sides)
    };
    Numbers {
        calls: both(|side| Some(side.calls)),
        time_ns: both(|side| side.total_ns),
        share: both(|side| side.share),
        speedup: part.estimate.map(|estimate| estimate.speedup()),
        interval: part.estimate.map(|estimate| estimate.speedup_interval()),
        explains: breakdown.and_then(|breakdown| breakdown.explained_by(part)),
        note: part.note,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::model::{Change, MissingReason, Verdict};
    use crate::testing;

    fn part(path: &str, qualname: &str, base_ns: f64, head_ns: f64) -> FunctionComparison {
        let side = |time: f64| CallProfile {
            calls: 3.0,
            total_ns: Some(time),
            self_ns: Some(time),
            share: Some(time / 1e6),
            self_share: Some(time / 1e6),
            probe_ns: 0.0,
        };
        FunctionComparison {
            name: qualname.to_owned(),
            qualname: qualname.to_owned(),
            path: path.to_owned(),
            change: Some(Change::Modified),
            base: Some(side(base_ns)),
            head: Some(side(head_ns)),
            estimate: None,
            note: None,
        }
    }

    /// A benchmark that takes half of its time; `parse` explains 0.4 of 0.5 ms.
    fn report() -> Report {
        let mut report = testing::report(&[
            ("bench/test_a.py::test_fast[1]", 0.5, Verdict::Improved),
            ("bench/test_a.py::test_fast[2]", 1.0, Verdict::Unchanged),
            ("bench/test_b.py::test_other", 1.0, Verdict::Unchanged),
        ]);
        let parse = part("pkg/core.py", "Parser.parse", 600_000.0, 200_000.0);
        report.comparisons[0].functions = vec![parse.clone(), part("pkg/core.py", "scan", 1e5, 1e5)];
        report.comparisons[0].unexplained_ns = Some(-100_000.0);
        report.summary.functions = vec![parse];
        report.summary.unexplained_ns = Some(-100_000.0);
        let reached = ["bench/test_a.py::test_fast[1]", "bench/test_b.py::test_other"];
        let mut target = testing::target("pkg/core.py", "Parser.parse", &reached);
        target.change = Some(Change::Modified);
        report.target_functions = vec![target, testing::target("pkg/util.py", "test_other", &[])];
        report.missing = vec![Missing {
            benchmark: "bench/test_c.py::test_gone".to_owned(),
            side: None,
            reason: MissingReason::NotReached,
            message: "it runs no changed function".to_owned(),
        }];
        report
    }

    fn explained(name: &str) -> Value {
        let report = report();
        explain(&report, &find(&report, name).unwrap(), None).unwrap()
    }

    #[test]
    fn a_benchmark_is_explained_by_its_functions() {
        let value = explained("bench/test_a.py::test_fast[1]");
        assert_eq!(
            (&value["verdict"], &value["speedup"]),
            (&json!("improved"), &json!(2.0))
        );
        let parse = &value["functions"][0];
        assert_eq!(parse["function"], "Parser.parse");
        assert_eq!(
            (&parse["calls"], &parse["share"]),
            (&json!([3.0, 3.0]), &json!([0.6, 0.2]))
        );
        assert_eq!(
            (&parse["explains"], &value["functions"][1]["explains"]),
            (&json!(0.8), &json!(0.0))
        );
        assert!(value["explained"].as_str().unwrap().contains("(80 %)"));
    }

    #[test]
    fn a_function_is_explained_by_the_benchmarks_that_run_it() {
        let value = explained("Parser.parse");
        assert_eq!(value, explained("parse"));
        assert_eq!(value["function"], "pkg/core.py::Parser.parse");
        assert_eq!(
            (&value["change"], &value["run_by"]),
            (&json!("modified"), &json!(2))
        );
        assert_eq!(
            (&value["explains"], &value["time_ns"]),
            (&Value::Null, &json!([600_000.0, 200_000.0]))
        );
        assert_eq!(value["benchmarks"][0]["explains"], 0.8);
        assert_eq!(
            value["benchmarks"][1],
            json!({"benchmark": "bench/test_b.py::test_other", "verdict": "unchanged"})
        );
    }

    #[test]
    fn a_benchmark_that_was_not_measured_says_why() {
        let value = explained("test_gone");
        assert_eq!(value["verdict"], "not_reached");
        assert_eq!(value["why"], "it runs no changed function");
    }

    #[test]
    fn a_name_that_several_have_is_not_guessed() {
        let report = report();
        let matches = |name: &str| find(&report, name).unwrap_err().matches;
        let of_a = ["bench/test_a.py::test_fast[1]", "bench/test_a.py::test_fast[2]"];
        assert_eq!(matches("test_fast"), of_a);
        // A benchmark and a function.
        assert_eq!(
            matches("test_other"),
            ["bench/test_b.py::test_other", "pkg/util.py::test_other"]
        );
        assert!(find(&report, "util.py::test_other").is_ok());
        for nothing in ["fast[1]", "", "arse"] {
            assert_eq!(matches(nothing), Vec::<String>::new(), "{nothing}");
        }
        assert_eq!(find(&report, "x").unwrap_err().known.len(), 6);
    }

    #[test]
    fn the_depth_counts_rows_and_without_it_the_answer_is_brief() {
        let mut report = report();
        let many = (0..500).map(|index| part("pkg/core.py", &format!("function_{index}"), 1e3, 1e3));
        report.comparisons[0].functions.extend(many);
        let subject = find(&report, "test_fast[1]").unwrap();
        let brief = explain(&report, &subject, None).unwrap();
        assert!(brief.to_string().len() <= BRIEF_BYTES);
        assert_eq!(
            (&brief["cut"], &brief["functions"][0]["explains"]),
            (&json!(true), &json!(0.8))
        );
        let deep = explain(&report, &subject, Some(300)).unwrap();
        assert_eq!(deep["functions"].as_array().unwrap().len(), 300);
        assert_eq!(deep["cut"], Value::Null);
    }
}
