//! Commands that prepare a comparison: installers and builds. What they print goes to a log; they end when the run does.

use std::fs::File;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::Context;
use rustix::process::{Pid, Signal, kill_process_group};

use crate::failure::Failure;
use crate::files;
use crate::guard;
use crate::interrupt::Interrupt;
use crate::limit::MOST_PRINTED;

/// How often a wait looks whether the command has ended and the user still wants the run.
const LOOK: Duration = Duration::from_millis(20);

/// When a command has to end.
#[derive(Clone, Debug)]
pub(crate) struct Limits {
    /// The hard end of the run.
    pub(crate) until: Instant,
    pub(crate) interrupt: Interrupt,
}

impl Limits {
    /// Ends the run where the user or the clock wants it.
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

/// Runs a command and adds what it prints to `log`.
pub(crate) fn run(command: &mut Command, log: &Path, limits: &Limits) -> anyhow::Result<ExitStatus> {
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
            group.leave_alone();
            return Ok(status);
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

/// A process with all that it started, in a group of its own: Ctrl-C in the terminal does not reach it. What is still
/// there when this is dropped is killed; so it is when deadheat itself is.
pub(crate) struct Group {
    pub(crate) child: Child,
    is_left_alone: bool,
}

impl Group {
    pub(crate) fn start(command: &mut Command) -> anyhow::Result<Self> {
        let child = command
            .process_group(0)
            .spawn()
            .with_context(|| format!("cannot start {}", command.get_program().display()))?;
        guard::watch(child.id());
        Ok(Group {
            child,
            is_left_alone: false,
        })
    }

    /// The number of the process, and of its group.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// What a command that ended leaves running (the server of a compiler cache) is its own affair.
    fn leave_alone(&mut self) {
        self.is_left_alone = true;
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if !self.is_left_alone {
            if let Some(group) = Pid::from_raw(self.child.id().cast_signed()) {
                let _ = kill_process_group(group, Signal::KILL);
            }
            // It may have joined another group.
            let _ = self.child.kill();
        }
        guard::forget(self.child.id());
        let _ = self.child.wait();
    }
}
