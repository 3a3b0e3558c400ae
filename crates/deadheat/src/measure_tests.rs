//! The schedule with scripted workers: exact times, no processes, no waiting.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use deadheat_core::model::Verdict;
use deadheat_core::protocol::{ForeignModule, HelloRequest};
use deadheat_core::report;
use deadheat_core::stats::Threshold;

use super::*;
use crate::failure::Failure;
use crate::session::ToCollect;
use crate::walk::hash_seed;
use crate::worker::{NoAnswer, Talk};

/// What a scripted benchmark does on one side.
#[derive(Clone, Debug)]
enum Act {
    /// Nanoseconds of one iteration.
    Takes(u64),
    /// The same, limited as `benchmark.pedantic` limits it.
    Prescribed {
        ns: u64,
        iterations: u64,
        samples: u64,
    },
    FailsInSetup,
    FailsInSample,
    FailsAtTheEnd,
    Skips,
    Dies,
    Hangs,
    ImportsFromElsewhere,
}

type Log = Rc<RefCell<Vec<String>>>;

/// Answers as a worker does, and panics when the driver breaks the protocol's order.
struct ScriptedWorker {
    side: Side,
    script: BTreeMap<String, Act>,
    inside: Option<String>,
    samples: u64,
    /// `next` of the last benchmark that was entered: pytest insists on it.
    announced: Option<Option<String>>,
    log: Log,
}

impl Talk for ScriptedWorker {
    fn ask(&mut self, request: &Request, limit: Duration) -> Result<Reply, NoAnswer> {
        let side = self.side;
        let failed = |phase: &str, message: &str| Reply::Failed {
            phase: phase.to_owned(),
            message: message.to_owned(),
            foreign: Vec::new(),
        };
        let died = || NoAnswer::Died {
            status: "signal: 11 (SIGSEGV)".to_owned(),
        };
        Ok(match request {
            Request::Hello(_) => Reply::Hello {
                protocol: deadheat_core::protocol::VERSION,
                python: "3.12.1".to_owned(),
                pytest: "9.0.0".to_owned(),
                implementation: "CPython".to_owned(),
            },
            Request::Collect { .. } => Reply::Collected {
                benchmarks: self.script.keys().cloned().collect(),
                errors: Vec::new(),
                deselected: 0,
                foreign: Vec::new(),
            },
            Request::Enter { benchmark, next } => {
                assert_eq!(self.inside, None, "entered twice on {side}");
                if let Some(Some(announced)) = &self.announced {
                    assert_eq!(
                        announced, benchmark,
                        "another benchmark than was announced on {side}"
                    );
                }
                self.announced = Some(next.clone());
                self.samples = 0;
                self.log.borrow_mut().push(format!("{side} enter {benchmark}"));
                match self.script[benchmark] {
                    Act::FailsInSetup => return Ok(failed("setup", "fixture broke")),
                    Act::Skips => {
                        return Ok(Reply::Skipped {
                            reason: "not here".to_owned(),
                        });
                    }
                    _ => {}
                }
                self.inside = Some(benchmark.clone());
                match self.script[benchmark] {
                    Act::Prescribed {
                        iterations, samples, ..
                    } => Reply::Entered {
                        iterations_per_sample: Some(iterations),
                        samples: Some(samples),
                    },
                    _ => Reply::Entered {
                        iterations_per_sample: None,
                        samples: None,
                    },
                }
            }
            Request::Run { iterations, .. } => {
                let inside = self.inside.clone().expect("run outside a benchmark");
                self.samples += 1;
                self.log.borrow_mut().push(format!("{side} run {iterations}"));
                let (ns, iterations) = match self.script[&inside] {
                    Act::Takes(ns) => (ns, *iterations),
                    Act::Prescribed {
                        ns,
                        iterations,
                        samples,
                    } => {
                        assert!(self.samples <= samples, "more samples than the suite allows");
                        (ns, iterations)
                    }
                    Act::FailsInSample => {
                        self.inside = None;
                        return Ok(failed("call", "target broke"));
                    }
                    Act::Dies => return Err(died()),
                    Act::Hangs => return Err(NoAnswer::Deadline(limit)),
                    _ => (1_000, *iterations),
                };
                Reply::Sample {
                    elapsed_ns: ns * iterations,
                    iterations,
                    idle_cpu_ns: 1_000,
                }
            }
            Request::Leave => {
                let inside = self.inside.take().expect("left outside a benchmark");
                self.log.borrow_mut().push(format!("{side} leave {inside}"));
                match self.script[&inside] {
                    Act::FailsAtTheEnd => failed("call", "assertion broke"),
                    Act::ImportsFromElsewhere => Reply::Left {
                        foreign: vec![ForeignModule {
                            module: "pkg.core".to_owned(),
                            file: "/home/user/checkout/pkg/core.py".to_owned(),
                        }],
                        project_modules: 0,
                    },
                    _ => Reply::Left {
                        foreign: Vec::new(),
                        project_modules: 3,
                    },
                }
            }
            Request::Stop => Reply::Stopped,
        })
    }

