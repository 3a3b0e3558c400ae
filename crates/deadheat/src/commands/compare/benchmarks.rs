//! The benchmarks of each side, and the rows for those that only one side can run.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use deadheat_core::dependencies::value_at;
use deadheat_core::model::{
    BenchmarksFrom, Comparison, Missing, MissingReason, PerSide, Side, TargetFunction, Warning, WarningCode,
};
use deadheat_core::protocol::Uncollected;
use deadheat_core::source;
use toml::Table;

use crate::commands::common::suite_origin::{Origin, only};
use crate::project::file_set::FileSet;
use crate::project::layout::is_test_module;
use crate::project::node_ids::{FIXED_IDS, is_in_node};
use crate::system::files;
use crate::system::paths::{file_name, join, parent, seen_from};
use crate::worker::session::{CollectSpec, Collection};

/// Returns the paths, files and tests that pytest is to collect in one checkout.
pub(crate) fn to_collect(
    root: &str,
    tests: &[String],
    project_folder: &str,
    files: &FileSet,
    checkout: &Path,
) -> CollectSpec {
    let relative = |path: &str| seen_from(project_folder, path);
    if checkout.join(root).is_file() || !tests.is_empty() {
        return CollectSpec {
            paths: vec![relative(root)],
            files: Vec::new(),
            tests: tests.to_vec(),
        };
    }
    let unusual = files
        .below(root)
        .filter(|path| {
            let name = file_name(path);
            name.ends_with(".py") && !is_test_module(path) && name != "conftest.py"
        })
        .map(|path| join(root, path))
        .filter(|path| std::fs::read(checkout.join(path)).is_ok_and(|text| source::holds_benchmarks(&text)));
    CollectSpec {
        paths: vec![relative(root)],
        tests: Vec::new(),
        files: unusual.map(|path| relative(&path)).collect(),
    }
}

/// Replaces the other side's whole benchmarks root, and the `conftest.py` files above it, with those of `from`.
pub(crate) fn share(root: &str, from: Side, checkouts: PerSide<&Path>) -> anyhow::Result<()> {
    let (giver, taker) = (*checkouts.get(from), *checkouts.get(from.other()));
    files::replace(giver, taker, root)?;
    let mut folder = parent(root);
    loop {
        let path = join(folder, "conftest.py");
        files::replace(giver, taker, &path)?;
        if folder.is_empty() {
            return Ok(());
        }
        folder = parent(folder);
    }
}

/// The files in which pytest looks for its settings, in the project's folder.
const SETTINGS_FILES: [&str; 7] = [
    "pytest.toml",
    ".pytest.toml",
    "pytest.ini",
    ".pytest.ini",
    "pyproject.toml",
    "tox.ini",
    "setup.cfg",
];

/// Returns the paths of the files whose pytest settings differ between the sides.
pub(crate) fn differing_settings(project_folder: &str, checkouts: PerSide<&Path>) -> Vec<String> {
    let paths = SETTINGS_FILES.map(|name| join(project_folder, name));
    let differs = |path: &String| {
        let [base, head] = [checkouts.base, checkouts.head].map(|checkout| settings_in(&checkout.join(path)));
        base != head
    };
    paths.into_iter().filter(differs).collect()
}

/// Reads a file, or only pytest's part of a `pyproject.toml`: a new version of the project does not change a setting.
fn settings_in(file: &Path) -> Option<Vec<u8>> {
    let bytes = std::fs::read(file).ok()?;
    let is_shared = file.file_name().is_some_and(|name| name == "pyproject.toml");
    let text = std::str::from_utf8(&bytes).ok().filter(|_| is_shared);
    let Some(table) = text.and_then(|text| text.parse::<Table>().ok()) else {
        return Some(bytes);
    };
    let settings = value_at(&table, &["tool", "pytest"]);
    Some(settings.map(ToString::to_string).unwrap_or_default().into_bytes())
}

/// Replaces these files of the other side with those of `from`, and keeps the replaced ones in the folder `kept`.
pub(crate) fn share_settings(
    paths: &[String],
    from: Side,
    checkouts: PerSide<&Path>,
    kept: &Path,
) -> anyhow::Result<()> {
    for path in paths {
        files::replace(checkouts.get(from.other()), kept, path)?;
        files::replace(checkouts.get(from), checkouts.get(from.other()), path)?;
    }
    Ok(())
}

/// Adds a warning to the benchmarks whose own code differs, if each side runs its own.
pub(crate) fn mark_changed(rows: &mut [Comparison], project_folder: &str, changed: &[TargetFunction]) {
    for row in rows {
        if is_changed(&row.benchmark, project_folder, changed) {
            let warning = Warning::new(
                WarningCode::BenchmarkDiffers,
                "the benchmark itself differs between base and head",
                Some(
                    "the difference may be the benchmark's own: --benchmarks-from head runs the same on both sides",
                ),
            );
            row.warnings.push(warning.of(&row.benchmark));
        }
    }
}

