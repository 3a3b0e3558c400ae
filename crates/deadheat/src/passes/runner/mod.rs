//! Process pairs that go through the benchmarks together: both sides enter a benchmark, something is done
//! while they are inside, both leave. A [`Pass`] decides what is done: timing, profiling, or finding the
//! functions that run.
//!
//! Some fixtures cannot exist twice on one machine: they take a port, a lock, a database. A benchmark that
//! fails on one side while the other is inside is tried again at the end of the replicate, in separate
//! processes, one side after the other; if that works, it is visited in this way from then on.
//!
//! It talks to workers through [`Launch`] and [`crate::worker::process::WorkerChannel`] only, so that tests can script them.

mod failures;
mod one_sided;
mod pair;
mod pass;
mod schedule;
mod side_failures;
mod visits;

use std::collections::BTreeSet;

use deadheat_core::model::{Order, PerSide, Side};

use crate::passes::runner::pair::{stop, stop_of};
use crate::passes::runner::schedule::limit;
use crate::worker::session::{Launch, Opened, Session, StartError, WorkerSpec};

pub(crate) use failures::{BenchmarkFailure, End, FailureKind, PairFailure, StoppedBy};
pub(crate) use pair::{ProcessPair, out_of_order};
pub(crate) use pass::{Entered, Event, Left, Pass, SetUp};
pub(crate) use schedule::{OneAtATime, Schedule, hash_seed};

/// The results of [`run_pass`], whatever the [`Pass`] did.
#[derive(Debug, Default)]
pub(crate) struct PassOutcome {
    pub(crate) failures: Vec<BenchmarkFailure>,
    /// A count of the project's modules that benchmarks imported, per side: zero if none imported any.
    pub(crate) project_modules: PerSide<u64>,
    pub(crate) stopped: Option<StoppedBy>,
    /// The output of a worker that ended the run.
    pub(crate) last_words: String,
    /// Benchmarks that were given up.
    pub(crate) lost: BTreeSet<String>,
    /// Those of them that would not have ended, whatever the other side did.
    pub(crate) endless: BTreeSet<String>,
    /// Those of the schedule, and those found since.
    pub(crate) one_at_a_time: OneAtATime,
    /// Likewise.
    pub(crate) set_up_each_call: BTreeSet<String>,
}

/// Visits the benchmarks in each replicate. `opened` are workers that are already open, for the first one.
pub(crate) fn run_pass<V: Pass>(
    schedule: &Schedule,
    spec: &WorkerSpec,
    opened: Opened,
    benchmarks: &[String],
    launch: &mut dyn Launch,
    pass: &mut V,
    listen: &mut dyn FnMut(Event<'_>),
) -> anyhow::Result<PassOutcome> {
    let mut runner = PassRunner {
        schedule,
        spec,
        launch,
        outcome: PassOutcome {
            one_at_a_time: schedule.one_at_a_time.clone(),
            set_up_each_call: schedule.set_up_each_call.clone(),
            ..PassOutcome::default()
        },
        replicate: 0,
        on_several_cores: false,
        suspects: Vec::new(),
        again: Vec::new(),
    };
    match runner.replicates(opened, benchmarks, pass, listen) {
        Ok(()) => {}
        Err(End::Stopped(by)) => runner.outcome.stopped = Some(by),
        Err(End::Error(error)) => return Err(error),
    }
    Ok(runner.outcome)
}

struct PassRunner<'a> {
    schedule: &'a Schedule,
    spec: &'a WorkerSpec,
    launch: &'a mut dyn Launch,
    outcome: PassOutcome,
    replicate: usize,
    /// Whether the current processes have all cores.
    on_several_cores: bool,
    /// Benchmarks that failed on one side in this replicate while the other was inside.
    suspects: Vec<Suspect>,
    /// Benchmarks to visit again in this replicate, with fixtures set up for each call.
    again: Vec<String>,
}

struct Suspect {
    benchmark: String,
    side: Side,
    message: String,
}

