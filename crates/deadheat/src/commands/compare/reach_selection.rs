//! The reach pass: finds the benchmarks that run a changed function, and selects by it.

use std::collections::BTreeSet;

use deadheat_core::model::{Change, Missing, Selection, TargetFunction, Warning, WarningCode};
use deadheat_core::protocol::TracePurpose;

use crate::commands::common::context::CompareContext;
use crate::commands::common::suite_origin::{Origin, missing_after};
use crate::commands::compare::resume;
use crate::commands::compare::select::{self, Candidates, Selected};
use crate::error::Failure;
use crate::events::Events;
use crate::passes::reach::{self, Reach};
use crate::passes::workers::WorkerPool;
use crate::prepare::import_hints::Hints;
use crate::project::changes::Changes;
use crate::system::cpu_pinning::Pinning;

/// The context of the selection.
pub(crate) struct Selector<'a> {
    pub(crate) run: &'a CompareContext<'a>,
    pub(crate) differences: &'a Changes,
    pub(crate) origin: &'a Origin,
    pub(crate) hints: &'a Hints<'a>,
    /// Whether pytest deselected benchmarks of the suite.
    pub(crate) some_deselected: bool,
}

/// The benchmarks that are measured.
pub(crate) struct Chosen {
    pub(crate) selection: Selection,
    pub(crate) benchmarks: Vec<String>,
    /// Those of them in whose timed part nothing differs.
    pub(crate) controls: BTreeSet<String>,
    /// Whether every benchmark that runs a change was cut off.
    is_all_endless: bool,
}

impl Chosen {
    pub(crate) fn check(&self) -> Result<(), Failure> {
        if !self.is_all_endless {
            return Ok(());
        }
        Err(
            Failure::nothing_measured("every benchmark that runs a change was cut off before its end")
                .hint("the report says what each did; a larger --timeout gives each more time"),
        )
    }
}

impl Selector<'_> {
    /// Runs every benchmark once, notes the benchmarks of each target in `targets`, and selects. The rows of those that
    /// are not measured are added to `missing`.
    pub(crate) fn select(
        &self,
        mut runnable: Vec<String>,
        targets: &mut Vec<TargetFunction>,
        missing: &mut Vec<Missing>,
        workers: &mut WorkerPool,
    ) -> anyhow::Result<Chosen> {
        let reach = self.look(&runnable, targets, workers)?;
        let mut endless: Vec<Missing> = Vec::new();
        if let Some(reach) = &reach {
            self.check(reach, runnable.len())?;
            let is_endless = |benchmark: &String| {
                let mut failures = reach.endless.iter();
                failures.any(|failure| failure.benchmark == *benchmark)
            };
            runnable.retain(|benchmark| !is_endless(benchmark));
            let failures = reach.endless.iter().cloned();
            endless.extend(failures.map(|failure| missing_after(failure, self.origin)));
        }
        let candidates = Candidates {
            ids: runnable,
            some_deselected: self.some_deselected,
        };
        let Selected {
            selection,
            benchmarks,
            controls,
            missing: not_reached,
            warnings,
        } = select::select(
            self.run.settings,
            self.differences,
            targets,
            reach.as_ref(),
            candidates,
        );
        let benchmarks = match &self.run.settings.continued {
            Some(earlier) => resume::selection(earlier),
            None => benchmarks,
        };
        if let Some(reach) = &reach {
            self.give_cores(reach, &benchmarks, workers);
        }
        missing.extend(not_reached);
        missing.retain(|row| !benchmarks.contains(&row.benchmark));
        let is_all_endless = benchmarks.is_empty() && !endless.is_empty();
        missing.extend(endless);
        if !is_all_endless {
            self.warn(warnings);
        }
        Ok(Chosen {
            selection,
            benchmarks,
            controls,
            is_all_endless,
        })
    }

    /// Runs the reach pass, if there is something to look for.
    fn look(
        &self,
        runnable: &[String],
        targets: &mut Vec<TargetFunction>,
        workers: &mut WorkerPool,
    ) -> anyhow::Result<Option<Reach>> {
        let watched = self.differences.watched(targets);
        if watched.is_empty() {
            return Ok(None);
        }
        let listener = self.run.context.listener;
        listener.step("finding the benchmarks that run the change");
        let spec = workers.tracing(TracePurpose::Reach, &watched);
        let reach = reach::look(
            &self.run.schedule(Some(1), workers),
            &spec,
            std::mem::take(&mut workers.opened),
            runnable,
            &mut workers.launcher,
            &mut |event| listener.passing("running", event),
        )
        .map_err(|error| self.hints.explain(error))?;
        workers.one_at_a_time.clone_from(&reach.one_at_a_time);
        workers.call_times.clone_from(&reach.call_times);
        workers.ran.clone_from(&reach.ran);
        if reach.stopped.is_none() {
            for (number, target) in targets.iter_mut().enumerate() {
                target.reached_by = reach.of_function(number, runnable);
            }
            // Functions whose own code is the same matter where they run.
            if reach.problem.is_none() {
                let is_same = |target: &TargetFunction| target.change == Some(Change::Affected);
                targets.retain(|target| !is_same(target) || !target.reached_by.is_empty());
            }
        }
        Ok(Some(reach))
    }

    /// Refuses a pass that was stopped, or in which nothing imported the project.
    fn check(&self, reach: &Reach, runnable: usize) -> anyhow::Result<()> {
        if reach.stopped.is_some() {
            self.run.context.limits.check()?;
            return Err(Failure::stopped().into());
        }
        let is_imported = reach.project_modules.base > 0 && reach.project_modules.head > 0;
        let is_quiet = reach.problem.is_none() && reach.not_reached.len() == runnable;
        if is_quiet && !is_imported && !self.run.settings.all {
            return Err(not_imported());
        }
        Ok(())
    }

    /// Gives benchmarks that use several cores at once all of them, unless a core was named.
    fn give_cores(&self, reach: &Reach, benchmarks: &[String], workers: &mut WorkerPool) {
        let parallel = reach.parallel.iter();
        let parallel = parallel.filter(|benchmark| benchmarks.contains(benchmark));
        match self.run.settings.sides.pinning {
            Pinning::Off => {}
            Pinning::Quietest => workers.several_cores = parallel.cloned().collect(),
            Pinning::Core(_) => parallel.for_each(|benchmark| {
                let warning = Warning::new(
                    WarningCode::OneOfSeveralCores,
                    "it uses more than one core at once, and both sides run on one: its gain from them is not in the times",
                    Some("without --cpu it is measured on all cores; no error rate is claimed for it then"),
                );
                self.run.context.listener.warn(warning.of(benchmark));
            }),
        }
    }

    fn warn(&self, warnings: Vec<Warning>) {
        let is_whole = self.run.settings.partition.is_none();
        for warning in warnings {
            self.run.context.listener.warn(Warning {
                message: match is_whole {
                    true => warning.message,
                    false => format!("in this part of the suite, {}", warning.message),
                },
                ..warning
            });
        }
    }
}

pub(crate) fn not_imported() -> anyhow::Error {
    Failure::nothing_measured(
        "no benchmark imported the project's code from the worktrees: the times would not show the change",
    )
    .hint(
        "is module-root in pyproject.toml right, and is there no other copy of the project installed? if the \
         benchmarks run the code in other processes, --all measures anyway",
    )
    .into()
}
