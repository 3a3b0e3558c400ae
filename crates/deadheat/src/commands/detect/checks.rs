//! The checks and their findings.

use std::time::Duration;

use deadheat_core::answers::Check;

/// The time limit for importing, and for each collection.
pub(super) const PATIENCE: Duration = Duration::from_secs(30);

/// The checks, in the order of their lines.
pub(super) const CHECKS: [&str; 10] = [
    "git",
    "configuration",
    "interpreter",
    "pytest",
    "layout",
    "package",
    "benchmarks-root",
    "benchmarks",
    "tests",
    "memray",
];

/// All findings.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) checks: Vec<Check>,
    /// The first obstacle to `compare`, in a few words.
    pub(super) reason: Option<String>,
    /// Relative to the configuration's folder, as `--benchmarks-root` is.
    pub(super) benchmarks_root: Option<String>,
    /// The benchmarks root, relative to the repository, if no commit has it yet.
    pub(super) uncommitted_root: Option<String>,
    pub(super) benchmarks: Option<usize>,
    pub(super) tests: Option<usize>,
    pub(super) memray: Option<String>,
}

impl Found {
    pub(super) fn yes(&mut self, check: &'static str, detail: impl Into<String>) {
        self.checks.push(Check {
            check,
            ok: true,
            detail: detail.into(),
            hint: None,
        });
    }

    pub(super) fn no(&mut self, check: &'static str, detail: impl Into<String>, hint: Option<&str>) {
        self.checks.push(Check {
            check,
            ok: false,
            detail: detail.into(),
            hint: hint.map(str::to_owned),
        });
    }

    /// Adds a no that prevents `compare`; `reason` goes into `setup.md`.
    pub(super) fn in_the_way(
        &mut self,
        check: &'static str,
        detail: impl Into<String>,
        hint: Option<&str>,
        reason: &str,
    ) {
        self.no(check, detail, hint);
        self.reason.get_or_insert_with(|| reason.to_owned());
    }

    /// Adds the missing lines, and sorts all in the order of [`CHECKS`].
    pub(super) fn complete(&mut self) {
        for check in CHECKS {
            if !self.checks.iter().any(|line| line.check == check) {
                self.no(check, "skipped (see above)", None);
            }
        }
        self.checks
            .sort_by_key(|line| CHECKS.iter().position(|check| *check == line.check));
    }

    pub(super) fn is_ok(&self, check: &str) -> bool {
        self.checks.iter().any(|line| line.check == check && line.ok)
    }
}
