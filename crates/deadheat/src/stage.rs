//! Where the passes of a run play: its workers, and what they are told.

use std::path::PathBuf;
use std::time::Instant;

use deadheat_core::model::{PerSide, Side, TargetFunction};
use deadheat_core::protocol::{TracePurpose, TraceRequest};

use crate::cores::{Cores, Pinning};
use crate::interrupt::Interrupt;
use crate::session::{Briefing, Collection, Launch, NotReady, Session};
use crate::worker::{Talk, Worker, WorkerCommand};

/// Workers of this run.
pub(crate) struct Launcher {
    pub(crate) commands: PerSide<WorkerCommand>,
    pub(crate) cores: Cores,
    pub(crate) pinning: Pinning,
    pub(crate) logs: PathBuf,
    pub(crate) started: usize,
    pub(crate) interrupt: Interrupt,
}

impl Launch for Launcher {
    fn replicate_begins(&mut self) {
        self.cores.look_again(self.pinning);
    }

    fn launch(&mut self, side: Side, seed: u32) -> anyhow::Result<Box<dyn Talk>> {
        self.started += 1;
        let log = self.logs.join(format!("{:04}-{side}.log", self.started));
        let worker = Worker::start(
            self.commands.get(side),
            seed,
            &self.cores,
            log,
            self.interrupt.clone(),
        )?;
        Ok(Box::new(worker))
    }
}

/// What every pass of a run works with.
pub(crate) struct Stage {
    pub(crate) briefing: Briefing,
    pub(crate) launcher: Launcher,
    /// The native part, which watching workers load.
    pub(crate) extension: String,
    /// The hard end of the run.
    pub(crate) until: Instant,
}

impl Stage {
    /// The same workers, watching.
    pub(crate) fn tracing(&self, purpose: TracePurpose, watched: &[&TargetFunction]) -> Briefing {
        Briefing {
            trace: Some(PerSide::new(Side::Base, Side::Head).map(|side| {
                TraceRequest {
                    purpose,
                    extension: self.extension.clone(),
                    functions: watched
                        .iter()
                        .map(|target| target.places.get(side).clone())
                        .collect(),
                }
            })),
            ..self.briefing.clone()
        }
    }

    /// What pytest collects on one side, in a process of its own. It also leaves the bytecode for those that follow.
    pub(crate) fn collect(&mut self, side: Side) -> Result<Collection, NotReady> {
        let left = self.until.saturating_duration_since(Instant::now());
        let (session, collection) = Session::open(&mut self.launcher, &self.briefing, side, 0, left)?;
        session.stop();
        Ok(collection)
    }
}
