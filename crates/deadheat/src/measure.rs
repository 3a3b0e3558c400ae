//! The schedule: replicates of fresh process pairs that walk through the benchmarks together, and inside each
//! benchmark rounds that visit both sides in turn.
//!
//! It talks to workers through [`Launch`] and [`crate::worker::Talk`] only, so that tests can script them.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use deadheat_core::model::{Order, Pair, PerSide, Replicate, Sample, Side};
use deadheat_core::protocol::{Reply, Request};

use crate::session::{Briefing, Launch, NotReady, Session};
use crate::worker::NoAnswer;

/// How much is measured: short rounds, many of them, in many process pairs.
#[derive(Clone, Debug)]
pub(crate) struct Schedule {
    pub(crate) replicates: usize,
    pub(crate) seed: u64,
    /// The hard end of the run.
    pub(crate) until: Instant,
}

/// A sample is this long, or one iteration where that takes longer. A machine's slow moments last milliseconds: the
/// shorter the two samples of a round, the more often both fall into the same one.
const SAMPLE_NS: u64 = 300_000;
/// Before each sample one call in this many is made without being timed: the other side had the core's caches.
const WARMUP_SHARE: u64 = 4;
const MOST_ROUNDS: usize = 100;
/// What the rounds of one benchmark may take in one replicate before there are fewer of them...
const ROUNDS_NS: u64 = 300_000_000;
/// ...but this many, unless a single round takes longer than [`ROUNDS_NS`]: then there are two, one in each order.
const FEW_ROUNDS: usize = 6;
const FEWEST_ROUNDS: usize = 2;
/// A sample whose calls have to be set up one by one (`benchmark.pedantic` with a `setup`) takes no longer than this all
/// in all, unless a single call does.
const MOST_WALL_NS: u64 = 5_000_000;
/// More calls than fit into a sample: a clock that does not move must not make it grow for ever.
const MOST_ITERATIONS: u64 = 10_000_000;

/// The longest that one request may take: half of what is left of the run, within these bounds.
const SHORTEST_LIMIT: Duration = Duration::from_secs(10);
const LONGEST_LIMIT: Duration = Duration::from_secs(300);

/// Why a benchmark has no numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Setback {
    pub(crate) benchmark: String,
    /// `None`: on both.
    pub(crate) side: Option<Side>,
    pub(crate) kind: SetbackKind,
    pub(crate) message: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SetbackKind {
    Failed,
    Skipped,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StoppedBy {
    User,
    Timeout,
    /// A later process pair could not be brought to where the first one was.
    Worker(Side),
}

/// What came of it.
#[derive(Debug, Default)]
pub(crate) struct Measured {
    /// By benchmark.
    pub(crate) replicates: BTreeMap<String, Vec<Replicate>>,
    pub(crate) setbacks: Vec<Setback>,
    /// By benchmark: how busy each side was while the other one ran.
    pub(crate) idle: BTreeMap<String, PerSide<IdleUse>>,
    /// Whether any benchmark imported code of the project, per side.
    pub(crate) project_modules: PerSide<u64>,
    pub(crate) stopped: Option<StoppedBy>,
    /// What a worker printed that ended the run.
    pub(crate) last_words: String,
}

/// Processor time that a waiting side used, and the time that it waited for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct IdleUse {
    pub(crate) waits: u64,
    pub(crate) cpu_ns: u64,
    pub(crate) other_ns: u64,
}

/// What a wait costs by itself: a reply is written and a request is read.
const WAIT_COST_NS: u64 = 200_000;

impl IdleUse {
    /// The share of the other side's time in which this side ran too, beyond what waiting itself costs.
    pub(crate) fn share(self) -> f64 {
        self.cpu_ns.saturating_sub(self.waits * WAIT_COST_NS) as f64 / self.other_ns.max(1) as f64
    }

    fn add(&mut self, other: IdleUse) {
        self.waits += other.waits;
        self.cpu_ns += other.cpu_ns;
        self.other_ns += other.other_ns;
    }
}

/// What the progress shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Event<'a> {
    ReplicateStarted {
        index: usize,
        of: usize,
    },
    BenchmarkStarted {
        benchmark: &'a str,
        done: usize,
        of: usize,
    },
}

