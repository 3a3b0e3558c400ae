//! The pre-screen of a change: whether it is worth a commit, which is not the question that the verdict answers.

mod decision;
mod race;
mod report;
mod terminal;

pub use decision::{Decision, Worth};
pub use race::MicroRace;
pub use report::{Form, MicroRecord, MicroReport, Variant, record};
pub use terminal::{render, render_race};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{ConfidenceInterval, Estimate, Verdict};
    use crate::output::{Difference, OutputCheck};

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
            next: Vec::new(),
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
        assert!(text.contains("-20.0 % [-50.0, +0.0]  1.25x  improved"), "{text}");
        assert!(text.contains("the working tree on both sides"), "{text}");
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
