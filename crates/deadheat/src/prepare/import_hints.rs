//! Remedies for an import that failed in a fresh checkout, which lacks files that git ignores, above all
//! generated files and compiled parts.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use deadheat_core::model::{Action, Missing, MissingReason, NextStep, PerSide, Warning, WarningCode};

use crate::config::settings::SideSettings;
use crate::error::Failure;
use crate::git::Git;
use crate::git::queries::Untracked;
use crate::project::extension_modules::{ExtensionModules, is_binary};
use crate::project::layout::ProjectLayout;
use crate::project::version_files::version_files;
use crate::system::paths::{file_name, join, parent, seen_from};
use crate::workspace::without_checkouts;

/// The words of Python, of the dynamic linker and of the system for a process that gets no more memory.
const OUT_OF_MEMORY: [&str; 4] = [
    "MemoryError",
    "cannot map zero-fill pages",
    "failed to map segment",
    "Cannot allocate memory",
];

pub(crate) struct Hints<'a> {
    git: &'a Git,
    project: &'a ProjectLayout,
    checkouts: PerSide<PathBuf>,
    /// The folder where deadheat was started, relative to the repository: paths on the command line are relative to it.
    started_in: String,
    /// The command that builds the compiled part, if there is one.
    build: Option<String>,
    /// Whether --build ran.
    is_built: bool,
    memory_limit_mib: Option<u64>,
    /// Files that a build writes the version into.
    version_files: Vec<String>,
}

impl<'a> Hints<'a> {
    /// Reads the configuration of builds in head's checkout.
    pub(crate) fn new(
        git: &'a Git,
        project: &'a ProjectLayout,
        compiled: Option<&ExtensionModules>,
        settings: &SideSettings,
        checkouts: PerSide<&Path>,
    ) -> Self {
        let started_in = settings.started_in.canonicalize().ok();
        let started_in = started_in
            .as_deref()
            .and_then(|folder| folder.strip_prefix(git.top()).ok());
        Hints {
            git,
            project,
            checkouts: checkouts.map(Path::to_path_buf),
            started_in: started_in.and_then(Path::to_str).unwrap_or_default().to_owned(),
            build: compiled.map(|compiled| compiled.command(project)),
            is_built: settings.build.is_some(),
            memory_limit_mib: settings.memory_limit_mib,
            version_files: version_files(project, checkouts.head),
        }
    }

    /// Adds the remedy to an error, if that is known.
    pub(crate) fn explain(&self, error: anyhow::Error) -> anyhow::Error {
        let Some(failure) = error.downcast_ref::<Failure>() else {
            return error;
        };
        let mut explained = failure.with_message(self.own_paths(&failure.message));
        explained.hint = self.hint(&failure.message).or(explained.hint);
        if let Some(path) = self.new_file(&failure.message) {
            explained.hint = Some(format!(
                "`{path}` is in your working tree, but not in git, so no commit has it: git add it, and commit it"
            ));
            let add = ["git", "add", "--", &format!(":/{path}")];
            let commit = ["git", "commit", "--message", "experiment"];
            explained.next = vec![
                NextStep::command(Action::CommitFirst, &add, "the change needs this file"),
                NextStep::command(Action::CommitFirst, &commit, "only commits are compared"),
            ];
        }
        explained.into()
    }

    /// Names the files that benchmarks did not find, if a fresh checkout lacks them.
    pub(crate) fn of_missing(&self, missing: &[Missing]) -> Vec<Warning> {
        let failed = missing.iter().filter(|row| row.reason == MissingReason::Failed);
        let by_file: BTreeMap<String, &Missing> = failed
            .filter_map(|row| Some((self.ignored_file(&row.message)?, row)))
            .collect();
        let warnings = by_file.into_iter().map(|(path, row)| {
            let message = format!(
                "`{}` does not find `{path}`, which git ignores, so a fresh checkout lacks it",
                row.benchmark
            );
            Warning::new(
                WarningCode::IgnoredFileMissing,
                message,
                Some(&self.inject(&path)),
            )
        });
        warnings.collect()
    }

