//! The rounds: while both sides are inside a benchmark, they are asked in turn for samples of a fraction of a
//! millisecond. Nothing is traced here; these times decide.

mod replicates;
mod samples;
mod timing;

pub(crate) use replicates::*;
use samples::*;
use timing::*;

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use deadheat_core::micro::Worth;
use deadheat_core::model::{Clock, Comparison, Order, Pair, PerSide, Replicate, Sample, Side};
use deadheat_core::output::Outputs;
use deadheat_core::protocol::{ChangedValue, Reply, Request};
use deadheat_core::sequential::{Sampling, is_settled, may_settle};
use deadheat_core::stats::{self, FEWEST_REPLICATES, LogEstimate};
use deadheat_core::thresholds::Thresholds;

use crate::passes::walk::{
    Both, Entered, Event, Left, OneAtATime, Schedule, SetUp, Setback, StoppedBy, Trouble, Visit,
    out_of_order, walk,
};
use crate::worker::session::{Briefing, Launch, Waited};

/// The aim of measuring a benchmark.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Aim {
    /// Its verdict, and the size of the change.
    Verdict,
    /// A quick decision: whether the change is worth this much.
    Decision(Worth),
}

/// The conditions under which enough is measured.
#[derive(Clone, Debug)]
pub(crate) struct Stopping {
    pub(crate) sampling: Sampling,
    /// The time of one call of a benchmark, where an earlier pass has found it.
    pub(crate) call_times: BTreeMap<String, Duration>,
    pub(crate) aim: Aim,
    /// The smallest changes that matter.
    pub(crate) thresholds: Thresholds,
    /// The time when the measuring should be over, with or without verdicts.
    pub(crate) budget_ends: Instant,
}

/// The result of a measurement.
#[derive(Debug, Default)]
pub(crate) struct Measured {
    pub(crate) benchmarks: BTreeMap<String, Rounds>,
    pub(crate) setbacks: Vec<Setback>,
    /// The number of replicates, of any benchmark, that this run added.
    pub(crate) newly: u32,
    /// The average time of a replicate.
    pub(crate) replicate_time: Duration,
    /// The part of it in which benchmarks were measured.
    pub(crate) inside: Duration,
    /// Whether any benchmark imported code of the project, per side.
    pub(crate) project_modules: PerSide<u64>,
    pub(crate) stopped: Option<StoppedBy>,
    /// The last output of a worker that ended the run.
    pub(crate) last_words: String,
    /// Benchmarks whose sides were measured one after the other.
    pub(crate) one_at_a_time: OneAtATime,
    /// Benchmarks that had all cores.
    pub(crate) several_cores: BTreeSet<String>,
}

/// Measures benchmarks. `earlier` holds an earlier run's measurements of the same revisions, to which this one adds.
pub(crate) fn measure(
    schedule: &Schedule,
    stopping: Stopping,
    earlier: BTreeMap<String, Rounds>,
    briefing: &Briefing,
    benchmarks: &[String],
    launch: &mut dyn Launch,
    listen: &mut dyn FnMut(Event<'_>),
) -> anyhow::Result<Measured> {
    let sampling = stopping.sampling;
    let mut timing = Timing {
        rounds: RoundsTime::new(stopping.aim, SHORTEST_STARTUP, benchmarks.len()),
        stopping,
        benchmarks: earlier,
        started: Instant::now(),
        replicates: 0,
    };
    let walked = walk(
        schedule,
        briefing,
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
    benchmarks.retain(|benchmark, rounds| rounds.of_earlier_run || !walked.lost.contains(benchmark));
    look_at_the_rest(&mut benchmarks, sampling);
    for rounds in benchmarks.values_mut() {
        if rounds.visits > 0 {
            rounds.replicate_seconds = (startup + rounds.inside / rounds.visits).as_secs_f64();
        }
    }
    Ok(Measured {
        setbacks: walked.setbacks,
        newly: benchmarks.values().map(|rounds| rounds.visits).sum(),
        benchmarks,
        replicate_time,
        inside,
        project_modules: walked.project_modules,
        stopped: walked.stopped,
        last_words: walked.last_words,
        one_at_a_time: walked.one_at_a_time,
        several_cores: schedule.several_cores.clone(),
    })
}

/// Returns the benchmarks whose calls use up their fixtures.
pub(crate) fn set_up_each_call(benchmarks: &BTreeMap<String, Rounds>) -> BTreeSet<String> {
    let chosen = benchmarks.iter().filter(|(_, rounds)| rounds.set_up_each_call);
    chosen.map(|(benchmark, _)| benchmark.clone()).collect()
}

/// Looks at the benchmarks that have enough replicates for their next look.
pub(crate) fn look_where_it_is_due(benchmarks: &mut BTreeMap<String, Rounds>, sampling: Sampling) {
    for rounds in benchmarks.values_mut() {
        if rounds.replicates.len() >= sampling.replicates_at(rounds.looks + 1) {
            rounds.look(sampling);
        }
    }
}

/// Looks at the benchmarks that have more replicates since their last look: the end of a run is a look, too.
pub(crate) fn look_at_the_rest(benchmarks: &mut BTreeMap<String, Rounds>, sampling: Sampling) {
    for rounds in benchmarks.values_mut() {
        if rounds.replicates.len() > rounds.looked_at {
            rounds.look(sampling);
        }
    }
}

/// Returns the benchmarks that have their verdicts, with a correction over all benchmarks.
pub(crate) fn settled(benchmarks: &BTreeMap<String, Rounds>, stopping: &Stopping) -> BTreeSet<String> {
    let estimates: Vec<(&String, &Rounds, LogEstimate)> = benchmarks
        .iter()
        .filter_map(|(benchmark, rounds)| Some((benchmark, rounds, rounds.estimate?)))
        .collect();
    let mut p_values: Vec<f64> = estimates
        .iter()
        .map(|(_, _, estimate)| estimate.p_value)
        .collect();
    // Benchmarks without a look count, too.
    p_values.resize(benchmarks.len(), 1.0);
    let survives = stats::survives_correction(&p_values);
    let decided = estimates
        .iter()
        .zip(survives)
        .filter(|((_, rounds, estimate), _)| may_settle(estimate, rounds.looked_at))
        .filter(|((benchmark, _, estimate), survives)| match stopping.aim {
            Aim::Verdict => is_settled(estimate, stopping.thresholds.of(benchmark), *survives),
            Aim::Decision(worth) => worth.decide(estimate).is_some(),
        });
    decided
        .map(|((benchmark, _, _), _)| (*benchmark).clone())
        .collect()
}

#[cfg(test)]
mod tests;
