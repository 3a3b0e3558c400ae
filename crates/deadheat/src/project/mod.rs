//! The project in both revisions: its layout, its sources, the functions that differ.

pub(crate) mod changes;
pub(crate) mod classify;
pub(crate) mod dependency_files;
pub(crate) mod extension_modules;
pub(crate) mod file_set;
pub(crate) mod layout;
pub(crate) mod node_ids;
mod siblings;
pub(crate) mod sources;
pub(crate) mod version_files;
