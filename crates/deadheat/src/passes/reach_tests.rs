//! Reach passes with scripted workers: each benchmark's functions are known, and exactly these must be found.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use deadheat_core::protocol::{TracePurpose, TraceRequest};

use super::*;
use crate::worker::process::{ChannelError, WorkerChannel};
use crate::worker::scripted::{collected, failed, hello, none, schedule, spec};
use crate::worker::session::Session;

/// The actions of a benchmark, in any process.
#[derive(Clone, Default)]
struct Does {
    /// The functions that it runs, each with the scope that it counts for.
    runs: Vec<(&'static str, usize)>,
    /// Functions that only the first benchmark of a process runs: a cache keeps what they made.
    once: Vec<usize>,
    /// A function that only every hundredth call runs, as that of a buffer that is full.
    every_hundredth: Option<usize>,
    starts_process: bool,
    /// Whether its timed part uses several cores at once.
    is_parallel: bool,
    fails: bool,
}

#[derive(Default)]
struct Suite {
    benchmarks: BTreeMap<String, Does>,
    at_import: Vec<usize>,
    cannot_trace: bool,
    /// The benchmarks that each process pair ran, on base.
    passes: Rc<RefCell<Vec<Vec<String>>>>,
}

struct SuiteWorker {
    side: Side,
    benchmarks: BTreeMap<String, Does>,
    cannot_trace: bool,
    found: Vec<ReachedBy>,
    kept: BTreeSet<usize>,
    inside: Option<String>,
    asked: Option<Request>,
    passes: Rc<RefCell<Vec<Vec<String>>>>,
}

impl SuiteWorker {
    fn find(&mut self, node: &str, functions: Vec<usize>, processes: bool) {
        if !functions.is_empty() || processes {
            self.found.push(ReachedBy {
                node: node.to_owned(),
                functions,
                processes,
                timed: true,
                parallel: false,
            });
        }
    }
}

impl WorkerChannel for SuiteWorker {
    fn send(&mut self, request: &Request) -> Result<(), ChannelError> {
        self.asked = Some(request.clone());
        Ok(())
    }

    fn receive(&mut self, _: Duration) -> Result<Reply, ChannelError> {
        Ok(match &self.asked.take().expect("a reply to no request") {
            Request::Hello(_) => hello(),
            Request::Trace(_) => Reply::Tracing {
                problem: self.cannot_trace.then(|| "no reason".to_owned()),
            },
            Request::Collect { .. } => collected(self.benchmarks.keys()),
            Request::Enter { benchmark, .. } => {
                if self.side == Side::Base {
                    self.passes
                        .borrow_mut()
                        .last_mut()
                        .unwrap()
                        .push(benchmark.clone());
                }
                let does = self.benchmarks[benchmark].clone();
                for (node, function) in does.runs {
                    let node = if node == "itself" { benchmark } else { node };
                    self.find(node, vec![function], false);
                }
                for function in does.once {
                    if self.kept.insert(function) {
                        self.find(benchmark, vec![function], false);
                    }
                }
                self.find(benchmark, Vec::new(), does.starts_process);
                if does.is_parallel {
                    self.found.push(ReachedBy {
                        node: benchmark.clone(),
                        functions: Vec::new(),
                        processes: false,
                        timed: false,
                        parallel: true,
                    });
                }
                if does.fails {
                    return Ok(failed("setup", "broke"));
                }
                self.inside = Some(benchmark.clone());
                Reply::Entered {
                    iterations_per_sample: None,
                    samples: None,
                    own_clock: false,
                    can_set_up_each_call: false,
                }
            }
            Request::Run { iterations, .. } => {
                let benchmark = self.inside.clone().expect("nothing is timed outside");
                if *iterations >= 100
                    && let Some(function) = self.benchmarks[&benchmark].every_hundredth
                {
                    self.find(&benchmark, vec![function], false);
                }
                Reply::Sample {
                    elapsed_ns: 1000 * iterations,
                    iterations: *iterations,
                    idle_cpu_ns: 0,
                    waits: 0,
                }
            }
            Request::Leave => Reply::Left {
                foreign: Vec::new(),
                project_modules: 1,
                output: none(),
                changed: Vec::new(),
            },
            Request::Reach => Reply::Reached {
                by: std::mem::take(&mut self.found),
            },
            Request::Test { .. } => panic!("these workers run benchmarks"),
            Request::Stop => Reply::Stopped,
            Request::Observe { .. }
            | Request::Readers { .. }
            | Request::Profile { .. }
            | Request::Micro(_) => {
                panic!("nothing is timed here")
            }
        })
    }

