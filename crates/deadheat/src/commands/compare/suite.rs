//! The suite that both sides run: the origin of its files, and the benchmarks that pytest collects in them.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::{Duration, Instant};

use deadheat_core::model::{PerSide, Side, TargetFunction, WarningCode};
use deadheat_core::report::{BenchmarksFrom, Python};

use crate::commands::compare::benchmarks::{self, Origin};
use crate::commands::compare::setting::Setting;
use crate::error::Failure;
use crate::passes::observed;
use crate::passes::workers::Stage;
use crate::prepare::hints::{Hints, how_not_to_skip};
use crate::prepare::interpreter::Interpreter;
use crate::project::changes::{self, Differences};
use crate::project::layout::WITHOUT_BENCHMARKS;
use crate::project::node_ids;
use crate::project::subject::{Checkout, Subject};
use crate::report::draft::Draft;
use crate::report::progress::Progress;
use crate::system::files;
use crate::system::paths::shown;
use crate::worker::session::{Collection, NotReady, PACKAGE_MISSING};

/// The benchmarks that both sides can run.
pub(crate) struct Suite {
    pub(crate) origin: Origin,
    /// The ids in the order of collection.
    pub(crate) benchmarks: Vec<String>,
    /// Functions of the suite that differ, where each side runs its own.
    pub(crate) changed: Vec<TargetFunction>,
    /// The time that one collection took.
    pub(crate) collecting: Duration,
}

impl Suite {
    /// Gives both sides the same benchmarks and collects them. Those that cannot run on both sides go into the report.
    #[expect(clippy::too_many_arguments, reason = "the steps before have one result each")]
    pub(crate) fn collect(
        setting: &Setting<'_>,
        subject: &Subject,
        root: &str,
        checkout: &mut Checkout,
        interpreters: &PerSide<Interpreter>,
        differences: &mut Differences,
        stage: &mut Stage,
        hints: &Hints<'_>,
        draft: &mut Draft,
        progress: &mut Progress,
    ) -> anyhow::Result<Self> {
        let project = &subject.project;
        let from = setting.options.benchmarks_from;
        check_root(root, from, checkout.worktrees())?;
        progress.step("collecting the benchmarks");
        let tests = &setting.options.tests;
        let to_collect = |checkout: &Checkout, side| {
            let worktree = checkout.workspace.worktree(side);
            benchmarks::to_collect(root, tests, &project.folder, &subject.files, worktree)
        };
        let shares_files = !checkout.changed.iter().any(|path| project.is_shared(path));
        let mut origin = Origin {
            from,
            replaced: BTreeSet::new(),
        };
        if !shares_files
            && let Some(taker) = origin.taker()
            && checkout.workspace.worktree(taker).join(root).exists()
        {
            stage.briefing.collect = to_collect(checkout, taker);
            // A failed collection of its own files counts as none.
            if let Ok(own) = stage.collect(taker) {
                origin.replaced.extend(own.benchmarks);
            }
        }
        let changed = match from {
            BenchmarksFrom::Own => changes::in_suite(project, &checkout.changed, checkout.worktrees()),
            _ => Vec::new(),
        };
        if let Some(giver) = from.side().filter(|_| !shares_files) {
            benchmarks::share(root, giver, checkout.worktrees())?;
        }
        // Again, because injected files may lie in the benchmarks root.
        checkout.inject(setting, subject)?;
        stage.briefing.collect = to_collect(checkout, Side::Head);
        if from == BenchmarksFrom::Own {
            let of_base = to_collect(checkout, Side::Base).files;
            stage.briefing.collect.files.extend(of_base);
        }
        let started = Instant::now();
        if from == BenchmarksFrom::Own && !differences.changed.is_empty() {
            // Lines mean nothing in files of the suite that differ, either.
            let own = checkout.changed.iter();
            let own = own.filter(|path| project.is_shared(path) && path.ends_with(".py"));
            differences
                .changed
                .extend(own.map(|path| (path.clone(), BTreeSet::new())));
        }
        let observes = setting.options.functions.is_none() && !differences.changed.is_empty();
        let watched = differences.watched(&draft.report.target_functions);
        let mut collected = stage.collect_both(&watched, observes);
        let collecting = started.elapsed();
        if let Some(taker) = origin.taker()
            && lacks_settings(&collected, taker)
        {
            let (checkouts, kept) = (checkout.worktrees(), checkout.workspace.folder().join("settings"));
            let paths = benchmarks::differing_settings(&project.folder, checkouts);
            if !paths.is_empty() {
                benchmarks::share_settings(&paths, taker.other(), checkouts, &kept)?;
                collected = stage.collect_both(&watched, observes);
                let named = paths.join("`, `");
                if lacks_settings(&collected, taker) {
                    // Other settings did not help.
                    for path in &paths {
                        files::replace(&kept, checkouts.get(taker), path)?;
                    }
                    collected = stage.collect_both(&watched, observes);
                } else {
                    draft.warn(
                        WarningCode::SettingsShared,
                        &format!(
                            "`{named}` of {giver} is in {taker}'s worktree, too: with its own, pytest cannot collect \
                             {giver}'s benchmarks there",
                            giver = taker.other()
                        ),
                        Some("--benchmarks-from own runs each side's benchmarks with its own settings"),
                    );
                }
            }
        }
        let shared = collected.map_err(|(side, problem)| match setting.go_on() {
            Ok(()) => match not_found(
                tests,
                &problem,
                &checkout.workspace.worktree(side).join(&project.folder),
            ) {
                Some(failure) => failure.into(),
                None => hints.explain(problem.into_error(side)),
            },
            Err(ended) => ended.into(),
        })?;
        draft.report.python = Some(PerSide::new(Side::Base, Side::Head).map(|side| Python {
            path: interpreters.get(side).path.display().to_string(),
            ..shared.get(side).python.clone()
        }));
        if shares_files && let Some(taker) = origin.taker() {
            let own = &shared.get(taker).benchmarks;
            origin.replaced.extend(own.iter().cloned());
        }
        let (benchmarks, mut missing) = benchmarks::match_sides(&shared, &origin);
        let mut changing = None;
        if benchmarks::may_change(&shared)
            && let Ok(again) = stage.collect(Side::Head)
        {
            let first = benchmarks::explain_changing_ids(&mut missing, &shared.head, &again);
            changing = first.map(|row| row.benchmark.clone());
        }
        draft.report.missing = missing;
        draft.leave_checkouts_out(checkout.worktrees());
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
        if benchmarks.is_empty() {
            if let Some(id) = changing {
                return Err(Failure::nothing_measured(format!(
                    "no benchmark can be run on both sides: the ids of parameters change from process to process, such as `{id}`"
                ))
                .hint(node_ids::FIXED_IDS)
                .into());
            }
            let keyword = setting.options.keyword.as_deref();
            return Err(hints.explain(no_benchmarks(root, &shared, &origin, keyword)));
        }
        if observes {
            progress.step("comparing what the modules hold");
            let paths = changes::head_paths(project, &subject.files);
            let affected = observed::look(stage, differences, &paths, checkout.worktrees())?;
            // The consequences of these differences are known by now.
            differences.outside.clear();
            differences.unattributed.extend(affected.unattributed);
            let is_more = !affected.functions.is_empty();
            let (in_benchmarks, targets): (Vec<_>, Vec<_>) = affected
                .functions
                .into_iter()
                .partition(|target| project.is_shared(&target.path));
            differences.in_benchmarks.extend(in_benchmarks);
            draft.report.target_functions.extend(targets);
            let watched = differences.watched(&draft.report.target_functions);
            if watched.is_empty() {
                stage.close();
            } else if is_more || !stage.opened_watch {
                stage
                    .collect_both(&watched, false)
                    .map_err(|(side, problem)| hints.explain(problem.into_error(side)))?;
            }
        }
        Ok(Suite {
            origin,
            benchmarks,
            changed,
            collecting,
        })
    }
}

