//! Which cores other runs of deadheat measure on: each holds a lock on its core's file in the cache folder.

use std::fs::{self, File};
use std::sync::Arc;

use rustix::fs::{FlockOperation, flock};

use crate::workspace::cache_folder;

/// The lock of one core, which other runs see from the first look on for as long as a clone of this lives.
#[derive(Clone, Debug)]
pub(crate) struct CoreUse(Arc<File>);

impl CoreUse {
    /// `None` where the cache folder cannot be used: that is somebody else's to report.
    pub(crate) fn of(core: usize) -> Option<Self> {
        let folder = cache_folder().ok()?.join("cores");
        fs::create_dir_all(&folder).ok()?;
        let path = folder.join(format!("{core}.lock"));
        let file = File::options().create(true).append(true).open(path).ok()?;
        Some(CoreUse(Arc::new(file)))
    }

    /// Whether another run uses the same core at this moment.
    pub(crate) fn is_shared(&self) -> bool {
        // Nobody else holds it where it can be had alone; then others may hold it, too, again.
        let is_alone = flock(&self.0, FlockOperation::NonBlockingLockExclusive).is_ok();
        let is_held = flock(&self.0, FlockOperation::NonBlockingLockShared).is_ok();
        !is_alone || !is_held
    }
}
