//! `deadheat compare`: from the options to the report, step by step.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use deadheat_core::model::{PerSide, Revision, Side, TargetFunction, WarningCode};
use deadheat_core::profile::ProfileSample;
use deadheat_core::protocol::{self, HelloRequest, TracePurpose};
use deadheat_core::report::{self, BenchmarksFrom, Environments, Plan, Python, Selection, SelectionRule};
use deadheat_core::sequential::Sampling;

use crate::Installation;
use crate::benchmarks::{self, Origin};
use crate::changes::{self, Differences};
use crate::command::Limits;
use crate::compiled::Compiled;
use crate::conditions::Conditions;
use crate::config::Config;
use crate::confirmation;
use crate::continued;
use crate::cores::{Cores, Pinning};
use crate::draft::{Draft, conclude};
use crate::failure::{Exit, Failure};
use crate::files;
use crate::git::{Git, Untracked};
use crate::hints::Hints;
use crate::interpreter::{Candidates, Interpreter, Pytest};
use crate::interrupt::Interrupt;
use crate::measure::{self, Aim, Stopping};
use crate::options::{Afterwards, CompareOptions, Destination, Task};
use crate::output;
use crate::overlay;
use crate::prepare::Preparation;
use crate::profile::{self, Recorded, Recordings, SurveySample};
use crate::progress::Progress;
use crate::project::{Files, Project, shown};
use crate::reach;
use crate::revisions;
use crate::selection::{self, Selected};
use crate::session::{Briefing, Collection, ToCollect};
use crate::stage::{Launcher, Stage};
use crate::submodules::{self, Present, Tree};
use crate::survey;
use crate::variables;
use crate::walk::Schedule;
use crate::worker::WorkerCommand;
use crate::workspace::{self, Kept, Workspace};

/// What measuring may take where nothing else is said.
const BUDGET_PER_BENCHMARK: Duration = Duration::from_secs(5);
const SMALLEST_BUDGET: Duration = Duration::from_secs(20);
/// What most verdicts take, for the estimate of `--dry-run`.
const USUAL_REPLICATES: u32 = 10;

pub(crate) fn run(
    options: &CompareOptions,
    installation: &Installation,
    interrupt: &Interrupt,
) -> anyhow::Result<Exit> {
    for destination in &options.outputs.json {
        if let Destination::File(path) = destination {
            files::check_writable(path)?;
        }
    }
    let started = Instant::now();
    let git = Git::discover(&options.folder)?;
    let config = Config::load(&options.folder, git.top(), options.config_file.as_deref())?;
    let revisions = revisions::resolve(&git, &options.refs)?;
    let mut draft = Draft::new(options, &config, revisions);
    let mut progress = Progress::new(options.outputs.verbosity);

    let setting = Setting {
        options,
        installation,
        interrupt,
        git: &git,
        config: &config,
        until: started + options.timeout,
    };
    let outcome = setting.fill(&mut draft, &mut progress);
    progress.finish();
    let exit = match outcome {
        Ok(exit) => exit,
        Err(error) => {
            let Some(failure) = error.downcast_ref::<Failure>() else {
                return Err(error);
            };
            // A run that gave no numbers still gives its report to whoever asked for a file.
            if matches!(failure.exit, Exit::NothingMeasured | Exit::StoppedEarly)
                && !options.outputs.json.is_empty()
            {
                if let Some(earlier) = options.continued.as_deref() {
                    // What it holds is not lost with this run.
                    let warnings = std::mem::take(&mut draft.report.warnings);
                    draft.report = earlier.clone();
                    draft.report.warnings.extend(warnings);
                }
                draft.report.partial = failure.exit == Exit::StoppedEarly;
                draft.warn(
                    WarningCode::NothingMeasured,
                    &failure.message,
                    failure.hint.as_deref(),
                );
                output::write_report(&draft.report, &options.outputs)?;
            }
            return Err(error);
        }
    };
    output::write_report(&draft.report, &options.outputs)?;
    Ok(exit)
}

/// What one run is given.
struct Setting<'a> {
    options: &'a CompareOptions,
    installation: &'a Installation,
    interrupt: &'a Interrupt,
    git: &'a Git,
    config: &'a Config,
    until: Instant,
}

