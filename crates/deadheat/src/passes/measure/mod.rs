//! The rounds: while both sides are inside a benchmark, they are asked in turn for samples of a fraction of a
//! millisecond. Nothing is traced here; these times decide.

mod goal;
mod looks;
mod replicate_set;
mod rounds;
mod samples;
mod timed_pass;

use crate::passes::measure::timed_pass::Timing;
pub(crate) use goal::{Goal, Stopping};
pub(crate) use looks::{look_at_the_rest, look_where_it_is_due, settled};
pub(crate) use replicate_set::{IdleUse, Measured, ReplicateSet, UsedUp, set_up_each_call};
pub(crate) use rounds::RoundsTime;
pub(crate) use timed_pass::SHORTEST_STARTUP;

use std::collections::BTreeMap;
use std::time::Instant;

use deadheat_core::model::PerSide;

use crate::passes::runner::{Event, Schedule, run_pass};
use crate::passes::workers::WorkerPool;
use crate::worker::session::{Launch, WorkerSpec};

/// Measures benchmarks. `earlier` holds an earlier run's measurements of the same revisions, to which this one adds.
pub(crate) fn measure(
    schedule: &Schedule,
    stopping: Stopping,
    earlier: BTreeMap<String, ReplicateSet>,
    spec: &WorkerSpec,
    benchmarks: &[String],
    launch: &mut dyn Launch,
    listen: &mut dyn FnMut(Event<'_>),
) -> anyhow::Result<Measured> {
    let sampling = stopping.sampling;
    let mut timing = Timing {
        rounds: RoundsTime::new(stopping.goal, SHORTEST_STARTUP, benchmarks.len()),
        stopping,
        benchmarks: earlier,
        started: Instant::now(),
        replicates: 0,
    };
    let outcome = run_pass(
        schedule,
        spec,
        PerSide::default(),
        benchmarks,
        launch,
        &mut timing,
        listen,
    )?;
    let startup = timing.startup();
    let replicate_time = timing.started.elapsed() / timing.replicates.max(1);
    let inside = timing.inside() / timing.replicates.max(1);
    let mut benchmarks = timing.benchmarks;
    // An earlier run's measurements are not lost with this run's.
    benchmarks.retain(|benchmark, rounds| rounds.of_earlier_run || !outcome.lost.contains(benchmark));
    look_at_the_rest(&mut benchmarks, sampling);
    for rounds in benchmarks.values_mut() {
        if rounds.visits > 0 {
            rounds.replicate_seconds = (startup + rounds.inside / rounds.visits).as_secs_f64();
        }
    }
    Ok(Measured {
        failures: outcome.failures,
        newly: benchmarks.values().map(|rounds| rounds.visits).sum(),
        benchmarks,
        replicate_time,
        inside,
        project_modules: outcome.project_modules,
        stopped: outcome.stopped,
        last_words: outcome.last_words,
        one_at_a_time: outcome.one_at_a_time,
        several_cores: schedule.several_cores.clone(),
        machines: Vec::new(),
    })
}

/// Measures benchmarks with a run's workers, for their verdicts.
pub(crate) fn time(
    workers: &mut WorkerPool,
    schedule: &Schedule,
    stopping: Stopping,
    earlier: BTreeMap<String, ReplicateSet>,
    benchmarks: &[String],
    listen: &mut dyn FnMut(Event<'_>),
) -> anyhow::Result<Measured> {
    let spec = workers.spec.clone();
    workers
        .launcher
        .timed(|launcher| measure(schedule, stopping, earlier, &spec, benchmarks, launcher, listen))
}

#[cfg(test)]
mod tests;
