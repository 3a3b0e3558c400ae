//! A small process that outlives this one when it is killed, and then kills the processes that it had started.
//!
//! The kernel can end a worker with its parent, but not the worker's own children. So every process group is reported
//! to the guard as soon as it is started; when this process ends, in whatever way, the guard reads the end of its input.
//! A group that could not be reported any more is known by a variable in its environment (Linux).

use std::io::{self, Write};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};

use crate::Installation;

/// One guard for the whole process, which ends only once.
static GUARD: Mutex<State> = Mutex::new(State::None);

/// The time that the guard needs to end when it has nothing to do; it takes longer only if it was stopped.
const GRACE: Duration = Duration::from_secs(2);

/// The way to end a group that outlives this process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    AtOnce,
    /// It is asked to end first, because it has something to tidy up.
    Tidily,
}

enum State {
    /// No guard: there is nothing to kill, or it could not be started.
    None,
    /// The places of its parts; it is started with the first group.
    Planned {
        interpreter: PathBuf,
        script: PathBuf,
    },
    Running(Child),
}

fn state() -> MutexGuard<'static, State> {
    GUARD.lock().unwrap_or_else(PoisonError::into_inner)
}

pub(crate) fn set_up(installation: &Installation) {
    *state() = State::Planned {
        interpreter: installation.interpreter.clone(),
        script: installation.worker_file("guard.py"),
    };
}

/// The variable that marks the processes of one driver, and its value.
pub(crate) fn mark() -> (&'static str, String) {
    ("DEADHEAT_DRIVER", std::process::id().to_string())
}

/// Registers a group that must not outlive this process.
pub(crate) fn watch(group: u32, ending: Ending) {
    let mut state = state();
    if let State::Planned { interpreter, script } = &*state {
        let started = Command::new(interpreter)
            .args(["-I", "-S"])
            .arg(script)
            .arg(format!("{}={}", mark().0, mark().1))
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            // Ctrl-C in the terminal does not reach it.
            .process_group(0)
            .spawn()
            .and_then(never_waits);
        // Without it, workers still end with this process, but their children might not.
        *state = started.map_or(State::None, State::Running);
    }
    let sign = match ending {
        Ending::AtOnce => '+',
        Ending::Tidily => '~',
    };
    tell(&mut state, &format!("{sign}{group}\n"));
}

/// Unregisters a group that has been killed, before its id can be reused.
pub(crate) fn forget(group: u32) {
    tell(&mut state(), &format!("-{group}\n"));
}

/// Makes writing to the guard non-blocking: a guard that was stopped by a signal reads nothing, and the run
/// goes on.
fn never_waits(guard: Child) -> io::Result<Child> {
    if let Some(stdin) = &guard.stdin {
        let flags = fcntl_getfl(stdin)?;
        fcntl_setfl(stdin, flags | OFlags::NONBLOCK)?;
    }
    Ok(guard)
}

fn tell(state: &mut State, line: &str) {
    if let State::Running(guard) = state
        && let Some(stdin) = &mut guard.stdin
    {
        let _ = stdin.write_all(line.as_bytes());
    }
}

/// Ends the guard, after everything else has been ended.
pub(crate) fn dismiss() {
    let mut state = state();
    if let State::Running(guard) = &mut *state {
        drop(guard.stdin.take());
        let until = Instant::now() + GRACE;
        while matches!(guard.try_wait(), Ok(None)) && Instant::now() < until {
            std::thread::sleep(Duration::from_millis(1));
        }
        let _ = guard.kill();
        let _ = guard.wait();
    }
    *state = State::None;
}
