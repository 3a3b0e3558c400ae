//! `deadheat compare`: from the options to the report, step by step.

pub(crate) mod benchmarks;
mod breakdown;
mod by_reach;
mod collect;
pub(crate) mod resume;
mod select;
mod timing;

use std::time::{Duration, Instant};

use deadheat_core::model::{PerSide, Revision, TargetFunction, WarningCode};
use deadheat_core::report::{self, BenchmarksFrom, Environments, Plan, Report};

use crate::Installation;
use crate::cli::options::{Afterwards, CompareOptions, RecordedBase, Task, ToRecord};
use crate::commands::common::conclude::Judging;
use crate::commands::common::confirm::{self, Again};
use crate::commands::common::context::{CompareContext, Context, reported_python, seed_of};
use crate::commands::common::findings::{Findings, Layout};
use crate::commands::common::{keep, nothing_changed};
use crate::commands::compare::breakdown::Breakdown;
use crate::commands::compare::by_reach::Selector;
use crate::commands::compare::collect::Collector;
use crate::commands::compare::timing::Timed;
use crate::commands::script;
use crate::config::Config;
use crate::config::settings::CompareSettings;
use crate::error::{Exit, Failure};
use crate::events::Events;
use crate::experiments::record;
use crate::experiments::state::State;
use crate::git::{Git, pull_request, revisions};
use crate::passes::measure;
use crate::passes::memory;
use crate::passes::walk::{Schedule, hash_seed};
use crate::passes::workers::Stage;
use crate::prepare::hints::Hints;
use crate::prepare::interpreter::{Interpreter, Pytest};
use crate::project::changes::Differences;
use crate::project::compiled::Compiled;
use crate::project::layout::Project;
use crate::project::sources::ProjectSources;
use crate::report::listener::Listener;
use crate::report::output;
use crate::system::command::Limits;
use crate::system::cores::Pinning;
use crate::system::interrupt::Interrupt;
use crate::worker::launcher::Workers;
use crate::workspace::checkout::Checkouts;

pub(crate) fn run(
    options: &CompareOptions,
    installation: &Installation,
    interrupt: &Interrupt,
) -> anyhow::Result<Exit> {
    options.outputs.check_writable()?;
    let limits = Limits {
        until: Instant::now() + options.sides.timeout,
        interrupt: interrupt.clone(),
    };
    let git = Git::discover(&options.sides.folder, &limits)?;
    let config = Config::load(
        &options.sides.folder,
        git.top(),
        options.sides.config_file.as_deref(),
    )?;
    let continued = options.continued.as_deref().map(resume::load).transpose()?;
    let settings = CompareSettings::merge(options, continued, &config, git.top())?;
    let listener = Listener::new(options.outputs.verbosity);
    let state = match (&options.to_record, settings.refs.recorded) {
        (None, None) => None,
        _ => Some(State::find(&config, git.top())?),
    };
    let revisions = resolve(&git, &settings, state.as_ref(), &limits, &listener)?;
    let recording = state.as_ref().zip(options.to_record.as_ref());
    if let Some((state, _)) = recording {
        record::check(state, &revisions)?;
    }
    if settings.refs.recorded == Some(RecordedBase::LastKept) {
        warn_of_another_history(&git, &revisions, &listener)?;
    }
    let seed = seed_of(&settings, &revisions);
    let mut findings = Findings::new(revisions.clone(), seed);
    let run = CompareContext {
        context: Context {
            settings: &settings.sides,
            installation,
            git: &git,
            config: &config,
            revisions: &revisions,
            listener: &listener,
            limits,
            seed,
        },
        settings: &settings,
    };
    let outcome = match &settings.script {
        Some(script) => script::compare(&run, script, &mut findings),
        None => compare(&run, &mut findings),
    };
    listener.finish();
    finish(&run, options, findings, outcome, recording)
}

/// Resolves the refs to commits.
fn resolve(
    git: &Git,
    settings: &CompareSettings,
    state: Option<&State>,
    limits: &Limits,
    events: &dyn Events,
) -> anyhow::Result<PerSide<Revision>> {
    match (state, settings.refs.recorded, settings.pull_request) {
        (_, _, Some(number)) => pull_request::resolve(git, number, limits, events),
        (Some(state), Some(recorded), _) => {
            let commit = match recorded {
                RecordedBase::Baseline => state.baseline(git)?,
                RecordedBase::LastKept => state.last_kept(git)?,
            };
            revisions::resolve_recorded(git, &settings.refs, recorded, commit)
        }
        _ => revisions::resolve(git, &settings.refs),
    }
}

