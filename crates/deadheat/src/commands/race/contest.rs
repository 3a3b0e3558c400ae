//! The race itself: replicate after replicate, every open candidate beside the one that leads.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use deadheat_core::judge::race::{Race, Times};
use deadheat_core::judge::stats::{self, FEWEST_REPLICATES};
use deadheat_core::model::{Replicate, Side};
use deadheat_core::text::{main_line, plain};

use crate::commands::common::context::CompareContext;
use crate::commands::compare::reach_selection::not_imported;
use crate::commands::race::entrant::Entrant;
use crate::error::{Failure, is_stopped};
use crate::passes::measure::{self, Measured, ReplicateSet, Stopping};
use crate::passes::runner::{BenchmarkFailure, Event, Schedule, StoppedBy};
use crate::passes::workers::WorkerPool;
use crate::system::cpu_pinning::CpuPinning;
use crate::system::disturbances::DisturbanceMonitor;
use crate::workspace::without_checkouts;

/// The one that leads, and the one that is measured beside it.
type Pair = (usize, usize);

/// Candidates are numbered as in [`Race`]: 0 is the reference, and N is the Nth entrant.
pub(super) struct Contest<'a> {
    run: &'a CompareContext<'a>,
    pub(super) names: Vec<String>,
    entrants: Vec<Entrant>,
    pub(super) race: Race,
    pub(super) benchmarks: Vec<String>,
    /// The times of each benchmark, in the replicates of the race.
    pub(super) parts: BTreeMap<String, Times>,
    pub(super) measured: BTreeMap<Pair, BTreeMap<String, ReplicateSet>>,
    pools: BTreeMap<Pair, WorkerPool>,
    /// Why candidates could not be measured any more.
    pub(super) failed: BTreeMap<usize, String>,
    /// Benchmarks that fail on the reference.
    pub(super) left_out: Vec<BenchmarkFailure>,
    /// The number of process pairs.
    pub(super) pairs: usize,
    pub(super) cores: CpuPinning,
    pub(super) conditions: DisturbanceMonitor,
    budget_ends: Instant,
}

/// The outcome of one process pair.
enum Lap {
    Measured,
    Failed { candidate: usize, reason: String },
    Stopped(StoppedBy),
}

impl<'a> Contest<'a> {
    pub(super) fn new(
        run: &'a CompareContext<'a>,
        names: Vec<String>,
        entrants: Vec<Entrant>,
        benchmarks: Vec<String>,
        cores: CpuPinning,
        conditions: DisturbanceMonitor,
        budget_ends: Instant,
    ) -> Self {
        let threshold = run.settings.thresholds().general();
        let parts = benchmarks
            .iter()
            .map(|benchmark| (benchmark.clone(), Times::default()));
        Contest {
            run,
            race: Race::new(names.len(), threshold),
            names,
            entrants,
            parts: parts.collect(),
            benchmarks,
            measured: BTreeMap::new(),
            pools: BTreeMap::new(),
            failed: BTreeMap::new(),
            left_out: Vec::new(),
            pairs: 0,
            cores,
            conditions,
            budget_ends,
        }
    }

    pub(super) fn into_entrants(self) -> Vec<Entrant> {
        self.entrants
    }

    /// Returns the number of an entrant among all candidates of the command.
    pub(super) fn candidate(&self, number: usize) -> usize {
        number
            .checked_sub(1)
            .map_or(0, |entrant| self.entrants[entrant].candidate)
    }

    /// Whether a benchmark was measured on all cores.
    pub(super) fn is_on_several_cores(&self, benchmark: &str) -> bool {
        let mut entrants = self.entrants.iter();
        self.cores.measuring.is_some()
            && entrants.any(|entrant| entrant.workers.several_cores.contains(benchmark))
    }

