//! A small process that outlives this one when it is killed, and then kills what it had started.
//!
//! The kernel can end a worker with its parent, but not the worker's own children. So every process group is written to the
//! guard before it is given anything to do; when this process ends, in whatever way, the guard reads the end of its input.

use std::io::Write;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::Installation;

/// One for the process, as its end is one.
static GUARD: Mutex<State> = Mutex::new(State::None);

enum State {
    /// Nobody guards: there is nothing to kill.
    None,
    /// Where its parts are; it is started with the first group.
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

/// A group that must not outlive this process.
pub(crate) fn watch(group: u32) {
    let mut state = state();
    if let State::Planned { interpreter, script } = &*state {
        let started = Command::new(interpreter)
            .args(["-I", "-S"])
            .arg(script)
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            // Ctrl-C in the terminal does not reach it.
            .process_group(0)
            .spawn();
        // Without it workers still end with this process; only children of theirs might not.
        *state = started.map_or(State::None, State::Running);
    }
    tell(&mut state, &format!("+{group}\n"));
}

/// A group that has been killed, before its number can be another's.
pub(crate) fn forget(group: u32) {
    tell(&mut state(), &format!("-{group}\n"));
}

fn tell(state: &mut State, line: &str) {
    if let State::Running(guard) = state
        && let Some(stdin) = &mut guard.stdin
    {
        let _ = stdin.write_all(line.as_bytes());
    }
}

/// Everything has been ended: so is the guard.
pub(crate) fn dismiss() {
    let mut state = state();
    if let State::Running(guard) = &mut *state {
        // Waiting closes its input first.
        let _ = guard.wait();
    }
    *state = State::None;
}