    fn log_tail(&self) -> String {
        "the last words".to_owned()
    }

    fn stop(self: Box<Self>) {
        assert_eq!(self.inside, None, "stopped inside a benchmark on {}", self.side);
    }
}

struct Script {
    acts: BTreeMap<String, PerSide<Act>>,
    log: Log,
    seeds: Vec<(Side, u32)>,
}

impl Script {
    fn new(acts: &[(&str, Act, Act)]) -> Self {
        Script {
            acts: acts
                .iter()
                .map(|(name, base, head)| ((*name).to_owned(), PerSide::new(base.clone(), head.clone())))
                .collect(),
            log: Log::default(),
            seeds: Vec::new(),
        }
    }

    fn run(&mut self, replicates: usize) -> anyhow::Result<Measured> {
        let benchmarks: Vec<String> = self.acts.keys().cloned().collect();
        let hello = HelloRequest {
            protocol: deadheat_core::protocol::VERSION,
            worktree: String::new(),
            repository: String::new(),
            project: String::new(),
            import_folders: Vec::new(),
            roots: Vec::new(),
            code_names: Vec::new(),
            test_packages: Vec::new(),
            loose_names: Vec::new(),
        };
        let briefing = Briefing {
            trace: None,
            hello: PerSide::new(hello.clone(), hello),
            collect: ToCollect::default(),
            keyword: None,
        };
        let schedule = Schedule {
            replicates,
            seed: 7,
            until: Instant::now() + Duration::from_secs(3_600),
        };
        measure(&schedule, &briefing, &benchmarks, self, &mut |_| {})
    }
}

impl Launch for Script {
    fn launch(&mut self, side: Side, seed: u32) -> anyhow::Result<Box<dyn Talk>> {
        self.seeds.push((side, seed));
        Ok(Box::new(ScriptedWorker {
            side,
            script: self
                .acts
                .iter()
                .map(|(name, acts)| (name.clone(), acts.get(side).clone()))
                .collect(),
            inside: None,
            samples: 0,
            announced: None,
            log: Rc::clone(&self.log),
        }))
    }
}

fn rows(measured: &Measured) -> Vec<String> {
    measured
        .setbacks
        .iter()
        .map(|row| {
            let side = row.side.map_or("both".to_owned(), |side| side.to_string());
            format!("{} {:?} on {side}: {}", row.benchmark, row.kind, row.message)
        })
        .collect()
}

#[test]
fn exact_times_give_exact_verdicts() {
    let measured = Script::new(&[
        ("faster", Act::Takes(10_000), Act::Takes(5_000)),
        ("same", Act::Takes(3_000), Act::Takes(3_000)),
        ("slower", Act::Takes(100), Act::Takes(150)),
        ("slow", Act::Takes(700_000_000), Act::Takes(700_000_000)),
    ])
    .run(12)
    .unwrap();
    assert_eq!(measured.setbacks, []);
    assert_eq!(measured.project_modules, PerSide::new(4 * 12 * 3, 4 * 12 * 3));
    let rows = measured
        .replicates
        .into_iter()
        .map(|(name, replicates)| (name, replicates, Vec::new()))
        .collect();
    let (comparisons, total, _) = report::judge(rows, Threshold::from_percent(2.0));
    let verdicts: Vec<(&str, Verdict, String)> = comparisons
        .iter()
        .map(|row| {
            (
                row.benchmark.as_str(),
                row.verdict,
                format!("{:.4}", row.estimate.point_estimate),
            )
        })
        .collect();
    assert_eq!(
        verdicts,
        [
            ("faster", Verdict::Improved, "0.5000".to_owned()),
            ("same", Verdict::Unchanged, "1.0000".to_owned()),
            ("slow", Verdict::Unchanged, "1.0000".to_owned()),
            ("slower", Verdict::Regressed, "1.5000".to_owned()),
        ]
    );
    assert_eq!(total.unwrap().verdict, Verdict::Unchanged);
}

#[test]
fn both_sides_of_a_replicate_share_a_seed_and_the_next_has_another() {
    let mut script = Script::new(&[("a", Act::Takes(1_000), Act::Takes(1_000))]);
    let measured = script.run(3).unwrap();
    let sides: Vec<Side> = script.seeds.iter().map(|(side, _)| *side).collect();
    assert_eq!(sides, [Side::Base, Side::Head].repeat(3));
    let seeds: Vec<u32> = script.seeds.iter().map(|(_, seed)| *seed).collect();
    assert!(seeds.chunks(2).all(|pair| pair[0] == pair[1]));
    assert!(seeds[0] != seeds[2] && seeds[2] != seeds[4]);
    let recorded: Vec<u32> = measured.replicates["a"]
        .iter()
        .map(|replicate| replicate.seed)
        .collect();
    assert_eq!(recorded, [seeds[0], seeds[2], seeds[4]]);
}

