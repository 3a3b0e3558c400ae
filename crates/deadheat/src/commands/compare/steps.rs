//! The steps of a comparison in its worktrees.

use std::time::{Duration, Instant};

use deadheat_core::model::{Cut, Environments, PerSide, Plan, WarningCode};
use deadheat_core::text::counted;

use crate::cli::options::RunMode;
use crate::commands::common::context::{CompareContext, Context, reported_python};
use crate::commands::common::findings::{Findings, Layout};
use crate::commands::common::guard::{GuardPlace, guard};
use crate::commands::common::nothing_changed;
use crate::commands::common::suite_origin::Origin;
use crate::commands::compare::collect::{Collector, Suite};
use crate::commands::compare::measurement::Measurement;
use crate::commands::compare::reach_selection::{Chosen, Selector};
use crate::commands::compare::{measuring, notes, resume, select};
use crate::error::{ExitCode, Failure};
use crate::events::Events;
use crate::passes::memory;
use crate::passes::runner::hash_seed;
use crate::passes::workers::WorkerPool;
use crate::prepare::Prepared;
use crate::prepare::import_hints::Hints;
use crate::prepare::interpreter::Interpreter;
use crate::project::changes::Changes;
use crate::project::extension_modules::ExtensionModules;
use crate::project::layout::ProjectLayout;
use crate::project::sources::ProjectSources;
use crate::system::cpu_pinning::Pinning;
use crate::worker::launcher::WorkerKind;
use crate::workspace::Workspace;
use crate::workspace::checkout::Checkouts;

/// Both revisions, read and checked out.
pub(crate) struct Site {
    pub(crate) sources: ProjectSources,
    pub(crate) interpreter: Interpreter,
    /// The benchmarks' folder or file.
    pub(crate) root: String,
    pub(crate) checkouts: Checkouts,
}

impl Site {
    /// Opens both revisions in a new folder, or in the given one.
    pub(crate) fn open(
        run: &CompareContext<'_>,
        findings: &mut Findings,
        workspace: Option<Workspace>,
    ) -> anyhow::Result<Self> {
        let Context {
            git,
            listener,
            config,
            ..
        } = run.context;
        listener.step("reading the two revisions");
        let revisions = run.context.revisions;
        let sources = ProjectSources::read(git, revisions, run.context.settings.fetch, |files| {
            ProjectLayout::lay_out(config, git.top(), files, run.settings.benchmarks_root.as_deref())
        })?;
        let project = &sources.project;
        notes::note_uncommitted(git, &revisions.head, project, listener);
        let interpreter = choose_interpreter(run, project, findings)?;
        findings.layout = Layout::of(project);
        if let Some(earlier) = &run.settings.continued {
            resume::check_project(earlier, &project.folder, &project.module_roots)?;
        }
        let root = sources.benchmarks_root(&run.settings.tests, git.top())?;
        listener.detail(&format!(
            "code: {}; tests: {}; benchmarks: {root}",
            project.module_roots.join(", "),
            project.tests_root.as_deref().unwrap_or("none"),
        ));
        run.context.limits.check()?;
        let roots = project.roots();
        let checkouts = match workspace {
            None => Checkouts::create(git, &sources, revisions, &roots, listener)?,
            Some(workspace) => Checkouts::fill(workspace, git, &sources, revisions, &roots, listener)?,
        };
        Ok(Site {
            sources,
            interpreter,
            root,
            checkouts,
        })
    }
}

/// The steps of a comparison in its worktrees.
pub(crate) struct Steps<'a> {
    pub(crate) run: &'a CompareContext<'a>,
    pub(crate) sources: &'a ProjectSources,
    pub(crate) interpreter: &'a Interpreter,
    /// The benchmarks' folder or file.
    pub(crate) root: &'a str,
}

/// A comparison whose benchmarks are chosen, and can be measured.
pub(crate) struct Ready {
    pub(crate) prepared: Prepared,
    pub(crate) workers: WorkerPool,
    pub(crate) suite: Suite,
    pub(crate) chosen: Chosen,
    /// The time for finding the benchmarks that run the change.
    looking: Duration,
}

