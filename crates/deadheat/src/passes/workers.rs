//! The workers that the passes of a run share, and their briefing.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use deadheat_core::model::{PerSide, Side, TargetFunction};
use deadheat_core::protocol::{TracePurpose, TraceRequest};

use crate::passes::runner::OneAtATime;
use crate::worker::launcher::ProcessLauncher;
use crate::worker::session::{CannotTrace, Collection, Opened, Session, StartError, WorkerSpec};

/// The state that all passes of a run share.
pub(crate) struct WorkerPool {
    pub(crate) spec: WorkerSpec,
    pub(crate) launcher: ProcessLauncher,
    /// The native part, which watching workers load.
    pub(crate) extension: String,
    /// The hard end of the run.
    pub(crate) until: Instant,
    /// The hash seed of the first replicate, which a server that has collected continues with.
    pub(crate) first_seed: u32,
    /// Benchmarks that an earlier pass could not enter on both sides at once.
    pub(crate) one_at_a_time: OneAtATime,
    /// Benchmarks whose calls use up the values of their fixtures.
    pub(crate) set_up_each_call: BTreeSet<String>,
    /// Benchmarks that use several cores at once, and get them.
    pub(crate) several_cores: BTreeSet<String>,
    /// Benchmarks that an earlier pass has run to their end on both sides.
    pub(crate) ran: BTreeSet<String>,
    /// The time of one call of a benchmark, as far as an earlier pass knows.
    pub(crate) call_times: BTreeMap<String, Duration>,
    /// Workers that have collected and stay open for the search for differing values and for what runs.
    pub(crate) opened: Opened,
    /// Whether the opened workers watch functions.
    pub(crate) opened_watch: bool,
}

impl WorkerPool {
    pub(crate) fn new(
        spec: WorkerSpec,
        launcher: ProcessLauncher,
        extension: String,
        until: Instant,
    ) -> Self {
        WorkerPool {
            spec,
            launcher,
            extension,
            until,
            first_seed: 0,
            one_at_a_time: BTreeMap::new(),
            set_up_each_call: BTreeSet::new(),
            several_cores: BTreeSet::new(),
            ran: BTreeSet::new(),
            call_times: BTreeMap::new(),
            opened: PerSide::default(),
            opened_watch: false,
        }
    }

    /// Returns the workers of one side of each of two other pools, which have collected the same benchmarks.
    pub(crate) fn pairing(base: (&Self, Side), head: (&Self, Side), logs: PathBuf) -> Self {
        let launchers = [base, head].map(|(pool, side)| (&pool.launcher, side));
        let mut pool = WorkerPool::new(
            WorkerSpec {
                hello: PerSide::new(base, head).map(|(pool, side)| pool.spec.hello.get(side).clone()),
                ..base.0.spec.clone()
            },
            ProcessLauncher::pairing(launchers[0], launchers[1], logs),
            base.0.extension.clone(),
            base.0.until,
        );
        for (other, _) in [base, head] {
            let one_at_a_time = other.one_at_a_time.iter();
            pool.one_at_a_time
                .extend(one_at_a_time.map(|(benchmark, words)| (benchmark.clone(), words.clone())));
            pool.set_up_each_call
                .extend(other.set_up_each_call.iter().cloned());
            pool.several_cores.extend(other.several_cores.iter().cloned());
            let call_times = other.call_times.iter();
            pool.call_times
                .extend(call_times.map(|(benchmark, time)| (benchmark.clone(), *time)));
        }
        pool
    }

    /// Returns the briefing for the same workers, watching.
    pub(crate) fn tracing(&self, purpose: TracePurpose, watched: &[&TargetFunction]) -> WorkerSpec {
        WorkerSpec {
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
            ..self.spec.clone()
        }
    }

    /// Collects the benchmarks on this side, in a separate process.
    pub(crate) fn collect(&mut self, side: Side) -> Result<Collection, StartError> {
        let [opened] = self.open(&self.spec.clone(), [side]);
        let (session, collection) = opened?;
        session.stop();
        Ok(collection)
    }

    /// Collects the benchmarks on both sides, in workers that also leave the bytecode for those that follow. The
    /// workers stay open where they watch functions, or where `stay` is set.
    pub(crate) fn collect_both(
        &mut self,
        watched: &[&TargetFunction],
        stay: bool,
    ) -> Result<PerSide<Collection>, (Side, StartError)> {
        self.close();
        let mut watch = !watched.is_empty();
        let mut opened = match watch {
            true => self.open(&self.tracing(TracePurpose::Reach, watched), Side::BOTH),
            false => self.open(&self.spec.clone(), Side::BOTH),
        };
        let cannot_trace = opened.iter().any(|opened| match opened {
            Err(StartError::Other(error)) => error.is::<CannotTrace>(),
            _ => false,
        });
        if cannot_trace {
            watch = false;
            opened = self.open(&self.spec.clone(), Side::BOTH);
        }
        let [base, head] = opened;
        let (base, of_base) = base.map_err(|problem| (Side::Base, problem))?;
        let (head, of_head) = head.map_err(|problem| (Side::Head, problem))?;
        self.opened_watch = watch;
        if watch || stay {
            self.opened = PerSide::new(Some(base), Some(head));
        } else {
            base.stop();
            head.stop();
        }
        Ok(PerSide::new(of_base, of_head))
    }

    /// Ends the open workers.
    pub(crate) fn close(&mut self) {
        let PerSide { base, head } = std::mem::take(&mut self.opened);
        for session in [base, head].into_iter().flatten() {
            session.stop();
        }
    }

    /// Ends all processes.
    pub(crate) fn rest(&mut self) {
        self.close();
        let commands = self.launcher.commands.clone();
        self.launcher.replace_commands(commands);
    }

    pub(crate) fn open<const N: usize>(
        &mut self,
        spec: &WorkerSpec,
        sides: [Side; N],
    ) -> [Result<(Session, Collection), StartError>; N] {
        let left = self.until.saturating_duration_since(Instant::now());
        let opened = Session::open(&mut self.launcher, spec, &sides, self.first_seed, left);
        opened
            .try_into()
            .unwrap_or_else(|_| unreachable!("one for each side"))
    }
}
