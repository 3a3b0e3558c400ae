//! Processes that have imported pytest but nothing of the project, and fork a worker whenever one is needed: the import
//! takes most of the time that a worker needs to start.
//!
//! The children of one server share its hash seed and the addresses of the interpreter's code, and were seen
//! to be fast or slow together. So a server's children are timed for a verdict in one replicate only: one
//! child of each side, if both run in the same interpreter (`docs/statistics.md`).

use std::cell::RefCell;
use std::fs::File;
use std::io::{self, IoSlice, Read};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::Context;
use deadheat_core::model::{PerSide, Side};
use deadheat_core::protocol::{ForkReply, ForkRequest, HelloRequest, Reply, Request};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg};
use rustix::pipe::{PipeFlags, pipe_with};
use rustix::process::{Pid, PidfdFlags, Signal, kill_process, kill_process_group, pidfd_open};
use serde::de::DeserializeOwned;

use crate::system::command::Group;
use crate::system::guard::{self, Ending};
use crate::system::interrupt::Interrupt;
use crate::system::limits::MemoryLimit;
use crate::system::processes;
use crate::worker::process::{ChannelError, Process, Worker, WorkerChannel, WorkerCommand};

/// The time limit for any reply of a server but its hello.
const ANSWER: Duration = Duration::from_secs(10);
/// The interval at which a wait checks whether the user still wants the run.
const LOOK: Duration = Duration::from_millis(50);

/// The server of one side, or of both.
pub(crate) struct ForkServer {
    group: Group,
    line: UnixStream,
    buffer: Vec<u8>,
    hello: Option<Reply>,
    /// `PYTHONHASHSEED` of its workers.
    seed: u32,
    /// Whether it has forked a worker that is timed for a verdict.
    has_timed: PerSide<bool>,
    interrupt: Interrupt,
}

impl ForkServer {
    /// Starts a server, which says hello when it has imported pytest. `module` is its workers' module.
    pub(crate) fn start(
        command: &WorkerCommand,
        module: &str,
        seed: u32,
        log: &Path,
        interrupt: Interrupt,
    ) -> anyhow::Result<Self> {
        let (line, theirs) = UnixStream::pair().context("cannot make a socket")?;
        let log_file = File::create(log).with_context(|| format!("cannot create {}", log.display()))?;
        let mut process = Command::new(&command.interpreter);
        process
            .arg(command.script.with_file_name("fork_server.py"))
            .arg(module)
            .current_dir(&command.folder)
            .env_clear()
            .envs(&command.environment)
            .env("PYTHONHASHSEED", seed.to_string())
            .stdin(OwnedFd::from(theirs))
            .stdout(log_file.try_clone()?)
            .stderr(log_file);
        let group = Group::start(&mut process)?;
        Ok(ForkServer {
            group,
            line,
            buffer: Vec::new(),
            hello: None,
            seed,
            has_timed: PerSide::default(),
            interrupt,
        })
    }

    /// Whether this server may fork a worker of this side that is timed for a verdict: only the first one, and with
    /// this hash seed.
    pub(crate) fn suits_timed(&self, side: Side, seed: u32) -> bool {
        !*self.has_timed.get(side) && self.seed == seed
    }

    /// Forks a worker of this side; the server has already said hello for it.
    pub(crate) fn fork(
        server: &Rc<RefCell<Self>>,
        side: Side,
        hello: &HelloRequest,
        is_timed: bool,
        memory_limit: Option<MemoryLimit>,
        log: PathBuf,
        limit: Duration,
    ) -> anyhow::Result<ForkedWorker> {
        let (their_requests, requests) = pipe_with(PipeFlags::CLOEXEC)?;
        let (replies, their_replies) = pipe_with(PipeFlags::CLOEXEC)?;
        let log_file = File::create(&log).with_context(|| format!("cannot create {}", log.display()))?;
        let descriptors = [their_requests.as_fd(), their_replies.as_fd(), log_file.as_fd()];
        let (process, said, interrupt) = server.borrow_mut().forked(hello, &descriptors, limit)?;
        // From here on the process ends when this is dropped.
        let forked = Forked::new(process, Rc::clone(server))?;
        *server.borrow_mut().has_timed.get_mut(side) |= is_timed;
        if let Some(limit) = memory_limit {
            limit.set_for(process)?;
        }
        Ok(ForkedWorker {
            worker: Worker::new(Box::new(forked), requests, replies, log, interrupt),
            hello: Some(said),
        })
    }

