//! The choice of the Python that runs the project.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::Context;
use serde::Deserialize;

use crate::Installation;
use crate::config::Config;
use crate::error::Failure;

/// An interpreter that can run the worker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Interpreter {
    pub(crate) path: PathBuf,
    pub(crate) version: String,
    /// Its version; empty if none is needed: an interpreter that makes environments need not run benchmarks.
    pub(crate) pytest: String,
    pub(crate) implementation: String,
    /// The suffixes of the extension modules that it can load.
    pub(crate) extension_suffixes: Vec<String>,
    /// The folders that modules are imported from, including those of packages that are installed in place.
    pub(crate) paths: Vec<PathBuf>,
}

/// Whether an interpreter has to be able to run benchmarks itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pytest {
    Needed,
    NotNeeded,
}

impl Interpreter {
    /// Returns the folders in `repository` that modules are imported from, relative to it and without the repository
    /// itself.
    pub(crate) fn folders_in(&self, repository: &Path) -> BTreeSet<String> {
        let inside = self.paths.iter().filter_map(|path| {
            let path = path.canonicalize().ok()?;
            Some(path.strip_prefix(repository).ok()?.to_str()?.to_owned())
        });
        // An environment often lies inside the repository.
        let is_code = |path: &String| !path.is_empty() && !path.contains("site-packages");
        inside.filter(is_code).collect()
    }
}

/// The sources that may name an interpreter, the most explicit first.
pub(crate) struct Candidates {
    /// `--python`.
    pub(crate) option: Option<String>,
    /// `python` of the configuration, and the folder that it is relative to.
    pub(crate) configured: Option<String>,
    pub(crate) configuration_folder: PathBuf,
    /// `VIRTUAL_ENV`.
    pub(crate) active_environment: Option<PathBuf>,
    /// Folders in which a `.venv` may lie: the project's, then the repository's.
    pub(crate) project_folders: Vec<PathBuf>,
    /// The Python that runs deadheat.
    pub(crate) own: PathBuf,
}

/// The chosen interpreter.
pub(crate) struct Choice {
    pub(crate) interpreter: Interpreter,
    /// Those that would have come before it, and why they cannot be used.
    pub(crate) passed_over: Vec<String>,
}

const OLDEST_PYTHON: (u32, u32) = (3, 10);
const OLDEST_PYTEST: u32 = 7;

impl Candidates {
    /// Collects the candidates. `option` is `--python`; `project_folders` is as in the type.
    pub(crate) fn new(
        option: Option<&str>,
        config: &Config,
        project_folders: Vec<PathBuf>,
        installation: &Installation,
    ) -> Self {
        Candidates {
            option: option.map(str::to_owned),
            configured: config.python.clone(),
            configuration_folder: config.folder.clone(),
            active_environment: std::env::var_os("VIRTUAL_ENV")
                .filter(|folder| !folder.is_empty())
                .map(PathBuf::from),
            project_folders,
            own: installation.interpreter.clone(),
        }
    }

    /// Chooses the interpreter: a named one must be usable; of the others, the first usable one is taken.
    pub(crate) fn choose(&self, probe: &Path, pytest: Pytest) -> Result<Choice, Failure> {
        let named = [
            ("--python", self.option.as_deref().map(PathBuf::from), None),
            (
                "`python` in pyproject.toml",
                self.configured.as_deref().map(PathBuf::from),
                Some(&self.configuration_folder),
            ),
            (
                "the active virtual environment (VIRTUAL_ENV)",
                self.active_environment.as_deref().map(python_of),
                None,
            ),
        ];
        for (origin, path, folder) in named {
            let Some(path) = path else { continue };
            let path = match folder {
                // A bare name such as `python3.12` is looked for on the PATH.
                Some(folder) if path.components().count() > 1 => folder.join(path),
                _ => path,
            };
            let answer = ask(&path, probe, pytest).map_err(|problem| {
                Failure::usage(format!(
                    "{origin} names {}, which cannot be used: {problem}",
                    path.display()
                ))
                .hint(problem.hint(&path))
            });
            return answer.map(|interpreter| Choice {
                interpreter,
                passed_over: Vec::new(),
            });
        }
        let mut tried = Vec::new();
        let environments = self.project_folders.iter().map(|folder| folder.join(".venv"));
        let fallbacks = environments
            .filter(|folder| folder.is_dir())
            .map(|folder| python_of(&folder))
            .chain([self.own.clone(), PathBuf::from("python3")]);
        for path in fallbacks {
            match ask(&path, probe, pytest) {
                Ok(interpreter) => {
                    return Ok(Choice {
                        interpreter,
                        passed_over: tried,
                    });
                }
                Err(problem) => {
                    let line = format!("{}: {problem}", path.display());
                    if !tried.contains(&line) {
                        tried.push(line);
                    }
                }
            }
        }
        Err(Failure::usage(format!(
            "no interpreter was found that can run the project's benchmarks:\n  {}",
            tried.join("\n  ")
        ))
        .hint("activate the project's virtual environment, or name its Python: --python PATH"))
    }
}

