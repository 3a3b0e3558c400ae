//! The data kept between runs in the user's cache folder: environments, builds, submodules. Each entry is found by its
//! inputs, made by one run at a time, and removed by `deadheat clean` unless a run uses it.

use std::fs::{self, File, OpenOptions};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::{FlockOperation, flock};
use sha2::{Digest, Sha256};

use crate::error::Failure;
use crate::system::command::Deadline;
use crate::system::files;

/// Returns `$XDG_CACHE_HOME/deadheat`, else `~/.cache/deadheat`; on macOS `~/Library/Caches/deadheat`.
pub(crate) fn cache_folder() -> Result<PathBuf, Failure> {
    let set = |name: &str| {
        std::env::var_os(name)
            .map(PathBuf::from)
            .filter(|path| path.is_absolute())
    };
    if let Some(cache) = set("XDG_CACHE_HOME") {
        return Ok(cache.join("deadheat"));
    }
    let home = set("HOME").ok_or_else(|| {
        Failure::tool("no cache folder: neither XDG_CACHE_HOME nor HOME is set").hint("set HOME")
    })?;
    Ok(if cfg!(target_os = "macos") {
        home.join("Library/Caches/deadheat")
    } else {
        home.join(".cache/deadheat")
    })
}

/// The folder of the comparisons that this machine measures for another one; `python/deadheat/cluster.py` writes them.
const PLANS: &str = "plans";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Environments,
    Builds,
    Submodules,
}

impl Kind {
    const ALL: [Kind; 3] = [Kind::Environments, Kind::Builds, Kind::Submodules];

    fn folder(self) -> &'static str {
        match self {
            Kind::Environments => "environments",
            Kind::Builds => "builds",
            Kind::Submodules => "submodules",
        }
    }
}

/// Returns a name for the product of `parts`, in this order.
pub(crate) fn key<B: AsRef<[u8]>>(parts: impl IntoIterator<Item = B>) -> String {
    let mut hasher = Sha256::new();
    for part in parts {
        let part = part.as_ref();
        // With its length, so that no two lists of parts give the same bytes.
        hasher.update((part.len() as u64).to_le_bytes());
        hasher.update(part);
    }
    let digest = hasher.finalize();
    digest[..10].iter().map(|byte| format!("{byte:02x}")).collect()
}

/// One entry, held for as long as this lives. No other run can have it until it is ready; then others can
/// also use it.
#[derive(Debug)]
pub(crate) struct Entry {
    folder: PathBuf,
    lock: File,
}

/// The file that is written last, when an entry is complete.
const READY_FILE: &str = "ready";
/// The interval at which a wait for another run looks again.
const LOOK: Duration = Duration::from_millis(100);

impl Entry {
    /// Opens an entry that no other run has, ready or not.
    pub(crate) fn open(kind: Kind, key: &str) -> Result<Self, Failure> {
        let entry = Self::find(kind, key)?;
        flock(&entry.lock, FlockOperation::LockExclusive)
            .map_err(|error| cannot_use(&entry.folder, error.into()))?;
        entry.make_folder()?;
        Ok(entry)
    }

    /// Returns an entry that is ready and stays so for as long as this lives; otherwise one that no other run
    /// has, to be made ready. Waits while another run makes it.
    pub(crate) fn use_or_make(
        kind: Kind,
        key: &str,
        limits: &Deadline,
        say: &mut dyn FnMut(&str),
    ) -> Result<Self, Failure> {
        let mut is_said = false;
        loop {
            let entry = Self::find(kind, key)?;
            if flock(&entry.lock, FlockOperation::NonBlockingLockShared).is_ok() && entry.is_ready() {
                log::debug!("{} {key}: made by an earlier run", kind.folder());
                return Ok(entry);
            }
            // Another run may make it ready, or remove its folder, between the two locks.
            if flock(&entry.lock, FlockOperation::NonBlockingLockExclusive).is_ok() {
                if entry.is_ready() {
                    continue;
                }
                entry.make_folder()?;
                log::debug!("{} {key}: to be made", kind.folder());
                return Ok(entry);
            }
            limits.check()?;
            if !is_said {
                is_said = true;
                say(&format!(
                    "waiting for another run that is making it ({})",
                    kind.folder()
                ));
            }
            std::thread::sleep(LOOK);
        }
    }

