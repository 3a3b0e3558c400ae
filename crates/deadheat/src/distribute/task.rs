//! A task, and its result: replicates of some benchmarks, measured by one worker on one core.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use deadheat_core::model::{Clock, Machine, Order, PerSide, Python, Replicate, Round, Sample, Warning};
use deadheat_core::output::Outputs;
use deadheat_core::protocol::ChangedValue;
use serde::{Deserialize, Serialize};

use crate::passes::measure::{IdleUse, ReplicateSet, UsedUp};
use crate::passes::runner::{BenchmarkFailure, OneAtATime, hash_seed};

/// More rounds than any replicate has.
const MOST_ROUNDS: usize = 10_000;

/// Replicates of benchmarks that share process pairs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Task {
    pub(crate) id: u64,
    /// The seed of the run's hash seeds.
    pub(crate) seed: u64,
    /// The number of the first replicate, which decides about its hash seed.
    pub(crate) first: usize,
    pub(crate) replicates: usize,
    pub(crate) benchmarks: Vec<String>,
    /// Whether these are the first replicates of their benchmarks, which decide how often fixtures are set up.
    pub(crate) is_pilot: bool,
    pub(crate) set_up_each_call: BTreeSet<String>,
    pub(crate) one_at_a_time: OneAtATime,
    /// The longest that it may take.
    pub(crate) seconds: f64,
}

/// The result of a task.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TaskResult {
    pub(crate) task: u64,
    pub(crate) machine: Machine,
    pub(crate) python: PerSide<Python>,
    /// The doubts about this machine.
    pub(crate) warnings: Vec<Warning>,
    pub(crate) benchmarks: BTreeMap<String, Measurements>,
    pub(crate) failures: Vec<BenchmarkFailure>,
    pub(crate) one_at_a_time: OneAtATime,
    pub(crate) project_modules: PerSide<u64>,
    /// The time to start the processes of a replicate.
    pub(crate) startup_seconds: f64,
}

/// The measurements of one benchmark in a task.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Measurements {
    pub(crate) replicates: Vec<PackedReplicate>,
    pub(crate) outputs: PerSide<Outputs>,
    pub(crate) changed: PerSide<BTreeSet<ChangedValue>>,
    pub(crate) idle: PerSide<IdleUse>,
    pub(crate) first_calls: Vec<(PerSide<f64>, f64)>,
    pub(crate) is_prescribed: bool,
    pub(crate) set_up_each_call: bool,
    pub(crate) used_up: Option<PerSide<UsedUp>>,
    /// The time inside the benchmark, for each replicate.
    pub(crate) inside_seconds: f64,
}

/// A replicate in a form that takes a tenth of the space of a report's, and is read as much faster.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PackedReplicate {
    seed: u32,
    clock: Clock,
    /// For each round, `1` if head came first, else `0`.
    heads_first: String,
    base_ns: Vec<u64>,
    head_ns: Vec<u64>,
    /// The iterations of base and of head, each with the number of rounds in a row that have them.
    iterations: Vec<(usize, u64, u64)>,
}

impl From<Replicate> for PackedReplicate {
    fn from(replicate: Replicate) -> Self {
        let rounds = &replicate.rounds;
        let mut iterations: Vec<(usize, u64, u64)> = Vec::new();
        for round in rounds {
            let (base, head) = (round.base.iterations, round.head.iterations);
            match iterations.last_mut() {
                Some((count, last_base, last_head)) if (*last_base, *last_head) == (base, head) => {
                    *count += 1
                }
                _ => iterations.push((1, base, head)),
            }
        }
        let head_first = |round: &Round| match round.order {
            Order::BaseHead => '0',
            Order::HeadBase => '1',
        };
        PackedReplicate {
            seed: replicate.seed,
            clock: replicate.clock,
            heads_first: rounds.iter().map(head_first).collect(),
            base_ns: rounds.iter().map(|round| round.base.elapsed_ns).collect(),
            head_ns: rounds.iter().map(|round| round.head.elapsed_ns).collect(),
            iterations,
        }
    }
}

