//! Replaces `forks.rs` on systems on which a process cannot wait for one that is not its child: workers are
//! started one by one.

use std::cell::RefCell;
use std::convert::Infallible;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Duration;

use deadheat_core::model::Side;
use deadheat_core::protocol::{HelloRequest, Reply, Request};

use crate::system::interrupt::Interrupt;
use crate::system::limits::MemoryLimit;
use crate::worker::process::{ChannelError, WorkerChannel, WorkerCommand};

pub(crate) struct ForkServer(Infallible);

impl ForkServer {
    pub(crate) fn start(_: &WorkerCommand, _: &str, _: u32, _: &Path, _: Interrupt) -> anyhow::Result<Self> {
        anyhow::bail!("this system has no fork servers")
    }

    pub(crate) fn suits_timed(&self, _: Side, _: u32) -> bool {
        match self.0 {}
    }

    pub(crate) fn fork(
        server: &Rc<RefCell<Self>>,
        _: Side,
        _: &HelloRequest,
        _: bool,
        _: Option<MemoryLimit>,
        _: PathBuf,
        _: Duration,
    ) -> anyhow::Result<ForkedWorker> {
        match server.borrow().0 {}
    }
}

pub(crate) struct ForkedWorker(Infallible);

impl ForkedWorker {
    pub(crate) fn process(&self) -> u32 {
        match self.0 {}
    }
}

impl WorkerChannel for ForkedWorker {
    fn send(&mut self, _: &Request) -> Result<(), ChannelError> {
        match self.0 {}
    }

    fn receive(&mut self, _: Duration) -> Result<Reply, ChannelError> {
        match self.0 {}
    }

    fn log_tail(&self) -> String {
        match self.0 {}
    }

    fn stop(self: Box<Self>) {
        match self.0 {}
    }
}
