//! The paths of the files at either revision.

use std::collections::BTreeSet;

/// All files of a project at either revision.
pub(crate) struct FileSet {
    paths: BTreeSet<String>,
}

impl FileSet {
    pub(crate) fn new(paths: impl IntoIterator<Item = String>) -> Self {
        FileSet {
            paths: paths.into_iter().collect(),
        }
    }

    pub(crate) fn is_file(&self, path: &str) -> bool {
        self.paths.contains(path)
    }

    pub(crate) fn is_folder(&self, path: &str) -> bool {
        path.is_empty() || self.below(path).next().is_some()
    }

    pub(crate) fn exists(&self, path: &str) -> bool {
        self.is_file(path) || self.is_folder(path)
    }

    /// Returns all files below a folder, with paths relative to it.
    pub(crate) fn below<'a>(&'a self, folder: &str) -> impl Iterator<Item = &'a str> + use<'a> {
        let prefix = if folder.is_empty() {
            String::new()
        } else {
            format!("{folder}/")
        };
        self.paths
            .range(prefix.clone()..)
            .map_while(move |path| path.strip_prefix(prefix.as_str()))
    }

    /// Returns the names directly in a folder.
    pub(crate) fn children(&self, folder: &str) -> BTreeSet<&str> {
        self.below(folder)
            .map(|path| path.split('/').next().unwrap_or(path))
            .collect()
    }
}