/// Lets workers import no more than the files of these benchmarks.
pub(crate) fn narrow_to(
    workers: &mut WorkerPool,
    benchmarks: &[String],
    checkouts: &Checkouts,
    project: &ProjectLayout,
) {
    let worktrees = checkouts.worktrees();
    let folders = worktrees.map(|worktree| worktree.join(&project.folder));
    workers.spec.collect.narrow_to(benchmarks, folders);
}

/// Opens both revisions for processes that measure them later, in a folder that stays. Returns their workers.
pub(crate) fn open_for_others(
    run: &CompareContext<'_>,
    workspace: Workspace,
    findings: &mut Findings,
) -> anyhow::Result<(WorkerPool, Workspace)> {
    let Site {
        sources,
        interpreter,
        root,
        mut checkouts,
    } = Site::open(run, findings, Some(workspace))?;
    let steps = Steps {
        run,
        sources: &sources,
        interpreter: &interpreter,
        root: &root,
    };
    let compiled = ExtensionModules::find(&sources.project, &sources.files, checkouts.worktrees());
    let hints = run.context.hints(&sources, compiled.as_ref(), &checkouts);
    let mut differences = steps.find_changes(compiled.as_ref(), &checkouts, findings)?;
    let prepared = steps.prepare(&differences, compiled.as_ref(), &mut checkouts, findings)?;
    let mut workers = steps.workers(&prepared, &checkouts);
    let collector = Collector {
        run,
        sources: &sources,
        root: &root,
        hints: &hints,
        interpreters: &prepared.interpreters,
    };
    let suite = collector.collect(&mut checkouts, &mut differences, &findings.targets, &mut workers)?;
    workers.close();
    findings.python = Some(suite.python);
    Ok((workers, checkouts.workspace))
}

