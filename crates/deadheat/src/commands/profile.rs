//! `deadheat profile`: compares the project's ordinary tests on both revisions, by the time of each and by what the
//! standard library's profiler sees of the project's functions. For projects without benchmarks.
//!
//! Each side runs its own tests, because tests belong to the code that they test; those that both have are compared.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use deadheat_core::model::{Order, PerSide, Side, WarningCode};
use deadheat_core::profile::ProfileReplicate;
use deadheat_core::protocol::{Reply, Request, TestOutcome, TestRun};
use deadheat_core::report::{self, Environments, Python};
use deadheat_core::stats::FEWEST_REPLICATES;
use deadheat_core::test_profile::{self, TestProfile, TestReplicate, TestSettings};

use crate::Installation;
use crate::cli::options::{ProfileOptions, Replicates};
use crate::commands::common::context::{Context, drawn_seed, reported_python};
use crate::commands::common::findings::machine;
use crate::config::Config;
use crate::config::settings::{self, DEFAULT_THRESHOLD_PERCENT, SideSettings};
use crate::error::{ErrorKind, Exit, Failure};
use crate::events::Events;
use crate::git::Git;
use crate::git::revisions;
use crate::passes::profile::{Recordings, SurveySample};
use crate::passes::survey;
use crate::passes::walk::{StoppedBy, hash_seed};
use crate::passes::workers::Stage;
use crate::prepare::interpreter::{Interpreter, Pytest};
use crate::project::compiled::Compiled;
use crate::project::layout::Project;
use crate::project::layout::is_test_module;
use crate::project::sources::ProjectSources;
use crate::report::listener::Listener;
use crate::report::output;
use crate::system::command::Limits;
use crate::system::conditions::Conditions;
use crate::system::interrupt::Interrupt;
use crate::system::paths::relative;
use crate::worker::launcher::{Launcher, Workers};
use crate::worker::process::NoAnswer;
use crate::worker::session::{self, Launch, NotReady};
use crate::workspace::checkout::Checkouts;
use deadheat_core::model::TargetFunction;
use deadheat_core::stats::{CONFIDENCE_LEVEL, Threshold};

/// The bounds where the number of replicates is not fixed.
const FEWEST: usize = 3;
const MOST: usize = 10;
/// pytest's exit codes for runs that finished: all passed, some failed, none was collected.
const RAN_TO_THE_END: [i32; 3] = [0, 1, 5];
/// pytest's exit code for arguments that it refuses.
const PYTEST_USAGE: i32 = 4;

pub(crate) fn run(
    options: &ProfileOptions,
    installation: &Installation,
    interrupt: &Interrupt,
) -> anyhow::Result<Exit> {
    options.outputs.check_writable()?;
    let limits = Limits {
        until: Instant::now() + options.sides.timeout,
        interrupt: interrupt.clone(),
    };
    let git = Git::discover(&options.sides.folder, &limits)?;
    let config = Config::load(
        &options.sides.folder,
        git.top(),
        options.sides.config_file.as_deref(),
    )?;
    let settings = SideSettings::merge(&options.sides, &config, git.top())?;
    settings.check_injected(git.top())?;
    let revisions = revisions::resolve(&git, &options.refs)?;
    let listener = Listener::new(options.outputs.verbosity);
    let run = Context {
        settings: &settings,
        installation,
        git: &git,
        config: &config,
        revisions: &revisions,
        listener: &listener,
        limits,
        seed: settings.seed.unwrap_or_else(drawn_seed),
    };
    let mut found = Found {
        arguments: options.arguments.clone(),
        ..Found::default()
    };
    let outcome = profile(&run, options.replicates, &mut found);
    listener.finish();
    if let Err(error) = &outcome {
        let Some(failure) = error.downcast_ref::<Failure>() else {
            return outcome;
        };
        // A run that gave no numbers still writes its report where a file was asked for.
        if !failure.kind.is_worth_a_report() || options.outputs.written.is_empty() {
            return outcome;
        }
        found.is_partial = failure.kind == ErrorKind::Stopped;
        listener.doubt(
            WarningCode::NothingMeasured,
            &failure.message,
            failure.hint.as_deref(),
        );
    }
    let profile = found.into_profile(&run, options);
    let written = output::write(
        &profile,
        |style| report::render_tests(&profile, style),
        &options.outputs,
    );
    let exit = outcome?;
    written.map(|()| exit)
}

