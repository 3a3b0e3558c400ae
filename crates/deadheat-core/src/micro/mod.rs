//! The pre-screen of a change: whether it is worth a commit, which is not the question that the verdict answers.

mod terminal;

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::judge::sequential::replicates_to_reach;
use crate::judge::stats::LogEstimate;
use crate::model::{Estimate, PerSide, Python, Reason, Replicate, ResourceComparison, Verdict, Warning};
use crate::output::{Difference, OutputCheck};
use crate::text::{is_too_wide, speedup};

pub use terminal::render;

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

    /// Decides after one look; `None` where it is too early.
    ///
    /// A change is worth it where head is faster beyond chance and the estimate is large enough. It is not where the
    /// interval contains no speedup of that size.
    pub fn decide(self, estimate: &LogEstimate) -> Option<Decision> {
        if estimate.center <= -self.log && estimate.center + estimate.half_width < 0.0 {
            Some(Decision::Go)
        } else if estimate.center - estimate.half_width > -self.log {
            Some(Decision::Stop)
        } else {
            None
        }
    }

    /// Returns the number of further replicates that would probably decide, if their spread stays the same; `None`
    /// where it is more than anybody would wait for.
    pub fn replicates_to_decide(self, log_ratios: &[f64], look: u32) -> Option<usize> {
        let center = crate::judge::stats::estimate(log_ratios)?.center;
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
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
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

/// The kind of the target.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Form {
    Script,
    Function,
    Statements,
}

/// One of the two variants.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Variant {
    /// The name that the user knows.
    pub name: String,
    /// Nanoseconds per call, the median over the replicates; null where nothing was measured.
    pub median_ns: Option<f64>,
}

/// The result of a pre-screen. Its serde form is the JSON of `docs/reference.md`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MicroReport {
    pub schema_version: u32,
    pub form: Form,
    /// The target as typed.
    pub target: String,
    /// The full hash of the commit that the change starts from; null outside a repository.
    pub base_commit: Option<String>,
    /// The path of the function's file, relative to the repository.
    pub path: Option<String>,
    pub function: Option<String>,
    pub base: Variant,
    pub head: Variant,
    /// The estimate of the ratio head/base.
    pub estimate: Option<Estimate>,
    pub verdict: Option<Verdict>,
    /// The reason for an inconclusive verdict.
    pub reason: Option<Reason>,
    pub worth_percent: f64,
    pub decision: Decision,
    pub decision_reason: String,
    /// The time that the whole command would probably take to decide, where it did not.
    pub seconds_needed: Option<f64>,
    /// The time that the whole command took.
    pub seconds: f64,
    pub output: OutputCheck,
    pub output_difference: Option<Difference>,
    /// The reason why the variants' return values cannot be compared.
    pub output_reason: Option<String>,
    pub memory: Option<ResourceComparison>,
    pub replicates: Vec<Replicate>,
    pub python: Option<Python>,
    pub pinned_core: Option<usize>,
    pub warnings: Vec<Warning>,
}

impl MicroReport {
    pub fn variants(&self) -> PerSide<&Variant> {
        PerSide::new(&self.base, &self.head)
    }
}

/// A pre-screen's line in the loop's `micro.jsonl`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct MicroRecord {
    /// ISO 8601, UTC.
    pub time: String,
    /// The full hash of the commit that the change starts from.
    pub base: Option<String>,
    pub path: Option<String>,
    pub function: Option<String>,
    /// The git blob of the file as it was measured.
    pub blob: Option<String>,
    pub script: Option<String>,
    pub statements: Option<String>,
    /// The ratio base/head, as are its bounds.
    pub speedup: Option<f64>,
    pub ci_low: Option<f64>,
    pub ci_high: Option<f64>,
    pub verdict: Option<Verdict>,
    pub decision: Option<Decision>,
    pub worth_percent: Option<f64>,
}

