//! The profile pass: runs the measured benchmarks again, in processes that watch, pinned as the timed ones
//! were, both sides in turn, in several process pairs.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use deadheat_core::judge::profile::ProfileSample;
use deadheat_core::judge::stats::FEWEST_REPLICATES;
use deadheat_core::model::{Order, PerSide, Side};
use deadheat_core::protocol::{Reply, Request, SurveyedFunction};

use crate::error::{ErrorKind, Failure};
use crate::passes::runner::{
    Entered, Event, Left, PairFailure, Pass, ProcessPair, Schedule, SetUp, StoppedBy, out_of_order, run_pass,
};
use crate::worker::session::{CannotTrace, Launch, WorkerSpec};

/// The process pairs of the pass: functions' times also have an interval.
const REPLICATES: usize = 5;
/// With fewer, an interval says next to nothing.
const FEWEST_PAIRS: usize = 3;
/// The limit that always has room for the fewest pairs of a short benchmark.
const SHORTEST_LIMIT: Duration = Duration::from_millis(1_500);
/// The length of a sample, unless one iteration takes longer.
const SAMPLE_NS: f64 = 2e6;
const MOST_ITERATIONS: f64 = 10_000.0;
/// The longest that a sample may take, with the set-up around its calls, unless a single call takes longer.
const MOST_WALL_NS: f64 = 20e6;
const ROUNDS: usize = 4;
/// The length of a round above which there are [`FEWEST_ROUNDS`], one in each order.
const LONG_ROUND_NS: f64 = 300e6;
const FEWEST_ROUNDS: usize = 2;

/// Returns the most process pairs of the pass: never more than decided a verdict, which were at most `timed`.
pub(crate) fn most_pairs(timed: usize) -> usize {
    REPLICATES.min(timed)
}

/// The benchmarks and process pairs that a pass has time for.
#[derive(Debug)]
pub(crate) struct Affordable {
    pub(crate) benchmarks: Vec<String>,
    pub(crate) pairs: usize,
    /// The time after which no more pairs are started, for calls that take longer than expected while they are watched.
    pub(crate) ends: Instant,
    /// The benchmarks that would take too long.
    pub(crate) left_out: Vec<String>,
}

/// Chooses from `benchmarks`, each with the time of a call on both sides together, as many as `limit` has
/// room for, the cheapest first, and at most `most` process pairs. `startup` is the time that a pair takes to
/// start, which leaves no benchmark out. If `limit` is below [`SHORTEST_LIMIT`], there are fewer pairs, but
/// room for as many benchmarks as [`SHORTEST_LIMIT`] has.
pub(crate) fn affordable(
    benchmarks: &[(String, Duration)],
    startup: Duration,
    limit: Duration,
    most: usize,
) -> Affordable {
    let cost = |round: Duration| match round.as_nanos() as f64 > LONG_ROUND_NS {
        true => round * (2 + FEWEST_ROUNDS as u32),
        false => round.max(Duration::from_nanos(2 * SAMPLE_NS as u64)) * (2 + ROUNDS as u32),
    };
    let mut by_cost: Vec<(&String, Duration)> = benchmarks
        .iter()
        .map(|(name, round)| (name, cost(*round)))
        .collect();
    by_cost.sort_by_key(|(_, cost)| *cost);
    let fewest = FEWEST_PAIRS.min(most) as u32;
    let mut pair = Duration::ZERO;
    let mut chosen = BTreeSet::new();
    for (name, cost) in by_cost {
        if (pair + cost) * fewest <= limit.max(SHORTEST_LIMIT) {
            pair += cost;
            chosen.insert(name);
        }
    }
    let (kept, left_out) = benchmarks
        .iter()
        .map(|(name, _)| name.clone())
        .partition(|name| chosen.contains(name));
    let fitting = (limit.as_secs_f64() / (startup + pair).as_secs_f64().max(1e-9)) as usize;
    Affordable {
        benchmarks: kept,
        pairs: fitting.clamp(fewest as usize, most),
        ends: Instant::now() + limit.max(SHORTEST_LIMIT) * 3 / 2,
        left_out,
    }
}

/// The record of one sample, whatever profiler was used.
pub(crate) trait Recorded: Sized {
    /// Whether a sample is a single call, however short.
    const SINGLE_CALLS: bool = false;

