//! The suite that both sides run: the origin of its files, and the benchmarks that pytest collects in them.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::{Duration, Instant};

use deadheat_core::model::{BenchmarksFrom, Missing, PerSide, Python, Side, TargetFunction, WarningCode};
use deadheat_core::protocol::Uncollected;
use deadheat_core::text;

use crate::commands::common::context::CompareContext;
use crate::commands::common::suite_origin::Origin;
use crate::commands::compare::benchmarks;
use crate::error::Failure;
use crate::events::Events;
use crate::passes::observed;
use crate::passes::workers::WorkerPool;
use crate::prepare::import_hints::{Hints, how_not_to_skip};
use crate::prepare::interpreter::Interpreter;
use crate::project::changes::{self, Changes};
use crate::project::classify;
use crate::project::layout::WITHOUT_BENCHMARKS;
use crate::project::node_ids;
use crate::project::sources::ProjectSources;
use crate::system::files;
use crate::system::paths::shown;
use crate::worker::session::{CollectSpec, Collection, PACKAGE_MISSING, StartError};
use crate::workspace::checkout::Checkouts;

/// The benchmarks that both sides can run.
pub(crate) struct Suite {
    pub(crate) origin: Origin,
    /// The ids in the order of collection.
    pub(crate) benchmarks: Vec<String>,
    /// The rows of those that only one side can run.
    pub(crate) missing: Vec<Missing>,
    /// The number of benchmarks that pytest deselected.
    pub(crate) deselected: u64,
    /// Functions of the suite that differ, if each side runs its own.
    pub(crate) changed: Vec<TargetFunction>,
    /// The time that one collection took.
    pub(crate) collecting: Duration,
    pub(crate) python: PerSide<Python>,
    /// The first benchmark whose id changes from process to process.
    changing: Option<String>,
    collected: PerSide<Collection>,
}

/// The context of the collection.
pub(crate) struct Collector<'a> {
    pub(crate) run: &'a CompareContext<'a>,
    pub(crate) sources: &'a ProjectSources,
    /// The benchmarks root.
    pub(crate) root: &'a str,
    pub(crate) hints: &'a Hints<'a>,
    pub(crate) interpreters: &'a PerSide<Interpreter>,
}

