//! The two processes of a pair, and the requests to them.

use std::time::{Duration, Instant};

use deadheat_core::model::{Order, PerSide, Side};
use deadheat_core::protocol::{Reply, Request};

use crate::passes::runner::failures::{End, PairFailure, StoppedBy};
use crate::passes::runner::schedule::{Schedule, limit};
use crate::worker::process::ChannelError;
use crate::worker::session::{Session, Waited};

/// The two sides of one process pair, as a [`Pass`](super::Pass) talks to them.
pub(crate) struct ProcessPair<'a> {
    pub(super) schedule: &'a Schedule,
    pub(super) sessions: &'a mut PerSide<Option<Session>>,
    pub(super) replicate: usize,
    pub(super) share_a_core: bool,
}

impl ProcessPair<'_> {
    pub(crate) fn ask(&mut self, side: Side, request: &Request) -> Result<Reply, PairFailure> {
        ask(self.schedule, open_session(self.sessions, side), side, request)
    }

    /// Returns the time since this side's last answer.
    pub(crate) fn waited(&mut self, side: Side) -> Waited {
        open_session(self.sessions, side).waited()
    }

    pub(crate) fn look_for_children(&mut self, side: Side) {
        if let Some(session) = self.sessions.get_mut(side) {
            session.look_for_children();
        }
    }

    /// Returns the order of the sides in a round. It also alternates between replicates: there may be a
    /// single round.
    pub(crate) fn order_of_round(&self, round: usize) -> Order {
        Order::of_round(self.schedule.earlier + self.replicate + round)
    }

    /// Whether both sides run on one core, and on no other.
    pub(crate) fn share_a_core(&self) -> bool {
        self.share_a_core
    }

    /// Asks both sides before either has answered; returns only after both have answered, even if one reports an error.
    pub(crate) fn ask_at_once(
        &mut self,
        order: Order,
        request: &Request,
    ) -> Result<PerSide<Reply>, PairFailure> {
        let limit = limit(self.schedule)?;
        let sent = order.sides().map(|side| {
            let session = open_session(self.sessions, side);
            (side, session.send(request))
        });
        let mut replies = PerSide::<Option<Result<Reply, PairFailure>>>::default();
        for (side, sent) in sent {
            let session = open_session(self.sessions, side);
            let reply = match sent {
                Ok(()) => session.receive(limit)?,
                Err(problem) => Err(problem),
            };
            let reply = reply.map_err(|problem| side_failure(self.schedule, session, side, &problem));
            *replies.get_mut(side) = Some(reply);
        }
        PerSide::try_from_fn(|side| replies.get_mut(side).take().expect("each side was asked"))
    }
}

/// Returns what stopped the whole run, if a missing answer means that it is over.
pub(super) fn stop_of(schedule: &Schedule, problem: &ChannelError) -> Option<StoppedBy> {
    match problem {
        ChannelError::Interrupted => Some(StoppedBy::User),
        ChannelError::Deadline(_) if Instant::now() >= schedule.until => Some(StoppedBy::Timeout),
        _ => None,
    }
}

pub(super) fn ask(
    schedule: &Schedule,
    session: &mut Session,
    side: Side,
    request: &Request,
) -> Result<Reply, PairFailure> {
    ask_within(schedule, session, side, request, limit(schedule)?)
}

pub(super) fn ask_within(
    schedule: &Schedule,
    session: &mut Session,
    side: Side,
    request: &Request,
    limit: Duration,
) -> Result<Reply, PairFailure> {
    session
        .ask(request, limit)?
        .map_err(|problem| side_failure(schedule, session, side, &problem))
}

fn side_failure(schedule: &Schedule, session: &Session, side: Side, problem: &ChannelError) -> PairFailure {
    match stop_of(schedule, problem) {
        Some(by) => PairFailure::End(End::Stopped(by)),
        None => PairFailure::lost(
            side,
            format!("{problem}\n{}", session.log_tail()).trim_end().to_owned(),
            Some(problem),
        ),
    }
}

pub(super) fn stop(sessions: PerSide<Option<Session>>) {
    for session in [sessions.base, sessions.head].into_iter().flatten() {
        session.stop();
    }
}

pub(super) fn open_session(sessions: &mut PerSide<Option<Session>>, side: Side) -> &mut Session {
    sessions
        .get_mut(side)
        .as_mut()
        .expect("both sessions are opened before a visit")
}

pub(crate) fn out_of_order(side: Side, reply: &Reply) -> PairFailure {
    PairFailure::lost(side, format!("the worker answered out of order: {reply:?}"), None)
}
