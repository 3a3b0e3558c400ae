//! The worktrees of both revisions, with the files that git alone does not bring.

use std::collections::BTreeSet;
use std::path::Path;

use deadheat_core::model::{PerSide, Revision, Side, WarningCode};

use crate::error::Failure;
use crate::events::Events;
use crate::git::Git;
use crate::git::submodules::{self, Present};
use crate::project::sources::ProjectSources;
use crate::system::files;
use crate::system::paths::{is_inside, shown};
use crate::system::terminal::{print_note, whole_message};
use crate::workspace::overlay;
use crate::workspace::{Kept, Workspace, sweep};

/// Both revisions, checked out.
pub(crate) struct Checkouts {
    pub(crate) workspace: Workspace,
    pub(crate) submodules: PerSide<Vec<Present>>,
    /// Paths that differ between the sides, including uncommitted changes.
    pub(crate) changed: BTreeSet<String>,
    /// Paths at which the worktrees may hold something other than their commits.
    pub(crate) laid_over: BTreeSet<String>,
}

impl Checkouts {
    /// Checks both revisions out. Uncommitted files that git does not track are laid over head if they are in
    /// one of the folders `untracked_in`.
    pub(crate) fn create(
        git: &Git,
        sources: &ProjectSources,
        revisions: &PerSide<Revision>,
        untracked_in: &[String],
        events: &dyn Events,
    ) -> anyhow::Result<Self> {
        remove_leftovers(git, events);
        let workspace = Workspace::create(git)?;
        Self::fill(workspace, git, sources, revisions, untracked_in, events)
    }

    /// Does the same in a folder that is there already.
    pub(crate) fn fill(
        mut workspace: Workspace,
        git: &Git,
        sources: &ProjectSources,
        revisions: &PerSide<Revision>,
        untracked_in: &[String],
        events: &dyn Events,
    ) -> anyhow::Result<Self> {
        events.step("checking out both revisions");
        workspace.check_out(git, revisions.as_ref().map(|revision| revision.commit.as_str()))?;
        warn_of_pointers(git, sources, &workspace, events)?;
        let submodules = populate_submodules(git, sources, &workspace, events)?;
        let mut checkouts = Checkouts {
            workspace,
            submodules,
            changed: sources.changed.clone(),
            laid_over: BTreeSet::new(),
        };
        if revisions.head.dirty {
            let uncommitted = overlay::lay_working_tree_over(git, untracked_in, checkouts.worktrees().head)?;
            checkouts.changed.extend(uncommitted);
            checkouts.laid_over.extend(checkouts.changed.iter().cloned());
        }
        let generated = overlay::copy_generated(git, &sources.project, checkouts.worktrees())?;
        for path in &generated {
            events.doubt(
                WarningCode::GeneratedFileCopied,
                &format!("`{path}`, which git ignores, was copied from the working tree into both worktrees"),
                None,
            );
        }
        checkouts.laid_over.extend(generated);
        Ok(checkouts)
    }

    pub(crate) fn worktrees(&self) -> PerSide<&Path> {
        PerSide::new(
            self.workspace.worktree(Side::Base),
            self.workspace.worktree(Side::Head),
        )
    }

    /// Copies files and folders of the working tree into both worktrees.
    pub(crate) fn inject(
        &mut self,
        git: &Git,
        injected: &[String],
        sources: &ProjectSources,
    ) -> anyhow::Result<()> {
        overlay::inject(git, injected, &sources.project, &sources.files, self.worktrees())?;
        self.laid_over.extend(injected.iter().cloned());
        Ok(())
    }

    /// Removes everything, and reports the paths that could not be removed.
    pub(crate) fn close(self, git: &Git, events: &dyn Events) {
        let left = self.workspace.close(git);
        if !left.is_empty() {
            let paths: Vec<String> = left.iter().map(|path| path.display().to_string()).collect();
            let words = format!("could not be removed: {}", paths.join(", "));
            let hint = "`deadheat clean` tries again";
            events.doubt(WarningCode::LeftBehind, &words, Some(hint));
            // A run that ended with an error may give no report.
            print_note(&format!("warning: {words}; {hint}"));
        }
    }
}

/// Removes the remains of earlier runs; a failure does not stop this run.
fn remove_leftovers(git: &Git, events: &dyn Events) {
    match sweep(git, Kept::Spare) {
        Ok(removed) => {
            for folder in removed {
                events.detail(&format!(
                    "removed leftovers of an earlier run in {}",
                    folder.display()
                ));
            }
        }
        Err(error) => events.doubt(
            WarningCode::LeftBehind,
            &format!(
                "leftovers of an earlier run could not be removed: {}",
                whole_message(&error)
            ),
            Some("`deadheat clean` tries again"),
        ),
    }
}

/// The beginning of the file that stands in for a large one.
const POINTER: &[u8] = b"version https://git-lfs.github.com/spec/";

/// Warns of pointers: if git LFS is not set up, a checkout has texts of a few lines in place of data.
fn warn_of_pointers(
    git: &Git,
    sources: &ProjectSources,
    workspace: &Workspace,
    events: &dyn Events,
) -> anyhow::Result<()> {
    let may_have = |path: &str| path == ".gitattributes" || path.ends_with("/.gitattributes");
    if !sources.files.below("").any(may_have) {
        return Ok(());
    }
    let mut pointers = BTreeSet::new();
    for side in Side::BOTH {
        let worktree = workspace.worktree(side);
        let paths = Git::at(worktree, git).large_files()?;
        pointers.extend(
            paths
                .into_iter()
                .filter(|path| files::begins_with(&worktree.join(path), POINTER)),
        );
    }
    let Some(first) = pointers.first() else {
        return Ok(());
    };
    let more = match pointers.len() {
        1 => String::new(),
        count => format!(" (and {} more)", count - 1),
    };
    events.doubt(
        WarningCode::LargeFilePointers,
        &format!("`{}`{more} is in the worktrees as a pointer of git LFS, without its content", shown(first)),
        Some("`git lfs install` and `git lfs fetch --all` bring the content; --inject PATH takes the working tree's"),
    );
    Ok(())
}

/// Writes the submodules into the worktrees, and returns them. A missing one is an error where the project needs it, as
/// far as that is known.
fn populate_submodules(
    git: &Git,
    sources: &ProjectSources,
    workspace: &Workspace,
    events: &dyn Events,
) -> anyhow::Result<PerSide<Vec<Present>>> {
    let mut written = PerSide::<Vec<Present>>::default();
    for side in Side::BOTH {
        let (present, absent) = submodules::populate(
            git,
            sources.trees.get(side),
            workspace.worktree(side),
            side,
            workspace.folder(),
        )?;
        *written.get_mut(side) = present;
        for absent in absent {
            let path = &absent.submodule.path;
            let holds_code = sources
                .project
                .roots()
                .iter()
                .any(|root| is_inside(root, path) || is_inside(path, root));
            if holds_code || absent.is_in_use() {
                return Err(Failure::usage(absent.message()).hint(absent.hint()).into());
            }
            events.doubt(
                WarningCode::SubmoduleMissing,
                &absent.message(),
                Some(&absent.hint()),
            );
        }
    }
    Ok(written)
}
