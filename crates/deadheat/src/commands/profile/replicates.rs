//! The replicates: in each, one process per side runs the tests without the profiler, then one per side with it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use deadheat_core::judge::stats::FEWEST_REPLICATES;
use deadheat_core::model::{Order, PerSide, Python, Side};
use deadheat_core::protocol::{Reply, Request, TestOutcome, TestRun};
use deadheat_core::test_profile::{self, TestReplicate};
use deadheat_core::text;
use deadheat_core::text::counted;

use crate::cli::options::Replicates;
use crate::commands::common::context::Context;
use crate::commands::profile::findings::Found;
use crate::error::{ErrorKind, Failure};
use crate::events::Events;
use crate::passes::function_profile::SurveySample;
use crate::passes::runner::{StoppedBy, hash_seed};
use crate::passes::workers::WorkerPool;
use crate::project::layout::ProjectLayout;
use crate::project::layout::is_test_module;
use crate::worker::import_proof;
use crate::worker::launcher::ProcessLauncher;
use crate::worker::process::{ChannelError, WorkerChannel};
use crate::worker::session::{self, Launch, StartError};

/// The bounds if the number of replicates is not fixed.
pub(super) const FEWEST: usize = 3;

pub(super) const MOST: usize = 10;

/// pytest's exit codes for runs that finished: all passed, some failed, none was collected.
pub(super) const RAN_TO_THE_END: [i32; 3] = [0, 1, 5];

/// pytest's exit code for arguments that it refuses.
pub(super) const PYTEST_USAGE: i32 = 4;

/// A process that ran the tests to their end.
pub(super) struct Tested {
    pub(super) python: Python,
    pub(super) tests: Vec<TestRun>,
    pub(super) errors: Vec<deadheat_core::protocol::Uncollected>,
    pub(super) survey: SurveySample,
    pub(super) project_modules: u64,
}

/// The reason why there is no [`Tested`].
pub(super) enum Trouble {
    Stopped(StoppedBy),
    /// The process has no result, but a new one may have one.
    Lost(Failure),
    Other(anyhow::Error),
}

impl From<anyhow::Error> for Trouble {
    fn from(error: anyhow::Error) -> Self {
        match error.downcast::<Failure>() {
            Ok(failure) if failure.kind == ErrorKind::NothingMeasured => Trouble::Lost(failure),
            Ok(failure) => Trouble::Other(failure.into()),
            Err(error) => Trouble::Other(error),
        }
    }
}

/// The replicates: in each, one process per side without the profiler, then one per side with it.
pub(super) struct Passes<'a, 'b> {
    pub(super) run: &'a Context<'b>,
    pub(super) workers: &'a mut WorkerPool,
    pub(super) project: &'a ProjectLayout,
    pub(super) found: &'a mut Found,
    pub(super) recorded: Vec<PerSide<Vec<SurveySample>>>,
    /// The reason why the profiler saw nothing, or not everything.
    pub(super) problem: Option<String>,
    /// Whether the tests finish under the profiler.
    pub(super) can_profile: bool,
    /// The tests that passed on both sides at first; the profiler watches only these.
    pub(super) tests: BTreeSet<String>,
}

impl Passes<'_, '_> {
    /// Runs the replicates, and returns what stopped them early.
    pub(super) fn run(&mut self, replicates: Replicates) -> anyhow::Result<Option<String>> {
        let started = Instant::now();
        let mut last = Duration::ZERO;
        for index in 0.. {
            let (is_enough, of) = match replicates {
                Replicates::Exactly(count) => (index >= count, format!(" of {count}")),
                Replicates::Within(budget) => {
                    let is_over = index >= FEWEST && started.elapsed() + last > budget;
                    (index >= MOST || is_over, String::new())
                }
            };
            if is_enough {
                break;
            }
            self.run.listener.step(&format!(
                "running the tests on both sides: replicate {}{of}",
                index + 1
            ));
            let begun = Instant::now();
            match self.replicate(index) {
                Ok(()) => last = begun.elapsed(),
                Err(trouble) => return self.end(trouble, index),
            }
        }
        Ok(None)
    }

