//! Checks whether pytest collects benchmarks and tests here.

use std::collections::BTreeSet;
use std::path::PathBuf;

use deadheat_core::model::{PerSide, Side};
use deadheat_core::source;
use deadheat_core::text::main_line;

use crate::commands::compare::benchmarks;
use crate::commands::detect::checks::Found;
use crate::commands::detect::checks::PATIENCE;
use crate::commands::detect::probes::Detection;
use crate::prepare::interpreter::Interpreter;
use crate::project::file_set::FileSet;
use crate::project::layout::{ProjectLayout, is_test_module};
use crate::system::interrupt::Interrupt;
use crate::system::paths::{parent, shown};
use crate::system::terminal;
use crate::worker::process::{ChannelError, Worker, WorkerChannel, WorkerCommand};
use crate::worker::session::{
    CollectSpec, Collection, Launch, PACKAGE_MISSING, Session, StartError, WorkerSpec,
};

impl Detection<'_> {
    /// Returns the benchmarks root, relative to the repository.
    pub(super) fn root(&self, project: &ProjectLayout, files: &FileSet, found: &mut Found) -> Option<String> {
        let reason = "no benchmarks-root";
        let Some(root) = &project.benchmarks_root else {
            let elsewhere = self.folders_with_benchmarks(project, files);
            let hint = match elsewhere.as_slice() {
                [] => "benchmarks-root = \"DIR\" under [tool.deadheat] in pyproject.toml".to_owned(),
                folders => format!(
                    "there are benchmarks in {}: name one with --benchmarks-root, or as benchmarks-root under [tool.deadheat] \
                     in pyproject.toml",
                    folders.join(", ")
                ),
            };
            found.in_the_way(
                "benchmarks-root",
                "none is configured, and there is no .codeflash/benchmarks, benchmarks, bench or tests/benchmarks with \
                 Python files",
                Some(&hint),
                reason,
            );
            return None;
        };
        let shown_root = shown(root);
        if !self.top.join(root).exists() {
            found.in_the_way(
                "benchmarks-root",
                format!("`{shown_root}` is configured and does not exist"),
                Some("it is relative to pyproject.toml"),
                reason,
            );
            return None;
        }
        let configured = self
            .args
            .benchmarks_root
            .as_ref()
            .or(self.config.benchmarks_root.as_ref());
        let how = if configured.is_some() {
            "configured"
        } else {
            "found"
        };
        let is_committed = self.git.is_some_and(|git| {
            let tree = git.tree("HEAD").unwrap_or_default();
            tree.iter()
                .any(|entry| crate::system::paths::is_inside(&entry.path, root))
        });
        let uncommitted = if is_committed {
            ""
        } else {
            "; not committed yet: until then, compare --working-tree"
        };
        found.uncommitted_root = (!is_committed && self.git.is_some()).then(|| root.clone());
        found.yes("benchmarks-root", format!("{shown_root}, {how}{uncommitted}"));
        let within = root
            .strip_prefix(&project.folder)
            .map(|path| path.trim_start_matches('/'));
        found.benchmarks_root = Some(within.unwrap_or(root).to_owned());
        Some(root.clone())
    }

    /// Returns the folders of tests that hold benchmarks, relative to the configuration's folder.
    pub(super) fn folders_with_benchmarks(&self, project: &ProjectLayout, files: &FileSet) -> Vec<String> {
        const MOST: usize = 5;
        let holds = |path: &&str| {
            is_test_module(path)
                && std::fs::read(self.top.join(&project.folder).join(path))
                    .is_ok_and(|text| source::holds_benchmarks(&text))
        };
        let tests = files.below(&project.folder).filter(holds);
        let folders: BTreeSet<&str> = tests.map(parent).filter(|folder| !folder.is_empty()).collect();
        folders.into_iter().take(MOST).map(str::to_owned).collect()
    }

    /// Collects the benchmarks, and returns whether that hangs.
    pub(super) fn benchmarks(
        &self,
        interpreter: &Interpreter,
        project: &ProjectLayout,
        files: &FileSet,
        root: &str,
        found: &mut Found,
    ) -> bool {
        let collect = benchmarks::to_collect(root, &[], &project.folder, files, self.top);
        match self.collect(interpreter, project, collect) {
            Err(Uncollectable { words, kind }) => {
                found.in_the_way(
                    "benchmarks",
                    words,
                    Some(kind.hint()),
                    "pytest could not collect the benchmarks",
                );
                return kind == Problem::Hangs;
            }
            Ok(collection) => {
                found.benchmarks = Some(collection.benchmarks.len());
                let errors = errors_of(&collection);
                if collection.benchmarks.is_empty() {
                    found.in_the_way(
                        "benchmarks",
                        format!("none in `{}`{errors}", shown(root)),
                        Some("a benchmark is a test that uses the `benchmark` fixture, or has the marker of that name"),
                        "no benchmarks in the benchmarks-root",
                    );
                } else {
                    found.yes("benchmarks", format!("{}{errors}", collection.benchmarks.len()));
                }
            }
        }
        false
    }

    /// Collects the ordinary tests, which `compare --tests` could time.
    pub(super) fn tests(&self, interpreter: &Interpreter, project: &ProjectLayout, found: &mut Found) {
        let root = project.tests_root.as_deref().unwrap_or(&project.folder);
        let path = root
            .strip_prefix(&project.folder)
            .unwrap_or(root)
            .trim_start_matches('/');
        let path = if path.is_empty() { "." } else { path };
        let collect = CollectSpec {
            tests: vec![path.to_owned()],
            paths: vec![path.to_owned()],
            files: Vec::new(),
        };
        match self.collect(interpreter, project, collect) {
            Err(Uncollectable { words, kind }) => found.no("tests", words, Some(kind.hint())),
            Ok(collection) => {
                let count = collection.benchmarks.len();
                found.tests = Some(count);
                let errors = errors_of(&collection);
                if count == 0 {
                    found.no("tests", format!("none below `{path}`{errors}"), None);
                } else {
                    found.yes("tests", format!("{count} below `{path}`{errors}"));
                }
            }
        }
    }

    /// Returns pytest's collection of the working tree, or its message if it fails.
    pub(super) fn collect(
        &self,
        interpreter: &Interpreter,
        project: &ProjectLayout,
        collect: CollectSpec,
    ) -> Result<Collection, Uncollectable> {
        let scratch = tempfile::tempdir().map_err(|error| Uncollectable::other(error.to_string()))?;
        let hello = project.hello(self.top, self.top);
        let spec = WorkerSpec {
            hello: PerSide::new(hello.clone(), hello),
            trace: None,
            micro: None,
            collect,
            keyword: None,
            pytest_args: Vec::new(),
        };
        let mut launch = InPlace {
            command: WorkerCommand {
                interpreter: interpreter.path.clone(),
                script: self.installation.worker_file("worker.py"),
                folder: self.top.to_owned(),
                environment: self.variables(scratch.path()),
                memory_limit: None,
            },
            log: scratch.path().join("log"),
            interrupt: self.interrupt.clone(),
        };
        let opened = Session::open(&mut launch, &spec, &[Side::Head], 0, PATIENCE).pop();
        let opened = opened.ok_or_else(|| Uncollectable::other("no process was started".to_owned()))?;
        let (session, collection) = opened.map_err(Uncollectable::from)?;
        session.stop();
        Ok(collection)
    }
}

