//! The peak memory of one warm call, measured in processes that are not timed.

use deadheat_core::judge::resource::{self, MeasuredResource};
use deadheat_core::judge::sequential::Sampling;
use deadheat_core::judge::stats::FEWEST_REPLICATES;
use deadheat_core::model::{Resource, ResourceComparison};
use deadheat_core::protocol::Reply;

use crate::commands::micro::decide::Rules;
use crate::commands::micro::watched::watch;
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
    let peak = |reply: &Reply| match reply {
        Reply::Peaked { peak_bytes, .. } => Some(*peak_bytes as f64),
        _ => None,
    };
    let replicates = match watch(rules, REPLICATES, 1, spec, benchmark, launch, peak)? {
        Ok(replicates) => replicates,
        Err(failure) => return Ok(Err(failure.main_line().to_owned())),
    };
    if replicates.len() < FEWEST_REPLICATES {
        return Ok(Err("there was not enough time left".to_owned()));
    }
    let measured = MeasuredResource {
        benchmark: benchmark.to_owned(),
        resource: Resource::PeakMemory,
        looks: 1,
        replicates,
    };
    let sampling = Sampling::Exactly(measured.replicates.len());
    let mut judged = resource::judge(vec![measured], sampling, &rules.threshold.into());
    Ok(judged
        .pop()
        .ok_or_else(|| "there are too few replicates".to_owned()))
}