impl Collector<'_> {
    /// Gives both sides the same benchmarks and collects them.
    pub(crate) fn collect(
        &self,
        checkouts: &mut Checkouts,
        differences: &mut Changes,
        targets: &[TargetFunction],
        workers: &mut WorkerPool,
    ) -> anyhow::Result<Suite> {
        let from = self.run.settings.benchmarks_from;
        check_root(self.root, from, checkouts.worktrees())?;
        self.run.context.listener.step("collecting the benchmarks");
        let mut changed_paths = checkouts.changed.iter();
        let shares_files = !changed_paths.any(|path| self.sources.project.is_shared(path));
        let mut origin = Origin {
            from,
            replaced: BTreeSet::new(),
        };
        if !shares_files {
            origin.replaced = self.replaced(&origin, checkouts, workers);
        }
        let changed = self.share_files(shares_files, checkouts, differences, workers)?;
        let started = Instant::now();
        let watched = differences.watched(targets);
        let observes = self.run.observes(differences);
        let mut collected = workers.collect_both(&watched, observes);
        let collecting = started.elapsed();
        if let Some(taker) = origin.taker()
            && lacks_settings(&collected, taker)
        {
            collected = self.with_settings_of_giver(collected, taker, checkouts, &mut || {
                workers.collect_both(&watched, observes)
            })?;
        }
        let shared = collected.map_err(|failed| self.explain(failed, checkouts))?;
        if shares_files && let Some(taker) = origin.taker() {
            let own = &shared.get(taker).benchmarks;
            origin.replaced.extend(own.iter().cloned());
        }
        let (benchmarks, mut missing) = benchmarks::match_sides(&shared, &origin);
        let mut changing = None;
        if benchmarks::may_change(&shared)
            && let Ok(again) = workers.collect(Side::Head)
        {
            let first = benchmarks::explain_changing_ids(&mut missing, &shared.head, &again);
            changing = first.map(|row| row.benchmark.clone());
        }
        let deselected = shared.head.deselected;
        self.warn_of_deselected(deselected);
        let python = PerSide::new(Side::Base, Side::Head).map(|side| Python {
            path: self.interpreters.get(side).path.display().to_string(),
            ..shared.get(side).python.clone()
        });
        Ok(Suite {
            origin,
            benchmarks,
            missing,
            deselected,
            changed,
            collecting,
            python,
            changing,
            collected: shared,
        })
    }

    fn warn_of_deselected(&self, deselected: u64) {
        if deselected > 0 {
            let benchmarks = text::counted(usize::try_from(deselected).unwrap_or(usize::MAX), "benchmark");
            let words = format!("pytest deselected {benchmarks} by -k or by the project's own options");
            let listener = self.run.context.listener;
            listener.doubt(WarningCode::Deselected, &words, None);
        }
    }

    /// Returns the benchmarks of a side's own files, which the other side's replace.
    fn replaced(&self, origin: &Origin, checkouts: &Checkouts, workers: &mut WorkerPool) -> BTreeSet<String> {
        let Some(taker) = origin.taker() else {
            return BTreeSet::new();
        };
        if !checkouts.workspace.worktree(taker).join(self.root).exists() {
            return BTreeSet::new();
        }
        workers.spec.collect = self.to_collect(checkouts, taker);
        // A failed collection of its own files counts as none.
        let own = workers.collect(taker).map(|own| own.benchmarks);
        own.unwrap_or_default().into_iter().collect()
    }

    fn to_collect(&self, checkouts: &Checkouts, side: Side) -> CollectSpec {
        let (project, files) = (&self.sources.project, &self.sources.files);
        let worktree = checkouts.workspace.worktree(side);
        benchmarks::to_collect(
            self.root,
            &self.run.settings.tests,
            &project.folder,
            files,
            worktree,
        )
    }

    /// Lays the files of one side over the other's, and briefs the workers. Returns the functions of the
    /// suite that differ, if each side runs its own.
    fn share_files(
        &self,
        shares_files: bool,
        checkouts: &mut Checkouts,
        differences: &mut Changes,
        workers: &mut WorkerPool,
    ) -> anyhow::Result<Vec<TargetFunction>> {
        let from = self.run.settings.benchmarks_from;
        let project = &self.sources.project;
        let changed = match from {
            BenchmarksFrom::Own => changes::in_suite(project, &checkouts.changed, checkouts.worktrees())?,
            _ => Vec::new(),
        };
        if let Some(giver) = from.side().filter(|_| !shares_files) {
            benchmarks::share(self.root, giver, checkouts.worktrees())?;
        }
        // Again, because injected files may lie in the benchmarks root.
        checkouts.inject(
            self.run.context.git,
            &self.run.settings.sides.injected,
            self.sources,
        )?;
        workers.spec.collect = self.to_collect(checkouts, Side::Head);
        if from == BenchmarksFrom::Own {
            let of_base = self.to_collect(checkouts, Side::Base).files;
            workers.spec.collect.files.extend(of_base);
            if !differences.changed.is_empty() {
                // In differing files of the suite, line numbers tell nothing either.
                let own = checkouts.changed.iter();
                let own = own.filter(|path| project.is_shared(path) && path.ends_with(".py"));
                differences
                    .changed
                    .extend(own.map(|path| (path.clone(), BTreeSet::new())));
            }
        }
        Ok(changed)
    }

    /// Collects again with the giver's pytest settings in the taker's worktree; they are removed if they do
    /// not help.
    fn with_settings_of_giver(
        &self,
        collected: Result<PerSide<Collection>, (Side, StartError)>,
        taker: Side,
        checkouts: &Checkouts,
        collect: &mut dyn FnMut() -> Result<PerSide<Collection>, (Side, StartError)>,
    ) -> anyhow::Result<Result<PerSide<Collection>, (Side, StartError)>> {
        let (worktrees, kept) = (
            checkouts.worktrees(),
            checkouts.workspace.folder().join("settings"),
        );
        let paths = benchmarks::differing_settings(&self.sources.project.folder, worktrees);
        if paths.is_empty() {
            return Ok(collected);
        }
        benchmarks::share_settings(&paths, taker.other(), worktrees, &kept)?;
        let collected = collect();
        if lacks_settings(&collected, taker) {
            for path in &paths {
                files::replace(&kept, worktrees.get(taker), path)?;
            }
            return Ok(collect());
        }
        self.run.context.listener.doubt(
            WarningCode::SettingsShared,
            &format!(
                "{taker} uses `{named}` of {giver}: with its own, pytest cannot collect {giver}'s benchmarks there",
                named = paths.join("`, `"),
                giver = taker.other()
            ),
            Some("--benchmarks-from own runs each side's benchmarks with its own settings"),
        );
        Ok(collected)
    }

    /// Turns a failed collection into an error.
    fn explain(&self, (side, problem): (Side, StartError), checkouts: &Checkouts) -> anyhow::Error {
        if let Err(ended) = self.run.context.limits.check() {
            return ended.into();
        }
        let folder = checkouts
            .workspace
            .worktree(side)
            .join(&self.sources.project.folder);
        match not_found(&self.run.settings.tests, &problem, &folder) {
            Some(failure) => failure.into(),
            None => self.hints.explain(problem.into_error(side)),
        }
    }

    /// Refuses a suite of which no benchmark can run on both sides.
    pub(crate) fn check_any(&self, suite: &Suite) -> anyhow::Result<()> {
        if !suite.benchmarks.is_empty() {
            return Ok(());
        }
        if let Some(id) = &suite.changing {
            return Err(Failure::nothing_measured(format!(
                "no benchmark can be run on both sides: the ids of parameters change from process to process, such as `{id}`"
            ))
            .hint(node_ids::FIXED_IDS)
            .into());
        }
        let keyword = self.run.settings.keyword.as_deref();
        Err(self
            .hints
            .explain(no_benchmarks(self.root, &suite.collected, &suite.origin, keyword)))
    }

    /// Compares the values in the project's modules, and adds the functions that they affect to `targets`.
    pub(crate) fn observe(
        &self,
        checkouts: &Checkouts,
        differences: &mut Changes,
        targets: &mut Vec<TargetFunction>,
        workers: &mut WorkerPool,
    ) -> anyhow::Result<()> {
        if !self.run.observes(differences) {
            return Ok(());
        }
        self.run
            .context
            .listener
            .step("comparing the values in the modules");
        let project = &self.sources.project;
        let paths = classify::head_paths(project, &self.sources.files);
        let affected = observed::look(workers, differences, &paths, checkouts.worktrees())?;
        // Its consequences are known by now.
        differences.outside.clear();
        differences.unattributed.extend(affected.unattributed);
        let is_more = !affected.functions.is_empty();
        let (in_benchmarks, others): (Vec<_>, Vec<_>) = affected
            .functions
            .into_iter()
            .partition(|target| project.is_shared(&target.path));
        differences.in_benchmarks.extend(in_benchmarks);
        targets.extend(others);
        let watched = differences.watched(targets);
        if watched.is_empty() {
            workers.close();
        } else if is_more || !workers.opened_watch {
            workers
                .collect_both(&watched, false)
                .map_err(|(side, problem)| self.hints.explain(problem.into_error(side)))?;
        }
        Ok(())
    }
}

