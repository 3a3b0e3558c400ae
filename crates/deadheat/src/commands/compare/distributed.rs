//! The timed pass on several cores or machines (`--on`).

use std::collections::BTreeMap;

use deadheat_core::model::{PerSide, Python};

use crate::cli::values::EngineChoice;
use crate::commands::common::context::CompareContext;
use crate::commands::compare::measuring;
use crate::distribute::engine::Engine;
use crate::distribute::local::LocalCores;
use crate::distribute::measure::{self, Distributed};
use crate::distribute::site::Site;
use crate::events::Events;
use crate::passes::measure::{Measured, ReplicateSet, Stopping};
use crate::passes::runner::Schedule;
use crate::passes::workers::WorkerPool;
use crate::system::cpu_pinning::CpuPinning;

/// Opens the engine of `--on`.
pub(super) fn open(
    run: &CompareContext<'_>,
    workers: &WorkerPool,
    python: &PerSide<Python>,
) -> anyhow::Result<Option<Box<dyn Engine>>> {
    let context = &run.context;
    match run.settings.on.clone() {
        None => Ok(None),
        Some(EngineChoice::Local(count)) => {
            let logs = &workers.launcher.logs;
            let site = logs.join("site.json");
            Site::of(workers, python.clone(), Vec::new()).write(&site)?;
            let engine = LocalCores::open(count, &site, logs, context.installation)?;
            Ok(Some(Box::new(engine)))
        }
        Some(EngineChoice::Dask(_)) => todo!(),
    }
}

/// Measures benchmarks on the engine's workers. Those that use several cores at once are measured afterwards, on this
/// machine: beside others, they would disturb them.
pub(super) fn measure(
    run: &CompareContext<'_>,
    schedule: &Schedule,
    stopping: Stopping,
    mut earlier: BTreeMap<String, ReplicateSet>,
    benchmarks: &[String],
    workers: &mut WorkerPool,
    engine: &mut dyn Engine,
) -> anyhow::Result<Measured> {
    let is_alone = |benchmark: &&String| schedule.several_cores.contains(*benchmark);
    let (alone, beside): (Vec<&String>, Vec<&String>) = benchmarks.iter().partition(is_alone);
    let [alone, beside]: [Vec<String>; 2] = [alone, beside].map(|names| names.into_iter().cloned().collect());
    let earlier_alone = earlier.extract_if(.., |benchmark, _| schedule.several_cores.contains(benchmark));
    let earlier_alone: BTreeMap<String, ReplicateSet> = earlier_alone.collect();
    let listener = run.context.listener;
    let Distributed {
        mut measured,
        places,
        given_up,
    } = measure::measure(
        schedule,
        stopping.clone(),
        earlier,
        &beside,
        engine,
        &run.context.limits.interrupt,
        &mut |event| listener.timing(event),
    )?;
    for (name, why) in given_up {
        listener.note(&format!("{name} could not measure: {why}"));
    }
    for place in places {
        listener.warn_all(place.warnings);
    }
    if !alone.is_empty() && measured.stopped.is_none() {
        workers.launcher.cores = run.context.choose_cores()?;
        let here = measuring::here(run, schedule, stopping, earlier_alone, &alone, workers)?;
        measured.add(here);
        workers.launcher.cores = CpuPinning::not_pinned();
    }
    Ok(measured)
}