/// The findings of the passes so far.
#[derive(Default)]
struct Found {
    arguments: Vec<String>,
    module_roots: Vec<String>,
    tests_root: Option<String>,
    python: Option<PerSide<Python>>,
    targets: Vec<TargetFunction>,
    pinned_core: Option<usize>,
    later_cores: Vec<usize>,
    /// The replicates without the profiler.
    timed: Vec<TestReplicate>,
    functions: Vec<test_profile::FunctionTimes>,
    /// The number of the project's modules that each side imported from its worktree.
    project_modules: PerSide<u64>,
    is_partial: bool,
}

impl Found {
    fn into_profile(self, run: &Context<'_>, options: &ProfileOptions) -> TestProfile {
        let (both, missing) = test_profile::sort_out(&self.timed);
        let threshold_percent = run.config.threshold.unwrap_or(DEFAULT_THRESHOLD_PERCENT);
        let (tests, total) = match self.timed.len() {
            replicates if replicates < FEWEST_REPLICATES => (Vec::new(), None),
            _ => test_profile::compare_tests(&both, &self.timed, Threshold::from_percent(threshold_percent)),
        };
        TestProfile {
            schema_version: test_profile::SCHEMA_VERSION,
            tool_version: env!("CARGO_PKG_VERSION").to_owned(),
            partial: self.is_partial,
            revisions: run.revisions.clone(),
            settings: TestSettings {
                arguments: self.arguments,
                threshold_percent,
                confidence_level: CONFIDENCE_LEVEL,
                replicates: self.timed.len(),
                budget_seconds: match options.replicates {
                    Replicates::Within(budget) => Some(budget.as_secs_f64()),
                    Replicates::Exactly(_) => None,
                },
                timeout_seconds: run.settings.timeout.as_secs_f64(),
                module_roots: self.module_roots,
                tests_root: self.tests_root,
                injected: run.settings.injected.clone(),
                environment: run.settings.environment,
                requirements: run.settings.requirements.clone(),
                build: run.settings.build.clone(),
            },
            seed: run.seed,
            machine: machine(self.pinned_core, self.later_cores),
            python: self.python,
            counts: test_profile::count(&tests, &missing),
            total,
            tests,
            functions: self.functions,
            missing,
            warnings: run.listener.take_warnings(),
        }
    }
}

/// A process that ran the tests to their end.
struct Tested {
    python: Python,
    tests: Vec<TestRun>,
    errors: Vec<deadheat_core::protocol::Uncollected>,
    survey: SurveySample,
    project_modules: u64,
}

