//! The tracing passes: which benchmarks run changed code, and how much time and memory it takes.

use std::path::Path;
use std::time::Duration;

use deadheat_core::model::{
    Change, Comparison, Missing, PerSide, Side, TargetFunction, Warning, WarningCode,
};
use deadheat_core::profile::ProfileSample;
use deadheat_core::protocol::TracePurpose;
use deadheat_core::report;

use crate::commands::compare::benchmarks::{Origin, missing_after};
use crate::commands::compare::continued;
use crate::commands::compare::selection::{self, Candidates, Selected};
use crate::commands::compare::setting::Setting;
use crate::error::{Exit, Failure};
use crate::passes::memory::{self, MemorySample};
use crate::passes::profile::{self, Affordable, Recorded, Recordings, SurveySample};
use crate::passes::reach;
use crate::passes::survey;
use crate::passes::workers::Stage;
use crate::prepare::hints::Hints;
use crate::project::changes::Differences;
use crate::report::draft::Draft;
use crate::report::progress::Progress;
use crate::system::cores::Pinning;
use crate::worker::session::Briefing;

/// The time that a requested pass should not exceed by much.
const LONGEST_ASKED_FOR: Duration = Duration::from_secs(60);

impl Setting<'_> {
    /// Selects the benchmarks to be measured, by the code that they run.
    #[expect(clippy::too_many_arguments, reason = "the steps before have one result each")]
    pub(crate) fn select(
        &self,
        draft: &mut Draft,
        stage: &mut Stage,
        differences: &Differences,
        mut runnable: Vec<String>,
        origin: &Origin,
        hints: &Hints<'_>,
        progress: &mut Progress,
    ) -> anyhow::Result<Vec<String>> {
        let schedule = self.schedule(Some(1), draft, stage);
        let targets = &mut draft.report.target_functions;
        let watched = differences.watched(targets);
        let reach = if watched.is_empty() {
            None
        } else {
            progress.step("looking which benchmarks run what changed");
            let briefing = stage.tracing(TracePurpose::Reach, &watched);
            let looked = reach::look(
                &schedule,
                &briefing,
                std::mem::take(&mut stage.opened),
                &runnable,
                &mut stage.launcher,
                &mut |event| {
                    progress.passing("looking at", event);
                },
            );
            Some(looked.map_err(|error| hints.explain(error))?)
        };
        if let Some(reach) = &reach {
            if reach.stopped.is_some() {
                self.go_on()?;
                return Err(Failure::stopped().into());
            }
            stage.one_at_a_time.clone_from(&reach.one_at_a_time);
            stage.call_times.clone_from(&reach.call_times);
            stage.ran.clone_from(&reach.ran);
            for (number, target) in targets.iter_mut().enumerate() {
                target.reached_by = reach.of_function(number, &runnable);
            }
            // Functions whose own code is the same matter only where they run.
            if reach.problem.is_none() {
                let is_same = |target: &TargetFunction| target.change == Some(Change::Affected);
                targets.retain(|target| !is_same(target) || !target.reached_by.is_empty());
            }
            let is_imported = reach.project_modules.base > 0 && reach.project_modules.head > 0;
            let is_quiet = reach.problem.is_none() && reach.not_reached.len() == runnable.len();
            if is_quiet && !is_imported && !self.options.all {
                return Err(not_imported());
            }
        }
        let mut endless: Vec<Missing> = Vec::new();
        if let Some(reach) = &reach {
            runnable.retain(|benchmark| {
                !reach
                    .endless
                    .iter()
                    .any(|setback| setback.benchmark == *benchmark)
            });
            let setbacks = reach.endless.iter().cloned();
            endless.extend(setbacks.map(|setback| missing_after(setback, origin)));
        }
        let warned = &draft.report.warnings;
        let candidates = Candidates {
            ids: runnable,
            some_deselected: warned
                .iter()
                .any(|warning| warning.code == WarningCode::Deselected),
        };
        let Selected {
            selection,
            benchmarks,
            controls,
            missing,
            warnings,
        } = selection::select(self.options, differences, targets, reach.as_ref(), candidates);
        let benchmarks = match self.options.continued.as_deref() {
            Some(earlier) => continued::selection(earlier),
            None => benchmarks,
        };
        let parallel = reach.iter().flat_map(|reach| &reach.parallel);
        let parallel = parallel.filter(|benchmark| benchmarks.contains(benchmark));
        match self.options.pinning {
            Pinning::Off => {}
            Pinning::Quietest => stage.several_cores = parallel.cloned().collect(),
            Pinning::Core(_) => draft.report.warnings.extend(parallel.map(|benchmark| {
                Warning::new(
                    WarningCode::OneOfSeveralCores,
                    "it uses more than one core at once, and both sides run on one: what that gains is not in its time",
                    Some("without --cpu it is measured on all cores; no error rate is claimed for it then"),
                )
                .of(benchmark)
            })),
        }
        draft.report.selection = selection;
        draft.controls = controls;
        draft.report.missing.extend(missing);
        draft
            .report
            .missing
            .retain(|row| !benchmarks.contains(&row.benchmark));
        if benchmarks.is_empty() && !endless.is_empty() {
            draft.report.missing.extend(endless);
            return Err(Failure::nothing_measured(
                "no benchmark that runs what changed came to its end: every one was cut off",
            )
            .hint("the report says what each did; a larger --timeout gives each more time")
            .into());
        }
        draft.report.missing.extend(endless);
        let is_whole = self.options.partition.is_none();
        draft
            .report
            .warnings
            .extend(warnings.into_iter().map(|warning| Warning {
                message: match is_whole {
                    true => warning.message,
                    false => format!("in this part of the suite, {}", warning.message),
                },
                ..warning
            }));
        Ok(benchmarks)
    }

    /// Adds the breakdowns by function. The verdicts do not depend on them.
    pub(crate) fn explain_by_function(
        &self,
        draft: &mut Draft,
        stage: &mut Stage,
        checkouts: PerSide<&Path>,
        startup: Duration,
        progress: &mut Progress,
    ) -> anyhow::Result<Exit> {
        let mut exit = Exit::Done;
        let rounds = |rows: &mut dyn Iterator<Item = &Comparison>| -> Vec<(String, Duration)> {
            let both = |row: &Comparison| (row.base.median_ns + row.head.median_ns) as u64;
            rows.map(|row| (row.benchmark.clone(), Duration::from_nanos(both(row))))
                .collect()
        };
        let rows = &draft.report.comparisons;
        let timed = rows.iter().map(|row| row.replicates.len()).max();
        let most = profile::most_pairs(timed.unwrap_or_default());
        let changed = rounds(&mut rows.iter().filter(|row| !row.is_control));
        let asked = profile::affordable(&rounds(&mut rows.iter()), startup, LONGEST_ASKED_FOR, most);
        if !draft.report.target_functions.is_empty() && !changed.is_empty() {
            progress.step("profiling the changed functions");
            // A third of the time until now, which is a quarter of the run.
            let limit = self.started().elapsed() / 3;
            let affordable = profile::affordable(&changed, startup, limit, most);
            if let [first, others @ ..] = affordable.left_out.as_slice() {
                let more = match others.len() {
                    0 => String::new(),
                    count => format!(" and {count} more"),
                };
                draft.warn(
                    WarningCode::NotProfiled,
                    &format!("`{first}`{more}: not broken down by function, which would take more than a quarter of the run"),
                    Some("-k with its name, or a larger --budget, has room for it"),
                );
            }
            let watched: Vec<&TargetFunction> = draft.report.target_functions.iter().collect();
            let briefing = stage.tracing(TracePurpose::Profile, &watched);
            let (replicates, ended) = self.record::<ProfileSample>(
                "the breakdown by function",
                &affordable,
                draft,
                stage,
                &briefing,
                progress,
            )?;
            exit = ended;
            let report = &mut draft.report;
            report::explain(
                &report.target_functions,
                &replicates,
                &mut report.comparisons,
                &mut report.summary,
            );
        }
        if self.options.profile && exit == Exit::Done {
            progress.step("profiling every function");
            let briefing = stage.tracing(TracePurpose::Survey, &[]);
            let (recorded, ended) = self.record::<SurveySample>(
                "the profile of every function",
                &asked,
                draft,
                stage,
                &briefing,
                progress,
            )?;
            exit = ended;
            let report = &mut draft.report;
            let survey = survey::name_functions(recorded, &report.target_functions, checkouts);
            report::survey(
                &survey.functions,
                &survey.replicates,
                &mut report.comparisons,
                &mut report.summary,
            );
        }
        if self.options.memory && exit == Exit::Done {
            exit = self.weigh(&asked, draft, stage, progress)?;
        }
        Ok(exit)
    }

    /// Adds the memory that the measured benchmarks allocate.
    fn weigh(
        &self,
        asked: &Affordable,
        draft: &mut Draft,
        stage: &mut Stage,
        progress: &mut Progress,
    ) -> anyhow::Result<Exit> {
        progress.step("looking at the memory");
        let briefing = stage.tracing(TracePurpose::Memory, &[]);
        let mut weighed = stage.launcher.commands.clone();
        for side in Side::BOTH {
            weighed.get_mut(side).environment.extend(memory::variables());
        }
        let timed = stage.launcher.replace_commands(weighed);
        let recorded =
            self.record::<MemorySample>("what is said of memory", asked, draft, stage, &briefing, progress);
        stage.launcher.replace_commands(timed);
        let (replicates, exit) = recorded?;
        let report = &mut draft.report;
        report.resources = memory::judge(&replicates, &report.comparisons, &report.settings.thresholds());
        Ok(exit)
    }

    /// Makes one pass over the measured benchmarks in tracing processes.
    pub(crate) fn record<S: Recorded>(
        &self,
        what: &str,
        affordable: &Affordable,
        draft: &mut Draft,
        stage: &mut Stage,
        briefing: &Briefing,
        progress: &mut Progress,
    ) -> anyhow::Result<(Recordings<S>, Exit)> {
        let schedule = self.schedule(Some(affordable.pairs), draft, stage);
        let profiles = profile::record::<S>(
            &schedule,
            briefing,
            affordable,
            &mut stage.launcher,
            &mut |event| {
                progress.passing("profiling", event);
            },
        )?;
        if let Some(problem) = &profiles.problem {
            draft.warn(
                WarningCode::NotProfiled,
                &format!("{what} is missing or not complete: {problem}"),
                Some("the verdicts do not depend on it"),
            );
        }
        let Some(by) = profiles.stopped else {
            return Ok((profiles.replicates, Exit::Done));
        };
        draft.report.partial = true;
        draft.warn(
            WarningCode::NotProfiled,
            &format!("{what} was stopped {by}; the verdicts were complete by then"),
            None,
        );
        Ok((profiles.replicates, Exit::StoppedEarly))
    }
}

pub(crate) fn not_imported() -> anyhow::Error {
    Failure::nothing_measured(
        "no benchmark imported the project's code from the worktrees: what would be timed is not the change",
    )
    .hint(
        "is module-root in pyproject.toml right, and is there no other copy of the project installed? where the benchmarks \
         run the code in other processes, --all measures all the same",
    )
    .into()
}
