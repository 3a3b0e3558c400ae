//! The timed pass, and the plan that stands in for it.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use deadheat_core::judge::sequential::Sampling;
use deadheat_core::model::{Missing, Plan};
use deadheat_core::text::counted;

use crate::commands::common::context::{CompareContext, USUAL_REPLICATES};
use crate::commands::common::suite_origin::{Origin, missing_after};
use crate::commands::compare::reach_selection::not_imported;
use crate::commands::compare::{distributed, resume};
use crate::distribute::engine::Engine;
use crate::distribute::scheduler::Job;
use crate::events::Events;
use crate::passes::function_profile;
use crate::passes::measure::{self, Measured, Stopping};
use crate::passes::runner::{FailureKind, Schedule};
use crate::passes::workers::WorkerPool;

/// The measurements, and where they were made.
pub(crate) struct Timed {
    pub(crate) measured: Measured,
    /// The budget in seconds, if the number of replicates was open.
    pub(crate) budget_seconds: Option<f64>,
    pub(crate) pinned_core: Option<usize>,
    pub(crate) later_cores: Vec<usize>,
}

/// Measures the benchmarks.
pub(crate) fn measure(
    run: &CompareContext<'_>,
    runnable: &[String],
    workers: &mut WorkerPool,
    engine: Option<&mut (dyn Engine + 'static)>,
) -> anyhow::Result<Timed> {
    let listener = run.context.listener;
    if engine.is_none() {
        workers.launcher.cores = run.context.choose_cores()?;
        if workers.launcher.cores.measuring.is_none() {
            // Every benchmark has all cores.
            workers.several_cores.clear();
        }
    }
    let first_core = workers.launcher.cores.measuring;
    let budget = run.affordable_budget(runnable);
    let stopping = Stopping {
        call_times: workers.call_times.clone(),
        ..run.stopping(budget)
    };
    let subject = counted(runnable.len(), "benchmark");
    let budget_seconds = run.announce(&subject, &stopping, budget);
    let continued = run.settings.continued.as_ref();
    let earlier = resume::rounds(continued, stopping.sampling);
    workers.set_up_each_call = measure::set_up_each_call(&earlier);
    if let Some(continued) = continued {
        workers.several_cores = resume::on_several_cores(continued);
    }
    let schedule = Schedule {
        earlier: resume::replicates_begun(&earlier, run.context.seed),
        ..run.schedule(stopping.sampling.exact_count(), workers)
    };
    let mut measured = match engine {
        Some(engine) => {
            let job = Job {
                schedule: &schedule,
                stopping,
                earlier,
                benchmarks: runnable,
                machines: continued.map_or_else(Vec::new, |report| report.machines.clone()),
            };
            distributed::measure(run, job, workers, engine)?
        }
        None => distributed::here(run, &schedule, stopping, earlier, runnable, workers)?,
    };
    if workers.launcher.cores.measuring.is_some() {
        explain_skips(&mut measured, workers);
    }
    listener.warn_all(workers.launcher.conditions.warnings());
    workers.one_at_a_time.clone_from(&measured.one_at_a_time);
    workers.set_up_each_call = measure::set_up_each_call(&measured.benchmarks);
    let none_imported = measured.project_modules.base == 0 || measured.project_modules.head == 0;
    if none_imported && measured.newly > 0 && !run.settings.all {
        return Err(not_imported());
    }
    Ok(Timed {
        measured,
        budget_seconds,
        pinned_core: run.context.core_of(&workers.launcher.cores).and(first_core),
        later_cores: workers.launcher.cores.later.clone(),
    })
}

/// Adds the likely reason to the message of a benchmark that skips itself on one core.
fn explain_skips(measured: &mut Measured, workers: &WorkerPool) {
    let skips = measured.failures.iter_mut();
    let skips = skips.filter(|failure| failure.kind == FailureKind::Skipped);
    for failure in skips.filter(|failure| workers.ran.contains(&failure.benchmark)) {
        failure
            .message
            .push_str("; it ran before it was pinned to one core: --no-pin leaves it all cores");
    }
}

/// Runs every benchmark once to estimate how long a run would take. `before` is the time of the steps up to here. Also
/// returns the rows of those that cannot be run.
pub(crate) fn plan(
    run: &CompareContext<'_>,
    runnable: &[String],
    before: Duration,
    origin: &Origin,
    has_targets: bool,
    workers: &mut WorkerPool,
) -> anyhow::Result<(Plan, Vec<Missing>)> {
    let listener = run.context.listener;
    listener.step("trying every benchmark once");
    let once = Stopping {
        sampling: Sampling::Exactly(1),
        ..run.stopping(run.affordable_budget(runnable))
    };
    let started = Instant::now();
    let schedule = run.schedule(Some(1), workers);
    let measured = measure::measure(
        &schedule,
        once.clone(),
        BTreeMap::new(),
        &workers.spec,
        runnable,
        &mut workers.launcher,
        &mut |event| listener.timing(event),
    )?;
    let replicate = started.elapsed();
    let times = |count: usize| replicate * u32::try_from(count).unwrap_or(u32::MAX);
    let (measuring, replicates) = match run.settings.sampling {
        Sampling::Exactly(count) => (times(count), count),
        Sampling::UntilSettled => {
            let budget = once.budget_ends.saturating_duration_since(started);
            let usual = USUAL_REPLICATES as usize;
            (times(usual).min(budget), usual)
        }
    };
    let profiled = if has_targets {
        function_profile::most_pairs(replicates)
    } else {
        0
    };
    let total = match runnable.is_empty() {
        true => before,
        false => before + measuring + times(profiled),
    };
    let failures = measured.failures.into_iter();
    let missing: Vec<Missing> = failures.map(|failure| missing_after(failure, origin)).collect();
    let is_missing = |id: &String| missing.iter().any(|row| row.benchmark == *id);
    let plan = Plan {
        benchmarks: runnable.iter().filter(|id| !is_missing(id)).cloned().collect(),
        estimated_seconds: total.as_secs_f64(),
    };
    Ok((plan, missing))
}
