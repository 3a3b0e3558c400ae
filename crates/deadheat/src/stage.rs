//! Where the passes of a run play: its workers, and what they are told.

use std::path::PathBuf;
use std::time::Instant;

use deadheat_core::model::{PerSide, Side, TargetFunction};
use deadheat_core::protocol::{TracePurpose, TraceRequest};

use crate::conditions::Conditions;
use crate::cores::{Cores, Pinning};
use crate::interrupt::Interrupt;
use crate::session::{Briefing, Collection, Launch, NotReady, Session};
use crate::walk::OneAtATime;
use crate::worker::{Talk, Worker, WorkerCommand};

/// Workers of this run.
pub(crate) struct Launcher {
    pub(crate) commands: PerSide<WorkerCommand>,
    pub(crate) cores: Cores,
    pub(crate) pinning: Pinning,
    pub(crate) logs: PathBuf,
    pub(crate) started: usize,
    /// Processes that are not ready yet, and the core that each is on.
    pub(crate) starting: Vec<(u32, Option<usize>)>,
    pub(crate) conditions: Conditions,
    pub(crate) interrupt: Interrupt,
}

impl Launch for Launcher {
    fn replicate_begins(&mut self) {
        self.cores.look_again(self.pinning, self.conditions.own_ticks());
        self.conditions.follow(&self.cores);
    }

    fn all_are_ready(&mut self) {
        for (process, core) in self.starting.drain(..) {
            if core != self.cores.measuring {
                self.conditions.started_elsewhere(process);
            }
            self.cores.move_to_measuring_core(process);
        }
        if let Some(core) = self.cores.measuring {
            self.conditions.frequency_of(core);
        }
    }

    fn is_lost(&self, side: Side) -> bool {
        !self.commands.get(side).folder.is_dir()
    }

    fn launch(&mut self, side: Side, seed: u32) -> anyhow::Result<Box<dyn Talk>> {
        self.started += 1;
        let log = self.logs.join(format!("{:04}-{side}.log", self.started));
        let core = if self.starting.is_empty() {
            self.cores.measuring
        } else {
            self.cores.spare
        };
        let start = || Worker::start(self.commands.get(side), seed, log, self.interrupt.clone());
        let worker = self.cores.start_on(core, start)?;
        self.starting.push((worker.process(), core));
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
    /// Benchmarks that an earlier pass could not enter on both sides at once.
    pub(crate) one_at_a_time: OneAtATime,
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

    /// What pytest collects on each of `sides`, in processes of their own. They also leave the bytecode for those that
    /// follow.
    pub(crate) fn collect(&mut self, sides: &[Side]) -> Vec<Result<Collection, NotReady>> {
        let left = self.until.saturating_duration_since(Instant::now());
        let opened = Session::open(&mut self.launcher, &self.briefing, sides, 0, left);
        opened
            .into_iter()
            .map(|opened| {
                let (session, collection) = opened?;
                session.stop();
                Ok(collection)
            })
            .collect()
    }
}