impl PackedReplicate {
    fn is_sound(&self, longest_ns: u64) -> bool {
        let rounds = self.base_ns.len();
        let in_a_row = self
            .iterations
            .iter()
            .try_fold(0_usize, |sum, (count, ..)| sum.checked_add(*count));
        let mut times = self.base_ns.iter().chain(&self.head_ns);
        let calls = 1..=MOST_ITERATIONS;
        let is_row = |(count, base, head): &(usize, u64, u64)| {
            *count > 0 && calls.contains(base) && calls.contains(head)
        };
        (1..=MOST_ROUNDS).contains(&rounds)
            && self.head_ns.len() == rounds
            && self.heads_first.len() == rounds
            && self.heads_first.bytes().all(|order| matches!(order, b'0' | b'1'))
            && in_a_row == Some(rounds)
            && self.iterations.iter().all(is_row)
            && times.all(|time| (1..=longest_ns).contains(time))
    }

    /// Returns the replicate, if it [`Self::is_sound`]; `machine` is the number of the machine that measured it.
    fn unpack(self, machine: u32) -> Replicate {
        let iterations = self.iterations.iter();
        let iterations = iterations.flat_map(|&(count, base, head)| std::iter::repeat_n((base, head), count));
        let times = self.base_ns.iter().zip(&self.head_ns);
        let rounds = self.heads_first.bytes().zip(times).zip(iterations);
        let sample = |elapsed_ns: u64, iterations| Sample {
            elapsed_ns,
            iterations,
        };
        Replicate {
            seed: self.seed,
            clock: self.clock,
            machine: Some(machine),
            rounds: rounds
                .map(|((order, (base_ns, head_ns)), (base, head))| Round {
                    order: match order {
                        b'1' => Order::HeadBase,
                        _ => Order::BaseHead,
                    },
                    base: sample(*base_ns, base),
                    head: sample(*head_ns, head),
                })
                .collect(),
        }
    }
}

impl Measurements {
    pub(crate) fn of(set: ReplicateSet) -> Self {
        Measurements {
            inside_seconds: (set.inside / set.visits.max(1)).as_secs_f64(),
            replicates: set.replicates.into_iter().map(PackedReplicate::from).collect(),
            outputs: set.outputs,
            changed: set.changed,
            idle: set.idle,
            first_calls: set.first_calls,
            is_prescribed: set.is_prescribed,
            set_up_each_call: set.set_up_each_call,
            used_up: set.used_up,
        }
    }

    /// Returns the replicates, by their numbers.
    pub(crate) fn take_replicates(&mut self, task: &Task, machine: u32) -> BTreeMap<usize, Replicate> {
        let numbers = task.numbers_by_seed();
        let replicates = std::mem::take(&mut self.replicates).into_iter();
        replicates
            .filter_map(|packed| Some((*numbers.get(&packed.seed)?, packed.unpack(machine))))
            .collect()
    }
}

impl Task {
    pub(crate) fn numbers(&self) -> std::ops::Range<usize> {
        self.first..self.first + self.replicates
    }

    fn numbers_by_seed(&self) -> BTreeMap<u32, usize> {
        self.numbers()
            .map(|number| (hash_seed(self.seed, number), number))
            .collect()
    }
}

