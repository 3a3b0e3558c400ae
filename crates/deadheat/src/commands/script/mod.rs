//! `compare --script`: any command is the benchmark. Each of its runs is a fresh process, and one run on each side is a
//! replicate; the order changes from one to the next. Nothing of the project is read, so it may be in any language.

pub(crate) mod stopwatch;

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use deadheat_core::model::{
    Clock, Missing, MissingReason, Order, Pair, PerSide, Replicate, Sample, Side, WarningCode,
};
use deadheat_core::report::{self, BenchmarksFrom, MeasuredBenchmark, Plan, Selection, SelectionRule};
use deadheat_core::resource::{self, MeasuredResource, Resource};
use deadheat_core::script_output::{self, TOTAL};
use deadheat_core::sequential::Sampling;
use deadheat_core::stats::{self, FEWEST_REPLICATES};

use crate::cli::options::{Afterwards, Script, Task};
use crate::commands::common::conclude::Judging;
use crate::commands::common::context::{CompareContext, Context, USUAL_REPLICATES};
use crate::commands::common::findings::Findings;
use crate::commands::common::origin::Origin;
use crate::commands::common::{confirm, keep, nothing_changed};
use crate::commands::script::stopwatch::{Ended, Place, Stopwatch, Usage};
use crate::error::{Exit, Failure};
use crate::events::Events;
use crate::passes::measure::{self, Measured, Rounds, Stopping};
use crate::passes::walk::{Event, StoppedBy, hash_seed};
use crate::project::layout::Project;
use crate::project::sources::ProjectSources;
use crate::system::command;
use crate::system::conditions::Conditions;
use crate::system::cores::{Cores, Pinning};
use crate::system::files;
use crate::system::limit::MOST_PRINTED;
use crate::workspace::checkout::Checkouts;

/// A command that keeps more cores busy than this is not measured on one.
const SEVERAL_CORES: f64 = 1.1;
/// A run counts as hanging if, when the time is over, it has taken this many times as long as any before it.
const HANGS: u32 = 3;
const SHORTEST_HANG: Duration = Duration::from_secs(1);

/// The longest tick of a usual kernel.
const TICK_NS: f64 = 10e6;

/// Compares the command on both sides, from the revisions to the findings.
pub(crate) fn compare(
    run: &CompareContext<'_>,
    script: &Script,
    findings: &mut Findings,
) -> anyhow::Result<Exit> {
    let Context {
        git,
        listener,
        config,
        ..
    } = run.context;
    listener.step("reading the two revisions");
    let revisions = run.context.revisions;
    let sources = ProjectSources::read(git, revisions, run.context.settings.fetch, |_| {
        Ok(Project::of_any_language(config, git.top()))
    })?;
    // A command may use any file.
    let untracked_in = [String::new()];
    let mut checkouts = Checkouts::create(git, &sources, revisions, &untracked_in, listener)?;
    run.context.limits.check()?;
    let outcome = compare_checkouts(run, &sources, script, &mut checkouts, findings);
    let kept = match run.settings.worktrees {
        Afterwards::Remove => Ok(()),
        Afterwards::Keep => {
            let commands = PerSide::new(script.command.clone(), script.command.clone());
            keep::keep(&mut checkouts, git, &sources.project.folder, &commands, listener)
        }
    };
    checkouts.close(git, listener);
    let exit = outcome?;
    kept.map(|()| exit)
}

