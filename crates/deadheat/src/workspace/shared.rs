//! A run's folder that several processes of this machine use, one after the other or at once. Each holds its lock while
//! it uses it; when none does, any run of deadheat may remove it, and the next process makes it again.

use std::fs::{self, File, OpenOptions};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::Context;
use rustix::fs::{FlockOperation, flock};

use crate::error::Failure;
use crate::system::command::Deadline;
use crate::workspace::{LOCK_FILE, Workspace, remove_run, runs_folder};

/// The interval at which a wait for another process looks again.
const LOOK: Duration = Duration::from_millis(50);
/// A folder that has had no lock for this long is not being made: the process that began it was killed.
const LONG_WITHOUT_LOCK: Duration = Duration::from_secs(10);
/// The time that processes which use the folder have to end before it is removed.
const GRACE: Duration = Duration::from_secs(10);

/// The folder of this name in the cache.
pub(crate) struct SharedFolder(PathBuf);

/// The state in which a process finds the folder.
pub(crate) enum Turn {
    /// Another process has made it; it stays for as long as this lock lives.
    Made(File),
    /// It is empty, and this process is to fill it.
    ToBeMade(Box<Workspace>),
}

impl SharedFolder {
    pub(crate) fn named(name: &str) -> anyhow::Result<Self> {
        let runs = runs_folder()?;
        let cannot = || format!("cannot write to the cache folder {}", runs.display());
        fs::create_dir_all(&runs).with_context(cannot)?;
        Ok(SharedFolder(fs::canonicalize(&runs)?.join(name)))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// Waits until the folder is there or to be made. It is complete when it holds the file `done`.
    pub(crate) fn turn(&self, done: &str, limits: &Deadline) -> anyhow::Result<Turn> {
        let began = Instant::now();
        loop {
            limits.check()?;
            if fs::create_dir(&self.0).is_ok() {
                return Ok(Turn::ToBeMade(Box::new(Workspace::locked(self.0.clone())?)));
            }
            match self.lock() {
                Some(lock) if self.0.join(done).is_file() => return Ok(Turn::Made(lock)),
                // Its maker has died.
                Some(_) => self.remove(limits)?,
                None if began.elapsed() > LONG_WITHOUT_LOCK && !self.0.join(LOCK_FILE).exists() => {
                    remove_run(&self.0).context("cannot remove the remains of another process")?;
                }
                None => std::thread::sleep(LOOK),
            }
        }
    }

    /// Returns the lock, if nobody is making or removing the folder.
    fn lock(&self) -> Option<File> {
        let lock = OpenOptions::new().read(true).open(self.0.join(LOCK_FILE)).ok()?;
        flock(&lock, FlockOperation::NonBlockingLockShared).ok()?;
        // It may have been removed in between.
        self.0.join(LOCK_FILE).exists().then_some(lock)
    }

    /// Removes the folder when nobody uses it any more.
    pub(crate) fn remove(&self, limits: &Deadline) -> anyhow::Result<()> {
        let until = Instant::now() + GRACE;
        while let Ok(lock) = OpenOptions::new().read(true).open(self.0.join(LOCK_FILE)) {
            if flock(&lock, FlockOperation::NonBlockingLockExclusive).is_ok() {
                return remove_run(&self.0).with_context(|| format!("cannot remove {}", self.0.display()));
            }
            if Instant::now() > until {
                let folder = self.0.display();
                return Err(Failure::tool(format!("{folder} is still in use"))
                    .hint("`deadheat clean` removes it later")
                    .into());
            }
            limits.check()?;
            std::thread::sleep(LOOK);
        }
        Ok(())
    }
}
