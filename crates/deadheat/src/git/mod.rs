//! The `git` command, run as the user would run it but without the variables that a hook or an alias sets.

pub(crate) mod pull_request;
pub(crate) mod revisions;
pub(crate) mod submodules;

use std::collections::HashSet;
use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use std::time::{Duration, Instant};

use anyhow::Context;
use rustix::fs::{FlockOperation, flock};
use rustix::io::{Errno, retry_on_intr};
use rustix::process::{Pid, test_kill_process};

use crate::error::{ErrorKind, Failure, is_stopped};
use crate::system::command::{self, Limits};
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
    patience: Patience,
    /// The git directory, where git does not look for it in `top`.
    git_dir: Option<PathBuf>,
}

/// The time that a command may take: hooks and filters are other people's programs, and may hang.
#[derive(Clone, Debug)]
enum Patience {
    Run(Limits),
    /// After the run, when an interrupt has already had its effect.
    Afterwards,
}

impl Patience {
    fn limits(&self) -> Limits {
        match self {
            Patience::Run(limits) => limits.clone(),
            Patience::Afterwards => Limits {
                until: Instant::now() + AFTERWARDS,
                interrupt: Interrupt::default(),
            },
        }
    }
}

/// One entry of a commit's tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TreeEntry {
    pub(crate) mode: String,
    pub(crate) object: String,
    pub(crate) path: String,
}

impl TreeEntry {
    pub(crate) fn is_submodule(&self) -> bool {
        self.mode == "160000"
    }
}

/// The output of a git command; `stdout` is `None` where it ended with an error.
struct Answer {
    stdout: Option<Vec<u8>>,
    /// `None` where a signal ended it.
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
    pub(crate) fn anywhere(folder: &Path, limits: &Limits) -> anyhow::Result<Self> {
        let mut command = Command::new("git");
        command
            .args(["rev-parse", "--local-env-vars"])
            .stdin(Stdio::null());
        let variables =
            command::output(&mut command, limits).map_err(|error| match error.downcast::<std::io::Error>() {
                Ok(error) => Failure::tool(format!("cannot run git: {error}"))
                    .hint(match error.kind() {
                        std::io::ErrorKind::NotFound => "install git, or put it on the PATH",
                        _ => "what the system refuses, it refuses to other programs, too: does `git --version` work here?",
                    })
                    .into(),
                Err(error) => error,
            })?;
        let cleared = String::from_utf8_lossy(&variables.stdout)
            .lines()
            .filter(|name| !SETTINGS.contains(name))
            .map(str::to_owned)
            .collect();
        Ok(Git {
            top: folder.to_owned(),
            cleared,
            patience: Patience::Run(limits.clone()),
            git_dir: None,
        })
    }

