//! The context of a pre-screen.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use crate::Installation;
use crate::cli::micro::MicroOptions;
use crate::config::Config;
use crate::git::Git;
use crate::system::interrupt::Interrupt;

/// The time kept free at the end, to stop the processes and to print the answer.
pub(super) const RESERVE: Duration = Duration::from_millis(300);

/// The inputs of one pre-screen.
pub(super) struct Screening<'a> {
    pub(super) options: &'a MicroOptions,
    pub(super) installation: &'a Installation,
    pub(super) interrupt: &'a Interrupt,
    pub(super) git: Option<&'a Git>,
    pub(super) config: &'a Config,
    pub(super) logs: PathBuf,
    pub(super) started: Instant,
    /// The time when everything must be over.
    pub(super) until: Instant,
}
