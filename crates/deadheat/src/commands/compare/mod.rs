//! `deadheat compare`: from the options to the report, step by step.

pub(crate) mod benchmarks;
pub(crate) mod confirmation;
pub(crate) mod continued;
pub(crate) mod explain;
pub(crate) mod selection;
pub(crate) mod setting;
pub(crate) mod suite;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use deadheat_core::model::{PerSide, Side, TargetFunction, WarningCode};
use deadheat_core::report::{self, BenchmarksFrom, Environments, Plan, Selection, SelectionRule};
use deadheat_core::sequential::Sampling;

use crate::Installation;
use crate::cli::options::RecordedBase;
use crate::cli::options::{Afterwards, CompareOptions, Task};
use crate::commands::compare::benchmarks::Origin;
use crate::commands::compare::explain::not_imported;
use crate::commands::compare::setting::Setting;
use crate::commands::compare::suite::Suite;
use crate::commands::script;
use crate::config::Config;
use crate::error::{Exit, Failure};
use crate::experiments::record;
use crate::experiments::state::State;
use crate::git::Git;
use crate::git::pull_request;
use crate::git::revisions;
use crate::passes::measure::{self, Measured, Stopping};
use crate::passes::memory;
use crate::passes::profile;
use crate::passes::walk::{Schedule, SetbackKind, hash_seed};
use crate::passes::workers::Stage;
use crate::prepare::hints::Hints;
use crate::prepare::interpreter::{Interpreter, Pytest};
use crate::project::changes::Differences;
use crate::project::compiled::Compiled;
use crate::project::layout::Project;
use crate::project::subject::{Checkout, Subject};
use crate::report::draft::{Draft, conclude};
use crate::report::output;
use crate::report::progress::Progress;
use crate::system::command::Limits;
use crate::system::conditions::Conditions;
use crate::system::cores::Cores;
use crate::system::interrupt::Interrupt;
use crate::system::terminal;
use crate::worker::launcher::Workers;
use crate::workspace::Workspace;

/// The number of replicates that most verdicts take, for the estimate of `--dry-run`.
pub(crate) const USUAL_REPLICATES: u32 = 10;

pub(crate) fn run(
    options: &CompareOptions,
    installation: &Installation,
    interrupt: &Interrupt,
) -> anyhow::Result<Exit> {
    options.outputs.check_writable()?;
    let started = Instant::now();
    let limits = Limits {
        until: started + options.timeout,
        interrupt: interrupt.clone(),
    };
    let git = Git::discover(&options.folder, &limits)?;
    let config = Config::load(&options.folder, git.top(), options.config_file.as_deref())?;
    let state = match (&options.to_record, options.refs.recorded) {
        (None, None) => None,
        _ => Some(State::find(&config, git.top())?),
    };
    let revisions = match (&state, options.refs.recorded, options.pull_request) {
        (_, _, Some(number)) => pull_request::resolve(&git, number, options.outputs.verbosity, &limits)?,
        (Some(state), Some(recorded), _) => {
            let commit = match recorded {
                RecordedBase::Baseline => state.baseline(&git)?,
                RecordedBase::LastKept => state.last_kept(&git)?,
            };
            revisions::resolve_recorded(&git, &options.refs, recorded, commit)?
        }
        _ => revisions::resolve(&git, &options.refs)?,
    };
    let recording = state.as_ref().zip(options.to_record.as_ref());
    if let Some((state, _)) = recording {
        record::check(state, &revisions)?;
    }
    let mut draft = Draft::new(options, &config, revisions);
    if options.refs.recorded == Some(RecordedBase::LastKept) {
        warn_of_another_history(&git, &mut draft)?;
    }
    let mut progress = Progress::new(options.outputs.verbosity);

    let setting = Setting {
        options,
        installation,
        interrupt,
        git: &git,
        config: &config,
        until: limits.until,
    };
    let outcome = setting.fill(&mut draft, &mut progress);
    progress.finish();
    let exit = match outcome {
        Ok(exit) => exit,
        Err(error) => {
            let Some(failure) = error.downcast_ref::<Failure>() else {
                return Err(error);
            };
            // A run that gave no numbers still writes the report files that were asked for.
            if matches!(failure.exit, Exit::NothingMeasured | Exit::StoppedEarly)
                && !options.outputs.written.is_empty()
            {
                if let Some(earlier) = options.continued.as_deref() {
                    // The earlier report's results are not lost with this run.
                    let warnings = std::mem::take(&mut draft.report.warnings);
                    draft.report = earlier.clone();
                    draft.report.warnings.extend(warnings);
                }
                draft.report.partial = failure.exit == Exit::StoppedEarly;
                draft.warn(
                    WarningCode::NothingMeasured,
                    &failure.message,
                    failure.hint.as_deref(),
                );
                output::write_report(&draft.report, &options.outputs)?;
            }
            return Err(error);
        }
    };
    let refused = recording.and_then(|(state, asked)| {
        record::add(&mut draft.report, state, Some(&git.afterwards()), asked).err()
    });
    output::write_report(&draft.report, &options.outputs)?;
    match refused {
        Some(error) => Err(error),
        None => Ok(confirmation::apply_gates(&draft.report, exit)),
    }
}