    /// Finds the repository around a folder.
    pub(crate) fn discover(folder: &Path, limits: &Limits) -> anyhow::Result<Self> {
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
                    "{} belongs to somebody else, and git reads nothing of theirs without your word: {}",
                    folder.display(),
                    answer.stderr.trim()
                ))
                .hint(advice)
                .into());
            }
            return Err(Failure::usage(format!(
                "{} is not inside a git repository: {}",
                folder.display(),
                answer.stderr.trim()
            ))
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
            patience: Patience::Afterwards,
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
        // No lock is taken to refresh the user's index, nobody is asked for a password, no missing object is fetched,
        // and Ctrl-C in the terminal reaches only deadheat, so that no git command is cut off half-way.
        command
            .env("GIT_OPTIONAL_LOCKS", "0")
            .env("GIT_TERMINAL_PROMPT", "0")
            .env("GIT_NO_LAZY_FETCH", "1")
            .env("LC_ALL", "C");
        if let Some(git_dir) = &self.git_dir {
            // Even where its configuration names a checkout that does not exist.
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

    /// Returns a command's output, trimmed; `None` where it prints nothing, or ends with 1, by which git answers that
    /// there is none. Any other end is an error.
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

    /// Returns the hash of a commit's tree, which stands for all of its files.
    pub(crate) fn tree_hash(&self, commit: &str) -> anyhow::Result<String> {
        let tree = self.line(["rev-parse", "--verify", "--quiet", &format!("{commit}^{{tree}}")])?;
        tree.ok_or_else(|| Failure::tool(format!("git does not find the files of {commit}")).into())
    }

    /// Returns the full hash of the commit that a ref names.
    pub(crate) fn commit(&self, name: &str) -> anyhow::Result<Option<String>> {
        self.line([
            "rev-parse",
            "--verify",
            "--quiet",
            "--end-of-options",
            &format!("{name}^{{commit}}"),
        ])
    }

    /// Returns the names of branches, remote branches and tags, for "did you mean".
    pub(crate) fn ref_names(&self) -> anyhow::Result<Vec<String>> {
        let names = self.run([
            "for-each-ref",
            "--format=%(refname:short)",
            "refs/heads",
            "refs/remotes",
            "refs/tags",
        ])?;
        Ok(String::from_utf8_lossy(&names)
            .lines()
            .map(str::to_owned)
            .collect())
    }

    pub(crate) fn tree(&self, commit: &str) -> anyhow::Result<Vec<TreeEntry>> {
        let listing = self.run(["ls-tree", "-r", "-z", "--full-tree", commit])?;
        Ok(split_nul(&listing)
            .filter_map(|entry| {
                // mode SP type SP object TAB path
                let (facts, path) = entry.split_once('\t')?;
                let mut facts = facts.split(' ');
                Some(TreeEntry {
                    mode: facts.next()?.to_owned(),
                    object: facts.nth(1)?.to_owned(),
                    path: path.to_owned(),
                })
            })
            .collect())
    }

    /// Returns the paths that differ between two commits.
    pub(crate) fn changed_paths(&self, base: &str, head: &str) -> anyhow::Result<Vec<String>> {
        let listing = self.run(["diff-tree", "-r", "-z", "--name-only", "--no-renames", base, head])?;
        Ok(split_nul(&listing).collect())
    }

    /// Returns the tracked paths whose content in the working tree differs from `HEAD`.
    pub(crate) fn uncommitted_paths(&self) -> anyhow::Result<Vec<String>> {
        let listing = self.run([
            "diff",
            "--name-only",
            "-z",
            "--no-renames",
            "--no-ext-diff",
            "HEAD",
            "--",
        ])?;
        Ok(split_nul(&listing).collect())
    }

    /// Returns all paths that the working tree's next commit could have: the tracked ones, and those that git would
    /// add.
    pub(crate) fn working_paths(&self) -> anyhow::Result<Vec<String>> {
        let listing = self.run(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])?;
        Ok(split_nul(&listing).collect())
    }

    /// Returns a file's bytes in a commit; `None` where it has no such file.
    pub(crate) fn file(&self, commit: &str, path: &str) -> anyhow::Result<Option<Vec<u8>>> {
        Ok(self
            .ask(["cat-file", "blob", &format!("{commit}:{path}")])?
            .stdout)
    }

    /// Returns the blob that git would make of a text if it were the file at `path`; nothing is written.
    pub(crate) fn blob_of_text(&self, path: &str, text: &Path) -> anyhow::Result<Option<String>> {
        self.line(["hash-object", "--path", path, "--", &text.display().to_string()])
    }

    /// Returns the blob of a commit's file.
    pub(crate) fn blob(&self, commit: &str, path: &str) -> anyhow::Result<Option<String>> {
        self.line(["rev-parse", "--verify", "--quiet", &format!("{commit}:{path}")])
    }

    pub(crate) fn is_ancestor(&self, commit: &str, of: &str) -> anyhow::Result<bool> {
        Ok(self.line(["merge-base", commit, of])?.as_deref() == Some(commit))
    }

    /// Returns the untracked paths below some folders: those that git would add, or those that it ignores.
    pub(crate) fn untracked_paths(&self, kind: Untracked, below: &[String]) -> anyhow::Result<Vec<String>> {
        if below.is_empty() {
            return Ok(Vec::new());
        }
        let mut arguments = vec!["ls-files", "-z", "--others", "--exclude-standard"];
        if kind == Untracked::Ignored {
            arguments.push("--ignored");
        }
        arguments.push("--");
        let literal: Vec<String> = below.iter().map(|path| format!(":(top,literal){path}")).collect();
        arguments.extend(literal.iter().map(String::as_str));
        let listing = self.run(arguments)?;
        Ok(split_nul(&listing).collect())
    }

    /// Returns every file of the working tree that is tracked, or that git would add.
    pub(crate) fn working_tree_paths(&self) -> anyhow::Result<Vec<String>> {
        let listing = self.run(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])?;
        Ok(split_nul(&listing)
            .filter(|path| self.top.join(path).symlink_metadata().is_ok())
            .collect())
    }

    /// Whether git ignores a path (relative to the top).
    pub(crate) fn ignores(&self, path: &str) -> anyhow::Result<bool> {
        Ok(self
            .ask(["check-ignore", "--quiet", "--", path])?
            .stdout
            .is_some())
    }

    /// Returns the git directory that all checkouts of the repository share.
    pub(crate) fn common_directory(&self) -> anyhow::Result<PathBuf> {
        let line = self.run(["rev-parse", "--path-format=absolute", "--git-common-dir"])?;
        let line = line.strip_suffix(b"\n").unwrap_or(&line);
        Ok(PathBuf::from(OsStr::from_bytes(line)))
    }

    /// Returns the git directory of the checkout in a folder of this one, if that has one of its own.
    pub(crate) fn directory_of(&self, path: &str) -> anyhow::Result<Option<PathBuf>> {
        let folder = self.top.join(path);
        if !folder.join(".git").exists() {
            return Ok(None);
        }
        let there = Git::at(&folder, self);
        Ok(there
            .line(["rev-parse", "--absolute-git-dir"])?
            .map(PathBuf::from))
    }

    pub(crate) fn has_commit(&self, commit: &str) -> anyhow::Result<bool> {
        let answer = self.ask(["cat-file", "-e", &format!("{commit}^{{commit}}")])?;
        Ok(answer.stdout.is_some())
    }

    /// Returns the address of the remote that is the repository `owner/name` on a server, if there is one.
    pub(crate) fn url_of(&self, full_name: &str) -> anyhow::Result<Option<String>> {
        let answer = self.ask(["config", "--null", "--get-regexp", r"^remote\..*\.url$"])?;
        let wanted = full_name.to_lowercase();
        let listing = answer.stdout.unwrap_or_default();
        let mut urls = split_nul(&listing).filter_map(|entry| Some(entry.split_once('\n')?.1.to_owned()));
        Ok(urls.find(|url| {
            let url = url.trim_end_matches('/').to_lowercase();
            let name = url.strip_suffix(".git").unwrap_or(&url);
            let before = name.strip_suffix(&wanted);
            before.is_some_and(|before| before.ends_with(['/', ':']))
        }))
    }

    /// Fetches commits with everything they need, but no refs. A shallow clone stays shallow.
    pub(crate) fn fetch_commits(&self, url: &str, commits: &[&str]) -> anyhow::Result<()> {
        let mut arguments = vec![
            // This comes after the user's own helpers.
            "-c",
            "credential.helper=!gh auth git-credential",
            "fetch",
            "--quiet",
            "--no-tags",
            "--no-prune",
            "--no-prune-tags",
            "--no-write-fetch-head",
            "--no-auto-maintenance",
            "--no-recurse-submodules",
        ];
        if self.is_shallow()? {
            arguments.push("--depth=1");
        }
        arguments.extend(["--", url]);
        arguments.extend(commits);
        self.run(arguments).map(|_| ())
    }

    /// Returns the `submodule.*` settings of a commit's `.gitmodules`: name and value.
    pub(crate) fn submodule_settings(&self, commit: &str) -> anyhow::Result<Vec<(String, String)>> {
        let blob = format!("{commit}:.gitmodules");
        let answer = self.ask([
            "config",
            "--null",
            "--blob",
            &blob,
            "--get-regexp",
            "^submodule\\.",
        ])?;
        let listing = answer.stdout.unwrap_or_default();
        Ok(split_nul(&listing)
            .filter_map(|entry| {
                let (name, value) = entry.split_once('\n')?;
                Some((name.to_owned(), value.to_owned()))
            })
            .collect())
    }

    /// Writes all files of a commit into this checkout's folder. Neither the repository's index nor its `HEAD` is
    /// touched: `index` is a file to be made for this.
    pub(crate) fn export(&self, commit: &str, index: &Path) -> anyhow::Result<()> {
        let variables = [("GIT_INDEX_FILE", index.as_os_str())];
        for arguments in [
            &["read-tree", commit][..],
            &["checkout-index", "--all", "--force"],
        ] {
            let answer = self.ask_with(&variables, arguments)?;
            if answer.stdout.is_none() {
                let words = answer.stderr.trim();
                return Err(Failure::tool(format!("git {} failed: {words}", arguments.join(" "))).into());
            }
        }
        Ok(())
    }

    /// Restores a tracked file from the index.
    pub(crate) fn restore(&self, path: &str) -> anyhow::Result<()> {
        self.run(["checkout-index", "--force", "--", path]).map(|_| ())
    }

    /// Returns all paths in this checkout that its commit does not have, ignored or not, and those that differ from it.
    pub(crate) fn all_but_committed(&self) -> anyhow::Result<Vec<String>> {
        let others = self.run(["ls-files", "-z", "--others"])?;
        let mut paths: Vec<String> = split_nul(&others).collect();
        paths.extend(self.uncommitted_paths()?);
        Ok(paths)
    }

    /// Returns a lock. While it lives, no other deadheat makes or removes a worktree of the repository: git, which then
    /// reads the entries of all worktrees, fails where one is half written. `None` where the file system has no locks.
    fn alone_with_worktrees(&self) -> anyhow::Result<Option<File>> {
        let directory = File::open(self.common_directory()?).context("cannot read git's folder")?;
        let limits = self.patience.limits();
        loop {
            match flock(&directory, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => return Ok(Some(directory)),
                // A user's hook may be slow in the other run.
                Err(Errno::WOULDBLOCK | Errno::INTR) => {
                    limits.check()?;
                    std::thread::sleep(LOOK);
                }
                Err(_) => return Ok(None),
            }
        }
    }

    /// Adds a worktree. `lock` is the run's: git, which continues where deadheat is killed meanwhile, holds it until it
    /// has ended, so that nobody removes what it is still making.
    pub(crate) fn add_worktree(
        &self,
        path: &Path,
        commit: &str,
        lock: &File,
    ) -> anyhow::Result<Option<Hold>> {
        let lock = lock.try_clone().context("cannot hold the run's lock")?;
        let reason = format!("{OUR_REASON}{}", std::process::id());
        let arguments: [&OsStr; 13] = [
            // A benchmark may need any file, even those that the user's sparse checkout leaves out.
            "-c".as_ref(),
            "core.sparseCheckout=false".as_ref(),
            // Relative paths would make git write an extension into the repository's configuration permanently.
            "-c".as_ref(),
            "worktree.useRelativePaths=false".as_ref(),
            "worktree".as_ref(),
            "add".as_ref(),
            "--quiet".as_ref(),
            "--detach".as_ref(),
            "--lock".as_ref(),
            "--reason".as_ref(),
            reason.as_ref(),
            path.as_os_str(),
            commit.as_ref(),
        ];
        let added = {
            let _alone = self.alone_with_worktrees()?;
            self.run_reading(lock.into(), arguments).map(|_| Hold::of(path))
        };
        added.or_else(|error| {
            if is_stopped(&error) {
                return Err(error);
            }
            let hook = self.line(["rev-parse", "--path-format=absolute", "--git-path", "hooks/post-checkout"])?;
            match (hook, error.downcast::<Failure>()) {
                (Some(hook), Ok(failure)) if Path::new(&hook).is_file() => Err(failure
                    .hint(format!(
                        "git ran your post-checkout hook there ({hook}); it has to end with 0 in a new worktree, too"
                    ))
                    .into()),
                (_, Ok(failure)) if is_read_only(&failure.message) => Err(failure
                    .hint(
                        "git keeps a note of each worktree in .git/worktrees, for as long as the run lasts: compare in a clone \
                         that you may write to",
                    )
                    .into()),
                (_, Ok(failure)) => Err(failure.into()),
                (_, Err(error)) => Err(error),
            }
        })
    }

    /// Whether the clone is shallow: its history is cut off on this machine only.
    pub(crate) fn is_shallow(&self) -> anyhow::Result<bool> {
        Ok(self.line(["rev-parse", "--is-shallow-repository"])?.as_deref() == Some("true"))
    }

    /// Returns the paths whose content git stores elsewhere, by the attributes in this checkout.
    pub(crate) fn large_files(&self) -> anyhow::Result<Vec<String>> {
        let listing = self.run(["ls-files", "-z", "--", ":(attr:filter=lfs)"])?;
        Ok(split_nul(&listing).collect())
    }

    /// Removes one worktree, with whatever a run left in it.
    pub(crate) fn remove_worktree(&self, path: &Path) -> anyhow::Result<()> {
        // `--force` twice: once for uncommitted content, once for the lock.
        let arguments: [&OsStr; 5] = [
            "worktree".as_ref(),
            "remove".as_ref(),
            "--force".as_ref(),
            "--force".as_ref(),
            path.as_os_str(),
        ];
        let _alone = self.alone_with_worktrees()?;
        self.run(arguments).map(|_| ())
    }

    /// Removes the entries of our worktrees whose folders are gone, and returns the entries' folders: after a run was
    /// killed, its cache may have been emptied, or the repository moved. Entries of a run that still goes on, in
    /// whatever cache or container, are never removed, because it holds them.
    pub(crate) fn remove_abandoned_entries(&self) -> anyhow::Result<Vec<PathBuf>> {
        let Ok(common) = self.common_directory() else {
            // No repository.
            return Ok(Vec::new());
        };
        let all = common.join("worktrees");
        let abandoned = || -> Vec<PathBuf> {
            let entries = fs::read_dir(&all).into_iter().flatten().flatten();
            entries
                .map(|entry| entry.path())
                .filter(|entry| is_abandoned(entry))
                .collect()
        };
        if abandoned().is_empty() {
            return Ok(Vec::new());
        }
        // With this lock, nobody is between making an entry and holding it.
        let _alone = self.alone_with_worktrees()?;
        let entries = abandoned();
        for entry in &entries {
            fs::remove_dir_all(entry).with_context(|| format!("cannot remove {}", entry.display()))?;
        }
        let _ = fs::remove_dir(&all);
        Ok(entries)
    }

    /// Returns the checkouts that git knows of, to see whether one of ours is still among them.
    pub(crate) fn worktree_paths(&self) -> anyhow::Result<HashSet<PathBuf>> {
        let listing = self.run(["worktree", "list", "--porcelain", "-z"])?;
        Ok(listing
            .split(|&byte| byte == 0)
            .filter_map(|line| line.strip_prefix(b"worktree "))
            .map(|path| PathBuf::from(OsStr::from_bytes(path)))
            .collect())
    }
}

