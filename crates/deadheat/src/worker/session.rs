//! One worker after its start: greeted, its suite collected, ready to enter benchmarks.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use deadheat_core::model::{PerSide, Python, Side};
use deadheat_core::protocol::{self, HelloRequest, MicroRequest, Reply, Request, TraceRequest, Uncollected};

use serde::{Deserialize, Serialize};

use crate::error::Failure;
use crate::system::processes;
use crate::worker::import_proof::{ForeignImport, check_imports};
use crate::worker::process::{ChannelError, WorkerChannel};

/// Starts worker processes: the real ones, or scripted ones in tests.
pub(crate) trait Launch {
    /// Begins a replicate, when no process of an earlier one is left. `following` is the number of replicates
    /// after it, if that is known; `next_seed` is the hash seed of the next one.
    fn replicate_begins(&mut self, _following: Option<usize>, _next_seed: u32) {}

    /// Sets where processes launched later run: on several cores, or on the one where processes are measured.
    fn give_cores(&mut self, _several: bool) {}

    fn launch(&mut self, side: Side, seed: u32) -> anyhow::Result<Box<dyn WorkerChannel>>;

    /// Whether the folder that a side's processes start in is gone because project code has removed it.
    fn is_lost(&self, _side: Side) -> bool {
        false
    }

    /// Called when the processes launched since the last call are ready to enter benchmarks.
    fn all_are_ready(&mut self) {}
}

/// The information that every worker of a run gets.
#[derive(Clone, Debug)]
pub(crate) struct WorkerSpec {
    pub(crate) hello: PerSide<HelloRequest>,
    /// The functions to watch, if any: never in a process that is timed.
    pub(crate) trace: Option<PerSide<TraceRequest>>,
    pub(crate) collect: CollectSpec,
    /// The replacement for a collection, if the workers have no pytest.
    pub(crate) micro: Option<PerSide<MicroRequest>>,
    pub(crate) keyword: Option<String>,
    /// More arguments for pytest.
    pub(crate) pytest_args: Vec<String>,
}

pub(crate) struct Session {
    side: Side,
    channel: Box<dyn WorkerChannel>,
    collected: BTreeSet<String>,
    /// The processes that the worker had started when they were last looked for.
    children: Vec<u32>,
    answered: Standing,
}

/// The workers of a process pair, as far as they are open.
pub(crate) type Opened = PerSide<Option<Session>>;

/// The state of a worker at its last answer.
#[derive(Clone, Copy, Debug)]
struct Standing {
    at: Instant,
    children_cpu_ns: u64,
}

/// The time since a worker's last answer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Waited {
    pub(crate) time: Duration,
    /// Processor time that its children used meanwhile.
    pub(crate) children_cpu_ns: u64,
}

/// The paths for pytest to collect, relative to the project's folder.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct CollectSpec {
    /// Tests that are timed as they are, instead of benchmarks: a file, or a node in one.
    pub(crate) tests: Vec<String>,
    /// Otherwise the root of the benchmarks, or those of its files that matter.
    pub(crate) paths: Vec<String>,
    /// Files in the root that hold benchmarks under names that pytest would pass over.
    pub(crate) files: Vec<String>,
}

impl CollectSpec {
    /// Leaves out the files that hold none of these benchmarks, because importing them in every process takes time.
    pub(crate) fn narrow_to(&mut self, benchmarks: &[String], projects: PerSide<PathBuf>) {
        let files = benchmarks.iter().map(|benchmark| benchmark.split("::").next());
        let files: Option<BTreeSet<&str>> = files.collect();
        // An id does not begin with a path if a plugin makes it up.
        let is_there = |file: &&str| {
            Side::BOTH
                .into_iter()
                .all(|side| projects.get(side).join(file).is_file())
        };
        if let Some(files) = files.filter(|files| files.iter().all(is_there)) {
            self.paths = files.into_iter().map(str::to_owned).collect();
        }
    }
}