/// Warns where head does not build on the last kept commit, because it was amended, rebased or reset away.
fn warn_of_another_history(git: &Git, draft: &mut Draft) -> anyhow::Result<()> {
    let PerSide { base, head } = &draft.report.revisions;
    if !git.is_ancestor(&base.commit, &head.commit)? {
        let short = report::short_commit(&base.commit);
        let words = format!(
            "the last kept commit, {short}, is not in the history of {}",
            head.name
        );
        draft.warn(
            WarningCode::AnotherHistory,
            &words,
            Some(
                "was it amended, rebased or reset away? name both refs, or give its row in results.tsv the status discard",
            ),
        );
    }
    Ok(())
}

impl Setting<'_> {
    fn fill(&self, draft: &mut Draft, progress: &mut Progress) -> anyhow::Result<Exit> {
        if let Some(script) = &self.options.script {
            return script::fill(self, script, draft, progress);
        }
        let subject = Subject::read(self, draft, progress)?;
        let project = &subject.project;
        self.note_uncommitted(project, draft, progress);
        let pytest = match draft.report.settings.environment {
            Environments::Shared => Pytest::Needed,
            Environments::PerRef => Pytest::NotNeeded,
        };
        let interpreter = self.choose_interpreter(project, pytest)?;
        draft.report.settings.module_roots = project.module_roots.clone();
        draft.report.settings.tests_root = project.tests_root.clone();
        draft.report.settings.benchmarks_root = project.benchmarks_root.clone();
        if pytest == Pytest::Needed {
            self.note_interpreters(draft, &PerSide::new(interpreter.clone(), interpreter.clone()))?;
        }
        let root = subject.benchmarks_root(self)?;
        progress.detail(&format!(
            "code: {}; tests: {}; benchmarks: {root}",
            project.module_roots.join(", "),
            project.tests_root.as_deref().unwrap_or("none"),
        ));
        self.go_on()?;

        let mut checkout = Checkout::create(self, &subject, draft, progress)?;
        let outcome = self.compare_in(&mut checkout, &subject, &interpreter, &root, draft, progress);
        if self.options.worktrees == Afterwards::Keep {
            checkout.workspace.keep(self.git)?;
            progress.finish();
            let pythons = draft.report.python.as_ref();
            let path = |side: Side| match pythons {
                Some(pythons) => pythons.get(side).path.clone(),
                None => interpreter.path.display().to_string(),
            };
            let paths = PerSide::new(Side::Base, Side::Head).map(path);
            self.say_how_to_run(&checkout.workspace, project, &paths, &root);
        }
        checkout.close(self.git, draft);
        outcome
    }

    /// Mentions uncommitted changes where head is the commit that is checked out.
    fn note_uncommitted(&self, project: &Project, draft: &Draft, progress: &mut Progress) {
        let head = &draft.report.revisions.head;
        let is_checked_out = || {
            self.git
                .commit("HEAD")
                .is_ok_and(|commit| commit.as_ref() == Some(&head.commit))
        };
        if head.dirty || !is_checked_out() {
            return;
        }
        let mut changed = self.git.uncommitted_paths().unwrap_or_default();
        changed.retain(|path| project.is_code(path) || project.is_shared(path));
        match changed.len() {
            0 => {}
            1 => progress.note("1 file is changed and not committed: --working-tree measures it"),
            count => progress.note(&format!(
                "{count} files are changed and not committed: --working-tree measures them"
            )),
        }
    }

    fn compare_in(
        &self,
        checkout: &mut Checkout,
        subject: &Subject,
        interpreter: &Interpreter,
        root: &str,
        draft: &mut Draft,
        progress: &mut Progress,
    ) -> anyhow::Result<Exit> {
        progress.step("comparing the code");
        let compiled = Compiled::find(&subject.project, &subject.files, checkout.worktrees());
        let mut differences = self.find_changes(checkout, subject, interpreter, compiled.as_ref(), draft)?;
        let targets = &draft.report.target_functions;
        // A file's content can change memory use without any change to a function.
        let may_weigh = self.options.memory && !checkout.changed.is_empty();
        if !may_weigh && selection::is_nothing_changed(self.options, &differences, targets) {
            say_nothing_changed(draft, "no code that a benchmark could run differs");
            return Ok(Exit::Done);
        }
        progress.note(&found(&draft.report.target_functions, &differences));

        let is_built = draft.report.settings.build.is_some();
        let hints = Hints::new(
            self.git,
            &subject.project,
            compiled.as_ref(),
            is_built,
            checkout.worktrees(),
            &self.options.folder,
        );
        checkout.inject(self, subject)?;
        let prepared = self.prepare(
            checkout,
            subject,
            interpreter,
            &differences,
            compiled.as_ref(),
            draft,
            progress,
        )?;
        if self.options.memory {
            memory::check(&prepared, checkout.workspace.folder(), &self.limits())?;
        }
        let mut stage = self.set_up(checkout, &subject.project, &prepared, Workers::Benchmarks);
        stage.first_seed = hash_seed(draft.report.seed, 0);
        stage
            .briefing
            .pytest_args
            .clone_from(&draft.report.settings.pytest_args);
        let Suite {
            origin,
            benchmarks,
            changed: changed_suite,
            collecting,
        } = Suite::collect(
            self,
            subject,
            root,
            checkout,
            &prepared.interpreters,
            &mut differences,
            &mut stage,
            &hints,
            draft,
            progress,
        )?;

        let targets = &draft.report.target_functions;
        if !may_weigh && selection::is_nothing_changed(self.options, &differences, targets) {
            say_nothing_changed(draft, "no code that a benchmark could run differs");
            return Ok(Exit::Done);
        }
        draft.warn_of_unused_thresholds(&benchmarks);
        let benchmarks = match self.options.partition {
            Some(partition) => draft.take_part(partition, benchmarks),
            None => benchmarks,
        };
        if benchmarks.is_empty() {
            draft.report.summary.counts = report::count(&[], &draft.report.missing);
            draft.report.plan = (self.options.task == Task::Plan).then(|| Plan {
                benchmarks: Vec::new(),
                estimated_seconds: collecting.as_secs_f64(),
            });
            return Ok(Exit::Done);
        }
        let looking = Instant::now();
        let runnable = self.select(
            draft,
            &mut stage,
            &differences,
            benchmarks,
            &origin,
            &hints,
            progress,
        )?;
        let folder = &subject.project.folder;
        let projects = checkout.worktrees().map(|worktree| worktree.join(folder));
        stage.briefing.collect.narrow_to(&runnable, projects);
        if self.options.task == Task::Plan {
            let before = collecting + looking.elapsed();
            let plan = self.plan(&mut stage, &runnable, before, &origin, progress, draft)?;
            draft.report.plan = Some(plan);
            return Ok(Exit::Done);
        }
        if runnable.is_empty() {
            draft.report.summary.counts = report::count(&[], &draft.report.missing);
            return Ok(Exit::Done);
        }
        let preparing = self.started().elapsed();
        let measured = self.measure(&mut stage, &runnable, draft, progress)?;
        let measuring = self.started().elapsed() - preparing;
        let replicate_time = measured.replicate_time;
        let startup = replicate_time.saturating_sub(measured.inside);
        let mut exit = conclude(draft, runnable, measured, &origin);
        let of_missing = hints.of_missing(&draft.report.missing);
        draft.report.warnings.extend(of_missing);
        if self.options.benchmarks_from == BenchmarksFrom::Own {
            let folder = &subject.project.folder;
            benchmarks::mark_changed(&mut draft.report.comparisons, folder, &changed_suite);
        }
        if let Some(earlier) = self.options.continued.as_deref() {
            let report = &mut draft.report;
            let is_gated = !report.settings.fail_on.is_empty();
            continued::carry_confirmations(earlier, &mut report.comparisons, is_gated);
            report.summary.counts = report::count(&report.comparisons, &report.missing);
        }
        if self.options.task == Task::Noise {
            self.add_noise(draft, replicate_time);
            draft.leave_checkouts_out(checkout.worktrees());
            return Ok(exit);
        }
        if exit == Exit::Done {
            let schedule = self.schedule(None, draft, &stage);
            exit = confirmation::confirm(draft, progress, &mut |again, progress| {
                let schedule = Schedule {
                    replicates: Some(again.replicates),
                    seed: again.seed,
                    earlier: again.replicates,
                    ..schedule.clone()
                };
                stage.launcher.timed(|launcher| {
                    measure::measure(
                        &schedule,
                        again.stopping.clone(),
                        BTreeMap::new(),
                        &stage.briefing,
                        &again.benchmarks,
                        launcher,
                        &mut |event| progress.passing("measuring again", event),
                    )
                })
            })?;
        }
        draft.leave_checkouts_out(checkout.worktrees());
        if exit == Exit::Done {
            let worktrees = checkout.worktrees();
            exit = self.explain_by_function(draft, &mut stage, worktrees, startup, progress)?;
        }
        if let Some(budget) = draft.report.settings.budget_seconds {
            let all = self.started().elapsed();
            if let Some(took) = took(budget, preparing, measuring, all) {
                progress.note(&took);
            }
        }
        Ok(exit)
    }

    /// Runs the timed passes.
    fn measure(
        &self,
        stage: &mut Stage,
        runnable: &[String],
        draft: &mut Draft,
        progress: &mut Progress,
    ) -> anyhow::Result<Measured> {
        let cores = Cores::choose(self.options.pinning)?;
        draft.report.machine.pinned_core = cores.measuring;
        self.warn_of_cores(&cores, draft);
        if cores.measuring.is_none() {
            // Every benchmark has all cores.
            stage.several_cores.clear();
        }
        stage.launcher.cores = cores;
        let budget = self.affordable_budget(draft, runnable.len());
        let stopping = Stopping {
            call_times: stage.call_times.clone(),
            ..self.stopping(draft, budget)
        };
        let exactly = match stopping.sampling {
            Sampling::Exactly(count) => Some(count),
            Sampling::UntilSettled => {
                draft.report.settings.budget_seconds = Some(budget.as_secs_f64());
                progress.until(stopping.budget_ends);
                progress.note(&format!(
                    "measuring {} benchmark{} for at most {:.0} s",
                    runnable.len(),
                    if runnable.len() == 1 { "" } else { "s" },
                    budget.as_secs_f64()
                ));
                None
            }
        };
        let earlier = continued::rounds(self.options.continued.as_deref(), stopping.sampling);
        stage.set_up_each_call = measure::set_up_each_call(&earlier);
        if let Some(earlier) = self.options.continued.as_deref() {
            stage.several_cores = continued::on_several_cores(earlier);
        }
        let schedule = Schedule {
            earlier: continued::replicates_begun(&earlier, draft.report.seed),
            ..self.schedule(exactly, draft, stage)
        };
        stage.launcher.conditions = Conditions::begin(&stage.launcher.cores);
        let mut measured = stage.launcher.timed(|launcher| {
            measure::measure(
                &schedule,
                stopping,
                earlier,
                &stage.briefing,
                runnable,
                launcher,
                &mut |event| {
                    progress.measuring(event);
                },
            )
        })?;
        if stage.launcher.cores.measuring.is_some() {
            let skips = measured.setbacks.iter_mut();
            let skips = skips.filter(|setback| setback.kind == SetbackKind::Skipped);
            for setback in skips.filter(|setback| stage.ran.contains(&setback.benchmark)) {
                setback
                    .message
                    .push_str("; it ran before it was put on one core: --no-pin leaves it all of them");
            }
        }
        draft.report.warnings.extend(stage.launcher.conditions.warnings());
        let machine = &mut draft.report.machine;
        machine.later_cores.clone_from(&stage.launcher.cores.later);
        stage.one_at_a_time.clone_from(&measured.one_at_a_time);
        stage.set_up_each_call = measure::set_up_each_call(&measured.benchmarks);
        let none_imported = measured.project_modules.base == 0 || measured.project_modules.head == 0;
        if none_imported && measured.newly > 0 && !self.options.all {
            return Err(not_imported());
        }
        Ok(measured)
    }

    fn add_noise(&self, draft: &mut Draft, replicate_time: Duration) {
        let report = &mut draft.report;
        let budget = self.budget(report.comparisons.len());
        let replicates = (budget.as_secs_f64() / replicate_time.as_secs_f64()) as usize;
        report.noise = Some(report::noise(
            &report.comparisons,
            replicates,
            &report.settings.thresholds(),
        ));
    }

    /// Runs every benchmark once to estimate how long a run would take.
    fn plan(
        &self,
        stage: &mut Stage,
        runnable: &[String],
        before: Duration,
        origin: &Origin,
        progress: &mut Progress,
        draft: &mut Draft,
    ) -> anyhow::Result<Plan> {
        progress.step("trying every benchmark once");
        let once = Stopping {
            sampling: Sampling::Exactly(1),
            ..self.stopping(draft, self.affordable_budget(draft, runnable.len()))
        };
        let started = Instant::now();
        let measured = measure::measure(
            &self.schedule(Some(1), draft, stage),
            once.clone(),
            BTreeMap::new(),
            &stage.briefing,
            runnable,
            &mut stage.launcher,
            &mut |event| {
                progress.measuring(event);
            },
        )?;
        let replicate = started.elapsed();
        let profiled = if draft.report.target_functions.is_empty() {
            0
        } else {
            profile::most_pairs(match self.options.sampling {
                Sampling::Exactly(count) => count,
                Sampling::UntilSettled => USUAL_REPLICATES as usize,
            })
        };
        let measuring = match self.options.sampling {
            Sampling::Exactly(count) => replicate * u32::try_from(count).unwrap_or(u32::MAX),
            Sampling::UntilSettled => {
                let budget = once.budget_ends.saturating_duration_since(started);
                (replicate * USUAL_REPLICATES).min(budget)
            }
        };
        let mut total = before;
        if !runnable.is_empty() {
            total += measuring + replicate * u32::try_from(profiled).unwrap_or(u32::MAX);
        }
        let cannot = measured.setbacks.into_iter();
        let cannot = cannot.map(|setback| benchmarks::missing_after(setback, origin));
        draft.report.missing.extend(cannot);
        let is_missing = |id: &String| draft.report.missing.iter().any(|row| row.benchmark == *id);
        Ok(Plan {
            benchmarks: runnable.iter().filter(|id| !is_missing(id)).cloned().collect(),
            estimated_seconds: total.as_secs_f64(),
        })
    }

    fn say_how_to_run(
        &self,
        workspace: &Workspace,
        project: &Project,
        pythons: &PerSide<String>,
        root: &str,
    ) {
        let mut text = format!(
            "kept {}; to run one side by hand:\n",
            workspace.folder().display()
        );
        for side in Side::BOTH {
            let worktree = workspace.worktree(side);
            let path: Vec<String> = project
                .import_folders
                .iter()
                .map(|folder| worktree.join(folder).display().to_string())
                .collect();
            text.push_str(&format!(
                "  cd '{}' && PYTHONPATH='{}' '{}' -m pytest '{root}'\n",
                worktree.join(&project.folder).display(),
                path.join(":"),
                pythons.get(side)
            ));
        }
        text.push_str("`deadheat clean` removes both worktrees");
        terminal::print_note(&text);
    }
}