fn compare_checkouts(
    run: &CompareContext<'_>,
    sources: &ProjectSources,
    script: &Script,
    checkouts: &mut Checkouts,
    findings: &mut Findings,
) -> anyhow::Result<Exit> {
    let listener = run.context.listener;
    if checkouts.changed.is_empty() && !run.settings.all {
        findings.selection = nothing_changed("no file differs", listener);
        return Ok(Exit::Done);
    }
    findings.selection = Selection {
        rule: SelectionRule::All,
        reason: "the command given by --script".to_owned(),
    };
    checkouts.inject(run.context.git, &run.context.settings.injected, sources)?;
    let started = Instant::now();
    let mut bench = Bench::new(run, script, checkouts, &sources.project.folder)?;
    if let Some(build) = &run.context.settings.build {
        bench.build(build)?;
    }

    listener.step("running the command once on each side");
    let trying = Instant::now();
    let tried = bench.try_once()?;
    let pair_time = trying.elapsed();
    let rows = Rows::of(script, &tried, &mut findings.missing)?;
    let budget = run.affordable_budget(rows.all.len());
    let stopping = run.stopping(budget);
    if run.settings.task == Task::Plan {
        findings.plan = Some(plan(rows.listed(), started.elapsed(), pair_time, stopping));
        return Ok(Exit::Done);
    }

    bench.choose_core(&tried)?;
    let first_core = bench.cores.measuring;
    let exactly = match stopping.sampling {
        Sampling::Exactly(count) => Some(count),
        Sampling::UntilSettled => {
            findings.budget_seconds = Some(budget.as_secs_f64());
            listener.until(stopping.budget_ends);
            listener.note(&format!(
                "measuring the command for at most {:.0} s",
                budget.as_secs_f64()
            ));
            None
        }
    };
    let series = Series {
        rows: &rows.all,
        stopping,
        seed: run.context.seed,
        earlier: 0,
    };
    bench.conditions = Conditions::begin(&bench.cores);
    let mut taken = bench.measure(&series, &mut |event| listener.timing(event.of(exactly)))?;
    bench
        .conditions
        .warnings()
        .into_iter()
        .for_each(|warning| listener.warn(warning));
    findings.pinned_core = run.context.core_of(&bench.cores).and(first_core);
    findings.later_cores.clone_from(&bench.cores.later);
    findings.missing.append(&mut taken.missing);
    let exit = conclude(run, &rows, taken, findings);
    if exit != Exit::Done {
        return Ok(exit);
    }
    let rules = confirm::Rules {
        fail_on: &run.settings.fail_on,
        thresholds: run.settings.thresholds(),
        seed: run.context.seed,
    };
    let exit = confirm::confirm(&mut findings.comparisons, &rules, listener, &mut |again| {
        let series = Series {
            rows: &again.benchmarks,
            stopping: again.stopping.clone(),
            seed: again.seed,
            earlier: again.replicates,
        };
        let taken = bench.measure(&series, &mut |event| {
            listener.passing("measuring again", event.of(Some(again.replicates)));
        })?;
        Ok(taken.measured)
    })?;
    findings.count();
    findings.is_partial |= exit == Exit::StoppedEarly;
    Ok(exit)
}

/// Judges the measurements: the command's total is judged by itself, everything else as for benchmarks.
fn conclude(run: &CompareContext<'_>, rows: &Rows, taken: Taken, findings: &mut Findings) -> Exit {
    let Taken {
        mut measured, usages, ..
    } = taken;
    let (sampling, thresholds) = (run.settings.sampling, run.settings.thresholds());
    let total = rows.total.as_ref().and_then(|total| {
        let rounds = measured.benchmarks.remove(total)?;
        let total = MeasuredBenchmark {
            benchmark: total.clone(),
            replicates: rounds.replicates,
            looks: rounds.looks,
            ..MeasuredBenchmark::default()
        };
        report::judge_total(&total, sampling, thresholds.general())
    });
    if run
        .settings
        .script
        .as_ref()
        .is_some_and(|script| script.output.is_none())
    {
        let looks = measured.benchmarks.values().map(|rounds| rounds.looks).max();
        let measured = resources(rows.listed(), &usages, looks.unwrap_or(1));
        findings.resources = resource::judge(measured, sampling, &thresholds);
    }
    let judging = Judging {
        runnable: rows.listed().to_vec(),
        missing: std::mem::take(&mut findings.missing),
        controls: &BTreeSet::new(),
        origin: &Origin {
            from: BenchmarksFrom::Own,
            replaced: BTreeSet::new(),
        },
        sampling,
        thresholds,
        is_script: true,
    };
    let conclusion = judging.conclude(measured, run.context.listener);
    let exit = conclusion.exit;
    findings.conclude(conclusion);
    if total.is_some() {
        findings.summary.total = total;
    }
    exit
}