pub(crate) fn measure(
    schedule: &Schedule,
    briefing: &Briefing,
    benchmarks: &[String],
    launch: &mut dyn Launch,
    listen: &mut dyn FnMut(Event<'_>),
) -> anyhow::Result<Measured> {
    let mut run = Run {
        schedule,
        briefing,
        launch,
        measured: Measured::default(),
        lost: BTreeSet::new(),
        replicate: 0,
    };
    let ended = run.replicates(benchmarks, listen);
    match ended {
        Ok(()) => {}
        Err(End::Stopped(by)) => run.measured.stopped = Some(by),
        Err(End::Error(error)) => return Err(error),
    }
    let lost = run.lost;
    run.measured
        .replicates
        .retain(|benchmark, _| !lost.contains(benchmark));
    Ok(run.measured)
}

/// A different, reproducible hash seed for each replicate (SplitMix64, Steele, Lea and Flood 2014).
pub(crate) fn hash_seed(seed: u64, replicate: usize) -> u32 {
    let mut z = seed.wrapping_add((replicate as u64 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15));
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    ((z ^ (z >> 31)) >> 32) as u32
}

/// What ends the whole run before its time.
enum End {
    Stopped(StoppedBy),
    Error(anyhow::Error),
}

impl From<anyhow::Error> for End {
    fn from(error: anyhow::Error) -> Self {
        End::Error(error)
    }
}

/// What ends one benchmark's visit.
enum Trouble {
    /// The test failed; its worker has left the benchmark and is ready for the next.
    Failed {
        side: Side,
        message: String,
    },
    /// The worker is gone.
    Lost {
        side: Side,
        message: String,
    },
    End(End),
}

impl From<End> for Trouble {
    fn from(end: End) -> Self {
        Trouble::End(end)
    }
}

impl From<anyhow::Error> for Trouble {
    fn from(error: anyhow::Error) -> Self {
        Trouble::End(End::Error(error))
    }
}

/// What a side said when its benchmark was entered.
#[derive(Clone, Copy, Debug, Default)]
struct Entered {
    iterations_per_sample: Option<u64>,
    samples: Option<u64>,
}

struct Run<'a> {
    schedule: &'a Schedule,
    briefing: &'a Briefing,
    launch: &'a mut dyn Launch,
    measured: Measured,
    /// Benchmarks that are not tried again.
    lost: BTreeSet<String>,
    replicate: usize,
}