impl Steps<'_> {
    pub(super) fn run(&self, checkouts: &mut Checkouts, findings: &mut Findings) -> anyhow::Result<ExitCode> {
        let Steps { run, sources, .. } = *self;
        let compiled = ExtensionModules::find(&sources.project, &sources.files, checkouts.worktrees());
        let hints = run.context.hints(sources, compiled.as_ref(), checkouts);
        let Some(ready) = self.make_ready(compiled.as_ref(), &hints, checkouts, findings)? else {
            return Ok(ExitCode::Done);
        };
        let Ready {
            prepared,
            mut workers,
            suite,
            chosen,
            looking,
        } = ready;
        narrow_to(&mut workers, &chosen.benchmarks, checkouts, &sources.project);
        if run.settings.task == RunMode::Plan {
            let before = suite.collecting + looking;
            return plan(run, &chosen, before, &suite.origin, &mut workers, findings);
        }
        if chosen.benchmarks.is_empty() {
            findings.count();
            return Ok(ExitCode::Done);
        }
        let measurement = Measurement {
            run,
            suite: &suite,
            hints: &hints,
            folder: &sources.project.folder,
            worktrees: checkouts.worktrees(),
            laid_over: &checkouts.laid_over,
        };
        let exit = measurement.measure(chosen, &mut workers, findings)?;
        let place = GuardPlace {
            checkouts,
            folder: &sources.project.folder,
            variables: prepared.variables.head.clone(),
        };
        let python = &prepared.interpreters.head.path;
        let place = place.with_python(python, &sources.project.import_folders);
        guard(run, &place, findings, exit)
    }

    /// Prepares both sides, and chooses the benchmarks. `None` if there is nothing to measure, as the findings say.
    pub(crate) fn make_ready(
        &self,
        compiled: Option<&ExtensionModules>,
        hints: &Hints<'_>,
        checkouts: &mut Checkouts,
        findings: &mut Findings,
    ) -> anyhow::Result<Option<Ready>> {
        let Steps {
            run, sources, root, ..
        } = *self;
        let mut differences = self.find_changes(compiled, checkouts, findings)?;
        if is_nothing_changed(run, checkouts, &differences, findings) {
            return Ok(None);
        }
        let found = notes::found(&findings.targets, &differences);
        run.context.listener.note(&found);
        let prepared = self.prepare(&differences, compiled, checkouts, findings)?;
        let mut workers = self.workers(&prepared, checkouts);
        let collector = Collector {
            run,
            sources,
            root,
            hints,
            interpreters: &prepared.interpreters,
        };
        let Some(suite) = collect(&collector, checkouts, &mut differences, &mut workers, findings)? else {
            return Ok(None);
        };
        let benchmarks = benchmarks_of_part(run, &suite.benchmarks, findings);
        if benchmarks.is_empty() {
            nothing_to_measure(run, suite.collecting, findings);
            return Ok(None);
        }
        let started = Instant::now();
        let selector = Selector {
            run,
            differences: &differences,
            origin: &suite.origin,
            hints,
            some_deselected: suite.deselected > 0,
        };
        let (targets, missing) = (&mut findings.targets, &mut findings.missing);
        let chosen = selector.select(benchmarks, targets, missing, &mut workers)?;
        findings.selection = chosen.selection.clone();
        chosen.check()?;
        Ok(Some(Ready {
            prepared,
            workers,
            suite,
            chosen,
            looking: started.elapsed(),
        }))
    }

    /// Finds the differences in the code, and the functions whose effect is looked for.
    fn find_changes(
        &self,
        compiled: Option<&ExtensionModules>,
        checkouts: &Checkouts,
        findings: &mut Findings,
    ) -> anyhow::Result<Changes> {
        let context = &self.run.context;
        context.listener.step("comparing the code");
        let mut differences = context.find_changes(checkouts, self.sources, self.interpreter, compiled)?;
        findings.targets = self.run.targets(&mut differences, self.sources, checkouts)?;
        Ok(differences)
    }

    /// Prepares the worktrees so that their code can run.
    fn prepare(
        &self,
        differences: &Changes,
        compiled: Option<&ExtensionModules>,
        checkouts: &mut Checkouts,
        findings: &mut Findings,
    ) -> anyhow::Result<Prepared> {
        let Steps {
            run,
            sources,
            interpreter,
            ..
        } = *self;
        let context = &run.context;
        checkouts.inject(context.git, &context.settings.injected, sources)?;
        let variables = run.variables();
        let prepared = context.prepare(checkouts, sources, interpreter, differences, compiled, variables)?;
        if context.settings.environment == Environments::PerRef {
            note_interpreters(run, &prepared.interpreters, findings)?;
        }
        if run.settings.memory {
            memory::check(&prepared, checkouts.workspace.folder(), &context.limits)?;
        }
        Ok(prepared)
    }

    /// Returns the workers of the run's benchmarks.
    fn workers(&self, prepared: &Prepared, checkouts: &Checkouts) -> WorkerPool {
        let CompareContext { context, settings } = self.run;
        let mut workers = context.workers(checkouts, &self.sources.project, prepared, WorkerKind::Benchmarks);
        workers.first_seed = hash_seed(context.seed, 0);
        workers.spec.keyword.clone_from(&settings.keyword);
        workers.spec.pytest_args.clone_from(&settings.pytest_args);
        workers
    }
}

/// Collects the suite, and then compares the values of both sides. `None` if nothing differs that a benchmark
/// could run.
fn collect(
    collector: &Collector<'_>,
    checkouts: &mut Checkouts,
    differences: &mut Changes,
    workers: &mut WorkerPool,
    findings: &mut Findings,
) -> anyhow::Result<Option<Suite>> {
    let suite = collector.collect(checkouts, differences, &findings.targets, workers)?;
    findings.python = Some(suite.python.clone());
    findings.missing.clone_from(&suite.missing);
    findings.leave_checkouts_out(checkouts.worktrees());
    collector.check_any(&suite)?;
    collector.observe(checkouts, differences, &mut findings.targets, workers)?;
    if is_nothing_changed(collector.run, checkouts, differences, findings) {
        return Ok(None);
    }
    notes::warn_of_unused_thresholds(collector.run, &suite.benchmarks, findings);
    Ok(Some(suite))
}

