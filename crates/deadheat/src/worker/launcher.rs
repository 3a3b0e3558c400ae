//! Starts the workers of a run: on which core, and forked or not.

use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::{Duration, Instant};

use deadheat_core::model::{PerSide, Side};
use deadheat_core::protocol::HelloRequest;

use crate::system::cpu_pinning::{CpuPinning, Pinning};
use crate::system::disturbances::DisturbanceMonitor;
use crate::system::interrupt::Interrupt;
use crate::worker::forks::{ForkServer, ForkedWorker};
use crate::worker::process::{Worker, WorkerChannel, WorkerCommand};
use crate::worker::session::Launch;

/// The longest that a fork server may take to import pytest.
const GREETING: Duration = Duration::from_secs(120);

/// The kinds of workers, by their task.
#[derive(Clone, Copy, Debug)]
pub(crate) enum WorkerKind {
    /// They run benchmarks, as the driver asks for them.
    Benchmarks,
    /// They run tests, as pytest runs them.
    Tests,
}

impl WorkerKind {
    /// Returns the script that starts one.
    pub(crate) fn script(self) -> &'static str {
        match self {
            WorkerKind::Benchmarks => "worker.py",
            WorkerKind::Tests => "profile_tests.py",
        }
    }

    /// Returns the module that a fork server continues with.
    fn module(self) -> &'static str {
        match self {
            WorkerKind::Benchmarks => "serving",
            WorkerKind::Tests => "profile_tests",
        }
    }
}

/// The launcher of this run's workers.
pub(crate) struct ProcessLauncher {
    pub(crate) commands: PerSide<WorkerCommand>,
    pub(crate) cores: CpuPinning,
    pub(crate) pinning: Pinning,
    /// Whether processes are launched on all cores, and not on the measuring one.
    pub(crate) on_several_cores: bool,
    pub(crate) logs: PathBuf,
    pub(crate) started: usize,
    /// The hash seed of the next replicate.
    pub(crate) next_seed: u32,
    /// Processes that are not ready yet, and the core that each is on.
    pub(crate) starting: Vec<(u32, Option<usize>)>,
    pub(crate) conditions: DisturbanceMonitor,
    pub(crate) interrupt: Interrupt,
    pub(crate) forks: Forks,
}

/// The fork servers of a run, if there are any.
#[derive(Default)]
pub(crate) struct Forks {
    hello: Option<PerSide<HelloRequest>>,
    /// The module of their workers.
    module: &'static str,
    /// The hard end of the run.
    until: Option<Instant>,
    servers: PerSide<Option<Rc<RefCell<ForkServer>>>>,
    /// The servers of the next replicate, which start while this one is measured.
    next: PerSide<Option<Rc<RefCell<ForkServer>>>>,
    /// Whether the workers are timed for a verdict: then only those of one replicate share a server.
    is_timed: bool,
    /// Whether this replicate is the last one, as far as is known.
    is_last: bool,
}

impl Forks {
    /// Makes the servers' state. `hello` greets the workers; without it, workers are started one by one.
    pub(crate) fn new(hello: Option<PerSide<HelloRequest>>, workers: WorkerKind, until: Instant) -> Self {
        Forks {
            hello,
            module: workers.module(),
            until: Some(until),
            ..Forks::default()
        }
    }
}

impl ProcessLauncher {
    /// Returns a launcher that has started nothing, and has no core yet.
    pub(crate) fn new(
        commands: PerSide<WorkerCommand>,
        logs: PathBuf,
        pinning: Pinning,
        interrupt: &Interrupt,
        forks: Forks,
    ) -> Self {
        ProcessLauncher {
            commands,
            cores: CpuPinning::not_pinned(),
            pinning,
            on_several_cores: false,
            logs,
            started: 0,
            next_seed: 0,
            starting: Vec::new(),
            conditions: DisturbanceMonitor::default(),
            interrupt: interrupt.clone(),
            forks,
        }
    }

    /// Measures on these cores from now on, and watches them.
    pub(crate) fn move_to(&mut self, cores: CpuPinning) {
        self.conditions = DisturbanceMonitor::begin(&cores);
        self.cores = cores;
    }

    /// Returns a launcher whose workers are those of one side of each of two others. Its cores are to be set.
    pub(crate) fn pairing(base: (&Self, Side), head: (&Self, Side), logs: PathBuf) -> Self {
        let pair = PerSide::new(base, head);
        let hello = |(launcher, side): (&Self, Side)| Some(launcher.forks.hello.as_ref()?.get(side).clone());
        let hellos = hello(base).zip(hello(head));
        let forks = Forks {
            hello: hellos.map(|(base, head)| PerSide::new(base, head)),
            module: base.0.forks.module,
            until: base.0.forks.until,
            ..Forks::default()
        };
        let commands = pair.map(|(launcher, side)| launcher.commands.get(side).clone());
        Self::new(commands, logs, base.0.pinning, &base.0.interrupt, forks)
    }

    /// Starts workers with other commands from now on, and returns the earlier ones.
    pub(crate) fn replace_commands(&mut self, commands: PerSide<WorkerCommand>) -> PerSide<WorkerCommand> {
        // The servers still have the old variables.
        (self.forks.servers, self.forks.next) = Default::default();
        std::mem::replace(&mut self.commands, commands)
    }

