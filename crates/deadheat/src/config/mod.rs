//! `[tool.deadheat]` of the project's `pyproject.toml`.

mod code_folders;
mod job_part;
pub(crate) mod settings;
pub(crate) mod siblings;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::Context;
use deadheat_core::model::Environments;
use toml::{Table, Value};

use crate::cli::values::{LONGEST_SECONDS, parse_environments, parse_memory_limit, parse_percent};
use crate::config::siblings::Sibling;
use crate::error::Failure;

/// The configuration; paths are as written, relative to `folder`.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Config {
    /// The folder of the file that was read; without one, the nearest folder with one of `PROJECT_FILES`, or the
    /// repository.
    pub(crate) folder: PathBuf,
    /// The file that was read, if there is one.
    pub(crate) file: Option<PathBuf>,
    pub(crate) module_root: Option<String>,
    pub(crate) tests_root: Option<String>,
    pub(crate) benchmarks_root: Option<String>,
    pub(crate) python: Option<String>,
    pub(crate) threshold: Option<f64>,
    /// Percent, by the glob of the benchmarks that have their own threshold.
    pub(crate) thresholds: BTreeMap<String, f64>,
    /// Seconds.
    pub(crate) budget: Option<f64>,
    /// More arguments for pytest.
    pub(crate) pytest_args: Vec<String>,
    pub(crate) inject: Vec<String>,
    pub(crate) pass_env: Vec<String>,
    pub(crate) environments: Option<Environments>,
    /// Requirements files that the sides' environments are made from.
    pub(crate) requirements: Vec<String>,
    /// The command that builds each side.
    pub(crate) build: Option<String>,
    /// The limit for each worker.
    pub(crate) memory_limit_mib: Option<u64>,
    /// The command that must succeed on head for an experiment to be kept.
    pub(crate) guard: Option<String>,
    /// The folder of the loop's files.
    pub(crate) state_dir: Option<String>,
    /// Folders that the project's build takes packages from.
    pub(crate) source_folders: Vec<String>,
    /// Folders that pytest puts on the path.
    pub(crate) python_path: Vec<String>,
    /// Dependencies that come from the repository.
    pub(crate) siblings: Vec<Sibling>,
}

const KEYS: [&str; 16] = [
    "module-root",
    "tests-root",
    "benchmarks-root",
    "python",
    "threshold",
    "thresholds",
    "budget",
    "pytest-args",
    "inject",
    "pass-env",
    "env",
    "requirements",
    "build",
    "memory-limit",
    "guard",
    "state-dir",
];

/// The files that mark a project's folder where there is no `pyproject.toml`.
const PROJECT_FILES: [&str; 5] = ["setup.cfg", "setup.py", "pytest.ini", ".pytest.ini", "tox.ini"];

impl Config {
    /// Reads the nearest `pyproject.toml` at or above `start`, inside the repository; or the given file.
    pub(crate) fn load(start: &Path, repository: &Path, file: Option<&Path>) -> anyhow::Result<Self> {
        let path = match file {
            Some(file) => {
                let path = start.join(file);
                if !path.is_file() {
                    return Err(Failure::usage(format!(
                        "--config-file {}: there is no such file",
                        file.display()
                    ))
                    .into());
                }
                Some(path)
            }
            None => start
                .ancestors()
                .take_while(|folder| folder.starts_with(repository))
                .map(|folder| folder.join("pyproject.toml"))
                // A file that cannot be read is an error, unlike a missing one.
                .find(|path| path.symlink_metadata().is_ok() && !path.is_dir()),
        };
        let Some(path) = path else {
            // Without a `pyproject.toml`, the project's folder is the nearest with another project file.
            let mut folders = start
                .ancestors()
                .take_while(|folder| folder.starts_with(repository));
            let folder = folders.find(|folder| PROJECT_FILES.iter().any(|name| folder.join(name).is_file()));
            let config = Config {
                folder: folder.unwrap_or(repository).to_owned(),
                ..Config::default()
            };
            return Ok(config.with_other_files());
        };
        let text =
            std::fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        let folder = path.parent().unwrap_or(repository).to_owned();
        let mut config = Self::parse(&text, folder).map_err(|failure| Failure {
            message: format!("{}: {}", path.display(), failure.message),
            ..failure
        })?;
        config.file = Some(path);
        Ok(config.with_other_files())
    }

    /// Adds the settings in other files next to the `pyproject.toml`.
    fn with_other_files(mut self) -> Self {
        self.python_path.extend(code_folders::of_pytest_in(&self.folder));
        self
    }

    /// Reads the configuration of another project in the repository; returns the default if its file is
    /// missing or cannot be read.
    pub(crate) fn of_folder(folder: &Path) -> Self {
        let text = std::fs::read_to_string(folder.join("pyproject.toml")).unwrap_or_default();
        Self::parse(&text, folder.to_owned())
            .unwrap_or_default()
            .with_other_files()
    }

