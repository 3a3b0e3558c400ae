//! Process pairs that go through the benchmarks together: both sides enter a benchmark, something is done while they
//! are inside, both leave. A [`Pass`] decides what is done: timing, profiling, or looking at what is reached.
//!
//! Some fixtures cannot exist twice on one machine: they take a port, a lock, a database. A benchmark that fails on one
//! side while the other is inside is tried again at the end of the replicate, in separate processes, one side after the
//! other; where that works, it is visited in this way from then on.
//!
//! It talks to workers through [`Launch`] and [`crate::worker::process::WorkerChannel`] only, so that tests can script them.

mod failures;
mod one_sided;

pub(crate) use failures::{BenchmarkFailure, End, FailureKind, PairFailure, StoppedBy};
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use deadheat_core::model::{Order, PerSide, Side};
use deadheat_core::output::Output;
use deadheat_core::protocol::{ChangedValue, Reply, Request};
use failures::{SideFailure, SideFailureKind, TOO_SLOW};

use crate::worker::process::ChannelError;
use crate::worker::session::{self, Launch, Opened, Session, StartError, Waited, WorkerSpec};

/// The number of replicates, each with a fresh process pair, and what is known about the benchmarks.
#[derive(Clone, Debug)]
pub(crate) struct Schedule {
    /// `None`: until the [`Pass`] has enough.
    pub(crate) replicates: Option<usize>,
    /// The number of replicates in an earlier run that this one continues.
    pub(crate) earlier: usize,
    pub(crate) seed: u64,
    /// Whether both sides run on the same core, and on no other.
    pub(crate) one_core: bool,
    /// The hard end of the run.
    pub(crate) until: Instant,
    /// The benchmarks that are known not to run on both sides at once.
    pub(crate) one_at_a_time: OneAtATime,
    /// The benchmarks whose calls are known to use up what their fixtures made.
    pub(crate) set_up_each_call: BTreeSet<String>,
    /// The benchmarks that get all cores, in process pairs of their own.
    pub(crate) several_cores: BTreeSet<String>,
}

/// Benchmarks that cannot run on both sides at once, each with its message from one side while the other was inside.
pub(crate) type OneAtATime = BTreeMap<String, String>;

/// The bounds of the longest that one request may take, which is half of what is left of the run.
const SHORTEST_LIMIT: Duration = Duration::from_secs(10);
const LONGEST_LIMIT: Duration = Duration::from_secs(300);
/// The second side may take this many times as long to set up as the first one, beyond [`SHORTEST_LIMIT`], before it
/// counts as waiting for something that the first one holds.
const SET_UP_SHARE: u32 = 4;

/// The work on a benchmark that both sides can run.
pub(crate) trait Pass {
    /// The result of one benchmark in one process pair.
    type PairResult;
    /// The result on one side, where the sides are not there at once.
    type SideResult;

    /// Chooses the benchmarks that the next replicate visits, of those that it can; none ends the replicates.
    fn choose<'a>(&mut self, benchmarks: Vec<&'a String>) -> Vec<&'a String> {
        benchmarks
    }

    /// Works while both sides are inside the benchmark.
    fn inside(
        &mut self,
        both: &mut ProcessPair<'_>,
        benchmark: &str,
        entered: PerSide<Entered>,
    ) -> Result<Self::PairResult, PairFailure>;

    /// Works while one side is inside the benchmark, and the other is not there; `other` is the other side's result,
    /// once it has one.
    fn inside_alone(
        &mut self,
        alone: &mut ProcessPair<'_>,
        side: Side,
        benchmark: &str,
        entered: Entered,
        other: Option<&Self::SideResult>,
    ) -> Result<Self::SideResult, PairFailure>;

    /// Joins the halves of a replicate; `order` names the side that came first.
    fn join(&mut self, order: Order, halves: PerSide<Self::SideResult>) -> Self::PairResult;

    /// Called when this side has left the benchmark, and has not failed.
    fn left_by(&mut self, _: &mut ProcessPair<'_>, _: Side) -> Result<(), PairFailure> {
        Ok(())
    }

    /// Takes the finding when both sides have left the benchmark, and neither failed.
    fn left(&mut self, benchmark: &str, left: Left, finding: Self::PairResult) -> SetUp;

    /// Called when set-ups for each call went wrong. Returns whether there is an earlier finding, which remains valid.
    fn cannot_set_up_each_call(&mut self, _benchmark: &str) -> bool {
        false
    }
}

