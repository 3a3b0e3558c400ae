//! One experiment: a report as rows of `results.tsv`.

use super::prescreen::Prescreen;
use super::row::{Row, TOTAL};
use crate::model::{Estimate, GuardOutcome, Report, Status, Verdict};
use crate::output::OutputCheck;

/// Applies the rule to the guard, and to all verdicts of a report: those on times and on other resources.
pub fn status_by_rule(report: &Report) -> Status {
    if report
        .guard
        .as_ref()
        .is_some_and(|guard| guard.outcome == GuardOutcome::Failed)
    {
        return Status::ChecksFailed;
    }
    match (
        has_any(report, Verdict::Improved),
        has_any(report, Verdict::Regressed),
    ) {
        (true, false) if returns_something_else(report) => Status::Mixed,
        (true, false) => Status::Keep,
        (true, true) => Status::Mixed,
        (false, _) => Status::Discard,
    }
}

/// Whether a benchmark returns something else on head: a person decides whether that is what was wanted.
fn returns_something_else(report: &Report) -> bool {
    let mut outputs = report.comparisons.iter().map(|row| row.output);
    outputs.any(|output| output == OutputCheck::Different)
}

/// Whether any benchmark has this verdict, for its time or for another resource.
pub fn has_any(report: &Report, verdict: Verdict) -> bool {
    let times = report.comparisons.iter().map(|row| row.verdict);
    // A command that reports its own total means that.
    let total = report
        .summary
        .total
        .iter()
        .filter(|_| report.settings.script.is_some());
    let times = times.chain(total.map(|total| total.verdict));
    let mut verdicts = times.chain(report.resources.iter().map(|row| row.verdict));
    verdicts.any(|of_row| of_row == verdict)
}

/// The contents of the rows that are not in the report.
#[derive(Clone, Debug, PartialEq)]
pub struct Experiment<'a> {
    pub time: &'a str,
    pub description: &'a str,
    pub status: Status,
    /// The micro result for a changed function, and the benchmarks that run it.
    pub prescreen: Option<(&'a Prescreen, &'a [String])>,
}

impl Experiment<'_> {
    /// Returns a row for each measured benchmark, then that of the whole run.
    pub fn rows(&self, report: &Report) -> Vec<Row> {
        let usual = Row {
            time: Some(self.time.to_owned()),
            base: Some(report.revisions.base.commit.clone()),
            head: Some(report.revisions.head.commit.clone()),
            status: Some(self.status.to_string()),
            description: Some(self.description.to_owned()),
            ..Row::default()
        };
        let micro = |is_concerned: &dyn Fn(&[String]) -> bool| {
            let (record, reached_by) = self.prescreen?;
            is_concerned(reached_by).then_some(record.speedup)
        };
        let of_benchmarks = report.comparisons.iter().map(|comparison| {
            let name = &comparison.benchmark;
            let row = Row {
                benchmark: Some(name.clone()),
                base_ns: Some(comparison.base.median_ns),
                head_ns: Some(comparison.head.median_ns),
                micro_speedup: micro(&|reached_by| reached_by.contains(name)),
                ..usual.clone()
            };
            judged(row, &comparison.estimate, comparison.verdict)
        });
        let mut rows: Vec<Row> = of_benchmarks.collect();
        let total = Row {
            benchmark: Some(TOTAL.to_owned()),
            micro_speedup: micro(&|_| true),
            ..usual.clone()
        };
        rows.push(match &report.summary.total {
            None => total,
            Some(sum) => {
                let row = Row {
                    base_ns: sum.base_ns,
                    head_ns: sum.head_ns,
                    ..total
                };
                judged(row, &sum.estimate, sum.verdict)
            }
        });
        rows
    }
}

fn judged(row: Row, estimate: &Estimate, verdict: Verdict) -> Row {
    let [low, high] = estimate.speedup_interval();
    Row {
        speedup: Some(estimate.speedup()),
        ci_low: Some(low),
        ci_high: Some(high),
        verdict: Some(verdict.to_string()),
        ..row
    }
}

#[cfg(test)]
mod tests {
    use super::super::{disagreement, newest_for};
    use super::*;
    use crate::testing::{report, target};

    #[test]
    fn the_rule() {
        use Verdict::{Improved, Inconclusive, Regressed, Unchanged};
        let status = |verdicts: &[Verdict]| {
            let rows: Vec<(&str, f64, Verdict)> =
                verdicts.iter().map(|verdict| ("b", 1.0, *verdict)).collect();
            status_by_rule(&report(&rows))
        };
        assert_eq!(status(&[Improved, Unchanged, Inconclusive]), Status::Keep);
        assert_eq!(status(&[Improved, Regressed]), Status::Mixed);
        assert_eq!(status(&[Regressed]), Status::Discard);
        assert_eq!(status(&[Unchanged]), Status::Discard);
        assert_eq!(status(&[]), Status::Discard);
    }

