//! The import proof: every process tells which modules of the project it imported from elsewhere.

use deadheat_core::model::Side;
use deadheat_core::protocol::ForeignModule;
use deadheat_core::text::counted;

use crate::error::{ErrorKind, Failure};

/// Checks the import proof: a module of the project from anywhere but its side's worktree is an error, never a number.
pub(crate) fn check_imports(side: Side, foreign: &[ForeignModule]) -> anyhow::Result<()> {
    match ForeignImport::first_of(foreign) {
        Some(import) => Err(import.failure(side).into()),
        None => Ok(()),
    }
}

/// A module of the project that a process imported from another checkout than its own.
#[derive(Debug)]
pub(crate) struct ForeignImport {
    first: ForeignModule,
    /// The number of other modules like it.
    more: usize,
}

impl ForeignImport {
    pub(crate) fn first_of(foreign: &[ForeignModule]) -> Option<Self> {
        let (first, more) = foreign.split_first()?;
        Some(ForeignImport {
            first: first.clone(),
            more: more.len(),
        })
    }

    /// Says where the module came from, instead of `checkout`.
    pub(crate) fn message(&self, checkout: &str) -> String {
        let ForeignModule { module, file } = &self.first;
        let more = match self.more {
            0 => String::new(),
            count => format!(" (and {})", counted(count, "more module")),
        };
        format!(
            "`{module}` was imported from {file}, not from {checkout}{more}: the timed code is not that of \
             the revision"
        )
    }

    pub(crate) fn failure(&self, side: Side) -> Failure {
        let ForeignModule { module, file } = &self.first;
        let hint = if file.contains("site-packages") || file.contains("dist-packages") {
            format!(
                "a copy of the project is installed in this interpreter and is found first; uninstall it there, or correct \
                 module-root in pyproject.toml so that `{}` is found in the worktree",
                module.split('.').next().unwrap_or(module)
            )
        } else {
            "something puts another checkout on the import path (PYTHONPATH, a path file, sys.path in a conftest.py); \
             remove it, or correct module-root in pyproject.toml"
                .to_owned()
        };
        let message = self.message(&format!("the worktree of {side}"));
        Failure::new(ErrorKind::ForeignImport, format!("on {side}, {message}")).hint(hint)
    }
}
