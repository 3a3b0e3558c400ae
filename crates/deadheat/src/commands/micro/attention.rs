//! The requests that the sides have not answered: what a run that did not end in time was waiting for.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use deadheat_core::model::{PerSide, Side};
use deadheat_core::protocol::{Reply, Request};

use crate::worker::process::{NoAnswer, Talk};
use crate::worker::session::Launch;

/// The last request to each side that was not answered.
pub(crate) type Unanswered = Rc<RefCell<PerSide<Option<Request>>>>;

/// A launcher that wraps another one, and notes unanswered requests.
pub(crate) struct Attentive<'a> {
    pub(crate) inner: &'a mut dyn Launch,
    pub(crate) unanswered: Unanswered,
}

impl Launch for Attentive<'_> {
    fn replicate_begins(&mut self, following: Option<usize>, next_seed: u32) {
        self.inner.replicate_begins(following, next_seed);
    }

    fn launch(&mut self, side: Side, seed: u32) -> anyhow::Result<Box<dyn Talk>> {
        Ok(Box::new(Noting {
            side,
            talk: self.inner.launch(side, seed)?,
            unanswered: Rc::clone(&self.unanswered),
        }))
    }

    fn all_are_ready(&mut self) {
        self.inner.all_are_ready();
    }
}

struct Noting {
    side: Side,
    talk: Box<dyn Talk>,
    unanswered: Unanswered,
}

impl Talk for Noting {
    fn send(&mut self, request: &Request) -> Result<(), NoAnswer> {
        *self.unanswered.borrow_mut().get_mut(self.side) = Some(request.clone());
        self.talk.send(request)
    }

    fn receive(&mut self, limit: Duration) -> Result<Reply, NoAnswer> {
        let reply = self.talk.receive(limit)?;
        *self.unanswered.borrow_mut().get_mut(self.side) = None;
        Ok(reply)
    }

    fn log_tail(&self) -> String {
        self.talk.log_tail()
    }

    fn children(&self) -> Vec<u32> {
        self.talk.children()
    }

    fn stop(self: Box<Self>) {
        self.talk.stop();
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