/// Returns the resources that the command used in addition to elapsed time.
fn resources(rows: &[String], usages: &[PerSide<Usage>], looks: u32) -> Vec<MeasuredResource> {
    let of = |row: &String, resource: Resource, amount: fn(&Usage) -> u64| MeasuredResource {
        benchmark: row.clone(),
        resource,
        replicates: usages
            .iter()
            .map(|pair| pair.as_ref().map(|usage| amount(usage) as f64))
            .collect(),
        looks,
    };
    let all = rows.iter().flat_map(|row| {
        [
            of(row, Resource::UserTime, |usage| usage.user_ns),
            of(row, Resource::SystemTime, |usage| usage.system_ns),
            of(row, Resource::PeakMemory, |usage| usage.peak_bytes),
        ]
    });
    all.filter(is_told_apart).collect()
}

/// Whether a row is meaningful. The kernel divides processor time into user and system by what it meets at its ticks:
/// where both sides have less than one tick, the division is chance.
fn is_told_apart(row: &MeasuredResource) -> bool {
    let median = |side: Side| stats::median(row.replicates.iter().map(|pair| *pair.get(side)));
    match row.resource {
        Resource::UserTime | Resource::SystemTime => Side::BOTH
            .into_iter()
            .any(|side| median(side).is_some_and(|median| median >= TICK_NS)),
        Resource::PeakMemory | Resource::Allocations => true,
    }
}

fn plan(rows: &[String], before: Duration, pair_time: Duration, stopping: Stopping) -> Plan {
    let measuring = match stopping.sampling {
        Sampling::Exactly(count) => pair_time * u32::try_from(count).unwrap_or(u32::MAX),
        Sampling::UntilSettled => {
            let budget = stopping.budget_ends.saturating_duration_since(Instant::now());
            let fewest = pair_time * FEWEST_REPLICATES as u32;
            (pair_time * USUAL_REPLICATES).min(budget).max(fewest)
        }
    };
    Plan {
        benchmarks: rows.to_vec(),
        estimated_seconds: (before + measuring).as_secs_f64(),
    }
}

/// The compared rows: the command itself, or the keys of the file that it writes.
#[derive(Debug, PartialEq)]
struct Rows {
    /// In the order of the report; the total, where the command gives one, comes last.
    all: Vec<String>,
    /// The one of them that is not a row of the report, but its total.
    total: Option<String>,
}

