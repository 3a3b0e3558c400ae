//! The file in which a command reports its times.

use std::fs;
use std::path::{Path, PathBuf};

use deadheat_core::model::{Sample, Side};
use deadheat_core::script_output::{self};

use crate::commands::script::runner::ScriptRunner;
use crate::error::Failure;

impl ScriptRunner<'_> {
    /// Returns the path of this side's output file.
    pub(super) fn output_file(&self, side: Side) -> anyhow::Result<Option<PathBuf>> {
        let Some(name) = &self.script.output else {
            return Ok(None);
        };
        let file = self.places.get(side).folder.join(name);
        // A symlink that a revision has on the way there could lead to a file of the user's, which would be deleted.
        let parent = file.parent().and_then(|parent| fs::canonicalize(parent).ok());
        let worktree = fs::canonicalize(self.worktrees.get(side))?;
        if parent.is_some_and(|parent| !parent.starts_with(&worktree)) {
            return Err(Failure::usage(format!(
                "--script-output {}: a symlink leads out of the checkout of {side}",
                name
            ))
            .hint("have the command write it into a folder of the checkout")
            .into());
        }
        Ok(Some(file))
    }

    /// Removes the output of an earlier run, which must not be taken for this one's.
    pub(super) fn remove(&self, side: Side, file: &Path) -> anyhow::Result<()> {
        match fs::remove_file(file) {
            Ok(()) => Ok(()),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(Failure::usage(format!(
                "--script-output {}: the existing file on {side} cannot be removed before the command runs: \
                 {error}",
                self.output_name()
            ))
            .hint("name a file that the command writes")
            .into()),
        }
    }

    pub(super) fn read(&self, side: Side, file: &Path) -> anyhow::Result<Vec<(String, Sample)>> {
        let name = self.output_name();
        let bytes = match fs::read(file) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Err(Failure::nothing_measured(format!(
                    "--script-output {name}: the command did not write it on {side}\n{}",
                    self.words(side)
                ))
                .hint("the file's name is relative to the folder that the command starts in")
                .into());
            }
            Err(error) => {
                return Err(Failure::nothing_measured(format!(
                    "--script-output {name}: it cannot be read on {side}: {error}"
                ))
                .into());
            }
        };
        let times = script_output::parse(&String::from_utf8_lossy(&bytes)).map_err(|problem| {
            Failure::nothing_measured(format!("--script-output {name} on {side}: {}", &problem))
                .hint("it must be one JSON object of keys and seconds: {\"parse\": 0.25, \"__total__\": 0.5}")
        })?;
        // Less than a nanosecond counts as nothing: half of one must not become a whole one.
        let whole = |seconds: f64| {
            if seconds < 1e-9 {
                0
            } else {
                (seconds * 1e9).round() as u64
            }
        };
        let samples = times.into_iter().map(|(key, seconds)| {
            let sample = Sample {
                elapsed_ns: whole(seconds),
                iterations: 1,
            };
            (key, sample)
        });
        Ok(samples.collect())
    }

    pub(super) fn output_name(&self) -> &str {
        self.script.output.as_deref().unwrap_or_default()
    }
}