/// Returns the record of a pre-screen at `time`; `blob` is that of the function's file in the working tree.
pub fn record(report: &MicroReport, time: String, blob: Option<String>) -> MicroRecord {
    let target_of = |form: Form| (report.form == form).then(|| report.target.clone());
    let interval = report.estimate.map(|estimate| estimate.confidence_interval);
    MicroRecord {
        time,
        base: report.base_commit.clone(),
        path: report.path.clone(),
        function: report.function.clone(),
        blob,
        script: target_of(Form::Script),
        statements: target_of(Form::Statements),
        speedup: report.estimate.map(|estimate| 1.0 / estimate.point_estimate),
        ci_low: interval.map(|interval| 1.0 / interval.upper_bound),
        ci_high: interval.map(|interval| 1.0 / interval.lower_bound),
        verdict: report.verdict,
        decision: Some(report.decision),
        worth_percent: Some(report.worth_percent),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::judge::sequential::Sampling;
    use crate::model::ConfidenceInterval;

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

    fn report(form: Form) -> MicroReport {
        MicroReport {
            schema_version: 1,
            form,
            target: "a.py::f".to_owned(),
            base_commit: Some("c".repeat(40)),
            path: Some("a.py".to_owned()),
            function: Some("f".to_owned()),
            base: Variant {
                name: "HEAD".to_owned(),
                median_ns: Some(1300.0),
            },
            head: Variant {
                name: "working tree".to_owned(),
                median_ns: Some(1000.0),
            },
            estimate: Some(Estimate {
                point_estimate: 0.8,
                standard_error: 0.01,
                confidence_interval: ConfidenceInterval {
                    lower_bound: 0.5,
                    upper_bound: 1.0,
                    confidence_level: 0.99,
                },
            }),
            verdict: Some(Verdict::Improved),
            reason: None,
            worth_percent: 20.0,
            decision: Decision::Go,
            decision_reason: "it is".to_owned(),
            seconds_needed: None,
            seconds: 1.0,
            output: OutputCheck::Same,
            output_difference: None,
            output_reason: None,
            memory: None,
            replicates: Vec::new(),
            python: None,
            pinned_core: Some(1),
            warnings: Vec::new(),
        }
    }

    #[test]
    fn the_record_has_speedups_and_says_what_was_asked() {
        let record_of = |form| record(&report(form), "2026-01-02T03:04:05Z".to_owned(), None);
        let function = record_of(Form::Function);
        assert_eq!(
            (function.speedup, function.ci_low, function.ci_high),
            (Some(1.25), Some(1.0), Some(2.0))
        );
        assert_eq!((&function.script, &function.statements), (&None, &None));
        assert_eq!(record_of(Form::Script).script.as_deref(), Some("a.py::f"));
        let written = serde_json::to_value(&function).unwrap();
        assert_eq!(
            (&written["decision"], &written["verdict"], &written["script"]),
            (&"go".into(), &"improved".into(), &serde_json::Value::Null)
        );
    }

    #[test]
    fn a_record_of_another_version_is_read_in_so_far_as_it_is_known() {
        let text = r#"{"time": "t", "speedup": 1.5, "colour": "red", "decision": "no_answer"}"#;
        let read: MicroRecord = serde_json::from_str(text).unwrap();
        assert_eq!(
            (read.speedup, read.decision),
            (Some(1.5), Some(Decision::NoAnswer))
        );
        assert_eq!(read.base, None);
        let whole = record(&report(Form::Function), "t".to_owned(), Some("b".to_owned()));
        let again: MicroRecord = serde_json::from_str(&serde_json::to_string(&whole).unwrap()).unwrap();
        assert_eq!(again, whole);
    }

    #[test]
    fn a_person_reads_what_was_compared_and_the_decision_last() {
        let text = render(&report(Form::Function));
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0], "a.py::f");
        assert!(text.contains("1.30 µs  HEAD"), "{text}");
        assert!(text.contains("1.00 µs  working tree"), "{text}");
        assert!(
            text.contains("-20.0 % (-50.0 to +0.0)  1.25x  improved"),
            "{text}"
        );
        assert!(text.contains("working tree's on both sides"), "{text}");
        assert_eq!(lines.last(), Some(&"go: it is"));
        let script = render(&report(Form::Script));
        assert!(!script.contains("on both sides"), "{script}");
    }

    #[test]
    fn different_results_and_hostile_names_are_shown_safely() {
        let mut report = report(Form::Script);
        report.target = "a\u{1b}[31m.py".to_owned();
        report.output = OutputCheck::Different;
        report.output_difference = Some(Difference {
            place: "[0]".to_owned(),
            base: "1".to_owned(),
            head: "2".to_owned(),
        });
        let text = render(&report);
        assert!(!text.contains('\u{1b}'));
        assert!(
            text.contains("DIFFERENT RESULTS: at [0], HEAD returns 1 and working tree returns 2"),
            "{text}"
        );
    }
}
