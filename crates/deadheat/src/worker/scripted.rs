//! Workers that answer from a script: exact times, no processes, no waiting.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::thread;
use std::time::{Duration, Instant};

use deadheat_core::model::{PerSide, Side};
use deadheat_core::output::Output;
use deadheat_core::protocol::{ForeignModule, FunctionSample, HelloRequest, Reply, Request, TraceRequest};

use crate::passes::runner::Schedule;
use crate::worker::process::{ChannelError, WorkerChannel};
use crate::worker::session::{CollectSpec, Launch, WorkerSpec};

/// Returns the briefing for scripted workers, which need no more.
pub(crate) fn spec(trace: Option<TraceRequest>) -> WorkerSpec {
    let hello = HelloRequest {
        protocol: deadheat_core::protocol::VERSION,
        worktree: String::new(),
        repository: String::new(),
        project: String::new(),
        import_folders: Vec::new(),
        code_names: Vec::new(),
        test_packages: Vec::new(),
        loose_names: Vec::new(),
    };
    WorkerSpec {
        hello: PerSide::new(hello.clone(), hello),
        trace: trace.map(|trace| PerSide::new(trace.clone(), trace)),
        collect: CollectSpec::default(),
        micro: None,
        keyword: None,
        pytest_args: Vec::new(),
    }
}

pub(crate) fn schedule(replicates: usize) -> Schedule {
    Schedule {
        replicates: Some(replicates),
        earlier: 0,
        seed: 7,
        one_core: false,
        until: Instant::now() + Duration::from_secs(3_600),
        one_at_a_time: BTreeMap::new(),
        set_up_each_call: BTreeSet::new(),
        several_cores: BTreeSet::new(),
    }
}

/// Returns the greeting of a worker in a usual environment.
pub(crate) fn hello() -> Reply {
    Reply::Hello {
        protocol: deadheat_core::protocol::VERSION,
        python: "3.12.1".to_owned(),
        pytest: "9.0.0".to_owned(),
        implementation: "CPython".to_owned(),
    }
}

/// Returns a collection in which nothing went wrong.
pub(crate) fn collected<'a>(benchmarks: impl Iterator<Item = &'a String>) -> Reply {
    Reply::Collected {
        benchmarks: benchmarks.cloned().collect(),
        errors: Vec::new(),
        skipped: Vec::new(),
        deselected: 0,
        foreign: Vec::new(),
    }
}

/// Returns the output of a benchmark that returns nothing.
pub(crate) fn none() -> Output {
    Output::Value {
        value: serde_json::json!(["none"]),
    }
}

pub(crate) fn failed(phase: &str, message: &str) -> Reply {
    Reply::Failed {
        phase: phase.to_owned(),
        message: message.to_owned(),
        foreign: Vec::new(),
    }
}

fn from_elsewhere() -> ForeignModule {
    ForeignModule {
        module: "pkg.core".to_owned(),
        file: "/home/user/checkout/pkg/core.py".to_owned(),
    }
}

/// The actions of a scripted benchmark on one side.
#[derive(Clone, Debug)]
pub(crate) enum Act {
    /// Takes this many nanoseconds for each iteration.
    Takes(u64),
    /// The same, for one process after another, from the first again after the last.
    TakesByProcess(Vec<u64>),
    /// The same, limited as `benchmark.pedantic` limits it.
    Prescribed {
        ns: u64,
        iterations: u64,
        samples: u64,
    },
    /// The same, and something else has the core for `lost_ns` during sample number `at`.
    Stumbles {
        ns: u64,
        at: u64,
        lost_ns: u64,
    },
    /// Takes this many nanoseconds, and holds a port from when it is entered until its process stops.
    HoldsAPort(u64),
    /// The same, in the process of this number only.
    HoldsAPortIn {
        process: usize,
        ns: u64,
    },
    /// The same with a lock instead of a port: it waits for the lock.
    HoldsALock(u64),
    /// The first call after a set-up takes `first_ns`, and later ones `later_ns`; each call can have its own set-up.
    UsesUp {
        first_ns: u64,
        later_ns: u64,
    },
    /// The first call of a process takes `first_ns`, and later ones `later_ns`, with or without a set-up for each.
    IsColdAtFirst {
        first_ns: u64,
        later_ns: u64,
    },
    /// Like [`Act::UsesUp`], but a second set-up fails.
    UsesUpWhatThereIsOnce {
        first_ns: u64,
        later_ns: u64,
    },
    /// Takes this many nanoseconds, and uses the processor for `idle_ns` whenever it waits for its turn.
    IsBusyWhileItWaits {
        ns: u64,
        idle_ns: u64,
    },
    /// Takes this many nanoseconds, and in the process of this number and later ones never ends.
    HangsFromProcess {
        process: usize,
        ns: u64,
    },
    /// The second call fails if it shares its set-up with the first.
    FailsTheSecondTime(u64),
    FailsInSetup,
    FailsInSample,
    FailsAtTheEnd,
    Skips,
    Dies,
    Hangs,
    ImportsFromElsewhere,
    FailsWithAModuleFromElsewhere,
}

