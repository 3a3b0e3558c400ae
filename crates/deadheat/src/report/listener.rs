//! Listens to a run: shows its progress, and keeps its doubts for the report.

use std::cell::RefCell;
use std::time::Instant;

use deadheat_core::model::Warning;

use crate::cli::options::Verbosity;
use crate::events::Events;
use crate::passes::runner::Event;
use crate::report::progress::Progress;

pub(crate) struct Listener {
    progress: RefCell<Progress>,
    warnings: RefCell<Vec<Warning>>,
}

impl Listener {
    pub(crate) fn new(verbosity: Verbosity) -> Self {
        Listener {
            progress: RefCell::new(Progress::new(verbosity)),
            warnings: RefCell::default(),
        }
    }

    /// Shows an event of the timed pass.
    pub(crate) fn timing(&self, event: Event<'_>) {
        self.progress.borrow_mut().measuring(event);
    }

    /// Shows an event of another pass, `what` being its verb.
    pub(crate) fn passing(&self, what: &str, event: Event<'_>) {
        self.progress.borrow_mut().passing(what, event);
    }

    /// Sets the end of the measuring, if the number of replicates is open.
    pub(crate) fn until(&self, end: Instant) {
        self.progress.borrow_mut().until(end);
    }

    /// Clears the progress from the screen.
    pub(crate) fn finish(&self) {
        self.progress.borrow_mut().finish();
    }

    /// Returns the doubts so far.
    pub(crate) fn take_warnings(&self) -> Vec<Warning> {
        self.warnings.take()
    }
}

impl Events for Listener {
    fn step(&self, text: &str) {
        log::debug!("step: {text:?}");
        self.progress.borrow_mut().step(text);
    }

    fn note(&self, text: &str) {
        self.progress.borrow_mut().note(text);
    }

    fn detail(&self, text: &str) {
        self.progress.borrow_mut().detail(text);
    }

    fn warn(&self, warning: Warning) {
        self.warnings.borrow_mut().push(warning);
    }
}
