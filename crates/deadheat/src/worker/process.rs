//! One worker process: started, asked, stopped.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::Context;
use deadheat_core::protocol::{Reply, Request, decode_reply, encode_request};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::system::command::Group;
use crate::system::files;
use crate::system::interrupt::Interrupt;
use crate::system::limits::{MOST_PRINTED, MemoryLimit};
use crate::system::processes;

/// A line longer than this is not a reply.
const LONGEST_REPLY: usize = 64 << 20;
/// The interval at which a wait checks that the process lives and the user still wants the run.
const LOOK: Duration = Duration::from_millis(50);
/// The longest that a worker may take to end by itself: exit handlers of the project's code run then.
const GRACE: Duration = Duration::from_secs(2);

/// The reason why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ChannelError {
    #[error("the process ended: {status}")]
    Died { status: String },
    #[error("no answer within {0:.0?}")]
    Deadline(Duration),
    #[error("it printed more than {} MiB", MOST_PRINTED >> 20)]
    OutputTooLarge,
    #[error("stopped by the user")]
    Interrupted,
    #[error("the answer cannot be read: {0}")]
    InvalidReply(String),
}

/// The seam between the schedule and the processes: tests put scripted answers here.
pub(crate) trait WorkerChannel {
    fn send(&mut self, request: &Request) -> Result<(), ChannelError>;

    /// Waits for the one reply to the last request.
    fn receive(&mut self, limit: Duration) -> Result<Reply, ChannelError>;

    fn ask(&mut self, request: &Request, limit: Duration) -> Result<Reply, ChannelError> {
        self.send(request)?;
        self.receive(limit)
    }

    /// Returns the end of the output of the process and the project's code.
    fn log_tail(&self) -> String;

    /// Returns the processes that it has started and that still exist.
    fn children(&self) -> Vec<u32> {
        Vec::new()
    }

    /// Lets the process end by itself.
    fn stop(self: Box<Self>);
}

/// Everything a side's processes have in common.
#[derive(Clone)]
pub(crate) struct WorkerCommand {
    pub(crate) interpreter: PathBuf,
    pub(crate) script: PathBuf,
    pub(crate) folder: PathBuf,
    pub(crate) environment: BTreeMap<OsString, OsString>,
    pub(crate) memory_limit: Option<MemoryLimit>,
}

impl WorkerCommand {
    /// Whether this starts processes with the same interpreter and variables as the other.
    pub(crate) fn starts_like(&self, other: &WorkerCommand) -> bool {
        self.interpreter == other.interpreter && self.environment == other.environment
    }
}

/// A worker's process, however it was started.
pub(crate) trait Process {
    fn id(&self) -> u32;

    /// Returns how it ended; `None` if it has not.
    fn ended(&mut self) -> std::io::Result<Option<String>>;
}

impl Process for Group {
    fn id(&self) -> u32 {
        Group::id(self)
    }

    fn ended(&mut self) -> std::io::Result<Option<String>> {
        Ok(self.child.try_wait()?.map(|status| status.to_string()))
    }
}

pub(crate) struct Worker {
    process: Box<dyn Process>,
    requests: Option<File>,
    replies: File,
    buffer: Vec<u8>,
    log: PathBuf,
    /// The time when the size of its output was last checked.
    looked: Instant,
    interrupt: Interrupt,
}

