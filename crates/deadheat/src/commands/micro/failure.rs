//! Explains why a pre-screen has no times.

use deadheat_core::model::Side;
use deadheat_core::text::counted;

use crate::cli::options::Verbosity;
use crate::commands::micro::screening::Screening;
use crate::commands::micro::variants::Variants;
use crate::error::Failure;
use crate::passes::measure::Measured;
use crate::passes::runner::{BenchmarkFailure, FailureKind, StoppedBy};

/// The most lines of a traceback that are shown without `-v`.
const MOST_LINES: usize = 30;

impl Screening<'_> {
    /// Returns the error of measurements that a variant ended, if one did.
    pub(super) fn failure_of(&self, subject: &Variants, measured: &Measured) -> Option<Failure> {
        if measured.stopped == Some(StoppedBy::User) {
            return Some(Failure::stopped());
        }
        if let Some(failure) = measured.failures.last() {
            return Some(self.failure_of_variant(subject, failure));
        }
        let Some(StoppedBy::Worker(side)) = measured.stopped else {
            return None;
        };
        Some(Failure::nothing_measured(format!(
            "the process of {} started at first and no longer does; the end of its output:\n\n{}",
            subject.names.get(side),
            measured.last_words
        )))
    }

    fn failure_of_variant(&self, subject: &Variants, failure: &BenchmarkFailure) -> Failure {
        let variants = match failure.side {
            Some(side) => format!("{} ({side})", subject.names.get(side)),
            None => "both variants".to_owned(),
        };
        let what = match (failure.kind, failure.side) {
            (FailureKind::Skipped, _) => "cannot be run",
            (_, Some(_)) => "fails",
            (_, None) => "fail",
        };
        let message = failure.message.trim();
        if let Some((option, error)) = mistyped(message) {
            let option = match (option, failure.side) {
                ("<statement>", Some(Side::Head)) => "-b",
                ("<statement>", _) => "-a",
                (option, _) => option,
            };
            return cannot_be_parsed(option, error);
        }
        let error = error_line(message);
        let traceback = self.shortened(message.strip_suffix(error).unwrap_or(message).trim_end());
        let details = match traceback.as_str() {
            "" => String::new(),
            traceback => format!("\n\n{traceback}"),
        };
        if let (Some(lacking), Some(function)) = (subject.lacking, &subject.function)
            && failure.side == Some(lacking)
            && is_about_a_name(error)
        {
            let only = subject.names.get(lacking.other());
            let the = if lacking == Side::Base { "the " } else { "" };
            return Failure::nothing_measured(format!(
                "`{function}` exists only in {the}{only}, and {variants} {what} without it: {error}{details}"
            ))
            .hint(
                "--call something that both have; or --base REF names a commit that has it; or compare two ways of doing \
                 it: -a STMT -b STMT",
            );
        }
        let failure = Failure::nothing_measured(format!("{variants} {what}: {error}{details}"));
        if error.starts_with("NameError") && is_of_the_call(message) {
            return failure.hint("make what the call needs in --setup: --setup 'x = ...' --call 'f(x)'");
        }
        failure
    }

    /// Shortens a long traceback to its end, which says most.
    fn shortened(&self, traceback: &str) -> String {
        let lines: Vec<&str> = traceback.lines().collect();
        match lines.len().checked_sub(MOST_LINES) {
            Some(left_out) if left_out > 0 && self.options.verbosity != Verbosity::Verbose => format!(
                "... ({} before; -v shows all)\n{}",
                counted(left_out, "line"),
                lines[left_out..].join("\n")
            ),
            _ => traceback.to_owned(),
        }
    }
}

/// Returns the line that says what went wrong: the last one of a traceback, the first one of a message about a process.
pub(super) fn error_line(message: &str) -> &str {
    let is_traceback = message.lines().any(is_frame);
    let mut lines = message.lines();
    let line = if is_traceback {
        lines.next_back()
    } else {
        lines.next()
    };
    line.unwrap_or_default()
}

fn is_frame(line: &str) -> bool {
    line.trim_start().starts_with("File \"")
}

/// Returns the error about an option that is not Python code.
pub(super) fn cannot_be_parsed(option: &str, error: &str) -> Failure {
    Failure::usage(format!("{option} cannot be parsed: {error}"))
        .hint("it is Python code, as one argument: mind the shell's quotes")
}

/// Returns the option whose code is not Python, and the error: one in the code itself, not in something that it imports
/// or runs.
pub(super) fn mistyped(message: &str) -> Option<(&str, &str)> {
    let error = error_line(message);
    let kinds = ["SyntaxError", "IndentationError", "TabError"];
    if !kinds.iter().any(|kind| error.starts_with(kind)) {
        return None;
    }
    let mut frames = message.lines().filter(|line| is_frame(line)).map(str::trim_start);
    let (frame, None) = (frames.next()?, frames.next()) else {
        return None;
    };
    let file = frame.strip_prefix("File \"")?.split('"').next()?;
    match file {
        "<--call>" => Some(("--call", error)),
        "<--setup>" => Some(("--setup", error)),
        "<statement>" => Some(("<statement>", error)),
        _ => None,
    }
}

/// Whether what was typed raised the error, and not the code that it calls.
fn is_of_the_call(message: &str) -> bool {
    let last = message.lines().rfind(|line| is_frame(line)).map(str::trim_start);
    last.is_some_and(|frame| {
        frame.starts_with("File \"<--call>\"") || frame.starts_with("File \"<statement>\"")
    })
}

fn is_about_a_name(error: &str) -> bool {
    ["NameError", "AttributeError", "ImportError"]
        .iter()
        .any(|kind| error.starts_with(kind))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_that_says_what_went_wrong() {
        let traceback =
            "Traceback (most recent call last):\n  File \"a.py\", line 1, in f\n    g()\nValueError: no";
        assert_eq!(error_line(traceback), "ValueError: no");
        let death = "the process ended: signal: 11 (SIGSEGV)\nlast words";
        assert_eq!(error_line(death), "the process ended: signal: 11 (SIGSEGV)");
    }

    #[test]
    fn an_error_in_what_was_typed_is_told_from_one_of_the_code() {
        let typed = "File \"<--call>\", line 1\n    f(\n     ^\nSyntaxError: '(' was never closed";
        assert_eq!(
            mistyped(typed),
            Some(("--call", "SyntaxError: '(' was never closed"))
        );
        let imported =
            "  File \"<--setup>\", line 1, in <module>\n  File \"/a/b.py\", line 3\n    x(\nSyntaxError: no";
        assert_eq!(mistyped(imported), None);
        assert_eq!(mistyped("File \"/a/b.py\", line 3\nSyntaxError: no"), None);
        assert_eq!(mistyped("File \"<--call>\", line 1, in f\nValueError: no"), None);
    }
}