    /// Returns the file of a module that was not found, if git does not track it yet.
    fn new_file(&self, message: &str) -> Option<String> {
        let relative = missing_module(message)?.replace('.', "/");
        let folders = self.project.import_folders.iter();
        let places = folders.map(|folder| join(folder, &relative));
        let mut files = places.flat_map(|place| [format!("{place}.py"), format!("{place}/__init__.py")]);
        files.find(|file| {
            let listed = self
                .git
                .untracked_paths(Untracked::NotIgnored, std::slice::from_ref(file));
            listed.is_ok_and(|paths| paths.contains(file))
        })
    }

    fn hint(&self, message: &str) -> Option<String> {
        let is_out_of_memory = || OUT_OF_MEMORY.iter().any(|words| message.contains(words));
        if let Some(mib) = self.memory_limit_mib.filter(|_| is_out_of_memory()) {
            return Some(format!(
                "each process may use {mib} MiB: raise the limit (--memory-limit, or memory-limit in the \
                 configuration)"
            ));
        }
        if let Some(path) = self.ignored_file(message) {
            return Some(self.lacks_ignored(&path));
        }
        if let Some((_, name)) =
            message.rsplit_once("PackageNotFoundError: No package metadata was found for ")
        {
            return Some(format!(
                "something asks for the version of `{}`, which is not installed there: pip install --no-deps -e . in that \
                 environment, or --env per-ref, which does so by itself",
                name.lines().next().unwrap_or_default().trim()
            ));
        }
        let dotted = missing_module(message)?;
        let relative = dotted.replace('.', "/");
        let places: Vec<String> = self
            .project
            .import_folders
            .iter()
            .map(|folder| join(folder, &relative))
            .collect();
        let ignored = places.iter().find_map(|place| self.ignored_at(place));
        if let Some(path) = ignored.as_deref().filter(|path| !is_binary(path)) {
            return Some(self.lacks_ignored(path));
        }
        let is_generated = |place: &String| self.version_files.contains(&format!("{place}.py"));
        if let Some(place) = places.iter().find(|place| is_generated(place)) {
            return Some(format!(
                "`{place}.py` is written by the project's build, and neither git nor your working tree has \
                 it: write it on both sides with --build 'pip install --no-deps -e .', or install the project \
                 in your checkout, from which it is copied"
            ));
        }
        let stem = relative
            .strip_suffix("_pb2")
            .or_else(|| relative.strip_suffix("_pb2_grpc"));
        if let Some(stem) = stem {
            return Some(format!(
                "`{relative}.py` is generated from `{name}.proto`, and a fresh checkout lacks it: generate it on both sides, \
                 --build 'python -m grpc_tools.protoc -I. --python_out=. --grpc_python_out=. PATH/{name}.proto'",
                name = file_name(stem)
            ));
        }
        let build = self.build.as_ref().filter(|_| self.is_own(&dotted))?;
        if self.is_built {
            return Some(format!(
                "--build ran, but left no `{dotted}` in the folder that the code is imported from, and files \
                 that it installs elsewhere are not used: --build '{build}' puts it there"
            ));
        }
        Some(format!(
            "the project has a compiled part, which a fresh checkout lacks: --build '{build}' builds it on both sides"
        ))
    }

    fn is_own(&self, dotted: &str) -> bool {
        let top = dotted.split('.').next().unwrap_or_default();
        let own = &self.project.code_names;
        // A compiled module may lie next to the packages.
        own.iter().any(|name| name.split('.').next() == Some(top)) || top.starts_with('_')
    }

    /// Returns the remedy for a path, which is relative to the repository.
    fn inject(&self, path: &str) -> String {
        format!(
            "--inject {} copies it to both sides (if it is the same for both)",
            seen_from(&self.started_in, path)
        )
    }

    /// Returns a message with the repository's own paths.
    fn own_paths(&self, message: &str) -> String {
        without_checkouts(message, self.checkouts.as_ref().map(PathBuf::as_path))
    }

    /// Returns the hint about a path of the working tree that no checkout has.
    fn lacks_ignored(&self, path: &str) -> String {
        format!(
            "`{path}` is in your working tree, but git ignores it, so a fresh checkout lacks it: {}",
            self.inject(path)
        )
    }