impl Setting<'_> {
    fn fill(&self, draft: &mut Draft, progress: &mut Progress) -> anyhow::Result<Exit> {
        let revisions = draft.report.revisions.clone();
        // What an earlier run left is no reason not to run.
        match workspace::sweep(self.git, Kept::Spare) {
            Ok(removed) => {
                for folder in removed {
                    progress.detail(&format!(
                        "removed what an earlier run left in {}",
                        folder.display()
                    ));
                }
            }
            Err(error) => draft.warn(
                WarningCode::LeftBehind,
                &format!(
                    "what an earlier run left could not be removed: {}",
                    output::whole_message(&error)
                ),
                Some("`deadheat clean` tries again"),
            ),
        }
        progress.step("reading the two revisions");
        let trees = PerSide::try_from_fn(|side| {
            Tree::read(self.git, &revisions.get(side).commit, self.options.fetch)
        })?;
        let (files, changed_paths) = self.files_of(&revisions, &trees)?;
        let benchmarks_root = self.options.benchmarks_root.as_deref();
        let project = Project::lay_out(self.config, self.git.top(), &files, benchmarks_root)?;
        let pytest = match draft.report.settings.environment {
            Environments::Shared => Pytest::Needed,
            Environments::PerRef => Pytest::NotNeeded,
        };
        let interpreter = self.choose_interpreter(&project, pytest)?;
        draft.report.settings.module_roots = project.module_roots.clone();
        draft.report.settings.tests_root = project.tests_root.clone();
        draft.report.settings.benchmarks_root = project.benchmarks_root.clone();
        if pytest == Pytest::Needed {
            self.note_interpreters(draft, &PerSide::new(interpreter.clone(), interpreter.clone()))?;
        }
        let root = self.benchmarks_root(&project, &files)?;
        progress.detail(&format!(
            "code: {}; tests: {}; benchmarks: {root}",
            project.module_roots.join(", "),
            project.tests_root.as_deref().unwrap_or("none"),
        ));
        self.go_on()?;

        progress.step("checking both revisions out");
        let mut workspace = Workspace::create(self.git)?;
        workspace.check_out(
            self.git,
            revisions.as_ref().map(|revision| revision.commit.as_str()),
        )?;
        let submodules = self.populate_submodules(&trees, &project, &workspace, draft)?;
        let outcome = self.in_workspace(
            draft,
            progress,
            &project,
            &files,
            &changed_paths,
            &interpreter,
            &root,
            &submodules,
            &mut workspace,
        );
        if self.options.worktrees == Afterwards::Keep {
            workspace.keep(self.git)?;
            progress.finish();
            let pythons = draft.report.python.as_ref();
            let path = |side: Side| match pythons {
                Some(pythons) => pythons.get(side).path.clone(),
                None => interpreter.path.display().to_string(),
            };
            let paths = PerSide::new(Side::Base, Side::Head).map(path);
            self.say_how_to_run(&workspace, &project, &paths, &root);
        }
        let left = workspace.close(self.git);
        if !left.is_empty() {
            let paths: Vec<String> = left.iter().map(|path| path.display().to_string()).collect();
            draft.warn(
                WarningCode::LeftBehind,
                &format!("could not be removed: {}", paths.join(", ")),
                Some("`deadheat clean` tries again"),
            );
        }
        outcome
    }

    #[expect(clippy::too_many_arguments, reason = "the steps before have one result each")]
    fn in_workspace(
        &self,
        draft: &mut Draft,
        progress: &mut Progress,
        project: &Project,
        files: &Files,
        changed_paths: &BTreeSet<String>,
        interpreter: &Interpreter,
        root: &str,
        submodules: &PerSide<Vec<Present>>,
        workspace: &mut Workspace,
    ) -> anyhow::Result<Exit> {
        let checkouts = PerSide::new(workspace.worktree(Side::Base), workspace.worktree(Side::Head));
        let mut paths = changed_paths.clone();
        if draft.report.revisions.head.dirty {
            paths.extend(overlay::lay_working_tree_over(self.git, project, checkouts.head)?);
        }
        let generated = overlay::copy_generated(self.git, project, checkouts)?;
        for path in &generated {
            draft.warn(
                WarningCode::GeneratedFileCopied,
                &format!("`{path}`, which git ignores, was copied from the working tree into both worktrees"),
                None,
            );
        }
        self.go_on()?;

        progress.step("comparing the code");
        let mut differences = changes::find(project, &paths, files, checkouts)?;
        let compiled = Compiled::find(project, files, checkouts);
        if let Some(compiled) = &compiled {
            compiled.add_differing_to(&mut differences.unattributed);
        }
        draft.report.warnings.extend(differences.warnings.iter().cloned());
        draft.report.target_functions = match &self.options.functions {
            Some(asked) => changes::name_targets(asked, &differences.targets, files, checkouts)?,
            None => differences.targets.clone(),
        };
        if self.options.functions.is_some() {
            differences.in_benchmarks.clear();
        }
        if selection::is_nothing_changed(self.options, &differences, &draft.report.target_functions) {
            draft.report.selection = Selection {
                rule: SelectionRule::NothingChanged,
                reason: "no code that a benchmark could run differs".to_owned(),
            };
            draft.warn(
                WarningCode::NothingChanged,
                "no code that a benchmark could run differs between the two revisions",
                Some("--all measures all the same, which shows what this machine's noise does"),
            );
            return Ok(Exit::Done);
        }
        progress.note(&found(&draft.report.target_functions, &differences));

        let is_built = draft.report.settings.build.is_some();
        let hints = Hints::new(self.git, project, compiled.as_ref(), is_built, checkouts.head);
        let mut laid_over: BTreeSet<String> = generated.into_iter().collect();
        if draft.report.revisions.head.dirty {
            laid_over.extend(paths.iter().cloned());
        }
        laid_over.extend(self.inject(project, files, checkouts)?);
        let revisions = draft.report.revisions.clone();
        let preparation = Preparation {
            git: self.git,
            installation: self.installation,
            project,
            checkouts,
            revisions: &revisions,
            interpreter,
            variables: self.variables(),
            laid_over,
            changed: &paths,
            submodules,
            keeps_python_path: self.passed().iter().any(|name| name == "PYTHONPATH"),
            scratch: workspace.folder(),
            limits: self.limits(),
        };
        let prepared = preparation.prepare(draft, progress, &differences, compiled.as_ref())?;
        if draft.report.settings.environment == Environments::PerRef {
            self.note_interpreters(draft, &prepared.interpreters)?;
        }
        self.go_on()?;

        let shares_files = !paths.iter().any(|path| project.is_shared(path));
        let mut stage = Stage {
            extension: self.installation.extension.display().to_string(),
            until: self.until,
            one_at_a_time: BTreeMap::new(),
            briefing: Briefing {
                trace: None,
                micro: None,
                hello: PerSide::new(Side::Base, Side::Head).map(|side| HelloRequest {
                    protocol: protocol::VERSION,
                    worktree: checkouts.get(side).display().to_string(),
                    repository: self.git.top().display().to_string(),
                    project: project.folder.clone(),
                    import_folders: project.import_folders.clone(),
                    roots: project.roots(),
                    code_names: project.code_names.clone(),
                    test_packages: project.test_packages.clone(),
                    loose_names: project.loose_names.clone(),
                }),
                collect: ToCollect::default(),
                keyword: self.options.keyword.clone(),
            },
            launcher: Launcher {
                commands: PerSide::new(Side::Base, Side::Head).map(|side| WorkerCommand {
                    interpreter: prepared.interpreters.get(side).path.clone(),
                    script: self.installation.worker_file("__main__.py"),
                    folder: checkouts.get(side).to_path_buf(),
                    environment: prepared.variables.get(side).clone(),
                }),
                cores: Cores::not_pinned(),
                pinning: self.options.pinning,
                logs: workspace.logs(),
                started: 0,
                starting: Vec::new(),
                conditions: Conditions::default(),
                interrupt: self.interrupt.clone(),
            },
        };

        let from = self.options.benchmarks_from;
        for side in Side::BOTH {
            if from.side().is_none_or(|giver| giver == side) && !checkouts.get(side).join(root).exists() {
                return Err(Failure::nothing_measured(format!(
                    "the benchmarks root `{root}` exists on {} and not on {side}, whose benchmarks are used",
                    side.other()
                ))
                .hint(format!(
                    "name the one that {side} has: --benchmarks-root DIR; or use those of {}: --benchmarks-from {}",
                    side.other(),
                    side.other()
                ))
                .into());
            }
        }
        progress.step("collecting the benchmarks");
        let to_collect = |side| {
            let checkout = checkouts.get(side);
            benchmarks::to_collect(root, &self.options.tests, &project.folder, files, checkout)
        };
        let mut origin = Origin {
            from,
            replaced: BTreeSet::new(),
        };
        if !shares_files
            && let Some(taker) = origin.taker()
            && checkouts.get(taker).join(root).exists()
        {
            stage.briefing.collect = to_collect(taker);
            // A collection of its own files that fails counts as none.
            if let Some(Ok(own)) = stage.collect(&[taker]).pop() {
                origin.replaced.extend(own.benchmarks);
            }
        }
        let changed_suite = match from {
            BenchmarksFrom::Own => changes::in_suite(project, &paths, checkouts),
            _ => Vec::new(),
        };
        if let Some(giver) = from.side().filter(|_| !shares_files) {
            benchmarks::share(root, giver, checkouts)?;
        }
        // Again: what is injected may lie in the benchmarks root.
        self.inject(project, files, checkouts)?;
        stage.briefing.collect = to_collect(Side::Head);
        if from == BenchmarksFrom::Own {
            stage.briefing.collect.files.extend(to_collect(Side::Base).files);
        }
        let collecting = Instant::now();
        let mut collections = stage.collect(&Side::BOTH).into_iter();
        let shared = PerSide::try_from_fn(|side| {
            let collection = collections.next().expect("one for each side");
            collection.map_err(|problem| match self.go_on() {
                Ok(()) => hints.explain(problem.into_error(side)),
                Err(ended) => ended.into(),
            })
        })?;
        let collecting = collecting.elapsed();
        draft.report.python = Some(PerSide::new(Side::Base, Side::Head).map(|side| Python {
            path: prepared.interpreters.get(side).path.display().to_string(),
            ..shared.get(side).python.clone()
        }));
        if shares_files && let Some(taker) = origin.taker() {
            let own = &shared.get(taker).benchmarks;
            origin.replaced.extend(own.iter().cloned());
        }
        let (runnable, missing) = benchmarks::match_sides(&shared, &origin);
        draft.report.missing = missing;
        let tidy = |draft: &mut Draft| {
            for row in &mut draft.report.missing {
                row.message = without_checkouts(&row.message, checkouts);
            }
        };
        tidy(draft);
        if shared.head.deselected > 0 {
            draft.warn(
                WarningCode::Deselected,
                &format!(
                    "pytest deselected {} benchmarks by -k or by the project's own options",
                    shared.head.deselected
                ),
                None,
            );
        }
        if runnable.is_empty() {
            return Err(hints.explain(no_benchmarks(root, &shared, self.options.keyword.as_deref())));
        }

        let looking = Instant::now();
        let runnable = self.select(draft, &mut stage, &differences, runnable, &hints, progress)?;
        if self.options.task == Task::Plan {
            let before = collecting + looking.elapsed();
            draft.report.plan = Some(self.plan(&mut stage, &runnable, before, progress, draft)?);
            return Ok(Exit::Done);
        }
        if runnable.is_empty() {
            draft.report.summary.counts = report::count(&[], &draft.report.missing);
            return Ok(Exit::Done);
        }
        let cores = Cores::choose(self.options.pinning)?;
        draft.report.machine.pinned_core = cores.measuring;
        self.warn_of_cores(&cores, draft);
        stage.launcher.cores = cores;
        let stopping = self.stopping(draft, runnable.len());
        let exactly = match stopping.sampling {
            Sampling::Exactly(count) => Some(count),
            Sampling::UntilSettled => {
                let budget = stopping.budget_ends.saturating_duration_since(Instant::now());
                draft.report.settings.budget_seconds = Some(budget.as_secs_f64());
                progress.until(stopping.budget_ends);
                progress.note(&format!(
                    "measuring {} benchmark{} for at most {:.0} s",
                    runnable.len(),
                    if runnable.len() == 1 { "" } else { "s" },
                    budget.as_secs_f64()
                ));
                None
            }
        };
        let earlier = continued::rounds(self.options.continued.as_deref(), stopping.sampling);
        let counts = earlier.values().map(|rounds| rounds.replicates.len());
        let schedule = Schedule {
            earlier: counts.max().unwrap_or_default(),
            ..self.schedule(exactly, draft, &stage)
        };
        stage.launcher.conditions = Conditions::begin(&stage.launcher.cores);
        let measured = measure::measure(
            &schedule,
            stopping,
            earlier,
            &stage.briefing,
            &runnable,
            &mut stage.launcher,
            &mut |event| {
                progress.measuring(event);
            },
        )?;
        draft.report.warnings.extend(stage.launcher.conditions.warnings());
        let machine = &mut draft.report.machine;
        machine.later_cores.clone_from(&stage.launcher.cores.later);
        stage.one_at_a_time.clone_from(&measured.one_at_a_time);
        let replicate_time = measured.replicate_time;
        let none_imported = measured.project_modules.base == 0 || measured.project_modules.head == 0;
        if none_imported && measured.newly > 0 && !self.options.all {
            return Err(not_imported());
        }
        let mut exit = conclude(draft, runnable, measured, &origin);
        if from == BenchmarksFrom::Own {
            benchmarks::mark_changed(&mut draft.report.comparisons, &project.folder, &changed_suite);
        }
        if let Some(earlier) = self.options.continued.as_deref() {
            let report = &mut draft.report;
            let is_gated = !report.settings.fail_on.is_empty();
            continued::carry_confirmations(earlier, &mut report.comparisons, is_gated);
            report.summary.counts = report::count(&report.comparisons, &report.missing);
        }
        if self.options.task == Task::Noise {
            self.add_noise(draft, replicate_time);
            tidy(draft);
            return Ok(exit);
        }
        if exit == Exit::Done {
            let schedule = self.schedule(None, draft, &stage);
            exit = confirmation::confirm(draft, &mut stage, schedule, progress)?;
        }
        tidy(draft);
        if exit == Exit::Done {
            exit = self.explain_by_function(draft, &mut stage, checkouts, replicate_time, progress)?;
        }
        let failed = confirmation::failed_gates(&draft.report);
        if failed.is_empty() {
            return Ok(exit);
        }
        progress.finish();
        for line in failed {
            output::print_note(&line);
        }
        Ok(if exit == Exit::Done {
            Exit::GateFailed
        } else {
            exit
        })
    }

    /// The benchmarks that are measured, by what they run.
    fn select(
        &self,
        draft: &mut Draft,
        stage: &mut Stage,
        differences: &Differences,
        runnable: Vec<String>,
        hints: &Hints<'_>,
        progress: &mut Progress,
    ) -> anyhow::Result<Vec<String>> {
        let schedule = self.schedule(Some(1), draft, stage);
        let targets = &mut draft.report.target_functions;
        let watched: Vec<&TargetFunction> = targets.iter().chain(&differences.in_benchmarks).collect();
        let reach = if watched.is_empty() {
            None
        } else {
            progress.step("looking which benchmarks run what changed");
            let briefing = stage.tracing(TracePurpose::Reach, &watched);
            let looked = reach::look(
                &schedule,
                &briefing,
                &runnable,
                &mut stage.launcher,
                &mut |event| {
                    progress.passing("looking at", event);
                },
            );
            Some(looked.map_err(|error| hints.explain(error))?)
        };
        if let Some(reach) = &reach {
            if reach.stopped.is_some() {
                self.go_on()?;
                return Err(Failure::stopped().into());
            }
            stage.one_at_a_time.clone_from(&reach.one_at_a_time);
            for (number, target) in targets.iter_mut().enumerate() {
                target.reached_by = reach.of_function(number, &runnable);
            }
            let is_imported = reach.project_modules.base > 0 && reach.project_modules.head > 0;
            let is_quiet = reach.problem.is_none() && reach.not_reached.len() == runnable.len();
            if is_quiet && !is_imported && !self.options.all {
                return Err(not_imported());
            }
        }
        let Selected {
            selection,
            benchmarks,
            missing,
            warnings,
        } = selection::select(self.options, differences, targets, reach.as_ref(), runnable);
        let benchmarks = match self.options.continued.as_deref() {
            Some(earlier) => continued::selection(earlier),
            None => benchmarks,
        };
        draft.report.selection = selection;
        draft.report.missing.extend(missing);
        draft
            .report
            .missing
            .retain(|row| !benchmarks.contains(&row.benchmark));
        draft.report.warnings.extend(warnings);
        Ok(benchmarks)
    }

    /// Adds the breakdowns by function. The verdicts stand without them.
    fn explain_by_function(
        &self,
        draft: &mut Draft,
        stage: &mut Stage,
        checkouts: PerSide<&Path>,
        replicate_time: Duration,
        progress: &mut Progress,
    ) -> anyhow::Result<Exit> {
        let mut exit = Exit::Done;
        let pairs = profile::replicates_for(self.options.sampling, replicate_time);
        if !draft.report.target_functions.is_empty() {
            progress.step("profiling the changed functions");
            let watched: Vec<&TargetFunction> = draft.report.target_functions.iter().collect();
            let briefing = stage.tracing(TracePurpose::Profile, &watched);
            let (replicates, ended) = self.record::<ProfileSample>(
                "the breakdown by function",
                pairs,
                draft,
                stage,
                &briefing,
                progress,
            )?;
            exit = ended;
            let report = &mut draft.report;
            report::explain(
                &report.target_functions,
                &replicates,
                &mut report.comparisons,
                &mut report.summary,
            );
        }
        if self.options.profile && exit == Exit::Done {
            progress.step("profiling every function");
            let briefing = stage.tracing(TracePurpose::Survey, &[]);
            let (recorded, ended) = self.record::<SurveySample>(
                "the profile of every function",
                pairs,
                draft,
                stage,
                &briefing,
                progress,
            )?;
            exit = ended;
            let report = &mut draft.report;
            let survey = survey::name_functions(recorded, &report.target_functions, checkouts);
            report::survey(
                &survey.functions,
                &survey.replicates,
                &mut report.comparisons,
                &mut report.summary,
            );
        }
        Ok(exit)
    }

    /// One pass over the measured benchmarks in processes that watch.
    fn record<S: Recorded>(
        &self,
        what: &str,
        pairs: usize,
        draft: &mut Draft,
        stage: &mut Stage,
        briefing: &Briefing,
        progress: &mut Progress,
    ) -> anyhow::Result<(Recordings<S>, Exit)> {
        let rows = draft.report.comparisons.iter();
        let benchmarks: Vec<String> = rows.map(|row| row.benchmark.clone()).collect();
        let schedule = self.schedule(Some(pairs), draft, stage);
        let profiles = profile::record::<S>(
            &schedule,
            briefing,
            &benchmarks,
            &mut stage.launcher,
            &mut |event| {
                progress.passing("profiling", event);
            },
        )?;
        if let Some(problem) = &profiles.problem {
            draft.warn(
                WarningCode::NotProfiled,
                &format!("{what} is missing or not complete: {problem}"),
                Some("the verdicts do not depend on it"),
            );
        }
        let Some(by) = profiles.stopped else {
            return Ok((profiles.replicates, Exit::Done));
        };
        draft.report.partial = true;
        draft.warn(
            WarningCode::NotProfiled,
            &format!("{what} was stopped {by}; the verdicts were complete by then"),
            None,
        );
        Ok((profiles.replicates, Exit::StoppedEarly))
    }

    /// All files at either revision, and the paths that differ.
    fn files_of(
        &self,
        revisions: &PerSide<Revision>,
        trees: &PerSide<Tree>,
    ) -> anyhow::Result<(Files, BTreeSet<String>)> {
        let changed = self
            .git
            .changed_paths(&revisions.base.commit, &revisions.head.commit)?;
        let mut changed: BTreeSet<String> = changed.into_iter().collect();
        let inside = trees.base.differences_in_submodules(&trees.head);
        changed.extend(inside.map(str::to_owned));
        let entries = trees.base.entries.iter().chain(&trees.head.entries);
        let mut paths: BTreeSet<String> = entries.map(|entry| entry.path.clone()).collect();
        if revisions.head.dirty {
            paths.extend(
                self.git
                    .untracked_paths(Untracked::NotIgnored, &[String::new()])?,
            );
        }
        Ok((Files::new(paths), changed))
    }

    /// Writes the submodules into the worktrees, and says which. One that is missing there is an error where the project needs
    /// it, as far as that can be told.
    fn populate_submodules(
        &self,
        trees: &PerSide<Tree>,
        project: &Project,
        workspace: &Workspace,
        draft: &mut Draft,
    ) -> anyhow::Result<PerSide<Vec<Present>>> {
        let mut written = PerSide::<Vec<Present>>::default();
        for side in Side::BOTH {
            let (present, absent) = submodules::populate(
                self.git,
                trees.get(side),
                workspace.worktree(side),
                side,
                workspace.folder(),
            )?;
            *written.get_mut(side) = present;
            for absent in absent {
                let path = &absent.submodule.path;
                let holds_code = project.roots().iter().any(|root| {
                    crate::project::is_inside(root, path) || crate::project::is_inside(path, root)
                });
                if holds_code || absent.is_in_use() {
                    return Err(Failure::usage(absent.message()).hint(absent.hint()).into());
                }
                draft.warn(
                    WarningCode::SubmoduleMissing,
                    &absent.message(),
                    Some(&absent.hint()),
                );
            }
        }
        Ok(written)
    }

    fn inject(
        &self,
        project: &Project,
        files: &Files,
        checkouts: PerSide<&Path>,
    ) -> anyhow::Result<Vec<String>> {
        overlay::inject(self.git, self.options, self.config, project, files, checkouts)
    }

    /// Writes down what the sides run with.
    fn note_interpreters(
        &self,
        draft: &mut Draft,
        interpreters: &PerSide<Interpreter>,
    ) -> Result<(), Failure> {
        let python = interpreters.as_ref().map(|interpreter| Python {
            path: interpreter.path.display().to_string(),
            version: interpreter.version.clone(),
            implementation: interpreter.implementation.clone(),
            pytest: interpreter.pytest.clone(),
        });
        if let Some(earlier) = self.options.continued.as_deref() {
            continued::check_same(earlier, &python.head, self.options.pinning != Pinning::Off)?;
        }
        draft.report.python = Some(python);
        Ok(())
    }

    fn benchmarks_root(&self, project: &Project, files: &Files) -> anyhow::Result<String> {
        let Some(root) = &project.benchmarks_root else {
            return Err(Failure::nothing_measured(
                "no benchmarks were found: there is no .codeflash/benchmarks, benchmarks, bench or tests/benchmarks with Python files at either ref",
            )
            .hint(
                "say where they are: --benchmarks-root DIR, or benchmarks-root under [tool.deadheat] in pyproject.toml; a \
                 project without any can time its ordinary tests: --tests tests/test_thing.py::test_name",
            )
            .into());
        };
        if files.below(root).next().is_some() || files.below("").any(|path| path == root) {
            return Ok(root.clone());
        }
        let failure = Failure::nothing_measured(format!(
            "the benchmarks root `{}` does not exist at either ref",
            shown(root)
        ));
        let failure = if self.git.top().join(root).exists() {
            failure.hint(
                "it is in your working tree, but not committed: commit it, or compare with --working-tree",
            )
        } else {
            let folders: BTreeSet<&str> = files
                .below("")
                .filter(|path| path.ends_with(".py"))
                .map(crate::project::parent)
                .collect();
            failure
                .hint("it is relative to pyproject.toml: --benchmarks-root DIR")
                .near(root, folders)
        };
        Err(failure.into())
    }

    fn choose_interpreter(&self, project: &Project, pytest: Pytest) -> Result<Interpreter, Failure> {
        let top = self.git.top();
        Candidates {
            option: self.options.python.clone(),
            configured: self.config.python.clone(),
            configuration_folder: self.config.folder.clone(),
            active_environment: std::env::var_os("VIRTUAL_ENV")
                .filter(|folder| !folder.is_empty())
                .map(PathBuf::from),
            project_folders: vec![top.join(&project.folder), top.to_owned()],
            own: self.installation.interpreter.clone(),
        }
        .choose(&self.installation.worker_file("probe.py"), pytest)
    }

    /// The names of variables that the user wants kept.
    fn passed(&self) -> Vec<String> {
        let names = self.config.pass_env.iter().chain(&self.options.pass_env);
        names.cloned().collect()
    }

    fn variables(&self) -> BTreeMap<OsString, OsString> {
        variables::for_workers(std::env::vars_os(), &self.passed(), self.git.local_variables())
    }

    fn schedule(&self, replicates: Option<usize>, draft: &Draft, stage: &Stage) -> Schedule {
        Schedule {
            replicates,
            earlier: 0,
            seed: draft.report.seed,
            one_core: draft.report.machine.pinned_core.is_some(),
            until: self.until,
            one_at_a_time: stage.one_at_a_time.clone(),
        }
    }

    fn budget(&self, benchmarks: usize) -> Duration {
        let configured = self.config.budget.map(Duration::from_secs_f64);
        self.options.budget.or(configured).unwrap_or_else(|| {
            let usual = BUDGET_PER_BENCHMARK * u32::try_from(benchmarks).unwrap_or(u32::MAX);
            usual.max(SMALLEST_BUDGET)
        })
    }

    fn add_noise(&self, draft: &mut Draft, replicate_time: Duration) {
        let report = &mut draft.report;
        let budget = self.budget(report.comparisons.len());
        let replicates = (budget.as_secs_f64() / replicate_time.as_secs_f64()) as usize;
        report.noise = Some(report::noise(
            &report.comparisons,
            replicates,
            report.settings.threshold(),
        ));
    }

    fn stopping(&self, draft: &Draft, benchmarks: usize) -> Stopping {
        let now = Instant::now();
        let budget = self.budget(benchmarks);
        // The rest is for the breakdown and the report, and for measuring again what would fail a gate.
        let eighths = if draft.report.settings.fail_on.is_empty() {
            6
        } else {
            3
        };
        let affordable = self.until.saturating_duration_since(now) * eighths / 8;
        Stopping {
            sampling: self.options.sampling,
            aim: Aim::Verdict,
            threshold: draft.report.settings.threshold(),
            budget_ends: now + budget.min(affordable),
        }
    }

    fn limits(&self) -> Limits {
        Limits {
            until: self.until,
            interrupt: self.interrupt.clone(),
        }
    }

    fn go_on(&self) -> Result<(), Failure> {
        self.limits().check()
    }

    fn warn_of_cores(&self, cores: &Cores, draft: &mut Draft) {
        if cores.measuring.is_none() {
            let message = match self.options.pinning {
                Pinning::Off => "not pinned to a core, as asked: no error rate is claimed for the verdicts",
                _ => {
                    "this system does not let a process be pinned to a core: no error rate is claimed for the verdicts"
                }
            };
            let hint = "run it again, and trust what both runs say";
            draft.warn(WarningCode::NotPinned, message, Some(hint));
        } else if cores.is_shared_with_driver() {
            draft.warn(
                WarningCode::SharedCore,
                "there is one core only: deadheat itself runs beside what it measures",
                None,
            );
        }
    }

    /// Runs every benchmark once to tell how long a run would take.
    fn plan(
        &self,
        stage: &mut Stage,
        runnable: &[String],
        before: Duration,
        progress: &mut Progress,
        draft: &Draft,
    ) -> anyhow::Result<Plan> {
        progress.step("trying every benchmark once");
        let once = Stopping {
            sampling: Sampling::Exactly(1),
            ..self.stopping(draft, runnable.len())
        };
        let started = Instant::now();
        measure::measure(
            &self.schedule(Some(1), draft, stage),
            once,
            BTreeMap::new(),
            &stage.briefing,
            runnable,
            &mut stage.launcher,
            &mut |event| {
                progress.measuring(event);
            },
        )?;
        let replicate = started.elapsed();
        let profiled = if draft.report.target_functions.is_empty() {
            0
        } else {
            profile::replicates_for(self.options.sampling, replicate)
        };
        let measuring = match self.options.sampling {
            Sampling::Exactly(count) => replicate * u32::try_from(count).unwrap_or(u32::MAX),
            Sampling::UntilSettled => {
                let budget = once.budget_ends.saturating_duration_since(started);
                (replicate * USUAL_REPLICATES).min(budget)
            }
        };
        let mut total = before;
        if !runnable.is_empty() {
            total += measuring + replicate * u32::try_from(profiled).unwrap_or(u32::MAX);
        }
        Ok(Plan {
            benchmarks: runnable.to_vec(),
            estimated_seconds: total.as_secs_f64(),
        })
    }

    fn say_how_to_run(
        &self,
        workspace: &Workspace,
        project: &Project,
        pythons: &PerSide<String>,
        root: &str,
    ) {
        let mut text = format!(
            "kept {}; to run one side by hand:\n",
            workspace.folder().display()
        );
        for side in Side::BOTH {
            let worktree = workspace.worktree(side);
            let path: Vec<String> = project
                .import_folders
                .iter()
                .map(|folder| worktree.join(folder).display().to_string())
                .collect();
            text.push_str(&format!(
                "  cd '{}' && PYTHONPATH='{}' '{}' -m pytest '{root}'\n",
                worktree.join(&project.folder).display(),
                path.join(":"),
                pythons.get(side)
            ));
        }
        text.push_str("`deadheat clean` removes both worktrees");
        output::print_note(&text);
    }
}

