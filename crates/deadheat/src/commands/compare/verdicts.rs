//! The verdicts, and their confirmation.

use std::collections::BTreeMap;
use std::time::Duration;

use deadheat_core::judge;
use deadheat_core::model;

use crate::commands::common::conclude::Judging;
use crate::commands::common::confirm::{self, Remeasure};
use crate::commands::common::context::CompareContext;
use crate::commands::common::findings::Findings;
use crate::commands::compare::distributed;
use crate::commands::compare::measuring::Timed;
use crate::distribute::engine::Engine;
use crate::distribute::scheduler::Job;
use crate::error::ExitCode;
use crate::events::Events;
use crate::passes::runner::Schedule;
use crate::passes::workers::WorkerPool;

/// Judges the measurements.
pub(super) fn conclude(
    judging: Judging<'_>,
    timed: Timed,
    events: &dyn Events,
    findings: &mut Findings,
) -> ExitCode {
    findings.budget_seconds = timed.budget_seconds;
    findings.pinned_core = timed.pinned_core;
    findings.later_cores = timed.later_cores;
    let conclusion = judging.conclude(timed.measured, events);
    let exit = conclusion.exit;
    findings.conclude(conclusion);
    exit
}

pub(super) fn noise(
    run: &CompareContext<'_>,
    findings: &Findings,
    replicate_time: Duration,
) -> Vec<model::Noise> {
    let measured = findings.comparisons.iter().map(|row| row.benchmark.clone());
    let budget = run.settings.budget(&measured.collect::<Vec<_>>());
    let replicates = (budget.as_secs_f64() / replicate_time.as_secs_f64()) as usize;
    judge::noise(&findings.comparisons, replicates, &run.settings.thresholds())
}

/// Measures regressions that would fail a gate again.
pub(super) fn confirm_regressions(
    run: &CompareContext<'_>,
    workers: &mut WorkerPool,
    mut engine: Option<&mut (dyn Engine + 'static)>,
    findings: &mut Findings,
) -> anyhow::Result<ExitCode> {
    let listener = run.context.listener;
    let schedule = run.schedule(None, workers);
    let rules = confirm::Rules {
        fail_on: &run.settings.fail_on,
        thresholds: run.settings.thresholds(),
        seed: run.context.seed,
    };
    let machines = findings.machines.clone();
    let mut measure_again = |again: &Remeasure| {
        let schedule = Schedule {
            replicates: Some(again.replicates),
            seed: again.seed,
            earlier: again.replicates,
            ..schedule.clone()
        };
        let (stopping, benchmarks) = (again.stopping.clone(), &again.benchmarks);
        let earlier = BTreeMap::new();
        match engine.as_deref_mut() {
            Some(engine) => {
                let job = Job {
                    schedule: &schedule,
                    stopping,
                    earlier,
                    benchmarks,
                    machines: machines.clone(),
                };
                distributed::measure(run, job, workers, engine)
            }
            None => distributed::here(run, &schedule, stopping, earlier, benchmarks, workers),
        }
    };
    let exit = confirm::confirm(&mut findings.comparisons, &rules, listener, &mut measure_again)?;
    findings.count();
    findings.is_partial |= exit == ExitCode::StoppedEarly;
    Ok(exit)
}
