//! The workers of a Dask cluster, reached by a process of `python/deadheat/cluster.py`, which lists the requests and events.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{ChildStdin, Command, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::time::Duration;

use anyhow::Context;
use serde::{Deserialize, Serialize};

use crate::Installation;
use crate::distribute::engine::{Engine, EngineEvent, answered, read_lines, shortened};
use crate::distribute::plan::PlanFile;
use crate::distribute::scheduler::WorkerSlots;
use crate::distribute::serve::write_line;
use crate::distribute::task::Task;
use crate::error::Failure;
use crate::system::command::Group;
use crate::system::files::tail_of;

/// The code of the bridge's process.
const BRIDGE: &str = "from deadheat import cluster; sys.exit(cluster.main(sys.argv[1]))";

#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
enum Request<'a> {
    Plan {
        path: &'a Path,
        sha256: &'a str,
        size: u64,
        version: &'static str,
    },
    Task {
        id: u64,
        worker: &'a str,
        body: &'a Task,
    },
    Cancel {
        id: u64,
    },
    End {},
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Event {
    Workers(Vec<ClusterWorker>),
    Done { id: u64, result: String },
    Failed { id: u64, message: String },
    Lost { id: u64 },
    Refused { worker: String, message: String },
    Error { message: String, hint: Option<String> },
}

#[derive(Deserialize)]
struct ClusterWorker {
    address: String,
    slots: usize,
}

/// A Dask cluster.
pub(crate) struct DaskCluster {
    group: Group,
    input: Option<ChildStdin>,
    events: Receiver<EngineEvent>,
    log: PathBuf,
}

impl DaskCluster {
    /// Connects to the scheduler at this address.
    pub(crate) fn open(
        address: &str,
        plan: &PlanFile,
        logs: &Path,
        installation: &Installation,
    ) -> anyhow::Result<Self> {
        let log = logs.join("dask.log");
        let mut command = Command::new(&installation.interpreter);
        command
            .args(installation.python_words(BRIDGE))
            .arg(address)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(File::create(&log)?);
        let mut group = Group::start_tidily(&mut command)?;
        let output = group
            .child
            .stdout
            .take()
            .context("the bridge to Dask has no output")?;
        let (sender, events) = mpsc::channel();
        // The end of its events disconnects the receiver.
        read_lines(output, move |line| {
            line.is_some_and(|line| sender.send(event_of(&line)).is_ok())
        });
        let mut cluster = DaskCluster {
            input: group.child.stdin.take(),
            group,
            events,
            log,
        };
        cluster.ask(&Request::Plan {
            path: &plan.path,
            sha256: &plan.sha256,
            size: plan.bytes,
            version: env!("CARGO_PKG_VERSION"),
        });
        Ok(cluster)
    }

    /// Sends a request; if the bridge has ended, its output says so.
    fn ask(&mut self, request: &Request<'_>) {
        if let Some(input) = &mut self.input {
            let _ = write_line(input, request);
        }
    }
}

fn event_of(line: &str) -> EngineEvent {
    match serde_json::from_str(line) {
        Ok(Event::Workers(workers)) => {
            let slots = |worker: ClusterWorker| WorkerSlots {
                name: worker.address,
                slots: worker.slots,
            };
            EngineEvent::Workers(workers.into_iter().map(slots).collect())
        }
        Ok(Event::Done { id, result }) => answered(id, &result),
        Ok(Event::Failed { id, message }) => EngineEvent::Failed {
            task: id,
            message: shortened(&message),
        },
        Ok(Event::Refused { worker, message }) => EngineEvent::Refused {
            worker,
            message: shortened(&message),
        },
        Ok(Event::Lost { id }) => EngineEvent::Lost { task: id },
        Ok(Event::Error { message, hint }) => {
            let failure = Failure::usage(format!("--on: {}", shortened(&message)));
            EngineEvent::Broken(match hint {
                Some(hint) => failure.hint(shortened(&hint)),
                None => failure,
            })
        }
        Err(error) => EngineEvent::Broken(Failure::tool(format!(
            "the bridge to Dask answers nonsense: {error}"
        ))),
    }
}

impl Engine for DaskCluster {
    fn wait(&mut self, limit: Duration) -> Option<EngineEvent> {
        match self.events.recv_timeout(limit) {
            Ok(event) => Some(event),
            Err(RecvTimeoutError::Timeout) => None,
            Err(RecvTimeoutError::Disconnected) => {
                let words = tail_of(&self.log);
                Some(EngineEvent::Broken(Failure::tool(format!(
                    "the bridge to Dask ended. The end of its output:\n\n{words}"
                ))))
            }
        }
    }

    fn submit(&mut self, worker: &str, task: &Task) {
        self.ask(&Request::Task {
            id: task.id,
            worker,
            body: task,
        });
    }

    fn cancel(&mut self, task: u64) {
        self.ask(&Request::Cancel { id: task });
    }
}

/// The time that the bridge has to remove everything from the cluster's machines.
const TIDYING: Duration = Duration::from_secs(20);

impl Drop for DaskCluster {
    fn drop(&mut self) {
        self.ask(&Request::End {});
        self.input = None;
        self.group.ends_within(TIDYING);
        self.group.ask_to_end();
    }
}
