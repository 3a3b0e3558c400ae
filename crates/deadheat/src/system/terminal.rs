//! Output for people on stdout and stderr.

use std::io::{IsTerminal, Write};
use std::os::fd::{AsRawFd, IntoRawFd};

use anyhow::Context;
use deadheat_core::text::plain_lines;
use rustix::fs::{FileType, fstat};
use rustix::io::Errno;

/// The line width if stdout is not a terminal.
const WIDTH_ELSEWHERE: usize = 120;

/// Prints to stdout. It is not an error that a pager or `head` closed it early, or that its terminal is gone.
pub(crate) fn print(bytes: &[u8]) -> anyhow::Result<()> {
    let mut stdout = std::io::stdout().lock();
    let is_device = fstat(&stdout).is_ok_and(|of| FileType::from_raw_mode(of.st_mode).is_char_device());
    let is_gone = |error: &std::io::Error| {
        error.kind() == std::io::ErrorKind::BrokenPipe
            || is_device && error.raw_os_error() == Some(Errno::IO.raw_os_error())
    };
    match stdout.write_all(bytes).and_then(|()| stdout.flush()) {
        Err(error) if !is_gone(&error) => Err(error).context("cannot write to stdout"),
        _ => Ok(()),
    }
}

/// Opens `/dev/null` in place of those standard streams that are closed, because the next file that is opened would be
/// taken for one of them. Returns whether stdout was open.
pub(crate) fn stand_in_for_closed_streams() -> bool {
    let is_open = rustix::io::fcntl_getfd(std::io::stdout()).is_ok();
    while let Ok(null) = std::fs::File::options().read(true).write(true).open("/dev/null") {
        if null.as_raw_fd() > 2 {
            break;
        }
        // It stays open for as long as the process lives.
        let _ = null.into_raw_fd();
    }
    is_open
}

pub(crate) fn terminal_width() -> usize {
    if !std::io::stdout().is_terminal() {
        return WIDTH_ELSEWHERE;
    }
    rustix::termios::tcgetwinsize(std::io::stdout())
        .ok()
        .map(|size| usize::from(size.ws_col))
        .filter(|&columns| columns > 0)
        .unwrap_or(80)
}

pub(crate) fn print_failure(message: &str, hint: Option<&str>) {
    let mut stderr = anstream::stderr();
    let bold = anstyle::Style::new().bold();
    let _ = writeln!(stderr, "{bold}deadheat:{bold:#} {}", plain_lines(message));
    if let Some(hint) = hint {
        let _ = writeln!(stderr, "{bold}hint:{bold:#} {}", plain_lines(hint));
    }
}

/// Joins an error's message with those of its causes.
pub(crate) fn whole_message(error: &anyhow::Error) -> String {
    let parts: Vec<String> = error.chain().map(ToString::to_string).collect();
    parts.join(": ")
}

/// Prints something that a person needs after the run to stderr.
pub(crate) fn print_note(text: &str) {
    let _ = writeln!(anstream::stderr(), "{}", plain_lines(text));
}