/// Warns where head does not build on the last kept commit, because it was amended, rebased or reset away.
fn warn_of_another_history(
    git: &Git,
    PerSide { base, head }: &PerSide<Revision>,
    events: &dyn Events,
) -> anyhow::Result<()> {
    if !git.is_ancestor(&base.commit, &head.commit)? {
        let short = report::short_commit(&base.commit);
        let words = format!(
            "the last kept commit, {short}, is not in the history of {}",
            head.name
        );
        events.doubt(
            WarningCode::AnotherHistory,
            &words,
            Some(
                "was it amended, rebased or reset away? name both refs, or give its row in results.tsv the status discard",
            ),
        );
    }
    Ok(())
}

/// Compares the benchmarks: checks both revisions out, and removes them at the end.
fn compare(run: &CompareContext<'_>, findings: &mut Findings) -> anyhow::Result<Exit> {
    let Context {
        git,
        listener,
        config,
        ..
    } = run.context;
    listener.step("reading the two revisions");
    let revisions = run.context.revisions;
    let sources = ProjectSources::read(git, revisions, run.context.settings.fetch, |files| {
        Project::lay_out(config, git.top(), files, run.settings.benchmarks_root.as_deref())
    })?;
    let project = &sources.project;
    note_uncommitted(git, &revisions.head, project, listener);
    let interpreter = choose_interpreter(run, project, findings)?;
    findings.layout = Layout::of(project);
    let root = sources.benchmarks_root(&run.settings.tests, git.top())?;
    listener.detail(&format!(
        "code: {}; tests: {}; benchmarks: {root}",
        project.module_roots.join(", "),
        project.tests_root.as_deref().unwrap_or("none"),
    ));
    run.context.limits.check()?;
    let mut checkouts = Checkouts::create(git, &sources, revisions, &project.roots(), listener)?;
    let outcome = compare_checkouts(run, &sources, &interpreter, &root, &mut checkouts, findings);
    let kept = match run.settings.worktrees {
        Afterwards::Remove => Ok(()),
        Afterwards::Keep => {
            let own = || reported_python(&PerSide::new(interpreter.clone(), interpreter.clone()));
            let pythons = findings.python.clone().unwrap_or_else(own);
            keep::pytest_by_hand(&mut checkouts, git, project, &pythons, &root, listener)
        }
    };
    checkouts.close(git, listener);
    let exit = outcome?;
    kept.map(|()| exit)
}