impl Rows {
    /// Finds the rows; adds the keys that only one side has to `missing`.
    fn of(script: &Script, tried: &PerSide<Ran>, missing: &mut Vec<Missing>) -> Result<Self, Failure> {
        let Some(file) = &script.output else {
            return Ok(Rows {
                all: vec![script.command.clone()],
                total: None,
            });
        };
        let has = |side: Side, key: &str| tried.get(side).times.iter().any(|(other, _)| other == key);
        let mut all = Vec::new();
        for side in [Side::Head, Side::Base] {
            let reason = match side {
                Side::Base => MissingReason::OnlyBase,
                Side::Head => MissingReason::OnlyHead,
            };
            for (key, _) in &tried.get(side).times {
                if !has(side.other(), key) {
                    missing.push(Missing {
                        benchmark: key.clone(),
                        side: Some(side),
                        reason,
                        message: format!("`{file}` on {} has no such key", side.other()),
                    });
                } else if side == Side::Head {
                    let time = |side: Side| tried.get(side).times.iter().find(|(other, _)| other == key);
                    let zero = Side::BOTH
                        .into_iter()
                        .find(|&side| time(side).is_some_and(|&(_, elapsed_ns)| elapsed_ns == 0));
                    match zero {
                        Some(zero) => missing.push(without_time(key, zero)),
                        None => all.push(key.clone()),
                    }
                }
            }
        }
        if let (true, Some(first)) = (
            all.is_empty(),
            missing.iter().find(|row| row.reason == MissingReason::Failed),
        ) {
            return Err(Failure::nothing_measured(format!(
                "--script-output {file}: no key has a time on both sides: `{}` {}",
                &first.benchmark, first.message
            ))
            .hint("it has to hold what each part took, in seconds"));
        }
        if all.is_empty() {
            let keys = |side: Side| {
                let names = tried.get(side).times.iter().map(|(key, _)| format!("`{}`", key));
                names.collect::<Vec<_>>().join(", ")
            };
            return Err(Failure::nothing_measured(format!(
                "--script-output {file}: the sides have no key in common; base: {}; head: {}",
                keys(Side::Base),
                keys(Side::Head)
            ))
            .hint("give what is compared the same name on both sides"));
        }
        // A total without other keys is compared itself.
        let position = all.iter().position(|key| key == TOTAL).filter(|_| all.len() > 1);
        let total = position.map(|position| all.remove(position));
        all.extend(total.clone());
        Ok(Rows { all, total })
    }

    /// Returns those that are rows of the report.
    fn listed(&self) -> &[String] {
        &self.all[..self.all.len() - usize::from(self.total.is_some())]
    }
}

/// Returns the missing row for a key for which a side reports no time.
fn without_time(key: &str, side: Side) -> Missing {
    Missing {
        benchmark: key.to_owned(),
        side: Some(side),
        reason: MissingReason::Failed,
        message: format!("is 0 s on {side} (less than a nanosecond): nothing to compare"),
    }
}

/// One run of the command that ended well.
struct Ran {
    usage: Usage,
    /// The nanoseconds of each row, in the command's order.
    times: Vec<(String, u64)>,
}

/// The reason why there is no [`Ran`].
enum NotRun {
    Stopped(StoppedBy),
    Failed(anyhow::Error),
}

impl From<anyhow::Error> for NotRun {
    fn from(error: anyhow::Error) -> Self {
        NotRun::Failed(error)
    }
}

/// A series of runs, the sides in turn.
struct Series<'a> {
    rows: &'a [String],
    stopping: Stopping,
    seed: u64,
    /// The number of earlier replicates, which took other seeds of the same kind.
    earlier: usize,
}

/// The results of a series.
struct Taken {
    measured: Measured,
    /// The usages in each replicate.
    usages: Vec<PerSide<Usage>>,
    /// Keys that were not in the output of every run.
    missing: Vec<Missing>,
}

/// The position in a series.
struct Standing<'a> {
    replicate: usize,
    open: usize,
    row: Option<&'a str>,
}

impl<'a> Standing<'a> {
    fn of(self, replicates: Option<usize>) -> Event<'a> {
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
struct Bench<'a> {
    run: &'a CompareContext<'a>,
    script: &'a Script,
    stopwatch: Stopwatch,
    worktrees: PerSide<PathBuf>,
    places: PerSide<Place>,
    cores: Cores,
    conditions: Conditions,
    /// Whether the command has run once on both sides.
    is_tried: bool,
    /// The longest run so far.
    longest: Option<Duration>,
}

