//! The cores that other runs of deadheat measure on: each run locks its core's file in the cache folder.

use std::fs::{self, File};
use std::os::unix::fs::OpenOptionsExt;
use std::sync::Arc;

use rustix::fs::{FlockOperation, OFlags, flock};

use crate::system::cache::cache_folder;
use crate::system::machine::suffix;

/// The lock of one core, which other runs see for as long as a clone of this lives. Without a core, or where the cache
/// folder cannot be used (which is reported elsewhere), there is no lock.
#[derive(Clone, Debug, Default)]
pub(crate) struct CoreLock(Option<Arc<File>>);

impl CoreLock {
    pub(crate) fn of(core: usize) -> Self {
        let file = open_lock(core);
        if let Some(file) = &file {
            // Another run that is only checking releases it at once; the next check then takes it.
            let _ = flock(file, FlockOperation::NonBlockingLockShared);
        }
        CoreLock(file.map(Arc::new))
    }

    /// Returns the lock of a core that no other run uses, which keeps other runs from choosing it.
    pub(crate) fn alone_on(core: usize) -> Option<Self> {
        let file = open_lock(core)?;
        flock(&file, FlockOperation::NonBlockingLockExclusive).ok()?;
        Some(CoreLock(Some(Arc::new(file))))
    }

    /// Whether another run uses the same core at this moment.
    pub(crate) fn is_shared(&self) -> bool {
        let Some(file) = &self.0 else {
            return false;
        };
        // If it can be locked exclusively, no other run holds it; then it is shared again.
        let is_alone = flock(file, FlockOperation::NonBlockingLockExclusive).is_ok();
        let is_held = flock(file, FlockOperation::NonBlockingLockShared).is_ok();
        !is_alone || !is_held
    }
}

fn open_lock(core: usize) -> Option<File> {
    let folder = cache_folder().ok()?.join("cores");
    fs::create_dir_all(&folder).ok()?;
    let path = folder.join(format!("{core}{}.lock", suffix()));
    let mut options = File::options();
    // Opening whatever lies in its place must not block.
    options.custom_flags(OFlags::NONBLOCK.bits() as i32);
    let made = options.clone().create(true).append(true).open(&path);
    // Another user's file may be read-only.
    made.or_else(|_| options.read(true).open(&path)).ok()
}