/// The steps of a comparison in its worktrees.
fn compare_checkouts(
    run: &CompareContext<'_>,
    sources: &ProjectSources,
    interpreter: &Interpreter,
    root: &str,
    checkouts: &mut Checkouts,
    findings: &mut Findings,
) -> anyhow::Result<Exit> {
    let Context { git, listener, .. } = run.context;
    listener.step("comparing the code");
    let compiled = Compiled::find(&sources.project, &sources.files, checkouts.worktrees());
    let mut differences = run
        .context
        .find_changes(checkouts, sources, interpreter, compiled.as_ref())?;
    findings.targets = run.targets(&mut differences, sources, checkouts)?;
    if is_nothing_changed(run, checkouts, &differences, findings) {
        return Ok(Exit::Done);
    }
    listener.note(&found(&findings.targets, &differences));

    let hints = Hints::new(
        git,
        &sources.project,
        compiled.as_ref(),
        run.context.settings.build.is_some(),
        checkouts.worktrees(),
        &run.context.settings.started_in,
    );
    checkouts.inject(git, &run.context.settings.injected, sources)?;
    let variables = run.variables();
    let prepared = run.context.prepare(
        checkouts,
        sources,
        interpreter,
        &differences,
        compiled.as_ref(),
        variables,
    )?;
    if run.context.settings.environment == Environments::PerRef {
        note_interpreters(run, &prepared.interpreters, findings)?;
    }
    if run.settings.memory {
        memory::check(&prepared, checkouts.workspace.folder(), &run.context.limits)?;
    }
    let mut workers = run
        .context
        .workers(checkouts, &sources.project, &prepared, Workers::Benchmarks);
    workers.first_seed = hash_seed(run.context.seed, 0);
    workers.briefing.keyword.clone_from(&run.settings.keyword);
    workers.briefing.pytest_args.clone_from(&run.settings.pytest_args);

    let collector = Collector {
        run,
        sources,
        root,
        hints: &hints,
    };
    let interpreters = &prepared.interpreters;
    let suite = collector.collect(
        checkouts,
        &mut differences,
        &findings.targets,
        interpreters,
        &mut workers,
    )?;
    findings.python = Some(suite.python.clone());
    findings.missing.clone_from(&suite.missing);
    findings.leave_checkouts_out(checkouts.worktrees());
    collector.check_any(&suite)?;
    collector.observe(checkouts, &mut differences, &mut findings.targets, &mut workers)?;
    if is_nothing_changed(run, checkouts, &differences, findings) {
        return Ok(Exit::Done);
    }
    warn_of_unused_thresholds(run, &suite.benchmarks, findings);
    let benchmarks = take_part(run, &suite.benchmarks, findings);
    if benchmarks.is_empty() {
        return Ok(nothing_to_measure(run, suite.collecting, findings));
    }

    let looking = Instant::now();
    let selector = Selector {
        run,
        differences: &differences,
        origin: &suite.origin,
        hints: &hints,
        some_deselected: suite.deselected > 0,
    };
    let chosen = selector.select(
        benchmarks,
        &mut findings.targets,
        &mut findings.missing,
        &mut workers,
    )?;
    findings.selection = chosen.selection.clone();
    chosen.check()?;
    let folders = checkouts
        .worktrees()
        .map(|worktree| worktree.join(&sources.project.folder));
    workers.briefing.collect.narrow_to(&chosen.benchmarks, folders);
    if run.settings.task == Task::Plan {
        let (before, has_targets) = (suite.collecting + looking.elapsed(), !findings.targets.is_empty());
        let (plan, missing) = timing::plan(
            run,
            &chosen.benchmarks,
            before,
            &suite.origin,
            has_targets,
            &mut workers,
        )?;
        findings.plan = Some(plan);
        findings.missing.extend(missing);
        return Ok(Exit::Done);
    }
    if chosen.benchmarks.is_empty() {
        findings.count();
        return Ok(Exit::Done);
    }

    let preparing = run.context.started().elapsed();
    let timed = timing::measure(run, &chosen.benchmarks, &mut workers)?;
    let measuring = run.context.started().elapsed() - preparing;
    let replicate_time = timed.measured.replicate_time;
    let startup = replicate_time.saturating_sub(timed.measured.inside);
    let judging = Judging {
        runnable: chosen.benchmarks,
        missing: std::mem::take(&mut findings.missing),
        controls: &chosen.controls,
        origin: &suite.origin,
        sampling: run.settings.sampling,
        thresholds: run.settings.thresholds(),
        is_script: false,
    };
    let mut exit = conclude(judging, timed, listener, findings);
    hints
        .of_missing(&findings.missing)
        .into_iter()
        .for_each(|warning| listener.warn(warning));
    if run.settings.benchmarks_from == BenchmarksFrom::Own {
        benchmarks::mark_changed(&mut findings.comparisons, &sources.project.folder, &suite.changed);
    }
    if let Some(earlier) = &run.settings.continued {
        let is_gated = !run.settings.fail_on.is_empty();
        resume::carry_confirmations(earlier, &mut findings.comparisons, is_gated);
        findings.count();
    }
    if run.settings.task == Task::Noise {
        findings.noise = Some(noise(run, findings, replicate_time));
        findings.leave_checkouts_out(checkouts.worktrees());
        return Ok(exit);
    }
    if exit == Exit::Done {
        exit = confirm_regressions(run, &mut workers, findings)?;
    }
    findings.leave_checkouts_out(checkouts.worktrees());
    if exit == Exit::Done {
        let breakdown = Breakdown {
            run,
            workers: &mut workers,
            worktrees: checkouts.worktrees(),
            startup,
        };
        let (resources, end) = breakdown.explain(
            &findings.targets,
            &mut findings.comparisons,
            &mut findings.summary,
        )?;
        findings.resources = resources;
        findings.is_partial |= end == Exit::StoppedEarly;
        exit = end;
    }
    if let Some(budget) = findings.budget_seconds
        && let Some(took) = took(budget, preparing, measuring, run.context.started().elapsed())
    {
        listener.note(&took);
    }
    Ok(exit)
}

