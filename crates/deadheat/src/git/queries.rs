//! Queries about commits, trees and files.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use crate::error::Failure;
use crate::git::{Git, split_nul};

/// One entry of a commit's tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TreeEntry {
    pub(crate) mode: String,
    pub(crate) object: String,
    pub(crate) path: String,
}

impl TreeEntry {
    pub(crate) fn is_submodule(&self) -> bool {
        self.mode == "160000"
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Untracked {
    NotIgnored,
    Ignored,
}

impl Git {
    /// Returns the hash of a commit's tree, which stands for all of its files.
    pub(crate) fn tree_hash(&self, commit: &str) -> anyhow::Result<String> {
        let tree = self.line(["rev-parse", "--verify", "--quiet", &format!("{commit}^{{tree}}")])?;
        tree.ok_or_else(|| Failure::tool(format!("git does not find the files of {commit}")).into())
    }

    /// Returns the full hash of the commit that a ref names. A ref whose object git cannot read is an error.
    pub(crate) fn commit(&self, name: &str) -> anyhow::Result<Option<String>> {
        let verify =
            |object: &str| self.line(["rev-parse", "--verify", "--quiet", "--end-of-options", object]);
        let commit = verify(&format!("{name}^{{commit}}"))?;
        if commit.is_some() {
            return Ok(commit);
        }
        match verify(name)? {
            Some(object) if object != name && self.line(["cat-file", "-t", &object]).is_err() => Err(
                Failure::tool(format!("git cannot read {object}, which `{name}` names"))
                    .hint("`git fsck` lists damaged objects; `git fetch` gets missing ones")
                    .into(),
            ),
            _ => Ok(None),
        }
    }

    /// Returns the names of branches, remote branches and tags, for "did you mean".
    pub(crate) fn ref_names(&self) -> anyhow::Result<Vec<String>> {
        let names = self.run([
            "for-each-ref",
            "--format=%(refname:short)",
            "refs/heads",
            "refs/remotes",
            "refs/tags",
        ])?;
        Ok(String::from_utf8_lossy(&names)
            .lines()
            .map(str::to_owned)
            .collect())
    }

    pub(crate) fn tree(&self, commit: &str) -> anyhow::Result<Vec<TreeEntry>> {
        let listing = self.run(["ls-tree", "-r", "-z", "--full-tree", commit])?;
        Ok(split_nul(&listing)
            .filter_map(|entry| {
                // mode SP type SP object TAB path
                let (facts, path) = entry.split_once('\t')?;
                let mut facts = facts.split(' ');
                Some(TreeEntry {
                    mode: facts.next()?.to_owned(),
                    object: facts.nth(1)?.to_owned(),
                    path: path.to_owned(),
                })
            })
            .collect())
    }

    /// Returns the paths that differ between two commits.
    pub(crate) fn changed_paths(&self, base: &str, head: &str) -> anyhow::Result<Vec<String>> {
        let listing = self.run(["diff-tree", "-r", "-z", "--name-only", "--no-renames", base, head])?;
        Ok(split_nul(&listing).collect())
    }

    /// Returns the tracked paths whose content in the working tree differs from `HEAD`.
    pub(crate) fn uncommitted_paths(&self) -> anyhow::Result<Vec<String>> {
        let listing = self.run([
            "diff",
            "--name-only",
            "-z",
            "--no-renames",
            "--no-ext-diff",
            "HEAD",
            "--",
        ])?;
        Ok(split_nul(&listing).collect())
    }

    /// Returns all paths that the working tree's next commit could have: the tracked ones, and those that git would
    /// add.
    pub(crate) fn working_paths(&self) -> anyhow::Result<Vec<String>> {
        let listing = self.run(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])?;
        Ok(split_nul(&listing).collect())
    }

    /// Returns a file's bytes in a commit; `None` if it has no such file.
    pub(crate) fn file(&self, commit: &str, path: &str) -> anyhow::Result<Option<Vec<u8>>> {
        Ok(self
            .ask(["cat-file", "blob", &format!("{commit}:{path}")])?
            .stdout)
    }

    /// Returns the blob that git would make of a text if it were the file at `path`; nothing is written.
    pub(crate) fn blob_of_text(&self, path: &str, text: &Path) -> anyhow::Result<Option<String>> {
        self.line(["hash-object", "--path", path, "--", &text.display().to_string()])
    }

    /// Returns the blob of a commit's file.
    pub(crate) fn blob(&self, commit: &str, path: &str) -> anyhow::Result<Option<String>> {
        self.line(["rev-parse", "--verify", "--quiet", &format!("{commit}:{path}")])
    }

    /// Whether a merge, a cherry-pick or a rebase waits for a person; not, if git cannot tell.
    pub(crate) fn is_stopped_half_way(&self) -> bool {
        const MARKS: [&str; 4] = ["MERGE_HEAD", "CHERRY_PICK_HEAD", "rebase-merge", "rebase-apply"];
        let directory = self.line(["rev-parse", "--absolute-git-dir"]).ok().flatten();
        directory.is_some_and(|directory| MARKS.iter().any(|mark| Path::new(&directory).join(mark).exists()))
    }

    /// Whether this commit is checked out; not, if git cannot tell.
    pub(crate) fn is_checked_out(&self, commit: &str) -> bool {
        self.commit("HEAD")
            .is_ok_and(|head| head.as_deref() == Some(commit))
    }

    pub(crate) fn is_ancestor(&self, commit: &str, of: &str) -> anyhow::Result<bool> {
        Ok(self.line(["merge-base", commit, of])?.as_deref() == Some(commit))
    }

    /// Returns the untracked paths below some folders: those that git would add, or those that it ignores.
    pub(crate) fn untracked_paths(&self, kind: Untracked, below: &[String]) -> anyhow::Result<Vec<String>> {
        if below.is_empty() {
            return Ok(Vec::new());
        }
        let mut arguments = vec!["ls-files", "-z", "--others", "--exclude-standard"];
        if kind == Untracked::Ignored {
            arguments.push("--ignored");
        }
        arguments.push("--");
        let literal: Vec<String> = below.iter().map(|path| format!(":(top,literal){path}")).collect();
        arguments.extend(literal.iter().map(String::as_str));
        let listing = self.run(arguments)?;
        Ok(split_nul(&listing).collect())
    }

    /// Returns every file of the working tree that is tracked, or that git would add.
    pub(crate) fn working_tree_paths(&self) -> anyhow::Result<Vec<String>> {
        let listing = self.run(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])?;
        Ok(split_nul(&listing)
            .filter(|path| self.top.join(path).symlink_metadata().is_ok())
            .collect())
    }

