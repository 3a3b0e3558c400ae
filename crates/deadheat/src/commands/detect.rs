//! `deadheat detect`: the parts of deadheat that can be used in this project, as it is in the working tree, and why not
//! the rest.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use deadheat_core::model::{PerSide, Side};
use deadheat_core::report::{main_line, plain, short_commit};
use deadheat_core::source;
use serde::Serialize;
use serde_json::json;

use crate::Installation;
use crate::cli::DetectArgs;
use crate::cli::options::{Verbosity, verbosity};
use crate::commands::compare::benchmarks;
use crate::config::Config;
use crate::config::settings;
use crate::error::{ErrorKind, Exit, Failure, is_stopped};
use crate::experiments::state::State;
use crate::git::Git;
use crate::prepare::interpreter::{self, Candidates, Interpreter, Pytest};
use crate::prepare::variables;
use crate::project::file_set::Files;
use crate::project::layout::{Project, is_test_module};
use crate::report::output;
use crate::report::progress::Progress;
use crate::system::command::{self, Limits};
use crate::system::interrupt::Interrupt;
use crate::system::paths::{join, parent, shown};
use crate::system::terminal;
use crate::worker::process::{NoAnswer, Talk, Worker, WorkerCommand};
use crate::worker::session::{Briefing, Collection, Launch, NotReady, PACKAGE_MISSING, Session, ToCollect};

/// The checks, in the order of their lines.
const CHECKS: [&str; 10] = [
    "git",
    "configuration",
    "interpreter",
    "pytest",
    "layout",
    "package",
    "benchmarks-root",
    "benchmarks",
    "tests",
    "memray",
];

/// The time limit for importing, and for each collection.
const PATIENCE: Duration = Duration::from_secs(30);

/// One line of the answer.
#[derive(Debug, Serialize)]
struct Check {
    check: &'static str,
    ok: bool,
    /// The finding, or the reason for a no.
    detail: String,
    hint: Option<String>,
}

/// A command to use where benchmarks are missing, or in addition to them.
#[derive(Debug, Serialize)]
struct Fallback {
    name: &'static str,
    applies: bool,
    /// The way to use it, or the reason why not.
    detail: String,
}

/// All findings.
#[derive(Debug, Default)]
struct Found {
    checks: Vec<Check>,
    /// The first obstacle to `compare`, in a few words.
    reason: Option<String>,
    /// Relative to the configuration's folder, as `--benchmarks-root` is.
    benchmarks_root: Option<String>,
    benchmarks: Option<usize>,
    tests: Option<usize>,
    memray: Option<String>,
}

impl Found {
    fn yes(&mut self, check: &'static str, detail: impl Into<String>) {
        self.checks.push(Check {
            check,
            ok: true,
            detail: detail.into(),
            hint: None,
        });
    }

    fn no(&mut self, check: &'static str, detail: impl Into<String>, hint: Option<&str>) {
        self.checks.push(Check {
            check,
            ok: false,
            detail: detail.into(),
            hint: hint.map(str::to_owned),
        });
    }

    /// Adds a no that prevents `compare`; `reason` goes into `setup.md`.
    fn in_the_way(
        &mut self,
        check: &'static str,
        detail: impl Into<String>,
        hint: Option<&str>,
        reason: &str,
    ) {
        self.no(check, detail, hint);
        self.reason.get_or_insert_with(|| reason.to_owned());
    }

    /// Adds the missing lines, and sorts all in the order of [`CHECKS`].
    fn complete(&mut self) {
        for check in CHECKS {
            if !self.checks.iter().any(|line| line.check == check) {
                self.no(check, "not looked at, for a reason above", None);
            }
        }
        self.checks
            .sort_by_key(|line| CHECKS.iter().position(|check| *check == line.check));
    }

    fn is_ok(&self, check: &str) -> bool {
        self.checks.iter().any(|line| line.check == check && line.ok)
    }
}

