//! `--build`: the user's command, run in each worktree before anything is measured. Its products are kept, so that each
//! revision is built only once.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::fs::{self, File};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, SystemTime};

use anyhow::Context;
use deadheat_core::model::Side;

use crate::error::Failure;
use crate::git::Git;
use crate::prepare::env_vars;
use crate::prepare::interpreter::Interpreter;
use crate::system::cache::{self, Entry, Kind};
use crate::system::command::{self, Deadline};
use crate::system::files;
use crate::system::paths::join;

/// The inputs of one side's build.
pub(crate) struct Build<'a> {
    pub(crate) side: Side,
    pub(crate) command: &'a str,
    pub(crate) worktree: &'a Path,
    /// The project's folder in the worktree, where the command runs.
    pub(crate) folder: PathBuf,
    /// An identifier of the worktree's content: the commit's tree, and everything laid over it.
    pub(crate) content: String,
    pub(crate) interpreter: &'a Interpreter,
    /// The interpreter's packages: a build may use any of them.
    pub(crate) installed: &'a BTreeMap<String, String>,
    pub(crate) variables: &'a BTreeMap<OsString, OsString>,
    /// Paths of the submodules in the worktree.
    pub(crate) submodules: &'a [String],
    /// The absolute folders that the project is imported from.
    pub(crate) import_folders: Vec<PathBuf>,
    /// The virtual environment to make, for the packages that the build installs.
    pub(crate) layer: PathBuf,
    /// The script that makes the layer.
    pub(crate) layer_script: PathBuf,
}

/// The run that made a build: this one, or an earlier one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Made {
    Now,
    /// By an earlier run.
    Before,
}

/// Variables that do not affect a build, and differ between terminals or jobs. A name that ends with `_` covers all
/// that begin with it.
const NEUTRAL: [&str; 37] = [
    "PWD",
    "OLDPWD",
    "SHLVL",
    "TERM",
    "TERM_",
    "COLORTERM",
    "COLUMNS",
    "LINES",
    "LS_COLORS",
    "PS1",
    "PROMPT_COMMAND",
    "HISTFILE",
    "HISTSIZE",
    "HISTCONTROL",
    "USER",
    "LOGNAME",
    "SSH_",
    "DISPLAY",
    "WAYLAND_",
    "WINDOWID",
    "XDG_",
    "DBUS_",
    "TMUX",
    "TMUX_",
    "STY",
    "EDITOR",
    "VISUAL",
    "PAGER",
    "LESS",
    "LESSOPEN",
    "LESSCLOSE",
    "GPG_",
    "VSCODE_",
    "INVOCATION_ID",
    "JOURNAL_STREAM",
    "GITHUB_",
    "RUNNER_",
];

fn is_neutral(name: &str) -> bool {
    // The shell sets `_` to its last command; a name that only begins with `_` may be the user's.
    name == "_"
        || NEUTRAL
            .iter()
            .any(|neutral| name == *neutral || (neutral.ends_with('_') && name.starts_with(neutral)))
}

const PRODUCTS: &str = "products";
/// The file with the paths that a build removed, separated by NUL.
const REMOVED: &str = "removed";
const LOG: &str = "output.log";

