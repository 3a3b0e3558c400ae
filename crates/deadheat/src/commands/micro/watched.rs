//! Calls that are watched in processes of their own, which are not timed.

use std::time::Instant;

use deadheat_core::model::{Order, PerSide, Side};
use deadheat_core::protocol::{Reply, Request};

use crate::commands::micro::decide::Rules;
use crate::passes::runner::{
    BenchmarkFailure, Entered, Left, PairFailure, Pass, ProcessPair, Schedule, SetUp, out_of_order, run_pass,
};
use crate::worker::session::{Launch, WorkerSpec};

/// Watches calls in up to this number of process pairs, as many as there is time for; `reading` extracts the
/// reading from the reply. Returns the readings, or the failure of a call that fails when it is watched.
pub(super) fn watch<T>(
    rules: &Rules,
    replicates: usize,
    calls: u64,
    spec: &WorkerSpec,
    benchmark: &str,
    launch: &mut dyn Launch,
    reading: fn(&Reply) -> Option<T>,
) -> anyhow::Result<Result<Vec<PerSide<T>>, BenchmarkFailure>> {
    let mut pass = Watching {
        readings: Vec::new(),
        calls,
        reading,
        ends: rules.schedule.until,
        last: None,
    };
    let schedule = Schedule {
        replicates: Some(replicates),
        ..rules.schedule.clone()
    };
    let outcome = run_pass(
        &schedule,
        spec,
        PerSide::default(),
        &[benchmark.to_owned()],
        launch,
        &mut pass,
        &mut |_| {},
    )?;
    Ok(match outcome.failures.into_iter().next() {
        Some(failure) => Err(failure),
        None => Ok(pass.readings),
    })
}

struct Watching<T> {
    readings: Vec<PerSide<T>>,
    /// The calls of one reading.
    calls: u64,
    reading: fn(&Reply) -> Option<T>,
    ends: Instant,
    last: Option<Instant>,
}

impl<T> Watching<T> {
    fn read(&self, both: &mut ProcessPair<'_>, side: Side, entered: Entered) -> Result<T, PairFailure> {
        let request = Request::Profile {
            // If the suite counts the calls, there may be only one in a process, which cannot be warm.
            warmup: u64::from(entered.samples.is_none()),
            iterations: self.calls,
        };
        match both.ask(side, &request)? {
            Reply::Failed { message, .. } => Err(PairFailure::failed(side, message)),
            reply => (self.reading)(&reply).ok_or_else(|| out_of_order(side, &reply)),
        }
    }
}

impl<T> Pass for Watching<T> {
    type PairResult = PerSide<T>;
    type SideResult = T;

    /// Chooses nothing if no time is left for another replicate as long as the last one.
    fn choose<'a>(&mut self, benchmarks: Vec<&'a String>) -> Vec<&'a String> {
        let now = Instant::now();
        let last = self.last.replace(now);
        match last {
            Some(last) if now + (now - last) > self.ends => Vec::new(),
            _ => benchmarks,
        }
    }

    fn inside(
        &mut self,
        both: &mut ProcessPair<'_>,
        _: &str,
        entered: PerSide<Entered>,
    ) -> Result<PerSide<T>, PairFailure> {
        Ok(PerSide::new(
            self.read(both, Side::Base, entered.base)?,
            self.read(both, Side::Head, entered.head)?,
        ))
    }

    fn inside_alone(
        &mut self,
        alone: &mut ProcessPair<'_>,
        side: Side,
        _: &str,
        entered: Entered,
        _: Option<&T>,
    ) -> Result<T, PairFailure> {
        self.read(alone, side, entered)
    }

    fn join(&mut self, _: Order, halves: PerSide<T>) -> PerSide<T> {
        halves
    }

    fn left(&mut self, _: &str, _: Left, readings: PerSide<T>) -> SetUp {
        self.readings.push(readings);
        SetUp::AsItIs
    }
}
