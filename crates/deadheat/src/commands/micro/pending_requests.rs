//! The requests that the sides have not answered: what a run that did not end in time was waiting for.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use deadheat_core::model::{PerSide, Side};
use deadheat_core::protocol::{Reply, Request};

use crate::worker::process::{ChannelError, WorkerChannel};
use crate::worker::session::Launch;

/// The last request to each side that was not answered.
pub(crate) type PendingRequests = Rc<RefCell<PerSide<Option<Request>>>>;

/// A launcher that wraps another one, and notes unanswered requests.
pub(crate) struct TrackingLauncher<'a> {
    pub(crate) inner: &'a mut dyn Launch,
    pub(crate) unanswered: PendingRequests,
}

impl Launch for TrackingLauncher<'_> {
    fn replicate_begins(&mut self, following: Option<usize>, next_seed: u32) {
        self.inner.replicate_begins(following, next_seed);
    }

    fn give_cores(&mut self, several: bool) {
        self.inner.give_cores(several);
    }

    fn is_lost(&self, side: Side) -> bool {
        self.inner.is_lost(side)
    }

    fn launch(&mut self, side: Side, seed: u32) -> anyhow::Result<Box<dyn WorkerChannel>> {
        Ok(Box::new(TrackingChannel {
            side,
            channel: self.inner.launch(side, seed)?,
            unanswered: Rc::clone(&self.unanswered),
        }))
    }

    fn all_are_ready(&mut self) {
        self.inner.all_are_ready();
    }
}

struct TrackingChannel {
    side: Side,
    channel: Box<dyn WorkerChannel>,
    unanswered: PendingRequests,
}

impl WorkerChannel for TrackingChannel {
    fn send(&mut self, request: &Request) -> Result<(), ChannelError> {
        *self.unanswered.borrow_mut().get_mut(self.side) = Some(request.clone());
        self.channel.send(request)
    }

    fn receive(&mut self, limit: Duration) -> Result<Reply, ChannelError> {
        let reply = self.channel.receive(limit)?;
        *self.unanswered.borrow_mut().get_mut(self.side) = None;
        Ok(reply)
    }

    fn log_tail(&self) -> String {
        self.channel.log_tail()
    }

    fn children(&self) -> Vec<u32> {
        self.channel.children()
    }

    fn stop(self: Box<Self>) {
        self.channel.stop();
    }
}

/// Describes what a side was doing when the time was up.
pub(crate) fn doing(request: &Request) -> &'static str {
    match request {
        Request::Hello(_) => "was still starting",
        Request::Micro(_) => "was still importing and setting up",
        _ => "was still in its call",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A launcher whose folder is gone on head.
    #[derive(Default)]
    struct Lost {
        several: bool,
    }

    impl Launch for Lost {
        fn give_cores(&mut self, several: bool) {
            self.several = several;
        }

        fn launch(&mut self, _: Side, _: u32) -> anyhow::Result<Box<dyn WorkerChannel>> {
            anyhow::bail!("it is gone")
        }

        fn is_lost(&self, side: Side) -> bool {
            side == Side::Head
        }
    }

    #[test]
    fn everything_that_is_asked_of_it_reaches_the_launcher_inside() {
        let mut inner = Lost::default();
        let mut outer = TrackingLauncher {
            inner: &mut inner,
            unanswered: PendingRequests::default(),
        };
        assert!(outer.is_lost(Side::Head) && !outer.is_lost(Side::Base));
        outer.give_cores(true);
        assert!(inner.several);
    }
}
