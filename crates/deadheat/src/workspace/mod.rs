//! The folder of one run in the user's cache: two worktrees and the workers' logs. Removed when the run ends, also after
//! an error; after a kill, the next run or `deadheat clean` removes it.

pub(crate) mod checkout;
pub(crate) mod overlay;
pub(crate) mod shared;

use std::ffi::OsStr;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use anyhow::Context;
use deadheat_core::model::{PerSide, Side};
use deadheat_core::text::plain_lines;
use rustix::fs::{FlockOperation, flock};
use serde::{Deserialize, Serialize};

use crate::error::Failure;
use crate::git::Git;
use crate::git::worktrees::{WorktreeLock, admin_folder};
use crate::system::cache::cache_folder;
use crate::system::files::{remove_tree, tail_of};
use crate::system::terminal;

fn runs_folder() -> Result<PathBuf, Failure> {
    Ok(cache_folder()?.join("runs"))
}

/// Returns a message with the repository's own paths.
pub(crate) fn without_checkouts(message: &str, checkouts: PerSide<&Path>) -> String {
    let folders = Side::BOTH.map(|side| format!("{}/", checkouts.get(side).display()));
    folders
        .iter()
        .fold(message.to_owned(), |message, folder| message.replace(folder, ""))
}

/// Returns the end of a command's output, without the path of a checkout that is gone when it is read.
pub(crate) fn end_of_output(log: &Path, worktree: &Path) -> String {
    let words = tail_of(log);
    if words.trim().is_empty() {
        return "It printed nothing.".to_owned();
    }
    let worktree = format!("{}/", worktree.display());
    format!("The end of its output:\n\n{}", words.replace(&worktree, ""))
}

/// The owner of a run folder, written into it so that another process knows whose it is.
#[derive(Serialize, Deserialize)]
struct Owner {
    repository: PathBuf,
    process: u32,
    kept: bool,
}

const OWNER_FILE: &str = "owner.json";
const LOCK_FILE: &str = "lock";
/// A folder that has had no lock for this long is not being created: the process that began it was killed.
const LONG_WITHOUT_LOCK: Duration = Duration::from_secs(10 * 60);

/// The checkout of one revision, which removes itself when it is dropped.
#[derive(Debug)]
pub(crate) struct Worktree {
    git: Git,
    path: PathBuf,
    kept: bool,
    hold: Option<WorktreeLock>,
}

