//! `deadheat profile`: compares the project's ordinary tests on both revisions, by the time of each and by
//! the standard library's profile of the project's functions. For projects without benchmarks.
//!
//! Each side runs its own tests, because tests belong to the code that they test; those that both have are compared.

mod findings;
mod replicates;

use std::collections::BTreeSet;

use deadheat_core::answers::next_after_profile;
use deadheat_core::judge::stats::FEWEST_REPLICATES;
use deadheat_core::model::{Environments, PerSide, Side, WarningCode};
use deadheat_core::report;
use deadheat_core::test_profile::{self, TestReplicate};

use crate::Installation;
use crate::cli::options::{ProfileOptions, Replicates};
use crate::commands::common::context::{Context, StartingPoint, drawn_seed, reported_python};
use crate::commands::common::keep_worktrees;
use crate::commands::profile::findings::Found;
use crate::commands::profile::replicates::Passes;
use crate::config::settings::{self, SideSettings};
use crate::error::{ErrorKind, ExitCode, Failure};
use crate::events::Events;
use crate::git::revisions;
use crate::passes::function_profile::Recordings;
use crate::passes::project_profile;
use crate::prepare::interpreter::Interpreter;
use crate::project::extension_modules::ExtensionModules;
use crate::project::layout::ProjectLayout;
use crate::project::sources::ProjectSources;
use crate::report::listener::Listener;
use crate::report::output;
use crate::system::disturbances::DisturbanceMonitor;
use crate::system::interrupt::Interrupt;
use crate::system::paths::relative;
use crate::worker::launcher::WorkerKind;
use crate::workspace::checkout::Checkouts;

pub(crate) fn run(
    options: &ProfileOptions,
    installation: &Installation,
    interrupt: &Interrupt,
) -> anyhow::Result<ExitCode> {
    options.outputs.check_writable()?;
    let StartingPoint { limits, git, config } = StartingPoint::open(&options.sides, interrupt)?;
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
        // A run that gave no numbers still writes its report if a file was asked for.
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
    let mut profile = found.into_profile(&run, options);
    profile.next = next_after_profile(&profile);
    let written = output::write(
        &profile,
        |style| report::render_tests(&profile, style),
        &options.outputs,
    );
    let exit = outcome?;
    written.map(|()| exit)
}

/// Profiles the tests: checks both revisions out, and removes them at the end.
fn profile(run: &Context<'_>, replicates: Replicates, found: &mut Found) -> anyhow::Result<ExitCode> {
    run.listener.step("reading the two revisions");
    let root = settings::benchmarks_root(None, run.config, run.git.top())?;
    let sources = ProjectSources::read(run.git, run.revisions, run.settings.fetch, |files| {
        ProjectLayout::lay_out(run.config, run.git.top(), files, root.as_deref())
    })?;
    let project = &sources.project;
    let interpreter = run.choose_interpreter(project)?;
    found.module_roots.clone_from(&project.module_roots);
    found.tests_root.clone_from(&project.tests_root);
    if run.settings.environment == Environments::Shared {
        found.python = Some(reported_python(&PerSide::same(interpreter.clone())));
    }
    if found.arguments.is_empty() {
        found.arguments = usual_tests(project);
    }
    run.limits.check()?;
    let mut checkouts = Checkouts::create(run.git, &sources, run.revisions, &project.roots(), run.listener)?;
    let outcome = profile_checkouts(run, replicates, &sources, &interpreter, &mut checkouts, found);
    leave_checkouts_out(&mut found.timed, &checkouts);
    keep_worktrees::close(checkouts, run, &project.folder, None, outcome)
}

fn profile_checkouts(
    run: &Context<'_>,
    replicates: Replicates,
    sources: &ProjectSources,
    interpreter: &Interpreter,
    checkouts: &mut Checkouts,
    found: &mut Found,
) -> anyhow::Result<ExitCode> {
    let project = &sources.project;
    run.listener.step("comparing the code");
    let compiled = ExtensionModules::find(project, &sources.files, checkouts.worktrees());
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
    let mut workers = run.workers(checkouts, project, &prepared, WorkerKind::Tests);
    let cores = run.choose_cores()?;
    let first_core = cores.measuring;
    workers.launcher.cores = cores;
    workers.launcher.conditions = DisturbanceMonitor::begin(&workers.launcher.cores);

    let mut passes = Passes {
        run,
        workers: &mut workers,
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
    run.listener.warn_all(workers.launcher.conditions.warnings());
    found.pinned_core = run.core_of(&workers.launcher.cores).and(first_core);
    found.later_cores.clone_from(&workers.launcher.cores.later);
    warn_of_gaps(problem.as_deref(), &found.project_modules, run.listener);
    let of_all = Recordings::from([(String::new(), recorded)]);
    let survey = project_profile::name_functions(of_all, &found.targets, checkouts.worktrees());
    let replicates = survey.replicates.into_values().next().unwrap_or_default();
    if replicates.len() >= FEWEST_REPLICATES {
        found.functions = test_profile::compare_functions(&survey.functions, &replicates);
    }
    let Some(message) = stopped else {
        return Ok(ExitCode::Done);
    };
    found.is_partial = true;
    run.listener.doubt(WarningCode::StoppedEarly, &message, None);
    Ok(ExitCode::StoppedEarly)
}

/// Warns if the numbers of the functions, or of the project, are not what they seem.
fn warn_of_gaps(problem: Option<&str>, project_modules: &PerSide<u64>, events: &dyn Events) {
    if let Some(problem) = problem {
        let words = format!("the times of the functions are missing or incomplete: {problem}");
        let hint = "the durations of the tests do not depend on them";
        events.doubt(WarningCode::NotProfiled, &words, Some(hint));
    }
    if project_modules.base == 0 || project_modules.head == 0 {
        events.doubt(
            WarningCode::ProjectNotImported,
            "the tests did not import the project's code from the worktrees: its changes cannot be in these numbers, \
             unless the tests run it in other processes",
            Some("is module-root in pyproject.toml right? is another installed copy of the project found \
                  first?"),
        );
    }
}

/// Returns the arguments for pytest if the user gives none: the tests root, or else nothing, so that pytest's
/// own configuration decides.
fn usual_tests(project: &ProjectLayout) -> Vec<String> {
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
