//! The trees of both revisions and the project in them, and the worktrees that they are checked out into.

use std::collections::BTreeSet;
use std::path::Path;

use deadheat_core::model::{PerSide, Revision, Side, WarningCode};

use crate::commands::compare::setting::Setting;
use crate::error::Failure;
use crate::git::submodules::{self, Present, Tree};
use crate::git::{Git, Untracked};
use crate::project::file_set::Files;
use crate::project::layout::WITHOUT_BENCHMARKS;
use crate::project::layout::{Project, USUAL_BENCHMARK_FOLDERS, is_test_module};
use crate::report::draft::Draft;
use crate::report::progress::Progress;
use crate::system::files;
use crate::system::paths::{join, normalize, shown};
use crate::system::terminal;
use crate::workspace::overlay;
use crate::workspace::{self, Kept, Workspace};

/// The facts known before anything is checked out.
pub(crate) struct Subject {
    pub(crate) trees: PerSide<Tree>,
    pub(crate) files: Files,
    /// Paths that differ between the refs.
    changed: BTreeSet<String>,
    pub(crate) project: Project,
}

/// The checkouts of both revisions, with the files that git alone does not bring.
pub(crate) struct Checkout {
    pub(crate) workspace: Workspace,
    pub(crate) submodules: PerSide<Vec<Present>>,
    /// Paths that differ between the sides, including uncommitted ones.
    pub(crate) changed: BTreeSet<String>,
    /// Paths at which the worktrees may differ from their commits.
    pub(crate) laid_over: BTreeSet<String>,
}

impl Subject {
    pub(crate) fn read(
        setting: &Setting<'_>,
        draft: &Draft,
        progress: &mut Progress,
    ) -> anyhow::Result<Self> {
        progress.step("reading the two revisions");
        let revisions = &draft.report.revisions;
        let trees = PerSide::try_from_fn(|side| {
            Tree::read(setting.git, &revisions.get(side).commit, setting.options.fetch)
        })?;
        let (files, changed) = files_of(setting.git, revisions, &trees)?;
        let (config, top) = (setting.config, setting.git.top());
        let benchmarks_root = setting.options.benchmarks_root.as_deref();
        let project = match &setting.options.script {
            Some(_) => Project::of_any_language(config, top),
            None => Project::lay_out(config, top, &files, benchmarks_root)?,
        };
        Ok(Subject {
            trees,
            files,
            changed,
            project,
        })
    }

    /// Returns the benchmarks root, which at least one of the revisions has.
    pub(crate) fn benchmarks_root(&self, setting: &Setting<'_>) -> anyhow::Result<String> {
        for test in &setting.options.tests {
            let file = test.split("::").next().unwrap_or(test);
            let path = normalize(&join(&self.project.folder, file)).unwrap_or_else(|| file.to_owned());
            // A file that is only in the working tree may be injected.
            if !self.files.exists(&path) && !setting.git.top().join(&path).exists() {
                let tests = self.files.below("").filter(|path| is_test_module(path));
                return Err(
                    Failure::usage(format!("--tests {test}: neither ref has `{path}`"))
                        .hint("it is relative to pyproject.toml: FILE, or FILE::TEST")
                        .near(&path, tests)
                        .into(),
                );
            }
        }
        let Some(root) = &self.project.benchmarks_root else {
            return Err(Failure::nothing_measured(format!(
                "no benchmarks were found: neither ref has Python files in {}",
                USUAL_BENCHMARK_FOLDERS.join(", ")
            ))
            .hint(format!(
                "say where they are: --benchmarks-root DIR, or benchmarks-root under [tool.deadheat] in pyproject.toml; \
                 {WITHOUT_BENCHMARKS}"
            ))
            .into());
        };
        if self.files.below(root).next().is_some() || self.files.below("").any(|path| path == root) {
            return Ok(root.clone());
        }
        let failure = Failure::nothing_measured(format!(
            "the benchmarks root `{}` does not exist at either ref",
            shown(root)
        ));
        let failure = if setting.git.top().join(root).exists() {
            failure.hint(
                "it is in your working tree, but not committed: commit it, or compare with --working-tree",
            )
        } else {
            let folders: BTreeSet<&str> = self
                .files
                .below("")
                .filter(|path| path.ends_with(".py"))
                .map(crate::system::paths::parent)
                .collect();
            let mut failure = failure
                .hint("it is relative to pyproject.toml: --benchmarks-root DIR")
                .near(root, folders);
            if let Some(hint) = &mut failure.hint {
                hint.push_str(&format!(" ({WITHOUT_BENCHMARKS})"));
            }
            failure
        };
        Err(failure.into())
    }
}

