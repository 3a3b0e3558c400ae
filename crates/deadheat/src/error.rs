//! Errors for the user, each with the exit code that the run ends with.
//!
//! Anything that is not a [`Failure`] is a failure of the tool itself and ends with [`Exit::ToolFailed`].

use std::fmt;

/// Exit codes are part of the interface; `docs/reference.md` explains them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    Done = 0,
    /// A gate of `--fail-on` failed.
    GateFailed = 1,
    /// Wrong arguments, configuration or refs.
    Usage = 2,
    NothingMeasured = 3,
    StoppedEarly = 4,
    ToolFailed = 5,
}

/// An error that says what was tried, what went wrong, and what to do now.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) exit: Exit,
    pub(crate) message: String,
    pub(crate) hint: Option<String>,
}

impl Failure {
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self::new(Exit::Usage, message)
    }

    pub(crate) fn nothing_measured(message: impl Into<String>) -> Self {
        Self::new(Exit::NothingMeasured, message)
    }

    pub(crate) fn stopped() -> Self {
        Self::new(Exit::StoppedEarly, "stopped before anything was measured")
    }

    pub(crate) fn tool(message: impl Into<String>) -> Self {
        Self::new(Exit::ToolFailed, message)
    }

    fn new(exit: Exit, message: impl Into<String>) -> Self {
        Failure {
            exit,
            message: message.into(),
            hint: None,
        }
    }

    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
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

/// Whether the user or the clock ended the run.
pub(crate) fn is_stopped(error: &anyhow::Error) -> bool {
    error
        .downcast_ref::<Failure>()
        .is_some_and(|failure| failure.exit == Exit::StoppedEarly)
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Failure {}
