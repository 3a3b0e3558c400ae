//! The subcommands, one module each.

pub(crate) mod clean;
pub(crate) mod common;
pub(crate) mod compare;
pub(crate) mod demo;
pub(crate) mod detect;
pub(crate) mod explain;
pub(crate) mod handoff;
pub(crate) mod log;
pub(crate) mod merge;
pub(crate) mod micro;
pub(crate) mod profile;
pub(crate) mod race;
pub(crate) mod replicate;
pub(crate) mod report;
pub(crate) mod script;
pub(crate) mod skill;
pub(crate) mod slurm;
pub(crate) mod start;
pub(crate) mod status;
