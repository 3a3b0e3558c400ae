//! Runs the command on both sides in turn.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use deadheat_core::judge::sequential::Sampling;
use deadheat_core::judge::stats::FEWEST_REPLICATES;
use deadheat_core::model::{
    Clock, Missing, MissingReason, Order, PerSide, Replicate, Round, Sample, Side, WarningCode,
};

use crate::cli::options::Script;
use crate::commands::common::context::CompareContext;
use crate::commands::script::executor::{CommandEnvironment, CommandExecutor, CommandOutcome, Usage};
use crate::commands::script::metrics::Metrics;
use crate::commands::script::rows::CommandRun;
use crate::commands::script::rows::without_time;
use crate::error::Failure;
use crate::events::Events;
use crate::passes::measure::{self, Measured, ReplicateSet, Stopping};
use crate::passes::runner::{Event, StoppedBy, hash_seed};
use crate::system::command;
use crate::system::cpu_pinning::{CpuPinning, Pinning};
use crate::system::disturbances::DisturbanceMonitor;
use crate::system::limits::MOST_PRINTED;
use crate::workspace::checkout::Checkouts;
use crate::workspace::end_of_output;

/// A command that keeps more cores busy than this is not measured on one.
pub(super) const SEVERAL_CORES: f64 = 1.1;

/// A run counts as hanging if, when the time is over, it has taken this many times as long as any before it.
pub(super) const HANGS: u32 = 3;

pub(super) const SHORTEST_HANG: Duration = Duration::from_secs(1);

/// The reason why there is no [`CommandRun`].
pub(super) enum NotRun {
    Stopped(StoppedBy),
    Failed(anyhow::Error),
}

impl From<anyhow::Error> for NotRun {
    fn from(error: anyhow::Error) -> Self {
        NotRun::Failed(error)
    }
}

/// The times and the other numbers that a run printed.
type PrintedNumbers = (Vec<(String, Sample)>, Vec<(String, f64)>);

/// A series of runs, the sides in turn.
pub(super) struct CommandSeries<'a> {
    pub(super) rows: &'a [String],
    pub(super) stopping: Stopping,
    pub(super) seed: u64,
    /// The number of earlier replicates, which took other seeds of the same kind.
    pub(super) earlier: usize,
}

/// The results of a series.
pub(super) struct ScriptMeasurement {
    pub(super) measured: Measured,
    /// The usages in each replicate.
    pub(super) usages: Vec<PerSide<Usage>>,
    /// The printed numbers that are not times, in each replicate.
    pub(super) numbers: Vec<PerSide<Vec<(String, f64)>>>,
    /// Keys that were not in the output of every run.
    pub(super) missing: Vec<Missing>,
}

/// The position in a series.
pub(super) struct ScheduleProgress<'a> {
    pub(super) replicate: usize,
    pub(super) open: usize,
    pub(super) row: Option<&'a str>,
}

impl<'a> ScheduleProgress<'a> {
    pub(super) fn of(self, replicates: Option<usize>) -> Event<'a> {
        match self.row {
            None => Event::ReplicateStarted {
                index: self.replicate,
                of: replicates,
                benchmarks: self.open,
            },
            Some(benchmark) => Event::BenchmarkStarted {
                benchmark,
                position: 0,
            },
        }
    }
}

/// The places where the command is run repeatedly, and its conditions there.
pub(super) struct ScriptRunner<'a> {
    pub(super) run: &'a CompareContext<'a>,
    pub(super) script: &'a Script,
    pub(super) stopwatch: CommandExecutor,
    pub(super) worktrees: PerSide<PathBuf>,
    pub(super) places: PerSide<CommandEnvironment>,
    pub(super) cores: CpuPinning,
    pub(super) conditions: DisturbanceMonitor,
    /// Whether the command has run once on both sides.
    pub(super) is_tried: bool,
    /// Whether the command printed times of its own then.
    prints_times: Option<bool>,
    /// The longest run so far.
    pub(super) longest: Option<Duration>,
}