/// Returns the error for a test of --tests that pytest does not find. The tests are relative to `folder`.
fn not_found(tests: &[String], problem: &StartError, folder: &Path) -> Option<Failure> {
    let StartError::CollectionFailed { words } = problem else {
        return None;
    };
    let test = tests
        .iter()
        // For parameters that it does not know, pytest names the test alone.
        .find(|test| words.contains("not found: ") && words.contains(benchmarks::test_of(test)))?;
    let (file, name) = test.split_once("::")?;
    let name = benchmarks::test_of(name.rsplit("::").next().unwrap_or(name));
    let text = std::fs::read_to_string(folder.join(file)).unwrap_or_default();
    let tests = tests_in(&text);
    let failure = Failure::usage(format!("--tests {test}: pytest finds no such test in `{file}`"))
        .hint("name an existing test: FILE::TEST, or FILE::CLASS::TEST");
    let in_a_class = tests.iter().find(|test| test.ends_with(&format!("::{name}")));
    Some(match in_a_class {
        Some(test) => failure.hint(format!("did you mean `{file}::{test}`?")),
        None => failure.near(name, tests.iter().map(String::as_str)),
    })
}

/// Returns the tests that a file defines, those of a class with its name: `test_a`, `TestB::test_c`.
fn tests_in(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut class = None;
    for line in text.lines() {
        let code = line.trim_start();
        let is_indented = code.len() < line.len();
        let name = |keyword| {
            let rest: &str = code.strip_prefix(keyword)?;
            rest.split(['(', ':', '[']).next()
        };
        if !is_indented && !code.is_empty() && !code.starts_with(['@', '#', ')']) {
            class = name("class ");
        }
        let test = name("def ").or_else(|| name("async def "));
        found.extend(
            test.filter(|test| test.starts_with("test"))
                .map(|test| match class {
                    Some(class) => format!("{class}::{test}"),
                    None => test.to_owned(),
                }),
        );
    }
    found
}

