//! The files of a project that declare its dependencies.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use deadheat_core::dependencies::Declaration;

use crate::system::paths::{file_name, join, normalize, parent};

/// Returns the files of a project's folder that may declare its dependencies: those with usual names and `named`, and
/// the files that these name in turn, wherever they are.
pub(crate) fn declaring_files(folder: &Path, named: &[String]) -> BTreeSet<String> {
    let mut names: BTreeSet<String> = named.iter().cloned().collect();
    for inner in ["", "requirements", "requirements.d", "reqs"] {
        for entry in fs::read_dir(folder.join(inner)).into_iter().flatten().flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            let is_text = name.ends_with(".txt") || name.ends_with(".in");
            if Declaration::of_file(&name).is_some() || (!inner.is_empty() && is_text) {
                names.insert(join(inner, &name));
            }
        }
    }
    let mut unread: Vec<String> = names.iter().cloned().collect();
    while let Some(name) = unread.pop() {
        let text = fs::read_to_string(folder.join(&name)).unwrap_or_default();
        let others = match file_name(&name) {
            // `dependencies = {file = ["deps.txt"]}`, `open("deps.txt")`, `file: deps.txt`.
            "pyproject.toml" | "setup.py" | "setup.cfg" => text_files_named_in(&text),
            _ => included_by(&name, &text),
        };
        let others = others.into_iter().filter(|other| folder.join(other).is_file());
        unread.extend(
            others
                .filter(|other| names.insert(other.clone()))
                .collect::<Vec<_>>(),
        );
    }
    names
}

/// A line of a requirements file that names a folder or file of the repository.
pub(crate) struct Local {
    pub(crate) file: String,
    pub(crate) line: String,
    /// Relative to the project's folder.
    pub(crate) target: String,
}

/// Returns the parts of the repository, other than the project itself, that its requirements files install.
pub(crate) fn local_requirements(folder: &Path, named: &[String]) -> Vec<Local> {
    let mut found = Vec::new();
    for file in declaring_files(folder, named) {
        if [".toml", ".lock", ".py"].iter().any(|end| file.ends_with(end)) {
            continue;
        }
        let text = fs::read_to_string(folder.join(&file)).unwrap_or_default();
        for line in text.lines().map(str::trim) {
            let editable = ["--editable", "-e"]
                .into_iter()
                .find_map(|option| line.strip_prefix(option));
            let target = editable.unwrap_or(line).trim_start_matches('=').trim();
            let target = target.split([' ', '[']).next().unwrap_or_default();
            if (target.starts_with("./") || target.starts_with("../") || target.contains("file:"))
                && target.trim_end_matches('/') != "."
            {
                found.push(Local {
                    file: file.clone(),
                    line: line.to_owned(),
                    target: target.rsplit("file:").next().unwrap_or_default().to_owned(),
                });
            }
        }
    }
    found
}

fn text_files_named_in(text: &str) -> Vec<String> {
    let is_part = |character: char| character.is_alphanumeric() || "-_./".contains(character);
    let words = text.split(|character| !is_part(character));
    let files = words.filter(|word| word.ends_with(".txt") || word.ends_with(".in"));
    files.filter_map(normalize).collect()
}

/// Returns the files that a requirements file names relative to itself: `-r other.txt`, `-c constraints.txt`.
fn included_by(name: &str, text: &str) -> Vec<String> {
    let files = text.lines().filter_map(|line| {
        let line = line.trim();
        let options = ["--requirement", "--constraint", "-r", "-c"];
        let rest = options.into_iter().find_map(|option| line.strip_prefix(option))?;
        let file = rest.trim_start_matches('=').split(" #").next()?.trim();
        let path = join(parent(name), file);
        // A path above the project's folder stays above it.
        Some(normalize(&path).unwrap_or(path))
    });
    files.collect()
}

#[cfg(test)]
mod tests {
    use super::{included_by, text_files_named_in};

    #[test]
    fn requirements_files_name_others() {
        let text = "attrs\n-r test.txt  # more\n--constraint=../pins.txt\n-rbase.txt\n-e .\n";
        assert_eq!(
            included_by("requirements/dev.txt", text),
            ["requirements/test.txt", "pins.txt", "requirements/base.txt"]
        );
        let text = "dependencies = {file = [\"deps.txt\", 'more/x.in']}\nreadme = \"README.md\"";
        assert_eq!(text_files_named_in(text), ["deps.txt", "more/x.in"]);
    }
}
