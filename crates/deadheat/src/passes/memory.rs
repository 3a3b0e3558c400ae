//! `--memory`: the memory that the measured benchmarks allocate, in processes that memray traces.

use std::ffi::OsString;
use std::path::Path;
use std::process::Command;

use deadheat_core::judge::resource::{self, MeasuredResource};
use deadheat_core::judge::sequential::Sampling;
use deadheat_core::judge::stats;
use deadheat_core::judge::thresholds::Thresholds;
use deadheat_core::model::{Comparison, PerSide, Resource, ResourceComparison, Side};
use deadheat_core::protocol::Reply;

use crate::error::Failure;
use crate::passes::function_profile::{Recorded, Recordings};
use crate::prepare::Prepared;
use crate::system::command::{self, Deadline};

/// The memory of one call.
#[derive(Clone, Copy, Debug)]
pub(crate) struct MemorySample {
    iterations: u64,
    elapsed_ns: u64,
    peak_bytes: u64,
    allocations: u64,
}

impl Recorded for MemorySample {
    const SINGLE_CALLS: bool = true;

    fn from_reply(reply: Reply) -> Result<Self, Reply> {
        match reply {
            Reply::Weighed {
                elapsed_ns,
                iterations,
                peak_bytes,
                allocations,
            } => Ok(MemorySample {
                iterations,
                elapsed_ns,
                peak_bytes,
                allocations,
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

/// Returns variables that make Python ask the system for each object: its own pools for small ones would hide most of
/// them.
pub(crate) fn variables() -> [(OsString, OsString); 1] {
    [("PYTHONMALLOC".into(), "malloc".into())]
}

/// Checks, before anything is measured, that both sides' interpreters have memray.
pub(crate) fn check(prepared: &Prepared, scratch: &Path, limits: &Deadline) -> anyhow::Result<()> {
    for side in Side::BOTH {
        let path = &prepared.interpreters.get(side).path;
        let mut probe = Command::new(path);
        probe
            .args(["-c", "import memray"])
            .env_clear()
            .envs(prepared.variables.get(side));
        if !command::run(&mut probe, &scratch.join("memray.log"), limits)?.success() {
            return Err(Failure::usage(format!(
                "--memory: {} cannot import memray",
                path.display()
            ))
            .hint(format!(
                "install it there ({} -m pip install memray), or name another interpreter with --python",
                path.display()
            ))
            .into());
        }
    }
    Ok(())
}

/// Judges the two resources of each benchmark, in the order of the comparisons.
pub(crate) fn judge(
    recorded: &Recordings<MemorySample>,
    comparisons: &[Comparison],
    thresholds: &Thresholds,
) -> Vec<ResourceComparison> {
    let mut rows = Vec::new();
    for comparison in comparisons {
        let Some(replicates) = recorded.get(&comparison.benchmark) else {
            continue;
        };
        let row = |resource, amount: fn(&MemorySample) -> f64| MeasuredResource {
            benchmark: comparison.benchmark.clone(),
            resource,
            replicates: replicates
                .iter()
                .filter_map(|samples| {
                    let median = |samples: &[MemorySample]| stats::median(samples.iter().map(amount));
                    Some(PerSide::new(median(&samples.base)?, median(&samples.head)?))
                })
                .collect(),
            looks: 1,
        };
        rows.push(row(Resource::PeakMemory, |sample| sample.peak_bytes as f64));
        rows.push(row(Resource::Allocations, |sample| {
            sample.allocations as f64 / sample.iterations.max(1) as f64
        }));
    }
    // There was one look at all replicates, however many there are.
    resource::judge(rows, Sampling::Exactly(stats::FEWEST_REPLICATES), thresholds)
}