/// The collection of pytest on one side.
#[derive(Clone, Debug, Default)]
pub(crate) struct Collection {
    /// The ids in the order of collection.
    pub(crate) benchmarks: Vec<String>,
    pub(crate) errors: Vec<Uncollected>,
    /// Files that skipped themselves.
    pub(crate) skipped: Vec<Uncollected>,
    pub(crate) deselected: u64,
    /// The interpreter as the process itself reports it; only the driver knows its path.
    pub(crate) python: Python,
}

/// The error of an interpreter that cannot watch functions, which timing does not need.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct CannotTrace(pub(crate) String);

/// The hint if an import finds no module.
pub(crate) const PACKAGE_MISSING: &str =
    "is everything that the suite imports installed in this interpreter? --python chooses another";

/// The reason why a worker did not become ready to enter benchmarks.
#[derive(Debug)]
pub(crate) enum StartError {
    /// pytest ended before anything could be run; `words` is its output.
    CollectionFailed {
        words: String,
    },
    ChannelError {
        problem: ChannelError,
        words: String,
    },
    ForeignImport(ForeignImport),
    /// The folder to start it in is gone.
    Lost,
    Other(anyhow::Error),
}

impl From<anyhow::Error> for StartError {
    fn from(error: anyhow::Error) -> Self {
        StartError::Other(error)
    }
}

impl StartError {
    /// Returns the error that ends a run that cannot go on without this worker.
    pub(crate) fn into_error(self, side: Side) -> anyhow::Error {
        match self {
            StartError::ChannelError {
                problem: ChannelError::Interrupted,
                ..
            } => Failure::stopped().into(),
            StartError::CollectionFailed { words } => {
                let lacks_package = words.contains("ModuleNotFoundError");
                let failure = Failure::nothing_measured(format!(
                    "pytest could not start on {side}. Its output:\n\n{words}"
                ));
                match lacks_package {
                    true => failure.hint(PACKAGE_MISSING),
                    false => failure,
                }
                .into()
            }
            StartError::ChannelError { problem, words } => Failure::nothing_measured(format!(
                "the worker on {side} failed: {problem}. The end of its output:\n\n{words}"
            ))
            .into(),
            StartError::ForeignImport(import) => import.failure(side).into(),
            StartError::Lost => Failure::nothing_measured(lost(side)).into(),
            StartError::Other(error) => error,
        }
    }
}

/// Returns the message for a worktree that is gone.
pub(crate) fn lost(side: Side) -> String {
    format!("the worktree of {side} is gone: the project's code removed or moved the folder that it ran in")
}

/// The time to read an answer that has arrived.
const ARRIVAL: Duration = Duration::from_millis(50);

/// A worker that is becoming ready to enter benchmarks.
struct Opening<'a> {
    side: Side,
    channel: Box<dyn WorkerChannel>,
    spec: &'a WorkerSpec,
    python: Python,
    limit: Duration,
    /// The end of that time, for all answers together.
    until: Instant,
}

impl<'a> Opening<'a> {
    fn start(
        launch: &mut dyn Launch,
        spec: &'a WorkerSpec,
        side: Side,
        seed: u32,
        limit: Duration,
    ) -> Result<Self, StartError> {
        if launch.is_lost(side) {
            return Err(StartError::Lost);
        }
        let channel = launch.launch(side, seed)?;
        let python = Python::default();
        let mut opening = Opening {
            side,
            channel,
            spec,
            python,
            limit,
            until: Instant::now() + limit,
        };
        opening.greet()?;
        Ok(opening)
    }

    fn send(&mut self, request: &Request) -> Result<(), StartError> {
        self.channel
            .send(request)
            .map_err(|problem| self.no_answer(problem))
    }

    /// Receives an answer, which may have arrived while the other side was waited for.
    fn receive(&mut self) -> Result<Reply, StartError> {
        let left = self.until.saturating_duration_since(Instant::now());
        self.channel.receive(left.max(ARRIVAL)).map_err(|problem| {
            self.no_answer(match problem {
                ChannelError::Deadline(_) => ChannelError::Deadline(self.limit),
                problem => problem,
            })
        })
    }

