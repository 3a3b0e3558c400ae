use std::collections::BTreeMap;
use std::time::Instant;

use deadheat_core::judge::sequential::Sampling;
use deadheat_core::judge::stats::Threshold;
use deadheat_core::model::{Clock, Order, Replicate, Round, Sample};
use deadheat_core::output::Outputs;

use super::*;
use crate::distribute::task::Measurements;
use crate::passes::measure::{Goal, measure};
use crate::passes::runner::{FailureKind, hash_seed};
use crate::system::machine::machine;
use crate::worker::scripted::{self, Act, Script};

/// Workers that answer at once, with times that only the benchmark and the number of the replicate decide.
struct Cluster {
    scheduler: Scheduler,
    /// The percentage by which head is slower, by benchmark.
    slower: BTreeMap<String, f64>,
    /// The order in which running tasks end: the oldest first, or the newest.
    newest_first: bool,
    handed_out: Vec<(String, Task)>,
}

fn stopping(sampling: Sampling) -> Stopping {
    Stopping {
        sampling,
        call_times: BTreeMap::new(),
        goal: Goal::Verdict,
        thresholds: Threshold::from_percent(2.0).into(),
        budget_ends: Instant::now() + Duration::from_secs(3_600),
    }
}

fn job<'a>(schedule: &'a Schedule, sampling: Sampling, benchmarks: &'a [String]) -> Job<'a> {
    Job {
        schedule,
        stopping: stopping(sampling),
        earlier: BTreeMap::new(),
        benchmarks,
        machines: Vec::new(),
    }
}

/// Returns a number from -0.5 to 0.5 that looks random.
fn noise(benchmark: &str, number: usize) -> f64 {
    let salt = benchmark.bytes().map(u64::from).sum::<u64>();
    f64::from(hash_seed(salt, number)) / f64::from(u32::MAX) - 0.5
}

impl Cluster {
    fn new(sampling: Sampling, slower: &[(&str, f64)], workers: &[(&str, usize)]) -> Self {
        let benchmarks: Vec<String> = slower.iter().map(|(name, _)| (*name).to_owned()).collect();
        let schedule = scripted::schedule(0);
        let hour = Duration::from_secs(3_600);
        let mut scheduler = Scheduler::new(job(&schedule, sampling, &benchmarks), hour);
        scheduler.workers_are(&slots(workers));
        Cluster {
            scheduler,
            slower: slower
                .iter()
                .map(|(name, percent)| ((*name).to_owned(), *percent))
                .collect(),
            newest_first: false,
            handed_out: Vec::new(),
        }
    }

    /// Hands out all tasks that workers have room for, and returns how many.
    fn hand_out(&mut self) -> usize {
        let before = self.handed_out.len();
        while let Some(task) = self.scheduler.next(Duration::ZERO) {
            self.handed_out.push(task);
        }
        self.handed_out.len() - before
    }

    fn replicate(&self, benchmark: &str, number: usize) -> Replicate {
        let ratio = (1.0 + self.slower[benchmark] / 100.0) * (1.0 + 0.02 * noise(benchmark, number));
        let sample = |elapsed_ns| Sample {
            elapsed_ns,
            iterations: 1,
        };
        Replicate {
            seed: hash_seed(7, number),
            clock: Clock::Wall,
            machine: Some(0),
            rounds: vec![Round {
                order: Order::BaseHead,
                base: sample(1_000_000),
                head: sample((ratio * 1e6) as u64),
            }],
        }
    }

    fn result(&self, task: &Task) -> TaskResult {
        let measurements = task.benchmarks.iter().map(|benchmark| {
            let replicates = task
                .numbers()
                .map(|number| self.replicate(benchmark, number).into());
            let measurements = Measurements {
                replicates: replicates.collect(),
                outputs: PerSide::<Outputs>::default(),
                changed: PerSide::default(),
                idle: PerSide::default(),
                first_calls: Vec::new(),
                is_prescribed: false,
                set_up_each_call: benchmark == "uses_up",
                used_up: None,
                inside_seconds: 0.1,
            };
            (benchmark.clone(), measurements)
        });
        TaskResult {
            task: task.id,
            machine: machine(None, Vec::new()),
            python: PerSide::default(),
            warnings: Vec::new(),
            benchmarks: measurements.collect(),
            failures: Vec::new(),
            one_at_a_time: OneAtATime::new(),
            project_modules: PerSide::new(1, 1),
            startup_seconds: 0.5,
        }
    }

