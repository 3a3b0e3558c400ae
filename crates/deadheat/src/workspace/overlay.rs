//! Lays files over the checkouts before anything runs: uncommitted changes, generated files, and injected
//! files.

use std::path::Path;

use deadheat_core::model::{PerSide, Side};

use crate::error::Failure;
use crate::git::Git;
use crate::git::queries::Untracked;
use crate::project::file_set::FileSet;
use crate::project::layout::ProjectLayout;
use crate::project::version_files::version_files;
use crate::system::files;
use crate::system::paths::{file_name, is_inside};

/// Untracked files of the working tree that are larger than this together are more likely data than code.
const MOST_UNTRACKED_BYTES: u64 = 10 << 20;
/// The usual names of a generated version file, if the project does not name it.
const GENERATED: [&str; 3] = ["_version.py", "__version__.py", "version.py"];

/// Copies the uncommitted state into head's worktree, including untracked files below some folders, and returns the
/// paths that it changed.
pub(crate) fn lay_working_tree_over(git: &Git, below: &[String], head: &Path) -> anyhow::Result<Vec<String>> {
    let top = git.top();
    let mut paths = git.uncommitted_paths()?;
    if let Some(path) = paths.iter().find(|path| top.join(path).join(".git").exists()) {
        return Err(Failure::usage(format!(
            "--working-tree: the submodule `{path}` has uncommitted changes, which cannot be compared"
        ))
        .hint("commit it there and here, and compare the commits")
        .into());
    }
    let mut untracked = git.untracked_paths(Untracked::NotIgnored, below)?;
    // Another repository inside this one, which git names as a folder.
    untracked.retain(|path| !path.ends_with('/'));
    // Bytecode, where git does not ignore it: both sides write their own.
    untracked.retain(|path| !path.ends_with(".pyc"));
    let sizes = files::sizes(top, &untracked);
    let total: u64 = sizes.iter().map(|(size, _)| size).sum();
    if total > MOST_UNTRACKED_BYTES {
        let largest: Vec<String> = sizes
            .iter()
            .take(5)
            .map(|(size, path)| format!("{path} ({} KiB)", size >> 10))
            .collect();
        return Err(Failure::usage(format!(
            "--working-tree: the untracked files hold {} MiB, more than 10 MiB: {}",
            total >> 20,
            largest.join(", ")
        ))
        .hint("commit them, move them away, or let git ignore them")
        .into());
    }
    paths.extend(untracked);
    for path in &paths {
        files::replace(top, head, path)?;
    }
    Ok(paths)
}

/// Copies the version files that a build generates and git ignores, the same for both sides, into the worktrees that
/// lack them, because the package often cannot be imported without them. Returns their paths.
pub(crate) fn copy_generated(
    git: &Git,
    project: &ProjectLayout,
    checkouts: PerSide<&Path>,
) -> anyhow::Result<Vec<String>> {
    let mut all = Vec::new();
    let named = version_files(project, checkouts.head);
    let mut ignored = git.untracked_paths(Untracked::Ignored, &project.module_roots)?;
    ignored.extend(git.untracked_paths(Untracked::Ignored, &named)?);
    for path in ignored {
        if !GENERATED.contains(&file_name(&path)) && !named.contains(&path) {
            continue;
        }
        let mut copied = false;
        for side in Side::BOTH {
            if !checkouts.get(side).join(&path).exists() {
                files::replace(git.top(), checkouts.get(side), &path)?;
                copied = true;
            }
        }
        if copied {
            all.push(path);
        }
    }
    Ok(all)
}

/// Copies files and folders of the working tree into both worktrees. `injected`: their paths in the repository.
pub(crate) fn inject(
    git: &Git,
    injected: &[String],
    project: &ProjectLayout,
    files: &FileSet,
    checkouts: PerSide<&Path>,
) -> anyhow::Result<()> {
    for path in injected {
        let is_measured =
            |file: &&str| file.ends_with(".py") && is_inside(file, path) && project.is_code(file);
        if let Some(code) = files.below("").find(is_measured) {
            return Err(Failure::usage(format!(
                "--inject {path}: it contains code to be measured (`{code}`), and both sides would run the \
                 same"
            ))
            .hint("inject only files that git ignores, one by one if they lie beside tracked code")
            .into());
        }
        for side in Side::BOTH {
            files::replace(git.top(), checkouts.get(side), path)?;
        }
    }
    Ok(())
}