impl<'a> PassRunner<'a> {
    fn replicates<V: Pass>(
        &mut self,
        mut opened: Opened,
        benchmarks: &[String],
        pass: &mut V,
        listen: &mut dyn FnMut(Event<'_>),
    ) -> Result<(), End> {
        let of = self.schedule.replicates;
        for index in 0..of.unwrap_or(usize::MAX) {
            let left = benchmarks.iter().filter(|id| !self.outcome.lost.contains(*id));
            let chosen = pass.choose(left.collect());
            if chosen.is_empty() {
                break;
            }
            self.replicate = index;
            listen(Event::ReplicateStarted {
                index,
                of,
                benchmarks: chosen.len(),
            });
            let next_seed = hash_seed(self.schedule.seed, self.schedule.earlier + index + 1);
            self.launch
                .replicate_begins(of.map(|of| of - index - 1), next_seed);
            let is_apart = |benchmark: &String| self.outcome.one_at_a_time.contains_key(benchmark);
            let (mut apart, together): (Vec<&String>, Vec<&String>) =
                chosen.iter().copied().partition(|benchmark| is_apart(benchmark));
            for (several, together) in self.by_cores(&together) {
                self.give_cores(several);
                self.visit_each(std::mem::take(&mut opened), &together, pass, listen)?;
            }
            let suspects = std::mem::take(&mut self.suspects);
            let is_suspect =
                |benchmark: &&&String| suspects.iter().any(|suspect| suspect.benchmark == ***benchmark);
            apart.extend(together.iter().filter(is_suspect));
            for (several, apart) in self.by_cores(&apart) {
                self.give_cores(several);
                self.one_side_after_the_other(&apart, &suspects, pass, listen)?;
            }
            self.give_cores(false);
        }
        Ok(())
    }

    /// Divides benchmarks into those that get one core and those that get several; leaves out a group without any.
    fn by_cores<'b>(&self, benchmarks: &[&'b String]) -> Vec<(bool, Vec<&'b String>)> {
        let several = &self.schedule.several_cores;
        let (on_several, on_one): (Vec<&String>, Vec<&String>) = benchmarks
            .iter()
            .copied()
            .partition(|benchmark| several.contains(*benchmark));
        let groups = [(false, on_one), (true, on_several)];
        groups
            .into_iter()
            .filter(|(_, group)| !group.is_empty())
            .collect()
    }

    fn give_cores(&mut self, several: bool) {
        if self.on_several_cores != several {
            self.on_several_cores = several;
            self.launch.give_cores(several);
        }
    }

    /// Visits benchmarks with one process pair, as long as none of them ends it.
    fn visit_each<V: Pass>(
        &mut self,
        mut sessions: PerSide<Option<Session>>,
        benchmarks: &[&String],
        pass: &mut V,
        listen: &mut dyn FnMut(Event<'_>),
    ) -> Result<(), End> {
        for (position, benchmark) in benchmarks.iter().enumerate() {
            listen(Event::BenchmarkStarted { benchmark, position });
            self.open_missing(&mut sessions, &Side::BOTH)?;
            let next = benchmarks.get(position + 1).map(|next| next.as_str());
            self.visit(&mut sessions, pass, benchmark, next)?;
        }
        stop(sessions);
        self.visit_again(pass, listen)
    }

    /// Visits benchmarks whose fixtures are now set up for each call; if that fails, they are set up once, as before.
    fn visit_again<V: Pass>(&mut self, pass: &mut V, listen: &mut dyn FnMut(Event<'_>)) -> Result<(), End> {
        let again = std::mem::take(&mut self.again);
        let mut sessions = PerSide::default();
        for (position, benchmark) in again.iter().enumerate() {
            listen(Event::BenchmarkStarted { benchmark, position });
            self.open_missing(&mut sessions, &Side::BOTH)?;
            let next = again.get(position + 1).map(String::as_str);
            let suspects = self.suspects.len();
            self.visit(&mut sessions, pass, benchmark, next)?;
            let went_wrong = self.suspects.len() > suspects || self.outcome.lost.contains(benchmark);
            if went_wrong {
                self.outcome.set_up_each_call.remove(benchmark);
                if pass.cannot_set_up_each_call(benchmark) {
                    self.suspects.truncate(suspects);
                    self.outcome.lost.remove(benchmark);
                    self.outcome.endless.remove(benchmark);
                    let failures = &mut self.outcome.failures;
                    failures.retain(|failure| failure.benchmark != *benchmark);
                }
            }
        }
        stop(sessions);
        Ok(())
    }

    /// Applies a visit's decision about how often a benchmark's fixtures are set up.
    fn set_up(&mut self, benchmark: &str, set_up: SetUp) {
        match set_up {
            SetUp::AsItIs => {}
            SetUp::TryEachCall => {
                self.outcome.set_up_each_call.insert(benchmark.to_owned());
                self.again.push(benchmark.to_owned());
            }
            SetUp::OnceAfterAll => {
                self.outcome.set_up_each_call.remove(benchmark);
            }
        }
    }

    fn both<'b>(&self, sessions: &'b mut PerSide<Option<Session>>) -> ProcessPair<'b>
    where
        'a: 'b,
    {
        ProcessPair {
            schedule: self.schedule,
            sessions,
            replicate: self.replicate,
            share_a_core: self.schedule.one_core && !self.on_several_cores,
        }
    }

    /// Returns the hash seed of both sides in this replicate.
    fn seed(&self) -> u32 {
        hash_seed(self.schedule.seed, self.schedule.earlier + self.replicate)
    }

    /// Starts the missing processes of `sides`: all at first, and later one that a benchmark has ended.
    fn open_missing(&mut self, sessions: &mut PerSide<Option<Session>>, sides: &[Side]) -> Result<(), End> {
        let seed = self.seed();
        let mut tries = 0;
        loop {
            // The side that starts first alternates.
            let missing: Vec<Side> = Order::of_round(self.replicate)
                .sides()
                .into_iter()
                .filter(|side| sides.contains(side) && sessions.get(*side).is_none())
                .collect();
            if missing.is_empty() {
                return Ok(());
            }
            tries += 1;
            let limit = limit(self.schedule)?;
            let opened = Session::open(self.launch, self.spec, &missing, seed, limit);
            for (side, opened) in missing.into_iter().zip(opened) {
                match opened {
                    Ok((session, _)) => *sessions.get_mut(side) = Some(session),
                    Err(problem) => self.not_opened(side, problem, tries)?,
                }
            }
        }
    }

    /// Handles a worker that did not open. One that opened before is tried again, and then given up: earlier
    /// measurements are kept.
    fn not_opened(&mut self, side: Side, problem: StartError, tries: u32) -> Result<(), End> {
        if let StartError::ChannelError { problem, .. } = &problem
            && let Some(by) = stop_of(self.schedule, problem)
        {
            return Err(End::Stopped(by));
        }
        match problem {
            StartError::Lost => Err(End::Stopped(StoppedBy::Lost(side))),
            StartError::CollectionFailed { words } | StartError::ChannelError { words, .. }
                if self.replicate > 0 =>
            {
                if tries < 2 {
                    return Ok(());
                }
                self.outcome.last_words = words;
                Err(End::Stopped(StoppedBy::Worker(side)))
            }
            problem => Err(End::Error(problem.into_error(side))),
        }
    }
}