pub(crate) fn run(
    args: &DetectArgs,
    folder: &Path,
    installation: &Installation,
    interrupt: &Interrupt,
) -> anyhow::Result<Exit> {
    if let Some(file) = args
        .place
        .config_file
        .as_ref()
        .filter(|file| !folder.join(file).is_file())
    {
        return Err(
            Failure::usage(format!("--config-file {}: there is no such file", file.display())).into(),
        );
    }
    let mut progress = Progress::new(verbosity(&args.output));
    let mut found = Found::default();
    let git = repository(folder, interrupt, &mut found)?;
    let top = git.as_ref().map_or(folder, Git::top).to_owned();
    let config = configuration(args, folder, &top, &mut found);
    let detection = Detection {
        args,
        installation,
        interrupt,
        git: git.as_ref(),
        top: &top,
        config: &config,
    };
    detection.look(&mut found, &mut progress);
    progress.finish();
    found.complete();
    if interrupt.is_asked() {
        return Err(Failure::stopped().into());
    }
    let fallbacks = fallbacks(&found);
    let written = match args.write {
        // Without a checkout there is no place for state: the git directory itself is not a place for files.
        true if git.is_none() => Some(Err(
            "there is no checkout of a repository to write it into".to_owned()
        )),
        true => Some(write(&config, &top, &found)),
        false => None,
    };
    print(args, &found, &fallbacks, written.as_ref())?;
    Ok(Exit::Done)
}

fn repository(folder: &Path, interrupt: &Interrupt, found: &mut Found) -> anyhow::Result<Option<Git>> {
    let git = match Git::discover(folder, &Limits::without_end(interrupt)) {
        Ok(git) => git,
        Err(error) if is_stopped(&error) => return Err(error),
        Err(error) => {
            let words = terminal::whole_message(&error);
            let (hint, reason) = match error.downcast_ref::<Failure>() {
                Some(failure) if failure.kind == ErrorKind::BareRepository => {
                    (failure.hint.clone(), "a bare repository")
                }
                _ => {
                    let usual = "git init && git add --all && git commit: deadheat compares two commits";
                    (Some(usual.to_owned()), "no git repository")
                }
            };
            found.in_the_way("git", words, hint.as_deref(), reason);
            return Ok(None);
        }
    };
    match git.commit("HEAD") {
        Ok(Some(commit)) => found.yes(
            "git",
            format!("{}, at {}", git.top().display(), short_commit(&commit)),
        ),
        Ok(None) => found.in_the_way(
            "git",
            format!("{} has no commit yet", git.top().display()),
            Some("git add --all && git commit"),
            "no commits",
        ),
        Err(error) => found.in_the_way("git", terminal::whole_message(&error), None, "git failed"),
    }
    Ok(Some(git))
}

/// Reads the configuration. One that cannot be read is a no, and everything else is checked as if it did not exist.
fn configuration(args: &DetectArgs, folder: &Path, top: &Path, found: &mut Found) -> Config {
    match Config::load(folder, top, args.place.config_file.as_deref()) {
        Ok(config) => {
            found.yes("configuration", described(args, folder, &config));
            config
        }
        Err(error) => {
            let hint = error
                .downcast_ref::<Failure>()
                .and_then(|failure| failure.hint.clone());
            let words = terminal::whole_message(&error);
            found.in_the_way(
                "configuration",
                words,
                hint.as_deref(),
                "the configuration cannot be read",
            );
            Config {
                folder: top.to_owned(),
                ..Config::default()
            }
        }
    }
}

fn described(args: &DetectArgs, folder: &Path, config: &Config) -> String {
    let file = match &args.place.config_file {
        Some(file) => folder.join(file),
        None => config.folder.join("pyproject.toml"),
    };
    if file.is_file() {
        file.display().to_string()
    } else {
        "no pyproject.toml: all of it is found or usual".to_owned()
    }
}

struct Detection<'a> {
    args: &'a DetectArgs,
    installation: &'a Installation,
    interrupt: &'a Interrupt,
    git: Option<&'a Git>,
    top: &'a Path,
    config: &'a Config,
}

