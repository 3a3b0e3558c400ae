//! The processes that run the project's code, and the conversation with them.

#[cfg_attr(not(target_os = "linux"), path = "forks_elsewhere.rs")]
pub(crate) mod forks;
pub(crate) mod import_proof;
pub(crate) mod launcher;
pub(crate) mod process;
#[cfg(test)]
pub(crate) mod scripted;
pub(crate) mod session;