/// How often the fixtures of a benchmark's own test are set up from now on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SetUp {
    AsItIs,
    /// For each call; the benchmark is visited once more at the end of the replicate, in fresh processes.
    TryEachCall,
    /// Once for all calls, as before [`SetUp::TryEachCall`].
    OnceAfterAll,
}

/// The facts about a benchmark in one process pair when both sides have left it.
#[derive(Debug, Default)]
pub(crate) struct Left {
    /// The hash seed of both sides.
    pub(crate) seed: u32,
    /// The output of the first sample on each side.
    pub(crate) outputs: PerSide<Option<Output>>,
    /// The values that the set-up of each side made and its calls changed.
    pub(crate) changed: PerSide<Vec<ChangedValue>>,
    /// Whether both sides could set up the test's own fixtures for each call, and did not.
    pub(crate) can_set_up_each_call: bool,
    /// Whether both sides set them up for each call.
    pub(crate) set_up_each_call: bool,
}

/// An event for the progress display.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Event<'a> {
    ReplicateStarted {
        index: usize,
        /// `None`: not known yet.
        of: Option<usize>,
        benchmarks: usize,
    },
    BenchmarkStarted {
        benchmark: &'a str,
        /// The position in this replicate.
        position: usize,
    },
}

/// The results of [`walk`], whatever the [`Pass`] did.
#[derive(Debug, Default)]
pub(crate) struct PassOutcome {
    pub(crate) setbacks: Vec<BenchmarkFailure>,
    /// A count of the project's modules that benchmarks imported, per side: zero where none imported any.
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
pub(crate) fn walk<V: Pass>(
    schedule: &Schedule,
    spec: &WorkerSpec,
    opened: Opened,
    benchmarks: &[String],
    launch: &mut dyn Launch,
    visit: &mut V,
    listen: &mut dyn FnMut(Event<'_>),
) -> anyhow::Result<PassOutcome> {
    let mut walk = PassRunner {
        schedule,
        spec,
        launch,
        walked: PassOutcome {
            one_at_a_time: schedule.one_at_a_time.clone(),
            set_up_each_call: schedule.set_up_each_call.clone(),
            ..PassOutcome::default()
        },
        replicate: 0,
        on_several_cores: false,
        suspects: Vec::new(),
        again: Vec::new(),
    };
    match walk.replicates(opened, benchmarks, visit, listen) {
        Ok(()) => {}
        Err(End::Stopped(by)) => walk.walked.stopped = Some(by),
        Err(End::Error(error)) => return Err(error),
    }
    Ok(walk.walked)
}

struct PassRunner<'a> {
    schedule: &'a Schedule,
    spec: &'a WorkerSpec,
    launch: &'a mut dyn Launch,
    walked: PassOutcome,
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

/// The result of a benchmark on one side by itself.
struct Ran<H> {
    half: H,
    said: SaidAtTheEnd,
}

/// The answer of one side when it left a benchmark.
#[derive(Default)]
struct SaidAtTheEnd {
    output: Option<Output>,
    changed: Vec<ChangedValue>,
}

/// The two sides of one process pair, as a [`Pass`] talks to them.
pub(crate) struct ProcessPair<'a> {
    schedule: &'a Schedule,
    sessions: &'a mut PerSide<Option<Session>>,
    replicate: usize,
    share_a_core: bool,
}

impl ProcessPair<'_> {
    pub(crate) fn ask(&mut self, side: Side, request: &Request) -> Result<Reply, PairFailure> {
        ask(self.schedule, open_session(self.sessions, side), side, request)
    }