impl Run<'_> {
    fn replicates(&mut self, benchmarks: &[String], listen: &mut dyn FnMut(Event<'_>)) -> Result<(), End> {
        let of = self.schedule.replicates;
        for index in 0..of {
            self.replicate = index;
            listen(Event::ReplicateStarted { index, of });
            let mut sessions = PerSide {
                base: Some(self.open(Side::Base)?),
                head: Some(self.open(Side::Head)?),
            };
            let left: Vec<&String> = benchmarks.iter().filter(|id| !self.lost.contains(*id)).collect();
            for (position, benchmark) in left.iter().enumerate() {
                listen(Event::BenchmarkStarted {
                    benchmark,
                    done: index * benchmarks.len() + position,
                    of: of * benchmarks.len(),
                });
                for side in Side::BOTH {
                    if sessions.get(side).is_none() {
                        *sessions.get_mut(side) = Some(self.open(side)?);
                    }
                }
                let next = left.get(position + 1).map(|next| next.as_str());
                if let Some(pairs) = self.visit(&mut sessions, benchmark, next)? {
                    let replicate = Replicate {
                        seed: hash_seed(self.schedule.seed, index),
                        pairs,
                    };
                    self.measured
                        .replicates
                        .entry((*benchmark).clone())
                        .or_default()
                        .push(replicate);
                }
            }
            for session in [sessions.base, sessions.head].into_iter().flatten() {
                session.stop();
            }
            if left.iter().all(|benchmark| self.lost.contains(*benchmark)) {
                break;
            }
        }
        Ok(())
    }

    fn open(&mut self, side: Side) -> Result<Session, End> {
        let seed = hash_seed(self.schedule.seed, self.replicate);
        let mut tries = 0;
        loop {
            let limit = self.limit()?;
            let problem = match Session::open(self.launch, self.briefing, side, seed, limit) {
                Ok((session, _)) => return Ok(session),
                Err(problem) => problem,
            };
            if let NotReady::NoAnswer { problem, .. } = &problem
                && let Some(by) = self.stop_of(problem)
            {
                return Err(End::Stopped(by));
            }
            tries += 1;
            match problem {
                // What started before and does not start now is tried again, and then given up: what is measured
                // stays measured.
                NotReady::CollectionFailed { words } | NotReady::NoAnswer { words, .. }
                    if self.replicate > 0 =>
                {
                    if tries == 2 {
                        self.measured.last_words = words;
                        return Err(End::Stopped(StoppedBy::Worker(side)));
                    }
                }
                problem => return Err(End::Error(problem.into_error(side))),
            }
        }
    }

    /// How long the next request may take.
    fn limit(&self) -> Result<Duration, End> {
        let left = self.schedule.until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(End::Stopped(StoppedBy::Timeout));
        }
        Ok((left / 2).clamp(SHORTEST_LIMIT, LONGEST_LIMIT).min(left))
    }

    /// Whether silence means that the whole run is over.
    fn stop_of(&self, problem: &NoAnswer) -> Option<StoppedBy> {
        match problem {
            NoAnswer::Interrupted => Some(StoppedBy::User),
            NoAnswer::Deadline(_) if Instant::now() >= self.schedule.until => Some(StoppedBy::Timeout),
            _ => None,
        }
    }

    fn ask(&self, session: &mut Session, side: Side, request: &Request) -> Result<Reply, Trouble> {
        let limit = self.limit()?;
        session
            .ask(request, limit)?
            .map_err(|problem| match self.stop_of(&problem) {
                Some(by) => Trouble::End(End::Stopped(by)),
                None => Trouble::Lost {
                    side,
                    message: format!("{problem}\n{}", session.log_tail()).trim_end().to_owned(),
                },
            })
    }

    /// One benchmark in one replicate; `None` where it has no numbers, which is then noted.
    fn visit(
        &mut self,
        sessions: &mut PerSide<Option<Session>>,
        benchmark: &str,
        next: Option<&str>,
    ) -> Result<Option<Vec<Pair>>, End> {
        let mut inside = PerSide::<Option<Entered>>::default();
        let mut troubles = Vec::new();
        // Who sets up first alternates, too.
        for side in Order::of_round(self.replicate).sides() {
            match self.enter(sessions, side, benchmark, next) {
                Ok(entered) => *inside.get_mut(side) = entered,
                Err(Trouble::End(end)) => return Err(end),
                Err(trouble) => troubles.push(trouble),
            }
        }
        let mut pairs = Vec::new();
        if let PerSide {
            base: Some(base),
            head: Some(head),
        } = inside
        {
            match self.rounds(sessions, benchmark, PerSide::new(base, head)) {
                Ok(taken) => pairs = taken,
                Err(Trouble::End(end)) => return Err(end),
                Err(trouble) => {
                    let (Trouble::Failed { side, .. } | Trouble::Lost { side, .. }) = &trouble else {
                        unreachable!("an end was returned above");
                    };
                    *inside.get_mut(*side) = None;
                    troubles.push(trouble);
                }
            }
        }
        for side in Side::BOTH {
            if inside.get(side).is_some() {
                match self.leave(sessions, side) {
                    Ok(()) => {}
                    Err(Trouble::End(end)) => return Err(end),
                    Err(trouble) => troubles.push(trouble),
                }
            }
        }
        self.note(sessions, benchmark, troubles);
        Ok((!self.lost.contains(benchmark)).then_some(pairs))
    }

    /// Writes down what went wrong, once for both sides, and gives up workers that are gone.
    fn note(&mut self, sessions: &mut PerSide<Option<Session>>, benchmark: &str, troubles: Vec<Trouble>) {
        let mut failed: Vec<(Side, String)> = Vec::new();
        for trouble in troubles {
            match trouble {
                Trouble::Failed { side, message } => failed.push((side, message)),
                Trouble::Lost { side, message } => {
                    *sessions.get_mut(side) = None;
                    failed.push((side, message));
                }
                Trouble::End(_) => unreachable!("an end is returned at once"),
            }
        }
        failed.sort_by_key(|(side, _)| *side);
        if let Some((side, message)) = failed.pop() {
            self.setback(
                benchmark,
                failed.is_empty().then_some(side),
                SetbackKind::Failed,
                message,
            );
        }
    }

    fn setback(&mut self, benchmark: &str, side: Option<Side>, kind: SetbackKind, message: String) {
        self.lost.insert(benchmark.to_owned());
        // A benchmark that both sides skip is one row.
        if let Some(earlier) = self
            .measured
            .setbacks
            .iter_mut()
            .find(|setback| setback.benchmark == benchmark)
        {
            if earlier.kind == kind {
                earlier.side = None;
            } else if kind == SetbackKind::Failed {
                (earlier.side, earlier.kind, earlier.message) = (side, kind, message);
            }
            return;
        }
        self.measured.setbacks.push(Setback {
            benchmark: benchmark.to_owned(),
            side,
            kind,
            message,
        });
    }

    /// `None` where the test was skipped.
    fn enter(
        &mut self,
        sessions: &mut PerSide<Option<Session>>,
        side: Side,
        benchmark: &str,
        next: Option<&str>,
    ) -> Result<Option<Entered>, Trouble> {
        let session = open_session(sessions, side);
        if !session.has(benchmark) {
            return Err(Trouble::Failed {
                side,
                message: "pytest collected it at first, and did not collect it again in a later process"
                    .to_owned(),
            });
        }
        let request = Request::Enter {
            benchmark: benchmark.to_owned(),
            next: next.filter(|next| session.has(next)).map(str::to_owned),
        };
        match self.ask(session, side, &request)? {
            Reply::Entered {
                iterations_per_sample,
                samples,
            } => Ok(Some(Entered {
                iterations_per_sample,
                samples,
            })),
            Reply::Skipped { reason } => {
                self.setback(benchmark, Some(side), SetbackKind::Skipped, reason);
                Ok(None)
            }
            Reply::Failed { message, .. } => Err(Trouble::Failed { side, message }),
            other => Err(out_of_order(side, &other)),
        }
    }

    fn leave(&mut self, sessions: &mut PerSide<Option<Session>>, side: Side) -> Result<(), Trouble> {
        match self.ask(open_session(sessions, side), side, &Request::Leave)? {
            Reply::Left { project_modules, .. } => {
                *self.measured.project_modules.get_mut(side) += project_modules;
                Ok(())
            }
            Reply::Failed { message, .. } => Err(Trouble::Failed { side, message }),
            // A test may skip itself after its benchmark; it ran.
            Reply::Skipped { .. } => Ok(()),
            other => Err(out_of_order(side, &other)),
        }
    }

    fn sample(
        &mut self,
        sessions: &mut PerSide<Option<Session>>,
        side: Side,
        iterations: u64,
    ) -> Result<Taken, Trouble> {
        let asked = Instant::now();
        match self.ask(
            open_session(sessions, side),
            side,
            &Request::Run {
                warmup: iterations / WARMUP_SHARE,
                iterations,
            },
        )? {
            Reply::Sample {
                elapsed_ns,
                iterations,
                idle_cpu_ns,
            } => Ok(Taken {
                sample: Sample {
                    elapsed_ns,
                    iterations,
                },
                idle_cpu_ns,
                wall_ns: asked.elapsed().as_nanos() as u64,
            }),
            Reply::Failed { message, .. } => Err(Trouble::Failed { side, message }),
            other => Err(out_of_order(side, &other)),
        }
    }

    fn rounds(
        &mut self,
        sessions: &mut PerSide<Option<Session>>,
        benchmark: &str,
        entered: PerSide<Entered>,
    ) -> Result<Vec<Pair>, Trouble> {
        let most = [entered.base.samples, entered.head.samples]
            .into_iter()
            .flatten()
            .min();
        let mut iterations = entered.map(|entered| entered.iterations_per_sample.unwrap_or(1));
        let mut rounds = MOST_ROUNDS;
        if let Some(most) = most {
            // The suite counts the calls: none of them can be spent on warming up or on calibration.
            rounds = rounds.min(usize::try_from(most).unwrap_or(usize::MAX));
        } else {
            let mut costs = PerSide::<Cost>::default();
            for side in Side::BOTH {
                *costs.get_mut(side) = self.calibrate(sessions, side)?;
            }
            iterations = iterations_for(costs);
            for side in Side::BOTH {
                if *iterations.get(side) > 1 {
                    // Warm again after the other side's calibration; this sample does not count.
                    self.sample(sessions, side, *iterations.get(side))?;
                }
            }
            let round_ns = |side: Side| costs.get(side).of_sample_ns(*iterations.get(side));
            rounds = rounds_for(round_ns(Side::Base) + round_ns(Side::Head));
        }
        let mut pairs: Vec<Pair> = Vec::with_capacity(rounds);
        let mut idle = PerSide::<IdleUse>::default();
        // How long each side has waited for the other since its own last turn.
        let mut waited = PerSide::new(0, 0);
        while pairs.len() < rounds {
            let order = Order::of_round(pairs.len());
            let mut round_wall_ns = 0;
            let mut turn = |side: Side| -> Result<Sample, Trouble> {
                let Taken {
                    sample,
                    idle_cpu_ns,
                    wall_ns,
                } = self.sample(sessions, side, *iterations.get(side))?;
                round_wall_ns += wall_ns;
                let wait = std::mem::take(waited.get_mut(side));
                if wait > 0 {
                    idle.get_mut(side).add(IdleUse {
                        waits: 1,
                        cpu_ns: idle_cpu_ns,
                        other_ns: wait,
                    });
                }
                *waited.get_mut(side.other()) += sample.elapsed_ns;
                Ok(sample)
            };
            let [first, second] = order.sides();
            let (first_sample, second_sample) = (turn(first)?, turn(second)?);
            let (base, head) = match first {
                Side::Base => (first_sample, second_sample),
                Side::Head => (second_sample, first_sample),
            };
            pairs.push(Pair { order, base, head });
            if most.is_some() && pairs.len() == 1 {
                rounds = rounds.min(rounds_for(round_wall_ns as f64));
            }
        }
        let total = self.measured.idle.entry(benchmark.to_owned()).or_default();
        for side in Side::BOTH {
            total.get_mut(side).add(*idle.get(side));
        }
        Ok(pairs)
    }

    /// What one iteration takes, found by samples that grow to the wanted length. They warm the code up, too.
    fn calibrate(&mut self, sessions: &mut PerSide<Option<Session>>, side: Side) -> Result<Cost, Trouble> {
        let mut iterations = 1;
        loop {
            let taken = self.sample(sessions, side, iterations)?;
            let cost = Cost {
                ns: taken.sample.per_iteration_ns(),
                wall_ns: taken.wall_ns as f64 / iterations as f64,
            };
            // The first call of all pays for caches and imports; it tells only whether a second one is affordable.
            let enough = if iterations == 1 { SAMPLE_NS } else { SAMPLE_NS / 2 };
            let is_other_count = taken.sample.iterations != iterations;
            let is_clock_still = iterations > MOST_ITERATIONS;
            if taken.sample.elapsed_ns >= enough
                || taken.wall_ns >= MOST_WALL_NS / 2
                || is_other_count
                || is_clock_still
            {
                return Ok(cost);
            }
            iterations = cost.iterations().clamp(iterations * 2, iterations * 16);
        }
    }
}

