//! Reads the folders that a project's code is imported from, in the tables of build back ends and in pytest's settings.

use std::path::Path;

use deadheat_core::dependencies::value_at;
use toml::{Table, Value};

/// The keys that name a folder, or several.
const FOLDERS: [&[&str]; 6] = [
    &["tool", "maturin", "python-source"],
    &["tool", "setuptools", "packages", "find", "where"],
    &["tool", "hatch", "build", "sources"],
    &["tool", "hatch", "build", "targets", "wheel", "sources"],
    &["tool", "pdm", "build", "package-dir"],
    &["tool", "uv", "build-backend", "module-root"],
];
/// The keys that name packages, which are imported from the folder that each lies in.
const PACKAGES: [&[&str]; 3] = [
    &["tool", "hatch", "build", "packages"],
    &["tool", "hatch", "build", "targets", "wheel", "packages"],
    &["tool", "scikit-build", "wheel", "packages"],
];

/// Returns the folders that the build takes packages from, relative to the file, without the project's own folder.
pub(crate) fn of_build(document: &Table) -> Vec<String> {
    let texts = |keys: &[&str]| texts_at(document, keys);
    let mut found: Vec<String> = FOLDERS.iter().flat_map(|keys| texts(keys)).collect();
    let packages = PACKAGES.iter().flat_map(|keys| texts(keys));
    found.extend(packages.filter_map(|path| Some(path.trim_end_matches('/').rsplit_once('/')?.0.to_owned())));
    // The empty name is that of all packages.
    found.extend(texts(&["tool", "setuptools", "package-dir", ""]));
    if let Some(Value::Array(packages)) = value_at(document, &["tool", "poetry", "packages"]) {
        let from = packages
            .iter()
            .filter_map(|package| package.get("from")?.as_str());
        found.extend(from.map(str::to_owned));
    }
    without_own(found)
}

/// Returns the folders that pytest puts on the path.
pub(crate) fn of_pytest(document: &Table) -> Vec<String> {
    let mut found = texts_at(document, &["tool", "pytest", "ini_options", "pythonpath"]);
    // The table of pytest 9.
    found.extend(texts_at(document, &["tool", "pytest", "pythonpath"]));
    without_own(found)
}

/// Returns the same from the other files that pytest reads its settings from.
pub(crate) fn of_pytest_in(folder: &Path) -> Vec<String> {
    let files = [
        ("pytest.ini", "[pytest]"),
        (".pytest.ini", "[pytest]"),
        ("tox.ini", "[pytest]"),
        ("setup.cfg", "[tool:pytest]"),
    ];
    let found = files.into_iter().flat_map(|(name, section)| {
        let text = std::fs::read_to_string(folder.join(name)).unwrap_or_default();
        in_ini(&text, section, "pythonpath")
    });
    without_own(found.collect())
}

/// Returns the words of one setting, which may continue in indented lines.
fn in_ini(text: &str, section: &str, key: &str) -> Vec<String> {
    let lines = text.lines().skip_while(|line| line.trim_end() != section).skip(1);
    let mut lines = lines.take_while(|line| !line.starts_with('['));
    let first = lines.by_ref().find_map(|line| {
        let (name, value) = line.split_once('=')?;
        (name.trim_end() == key).then_some(value)
    });
    let Some(first) = first else {
        return Vec::new();
    };
    let more = lines.take_while(|line| line.starts_with([' ', '\t']));
    let value = std::iter::once(first).chain(more);
    value.flat_map(str::split_whitespace).map(str::to_owned).collect()
}

fn texts_at(document: &Table, keys: &[&str]) -> Vec<String> {
    match value_at(document, keys) {
        Some(Value::String(text)) => vec![text.clone()],
        Some(Value::Array(items)) => items
            .iter()
            .filter_map(Value::as_str)
            .map(str::to_owned)
            .collect(),
        _ => Vec::new(),
    }
}

/// Returns each folder once, without the folder of the file itself.
fn without_own(found: Vec<String>) -> Vec<String> {
    let mut folders: Vec<String> = Vec::new();
    for folder in found {
        let folder = folder.trim_start_matches("./").trim_end_matches('/');
        if !["", "."].contains(&folder) && !folders.iter().any(|known| known == folder) {
            folders.push(folder.to_owned());
        }
    }
    folders
}

#[cfg(test)]
mod tests {
    use super::{in_ini, of_build, of_pytest};

    #[test]
    fn settings_of_ini_files_may_go_on_in_further_lines() {
        let text = "[tox]\npythonpath = no\n[pytest]\naddopts = -q\npythonpath = server\n    tests lib\nxfail_strict = 1\n";
        assert_eq!(in_ini(text, "[pytest]", "pythonpath"), ["server", "tests", "lib"]);
        assert_eq!(in_ini(text, "[tool:pytest]", "pythonpath"), [""; 0]);
        assert_eq!(
            in_ini("[pytest]\npythonpath=\n  src\n", "[pytest]", "pythonpath"),
            ["src"]
        );
    }

    #[test]
    fn every_tool_says_it_in_its_own_way() {
        let cases = [
            ("[tool.maturin]\npython-source = 'python'", "python"),
            ("[tool.setuptools.packages.find]\nwhere = ['lib', '.']", "lib"),
            ("[tool.setuptools.package-dir]\n'' = 'source'", "source"),
            (
                "[tool.hatch.build.targets.wheel]\npackages = ['backend/thing']",
                "backend",
            ),
            (
                "[tool.poetry]\npackages = [{include = 'thing', from = 'pysrc'}]",
                "pysrc",
            ),
            ("[tool.uv.build-backend]\nmodule-root = 'code/'", "code"),
        ];
        for (text, folder) in cases {
            assert_eq!(of_build(&text.parse().unwrap()), [folder], "{text}");
        }
        let pytest = "[tool.pytest.ini_options]\npythonpath = ['.', './src', 'src/']";
        assert_eq!(of_pytest(&pytest.parse().unwrap()), ["src"]);
        assert!(of_build(&pytest.parse().unwrap()).is_empty());
    }
}
