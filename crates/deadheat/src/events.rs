//! The events that the steps of a run report along the way; they return their results.

use deadheat_core::model::{Warning, WarningCode};

/// The listener to a run.
pub(crate) trait Events {
    /// A step that takes a while has begun.
    fn step(&self, text: &str);

    /// A message that stays on the screen.
    fn note(&self, text: &str);

    /// The same, with `-v` only.
    fn detail(&self, text: &str);

    /// A doubt about the results, for the report.
    fn warn(&self, warning: Warning);

    fn warn_all(&self, warnings: Vec<Warning>) {
        for warning in warnings {
            self.warn(warning);
        }
    }

    fn doubt(&self, code: WarningCode, message: &str, hint: Option<&str>) {
        self.warn(Warning::new(code, message, hint));
    }
}

/// Keeps the warnings for a test.
#[cfg(test)]
#[derive(Default)]
pub(crate) struct Heard(std::cell::RefCell<Vec<Warning>>);

#[cfg(test)]
impl Heard {
    pub(crate) fn warnings(self) -> Vec<Warning> {
        self.0.into_inner()
    }
}

#[cfg(test)]
impl Events for Heard {
    fn step(&self, _: &str) {}

    fn note(&self, _: &str) {}

    fn detail(&self, _: &str) {}

    fn warn(&self, warning: Warning) {
        self.0.borrow_mut().push(warning);
    }
}
