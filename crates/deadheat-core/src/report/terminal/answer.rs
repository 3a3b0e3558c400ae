//! The answer, which comes last.

use std::fmt::Write as _;

use super::page::Page;
use crate::model::{NextStep, Report};
use crate::report::next;
use crate::report::words::{of_controls, what_would_settle};
use crate::text::{counted, duration, plain, speedup};

impl Page {
    pub(super) fn answer(&mut self, report: &Report) {
        let counts = report.summary.counts;
        self.text.push('\n');
        if let Some(plan) = &report.plan {
            self.line(&format!(
                "{}: about {}",
                counted(plan.benchmarks.len(), "benchmark"),
                duration(plan.estimated_seconds * 1e9)
            ));
            return;
        }
        if report.comparisons.is_empty() {
            self.line("Nothing was measured.");
            return;
        }
        let mut answer = counts.to_string();
        if let Some(mean) = &report.summary.geometric_mean {
            let _ = write!(
                answer,
                "; geometric mean {}",
                speedup(mean.estimate.point_estimate)
            );
        }
        if report.partial {
            answer.push_str(" (stopped early: partial)");
        }
        self.prose("", &answer);
        if let Some(controls) = report.summary.controls {
            self.prose("", &of_controls(controls));
        }
        if counts.inconclusive > 0 {
            self.prose("", &what_would_settle(report));
        }
    }

    pub(super) fn recorded(&mut self, report: &Report) {
        let Some(recorded) = &report.recorded else {
            return;
        };
        let (by_rule, file) = (recorded.by_rule(), plain(&recorded.file));
        self.prose("", &format!("recorded as {}{by_rule} in {file}", recorded.status));
    }

    /// Ends with the commands that would follow.
    pub(super) fn steps(&mut self, steps: &[NextStep]) {
        for line in next::lines(steps) {
            self.prose("", &plain(&line));
        }
    }
}