/// The beginning of the reason for which our worktrees are locked; the process id follows.
const OUR_REASON: &str = "in use by deadheat, process ";
/// The file of an entry that holds the reason.
const REASON_FILE: &str = "locked";

/// A lock that marks a worktree's entry as in use, for as long as it lives.
#[derive(Debug)]
pub(crate) struct Hold {
    _reason: File,
}

impl Hold {
    /// Holds a worktree's entry; `None` where the file system has no locks.
    fn of(worktree: &Path) -> Option<Self> {
        let reason = File::open(admin_folder(worktree)?.join(REASON_FILE)).ok()?;
        // A process that checks whether it is abandoned holds it for a moment.
        retry_on_intr(|| flock(&reason, FlockOperation::LockShared)).ok()?;
        Some(Hold { _reason: reason })
    }
}

/// Returns the `.git/worktrees/NAME` of a worktree, as the worktree itself names it.
pub(crate) fn admin_folder(worktree: &Path) -> Option<PathBuf> {
    let text = fs::read_to_string(worktree.join(".git")).ok()?;
    let folder = PathBuf::from(text.trim().strip_prefix("gitdir: ")?);
    (folder.parent()?.file_name()? == "worktrees").then_some(folder)
}

/// Whether an entry is ours, its process and its worktree are gone, and nobody holds it.
fn is_abandoned(entry: &Path) -> bool {
    let Ok(mut reason) = File::open(entry.join(REASON_FILE)) else {
        return false;
    };
    let mut words = String::new();
    let process = match reason.read_to_string(&mut words) {
        Ok(_) => words
            .trim()
            .strip_prefix(OUR_REASON)
            .and_then(|process| process.parse::<i32>().ok()),
        Err(_) => None,
    };
    let is_gone = || match fs::read_to_string(entry.join("gitdir")) {
        Ok(worktree) => fs::symlink_metadata(worktree.trim()).is_err(),
        Err(error) => error.kind() == std::io::ErrorKind::NotFound,
    };
    process.is_some_and(|process| !is_alive(process))
        && is_gone()
        && flock(&reason, FlockOperation::NonBlockingLockExclusive).is_ok()
}

/// Whether a process is alive. Another one may have its id by now: then the entry stays until that one has ended. In a
/// container it is often our own id, which does not count: this process has made no worktree yet.
fn is_alive(process: i32) -> bool {
    let is_own = u32::try_from(process) == Ok(std::process::id());
    let process = Pid::from_raw(process).filter(|_| process > 0);
    !is_own && process.is_some_and(|process| test_kill_process(process) != Err(Errno::SRCH))
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

/// Returns the command that git advises where it does not trust a repository.
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

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Untracked {
    NotIgnored,
    Ignored,
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
            &Limits::without_end(&crate::system::interrupt::Interrupt::default()),
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