fn not_imported() -> anyhow::Error {
    Failure::nothing_measured(
        "no benchmark imported the project's code from the worktrees: what would be timed is not the change",
    )
    .hint(
        "is module-root in pyproject.toml right, and is no other copy of the project installed? where the benchmarks \
         run the code in other processes, --all measures all the same",
    )
    .into()
}

/// pytest's words with paths as the project knows them: the checkouts are gone when they are read.
fn without_checkouts(message: &str, checkouts: PerSide<&Path>) -> String {
    Side::BOTH.into_iter().fold(message.to_owned(), |message, side| {
        message.replace(&format!("{}/", checkouts.get(side).display()), "")
    })
}

fn found(targets: &[TargetFunction], differences: &Differences) -> String {
    match (targets.len(), differences.unattributed.len()) {
        (0, 0) => "no function changed".to_owned(),
        (0, _) => "no function changed, but other things did".to_owned(),
        (1, _) => "1 changed function".to_owned(),
        (count, _) => format!("{count} changed functions"),
    }
}

fn no_benchmarks(root: &str, shared: &PerSide<Collection>, keyword: Option<&str>) -> anyhow::Error {
    let error = Side::BOTH
        .into_iter()
        .rev()
        .find_map(|side| shared.get(side).errors.first().map(|error| (side, error)));
    if let Some((side, error)) = error {
        return Failure::nothing_measured(format!(
            "no benchmark can be run on both sides. pytest could not collect `{}` on {side}. Its own words:\n\n{}",
            error.node, error.message
        ))
        .hint("is everything that the suite imports installed in this interpreter? --python chooses another")
        .into();
    }
    if let Some(skip) = Side::BOTH
        .into_iter()
        .find_map(|side| shared.get(side).skipped.first())
    {
        return Failure::nothing_measured(format!(
            "no benchmark can be run on both sides: `{}` skips itself: {}",
            skip.node, skip.message
        ))
        .hint("install what it asks for in this interpreter; --python chooses another")
        .into();
    }
    let one_sided = [(Side::Base, &shared.base), (Side::Head, &shared.head)]
        .into_iter()
        .find(|(_, collection)| !collection.benchmarks.is_empty());
    let failure = match (one_sided, keyword) {
        (Some((side, collection)), _) => Failure::nothing_measured(format!(
            "no benchmark can be run on both sides: pytest collects {} on {side} and none of them on {}",
            collection.benchmarks.len(),
            side.other()
        )),
        (None, Some(keyword)) => Failure::nothing_measured(format!(
            "no benchmark in `{}` matches -k '{keyword}'",
            shown(root)
        )),
        (None, None) => {
            Failure::nothing_measured(format!("pytest collects no benchmarks in `{}`", shown(root))).hint(
                "a benchmark is a test that takes the `benchmark` fixture or has the `benchmark` marker; ordinary tests \
                 are timed with --tests FILE::NAME",
            )
        }
    };
    failure.into()
}
