//! Other projects of the repository that a project depends on: members of its workspace, and dependencies by path.
//! Their code is measured like the project's own.

use std::collections::BTreeSet;
use std::path::Path;

use deadheat_core::dependencies::{normalize as normalize_name, value_at};
use toml::{Table, Value};

use crate::config::Config;
use crate::config::siblings::Sibling;
use crate::project::file_set::FileSet;
use crate::system::paths::{file_name, join, normalize, parent};

/// Returns the folders of a project's siblings and of theirs, relative to the repository, each with its configuration.
pub(crate) fn of(
    config: &Config,
    project_folder: &str,
    repository: &Path,
    files: &FileSet,
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
fn member(name: &str, repository: &Path, files: &FileSet) -> Option<String> {
    let mut projects = files.below("").filter(|path| file_name(path) == "pyproject.toml");
    let project = projects.find(|path| {
        let text = std::fs::read_to_string(repository.join(path)).unwrap_or_default();
        let document: Table = text.parse().unwrap_or_default();
        let its_name = value_at(&document, &["project", "name"]).and_then(Value::as_str);
        its_name.is_some_and(|its_name| normalize_name(its_name) == normalize_name(name))
    })?;
    Some(parent(project).to_owned())
}
