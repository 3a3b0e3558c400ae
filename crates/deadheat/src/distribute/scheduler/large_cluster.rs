//! The driver's own work for a large cluster: `cargo test --release -p deadheat large_cluster -- --ignored --nocapture`.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::io::Write;
use std::time::{Duration, Instant};

use deadheat_core::judge::stats::Threshold;
use deadheat_core::model::{Clock, Order, PerSide, Replicate, Round, Sample};

use super::{Job, Scheduler, WorkerSlots};
use crate::distribute::measure::BETWEEN_LOOKS;
use crate::distribute::serve::Answer;
use crate::distribute::task::{Measurements, Task, TaskResult};
use crate::passes::measure::{Goal, ReplicateSet, Stopping};
use crate::passes::runner::hash_seed;
use crate::system::machine::machine;
use crate::worker::scripted;

const WORKERS: usize = 1_000;
const BENCHMARKS: usize = 10_000;
/// Of 100 tasks.
const LOST: u32 = 1;
/// The time of one benchmark in a replicate, and the time to start the processes.
const INSIDE: Duration = Duration::from_millis(300);
const STARTUP: Duration = Duration::from_millis(600);
const ROUNDS: usize = 40;

fn replicate(benchmark: usize, number: usize) -> Replicate {
    let random = |salt: usize| {
        f64::from(hash_seed((benchmark * 31 + salt) as u64, number)) / f64::from(u32::MAX) - 0.5
    };
    // A tenth of the benchmarks has changed.
    let slower = if benchmark.is_multiple_of(10) { 1.10 } else { 1.0 };
    let ratio = slower * (1.0 + 0.02 * random(0));
    let round = |index: usize| {
        let sample = |ns: f64| Sample {
            elapsed_ns: ns as u64,
            iterations: 300,
        };
        Round {
            order: Order::of_round(index),
            base: sample(300_000.0 * (1.0 + 0.01 * random(2 * index + 1))),
            head: sample(300_000.0 * ratio * (1.0 + 0.01 * random(2 * index + 2))),
        }
    };
    Replicate {
        seed: hash_seed(7, number),
        clock: Clock::Wall,
        machine: None,
        rounds: (0..ROUNDS).map(round).collect(),
    }
}

fn answer(task: &Task) -> String {
    let measurements = task.benchmarks.iter().map(|name| {
        let benchmark = name
            .rsplit('_')
            .next()
            .and_then(|number| number.parse().ok())
            .unwrap();
        let mut set = ReplicateSet::default();
        set.replicates = task
            .numbers()
            .map(|number| replicate(benchmark, number))
            .collect();
        set.visits = task.replicates as u32;
        set.inside = INSIDE * set.visits;
        (name.clone(), Measurements::of(set))
    });
    let result = TaskResult {
        task: task.id,
        machine: machine(None, Vec::new()),
        python: PerSide::default(),
        warnings: Vec::new(),
        benchmarks: measurements.collect(),
        failures: Vec::new(),
        one_at_a_time: BTreeMap::new(),
        project_modules: PerSide::new(1, 1),
        startup_seconds: STARTUP.as_secs_f64(),
    };
    serde_json::to_string(&Answer::Done(Box::new(result))).unwrap()
}