impl Worker {
    pub(crate) fn start(
        command: &WorkerCommand,
        seed: u32,
        log: PathBuf,
        interrupt: Interrupt,
    ) -> anyhow::Result<Self> {
        let log_file = File::create(&log).with_context(|| format!("cannot create {}", log.display()))?;
        let mut process = Command::new(&command.interpreter);
        process
            .arg(&command.script)
            .current_dir(&command.folder)
            .env_clear()
            .envs(&command.environment)
            .env("PYTHONHASHSEED", seed.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(log_file);
        let mut group = Group::start(&mut process)?;
        // No code of the project runs before the first request.
        if let Some(limit) = command.memory_limit {
            limit.set_for(group.id())?;
        }
        let requests = group.child.stdin.take().expect("stdin is piped");
        let replies = group.child.stdout.take().expect("stdout is piped");
        Ok(Self::new(
            Box::new(group),
            requests.into(),
            replies.into(),
            log,
            interrupt,
        ))
    }

    /// Talks to a process that exists; `requests` and `replies` are the driver's ends of the pipes to it.
    pub(crate) fn new(
        process: Box<dyn Process>,
        requests: OwnedFd,
        replies: OwnedFd,
        log: PathBuf,
        interrupt: Interrupt,
    ) -> Self {
        Worker {
            process,
            requests: Some(File::from(requests)),
            replies: File::from(replies),
            buffer: Vec::new(),
            log,
            looked: Instant::now(),
            interrupt,
        }
    }

    /// Returns its process id.
    pub(crate) fn process(&self) -> u32 {
        self.process.id()
    }

    fn wait_for_data(&self, limit: Duration) -> bool {
        let mut descriptors = [PollFd::new(&self.replies, PollFlags::IN)];
        let limit = Timespec {
            tv_sec: limit.as_secs().cast_signed(),
            tv_nsec: limit.subsec_nanos().into(),
        };
        matches!(poll(&mut descriptors, Some(&limit)), Ok(count) if count > 0)
    }

    /// Whether its output fills the disk. pytest keeps the output of a test in a file that only the process
    /// itself has open.
    fn has_flooded(&self) -> bool {
        let open = [1, 2].map(|descriptor| format!("/proc/{}/fd/{descriptor}", self.process.id()));
        files::is_larger_than(&self.log, MOST_PRINTED)
            || open
                .iter()
                .any(|path| files::is_larger_than(path.as_ref(), MOST_PRINTED))
    }

    fn wait_for_end(&mut self) -> ChannelError {
        let until = Instant::now() + GRACE;
        loop {
            match self.process.ended() {
                Ok(Some(status)) => return ChannelError::Died { status },
                Ok(None) if Instant::now() < until => std::thread::sleep(Duration::from_millis(2)),
                _ => {
                    return ChannelError::Died {
                        status: "it closed its connection to deadheat".to_owned(),
                    };
                }
            }
        }
    }
}

impl WorkerChannel for Worker {
    fn send(&mut self, request: &Request) -> Result<(), ChannelError> {
        // Not every time: there should be little but the request between two samples.
        if self.looked.elapsed() > LOOK {
            self.looked = Instant::now();
            if self.has_flooded() {
                return Err(ChannelError::OutputTooLarge);
            }
        }
        match &mut self.requests {
            Some(requests) => requests
                .write_all(&encode_request(request))
                .map_err(|_| self.wait_for_end()),
            None => Ok(()),
        }
    }

    fn receive(&mut self, limit: Duration) -> Result<Reply, ChannelError> {
        let until = Instant::now() + limit;
        let mut searched = 0;
        loop {
            if let Some(end) = self.buffer[searched..].iter().position(|&byte| byte == b'\n') {
                let rest = self.buffer.split_off(searched + end + 1);
                let line = std::mem::replace(&mut self.buffer, rest);
                return decode_reply(&line).map_err(|error| ChannelError::InvalidReply(error.to_string()));
            }
            searched = self.buffer.len();
            if searched > LONGEST_REPLY {
                return Err(ChannelError::InvalidReply("the line does not end".to_owned()));
            }
            if self.interrupt.is_asked() {
                return Err(ChannelError::Interrupted);
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(ChannelError::Deadline(limit));
            }
            if self.wait_for_data(left.min(LOOK)) {
                let mut chunk = [0; 64 << 10];
                match self.replies.read(&mut chunk) {
                    Ok(0) => return Err(self.wait_for_end()),
                    Ok(count) => self.buffer.extend_from_slice(&chunk[..count]),
                    Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                    Err(error) => return Err(ChannelError::InvalidReply(error.to_string())),
                }
            } else if !matches!(self.process.ended(), Ok(None)) && !self.wait_for_data(Duration::ZERO) {
                // A child of the project's code may hold the pipe open after the worker has ended.
                return Err(self.wait_for_end());
            } else if self.has_flooded() {
                return Err(ChannelError::OutputTooLarge);
            }
        }
    }

    fn log_tail(&self) -> String {
        let tail = files::tail_of(&self.log);
        if tail.is_empty() && files::is_on_full_disk(&self.log) {
            return "No space left on device: its output could not be written".to_owned();
        }
        tail
    }

    fn children(&self) -> Vec<u32> {
        processes::descendants(self.process.id())
    }

    fn stop(mut self: Box<Self>) {
        if self.ask(&Request::Stop, GRACE).is_ok() {
            self.requests = None;
            let _ = self.wait_for_end();
        }
    }
}