pub(crate) fn python_of(environment: &Path) -> PathBuf {
    environment.join("bin").join("python")
}

/// The reason why an interpreter cannot be used.
enum Problem {
    NotRunnable(String),
    TooOld(String),
    NoPytest(String),
    OldPytest(String),
}

impl Problem {
    fn hint(&self, path: &Path) -> String {
        let path = path.display();
        match self {
            Problem::NotRunnable(_) => "name a Python interpreter: --python PATH".to_owned(),
            Problem::TooOld(_) => "deadheat measures projects on Python 3.10 and later".to_owned(),
            Problem::NoPytest(_) => {
                format!("install pytest and the project's dependencies there: {path} -m pip install pytest")
            }
            Problem::OldPytest(_) => format!("{path} -m pip install --upgrade pytest"),
        }
    }
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Problem::NotRunnable(why) => write!(f, "it cannot be run ({why})"),
            Problem::TooOld(version) => write!(f, "it is Python {version}, older than 3.10"),
            Problem::NoPytest(why) => write!(f, "it cannot import pytest ({why})"),
            Problem::OldPytest(version) => write!(f, "its pytest is {version}, older than 7"),
        }
    }
}

#[derive(Deserialize)]
struct Facts {
    executable: String,
    version: String,
    version_info: (u32, u32),
    implementation: String,
    #[serde(default)]
    extension_suffixes: Vec<String>,
    #[serde(default)]
    paths: Vec<PathBuf>,
    pytest: Option<String>,
    error: Option<String>,
}

/// Returns the interpreter of an environment that was made for a side.
pub(crate) fn of_environment(folder: &Path, probe: &Path) -> Result<Interpreter, String> {
    ask(&python_of(folder), probe, Pytest::Needed).map_err(|problem| problem.to_string())
}

fn ask(path: &Path, probe: &Path, needed: Pytest) -> Result<Interpreter, Problem> {
    let mut command = Command::new(path);
    command.arg(probe).stdin(Stdio::null());
    if needed == Pytest::NotNeeded {
        // Importing pytest takes most of the time.
        command.arg("--without-pytest");
    }
    let output = command
        .output()
        .map_err(|error| Problem::NotRunnable(error.to_string()))?;
    let text = String::from_utf8_lossy(&output.stdout);
    let last = text.lines().next_back().unwrap_or_default();
    let facts: Facts = serde_json::from_str(last).map_err(|_| {
        let words = String::from_utf8_lossy(&output.stderr);
        let words = words
            .lines()
            .next_back()
            .unwrap_or("it printed nothing")
            .to_owned();
        Problem::NotRunnable(words)
    })?;
    if facts.version_info < OLDEST_PYTHON {
        return Err(Problem::TooOld(facts.version));
    }
    let pytest = match facts.pytest {
        Some(pytest) => pytest,
        None if needed == Pytest::NotNeeded => String::new(),
        None => return Err(Problem::NoPytest(facts.error.unwrap_or_default())),
    };
    let major: u32 = pytest
        .split('.')
        .next()
        .and_then(|major| major.parse().ok())
        .unwrap_or(0);
    if needed == Pytest::Needed && major < OLDEST_PYTEST {
        return Err(Problem::OldPytest(pytest));
    }
    Ok(Interpreter {
        path: PathBuf::from(facts.executable),
        version: facts.version,
        pytest,
        implementation: facts.implementation,
        extension_suffixes: facts.extension_suffixes,
        paths: facts.paths,
    })
}

/// Returns the versions of all distributions that are installed for an interpreter, by normalized name; empty
/// if it cannot report them.
pub(crate) fn installed(interpreter: &Path, script: &Path) -> anyhow::Result<BTreeMap<String, String>> {
    let unknown = || format!("cannot list the packages that {} has", interpreter.display());
    let output = Command::new(interpreter)
        .arg(script)
        .stdin(Stdio::null())
        .output()
        .with_context(unknown)?;
    serde_json::from_slice(&output.stdout).with_context(unknown)
}

#[cfg(test)]
mod tests {
    use super::installed;

    #[test]
    fn packages_that_cannot_be_listed_are_an_error_and_not_none() {
        for interpreter in ["/bin/false", "/no/such/python"] {
            let error = installed(interpreter.as_ref(), "installed.py".as_ref()).unwrap_err();
            assert!(error.to_string().contains(interpreter), "{error}");
        }
    }
}