    fn take(&mut self) -> (String, Task) {
        match self.newest_first {
            true => self.handed_out.pop().unwrap(),
            false => self.handed_out.remove(0),
        }
    }

    fn answer(&mut self) {
        let (_, task) = self.take();
        let result = self.result(&task);
        assert_eq!(result.check(&task, Duration::from_secs(1_000)), Ok(()));
        self.scheduler.done(result);
        self.scheduler.settle();
        for id in self.scheduler.take_superfluous() {
            self.handed_out.retain(|(_, task)| task.id != id);
        }
    }

    /// Runs to the end.
    fn run(mut self) -> Measured {
        while self.hand_out() > 0 || !self.handed_out.is_empty() {
            self.answer();
        }
        assert!(self.scheduler.is_idle());
        self.scheduler.finish(None)
    }
}

fn slots(workers: &[(&str, usize)]) -> Vec<WorkerSlots> {
    let slots = |&(name, slots): &(&str, usize)| WorkerSlots {
        name: name.to_owned(),
        slots,
    };
    workers.iter().map(slots).collect()
}

/// Returns the estimates, the looks and the seeds of each benchmark.
fn results(measured: &Measured) -> Vec<(String, u64, u32, Vec<u32>)> {
    let rows = measured.benchmarks.iter().map(|(name, set)| {
        let estimate = set.estimate.unwrap();
        let seeds = set.replicates.iter().map(|replicate| replicate.seed).collect();
        (name.clone(), estimate.center.to_bits(), set.looks, seeds)
    });
    rows.collect()
}

const SUITE: [(&str, f64); 5] = [
    ("a", 0.0),
    ("b", 3.0),
    ("c", -40.0),
    ("d", 100.0),
    ("uses_up", 1.9),
];

#[test]
fn the_looks_are_the_same_on_any_number_of_workers_in_whatever_order_they_answer() {
    let one = results(&Cluster::new(Sampling::UntilSettled, &SUITE, &[("w", 1)]).run());
    assert!(one.iter().any(|(_, _, looks, _)| *looks > 2) && one.iter().any(|(_, _, looks, _)| *looks == 1));
    for workers in [&[("w", 3)][..], &[("w", 1), ("x", 2), ("y", 4)], &[("w", 100)]] {
        for newest_first in [false, true] {
            let mut many = Cluster::new(Sampling::UntilSettled, &SUITE, workers);
            many.newest_first = newest_first;
            assert_eq!(results(&many.run()), one);
        }
    }
}

#[test]
fn the_replicates_of_one_machine_give_the_same_estimates_to_the_last_digit() {
    // The scripted workers of a run on one core...
    let by_process = |times: &[u64]| Act::TakesByProcess(times.to_vec());
    let mut launch = Script::new(&[
        (
            "a",
            by_process(&[1_000, 1_013, 990]),
            by_process(&[1_100, 1_090, 1_111, 1_071]),
        ),
        ("b", by_process(&[907, 911]), by_process(&[700, 713, 709])),
    ]);
    let benchmarks = ["a".to_owned(), "b".to_owned()];
    let here = measure(
        &scripted::schedule(4),
        stopping(Sampling::Exactly(4)),
        BTreeMap::new(),
        &scripted::spec(None),
        &benchmarks,
        &mut launch,
        &mut |_| {},
    )
    .unwrap();
    // ...and their replicates as they come back from several.
    let schedule = scripted::schedule(4);
    let job = job(&schedule, Sampling::Exactly(4), &benchmarks);
    let mut scheduler = Scheduler::new(job, Duration::from_secs(60));
    scheduler.workers_are(&slots(&[("w", 2), ("x", 1)]));
    while let Some((_, task)) = scheduler.next(Duration::ZERO) {
        let measurements = task.benchmarks.iter().map(|benchmark| {
            let mut set = ReplicateSet::default();
            let all = here.benchmarks[benchmark].replicates.iter();
            set.replicates = all.skip(task.first).take(task.replicates).cloned().collect();
            (benchmark.clone(), Measurements::of(set))
        });
        let result = TaskResult {
            task: task.id,
            machine: machine(None, Vec::new()),
            python: PerSide::default(),
            warnings: Vec::new(),
            benchmarks: measurements.collect(),
            failures: Vec::new(),
            one_at_a_time: OneAtATime::new(),
            project_modules: PerSide::default(),
            startup_seconds: 0.5,
        };
        // By way of the text that travels.
        let text = serde_json::to_string(&result).unwrap();
        scheduler.done(serde_json::from_str(&text).unwrap());
    }
    assert_eq!(results(&scheduler.finish(None)), results(&here));
}

