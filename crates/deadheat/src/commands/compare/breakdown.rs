//! The passes that explain the verdicts: the time of each function, and the memory. The verdicts stand without them.

use std::path::Path;
use std::time::Duration;

use deadheat_core::judge;
use deadheat_core::judge::profile::ProfileSample;
use deadheat_core::model::{
    Comparison, PerSide, ResourceComparison, Side, Summary, TargetFunction, WarningCode,
};
use deadheat_core::protocol::TracePurpose;

use crate::commands::common::context::CompareContext;
use crate::error::ExitCode;
use crate::events::Events;
use crate::passes::function_profile::{self, Affordable, Recorded, Recordings, SurveySample};
use crate::passes::memory::{self, MemorySample};
use crate::passes::project_profile;
use crate::passes::workers::WorkerPool;
use crate::worker::session::WorkerSpec;

/// A pass that is asked for by an option should not take much longer than this.
const LONGEST_ASKED_FOR: Duration = Duration::from_secs(60);

pub(crate) struct Breakdown<'a> {
    pub(crate) run: &'a CompareContext<'a>,
    pub(crate) workers: &'a mut WorkerPool,
    pub(crate) worktrees: PerSide<&'a Path>,
    /// The time that a replicate's processes need before they can measure.
    pub(crate) startup: Duration,
}

impl Breakdown<'_> {
    /// Adds the functions' times to the rows and to the summary, and returns the use of memory.
    pub(crate) fn explain(
        mut self,
        targets: &[TargetFunction],
        comparisons: &mut [Comparison],
        summary: &mut Summary,
    ) -> anyhow::Result<(Vec<ResourceComparison>, ExitCode)> {
        let most = comparisons.iter().map(|row| row.replicates.len()).max();
        let most = function_profile::most_pairs(most.unwrap_or_default());
        let asked = function_profile::affordable(
            &calls(&mut comparisons.iter()),
            self.startup,
            LONGEST_ASKED_FOR,
            most,
        );
        let mut exit = self.changed_functions(targets, most, comparisons, summary)?;
        if self.run.settings.profile && exit == ExitCode::Done {
            exit = self.every_function(targets, &asked, comparisons, summary)?;
        }
        if self.run.settings.memory && exit == ExitCode::Done {
            return self.memory(&asked, comparisons);
        }
        Ok((Vec::new(), exit))
    }

    /// Profiles the changed functions in the benchmarks that may run them, for at most a quarter of the run.
    fn changed_functions(
        &mut self,
        targets: &[TargetFunction],
        most: usize,
        comparisons: &mut [Comparison],
        summary: &mut Summary,
    ) -> anyhow::Result<ExitCode> {
        let changed = calls(&mut comparisons.iter().filter(|row| !row.is_control));
        if targets.is_empty() || changed.is_empty() {
            return Ok(ExitCode::Done);
        }
        let listener = self.run.context.listener;
        listener.step("profiling the changed functions");
        let limit = self.run.context.started().elapsed() / 3;
        let affordable = function_profile::affordable(&changed, self.startup, limit, most);
        if let [first, others @ ..] = affordable.left_out.as_slice() {
            let more = match others.len() {
                0 => String::new(),
                count => format!(" and {count} more"),
            };
            listener.doubt(
                WarningCode::NotProfiled,
                &format!(
                    "`{first}`{more}: not broken down by function, because that would take more than a \
                     quarter of the run"
                ),
                Some("select it with -k, or give a larger --budget"),
            );
        }
        let watched: Vec<&TargetFunction> = targets.iter().collect();
        let spec = self.workers.tracing(TracePurpose::Profile, &watched);
        let (replicates, exit) =
            self.record::<ProfileSample>("the breakdown by function", &affordable, &spec)?;
        judge::explain(targets, &replicates, comparisons, summary);
        Ok(exit)
    }

    /// Profiles every function of the project.
    fn every_function(
        &mut self,
        targets: &[TargetFunction],
        asked: &Affordable,
        comparisons: &mut [Comparison],
        summary: &mut Summary,
    ) -> anyhow::Result<ExitCode> {
        self.run.context.listener.step("profiling every function");
        let spec = self.workers.tracing(TracePurpose::Survey, &[]);
        let (recorded, exit) = self.record::<SurveySample>("the profile of every function", asked, &spec)?;
        let survey = project_profile::name_functions(recorded, targets, self.worktrees);
        judge::survey(&survey.functions, &survey.replicates, comparisons, summary);
        Ok(exit)
    }

    /// Measures the memory that the benchmarks allocate.
    fn memory(
        &mut self,
        asked: &Affordable,
        comparisons: &[Comparison],
    ) -> anyhow::Result<(Vec<ResourceComparison>, ExitCode)> {
        self.run.context.listener.step("measuring memory");
        let spec = self.workers.tracing(TracePurpose::Memory, &[]);
        let mut weighed = self.workers.launcher.commands.clone();
        for side in Side::BOTH {
            weighed.get_mut(side).environment.extend(memory::variables());
        }
        let timed = self.workers.launcher.replace_commands(weighed);
        let recorded = self.record::<MemorySample>("the comparison of memory", asked, &spec);
        self.workers.launcher.replace_commands(timed);
        let (replicates, exit) = recorded?;
        let resources = memory::judge(&replicates, comparisons, &self.run.settings.thresholds());
        Ok((resources, exit))
    }

    /// Runs one pass over the measured benchmarks in processes that watch.
    fn record<S: Recorded>(
        &mut self,
        what: &str,
        affordable: &Affordable,
        spec: &WorkerSpec,
    ) -> anyhow::Result<(Recordings<S>, ExitCode)> {
        let listener = self.run.context.listener;
        let profiles = function_profile::record::<S>(
            &self.run.schedule(Some(affordable.pairs), self.workers),
            spec,
            affordable,
            &mut self.workers.launcher,
            &mut |event| listener.passing("profiling", event),
        )?;
        if let Some(problem) = &profiles.problem {
            listener.doubt(
                WarningCode::NotProfiled,
                &format!("{what} is missing or incomplete: {problem}"),
                Some("the verdicts do not depend on it"),
            );
        }
        let Some(by) = profiles.stopped else {
            return Ok((profiles.replicates, ExitCode::Done));
        };
        listener.doubt(
            WarningCode::NotProfiled,
            &format!("{what} was stopped {by}; the verdicts were complete by then"),
            None,
        );
        Ok((profiles.replicates, ExitCode::StoppedEarly))
    }
}

/// Returns the benchmarks, each with the time of one call on both sides together.
fn calls(rows: &mut dyn Iterator<Item = &Comparison>) -> Vec<(String, Duration)> {
    let both = |row: &Comparison| (row.base.median_ns + row.head.median_ns) as u64;
    rows.map(|row| (row.benchmark.clone(), Duration::from_nanos(both(row))))
        .collect()
}
