//! The `git` command, run as the user would run it but without the variables that a hook or an alias sets.

mod fetch;
pub(crate) mod pull_request;
pub(crate) mod queries;
pub(crate) mod revisions;
pub(crate) mod submodules;
pub(crate) mod worktrees;

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::error::{ErrorKind, Failure};
use crate::system::command::{self, Deadline};
use crate::system::interrupt::Interrupt;

/// The interval at which a wait for another run looks again.
const LOOK: Duration = Duration::from_millis(20);
/// The time limit of one command once the run itself is over.
const AFTERWARDS: Duration = Duration::from_secs(30);
/// Settings for one command (`git -c`), which are the user's even where they come from the environment.
const SETTINGS: [&str; 2] = ["GIT_CONFIG_PARAMETERS", "GIT_CONFIG_COUNT"];

/// One repository, addressed by the top folder of a checkout.
#[derive(Clone, Debug)]
pub(crate) struct Git {
    top: PathBuf,
    cleared: Vec<String>,
    patience: GitTimeout,
    /// The git directory, if git does not look for it in `top`.
    git_dir: Option<PathBuf>,
}

/// The time that a command may take: hooks and filters are other people's programs, and may hang.
#[derive(Clone, Debug)]
enum GitTimeout {
    Run(Deadline),
    /// After the run, when an interrupt has already had its effect.
    WorktreeCleanup,
}

impl GitTimeout {
    fn limits(&self) -> Deadline {
        match self {
            GitTimeout::Run(limits) => limits.clone(),
            GitTimeout::WorktreeCleanup => Deadline {
                until: Instant::now() + AFTERWARDS,
                interrupt: Interrupt::default(),
            },
        }
    }
}

/// The output of a git command; `stdout` is `None` if it ended with an error.
struct Answer {
    stdout: Option<Vec<u8>>,
    /// `None` if a signal ended it.
    code: Option<i32>,
    stderr: String,
}

/// Words by which git reports that an object is missing and cannot be fetched.
const LACKS_OBJECTS: [&str; 6] = [
    "promisor",
    "lazy fetching disabled",
    "unable to read",
    "missing blob",
    "not a tree object",
    "Could not read from remote repository",
];

impl Git {
    /// Returns a `git` that is not tied to a repository yet.
    pub(crate) fn anywhere(folder: &Path, limits: &Deadline) -> anyhow::Result<Self> {
        let mut command = Command::new("git");
        command
            .args(["rev-parse", "--local-env-vars"])
            .stdin(Stdio::null());
        let variables = command::output(&mut command, limits).map_err(|error| {
            match error.downcast::<std::io::Error>() {
                Ok(error) => Failure::tool(format!("cannot run git: {error}"))
                    .hint(match error.kind() {
                        std::io::ErrorKind::NotFound => "install git, or put it on the PATH",
                        _ => "does `git --version` work in this shell?",
                    })
                    .into(),
                Err(error) => error,
            }
        })?;
        let cleared = String::from_utf8_lossy(&variables.stdout)
            .lines()
            .filter(|name| !SETTINGS.contains(name))
            .map(str::to_owned)
            .collect();
        Ok(Git {
            top: folder.to_owned(),
            cleared,
            patience: GitTimeout::Run(limits.clone()),
            git_dir: None,
        })
    }

    /// Finds the repository around a folder.
    pub(crate) fn discover(folder: &Path, limits: &Deadline) -> anyhow::Result<Self> {
        let mut git = Self::anywhere(folder, limits)?;
        let answer = git.ask(["rev-parse", "--is-bare-repository", "--show-toplevel"])?;
        let Some(stdout) = answer.stdout else {
            if answer.stderr.contains("must be run in a work tree") {
                let message = format!("{} is a bare repository", folder.display());
                return Err(Failure::new(ErrorKind::BareRepository, message)
                    .hint("run deadheat in a checkout: git worktree add ../checkout && cd ../checkout")
                    .into());
            }
            if let Some(advice) = advice_on_trust(&answer.stderr) {
                return Err(Failure::usage(format!(
                    "{} belongs to another user, and git does not read it without your permission: {}",
                    folder.display(),
                    answer.stderr.trim()
                ))
                .hint(advice)
                .into());
            }
            if !answer.stderr.contains("not a git repository") {
                return Err(Failure::tool(format!(
                    "git cannot read the repository of {}: {}",
                    folder.display(),
                    answer.stderr.trim()
                ))
                .into());
            }
            return Err(Failure::usage(format!(
                "{} is not inside a git repository: {}",
                folder.display(),
                answer.stderr.trim()
            ))
            .named("no_repository")
            .hint("deadheat compares two refs of a repository; change into one")
            .into());
        };
        let text = stdout.strip_suffix(b"\n").unwrap_or(&stdout);
        let top = text.splitn(2, |&byte| byte == b'\n').nth(1).unwrap_or_default();
        git.top = PathBuf::from(OsStr::from_bytes(top));
        Ok(git)
    }