    fn no_answer(&self, problem: ChannelError) -> StartError {
        StartError::ChannelError {
            problem,
            words: self.channel.log_tail(),
        }
    }

    fn greet(&mut self) -> Result<(), StartError> {
        self.send(&Request::Hello(self.spec.hello.get(self.side).clone()))
    }

    fn greeted(&mut self) -> Result<(), StartError> {
        let hello = self.receive()?;
        let Reply::Hello {
            protocol,
            python,
            pytest,
            implementation,
        } = hello
        else {
            return Err(out_of_order(&hello));
        };
        if protocol != protocol::VERSION {
            return Err(StartError::Other(
                Failure::tool(format!(
                    "the worker speaks version {protocol} of the protocol, not {}",
                    protocol::VERSION
                ))
                .hint("install deadheat again: its parts have different versions")
                .into(),
            ));
        }
        self.python = Python {
            path: String::new(),
            version: python,
            implementation,
            pytest,
        };
        let Some(trace) = &self.spec.trace else {
            return Ok(());
        };
        self.send(&Request::Trace(trace.get(self.side).clone()))?;
        match self.receive()? {
            Reply::Tracing { problem: None } => Ok(()),
            Reply::Tracing {
                problem: Some(problem),
            } => Err(StartError::Other(CannotTrace(problem).into())),
            other => Err(out_of_order(&other)),
        }
    }

    fn collect(&mut self) -> Result<(), StartError> {
        if let Some(micro) = &self.spec.micro {
            return self.send(&Request::Micro(micro.get(self.side).clone()));
        }
        self.send(&Request::Collect {
            paths: match self.spec.collect.tests.as_slice() {
                [] => self.spec.collect.paths.clone(),
                tests => tests.to_vec(),
            },
            tests: !self.spec.collect.tests.is_empty(),
            files: self.spec.collect.files.clone(),
            keyword: self.spec.keyword.clone(),
            arguments: self.spec.pytest_args.clone(),
        })
    }

    fn collected(mut self) -> Result<(Session, Collection), StartError> {
        match self.receive()? {
            Reply::Collected {
                benchmarks,
                errors,
                skipped,
                deselected,
                foreign,
            } => {
                if let Some(import) = ForeignImport::first_of(&foreign) {
                    return Err(StartError::ForeignImport(import));
                }
                let session = Session {
                    side: self.side,
                    channel: self.channel,
                    collected: benchmarks.iter().cloned().collect(),
                    children: Vec::new(),
                    answered: Standing {
                        at: Instant::now(),
                        children_cpu_ns: 0,
                    },
                };
                let collection = Collection {
                    benchmarks,
                    errors,
                    skipped,
                    deselected,
                    python: self.python,
                };
                Ok((session, collection))
            }
            Reply::CollectionFailed { .. } => Err(StartError::CollectionFailed {
                words: self.channel.log_tail(),
            }),
            other => Err(out_of_order(&other)),
        }
    }
}

/// Starts a worker by itself and greets it; the caller asks it to run something later.
pub(crate) fn start(
    launch: &mut dyn Launch,
    spec: &WorkerSpec,
    side: Side,
    seed: u32,
    limit: Duration,
) -> Result<(Box<dyn WorkerChannel>, Python), StartError> {
    let mut opening = Opening::start(launch, spec, side, seed, limit)?;
    opening.greeted()?;
    launch.all_are_ready();
    Ok((opening.channel, opening.python))
}

impl Session {
    /// Starts a worker on each of `sides`, all at the same time, because nothing is measured until they are ready; `limit`
    /// is for all of them together. The results are in the order of `sides`.
    pub(crate) fn open(
        launch: &mut dyn Launch,
        spec: &WorkerSpec,
        sides: &[Side],
        seed: u32,
        limit: Duration,
    ) -> Vec<Result<(Self, Collection), StartError>> {
        let started: Vec<_> = sides
            .iter()
            .map(|&side| Opening::start(launch, spec, side, seed, limit))
            .collect();
        let collecting: Vec<_> = started
            .into_iter()
            .map(|started| {
                let mut opening = started?;
                opening.greeted()?;
                opening.collect()?;
                Ok(opening)
            })
            .collect();
        let ready = collecting
            .into_iter()
            .map(|collecting| collecting.and_then(Opening::collected))
            .collect();
        launch.all_are_ready();
        ready
    }