    /// Whether git ignores a path (relative to the top).
    pub(crate) fn ignores(&self, path: &str) -> anyhow::Result<bool> {
        Ok(self
            .ask(["check-ignore", "--quiet", "--", path])?
            .stdout
            .is_some())
    }

    /// Returns the git directory that all checkouts of the repository share.
    pub(crate) fn common_directory(&self) -> anyhow::Result<PathBuf> {
        let line = self.run(["rev-parse", "--path-format=absolute", "--git-common-dir"])?;
        let line = line.strip_suffix(b"\n").unwrap_or(&line);
        Ok(PathBuf::from(OsStr::from_bytes(line)))
    }

    /// Returns the git directory of the checkout in a folder of this one, if that has its own.
    pub(crate) fn directory_of(&self, path: &str) -> anyhow::Result<Option<PathBuf>> {
        let folder = self.top.join(path);
        if !folder.join(".git").exists() {
            return Ok(None);
        }
        let there = Git::at(&folder, self);
        Ok(there
            .line(["rev-parse", "--absolute-git-dir"])?
            .map(PathBuf::from))
    }

    /// Returns the `submodule.*` settings of a commit's `.gitmodules`: name and value.
    pub(crate) fn submodule_settings(&self, commit: &str) -> anyhow::Result<Vec<(String, String)>> {
        let blob = format!("{commit}:.gitmodules");
        let answer = self.ask([
            "config",
            "--null",
            "--blob",
            &blob,
            "--get-regexp",
            "^submodule\\.",
        ])?;
        let listing = answer.stdout.unwrap_or_default();
        Ok(split_nul(&listing)
            .filter_map(|entry| {
                let (name, value) = entry.split_once('\n')?;
                Some((name.to_owned(), value.to_owned()))
            })
            .collect())
    }

    /// Writes all files of a commit into this checkout's folder. Neither the repository's index nor its `HEAD` is
    /// touched: `index` is a file to be made for this.
    pub(crate) fn export(&self, commit: &str, index: &Path) -> anyhow::Result<()> {
        let variables = [("GIT_INDEX_FILE", index.as_os_str())];
        for arguments in [
            &["read-tree", commit][..],
            &["checkout-index", "--all", "--force"],
        ] {
            let answer = self.ask_with(&variables, arguments)?;
            if answer.stdout.is_none() {
                let words = answer.stderr.trim();
                return Err(Failure::tool(format!("git {} failed: {words}", arguments.join(" "))).into());
            }
        }
        Ok(())
    }

    /// Restores a tracked file from the index.
    pub(crate) fn restore(&self, path: &str) -> anyhow::Result<()> {
        self.run(["checkout-index", "--force", "--", path]).map(|_| ())
    }

    /// Returns all paths in this checkout that its commit does not have, ignored or not, and those that differ from it.
    pub(crate) fn all_but_committed(&self) -> anyhow::Result<Vec<String>> {
        let others = self.run(["ls-files", "-z", "--others"])?;
        let mut paths: Vec<String> = split_nul(&others).collect();
        paths.extend(self.uncommitted_paths()?);
        Ok(paths)
    }

    /// Whether the clone is shallow: its history is cut off on this machine only.
    pub(crate) fn is_shallow(&self) -> anyhow::Result<bool> {
        Ok(self.line(["rev-parse", "--is-shallow-repository"])?.as_deref() == Some("true"))
    }

    /// Returns the paths whose content git stores elsewhere, by the attributes in this checkout.
    pub(crate) fn large_files(&self) -> anyhow::Result<Vec<String>> {
        let listing = self.run(["ls-files", "-z", "--", ":(attr:filter=lfs)"])?;
        Ok(split_nul(&listing).collect())
    }
}
