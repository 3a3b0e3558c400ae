//! Commands that prepare a comparison: installers and builds. What they print goes to a log; they end when the run does.

use std::fs::File;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::Context;
use rustix::process::{Pid, Signal, kill_process_group};

use crate::failure::Failure;
use crate::interrupt::Interrupt;

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
    let child = command
        .stdin(Stdio::null())
        .stdout(file.try_clone().with_context(cannot)?)
        .stderr(file)
        // A group of its own: Ctrl-C in the terminal does not reach it, and its children end with it.
        .process_group(0)
        .spawn()
        .with_context(|| format!("cannot start {}", command.get_program().display()))?;
    let mut group = Group { child, ended: false };
    loop {
        if let Some(status) = group.child.try_wait()? {
            group.ended = true;
            return Ok(status);
        }
        limits.check()?;
        std::thread::sleep(LOOK);
    }
}

/// A command with all that it started.
struct Group {
    child: Child,
    ended: bool,
}

impl Drop for Group {
    fn drop(&mut self) {
        // What a command that ended leaves running (the server of a compiler cache) is its own affair.
        if self.ended {
            return;
        }
        if let Some(group) = Pid::from_raw(self.child.id().cast_signed()) {
            let _ = kill_process_group(group, Signal::KILL);
        }
        let _ = self.child.wait();
    }
}
