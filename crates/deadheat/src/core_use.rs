//! Whether another run of deadheat measures on the same core at the same time: each holds a lock on that core's file in the
//! cache folder.

use std::fs::{self, File};
use std::sync::Arc;

use rustix::fs::{FlockOperation, flock};

use crate::workspace::cache_folder;

/// What one run knows of the others that use its core.
#[derive(Clone, Debug, Default)]
pub(crate) struct CoreUse {
    held: Option<(usize, Arc<File>)>,
    is_shared: bool,
}

impl CoreUse {
    /// Says that this core is used from now on, and looks whether another run does.
    pub(crate) fn look(&mut self, core: usize) {
        if self.held.as_ref().is_none_or(|(held, _)| *held != core) {
            self.held = lock_file(core).map(|file| (core, Arc::new(file)));
        }
        let Some((_, file)) = &self.held else {
            return;
        };
        // Nobody else holds it where it can be had alone; then others may hold it, too, again.
        let is_alone = flock(file, FlockOperation::NonBlockingLockExclusive).is_ok();
        let is_held = flock(file, FlockOperation::NonBlockingLockShared).is_ok();
        self.is_shared |= !is_alone || !is_held;
    }

    /// Whether another run has used it at any time that was looked at.
    pub(crate) fn is_shared(&self) -> bool {
        self.is_shared
    }
}

/// `None` where the cache folder cannot be used: that is somebody else's to report.
fn lock_file(core: usize) -> Option<File> {
    let folder = cache_folder().ok()?.join("cores");
    fs::create_dir_all(&folder).ok()?;
    let path = folder.join(format!("{core}.lock"));
    File::options().create(true).append(true).open(path).ok()
}