    /// Returns the repository of a checkout, without asking git.
    pub(crate) fn at(top: &Path, like: &Git) -> Self {
        Git {
            top: top.to_owned(),
            cleared: like.cleared.clone(),
            patience: like.patience.clone(),
            git_dir: None,
        }
    }

    /// Returns the repository of a git directory, whose own checkout, if it has one, is never used; commands run in
    /// `folder`.
    pub(crate) fn of_directory(git_dir: &Path, folder: &Path, like: &Git) -> Self {
        Git {
            git_dir: Some(git_dir.to_owned()),
            ..Self::at(folder, like)
        }
    }

    /// Returns the same repository for after the run, however it ended: to tidy up, and to record the results.
    pub(crate) fn afterwards(&self) -> Self {
        Git {
            patience: GitTimeout::WorktreeCleanup,
            ..self.clone()
        }
    }

    /// Returns the variables that git sets for hooks and aliases.
    pub(crate) fn local_variables(&self) -> &[String] {
        &self.cleared
    }

    pub(crate) fn top(&self) -> &Path {
        &self.top
    }

    fn ask<I, S>(&self, arguments: I) -> anyhow::Result<Answer>
    where
        I: IntoIterator<Item = S>,
        S: AsRef<OsStr>,
    {
        self.ask_with(&[], arguments)
    }

    fn ask_with<I, S>(&self, variables: &[(&str, &OsStr)], arguments: I) -> anyhow::Result<Answer>
    where
        I: IntoIterator<Item = S>,
        S: AsRef<OsStr>,
    {
        self.ask_reading(Stdio::null(), variables, arguments)
    }

    fn ask_reading<I, S>(
        &self,
        stdin: Stdio,
        variables: &[(&str, &OsStr)],
        arguments: I,
    ) -> anyhow::Result<Answer>
    where
        I: IntoIterator<Item = S>,
        S: AsRef<OsStr>,
    {
        let arguments: Vec<OsString> = arguments
            .into_iter()
            .map(|part| part.as_ref().to_owned())
            .collect();
        let mut command = Command::new("git");
        command.args(&arguments).current_dir(&self.top).stdin(stdin);
        for name in &self.cleared {
            command.env_remove(name);
        }
        // No lock is taken to refresh the user's index, no password is asked for, no missing object is
        // fetched, and Ctrl-C in the terminal reaches only deadheat, so that no git command is cut off
        // half-way.
        command
            .env("GIT_OPTIONAL_LOCKS", "0")
            .env("GIT_TERMINAL_PROMPT", "0")
            .env("GIT_NO_LAZY_FETCH", "1")
            .env("LC_ALL", "C");
        if let Some(git_dir) = &self.git_dir {
            // Even if its configuration names a checkout that does not exist.
            command.env("GIT_DIR", git_dir).env("GIT_WORK_TREE", &self.top);
        }
        command.envs(variables.iter().copied());
        let limits = self.patience.limits();
        let output = command::output(&mut command, &limits).map_err(|error| match error.downcast::<Failure>() {
            Ok(failure) if failure.kind == ErrorKind::Stopped && !limits.interrupt.is_asked() => failure
                .hint(format!(
                    "`git {}` was still running when the time was up: does a hook or a filter of the repository hang?",
                    subcommand(&arguments)
                ))
                .into(),
            Ok(failure) => failure.into(),
            Err(error) => error.context("cannot run git"),
        })?;
        Ok(Answer {
            code: output.status.code(),
            stdout: output.status.success().then_some(output.stdout),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        })
    }

    /// Runs a command that is expected to succeed; git's own message is the error.
    pub(crate) fn run<I, S>(&self, arguments: I) -> anyhow::Result<Vec<u8>>
    where
        I: IntoIterator<Item = S>,
        S: AsRef<OsStr>,
    {
        self.run_reading(Stdio::null(), arguments)
    }

