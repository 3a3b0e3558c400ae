//! The reports of this server's comparisons, for `explain`.

use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use tempfile::TempDir;

use crate::error::Failure;
use crate::mcp::call::Call;

/// The reports so far. Those that no call named a file for are in a folder that is removed with this.
#[derive(Default)]
pub(super) struct Reports {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    folder: Option<TempDir>,
    made: u32,
    last: Option<PathBuf>,
}

impl Reports {
    /// Returns the place of a call's report: the one that it names, or one of its own, because the steps that follow
    /// from an earlier report name that one.
    pub(super) fn place(&self, call: &Call) -> Result<PathBuf, Failure> {
        if let Some(report) = &call.report {
            return Ok(call.folder.join(report));
        }
        let mut state = self.state();
        let folder = match state.folder.take() {
            Some(folder) => folder,
            None => tempfile::Builder::new()
                .prefix("deadheat-mcp-")
                .tempdir()
                .map_err(|error| Failure::tool(format!("no temporary folder can be made: {error}")))?,
        };
        state.made += 1;
        let place = folder.path().join(format!("{}.json", state.made));
        state.folder = Some(folder);
        Ok(place)
    }

    /// Keeps a report, if it was written, as the last one.
    pub(super) fn keep(&self, report: PathBuf) {
        if report.is_file() {
            self.state().last = Some(report);
        }
    }

    /// Returns the report that a call names, or else the last one.
    pub(super) fn named_or_last(&self, call: &Call) -> Result<PathBuf, Failure> {
        let named = call.report.as_ref().map(|report| call.folder.join(report));
        named.or_else(|| self.state().last.clone()).ok_or_else(|| {
            Failure::usage("explain: nothing has been compared here yet")
                .hint("call `compare` first, or name a stored report: report")
        })
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
