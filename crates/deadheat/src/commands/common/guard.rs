//! The guard of an experiment: a command that must succeed in head's worktree. It runs after everything is measured,
//! because files that it writes there would make the sides differ.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};

use deadheat_core::model::{Guard, GuardOutcome, Verdict, WarningCode};

use crate::commands::common::context::CompareContext;
use crate::commands::common::findings::Findings;
use crate::error::{ExitCode, is_stopped};
use crate::events::Events;
use crate::system::command;
use crate::workspace::checkout::Checkouts;
use crate::workspace::end_of_output;

const TOO_LATE: &str = "the guard runs after measuring: --timeout must leave it enough time";

/// The surroundings of the guard.
pub(crate) struct GuardPlace<'a> {
    pub(crate) checkouts: &'a Checkouts,
    /// The project's folder in the repository.
    pub(crate) folder: &'a str,
    pub(crate) variables: BTreeMap<OsString, OsString>,
}

impl GuardPlace<'_> {
    /// Has `python` be the project's interpreter, and its imports take the code of head's worktree, even if the user's
    /// checkout is installed in it.
    pub(crate) fn with_python(mut self, interpreter: &Path, import_folders: &[String]) -> Self {
        let worktree = self.checkouts.worktrees().head;
        let code = import_folders.iter().map(|folder| worktree.join(folder));
        self.put_first("PYTHONPATH", code.collect());
        self.put_first(
            "PATH",
            interpreter.parent().map(Path::to_owned).into_iter().collect(),
        );
        self
    }

    fn put_first(&mut self, name: &str, mut folders: Vec<PathBuf>) {
        let name = OsString::from(name);
        let others = self.variables.get(&name).cloned().unwrap_or_default();
        folders.extend(std::env::split_paths(&others).filter(|folder| !folder.as_os_str().is_empty()));
        // A folder whose name has a colon cannot be in such a list.
        if let Ok(joined) = std::env::join_paths(folders) {
            self.variables.insert(name, joined);
        }
    }
}

/// Runs the guard, if there is one and the experiment might be kept. Returns the exit code of the run.
pub(crate) fn guard(
    run: &CompareContext<'_>,
    place: &GuardPlace<'_>,
    findings: &mut Findings,
    exit: ExitCode,
) -> anyhow::Result<ExitCode> {
    let Some(asked) = &run.settings.guard else {
        return Ok(exit);
    };
    let verdicts = findings.comparisons.iter().map(|row| row.verdict);
    let verdicts = verdicts.chain(findings.resources.iter().map(|row| row.verdict));
    let mut verdicts = verdicts.chain(findings.summary.total.iter().map(|total| total.verdict));
    let may_be_kept = asked.always || verdicts.any(|verdict| verdict == Verdict::Improved);
    let (outcome, exit) = match (exit, may_be_kept) {
        (ExitCode::Done, true) => run_it(run, &asked.command, place)?,
        (ExitCode::Done, false) => {
            run.context
                .listener
                .note("the guard is not needed: nothing improved");
            (GuardOutcome::NotNeeded, exit)
        }
        _ => {
            run.context.listener.doubt(
                WarningCode::StoppedEarly,
                "the run was stopped before the guard could be run",
                Some(TOO_LATE),
            );
            (GuardOutcome::Unfinished, exit)
        }
    };
    findings.is_partial |= exit == ExitCode::StoppedEarly;
    findings.guard = Some(Guard {
        command: asked.command.clone(),
        outcome,
    });
    Ok(exit)
}

fn run_it(
    run: &CompareContext<'_>,
    guard: &str,
    place: &GuardPlace<'_>,
) -> anyhow::Result<(GuardOutcome, ExitCode)> {
    let listener = run.context.listener;
    listener.step(&format!("running the guard on head: {guard}"));
    let log = place.checkouts.workspace.logs().join("guard.log");
    let worktree = place.checkouts.worktrees().head;
    let mut command = Command::new("sh");
    command
        .args(["-c", guard])
        .current_dir(worktree.join(place.folder))
        .env_clear()
        .envs(&place.variables);
    let status = match command::run_whole(&mut command, &log, &run.context.limits) {
        Err(error) if is_stopped(&error) => {
            listener.doubt(
                WarningCode::StoppedEarly,
                "the run was stopped before the guard had ended",
                Some(TOO_LATE),
            );
            return Ok((GuardOutcome::Unfinished, ExitCode::StoppedEarly));
        }
        status => status?,
    };
    if status.success() {
        return Ok((GuardOutcome::Passed, ExitCode::Done));
    }
    let message = format!(
        "the guard failed on head ({status}): {guard}\n{}",
        end_of_output(&log, worktree)
    );
    let hint = match has_no_command(status) {
        true => {
            "the shell did not find the command: it runs in a fresh checkout of head, in the project's folder"
        }
        false => {
            "it ran in a fresh checkout of head, which has no file that git ignores; the experiment is not kept"
        }
    };
    listener.doubt(WarningCode::GuardFailed, &message, Some(hint));
    Ok((GuardOutcome::Failed, ExitCode::Done))
}

/// Whether the shell did not find the command, or may not run it.
fn has_no_command(status: ExitStatus) -> bool {
    matches!(status.code(), Some(126 | 127))
}