    /// Races until there is an answer, or the time is over; returns what stopped it earlier.
    pub(super) fn run(&mut self) -> anyhow::Result<Option<StoppedBy>> {
        let mut stopped = None;
        let mut lasted = Duration::ZERO;
        for replicate in 0.. {
            let challengers = self.race.challengers();
            let is_over = Instant::now() + lasted > self.budget_ends;
            if challengers.is_empty() || (is_over && replicate >= FEWEST_REPLICATES) {
                break;
            }
            let started = Instant::now();
            let leader = self.race.leader();
            // Those of other pairs would keep processes.
            self.pools
                .retain(|(base, head), _| *base == leader && challengers.contains(head));
            self.run.context.listener.timing(Event::ReplicateStarted {
                index: replicate,
                of: None,
                benchmarks: challengers.len(),
            });
            let mut measured = Vec::new();
            for (position, challenger) in challengers.into_iter().enumerate() {
                self.run.context.listener.timing(Event::BenchmarkStarted {
                    benchmark: &self.names[challenger],
                    position,
                });
                match self.lap((leader, challenger), replicate)? {
                    Lap::Measured => measured.push(challenger),
                    Lap::Failed { candidate, reason } => {
                        self.failed.insert(candidate, reason);
                        self.race.withdraw(candidate);
                        if candidate == leader {
                            // What was measured beside it is worth nothing without it.
                            measured.clear();
                            break;
                        }
                    }
                    Lap::Stopped(by) => {
                        stopped = Some(by);
                        break;
                    }
                }
            }
            self.add(leader, &measured);
            if stopped.is_some() {
                break;
            }
            lasted = started.elapsed();
        }
        self.race.finish();
        Ok(stopped)
    }

    /// Adds the last replicate of these challengers to the race.
    fn add(&mut self, leader: usize, challengers: &[usize]) {
        if challengers.is_empty() || self.benchmarks.is_empty() {
            return;
        }
        let candidates = self.names.len();
        for benchmark in &self.benchmarks {
            let ratio = |&challenger: &usize| {
                let last = self.measured[&(leader, challenger)][benchmark]
                    .replicates
                    .last()?;
                Some((challenger, stats::log_ratio(last)?))
            };
            let ratios: Vec<(usize, f64)> = challengers.iter().filter_map(ratio).collect();
            if let Some(times) = self.parts.get_mut(benchmark) {
                times.add(candidates, leader, &ratios);
            }
        }
        let total = |&challenger: &usize| {
            let sets = &self.measured[&(leader, challenger)];
            let replicates = self
                .benchmarks
                .iter()
                .map(|benchmark| sets[benchmark].replicates.as_slice());
            let replicates: Vec<&[Replicate]> = replicates.collect();
            Some((challenger, *stats::total_log_ratios(&replicates).last()?))
        };
        let totals: Vec<(usize, f64)> = challengers.iter().filter_map(total).collect();
        self.race.add(&totals);
    }

    /// Measures one process pair.
    fn lap(&mut self, pair: Pair, replicate: usize) -> anyhow::Result<Lap> {
        let mut workers = self.take_workers(pair)?;
        let earlier = self.measured.remove(&pair).unwrap_or_default();
        let known: BTreeMap<String, usize> = earlier
            .iter()
            .map(|(benchmark, set)| (benchmark.clone(), set.replicates.len()))
            .collect();
        workers
            .set_up_each_call
            .extend(measure::set_up_each_call(&earlier));
        std::mem::swap(&mut workers.launcher.cores, &mut self.cores);
        std::mem::swap(&mut workers.launcher.conditions, &mut self.conditions);
        if workers.launcher.cores.measuring.is_none() {
            workers.several_cores.clear();
        }
        let schedule = Schedule {
            earlier: replicate,
            ..self.run.schedule(None, &workers)
        };
        let stopping = Stopping {
            call_times: workers.call_times.clone(),
            // One replicate.
            ..self.run.stopping(Duration::ZERO)
        };
        let benchmarks = &self.benchmarks;
        let measured = measure::time(
            &mut workers,
            &schedule,
            stopping,
            earlier,
            benchmarks,
            &mut |_| {},
        );
        std::mem::swap(&mut workers.launcher.cores, &mut self.cores);
        std::mem::swap(&mut workers.launcher.conditions, &mut self.conditions);
        if let Ok(measured) = &measured {
            workers.one_at_a_time.clone_from(&measured.one_at_a_time);
        }
        self.pools.insert(pair, workers);
        self.pairs += 1;
        match measured {
            Ok(measured) => self.settle(pair, replicate, measured, &known),
            Err(error) => match error.downcast_ref::<Failure>() {
                Some(failure) if failure.kind.is_worth_a_report() && !is_stopped(&error) => {
                    Ok(self.failure(pair.1, &failure.message))
                }
                _ => Err(error),
            },
        }
    }