    /// Returns the reason for the early end if there are enough replicates for a report, else an error.
    pub(super) fn end(&self, trouble: Trouble, index: usize) -> anyhow::Result<Option<String>> {
        let is_enough = self.found.timed.len() >= FEWEST_REPLICATES;
        match trouble {
            Trouble::Other(error) => Err(error),
            Trouble::Stopped(by) if is_enough => Ok(Some(format!("stopped {by} in replicate {}", index + 1))),
            Trouble::Lost(failure) if is_enough => Ok(Some(format!(
                "in replicate {} the tests did not finish: {failure}",
                index + 1
            ))),
            Trouble::Stopped(StoppedBy::Timeout) => Err(Failure::stopped()
                .hint("two runs of the tests on each side take longer than --timeout: give it more time, or fewer tests")
                .into()),
            Trouble::Stopped(_) => Err(Failure::stopped().into()),
            Trouble::Lost(failure) => Err(failure.into()),
        }
    }

    pub(super) fn replicate(&mut self, index: usize) -> Result<(), Trouble> {
        // Announced as the last one: the next servers would start while one side runs its tests and the other
        // does not.
        self.workers.launcher.replicate_begins(Some(0), 0);
        let order = Order::of_round(index);
        let seed = hash_seed(self.run.seed, index);
        let [first, second] = order.sides();
        let timed = (self.side(first, seed, None)?, self.side(second, seed, None)?);
        let timed = in_order(order, timed);
        if index == 0 {
            self.found.python = Some(PerSide::new(Side::Base, Side::Head).map(|side| Python {
                path: match &self.found.python {
                    Some(python) => python.get(side).path.clone(),
                    None => String::new(),
                },
                ..timed.get(side).python.clone()
            }));
        }
        self.found.project_modules = timed.as_ref().map(|tested| tested.project_modules);
        self.found.timed.push(TestReplicate {
            seed,
            order,
            runs: timed.as_ref().map(|tested| tested.tests.clone()),
            errors: timed.map(|tested| tested.errors),
        });
        if index == 0 {
            self.choose_tests()?;
            self.run.listener.note(&format!(
                "{} passed on both sides",
                counted(self.tests.len(), "test")
            ));
        }
        if !self.can_profile {
            return Ok(());
        }
        let tests: Vec<String> = self.tests.iter().cloned().collect();
        let profiled = self
            .side(first, seed, Some(&tests))
            .and_then(|one| Ok((one, self.side(second, seed, Some(&tests))?)));
        match profiled {
            Ok(both) => {
                let both = in_order(order, both);
                self.recorded.push(both.map(|tested| vec![tested.survey]));
                Ok(())
            }
            Err(Trouble::Lost(failure)) => {
                (self.problem, self.can_profile) = (Some(failure.message), false);
                Ok(())
            }
            Err(trouble) => Err(trouble),
        }
    }

    /// Chooses the tests that passed on both sides, because the profiler has to see the same on both.
    pub(super) fn choose_tests(&mut self) -> Result<(), Trouble> {
        let (both, missing) = test_profile::sort_out(&self.found.timed);
        self.tests.extend(both);
        if !self.tests.is_empty() {
            return Ok(());
        }
        let arguments = self.found.arguments.join(" ");
        let failure = match missing.first() {
            None => Failure::nothing_measured(format!(
                "pytest found no tests on either side (`pytest {arguments}`)"
            ))
            .hint(
                "say which tests to run: deadheat profile -- PATH; arguments after `--` go to pytest, which \
                 runs in the project's folder of each revision",
            ),
            Some(row) => {
                let of = match row.side {
                    Some(side) => format!(" ({} on {side})", row.reason),
                    None => format!(" ({})", row.reason),
                };
                Failure::nothing_measured(format!(
                    "no test passes on both sides: {}{of}{}{}",
                    row.benchmark,
                    if row.message.is_empty() { "" } else { ". pytest's output:\n\n" },
                    row.message
                ))
                .hint("is everything that the tests import installed in this interpreter? --python chooses another")
            }
        };
        Err(Trouble::Lost(failure))
    }

    /// Runs the tests in one process.
    pub(super) fn side(
        &mut self,
        side: Side,
        seed: u32,
        profiled: Option<&[String]>,
    ) -> Result<Tested, Trouble> {
        let (mut channel, python) = self.start(side, seed, profiled)?;
        let request = Request::Test {
            arguments: self.arguments_on(side),
            profiled: profiled.map(<[String]>::to_vec),
        };
        let reply = channel.ask(&request, self.time_left());
        let reply = reply.map_err(|problem| did_not_end(side, &problem, &channel.log_tail()))?;
        let Reply::Tested {
            exit_code,
            tests,
            errors,
            functions,
            foreign,
            project_modules,
        } = reply
        else {
            return Err(Trouble::Other(
                Failure::tool(format!("the worker answered out of order: {reply:?}")).into(),
            ));
        };
        import_proof::check_imports(side, &foreign).map_err(Trouble::Other)?;
        if !RAN_TO_THE_END.contains(&exit_code) {
            return Err(could_not_run(side, exit_code, &channel.log_tail()));
        }
        channel.stop();
        if let Some(watched) = profiled {
            self.see_whether_they_passed(side, watched, &tests);
        }
        let code = functions
            .into_iter()
            .filter(|function| self.project.is_code(&function.path) && !is_test_module(&function.path));
        Ok(Tested {
            python,
            tests,
            errors,
            survey: SurveySample {
                iterations: 1,
                elapsed_ns: 0,
                functions: code.collect(),
            },
            project_modules,
        })
    }