/// The reason why pytest has collected nothing.
pub(super) struct Uncollectable {
    pub(super) words: String,
    pub(super) kind: Problem,
}

impl Uncollectable {
    fn other(words: String) -> Self {
        Uncollectable {
            words,
            kind: Problem::Other,
        }
    }
}

impl From<StartError> for Uncollectable {
    fn from(error: StartError) -> Self {
        let with_log = |problem: &str, log: &str| match main_line(log) {
            "" => Uncollectable::other(problem.to_owned()),
            line => Uncollectable::other(format!("{problem}: {line}")),
        };
        match error {
            StartError::CollectionFailed { words: log } => match exits_itself(&log) {
                Some(line) => Uncollectable {
                    words: format!("a file of the suite ends the process while it is collected ({line})"),
                    kind: Problem::Exits,
                },
                None => with_log("pytest could not start", &log),
            },
            StartError::ChannelError {
                problem: ChannelError::Deadline(_),
                ..
            } => Uncollectable {
                words: format!(
                    "collecting the suite did not end within {} s: a file of the suite hangs when it is \
                     imported",
                    PATIENCE.as_secs()
                ),
                kind: Problem::Hangs,
            },
            StartError::ChannelError { problem, words: log } => with_log(&problem.to_string(), &log),
            StartError::ForeignImport(import) => Uncollectable::other(import.message("the working tree")),
            StartError::Lost => Uncollectable::other("the folder is gone".to_owned()),
            StartError::Other(error) => Uncollectable::other(terminal::whole_message(&error)),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Problem {
    Hangs,
    Exits,
    Other,
}

impl Problem {
    pub(super) fn hint(self) -> &'static str {
        match self {
            Problem::Hangs => "python -m pytest --collect-only shows where it hangs",
            Problem::Exits => {
                "call it below `if __name__ == \"__main__\":` only; python -m pytest --collect-only shows where it is"
            }
            Problem::Other => PACKAGE_MISSING,
        }
    }
}

/// Returns the line that ended pytest, if that is a `sys.exit` of a file that it imported.
pub(super) fn exits_itself(log: &str) -> Option<&str> {
    let lines = log
        .lines()
        .map(|line| line.trim_start_matches("INTERNALERROR>").trim());
    let mut last = lines.filter(|line| *line == "SystemExit" || line.starts_with("SystemExit:"));
    last.next_back()
}

pub(super) fn errors_of(collection: &Collection) -> String {
    match collection.errors.as_slice() {
        [] => String::new(),
        [first, more @ ..] => {
            let more = match more.len() {
                0 => String::new(),
                count => format!(" (and {count} more)"),
            };
            format!("; {}: {}{more}", first.node, main_line(&first.message))
        }
    }
}

/// A launcher that starts a worker in the working tree itself.
pub(super) struct InPlace {
    pub(super) command: WorkerCommand,
    pub(super) log: PathBuf,
    pub(super) interrupt: Interrupt,
}

impl Launch for InPlace {
    fn launch(&mut self, _side: Side, seed: u32) -> anyhow::Result<Box<dyn WorkerChannel>> {
        let worker = Worker::start(&self.command, seed, self.log.clone(), self.interrupt.clone())?;
        Ok(Box::new(worker))
    }
}

#[cfg(test)]
mod tests {
    use super::exits_itself;

    #[test]
    fn a_suite_that_ends_the_process_is_told_from_a_broken_one() {
        let log = "INTERNALERROR>   File \"/a/test_a.py\", line 2\nINTERNALERROR> SystemExit: 0\nmainloop: 3";
        assert_eq!(exits_itself(log), Some("SystemExit: 0"));
        assert_eq!(exits_itself("INTERNALERROR> ValueError: SystemExit"), None);
    }
}
