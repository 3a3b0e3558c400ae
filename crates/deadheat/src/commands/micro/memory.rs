//! The peak memory of one warm call, measured in processes that are not timed.

use std::time::Instant;

use deadheat_core::judge::resource::{self, MeasuredResource};
use deadheat_core::judge::sequential::Sampling;
use deadheat_core::judge::stats::FEWEST_REPLICATES;
use deadheat_core::model::{Order, PerSide, Resource, ResourceComparison, Side};
use deadheat_core::protocol::{Reply, Request};

use crate::commands::micro::decide::Rules;
use crate::passes::runner::{
    Entered, Left, PairFailure, Pass, ProcessPair, Schedule, SetUp, out_of_order, run_pass,
};
use crate::worker::session::{Launch, WorkerSpec};

const REPLICATES: usize = 3;

/// Compares the peaks of both sides. The inner error is the reason why there is no comparison: no time was left, or a
/// call failed only when it was watched.
pub(crate) fn compare(
    rules: &Rules,
    spec: &WorkerSpec,
    benchmark: &str,
    launch: &mut dyn Launch,
) -> anyhow::Result<Result<ResourceComparison, String>> {
    let mut peaks = Peaks {
        replicates: Vec::new(),
        ends: rules.schedule.until,
        last: None,
    };
    let schedule = Schedule {
        replicates: Some(REPLICATES),
        ..rules.schedule.clone()
    };
    let outcome = run_pass(
        &schedule,
        spec,
        PerSide::default(),
        &[benchmark.to_owned()],
        launch,
        &mut peaks,
        &mut |_| {},
    )?;
    if let Some(failure) = outcome.failures.first() {
        return Ok(Err(failure.main_line().to_owned()));
    }
    if peaks.replicates.len() < FEWEST_REPLICATES {
        return Ok(Err("there was not enough time left".to_owned()));
    }
    let measured = MeasuredResource {
        benchmark: benchmark.to_owned(),
        resource: Resource::PeakMemory,
        looks: 1,
        replicates: peaks.replicates,
    };
    let sampling = Sampling::Exactly(measured.replicates.len());
    let mut judged = resource::judge(vec![measured], sampling, &rules.threshold.into());
    Ok(judged
        .pop()
        .ok_or_else(|| "there are too few replicates".to_owned()))
}

struct Peaks {
    replicates: Vec<PerSide<f64>>,
    ends: Instant,
    last: Option<Instant>,
}

impl Pass for Peaks {
    type PairResult = PerSide<f64>;
    type SideResult = f64;

    /// Chooses nothing where no time is left for another replicate as long as the last one.
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
    ) -> Result<PerSide<f64>, PairFailure> {
        Ok(PerSide::new(
            peak(both, Side::Base, entered.base)?,
            peak(both, Side::Head, entered.head)?,
        ))
    }

    fn inside_alone(
        &mut self,
        alone: &mut ProcessPair<'_>,
        side: Side,
        _: &str,
        entered: Entered,
        _: Option<&f64>,
    ) -> Result<f64, PairFailure> {
        peak(alone, side, entered)
    }

    fn join(&mut self, _: Order, halves: PerSide<f64>) -> PerSide<f64> {
        halves
    }

    fn left(&mut self, _: &str, _: Left, peaks: PerSide<f64>) -> SetUp {
        self.replicates.push(peaks);
        SetUp::AsItIs
    }
}

fn peak(both: &mut ProcessPair<'_>, side: Side, entered: Entered) -> Result<f64, PairFailure> {
    let request = Request::Profile {
        // Where the suite counts the calls, there may be only one in a process, which cannot be warm.
        warmup: u64::from(entered.samples.is_none()),
        iterations: 1,
    };
    match both.ask(side, &request)? {
        Reply::Peaked { peak_bytes, .. } => Ok(peak_bytes as f64),
        Reply::Failed { message, .. } => Err(PairFailure::failed(side, message)),
        other => Err(out_of_order(side, &other)),
    }
}