/// Whether this side fails to collect any of the other's benchmarks that the other collects.
fn lacks_settings(collected: &Result<PerSide<Collection>, (Side, StartError)>, taker: Side) -> bool {
    match collected {
        Ok(collected) => {
            let works = |node: &str| {
                !collected
                    .get(taker.other())
                    .errors
                    .iter()
                    .any(|error| error.node == node)
            };
            collected.get(taker).errors.iter().any(|error| works(&error.node))
        }
        Err((side, StartError::CollectionFailed { .. })) => *side == taker,
        Err(_) => false,
    }
}

fn check_root(root: &str, from: BenchmarksFrom, worktrees: PerSide<&Path>) -> Result<(), Failure> {
    for side in Side::BOTH {
        if from.side().is_none_or(|giver| giver == side) && !worktrees.get(side).join(root).exists() {
            return Err(Failure::nothing_measured(format!(
                "the benchmarks root `{root}` exists on {} and not on {side}, whose benchmarks are used",
                side.other()
            ))
            .hint(format!(
                "name the one that {side} has: --benchmarks-root DIR; or use those of {}: --benchmarks-from {}",
                side.other(),
                side.other()
            )));
        }
    }
    Ok(())
}

fn no_benchmarks(
    root: &str,
    shared: &PerSide<Collection>,
    origin: &Origin,
    keyword: Option<&str>,
) -> anyhow::Error {
    let error = Side::BOTH
        .into_iter()
        .rev()
        .find_map(|side| shared.get(side).errors.first().map(|error| (side, error)));
    if let Some((side, error)) = error {
        return not_collected(side, error, shared, origin).into();
    }
    if let Some(skip) = Side::BOTH
        .into_iter()
        .find_map(|side| shared.get(side).skipped.first())
    {
        return Failure::nothing_measured(format!(
            "no benchmark can be run on both sides: `{}` skips itself: {}",
            skip.node, skip.message
        ))
        .hint(how_not_to_skip(&skip.message))
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
        ))
        .hint("`deadheat compare --all --dry-run`, without -k, lists all of them"),
        (None, None) => {
            Failure::nothing_measured(format!("pytest collects no benchmarks in `{}`", shown(root))).hint(format!(
                "a benchmark is a test that takes the `benchmark` fixture or has the `benchmark` marker; {WITHOUT_BENCHMARKS}"
            ))
        }
    };
    failure.into()
}

/// Returns the failure of a suite of which a file could not be collected.
fn not_collected(side: Side, error: &Uncollected, shared: &PerSide<Collection>, origin: &Origin) -> Failure {
    let failure = Failure::nothing_measured(format!(
        "no benchmark can be run on both sides. pytest could not collect `{}` on {side}. Its output:\n\n{}",
        error.node,
        text::without_foreign_frames(&error.message)
    ));
    // If the other side collects it, the interpreter is not to blame.
    let lacks_package = |side: Side| {
        let mut errors = shared.get(side).errors.iter();
        errors.any(|error| error.message.contains("ModuleNotFoundError"))
    };
    let lacks_name = |message: &str| {
        let words = ["cannot import name", "No module named", "has no attribute"];
        words.iter().any(|words| message.contains(words))
    };
    let is_collected = |side: Side| shared.get(side).errors.is_empty();
    match origin.taker() {
        _ if Side::BOTH.into_iter().all(lacks_package) => failure.hint(PACKAGE_MISSING),
        Some(taker) if taker == side && is_collected(taker.other()) && lacks_name(&error.message) => failure.hint(format!(
            "{giver}'s benchmarks run on both sides, and need something that {taker} lacks: --benchmarks-from {taker} \
             runs {taker}'s, and --benchmarks-from own each side's",
            giver = taker.other()
        )),
        _ if error.message.contains("SyntaxError") && is_collected(side.other()) => failure.hint(format!(
            "the code of {side} cannot be parsed, but that of {} can: fix it, and commit", side.other()
        )),
        _ => failure,
    }
}

#[cfg(test)]
mod tests {
    use super::tests_in;

    #[test]
    fn tests_of_classes_are_named_with_them() {
        let text = "class TestA:\n    def test_b(self):\n        pass\n\n    async def test_c(self): ...\n\n\ndef test_d():\n    pass\n\n\ndef helper():\n    def test_no(): ...\n";
        assert_eq!(
            tests_in(text),
            ["TestA::test_b", "TestA::test_c", "test_d", "test_no"]
        );
    }
}