    pub(crate) fn has(&self, benchmark: &str) -> bool {
        self.collected.contains(benchmark)
    }

    /// Sends a request and receives the answer, with the import proof of every answer that carries one.
    pub(crate) fn ask(
        &mut self,
        request: &Request,
        limit: Duration,
    ) -> anyhow::Result<Result<Reply, ChannelError>> {
        if let Err(problem) = self.send(request) {
            return Ok(Err(problem));
        }
        self.receive(limit)
    }

    pub(crate) fn send(&mut self, request: &Request) -> Result<(), ChannelError> {
        self.channel.send(request)
    }

    pub(crate) fn receive(&mut self, limit: Duration) -> anyhow::Result<Result<Reply, ChannelError>> {
        let reply = self.channel.receive(limit);
        self.answered = Standing {
            at: Instant::now(),
            children_cpu_ns: processes::cpu_ns(&self.children),
        };
        if let Ok(Reply::Left { foreign, .. } | Reply::Failed { foreign, .. }) = &reply {
            check_imports(self.side, foreign)?;
        }
        Ok(reply)
    }

    /// Finds the processes that the worker has started by now. Must not run while something is timed: it takes a while.
    pub(crate) fn look_for_children(&mut self) {
        // The time that the known ones have used since the last answer still counts.
        let since = self.waited().children_cpu_ns;
        self.children = self.channel.children();
        self.answered.children_cpu_ns = processes::cpu_ns(&self.children).saturating_sub(since);
    }

    pub(crate) fn waited(&self) -> Waited {
        let children_cpu_ns = processes::cpu_ns(&self.children);
        Waited {
            time: self.answered.at.elapsed(),
            children_cpu_ns: children_cpu_ns.saturating_sub(self.answered.children_cpu_ns),
        }
    }

    pub(crate) fn log_tail(&self) -> String {
        self.channel.log_tail()
    }

    pub(crate) fn stop(self) {
        self.channel.stop();
    }
}

fn out_of_order(reply: &Reply) -> StartError {
    StartError::Other(Failure::tool(format!("the worker answered out of order: {reply:?}")).into())
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::rc::Rc;

    use super::*;
    use crate::worker::scripted;

    /// Workers that never answer, and use up the time that they get.
    struct Silent(Rc<RefCell<Vec<Duration>>>);

    impl WorkerChannel for Silent {
        fn send(&mut self, _request: &Request) -> Result<(), ChannelError> {
            Ok(())
        }

        fn receive(&mut self, limit: Duration) -> Result<Reply, ChannelError> {
            self.0.borrow_mut().push(limit);
            let end = Instant::now() + limit;
            while Instant::now() < end {}
            Err(ChannelError::Deadline(limit))
        }

        fn log_tail(&self) -> String {
            String::new()
        }

        fn stop(self: Box<Self>) {}
    }

    impl Launch for Silent {
        fn launch(&mut self, _side: Side, _seed: u32) -> anyhow::Result<Box<dyn WorkerChannel>> {
            Ok(Box::new(Silent(Rc::clone(&self.0))))
        }
    }

    #[test]
    fn the_limit_is_for_both_sides_together() {
        let limits = Rc::default();
        let limit = 2 * ARRIVAL;
        let opened = Session::open(
            &mut Silent(Rc::clone(&limits)),
            &scripted::spec(None),
            &Side::BOTH,
            1,
            limit,
        );
        for session in opened {
            let Err(StartError::ChannelError { problem, .. }) = session else {
                panic!("a silent worker is ready");
            };
            assert!(matches!(problem, ChannelError::Deadline(shown) if shown == limit));
        }
        // What is left for the second is only enough to read an answer that has arrived.
        assert_eq!(limits.borrow()[1], ARRIVAL);
    }
}
