//! The timed pass on several cores or machines (`--on`).

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use deadheat_core::model::{PerSide, Python, Warning};
use deadheat_core::text::counted;

use crate::cli::values::EngineChoice;
use crate::commands::common::context::CompareContext;
use crate::distribute::dask::DaskCluster;
use crate::distribute::engine::Engine;
use crate::distribute::local::LocalCores;
use crate::distribute::measure::{Distributed, measure_on};
use crate::distribute::plan::{self, PlanParts, PlannedComparison};
use crate::distribute::scheduler::Job;
use crate::distribute::site::Site;
use crate::events::Events;
use crate::git::Git;
use crate::passes::measure::{self, Measured, ReplicateSet, Stopping};
use crate::passes::runner::Schedule;
use crate::passes::workers::WorkerPool;
use crate::system::cpu_pinning::CpuPinning;
use crate::system::disturbances::DisturbanceMonitor;
use crate::system::paths::is_inside;

/// The comparison that an engine's workers measure.
pub(super) struct Distribution<'a> {
    pub(super) run: &'a CompareContext<'a>,
    pub(super) python: &'a PerSide<Python>,
    /// Head's worktree.
    pub(super) head: &'a Path,
    /// Paths at which it may hold something other than its commit.
    pub(super) laid_over: &'a BTreeSet<String>,
}

/// Opens the engine of `--on`.
pub(super) fn open(
    distribution: &Distribution<'_>,
    workers: &WorkerPool,
) -> anyhow::Result<Option<Box<dyn Engine>>> {
    let run = distribution.run;
    let (installation, logs) = (run.context.installation, &workers.launcher.logs);
    match &run.settings.on {
        None => Ok(None),
        Some(EngineChoice::Local(count)) => {
            let site = logs.join("site.json");
            Site::of(workers, distribution.python.clone(), Vec::new()).write(&site)?;
            let engine = LocalCores::open(*count, &site, logs, installation)?;
            Ok(Some(Box::new(engine)))
        }
        Some(EngineChoice::Dask(address)) => {
            run.context
                .listener
                .step("packing the comparison for other machines");
            let plan = plan(distribution)?.write(logs)?;
            let engine = DaskCluster::open(address, &plan, logs, installation)?;
            Ok(Some(Box::new(engine)))
        }
    }
}

/// Returns the parts of the plan for other machines.
fn plan<'a>(distribution: &'a Distribution<'_>) -> anyhow::Result<PlanParts<'a>> {
    let Distribution { run, head, .. } = *distribution;
    let (context, settings) = (&run.context, run.settings);
    let mut laid_over = plan::paths_beside_commit(&Git::at(head, context.git))?;
    if settings.sides.build.is_some() {
        // Every machine builds by itself.
        let is_given = |path: &String| distribution.laid_over.iter().any(|given| is_inside(path, given));
        laid_over.retain(is_given);
    }
    let mut stored = settings.reported();
    stored.benchmarks_root.clone_from(&settings.benchmarks_root);
    let started_in = &settings.sides.started_in;
    let folder = started_in.strip_prefix(context.git.top());
    Ok(PlanParts {
        git: context.git,
        comparison: PlannedComparison {
            revisions: context.revisions.clone(),
            settings: stored,
            seed: context.seed,
            python: PathBuf::from(&distribution.python.head.path),
            passed_variables: settings.sides.passed_variables.clone(),
            pull_request: settings.pull_request,
            fetch: settings.sides.fetch,
            folder: folder.map(Path::to_owned).unwrap_or_default(),
            config_file: settings.sides.config_file.clone(),
        },
        configuration: context.config.file.as_deref(),
        head,
        laid_over,
    })
}

/// Measures benchmarks on the engine's workers. Those that use several cores at once are measured afterwards, on this
/// machine: beside others, they would disturb them.
pub(super) fn measure(
    run: &CompareContext<'_>,
    mut job: Job<'_>,
    workers: &mut WorkerPool,
    engine: &mut dyn Engine,
) -> anyhow::Result<Measured> {
    let (schedule, stopping) = (job.schedule, job.stopping.clone());
    let is_alone = |benchmark: &&String| schedule.several_cores.contains(*benchmark);
    let (alone, beside): (Vec<&String>, Vec<&String>) = job.benchmarks.iter().partition(is_alone);
    let [alone, beside]: [Vec<String>; 2] = [alone, beside].map(|names| names.into_iter().cloned().collect());
    let of_alone = |benchmark: &String| schedule.several_cores.contains(benchmark);
    let earlier_alone = job.earlier.extract_if(.., |benchmark, _| of_alone(benchmark));
    let earlier_alone: BTreeMap<String, ReplicateSet> = earlier_alone.collect();
    let job = Job {
        benchmarks: &beside,
        ..job
    };
    let listener = run.context.listener;
    let Distributed {
        mut measured,
        warnings,
        given_up,
    } = measure_on(engine, job, &run.context.limits.interrupt, &mut |event| {
        listener.timing(event);
    })?;
    for (name, why) in given_up {
        listener.note(&format!("{name} could not measure: {why}"));
    }
    listener.warn_all(of_many(warnings));
    if !alone.is_empty() && measured.stopped.is_none() {
        workers.launcher.cores = run.context.choose_cores()?;
        let here = here(run, schedule, stopping, earlier_alone, &alone, workers)?;
        measured.add(here);
        workers.launcher.cores = CpuPinning::not_pinned();
    }
    Ok(measured)
}

/// Measures on one core of this machine.
pub(super) fn here(
    run: &CompareContext<'_>,
    schedule: &Schedule,
    stopping: Stopping,
    earlier: BTreeMap<String, ReplicateSet>,
    benchmarks: &[String],
    workers: &mut WorkerPool,
) -> anyhow::Result<Measured> {
    let listener = run.context.listener;
    workers.launcher.conditions = DisturbanceMonitor::begin(&workers.launcher.cores);
    measure::time(workers, schedule, stopping, earlier, benchmarks, &mut |event| {
        listener.timing(event);
    })
}

/// Joins the warnings of many workers: each is given once, with the first worker that it is about.
fn of_many(warnings: Vec<(String, Warning)>) -> Vec<Warning> {
    let mut joined: Vec<(Warning, String, usize)> = Vec::new();
    for (name, warning) in warnings {
        match joined.iter_mut().find(|(known, ..)| known.code == warning.code) {
            Some((.., others)) => *others += 1,
            None => joined.push((warning, name, 0)),
        }
    }
    let words = |(warning, name, others): (Warning, String, usize)| {
        let also = match others {
            0 => String::new(),
            others => format!(" (also a warning of {})", counted(others, "other worker")),
        };
        Warning {
            message: format!("{name}: {}{also}", warning.message),
            // A core is not chosen here.
            hint: warning
                .hint
                .map(|hint| hint.replace(", or choose another core with --cpu", "")),
            ..warning
        }
    };
    joined.into_iter().map(words).collect()
}
