//! Worktrees: made, held while they are in use, removed; and their entries in git, where a killed run left them.

use std::collections::HashSet;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use anyhow::Context;
use rustix::fs::{FlockOperation, flock};
use rustix::io::{Errno, retry_on_intr};
use rustix::process::{Pid, test_kill_process};

use crate::error::{Failure, is_stopped};
use crate::git::{Git, LOOK, is_read_only};

/// The beginning of the reason for which our worktrees are locked; the process id follows.
const OUR_REASON: &str = "in use by deadheat, process ";

/// The file of an entry that holds the reason.
const REASON_FILE: &str = "locked";

/// A lock that marks a worktree's entry as in use, for as long as it lives.
#[derive(Debug)]
pub(crate) struct WorktreeLock {
    _reason: File,
}

impl WorktreeLock {
    /// Holds a worktree's entry; `None` if the file system has no locks.
    fn of(worktree: &Path) -> Option<Self> {
        let reason = File::open(admin_folder(worktree)?.join(REASON_FILE)).ok()?;
        // A process that checks whether it is abandoned holds it for a moment.
        retry_on_intr(|| flock(&reason, FlockOperation::LockShared)).ok()?;
        Some(WorktreeLock { _reason: reason })
    }
}

impl Git {
    /// Returns a lock. While it lives, no other deadheat makes or removes a worktree of the repository: git,
    /// which then reads the entries of all worktrees, fails if one is half written. `None` if the file system
    /// has no locks.
    fn alone_with_worktrees(&self) -> anyhow::Result<Option<File>> {
        let directory = File::open(self.common_directory()?).context("cannot read git's folder")?;
        let limits = self.patience.limits();
        loop {
            match flock(&directory, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => return Ok(Some(directory)),
                // A user's hook may be slow in the other run.
                Err(Errno::WOULDBLOCK | Errno::INTR) => {
                    limits.check()?;
                    std::thread::sleep(LOOK);
                }
                Err(_) => return Ok(None),
            }
        }
    }

    /// Adds a worktree. `lock` is the run's: git, which continues if deadheat is killed meanwhile, holds it
    /// until it has ended, so that no other run removes a worktree that it is still making.
    pub(crate) fn add_worktree(
        &self,
        path: &Path,
        commit: &str,
        lock: &File,
    ) -> anyhow::Result<Option<WorktreeLock>> {
        let lock = lock.try_clone().context("cannot hold the run's lock")?;
        let reason = format!("{OUR_REASON}{}", std::process::id());
        let arguments: [&OsStr; 13] = [
            // A benchmark may need any file, even those that the user's sparse checkout leaves out.
            "-c".as_ref(),
            "core.sparseCheckout=false".as_ref(),
            // Relative paths would make git write an extension into the repository's configuration permanently.
            "-c".as_ref(),
            "worktree.useRelativePaths=false".as_ref(),
            "worktree".as_ref(),
            "add".as_ref(),
            "--quiet".as_ref(),
            "--detach".as_ref(),
            "--lock".as_ref(),
            "--reason".as_ref(),
            reason.as_ref(),
            path.as_os_str(),
            commit.as_ref(),
        ];
        let added = {
            let _alone = self.alone_with_worktrees()?;
            self.run_reading(lock.into(), arguments)
                .map(|_| WorktreeLock::of(path))
        };
        added.or_else(|error| {
            if is_stopped(&error) {
                return Err(error);
            }
            let hook = self.line(["rev-parse", "--path-format=absolute", "--git-path", "hooks/post-checkout"])?;
            match (hook, error.downcast::<Failure>()) {
                (Some(hook), Ok(failure)) if Path::new(&hook).is_file() => Err(failure
                    .hint(format!(
                        "git ran your post-checkout hook there ({hook}); it must also exit with 0 in a new \
                         worktree"
                    ))
                    .into()),
                (_, Ok(failure)) if is_read_only(&failure.message) => Err(failure
                    .hint(
                        "git keeps a note of each worktree in .git/worktrees, for as long as the run lasts: compare in a clone \
                         that you may write to",
                    )
                    .into()),
                (_, Ok(failure)) => Err(failure.into()),
                (_, Err(error)) => Err(error),
            }
        })
    }

