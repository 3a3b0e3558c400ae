//! The dependencies of a project that come from the same repository, as its `pyproject.toml` names them.

use deadheat_core::dependencies::value_at;
use toml::{Table, Value};

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