    fn log_tail(&self) -> String {
        String::new()
    }

    fn stop(self: Box<Self>) {}
}

impl Launch for Suite {
    fn launch(&mut self, side: Side, _: u32) -> anyhow::Result<Box<dyn WorkerChannel>> {
        if side == Side::Base {
            self.passes.borrow_mut().push(Vec::new());
        }
        let mut worker = SuiteWorker {
            side,
            // Only head runs anything: one side is enough.
            benchmarks: match side {
                Side::Head => self.benchmarks.clone(),
                Side::Base => {
                    let quiet = |does: &Does| Does {
                        fails: does.fails,
                        ..Does::default()
                    };
                    self.benchmarks
                        .iter()
                        .map(|(name, does)| (name.clone(), quiet(does)))
                        .collect()
                }
            },
            cannot_trace: self.cannot_trace,
            found: Vec::new(),
            kept: BTreeSet::new(),
            inside: None,
            asked: None,
            passes: Rc::clone(&self.passes),
        };
        if side == Side::Head {
            worker.find("", self.at_import.clone(), false);
        }
        Ok(Box::new(worker))
    }
}

fn suite(benchmarks: &[(&str, Does)]) -> Suite {
    Suite {
        benchmarks: benchmarks
            .iter()
            .map(|(name, does)| ((*name).to_owned(), does.clone()))
            .collect(),
        ..Suite::default()
    }
}

fn runs(node: &'static str, function: usize) -> Does {
    Does {
        runs: vec![(node, function)],
        ..Does::default()
    }
}

fn watching() -> WorkerSpec {
    spec(Some(TraceRequest {
        purpose: TracePurpose::Reach,
        extension: String::new(),
        functions: vec![None; 3],
    }))
}

fn looked(suite: &mut Suite) -> Reach {
    looked_with(suite, PerSide::default())
}

fn looked_with(suite: &mut Suite, opened: Opened) -> Reach {
    let names: Vec<String> = suite.benchmarks.keys().cloned().collect();
    look(&schedule(1), &watching(), opened, &names, suite, &mut |_| {}).unwrap()
}

fn not_reached(reach: &Reach) -> Vec<&str> {
    reach.not_reached.iter().map(String::as_str).collect()
}

#[test]
fn workers_that_stand_ready_are_the_first_to_be_asked() {
    let mut suite = suite(&[("a.py::x", runs("itself", 0)), ("a.py::y", Does::default())]);
    let [base, head] = Session::open(&mut suite, &watching(), &Side::BOTH, 0, Duration::from_secs(1))
        .try_into()
        .unwrap_or_else(|_| panic!("one for each side"));
    let opened = PerSide::new(Some(base.unwrap().0), Some(head.unwrap().0));
    let reach = looked_with(&mut suite, opened);
    assert_eq!(not_reached(&reach), ["a.py::y"]);
    // One pair for all, and one for the benchmark that seemed to run nothing.
    assert_eq!(
        *suite.passes.borrow(),
        [
            vec!["a.py::x".to_owned(), "a.py::y".to_owned()],
            vec!["a.py::y".to_owned()]
        ]
    );
}

#[test]
fn a_benchmark_reaches_what_it_runs_and_the_others_do_not() {
    let mut suite = suite(&[
        ("a.py::x", runs("itself", 0)),
        ("a.py::y", Does::default()),
        ("a.py::z", runs("itself", 2)),
    ]);
    let reach = looked(&mut suite);
    assert_eq!(not_reached(&reach), ["a.py::y"]);
    let names: Vec<String> = suite.benchmarks.keys().cloned().collect();
    assert_eq!(reach.of_function(0, &names), ["a.py::x"]);
    assert_eq!(reach.of_function(1, &names), [""; 0]);
    assert_eq!(reach.of_function(2, &names), ["a.py::z"]);
    // A benchmark that is reported as not reached was run without the others.
    assert_eq!(
        *suite.passes.borrow(),
        [vec!["a.py::x", "a.py::y", "a.py::z"], vec!["a.py::y"]]
    );
}

#[test]
fn an_import_and_a_session_fixture_reach_all_and_a_modules_fixture_its_module() {
    let mut imported = suite(&[("a.py::x", Does::default()), ("b.py::y", Does::default())]);
    imported.at_import = vec![1];
    assert_eq!(not_reached(&looked(&mut imported)), [""; 0]);
    assert_eq!(imported.passes.borrow().len(), 1);

    let mut wide = suite(&[("a.py::x", runs("", 0)), ("b.py::y", Does::default())]);
    assert_eq!(not_reached(&looked(&mut wide)), [""; 0]);

    let mut module = suite(&[
        ("a.py::w", Does::default()),
        ("a.py::x", runs("a.py", 0)),
        ("b.py::y", Does::default()),
    ]);
    assert_eq!(not_reached(&looked(&mut module)), ["b.py::y"]);
}

#[test]
fn what_an_earlier_benchmark_has_made_is_not_missed() {
    let once = Does {
        once: vec![0],
        ..Does::default()
    };
    let mut suite = suite(&[("x", once.clone()), ("y", once.clone()), ("z", Does::default())]);
    assert_eq!(not_reached(&looked(&mut suite)), ["z"]);
    assert_eq!(
        *suite.passes.borrow(),
        [vec!["x", "y", "z"], vec!["y", "z"], vec!["z"]]
    );
}

#[test]
fn code_that_only_some_calls_run_is_reached() {
    let flushes = Does {
        every_hundredth: Some(1),
        ..Does::default()
    };
    let mut suite = suite(&[("log", flushes), ("quiet", Does::default())]);
    let reach = looked(&mut suite);
    assert_eq!(not_reached(&reach), ["quiet"]);
    let names: Vec<String> = suite.benchmarks.keys().cloned().collect();
    assert_eq!(reach.of_function(1, &names), ["log"]);
}

#[test]
fn what_stays_open_counts_as_reached() {
    let once = Does {
        once: vec![0],
        ..Does::default()
    };
    let names = ["a", "b", "c", "d", "e"];
    let mut suite = suite(&names.map(|name| (name, once.clone())));
    assert_eq!(not_reached(&looked(&mut suite)), [""; 0]);
    assert_eq!(suite.passes.borrow().len(), MOST_PASSES);
}

#[test]
fn processes_and_failures_are_never_called_not_reached() {
    let starts = Does {
        starts_process: true,
        ..Does::default()
    };
    let fails = Does {
        fails: true,
        ..Does::default()
    };
    let mut suite = suite(&[("fails", fails), ("quiet", Does::default()), ("starts", starts)]);
    let reach = looked(&mut suite);
    assert_eq!(not_reached(&reach), ["quiet"]);
    assert_eq!(reach.start_processes, BTreeSet::from(["starts".to_owned()]));
}

#[test]
fn an_interpreter_that_cannot_watch_is_said() {
    let mut suite = suite(&[("x", Does::default())]);
    suite.cannot_trace = true;
    assert_eq!(looked(&mut suite).problem.as_deref(), Some("no reason"));
}

#[test]
fn only_what_uses_several_cores_is_said_to_and_on_one_side_is_enough() {
    let parallel = Does {
        is_parallel: true,
        ..runs("itself", 0)
    };
    // A benchmark whose name begins with another one's name is a different benchmark.
    let mut suite = suite(&[
        ("a.py::pool", parallel),
        ("a.py::pool_of_one", runs("itself", 0)),
        ("b.py::quiet", Does::default()),
    ]);
    assert_eq!(
        looked(&mut suite).parallel,
        BTreeSet::from(["a.py::pool".to_owned()])
    );
}