impl Checkout {
    pub(crate) fn create(
        setting: &Setting<'_>,
        subject: &Subject,
        draft: &mut Draft,
        progress: &mut Progress,
    ) -> anyhow::Result<Self> {
        sweep(setting.git, draft, progress);
        progress.step("checking both revisions out");
        let git = setting.git;
        let mut workspace = Workspace::create(git)?;
        workspace.check_out(
            git,
            draft
                .report
                .revisions
                .as_ref()
                .map(|revision| revision.commit.as_str()),
        )?;
        warn_of_pointers(setting.git, subject, &workspace, draft)?;
        let submodules = populate_submodules(setting, subject, &workspace, draft)?;
        let mut checkout = Checkout {
            workspace,
            submodules,
            changed: subject.changed.clone(),
            laid_over: BTreeSet::new(),
        };
        if draft.report.revisions.head.dirty {
            let below = match &setting.options.script {
                // A command may use any file.
                Some(_) => vec![String::new()],
                None => subject.project.roots(),
            };
            let uncommitted = overlay::lay_working_tree_over(git, &below, checkout.worktrees().head)?;
            checkout.changed.extend(uncommitted);
            checkout.laid_over.extend(checkout.changed.iter().cloned());
        }
        let generated = overlay::copy_generated(git, &subject.project, checkout.worktrees())?;
        for path in &generated {
            draft.warn(
                WarningCode::GeneratedFileCopied,
                &format!("`{path}`, which git ignores, was copied from the working tree into both worktrees"),
                None,
            );
        }
        checkout.laid_over.extend(generated);
        setting.go_on()?;
        Ok(checkout)
    }

    pub(crate) fn worktrees(&self) -> PerSide<&Path> {
        PerSide::new(
            self.workspace.worktree(Side::Base),
            self.workspace.worktree(Side::Head),
        )
    }

    /// Copies the files that the user injects into both worktrees.
    pub(crate) fn inject(&mut self, setting: &Setting<'_>, subject: &Subject) -> anyhow::Result<()> {
        let Subject { files, project, .. } = subject;
        let worktrees = self.worktrees();
        let injected = overlay::inject(
            setting.git,
            setting.options,
            setting.config,
            project,
            files,
            worktrees,
        )?;
        self.laid_over.extend(injected);
        Ok(())
    }

    /// Removes everything, and warns of what could not be removed.
    pub(crate) fn close(self, git: &Git, draft: &mut Draft) {
        let left = self.workspace.close(git);
        if !left.is_empty() {
            let paths: Vec<String> = left.iter().map(|path| path.display().to_string()).collect();
            let words = format!("could not be removed: {}", paths.join(", "));
            let hint = "`deadheat clean` tries again";
            draft.warn(WarningCode::LeftBehind, &words, Some(hint));
            // A run that ended with an error may give no report.
            terminal::print_note(&terminal::harmless(&format!("warning: {words}; {hint}")));
        }
    }
}

/// Removes the remains of earlier runs; a failure does not stop this run.
fn sweep(git: &Git, draft: &mut Draft, progress: &mut Progress) {
    match workspace::sweep(git, Kept::Spare) {
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
                terminal::whole_message(&error)
            ),
            Some("`deadheat clean` tries again"),
        ),
    }
}

/// Returns all files at either revision, and the paths that differ.
fn files_of(
    git: &Git,
    revisions: &PerSide<Revision>,
    trees: &PerSide<Tree>,
) -> anyhow::Result<(Files, BTreeSet<String>)> {
    let changed = git.changed_paths(&revisions.base.commit, &revisions.head.commit)?;
    let mut changed: BTreeSet<String> = changed.into_iter().collect();
    let inside = trees.base.differences_in_submodules(&trees.head);
    changed.extend(inside.map(str::to_owned));
    let entries = trees.base.entries.iter().chain(&trees.head.entries);
    let mut paths: BTreeSet<String> = entries.map(|entry| entry.path.clone()).collect();
    if revisions.head.dirty {
        paths.extend(git.untracked_paths(Untracked::NotIgnored, &[String::new()])?);
    }
    Ok((Files::new(paths), changed))
}

/// The beginning of the file that stands in for a large one.
const POINTER: &[u8] = b"version https://git-lfs.github.com/spec/";

/// Warns of pointers: where git LFS is not set up, a checkout has texts of a few lines in place of data.
fn warn_of_pointers(
    git: &Git,
    subject: &Subject,
    workspace: &Workspace,
    draft: &mut Draft,
) -> anyhow::Result<()> {
    let may_have = |path: &str| path == ".gitattributes" || path.ends_with("/.gitattributes");
    if !subject.files.below("").any(may_have) {
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
    draft.warn(
        WarningCode::LargeFilePointers,
        &format!("`{}`{more} is in the worktrees as a pointer of git LFS, without its content", shown(first)),
        Some("`git lfs install` and `git lfs fetch --all` bring the content; --inject PATH takes the working tree's"),
    );
    Ok(())
}

/// Writes the submodules into the worktrees, and returns them. A missing one is an error where the project needs it, as
/// far as that is known.
fn populate_submodules(
    setting: &Setting<'_>,
    subject: &Subject,
    workspace: &Workspace,
    draft: &mut Draft,
) -> anyhow::Result<PerSide<Vec<Present>>> {
    let mut written = PerSide::<Vec<Present>>::default();
    for side in Side::BOTH {
        let (present, absent) = submodules::populate(
            setting.git,
            subject.trees.get(side),
            workspace.worktree(side),
            side,
            workspace.folder(),
        )?;
        *written.get_mut(side) = present;
        for absent in absent {
            let path = &absent.submodule.path;
            let holds_code = subject.project.roots().iter().any(|root| {
                crate::system::paths::is_inside(root, path) || crate::system::paths::is_inside(path, root)
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