#[test]
fn the_first_replicate_decides_about_fixtures_before_others_are_measured() {
    let mut cluster = Cluster::new(Sampling::UntilSettled, &SUITE, &[("w", 8)]);
    cluster.hand_out();
    let pilots = &cluster.handed_out;
    assert!(
        pilots
            .iter()
            .all(|(_, task)| task.is_pilot && task.first == 0 && task.replicates == 1)
    );
    let mut benchmarks: Vec<&String> = pilots.iter().flat_map(|(_, task)| &task.benchmarks).collect();
    benchmarks.sort();
    assert_eq!(benchmarks, ["a", "b", "c", "d", "uses_up"]);
    for _ in 0..cluster.handed_out.len() {
        cluster.answer();
    }
    cluster.hand_out();
    let knows = |(_, task): &(String, Task)| {
        let has_it = task.benchmarks.iter().any(|benchmark| benchmark == "uses_up");
        !task.is_pilot && task.set_up_each_call.contains("uses_up") == has_it
    };
    assert!(cluster.handed_out.iter().all(knows));
}

#[test]
fn a_lost_worker_loses_its_replicates_and_nothing_else() {
    let whole = results(&Cluster::new(Sampling::Exactly(5), &SUITE, &[("w", 1)]).run());
    let mut cluster = Cluster::new(Sampling::Exactly(5), &SUITE, &[("w", 2), ("x", 2)]);
    cluster.hand_out();
    cluster.answer();
    cluster.hand_out();
    let lost: Vec<u64> = cluster
        .handed_out
        .extract_if(.., |(worker, _)| worker == "x")
        .map(|(_, task)| task.id)
        .collect();
    assert!(!lost.is_empty());
    cluster.scheduler.workers_are(&slots(&[("w", 2)]));
    // What it would have answered does not count any more.
    let mut late = cluster.result(&cluster.handed_out[0].1);
    late.task = lost[0];
    cluster.scheduler.done(late);
    assert_eq!(results(&cluster.run()), whole);
}

#[test]
fn replicates_that_nobody_can_measure_are_given_up() {
    let mut cluster = Cluster::new(
        Sampling::Exactly(3),
        &[("a", 0.0)],
        &[("w", 1), ("x", 1), ("y", 1)],
    );
    for _ in 0..TRIES {
        assert!(cluster.hand_out() > 0);
        let (_, task) = cluster.take();
        cluster.scheduler.lost(task.id);
    }
    let measured = cluster.run();
    let seeds: Vec<u32> = measured.benchmarks["a"]
        .replicates
        .iter()
        .map(|one| one.seed)
        .collect();
    assert_eq!(seeds, [hash_seed(7, 1), hash_seed(7, 2)]);
}

#[test]
fn a_worker_that_cannot_measure_gets_no_more_tasks() {
    let mut cluster = Cluster::new(Sampling::Exactly(4), &SUITE, &[("bad", 1), ("good", 1)]);
    while cluster.scheduler.given_up().next().is_none() {
        cluster.hand_out();
        let (worker, task) = cluster.take();
        match worker.as_str() {
            "bad" => cluster.scheduler.failed(task.id, "pytest is missing"),
            _ => {
                let result = cluster.result(&task);
                cluster.scheduler.done(result);
            }
        }
    }
    let given_up: Vec<_> = cluster.scheduler.given_up().collect();
    assert_eq!(given_up, [("bad", "pytest is missing")]);
    assert!(cluster.scheduler.has_workers());
    let whole = results(&Cluster::new(Sampling::Exactly(4), &SUITE, &[("w", 1)]).run());
    assert_eq!(results(&cluster.run()), whole);
}