impl Worktree {
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Worktree {
    fn drop(&mut self) {
        if !self.kept {
            remove_checkout(&self.git, &self.path);
        }
        drop(self.hold.take());
    }
}

/// Removes a worktree by name, never by `git worktree prune`, which would also drop the user's entries on a disk that
/// is not mounted.
fn remove_checkout(git: &Git, path: &Path) {
    // A note for the next sweep: git removes the worktree first, and a kill may leave an entry without the file that
    // names it.
    let note = path.with_extension("entry");
    let entry = admin_folder(path).or_else(|| {
        // The code that ran in the worktree may have removed the `.git` file that names its entry.
        let all = git.common_directory().ok()?.join("worktrees");
        let entries = fs::read_dir(all).ok()?.flatten().map(|entry| entry.path());
        entries.into_iter().find(|entry| stands_for(entry, path))
    });
    let entry = match entry {
        Some(entry) => {
            let _ = fs::write(&note, entry.as_os_str().as_bytes());
            Some(entry)
        }
        None => fs::read(&note)
            .ok()
            .map(|bytes| PathBuf::from(OsStr::from_bytes(&bytes))),
    };
    if git.remove_worktree(path).is_err() {
        let _ = remove_tree(path);
        // When git itself undoes a failed checkout, it leaves the folder of the entries, which it would not miss.
        let _ = git
            .common_directory()
            .map(|common| fs::remove_dir(common.join("worktrees")));
        // git refuses if the checkout was never finished; its entry names its worktree.
        if let Some(entry) = entry
            && (stands_for(&entry, path) || is_half_removed(&entry))
        {
            let _ = fs::remove_dir_all(&entry);
            let _ = entry.parent().map(fs::remove_dir);
        }
    }
}

/// Whether git was stopped while it removed an entry: one that is being made has the reason for its lock at once.
fn is_half_removed(entry: &Path) -> bool {
    let lacks = |name: &str| fs::symlink_metadata(entry.join(name)).is_err();
    entry.is_dir() && lacks("gitdir") && lacks("locked")
}

fn stands_for(entry: &Path, worktree: &Path) -> bool {
    fs::read_to_string(entry.join("gitdir")).is_ok_and(|text| Path::new(text.trim()) == worktree.join(".git"))
}

/// Removes a run's folder, its lock last: while the lock exists, a process that finds the folder knows that it is one
/// to remove.
fn remove_run(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)?.flatten() {
        let path = entry.path();
        if !entry.file_type()?.is_dir() {
            if entry.file_name() != LOCK_FILE {
                fs::remove_file(&path)?;
            }
        } else {
            remove_tree(&path)?;
        }
    }
    match fs::remove_file(folder.join(LOCK_FILE)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    fs::remove_dir(folder)
}

/// The folder of the run, locked for as long as the run lives.
#[derive(Debug)]
pub(crate) struct Workspace {
    // Dropped in this order: the worktrees first, while their folder is still there.
    worktrees: Option<PerSide<Worktree>>,
    folder: PathBuf,
    kept: bool,
    lock: File,
}

impl Workspace {
    pub(crate) fn create(git: &Git) -> anyhow::Result<Self> {
        let runs = runs_folder()?;
        for folder in [git.top(), &runs] {
            // Python and the records of the run hold the path as text.
            if folder.to_str().is_none() {
                return Err(
                    Failure::usage(format!("the path {} is not valid UTF-8", folder.display()))
                        .hint("rename the folder, or set XDG_CACHE_HOME if it is the cache folder")
                        .into(),
                );
            }
        }
        let problem = |error: std::io::Error| {
            Failure::tool(format!(
                "cannot write to the cache folder {}: {error}",
                runs.display()
            ))
            .hint("make it writable, or set XDG_CACHE_HOME to a folder that is")
        };
        fs::create_dir_all(&runs).map_err(problem)?;
        // Resolved, because the worker compares the paths of modules with it.
        let runs = fs::canonicalize(&runs).map_err(problem)?;
        let folder = tempfile::Builder::new()
            .prefix("run-")
            .rand_bytes(8)
            .tempdir_in(&runs)
            .map_err(problem)?
            .keep();
        let workspace = Self::locked(folder).map_err(problem)?;
        workspace.write_owner(git, false)?;
        Ok(workspace)
    }

    /// Locks a new, empty folder.
    fn locked(folder: PathBuf) -> io::Result<Self> {
        // Locked before it has its name: a sweep that finds the name finds it locked.
        let unnamed = folder.join("lock.new");
        let lock = File::create(&unnamed)?;
        flock(&lock, FlockOperation::NonBlockingLockExclusive)?;
        fs::rename(&unnamed, folder.join(LOCK_FILE))?;
        let workspace = Workspace {
            worktrees: None,
            folder,
            kept: false,
            lock,
        };
        fs::create_dir(workspace.logs())?;
        Ok(workspace)
    }

    /// Leaves the folder to all processes that hold its lock, and returns the lock.
    pub(crate) fn share(mut self) -> anyhow::Result<File> {
        self.leave_worktrees();
        let lock = self.lock.try_clone()?;
        flock(&lock, FlockOperation::LockShared)?;
        Ok(lock)
    }

    fn leave_worktrees(&mut self) {
        self.kept = true;
        if let Some(worktrees) = &mut self.worktrees {
            worktrees.base.kept = true;
            worktrees.head.kept = true;
        }
    }

    pub(crate) fn write_owner(&self, git: &Git, kept: bool) -> anyhow::Result<()> {
        let owner = Owner {
            repository: git.top().to_owned(),
            process: std::process::id(),
            kept,
        };
        fs::write(self.folder.join(OWNER_FILE), serde_json::to_vec(&owner)?)
            .with_context(|| format!("cannot write to {}", self.folder.display()))
    }

    pub(crate) fn check_out(&mut self, git: &Git, commits: PerSide<&str>) -> anyhow::Result<()> {
        let worktrees = PerSide::try_from_fn(|side| {
            // Both names have four letters: paths of equal length lay out a process's memory alike.
            let path = self.folder.join(side.to_string());
            let mut worktree = Worktree {
                git: git.afterwards(),
                path,
                kept: false,
                hold: None,
            };
            worktree.hold = git
                .add_worktree(&worktree.path, commits.get(side), &self.lock)
                .with_context(|| format!("cannot check out {side}"))?;
            anyhow::Ok(worktree)
        })?;
        self.worktrees = Some(worktrees);
        Ok(())
    }

