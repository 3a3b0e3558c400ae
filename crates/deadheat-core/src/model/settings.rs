//! The settings of a run, as its report stores them.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::gate::Gate;
use super::part::Part;
use super::side::Side;

/// Its default is that of a report without any option.
#[derive(Clone, Debug, PartialEq, JsonSchema, Serialize, Deserialize)]
pub struct Settings {
    pub threshold_percent: f64,
    /// The thresholds of the benchmarks that match a glob, in place of the common one.
    #[serde(default)]
    pub thresholds: BTreeMap<String, f64>,
    pub confidence_level: f64,
    /// The requested number; `None` for as many as a verdict takes.
    pub replicates: Option<usize>,
    /// The budget for measuring, if the number of replicates is open.
    pub budget_seconds: Option<f64>,
    pub timeout_seconds: f64,
    /// The gates of `--fail-on`.
    #[serde(default)]
    pub fail_on: Vec<Gate>,
    pub benchmarks_root: Option<String>,
    pub benchmarks_from: BenchmarksFrom,
    /// Ordinary tests that were timed instead of benchmarks.
    #[serde(default)]
    pub tests: Vec<String>,
    pub keyword: Option<String>,
    /// More arguments for pytest, those of the configuration first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pytest_args: Vec<String>,
    /// The requested functions, instead of the changed ones.
    #[serde(default)]
    pub functions: Option<String>,
    pub all: bool,
    #[serde(default)]
    pub profile: bool,
    #[serde(default)]
    pub memory: bool,
    /// The project's folder in the repository; empty if it is the repository itself.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub folder: String,
    /// Paths are relative to the repository.
    pub module_roots: Vec<String>,
    pub tests_root: Option<String>,
    pub injected: Vec<String>,
    #[serde(default)]
    pub environment: Environments,
    /// The requirements files that the sides' environments were made from, if they were given.
    #[serde(default)]
    pub requirements: Vec<String>,
    /// The command that built each side.
    #[serde(default)]
    pub build: Option<String>,
    /// The command that was measured instead of benchmarks.
    #[serde(default)]
    pub script: Option<String>,
    /// The file to which it writes its timings, relative to the folder that it runs in.
    #[serde(default)]
    pub script_output: Option<String>,
    /// The memory limit of each worker, in MiB.
    #[serde(default)]
    pub memory_limit_mib: Option<u64>,
    /// Where replicates were measured side by side: `local:N`, or the address of a cluster.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on: Option<String>,
    /// The part of the suite that was measured, if it is not the whole.
    #[serde(default, rename = "partition")]
    pub part: Option<Part>,
    /// The report by whose measured seconds the suite was cut into parts; `None` if it was cut by hash.
    #[serde(default)]
    pub balance: Option<Balance>,
}

/// The report that `--balance` names.
#[derive(Clone, Debug, PartialEq, Eq, JsonSchema, Serialize, Deserialize)]
pub struct Balance {
    /// Its path, as typed.
    pub file: String,
    /// The SHA-256 of the benchmarks and their seconds: parts are of one cut if it is the same.
    pub digest: String,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            threshold_percent: 2.0,
            thresholds: BTreeMap::new(),
            confidence_level: 0.99,
            replicates: None,
            budget_seconds: None,
            timeout_seconds: 600.0,
            fail_on: Vec::new(),
            benchmarks_root: None,
            benchmarks_from: BenchmarksFrom::default(),
            tests: Vec::new(),
            keyword: None,
            pytest_args: Vec::new(),
            functions: None,
            all: false,
            profile: false,
            memory: false,
            folder: String::new(),
            module_roots: Vec::new(),
            tests_root: None,
            injected: Vec::new(),
            environment: Environments::default(),
            requirements: Vec::new(),
            build: None,
            script: None,
            script_output: None,
            memory_limit_mib: None,
            on: None,
            part: None,
            balance: None,
        }
    }
}

/// The environments that the sides run in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, JsonSchema, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Environments {
    /// Both sides run in the project's environment.
    #[default]
    Shared,
    /// Each side has an environment with the dependencies that its revision declares.
    PerRef,
}

/// The side whose benchmarks both sides run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, JsonSchema, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BenchmarksFrom {
    #[default]
    Head,
    Base,
    /// Each side runs its own.
    Own,
}

impl BenchmarksFrom {
    /// Returns the side whose files both use.
    pub fn side(self) -> Option<Side> {
        match self {
            BenchmarksFrom::Head => Some(Side::Head),
            BenchmarksFrom::Base => Some(Side::Base),
            BenchmarksFrom::Own => None,
        }
    }
}