/// Estimates how long the run would take.
fn plan(
    run: &CompareContext<'_>,
    chosen: &Chosen,
    before: Duration,
    origin: &Origin,
    workers: &mut WorkerPool,
    findings: &mut Findings,
) -> anyhow::Result<ExitCode> {
    let has_targets = !findings.targets.is_empty();
    let (plan, missing) = measuring::plan(run, &chosen.benchmarks, before, origin, has_targets, workers)?;
    findings.plan = Some(plan);
    findings.missing.extend(missing);
    Ok(ExitCode::Done)
}

/// Chooses the project's interpreter, which need not have pytest if the sides get environments.
fn choose_interpreter(
    run: &CompareContext<'_>,
    project: &ProjectLayout,
    findings: &mut Findings,
) -> anyhow::Result<Interpreter> {
    let interpreter = run.context.choose_interpreter(project)?;
    if run.context.settings.environment == Environments::Shared {
        note_interpreters(run, &PerSide::same(interpreter.clone()), findings)?;
    }
    Ok(interpreter)
}

/// Notes the interpreters, and refuses others than those of the report that is continued.
fn note_interpreters(
    run: &CompareContext<'_>,
    interpreters: &PerSide<Interpreter>,
    findings: &mut Findings,
) -> Result<(), Failure> {
    let python = reported_python(interpreters);
    if let Some(earlier) = &run.settings.continued {
        resume::check_same(
            earlier,
            &python.head,
            run.context.settings.pinning != Pinning::Off,
        )?;
    }
    findings.python = Some(python);
    Ok(())
}

/// Whether nothing needs to run; if so, the findings say it.
fn is_nothing_changed(
    run: &CompareContext<'_>,
    checkouts: &Checkouts,
    differences: &Changes,
    findings: &mut Findings,
) -> bool {
    // A file's content can change memory use without any change to a function.
    let may_use_other_memory = run.settings.memory && !checkouts.changed.is_empty();
    let is_equal = select::is_nothing_changed(run.settings, differences, &findings.targets);
    if may_use_other_memory || !is_equal {
        return false;
    }
    findings.selection = nothing_changed("no code that a benchmark could run differs", run.context.listener);
    true
}

/// Returns the benchmarks of this part of the suite, and leaves the rows of others to the parts that have them.
fn benchmarks_of_part(
    run: &CompareContext<'_>,
    benchmarks: &[String],
    findings: &mut Findings,
) -> Vec<String> {
    let Some(partition) = run.settings.partition else {
        return benchmarks.to_vec();
    };
    let numbers = match (&run.settings.costs, &run.settings.continued) {
        (Some(costs), _) => costs.cut(benchmarks, partition.of),
        // The part keeps its benchmarks.
        (None, Some(earlier)) if !earlier.suite_parts.is_empty() => {
            let cut = Cut::new(partition.of, &earlier.suite, &earlier.suite_parts);
            benchmarks.iter().map(|benchmark| cut.number(benchmark)).collect()
        }
        _ => Vec::new(),
    };
    let cut = Cut::new(partition.of, benchmarks, &numbers);
    findings.missing.retain(|row| cut.has(partition, &row.benchmark));
    let ours = benchmarks
        .iter()
        .filter(|benchmark| cut.has(partition, benchmark));
    let ours: Vec<String> = ours.cloned().collect();
    findings.suite = benchmarks.to_vec();
    findings.suite_parts = numbers;
    if ours.is_empty() {
        run.context.listener.doubt(
            WarningCode::EmptyPart,
            &format!(
                "part {partition} of the suite has none of its {}",
                counted(benchmarks.len(), "benchmark")
            ),
            Some("there is nothing to measure on this machine: use fewer parts"),
        );
    }
    ours
}

/// Ends a run whose part of the suite is empty.
fn nothing_to_measure(run: &CompareContext<'_>, collecting: Duration, findings: &mut Findings) {
    findings.count();
    findings.plan = (run.settings.task == RunMode::Plan).then(|| Plan {
        benchmarks: Vec::new(),
        estimated_seconds: collecting.as_secs_f64(),
    });
}
