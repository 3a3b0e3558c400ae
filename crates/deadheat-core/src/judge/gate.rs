//! Gates: the rows of a report that end a run with exit code 1, and the message about them.

use crate::model::{Comparison, Gate, Missing, MissingReason, Report, Side, Verdict};
use crate::output::OutputCheck;
use crate::text::{change_percent, plain};

/// Describes the failed gates in one line: the worst benchmark, its verdict and change, the gate, and the
/// number of other failures. `None` if every gate holds.
pub fn failure(report: &Report) -> Option<String> {
    let gates = &report.settings.fail_on;
    if gates.is_empty() || report.plan.is_some() {
        return None;
    }
    let is_script = report.settings.script.is_some();
    let broken: Vec<&Missing> = report
        .missing
        .iter()
        .filter(|row| is_broken_by_head(row, is_script))
        .collect();
    let mut rows: Vec<(&Comparison, Gate)> = report
        .comparisons
        .iter()
        .filter_map(|row| {
            let gate = gates.iter().find(|gate| gate.is_failed_by(row))?;
            Some((row, *gate))
        })
        .collect();
    // The worst first: the largest regressions, then changed outputs, then inconclusive verdicts.
    rows.sort_by(|(one, _), (other, _)| {
        let weight = |row: &Comparison| {
            let is_slower = row.verdict == Verdict::Regressed;
            (is_slower, row.output == OutputCheck::Different)
        };
        let slower = || {
            other
                .estimate
                .point_estimate
                .total_cmp(&one.estimate.point_estimate)
        };
        weight(other).cmp(&weight(one)).then_with(slower)
    });
    let first = match (broken.first(), rows.first()) {
        (Some(row), _) => {
            let gate = gates.iter().find(|gate| **gate == Gate::Failed);
            let gate = gate.or(gates.first())?;
            format!(
                "--fail-on {gate}: {} ran on base and fails on head",
                plain(&row.benchmark)
            )
        }
        (None, Some((row, gate))) => {
            let verdict = match gate {
                Gate::OutputChange => format!("{}, different output", row.verdict),
                _ => row.verdict.to_string(),
            };
            format!(
                "--fail-on {gate}: {} {verdict} ({})",
                plain(&row.benchmark),
                change_percent(row.estimate.point_estimate)
            )
        }
        (None, None) => return None,
    };
    Some(match broken.len() + rows.len() - 1 {
        0 => first,
        more => format!("{first}, and {more} more"),
    })
}

/// Whether a benchmark ran on base and fails on head. A file from which base collects nothing does not count; timings
/// that a command reports have no node id.
fn is_broken_by_head(row: &Missing, is_script: bool) -> bool {
    row.reason == MissingReason::Failed
        && row.side == Some(Side::Head)
        && (is_script || row.benchmark.contains("::"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Plan;
    use crate::testing;

    fn report(gates: &[Gate]) -> Report {
        let mut report = testing::report(&[
            ("a.py::slow", 1.3, Verdict::Regressed),
            ("a.py::slower", 2.0, Verdict::Regressed),
            ("a.py::open", 0.9, Verdict::Inconclusive),
            ("a.py::fast", 0.5, Verdict::Improved),
        ]);
        report.settings.fail_on = gates.to_vec();
        report
    }

    fn missing(benchmark: &str, reason: MissingReason, side: Option<Side>) -> Missing {
        Missing {
            benchmark: benchmark.to_owned(),
            side,
            reason,
            message: String::new(),
        }
    }

    const REGRESSION: Gate = Gate::Regression { percent: None };

    #[test]
    fn the_worst_row_is_named_and_the_others_are_counted() {
        assert_eq!(failure(&report(&[])), None);
        assert_eq!(
            failure(&report(&[REGRESSION])).unwrap(),
            "--fail-on regression: a.py::slower regressed (+100.0 %), and 1 more"
        );
        let half = Gate::Regression { percent: Some(50.0) };
        assert_eq!(
            failure(&report(&[half])).unwrap(),
            "--fail-on regression:50: a.py::slower regressed (+100.0 %)"
        );
        assert_eq!(
            failure(&report(&[Gate::Inconclusive])).unwrap(),
            "--fail-on inconclusive: a.py::open inconclusive (-10.0 %)"
        );
        assert_eq!(
            failure(&report(&[Gate::Inconclusive, half])).unwrap(),
            "--fail-on regression:50: a.py::slower regressed (+100.0 %), and 1 more"
        );
        assert_eq!(failure(&report(&[Gate::Failed, Gate::OutputChange])), None);
    }

    #[test]
    fn another_output_is_said_beside_the_verdict() {
        let mut report = report(&[Gate::OutputChange]);
        report.comparisons[3].output = OutputCheck::Different;
        assert_eq!(
            failure(&report).unwrap(),
            "--fail-on output-change: a.py::fast improved, different output (-50.0 %)"
        );
    }

    #[test]
    fn what_head_breaks_fails_any_gate() {
        let broken = missing("a.py::\x1bbroken", MissingReason::Failed, Some(Side::Head));
        for gate in [REGRESSION, Gate::Failed, Gate::OutputChange, Gate::Inconclusive] {
            let mut report = report(&[gate]);
            report.comparisons.truncate(1);
            report.missing = vec![broken.clone()];
            let line = failure(&report).unwrap();
            let said = format!("--fail-on {gate}: a.py::\\x1bbroken ran on base and fails on head");
            assert!(line.starts_with(&said), "{line}");
            assert_eq!(line.ends_with("and 1 more"), gate == REGRESSION, "{line}");
        }
        let mut ungated = report(&[]);
        ungated.missing = vec![broken];
        assert_eq!(failure(&ungated), None);
    }

    #[test]
    fn another_output_is_worse_than_an_open_verdict() {
        let mut report = report(&[Gate::Inconclusive, Gate::OutputChange]);
        report.comparisons[3].output = OutputCheck::Different;
        assert_eq!(
            failure(&report).unwrap(),
            "--fail-on output-change: a.py::fast improved, different output (-50.0 %), and 1 more"
        );
    }

    #[test]
    fn what_head_breaks_is_said_of_the_gate_for_it_where_there_is_one() {
        let mut report = report(&[REGRESSION, Gate::Failed]);
        report.comparisons.clear();
        report.missing = vec![missing("a.py::x", MissingReason::Failed, Some(Side::Head))];
        assert_eq!(
            failure(&report).unwrap(),
            "--fail-on failed: a.py::x ran on base and fails on head"
        );
    }

    #[test]
    fn a_plan_fails_no_gate() {
        let mut report = report(&[REGRESSION]);
        report.plan = Some(Plan {
            benchmarks: Vec::new(),
            estimated_seconds: 1.0,
        });
        assert_eq!(failure(&report), None);
    }

    #[test]
    fn what_base_cannot_run_either_fails_no_gate() {
        let mut report = report(&[Gate::Failed]);
        report.missing = vec![
            missing("a.py::x", MissingReason::Failed, Some(Side::Base)),
            missing("a.py::y", MissingReason::Failed, None),
            missing("b.py", MissingReason::Failed, Some(Side::Head)),
            missing("a.py::z", MissingReason::OnlyHead, Some(Side::Head)),
            missing("a.py::u", MissingReason::Skipped, Some(Side::Head)),
        ];
        assert_eq!(failure(&report), None);
    }
}