    /// Runs `measure`, whose workers are timed for a verdict.
    pub(crate) fn timed<T>(&mut self, measure: impl FnOnce(&mut Self) -> T) -> T {
        self.forks.is_timed = true;
        let measured = measure(self);
        self.forks.is_timed = false;
        measured
    }

    /// Returns the side's fork server. `None`: there is none here, and will be none.
    fn server(&mut self, side: Side, seed: u32) -> Option<Rc<RefCell<ForkServer>>> {
        let is_timed = self.forks.is_timed;
        let suits = |server: &Rc<RefCell<ForkServer>>| !is_timed || server.borrow().suits_timed(side, seed);
        if !self.forks.servers.get(side).as_ref().is_some_and(suits) {
            if !self.forks.next.get(side).as_ref().is_some_and(suits) {
                self.forks.next = PerSide::default();
                self.start_servers(seed);
            }
            let next = self.forks.next.get_mut(side).take();
            *self.forks.servers.get_mut(side) = next;
        }
        self.forks.servers.get(side).clone()
    }

    /// Starts the servers of the next workers on the spare core: one for both sides if these have the same interpreter
    /// and variables. They are waited for when they are used.
    fn start_servers(&mut self, seed: u32) {
        if self.forks.hello.is_none() {
            return;
        }
        let is_missing = |side: &Side| self.forks.next.get(*side).is_none();
        let missing: Vec<Side> = Side::BOTH.into_iter().filter(is_missing).collect();
        match missing.as_slice() {
            [first, second] if self.commands.base.starts_like(&self.commands.head) => {
                let server = self.start_server(*first, "both", seed);
                self.forks.next.get_mut(*second).clone_from(&server);
                *self.forks.next.get_mut(*first) = server;
            }
            sides => {
                for side in sides {
                    let server = self.start_server(*side, &side.to_string(), seed);
                    *self.forks.next.get_mut(*side) = server;
                }
            }
        }
    }

    fn start_server(&mut self, side: Side, of: &str, seed: u32) -> Option<Rc<RefCell<ForkServer>>> {
        self.started += 1;
        let log = self.logs.join(format!("{:04}-{of}-server.log", self.started));
        let start = || {
            let command = self.commands.get(side);
            ForkServer::start(command, self.forks.module, seed, &log, self.interrupt.clone())
        };
        let server = self.cores.start_on(self.cores.spare, start).ok()?;
        Some(Rc::new(RefCell::new(server)))
    }

    fn fork(&mut self, side: Side, seed: u32, log: &Path) -> Option<ForkedWorker> {
        let server = self.server(side, seed)?;
        let hello = self.forks.hello.as_ref()?.get(side).clone();
        let memory_limit = self.commands.get(side).memory_limit;
        let is_timed = self.forks.is_timed;
        let left = self
            .forks
            .until
            .map(|until| until.saturating_duration_since(Instant::now()));
        let limit = left.map_or(GREETING, |left| left.min(GREETING));
        match ForkServer::fork(
            &server,
            side,
            &hello,
            is_timed,
            memory_limit,
            log.to_owned(),
            limit,
        ) {
            Ok(worker) => Some(worker),
            Err(_) => {
                self.forks = Forks::default();
                None
            }
        }
    }
}

impl Launch for ProcessLauncher {
    fn replicate_begins(&mut self, following: Option<usize>, next_seed: u32) {
        self.next_seed = next_seed;
        self.forks.is_last = following == Some(0);
        self.cores.look_again(self.pinning, self.conditions.own_ticks());
        self.conditions.follow(&self.cores);
    }

    fn give_cores(&mut self, several: bool) {
        self.on_several_cores = several;
    }

    fn all_are_ready(&mut self) {
        if self.on_several_cores {
            return;
        }
        for (process, core) in self.starting.drain(..) {
            if core != self.cores.measuring {
                self.conditions.started_elsewhere(process);
            }
            self.cores.move_to_measuring_core(process);
        }
        if let Some(core) = self.cores.measuring {
            self.conditions.frequency_of(core);
        }
        // Without a spare core, the next server's imports would disturb what is timed.
        let has_spare = self.cores.spare != self.cores.measuring;
        if self.forks.is_timed && !self.forks.is_last && has_spare {
            self.start_servers(self.next_seed);
        }
    }

    fn is_lost(&self, side: Side) -> bool {
        !self.commands.get(side).folder.is_dir()
    }

    fn launch(&mut self, side: Side, seed: u32) -> anyhow::Result<Box<dyn WorkerChannel>> {
        self.started += 1;
        let log = self.logs.join(format!("{:04}-{side}.log", self.started));
        if self.on_several_cores {
            // Not forked: a server is on one core, and pools are sized from the cores that a process starts with.
            let start = || Worker::start(self.commands.get(side), seed, log, self.interrupt.clone());
            return Ok(Box::new(self.cores.start_on_all(start)?));
        }
        let core = if self.starting.is_empty() {
            self.cores.measuring
        } else {
            self.cores.spare
        };
        if let Some(worker) = self.fork(side, seed, &log) {
            let process = worker.process();
            if let Some(core) = core {
                self.cores.move_to(process, core);
            }
            log::debug!("a worker of {side}, forked: process {process}, hash seed {seed}, core {core:?}");
            self.starting.push((process, core));
            return Ok(Box::new(worker));
        }
        let start = || Worker::start(self.commands.get(side), seed, log, self.interrupt.clone());
        let worker = self.cores.start_on(core, start)?;
        self.starting.push((worker.process(), core));
        Ok(Box::new(worker))
    }
}
