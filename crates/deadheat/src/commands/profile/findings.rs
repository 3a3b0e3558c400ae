//! The findings of the passes, and the report that is made from them.

use deadheat_core::judge::stats::{CONFIDENCE_LEVEL, FEWEST_REPLICATES, Threshold};
use deadheat_core::model::{PerSide, Python, TargetFunction};
use deadheat_core::test_profile::{self, TestProfile, TestReplicate, TestSettings};

use crate::cli::options::{ProfileOptions, Replicates};
use crate::commands::common::context::Context;
use crate::config::settings::DEFAULT_THRESHOLD_PERCENT;
use crate::system::machine::machine;

/// The findings of the passes so far.
#[derive(Default)]
pub(super) struct Found {
    pub(super) arguments: Vec<String>,
    pub(super) module_roots: Vec<String>,
    pub(super) tests_root: Option<String>,
    pub(super) python: Option<PerSide<Python>>,
    pub(super) targets: Vec<TargetFunction>,
    pub(super) pinned_core: Option<usize>,
    pub(super) later_cores: Vec<usize>,
    /// The replicates without the profiler.
    pub(super) timed: Vec<TestReplicate>,
    pub(super) functions: Vec<test_profile::FunctionTimes>,
    /// The number of the project's modules that each side imported from its worktree.
    pub(super) project_modules: PerSide<u64>,
    pub(super) is_partial: bool,
}

impl Found {
    pub(super) fn into_profile(self, run: &Context<'_>, options: &ProfileOptions) -> TestProfile {
        let (both, missing) = test_profile::sort_out(&self.timed);
        let threshold_percent = run.config.threshold.unwrap_or(DEFAULT_THRESHOLD_PERCENT);
        let (tests, total) = match self.timed.len() {
            replicates if replicates < FEWEST_REPLICATES => (Vec::new(), None),
            _ => test_profile::compare_tests(&both, &self.timed, Threshold::from_percent(threshold_percent)),
        };
        TestProfile {
            schema_version: test_profile::SCHEMA_VERSION,
            tool_version: env!("CARGO_PKG_VERSION").to_owned(),
            partial: self.is_partial,
            revisions: run.revisions.clone(),
            settings: TestSettings {
                arguments: self.arguments,
                threshold_percent,
                confidence_level: CONFIDENCE_LEVEL,
                replicates: self.timed.len(),
                budget_seconds: match options.replicates {
                    Replicates::Within(budget) => Some(budget.as_secs_f64()),
                    Replicates::Exactly(_) => None,
                },
                timeout_seconds: run.settings.timeout.as_secs_f64(),
                module_roots: self.module_roots,
                tests_root: self.tests_root,
                injected: run.settings.injected.clone(),
                environment: run.settings.environment,
                requirements: run.settings.requirements.clone(),
                build: run.settings.build.clone(),
            },
            seed: run.seed,
            machine: machine(self.pinned_core, self.later_cores),
            python: self.python,
            counts: test_profile::count(&tests, &missing),
            total,
            tests,
            functions: self.functions,
            missing,
            warnings: run.listener.take_warnings(),
            next: Vec::new(),
        }
    }
}
