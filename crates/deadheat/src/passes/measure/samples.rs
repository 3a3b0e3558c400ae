//! The samples of one benchmark in one process pair: how many calls each takes, and the rounds of both sides.

use std::time::Instant;

use deadheat_core::model::{Clock, Order, PerSide, Round, Sample, Side};
use deadheat_core::protocol::{Reply, Request};

use crate::passes::measure::goal::Goal;
use crate::passes::measure::replicate_set::IdleUse;
use crate::passes::measure::rounds::*;
use crate::passes::runner::{Entered, PairFailure, ProcessPair, out_of_order};
use crate::worker::session::Waited;

/// A sample whose calls have to be set up one by one (`benchmark.pedantic` with a `setup`) takes no longer than this in
/// total, unless a single call does.
pub(super) const MOST_WALL_NS: u64 = 5_000_000;

/// How often a sample that seems long enough is repeated to make sure; expensive ones are not repeated.
pub(super) const TRIES: u32 = 4;

pub(super) const AFFORDABLE_AGAIN_NS: u64 = 20_000_000;

/// The time of a request, over that of as many calls in smaller requests, from which and up to which set-ups explain it.
const IN_PROPORTION: f64 = 0.75;
const OUT_OF_PROPORTION: f64 = 3.0;

/// The very first call is made again if it is shorter than this: an import or a disturbance must not pass for
/// its time.
pub(super) const AFFORDABLE_ONCE_MORE_NS: u64 = 300_000_000;

/// More calls than fit into a sample: a clock that does not move must not make a sample grow for ever.
pub(super) const MOST_ITERATIONS: u64 = 10_000_000;

/// Calls that take at least this long, on both sides, are made on both sides at the same time.
pub(super) const AT_ONCE_NS: f64 = 20e6;

/// If the sides' calibrated times differ by more than this factor, fewer rounds are enough.
pub(super) const CLEAR_RATIO: f64 = 1.5;

/// The measurements of one side alone in one replicate.
pub(super) struct OneSidedSamples {
    /// `None` if the suite counts the calls.
    pub(super) cost: Option<Cost>,
    pub(super) iterations: u64,
    pub(super) samples: Vec<Sample>,
}

/// Takes as many samples as when the sides alternate, but no more than the other side has.
pub(super) fn samples_alone(
    alone: &mut AlternatingSampler<'_, '_>,
    side: Side,
    entered: Entered,
    other: Option<&OneSidedSamples>,
    time: RoundsTime,
) -> Result<OneSidedSamples, PairFailure> {
    let most_of_other = other.map_or(MOST_ROUNDS, |other| other.samples.len());
    if let Some(most) = Entered::most_rounds(PerSide::same(entered)) {
        let iterations = entered.iterations_per_sample.unwrap_or(1);
        let most = most_of_other.min(most);
        let mut take = |_| {
            let taken = alone.sample(side, iterations)?;
            Ok((taken.sample, 2 * taken.wall_ns))
        };
        return Ok(OneSidedSamples {
            cost: None,
            iterations,
            samples: as_many_as_fit(most, time, &mut take)?,
        });
    }
    let iterations_for = |cost: Cost| match other.and_then(|other| Some((other.cost?, other.iterations))) {
        Some((its_cost, its_iterations)) if is_alike(cost.ns / its_cost.ns) => its_iterations,
        _ => cost.iterations(),
    };
    let mut cost = calibrate(alone, side)?;
    let mut samples = vec![alone.sample(side, iterations_for(cost))?.sample];
    if cost.is_refuted_by(samples[0]) {
        cost = Cost {
            first_ns: cost.first_ns,
            ..calibrate(alone, side)?
        };
        samples.clear();
    }
    let iterations = iterations_for(cost);
    let rounds = most_of_other.min(time.count(2.0 * cost.of_sample_ns(iterations)));
    Ok(OneSidedSamples {
        cost: Some(cost),
        iterations,
        samples: alone.further_samples(side, iterations, samples, rounds)?,
    })
}