pub(crate) fn say_nothing_changed(draft: &mut Draft, words: &str) {
    draft.report.selection = Selection {
        rule: SelectionRule::NothingChanged,
        reason: words.to_owned(),
    };
    draft.warn(
        WarningCode::NothingChanged,
        &format!("{words} between the two revisions"),
        Some("--all measures all the same, which shows what this machine's noise does"),
    );
}

fn found(targets: &[TargetFunction], differences: &Differences) -> String {
    match (targets.len(), differences.first_unattributed()) {
        (0, None) => "no function changed".to_owned(),
        (0, Some(other)) => format!("no function changed, but {other}"),
        (1, _) => "1 changed function".to_owned(),
        (count, _) => format!("{count} changed functions"),
    }
}

/// A run may take this many times its budget before it explains why.
const UNEXPLAINED: f64 = 1.25;

/// Explains where the time went in a run that took much longer than its budget, which covers only the measuring.
fn took(budget_seconds: f64, preparing: Duration, measuring: Duration, all: Duration) -> Option<String> {
    if all.as_secs_f64() <= budget_seconds * UNEXPLAINED {
        return None;
    }
    let after = all.saturating_sub(preparing + measuring);
    let [all, preparing, measuring, after] =
        [all, preparing, measuring, after].map(|time| format!("{:.0} s", time.as_secs_f64()));
    Some(format!(
        "took {all}: {preparing} before measuring, {measuring} to measure (budget {budget_seconds:.0} s), {after} for what \
         came after, such as the breakdown by function"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_that_took_longer_than_its_budget_says_why() {
        let took = |all| {
            let seconds = Duration::from_secs;
            took(60.0, seconds(15), seconds(58), seconds(all))
        };
        assert_eq!(took(75), None);
        assert_eq!(
            took(95).as_deref(),
            Some(
                "took 95 s: 15 s before measuring, 58 s to measure (budget 60 s), 22 s for what came after, such as the \
                 breakdown by function"
            )
        );
    }
}