    fn parse(text: &str, folder: PathBuf) -> Result<Self, Failure> {
        let document: Table = text
            .parse()
            .map_err(|error: toml::de::Error| not_valid(text, &error))?;
        let tool = |name: &str| -> Result<Option<&Table>, Failure> {
            match document.get("tool").and_then(|tool| tool.get(name)) {
                None => Ok(None),
                Some(Value::Table(table)) => Ok(Some(table)),
                Some(_) => Err(Failure::usage(format!("`tool.{name}` must be a table"))),
            }
        };
        let mut config = Config {
            folder,
            source_folders: code_folders::of_build(&document),
            python_path: code_folders::of_pytest(&document),
            siblings: siblings::named_in(&document),
            ..Config::default()
        };
        if let Some(table) = tool("deadheat")? {
            for (key, value) in table {
                config.set(key, value)?;
            }
        } else if let Some(table) = tool("codeflash")? {
            // Its other keys concern only that tool.
            for key in ["module-root", "tests-root", "benchmarks-root"] {
                if let Some(value) = table.get(key) {
                    config.set(key, value)?;
                }
            }
        }
        Ok(config)
    }

    fn set(&mut self, key: &str, value: &Value) -> Result<(), Failure> {
        let wrong = |expected: &str| {
            Failure::usage(format!(
                "`{key}` must be {expected}, not {} ({value})",
                value.type_str()
            ))
        };
        let text = || value.as_str().map(str::to_owned).ok_or_else(|| wrong("a string"));
        let texts = || -> Result<Vec<String>, Failure> {
            let items = value.as_array().ok_or_else(|| wrong("a list of strings"))?;
            items
                .iter()
                .map(|item| {
                    item.as_str()
                        .map(str::to_owned)
                        .ok_or_else(|| wrong("a list of strings"))
                })
                .collect()
        };
        match key {
            "module-root" => self.module_root = Some(text()?),
            "tests-root" => self.tests_root = Some(text()?),
            "benchmarks-root" => self.benchmarks_root = Some(text()?),
            "python" => self.python = Some(text()?),
            "threshold" => {
                self.threshold = Some(percentage(value).ok_or_else(|| wrong("a percentage above 0"))?);
            }
            "thresholds" => {
                let table = value.as_table();
                self.thresholds =
                    own_thresholds(table.ok_or_else(|| wrong("a table of globs and percentages"))?)?;
            }
            "budget" => {
                let seconds = number(value).filter(|seconds| *seconds > 0.0 && *seconds <= LONGEST_SECONDS);
                self.budget = Some(seconds.ok_or_else(|| wrong("a number of seconds above 0"))?);
            }
            "pytest-args" => self.pytest_args = texts()?,
            "inject" => self.inject = texts()?,
            "pass-env" => self.pass_env = texts()?,
            "env" => {
                let environments = parse_environments(&text()?).map_err(Failure::usage)?;
                self.environments = Some(environments);
            }
            "requirements" => self.requirements = texts()?,
            "build" => self.build = Some(text()?),
            "memory-limit" => {
                let mib = value
                    .as_integer()
                    .and_then(|mib| parse_memory_limit(&mib.to_string()).ok());
                self.memory_limit_mib = Some(mib.ok_or_else(|| wrong("a number of MiB, at least 1"))?);
            }
            "guard" => {
                let command = Some(text()?).filter(|command| !command.trim().is_empty());
                self.guard = Some(command.ok_or_else(|| wrong("a command"))?);
            }
            "state-dir" => self.state_dir = Some(text()?),
            _ => {
                return Err(Failure::usage(format!("unknown key `{key}`"))
                    .hint(format!("the keys are {}", KEYS.join(", ")))
                    .near(key, KEYS));
            }
        }
        Ok(())
    }
}

/// Describes the error in one line, with its place as editors count it.
fn not_valid(text: &str, error: &toml::de::Error) -> Failure {
    let before = error.span().and_then(|span| text.get(..span.start));
    let place = before.map_or(String::new(), |before| {
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        format!("line {}, column {column}: ", before.matches('\n').count() + 1)
    });
    let words: Vec<&str> = error.message().lines().map(str::trim).collect();
    Failure::usage(format!("not valid TOML: {place}{}", words.join("; ")))
        .hint("correct the file, or read another one: --config-file FILE")
}

/// Reads the percentages of the benchmarks that have their own threshold, by their globs.
fn own_thresholds(table: &Table) -> Result<BTreeMap<String, f64>, Failure> {
    let percent_of = |(glob, value): (&String, &Value)| {
        let percent = percentage(value).ok_or_else(|| {
            Failure::usage(format!(
                "`thresholds`: \"{glob}\" must have a percentage above 0, not {} ({value})",
                value.type_str()
            ))
            .hint("\"benchmarks/test_io.py::*\" = 5: a key with dots, colons or stars needs quotes")
        })?;
        Ok((glob.clone(), percent))
    };
    table.iter().map(percent_of).collect()
}

fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Integer(number) => Some(*number as f64),
        Value::Float(number) => Some(*number),
        _ => None,
    }
}

fn percentage(value: &Value) -> Option<f64> {
    let percent = match value {
        Value::String(text) => parse_percent(text).ok(),
        _ => number(value),
    };
    percent.filter(|percent| percent.is_finite() && *percent > 0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Config, Failure> {
        Config::parse(text, PathBuf::new())
    }

    #[test]
    fn keys_are_read() {
        let config = parse(
            "[tool.deadheat]\nmodule-root = 'src'\nbenchmarks-root = 'bench'\nthreshold = '3%'\ninject = ['a', 'b']\n",
        )
        .unwrap();
        assert_eq!(config.module_root.as_deref(), Some("src"));
        assert_eq!(config.benchmarks_root.as_deref(), Some("bench"));
        assert_eq!(config.threshold, Some(3.0));
        assert_eq!(config.inject, ["a", "b"]);
        let config =
            parse("[tool.deadheat]\nenv = 'per-ref'\nbuild = 'make'\nrequirements = ['r.txt']\nstate-dir = '.loop'\n").unwrap();
        assert_eq!(config.environments, Some(Environments::PerRef));
        assert_eq!(config.build.as_deref(), Some("make"));
        assert_eq!(config.requirements, ["r.txt"]);
        assert_eq!(config.state_dir.as_deref(), Some(".loop"));
    }

    #[test]
    fn benchmarks_may_have_thresholds_of_their_own() {
        let config =
            parse("[tool.deadheat.thresholds]\n\"bench/test_io.py::*\" = 5\n\"*::test_a[1]\" = '0.5%'\n")
                .unwrap();
        let thresholds = config.thresholds.into_iter().collect::<Vec<_>>();
        let expected = [("*::test_a[1]", 0.5), ("bench/test_io.py::*", 5.0)];
        assert_eq!(
            thresholds,
            expected.map(|(glob, percent)| (glob.to_owned(), percent))
        );
        assert!(parse("[tool.deadheat]\nthresholds = 5\n").is_err());
        let failure = parse("[tool.deadheat.thresholds]\nbench.io = 5\n").unwrap_err();
        assert!(
            failure.message.contains("\"bench\" must have a percentage"),
            "{failure}"
        );
        assert!(parse("[tool.deadheat.thresholds]\n\"*\" = 0\n").is_err());
    }

    #[test]
    fn an_unknown_key_is_an_error_with_near_matches() {
        let failure = parse("[tool.deadheat]\nbenchmark-root = 'bench'\n").unwrap_err();
        assert_eq!(failure.message, "unknown key `benchmark-root`");
        assert!(failure.hint.unwrap().contains("`benchmarks-root`"));
    }

    #[test]
    fn the_other_tools_roots_are_read_where_ours_are_missing() {
        let config = parse("[tool.codeflash]\nmodule-root = 'src'\nformatter-cmds = ['black']\n").unwrap();
        assert_eq!(config.module_root.as_deref(), Some("src"));
        let both = "[tool.codeflash]\nmodule-root = 'src'\n[tool.deadheat]\ntests-root = 't'\n";
        assert_eq!(parse(both).unwrap().module_root, None);
    }

    #[test]
    fn values_of_the_wrong_kind_and_broken_files_are_errors() {
        assert!(parse("[tool.deadheat]\nthreshold = 0\n").is_err());
        assert!(parse("[tool.deadheat]\nthreshold = true\n").is_err());
        assert_eq!(
            parse("[tool.deadheat]\nbudget = 45\n").unwrap().budget,
            Some(45.0)
        );
        assert!(parse("[tool.deadheat]\nbudget = -1\n").is_err());
        assert!(parse("[tool.deadheat]\nbudget = '45'\n").is_err());
        assert_eq!(
            parse("[tool.deadheat]\nmemory-limit = 512\n")
                .unwrap()
                .memory_limit_mib,
            Some(512)
        );
        assert!(parse("[tool.deadheat]\nmemory-limit = 0\n").is_err());
        assert!(parse("[tool.deadheat]\nmemory-limit = 99999999999999\n").is_err());
        assert!(parse("[tool.deadheat]\nmodule-root = 3\n").is_err());
        assert!(parse("[tool.deadheat]\nenv = 'own'\n").is_err());
        assert!(parse("[tool]\ndeadheat = 3\n").is_err());
        let broken = parse("[tool]\n\n[tool.deadheat\n").unwrap_err();
        assert!(
            broken.message.starts_with("not valid TOML: line 3, column 15: "),
            "{}",
            broken.message
        );
        assert!(!broken.message.contains('\n') && broken.hint.is_some());
    }

    #[test]
    fn percentages() {
        assert_eq!(parse_percent("2"), Ok(2.0));
        assert_eq!(parse_percent("0.25 %"), Ok(0.25));
        assert!(parse_percent("0").is_err());
        assert!(parse_percent("nan").is_err());
        assert!(parse_percent("two").is_err());
    }
}
