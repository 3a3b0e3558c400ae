//! Several candidates in turn: the slower ones drop out as soon as the data say so.
//!
//! In each replicate, one candidate (the leader) is measured beside every other one that is still open, each in a fresh
//! pair of processes. So a replicate gives the times of all its candidates as ratios to the leader's, and with them one
//! log ratio for every two of its candidates. The sequence of two candidates' log ratios is treated like that of a
//! benchmark, with the same looks; the sequences share the error rate. Therefore all intervals of a race together miss
//! no more often than that of a single benchmark, whichever candidate is picked, and whoever leads when.

use super::sequential::{Sampling, may_settle};
use super::stats::{LogEstimate, Threshold};

/// Times of candidates in replicates: for each replicate, the logarithms of the candidates' times as ratios to the
/// leader's.
#[derive(Clone, Debug, Default)]
pub struct Times(Vec<Vec<Option<f64>>>);

impl Times {
    /// Adds a replicate: the leader of `candidates` candidates, and the log ratios of those measured beside it.
    pub fn add(&mut self, candidates: usize, leader: usize, log_ratios: &[(usize, f64)]) {
        let mut times = vec![None; candidates];
        times[leader] = Some(0.0);
        for &(candidate, log_ratio) in log_ratios {
            times[candidate] = Some(log_ratio);
        }
        self.0.push(times);
    }

    pub fn replicates(&self) -> &[Vec<Option<f64>>] {
        &self.0
    }
}

/// The number of standard errors by which the leader has to seem slower before another candidate leads. Who leads is
/// a matter of cost: two candidates that are measured beside each other spread less than two that share a third.
const OVERTAKEN: f64 = 2.0;

/// The state of a candidate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It may be the fastest.
    Open,
    /// Its difference to the leader lies within the threshold.
    Tied,
    /// It is slower than this candidate.
    Dropped { by: usize },
    /// It could not be measured any more.
    Withdrawn,
}

/// A race: candidates are numbered from 0, the reference.
#[derive(Clone, Debug)]
pub struct Race {
    threshold: Threshold,
    leader: usize,
    standings: Vec<Standing>,
    times: Times,
    /// The number of replicates at each look.
    looked_at: Vec<usize>,
}

impl Race {
    pub fn new(candidates: usize, threshold: Threshold) -> Self {
        Race {
            threshold,
            leader: 0,
            standings: vec![Standing::Open; candidates],
            times: Times::default(),
            looked_at: Vec::new(),
        }
    }

    /// Returns the candidate that the others are measured beside.
    pub fn leader(&self) -> usize {
        self.leader
    }

    pub fn standing(&self, candidate: usize) -> Standing {
        self.standings[candidate]
    }

    /// Returns the candidates that the next replicate measures beside the leader; none if the race is decided.
    pub fn challengers(&self) -> Vec<usize> {
        self.others()
            .filter(|&candidate| self.standings[candidate] == Standing::Open)
            .collect()
    }

    /// Returns the leader and those that may be as fast.
    pub fn remaining(&self) -> Vec<usize> {
        let is_in = |&candidate: &usize| self.is_in(candidate);
        (0..self.standings.len()).filter(is_in).collect()
    }

    fn is_in(&self, candidate: usize) -> bool {
        matches!(self.standings[candidate], Standing::Open | Standing::Tied)
    }

    /// Returns the candidates beside the leader.
    fn others(&self) -> impl Iterator<Item = usize> {
        let leader = self.leader;
        (0..self.standings.len()).filter(move |&candidate| candidate != leader)
    }

    /// Adds a replicate: challengers, and the logarithms of their times as ratios to the leader's. Looks at the race if
    /// a look is due.
    pub fn add(&mut self, log_ratios: &[(usize, f64)]) {
        self.times.add(self.standings.len(), self.leader, log_ratios);
        let next = self.looked_at.len() as u32 + 1;
        if self.times.0.len() >= Sampling::UntilSettled.replicates_at(next) {
            self.look();
        }
    }

    /// Takes a candidate out that cannot be measured any more. Those that were slower than it may be the fastest now; if
    /// it led, the fastest of the others leads.
    pub fn withdraw(&mut self, candidate: usize) {
        self.standings[candidate] = Standing::Withdrawn;
        for standing in &mut self.standings {
            if *standing == (Standing::Dropped { by: candidate }) {
                *standing = Standing::Open;
            }
        }
        if candidate == self.leader
            && let Some(next) = self.fastest_of_the_rest()
        {
            self.leader = next;
        }
        self.judge();
    }

    /// Ends the race: the replicates since the last look get one more.
    pub fn finish(&mut self) {
        if self.times.0.len() > self.looked_at.last().copied().unwrap_or(0) {
            self.look();
        }
    }