    /// Keeps the measurements of a pair, and says what became of it.
    fn settle(
        &mut self,
        pair: Pair,
        replicate: usize,
        measured: Measured,
        known: &BTreeMap<String, usize>,
    ) -> anyhow::Result<Lap> {
        let (leader, challenger) = pair;
        let of_side = |side: Side| match side {
            Side::Base => leader,
            Side::Head => challenger,
        };
        if let Some(by) = measured.stopped {
            return Ok(match by {
                StoppedBy::Worker(side) | StoppedBy::Lost(side) => {
                    let words = format!("stopped {by} {}", main_line(&measured.last_words));
                    self.failure(of_side(side), words.trim())
                }
                by => Lap::Stopped(by),
            });
        }
        let none_imported = measured.project_modules.base == 0 || measured.project_modules.head == 0;
        self.measured.insert(pair, measured.benchmarks);
        let mut failed = None;
        for failure in measured.failures {
            if leader == 0 && failure.side != Some(Side::Head) && replicate == 0 {
                // It fails on the reference, so that nothing can be said about it.
                self.benchmarks
                    .retain(|benchmark| *benchmark != failure.benchmark);
                self.left_out.push(failure);
            } else {
                let candidate = failure.side.map_or(challenger, of_side);
                failed.get_or_insert((candidate, words_of(&failure)));
            }
        }
        if self.benchmarks.is_empty()
            && let Some(failure) = self.left_out.first()
        {
            let words = format!(
                "every benchmark fails on {}: {}",
                self.names[0],
                words_of(failure)
            );
            return Err(Failure::nothing_measured(words).into());
        }
        let has_no_more = |benchmark: &&String| {
            let set = self.measured[&pair].get(*benchmark);
            let count = set.map_or(0, |set| set.replicates.len());
            count <= known.get(*benchmark).copied().unwrap_or(0)
        };
        let timeless = self.benchmarks.iter().find(has_no_more);
        Ok(match (failed, timeless) {
            (Some((candidate, reason)), _) => self.failure(candidate, &reason),
            (None, Some(benchmark)) => {
                self.failure(challenger, &format!("{} gave no time", plain(benchmark)))
            }
            (None, None) if none_imported && !self.run.settings.all => {
                self.failure(challenger, &not_imported().to_string())
            }
            _ => Lap::Measured,
        })
    }

    fn failure(&self, candidate: usize, message: &str) -> Lap {
        let mut reason = message.to_owned();
        for entrant in &self.entrants {
            reason = without_checkouts(&reason, entrant.site.checkouts.worktrees());
        }
        Lap::Failed { candidate, reason }
    }

    /// Returns the workers of a pair.
    fn take_workers(&mut self, pair: Pair) -> anyhow::Result<WorkerPool> {
        if let Some(workers) = self.pools.remove(&pair) {
            return Ok(workers);
        }
        let (leader, challenger) = pair;
        // The reference is checked out beside every entrant.
        let beside = |one: usize, other: usize| match one {
            0 => (&self.entrants[other - 1].workers, Side::Base),
            _ => (&self.entrants[one - 1].workers, Side::Head),
        };
        let workspace = &self.entrants[leader.max(challenger) - 1].site.checkouts.workspace;
        let logs = workspace.folder().join(format!("logs-{leader}-{challenger}"));
        std::fs::create_dir_all(&logs)?;
        Ok(WorkerPool::pairing(
            beside(leader, challenger),
            beside(challenger, leader),
            logs,
        ))
    }
}

fn words_of(failure: &BenchmarkFailure) -> String {
    format!("{}: {}", plain(&failure.benchmark), main_line(&failure.message))
}