#[test]
#[ignore = "a measurement that takes a minute"]
fn large_cluster() {
    let benchmarks: Vec<String> = (0..BENCHMARKS)
        .map(|number| format!("benchmarks/test_a.py::test_{number}"))
        .collect();
    let stopping = Stopping {
        sampling: deadheat_core::judge::sequential::Sampling::UntilSettled,
        call_times: benchmarks
            .iter()
            .map(|name| (name.clone(), Duration::from_millis(3)))
            .collect(),
        goal: Goal::Verdict,
        thresholds: Threshold::from_percent(2.0).into(),
        budget_ends: Instant::now() + Duration::from_secs(1 << 20),
    };
    let day = Duration::from_secs(86_400);
    let mut own: BTreeMap<&str, Duration> = BTreeMap::new();
    let mut driver = |name: &'static str, work: &mut dyn FnMut()| {
        let started = Instant::now();
        work();
        *own.entry(name).or_default() += started.elapsed();
    };
    let mut scheduler = None;
    driver("begin", &mut || {
        let schedule = scripted::schedule(0);
        let job = Job {
            schedule: &schedule,
            stopping: stopping.clone(),
            earlier: BTreeMap::new(),
            benchmarks: &benchmarks,
            machines: Vec::new(),
        };
        let mut new = Scheduler::new(job, day);
        let slots = |number| WorkerSlots {
            name: format!("tcp://10.0.{}.{}:40000", number / 250, number % 250),
            slots: 1,
        };
        new.workers_are(&(0..WORKERS).map(slots).collect::<Vec<_>>());
        scheduler = Some(new);
    });
    let mut scheduler = scheduler.unwrap();
    let mut now = Duration::ZERO;
    let mut running: BinaryHeap<Reverse<(Duration, u64)>> = BinaryHeap::new();
    let mut tasks: BTreeMap<u64, Task> = BTreeMap::new();
    let (mut handed_out, mut lost) = (0_u32, 0);
    // As the driver does it.
    let mut next_look = Duration::ZERO;
    loop {
        let mut new = Vec::new();
        driver("hand out", &mut || {
            while let Some((_, task)) = scheduler.next(now) {
                new.push(task);
            }
        });
        for task in new {
            let once = STARTUP + INSIDE * task.benchmarks.len() as u32;
            running.push(Reverse((now + once * task.replicates as u32, task.id)));
            tasks.insert(task.id, task);
            handed_out += 1;
        }
        let Some(Reverse((then, id))) = running.pop() else {
            break;
        };
        now = then;
        let Some(task) = tasks.remove(&id) else {
            continue;
        };
        if hash_seed(11, id as usize) % 100 < LOST {
            lost += 1;
            driver("lost", &mut || scheduler.lost(id));
            continue;
        }
        let text = answer(&task);
        let mut result = None;
        driver("read", &mut || {
            let Ok(Answer::Done(read)) = serde_json::from_str(&text) else {
                panic!("not an answer");
            };
            read.check(&task, Duration::from_secs(1_000)).unwrap();
            result = Some(read);
        });
        driver("count", &mut || {
            scheduler.done(*result.take().unwrap());
        });
        if now >= next_look || running.is_empty() {
            let began = Instant::now();
            driver("look", &mut || {
                scheduler.settle();
                scheduler.set_outliers_aside(false);
                for id in scheduler.take_superfluous() {
                    tasks.remove(&id);
                }
            });
            next_look = now + began.elapsed() * BETWEEN_LOOKS;
        }
    }
    let mut measured = None;
    let mut scheduler = Some(scheduler);
    driver("end", &mut || {
        if let Some(mut scheduler) = scheduler.take() {
            scheduler.set_outliers_aside(true);
            measured = Some(scheduler.finish(None));
        }
    });
    let measured = measured.unwrap();
    let replicates: usize = measured.benchmarks.values().map(|set| set.replicates.len()).sum();
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status
        .lines()
        .find(|line| line.starts_with("VmHWM"))
        .unwrap_or("VmHWM: unknown");
    let each = format!("{own:.2?}");
    let own: Duration = own.into_values().sum();
    let words = format!(
        "{WORKERS} workers, {BENCHMARKS} benchmarks, {handed_out} tasks, {lost} lost, {replicates} replicates counted of {} \
         measured: {:.0} s on the cluster, {:.2} s of the driver's own ({:.2} %: {each}), {peak}\n",
        measured.newly,
        now.as_secs_f64(),
        own.as_secs_f64(),
        100.0 * own.as_secs_f64() / now.as_secs_f64(),
    );
    std::io::stderr().write_all(words.as_bytes()).unwrap();
    assert_eq!(measured.benchmarks.len(), BENCHMARKS);
}
