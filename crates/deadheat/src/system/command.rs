//! External commands: installers and builds, whose output goes to a log, and git, whose output is read. They end when
//! the run does.

use std::fs::File;
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::time::{Duration, Instant};

use anyhow::Context;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::{Errno, retry_on_intr};
use rustix::process::{Pid, Signal, kill_process_group};

use crate::error::Failure;
use crate::system::files;
use crate::system::guard::{self, Ending};
use crate::system::interrupt::Interrupt;
use crate::system::limits::MOST_PRINTED;

/// The interval at which a wait checks whether the command has ended and the user still wants the run.
const LOOK: Duration = Duration::from_millis(20);
/// The time that a command with something to tidy up has to end by itself before it is asked to: at SIGTERM, git removes
/// its locks, but not one that it is just making. The guard gives as much.
const BY_ITSELF: Duration = Duration::from_millis(500);
/// The time that it has after it is asked to. The guard gives as much.
const GRACE: Duration = Duration::from_secs(2);

/// The limits that end a command.
#[derive(Clone, Debug)]
pub(crate) struct Deadline {
    /// The hard end of the run.
    pub(crate) until: Instant,
    pub(crate) interrupt: Interrupt,
}

impl Deadline {
    /// Returns limits for a command that takes a moment, unless something hangs.
    pub(crate) fn never(interrupt: &Interrupt) -> Self {
        const AGES: Duration = Duration::from_secs(365 * 24 * 3600);
        Deadline {
            until: Instant::now() + AGES,
            interrupt: interrupt.clone(),
        }
    }

    /// Fails if the user or the clock has ended the run.
    pub(crate) fn check(&self) -> Result<(), Failure> {
        if self.interrupt.is_asked() {
            return Err(Failure::stopped());
        }
        if Instant::now() >= self.until {
            return Err(Failure::stopped().hint("--timeout ended the run during set-up; give it more time"));
        }
        Ok(())
    }
}

/// Runs a command and adds its output to `log`. Processes that it leaves running stay, as those of a build may have to.
pub(crate) fn run(command: &mut Command, log: &Path, limits: &Deadline) -> anyhow::Result<ExitStatus> {
    let (status, mut group) = run_in_group(command, log, limits)?;
    group.leave_alone();
    Ok(status)
}

/// Runs a command as [`run`] does, and ends everything that it leaves running: it would disturb the next measurement.
pub(crate) fn run_whole(command: &mut Command, log: &Path, limits: &Deadline) -> anyhow::Result<ExitStatus> {
    let (status, _group) = run_in_group(command, log, limits)?;
    Ok(status)
}

fn run_in_group(command: &mut Command, log: &Path, limits: &Deadline) -> anyhow::Result<(ExitStatus, Group)> {
    let cannot = || format!("cannot write {}", log.display());
    let file = File::options()
        .create(true)
        .append(true)
        .open(log)
        .with_context(cannot)?;
    command
        .stdin(Stdio::null())
        .stdout(file.try_clone().with_context(cannot)?)
        .stderr(file);
    let mut group = Group::start(command)?;
    loop {
        if let Some(status) = group.child.try_wait()? {
            return Ok((status, group));
        }
        limits.check()?;
        if files::is_larger_than(log, MOST_PRINTED) {
            let program = command.get_program().display();
            let most = MOST_PRINTED >> 20;
            return Err(Failure::nothing_measured(format!("{program} printed more than {most} MiB")).into());
        }
        std::thread::sleep(LOOK);
    }
}

/// Runs a command and returns its output. A command that is stopped is asked to end first, so that git removes its
/// locks and half-made files.
pub(crate) fn output(command: &mut Command, limits: &Deadline) -> anyhow::Result<Output> {
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut group = Group::start_with(command, Ending::Tidily)?;
    let mut answers = [
        group.child.stdout.take().map(OwnedFd::from),
        group.child.stderr.take().map(OwnedFd::from),
    ]
    .map(|pipe| Answer {
        pipe: pipe.map(File::from),
        bytes: Vec::new(),
    });
    let mut is_ended = false;
    while answers.iter().any(|answer| answer.pipe.is_some()) {
        let limit = if is_ended { Duration::ZERO } else { LOOK };
        if !read_what_is_there(&mut answers, limit)? {
            if is_ended {
                // Processes that it left running (git's helpers may stay) hold its pipes.
                break;
            }
            is_ended = group.child.try_wait()?.is_some();
        }
        limits.check()?;
    }
    let mut pause = Duration::from_micros(100);
    loop {
        if let Some(status) = group.child.try_wait()? {
            group.leave_alone();
            let [stdout, stderr] = answers.map(|answer| answer.bytes);
            return Ok(Output {
                status,
                stdout,
                stderr,
            });
        }
        limits.check()?;
        std::thread::sleep(pause);
        pause = LOOK.min(pause * 2);
    }
}

