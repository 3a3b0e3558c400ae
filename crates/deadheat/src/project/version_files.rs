//! The files that a build writes the version into.

use std::path::Path;

use deadheat_core::dependencies::value_at;
use toml::{Table, Value};

use crate::project::layout::ProjectLayout;
use crate::system::paths::join;

/// Returns the files that build back ends write a project's version into, as its `pyproject.toml` names them.
pub(crate) fn version_files(project: &ProjectLayout, checkout: &Path) -> Vec<String> {
    let path = checkout.join(join(&project.folder, "pyproject.toml"));
    let text = std::fs::read_to_string(path).unwrap_or_default();
    let table: Table = text.parse().unwrap_or_default();
    let places: [&[&str]; 6] = [
        &["tool", "setuptools_scm", "version_file"],
        &["tool", "setuptools_scm", "write_to"],
        &["tool", "hatch", "build", "hooks", "vcs", "version-file"],
        &["tool", "pdm", "version", "write_to"],
        &["tool", "versioningit", "write", "file"],
        &["tool", "flit_scm", "write_to"],
    ];
    let mut files = Vec::new();
    for keys in places {
        if let Some(file) = value_at(&table, keys).and_then(Value::as_str) {
            files.push(join(&project.folder, file));
            // pdm's is relative to the packages.
            files.extend(project.import_folders.iter().map(|folder| join(folder, file)));
        }
    }
    files
}
