//! The resources that a command uses in addition to time.

use deadheat_core::judge::resource::MeasuredResource;
use deadheat_core::judge::stats;
use deadheat_core::model::{PerSide, Resource, Side};

use crate::commands::script::executor::Usage;

/// The longest tick of a usual kernel.
pub(super) const TICK_NS: f64 = 10e6;

/// Returns the resources that the command used in addition to elapsed time.
pub(super) fn resources(command: &str, usages: &[PerSide<Usage>], looks: u32) -> Vec<MeasuredResource> {
    let of = |resource: Resource, amount: fn(&Usage) -> u64| MeasuredResource {
        benchmark: command.to_owned(),
        resource,
        replicates: usages
            .iter()
            .map(|pair| pair.as_ref().map(|usage| amount(usage) as f64))
            .collect(),
        looks,
    };
    let all = [
        of(Resource::UserTime, |usage| usage.user_ns),
        of(Resource::SystemTime, |usage| usage.system_ns),
        of(Resource::PeakMemory, |usage| usage.peak_bytes),
    ];
    all.into_iter().filter(is_told_apart).collect()
}

/// Whether a row is meaningful. The kernel divides processor time into user and system by the state that it
/// finds at its ticks: if both sides have less than one tick, the division is chance.
pub(super) fn is_told_apart(row: &MeasuredResource) -> bool {
    let median = |side: Side| stats::median(row.replicates.iter().map(|pair| *pair.get(side)));
    match row.resource {
        Resource::UserTime | Resource::SystemTime => Side::BOTH
            .into_iter()
            .any(|side| median(side).is_some_and(|median| median >= TICK_NS)),
        Resource::PeakMemory | Resource::Allocations | Resource::Metric => true,
    }
}
