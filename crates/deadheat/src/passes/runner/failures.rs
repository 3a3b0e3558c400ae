//! The failures of a pass: of one benchmark, of one side, and of the whole.

use std::fmt;

use deadheat_core::model::Side;
use deadheat_core::text;
use serde::{Deserialize, Serialize};

use crate::worker::process::ChannelError;

/// The reason why a benchmark has no numbers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct BenchmarkFailure {
    pub(crate) benchmark: String,
    /// `None`: on both.
    pub(crate) side: Option<Side>,
    pub(crate) kind: FailureKind,
    pub(crate) message: String,
}

impl BenchmarkFailure {
    /// Returns the line of pytest's words that states the reason.
    pub(crate) fn main_line(&self) -> &str {
        text::main_line(&self.message)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum FailureKind {
    Failed,
    /// Cut off: it did not answer in time, or its output did not end.
    Endless,
    Skipped,
    /// The benchmark removed the worktree that all of them run in.
    WorktreeGone,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StoppedBy {
    User,
    Timeout,
    /// A later process pair did not get as far as the first one.
    Worker(Side),
    /// A worktree is gone, so that there is nothing left to run.
    Lost(Side),
}

impl fmt::Display for StoppedBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StoppedBy::User => f.write_str("by the user"),
            StoppedBy::Timeout => f.write_str("by --timeout"),
            StoppedBy::Worker(side) => {
                write!(f, "because pytest no longer starts on {side},")
            }
            StoppedBy::Lost(side) => {
                write!(f, "because a benchmark removed or moved the worktree of {side}")
            }
        }
    }
}

/// The reason why the whole run ends before its time.
pub(crate) enum End {
    Stopped(StoppedBy),
    Error(anyhow::Error),
}

impl From<anyhow::Error> for End {
    fn from(error: anyhow::Error) -> Self {
        End::Error(error)
    }
}

/// The reason why one benchmark's visit ends.
pub(crate) enum PairFailure {
    Side(SideFailure),
    End(End),
}

/// The failure of one benchmark on one side.
pub(crate) struct SideFailure {
    pub(super) side: Side,
    pub(super) message: String,
    pub(super) kind: SideFailureKind,
}

/// The kinds of failures of a benchmark on one side.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum SideFailureKind {
    /// The test failed; its worker has left the benchmark and is ready for the next.
    Test,
    /// The worker is gone.
    Worker,
    /// The worker was ended: it was `late`, or its output had no end.
    CutOff { late: bool },
    /// The benchmark removed the worktree, and the worker is of no use.
    Worktree,
}

impl SideFailureKind {
    pub(super) fn is_endless(self) -> bool {
        matches!(self, SideFailureKind::CutOff { .. })
    }
}

/// The addition to the message of a deadline where nothing is tried after it.
pub(super) const TOO_SLOW: &str = ": it is too slow or hangs";

impl PairFailure {
    pub(crate) fn failed(side: Side, message: String) -> Self {
        PairFailure::Side(SideFailure {
            side,
            message,
            kind: SideFailureKind::Test,
        })
    }

    /// Returns the side_failure of a lost worker; `problem` is `None` if its answers make no sense.
    pub(super) fn lost(side: Side, message: String, problem: Option<&ChannelError>) -> Self {
        PairFailure::Side(SideFailure {
            side,
            message,
            kind: match problem {
                Some(ChannelError::Deadline(_)) => SideFailureKind::CutOff { late: true },
                Some(ChannelError::OutputTooLarge) => SideFailureKind::CutOff { late: false },
                _ => SideFailureKind::Worker,
            },
        })
    }

    pub(super) fn unless_end(self) -> Result<SideFailure, End> {
        match self {
            PairFailure::Side(side_failure) => Ok(side_failure),
            PairFailure::End(end) => Err(end),
        }
    }
}

impl From<End> for PairFailure {
    fn from(end: End) -> Self {
        PairFailure::End(end)
    }
}

impl From<anyhow::Error> for PairFailure {
    fn from(error: anyhow::Error) -> Self {
        PairFailure::End(End::Error(error))
    }
}

/// The failures of one benchmark in one process pair.
#[derive(Default)]
pub(super) struct Failures {
    pub(super) sides: Vec<SideFailure>,
    /// Whether it may work without the other side.
    pub(super) beside_the_other: bool,
    /// Whether it may work with fixtures that are set up for each call.
    pub(super) with_shared_fixtures: bool,
}

impl Failures {
    /// Whether a side did not end by itself: then the other one is not waited for, because it usually does
    /// not end either.
    pub(super) fn are_endless(&self) -> bool {
        !self.beside_the_other && self.sides.iter().any(|failure| failure.kind.is_endless())
    }
}