    /// Returns the time since this side's last answer.
    pub(crate) fn waited(&mut self, side: Side) -> Waited {
        open_session(self.sessions, side).waited()
    }

    pub(crate) fn look_for_children(&mut self, side: Side) {
        if let Some(session) = self.sessions.get_mut(side) {
            session.look_for_children();
        }
    }

    /// Returns the order of the sides in a round. It alternates between replicates, too: there may be a single round.
    pub(crate) fn order_of_round(&self, round: usize) -> Order {
        Order::of_round(self.schedule.earlier + self.replicate + round)
    }

    /// Whether both sides run on one core, and on no other.
    pub(crate) fn share_a_core(&self) -> bool {
        self.share_a_core
    }

    /// Asks both sides before either has answered; both have answered at the end, whatever they said.
    pub(crate) fn ask_at_once(
        &mut self,
        order: Order,
        request: &Request,
    ) -> Result<PerSide<Reply>, PairFailure> {
        let limit = limit(self.schedule)?;
        let sent = order.sides().map(|side| {
            let session = open_session(self.sessions, side);
            (side, session.send(request))
        });
        let mut replies = PerSide::<Option<Result<Reply, PairFailure>>>::default();
        for (side, sent) in sent {
            let session = open_session(self.sessions, side);
            let reply = match sent {
                Ok(()) => session.receive(limit)?,
                Err(problem) => Err(problem),
            };
            let reply = reply.map_err(|problem| trouble(self.schedule, session, side, &problem));
            *replies.get_mut(side) = Some(reply);
        }
        PerSide::try_from_fn(|side| replies.get_mut(side).take().expect("each side was asked"))
    }
}

/// Returns a different, reproducible hash seed for each replicate (SplitMix64, Steele, Lea and Flood 2014).
pub(crate) fn hash_seed(seed: u64, replicate: usize) -> u32 {
    let mut z = seed.wrapping_add((replicate as u64 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15));
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    ((z ^ (z >> 31)) >> 32) as u32
}

/// The result of entering a benchmark on one side.
enum Entry {
    Inside(Entered),
    /// With the reason.
    Skipped(String),
}

/// The answer of a side when its benchmark was entered.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Entered {
    pub(crate) iterations_per_sample: Option<u64>,
    pub(crate) samples: Option<u64>,
    /// Whether the suite prescribes the clock that samples are timed by.
    pub(crate) own_clock: bool,
    /// Whether the test's own fixtures, which were set up once, could be set up for each call.
    pub(crate) can_set_up_each_call: bool,
}

impl Entered {
    /// Returns the most rounds that the suite allows, where it counts the calls on either side.
    pub(crate) fn most_rounds(both: PerSide<Entered>) -> Option<usize> {
        let most = [both.base.samples, both.head.samples]
            .into_iter()
            .flatten()
            .min()?;
        Some(usize::try_from(most).unwrap_or(usize::MAX))
    }

    /// Whether the suite prescribes how its calls are counted.
    pub(crate) fn is_prescribed(self) -> bool {
        self.iterations_per_sample.is_some() || self.samples.is_some()
    }

    /// Returns the iterations of a sample on each side, as the suite prescribes them; otherwise one.
    pub(crate) fn iterations(both: PerSide<Entered>) -> PerSide<u64> {
        both.map(|entered| entered.iterations_per_sample.unwrap_or(1))
    }
}

/// The failures of one benchmark in one process pair.
#[derive(Default)]
struct Failures {
    sides: Vec<SideFailure>,
    /// Whether it may work without the other side.
    beside_the_other: bool,
    /// Whether it may work with fixtures that are set up for each call.
    with_shared_fixtures: bool,
}

impl Failures {
    /// Whether a side did not end by itself: then the other one is not waited for, because it usually does not, either.
    fn are_endless(&self) -> bool {
        !self.beside_the_other && self.sides.iter().any(|failure| failure.kind.is_endless())
    }
}

