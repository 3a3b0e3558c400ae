//! The packages to install for working on a project.

use std::collections::BTreeSet;

use toml::{Table, Value};

use super::poetry::of_poetry;
use super::requirement::{normalize, requirement};
use super::said::{Said, of_setup_cfg};
use super::tables::table_of;

/// The packages to install for working on a project: its dependencies, and the groups and extras with the usual names
/// of such groups.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Declared {
    /// The PEP 508 requirements.
    pub requirements: Vec<String>,
    /// Whether they include everything that the project needs to run; otherwise only its build back end knows.
    pub is_static: bool,
    /// The groups and extras that they come from, as the file names them.
    pub groups: Vec<String>,
    pub extras: Vec<String>,
}

/// The names of groups and extras that contain the dependencies of benchmarks.
const WORKING_GROUPS: [&str; 12] = [
    "dev",
    "test",
    "tests",
    "testing",
    "bench",
    "benches",
    "benchmark",
    "benchmarks",
    "benchmarking",
    "codspeed",
    "perf",
    "performance",
];

fn is_working_group(name: &str) -> bool {
    WORKING_GROUPS.contains(&normalize(name).as_str())
}

/// Returns the dependencies that a `pyproject.toml` declares; none for an empty table.
pub fn declared(pyproject: &Table) -> Declared {
    let mut declared = Declared::default();
    let project = pyproject.get("project");
    if let Some(project) = project {
        declared.add_project(project);
    }
    declared.add_groups(pyproject.get("dependency-groups"));
    let tool = |name: &str| pyproject.get("tool").and_then(|tool| tool.get(name));
    for (_, list) in table_of(tool("pdm").and_then(|pdm| pdm.get("dev-dependencies"))) {
        declared.requirements.extend(texts(Some(list)));
    }
    let uv = tool("uv").and_then(|uv| uv.get("dev-dependencies"));
    declared.requirements.extend(texts(uv));
    if let Some(poetry) = tool("poetry") {
        // Only if `[project]` does not list the dependencies.
        let lists_all = project.is_none_or(|project| project.get("dependencies").is_none());
        declared.add_poetry(poetry, lists_all);
    }
    declared.requirements.sort();
    declared.requirements.dedup();
    declared
}

impl Declared {
    /// Adds the entries of the standard's table.
    fn add_project(&mut self, project: &Value) {
        self.requirements = texts(project.get("dependencies"));
        let dynamic = texts(project.get("dynamic"));
        self.is_static = !dynamic.iter().any(|item| item == "dependencies");
        let extras = project.get("optional-dependencies");
        for (name, list) in table_of(extras) {
            if is_working_group(name) {
                self.requirements.extend(texts(Some(list)));
                self.extras.push(name.clone());
            }
        }
        if let Some(own) = project.get("name").and_then(Value::as_str) {
            self.resolve_own_extras(&normalize(own), extras);
        }
    }

    /// Replaces requirements of the project itself: `dev = ["me[test]"]` means the extra of this revision, not of a
    /// release.
    fn resolve_own_extras(&mut self, own: &str, extras: Option<&Value>) {
        let is_own = |text: &String| requirement(text).is_some_and(|(name, _)| normalize(name) == own);
        let mut seen = BTreeSet::new();
        while let Some(place) = self.requirements.iter().position(is_own) {
            let text = self.requirements.remove(place);
            let named = text.split_once('[').and_then(|(_, rest)| rest.split(']').next());
            for extra in named.unwrap_or_default().split(',').map(normalize) {
                if seen.insert(extra.clone()) {
                    let lists = table_of(extras).filter(|(name, _)| normalize(name) == extra);
                    let inner = lists.flat_map(|(_, list)| texts(Some(list)));
                    self.requirements.extend(inner);
                }
            }
        }
    }

    fn add_groups(&mut self, groups: Option<&Value>) {
        for (name, _) in table_of(groups) {
            if is_working_group(name) {
                add_group(groups, name, &mut self.requirements, &mut BTreeSet::new());
                self.groups.push(name.clone());
            }
        }
    }

    fn add_poetry(&mut self, poetry: &Value, lists_all: bool) {
        if lists_all {
            self.is_static = true;
            self.requirements.extend(of_poetry(poetry.get("dependencies")));
        }
        self.requirements
            .extend(of_poetry(poetry.get("dev-dependencies")));
        for (name, group) in table_of(poetry.get("group")) {
            if is_working_group(name) {
                self.requirements.extend(of_poetry(group.get("dependencies")));
            }
        }
    }
}

fn texts(list: Option<&Value>) -> Vec<String> {
    let items = list.and_then(Value::as_array).into_iter().flatten();
    items.filter_map(Value::as_str).map(str::to_owned).collect()
}

/// Returns the requirements in the setup.cfg of a project without other metadata.
pub fn declared_in_setup_cfg(text: &str) -> Vec<String> {
    requirements_of(of_setup_cfg(text))
}

/// Returns the requirements in a Pipfile.
pub fn declared_in_pipfile(text: &str) -> Vec<String> {
    let table: Table = text.parse().unwrap_or_default();
    ["packages", "dev-packages"]
        .into_iter()
        .flat_map(|key| of_poetry(table.get(key)))
        .collect()
}

fn requirements_of(said: Said) -> Vec<String> {
    let each = |(name, words): (String, BTreeSet<String>)| {
        words.into_iter().map(move |said| format!("{name}{said}"))
    };
    said.0.into_iter().flat_map(each).collect()
}

/// Adds a PEP 735 group and the groups that it includes.
fn add_group(groups: Option<&Value>, name: &str, into: &mut Vec<String>, seen: &mut BTreeSet<String>) {
    if !seen.insert(normalize(name)) {
        return;
    }
    let found = table_of(groups).find(|(group, _)| normalize(group) == normalize(name));
    for item in found.and_then(|(_, list)| list.as_array()).into_iter().flatten() {
        match item {
            Value::String(text) => into.push(text.clone()),
            other => {
                if let Some(included) = other.get("include-group").and_then(Value::as_str) {
                    add_group(groups, included, into, seen);
                }
            }
        }
    }
}