/// The measurements of one process pair.
pub(super) struct Found {
    pub(super) clock: Clock,
    pub(super) rounds: Vec<Round>,
    /// The time of the first call on each side; `None` if the suite counts the calls.
    pub(super) first_calls: Option<PerSide<f64>>,
}

/// The sampling of one benchmark in one process pair, and the processor use of each side during the other's turns.
pub(super) struct AlternatingSampler<'a, 'b> {
    pub(super) both: &'a mut ProcessPair<'b>,
    pub(super) idle: PerSide<IdleUse>,
    /// The side that had the last turn.
    pub(super) last: Option<Side>,
}

impl<'a, 'b> AlternatingSampler<'a, 'b> {
    pub(super) fn new(both: &'a mut ProcessPair<'b>) -> Self {
        for side in Side::BOTH {
            both.look_for_children(side);
        }
        AlternatingSampler {
            both,
            idle: PerSide::default(),
            last: None,
        }
    }

    pub(super) fn sample(&mut self, side: Side, iterations: u64) -> Result<TimedSample, PairFailure> {
        let waited = self.waited(side);
        let asked = Instant::now();
        let request = Request::Run {
            warmup: iterations / WARMUP_SHARE,
            iterations,
            clock: Clock::Wall,
        };
        let reply = self.both.ask(side, &request)?;
        let taken = taken(side, reply, asked)?;
        self.note_idle(side, waited, &taken);
        self.last = Some(side);
        Ok(taken)
    }

    /// Takes samples of one side until there are as many as wanted.
    fn further_samples(
        &mut self,
        side: Side,
        iterations: u64,
        mut samples: Vec<Sample>,
        wanted: usize,
    ) -> Result<Vec<Sample>, PairFailure> {
        while samples.len() < wanted {
            samples.push(self.sample(side, iterations)?.sample);
        }
        Ok(samples)
    }

    /// Makes a single call on each side, both at the same time: the kernel gives them the core in turn, every
    /// few milliseconds, so that the machine's slow moments fall on both. Each is timed by the processor time
    /// that it used.
    pub(super) fn sample_at_once(&mut self, order: Order) -> Result<Round, PairFailure> {
        let waited = PerSide::new(self.waited(Side::Base), self.waited(Side::Head));
        let asked = Instant::now();
        let request = Request::Run {
            warmup: 0,
            iterations: 1,
            clock: Clock::Processor,
        };
        let replies = self.both.ask_at_once(order, &request)?;
        let samples = PerSide::new(
            taken(Side::Base, replies.base, asked)?,
            taken(Side::Head, replies.head, asked)?,
        );
        for side in Side::BOTH {
            self.note_idle(side, *waited.get(side), samples.get(side));
        }
        // From now on neither waits while the other one runs.
        self.last = None;
        Ok(Round {
            order,
            base: samples.base.sample,
            head: samples.head.sample,
        })
    }

    /// Returns the time and processor use of a side's wait, if the other side had the last turn.
    pub(super) fn waited(&mut self, side: Side) -> Option<Waited> {
        (self.last == Some(side.other())).then(|| self.both.waited(side))
    }

    pub(super) fn note_idle(&mut self, side: Side, waited: Option<Waited>, taken: &TimedSample) {
        if let Some(waited) = waited {
            self.idle.get_mut(side).add(IdleUse {
                waits: 1,
                cpu_ns: taken.idle_cpu_ns + waited.children_cpu_ns,
                waited_ns: waited.time.as_nanos() as u64,
            });
        }
    }
}

pub(super) fn taken(side: Side, reply: Reply, asked: Instant) -> Result<TimedSample, PairFailure> {
    match reply {
        Reply::Sample {
            elapsed_ns,
            iterations,
            idle_cpu_ns,
            waits,
        } => Ok(TimedSample {
            sample: Sample {
                elapsed_ns,
                iterations,
            },
            idle_cpu_ns,
            waits,
            wall_ns: (asked.elapsed().as_nanos() as u64).max(elapsed_ns),
        }),
        Reply::Failed { message, .. } => Err(PairFailure::failed(side, message)),
        other => Err(out_of_order(side, &other)),
    }
}

