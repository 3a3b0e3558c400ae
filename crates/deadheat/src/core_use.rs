//! Which cores other runs of deadheat measure on: each holds a lock on its core's file in the cache folder.

use std::fs::{self, File};
use std::os::unix::fs::OpenOptionsExt;
use std::sync::Arc;

use rustix::fs::{FlockOperation, OFlags, flock};

use crate::workspace::cache_folder;

/// The lock of one core, which other runs see for as long as a clone of this lives.
#[derive(Clone, Debug)]
pub(crate) struct CoreUse(Arc<File>);

impl CoreUse {
    /// `None` where the cache folder cannot be used: that is somebody else's to report.
    pub(crate) fn of(core: usize) -> Option<Self> {
        let folder = cache_folder().ok()?.join("cores");
        fs::create_dir_all(&folder).ok()?;
        let path = folder.join(format!("{core}.lock"));
        let mut options = File::options();
        // Whatever lies in its place holds nobody up.
        options.custom_flags(OFlags::NONBLOCK.bits() as i32);
        let made = options.clone().create(true).append(true).open(&path);
        // Another user's may only be read.
        let core_use = CoreUse(Arc::new(made.or_else(|_| options.read(true).open(&path)).ok()?));
        core_use.is_shared();
        Some(core_use)
    }

    /// Whether another run uses the same core at this moment.
    pub(crate) fn is_shared(&self) -> bool {
        // Nobody else holds it where it can be had alone; then others may hold it, too, again.
        let is_alone = flock(&self.0, FlockOperation::NonBlockingLockExclusive).is_ok();
        let is_held = flock(&self.0, FlockOperation::NonBlockingLockShared).is_ok();
        !is_alone || !is_held
    }
}