fn is_changed(benchmark: &str, project_folder: &str, changed: &[TargetFunction]) -> bool {
    let mut parts = benchmark.split("::");
    let path = join(project_folder, parts.next().unwrap_or_default());
    let qualname = parts.collect::<Vec<_>>().join(".");
    let qualname = qualname.split('[').next().unwrap_or_default();
    changed
        .iter()
        .any(|target| target.path == path && target.qualname == qualname)
}

/// Returns the benchmarks that both sides can run, in head's order, and rows for the others. `collected` comes from the
/// files that `origin` names.
pub(crate) fn match_sides(collected: &PerSide<Collection>, origin: &Origin) -> (Vec<String>, Vec<Missing>) {
    let matching = Matching {
        collected,
        origin,
        ids: collected
            .as_ref()
            .map(|collection| collection.benchmarks.iter().collect()),
    };
    let in_both = collected.head.benchmarks.iter();
    let in_both = in_both.filter(|id| matching.is_in_both(id)).cloned().collect();
    let mut missing = matching.on_one_side();
    missing.extend(matching.replaced());
    missing.extend(matching.uncollected());
    (in_both, missing)
}

struct Matching<'a> {
    collected: &'a PerSide<Collection>,
    origin: &'a Origin,
    /// The benchmarks that each side collects.
    ids: PerSide<BTreeSet<&'a String>>,
}

impl Matching<'_> {
    fn is_in_both(&self, id: &String) -> bool {
        self.ids.base.contains(id) && self.ids.head.contains(id)
    }

    fn error_for(&self, side: Side, id: &str) -> Option<String> {
        let mut errors = self.collected.get(side).errors.iter();
        let error = errors.find(|error| is_in_node(id, &error.node))?;
        Some(error.message.clone())
    }

    fn skip_of(&self, side: Side, id: &str) -> Option<String> {
        let mut skipped = self.collected.get(side).skipped.iter();
        let skip = skipped.find(|skip| is_in_node(id, &skip.node))?;
        Some(skip.message.clone())
    }

    /// Returns the rows of benchmarks that one side collects and the other does not.
    fn on_one_side(&self) -> Vec<Missing> {
        let mut missing = Vec::new();
        for side in [Side::Head, Side::Base] {
            let other = side.other();
            for id in self
                .collected
                .get(side)
                .benchmarks
                .iter()
                .filter(|id| !self.is_in_both(id))
            {
                if let Some(message) = self.skip_of(other, id) {
                    missing.push(Missing {
                        benchmark: id.clone(),
                        side: Some(other),
                        reason: MissingReason::Skipped,
                        message,
                    });
                    continue;
                }
                let error = self.error_for(other, id);
                let row = match (self.origin.from, error) {
                    (BenchmarksFrom::Own, None) => Missing {
                        benchmark: id.clone(),
                        side: Some(side),
                        reason: only(side),
                        message: format!("{other}'s benchmarks do not have it"),
                    },
                    (_, error) => {
                        let message =
                            error.unwrap_or_else(|| format!("pytest does not collect it on {other}"));
                        self.origin.not_on(other, id, message)
                    }
                };
                missing.push(row);
            }
        }
        missing
    }

    /// Returns the rows of the benchmarks of a side's own files that the other side's replace.
    fn replaced(&self) -> Vec<Missing> {
        let mut missing = Vec::new();
        if let Some(taker) = self.origin.taker() {
            let giver = taker.other();
            for id in &self.origin.replaced {
                if self.ids.head.contains(id) || self.ids.base.contains(id) {
                    continue;
                }
                missing.push(match self.error_for(giver, id) {
                    None => Missing {
                        benchmark: id.clone(),
                        side: Some(taker),
                        reason: only(taker),
                        message: format!("{giver}'s benchmarks do not have it"),
                    },
                    // The giver's file is broken; the taker's own worked.
                    Some(message) => Missing {
                        benchmark: id.clone(),
                        side: Some(giver),
                        reason: MissingReason::Failed,
                        message,
                    },
                });
            }
        }
        missing
    }

    /// Returns the rows of files about which nothing is known, because neither side collected them.
    fn uncollected(&self) -> Vec<Missing> {
        let mut uncollected: BTreeMap<&str, (Option<Side>, MissingReason, &str)> = BTreeMap::new();
        for side in Side::BOTH {
            let Collection { errors, skipped, .. } = self.collected.get(side);
            let errors = errors.iter().map(|error| (MissingReason::Failed, error));
            let skipped = skipped.iter().map(|skip| (MissingReason::Skipped, skip));
            for (reason, Uncollected { node, message }) in errors.chain(skipped) {
                let others = &self.collected.get(side.other()).benchmarks;
                // Already reported above, benchmark by benchmark.
                let is_told = self.origin.taker().is_some_and(|taker| {
                    let mut replaced = self.origin.replaced.iter().filter(|id| is_in_node(id, node));
                    replaced.any(|id| self.error_for(taker.other(), id).is_some())
                });
                if !is_told && !others.iter().any(|id| is_in_node(id, node)) {
                    uncollected
                        .entry(node)
                        .and_modify(|row| *row = (None, reason, message))
                        .or_insert((Some(side), reason, message));
                }
            }
        }
        let rows = uncollected
            .into_iter()
            .map(|(node, (side, reason, message))| Missing {
                benchmark: node.to_owned(),
                side,
                reason,
                message: message.to_owned(),
            });
        rows.collect()
    }
}

