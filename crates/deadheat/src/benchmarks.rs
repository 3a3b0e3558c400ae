//! Which benchmarks there are on which side, and what becomes of those that only one side can run.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use deadheat_core::model::{
    Comparison, Missing, MissingReason, PerSide, Side, TargetFunction, Warning, WarningCode,
};
use deadheat_core::report::BenchmarksFrom;
use deadheat_core::source;

use crate::files;
use crate::project::{Files, file_name, is_test_module, join, parent};
use crate::session::{Collection, ToCollect};
use crate::walk::{Setback, SetbackKind};

/// What pytest is told to collect of one checkout.
pub(crate) fn to_collect(
    root: &str,
    tests: &[String],
    project_folder: &str,
    files: &Files,
    checkout: &Path,
) -> ToCollect {
    let relative = |path: &str| {
        let path = path
            .strip_prefix(project_folder)
            .unwrap_or(path)
            .trim_start_matches('/');
        if path.is_empty() {
            ".".to_owned()
        } else {
            path.to_owned()
        }
    };
    if checkout.join(root).is_file() || !tests.is_empty() {
        return ToCollect {
            root: relative(root),
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
    ToCollect {
        root: relative(root),
        tests: Vec::new(),
        files: unusual.map(|path| relative(&path)).collect(),
    }
}

/// Gives the other side the benchmarks root of `from`, whole, and the `conftest.py` files above it.
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

/// Where each side runs its own benchmarks: warns of those whose own code is not the same.
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

/// The benchmarks that both sides can run, in head's order, and rows for the others.
///
/// `shared` is what each side collected of head's files; `base_own` are the ids of base's own files.
pub(crate) fn match_sides(
    shared: &PerSide<Collection>,
    base_own: &BTreeSet<String>,
    from: BenchmarksFrom,
) -> (Vec<String>, Vec<Missing>) {
    let ids = shared
        .as_ref()
        .map(|collection| collection.benchmarks.iter().collect::<BTreeSet<_>>());
    let error_for = |side: Side, id: &str| {
        let errors = &shared.get(side).errors;
        errors
            .iter()
            .find(|error| is_in_node(id, &error.node))
            .map(|error| error.message.clone())
    };
    let mut both = Vec::new();
    let mut missing = Vec::new();
    for id in &shared.head.benchmarks {
        if ids.base.contains(id) {
            both.push(id.clone());
            continue;
        }
        let message =
            error_for(Side::Base, id).unwrap_or_else(|| "pytest does not collect it on base".to_owned());
        missing.push(not_on_base(id, message, base_own));
    }
    for id in &shared.base.benchmarks {
        if !ids.head.contains(id) {
            let is_of_base_alone = from == BenchmarksFrom::Own && error_for(Side::Head, id).is_none();
            missing.push(Missing {
                benchmark: id.clone(),
                side: Some(if is_of_base_alone { Side::Base } else { Side::Head }),
                reason: if is_of_base_alone {
                    MissingReason::OnlyBase
                } else {
                    MissingReason::Failed
                },
                message: error_for(Side::Head, id)
                    .unwrap_or_else(|| "pytest collects it on base and not on head".to_owned()),
            });
        }
    }
    for id in base_own {
        if !ids.head.contains(id) && !ids.base.contains(id) && error_for(Side::Head, id).is_none() {
            missing.push(Missing {
                benchmark: id.clone(),
                side: Some(Side::Base),
                reason: MissingReason::OnlyBase,
                message: "head's benchmarks do not have it".to_owned(),
            });
        }
    }
    // Files of which nothing is known because they were collected on no side.
    let mut uncollected: BTreeMap<&str, (Option<Side>, &str)> = BTreeMap::new();
    for side in Side::BOTH {
        for error in &shared.get(side).errors {
            let known = shared
                .get(side.other())
                .benchmarks
                .iter()
                .any(|id| is_in_node(id, &error.node));
            if !known {
                uncollected
                    .entry(&error.node)
                    .and_modify(|row| *row = (None, &error.message))
                    .or_insert((Some(side), &error.message));
            }
        }
    }
    missing.extend(uncollected.into_iter().map(|(node, (side, message))| Missing {
        benchmark: node.to_owned(),
        side,
        reason: MissingReason::Failed,
        message: message.to_owned(),
    }));
    (both, missing)
}

/// A benchmark of head's that base cannot run: new, or broken there.
fn not_on_base(id: &str, message: String, base_own: &BTreeSet<String>) -> Missing {
    let existed = base_own.contains(id);
    Missing {
        benchmark: id.to_owned(),
        side: Some(if existed { Side::Base } else { Side::Head }),
        reason: if existed {
            MissingReason::Failed
        } else {
            MissingReason::OnlyHead
        },
        message,
    }
}

/// The row of a benchmark that was entered and gave no numbers.
pub(crate) fn missing_after(setback: Setback, base_own: &BTreeSet<String>) -> Missing {
    match (setback.kind, setback.side) {
        (SetbackKind::Failed, Some(Side::Base)) => not_on_base(&setback.benchmark, setback.message, base_own),
        (kind, side) => Missing {
            benchmark: setback.benchmark,
            side,
            reason: match kind {
                SetbackKind::Failed => MissingReason::Failed,
                SetbackKind::Skipped => MissingReason::Skipped,
            },
            message: setback.message,
        },
    }
}

/// Whether a benchmark's id lies in a file, class or folder that pytest names.
pub(crate) fn is_in_node(id: &str, node: &str) -> bool {
    id.strip_prefix(node).is_some_and(|rest| {
        rest.is_empty() || rest.starts_with("::") || rest.starts_with('/') || rest.starts_with('[')
    })
}

#[cfg(test)]
mod tests {
    use deadheat_core::protocol::CollectionError;

    use super::*;

    fn collection(ids: &[&str], errors: &[(&str, &str)]) -> Collection {
        Collection {
            benchmarks: ids.iter().map(|id| (*id).to_owned()).collect(),
            errors: errors
                .iter()
                .map(|(node, message)| CollectionError {
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

    fn own(ids: &[&str]) -> BTreeSet<String> {
        ids.iter().map(|id| (*id).to_owned()).collect()
    }

    #[test]
    fn a_file_that_base_cannot_import_is_new_or_broken_there() {
        let shared = PerSide::new(
            collection(&["a.py::x"], &[("b.py", "ImportError: new")]),
            collection(&["a.py::x", "b.py::y", "b.py::z"], &[]),
        );
        let (both, missing) = match_sides(&shared, &own(&["a.py::x", "b.py::z"]), BenchmarksFrom::Head);
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
        let (both, missing) = match_sides(&shared, &own(&["a.py::x", "b.py::y"]), BenchmarksFrom::Head);
        assert_eq!(both, ["a.py::x"]);
        assert_eq!(rows(&missing), ["b.py::y failed Some(Head): SyntaxError"]);
    }

    #[test]
    fn what_only_bases_own_files_define_is_said() {
        let shared = PerSide::new(collection(&["a.py::x"], &[]), collection(&["a.py::x"], &[]));
        let (_, missing) = match_sides(&shared, &own(&["a.py::x", "a.py::gone"]), BenchmarksFrom::Head);
        assert_eq!(
            rows(&missing),
            ["a.py::gone only on base Some(Base): head's benchmarks do not have it"]
        );
    }

    #[test]
    fn a_file_that_neither_side_collects_is_one_row() {
        let shared = PerSide::new(
            collection(&["a.py::x"], &[("b.py", "no module")]),
            collection(&["a.py::x"], &[("b.py", "no module")]),
        );
        let (_, missing) = match_sides(&shared, &own(&[]), BenchmarksFrom::Head);
        assert_eq!(rows(&missing), ["b.py failed None: no module"]);
    }

    #[test]
    fn node_names_end_at_separators() {
        assert!(is_in_node("a/b.py::x", "a/b.py"));
        assert!(is_in_node("a/b.py::C::x[1]", "a/b.py::C"));
        assert!(!is_in_node("a/b.pyx::x", "a/b.py"));
    }
}