impl Build<'_> {
    fn key(&self) -> String {
        let Interpreter { path, version, .. } = self.interpreter;
        let mut parts: Vec<String> = vec![
            env!("CARGO_PKG_VERSION").to_owned(),
            self.command.to_owned(),
            self.content.clone(),
            path.display().to_string(),
            version.clone(),
            std::env::consts::ARCH.to_owned(),
        ];
        parts.extend(
            self.installed
                .iter()
                .map(|(name, version)| format!("{name} {version}")),
        );
        for (name, value) in self.variables {
            let name = name.to_string_lossy();
            if !is_neutral(&name) {
                parts.push(format!("{name}={}", value.to_string_lossy()));
            }
        }
        cache::key(parts)
    }

    /// Puts the build's products into the worktree: builds, or restores the products of an earlier run.
    pub(crate) fn make(
        &self,
        git: &Git,
        limits: &Deadline,
        say: &mut dyn FnMut(&str),
    ) -> anyhow::Result<Made> {
        let entry = Entry::use_or_make(Kind::Builds, &self.key(), limits, say)?;
        let kept = entry.folder().join(PRODUCTS);
        if entry.is_ready() {
            self.put_back(&kept)?;
            let removed = fs::read_to_string(entry.folder().join(REMOVED))?;
            for path in removed.split('\0').filter(|path| !path.is_empty()) {
                files::remove_with_empty_folders(self.worktree, path);
            }
            return Ok(Made::Before);
        }
        say(&format!("building {}: {}", self.side, self.command));
        entry.empty()?;
        let here = Git::at(self.worktree, git);
        touch(self.worktree, SystemTime::now())
            .with_context(|| format!("cannot set the times of files in {}", self.worktree.display()))?;
        let before = self.state(&here)?;
        let log = entry.folder().join(LOG);
        let status = command::run(&mut self.prepared(&log, limits)?, &log, limits)?;
        if !status.success() {
            return Err(Failure::nothing_measured(format!(
                "--build failed on {} ({status}): {}\nThe end of its output:\n\n{}",
                self.side,
                self.command,
                files::tail_of(&log)
            ))
            .hint(format!(
                "it ran in a fresh checkout of that revision, with {} first on the PATH; all of its output: {}",
                self.layer.join("bin/python").display(),
                log.display()
            ))
            .into());
        }
        let after = self.state(&here)?;
        fs::create_dir_all(&kept)?;
        let is_gone = |path: &String| fs::symlink_metadata(self.worktree.join(path)).is_err();
        let mut gone: BTreeSet<String> = here.uncommitted_paths()?.into_iter().collect();
        gone.extend(before.keys().cloned());
        let gone: Vec<String> = gone.into_iter().filter(is_gone).collect();
        fs::write(entry.folder().join(REMOVED), gone.join("\0"))?;
        for (path, stamp) in &after {
            if before.get(path) != Some(stamp) && !is_scrap(self.worktree, path) {
                let to = kept.join(path);
                fs::create_dir_all(to.parent().unwrap_or(&kept))?;
                files::copy(&self.worktree.join(path), &to)?;
            }
        }
        entry.set_ready()?;
        Ok(Made::Now)
    }

    /// Returns the command, with its own virtual environment above the project's: its installations change
    /// nothing of the user's.
    fn prepared(&self, log: &Path, limits: &Deadline) -> anyhow::Result<Command> {
        let python = &self.interpreter.path;
        let mut layering = Command::new(python);
        layering
            .arg(&self.layer_script)
            .arg(&self.layer)
            .args(&self.import_folders);
        if !command::run(&mut layering, log, limits)?.success() {
            return Err(Failure::nothing_measured(format!(
                "{} cannot make a virtual environment for the build on {}:\n\n{}",
                python.display(),
                self.side,
                files::tail_of(log)
            ))
            .hint("does it have the module venv? Debian's is in the package python3-venv")
            .into());
        }
        let mut path = vec![self.layer.join("bin")];
        path.extend(python.parent().map(Path::to_owned));
        path.extend(env_vars::search_path(self.variables));
        let mut command = Command::new("sh");
        command
            .args(["-c", self.command])
            .current_dir(&self.folder)
            .env_clear()
            .envs(self.variables)
            .env("VIRTUAL_ENV", &self.layer)
            .env(
                "PATH",
                std::env::join_paths(path).context("the PATH cannot be extended")?,
            );
        Ok(command)
    }

    /// Returns every file in the worktree that its commit does not have, with a stamp that changes when the file is
    /// written.
    fn state(&self, here: &Git) -> anyhow::Result<BTreeMap<String, Stamp>> {
        let mut paths = here.all_but_committed()?;
        // git does not look into submodules.
        for submodule in self.submodules {
            // The build may have removed it.
            paths.extend(files_below(self.worktree, submodule).unwrap_or_default());
        }
        let stamps = paths.into_iter().filter_map(|path| {
            let metadata = fs::symlink_metadata(self.worktree.join(&path)).ok()?;
            let is_file = metadata.is_file() || metadata.is_symlink();
            is_file.then(|| {
                let stamp = (
                    metadata.mtime(),
                    metadata.mtime_nsec(),
                    metadata.len(),
                    metadata.ino(),
                );
                (path, stamp)
            })
        });
        Ok(stamps.collect())
    }

    fn put_back(&self, kept: &Path) -> anyhow::Result<()> {
        for path in files_below(kept, "")? {
            files::replace(kept, self.worktree, &path)?;
        }
        Ok(())
    }
}

/// Returns everything below a folder except folders, relative to `root`.
fn files_below(root: &Path, folder: &str) -> std::io::Result<Vec<String>> {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(root.join(&folder))? {
            let entry = entry?;
            let path = join(&folder, &entry.file_name().to_string_lossy());
            if entry.file_type()?.is_dir() {
                folders.push(path);
            } else {
                files.push(path);
            }
        }
    }
    Ok(files)
}

/// Makes every file newer than the products that the other side's build, or an earlier one, left in a folder that
/// builds share (`CARGO_TARGET_DIR`): going by times, cargo and make would take them for this side's.
fn touch(folder: &Path, now: SystemTime) -> std::io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let kind = entry.file_type()?;
        if kind.is_dir() && entry.file_name() != ".git" {
            touch(&entry.path(), now)?;
        } else if kind.is_file() {
            let path = entry.path();
            // A generated file must be generated again if it is tracked next to its source.
            let is_generated = path
                .extension()
                .is_some_and(|extension| extension == "c" || extension == "cpp")
                && path.with_extension("pyx").exists();
            let time = if is_generated { now - LONG_AGO } else { now };
            File::open(path)?.set_modified(time)?;
        }
    }
    Ok(())
}

