//! Replicates from several cores or machines. A replicate is a fresh process pair, so any machine can measure it. An
//! [`engine::Engine`] reaches the workers; the [`scheduler`] alone decides which replicates are measured, and looks at
//! them. On each machine, tasks are measured by `deadheat replicate`, a process of this program.

pub(crate) mod dask;
pub(crate) mod engine;
pub(crate) mod local;
pub(crate) mod measure;
pub(crate) mod plan;
pub(crate) mod scheduler;
pub(crate) mod serve;
pub(crate) mod site;
mod task;