/// What came of one request for a sample.
struct Taken {
    sample: Sample,
    idle_cpu_ns: u64,
    /// From the request to the reply: what a suite sets up and tears down around its calls is in it.
    wall_ns: u64,
}

/// What one iteration takes.
#[derive(Clone, Copy, Debug, Default)]
struct Cost {
    ns: f64,
    wall_ns: f64,
}

impl Cost {
    /// Calls that make a sample of the wanted length, unless setting them up takes too long.
    fn iterations(self) -> u64 {
        let wanted = SAMPLE_NS as f64 / self.ns;
        let affordable = MOST_WALL_NS as f64 / self.wall_ns.max(1.0);
        (wanted.min(affordable).round() as u64).max(1)
    }

    fn of_sample_ns(self, iterations: u64) -> f64 {
        self.ns.max(self.wall_ns) * iterations as f64
    }
}

/// Calls in a sample. Sides of about the same speed get the same number, so that nothing but their code differs.
fn iterations_for(costs: PerSide<Cost>) -> PerSide<u64> {
    let ratio = costs.base.ns / costs.head.ns;
    if (0.5..=2.0).contains(&ratio) {
        let both = Cost {
            ns: (costs.base.ns * costs.head.ns).sqrt(),
            wall_ns: costs.base.wall_ns.max(costs.head.wall_ns),
        };
        PerSide::new(both.iterations(), both.iterations())
    } else {
        costs.map(Cost::iterations)
    }
}

fn rounds_for(round_ns: f64) -> usize {
    let affordable = (ROUNDS_NS as f64 / round_ns.max(1.0)) as usize;
    let fewest = if round_ns > ROUNDS_NS as f64 {
        FEWEST_ROUNDS
    } else {
        FEW_ROUNDS
    };
    // Even, so that each order comes equally often.
    affordable.clamp(fewest, MOST_ROUNDS) / 2 * 2
}

fn open_session(sessions: &mut PerSide<Option<Session>>, side: Side) -> &mut Session {
    sessions
        .get_mut(side)
        .as_mut()
        .expect("both sessions are opened before a visit")
}

fn out_of_order(side: Side, reply: &Reply) -> Trouble {
    Trouble::Lost {
        side,
        message: format!("the worker answered out of order: {reply:?}"),
    }
}

#[cfg(test)]
#[path = "measure_tests.rs"]
mod tests;