impl<'a> Bench<'a> {
    fn new(
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
                .hint("--config-file with a file of another folder, or none in this one, moves it"));
            }
            Ok(Place {
                folder: inside,
                variables: in_worktree(run.variables(), run.context.git.top(), worktree),
                log: checkouts.workspace.logs().join(format!("script-{side}.log")),
            })
        })?;
        Ok(Bench {
            run,
            script,
            stopwatch: Stopwatch {
                interpreter: run.context.installation.interpreter.clone(),
                script: run.context.installation.worker_file("stopwatch.py"),
                command: script.command.clone(),
                memory_limit: run.context.settings.memory_limit(),
            },
            worktrees,
            places,
            cores: Cores::not_pinned(),
            conditions: Conditions::default(),
            is_tried: false,
            longest: None,
        })
    }

    fn build(&self, build: &str) -> anyhow::Result<()> {
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

    /// Runs the command once on each side, which warms what is warm from then on, and shows what can be expected.
    fn try_once(&mut self) -> anyhow::Result<PerSide<Ran>> {
        let tried = PerSide::try_from_fn(|side| match self.run(side, 0) {
            Ok(ran) => Ok(ran),
            Err(NotRun::Failed(error)) => Err(error),
            Err(NotRun::Stopped(_)) => Err(anyhow::Error::from(Failure::stopped())),
        })?;
        self.is_tried = true;
        Ok(tried)
    }

    /// Chooses one core for both sides, unless the command uses several.
    fn choose_core(&mut self, tried: &PerSide<Ran>) -> anyhow::Result<()> {
        let used = tried.base.usage.cores().max(tried.head.usage.cores());
        if self.run.context.settings.pinning == Pinning::Quietest && used > SEVERAL_CORES {
            self.run.context.listener.doubt(
                WarningCode::NotPinned,
                &format!(
                    "the command keeps {used:.1} cores busy, so that it is not pinned to one: no error rate is claimed for \
                     the verdicts"
                ),
                Some("--cpu N measures it on one core all the same"),
            );
            return Ok(());
        }
        self.cores = self.run.context.choose_cores()?;
        Ok(())
    }

    fn measure(
        &mut self,
        series: &Series<'_>,
        listen: &mut dyn FnMut(Standing<'_>),
    ) -> anyhow::Result<Taken> {
        let Stopping {
            sampling,
            budget_ends,
            ..
        } = series.stopping;
        let started = Instant::now();
        let mut rounds: BTreeMap<String, Rounds> = BTreeMap::new();
        let mut usages = Vec::new();
        let mut lost: BTreeMap<String, Missing> = BTreeMap::new();
        let mut stopped = None;
        let mut last = Duration::ZERO;
        for replicate in 0.. {
            let settled = match sampling {
                Sampling::Exactly(count) if replicate >= count => break,
                Sampling::Exactly(_) => BTreeSet::new(),
                Sampling::UntilSettled => {
                    measure::look_where_it_is_due(&mut rounds, sampling);
                    if replicate >= FEWEST_REPLICATES && Instant::now() + last > budget_ends {
                        break;
                    }
                    measure::settled(&rounds, &series.stopping)
                }
            };
            let is_open = |row: &&String| !settled.contains(*row) && !lost.contains_key(*row);
            let open: Vec<&String> = series.rows.iter().filter(is_open).collect();
            let Some(first) = open.first() else { break };
            self.cores
                .look_again(self.run.context.settings.pinning, self.conditions.own_ticks());
            self.conditions.follow(&self.cores);
            let shown = first.replace('\n', " ");
            for row in [None, Some(shown.as_str())] {
                listen(Standing {
                    replicate,
                    open: open.len(),
                    row,
                });
            }
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
            for row in open {
                let sample = |side: Side| {
                    let times = &ran.get(side).times;
                    let time = times.iter().find(|(key, _)| key == row);
                    let lacking = || Missing {
                        benchmark: row.clone(),
                        side: Some(side),
                        reason: MissingReason::Failed,
                        message: format!("a later run on {side} did not write this key any more"),
                    };
                    match time {
                        Some((_, 0)) => Err(without_time(row, side)),
                        Some(&(_, elapsed_ns)) => Ok(Sample {
                            elapsed_ns,
                            iterations: 1,
                        }),
                        None => Err(lacking()),
                    }
                };
                match PerSide::try_from_fn(sample) {
                    Ok(PerSide { base, head }) => {
                        rounds.entry(row.clone()).or_default().replicates.push(Replicate {
                            seed,
                            clock: Clock::Wall,
                            pairs: vec![Pair { order, base, head }],
                        });
                    }
                    Err(missing) => {
                        rounds.remove(row);
                        lost.insert(row.clone(), missing);
                    }
                }
            }
        }
        measure::look_at_the_rest(&mut rounds, sampling);
        let replicate_time = started.elapsed() / u32::try_from(usages.len().max(1)).unwrap_or(u32::MAX);
        for rounds in rounds.values_mut() {
            rounds.replicate_seconds = replicate_time.as_secs_f64();
        }
        Ok(Taken {
            measured: Measured {
                benchmarks: rounds,
                replicate_time,
                inside: replicate_time,
                stopped,
                ..Measured::default()
            },
            usages,
            missing: lost.into_values().collect(),
        })
    }

    fn run_both(&mut self, order: Order, seed: u32) -> Result<PerSide<Ran>, NotRun> {
        let [first, second] = order.sides();
        let (one, other) = (self.run(first, seed)?, self.run(second, seed)?);
        Ok(match first {
            Side::Base => PerSide::new(one, other),
            Side::Head => PerSide::new(other, one),
        })
    }

    fn run(&mut self, side: Side, seed: u32) -> Result<Ran, NotRun> {
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
            return Err(NotRun::Failed(gone.hint("it runs there again and again").into()));
        }
        let limits = &self.run.context.limits;
        let usage = match self.stopwatch.run(place, seed, &self.cores, limits)? {
            Ended::Well(usage) => usage,
            Ended::Badly(status) => {
                return Err(NotRun::Failed(
                    self.failed(side, &format!("failed on {side} ({status})")),
                ));
            }
            Ended::Lost(status) => {
                let what = format!("ended on {side} with the process that watches it ({status})");
                return Err(NotRun::Failed(self.failed(side, &what)));
            }
            Ended::Flooded => {
                let what = format!("printed more than {} MiB on {side}", MOST_PRINTED >> 20);
                return Err(NotRun::Failed(self.failed(side, &what)));
            }
            Ended::Interrupted => return Err(NotRun::Stopped(StoppedBy::User)),
            Ended::Late(ran) => {
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
        let times = match &output {
            None => vec![(self.script.command.clone(), usage.elapsed_ns)],
            Some(file) => self.read(side, file)?,
        };
        Ok(Ran { usage, times })
    }

    /// Returns the path of this side's output file.
    fn output_file(&self, side: Side) -> anyhow::Result<Option<PathBuf>> {
        let Some(name) = &self.script.output else {
            return Ok(None);
        };
        let file = self.places.get(side).folder.join(name);
        // A symlink that a revision has on the way there could lead to a file of the user's, which would be deleted.
        let parent = file.parent().and_then(|parent| fs::canonicalize(parent).ok());
        let worktree = fs::canonicalize(self.worktrees.get(side))?;
        if parent.is_some_and(|parent| !parent.starts_with(&worktree)) {
            return Err(Failure::usage(format!(
                "--script-output {}: a symlink leads out of the checkout of {side}",
                name
            ))
            .hint("have the command write it into a folder of the checkout")
            .into());
        }
        Ok(Some(file))
    }

    /// Removes the output of an earlier run, which must not be taken for this one's.
    fn remove(&self, side: Side, file: &Path) -> anyhow::Result<()> {
        match fs::remove_file(file) {
            Ok(()) => Ok(()),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(Failure::usage(format!(
                "--script-output {}: what is there on {side} cannot be removed before the command runs: {error}",
                self.output_name()
            ))
            .hint("name a file that the command writes")
            .into()),
        }
    }

    fn read(&self, side: Side, file: &Path) -> anyhow::Result<Vec<(String, u64)>> {
        let name = self.output_name();
        let bytes = match fs::read(file) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Err(Failure::nothing_measured(format!(
                    "--script-output {name}: the command did not write it on {side}\n{}",
                    self.words(side)
                ))
                .hint("the file's name is relative to the folder that the command starts in")
                .into());
            }
            Err(error) => {
                return Err(Failure::nothing_measured(format!(
                    "--script-output {name}: it cannot be read on {side}: {error}"
                ))
                .into());
            }
        };
        let times = script_output::parse(&String::from_utf8_lossy(&bytes)).map_err(|problem| {
            Failure::nothing_measured(format!("--script-output {name} on {side}: {}", &problem)).hint(
                "it has to be one JSON object of keys and seconds: {\"parse\": 0.25, \"__total__\": 0.5}",
            )
        })?;
        // Less than a nanosecond counts as nothing: half of one must not become a whole one.
        let whole = |seconds: f64| {
            if seconds < 1e-9 {
                0
            } else {
                (seconds * 1e9).round() as u64
            }
        };
        let nanoseconds = times.into_iter().map(|(key, seconds)| (key, whole(seconds)));
        Ok(nanoseconds.collect())
    }

    fn output_name(&self) -> &str {
        self.script.output.as_deref().unwrap_or_default()
    }

    fn failed(&self, side: Side, what: &str) -> anyhow::Error {
        Failure::nothing_measured(format!(
            "--script {what}: {}\n{}",
            &self.script.command,
            self.words(side)
        ))
        .hint(
            "it ran by `sh -c` in a fresh checkout of that revision: what git ignores is not there (--inject PATH copies it, \
             --build CMD makes it), and neither is a file that this revision does not have yet",
        )
        .into()
    }

    fn late(&self, side: Side, ran: Duration) -> anyhow::Error {
        Failure::nothing_measured(format!(
            "--script did not end on {side} within {:.1} s, when --timeout ended the run: {}\n{}",
            ran.as_secs_f64(),
            &self.script.command,
            self.words(side)
        ))
        .hint("does it wait for something? its standard input is empty; if it takes so long, --timeout gives it more time")
        .into()
    }

    /// Returns the end of what the side's last run printed.
    fn words(&self, side: Side) -> String {
        let words = files::tail_of(&self.places.get(side).log);
        if words.trim().is_empty() {
            return "It printed nothing.".to_owned();
        }
        // The checkout is gone when this is read.
        let worktree = format!("{}/", self.worktrees.get(side).display());
        format!("The end of what it printed:\n\n{}", &words.replace(&worktree, ""))
    }
}