impl<'a> ScriptRunner<'a> {
    pub(super) fn new(
        run: &'a CompareContext<'a>,
        script: &'a Script,
        checkouts: &Checkouts,
        folder: &str,
    ) -> anyhow::Result<Self> {
        let worktrees = checkouts.worktrees().map(Path::to_owned);
        let places = PerSide::try_from_fn(|side| {
            let worktree = worktrees.get(side);
            let inside = worktree.join(folder);
            if !inside.is_dir() {
                return Err(Failure::nothing_measured(format!(
                    "the folder `{}`, in which the command is to run, does not exist on {side}",
                    folder
                ))
                .hint("the command runs in the folder of the configuration file: --config-file moves it"));
            }
            Ok(CommandEnvironment {
                folder: inside,
                variables: in_worktree(run.variables(), run.context.git.top(), worktree),
                log: checkouts.workspace.logs().join(format!("script-{side}.log")),
            })
        })?;
        Ok(ScriptRunner {
            run,
            script,
            stopwatch: CommandExecutor {
                interpreter: run.context.installation.interpreter.clone(),
                script: run.context.installation.worker_file("stopwatch.py"),
                command: script.command.clone(),
                memory_limit: run.context.settings.memory_limit(),
            },
            worktrees,
            places,
            cores: CpuPinning::not_pinned(),
            conditions: DisturbanceMonitor::default(),
            is_tried: false,
            prints_times: None,
            longest: None,
        })
    }

    pub(super) fn build(&self, build: &str) -> anyhow::Result<()> {
        for side in Side::BOTH {
            self.run
                .context
                .listener
                .step(&format!("building {side}: {}", build));
            let place = self.places.get(side);
            let mut command = Command::new("sh");
            command
                .args(["-c", build])
                .current_dir(&place.folder)
                .env_clear()
                .envs(&place.variables);
            let status = command::run(&mut command, &place.log, &self.run.context.limits)?;
            if !status.success() {
                return Err(Failure::nothing_measured(format!(
                    "--build failed on {side} ({status}): {}\n{}",
                    build,
                    self.words(side)
                ))
                .hint("it ran in a fresh checkout of that revision, which has no file that git ignores")
                .into());
            }
        }
        Ok(())
    }

    /// Runs the command once on each side, which warms caches, and shows how long the command takes and how
    /// many cores it uses.
    pub(super) fn try_once(&mut self) -> anyhow::Result<PerSide<CommandRun>> {
        let tried = PerSide::try_from_fn(|side| match self.run(side, 0) {
            Ok(ran) => Ok(ran),
            Err(NotRun::Failed(error)) => Err(error),
            Err(NotRun::Stopped(_)) => Err(anyhow::Error::from(Failure::stopped())),
        })?;
        self.is_tried = true;
        let is_printed = |run: &CommandRun| run.times.iter().any(|(name, _)| *name != self.script.command);
        self.prints_times = Some(is_printed(&tried.base) || is_printed(&tried.head));
        Ok(tried)
    }

    /// Chooses one core for both sides, unless the command uses several.
    pub(super) fn choose_core(&mut self, tried: &PerSide<CommandRun>) -> anyhow::Result<()> {
        let used = tried.base.usage.cores().max(tried.head.usage.cores());
        if self.run.context.settings.pinning == Pinning::Quietest && used > SEVERAL_CORES {
            self.run.context.listener.doubt(
                WarningCode::NotPinned,
                &format!(
                    "the command keeps {used:.1} cores busy, so it is not pinned to one: no error rate is \
                     claimed for the verdicts"
                ),
                Some("--cpu N measures it on one core anyway"),
            );
            return Ok(());
        }
        self.cores = self.run.context.choose_cores()?;
        Ok(())
    }

