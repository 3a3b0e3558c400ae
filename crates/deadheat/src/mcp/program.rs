//! This program, run again as a process of its own.

use std::ffi::OsStr;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader, Lines};
use tokio::process::{ChildStderr, ChildStdout, Command};

use crate::Installation;
use crate::error::Failure;
use crate::mcp::progress::Progress;
use crate::system::guard::{self, Ending};
use crate::system::terminal;

/// The time that is left for the end of the output of a process that has ended: one that it has started may hold it
/// open.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// The results of a run that has ended.
#[derive(Debug)]
pub(super) struct Ended {
    pub(super) status: ExitStatus,
    /// Its stdout.
    pub(super) out: String,
    /// The error that it reported on stderr.
    pub(super) error: Option<Value>,
}

impl Ended {
    /// Returns the exit code, or the signal that ended it.
    pub(super) fn code(&self) -> Result<i32, i32> {
        self.status
            .code()
            .ok_or_else(|| self.status.signal().unwrap_or_default())
    }
}

/// Returns the command that runs this program with these arguments in a folder.
pub(super) fn command(
    installation: &Installation,
    folder: &Path,
    arguments: &[impl AsRef<OsStr>],
) -> Command {
    let mut command = Command::new(&installation.interpreter);
    command
        .args(installation.launch_words())
        .args(arguments)
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        // Ctrl-C in the terminal does not reach it: it is told to end once, by this process.
        .process_group(0);
    command
}

/// Runs a command to its end. When `stopped` is ready, it is asked to end, as by Ctrl-C, and then tidies up.
pub(super) async fn run(
    mut command: Command,
    stopped: impl Future<Output = ()>,
    progress: &Progress<'_>,
) -> Result<Ended, Failure> {
    let fail = |error: std::io::Error| Failure::tool(format!("deadheat cannot be run: {error}"));
    let mut child = command.spawn().map_err(fail)?;
    let process = child.id().and_then(|id| Pid::from_raw(id.cast_signed()));
    // It is ended even if this process is killed.
    let _watched = process.map(Watched::new);
    let (Some(stdout), Some(stderr)) = (child.stdout.take(), child.stderr.take()) else {
        return Err(Failure::tool("deadheat cannot be run: it has no output"));
    };
    let mut output = Output {
        stdout,
        lines: BufReader::new(stderr).lines(),
        out: Vec::new(),
        error: None,
    };
    let asked = async {
        stopped.await;
        if let Some(process) = process {
            let _ = kill_process(process, Signal::TERM);
        }
        std::future::pending::<()>().await;
    };
    tokio::pin!(asked);
    let status = {
        let reading = output.read(progress);
        tokio::pin!(reading);
        let mut is_read = false;
        loop {
            tokio::select! {
                status = child.wait() => break status.map_err(fail)?,
                () = &mut reading, if !is_read => is_read = true,
                () = &mut asked => {}
            }
        }
    };
    let _ = tokio::time::timeout(LAST_WORDS, output.read(progress)).await;
    Ok(Ended {
        status,
        out: String::from_utf8_lossy(&output.out).into_owned(),
        error: output.error,
    })
}

/// The output of a process, read so far.
struct Output {
    stdout: ChildStdout,
    lines: Lines<BufReader<ChildStderr>>,
    out: Vec<u8>,
    error: Option<Value>,
}

impl Output {
    /// Reads both streams to their ends; what was read stays if this is given up.
    async fn read(&mut self, progress: &Progress<'_>) {
        let Output {
            stdout,
            lines,
            out,
            error,
        } = self;
        let answer = stdout.read_to_end(out);
        let events = async {
            while let Ok(Some(line)) = lines.next_line().await {
                match event(&line) {
                    Some(Event::Progress(message)) => progress.tell(message).await,
                    Some(Event::Error(told)) => *error = Some(told),
                    // For the person who reads the server's log.
                    None => terminal::print_note(&line),
                }
            }
        };
        let _ = tokio::join!(answer, events);
    }
}

/// A line that `--progress-json` writes.
#[derive(Debug, PartialEq)]
enum Event {
    Progress(String),
    Error(Value),
}

fn event(line: &str) -> Option<Event> {
    let value: Value = serde_json::from_str(line).ok().filter(Value::is_object)?;
    match (&value["progress"], &value["error"]) {
        (Value::String(message), _) => Some(Event::Progress(message.clone())),
        (_, Value::Object(_)) => Some(Event::Error(value)),
        _ => None,
    }
}

/// A process that the guard ends if this one is killed.
struct Watched(u32);

impl Watched {
    fn new(process: Pid) -> Self {
        let group = process.as_raw_nonzero().get().cast_unsigned();
        guard::watch(group, Ending::Tidily);
        Watched(group)
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        guard::forget(self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_programs_own_events_are_passed_on() {
        assert_eq!(
            event(r#"{"progress": "measuring"}"#),
            Some(Event::Progress("measuring".to_owned()))
        );
        let error = serde_json::json!({"error": {"code": "usage"}});
        assert_eq!(event(&error.to_string()), Some(Event::Error(error)));
        for line in [
            "warning: 3 files",
            "{}",
            "[1]",
            "{\"progress\": 1}",
            "\"progress\"",
            "",
        ] {
            assert_eq!(event(line), None, "{line}");
        }
    }
}