/// Points entries of `PYTHONPATH` that lie in the user's checkout into the worktree, as is done for benchmarks.
fn in_worktree(
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

#[cfg(test)]
mod tests {
    use deadheat_core::stats::Threshold;

    use super::*;
    use crate::passes::measure::Aim;

    fn ran(times: &[(&str, u64)]) -> Ran {
        Ran {
            usage: Usage {
                elapsed_ns: 100,
                user_ns: 150,
                system_ns: 30,
                peak_bytes: 1 << 20,
            },
            times: times.iter().map(|&(key, time)| (key.to_owned(), time)).collect(),
        }
    }

    fn rows(base: &[&str], head: &[&str]) -> (Result<Rows, Failure>, Vec<Missing>) {
        let times = |keys: &[&str]| ran(&keys.iter().map(|&key| (key, 1)).collect::<Vec<_>>());
        let script = Script {
            command: "make bench".to_owned(),
            output: Some("out.json".to_owned()),
        };
        let mut missing = Vec::new();
        let rows = Rows::of(&script, &PerSide::new(times(base), times(head)), &mut missing);
        (rows, missing)
    }

    #[test]
    fn rows_come_in_the_order_of_head_and_the_total_last() {
        let (rows, missing) = rows(&["a", "b", "c", TOTAL], &[TOTAL, "c", "new", "a"]);
        let rows = rows.unwrap();
        assert_eq!(rows.all, ["c", "a", TOTAL]);
        assert_eq!(rows.listed(), ["c", "a"]);
        let missing: Vec<_> = missing
            .iter()
            .map(|row| (row.benchmark.as_str(), row.reason, row.side))
            .collect();
        assert_eq!(
            missing,
            [
                ("new", MissingReason::OnlyHead, Some(Side::Head)),
                ("b", MissingReason::OnlyBase, Some(Side::Base))
            ]
        );
    }

    #[test]
    fn a_total_that_one_side_lacks_is_none() {
        let (rows, missing) = rows(&["a", TOTAL], &["a"]);
        assert_eq!(rows.unwrap().total, None);
        assert_eq!(missing[0].benchmark, TOTAL);
    }

    #[test]
    fn a_total_alone_is_a_row() {
        let (rows, _) = rows(&[TOTAL], &[TOTAL]);
        assert_eq!(rows.unwrap().listed(), [TOTAL]);
    }

    #[test]
    fn sides_without_a_common_key_cannot_be_compared() {
        let (rows, _) = rows(&["a"], &["b"]);
        assert!(rows.unwrap_err().message.ends_with("base: `a`; head: `b`"));
    }

    #[test]
    fn a_command_is_on_several_cores_when_its_processor_time_is_more_than_the_time() {
        assert!((ran(&[]).usage.cores() - 1.8).abs() < 1e-9);
    }

    #[test]
    fn what_is_shorter_than_a_tick_is_not_divided() {
        let usage = |user_ns, system_ns| Usage {
            user_ns,
            system_ns,
            ..ran(&[]).usage
        };
        let pair = PerSide::new(usage(30_000_000, 4_000_000), usage(5_000_000, 0));
        let rows = resources(&["a".to_owned()], &[pair; 3], 1);
        let kinds: Vec<Resource> = rows.iter().map(|row| row.resource).collect();
        assert_eq!(kinds, [Resource::UserTime, Resource::PeakMemory]);
        assert_eq!(rows[0].replicates, [PerSide::new(30e6, 5e6); 3]);
    }

    #[test]
    fn a_plan_has_two_pairs_at_least_and_ends_with_the_budget() {
        let plan = |pair: f64, sampling, budget: f64| {
            let stopping = Stopping {
                call_times: BTreeMap::new(),
                sampling,
                aim: Aim::Verdict,
                thresholds: Threshold::from_percent(2.0).into(),
                budget_ends: Instant::now() + Duration::from_secs_f64(budget),
            };
            let before = Duration::from_secs(1);
            plan(&["a".to_owned()], before, Duration::from_secs_f64(pair), stopping).estimated_seconds
        };
        assert!((plan(1.0, Sampling::UntilSettled, 60.0) - 11.0).abs() < 0.1);
        assert!((plan(10.0, Sampling::UntilSettled, 60.0) - 61.0).abs() < 0.1);
        assert!((plan(100.0, Sampling::UntilSettled, 60.0) - 201.0).abs() < 0.1);
        assert!((plan(1.0, Sampling::Exactly(7), 0.0) - 8.0).abs() < 0.1);
    }

    #[test]
    fn the_users_checkout_gives_way_to_the_worktree() {
        let value = OsString::from("/home/me/project/src:/opt/lib:src:/home/me/projects");
        let variables = BTreeMap::from([(OsString::from("PYTHONPATH"), value)]);
        let moved = in_worktree(variables, Path::new("/home/me/project"), Path::new("/cache/base"));
        assert_eq!(
            moved[&OsString::from("PYTHONPATH")],
            "/cache/base/src:/opt/lib:src:/home/me/projects"
        );
    }
}