pub(super) fn rounds(
    turns: &mut AlternatingSampler<'_, '_>,
    entered: PerSide<Entered>,
    time: RoundsTime,
) -> Result<Found, PairFailure> {
    if let Some(most) = Entered::most_rounds(entered) {
        return prescribed_rounds(turns, Entered::iterations(entered), most, time);
    }
    let costs = calibrate_both(turns)?;
    let first_calls = Some(costs.map(|cost| cost.first_ns));
    if time.goal != Goal::Verdict && costs.base.ns + costs.head.ns >= BRIEF_FIRST_CALLS_NS {
        let order = turns.both.order_of_round(0);
        let [base, head] = [costs.base, costs.head].map(Cost::as_sample);
        return Ok(Found {
            clock: Clock::Wall,
            rounds: vec![Round { order, base, head }],
            first_calls,
        });
    }
    let mut plan = RoundPlan::of(costs, entered, turns);
    plan.warm_again(turns)?;
    let first = plan.take(turns, 0)?;
    let mut rounds = vec![first];
    if costs.base.is_refuted_by(first.base) || costs.head.is_refuted_by(first.head) {
        plan = RoundPlan::of(calibrate_both(turns)?, entered, turns);
        plan.warm_again(turns)?;
        rounds.clear();
    }
    for round in rounds.len()..plan.rounds(time) {
        rounds.push(plan.take(turns, round)?);
    }
    Ok(Found {
        clock: plan.clock,
        rounds,
        first_calls,
    })
}

/// The samples of a benchmark whose calls the suite does not count.
struct RoundPlan {
    costs: PerSide<Cost>,
    iterations: PerSide<u64>,
    /// Processor time if both sides run at once.
    clock: Clock,
}

impl RoundPlan {
    fn of(costs: PerSide<Cost>, entered: PerSide<Entered>, turns: &AlternatingSampler<'_, '_>) -> Self {
        let can_be_at_once = turns.both.share_a_core()
            && !(entered.base.own_clock || entered.head.own_clock)
            && Side::BOTH.iter().all(|side| costs.get(*side).suits_at_once());
        RoundPlan {
            costs,
            iterations: iterations_for(costs),
            clock: if can_be_at_once {
                Clock::Processor
            } else {
                Clock::Wall
            },
        }
    }

    /// Warms each side again after the other's calibration, with a sample that does not count.
    fn warm_again(&self, turns: &mut AlternatingSampler<'_, '_>) -> Result<(), PairFailure> {
        for side in Side::BOTH {
            // The first calls may have started children.
            turns.both.look_for_children(side);
            let iterations = *self.iterations.get(side);
            if iterations > 1 {
                turns.sample(side, iterations)?;
            }
        }
        Ok(())
    }

    fn take(&self, turns: &mut AlternatingSampler<'_, '_>, round: usize) -> Result<Round, PairFailure> {
        match self.clock {
            Clock::Processor => turns.sample_at_once(turns.both.order_of_round(round)),
            Clock::Wall => Ok(alternate(turns, round, self.iterations)?.round),
        }
    }

    fn rounds(&self, time: RoundsTime) -> usize {
        let sample_ns = |side: Side| self.costs.get(side).of_sample_ns(*self.iterations.get(side));
        let rounds = time.count(sample_ns(Side::Base) + sample_ns(Side::Head));
        let ratio = self.costs.base.ns / self.costs.head.ns;
        if ratio.max(1.0 / ratio) > CLEAR_RATIO {
            return rounds.min(ROUNDS_OF_CLEAR);
        }
        rounds
    }
}

/// Takes rounds if the suite counts the calls: none of them can be spent on warming up or on calibration.
fn prescribed_rounds(
    turns: &mut AlternatingSampler<'_, '_>,
    iterations: PerSide<u64>,
    most: usize,
    time: RoundsTime,
) -> Result<Found, PairFailure> {
    let mut take = |round| {
        let timed = alternate(turns, round, iterations)?;
        Ok((timed.round, timed.wall_ns))
    };
    Ok(Found {
        clock: Clock::Wall,
        rounds: as_many_as_fit(MOST_ROUNDS.min(most), time, &mut take)?,
        first_calls: None,
    })
}

