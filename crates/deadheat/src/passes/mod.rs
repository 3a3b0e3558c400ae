//! The passes over the benchmarks: timing, reach, profiles, memory; and the walk that all of them take.

pub(crate) mod measure;
pub(crate) mod memory;
pub(crate) mod observed;
pub(crate) mod profile;
pub(crate) mod reach;
pub(crate) mod runner;
pub(crate) mod survey;
pub(crate) mod workers;
