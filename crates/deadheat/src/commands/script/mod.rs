//! `compare --script`: any command is the benchmark. Each of its runs is a fresh process, and one run on each side is a
//! replicate; the order changes from one to the next. Nothing of the project is read, so it may be in any language.

mod executor;
mod metrics;
mod output_file;
mod resources;
mod rows;
mod runner;

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use deadheat_core::judge;
use deadheat_core::judge::MeasuredBenchmark;
use deadheat_core::judge::resource;
use deadheat_core::judge::sequential::Sampling;
use deadheat_core::judge::stats::FEWEST_REPLICATES;
use deadheat_core::model::{BenchmarksFrom, PerSide, Plan, Selection, SelectionRule};

use crate::cli::options::{RunMode, Script, WorktreeCleanup};
use crate::commands::common::conclude::Judging;
use crate::commands::common::context::{CompareContext, Context, USUAL_REPLICATES};
use crate::commands::common::findings::Findings;
use crate::commands::common::guard::{GuardPlace, guard};
use crate::commands::common::suite_origin::Origin;
use crate::commands::common::{confirm, keep_worktrees, nothing_changed};
use crate::commands::script::resources::resources;
use crate::commands::script::rows::{CommandRun, Rows};
use crate::commands::script::runner::{CommandSeries, ScriptMeasurement, ScriptRunner};
use crate::error::ExitCode;
use crate::events::Events;
use crate::passes::measure::Stopping;
use crate::project::layout::ProjectLayout;
use crate::project::sources::ProjectSources;
use crate::system::disturbances::DisturbanceMonitor;
use crate::workspace::checkout::Checkouts;

/// Compares the command on both sides, from the revisions to the findings.
pub(crate) fn compare(
    run: &CompareContext<'_>,
    script: &Script,
    findings: &mut Findings,
) -> anyhow::Result<ExitCode> {
    let Context {
        git,
        listener,
        config,
        ..
    } = run.context;
    listener.step("reading the two revisions");
    let revisions = run.context.revisions;
    let sources = ProjectSources::read(git, revisions, run.context.settings.fetch, |_| {
        Ok(ProjectLayout::of_any_language(config, git.top()))
    })?;
    // A command may use any file.
    let untracked_in = [String::new()];
    let mut checkouts = Checkouts::create(git, &sources, revisions, &untracked_in, listener)?;
    run.context.limits.check()?;
    let outcome = compare_checkouts(run, &sources, script, &mut checkouts, findings);
    let is_kept = run.settings.worktrees == WorktreeCleanup::Keep;
    let by_hand = is_kept.then(|| PerSide::same(script.command.clone()));
    let folder = &sources.project.folder;
    keep_worktrees::close(checkouts, &run.context, folder, by_hand.as_ref(), outcome)
}

fn compare_checkouts(
    run: &CompareContext<'_>,
    sources: &ProjectSources,
    script: &Script,
    checkouts: &mut Checkouts,
    findings: &mut Findings,
) -> anyhow::Result<ExitCode> {
    let listener = run.context.listener;
    if checkouts.changed.is_empty() && !run.settings.all {
        findings.selection = nothing_changed("no file differs", listener);
        return Ok(ExitCode::Done);
    }
    findings.selection = Selection {
        rule: SelectionRule::All,
        reason: "the command given by --script".to_owned(),
    };
    checkouts.inject(run.context.git, &run.context.settings.injected, sources)?;
    let started = Instant::now();
    let mut bench = ScriptRunner::new(run, script, checkouts, &sources.project.folder)?;
    if let Some(build) = &run.context.settings.build {
        bench.build(build)?;
    }

    listener.step("running the command once on each side");
    let trying = Instant::now();
    let tried = bench.try_once()?;
    let pair_time = trying.elapsed();
    let rows = Rows::of(script, &tried, &mut findings.missing)?;
    let budget = run.affordable_budget(&rows.all);
    let stopping = run.stopping(budget);
    if run.settings.task == RunMode::Plan {
        findings.plan = Some(plan(rows.listed(), started.elapsed(), pair_time, stopping));
        return Ok(ExitCode::Done);
    }

    bench.choose_core(&tried)?;
    let first_core = bench.cores.measuring;
    let exactly = stopping.sampling.exact_count();
    findings.budget_seconds = run.announce("the command", &stopping, budget);
    let series = CommandSeries {
        rows: &rows.all,
        stopping,
        seed: run.context.seed,
        earlier: 0,
    };
    bench.conditions = DisturbanceMonitor::begin(&bench.cores);
    let mut taken = bench.measure(&series, &mut |event| listener.timing(event.of(exactly)))?;
    listener.warn_all(bench.conditions.warnings());
    findings.pinned_core = run.context.core_of(&bench.cores).and(first_core);
    findings.later_cores.clone_from(&bench.cores.later);
    findings.missing.append(&mut taken.missing);
    let exit = match conclude(run, &rows, &tried, taken, findings) {
        ExitCode::Done => confirm_regressions(run, &mut bench, findings)?,
        exit => exit,
    };
    let place = GuardPlace {
        checkouts,
        folder: &sources.project.folder,
        variables: bench.places.head.variables.clone(),
    };
    guard(run, &place, findings, exit)
}