    /// Removes one worktree, with whatever a run left in it.
    pub(crate) fn remove_worktree(&self, path: &Path) -> anyhow::Result<()> {
        // `--force` twice: once for uncommitted content, once for the lock.
        let arguments: [&OsStr; 5] = [
            "worktree".as_ref(),
            "remove".as_ref(),
            "--force".as_ref(),
            "--force".as_ref(),
            path.as_os_str(),
        ];
        let _alone = self.alone_with_worktrees()?;
        self.run(arguments).map(|_| ())
    }

    /// Removes the entries of our worktrees whose folders are gone, and returns the entries' folders: after a run was
    /// killed, its cache may have been emptied, or the repository moved. Entries of a run that still goes on, in
    /// whatever cache or container, are never removed, because it holds them.
    pub(crate) fn remove_abandoned_entries(&self) -> anyhow::Result<Vec<PathBuf>> {
        let Ok(common) = self.common_directory() else {
            // No repository.
            return Ok(Vec::new());
        };
        let all = common.join("worktrees");
        let abandoned = || -> Vec<PathBuf> {
            let entries = fs::read_dir(&all).into_iter().flatten().flatten();
            entries
                .map(|entry| entry.path())
                .filter(|entry| is_abandoned(entry))
                .collect()
        };
        if abandoned().is_empty() {
            return Ok(Vec::new());
        }
        // While we have this lock, every entry that a run has made is also held by it.
        let _alone = self.alone_with_worktrees()?;
        let entries = abandoned();
        for entry in &entries {
            fs::remove_dir_all(entry).with_context(|| format!("cannot remove {}", entry.display()))?;
        }
        let _ = fs::remove_dir(&all);
        Ok(entries)
    }

    /// Returns the checkouts that git knows of, to see whether one of ours is still among them.
    pub(crate) fn worktree_paths(&self) -> anyhow::Result<HashSet<PathBuf>> {
        let listing = self.run(["worktree", "list", "--porcelain", "-z"])?;
        Ok(listing
            .split(|&byte| byte == 0)
            .filter_map(|line| line.strip_prefix(b"worktree "))
            .map(|path| PathBuf::from(OsStr::from_bytes(path)))
            .collect())
    }
}

/// Returns the `.git/worktrees/NAME` of a worktree, as the worktree itself names it.
pub(crate) fn admin_folder(worktree: &Path) -> Option<PathBuf> {
    let text = fs::read_to_string(worktree.join(".git")).ok()?;
    let folder = PathBuf::from(text.trim().strip_prefix("gitdir: ")?);
    (folder.parent()?.file_name()? == "worktrees").then_some(folder)
}

/// Whether an entry is ours, its process and its worktree are gone, and no process holds it.
fn is_abandoned(entry: &Path) -> bool {
    let Ok(mut reason) = File::open(entry.join(REASON_FILE)) else {
        return false;
    };
    let mut words = String::new();
    let process = match reason.read_to_string(&mut words) {
        Ok(_) => words
            .trim()
            .strip_prefix(OUR_REASON)
            .and_then(|process| process.parse::<i32>().ok()),
        Err(_) => None,
    };
    let is_gone = || match fs::read_to_string(entry.join("gitdir")) {
        Ok(worktree) => fs::symlink_metadata(worktree.trim()).is_err(),
        Err(error) => error.kind() == std::io::ErrorKind::NotFound,
    };
    process.is_some_and(|process| !is_alive(process))
        && is_gone()
        && flock(&reason, FlockOperation::NonBlockingLockExclusive).is_ok()
}

/// Whether a process is alive. Another one may have its id by now: then the entry stays until that one has ended. In a
/// container it is often our own id, which does not count: this process has made no worktree yet.
fn is_alive(process: i32) -> bool {
    let is_own = u32::try_from(process) == Ok(std::process::id());
    let process = Pid::from_raw(process).filter(|_| process > 0);
    !is_own && process.is_some_and(|process| test_kill_process(process) != Err(Errno::SRCH))
}
