//! Both revisions of the project, before anything is checked out.

use std::collections::BTreeSet;
use std::path::Path;

use deadheat_core::model::{Action, NextStep, PerSide, Revision};

use crate::error::Failure;
use crate::git::Git;
use crate::git::queries::Untracked;
use crate::git::submodules::Tree;
use crate::project::file_set::FileSet;
use crate::project::layout::{ProjectLayout, USUAL_BENCHMARK_FOLDERS, WITHOUT_BENCHMARKS, is_test_module};
use crate::system::paths::{join, normalize, parent, seen_from, shown};

/// The trees of both revisions, and the project in them.
pub(crate) struct ProjectSources {
    pub(crate) trees: PerSide<Tree>,
    /// The files at either revision.
    pub(crate) files: FileSet,
    /// The paths that differ between the revisions.
    pub(crate) changed: BTreeSet<String>,
    pub(crate) project: ProjectLayout,
}

impl ProjectSources {
    /// Reads both revisions; `lay_out` finds the project in their files. `fetch`: submodules may be fetched.
    pub(crate) fn read(
        git: &Git,
        revisions: &PerSide<Revision>,
        fetch: bool,
        lay_out: impl FnOnce(&FileSet) -> Result<ProjectLayout, Failure>,
    ) -> anyhow::Result<Self> {
        let trees = PerSide::try_from_fn(|side| Tree::read(git, &revisions.get(side).commit, fetch))?;
        let (files, changed) = files_of(git, revisions, &trees)?;
        let project = lay_out(&files)?;
        Ok(ProjectSources {
            trees,
            files,
            changed,
            project,
        })
    }

    fn check_test(&self, test: &str, top: &Path) -> Result<(), Failure> {
        let file = test.split("::").next().unwrap_or(test);
        let path = normalize(&join(&self.project.folder, file)).unwrap_or_else(|| file.to_owned());
        // A file that is only in the working tree may be injected.
        if !self.files.exists(&path) && !top.join(&path).exists() {
            let tests = self.files.below("").filter(|path| is_test_module(path));
            let tests: Vec<String> = tests.map(|path| seen_from(&self.project.folder, path)).collect();
            return Err(
                Failure::usage(format!("--tests {test}: neither ref has `{path}`"))
                    .hint("it is relative to pyproject.toml: FILE, or FILE::TEST")
                    .near(file, tests.iter().map(String::as_str)),
            );
        }
        Ok(())
    }

    fn no_benchmarks_root(&self, top: &Path) -> Failure {
        let is_there = |folder: &&&str| {
            let entries = top.join(join(&self.project.folder, folder)).read_dir();
            let mut entries = entries.into_iter().flatten().flatten();
            entries.any(|entry| entry.path().extension().is_some_and(|suffix| suffix == "py"))
        };
        let hint = match USUAL_BENCHMARK_FOLDERS.iter().find(is_there) {
            Some(folder) => format!(
                "`{folder}` is in your working tree, but not committed: commit it, or compare with --working-tree"
            ),
            None => format!(
                "say where they are: --benchmarks-root DIR, or benchmarks-root under [tool.deadheat] in pyproject.toml; \
                 {WITHOUT_BENCHMARKS}"
            ),
        };
        Failure::nothing_measured(format!(
            "no benchmarks were found: neither ref has Python files in {}",
            USUAL_BENCHMARK_FOLDERS.join(", ")
        ))
        .next(NextStep::edit(Action::WriteBenchmark, &hint))
        .hint(hint)
    }

    /// Returns the benchmarks root, which at least one of the revisions has.
    pub(crate) fn benchmarks_root(&self, tests: &[String], top: &Path) -> anyhow::Result<String> {
        for test in tests {
            self.check_test(test, top)?;
        }
        let Some(root) = &self.project.benchmarks_root else {
            return Err(self.no_benchmarks_root(top).into());
        };
        if self.files.below(root).next().is_some() || self.files.below("").any(|path| path == root) {
            return Ok(root.clone());
        }
        let failure = Failure::nothing_measured(format!(
            "the benchmarks root `{}` does not exist at either ref",
            shown(root)
        ));
        let failure = if top.join(root).exists() {
            failure.hint(
                "it is in your working tree, but not committed: commit it, or compare with --working-tree",
            )
        } else {
            let python = self.files.below("").filter(|path| path.ends_with(".py"));
            let folders = python.filter(|path| !self.project.is_code(path)).map(parent);
            let folders: BTreeSet<String> = folders
                .map(|folder| seen_from(&self.project.folder, folder))
                .collect();
            let mut failure = failure
                .hint("it is relative to pyproject.toml: --benchmarks-root DIR")
                .near(
                    &seen_from(&self.project.folder, root),
                    folders.iter().map(String::as_str),
                );
            if let Some(hint) = &mut failure.hint {
                hint.push_str(&format!(" ({WITHOUT_BENCHMARKS})"));
            }
            failure
        };
        Err(failure.into())
    }
}

/// Returns all files at either revision, and the paths that differ.
fn files_of(
    git: &Git,
    revisions: &PerSide<Revision>,
    trees: &PerSide<Tree>,
) -> anyhow::Result<(FileSet, BTreeSet<String>)> {
    let changed = git.changed_paths(&revisions.base.commit, &revisions.head.commit)?;
    let mut changed: BTreeSet<String> = changed.into_iter().collect();
    let inside = trees.base.differences_in_submodules(&trees.head);
    changed.extend(inside.map(str::to_owned));
    let entries = trees.base.entries.iter().chain(&trees.head.entries);
    let mut paths: BTreeSet<String> = entries.map(|entry| entry.path.clone()).collect();
    if revisions.head.dirty {
        paths.extend(git.untracked_paths(Untracked::NotIgnored, &[String::new()])?);
    }
    Ok((FileSet::new(paths), changed))
}