/// The output from one pipe of a command, which may still be open.
struct Answer {
    pipe: Option<File>,
    bytes: Vec<u8>,
}

/// Waits for data or for the end of a pipe, and returns whether there was any.
fn read_what_is_there(answers: &mut [Answer], limit: Duration) -> std::io::Result<bool> {
    let mut open: Vec<&mut Answer> = answers
        .iter_mut()
        .filter(|answer| answer.pipe.is_some())
        .collect();
    let mut descriptors: Vec<PollFd<'_>> = open
        .iter()
        .filter_map(|answer| answer.pipe.as_ref())
        .map(|pipe| PollFd::new(pipe, PollFlags::IN))
        .collect();
    let limit = Timespec {
        tv_sec: limit.as_secs().cast_signed(),
        tv_nsec: limit.subsec_nanos().into(),
    };
    match poll(&mut descriptors, Some(&limit)) {
        // After a signal, the caller checks its limits.
        Ok(0) | Err(Errno::INTR) => return Ok(false),
        Ok(_) => {}
        Err(error) => return Err(error.into()),
    }
    let ready: Vec<bool> = descriptors
        .iter()
        .map(|descriptor| !descriptor.revents().is_empty())
        .collect();
    for (answer, _) in open.iter_mut().zip(ready).filter(|(_, is_ready)| *is_ready) {
        let mut chunk = [0; 64 << 10];
        let count = match &mut answer.pipe {
            Some(pipe) => retry_on_intr(|| rustix::io::read(&*pipe, &mut chunk))?,
            None => 0,
        };
        answer.bytes.extend_from_slice(&chunk[..count]);
        if count == 0 {
            answer.pipe = None;
        }
    }
    Ok(true)
}

/// A process and everything it started, in its own process group: Ctrl-C in the terminal does not reach it. Whatever is
/// left is ended when this is dropped, or when deadheat itself ends.
pub(crate) struct Group {
    pub(crate) child: Child,
    ending: Ending,
    is_left_alone: bool,
}

impl Group {
    /// Starts a command that is killed when this is dropped.
    pub(crate) fn start(command: &mut Command) -> anyhow::Result<Self> {
        Self::start_with(command, Ending::AtOnce)
    }

    /// Starts a command that is asked to end when this is dropped, because it has something to tidy up.
    pub(crate) fn start_tidily(command: &mut Command) -> anyhow::Result<Self> {
        Self::start_with(command, Ending::Tidily)
    }

    fn start_with(command: &mut Command, ending: Ending) -> anyhow::Result<Self> {
        let folder = command.get_current_dir().map(Path::display);
        log::debug!(
            "{:?} {:?} in {}",
            command.get_program(),
            command.get_args().collect::<Vec<_>>(),
            folder.map_or_else(String::new, |folder| folder.to_string())
        );
        let (name, value) = guard::mark();
        let child = command
            .env(name, value)
            .process_group(0)
            .spawn()
            .with_context(|| format!("cannot start {}", command.get_program().display()))?;
        guard::watch(child.id(), ending);
        Ok(Group {
            child,
            ending,
            is_left_alone: false,
        })
    }

    fn signal(&self, signal: Signal) {
        if let Some(group) = Pid::from_raw(self.child.id().cast_signed()) {
            let _ = kill_process_group(group, signal);
        }
    }

    /// Lets the process end by itself, and then asks it to.
    pub(crate) fn ask_to_end(&mut self) {
        if !self.ends_within(BY_ITSELF) {
            self.signal(Signal::TERM);
            self.ends_within(GRACE);
        }
    }

    /// Waits for the process to end by itself, and returns whether it has.
    pub(crate) fn ends_within(&mut self, time: Duration) -> bool {
        let until = Instant::now() + time;
        while matches!(self.child.try_wait(), Ok(None)) {
            if Instant::now() > until {
                return false;
            }
            std::thread::sleep(LOOK);
        }
        true
    }

    /// Returns the id of the process, and of its group.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Leaves alone the processes that an ended command left running, such as the server of a compiler cache.
    fn leave_alone(&mut self) {
        self.is_left_alone = true;
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if !self.is_left_alone {
            if self.ending == Ending::Tidily {
                self.ask_to_end();
            }
            self.signal(Signal::KILL);
            // It may have joined another group.
            let _ = self.child.kill();
        }
        guard::forget(self.child.id());
        let _ = self.child.wait();
    }
}