impl TaskResult {
    /// Checks that a result answers the task, with possible numbers: a worker's answer is not trusted. `taken` is the time
    /// since the task was handed out.
    pub(crate) fn check(&self, task: &Task, taken: Duration) -> Result<(), String> {
        if self.task != task.id {
            return Err(format!("it answers task {}, not {}", self.task, task.id));
        }
        let asked: BTreeSet<&String> = task.benchmarks.iter().collect();
        let failed = self.failures.iter().map(|failure| &failure.benchmark);
        let mut named = self
            .benchmarks
            .keys()
            .chain(failed)
            .chain(self.one_at_a_time.keys());
        if let Some(other) = named.find(|name| !asked.contains(name)) {
            return Err(format!("it holds a benchmark that was not asked for: `{other}`"));
        }
        for (benchmark, measurements) in &self.benchmarks {
            if let Err(problem) = measurements.check(task) {
                return Err(format!("`{benchmark}`: {problem}"));
            }
        }
        let modules = [self.project_modules.base, self.project_modules.head];
        if modules.iter().any(|modules| *modules > MOST_MODULES) || self.warnings.len() > MOST_WARNINGS {
            return Err("it holds impossible numbers".to_owned());
        }
        let inside = self.benchmarks.values();
        let inside = inside.map(|one| one.inside_seconds * one.replicates.len() as f64);
        let inside: f64 = inside.sum();
        let claimed = inside + self.startup_seconds * task.replicates as f64;
        let is_possible = self.startup_seconds >= 0.0 && inside >= 0.0;
        match is_possible && claimed <= taken.as_secs_f64() + TOLERANCE_SECONDS {
            true => Ok(()),
            false => Err(format!(
                "it took {:.1} s, and claims {claimed:.1} s",
                taken.as_secs_f64()
            )),
        }
    }
}

/// The difference between clocks that an answer may show.
const TOLERANCE_SECONDS: f64 = 1.0;
/// More modules than any benchmark imports, more warnings than there are about a machine, more calls than fit into a sample,
/// and more waits for a turn than a task has.
const MOST_MODULES: u64 = 1 << 32;
const MOST_WARNINGS: usize = 100;
const MOST_ITERATIONS: u64 = 1 << 40;
const MOST_WAITS: u64 = 1 << 32;

impl Measurements {
    fn check(&self, task: &Task) -> Result<(), &'static str> {
        let numbers = task.numbers_by_seed();
        let seeds: BTreeSet<u32> = self.replicates.iter().map(|one| one.seed).collect();
        if seeds.len() != self.replicates.len() {
            return Err("a replicate came twice");
        }
        if seeds.iter().any(|seed| !numbers.contains_key(seed)) {
            return Err("a replicate has a seed that was not asked for");
        }
        let longest_ns = (task.seconds * 1e9) as u64;
        if !self
            .replicates
            .iter()
            .all(|replicate| replicate.is_sound(longest_ns))
        {
            return Err("a replicate holds impossible times");
        }
        let is_time = |ns: f64| ns > 0.0 && ns <= task.seconds * 1e9;
        let is_call = |(first, ratio): &(PerSide<f64>, f64)| {
            is_time(first.base) && is_time(first.head) && ratio.abs() < MOST_LOG_RATIO
        };
        let mut used_up = self.used_up.iter().flat_map(|calls| [calls.base, calls.head]);
        let are_calls = self.first_calls.len() <= task.replicates
            && self.first_calls.iter().all(is_call)
            && used_up.all(|calls| is_time(calls.first_ns) && is_time(calls.later_ns));
        let idle = [self.idle.base, self.idle.head];
        let is_idle = |idle: IdleUse| {
            idle.waits <= MOST_WAITS && idle.cpu_ns <= longest_ns * 64 && idle.waited_ns <= longest_ns
        };
        let outputs = [&self.outputs.base, &self.outputs.head];
        // A pilot may be measured twice.
        let are_outputs = outputs
            .iter()
            .all(|outputs| outputs.count() <= 2 * task.replicates);
        match are_calls && idle.into_iter().all(is_idle) && are_outputs && self.inside_seconds.is_finite() {
            true => Ok(()),
            false => Err("it holds impossible numbers"),
        }
    }
}

/// The logarithm of a ratio that no two versions have.
const MOST_LOG_RATIO: f64 = 50.0;

#[cfg(test)]
mod tests {
    use super::*;

    const TAKEN: Duration = Duration::from_secs(5);

