//! Simulated races and machines, for tests and for the examples `race.rs` and `machines.rs`.

#![allow(dead_code, reason = "each user needs a part of it")]

pub(crate) mod machines;

use deadheat_core::judge::race::{Race, Standing};
use deadheat_core::judge::sequential::{Sampling, is_settled, may_settle};
use deadheat_core::judge::stats::{self, Threshold};

/// Random numbers from a seed: SplitMix64 (Steele, Lea and Flood 2014).
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn below(&mut self, count: usize) -> usize {
        (self.next() % count as u64) as usize
    }

    /// Returns a number above 0 and at most 1.
    pub(crate) fn uniform(&mut self) -> f64 {
        ((self.next() >> 11) as f64 + 1.0) / (1_u64 << 53) as f64
    }

    /// Returns a normally distributed number (Box and Muller).
    pub(crate) fn normal(&mut self) -> f64 {
        (-2.0 * self.uniform().ln()).sqrt() * (std::f64::consts::TAU * self.uniform()).cos()
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }
}

/// The noise of a replicate: what is added to the log ratio of a process pair.
#[derive(Clone)]
pub(crate) enum Noise {
    /// Normally distributed, with this standard deviation.
    Normal(f64),
    /// The same, but this share of the pairs spreads eight times as much.
    HeavyTails(f64, f64),
    /// The same, but half of the variance is the leader's, which all pairs of a replicate share.
    Shared(f64),
    /// Drawn from recorded replicates of the same code on both sides.
    Recorded(Vec<f64>),
}

impl Noise {
    /// Returns the noise of one replicate, for each of its pairs.
    pub(crate) fn draw(&self, pairs: usize, random: &mut Random) -> Vec<f64> {
        let common = random.normal();
        let one = |_| match self {
            Noise::Normal(deviation) => deviation * random.normal(),
            Noise::HeavyTails(deviation, share) => {
                let scale = if random.uniform() <= *share { 8.0 } else { 1.0 };
                scale * deviation * random.normal()
            }
            Noise::Shared(deviation) => deviation * (random.normal() - common) / 2_f64.sqrt(),
            Noise::Recorded(values) => values[random.below(values.len())],
        };
        (0..pairs).map(one).collect()
    }
}

/// The end of a race.
#[derive(Debug, PartialEq)]
pub(crate) enum End {
    Winner(usize),
    /// In order of their numbers.
    Tied(Vec<usize>),
    Inconclusive,
}

#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) end: End,
    /// The number of process pairs.
    pub(crate) pairs: usize,
    /// Whether every interval of the race holds the true ratio.
    pub(crate) covers: bool,
}

pub(crate) const THRESHOLD_PERCENT: f64 = 2.0;
/// The most replicates of a race, and of each pair.
pub(crate) const MOST: usize = 150;

/// Runs a race between candidates whose times have these logarithms.
pub(crate) fn race(times: &[f64], noise: &Noise, random: &mut Random) -> Outcome {
    let mut race = Race::new(times.len(), Threshold::from_percent(THRESHOLD_PERCENT));
    let mut pairs = 0;
    for _ in 0..MOST {
        let challengers = race.challengers();
        if challengers.is_empty() {
            break;
        }
        pairs += challengers.len();
        let leader = times[race.leader()];
        let noise = noise.draw(challengers.len(), random);
        let log_ratios: Vec<(usize, f64)> = challengers
            .into_iter()
            .zip(noise)
            .map(|(challenger, noise)| (challenger, times[challenger] - leader + noise))
            .collect();
        race.add(&log_ratios);
    }
    race.finish();
    let remaining = race.remaining();
    let end = match (remaining.as_slice(), race.challengers().is_empty()) {
        ([winner], _) => End::Winner(*winner),
        (_, true) => End::Tied(remaining),
        (_, false) => End::Inconclusive,
    };
    let all = (0..times.len()).flat_map(|first| (0..first).map(move |second| (first, second)));
    let covers = all.into_iter().all(|(first, second)| {
        let estimate = race.estimate(first, second);
        estimate.is_none_or(|estimate| {
            (times[second] - times[first] - estimate.center).abs() <= estimate.half_width
        })
    });
    let leads = (0..times.len()).filter(|&one| matches!(race.standing(one), Standing::Dropped { .. }));
    let leads_hold = leads
        .into_iter()
        .all(|one| race.lead(one) <= times[one] - times[race.leader()]);
    Outcome {
        end,
        pairs,
        covers: covers && leads_hold,
    }
}

/// Compares every candidate with every other one by the ordinary rule; returns the number of process pairs.
pub(crate) fn all_pairwise(times: &[f64], noise: &Noise, random: &mut Random) -> usize {
    let mut pairs = 0;
    for first in 0..times.len() {
        for second in first + 1..times.len() {
            pairs += pairwise(times[second] - times[first], noise, random);
        }
    }
    pairs
}

fn pairwise(log_ratio: f64, noise: &Noise, random: &mut Random) -> usize {
    let threshold = Threshold::from_percent(THRESHOLD_PERCENT);
    let mut values = Vec::new();
    for look in 1.. {
        let count = Sampling::UntilSettled.replicates_at(look).min(MOST);
        values.resize_with(count, || log_ratio + noise.draw(1, random)[0]);
        let Some(estimate) = Sampling::UntilSettled.estimate(&values, look) else {
            continue;
        };
        let survives = stats::survives_correction(&[estimate.p_value])[0];
        if count == MOST || may_settle(&estimate, count) && is_settled(&estimate, threshold, survives) {
            break;
        }
    }
    values.len()
}

/// Returns the logarithms of times that are slower than 1 by these percentages.
pub(crate) fn slower_by(percents: &[f64]) -> Vec<f64> {
    percents.iter().map(|percent| (percent / 100.0).ln_1p()).collect()
}