/// Chooses the project's interpreter, which need not have pytest where the sides get environments.
fn choose_interpreter(
    run: &CompareContext<'_>,
    project: &Project,
    findings: &mut Findings,
) -> anyhow::Result<Interpreter> {
    let pytest = match run.context.settings.environment {
        Environments::Shared => Pytest::Needed,
        Environments::PerRef => Pytest::NotNeeded,
    };
    let interpreter = run.context.choose_interpreter(project, pytest)?;
    if pytest == Pytest::Needed {
        note_interpreters(
            run,
            &PerSide::new(interpreter.clone(), interpreter.clone()),
            findings,
        )?;
    }
    Ok(interpreter)
}

/// Notes the interpreters, and refuses others than those of the report that is continued.
fn note_interpreters(
    run: &CompareContext<'_>,
    interpreters: &PerSide<Interpreter>,
    findings: &mut Findings,
) -> Result<(), Failure> {
    let python = reported_python(interpreters);
    if let Some(earlier) = &run.settings.continued {
        resume::check_same(
            earlier,
            &python.head,
            run.context.settings.pinning != Pinning::Off,
        )?;
    }
    findings.python = Some(python);
    Ok(())
}

/// Mentions uncommitted changes where head is the commit that is checked out.
fn note_uncommitted(git: &Git, head: &Revision, project: &Project, events: &dyn Events) {
    let is_checked_out = || {
        git.commit("HEAD")
            .is_ok_and(|commit| commit.as_ref() == Some(&head.commit))
    };
    if head.dirty || !is_checked_out() {
        return;
    }
    let mut changed = git.uncommitted_paths().unwrap_or_default();
    changed.retain(|path| project.is_code(path) || project.is_shared(path));
    match changed.len() {
        0 => {}
        1 => events.note("1 file is changed and not committed: --working-tree measures it"),
        count => events.note(&format!(
            "{count} files are changed and not committed: --working-tree measures them"
        )),
    }
}

/// Whether there is no reason to run anything, which the findings then say.
fn is_nothing_changed(
    run: &CompareContext<'_>,
    checkouts: &Checkouts,
    differences: &Differences,
    findings: &mut Findings,
) -> bool {
    // A file's content can change memory use without any change to a function.
    let may_use_other_memory = run.settings.memory && !checkouts.changed.is_empty();
    let is_equal = select::is_nothing_changed(run.settings, differences, &findings.targets);
    if may_use_other_memory || !is_equal {
        return false;
    }
    findings.selection = nothing_changed("no code that a benchmark could run differs", run.context.listener);
    true
}

/// Warns of globs in the configuration that match none of the suite's benchmarks, where the whole suite is known.
fn warn_of_unused_thresholds(run: &CompareContext<'_>, benchmarks: &[String], findings: &Findings) {
    let is_selected = run.settings.keyword.is_some() || !run.settings.tests.is_empty();
    if is_selected || findings.missing.iter().any(|row| !row.benchmark.contains("::")) {
        return;
    }
    let missing = findings.missing.iter().map(|row| row.benchmark.as_str());
    let known = benchmarks.iter().map(String::as_str).chain(missing);
    for glob in run.settings.thresholds().unused(known) {
        run.context.listener.doubt(
            WarningCode::ThresholdUnused,
            &format!("[tool.deadheat.thresholds]: \"{glob}\" names no benchmark"),
            Some("a glob names whole ids, file and all: \"*::test_parse*\"; `*` and `?` are its only wildcards"),
        );
    }
}

/// Returns the benchmarks of this part of the suite, and leaves the rows of others to the parts that have them.
fn take_part(run: &CompareContext<'_>, benchmarks: &[String], findings: &mut Findings) -> Vec<String> {
    let Some(partition) = run.settings.partition else {
        return benchmarks.to_vec();
    };
    findings.missing.retain(|row| partition.has(&row.benchmark));
    findings.suite = benchmarks.to_vec();
    let ours = benchmarks.iter().filter(|benchmark| partition.has(benchmark));
    let ours: Vec<String> = ours.cloned().collect();
    if ours.is_empty() {
        run.context.listener.doubt(
            WarningCode::EmptyPartition,
            &format!(
                "none of the {} benchmarks falls into part {partition} of the suite",
                benchmarks.len()
            ),
            Some("there is nothing to do here; fewer parts have more each"),
        );
    }
    ours
}