/// The reason why there is no [`Tested`].
enum Trouble {
    Stopped(StoppedBy),
    /// The process has no result, but another one may have one.
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

/// Profiles the tests: checks both revisions out, and removes them at the end.
fn profile(run: &Context<'_>, replicates: Replicates, found: &mut Found) -> anyhow::Result<Exit> {
    run.listener.step("reading the two revisions");
    let root = settings::benchmarks_root(None, run.config, run.git.top())?;
    let sources = ProjectSources::read(run.git, run.revisions, run.settings.fetch, |files| {
        Project::lay_out(run.config, run.git.top(), files, root.as_deref())
    })?;
    let project = &sources.project;
    let pytest = match run.settings.environment {
        Environments::Shared => Pytest::Needed,
        Environments::PerRef => Pytest::NotNeeded,
    };
    let interpreter = run.choose_interpreter(project, pytest)?;
    found.module_roots.clone_from(&project.module_roots);
    found.tests_root.clone_from(&project.tests_root);
    if pytest == Pytest::Needed {
        found.python = Some(reported_python(&PerSide::new(
            interpreter.clone(),
            interpreter.clone(),
        )));
    }
    if found.arguments.is_empty() {
        found.arguments = usual_tests(project);
    }
    run.limits.check()?;
    let mut checkouts = Checkouts::create(run.git, &sources, run.revisions, &project.roots(), run.listener)?;
    let outcome = profile_checkouts(run, replicates, &sources, &interpreter, &mut checkouts, found);
    leave_checkouts_out(&mut found.timed, &checkouts);
    checkouts.close(run.git, run.listener);
    outcome
}

fn profile_checkouts(
    run: &Context<'_>,
    replicates: Replicates,
    sources: &ProjectSources,
    interpreter: &Interpreter,
    checkouts: &mut Checkouts,
    found: &mut Found,
) -> anyhow::Result<Exit> {
    let project = &sources.project;
    run.listener.step("comparing the code");
    let compiled = Compiled::find(project, &sources.files, checkouts.worktrees());
    let differences = run.find_changes(checkouts, sources, interpreter, compiled.as_ref())?;
    found.targets.clone_from(&differences.targets);
    let hints = run.hints(sources, compiled.as_ref(), checkouts);
    checkouts.inject(run.git, &run.settings.injected, sources)?;
    let variables = run.variables(false);
    let prepared = run.prepare(
        checkouts,
        sources,
        interpreter,
        &differences,
        compiled.as_ref(),
        variables,
    )?;
    if run.settings.environment == Environments::PerRef {
        found.python = Some(reported_python(&prepared.interpreters));
    }
    let mut stage = run.workers(checkouts, project, &prepared, Workers::Tests);
    let cores = run.choose_cores()?;
    let first_core = cores.measuring;
    stage.launcher.cores = cores;
    stage.launcher.conditions = Conditions::begin(&stage.launcher.cores);

    let mut passes = Passes {
        run,
        stage: &mut stage,
        project,
        found,
        recorded: Vec::new(),
        problem: None,
        can_profile: true,
        tests: BTreeSet::new(),
    };
    let stopped = passes.run(replicates).map_err(|error| hints.explain(error))?;
    let Passes {
        recorded, problem, ..
    } = passes;
    let warnings = stage.launcher.conditions.warnings().into_iter();
    warnings.for_each(|warning| run.listener.warn(warning));
    found.pinned_core = run.core_of(&stage.launcher.cores).and(first_core);
    found.later_cores.clone_from(&stage.launcher.cores.later);
    if let Some(problem) = problem {
        run.listener.doubt(
            WarningCode::NotProfiled,
            &format!("the times of the functions are missing or not complete: {problem}"),
            Some("the durations of the tests do not depend on them"),
        );
    }
    let of_all = Recordings::from([(String::new(), recorded)]);
    let survey = survey::name_functions(of_all, &found.targets, checkouts.worktrees());
    let replicates = survey.replicates.into_values().next().unwrap_or_default();
    found.functions = compare_functions(&survey.functions, &replicates);
    if found.project_modules.base == 0 || found.project_modules.head == 0 {
        run.listener.doubt(
            WarningCode::ProjectNotImported,
            "the tests did not import the project's code from the worktrees: its changes cannot be in these numbers, \
             unless the tests run it in other processes",
            Some("is module-root in pyproject.toml right? is the project installed where it would be found first?"),
        );
    }
    let Some(message) = stopped else {
        return Ok(Exit::Done);
    };
    found.is_partial = true;
    run.listener.doubt(WarningCode::StoppedEarly, &message, None);
    Ok(Exit::StoppedEarly)
}

fn compare_functions(
    functions: &[deadheat_core::model::TargetFunction],
    replicates: &[ProfileReplicate],
) -> Vec<test_profile::FunctionTimes> {
    if replicates.len() < FEWEST_REPLICATES {
        return Vec::new();
    }
    test_profile::compare_functions(functions, replicates)
}

/// Returns the arguments for pytest where the user gives none: the tests root, or else nothing, so that pytest's own
/// configuration decides.
fn usual_tests(project: &Project) -> Vec<String> {
    let root = project.tests_root.iter();
    root.map(|root| relative(root, &project.folder).to_owned())
        .collect()
}

/// Changes the paths in pytest's messages to those that the project knows.
fn leave_checkouts_out(replicates: &mut [TestReplicate], checkouts: &Checkouts) {
    for side in Side::BOTH {
        let folder = format!("{}/", checkouts.workspace.worktree(side).display());
        for replicate in &mut *replicates {
            for run in replicate.runs.get_mut(side) {
                run.message = run.message.replace(&folder, "");
            }
            for error in replicate.errors.get_mut(side) {
                error.message = error.message.replace(&folder, "");
            }
        }
    }
}

/// The replicates: in each, one process per side without the profiler, then one per side with it.
struct Passes<'a, 'b> {
    run: &'a Context<'b>,
    stage: &'a mut Stage,
    project: &'a Project,
    found: &'a mut Found,
    recorded: Vec<PerSide<Vec<SurveySample>>>,
    /// The reason why the profiler saw nothing, or not everything.
    problem: Option<String>,
    /// Whether the tests finish under the profiler.
    can_profile: bool,
    /// The tests that passed on both sides at first; the profiler watches only these.
    tests: BTreeSet<String>,
}

impl Passes<'_, '_> {
    /// Runs the replicates, and returns what stopped them early.
    fn run(&mut self, replicates: Replicates) -> anyhow::Result<Option<String>> {
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

    /// Returns the reason for the early end where there are enough replicates for a report, else an error.
    fn end(&self, trouble: Trouble, index: usize) -> anyhow::Result<Option<String>> {
        let is_enough = self.found.timed.len() >= FEWEST_REPLICATES;
        match trouble {
            Trouble::Other(error) => Err(error),
            Trouble::Stopped(by) if is_enough => Ok(Some(format!("stopped {by} in replicate {}", index + 1))),
            Trouble::Lost(failure) if is_enough => Ok(Some(format!(
                "in replicate {} the tests did not come to their end: {failure}",
                index + 1
            ))),
            Trouble::Stopped(StoppedBy::Timeout) => Err(Failure::stopped()
                .hint("two runs of the tests on each side take longer than --timeout: give it more time, or fewer tests")
                .into()),
            Trouble::Stopped(_) => Err(Failure::stopped().into()),
            Trouble::Lost(failure) => Err(failure.into()),
        }
    }

    fn replicate(&mut self, index: usize) -> Result<(), Trouble> {
        // Announced as the last: the next servers would start while one side runs its tests and the other does not.
        self.stage.launcher.replicate_begins(Some(0), 0);
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
            self.run
                .listener
                .note(&format!("{} tests pass on both sides", self.tests.len()));
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
    fn choose_tests(&mut self) -> Result<(), Trouble> {
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
                "say which it should run: deadheat profile -- PATH; what follows `--` is given to pytest in the \
                 project's folder of each revision",
            ),
            Some(row) => {
                let of = match row.side {
                    Some(side) => format!(" ({} on {side})", row.reason),
                    None => format!(" ({})", row.reason),
                };
                Failure::nothing_measured(format!(
                    "no test passes on both sides: {}{of}{}{}",
                    row.benchmark,
                    if row.message.is_empty() { "" } else { ". pytest's own words:\n\n" },
                    row.message
                ))
                .hint("is everything that the tests import installed in this interpreter? --python chooses another")
            }
        };
        Err(Trouble::Lost(failure))
    }

