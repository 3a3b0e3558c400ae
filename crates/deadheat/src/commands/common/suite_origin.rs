//! The origin of the benchmarks, which decides the meaning of a benchmark that only one side can run.

use std::collections::BTreeSet;

use deadheat_core::model::{BenchmarksFrom, Missing, MissingReason, Side};

use crate::passes::runner::{BenchmarkFailure, FailureKind};

/// The origin of the benchmarks that the sides run.
pub(crate) struct Origin {
    pub(crate) from: BenchmarksFrom,
    /// The ids defined by the other side's own files, which these benchmarks replace.
    pub(crate) replaced: BTreeSet<String>,
}

impl Origin {
    /// Returns the side that runs the other's benchmarks.
    pub(crate) fn taker(&self) -> Option<Side> {
        self.from.side().map(Side::other)
    }

    /// Returns the row of a benchmark that runs on the other side but not on this one.
    pub(crate) fn not_on(&self, side: Side, id: &str, message: String) -> Missing {
        // A benchmark that came from the other side is new, unless this side's own files define it.
        let is_new = self.taker() == Some(side) && !self.replaced.contains(id);
        Missing {
            benchmark: id.to_owned(),
            side: Some(if is_new { side.other() } else { side }),
            reason: if is_new {
                only(side.other())
            } else {
                MissingReason::Failed
            },
            message,
        }
    }
}

pub(crate) fn only(side: Side) -> MissingReason {
    match side {
        Side::Base => MissingReason::OnlyBase,
        Side::Head => MissingReason::OnlyHead,
    }
}

/// Returns the row of a benchmark that was started but gave no numbers.
pub(crate) fn missing_after(failure: BenchmarkFailure, origin: &Origin) -> Missing {
    match (failure.kind, failure.side) {
        (FailureKind::Failed | FailureKind::WorktreeGone, Some(side)) => {
            origin.not_on(side, &failure.benchmark, failure.message)
        }
        (kind, side) => Missing {
            benchmark: failure.benchmark,
            side,
            reason: match kind {
                // The other side was not tried after an endless one.
                FailureKind::Failed | FailureKind::Endless | FailureKind::WorktreeGone => {
                    MissingReason::Failed
                }
                FailureKind::Skipped => MissingReason::Skipped,
            },
            message: failure.message,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the reason and the side of the row of a benchmark that base cannot run.
    fn row(from: BenchmarksFrom, kind: FailureKind) -> (MissingReason, Option<Side>) {
        let origin = Origin {
            from,
            replaced: BTreeSet::new(),
        };
        let failure = BenchmarkFailure {
            benchmark: "a.py::x".to_owned(),
            side: Some(Side::Base),
            kind,
            message: "why".to_owned(),
        };
        let row = missing_after(failure, &origin);
        assert_eq!(row.message, "why");
        (row.reason, row.side)
    }

    #[test]
    fn a_benchmark_of_head_that_fails_on_base_is_new() {
        let new = (MissingReason::OnlyHead, Some(Side::Head));
        assert_eq!(row(BenchmarksFrom::Head, FailureKind::Failed), new);
    }

    #[test]
    fn a_benchmark_that_is_too_slow_on_base_is_not_new() {
        let failed = (MissingReason::Failed, Some(Side::Base));
        assert_eq!(row(BenchmarksFrom::Head, FailureKind::Endless), failed);
    }

    #[test]
    fn where_each_side_runs_its_own_benchmarks_a_failure_is_one() {
        let failed = (MissingReason::Failed, Some(Side::Base));
        assert_eq!(row(BenchmarksFrom::Own, FailureKind::Failed), failed);
    }
}
