//! One visit: both sides enter a benchmark, the [`Pass`] does its work, both leave.

use std::time::{Duration, Instant};

use deadheat_core::model::{Order, PerSide, Side};
use deadheat_core::output::Output;
use deadheat_core::protocol::{ChangedValue, Reply, Request};

use crate::passes::runner::PassRunner;
use crate::passes::runner::failures::{
    End, FailureKind, Failures, PairFailure, SideFailure, SideFailureKind,
};
use crate::passes::runner::pair::{ask, ask_within, open_session, out_of_order};
use crate::passes::runner::pass::{Entered, Left, Pass};
use crate::passes::runner::schedule::{SHORTEST_LIMIT, limit};
use crate::project::node_ids::FIXED_IDS;
use crate::worker::session::{self, Session};

/// The second side may take this many times as long to set up as the first one, beyond [`SHORTEST_LIMIT`], before it
/// counts as waiting for something that the first one holds.
const SET_UP_SHARE: u32 = 4;

/// The result of entering a benchmark on one side.
pub(super) enum Entry {
    Inside(Entered),
    /// With the reason.
    Skipped(String),
}

/// The answer of one side when it left a benchmark.
#[derive(Default)]
pub(super) struct SaidAtTheEnd {
    pub(super) output: Option<Output>,
    pub(super) changed: Vec<ChangedValue>,
}

