//! The report: how it grows, and how it is written and read.

pub(crate) mod listener;
pub(crate) mod load;
pub(crate) mod output;
pub(crate) mod progress;