impl<'a> PassRunner<'a> {
    fn replicates<V: Pass>(
        &mut self,
        mut opened: Opened,
        benchmarks: &[String],
        visit: &mut V,
        listen: &mut dyn FnMut(Event<'_>),
    ) -> Result<(), End> {
        let of = self.schedule.replicates;
        for index in 0..of.unwrap_or(usize::MAX) {
            let left = benchmarks.iter().filter(|id| !self.walked.lost.contains(*id));
            let chosen = visit.choose(left.collect());
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
            let is_apart = |benchmark: &String| self.walked.one_at_a_time.contains_key(benchmark);
            let (mut apart, together): (Vec<&String>, Vec<&String>) =
                chosen.iter().copied().partition(|benchmark| is_apart(benchmark));
            for (several, together) in self.by_cores(&together) {
                self.give_cores(several);
                self.visit_each(std::mem::take(&mut opened), &together, visit, listen)?;
            }
            let suspects = std::mem::take(&mut self.suspects);
            let is_suspect =
                |benchmark: &&&String| suspects.iter().any(|suspect| suspect.benchmark == ***benchmark);
            apart.extend(together.iter().filter(is_suspect));
            for (several, apart) in self.by_cores(&apart) {
                self.give_cores(several);
                self.one_side_after_the_other(&apart, &suspects, visit, listen)?;
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
        visit: &mut V,
        listen: &mut dyn FnMut(Event<'_>),
    ) -> Result<(), End> {
        for (position, benchmark) in benchmarks.iter().enumerate() {
            listen(Event::BenchmarkStarted { benchmark, position });
            self.open_missing(&mut sessions, &Side::BOTH)?;
            let next = benchmarks.get(position + 1).map(|next| next.as_str());
            self.visit(&mut sessions, visit, benchmark, next)?;
        }
        stop(sessions);
        self.visit_again(visit, listen)
    }

    /// Visits benchmarks whose fixtures are now set up for each call; if that fails, they are set up once, as before.
    fn visit_again<V: Pass>(&mut self, visit: &mut V, listen: &mut dyn FnMut(Event<'_>)) -> Result<(), End> {
        let again = std::mem::take(&mut self.again);
        let mut sessions = PerSide::default();
        for (position, benchmark) in again.iter().enumerate() {
            listen(Event::BenchmarkStarted { benchmark, position });
            self.open_missing(&mut sessions, &Side::BOTH)?;
            let next = again.get(position + 1).map(String::as_str);
            let suspects = self.suspects.len();
            self.visit(&mut sessions, visit, benchmark, next)?;
            let went_wrong = self.suspects.len() > suspects || self.walked.lost.contains(benchmark);
            if went_wrong {
                self.walked.set_up_each_call.remove(benchmark);
                if visit.cannot_set_up_each_call(benchmark) {
                    self.suspects.truncate(suspects);
                    self.walked.lost.remove(benchmark);
                    self.walked.endless.remove(benchmark);
                    let setbacks = &mut self.walked.setbacks;
                    setbacks.retain(|setback| setback.benchmark != *benchmark);
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
                self.walked.set_up_each_call.insert(benchmark.to_owned());
                self.again.push(benchmark.to_owned());
            }
            SetUp::OnceAfterAll => {
                self.walked.set_up_each_call.remove(benchmark);
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

    /// Handles a worker that did not open. One that opened before is tried again, and then given up: what is measured
    /// stays measured.
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
                self.walked.last_words = words;
                Err(End::Stopped(StoppedBy::Worker(side)))
            }
            problem => Err(End::Error(problem.into_error(side))),
        }
    }

    /// Visits one benchmark in one replicate, and notes what goes wrong.
    fn visit<V: Pass>(
        &mut self,
        sessions: &mut PerSide<Option<Session>>,
        visit: &mut V,
        benchmark: &str,
        next: Option<&str>,
    ) -> Result<(), End> {
        let mut failures = Failures::default();
        let mut inside = self.enter_both(sessions, benchmark, next, &mut failures)?;
        let can = |entered: Option<Entered>| entered.is_some_and(|entered| entered.can_set_up_each_call);
        let is_set_up_once = can(inside.base) && can(inside.head);
        let mut finding = None;
        if let PerSide {
            base: Some(base),
            head: Some(head),
        } = inside
        {
            match visit.inside(&mut self.both(sessions), benchmark, PerSide::new(base, head)) {
                Ok(found) => finding = Some(found),
                Err(failure) => {
                    let failure = failure.unless_end()?;
                    *inside.get_mut(failure.side) = None;
                    failures.with_shared_fixtures = is_set_up_once && failure.kind == SideFailureKind::Test;
                    // The calls themselves may take something that exists only once.
                    failures.beside_the_other = failure.kind == SideFailureKind::Test;
                    failures.sides.push(failure);
                }
            }
        }
        let mut left = Left {
            seed: self.seed(),
            can_set_up_each_call: is_set_up_once,
            set_up_each_call: self.walked.set_up_each_call.contains(benchmark),
            ..Left::default()
        };
        self.leave_both(sessions, inside, &mut left, &mut failures)?;
        for side in Side::BOTH {
            if finding.is_some()
                && failures.sides.is_empty()
                && let Err(failure) = visit.left_by(&mut self.both(sessions), side)
            {
                failures.sides.push(failure.unless_end()?);
            }
        }
        if let Some(finding) = finding
            && failures.sides.is_empty()
        {
            let set_up = visit.left(benchmark, left, finding);
            self.set_up(benchmark, set_up);
        }
        self.settle(sessions, benchmark, failures);
        Ok(())
    }

    /// Enters the benchmark on both sides, one after the other. The side that sets up first alternates, too.
    fn enter_both(
        &mut self,
        sessions: &mut PerSide<Option<Session>>,
        benchmark: &str,
        next: Option<&str>,
        failures: &mut Failures,
    ) -> Result<PerSide<Option<Entered>>, End> {
        let mut inside = PerSide::<Option<Entered>>::default();
        let began = Instant::now();
        for side in Order::of_round(self.replicate).sides() {
            let is_beside_the_other = inside.get(side.other()).is_some();
            let mut limit = limit(self.schedule)?;
            if is_beside_the_other {
                limit = limit.min(SHORTEST_LIMIT + began.elapsed() * SET_UP_SHARE);
            }
            match self.enter(sessions, side, benchmark, next, limit) {
                Ok(Entry::Inside(entered)) => *inside.get_mut(side) = Some(entered),
                // A fixture may skip the test if it finds something taken.
                Ok(Entry::Skipped(message)) if is_beside_the_other => {
                    failures.sides.push(SideFailure {
                        side,
                        message,
                        kind: SideFailureKind::Test,
                    });
                    failures.beside_the_other = true;
                }
                Ok(Entry::Skipped(reason)) => {
                    self.setback(benchmark, Some(side), FailureKind::Skipped, reason);
                }
                Err(failure) => {
                    failures.sides.push(failure.unless_end()?);
                    failures.beside_the_other = is_beside_the_other;
                }
            }
            if failures.are_endless() {
                break;
            }
        }
        Ok(inside)
    }

    /// Leaves the benchmark on the sides that are inside, and looks whether it has removed a worktree.
    fn leave_both(
        &mut self,
        sessions: &mut PerSide<Option<Session>>,
        inside: PerSide<Option<Entered>>,
        left: &mut Left,
        failures: &mut Failures,
    ) -> Result<(), End> {
        for side in Side::BOTH.into_iter().filter(|&side| inside.get(side).is_some()) {
            if failures.are_endless() {
                *sessions.get_mut(side) = None;
                continue;
            }
            match self.leave(sessions, side) {
                Ok(said) => {
                    *left.outputs.get_mut(side) = said.output;
                    *left.changed.get_mut(side) = said.changed;
                }
                Err(failure) => failures.sides.push(failure.unless_end()?),
            }
        }
        for side in Side::BOTH {
            if sessions.get(side).is_some() && self.launch.is_lost(side) {
                failures.sides.push(SideFailure {
                    side,
                    message: session::lost(side),
                    kind: SideFailureKind::Worktree,
                });
                failures.beside_the_other = false;
            }
        }
        Ok(())
    }

    /// Tries a failed benchmark in another way where that may help, or records the failure.
    fn settle(&mut self, sessions: &mut PerSide<Option<Session>>, benchmark: &str, failures: Failures) {
        let is_one = failures.sides.len() == 1;
        if failures.with_shared_fixtures && is_one {
            // A second call may find what the first one left, such as the rows of a table.
            self.set_up(benchmark, SetUp::TryEachCall);
        } else if failures.beside_the_other && is_one {
            self.suspect(sessions, benchmark, failures.sides);
        } else {
            self.note(sessions, benchmark, failures.sides);
        }
    }

    /// Sets aside a benchmark that may work when the other side is not there.
    fn suspect(
        &mut self,
        sessions: &mut PerSide<Option<Session>>,
        benchmark: &str,
        troubles: Vec<SideFailure>,
    ) {
        for trouble in troubles {
            if trouble.kind != SideFailureKind::Test {
                *sessions.get_mut(trouble.side) = None;
            }
            self.suspects.push(Suspect {
                benchmark: benchmark.to_owned(),
                side: trouble.side,
                message: trouble.message,
            });
        }
    }

    /// Records what went wrong, once for both sides, and gives up workers that are gone.
    fn note(&mut self, sessions: &mut PerSide<Option<Session>>, benchmark: &str, troubles: Vec<SideFailure>) {
        let mut failed: Vec<(Side, FailureKind, String)> = Vec::new();
        for trouble in troubles {
            if trouble.kind != SideFailureKind::Test {
                *sessions.get_mut(trouble.side) = None;
            }
            let mut message = trouble.message;
            let kind = match trouble.kind {
                SideFailureKind::Test | SideFailureKind::Worker => FailureKind::Failed,
                SideFailureKind::CutOff { .. } => FailureKind::Endless,
                SideFailureKind::Worktree => FailureKind::WorktreeGone,
            };
            if trouble.kind.is_endless() {
                self.walked.endless.insert(benchmark.to_owned());
            }
            if trouble.kind == (SideFailureKind::CutOff { late: true }) {
                let line = message.find('\n').unwrap_or(message.len());
                message.insert_str(line, TOO_SLOW);
            }
            failed.push((trouble.side, kind, message));
        }
        failed.sort_by_key(|(side, ..)| *side);
        if let Some((side, kind, message)) = failed.pop() {
            self.setback(benchmark, failed.is_empty().then_some(side), kind, message);
        }
    }

    fn setback(&mut self, benchmark: &str, side: Option<Side>, kind: FailureKind, message: String) {
        self.walked.lost.insert(benchmark.to_owned());
        // A benchmark that both sides skip has one row.
        if let Some(earlier) = self
            .walked
            .setbacks
            .iter_mut()
            .find(|setback| setback.benchmark == benchmark)
        {
            if earlier.kind == kind {
                earlier.side = None;
            } else if kind != FailureKind::Skipped {
                (earlier.side, earlier.kind, earlier.message) = (side, kind, message);
            }
            return;
        }
        self.walked.setbacks.push(BenchmarkFailure {
            benchmark: benchmark.to_owned(),
            side,
            kind,
            message,
        });
    }

    fn enter(
        &mut self,
        sessions: &mut PerSide<Option<Session>>,
        side: Side,
        benchmark: &str,
        next: Option<&str>,
        limit: Duration,
    ) -> Result<Entry, PairFailure> {
        let session = open_session(sessions, side);
        if !session.has(benchmark) {
            return Err(PairFailure::failed(
                side,
                format!(
                    "pytest collected it at first, and did not collect it again in a later process: if its id comes from a set, \
                     an address or a random number, {}",
                    crate::project::node_ids::FIXED_IDS
                ),
            ));
        }
        let request = Request::Enter {
            benchmark: benchmark.to_owned(),
            next: next.filter(|next| session.has(next)).map(str::to_owned),
            set_up_each_call: self.walked.set_up_each_call.contains(benchmark),
        };
        match ask_within(self.schedule, session, side, &request, limit)? {
            Reply::Entered {
                iterations_per_sample,
                samples,
                own_clock,
                can_set_up_each_call,
            } => Ok(Entry::Inside(Entered {
                iterations_per_sample,
                samples,
                own_clock,
                can_set_up_each_call,
            })),
            Reply::Skipped { reason } => Ok(Entry::Skipped(reason)),
            Reply::Failed { message, .. } => Err(PairFailure::failed(side, message)),
            other => Err(out_of_order(side, &other)),
        }
    }

    fn leave(
        &mut self,
        sessions: &mut PerSide<Option<Session>>,
        side: Side,
    ) -> Result<SaidAtTheEnd, PairFailure> {
        match ask(self.schedule, open_session(sessions, side), side, &Request::Leave)? {
            Reply::Left {
                project_modules,
                output,
                changed,
                ..
            } => {
                *self.walked.project_modules.get_mut(side) += project_modules;
                Ok(SaidAtTheEnd {
                    output: Some(output),
                    changed,
                })
            }
            Reply::Failed { message, .. } => Err(PairFailure::failed(side, message)),
            // A test may skip itself after its benchmark, which has run.
            Reply::Skipped { .. } => Ok(SaidAtTheEnd::default()),
            other => Err(out_of_order(side, &other)),
        }
    }
}

/// Returns the longest that the next request may take.
fn limit(schedule: &Schedule) -> Result<Duration, End> {
    let left = schedule.until.saturating_duration_since(Instant::now());
    if left.is_zero() {
        return Err(End::Stopped(StoppedBy::Timeout));
    }
    Ok((left / 2).clamp(SHORTEST_LIMIT, LONGEST_LIMIT).min(left))
}

/// Returns what stopped the whole run, if a missing answer means that it is over.
fn stop_of(schedule: &Schedule, problem: &ChannelError) -> Option<StoppedBy> {
    match problem {
        ChannelError::Interrupted => Some(StoppedBy::User),
        ChannelError::Deadline(_) if Instant::now() >= schedule.until => Some(StoppedBy::Timeout),
        _ => None,
    }
}

fn ask(
    schedule: &Schedule,
    session: &mut Session,
    side: Side,
    request: &Request,
) -> Result<Reply, PairFailure> {
    ask_within(schedule, session, side, request, limit(schedule)?)
}

fn ask_within(
    schedule: &Schedule,
    session: &mut Session,
    side: Side,
    request: &Request,
    limit: Duration,
) -> Result<Reply, PairFailure> {
    session
        .ask(request, limit)?
        .map_err(|problem| trouble(schedule, session, side, &problem))
}

fn trouble(schedule: &Schedule, session: &Session, side: Side, problem: &ChannelError) -> PairFailure {
    match stop_of(schedule, problem) {
        Some(by) => PairFailure::End(End::Stopped(by)),
        None => PairFailure::lost(
            side,
            format!("{problem}\n{}", session.log_tail()).trim_end().to_owned(),
            Some(problem),
        ),
    }
}

fn stop(sessions: PerSide<Option<Session>>) {
    for session in [sessions.base, sessions.head].into_iter().flatten() {
        session.stop();
    }
}

fn open_session(sessions: &mut PerSide<Option<Session>>, side: Side) -> &mut Session {
    sessions
        .get_mut(side)
        .as_mut()
        .expect("both sessions are opened before a visit")
}

pub(crate) fn out_of_order(side: Side, reply: &Reply) -> PairFailure {
    PairFailure::lost(side, format!("the worker answered out of order: {reply:?}"), None)
}