    fn from_reply(reply: Reply) -> Result<Self, Reply>;
    /// Returns the length of all its iterations together.
    fn length_ns(&self) -> f64;
    fn iterations(&self) -> u64;
}

impl Recorded for ProfileSample {
    fn from_reply(reply: Reply) -> Result<Self, Reply> {
        match reply {
            Reply::Profiled {
                iterations,
                length_ns,
                unbalanced,
                functions,
                ..
            } => Ok(ProfileSample {
                iterations,
                length_ns,
                unbalanced,
                functions,
            }),
            other => Err(other),
        }
    }

    fn length_ns(&self) -> f64 {
        self.length_ns
    }

    fn iterations(&self) -> u64 {
        self.iterations
    }
}

/// One sample of every function of the project.
#[derive(Clone, Debug)]
pub(crate) struct SurveySample {
    pub(crate) iterations: u64,
    pub(crate) elapsed_ns: u64,
    pub(crate) functions: Vec<SurveyedFunction>,
}

impl Recorded for SurveySample {
    fn from_reply(reply: Reply) -> Result<Self, Reply> {
        match reply {
            Reply::Surveyed {
                elapsed_ns,
                iterations,
                functions,
            } => Ok(SurveySample {
                iterations,
                elapsed_ns,
                functions,
            }),
            other => Err(other),
        }
    }

    fn length_ns(&self) -> f64 {
        self.elapsed_ns as f64
    }

    fn iterations(&self) -> u64 {
        self.iterations
    }
}

/// The samples of both sides by benchmark, one pair for each process pair.
pub(crate) type Recordings<S> = BTreeMap<String, Vec<PerSide<Vec<S>>>>;

/// The results of a pass.
#[derive(Debug)]
pub(crate) struct Profiles<S> {
    pub(crate) replicates: Recordings<S>,
    /// The reason why there are no replicates, or not all.
    pub(crate) problem: Option<String>,
    pub(crate) stopped: Option<StoppedBy>,
}

/// Runs a pass and records its samples. `spec` must ask for the purpose whose samples are wanted.
pub(crate) fn record<S: Recorded>(
    schedule: &Schedule,
    spec: &WorkerSpec,
    affordable: &Affordable,
    launch: &mut dyn Launch,
    listen: &mut dyn FnMut(Event<'_>),
) -> anyhow::Result<Profiles<S>> {
    let mut recording = Recording {
        replicates: BTreeMap::new(),
        pairs: 0,
        ends: affordable.ends,
    };
    let (problem, stopped) = match run_pass(
        schedule,
        spec,
        PerSide::default(),
        &affordable.benchmarks,
        launch,
        &mut recording,
        listen,
    ) {
        Ok(outcome) => {
            recording
                .replicates
                .retain(|benchmark, _| !outcome.lost.contains(benchmark));
            let problem = outcome.failures.first().map(|failure| {
                format!(
                    "`{}` ran when it was timed, but not when it was watched: {}",
                    failure.benchmark,
                    failure.main_line()
                )
            });
            (problem, outcome.stopped)
        }
        // A failure here does not take any verdict away.
        Err(error) => match error.downcast::<CannotTrace>() {
            Ok(CannotTrace(why)) => (Some(why), None),
            Err(error) => match error.downcast::<Failure>() {
                Ok(failure) if failure.kind == ErrorKind::NothingMeasured => (Some(failure.message), None),
                Ok(failure) => return Err(failure.into()),
                Err(error) => return Err(error),
            },
        },
    };
    Ok(Profiles {
        replicates: recording.replicates,
        problem,
        stopped,
    })
}

struct Recording<S> {
    replicates: Recordings<S>,
    /// The number of process pairs that were started.
    pairs: usize,
    ends: Instant,
}

impl<S: Recorded> Pass for Recording<S> {
    type PairResult = PerSide<Vec<S>>;
    type SideResult = Vec<S>;

    fn choose<'a>(&mut self, benchmarks: Vec<&'a String>) -> Vec<&'a String> {
        if self.pairs >= FEWEST_REPLICATES && Instant::now() >= self.ends {
            return Vec::new();
        }
        self.pairs += 1;
        benchmarks
    }

    fn inside(
        &mut self,
        both: &mut ProcessPair<'_>,
        _: &str,
        entered: PerSide<Entered>,
    ) -> Result<PerSide<Vec<S>>, PairFailure> {
        let most = Entered::most_rounds(entered);
        let mut iterations = Entered::iterations(entered);
        let mut rounds = ROUNDS;
        if let Some(most) = most {
            rounds = rounds.min(most);
        } else if S::SINGLE_CALLS {
            rounds = 1;
            for side in Side::BOTH {
                // The first call of all pays for caches and imports.
                let _: S = sample(both, side, 0, 1)?;
            }
        } else {
            let mut round_ns = 0.0;
            for side in Side::BOTH {
                let fitting = fitting::<S>(both, side)?;
                *iterations.get_mut(side) = fitting.iterations;
                round_ns += fitting.sample_ns;
            }
            if round_ns > LONG_ROUND_NS {
                rounds = FEWEST_ROUNDS;
            }
        }
        let mut samples = PerSide::new(Vec::new(), Vec::new());
        for round in 0..rounds {
            for side in both.order_of_round(round).sides() {
                samples
                    .get_mut(side)
                    .push(warm_sample(both, side, *iterations.get(side))?);
            }
        }
        Ok(samples)
    }

    fn inside_alone(
        &mut self,
        alone: &mut ProcessPair<'_>,
        side: Side,
        _: &str,
        entered: Entered,
        _: Option<&Vec<S>>,
    ) -> Result<Vec<S>, PairFailure> {
        let most = Entered::most_rounds(PerSide::new(entered, entered));
        let mut iterations = entered.iterations_per_sample.unwrap_or(1);
        let mut rounds = ROUNDS.min(most.unwrap_or(ROUNDS));
        if most.is_none() && S::SINGLE_CALLS {
            rounds = 1;
            let _: S = sample(alone, side, 0, 1)?;
        } else if most.is_none() {
            let fitting = fitting::<S>(alone, side)?;
            iterations = fitting.iterations;
            if 2.0 * fitting.sample_ns > LONG_ROUND_NS {
                rounds = FEWEST_ROUNDS;
            }
        }
        (0..rounds)
            .map(|_| warm_sample(alone, side, iterations))
            .collect()
    }

    fn join(&mut self, _: Order, halves: PerSide<Vec<S>>) -> PerSide<Vec<S>> {
        halves
    }

    fn left(&mut self, benchmark: &str, _: Left, samples: PerSide<Vec<S>>) -> SetUp {
        self.replicates
            .entry(benchmark.to_owned())
            .or_default()
            .push(samples);
        SetUp::AsItIs
    }
}

