//! Checks the interpreter, the layout, the package and its import.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use serde_json::json;

use crate::Installation;
use crate::cli::args::DetectArgs;
use crate::commands::detect::checks::Found;
use crate::commands::detect::checks::PATIENCE;
use crate::config::Config;
use crate::config::settings;
use crate::git::Git;
use crate::prepare::env_vars;
use crate::prepare::interpreter::{self, Candidates, Choice, Interpreter, Pytest};
use crate::project::file_set::FileSet;
use crate::project::layout::ProjectLayout;
use crate::report::progress::Progress;
use crate::system::command::{self, Deadline};
use crate::system::interrupt::Interrupt;
use crate::system::paths::{join, shown};
use crate::system::terminal;

pub(super) struct Detection<'a> {
    pub(super) args: &'a DetectArgs,
    pub(super) installation: &'a Installation,
    pub(super) interrupt: &'a Interrupt,
    pub(super) git: Option<&'a Git>,
    pub(super) top: &'a Path,
    pub(super) config: &'a Config,
}

impl Detection<'_> {
    pub(super) fn look(&self, found: &mut Found, progress: &mut Progress) {
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
                // Its conftest files may also be those of the tests, and the same hang must not be waited for
                // twice.
                found.no("tests", "skipped: collecting the benchmarks did not end", None);
            } else {
                progress.step("collecting the tests");
                self.tests(interpreter, project, found);
            }
        }
        self.memray(interpreter.as_ref(), found);
    }

    pub(super) fn interpreter(&self, found: &mut Found) -> Option<Interpreter> {
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
            Ok(choice) => {
                let others = choice.passed_over.iter().map(|other| format!("; not {other}"));
                let others: String = others.collect();
                found.yes("interpreter", described(&choice.interpreter) + &others);
                found.yes("pytest", choice.interpreter.pytest.clone());
                return Some(choice.interpreter);
            }
            Err(failure) => failure,
        };
        match candidates.choose(&probe, Pytest::NotNeeded) {
            Ok(Choice { interpreter, .. }) => {
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
    pub(super) fn layout(&self, found: &mut Found) -> Option<(ProjectLayout, FileSet)> {
        let listing = self.git?.working_tree_paths();
        let files = match listing {
            Ok(paths) => FileSet::new(paths),
            Err(error) => {
                found.in_the_way("layout", terminal::whole_message(&error), None, "git failed");
                return None;
            }
        };
        let asked = self.args.benchmarks_root.as_deref();
        let root = settings::benchmarks_root(asked, self.config, self.top);
        let project =
            root.and_then(|root| ProjectLayout::lay_out(self.config, self.top, &files, root.as_deref()));
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

    /// Imports the packages; single modules, which may be scripts, only if there is no package.
    pub(super) fn package(
        &self,
        interpreter: &Interpreter,
        project: &ProjectLayout,
        files: &FileSet,
        found: &mut Found,
    ) {
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
                "no package or module was found",
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

    pub(super) fn import(
        &self,
        interpreter: &Interpreter,
        project: &ProjectLayout,
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
        let limits = Deadline {
            until: Instant::now() + PATIENCE,
            interrupt: self.interrupt.clone(),
        };
        // The answer that it wrote says more than how it ended.
        let _ = command::run(&mut process, &scratch.path().join("log"), &limits);
        let text = std::fs::read(&answer).unwrap_or_default();
        Ok(serde_json::from_slice(&text).unwrap_or_default())
    }

    /// Returns the workers' variables, which leave nothing in the user's tree: no bytecode, no pytest cache.
    pub(super) fn variables(&self, scratch: &Path) -> BTreeMap<OsString, OsString> {
        let local: &[String] = self.git.map_or(&[], Git::local_variables);
        let mut variables = env_vars::for_workers(std::env::vars_os(), &self.config.pass_env, local);
        let cache = scratch.join("pytest-cache").display().to_string();
        let cache = cache.replace('\'', "'\\''");
        variables.insert("PYTHONDONTWRITEBYTECODE".into(), "1".into());
        // The cache is moved rather than disabled with `-p no:cacheprovider`, because a project's options may be that
        // plugin's.
        variables.insert("PYTEST_ADDOPTS".into(), format!("-o 'cache_dir={cache}'").into());
        variables
    }

    pub(super) fn memray(&self, interpreter: Option<&Interpreter>, found: &mut Found) {
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