    pub(super) fn task() -> Task {
        Task {
            id: 3,
            seed: 7,
            first: 2,
            replicates: 2,
            benchmarks: vec!["a".to_owned(), "b".to_owned()],
            is_pilot: false,
            set_up_each_call: BTreeSet::new(),
            one_at_a_time: BTreeMap::new(),
            seconds: 60.0,
        }
    }

    fn replicate(number: usize) -> Replicate {
        let sample = |elapsed_ns| Sample {
            elapsed_ns,
            iterations: 4,
        };
        let round = |order| Round {
            order,
            base: sample(100),
            head: sample(90),
        };
        Replicate {
            seed: hash_seed(7, number),
            clock: Clock::Processor,
            machine: Some(5),
            rounds: vec![round(Order::HeadBase), round(Order::BaseHead)],
        }
    }

    fn result(replicates: Vec<Replicate>) -> TaskResult {
        let mut set = ReplicateSet::default();
        set.replicates = replicates;
        TaskResult {
            task: 3,
            machine: crate::system::machine::machine(None, Vec::new()),
            python: PerSide::default(),
            warnings: Vec::new(),
            benchmarks: [("a".to_owned(), Measurements::of(set))].into(),
            failures: Vec::new(),
            one_at_a_time: BTreeMap::new(),
            project_modules: PerSide::default(),
            startup_seconds: 0.5,
        }
    }

    #[test]
    fn a_replicate_is_the_same_after_the_way() {
        let text = serde_json::to_string(&result(vec![replicate(3)])).unwrap();
        let mut back: TaskResult = serde_json::from_str(&text).unwrap();
        assert_eq!(back.check(&task(), TAKEN), Ok(()));
        let measurements = back.benchmarks.get_mut("a").unwrap();
        assert_eq!(
            measurements.take_replicates(&task(), 5),
            [(3, replicate(3))].into()
        );
    }

    #[test]
    fn answers_that_cannot_be_true_are_refused() {
        let refused = |spoil: &dyn Fn(&mut TaskResult)| {
            let mut result = result(vec![replicate(2), replicate(3)]);
            spoil(&mut result);
            result.check(&task(), TAKEN).unwrap_err()
        };
        let of_a = |result: &mut TaskResult, spoil: &dyn Fn(&mut Measurements)| {
            spoil(result.benchmarks.get_mut("a").unwrap());
        };
        assert!(refused(&|result| result.task = 4).contains("task 4"));
        assert!(
            refused(&|result| {
                let measurements = result.benchmarks.remove("a").unwrap();
                result.benchmarks.insert("c".to_owned(), measurements);
            })
            .contains("`c`")
        );
        assert!(refused(&|result| of_a(result, &|a| a.replicates[0].seed += 1)).contains("seed"));
        assert!(
            refused(&|result| of_a(result, &|a| a.replicates[0].seed = a.replicates[1].seed))
                .contains("twice")
        );
        assert!(refused(&|result| of_a(result, &|a| a.replicates[0].base_ns[0] = 0)).contains("impossible"));
        assert!(
            refused(&|result| of_a(result, &|a| a.replicates[0].iterations[0].0 = usize::MAX))
                .contains("impossible")
        );
        assert!(
            refused(&|result| of_a(result, &|a| a.replicates[0].head_ns[0] = u64::MAX))
                .contains("impossible")
        );
        assert!(refused(&|result| of_a(result, &|a| a.inside_seconds = f64::NAN)).contains("impossible"));
        assert!(refused(&|result| of_a(result, &|a| a.inside_seconds = 1e6)).contains("claims"));
        assert!(refused(&|result| result.startup_seconds = 1e6).contains("claims"));
        assert!(refused(&|result| result.startup_seconds = -1.0).contains("claims"));
        assert!(refused(&|result| result.project_modules.base = u64::MAX).contains("impossible"));
        let call = (PerSide::new(-1e308, 1e308), -1e308);
        assert!(refused(&|result| of_a(result, &|a| a.first_calls = vec![call])).contains("impossible"));
        assert!(refused(&|result| of_a(result, &|a| a.idle.head.waits = 1 << 63)).contains("impossible"));
    }
}