    /// Returns this side's worktree. Must come after [`Workspace::check_out`].
    pub(crate) fn worktree(&self, side: Side) -> &Path {
        self.worktrees
            .as_ref()
            .expect("the worktrees are checked out first")
            .get(side)
            .path()
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    pub(crate) fn logs(&self) -> PathBuf {
        self.folder.join("logs")
    }

    /// Leaves everything where it is until `deadheat clean`.
    pub(crate) fn keep(&mut self, git: &Git) -> anyhow::Result<()> {
        self.write_owner(git, true)?;
        self.leave_worktrees();
        Ok(())
    }

    /// Removes the run's folder now, and returns what could not be removed.
    pub(crate) fn close(mut self, git: &Git) -> Vec<PathBuf> {
        if self.kept {
            return Vec::new();
        }
        let _ = self.remove();
        let mut left: Vec<PathBuf> = git
            .afterwards()
            .worktree_paths()
            .unwrap_or_default()
            .into_iter()
            .filter(|path| path.starts_with(&self.folder))
            .collect();
        if self.folder.exists() {
            left.push(self.folder.clone());
        }
        // The caller reports what is left.
        self.kept = true;
        left
    }

    fn remove(&mut self) -> io::Result<()> {
        self.worktrees = None;
        remove_run(&self.folder)
    }
}

impl Drop for Workspace {
    fn drop(&mut self) {
        if !self.kept
            && let Err(error) = self.remove()
            && self.folder.exists()
        {
            let folder = plain_lines(&self.folder.display().to_string());
            terminal::print_note(&format!(
                "warning: {folder} could not be removed: {error}; `deadheat clean` tries again"
            ));
        }
    }
}

/// The treatment of kept runs by [`sweep`], in addition to killed ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kept {
    Spare,
    Remove,
}

/// Removes the folders and worktrees of runs that are over, and returns their folders. Those of runs that are still
/// going are never touched: their lock is held. In the repository at hand, it also removes the entries that such runs
/// left and whose folders are gone, wherever those were.
pub(crate) fn sweep(here: &Git, kept: Kept) -> anyhow::Result<Vec<PathBuf>> {
    let mut removed = sweep_runs(here, kept)?;
    removed.extend(here.remove_abandoned_entries()?);
    Ok(removed)
}

fn sweep_runs(like: &Git, kept: Kept) -> anyhow::Result<Vec<PathBuf>> {
    let mut removed = Vec::new();
    let Ok(entries) = fs::read_dir(runs_folder()?) else {
        return Ok(removed);
    };
    for entry in entries.flatten() {
        let folder = entry.path();
        let problem = || format!("cannot remove {}", folder.display());
        let lock = match OpenOptions::new().read(true).open(folder.join(LOCK_FILE)) {
            Ok(lock) => lock,
            Err(_) if is_long_without_lock(&folder) => {
                remove_run(&folder).with_context(problem)?;
                removed.push(folder);
                continue;
            }
            // It is being created, or being removed.
            Err(_) => continue,
        };
        if flock(&lock, FlockOperation::NonBlockingLockExclusive).is_err() {
            continue;
        }
        let owner: Option<Owner> = fs::read(folder.join(OWNER_FILE))
            .ok()
            .and_then(|bytes| serde_json::from_slice(&bytes).ok());
        if owner.as_ref().is_some_and(|owner| owner.kept) && kept == Kept::Spare {
            continue;
        }
        if let Some(owner) = owner
            && owner.repository.is_dir()
        {
            let git = Git::at(&owner.repository, like);
            for side in Side::BOTH {
                remove_checkout(&git, &folder.join(side.to_string()));
            }
        }
        remove_run(&folder).with_context(problem)?;
        removed.push(folder);
    }
    Ok(removed)
}

fn is_long_without_lock(folder: &Path) -> bool {
    let changed = fs::symlink_metadata(folder)
        .ok()
        .filter(fs::Metadata::is_dir)
        .and_then(|metadata| metadata.modified().ok());
    let age = changed.and_then(|changed| SystemTime::now().duration_since(changed).ok());
    age.is_some_and(|age| age > LONG_WITHOUT_LOCK)
}