    /// Counts the open candidates as tied whose difference to the leader lies within a larger threshold: the race is
    /// over, and so large a difference would not matter.
    pub fn tie_within(&mut self, threshold: Threshold) {
        for candidate in self.challengers() {
            let estimate = self.estimate(self.leader, candidate);
            if estimate.is_some_and(|estimate| threshold.contains(&estimate)) {
                self.standings[candidate] = Standing::Tied;
            }
        }
    }

    fn look(&mut self) {
        self.looked_at.push(self.times.0.len());
        let is_slower = |estimate: &LogEstimate| estimate.center < -OVERTAKEN * estimate.standard_error;
        if let Some(fastest) = self.fastest_of_the_rest()
            && self
                .estimate(self.leader, fastest)
                .as_ref()
                .is_some_and(is_slower)
        {
            self.leader = fastest;
        }
        self.judge();
    }

    /// Returns the candidate that seems the fastest of those that are in the race beside the leader.
    fn fastest_of_the_rest(&self) -> Option<usize> {
        self.others()
            .filter(|&candidate| self.is_in(candidate))
            .map(|candidate| (candidate, self.center(self.leader, candidate)))
            .min_by(|(_, a), (_, b)| a.total_cmp(b))
            .map(|(candidate, _)| candidate)
    }

    /// Decides who is still open. Without new replicates, the intervals are those of the last look.
    fn judge(&mut self) {
        for candidate in self.others().collect::<Vec<_>>() {
            if !self.is_in(candidate) {
                continue;
            }
            let standing = match self.estimate(self.leader, candidate) {
                Some(estimate) if !may_settle(&estimate, self.shared(self.leader, candidate)) => {
                    Standing::Open
                }
                Some(estimate) if self.threshold.contains(&estimate) => Standing::Tied,
                Some(estimate) if estimate.bounds().0 > 0.0 => Standing::Dropped { by: self.leader },
                _ => Standing::Open,
            };
            self.standings[candidate] = standing;
        }
        if self.standings[self.leader] != Standing::Withdrawn {
            self.standings[self.leader] = Standing::Open;
        }
    }

    /// Returns the number of replicates that both candidates took part in.
    fn shared(&self, first: usize, second: usize) -> usize {
        self.sequence(&self.times, first, second).0.len()
    }

    /// Returns the times of the candidates in all replicates.
    pub fn times(&self) -> &Times {
        &self.times
    }

    /// Returns the number of replicates that a candidate took part in.
    pub fn replicates_of(&self, candidate: usize) -> usize {
        let replicates = self.times.0.iter();
        replicates.filter(|times| times[candidate].is_some()).count()
    }

    /// Returns the log ratios of two candidates in the replicates that both took part in, up to the last look, and the
    /// number of the look at which that became known. A logarithm above 0 means that the second candidate is slower.
    fn sequence(&self, times: &Times, first: usize, second: usize) -> (Vec<f64>, u32) {
        let mut log_ratios = Vec::new();
        let mut last = 0;
        let looked_at = self.looked_at.last().copied().unwrap_or(0);
        for (index, times) in times.0.iter().take(looked_at).enumerate() {
            if let (Some(first), Some(second)) = (times[first], times[second]) {
                log_ratios.push(second - first);
                last = index;
            }
        }
        let look = self.looked_at.partition_point(|&count| count <= last) + 1;
        (log_ratios, look as u32)
    }

    /// Returns the estimate of the ratio of the second candidate's time to the first one's. All intervals of a race
    /// together miss in at most [`super::stats::ERROR_RATE`] of the races.
    pub fn estimate(&self, first: usize, second: usize) -> Option<LogEstimate> {
        self.estimate_of(&self.times, first, second)
    }

    /// Returns the same for a part of what is raced, such as one of several benchmarks, with its times in the same
    /// replicates.
    pub fn estimate_of(&self, part: &Times, first: usize, second: usize) -> Option<LogEstimate> {
        let candidates = self.standings.len();
        let (log_ratios, look) = self.sequence(part, first, second);
        Sampling::UntilSettled.estimate_among(&log_ratios, look, candidates * (candidates - 1) / 2)
    }

    fn center(&self, first: usize, second: usize) -> f64 {
        self.estimate(first, second)
            .map_or(f64::INFINITY, |estimate| estimate.center)
    }

    /// Returns by how much the leader is at least faster than a candidate that dropped out, as the logarithm of a
    /// ratio: than the candidate itself, or than the one that was faster than it.
    pub fn lead(&self, candidate: usize) -> f64 {
        let lower = |first, second| {
            self.estimate(first, second)
                .map_or(f64::NEG_INFINITY, |estimate| estimate.bounds().0)
        };
        let direct = lower(self.leader, candidate);
        match self.standings[candidate] {
            Standing::Dropped { by } if by != self.leader => direct.max(self.lead(by) + lower(by, candidate)),
            _ => direct,
        }
    }
}