/// Returns the test's id without that of its parameters.
pub(crate) fn test_of(id: &str) -> &str {
    id.split_once('[').map_or(id, |(test, _)| test)
}

/// Whether a test has ids on each side that the other lacks.
pub(crate) fn may_change(collected: &PerSide<Collection>) -> bool {
    let tests_of = |side: Side| -> BTreeSet<&str> {
        let others: BTreeSet<&String> = collected.get(side.other()).benchmarks.iter().collect();
        let own = collected.get(side).benchmarks.iter();
        let alone = own.filter(|id| id.contains('[') && !others.contains(id));
        alone.map(|id| test_of(id)).collect()
    };
    !tests_of(Side::Base).is_disjoint(&tests_of(Side::Head))
}

/// Explains the rows that are missing because their ids change from process to process, as two collections of one side
/// show, and returns the first of them.
pub(crate) fn explain_changing_ids<'a>(
    missing: &'a mut [Missing],
    once: &Collection,
    again: &Collection,
) -> Option<&'a Missing> {
    let again: BTreeSet<&String> = again.benchmarks.iter().collect();
    let changing = once.benchmarks.iter().filter(|id| !again.contains(id));
    let changing: BTreeSet<&str> = changing.map(|id| test_of(id)).collect();
    let mut rows = missing
        .iter_mut()
        .filter(|row| changing.contains(test_of(&row.benchmark)));
    let mut first = None;
    for row in &mut rows {
        row.message = format!("its id changes from process to process: {FIXED_IDS}");
        first.get_or_insert(&*row);
    }
    first
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_pytest_reads_makes_settings_differ() {
        let folders = PerSide::new(tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let differing = |base: &str, head: &str| {
            for (side, text) in [(Side::Base, base), (Side::Head, head)] {
                std::fs::write(folders.get(side).path().join("pyproject.toml"), text).unwrap();
            }
            differing_settings("", folders.as_ref().map(|folder| folder.path()))
        };
        let settings = "[tool.pytest.ini_options]\naddopts = '-q'\n";
        let version = |number| format!("[project]\nversion = '{number}'\n{settings}");
        assert_eq!(differing(&version(1), &version(2)), [""; 0]);
        assert_eq!(differing(settings, ""), ["pyproject.toml"]);
        assert_eq!(differing("[tool", "[toll"), ["pyproject.toml"]);
    }

    fn collection(ids: &[&str], errors: &[(&str, &str)]) -> Collection {
        Collection {
            benchmarks: ids.iter().map(|id| (*id).to_owned()).collect(),
            errors: errors
                .iter()
                .map(|(node, message)| Uncollected {
                    node: (*node).to_owned(),
                    message: (*message).to_owned(),
                })
                .collect(),
            ..Collection::default()
        }
    }

    fn rows(missing: &[Missing]) -> Vec<String> {
        missing
            .iter()
            .map(|row| format!("{} {} {:?}: {}", row.benchmark, row.reason, row.side, row.message))
            .collect()
    }

    fn origin(from: BenchmarksFrom, replaced: &[&str]) -> Origin {
        Origin {
            from,
            replaced: replaced.iter().map(|id| (*id).to_owned()).collect(),
        }
    }

    #[test]
    fn a_file_that_base_cannot_import_is_new_or_broken_there() {
        let shared = PerSide::new(
            collection(&["a.py::x"], &[("b.py", "ImportError: new")]),
            collection(&["a.py::x", "b.py::y", "b.py::z"], &[]),
        );
        let (both, missing) = match_sides(&shared, &origin(BenchmarksFrom::Head, &["a.py::x", "b.py::z"]));
        assert_eq!(both, ["a.py::x"]);
        assert_eq!(
            rows(&missing),
            [
                "b.py::y only on head Some(Head): ImportError: new",
                "b.py::z failed Some(Base): ImportError: new",
            ]
        );
    }

    #[test]
    fn a_file_that_head_broke_is_a_failure_of_head() {
        let shared = PerSide::new(
            collection(&["a.py::x", "b.py::y"], &[]),
            collection(&["a.py::x"], &[("b.py", "SyntaxError")]),
        );
        let (both, missing) = match_sides(&shared, &origin(BenchmarksFrom::Head, &["a.py::x", "b.py::y"]));
        assert_eq!(both, ["a.py::x"]);
        assert_eq!(rows(&missing), ["b.py::y failed Some(Head): SyntaxError"]);
    }

    #[test]
    fn a_file_that_head_broke_for_both_sides_is_a_failure_of_head() {
        let shared = PerSide::new(
            collection(&["a.py::x"], &[("b.py", "SyntaxError")]),
            collection(&["a.py::x"], &[("b.py", "SyntaxError")]),
        );
        let (both, missing) = match_sides(&shared, &origin(BenchmarksFrom::Head, &["a.py::x", "b.py::y"]));
        assert_eq!(both, ["a.py::x"]);
        assert_eq!(rows(&missing), ["b.py::y failed Some(Head): SyntaxError"]);
    }

    #[test]
    fn what_only_bases_own_files_define_is_said() {
        let shared = PerSide::new(collection(&["a.py::x"], &[]), collection(&["a.py::x"], &[]));
        let (_, missing) = match_sides(&shared, &origin(BenchmarksFrom::Head, &["a.py::x", "a.py::gone"]));
        assert_eq!(
            rows(&missing),
            ["a.py::gone only on base Some(Base): head's benchmarks do not have it"]
        );
    }

    #[test]
    fn with_bases_benchmarks_the_sides_change_their_parts() {
        let shared = PerSide::new(
            collection(&["a.py::x", "a.py::y", "b.py::z"], &[]),
            collection(&["a.py::x"], &[("b.py", "ImportError: gone")]),
        );
        let origin = origin(BenchmarksFrom::Base, &["a.py::x", "a.py::y", "c.py::new"]);
        let (both, missing) = match_sides(&shared, &origin);
        assert_eq!(both, ["a.py::x"]);
        assert_eq!(
            rows(&missing),
            [
                "a.py::y failed Some(Head): pytest does not collect it on head",
                "b.py::z only on base Some(Base): ImportError: gone",
                "c.py::new only on head Some(Head): base's benchmarks do not have it",
            ]
        );
    }

    #[test]
    fn with_the_benchmarks_of_each_side_the_lists_decide() {
        let shared = PerSide::new(
            collection(&["a.py::x", "a.py::old", "b.py::y"], &[]),
            collection(&["a.py::x", "a.py::new"], &[("b.py", "SyntaxError")]),
        );
        let origin = origin(BenchmarksFrom::Own, &[]);
        let (both, missing) = match_sides(&shared, &origin);
        assert_eq!(both, ["a.py::x"]);
        assert_eq!(
            rows(&missing),
            [
                "a.py::new only on head Some(Head): base's benchmarks do not have it",
                "a.py::old only on base Some(Base): head's benchmarks do not have it",
                "b.py::y failed Some(Head): SyntaxError",
            ]
        );
    }

    #[test]
    fn a_file_that_neither_side_collects_is_one_row() {
        let shared = PerSide::new(
            collection(&["a.py::x"], &[("b.py", "no module")]),
            collection(&["a.py::x"], &[("b.py", "no module")]),
        );
        let (_, missing) = match_sides(&shared, &origin(BenchmarksFrom::Head, &[]));
        assert_eq!(rows(&missing), ["b.py failed None: no module"]);
    }

    #[test]
    fn a_file_that_skips_itself_is_a_row() {
        let skipping = |ids: &[&str]| Collection {
            skipped: vec![Uncollected {
                node: "b.py".to_owned(),
                message: "no numpy".to_owned(),
            }],
            ..collection(ids, &[])
        };
        let shared = PerSide::new(skipping(&["a.py::x"]), skipping(&["a.py::x"]));
        let (_, missing) = match_sides(&shared, &origin(BenchmarksFrom::Head, &[]));
        assert_eq!(rows(&missing), ["b.py skipped None: no numpy"]);
        let shared = PerSide::new(skipping(&["a.py::x"]), collection(&["a.py::x", "b.py::y"], &[]));
        let (_, missing) = match_sides(&shared, &origin(BenchmarksFrom::Head, &[]));
        assert_eq!(rows(&missing), ["b.py::y skipped Some(Base): no numpy"]);
    }
}