/// Measures a regression that would fail a gate again.
fn confirm_regressions(
    run: &CompareContext<'_>,
    bench: &mut ScriptRunner<'_>,
    findings: &mut Findings,
) -> anyhow::Result<ExitCode> {
    let listener = run.context.listener;
    let rules = confirm::Rules {
        fail_on: &run.settings.fail_on,
        thresholds: run.settings.thresholds(),
        seed: run.context.seed,
    };
    let exit = confirm::confirm(&mut findings.comparisons, &rules, listener, &mut |again| {
        let series = CommandSeries {
            rows: &again.benchmarks,
            stopping: again.stopping.clone(),
            seed: again.seed,
            earlier: again.replicates,
        };
        let taken = bench.measure(&series, &mut |event| {
            listener.passing("measuring again", event.of(Some(again.replicates)));
        })?;
        Ok(taken.measured)
    })?;
    findings.count();
    findings.is_partial |= exit == ExitCode::StoppedEarly;
    Ok(exit)
}

/// Judges the measurements: the command's total is judged by itself, everything else as for benchmarks.
fn conclude(
    run: &CompareContext<'_>,
    rows: &Rows,
    tried: &PerSide<CommandRun>,
    taken: ScriptMeasurement,
    findings: &mut Findings,
) -> ExitCode {
    let ScriptMeasurement {
        mut measured,
        usages,
        numbers,
        ..
    } = taken;
    let (sampling, thresholds) = (run.settings.sampling, run.settings.thresholds());
    let total = rows.total.as_ref().and_then(|total| {
        let rounds = measured.benchmarks.remove(total)?;
        let total = MeasuredBenchmark {
            benchmark: total.clone(),
            replicates: rounds.replicates,
            looks: rounds.looks,
            ..MeasuredBenchmark::default()
        };
        judge::judge_total(&total, sampling, thresholds.general())
    });
    if let Some(script) = run
        .settings
        .script
        .as_ref()
        .filter(|script| script.output.is_none())
    {
        let looks = measured.benchmarks.values().map(|rounds| rounds.looks).max();
        let looks = looks.unwrap_or(1);
        let mut measured = metrics::resources(tried, &numbers, looks);
        measured.extend(resources(&script.command, &usages, looks));
        findings.resources = resource::judge(measured, sampling, &thresholds);
    }
    let judging = Judging {
        runnable: rows.listed().to_vec(),
        missing: std::mem::take(&mut findings.missing),
        controls: &BTreeSet::new(),
        origin: &Origin {
            from: BenchmarksFrom::Own,
            replaced: BTreeSet::new(),
        },
        sampling,
        thresholds,
        is_script: true,
    };
    let conclusion = judging.conclude(measured, run.context.listener);
    let exit = conclusion.exit;
    findings.conclude(conclusion);
    if total.is_some() {
        findings.summary.total = total;
    }
    exit
}

fn plan(rows: &[String], before: Duration, pair_time: Duration, stopping: Stopping) -> Plan {
    let measuring = match stopping.sampling {
        Sampling::Exactly(count) => pair_time * u32::try_from(count).unwrap_or(u32::MAX),
        Sampling::UntilSettled => {
            let budget = stopping.budget_ends.saturating_duration_since(Instant::now());
            let fewest = pair_time * FEWEST_REPLICATES as u32;
            (pair_time * USUAL_REPLICATES).min(budget).max(fewest)
        }
    };
    Plan {
        benchmarks: rows.to_vec(),
        estimated_seconds: (before + measuring).as_secs_f64(),
    }
}

#[cfg(test)]
mod tests;
