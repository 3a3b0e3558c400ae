//! The declarations of each package in a project's files, in their own words.

use std::collections::{BTreeMap, BTreeSet};

use toml::{Table, Value};

use super::requirement::{alternatives, normalize, reformatted, reformatted_marker, requirement};
use super::tables::value_at;
use crate::source::literals_of;

/// The declared texts of each package.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Said(pub(super) BTreeMap<String, BTreeSet<String>>);

impl Said {
    pub(super) fn add(&mut self, name: &str, said: &str) {
        self.0
            .entry(normalize(name))
            .or_default()
            .insert(said.trim().to_owned());
    }

    /// Adds a PEP 508 requirement, whatever follows it on its line.
    fn add_requirement(&mut self, text: &str) {
        if let Some((name, said)) = requirement(text) {
            self.add(name, &reformatted(said));
        }
    }

    fn add_requirements(&mut self, list: Option<&Value>) {
        for text in list
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
        {
            self.add_requirement(text);
        }
    }
}

pub(super) fn said_in<'a>(lines: impl Iterator<Item = &'a str>) -> Said {
    let mut said = Said::default();
    for line in lines {
        said.add_requirement(line);
    }
    said
}

pub(super) fn of_pyproject(table: &Table) -> Said {
    let mut said = Said::default();
    let get = |keys: &[&str]| value_at(table, keys);
    let lists_of = |said: &mut Said, keys: &[&str]| {
        for (_, list) in get(keys).and_then(Value::as_table).into_iter().flatten() {
            said.add_requirements(Some(list));
        }
    };
    said.add_requirements(get(&["project", "dependencies"]));
    lists_of(&mut said, &["project", "optional-dependencies"]);
    lists_of(&mut said, &["dependency-groups"]);
    lists_of(&mut said, &["tool", "pdm", "dev-dependencies"]);
    said.add_requirements(get(&["tool", "uv", "dev-dependencies"]));
    for (_, environment) in get(&["tool", "hatch", "envs"])
        .and_then(Value::as_table)
        .into_iter()
        .flatten()
    {
        for key in ["dependencies", "extra-dependencies"] {
            said.add_requirements(environment.get(key));
        }
    }
    for key in ["dependencies", "dev-dependencies"] {
        add_table(&mut said, get(&["tool", "poetry", key]));
    }
    for (_, group) in get(&["tool", "poetry", "group"])
        .and_then(Value::as_table)
        .into_iter()
        .flatten()
    {
        add_table(&mut said, group.get("dependencies"));
    }
    said
}

/// Adds entries such as `name = "version"` or `name = { version = "…", … }`.
pub(super) fn add_table(said: &mut Said, table: Option<&Value>) {
    for (name, value) in table.and_then(Value::as_table).into_iter().flatten() {
        match value {
            Value::String(version) => said.add(name, &alternatives(version)),
            Value::Table(about) => {
                let mut about = about.clone();
                for (key, reformat) in [
                    ("version", alternatives as fn(&str) -> String),
                    ("markers", reformatted_marker),
                ] {
                    if let Some(Value::String(text)) = about.get_mut(key) {
                        *text = reformat(text);
                    }
                }
                match about.get("version") {
                    Some(Value::String(version)) if about.len() == 1 => said.add(name, version),
                    _ => said.add(name, &Value::Table(about).to_string()),
                }
            }
            other => said.add(name, &other.to_string()),
        }
    }
}

pub(super) fn of_lock(table: &Table) -> Said {
    let mut said = Said::default();
    let packages = table.get("package").or_else(|| table.get("packages"));
    for package in packages.and_then(Value::as_array).into_iter().flatten() {
        let text = |key: &str| package.get(key).and_then(Value::as_str);
        // A package without a version is the project itself, or is in its repository.
        if let (Some(name), Some(version)) = (text("name"), text("version")) {
            said.add(name, version);
        }
    }
    said
}

pub(super) fn of_setup_cfg(text: &str) -> Said {
    let mut said = Said::default();
    let (mut section, mut is_list) = ("", false);
    for line in text.lines() {
        let trimmed = line.trim();
        if trimmed.starts_with(['#', ';']) {
            continue;
        }
        if let Some(name) = trimmed.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            (section, is_list) = (name, false);
        } else if line.starts_with(char::is_whitespace) {
            if is_list {
                said.add_requirement(trimmed);
            }
        } else if let Some((key, value)) = trimmed.split_once('=') {
            is_list = match section {
                "options" => key.trim().ends_with("_requires") || key.trim() == "install_requires",
                "options.extras_require" => true,
                _ => false,
            };
            if is_list {
                said.add_requirement(value);
            }
        }
    }
    said
}

/// Reads the string literals in names that end with `_require` or `_requires`, such as the arguments of
/// `setup()`; `None` if the file cannot be read.
pub(super) fn of_setup_py(text: &str) -> Option<Said> {
    let is_list = |name: &str| name.ends_with("_require") || name.ends_with("_requires");
    let literals = literals_of(text, is_list)?;
    Some(said_in(literals.iter().map(String::as_str)))
}