    #[test]
    fn statuses_are_read_as_people_write_them() {
        assert_eq!(Status::parse(" Keep "), Some(Status::Keep));
        assert_eq!(Status::parse("kept"), None);
    }

    #[test]
    fn rows_are_of_speedups() {
        let mut report = report(&[("a", 0.5, Verdict::Improved), ("b", 1.0, Verdict::Unchanged)]);
        report.target_functions = vec![target("pkg/a.py", "f", &["a"])];
        let lines = "broken\n\
            {\"base\":\"base\",\"path\":\"pkg/a.py\",\"function\":\"f\",\"speedup\":9.0,\"verdict\":\"improved\"}\n\
            {\"base\":\"base\",\"path\":\"pkg/a.py\",\"function\":\"f\",\"speedup\":3.0,\"verdict\":\"improved\",\"more\":[]}\n\
            {\"base\":\"other\",\"path\":\"pkg/a.py\",\"function\":\"f\",\"speedup\":7.0,\"verdict\":\"improved\"}\n\
            {\"base\":\"base\",\"path\":null,\"function\":null,\"script\":\"x\",\"speedup\":8.0,\"verdict\":\"improved\"}\n";
        let (record, reached_by) = newest_for(lines, &report, &|_| None).unwrap();
        assert_eq!(record.speedup, 3.0);
        let experiment = Experiment {
            time: "2026-01-02T03:04:05Z",
            description: "x",
            status: Status::Keep,
            prescreen: Some((&record, reached_by)),
        };
        let rows = experiment.rows(&report);
        assert_eq!(rows.len(), 3);
        assert_eq!(rows[0].benchmark.as_deref(), Some("a"));
        assert_eq!(rows[0].speedup, Some(2.0));
        assert!(rows[0].ci_low < Some(2.0) && Some(2.0) < rows[0].ci_high);
        assert_eq!(rows[0].verdict.as_deref(), Some("improved"));
        assert_eq!(rows[0].head.as_deref(), Some("head"));
        let micro: Vec<_> = rows.iter().map(|row| row.micro_speedup).collect();
        assert_eq!(micro, [Some(3.0), None, Some(3.0)]);
        assert!(rows[2].is_experiment());
        assert_eq!(rows[2].status.as_deref(), Some("keep"));
    }

    #[test]
    fn micro_runs_of_a_caller_count_where_there_is_none_of_the_function() {
        let mut report = report(&[]);
        report.target_functions = vec![target("a.py", "f", &["b"])];
        let line = |path: &str, function: &str, speedup: f64| {
            format!(
                r#"{{"base":"base","path":"{path}","function":"{function}","speedup":{speedup},"verdict":"improved"}}"#
            )
        };
        let found = |lines: &[String]| {
            let joined = lines.join("\n");
            newest_for(&joined, &report, &|_| Some("blob".to_owned()))
                .map(|(record, by)| (record.speedup, by.len()))
        };
        let caller = line("a.py", "caller", 2.0);
        assert_eq!(
            found(&[caller.clone(), line("other.py", "f", 4.0)]),
            Some((2.0, 0))
        );
        assert_eq!(found(&[line("a.py", "f", 3.0), caller]), Some((3.0, 1)));
        assert_eq!(found(&[line("other.py", "f", 4.0)]), None);
        let of_blob = |blob: &str| line("a.py", "f", 3.0).replace('}', &format!(r#","blob":"{blob}"}}"#));
        assert_eq!(found(&[of_blob("blob")]), Some((3.0, 1)));
        // An idea that was given up.
        assert_eq!(found(&[of_blob("other")]), None);
    }

    #[test]
    fn a_run_that_measured_nothing_is_a_row_too() {
        let experiment = Experiment {
            time: "2026-01-02T03:04:05Z",
            description: "x",
            status: Status::Discard,
            prescreen: None,
        };
        let rows = experiment.rows(&report(&[]));
        assert_eq!(rows.len(), 1);
        assert_eq!((rows[0].speedup, rows[0].verdict.as_deref()), (None, None));
    }

    #[test]
    fn micro_and_end_to_end_may_disagree() {
        let record = |verdict: Verdict| Prescreen {
            base: "base".to_owned(),
            path: "a.py".to_owned(),
            function: "f".to_owned(),
            speedup: 1.5,
            verdict,
            blob: None,
        };
        let words = disagreement(&record(Verdict::Improved), Status::Discard, Some(0.98)).unwrap();
        assert!(words.contains("1.50x") && words.contains("0.98x"), "{words}");
        assert_eq!(
            disagreement(&record(Verdict::Improved), Status::Keep, Some(1.1)),
            None
        );
        assert!(disagreement(&record(Verdict::Regressed), Status::Keep, Some(1.1)).is_some());
        assert_eq!(
            disagreement(&record(Verdict::Unchanged), Status::Keep, Some(1.1)),
            None
        );
    }
}