#[test]
fn a_benchmark_has_failed_when_a_second_worker_says_so() {
    let fails = |benchmarks: &[&str]| {
        let failed_on: Vec<String> = benchmarks.iter().map(|name| (*name).to_owned()).collect();
        let mut cluster = Cluster::new(
            Sampling::Exactly(3),
            &[("a", 0.0), ("b", 0.0)],
            &[("v", 1), ("w", 1)],
        );
        let mut tries = 0;
        while cluster.hand_out() > 0 || !cluster.handed_out.is_empty() {
            let (worker, task) = cluster.take();
            let mut result = cluster.result(&task);
            if failed_on.contains(&worker) && result.benchmarks.remove("b").is_some() {
                tries += 1;
                result.failures.push(BenchmarkFailure {
                    benchmark: "b".to_owned(),
                    side: None,
                    kind: FailureKind::Failed,
                    message: "E   OSError".to_owned(),
                });
            }
            cluster.scheduler.done(result);
        }
        (tries, cluster.scheduler.finish(None))
    };
    let (tries, measured) = fails(&["v", "w"]);
    assert_eq!((tries, measured.failures.len()), (2, 1));
    assert!(!measured.benchmarks.contains_key("b") && measured.benchmarks["a"].replicates.len() == 3);
    let (_, measured) = fails(&["v"]);
    assert_eq!(measured.failures, []);
    assert_eq!(measured.benchmarks["b"].replicates.len(), 3);
}

#[test]
fn when_the_budget_is_spent_only_benchmarks_without_an_interval_get_more() {
    let mut cluster = Cluster::new(Sampling::UntilSettled, &[("a", 1.9)], &[("w", 1)]);
    cluster.scheduler.budget = Duration::ZERO;
    assert_eq!(cluster.run().benchmarks["a"].replicates.len(), FEWEST_REPLICATES);
}

#[test]
fn nobody_waits_for_what_is_settled() {
    let mut cluster = Cluster::new(Sampling::UntilSettled, &[("d", 100.0)], &[("w", 50)]);
    while cluster.hand_out() > 0 || !cluster.handed_out.is_empty() {
        cluster.answer();
    }
    let measured = cluster.scheduler.finish(None);
    // Three replicates are enough for such a change.
    assert_eq!(measured.benchmarks["d"].replicates.len(), 3);
}

#[test]
fn a_machine_that_is_unlike_the_others_does_not_count() {
    let suite: Vec<(String, f64)> = (0..12).map(|number| (format!("{number:02}"), 0.0)).collect();
    let suite: Vec<(&str, f64)> = suite
        .iter()
        .map(|(name, slower)| (name.as_str(), *slower))
        .collect();
    let workers = [("v", 1), ("w", 1), ("x", 1), ("y", 1)];
    let mut cluster = Cluster::new(Sampling::Exactly(24), &suite, &workers);
    loop {
        if cluster.hand_out() == 0
            && cluster.handed_out.is_empty()
            && !cluster.scheduler.set_outliers_aside(true)
        {
            break;
        }
        if cluster.handed_out.is_empty() {
            continue;
        }
        let (worker, task) = cluster.take();
        if worker == "x" {
            cluster.slower.values_mut().for_each(|slower| *slower = 5.0);
        }
        let result = cluster.result(&task);
        cluster.slower.values_mut().for_each(|slower| *slower = 0.0);
        cluster.scheduler.done(result);
        cluster.scheduler.settle();
        cluster.scheduler.set_outliers_aside(false);
    }
    let measured = cluster.scheduler.finish(None);
    let named: Vec<(&str, f64)> = measured
        .machines
        .iter()
        .filter_map(|machine| Some((machine.name.as_str(), machine.outlier?.ratio)))
        .collect();
    let [(name, ratio)] = named[..] else {
        panic!("{named:?}");
    };
    assert!(name == "x" && (1.04..1.06).contains(&ratio), "{ratio}");
    for set in measured.benchmarks.values() {
        // Others have measured in its place.
        assert_eq!(set.replicates.len(), 24);
        assert!(!set.set_aside.is_empty());
        let estimate = set.estimate.unwrap();
        assert!(estimate.center.abs() < 0.005, "{estimate:?}");
    }
}