/// Returns the error for a test of --tests that pytest does not find. The tests are relative to `folder`.
fn not_found(tests: &[String], problem: &NotReady, folder: &Path) -> Option<Failure> {
    let NotReady::CollectionFailed { words } = problem else {
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
        .hint("name one that is there: FILE::TEST, or FILE::CLASS::TEST");
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
fn lacks_settings(collected: &Result<PerSide<Collection>, (Side, NotReady)>, taker: Side) -> bool {
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
        Err((side, NotReady::CollectionFailed { .. })) => *side == taker,
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
        let failure = Failure::nothing_measured(format!(
            "no benchmark can be run on both sides. pytest could not collect `{}` on {side}. Its own words:\n\n{}",
            error.node, error.message
        ));
        // Where the other side collects it, the interpreter is not to blame.
        let lacks_package = |side: Side| {
            let mut errors = shared.get(side).errors.iter();
            errors.any(|error| error.message.contains("ModuleNotFoundError"))
        };
        let lacks_name = |message: &str| {
            let words = ["cannot import name", "No module named", "has no attribute"];
            words.iter().any(|words| message.contains(words))
        };
        let is_collected = |side: Side| shared.get(side).errors.is_empty();
        return match origin.taker() {
            _ if Side::BOTH.into_iter().all(lacks_package) => failure.hint(PACKAGE_MISSING),
            Some(taker) if taker == side && is_collected(taker.other()) && lacks_name(&error.message) => failure.hint(format!(
                "{giver}'s benchmarks run on both sides, and need something that {taker} lacks: --benchmarks-from {taker} \
                 runs {taker}'s, and --benchmarks-from own each side's",
                giver = taker.other()
            )),
            _ => failure,
        }
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
        )),
        (None, None) => {
            Failure::nothing_measured(format!("pytest collects no benchmarks in `{}`", shown(root))).hint(format!(
                "a benchmark is a test that takes the `benchmark` fixture or has the `benchmark` marker; {WITHOUT_BENCHMARKS}"
            ))
        }
    };
    failure.into()
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
