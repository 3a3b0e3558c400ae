//! Finds the benchmarks that run a changed function: every benchmark runs once on each side, in processes that watch.
//! Those that do not run one then are called many times.
//!
//! A call counts for the benchmark in which it happens, a call in a wider fixture for every test that could use it, and
//! a call at import for all. This would miss a benchmark that only uses what an earlier one made (a cache, a module's
//! state). So those that seem to run nothing are run again without the others, until a process pair has run all of them
//! without a single call: then they run nothing, whatever came before.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use deadheat_core::model::{Clock, Order, PerSide, Side};
use deadheat_core::protocol::{ReachedBy, Reply, Request};

use crate::error::Failure;
use crate::passes::runner::{
    BenchmarkFailure, Entered, Event, FailureKind, Left, OneAtATime, PairFailure, Pass, ProcessPair,
    Schedule, SetUp, StoppedBy, out_of_order, run_pass,
};
use crate::project::node_ids::is_in_node;
use crate::worker::session::{self, CannotTrace, Launch, Opened, WorkerSpec};

/// Benchmarks that are still open after this number of passes count as reached.
const MOST_PASSES: usize = 3;

/// The findings of all passes.
#[derive(Debug, Default)]
pub(crate) struct Reach {
    /// The numbers of the functions that each benchmark runs.
    functions: BTreeMap<String, BTreeSet<usize>>,
    /// Benchmarks that run no watched function.
    pub(crate) not_reached: BTreeSet<String>,
    /// Benchmarks that finished and ran no watched function in their timed part, at most before or after it.
    pub(crate) untouched: BTreeSet<String>,
    /// Benchmarks that start other processes, whose calls cannot be seen.
    pub(crate) start_processes: BTreeSet<String>,
    /// Benchmarks that use more than one core at once.
    pub(crate) parallel: BTreeSet<String>,
    /// Benchmarks that both sides ran to their end.
    pub(crate) ran: BTreeSet<String>,
    /// The time that one call of each benchmark took, or rather less.
    pub(crate) call_times: BTreeMap<String, Duration>,
    /// The reason why functions cannot be watched here.
    pub(crate) problem: Option<String>,
    /// Benchmarks that do not end, which are not tried again.
    pub(crate) endless: Vec<BenchmarkFailure>,
    pub(crate) stopped: Option<StoppedBy>,
    /// A count of the project's modules that benchmarks imported, per side: zero if none imported any.
    pub(crate) project_modules: PerSide<u64>,
    /// Benchmarks whose sides were run one after the other.
    pub(crate) one_at_a_time: OneAtATime,
}

impl Reach {
    /// Returns the benchmarks that run a function, in the given order.
    pub(crate) fn of_function(&self, number: usize, benchmarks: &[String]) -> Vec<String> {
        let runs = |benchmark: &&String| {
            let functions = self.functions.get(*benchmark);
            functions.is_some_and(|functions| functions.contains(&number))
        };
        benchmarks.iter().filter(runs).cloned().collect()
    }

    /// Adds the findings of one pass about the benchmarks that were still open.
    fn add(&mut self, looking: &Looking, open: &[String]) {
        self.ran.extend(looking.seen.iter().cloned());
        for benchmark in &looking.seen {
            if looking.any(benchmark, |by| by.parallel) {
                self.parallel.insert(benchmark.clone());
            }
            // A benchmark not seen to do so in an earlier pass may have found there what another benchmark left.
            match looking.any(benchmark, |by| by.timed) {
                true => self.untouched.remove(benchmark),
                false => self.untouched.insert(benchmark.clone()),
            };
        }
        for benchmark in open {
            let (functions, starts_processes) = looking.of(benchmark);
            if starts_processes {
                self.start_processes.insert(benchmark.clone());
            }
            self.functions
                .entry(benchmark.clone())
                .or_default()
                .extend(functions);
        }
    }

    /// Whether a benchmark was seen to run a watched function, or starts processes in which it may.
    fn reaches(&self, benchmark: &str) -> bool {
        self.start_processes.contains(benchmark)
            || self
                .functions
                .get(benchmark)
                .is_some_and(|functions| !functions.is_empty())
    }
}