impl Act {
    fn can_set_up_each_call(&self) -> bool {
        matches!(
            self,
            Act::UsesUp { .. }
                | Act::UsesUpWhatThereIsOnce { .. }
                | Act::FailsTheSecondTime(_)
                | Act::FailsInSample
                | Act::IsColdAtFirst { .. }
        )
    }
}

pub(crate) type Log = Rc<RefCell<Vec<String>>>;

/// The side whose process holds what only one process can.
type Held = Rc<RefCell<Option<Side>>>;

/// Answers as a worker does, and panics when the driver breaks the protocol's order.
struct ScriptedWorker {
    side: Side,
    /// The number of workers of this side before it.
    process: usize,
    script: BTreeMap<String, Act>,
    inside: Option<String>,
    /// Whether each call has its own set-up.
    set_up_each_call: bool,
    samples: u64,
    /// `next` of the last benchmark that was entered: pytest insists on it.
    announced: Option<Option<String>>,
    held: Held,
    log: Log,
    asked: Option<Request>,
}

impl ScriptedWorker {
    /// Returns the nanoseconds of an iteration and the number of iterations, or the answer that is given instead.
    fn sample(
        &mut self,
        verb: &str,
        iterations: u64,
        limit: Duration,
    ) -> Result<(u64, u64), Result<Reply, ChannelError>> {
        let inside = self.inside.clone().expect("a sample outside a benchmark");
        self.samples += 1;
        let taken = match &self.script[&inside] {
            Act::Takes(ns) | Act::HoldsAPort(ns) | Act::HoldsAPortIn { ns, .. } | Act::HoldsALock(ns) => {
                (*ns, iterations)
            }
            Act::TakesByProcess(each) => (each[self.process % each.len()], iterations),
            Act::Stumbles { ns, at, lost_ns } => {
                let extra = if self.samples == *at { *lost_ns } else { 0 };
                (ns + extra / iterations, iterations)
            }
            Act::UsesUp { first_ns, .. } | Act::UsesUpWhatThereIsOnce { first_ns, .. }
                if self.samples == 1 || self.set_up_each_call =>
            {
                (*first_ns, iterations)
            }
            Act::IsColdAtFirst { first_ns, .. } if self.samples == 1 => (*first_ns, iterations),
            Act::UsesUp { later_ns, .. }
            | Act::UsesUpWhatThereIsOnce { later_ns, .. }
            | Act::IsColdAtFirst { later_ns, .. } => (*later_ns, iterations),
            Act::Prescribed {
                ns,
                iterations,
                samples,
            } => {
                assert!(self.samples <= *samples, "more samples than the suite allows");
                (*ns, *iterations)
            }
            Act::FailsTheSecondTime(ns) if self.samples == 1 || self.set_up_each_call => (*ns, iterations),
            Act::FailsInSample | Act::FailsTheSecondTime(_) => {
                self.inside = None;
                return Err(Ok(failed("call", "target broke")));
            }
            Act::Dies => {
                return Err(Err(ChannelError::Died {
                    status: "signal: 11 (SIGSEGV)".to_owned(),
                }));
            }
            Act::Hangs => return Err(Err(ChannelError::Deadline(limit))),
            Act::HangsFromProcess { process, .. } if self.process >= *process => {
                thread::sleep(limit);
                return Err(Err(ChannelError::Deadline(limit)));
            }
            Act::HangsFromProcess { ns, .. } | Act::IsBusyWhileItWaits { ns, .. } => (*ns, iterations),
            _ => (1_000, iterations),
        };
        self.log
            .borrow_mut()
            .push(format!("{} {verb} {iterations}", self.side));
        Ok(taken)
    }
}