impl PassRunner<'_> {
    /// Visits one benchmark in one replicate, and notes what goes wrong.
    pub(super) fn visit<V: Pass>(
        &mut self,
        sessions: &mut PerSide<Option<Session>>,
        pass: &mut V,
        benchmark: &str,
        next: Option<&str>,
    ) -> Result<(), End> {
        let (mut inside, mut failures) = self.enter_both(sessions, benchmark, next)?;
        let can = |entered: Option<Entered>| entered.is_some_and(|entered| entered.can_set_up_each_call);
        let is_set_up_once = can(inside.base) && can(inside.head);
        let mut finding = None;
        if let PerSide {
            base: Some(base),
            head: Some(head),
        } = inside
        {
            match pass.inside(&mut self.both(sessions), benchmark, PerSide::new(base, head)) {
                Ok(found) => finding = Some(found),
                Err(failure) => {
                    let failure = failure.unless_end()?;
                    *inside.get_mut(failure.side) = None;
                    failures.with_shared_fixtures = is_set_up_once && failure.kind == SideFailureKind::Test;
                    // The calls themselves may take something that exists only once.
                    failures.beside_the_other = failure.kind == SideFailureKind::Test;
                    failures.sides.push(failure);
                }
            }
        }
        let (said, mut failures) = self.leave_both(sessions, inside, failures)?;
        for side in Side::BOTH {
            if finding.is_some()
                && failures.sides.is_empty()
                && let Err(failure) = pass.left_by(&mut self.both(sessions), side)
            {
                failures.sides.push(failure.unless_end()?);
            }
        }
        if let Some(finding) = finding
            && failures.sides.is_empty()
        {
            let left = Left {
                can_set_up_each_call: is_set_up_once,
                ..self.left(benchmark, said)
            };
            let set_up = pass.left(benchmark, left, finding);
            self.set_up(benchmark, set_up);
        }
        self.settle(sessions, benchmark, failures);
        Ok(())
    }

    /// Returns the facts about a benchmark when both sides have left it.
    pub(super) fn left(&self, benchmark: &str, said: PerSide<SaidAtTheEnd>) -> Left {
        Left {
            seed: self.seed(),
            outputs: PerSide::new(said.base.output, said.head.output),
            changed: PerSide::new(said.base.changed, said.head.changed),
            can_set_up_each_call: false,
            set_up_each_call: self.outcome.set_up_each_call.contains(benchmark),
        }
    }

    /// Enters the benchmark on both sides, one after the other. The side that sets up first also alternates.
    fn enter_both(
        &mut self,
        sessions: &mut PerSide<Option<Session>>,
        benchmark: &str,
        next: Option<&str>,
    ) -> Result<(PerSide<Option<Entered>>, Failures), End> {
        let mut inside = PerSide::<Option<Entered>>::default();
        let mut failures = Failures::default();
        let began = Instant::now();
        for side in Order::of_round(self.replicate).sides() {
            let is_beside_the_other = inside.get(side.other()).is_some();
            let mut limit = limit(self.schedule)?;
            if is_beside_the_other {
                limit = limit.min(SHORTEST_LIMIT + began.elapsed() * SET_UP_SHARE);
            }
            match self.enter(sessions, side, benchmark, next, limit) {
                Ok(Entry::Inside(entered)) => *inside.get_mut(side) = Some(entered),
                // A fixture may skip the test if it finds something taken.
                Ok(Entry::Skipped(message)) if is_beside_the_other => {
                    failures.sides.push(SideFailure {
                        side,
                        message,
                        kind: SideFailureKind::Test,
                    });
                    failures.beside_the_other = true;
                }
                Ok(Entry::Skipped(reason)) => {
                    self.failure(benchmark, Some(side), FailureKind::Skipped, reason);
                }
                Err(failure) => {
                    failures.sides.push(failure.unless_end()?);
                    failures.beside_the_other = is_beside_the_other;
                }
            }
            if failures.are_endless() {
                break;
            }
        }
        Ok((inside, failures))
    }

    /// Leaves the benchmark on the sides that are inside, and checks whether it has removed a worktree.
    fn leave_both(
        &mut self,
        sessions: &mut PerSide<Option<Session>>,
        inside: PerSide<Option<Entered>>,
        mut failures: Failures,
    ) -> Result<(PerSide<SaidAtTheEnd>, Failures), End> {
        let mut said = PerSide::<SaidAtTheEnd>::default();
        for side in Side::BOTH.into_iter().filter(|&side| inside.get(side).is_some()) {
            if failures.are_endless() {
                *sessions.get_mut(side) = None;
                continue;
            }
            match self.leave(sessions, side) {
                Ok(at_the_end) => *said.get_mut(side) = at_the_end,
                Err(failure) => failures.sides.push(failure.unless_end()?),
            }
        }
        for side in Side::BOTH {
            if sessions.get(side).is_some() && self.launch.is_lost(side) {
                failures.sides.push(SideFailure {
                    side,
                    message: session::lost(side),
                    kind: SideFailureKind::Worktree,
                });
                failures.beside_the_other = false;
            }
        }
        Ok((said, failures))
    }

    pub(super) fn enter(
        &mut self,
        sessions: &mut PerSide<Option<Session>>,
        side: Side,
        benchmark: &str,
        next: Option<&str>,
        limit: Duration,
    ) -> Result<Entry, PairFailure> {
        let session = open_session(sessions, side);
        if !session.has(benchmark) {
            return Err(PairFailure::failed(
                side,
                format!(
                    "pytest collected it at first, and did not collect it again in a later process: if its id comes from a set, \
                     an address or a random number, {FIXED_IDS}"
                ),
            ));
        }
        let request = Request::Enter {
            benchmark: benchmark.to_owned(),
            next: next.filter(|next| session.has(next)).map(str::to_owned),
            set_up_each_call: self.outcome.set_up_each_call.contains(benchmark),
        };
        match ask_within(self.schedule, session, side, &request, limit)? {
            Reply::Entered {
                iterations_per_sample,
                samples,
                own_clock,
                can_set_up_each_call,
            } => Ok(Entry::Inside(Entered {
                iterations_per_sample,
                samples,
                own_clock,
                can_set_up_each_call,
            })),
            Reply::Skipped { reason } => Ok(Entry::Skipped(reason)),
            Reply::Failed { message, .. } => Err(PairFailure::failed(side, message)),
            other => Err(out_of_order(side, &other)),
        }
    }

    pub(super) fn leave(
        &mut self,
        sessions: &mut PerSide<Option<Session>>,
        side: Side,
    ) -> Result<SaidAtTheEnd, PairFailure> {
        match ask(self.schedule, open_session(sessions, side), side, &Request::Leave)? {
            Reply::Left {
                project_modules,
                output,
                changed,
                ..
            } => {
                *self.outcome.project_modules.get_mut(side) += project_modules;
                Ok(SaidAtTheEnd {
                    output: Some(output),
                    changed,
                })
            }
            Reply::Failed { message, .. } => Err(PairFailure::failed(side, message)),
            // A test may skip itself after its benchmark, which has run.
            Reply::Skipped { .. } => Ok(SaidAtTheEnd::default()),
            other => Err(out_of_order(side, &other)),
        }
    }
}