/// Takes rounds of which each says how long it took, as many as fit into the time, but no more than `most`.
pub(super) fn as_many_as_fit<T>(
    most: usize,
    time: RoundsTime,
    take: &mut dyn FnMut(usize) -> Result<(T, u64), PairFailure>,
) -> Result<Vec<T>, PairFailure> {
    let mut rounds = most;
    let mut taken = Vec::with_capacity(most);
    while taken.len() < rounds {
        let (round, wall_ns) = take(taken.len())?;
        // The first round may be a cold one.
        if taken.len() < 2 {
            rounds = most.min(time.count(wall_ns as f64));
        }
        taken.push(round);
    }
    Ok(taken)
}

/// Which process makes its first call first affects all of its times, so this alternates.
fn calibrate_both(turns: &mut AlternatingSampler<'_, '_>) -> Result<PerSide<Cost>, PairFailure> {
    let mut costs = PerSide::<Cost>::default();
    for side in turns.both.order_of_round(0).sides() {
        *costs.get_mut(side) = calibrate(turns, side)?;
    }
    Ok(costs)
}

/// A sample of each side, one after the other.
struct TimedRound {
    round: Round,
    wall_ns: u64,
}

fn alternate(
    turns: &mut AlternatingSampler<'_, '_>,
    round: usize,
    iterations: PerSide<u64>,
) -> Result<TimedRound, PairFailure> {
    let order = turns.both.order_of_round(round);
    let [first, second] = order.sides();
    let first_sample = turns.sample(first, *iterations.get(first))?;
    let second_sample = turns.sample(second, *iterations.get(second))?;
    let wall_ns = first_sample.wall_ns + second_sample.wall_ns;
    let (base, head) = match first {
        Side::Base => (first_sample.sample, second_sample.sample),
        Side::Head => (second_sample.sample, first_sample.sample),
    };
    let round = Round { order, base, head };
    Ok(TimedRound { round, wall_ns })
}

/// Finds the time of one iteration, by samples that grow to the wanted length. They also warm the code up.
pub(super) fn calibrate(turns: &mut AlternatingSampler<'_, '_>, side: Side) -> Result<Cost, PairFailure> {
    let mut iterations = 1;
    let mut first_ns = None;
    let mut least_wall_ns = f64::INFINITY;
    loop {
        // The first call of all pays for caches and imports; it tells only whether a second one is affordable.
        let enough = if iterations == 1 { SAMPLE_NS } else { SAMPLE_NS / 2 };
        let mut taken = turns.sample(side, iterations)?;
        let first_ns = *first_ns.get_or_insert(taken.sample.per_iteration_ns());
        let mut tries = 1;
        // Something else may have had the core during the sample or around it: a sample that is long for that reason
        // would make all later ones far too short.
        while (taken.sample.elapsed_ns >= enough || taken.wall_ns >= MOST_WALL_NS / 2) && tries < TRIES {
            let affordable = match (iterations, tries) {
                (1, 1) => AFFORDABLE_ONCE_MORE_NS,
                _ => AFFORDABLE_AGAIN_NS,
            };
            // Longer than smaller requests let expect: something else had the core.
            let is_unexpected = taken.wall_ns as f64 > OUT_OF_PROPORTION * least_wall_ns * iterations as f64;
            if taken.wall_ns >= affordable && !is_unexpected {
                break;
            }
            let again = turns.sample(side, iterations)?;
            taken.wall_ns = taken.wall_ns.min(again.wall_ns);
            if again.sample.elapsed_ns < taken.sample.elapsed_ns {
                (taken.sample, taken.waits) = (again.sample, again.waits);
            }
            tries += 1;
        }
        let cost = Cost {
            first_ns,
            ns: taken.sample.per_iteration_ns(),
            wall_ns: least_wall_ns.min(taken.wall_ns as f64 / iterations as f64),
            waits: taken.waits,
        };
        let is_other_count = taken.sample.iterations != iterations;
        let is_clock_still = iterations > MOST_ITERATIONS;
        let is_setting_up =
            taken.wall_ns >= AFFORDABLE_AGAIN_NS && are_set_ups(taken.wall_ns, iterations, least_wall_ns);
        if taken.sample.elapsed_ns >= enough
            || taken.wall_ns >= AFFORDABLE_ONCE_MORE_NS
            || is_setting_up
            || is_other_count
            || is_clock_still
        {
            return Ok(cost);
        }
        least_wall_ns = cost.wall_ns;
        iterations = cost.iterations().clamp(iterations * 2, iterations * 16);
    }
}

