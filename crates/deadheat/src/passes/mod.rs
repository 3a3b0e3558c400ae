//! The passes over the benchmarks: timing, reach, profiles, memory; and the runner that takes process pairs through them.

pub(crate) mod function_profile;
pub(crate) mod measure;
pub(crate) mod memory;
pub(crate) mod observed;
pub(crate) mod project_profile;
pub(crate) mod reach;
pub(crate) mod runner;
pub(crate) mod workers;