impl ScriptedWorker {
    fn enter(
        &mut self,
        benchmark: &str,
        next: Option<String>,
        limit: Duration,
    ) -> Result<Reply, ChannelError> {
        let side = self.side;
        assert_eq!(self.inside, None, "entered twice on {side}");
        if let Some(Some(announced)) = &self.announced {
            assert_eq!(
                announced, benchmark,
                "another benchmark than was announced on {side}"
            );
        }
        self.announced = Some(next);
        self.samples = 0;
        let how = if self.set_up_each_call {
            "enter with set-ups"
        } else {
            "enter"
        };
        self.log.borrow_mut().push(format!("{side} {how} {benchmark}"));
        if let Some(refused) = self.refuse(benchmark, limit) {
            return refused;
        }
        self.inside = Some(benchmark.to_owned());
        let act = &self.script[benchmark];
        let (iterations_per_sample, samples) = match act {
            Act::Prescribed {
                iterations, samples, ..
            } => (Some(*iterations), Some(*samples)),
            _ => (None, None),
        };
        Ok(Reply::Entered {
            iterations_per_sample,
            samples,
            own_clock: false,
            can_set_up_each_call: !self.set_up_each_call && act.can_set_up_each_call(),
        })
    }

    /// Returns the answer of a benchmark that cannot be entered now; otherwise it holds what it needs.
    fn refuse(&mut self, benchmark: &str, limit: Duration) -> Option<Result<Reply, ChannelError>> {
        let is_held = self.held.borrow().is_some_and(|by| by != self.side);
        let reply = match self.script[benchmark] {
            Act::HoldsAPortIn { process, .. } if process != self.process => return None,
            Act::HoldsAPort(_) | Act::HoldsAPortIn { .. } if is_held => {
                failed("setup", "OSError: Address already in use")
            }
            Act::HoldsALock(_) if is_held => return Some(Err(ChannelError::Deadline(limit))),
            Act::HoldsAPort(_) | Act::HoldsAPortIn { .. } | Act::HoldsALock(_) => {
                *self.held.borrow_mut() = Some(self.side);
                return None;
            }
            Act::UsesUpWhatThereIsOnce { .. } if self.set_up_each_call => {
                failed("setup", "it is there already")
            }
            Act::FailsInSetup => failed("setup", "fixture broke"),
            Act::Skips => Reply::Skipped {
                reason: "not here".to_owned(),
            },
            _ => return None,
        };
        Some(Ok(reply))
    }

    fn run(&mut self, iterations: u64, limit: Duration) -> Result<Reply, ChannelError> {
        let (ns, iterations) = match self.sample("run", iterations, limit) {
            Ok(taken) => taken,
            Err(outcome) => return outcome,
        };
        let inside = self.inside.as_ref().map(|inside| &self.script[inside]);
        let idle_cpu_ns = match inside {
            Some(Act::IsBusyWhileItWaits { idle_ns, .. }) => *idle_ns,
            _ => 1_000,
        };
        Ok(Reply::Sample {
            elapsed_ns: ns * iterations,
            iterations,
            idle_cpu_ns,
            waits: 0,
        })
    }

    /// Watching takes as long as the benchmark itself, and a function a quarter of that.
    fn profile(&mut self, iterations: u64, limit: Duration) -> Result<Reply, ChannelError> {
        let (ns, iterations) = match self.sample("profile", iterations, limit) {
            Ok(taken) => taken,
            Err(outcome) => return outcome,
        };
        let length_ns = (ns * iterations) as f64;
        Ok(Reply::Profiled {
            elapsed_ns: 2 * ns * iterations,
            iterations,
            length_ns,
            probe_ns: length_ns,
            unbalanced: 0,
            functions: vec![FunctionSample {
                function: 0,
                calls: iterations,
                total_ns: Some(length_ns / 4.0),
                total_probe_ns: 0.0,
                self_ns: Some(length_ns / 4.0),
                self_probe_ns: 0.0,
            }],
        })
    }