    /// Returns the file that a message reports missing, if it is in the working tree and git ignores it; or the topmost
    /// ignored folder that holds it.
    fn ignored_file(&self, message: &str) -> Option<String> {
        let file = self.own_paths(missing_file(message)?);
        // pytest runs in the project's folder.
        let places = [file.clone(), join(&self.project.folder, &file)];
        let is_ignored = |path: &str| self.git.ignores(path).unwrap_or(false);
        let is_there = |path: &&String| self.git.top().join(path).exists();
        let mut path = places
            .iter()
            .filter(|path| !Path::new(path).is_absolute())
            .find(|path| is_there(path) && is_ignored(path))?
            .as_str();
        while !parent(path).is_empty() && is_ignored(parent(path)) {
            path = parent(path);
        }
        Some(path.to_owned())
    }

    /// Returns the path that git ignores in the working tree under this name, whatever its suffix.
    fn ignored_at(&self, place: &str) -> Option<String> {
        let stem = file_name(place);
        let folder = self.git.top().join(parent(place));
        for entry in std::fs::read_dir(folder).ok()?.flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            if name == stem || name.strip_prefix(stem).is_some_and(|rest| rest.starts_with('.')) {
                let path = join(parent(place), &name);
                if self.git.ignores(&path).unwrap_or(false) {
                    return Some(path);
                }
            }
        }
        None
    }
}

/// Returns the hint for a benchmark that skips itself with this message.
pub(crate) fn how_not_to_skip(message: &str) -> String {
    let words = message.split(|char: char| !(char.is_ascii_alphanumeric() || char == '-' || char == '_'));
    let named = words.filter_map(|word| Some((word, word.strip_prefix("--")?)));
    let mut options = named.filter(|(_, name)| !name.is_empty());
    match options.next() {
        Some((option, _)) => format!("--pytest-arg={option} gives pytest that option, on both sides"),
        None => {
            "if it runs with an option of pytest, give it on both sides with --pytest-arg=--OPTION; if a \
             package is missing, install it in this interpreter, or choose another with --python"
                .to_owned()
        }
    }
}

/// Returns the file or folder that Python's message reports missing.
fn missing_file(message: &str) -> Option<&str> {
    let quoted = message.rsplit_once("No such file or directory: '")?.1;
    quoted.split('\'').next()
}

/// Returns the module that an import did not find, according to pytest's message.
fn missing_module(message: &str) -> Option<String> {
    let quoted = |after: &str| {
        let rest = message.rsplit_once(after)?.1;
        rest.split('\'').next().map(str::to_owned)
    };
    let named = quoted("No module named '");
    named.or_else(|| {
        let name = quoted("cannot import name '")?;
        Some(format!(
            "{}.{name}",
            quoted("' from partially initialized module '").or_else(|| quoted("' from '"))?
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::{how_not_to_skip, missing_file, missing_module};
    use crate::project::layout::WITHOUT_BENCHMARKS;

    #[test]
    fn every_way_without_benchmarks_is_named() {
        for way in [
            "compare --tests ",
            "deadheat profile -- ",
            "deadheat micro",
            "compare --script ",
        ] {
            assert!(WITHOUT_BENCHMARKS.contains(way), "{way}");
        }
    }

    #[test]
    fn the_module_that_an_import_did_not_find() {
        let found = |message: &str| missing_module(message).unwrap_or_default();
        assert_eq!(
            found("E   ModuleNotFoundError: No module named 'pkg._version'"),
            "pkg._version"
        );
        assert_eq!(
            found("E   ImportError: cannot import name '_fast' from 'pkg' (/a/pkg/__init__.py)"),
            "pkg._fast"
        );
        assert_eq!(
            found("cannot import name '_fast' from partially initialized module 'pkg' (most likely due to"),
            "pkg._fast"
        );
        assert_eq!(found("AssertionError"), "");
    }

    #[test]
    fn the_file_that_was_not_there() {
        let words = "E   FileNotFoundError: [Errno 2] No such file or directory: 'data/n.txt'";
        assert_eq!(missing_file(words), Some("data/n.txt"));
        assert_eq!(missing_file("AssertionError"), None);
    }

    #[test]
    fn a_suite_that_skips_itself_names_the_option_that_it_wants() {
        assert!(how_not_to_skip("Skipped: needs --run-slow to run").starts_with("--pytest-arg=--run-slow "));
        assert!(how_not_to_skip("Skipped: not today").contains("--pytest-arg=--OPTION"));
    }
}