impl Detection<'_> {
    fn look(&self, found: &mut Found, progress: &mut Progress) {
        let interpreter = self.interpreter(found);
        let layout = self.layout(found);
        if let (Some(interpreter), Some((project, files))) = (&interpreter, &layout) {
            progress.step("importing the project");
            self.package(interpreter, project, files, found);
        }
        let root = match &layout {
            Some((project, files)) => self.root(project, files, found),
            None => None,
        };
        if let (Some(interpreter), Some((project, files))) = (&interpreter, &layout)
            && found.is_ok("pytest")
        {
            let mut hangs = false;
            if let Some(root) = root {
                progress.step("collecting the benchmarks");
                hangs = self.benchmarks(interpreter, project, files, &root, found);
            }
            if hangs {
                // Its conftest files may also be those of the tests, and nobody should wait for the same hang twice.
                found.no(
                    "tests",
                    "not looked at: collecting the benchmarks came to no end",
                    None,
                );
            } else {
                progress.step("collecting the tests");
                self.tests(interpreter, project, found);
            }
        }
        self.memray(interpreter.as_ref(), found);
    }

    fn interpreter(&self, found: &mut Found) -> Option<Interpreter> {
        let candidates = Candidates::new(
            self.args.place.python.as_deref(),
            self.config,
            vec![self.config.folder.clone(), self.top.to_owned()],
            self.installation,
        );
        let probe = self.installation.worker_file("probe.py");
        let described =
            |interpreter: &Interpreter| format!("{}, {}", interpreter.path.display(), interpreter.version);
        let without = match candidates.choose(&probe, Pytest::Needed) {
            Ok(interpreter) => {
                found.yes("interpreter", described(&interpreter));
                found.yes("pytest", interpreter.pytest.clone());
                return Some(interpreter);
            }
            Err(failure) => failure,
        };
        match candidates.choose(&probe, Pytest::NotNeeded) {
            Ok(interpreter) => {
                found.yes("interpreter", described(&interpreter));
                found.in_the_way(
                    "pytest",
                    without.message,
                    without.hint.as_deref(),
                    "pytest is not installed",
                );
                Some(interpreter)
            }
            Err(failure) => {
                found.in_the_way(
                    "interpreter",
                    failure.message,
                    failure.hint.as_deref(),
                    "no interpreter",
                );
                None
            }
        }
    }

    /// Finds the code, tests and benchmarks of the working tree.
    fn layout(&self, found: &mut Found) -> Option<(Project, Files)> {
        let listing = self.git?.working_tree_paths();
        let files = match listing {
            Ok(paths) => Files::new(paths),
            Err(error) => {
                found.in_the_way("layout", terminal::whole_message(&error), None, "git failed");
                return None;
            }
        };
        let asked = self.args.benchmarks_root.as_deref();
        let root = settings::benchmarks_root(asked, self.config, self.top);
        let project = root.and_then(|root| Project::lay_out(self.config, self.top, &files, root.as_deref()));
        match project {
            Ok(project) => {
                let code: Vec<&str> = project.module_roots.iter().map(|root| shown(root)).collect();
                let code = if code.is_empty() {
                    "none".to_owned()
                } else {
                    code.join(", ")
                };
                let tests = project.tests_root.as_deref().unwrap_or("none");
                found.yes("layout", format!("code: {code}; tests: {tests}"));
                Some((project, files))
            }
            Err(failure) => {
                found.in_the_way(
                    "layout",
                    failure.message,
                    failure.hint.as_deref(),
                    "the roots in the configuration do not fit",
                );
                None
            }
        }
    }

    /// Imports the packages; single modules, which may be scripts, only where there is no package.
    fn package(&self, interpreter: &Interpreter, project: &Project, files: &Files, found: &mut Found) {
        let is_package = |name: &&String| {
            let path = name.replace('.', "/");
            let mut folders = project.import_folders.iter();
            folders.any(|folder| files.is_file(&join(&join(folder, &path), "__init__.py")))
        };
        let mut names: Vec<String> = project.code_names.iter().filter(is_package).cloned().collect();
        if names.is_empty() {
            names.clone_from(&project.code_names);
        }
        if names.is_empty() {
            found.no(
                "package",
                "no package and no module was found",
                Some("say where the code is: module-root under [tool.deadheat] in pyproject.toml"),
            );
            return;
        }
        let outcome = self.import(interpreter, project, &names).unwrap_or_else(|error| {
            let words = terminal::whole_message(&error);
            names
                .iter()
                .map(|name| (name.clone(), Some(words.clone())))
                .collect()
        });
        let mut imported = Vec::new();
        let mut failed = Vec::new();
        for name in &names {
            match outcome.get(name) {
                Some(None) => imported.push(name.as_str()),
                Some(Some(problem)) => failed.push(format!("{name}: {problem}")),
                None => failed.push(format!("{name}: the process ended, or took more than 30 s")),
            }
        }
        let failed = failed.join("; ");
        match (imported.is_empty(), failed.is_empty()) {
            (false, true) => found.yes("package", imported.join(", ")),
            (false, false) => found.yes("package", format!("{} (not {failed})", imported.join(", "))),
            _ => found.no(
                "package",
                failed,
                Some("install the project's dependencies in this interpreter, or choose another: --python PATH"),
            ),
        }
    }

    fn import(
        &self,
        interpreter: &Interpreter,
        project: &Project,
        names: &[String],
    ) -> anyhow::Result<BTreeMap<String, Option<String>>> {
        let scratch = tempfile::tempdir()?;
        let answer = scratch.path().join("answer.json");
        let request = json!({
            "project": project.folder,
            "import_folders": project.import_folders,
            "names": names,
        });
        let mut process = Command::new(&interpreter.path);
        process
            .arg(self.installation.worker_file("importable.py"))
            .arg(&answer)
            .arg(self.top)
            .arg(request.to_string())
            .current_dir(self.top.join(&project.folder))
            .env_clear()
            .envs(self.variables(scratch.path()));
        let limits = Limits {
            until: Instant::now() + PATIENCE,
            interrupt: self.interrupt.clone(),
        };
        // The answer that it wrote says more than how it ended.
        let _ = command::run(&mut process, &scratch.path().join("log"), &limits);
        let text = std::fs::read(&answer).unwrap_or_default();
        Ok(serde_json::from_slice(&text).unwrap_or_default())
    }

    /// Returns the workers' variables, which leave nothing in the user's tree: no bytecode, no pytest cache.
    fn variables(&self, scratch: &Path) -> BTreeMap<OsString, OsString> {
        let local: &[String] = self.git.map_or(&[], Git::local_variables);
        let mut variables = variables::for_workers(std::env::vars_os(), &self.config.pass_env, local);
        let cache = scratch.join("pytest-cache").display().to_string();
        let cache = cache.replace('\'', "'\\''");
        variables.insert("PYTHONDONTWRITEBYTECODE".into(), "1".into());
        // The cache is moved rather than disabled with `-p no:cacheprovider`, because a project's options may be that
        // plugin's.
        variables.insert("PYTEST_ADDOPTS".into(), format!("-o 'cache_dir={cache}'").into());
        variables
    }

    /// Returns the benchmarks root, relative to the repository.
    fn root(&self, project: &Project, files: &Files, found: &mut Found) -> Option<String> {
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
        found.yes("benchmarks-root", format!("{shown_root}, {how}{uncommitted}"));
        let within = root
            .strip_prefix(&project.folder)
            .map(|path| path.trim_start_matches('/'));
        found.benchmarks_root = Some(within.unwrap_or(root).to_owned());
        Some(root.clone())
    }

    /// Returns the folders of tests that hold benchmarks, relative to the configuration's folder.
    fn folders_with_benchmarks(&self, project: &Project, files: &Files) -> Vec<String> {
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
    fn benchmarks(
        &self,
        interpreter: &Interpreter,
        project: &Project,
        files: &Files,
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
    fn tests(&self, interpreter: &Interpreter, project: &Project, found: &mut Found) {
        let root = project.tests_root.as_deref().unwrap_or(&project.folder);
        let path = root
            .strip_prefix(&project.folder)
            .unwrap_or(root)
            .trim_start_matches('/');
        let path = if path.is_empty() { "." } else { path };
        let collect = ToCollect {
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

    /// Returns what pytest collects in the working tree, or its message where it cannot.
    fn collect(
        &self,
        interpreter: &Interpreter,
        project: &Project,
        collect: ToCollect,
    ) -> Result<Collection, Uncollectable> {
        let other = |words: String| Uncollectable {
            words,
            kind: Problem::Other,
        };
        let scratch = tempfile::tempdir().map_err(|error| other(error.to_string()))?;
        let hello = project.hello(self.top, self.top);
        let briefing = Briefing {
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
                script: self.installation.worker_file("__main__.py"),
                folder: self.top.to_owned(),
                environment: self.variables(scratch.path()),
                memory_limit: None,
            },
            log: scratch.path().join("log"),
            interrupt: self.interrupt.clone(),
        };
        let opened = Session::open(&mut launch, &briefing, &[Side::Head], 0, PATIENCE).pop();
        let words = |log: &str, problem: &str| match main_line(log) {
            "" => problem.to_owned(),
            line => format!("{problem}: {line}"),
        };
        match opened {
            Some(Ok((session, collection))) => {
                session.stop();
                Ok(collection)
            }
            Some(Err(NotReady::CollectionFailed { words: log })) => match exits_itself(&log) {
                Some(line) => Err(Uncollectable {
                    words: format!("a file of the suite ends the process while it is collected ({line})"),
                    kind: Problem::Exits,
                }),
                None => Err(other(words(&log, "pytest could not start"))),
            },
            Some(Err(NotReady::NoAnswer {
                problem: NoAnswer::Deadline(_),
                ..
            })) => Err(Uncollectable {
                words: format!(
                    "collecting it did not end within {} s: a file of the suite hangs when it is imported",
                    PATIENCE.as_secs()
                ),
                kind: Problem::Hangs,
            }),
            Some(Err(NotReady::NoAnswer { problem, words: log })) => {
                Err(other(words(&log, &problem.to_string())))
            }
            Some(Err(NotReady::Lost)) => Err(other("the folder is gone".to_owned())),
            Some(Err(NotReady::Other(error))) => {
                Err(other(in_working_tree(&terminal::whole_message(&error))))
            }
            None => Err(other("no process was started".to_owned())),
        }
    }

    fn memray(&self, interpreter: Option<&Interpreter>, found: &mut Found) {
        let Some(interpreter) = interpreter else {
            return;
        };
        let script = self.installation.worker_file("installed.py");
        found.memray = interpreter::installed(&interpreter.path, &script)
            .ok()
            .and_then(|mut packages| packages.remove("memray"));
        match found.memray.clone() {
            Some(version) => found.yes("memray", version),
            None => found.no(
                "memray",
                "not installed in this interpreter: compare --memory needs it",
                Some(&format!("{} -m pip install memray", interpreter.path.display())),
            ),
        }
    }
}

/// The reason why pytest has collected nothing.
struct Uncollectable {
    words: String,
    kind: Problem,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Problem {
    Hangs,
    Exits,
    Other,
}

impl Problem {
    fn hint(self) -> &'static str {
        match self {
            Problem::Hangs => "python -m pytest --collect-only shows where it stands still",
            Problem::Exits => {
                "call it below `if __name__ == \"__main__\":` only; python -m pytest --collect-only shows where it is"
            }
            Problem::Other => PACKAGE_MISSING,
        }
    }
}

/// Returns the line that ended pytest, where that is a `sys.exit` of a file that it imported.
fn exits_itself(log: &str) -> Option<&str> {
    let lines = log
        .lines()
        .map(|line| line.trim_start_matches("INTERNALERROR>").trim());
    let mut last = lines.filter(|line| *line == "SystemExit" || line.starts_with("SystemExit:"));
    last.next_back()
}

/// Adapts a message of the import proof, which mentions a worktree, to the working tree.
fn in_working_tree(message: &str) -> String {
    message
        .replace("the worktree of head", "the working tree")
        .replace("on head, ", "")
}

fn errors_of(collection: &Collection) -> String {
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
struct InPlace {
    command: WorkerCommand,
    log: PathBuf,
    interrupt: Interrupt,
}

impl Launch for InPlace {
    fn launch(&mut self, _side: Side, seed: u32) -> anyhow::Result<Box<dyn Talk>> {
        let worker = Worker::start(&self.command, seed, self.log.clone(), self.interrupt.clone())?;
        Ok(Box::new(worker))
    }
}

fn fallbacks(found: &Found) -> Vec<Fallback> {
    let fallback = |name, problem: Option<&str>, detail: &str| Fallback {
        name,
        applies: problem.is_none(),
        detail: problem.unwrap_or(detail).to_owned(),
    };
    let has = |check: &str| found.is_ok(check);
    let no_git = (!has("git")).then_some("it needs a git repository with a commit");
    let no_tests = match found.tests {
        _ if !has("pytest") => Some("it needs pytest in the project's interpreter"),
        None => Some("the tests could not be collected"),
        Some(0) => Some("no tests were found"),
        Some(_) => None,
    };
    let count = found.tests.unwrap_or(0);
    vec![
        fallback(
            "micro",
            (!has("interpreter")).then_some("it needs an interpreter"),
            match no_git {
                None => "deadheat micro FILE.py::FUNCTION --call EXPR, on uncommitted code, in seconds",
                Some(_) => {
                    "deadheat micro SCRIPT.py with functions bench_a and bench_b, or -a STMT -b STMT; FILE.py::FUNCTION needs a git \
                     repository with a commit"
                }
            },
        ),
        fallback(
            "tests",
            no_git.or(no_tests),
            &format!("deadheat compare --tests FILE::NAME times ordinary tests; there are {count}"),
        ),
        fallback(
            "profile",
            no_git.or(no_tests),
            "deadheat profile BASE HEAD -- PYTEST_ARGS, functions and slowest tests, base against head",
        ),
        fallback(
            "script",
            no_git,
            "deadheat compare --script CMD, any command as the benchmark",
        ),
    ]
}

fn write(config: &Config, top: &Path, found: &Found) -> Result<PathBuf, String> {
    let section = match (&found.reason, &found.benchmarks_root) {
        (None, Some(root)) => Ok(root.as_str()),
        (Some(reason), _) => Err(reason.as_str()),
        (None, None) => Err("no benchmarks-root"),
    };
    State::find(config, top)
        .and_then(|state| state.write_setup(section))
        .map_err(|error| terminal::whole_message(&error))
}

fn print(
    args: &DetectArgs,
    found: &Found,
    fallbacks: &[Fallback],
    written: Option<&Result<PathBuf, String>>,
) -> anyhow::Result<()> {
    let path = written
        .and_then(|written| written.as_ref().ok())
        .map(|path| path.display().to_string());
    let problem = written.and_then(|written| written.as_ref().err());
    if args.output.json {
        return output::print_json(&json!({
            "available": found.reason.is_none(),
            "reason": found.reason,
            "benchmarks_root": found.benchmarks_root,
            "benchmarks": found.benchmarks,
            "tests": found.tests,
            "memray": found.memray,
            "checks": found.checks,
            "fallbacks": fallbacks,
            "written": path,
            "not_written": problem,
        }));
    }
    let verbosity = verbosity(&args.output);
    let mut text = String::new();
    let mut line = |name: &str, ok: bool, detail: &str, hint: Option<&str>| {
        let answer = if ok { "yes" } else { "no" };
        let detail = match verbosity {
            Verbosity::Verbose => plain(&detail.replace('\n', " / ")),
            _ => plain(detail.lines().next().unwrap_or_default()),
        };
        text.push_str(&format!("{name:<16}  {answer:<3}  {detail}\n"));
        if let Some(hint) = hint {
            text.push_str(&format!("{:<16}       hint: {}\n", "", plain(hint)));
        }
    };
    if verbosity != Verbosity::Quiet {
        for check in &found.checks {
            line(check.check, check.ok, &check.detail, check.hint.as_deref());
        }
        for fallback in fallbacks {
            let name = format!("fallback {}", fallback.name);
            line(&name, fallback.applies, &fallback.detail, None);
        }
    }
    match &found.reason {
        None => text.push_str("deadheat compare: available\n"),
        Some(reason) => text.push_str(&format!("deadheat compare: not available (reason: {reason})\n")),
    }
    if let Some(path) = path {
        text.push_str(&format!("written to {path}\n"));
    }
    if let Some(problem) = problem {
        text.push_str(&format!("not written: {}\n", plain(problem)));
    }
    terminal::print(text.as_bytes())
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
