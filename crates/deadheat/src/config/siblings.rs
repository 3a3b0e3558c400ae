//! Other projects of the repository that a project depends on: members of its workspace, and dependencies by path.
//! Their code is measured like the project's own.

use std::collections::BTreeSet;
use std::path::Path;

use deadheat_core::dependencies::{normalize as normalize_name, value_at};
use toml::{Table, Value};

use crate::config::Config;
use crate::project::layout::Files;
use crate::system::paths::{file_name, join, normalize, parent};

/// A dependency that comes from the repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Sibling {
    /// A path relative to the `pyproject.toml` that names it.
    At(String),
    /// A member of the workspace, by the name of its project.
    Member(String),
}

/// Returns those that a `pyproject.toml` names in the tables of uv and Poetry, and as direct references to files.
pub(crate) fn named_in(document: &Table) -> Vec<Sibling> {
    let mut found = Vec::new();
    let sources = value_at(document, &["tool", "uv", "sources"]).and_then(Value::as_table);
    for (name, source) in sources.into_iter().flatten() {
        // There is one source for each marker, or one for all.
        let sources = source
            .as_array()
            .map_or(std::slice::from_ref(source), Vec::as_slice);
        for source in sources {
            if let Some(path) = source.get("path").and_then(Value::as_str) {
                found.push(Sibling::At(path.to_owned()));
            } else if source.get("workspace").and_then(Value::as_bool) == Some(true) {
                found.push(Sibling::Member(name.clone()));
            }
        }
    }
    let poetry = value_at(document, &["tool", "poetry"]).and_then(Value::as_table);
    let groups = poetry.and_then(|poetry| poetry.get("group")?.as_table());
    let tables = poetry.into_iter().chain(
        groups
            .into_iter()
            .flat_map(Table::values)
            .filter_map(Value::as_table),
    );
    for table in tables {
        let dependencies = table.get("dependencies").and_then(Value::as_table);
        let paths = dependencies
            .into_iter()
            .flat_map(Table::values)
            .filter_map(|about| about.get("path")?.as_str());
        found.extend(paths.map(|path| Sibling::At(path.to_owned())));
    }
    let direct = value_at(document, &["project", "dependencies"]).and_then(Value::as_array);
    for requirement in direct.into_iter().flatten().filter_map(Value::as_str) {
        // PDM and Hatch write a path below or next to the project like this.
        for prefix in ["file:///${PROJECT_ROOT}/", "{root:uri}/", "file:./", "file:../"] {
            if let Some((_, path)) = requirement.split_once(prefix) {
                let above = if prefix == "file:../" { "../" } else { "" };
                let path = path.split([' ', ';']).next().unwrap_or_default();
                found.push(Sibling::At(format!("{above}{path}")));
            }
        }
    }
    found
}

/// Returns the folders of a project's siblings and of theirs, relative to the repository, each with its configuration.
pub(crate) fn of(
    config: &Config,
    project_folder: &str,
    repository: &Path,
    files: &Files,
) -> Vec<(String, Config)> {
    let mut found = Vec::new();
    let mut seen = BTreeSet::from([project_folder.to_owned()]);
    let mut open: Vec<(String, Sibling)> = Vec::new();
    let add = |open: &mut Vec<_>, folder: &str, config: &Config| {
        open.extend(
            config
                .siblings
                .iter()
                .map(|sibling| (folder.to_owned(), sibling.clone())),
        );
    };
    add(&mut open, project_folder, config);
    while let Some((from, sibling)) = open.pop() {
        let folder = match &sibling {
            Sibling::At(path) => normalize(&join(&from, path)),
            Sibling::Member(name) => member(name, repository, files),
        };
        let Some(folder) = folder.filter(|folder| files.below(folder).next().is_some()) else {
            continue;
        };
        if seen.insert(folder.clone()) {
            let config = Config::of_folder(&repository.join(&folder));
            add(&mut open, &folder, &config);
            found.push((folder, config));
        }
    }
    found
}

/// Returns the folder of the project with this name.
fn member(name: &str, repository: &Path, files: &Files) -> Option<String> {
    let mut projects = files.below("").filter(|path| file_name(path) == "pyproject.toml");
    let project = projects.find(|path| {
        let text = std::fs::read_to_string(repository.join(path)).unwrap_or_default();
        let document: Table = text.parse().unwrap_or_default();
        let its_name = value_at(&document, &["project", "name"]).and_then(Value::as_str);
        its_name.is_some_and(|its_name| normalize_name(its_name) == normalize_name(name))
    })?;
    Some(parent(project).to_owned())
}

#[cfg(test)]
mod tests {
    use super::{Sibling, named_in};

    #[test]
    fn every_tool_names_them_in_its_own_way() {
        let at = |path: &str| Sibling::At(path.to_owned());
        let cases = [
            (
                "[tool.uv.sources]\ncore = { path = '../core', editable = true }",
                at("../core"),
            ),
            (
                "[tool.uv.sources]\ncore = [{ workspace = true, marker = 'x' }]",
                Sibling::Member("core".to_owned()),
            ),
            (
                "[tool.poetry.dependencies]\npython = '^3.10'\ncore = { path = '../core' }",
                at("../core"),
            ),
            (
                "[tool.poetry.group.dev.dependencies]\ncore = { path = 'libs/core' }",
                at("libs/core"),
            ),
            (
                "[project]\ndependencies = ['core @ {root:uri}/../core']",
                at("../core"),
            ),
            (
                "[project]\ndependencies = ['core @ file:../core ; x', 'other>=1']",
                at("../core"),
            ),
        ];
        for (text, sibling) in cases {
            assert_eq!(named_in(&text.parse().unwrap()), [sibling], "{text}");
        }
    }
}