    fn run_reading<I, S>(&self, stdin: Stdio, arguments: I) -> anyhow::Result<Vec<u8>>
    where
        I: IntoIterator<Item = S>,
        S: AsRef<OsStr>,
    {
        let arguments: Vec<OsString> = arguments
            .into_iter()
            .map(|part| part.as_ref().to_owned())
            .collect();
        let answer = self.ask_reading(stdin, &[], &arguments)?;
        answer
            .stdout
            .ok_or_else(|| self.failure_of(&arguments, answer.stderr.trim()).into())
    }

    fn failure_of(&self, arguments: &[OsString], words: &str) -> Failure {
        let lacks_objects = LACKS_OBJECTS.iter().any(|sign| words.contains(sign));
        if lacks_objects && self.is_partial().unwrap_or(false) {
            return Failure::usage(format!(
                "this is a partial clone, which lacks files of the two revisions, and deadheat fetches nothing unasked: {}",
                words.lines().next_back().unwrap_or_default()
            ))
            .hint("`git fetch --refetch --no-filter` makes it a whole one");
        }
        let shown: Vec<String> = arguments
            .iter()
            .map(|part| part.to_string_lossy().into_owned())
            .collect();
        Failure::tool(format!("git {} failed: {words}", shown.join(" ")))
    }

    /// Whether the repository was cloned with a filter, so that git fetches objects when it needs them.
    fn is_partial(&self) -> anyhow::Result<bool> {
        let promised = self.ask(["config", "--get-regexp", "^remote\\..*\\.promisor$"])?;
        Ok(promised.stdout.is_some_and(|found| !found.is_empty()))
    }

    /// Returns a command's output, trimmed; `None` if it prints nothing, or ends with 1, by which git answers
    /// that there is none. Any other end is an error.
    pub(crate) fn line<const N: usize>(&self, arguments: [&str; N]) -> anyhow::Result<Option<String>> {
        let answer = self.ask(arguments)?;
        let Some(stdout) = answer.stdout else {
            if answer.code == Some(1) {
                return Ok(None);
            }
            let arguments = arguments.map(OsString::from);
            return Err(self.failure_of(&arguments, answer.stderr.trim()).into());
        };
        let text = String::from_utf8_lossy(&stdout).trim().to_owned();
        Ok((!text.is_empty()).then_some(text))
    }
}

/// Returns the command's name, without the settings before it.
fn subcommand(arguments: &[OsString]) -> String {
    let mut rest = arguments.iter();
    let mut words = Vec::new();
    while let Some(argument) = rest.next() {
        if argument == "-c" {
            rest.next();
        } else if argument.as_bytes().starts_with(b"-") || words.len() == 2 {
            break;
        } else {
            words.push(argument.to_string_lossy());
        }
    }
    words.join(" ")
}

/// Returns the command that git advises if it does not trust a repository.
fn advice_on_trust(words: &str) -> Option<String> {
    let command = words.lines().map(str::trim);
    let mut commands =
        command.filter(|line| line.starts_with("git config ") && line.contains("safe.directory"));
    commands.next().map(str::to_owned)
}

/// Whether git's message, in the language that it is asked for, is about a place that cannot be written to.
fn is_read_only(words: &str) -> bool {
    words.contains("Read-only file system") || words.contains("Permission denied")
}

/// Splits paths at NUL. Those that are not UTF-8 cannot be Python modules: they are shown, but never opened by these
/// names.
fn split_nul(bytes: &[u8]) -> impl Iterator<Item = String> + '_ {
    bytes
        .split(|&byte| byte == 0)
        .filter(|part| !part.is_empty())
        .map(|part| String::from_utf8_lossy(part).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn git_that_fails_is_not_taken_for_an_answer() {
        let folder = tempfile::tempdir().unwrap();
        let git = Git::anywhere(
            folder.path(),
            &Deadline::never(&crate::system::interrupt::Interrupt::default()),
        )
        .unwrap();
        git.run(["init", "--quiet"]).unwrap();
        assert_eq!(git.line(["config", "--get", "no.such"]).unwrap(), None);
        assert_eq!(git.commit("HEAD").unwrap(), None);
        assert!(git.tree_hash("HEAD").is_err());
        std::fs::write(folder.path().join(".git/config"), "[broken").unwrap();
        let error = git.commit("HEAD").unwrap_err().to_string();
        assert!(error.contains("rev-parse") && error.contains("config"), "{error}");
    }
}
