//! The findings of a comparison, from which its report is made: at the end, or where the run fails.

use std::path::Path;

use deadheat_core::judge;
use deadheat_core::model::{
    Comparison, Guard, MeasuringMachine, Missing, Noise, PerSide, Plan, Python, Report, ResourceComparison,
    Revision, SCHEMA_VERSION, Selection, SelectionRule, Settings, Summary, TargetFunction, Warning,
};

use crate::commands::common::conclude::Conclusion;
use crate::project::layout::ProjectLayout;
use crate::system::machine::machine;
use crate::workspace::without_checkouts;

/// The results of the steps so far. The steps themselves do not see it.
pub(crate) struct Findings {
    pub(crate) revisions: PerSide<Revision>,
    pub(crate) seed: u64,
    pub(crate) layout: Layout,
    pub(crate) python: Option<PerSide<Python>>,
    pub(crate) targets: Vec<TargetFunction>,
    pub(crate) selection: Selection,
    /// In a part: every benchmark that both sides can run.
    pub(crate) suite: Vec<String>,
    /// With `--balance`: the number of the part that has each of them.
    pub(crate) suite_parts: Vec<u32>,
    pub(crate) plan: Option<Plan>,
    /// The budget in seconds, if the number of replicates was open.
    pub(crate) budget_seconds: Option<f64>,
    pub(crate) pinned_core: Option<usize>,
    pub(crate) later_cores: Vec<usize>,
    /// The machines that measured, of a run on several.
    pub(crate) machines: Vec<MeasuringMachine>,
    pub(crate) summary: Summary,
    pub(crate) noise: Option<Vec<Noise>>,
    pub(crate) comparisons: Vec<Comparison>,
    pub(crate) resources: Vec<ResourceComparison>,
    pub(crate) missing: Vec<Missing>,
    pub(crate) guard: Option<Guard>,
    /// Whether the run was stopped before it was done.
    pub(crate) is_partial: bool,
}

/// The part of the project's layout that the report shows.
#[derive(Default)]
pub(crate) struct Layout {
    folder: String,
    module_roots: Vec<String>,
    tests_root: Option<String>,
    benchmarks_root: Option<String>,
}

impl Layout {
    pub(crate) fn of(project: &ProjectLayout) -> Self {
        Layout {
            folder: project.folder.clone(),
            module_roots: project.module_roots.clone(),
            tests_root: project.tests_root.clone(),
            benchmarks_root: project.benchmarks_root.clone(),
        }
    }
}

impl Findings {
    pub(crate) fn new(revisions: PerSide<Revision>, seed: u64) -> Self {
        Findings {
            revisions,
            seed,
            layout: Layout::default(),
            python: None,
            targets: Vec::new(),
            selection: Selection {
                rule: SelectionRule::All,
                reason: "every benchmark".to_owned(),
            },
            suite: Vec::new(),
            suite_parts: Vec::new(),
            plan: None,
            budget_seconds: None,
            pinned_core: None,
            later_cores: Vec::new(),
            machines: Vec::new(),
            summary: Summary {
                counts: judge::count(&[], &[]),
                controls: None,
                total: None,
                geometric_mean: None,
                functions: Vec::new(),
                unexplained_ns: None,
                profile: None,
            },
            noise: None,
            comparisons: Vec::new(),
            resources: Vec::new(),
            missing: Vec::new(),
            guard: None,
            is_partial: false,
        }
    }

    pub(crate) fn conclude(&mut self, conclusion: Conclusion) {
        self.machines = conclusion.machines;
        self.comparisons = conclusion.comparisons;
        self.summary = conclusion.summary;
        self.missing = conclusion.missing;
        self.is_partial |= conclusion.is_partial;
    }

    /// Counts the rows again.
    pub(crate) fn count(&mut self) {
        self.summary.counts = judge::count(&self.comparisons, &self.missing);
    }

    /// Changes the paths in pytest's messages to those that the project knows, because the checkouts are gone when the
    /// report is read.
    pub(crate) fn leave_checkouts_out(&mut self, checkouts: PerSide<&Path>) {
        for row in &mut self.missing {
            row.message = without_checkouts(&row.message, checkouts);
        }
    }

    /// Makes the report. `settings` are the ones that were known before the run.
    pub(crate) fn into_report(self, settings: Settings, warnings: Vec<Warning>) -> Report {
        Report {
            schema_version: SCHEMA_VERSION,
            samples: true,
            tool_version: env!("CARGO_PKG_VERSION").to_owned(),
            partial: self.is_partial,
            revisions: self.revisions,
            settings: Settings {
                budget_seconds: self.budget_seconds,
                folder: self.layout.folder,
                module_roots: self.layout.module_roots,
                tests_root: self.layout.tests_root,
                benchmarks_root: self.layout.benchmarks_root,
                ..settings
            },
            seed: self.seed,
            machine: machine(self.pinned_core, self.later_cores),
            machines: self.machines,
            parts: Vec::new(),
            python: self.python,
            target_functions: self.targets,
            selection: self.selection,
            suite: self.suite,
            suite_parts: self.suite_parts,
            plan: self.plan,
            summary: self.summary,
            noise: self.noise,
            comparisons: self.comparisons,
            resources: self.resources,
            missing: self.missing,
            warnings,
            guard: self.guard,
            recorded: None,
            next: Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use deadheat_core::model::MissingReason;

    use super::*;

    #[test]
    fn messages_have_the_repositorys_own_paths_whichever_side_they_come_from() {
        let revision = |name: &str| Revision {
            name: name.to_owned(),
            commit: name.to_owned(),
            dirty: false,
        };
        let mut findings = Findings::new(PerSide::new(revision("base"), revision("head")), 1);
        findings.missing = ["/tmp/run/base/a.py:1", "/tmp/run/head/a.py:1"]
            .map(|message| Missing {
                benchmark: "a.py::a".to_owned(),
                side: None,
                reason: MissingReason::Failed,
                message: message.to_owned(),
            })
            .to_vec();
        findings.leave_checkouts_out(PerSide::new(
            Path::new("/tmp/run/base"),
            Path::new("/tmp/run/head"),
        ));
        let messages = findings.missing.iter().map(|row| row.message.as_str());
        assert!(messages.eq(["a.py:1", "a.py:1"]));
    }
}
