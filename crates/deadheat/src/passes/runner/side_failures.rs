//! The treatment of a benchmark that fails on a side: it is tried in another way, or given up.

use deadheat_core::model::{PerSide, Side};

use crate::passes::runner::failures::{
    BenchmarkFailure, FailureKind, Failures, SideFailure, SideFailureKind, TOO_SLOW,
};
use crate::passes::runner::pass::SetUp;
use crate::passes::runner::{PassRunner, Suspect};
use crate::worker::session::Session;

impl PassRunner<'_> {
    /// Tries a failed benchmark in another way if that may help, or records the failure.
    pub(super) fn settle(
        &mut self,
        sessions: &mut PerSide<Option<Session>>,
        benchmark: &str,
        failures: Failures,
    ) {
        let is_one = failures.sides.len() == 1;
        if failures.with_shared_fixtures && is_one {
            // A second call may find what the first one left, such as the rows of a table.
            self.set_up(benchmark, SetUp::TryEachCall);
        } else if failures.beside_the_other && is_one {
            self.suspect(sessions, benchmark, failures.sides);
        } else {
            self.note(sessions, benchmark, failures.sides);
        }
    }

    /// Sets aside a benchmark that may work when the other side is absent.
    fn suspect(
        &mut self,
        sessions: &mut PerSide<Option<Session>>,
        benchmark: &str,
        side_failures: Vec<SideFailure>,
    ) {
        for side_failure in side_failures {
            if side_failure.kind != SideFailureKind::Test {
                *sessions.get_mut(side_failure.side) = None;
            }
            self.suspects.push(Suspect {
                benchmark: benchmark.to_owned(),
                side: side_failure.side,
                message: side_failure.message,
            });
        }
    }

    /// Records what went wrong, once for both sides, and gives up workers that are gone.
    pub(super) fn note(
        &mut self,
        sessions: &mut PerSide<Option<Session>>,
        benchmark: &str,
        side_failures: Vec<SideFailure>,
    ) {
        let mut failed: Vec<(Side, FailureKind, String)> = Vec::new();
        for side_failure in side_failures {
            if side_failure.kind != SideFailureKind::Test {
                *sessions.get_mut(side_failure.side) = None;
            }
            let mut message = side_failure.message;
            let kind = match side_failure.kind {
                SideFailureKind::Test | SideFailureKind::Worker => FailureKind::Failed,
                SideFailureKind::CutOff { .. } => FailureKind::Endless,
                SideFailureKind::Worktree => FailureKind::WorktreeGone,
            };
            if side_failure.kind.is_endless() {
                self.outcome.endless.insert(benchmark.to_owned());
            }
            if side_failure.kind == (SideFailureKind::CutOff { late: true }) {
                let line = message.find('\n').unwrap_or(message.len());
                message.insert_str(line, TOO_SLOW);
            }
            failed.push((side_failure.side, kind, message));
        }
        failed.sort_by_key(|(side, ..)| *side);
        if let Some((side, kind, message)) = failed.pop() {
            self.failure(benchmark, failed.is_empty().then_some(side), kind, message);
        }
    }

    pub(super) fn failure(
        &mut self,
        benchmark: &str,
        side: Option<Side>,
        kind: FailureKind,
        message: String,
    ) {
        self.outcome.lost.insert(benchmark.to_owned());
        // A benchmark that both sides skip has one row.
        if let Some(earlier) = self
            .outcome
            .failures
            .iter_mut()
            .find(|failure| failure.benchmark == benchmark)
        {
            if earlier.kind == kind {
                earlier.side = None;
            } else if kind != FailureKind::Skipped {
                (earlier.side, earlier.kind, earlier.message) = (side, kind, message);
            }
            return;
        }
        self.outcome.failures.push(BenchmarkFailure {
            benchmark: benchmark.to_owned(),
            side,
            kind,
            message,
        });
    }
}