    /// Starts a process for the tests. Only one without the profiler counts for the time that starting takes.
    fn start(
        &mut self,
        side: Side,
        seed: u32,
        profiled: Option<&[String]>,
    ) -> Result<(Box<dyn WorkerChannel>, Python), Trouble> {
        let left = self.time_left();
        let WorkerPool { launcher, spec, .. } = &mut *self.workers;
        let start = |launcher: &mut ProcessLauncher| session::start(launcher, spec, side, seed, left);
        let started = match profiled {
            None => launcher.timed(start),
            Some(_) => start(launcher),
        };
        started.map_err(|error| {
            let by = match &error {
                StartError::ChannelError { problem, .. } => stop_of(problem),
                _ => None,
            };
            by.map_or_else(|| error.into_error(side).into(), Trouble::Stopped)
        })
    }

    fn time_left(&self) -> Duration {
        self.run.limits.until.saturating_duration_since(Instant::now())
    }

    /// Returns the arguments, with paths into the user's checkout changed to paths into this side's worktree.
    pub(super) fn arguments_on(&self, side: Side) -> Vec<String> {
        let checkout = format!("{}/", self.run.git.top().display());
        let worktree = &self.workers.spec.hello.get(side).worktree;
        let arguments = self.found.arguments.iter();
        arguments
            .map(|argument| match argument.strip_prefix(&checkout) {
                Some(path) => format!("{worktree}/{path}"),
                None => argument.clone(),
            })
            .collect()
    }

    /// Notes a watched test that failed: one that profiles its own code fails under the profiler.
    pub(super) fn see_whether_they_passed(&mut self, side: Side, watched: &[String], tests: &[TestRun]) {
        let outcomes: BTreeMap<&str, &TestRun> = tests.iter().map(|run| (run.node.as_str(), run)).collect();
        let failed = watched.iter().find_map(|node| {
            let run = *outcomes.get(node.as_str())?;
            (run.outcome == TestOutcome::Failed).then_some(run)
        });
        if let (Some(run), None) = (failed, &self.problem) {
            self.problem = Some(format!(
                "`{}` passed, but fails under the profiler on {side}: {}",
                run.node,
                text::main_line(&run.message)
            ));
        }
    }
}

/// Returns what stopped the run, if a missing answer means that it is over.
fn stop_of(problem: &ChannelError) -> Option<StoppedBy> {
    match problem {
        ChannelError::Interrupted => Some(StoppedBy::User),
        ChannelError::Deadline(_) => Some(StoppedBy::Timeout),
        _ => None,
    }
}

fn did_not_end(side: Side, problem: &ChannelError, log_tail: &str) -> Trouble {
    match stop_of(problem) {
        Some(by) => Trouble::Stopped(by),
        None => Trouble::Lost(
            Failure::nothing_measured(format!(
                "the tests did not finish on {side}: {problem}. The end of the output:\n\n{log_tail}"
            ))
            .hint("the last line with `running` names the test: `-- --deselect NODE` leaves it out"),
        ),
    }
}

fn could_not_run(side: Side, exit_code: i32, log_tail: &str) -> Trouble {
    let failure = Failure::nothing_measured(format!(
        "pytest could not run the tests on {side} (its exit code is {exit_code}). Its output:\n\n{log_tail}"
    ));
    Trouble::Lost(failure.hint(if exit_code == PYTEST_USAGE {
        "arguments after `--` go to pytest, which runs in the project's folder of each checkout: the files \
         must exist on both sides, and the options must be pytest's"
    } else {
        "do the tests run in your checkout? python -m pytest, with the same arguments"
    }))
}

pub(super) fn in_order<T>(order: Order, (first, second): (T, T)) -> PerSide<T> {
    match order {
        Order::BaseHead => PerSide::new(first, second),
        Order::HeadBase => PerSide::new(second, first),
    }
}