    fn forked(
        &mut self,
        hello: &HelloRequest,
        descriptors: &[BorrowedFd<'_>],
        limit: Duration,
    ) -> anyhow::Result<(u32, Reply, Interrupt)> {
        let said = match self.hello.take() {
            Some(said) => said,
            None => self.receive(limit)?,
        };
        self.hello = Some(said.clone());
        let request = ForkRequest::Fork { hello: hello.clone() };
        self.send(&request, descriptors)?;
        match self.receive(ANSWER)? {
            ForkReply::Forked { process } => Ok((process, said, self.interrupt.clone())),
            other => anyhow::bail!("the fork server did not fork: {other:?}"),
        }
    }

    /// Reaps a worker that has ended, and returns the system's status.
    fn reap(&mut self, process: u32) -> anyhow::Result<ExitStatus> {
        self.send(&ForkRequest::Reap { process }, &[])?;
        match self.receive(ANSWER)? {
            ForkReply::Reaped { status, cpu_ns } => {
                let ticks = cpu_ns * rustix::param::clock_ticks_per_second() / 1_000_000_000;
                processes::add_forked(ticks);
                Ok(ExitStatus::from_raw(status))
            }
            other => anyhow::bail!("the fork server did not reap: {other:?}"),
        }
    }

    fn send(
        &mut self,
        request: &impl serde::Serialize,
        descriptors: &[BorrowedFd<'_>],
    ) -> anyhow::Result<()> {
        let mut text = serde_json::to_vec(request)?;
        text.push(b'\n');
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(3))];
        let mut control = SendAncillaryBuffer::new(&mut space);
        if !descriptors.is_empty() {
            control.push(SendAncillaryMessage::ScmRights(descriptors));
        }
        let mut sent = sendmsg(
            &self.line,
            &[IoSlice::new(&text)],
            &mut control,
            SendFlags::NOSIGNAL,
        )?;
        while sent < text.len() {
            let rest = IoSlice::new(&text[sent..]);
            sent += sendmsg(
                &self.line,
                &[rest],
                &mut SendAncillaryBuffer::default(),
                SendFlags::NOSIGNAL,
            )?;
        }
        Ok(())
    }

    fn receive<T: DeserializeOwned>(&mut self, limit: Duration) -> anyhow::Result<T> {
        let until = Instant::now() + limit;
        loop {
            if let Some(end) = self.buffer.iter().position(|&byte| byte == b'\n') {
                let rest = self.buffer.split_off(end + 1);
                let line = std::mem::replace(&mut self.buffer, rest);
                return Ok(serde_json::from_slice(&line)?);
            }
            if self.interrupt.is_asked() {
                return Err(ChannelError::Interrupted.into());
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(ChannelError::Deadline(limit).into());
            }
            if is_readable(&self.line, left.min(LOOK)) {
                let mut chunk = [0; 4096];
                let count = self.line.read(&mut chunk)?;
                anyhow::ensure!(count > 0, "the fork server ended");
                self.buffer.extend_from_slice(&chunk[..count]);
            }
        }
    }
}

impl Drop for ForkServer {
    fn drop(&mut self) {
        if let Some(ticks) = processes::times(&self.group.id().to_string()) {
            processes::remove_fork_server(ticks);
        }
    }
}

fn is_readable(descriptor: impl AsFd, limit: Duration) -> bool {
    let mut descriptors = [PollFd::new(&descriptor, PollFlags::IN)];
    let limit = Timespec {
        tv_sec: limit.as_secs().cast_signed(),
        tv_nsec: limit.subsec_nanos().into(),
    };
    matches!(poll(&mut descriptors, Some(&limit)), Ok(count) if count > 0)
}

/// A process that a server has forked, the leader of its own group; it ends when this is dropped.
pub(crate) struct Forked {
    process: u32,
    /// The pidfd, readable when the process has ended.
    life: OwnedFd,
    status: Option<String>,
    server: Rc<RefCell<ForkServer>>,
}

impl Forked {
    fn new(process: u32, server: Rc<RefCell<ForkServer>>) -> io::Result<Self> {
        guard::watch(process, Ending::AtOnce);
        let number = pid(process)?;
        let life = pidfd_open(number, PidfdFlags::empty()).inspect_err(|_| {
            let _ = kill_process_group(number, Signal::KILL);
        })?;
        Ok(Forked {
            process,
            life,
            status: None,
            server,
        })
    }
}

impl Process for Forked {
    fn id(&self) -> u32 {
        self.process
    }

    fn ended(&mut self) -> io::Result<Option<String>> {
        if self.status.is_none() && is_readable(&self.life, Duration::ZERO) {
            // A server that cannot say how it ended has also ended.
            let status = self.server.borrow_mut().reap(self.process);
            self.status =
                Some(status.map_or_else(|_| "with its fork server".to_owned(), |status| status.to_string()));
        }
        Ok(self.status.clone())
    }
}

impl Drop for Forked {
    fn drop(&mut self) {
        if let Ok(number) = pid(self.process) {
            let _ = kill_process_group(number, Signal::KILL);
            if self.status.is_none() {
                // It may have joined another group. Its id is not reused until it is reaped.
                let _ = kill_process(number, Signal::KILL);
            }
        }
        guard::forget(self.process);
        if self.status.is_none() && is_readable(&self.life, ANSWER) {
            let _ = self.ended();
        }
    }
}

fn pid(process: u32) -> io::Result<Pid> {
    Pid::from_raw(process.cast_signed()).ok_or_else(|| io::Error::other("not the number of a process"))
}

/// The conversation with a forked worker, for which its server has said hello.
pub(crate) struct ForkedWorker {
    worker: Worker,
    hello: Option<Reply>,
}

impl ForkedWorker {
    /// Returns the worker's process id.
    pub(crate) fn process(&self) -> u32 {
        self.worker.process()
    }
}

impl WorkerChannel for ForkedWorker {
    fn send(&mut self, request: &Request) -> Result<(), ChannelError> {
        match request {
            Request::Hello(_) => Ok(()),
            other => self.worker.send(other),
        }
    }

    fn receive(&mut self, limit: Duration) -> Result<Reply, ChannelError> {
        match self.hello.take() {
            Some(hello) => Ok(hello),
            None => self.worker.receive(limit),
        }
    }

    fn log_tail(&self) -> String {
        self.worker.log_tail()
    }

    fn children(&self) -> Vec<u32> {
        self.worker.children()
    }

    fn stop(self: Box<Self>) {
        Box::new(self.worker).stop();
    }
}
