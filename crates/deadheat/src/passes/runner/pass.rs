//! [`Pass`]: the work done on each benchmark, and the facts that it is given.

use deadheat_core::model::{Order, PerSide, Side};
use deadheat_core::output::Output;
use deadheat_core::protocol::ChangedValue;

use crate::passes::runner::failures::PairFailure;
use crate::passes::runner::pair::ProcessPair;

/// The work on a benchmark that both sides can run.
pub(crate) trait Pass {
    /// The result of one benchmark in one process pair.
    type PairResult;
    /// The result on one side, if the sides do not run together.
    type SideResult;

    /// Chooses the benchmarks that the next replicate visits, of those that it can; none ends the replicates.
    fn choose<'a>(&mut self, benchmarks: Vec<&'a String>) -> Vec<&'a String> {
        benchmarks
    }

    /// Works while both sides are inside the benchmark.
    fn inside(
        &mut self,
        both: &mut ProcessPair<'_>,
        benchmark: &str,
        entered: PerSide<Entered>,
    ) -> Result<Self::PairResult, PairFailure>;

    /// Works while one side is inside the benchmark, and the other is absent; `other` is the other side's
    /// result, once it has one.
    fn inside_alone(
        &mut self,
        alone: &mut ProcessPair<'_>,
        side: Side,
        benchmark: &str,
        entered: Entered,
        other: Option<&Self::SideResult>,
    ) -> Result<Self::SideResult, PairFailure>;

    /// Joins the halves of a replicate; `order` names the side that came first.
    fn join(&mut self, order: Order, halves: PerSide<Self::SideResult>) -> Self::PairResult;

    /// Called when this side has left the benchmark, and has not failed.
    fn left_by(&mut self, _: &mut ProcessPair<'_>, _: Side) -> Result<(), PairFailure> {
        Ok(())
    }

    /// Takes the finding when both sides have left the benchmark, and neither failed.
    fn left(&mut self, benchmark: &str, left: Left, finding: Self::PairResult) -> SetUp;

    /// Called when set-ups for each call went wrong. Returns whether there is an earlier finding, which remains valid.
    fn cannot_set_up_each_call(&mut self, _benchmark: &str) -> bool {
        false
    }
}

/// How often the fixtures of a benchmark's own test are set up from now on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SetUp {
    AsItIs,
    /// For each call; the benchmark is visited again at the end of the replicate, in fresh processes.
    TryEachCall,
    /// Once for all calls, as before [`SetUp::TryEachCall`].
    OnceAfterAll,
}

/// The facts about a benchmark in one process pair when both sides have left it.
#[derive(Debug, Default)]
pub(crate) struct Left {
    /// The hash seed of both sides.
    pub(crate) seed: u32,
    /// The output of the first sample on each side.
    pub(crate) outputs: PerSide<Option<Output>>,
    /// The values that the set-up of each side made and its calls changed.
    pub(crate) changed: PerSide<Vec<ChangedValue>>,
    /// Whether both sides could set up the test's own fixtures for each call, and did not.
    pub(crate) can_set_up_each_call: bool,
    /// Whether both sides set them up for each call.
    pub(crate) set_up_each_call: bool,
}

/// An event for the progress display.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Event<'a> {
    ReplicateStarted {
        index: usize,
        /// `None`: not known yet.
        of: Option<usize>,
        benchmarks: usize,
    },
    BenchmarkStarted {
        benchmark: &'a str,
        /// The position in this replicate.
        position: usize,
    },
}

/// The answer of a side when its benchmark was entered.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Entered {
    pub(crate) iterations_per_sample: Option<u64>,
    pub(crate) samples: Option<u64>,
    /// Whether the suite prescribes the clock that samples are timed by.
    pub(crate) own_clock: bool,
    /// Whether the test's own fixtures, which were set up once, could be set up for each call.
    pub(crate) can_set_up_each_call: bool,
}

impl Entered {
    /// Returns the most rounds that the suite allows, if it counts the calls on either side.
    pub(crate) fn most_rounds(both: PerSide<Entered>) -> Option<usize> {
        let most = [both.base.samples, both.head.samples]
            .into_iter()
            .flatten()
            .min()?;
        Some(usize::try_from(most).unwrap_or(usize::MAX))
    }

    /// Whether the suite prescribes how its calls are counted.
    pub(crate) fn is_prescribed(self) -> bool {
        self.iterations_per_sample.is_some() || self.samples.is_some()
    }

    /// Returns the iterations of a sample on each side, as the suite prescribes them; otherwise one.
    pub(crate) fn iterations(both: PerSide<Entered>) -> PerSide<u64> {
        both.map(|entered| entered.iterations_per_sample.unwrap_or(1))
    }
}
