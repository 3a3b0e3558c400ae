//! What the project's processes may use.

use crate::failure::Failure;

/// More than this is no output but a loop, and would fill the disk.
pub(crate) const MOST_PRINTED: u64 = 1 << 30;

/// What one process may use of the memory: what it allocates for itself, as the system counts it for `RLIMIT_DATA`. Address
/// space that is only reserved, mapped files and shared memory do not count; a child has the same limit for itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct MemoryLimit {
    bytes: u64,
}

impl MemoryLimit {
    pub(crate) fn of_mib(mib: u64) -> Self {
        MemoryLimit { bytes: mib << 20 }
    }

    #[cfg(target_os = "linux")]
    pub(crate) fn set_for(self, process: u32) -> anyhow::Result<()> {
        use rustix::process::{Pid, Resource, Rlimit, prlimit};
        let limit = Rlimit {
            current: Some(self.bytes),
            maximum: Some(self.bytes),
        };
        prlimit(Pid::from_raw(process.cast_signed()), Resource::Data, limit)
            .map_err(|error| Failure::tool(format!("cannot limit the memory of a worker: {error}")))?;
        Ok(())
    }

    #[cfg(not(target_os = "linux"))]
    pub(crate) fn set_for(self, _process: u32) -> anyhow::Result<()> {
        let mib = self.bytes >> 20;
        Err(Failure::usage(format!(
            "--memory-limit {mib}: this system does not keep such limits"
        ))
        .hint("Linux does; leave it out here")
        .into())
    }
}