#[test]
fn rounds_visit_the_sides_in_alternating_order() {
    let measured = Script::new(&[("a", Act::Takes(1_000), Act::Takes(1_000))])
        .run(2)
        .unwrap();
    let pairs = &measured.replicates["a"][0].pairs;
    assert_eq!(pairs.len(), MOST_ROUNDS);
    let orders: Vec<Order> = pairs.iter().take(4).map(|pair| pair.order).collect();
    assert_eq!(
        orders,
        [Order::BaseHead, Order::HeadBase, Order::BaseHead, Order::HeadBase]
    );
    // The same number of calls on both sides.
    assert!(
        pairs
            .iter()
            .all(|pair| pair.base.iterations == 300 && pair.head.iterations == 300)
    );
}

#[test]
fn sides_of_very_different_speed_get_samples_of_the_same_length() {
    let measured = Script::new(&[("a", Act::Takes(400_000), Act::Takes(1_000))])
        .run(2)
        .unwrap();
    let pair = measured.replicates["a"][0].pairs[0];
    assert_eq!((pair.base.iterations, pair.head.iterations), (1, 300));
}

#[test]
fn slow_benchmarks_get_fewer_rounds_but_both_orders() {
    let measured = Script::new(&[
        ("100 ms", Act::Takes(100_000_000), Act::Takes(100_000_000)),
        ("2 s", Act::Takes(2_000_000_000), Act::Takes(2_000_000_000)),
    ])
    .run(2)
    .unwrap();
    assert_eq!(measured.replicates["100 ms"][0].pairs.len(), FEW_ROUNDS);
    assert_eq!(measured.replicates["2 s"][0].pairs.len(), FEWEST_ROUNDS);
}

#[test]
fn a_prescribed_number_of_calls_is_never_exceeded() {
    let prescribed = |samples| Act::Prescribed {
        ns: 5_000,
        iterations: 3,
        samples,
    };
    let measured = Script::new(&[
        ("five", prescribed(5), prescribed(5)),
        ("one", prescribed(1), prescribed(1)),
    ])
    .run(2)
    .unwrap();
    assert_eq!(measured.replicates["one"][0].pairs.len(), 1);
    assert_eq!(measured.replicates["five"][0].pairs.len(), 5);
    assert_eq!(measured.replicates["five"][0].pairs[0].base.iterations, 3);
}

#[test]
fn every_failure_is_one_row_and_the_others_go_on() {
    let ok = || Act::Takes(1_000);
    let measured = Script::new(&[
        ("a setup", Act::FailsInSetup, ok()),
        ("b sample", ok(), Act::FailsInSample),
        ("c end", Act::FailsAtTheEnd, ok()),
        ("d skip", Act::Skips, Act::Skips),
        ("e both", Act::FailsInSetup, Act::FailsInSetup),
        ("f dies", ok(), Act::Dies),
        ("g hangs", Act::Hangs, ok()),
        ("h fine", ok(), ok()),
    ])
    .run(3)
    .unwrap();
    let rows = rows(&measured);
    assert_eq!(
        rows[..6],
        [
            "a setup Failed on base: fixture broke",
            "b sample Failed on head: target broke",
            "c end Failed on base: assertion broke",
            "d skip Skipped on both: not here",
            "e both Failed on both: fixture broke",
            "f dies Failed on head: the process ended: signal: 11 (SIGSEGV)\nthe last words",
        ]
    );
    assert!(rows[6].starts_with("g hangs Failed on base: no answer within"));
    assert_eq!(rows.len(), 7);
    let measured: Vec<&String> = measured.replicates.keys().collect();
    assert_eq!(measured, ["h fine"]);
}

#[test]
fn a_failed_benchmark_is_not_tried_again_and_a_dead_worker_is_replaced_once() {
    let mut script = Script::new(&[
        ("a", Act::Dies, Act::Takes(1_000)),
        ("b", Act::Takes(1_000), Act::Takes(1_000)),
    ]);
    script.run(3).unwrap();
    let entered = |what: &str| script.log.borrow().iter().filter(|line| *line == what).count();
    assert_eq!(entered("base enter a"), 1);
    assert_eq!(entered("head leave a"), 1);
    assert_eq!(entered("base enter b"), 3);
    // Three replicates of two processes, and one in the dead one's place.
    assert_eq!(script.seeds.len(), 7);
}

#[test]
fn a_module_from_elsewhere_ends_the_run_with_its_name() {
    let error = Script::new(&[("a", Act::Takes(1_000), Act::ImportsFromElsewhere)])
        .run(2)
        .unwrap_err();
    let failure = error.downcast_ref::<Failure>().unwrap();
    assert!(
        failure
            .message
            .contains("on head, `pkg.core` was imported from /home/user/checkout/pkg/core.py")
    );
    assert!(failure.hint.is_some());
}

#[test]
fn seeds_are_repeatable() {
    assert_eq!(hash_seed(7, 0), hash_seed(7, 0));
    assert_ne!(hash_seed(7, 0), hash_seed(8, 0));
}