/// Whether set-ups take the time of a request, if a call took at least `least_wall_ns` in smaller ones. If
/// the calls are short and the request is long, either set-ups take the time or something else has the core:
/// more calls tell which, because only set-ups make the request longer, and in proportion.
pub(super) fn are_set_ups(wall_ns: u64, iterations: u64, least_wall_ns: f64) -> bool {
    let proportion = wall_ns as f64 / iterations as f64 / least_wall_ns;
    (IN_PROPORTION..OUT_OF_PROPORTION).contains(&proportion)
}

/// The result of one request for a sample.
pub(super) struct TimedSample {
    pub(super) sample: Sample,
    pub(super) idle_cpu_ns: u64,
    pub(super) waits: u64,
    /// The time from the request to the reply, including the suite's set-up and tear-down around its calls.
    pub(super) wall_ns: u64,
}

/// The time of one iteration.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Cost {
    /// The time of the very first call.
    pub(super) first_ns: f64,
    pub(super) ns: f64,
    pub(super) wall_ns: f64,
    /// The number of times that the process gave up its core voluntarily.
    pub(super) waits: u64,
}

impl Cost {
    /// Returns the number of calls that make a sample of the wanted length, unless setting them up takes too long.
    pub(super) fn iterations(self) -> u64 {
        let wanted = SAMPLE_NS as f64 / self.ns;
        let affordable = MOST_WALL_NS as f64 / self.wall_ns.max(1.0);
        (wanted.min(affordable).round() as u64).max(1)
    }

    /// Whether the calls take less than half of what was expected after a first call that was too slow to be made again.
    fn is_refuted_by(self, sample: Sample) -> bool {
        sample.per_iteration_ns() < self.ns / 2.0
    }

    /// Whether processor time agrees with the wall clock, and a call lasts for many of the kernel's time slices.
    pub(super) fn suits_at_once(self) -> bool {
        self.ns >= AT_ONCE_NS && self.wall_ns < 2.0 * self.ns && self.waits == 0
    }

    /// Returns the sample that it was found by, if that was a single call.
    pub(super) fn as_sample(self) -> Sample {
        Sample {
            elapsed_ns: self.ns as u64,
            iterations: 1,
        }
    }

    pub(super) fn of_sample_ns(self, iterations: u64) -> f64 {
        self.ns.max(self.wall_ns) * iterations as f64
    }
}

/// Whether sides whose costs have this ratio get the same number of calls in a sample.
pub(super) fn is_alike(ratio: f64) -> bool {
    (0.5..=2.0).contains(&ratio)
}

/// Returns the numbers of calls in a sample. Sides of about the same speed get the same number, so that nothing but
/// their code differs.
pub(super) fn iterations_for(costs: PerSide<Cost>) -> PerSide<u64> {
    if is_alike(costs.base.ns / costs.head.ns) {
        let both = Cost {
            ns: (costs.base.ns * costs.head.ns).sqrt(),
            wall_ns: costs.base.wall_ns.max(costs.head.wall_ns),
            ..Cost::default()
        };
        PerSide::new(both.iterations(), both.iterations())
    } else {
        costs.map(Cost::iterations)
    }
}