/// The iterations and the length of a sample that fits.
struct Fitting {
    iterations: u64,
    sample_ns: f64,
}

fn fitting<S: Recorded>(both: &mut ProcessPair<'_>, side: Side) -> Result<Fitting, PairFailure> {
    // The first call of all pays for caches and imports.
    let _: S = sample(both, side, 0, 1)?;
    let mut count = 1.0;
    loop {
        let asked = Instant::now();
        let tried: S = sample(both, side, 0, count as u64)?;
        // The set-up that a suite does for each call also takes time.
        let wall_ns = asked.elapsed().as_nanos() as f64;
        let calls = tried.iterations().max(1) as f64;
        let one = (tried.length_ns() / calls).max(1.0);
        let wanted = (SAMPLE_NS / one).clamp(1.0, MOST_ITERATIONS);
        if wall_ns > MOST_WALL_NS || wanted <= 2.0 * count {
            let affordable = (MOST_WALL_NS * calls / wall_ns).max(1.0);
            let count = if wall_ns > MOST_WALL_NS {
                wanted.min(affordable)
            } else {
                wanted
            };
            return Ok(Fitting {
                iterations: count as u64,
                sample_ns: (wall_ns / calls).max(one) * count,
            });
        }
        count = wanted.min(16.0 * count);
    }
}

/// Takes a sample that is as warm as the timed ones: the other side had the core's caches.
fn warm_sample<S: Recorded>(
    both: &mut ProcessPair<'_>,
    side: Side,
    iterations: u64,
) -> Result<S, PairFailure> {
    sample(both, side, iterations / 4, iterations)
}

fn sample<S: Recorded>(
    both: &mut ProcessPair<'_>,
    side: Side,
    warmup: u64,
    iterations: u64,
) -> Result<S, PairFailure> {
    match both.ask(side, &Request::Profile { warmup, iterations })? {
        Reply::Failed { message, .. } => Err(PairFailure::failed(side, message)),
        reply => S::from_reply(reply).map_err(|other| out_of_order(side, &other)),
    }
}

