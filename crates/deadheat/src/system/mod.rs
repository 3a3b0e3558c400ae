//! The operating system: processes and the signals that end them, cores, limits, files.

pub(crate) mod cache;
pub(crate) mod clock;
pub(crate) mod command;
pub(crate) mod core_lock;
pub(crate) mod cpu_pinning;
pub(crate) mod disturbances;
pub(crate) mod files;
pub(crate) mod guard;
pub(crate) mod interrupt;
pub(crate) mod limits;
pub(crate) mod machine;
pub(crate) mod paths;
pub(crate) mod processes;
pub(crate) mod terminal;
