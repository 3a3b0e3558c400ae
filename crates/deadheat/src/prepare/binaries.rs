//! The extension modules that are there already: in the working tree, and in the checkouts.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::time::SystemTime;

use crate::git::Git;
use crate::git::queries::Untracked;
use crate::prepare::interpreter::Interpreter;
use crate::project::extension_modules::{ExtensionModules, bytes, is_binary};
use crate::project::layout::ProjectLayout;
use crate::system::paths::{file_name, is_inside, join, parent};

/// Finds the working tree's extension modules that equal the products of a build of either side, or why there
/// are none.
pub(crate) fn of_working_tree(
    compiled: &ExtensionModules,
    git: &Git,
    project: &ProjectLayout,
    interpreter: &Interpreter,
    checkout: &Path,
    changed: &BTreeSet<String>,
) -> anyhow::Result<Binaries> {
    let top = git.top();
    let paths = not_in_checkout(git, project, checkout)?;
    if paths.is_empty() {
        return Ok(Binaries::default());
    }
    if let Some(why) = built_from_others(compiled, project, top, checkout, changed) {
        return Ok(Binaries {
            refused: Some(why),
            ..Binaries::default()
        });
    }
    let sources = compiled.sources.iter();
    let newest = sources
        .filter_map(|path| Some((modified(&top.join(path))?, path)))
        .max();
    let mut binaries = Binaries::default();
    for path in paths {
        let built = modified(&top.join(&path));
        match why_unusable(&path, interpreter, checkout, built.zip(newest)) {
            Some(why) => binaries.refused = Some(format!("`{path}` of your working tree is {why}")),
            None => binaries.usable.push(path),
        }
    }
    Ok(binaries)
}

/// Returns the extension modules of the working tree that a checkout does not have.
fn not_in_checkout(git: &Git, project: &ProjectLayout, checkout: &Path) -> anyhow::Result<BTreeSet<String>> {
    let mut paths = BTreeSet::new();
    for kind in [Untracked::Ignored, Untracked::NotIgnored] {
        paths.extend(git.untracked_paths(kind, &project.module_roots)?);
    }
    // Single modules, next to the packages.
    for folder in &project.import_folders {
        let entries = fs::read_dir(git.top().join(folder)).into_iter().flatten();
        paths.extend(
            entries
                .flatten()
                .map(|entry| join(folder, &entry.file_name().to_string_lossy())),
        );
    }
    paths.retain(|path| is_binary(path) && !checkout.join(path).exists());
    Ok(paths)
}

/// Returns the reason why the working tree's extension modules may be built from other files than those of the refs.
fn built_from_others(
    compiled: &ExtensionModules,
    project: &ProjectLayout,
    top: &Path,
    checkout: &Path,
    changed: &BTreeSet<String>,
) -> Option<String> {
    if let Some(path) = changed.iter().find(|path| may_be_built_from(project, path)) {
        return Some(format!(
            "`{path}` differs between the refs, and those of your working tree may be built from it"
        ));
    }
    let mut sources = compiled.sources.iter();
    let source = sources.find(|path| bytes(top, path) != bytes(checkout, path))?;
    Some(format!(
        "those of your working tree were not built from these sources: `{source}` differs there"
    ))
}

/// Returns the reason why an extension module is not the product of a build of these sources. `times`: when
/// it was built, and the newest of the sources was changed.
fn why_unusable(
    path: &str,
    interpreter: &Interpreter,
    checkout: &Path,
    times: Option<(SystemTime, (SystemTime, &String))>,
) -> Option<String> {
    let name = file_name(path);
    let (stem, suffix) = name.split_at(name.find('.').unwrap_or(name.len()));
    let module = join(parent(path), &format!("{stem}.py"));
    if !interpreter.extension_suffixes.iter().any(|known| known == suffix) {
        return Some(format!("for another Python than {}", interpreter.version));
    }
    if checkout.join(module).exists() || stem.ends_with("__mypyc") {
        return Some("compiled from Python code".to_owned());
    }
    let (built, (changed, source)) = times?;
    (built < changed).then(|| format!("older than `{source}`"))
}

/// The extension modules of the working tree.
#[derive(Debug, Default)]
pub(crate) struct Binaries {
    pub(crate) usable: Vec<String>,
    /// The reason why others are not usable.
    pub(crate) refused: Option<String>,
}

/// Returns the extension modules that a checkout holds where the project's code is imported from, without their
/// suffixes.
pub(crate) fn in_checkout(project: &ProjectLayout, checkout: &Path) -> BTreeSet<String> {
    fn look(checkout: &Path, folder: &str, depth: usize, found: &mut BTreeSet<String>) {
        for entry in fs::read_dir(checkout.join(folder))
            .into_iter()
            .flatten()
            .flatten()
        {
            let name = entry.file_name();
            let name = name.to_string_lossy();
            if is_binary(&name) {
                let stem = name.split('.').next().unwrap_or_default();
                found.insert(join(folder, stem));
            } else if depth > 0 && name != ".git" && entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                look(checkout, &join(folder, &name), depth - 1, found);
            }
        }
    }
    let mut found = BTreeSet::new();
    for root in &project.module_roots {
        look(checkout, root, 16, &mut found);
    }
    // Single modules, next to the packages.
    for folder in &project.import_folders {
        look(checkout, folder, 0, &mut found);
    }
    found
}

/// Whether a build may read a file, judging by its name: anything but Python code, tests and texts.
fn may_be_built_from(project: &ProjectLayout, path: &str) -> bool {
    let name = file_name(path);
    let is_text = [
        ".md",
        ".rst",
        ".txt",
        ".py",
        ".pyi",
        ".yml",
        ".yaml",
        ".lock",
        ".ipynb",
        ".gitignore",
    ]
    .iter()
    .any(|end| name.ends_with(end));
    let roots = [&project.tests_root, &project.benchmarks_root];
    let is_test = roots.into_iter().flatten().any(|root| is_inside(path, root));
    let is_script = matches!(
        name,
        "setup.py" | "build.py" | "hatch_build.py" | "build_ext.py" | "CMakeLists.txt"
    ) || name == "Cargo.lock";
    is_script
        || !(is_text
            || is_test
            || path.starts_with(".github/")
            || path.starts_with("docs/")
            || name == "pyproject.toml")
}

fn modified(path: &Path) -> Option<SystemTime> {
    fs::metadata(path).ok()?.modified().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_build_may_read() {
        let project = ProjectLayout {
            folder: String::new(),
            module_roots: vec!["pkg".to_owned()],
            import_folders: vec![String::new()],
            tests_root: Some("tests".to_owned()),
            benchmarks_root: Some("benchmarks".to_owned()),
            code_names: Vec::new(),
            test_packages: Vec::new(),
            loose_names: Vec::new(),
        };
        for path in [
            "pkg/step.inc",
            "core/step.h",
            ".cargo/config.toml",
            "setup.py",
            "CMakeLists.txt",
            "data.bin",
        ] {
            assert!(may_be_built_from(&project, path), "{path}");
        }
        for path in [
            "pkg/core.py",
            "README.md",
            "tests/data.bin",
            "benchmarks/x.json",
            "uv.lock",
            ".github/ci.sh",
        ] {
            assert!(!may_be_built_from(&project, path), "{path}");
        }
    }
}