#[cfg(test)]
mod tests {
    use deadheat_core::protocol::{TracePurpose, TraceRequest};

    use super::*;
    use crate::worker::scripted::{Act, Script, schedule, spec};

    #[test]
    fn the_cheapest_are_profiled_and_a_slow_start_leaves_nobody_out() {
        let ms = Duration::from_millis;
        let benchmarks = [("slow".to_owned(), ms(2_000)), ("fast".to_owned(), ms(1))];
        let fitting = affordable(&benchmarks, ms(5_000), ms(1_500), 5);
        assert_eq!(fitting.benchmarks, ["fast"]);
        assert_eq!(fitting.left_out, ["slow"]);
        assert_eq!(fitting.pairs, FEWEST_PAIRS);
        let roomy = affordable(&benchmarks, ms(100), ms(60_000), 5);
        assert_eq!(roomy.benchmarks, ["slow", "fast"]);
        assert_eq!(roomy.pairs, 5);
        assert_eq!(affordable(&benchmarks, ms(100), ms(60_000), 2).pairs, 2);
    }

    fn recorded(script: &mut Script, replicates: usize) -> Profiles<ProfileSample> {
        recorded_until(Instant::now() + Duration::from_secs(600), script, replicates)
    }

    fn recorded_until(ends: Instant, script: &mut Script, replicates: usize) -> Profiles<ProfileSample> {
        let benchmarks = script.benchmarks();
        let trace = TraceRequest {
            purpose: TracePurpose::Profile,
            extension: String::new(),
            functions: vec![None],
        };
        let affordable = Affordable {
            benchmarks,
            pairs: replicates,
            ends,
            left_out: Vec::new(),
        };
        record(
            &schedule(replicates),
            &spec(Some(trace)),
            &affordable,
            script,
            &mut |_| {},
        )
        .unwrap()
    }

    #[test]
    fn a_pass_that_takes_longer_than_was_expected_has_fewer_pairs() {
        let mut script = Script::new(&[("x", Act::Takes(10_000), Act::Takes(20_000))]);
        let profiles = recorded_until(Instant::now(), &mut script, 5);
        assert_eq!(profiles.replicates["x"].len(), FEWEST_REPLICATES);
        assert_eq!(profiles.stopped, None);
    }

    #[test]
    fn both_sides_are_profiled_in_turn_in_samples_of_about_the_same_length() {
        let mut script = Script::new(&[("x", Act::Takes(10_000), Act::Takes(20_000))]);
        let profiles = recorded(&mut script, 1);
        let replicate = &profiles.replicates["x"][0];
        let iterations = |samples: &[ProfileSample]| -> Vec<u64> {
            samples.iter().map(|sample| sample.iterations).collect()
        };
        assert_eq!(iterations(&replicate.base), [200; ROUNDS]);
        assert_eq!(iterations(&replicate.head), [100; ROUNDS]);
        let log = script.log.borrow();
        let turns: Vec<&str> = log.iter().map(String::as_str).collect();
        let counted = &turns[turns.len() - 2 - 2 * ROUNDS..turns.len() - 2];
        assert_eq!(
            counted[..4],
            [
                "base profile 200",
                "head profile 100",
                "head profile 100",
                "base profile 200"
            ]
        );
    }

    #[test]
    fn the_suites_own_count_of_calls_is_kept() {
        let once = Act::Prescribed {
            ns: 1_000,
            iterations: 3,
            samples: 1,
        };
        let profiles = recorded(&mut Script::new(&[("x", once.clone(), once)]), 2);
        assert_eq!(profiles.replicates["x"].len(), 2);
        assert_eq!(profiles.replicates["x"][0].base.len(), 1);
        assert_eq!(profiles.replicates["x"][0].base[0].iterations, 3);
    }

    #[test]
    fn a_benchmark_that_fails_when_it_is_watched_costs_its_own_profile_only() {
        let mut script = Script::new(&[
            ("breaks", Act::Takes(1_000), Act::FailsInSample),
            ("works", Act::Takes(1_000), Act::Takes(1_000)),
        ]);
        let profiles = recorded(&mut script, 2);
        assert_eq!(profiles.replicates.keys().collect::<Vec<_>>(), ["works"]);
        assert!(profiles.problem.unwrap().contains("target broke"));
    }
}