    pub(super) fn measure(
        &mut self,
        series: &CommandSeries<'_>,
        listen: &mut dyn FnMut(ScheduleProgress<'_>),
    ) -> anyhow::Result<ScriptMeasurement> {
        let Stopping {
            sampling,
            budget_ends,
            ..
        } = series.stopping;
        let started = Instant::now();
        let mut measured = MeasuredRows::default();
        let (mut usages, mut numbers) = (Vec::new(), Vec::new());
        let mut stopped = None;
        let mut last = Duration::ZERO;
        let is_over = |replicate: usize, last: Duration| match sampling {
            Sampling::Exactly(count) => replicate >= count,
            Sampling::UntilSettled => replicate >= FEWEST_REPLICATES && Instant::now() + last > budget_ends,
        };
        for replicate in 0.. {
            let mut settled = BTreeSet::new();
            if sampling == Sampling::UntilSettled {
                measure::look_where_it_is_due(&mut measured.rows, sampling);
                settled = measure::settled(&measured.rows, &series.stopping);
            }
            if is_over(replicate, last) {
                break;
            }
            let is_open = |row: &&String| !settled.contains(*row) && !measured.lost.contains_key(*row);
            let open: Vec<&String> = series.rows.iter().filter(is_open).collect();
            let Some(first) = open.first() else { break };
            self.begin_replicate(replicate, first, open.len(), listen);
            let seed = hash_seed(series.seed, series.earlier + replicate);
            let order = Order::of_round(replicate);
            let pair_started = Instant::now();
            let ran = match self.run_both(order, seed) {
                Ok(ran) => ran,
                Err(NotRun::Stopped(by)) => {
                    stopped = Some(by);
                    break;
                }
                Err(NotRun::Failed(error)) => return Err(error),
            };
            last = pair_started.elapsed();
            usages.push(ran.as_ref().map(|ran| ran.usage));
            numbers.push(ran.as_ref().map(|ran| ran.numbers.clone()));
            for row in open {
                measured.add(row, &ran, order, seed);
            }
        }
        measure::look_at_the_rest(&mut measured.rows, sampling);
        let replicate_time = started.elapsed() / u32::try_from(usages.len().max(1)).unwrap_or(u32::MAX);
        for row in measured.rows.values_mut() {
            row.replicate_seconds = replicate_time.as_secs_f64();
        }
        Ok(ScriptMeasurement {
            measured: Measured {
                benchmarks: measured.rows,
                replicate_time,
                inside: replicate_time,
                stopped,
                ..Measured::default()
            },
            usages,
            numbers,
            missing: measured.lost.into_values().collect(),
        })
    }

    /// Moves to a quieter core where there is one, and reports the replicate.
    fn begin_replicate(
        &mut self,
        replicate: usize,
        first_row: &str,
        open: usize,
        listen: &mut dyn FnMut(ScheduleProgress<'_>),
    ) {
        self.cores
            .look_again(self.run.context.settings.pinning, self.conditions.own_ticks());
        self.conditions.follow(&self.cores);
        let shown = first_row.replace('\n', " ");
        for row in [None, Some(shown.as_str())] {
            listen(ScheduleProgress { replicate, open, row });
        }
    }

    pub(super) fn run_both(&mut self, order: Order, seed: u32) -> Result<PerSide<CommandRun>, NotRun> {
        let [first, second] = order.sides();
        let (one, other) = (self.run(first, seed)?, self.run(second, seed)?);
        Ok(match first {
            Side::Base => PerSide::new(one, other),
            Side::Head => PerSide::new(other, one),
        })
    }

    pub(super) fn run(&mut self, side: Side, seed: u32) -> Result<CommandRun, NotRun> {
        let output = self.output_file(side)?;
        if let Some(file) = &output {
            self.remove(side, file)?;
        }
        let place = self.places.get(side);
        if !place.folder.is_dir() {
            let gone = Failure::nothing_measured(format!(
                "the worktree of {side} is gone: --script {} removed or moved the folder that it ran in",
                &self.script.command
            ));
            return Err(NotRun::Failed(gone.hint("every run of it starts there").into()));
        }
        let limits = &self.run.context.limits;
        let usage = match self.stopwatch.run(place, seed, &self.cores, limits)? {
            CommandOutcome::Well(usage) => usage,
            CommandOutcome::Badly(status) => {
                return Err(NotRun::Failed(
                    self.failed(side, &format!("failed on {side} ({status})")),
                ));
            }
            CommandOutcome::Lost(status) => {
                let what = format!("ended on {side} with the process that watches it ({status})");
                return Err(NotRun::Failed(self.failed(side, &what)));
            }
            CommandOutcome::OutputTooLarge => {
                let what = format!("printed more than {} MiB on {side}", MOST_PRINTED >> 20);
                return Err(NotRun::Failed(self.failed(side, &what)));
            }
            CommandOutcome::Interrupted => return Err(NotRun::Stopped(StoppedBy::User)),
            CommandOutcome::Late(ran) => {
                let is_usual = |longest| ran < longest * HANGS + SHORTEST_HANG;
                if self.is_tried && self.longest.is_some_and(is_usual) {
                    return Err(NotRun::Stopped(StoppedBy::Timeout));
                }
                let error = self.late(side, ran);
                return Err(NotRun::Failed(error));
            }
        };
        if let Some(core) = self.cores.measuring {
            self.conditions.frequency_of(core);
        }
        let elapsed = Duration::from_nanos(usage.elapsed_ns);
        self.longest = self.longest.max(Some(elapsed));
        let (times, numbers) = match &output {
            None => self.printed(side, usage)?,
            Some(file) => (self.read(side, file)?, Vec::new()),
        };
        Ok(CommandRun {
            usage,
            times,
            numbers,
        })
    }

    /// Returns the times and the other numbers that the command printed; its own time, if it prints no others.
    fn printed(&self, side: Side, usage: Usage) -> anyhow::Result<PrintedNumbers> {
        let Metrics { times, numbers } = Metrics::read(&self.places.get(side).log)?;
        let is_asked = self.prints_times.unwrap_or(!times.is_empty());
        if is_asked && !times.is_empty() {
            return Ok((times, numbers));
        }
        let whole = Sample {
            elapsed_ns: usage.elapsed_ns,
            iterations: 1,
        };
        Ok((vec![(self.script.command.clone(), whole)], numbers))
    }

    pub(super) fn failed(&self, side: Side, what: &str) -> anyhow::Error {
        Failure::nothing_measured(format!(
            "--script {what}: {}\n{}",
            &self.script.command,
            self.words(side)
        ))
        .hint(
            "it ran by `sh -c` in a fresh checkout of that revision: files that git ignores are not there \
             (--inject PATH copies them, --build CMD makes them), nor are files that this revision does not \
             have yet",
        )
        .into()
    }

    pub(super) fn late(&self, side: Side, ran: Duration) -> anyhow::Error {
        Failure::nothing_measured(format!(
            "--script did not end on {side} within {:.1} s, when --timeout ended the run: {}\n{}",
            ran.as_secs_f64(),
            &self.script.command,
            self.words(side)
        ))
        .hint("does it wait for input? its standard input is empty; if it is only slow, --timeout gives it more time")
        .into()
    }

    /// Returns the end of the output of the side's last run.
    pub(super) fn words(&self, side: Side) -> String {
        end_of_output(&self.places.get(side).log, self.worktrees.get(side))
    }
}

/// Points entries of `PYTHONPATH` that lie in the user's checkout into the worktree, as is done for benchmarks.
pub(super) fn in_worktree(
    mut variables: BTreeMap<OsString, OsString>,
    top: &Path,
    worktree: &Path,
) -> BTreeMap<OsString, OsString> {
    if let Some(value) = variables.get_mut(&OsString::from("PYTHONPATH")) {
        let entries = std::env::split_paths(&*value).map(|entry| match entry.strip_prefix(top) {
            Ok(inside) => worktree.join(inside),
            Err(_) => entry,
        });
        // Entries that were split can be joined again.
        if let Ok(joined) = std::env::join_paths(entries.collect::<Vec<_>>()) {
            *value = joined;
        }
    }
    variables
}

/// The measurements of each row so far.
#[derive(Default)]
struct MeasuredRows {
    rows: BTreeMap<String, ReplicateSet>,
    /// The rows that a later run did not have any more.
    lost: BTreeMap<String, Missing>,
}

impl MeasuredRows {
    /// Adds one replicate of a row, or gives the row up.
    fn add(&mut self, row: &str, ran: &PerSide<CommandRun>, order: Order, seed: u32) {
        let sample = |side: Side| {
            let times = &ran.get(side).times;
            let time = times.iter().find(|(key, _)| key == row);
            let lacking = || Missing {
                benchmark: row.to_owned(),
                side: Some(side),
                reason: MissingReason::Failed,
                message: format!("a later run on {side} no longer wrote this key"),
            };
            match time {
                Some((_, sample)) if sample.elapsed_ns == 0 => Err(without_time(row, side)),
                Some(&(_, sample)) => Ok(sample),
                None => Err(lacking()),
            }
        };
        match PerSide::try_from_fn(sample) {
            Ok(PerSide { base, head }) => {
                self.rows
                    .entry(row.to_owned())
                    .or_default()
                    .replicates
                    .push(Replicate {
                        seed,
                        clock: Clock::Wall,
                        machine: None,
                        rounds: vec![Round { order, base, head }],
                    });
            }
            Err(missing) => {
                self.rows.remove(row);
                self.lost.insert(row.to_owned(), missing);
            }
        }
    }
}
