//! The records of an optimisation loop.

pub(crate) mod loop_records;
pub(crate) mod record;
pub(crate) mod store;
