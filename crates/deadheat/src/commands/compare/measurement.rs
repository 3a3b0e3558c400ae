//! From the chosen benchmarks to explained verdicts.

use std::collections::BTreeSet;
use std::path::Path;

use deadheat_core::model::{BenchmarksFrom, PerSide};

use crate::cli::options::RunMode;
use crate::commands::common::conclude::Judging;
use crate::commands::common::context::CompareContext;
use crate::commands::common::findings::Findings;
use crate::commands::compare::breakdown::Breakdown;
use crate::commands::compare::collect::Suite;
use crate::commands::compare::distributed::Distribution;
use crate::commands::compare::reach_selection::Chosen;
use crate::commands::compare::{benchmarks, distributed, measuring, notes, resume, verdicts};
use crate::error::ExitCode;
use crate::events::Events;
use crate::passes::workers::WorkerPool;
use crate::prepare::import_hints::Hints;

/// The context of the measurement, once the suite is known.
pub(super) struct Measurement<'a> {
    pub(super) run: &'a CompareContext<'a>,
    pub(super) suite: &'a Suite,
    pub(super) hints: &'a Hints<'a>,
    /// The project's folder.
    pub(super) folder: &'a str,
    pub(super) worktrees: PerSide<&'a Path>,
    /// Paths at which the worktrees may hold something other than their commits.
    pub(super) laid_over: &'a BTreeSet<String>,
}

impl Measurement<'_> {
    /// Measures the chosen benchmarks, judges them, and explains the verdicts.
    pub(super) fn measure(
        &self,
        chosen: Chosen,
        workers: &mut WorkerPool,
        findings: &mut Findings,
    ) -> anyhow::Result<ExitCode> {
        let listener = self.run.context.listener;
        let preparing = self.run.context.started().elapsed();
        let distribution = Distribution {
            run: self.run,
            python: &self.suite.python,
            head: self.worktrees.head,
            laid_over: self.laid_over,
        };
        let mut engine = distributed::open(&distribution, workers)?;
        let timed = measuring::measure(self.run, &chosen.benchmarks, workers, engine.as_deref_mut())?;
        let measuring = self.run.context.started().elapsed() - preparing;
        let replicate_time = timed.measured.replicate_time;
        let startup = replicate_time.saturating_sub(timed.measured.inside);
        let judging = Judging {
            runnable: chosen.benchmarks,
            missing: std::mem::take(&mut findings.missing),
            controls: &chosen.controls,
            origin: &self.suite.origin,
            sampling: self.run.settings.sampling,
            thresholds: self.run.settings.thresholds(),
            is_script: false,
        };
        let mut exit = verdicts::conclude(judging, timed, listener, findings);
        listener.warn_all(self.hints.of_missing(&findings.missing));
        if self.run.settings.benchmarks_from == BenchmarksFrom::Own {
            benchmarks::mark_changed(&mut findings.comparisons, self.folder, &self.suite.changed);
        }
        self.carry_over(exit, findings);
        if self.run.settings.task == RunMode::Noise {
            findings.noise = Some(verdicts::noise(self.run, findings, replicate_time));
            findings.leave_checkouts_out(self.worktrees);
            return Ok(exit);
        }
        if exit == ExitCode::Done {
            exit = verdicts::confirm_regressions(self.run, workers, engine.as_deref_mut(), findings)?;
        }
        drop(engine);
        findings.leave_checkouts_out(self.worktrees);
        if exit == ExitCode::Done {
            let breakdown = Breakdown {
                run: self.run,
                workers,
                worktrees: self.worktrees,
                startup,
            };
            let (resources, end) = breakdown.explain(
                &findings.targets,
                &mut findings.comparisons,
                &mut findings.summary,
            )?;
            findings.resources = resources;
            findings.is_partial |= end == ExitCode::StoppedEarly;
            exit = end;
        }
        if let Some(budget) = findings.budget_seconds
            && let Some(took) =
                notes::took(budget, preparing, measuring, self.run.context.started().elapsed())
        {
            listener.note(&took);
        }
        Ok(exit)
    }

    /// Takes over the findings of a continued report that this run has not measured again.
    fn carry_over(&self, exit: ExitCode, findings: &mut Findings) {
        let Some(earlier) = &self.run.settings.continued else {
            return;
        };
        let is_gated = !self.run.settings.fail_on.is_empty();
        resume::carry_confirmations(earlier, &mut findings.comparisons, is_gated);
        if exit == ExitCode::StoppedEarly {
            resume::keep_untouched_rows(earlier, &mut findings.comparisons, &mut findings.summary);
        }
        findings.count();
    }
}
