//! The limits on the resources of the project's processes.

use rustix::process::{Resource, getrlimit};

use crate::error::Failure;

/// With fewer open files, the project's imports fail before deadheat's own do, with misleading messages.
const FEWEST_DESCRIPTORS: u64 = 32;

/// Refuses a run whose processes could not open what they need.
pub(crate) fn check_descriptors() -> Result<(), Failure> {
    match getrlimit(Resource::Nofile).current {
        Some(allowed) if allowed < FEWEST_DESCRIPTORS => Err(Failure::tool(format!(
            "only {allowed} files may be open at once here (RLIMIT_NOFILE): too few to run a suite"
        ))
        .hint("ulimit -n 1024")),
        _ => Ok(()),
    }
}

/// The most bytes that a process may print: more is not output but a loop, and would fill the disk.
pub(crate) const MOST_PRINTED: u64 = 1 << 30;

/// The memory that one process may allocate for itself, as the system counts it for `RLIMIT_DATA`. Address space that
/// is only reserved, mapped files and shared memory do not count; a child has the same limit for itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct MemoryLimit {
    bytes: u64,
}

impl MemoryLimit {
    pub(crate) fn of_mib(mib: u64) -> Self {
        MemoryLimit { bytes: mib << 20 }
    }

    pub(crate) fn mib(self) -> u64 {
        self.bytes >> 20
    }

    #[cfg(target_os = "linux")]
    pub(crate) fn set_for(self, process: u32) -> anyhow::Result<()> {
        use rustix::process::{Pid, Rlimit, prlimit};
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
            "--memory-limit {mib}: this system does not enforce such limits"
        ))
        .hint("Linux does; leave the option out here")
        .into())
    }
}