/// The age set on a generated file, so that it is older than its source.
const LONG_AGO: Duration = Duration::from_secs(3600);

/// A file's modification time (seconds and nanoseconds), length and inode.
type Stamp = (i64, i64, u64, u64);

/// Whether a build leaves this file only for the next build, and nothing imports it.
fn is_scrap(worktree: &Path, path: &str) -> bool {
    let parts: Vec<&str> = path.split('/').collect();
    let is_object = path.ends_with(".o") || path.ends_with(".obj") || path.ends_with(".pyc");
    let mut folder = worktree.to_owned();
    is_object
        || parts
            .iter()
            .any(|part| part.starts_with("temp.") || *part == ".git" || *part == "node_modules")
        || parts[..parts.len() - 1].iter().any(|part| {
            folder.push(part);
            // Such as cargo's `target`.
            folder.join("CACHEDIR.TAG").exists()
        })
}

/// Returns a key for the files laid over a worktree: paths with their bytes, folders with everything in them.
pub(crate) fn content_of(worktree: &Path, paths: &BTreeSet<String>) -> anyhow::Result<String> {
    let mut parts: Vec<Vec<u8>> = Vec::new();
    let mut left: Vec<PathBuf> = paths.iter().map(PathBuf::from).collect();
    while let Some(path) = left.pop() {
        let whole = worktree.join(&path);
        let unreadable = || format!("cannot read {}", whole.display());
        let bytes = match fs::symlink_metadata(&whole) {
            Ok(metadata) if metadata.is_dir() => {
                let entries = fs::read_dir(&whole).with_context(unreadable)?;
                let inner = entries.map(|entry| Ok(path.join(entry?.file_name())));
                let mut inner: Vec<PathBuf> =
                    inner.collect::<std::io::Result<_>>().with_context(unreadable)?;
                inner.sort();
                left.extend(inner);
                continue;
            }
            Ok(metadata) if metadata.is_symlink() => fs::read_link(&whole)
                .map(|target| target.into_os_string().into_encoded_bytes())
                .with_context(unreadable)?,
            Ok(_) => fs::read(&whole).with_context(unreadable)?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => b"removed".to_vec(),
            Err(error) => return Err(error).with_context(unreadable),
        };
        parts.push(path.into_os_string().into_encoded_bytes());
        parts.push(bytes);
    }
    Ok(cache::key(parts))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::ffi::OsString;
    use std::path::{Path, PathBuf};

    use deadheat_core::model::Side;

    use super::{Build, is_neutral};
    use crate::prepare::interpreter::Interpreter;

    #[test]
    fn another_command_content_interpreter_package_or_variable_is_another_build() {
        let interpreter = |path: &str, version: &str| Interpreter {
            path: path.into(),
            version: version.to_owned(),
            pytest: String::new(),
            implementation: "CPython".to_owned(),
            extension_suffixes: Vec::new(),
            paths: Vec::new(),
        };
        let key = |[command, content, path, version, package, flags]: [&str; 6]| {
            let build = Build {
                side: Side::Base,
                command,
                worktree: Path::new("/run/base"),
                folder: PathBuf::from("/run/base"),
                content: content.to_owned(),
                interpreter: &interpreter(path, version),
                installed: &BTreeMap::from([("cython".to_owned(), package.to_owned())]),
                variables: &BTreeMap::from([("CFLAGS".into(), OsString::from(flags))]),
                submodules: &[],
                import_folders: Vec::new(),
                layer: PathBuf::from("/run/layer"),
                layer_script: PathBuf::from("layer.py"),
            };
            build.key()
        };
        let usual = ["make", "c0ffee", "/usr/bin/python3", "3.12.1", "3.0", "-O2"];
        assert_eq!(key(usual), key(usual));
        for part in 0..usual.len() {
            let mut other = usual;
            other[part] = "other";
            assert_ne!(key(other), key(usual), "{}", usual[part]);
        }
    }

    #[test]
    fn what_only_begins_like_a_neutral_variable_counts() {
        for name in [
            "_",
            "TERM",
            "TERM_PROGRAM",
            "XDG_SESSION_ID",
            "GITHUB_RUN_ID",
            "USER",
        ] {
            assert!(is_neutral(name), "{name}");
        }
        for name in [
            "CI",
            "CIBW_ARCHS",
            "USER_FAST",
            "_PYTHON_HOST_PLATFORM",
            "CFLAGS",
            "LESS_SAFE",
            "TERMINAL_SIZE",
        ] {
            assert!(!is_neutral(name), "{name}");
        }
    }
}
