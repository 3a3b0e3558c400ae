//! Where a project's `pyproject.toml` says that its code is imported from, in the tables of build back ends and of pytest.

use deadheat_core::dependencies::value_at;
use toml::{Table, Value};

/// A folder, or several.
const FOLDERS: [&[&str]; 6] = [
    &["tool", "maturin", "python-source"],
    &["tool", "setuptools", "packages", "find", "where"],
    &["tool", "hatch", "build", "sources"],
    &["tool", "hatch", "build", "targets", "wheel", "sources"],
    &["tool", "pdm", "build", "package-dir"],
    &["tool", "uv", "build-backend", "module-root"],
];
/// Packages, which are imported from the folder that each lies in.
const PACKAGES: [&[&str]; 3] = [
    &["tool", "hatch", "build", "packages"],
    &["tool", "hatch", "build", "targets", "wheel", "packages"],
    &["tool", "scikit-build", "wheel", "packages"],
];

/// Those that the build takes packages from, relative to the file; the project's own folder is not among them.
pub(crate) fn of_build(document: &Table) -> Vec<String> {
    let texts = |keys: &[&str]| texts_at(document, keys);
    let mut found: Vec<String> = FOLDERS.iter().flat_map(|keys| texts(keys)).collect();
    let packages = PACKAGES.iter().flat_map(|keys| texts(keys));
    found.extend(packages.filter_map(|path| Some(path.trim_end_matches('/').rsplit_once('/')?.0.to_owned())));
    // The folder of all packages has an empty name.
    found.extend(texts(&["tool", "setuptools", "package-dir", ""]));
    if let Some(Value::Array(packages)) = value_at(document, &["tool", "poetry", "packages"]) {
        let from = packages
            .iter()
            .filter_map(|package| package.get("from")?.as_str());
        found.extend(from.map(str::to_owned));
    }
    without_own(found)
}

/// Those that pytest puts on the path.
pub(crate) fn of_pytest(document: &Table) -> Vec<String> {
    without_own(texts_at(
        document,
        &["tool", "pytest", "ini_options", "pythonpath"],
    ))
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

/// Each once, and not the folder of the file itself.
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
    use super::{of_build, of_pytest};

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