    /// Runs the tests in one process.
    fn side(&mut self, side: Side, seed: u32, profiled: Option<&[String]>) -> Result<Tested, Trouble> {
        let until = self.run.limits.until;
        let left = || until.saturating_duration_since(Instant::now());
        let stage = &mut *self.stage;
        let briefing = &stage.briefing;
        let start = |launcher: &mut Launcher| session::start(launcher, briefing, side, seed, left());
        let started = match profiled {
            None => stage.launcher.timed(start),
            Some(_) => start(&mut stage.launcher),
        };
        let (mut talk, python) = started.map_err(|problem| match problem {
            NotReady::NoAnswer {
                problem: NoAnswer::Interrupted,
                ..
            } => Trouble::Stopped(StoppedBy::User),
            NotReady::NoAnswer {
                problem: NoAnswer::Deadline(_),
                ..
            } => Trouble::Stopped(StoppedBy::Timeout),
            other => other.into_error(side).into(),
        })?;
        let request = Request::Test {
            arguments: self.arguments_on(side),
            profiled: profiled.map(<[String]>::to_vec),
        };
        let reply = talk.ask(&request, left()).map_err(|problem| match problem {
            NoAnswer::Interrupted => Trouble::Stopped(StoppedBy::User),
            NoAnswer::Deadline(_) => Trouble::Stopped(StoppedBy::Timeout),
            problem => Trouble::Lost(
                Failure::nothing_measured(format!(
                    "the tests did not come to their end on {side}: {problem}. The end of what was printed:\n\n{}",
                    talk.log_tail()
                ))
                .hint("the last line with `running` names the test: `-- --deselect NODE` leaves it out"),
            ),
        })?;
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
        session::check_imports(side, &foreign).map_err(Trouble::Other)?;
        if !RAN_TO_THE_END.contains(&exit_code) {
            return Err(Trouble::Lost(Failure::nothing_measured(format!(
                "pytest could not run the tests on {side} (its exit code is {exit_code}). Its own words:\n\n{}",
                talk.log_tail()
            ))
            .hint(if exit_code == PYTEST_USAGE {
                "what follows `--` is given to pytest in the project's folder of each checkout: the files have to be there on both \
                 sides, and the options pytest's"
            } else {
                "do the tests run in your checkout? python -m pytest, with the same arguments"
            })));
        }
        talk.stop();
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

    /// Returns the arguments, with paths into the user's checkout changed to paths into this side's worktree.
    fn arguments_on(&self, side: Side) -> Vec<String> {
        let checkout = format!("{}/", self.run.git.top().display());
        let worktree = &self.stage.briefing.hello.get(side).worktree;
        let arguments = self.found.arguments.iter();
        arguments
            .map(|argument| match argument.strip_prefix(&checkout) {
                Some(path) => format!("{worktree}/{path}"),
                None => argument.clone(),
            })
            .collect()
    }

    /// Notes a watched test that failed: one that profiles its own code fails under the profiler.
    fn see_whether_they_passed(&mut self, side: Side, watched: &[String], tests: &[TestRun]) {
        let outcomes: BTreeMap<&str, &TestRun> = tests.iter().map(|run| (run.node.as_str(), run)).collect();
        let failed = watched.iter().find_map(|node| {
            let run = *outcomes.get(node.as_str())?;
            (run.outcome == TestOutcome::Failed).then_some(run)
        });
        if let (Some(run), None) = (failed, &self.problem) {
            self.problem = Some(format!(
                "`{}` passed, and fails under the profiler on {side}: {}",
                run.node,
                report::main_line(&run.message)
            ));
        }
    }
}

fn in_order<T>(order: Order, (first, second): (T, T)) -> PerSide<T> {
    match order {
        Order::BaseHead => PerSide::new(first, second),
        Order::HeadBase => PerSide::new(second, first),
    }
}