    fn find(kind: Kind, key: &str) -> Result<Self, Failure> {
        let all = cache_folder()?.join(kind.folder());
        fs::create_dir_all(&all).map_err(|error| cannot_use(&all, error))?;
        let all = fs::canonicalize(&all).map_err(|error| cannot_use(&all, error))?;
        // Next to the folder, so that it stays when the folder is made again.
        let lock = OpenOptions::new()
            .create(true)
            .append(true)
            .open(all.join(format!("{key}.lock")))
            .map_err(|error| cannot_use(&all, error))?;
        Ok(Entry {
            folder: all.join(key),
            lock,
        })
    }

    fn make_folder(&self) -> Result<(), Failure> {
        fs::create_dir_all(&self.folder).map_err(|error| cannot_use(&self.folder, error))
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    pub(crate) fn is_ready(&self) -> bool {
        self.folder.join(READY_FILE).exists()
    }

    /// Removes the leftovers of an earlier attempt.
    pub(crate) fn empty(&self) -> Result<(), Failure> {
        files::remove_tree(&self.folder).map_err(|error| cannot_use(&self.folder, error))?;
        self.make_folder()
    }

    /// Marks the entry as complete: from now on others can use it.
    pub(crate) fn set_ready(&self) -> Result<(), Failure> {
        let problem = |error| cannot_use(&self.folder, error);
        File::create(self.folder.join(READY_FILE)).map_err(problem)?;
        flock(&self.lock, FlockOperation::LockShared).map_err(|error| problem(error.into()))
    }
}

fn cannot_use(folder: &Path, error: std::io::Error) -> Failure {
    Failure::tool(format!(
        "cannot use the cache folder {}: {error}",
        folder.display()
    ))
    .hint("make it writable, or set XDG_CACHE_HOME to a folder that is")
}

/// Removes all entries that no run uses, and returns their folders.
pub(crate) fn clear() -> Result<Vec<PathBuf>, Failure> {
    let mut removed = Vec::new();
    for kind in Kind::ALL {
        let all = cache_folder()?.join(kind.folder());
        let Ok(entries) = fs::read_dir(&all) else {
            continue;
        };
        for path in entries.flatten().map(|entry| entry.path()) {
            if path.extension().is_none_or(|extension| extension != "lock") {
                continue;
            }
            let Ok(lock) = File::open(&path) else { continue };
            if flock(&lock, FlockOperation::NonBlockingLockExclusive).is_err() {
                continue;
            }
            let folder = path.with_extension("");
            if folder.exists() {
                files::remove_tree(&folder).map_err(|error| cannot_use(&folder, error))?;
                removed.push(folder);
            }
            // The lock file stays: a run that waits for it would otherwise hold a lock that no other run
            // sees.
        }
    }
    // Left by runs that were killed; those that are not write theirs again.
    let plans = fs::read_dir(cache_folder()?.join(PLANS)).into_iter().flatten();
    for path in plans.flatten().map(|plan| plan.path()) {
        fs::remove_file(&path).map_err(|error| cannot_use(&path, error))?;
        removed.push(path);
    }
    Ok(removed)
}

#[cfg(test)]
mod tests {
    use super::key;

    #[test]
    fn keys_tell_lists_of_parts_apart() {
        assert_eq!(key(["a", "b"]), key(["a", "b"]));
        assert_ne!(key(["a", "b"]), key(["ab", ""]));
        assert_ne!(key(["a", "b"]), key(["b", "a"]));
        assert_eq!(key(["a"]).len(), 20);
    }
}