/// Ends a run whose part of the suite is empty.
fn nothing_to_measure(run: &CompareContext<'_>, collecting: Duration, findings: &mut Findings) -> Exit {
    findings.count();
    findings.plan = (run.settings.task == Task::Plan).then(|| Plan {
        benchmarks: Vec::new(),
        estimated_seconds: collecting.as_secs_f64(),
    });
    Exit::Done
}

/// Judges what was measured.
fn conclude(judging: Judging<'_>, timed: Timed, events: &dyn Events, findings: &mut Findings) -> Exit {
    findings.budget_seconds = timed.budget_seconds;
    findings.pinned_core = timed.pinned_core;
    findings.later_cores = timed.later_cores;
    let conclusion = judging.conclude(timed.measured, events);
    let exit = conclusion.exit;
    findings.conclude(conclusion);
    exit
}

fn noise(run: &CompareContext<'_>, findings: &Findings, replicate_time: Duration) -> Vec<report::Noise> {
    let budget = run.settings.budget(findings.comparisons.len());
    let replicates = (budget.as_secs_f64() / replicate_time.as_secs_f64()) as usize;
    report::noise(&findings.comparisons, replicates, &run.settings.thresholds())
}

/// Measures regressions that would fail a gate once more.
fn confirm_regressions(
    run: &CompareContext<'_>,
    workers: &mut Stage,
    findings: &mut Findings,
) -> anyhow::Result<Exit> {
    let listener = run.context.listener;
    let schedule = run.schedule(None, workers);
    let rules = confirm::Rules {
        fail_on: &run.settings.fail_on,
        thresholds: run.settings.thresholds(),
        seed: run.context.seed,
    };
    let mut measure_again = |again: &Again| {
        let schedule = Schedule {
            replicates: Some(again.replicates),
            seed: again.seed,
            earlier: again.replicates,
            ..schedule.clone()
        };
        let (briefing, launcher) = (&workers.briefing, &mut workers.launcher);
        launcher.timed(|launcher| {
            measure::measure(
                &schedule,
                again.stopping.clone(),
                std::collections::BTreeMap::new(),
                briefing,
                &again.benchmarks,
                launcher,
                &mut |event| listener.passing("measuring again", event),
            )
        })
    };
    let exit = confirm::confirm(&mut findings.comparisons, &rules, listener, &mut measure_again)?;
    findings.count();
    findings.is_partial |= exit == Exit::StoppedEarly;
    Ok(exit)
}

/// Makes the report of what was found, however the run ended, and writes it.
fn finish(
    run: &CompareContext<'_>,
    options: &CompareOptions,
    findings: Findings,
    outcome: anyhow::Result<Exit>,
    recording: Option<(&State, &ToRecord)>,
) -> anyhow::Result<Exit> {
    let exit = match outcome {
        Ok(exit) => exit,
        Err(error) => {
            write_failed(run, options, findings, &error);
            return Err(error);
        }
    };
    let mut report = findings.into_report(run.settings.reported(), run.context.listener.take_warnings());
    let refused = recording.and_then(|(state, asked)| {
        record::add(&mut report, state, Some(&run.context.git.afterwards()), asked).err()
    });
    output::write_report(&report, &options.outputs)?;
    match refused {
        Some(error) => Err(error),
        None => Ok(confirm::apply_gates(&report, exit)),
    }
}

/// Writes the report files of a run that gave no numbers. The results of a report that it continues are not lost.
fn write_failed(
    run: &CompareContext<'_>,
    options: &CompareOptions,
    findings: Findings,
    error: &anyhow::Error,
) {
    let Some(failure) = error.downcast_ref::<Failure>() else {
        return;
    };
    let gave_nothing = matches!(failure.exit, Exit::NothingMeasured | Exit::StoppedEarly);
    if !gave_nothing || options.outputs.written.is_empty() {
        return;
    }
    let listener = run.context.listener;
    listener.doubt(
        WarningCode::NothingMeasured,
        &failure.message,
        failure.hint.as_deref(),
    );
    let warnings = listener.take_warnings();
    let mut report = match &run.settings.continued {
        Some(earlier) => {
            let mut report: Report = earlier.clone();
            report.warnings.extend(warnings);
            report
        }
        None => findings.into_report(run.settings.reported(), warnings),
    };
    report.partial = failure.exit == Exit::StoppedEarly;
    if let Err(unwritten) = output::write_report(&report, &options.outputs) {
        // The error that ended the run is the one that is returned.
        crate::system::terminal::print_note(&format!("the report could not be written: {unwritten:#}"));
    }
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