    fn leave(&mut self) -> Reply {
        let inside = self.inside.take().expect("left outside a benchmark");
        self.log
            .borrow_mut()
            .push(format!("{} leave {inside}", self.side));
        let (foreign, project_modules) = match self.script[&inside] {
            Act::FailsAtTheEnd => return failed("call", "assertion broke"),
            Act::FailsWithAModuleFromElsewhere => {
                return Reply::Failed {
                    phase: "call".to_owned(),
                    message: "assertion broke".to_owned(),
                    foreign: vec![from_elsewhere()],
                };
            }
            Act::ImportsFromElsewhere => (vec![from_elsewhere()], 0),
            _ => (Vec::new(), 3),
        };
        Reply::Left {
            foreign,
            project_modules,
            output: none(),
            changed: Vec::new(),
        }
    }
}

impl WorkerChannel for ScriptedWorker {
    fn send(&mut self, request: &Request) -> Result<(), ChannelError> {
        let unanswered = self.asked.replace(request.clone());
        assert_eq!(unanswered, None, "a request before the reply to the last one");
        Ok(())
    }

    fn receive(&mut self, limit: Duration) -> Result<Reply, ChannelError> {
        match &self.asked.take().expect("a reply to no request") {
            Request::Hello(_) => Ok(hello()),
            Request::Collect { .. } => Ok(collected(self.script.keys())),
            Request::Enter {
                benchmark,
                next,
                set_up_each_call,
            } => {
                self.set_up_each_call = *set_up_each_call;
                self.enter(benchmark, next.clone(), limit)
            }
            Request::Run { iterations, .. } => self.run(*iterations, limit),
            Request::Trace(_) => Ok(Reply::Tracing { problem: None }),
            Request::Profile { iterations, .. } => self.profile(*iterations, limit),
            Request::Micro(_) => panic!("these workers have pytest"),
            Request::Reach => panic!("these workers do not say what they reach"),
            Request::Leave => Ok(self.leave()),
            Request::Test { .. } => panic!("these workers run benchmarks"),
            Request::Observe { .. } | Request::Readers { .. } => {
                panic!("the look at what modules hold comes before")
            }
            Request::Stop => Ok(Reply::Stopped),
        }
    }

    fn log_tail(&self) -> String {
        "the last words".to_owned()
    }

    fn stop(self: Box<Self>) {
        assert_eq!(self.inside, None, "stopped inside a benchmark on {}", self.side);
        self.held.borrow_mut().take_if(|by| *by == self.side);
    }
}

pub(crate) struct Script {
    pub(crate) acts: BTreeMap<String, PerSide<Act>>,
    pub(crate) log: Log,
    held: Held,
    pub(crate) seeds: Vec<(Side, u32)>,
}

impl Script {
    pub(crate) fn new(acts: &[(&str, Act, Act)]) -> Self {
        Script {
            acts: acts
                .iter()
                .map(|(name, base, head)| ((*name).to_owned(), PerSide::new(base.clone(), head.clone())))
                .collect(),
            log: Log::default(),
            held: Held::default(),
            seeds: Vec::new(),
        }
    }

    pub(crate) fn benchmarks(&self) -> Vec<String> {
        self.acts.keys().cloned().collect()
    }
}

impl Launch for Script {
    fn give_cores(&mut self, several: bool) {
        let cores = if several { "all cores" } else { "one core" };
        self.log.borrow_mut().push(format!("from now on {cores}"));
    }

    fn launch(&mut self, side: Side, seed: u32) -> anyhow::Result<Box<dyn WorkerChannel>> {
        let process = self.seeds.iter().filter(|(other, _)| *other == side).count();
        self.seeds.push((side, seed));
        Ok(Box::new(ScriptedWorker {
            side,
            process,
            script: self
                .acts
                .iter()
                .map(|(name, acts)| (name.clone(), acts.get(side).clone()))
                .collect(),
            inside: None,
            set_up_each_call: false,
            samples: 0,
            announced: None,
            asked: None,
            held: Rc::clone(&self.held),
            log: Rc::clone(&self.log),
        }))
    }
}
