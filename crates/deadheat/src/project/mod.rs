//! The project in both revisions: its layout, its sources, the functions that differ.

pub(crate) mod changes;
pub(crate) mod compiled;
pub(crate) mod layout;
pub(crate) mod node_ids;
pub(crate) mod subject;
