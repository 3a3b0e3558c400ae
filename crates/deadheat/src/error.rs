//! Errors for the user, each of a kind that has an exit code.
//!
//! Anything that is not a [`Failure`] is a failure of the tool itself and ends with [`ExitCode::ToolFailed`].

use std::fmt;

use deadheat_core::model::NextStep;

/// Exit codes are part of the interface; `docs/reference.md` explains them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ExitCode {
    Done = 0,
    /// A gate of `--fail-on` failed.
    GateFailed = 1,
    /// Wrong arguments, configuration or refs.
    Usage = 2,
    NothingMeasured = 3,
    StoppedEarly = 4,
    ToolFailed = 5,
}

/// The kinds of errors, by which the caller decides what it tolerates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ErrorKind {
    /// Wrong arguments, configuration or refs.
    Usage,
    /// The folder belongs to a repository without a checkout.
    BareRepository,
    /// A benchmark, a test or a worker gave no result.
    NothingMeasured,
    /// A process imported the project from another place than its worktree.
    ForeignImport,
    /// An installer or a build ended with an error.
    CommandFailed,
    /// The user or the clock ended the run.
    Stopped,
    /// deadheat itself, git or the system failed.
    Tool,
}

impl ErrorKind {
    pub(crate) fn exit(self) -> ExitCode {
        match self {
            ErrorKind::Usage | ErrorKind::BareRepository => ExitCode::Usage,
            ErrorKind::NothingMeasured | ErrorKind::ForeignImport | ErrorKind::CommandFailed => {
                ExitCode::NothingMeasured
            }
            ErrorKind::Stopped => ExitCode::StoppedEarly,
            ErrorKind::Tool => ExitCode::ToolFailed,
        }
    }

    /// The stable name for programs.
    fn code(self) -> &'static str {
        match self {
            ErrorKind::Usage => "usage",
            ErrorKind::BareRepository => "bare_repository",
            ErrorKind::NothingMeasured => "nothing_measured",
            ErrorKind::ForeignImport => "foreign_import",
            ErrorKind::CommandFailed => "command_failed",
            ErrorKind::Stopped => "stopped",
            ErrorKind::Tool => "tool",
        }
    }

    /// Whether the request was valid but gave no numbers; its report files are still written.
    pub(crate) fn is_worth_a_report(self) -> bool {
        matches!(self.exit(), ExitCode::NothingMeasured | ExitCode::StoppedEarly)
    }
}

/// An error that says what was tried, what went wrong, and what to do now.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) kind: ErrorKind,
    pub(crate) message: String,
    pub(crate) hint: Option<String>,
    /// The steps that would follow, for programs.
    pub(crate) next: Vec<NextStep>,
    /// The stable name for programs, if they need to tell it from others of its kind.
    pub(crate) own_code: Option<&'static str>,
}

impl Failure {
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Usage, message)
    }

    pub(crate) fn nothing_measured(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::NothingMeasured, message)
    }

    pub(crate) fn stopped() -> Self {
        Self::new(ErrorKind::Stopped, "stopped before anything was measured")
    }

    pub(crate) fn tool(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Tool, message)
    }

    pub(crate) fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Failure {
            kind,
            message: message.into(),
            hint: None,
            next: Vec::new(),
            own_code: None,
        }
    }

    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Returns the same error with another message.
    pub(crate) fn with_message(&self, message: String) -> Self {
        Failure {
            kind: self.kind,
            message,
            hint: self.hint.clone(),
            next: self.next.clone(),
            own_code: self.own_code,
        }
    }

    /// Gives it a stable name of its own.
    pub(crate) fn named(mut self, code: &'static str) -> Self {
        self.own_code = Some(code);
        self
    }

    /// Returns the stable name for programs.
    pub(crate) fn code(&self) -> &'static str {
        self.own_code.unwrap_or_else(|| self.kind.code())
    }

    /// Adds a step that would follow.
    pub(crate) fn next(mut self, step: NextStep) -> Self {
        self.next.push(step);
        self
    }

    /// Adds "did you mean" for the known names that resemble `typed`.
    pub(crate) fn near<'a>(self, typed: &str, known: impl IntoIterator<Item = &'a str>) -> Self {
        let mut near: Vec<(f64, &str)> = known
            .into_iter()
            .map(|name| (strsim::jaro_winkler(typed, name), name))
            .filter(|(likeness, _)| *likeness > 0.75)
            .collect();
        near.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(b.1)));
        near.dedup_by_key(|(_, name)| *name);
        if near.is_empty() {
            return self;
        }
        let names: Vec<String> = near.iter().take(3).map(|(_, name)| format!("`{name}`")).collect();
        self.hint(format!("did you mean {}?", names.join(" or ")))
    }
}

/// Whether the request was valid but gave no numbers.
pub(crate) fn is_worth_a_report(error: &anyhow::Error) -> bool {
    error
        .downcast_ref::<Failure>()
        .is_some_and(|failure| failure.kind.is_worth_a_report())
}

/// Whether the user or the clock ended the run.
pub(crate) fn is_stopped(error: &anyhow::Error) -> bool {
    error
        .downcast_ref::<Failure>()
        .is_some_and(|failure| failure.kind == ErrorKind::Stopped)
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Failure {}