/// Runs the passes. `spec` must ask for [`deadheat_core::protocol::TracePurpose::Reach`], as that of the `opened`
/// workers did.
pub(crate) fn look(
    schedule: &Schedule,
    spec: &WorkerSpec,
    mut opened: Opened,
    benchmarks: &[String],
    launch: &mut dyn Launch,
    listen: &mut dyn FnMut(Event<'_>),
) -> anyhow::Result<Reach> {
    let mut reach = Reach::default();
    let mut open = benchmarks.to_vec();
    let mut schedule = schedule.clone();
    for pass in 0..MOST_PASSES {
        let mut looking = Looking {
            calls_often: pass > 0,
            ..Looking::default()
        };
        let opened = std::mem::take(&mut opened);
        let outcome = match run_pass(&schedule, spec, opened, &open, launch, &mut looking, listen) {
            Ok(outcome) => outcome,
            Err(error) => {
                let CannotTrace(reason) = error.downcast()?;
                reach.problem = Some(reason);
                return Ok(reach);
            }
        };
        if let Some(side) = Side::BOTH.into_iter().find(|side| launch.is_lost(*side)) {
            return Err(removed_by(side, &outcome.failures).into());
        }
        for side in Side::BOTH {
            *reach.project_modules.get_mut(side) += *outcome.project_modules.get(side);
        }
        reach.call_times.append(&mut looking.call_times);
        reach.one_at_a_time.clone_from(&outcome.one_at_a_time);
        schedule.one_at_a_time = outcome.one_at_a_time;
        reach.stopped = outcome.stopped;
        if reach.stopped.is_some() {
            return Ok(reach);
        }
        let failures = outcome.failures.into_iter();
        reach
            .endless
            .extend(failures.filter(|failure| outcome.endless.contains(&failure.benchmark)));
        reach.add(&looking, &open);
        // A benchmark that failed or was skipped is measured, which reports the reason.
        open.retain(|benchmark| !reach.reaches(benchmark) && looking.seen.contains(benchmark));
        if (looking.found.is_empty() && looking.calls_often) || open.is_empty() {
            reach.not_reached.extend(open);
            break;
        }
    }
    Ok(reach)
}

/// Returns the error for a benchmark that removed the worktree that all of them run in.
fn removed_by(side: Side, failures: &[BenchmarkFailure]) -> Failure {
    let words = session::lost(side);
    let mut failures = failures.iter();
    let cause = failures.find(|failure| failure.kind == FailureKind::WorktreeGone);
    let benchmark = cause.map(|failure| format!("; `{}` ran last", failure.benchmark));
    Failure::nothing_measured(format!("{words}{}", benchmark.unwrap_or_default())).hint(
        "leave that benchmark out with -k, or have it remove its own files (tmp_path) instead of its working \
         directory",
    )
}

#[derive(Default)]
struct Looking {
    /// Whether a benchmark is called many times: a buffer is flushed, and a cache filled, in some calls only.
    calls_often: bool,
    found: Vec<ReachedBy>,
    /// Benchmarks that both sides ran to their end.
    seen: BTreeSet<String>,
    /// The time when both sides were inside the last benchmark.
    entered: Option<Instant>,
    call_times: BTreeMap<String, Duration>,
}

impl Looking {
    /// Returns the functions that count for a benchmark, and whether it started other processes.
    fn of(&self, benchmark: &str) -> (BTreeSet<usize>, bool) {
        let of_it = || {
            self.found
                .iter()
                .filter(|by| by.node.is_empty() || is_in_node(benchmark, &by.node))
        };
        let functions = of_it().flat_map(|by| by.functions.iter().copied()).collect();
        (functions, of_it().any(|by| by.processes))
    }

    /// Whether `is_so` holds for anything that ran for this benchmark alone.
    fn any(&self, benchmark: &str, is_so: fn(&ReachedBy) -> bool) -> bool {
        let mut of_it = self.found.iter().filter(|by| is_in_node(benchmark, &by.node));
        of_it.any(is_so)
    }
}

/// The time for the calls of one benchmark on one side, their set-up included, and the most of them at once.
const WATCHED: Duration = Duration::from_millis(20);
const MOST_CALLS: u64 = 10_000;

/// Calls a benchmark many times, unless the suite prescribes the calls: ten times as many as before, as long as that fits.
fn call_often(both: &mut ProcessPair<'_>, side: Side, entered: Entered) -> Result<(), PairFailure> {
    if entered.samples.is_some() || entered.iterations_per_sample.is_some() {
        return Ok(());
    }
    let mut iterations = 1;
    loop {
        let started = Instant::now();
        let request = Request::Run {
            warmup: 0,
            iterations,
            clock: Clock::Wall,
        };
        match both.ask(side, &request)? {
            Reply::Sample { .. } => {}
            Reply::Failed { message, .. } => return Err(PairFailure::failed(side, message)),
            other => return Err(out_of_order(side, &other)),
        }
        // What a sample took does not have the set-up in it.
        if iterations >= MOST_CALLS || 10 * started.elapsed() > WATCHED {
            return Ok(());
        }
        iterations *= 10;
    }
}

impl Pass for Looking {
    type PairResult = ();
    type SideResult = ();

    fn inside(
        &mut self,
        both: &mut ProcessPair<'_>,
        _: &str,
        entered: PerSide<Entered>,
    ) -> Result<(), PairFailure> {
        if self.calls_often {
            call_often(both, Side::Base, entered.base)?;
            return call_often(both, Side::Head, entered.head);
        }
        // A test that was not asked for a sample runs its benchmark once when it is left.
        self.entered = Some(Instant::now());
        Ok(())
    }

    fn inside_alone(
        &mut self,
        alone: &mut ProcessPair<'_>,
        side: Side,
        _: &str,
        entered: Entered,
        _: Option<&()>,
    ) -> Result<(), PairFailure> {
        match self.calls_often {
            true => call_often(alone, side, entered),
            false => Ok(()),
        }
    }

    fn join(&mut self, _: Order, _: PerSide<()>) {}

    fn left_by(&mut self, both: &mut ProcessPair<'_>, side: Side) -> Result<(), PairFailure> {
        match both.ask(side, &Request::Reach)? {
            Reply::Reached { by } => {
                self.found.extend(by);
                Ok(())
            }
            other => Err(out_of_order(side, &other)),
        }
    }

    fn left(&mut self, benchmark: &str, _: Left, (): ()) -> SetUp {
        self.seen.insert(benchmark.to_owned());
        if let Some(entered) = self.entered.take() {
            // Both sides have left, one after the other.
            self.call_times
                .insert(benchmark.to_owned(), entered.elapsed() / 2);
        }
        SetUp::AsItIs
    }
}

#[cfg(test)]
#[path = "reach_tests.rs"]
mod tests;
