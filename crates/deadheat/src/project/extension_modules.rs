//! The compiled part of a project: its sources, how it would be built, and whether binaries of the working tree can
//! serve both sides.

use std::fs;
use std::path::Path;

use deadheat_core::dependencies::value_at;
use deadheat_core::model::{PerSide, Side};
use deadheat_core::source::Unattributed;
use toml::{Table, Value};

use crate::project::file_set::FileSet;
use crate::project::layout::ProjectLayout;
use crate::system::paths::{file_name, is_inside, join};

const SOURCES: [&str; 22] = [
    "pyx", "pxd", "pxi", "c", "cc", "cpp", "cxx", "c++", "h", "hh", "hpp", "hxx", "rs", "f", "for", "f90",
    "f95", "go", "zig", "cu", "S", "asm",
];
/// The names of files that define the build, in any folder.
const RECIPES: [&str; 7] = [
    "Cargo.toml",
    "Cargo.lock",
    "build.rs",
    "meson.build",
    "meson.options",
    "meson_options.txt",
    "CMakeLists.txt",
];
/// The words in a `setup.py` that builds extension modules.
const IN_SETUP_PY: [&str; 8] = [
    "ext_modules",
    "Extension(",
    "cythonize(",
    "cffi_modules",
    "rust_extensions",
    "RustExtension(",
    "mypycify(",
    "build_ext",
];

/// Whether a file is compiled, by its name.
pub(crate) fn is_source(path: &str) -> bool {
    let extension = file_name(path).rsplit_once('.').map(|(_, extension)| extension);
    extension.is_some_and(|extension| SOURCES.contains(&extension))
}

/// Whether a file is in the project's folder, but not in its tests or benchmarks: sources of a compiled part often lie
/// next to the package (`src/lib.rs`, `ext/fast.c`).
pub(crate) fn is_near_code(project: &ProjectLayout, path: &str) -> bool {
    let not_code = [&project.tests_root, &project.benchmarks_root];
    is_inside(path, &project.folder) && !not_code.into_iter().flatten().any(|root| is_inside(path, root))
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum BuildSystem {
    Maturin,
    SetupPy,
    /// Anything that pip can build.
    Pip,
}

/// A project that has a compiled part at either ref.
#[derive(Debug)]
pub(crate) struct ExtensionModules {
    system: BuildSystem,
    /// The files it is built from, at either ref: sources, and files that define the build.
    pub(crate) sources: Vec<String>,
    /// The files of the build that differ between the sides.
    pub(crate) differing: Vec<String>,
    /// The folder where a build has to put it to be imported.
    import_folder: String,
}

impl ExtensionModules {
    /// Finds the compiled part; `None` if nothing in the project is compiled, according to its files.
    pub(crate) fn find(project: &ProjectLayout, files: &FileSet, checkouts: PerSide<&Path>) -> Option<Self> {
        let read = |side: Side, name: &str| {
            fs::read_to_string(checkouts.get(side).join(join(&project.folder, name))).unwrap_or_default()
        };
        let is_near = |path: &&str| project.is_code(path) || is_near_code(project, path);
        let mut sources: Vec<String> = files
            .below("")
            .filter(|path| is_source(path) || RECIPES.contains(&file_name(path)))
            .filter(is_near)
            .map(str::to_owned)
            .collect();
        let has_sources = sources.iter().any(|path| is_source(path));
        let tables = PerSide::new(Side::Base, Side::Head).map(|side| {
            let table: Table = read(side, "pyproject.toml").parse().unwrap_or_default();
            table
        });
        let of_side = |side: Side| build_system(tables.get(side), &read(side, "setup.py"), has_sources);
        let system = of_side(Side::Head).or_else(|| of_side(Side::Base))?;
        if system == BuildSystem::SetupPy {
            sources.push(join(&project.folder, "setup.py"));
            let scripts = Side::BOTH.map(|side| cffi_scripts(&read(side, "setup.py")));
            sources.extend(
                scripts
                    .into_iter()
                    .flatten()
                    .map(|path| join(&project.folder, &path)),
            );
            sources.sort();
            sources.dedup();
        }
        let mut differing: Vec<String> = sources
            .iter()
            .filter(|path| bytes(checkouts.base, path) != bytes(checkouts.head, path))
            .cloned()
            .collect();
        if tables.as_ref().map(build_tables).base != tables.as_ref().map(build_tables).head {
            differing.push(join(&project.folder, "pyproject.toml"));
        }
        Some(ExtensionModules {
            system,
            sources,
            differing,
            import_folder: project.import_folders.first().cloned().unwrap_or_default(),
        })
    }

    /// Adds the differing files: a different build may affect any benchmark, even if only the recipe changed.
    pub(crate) fn add_differing_to(&self, unattributed: &mut Vec<Unattributed>) {
        for path in &self.differing {
            if unattributed.iter().all(|known| known.path != *path) {
                unattributed.push(Unattributed {
                    path: path.clone(),
                    what: "says how the compiled part is built".to_owned(),
                });
            }
        }
    }

    /// Returns a command that would build it in the folder it is imported from.
    pub(crate) fn command(&self, project: &ProjectLayout) -> String {
        match self.system {
            BuildSystem::Maturin => "maturin develop --release".to_owned(),
            BuildSystem::SetupPy => "python setup.py build_ext --inplace".to_owned(),
            BuildSystem::Pip => {
                let folder = self.import_folder.strip_prefix(&project.folder);
                let folder = folder.unwrap_or_default().trim_start_matches('/');
                let folder = if folder.is_empty() { "." } else { folder };
                format!("pip install --no-deps --upgrade --target {folder} .")
            }
        }
    }
}

/// Whether a file is an extension module, by its name.
pub(crate) fn is_binary(path: &str) -> bool {
    path.ends_with(".so") || path.ends_with(".pyd")
}

/// Returns the scripts that hold C code, as `cffi_modules=["build.py:ffi"]` names them.
fn cffi_scripts(setup_py: &str) -> Vec<String> {
    let Some((_, rest)) = setup_py.split_once("cffi_modules") else {
        return Vec::new();
    };
    let list = rest.split(']').next().unwrap_or_default();
    let quoted = list.split(['"', '\'']).skip(1).step_by(2);
    quoted
        .filter_map(|text| Some(text.split_once(".py:")?.0))
        .map(|stem| format!("{stem}.py"))
        .collect()
}

fn build_system(pyproject: &Table, setup_py: &str, has_sources: bool) -> Option<BuildSystem> {
    let get = |keys: &[&str]| value_at(pyproject, keys);
    let backend = get(&["build-system", "build-backend"]).and_then(Value::as_str);
    match backend.map(|backend| backend.split(['.', ':']).next().unwrap_or_default()) {
        Some("maturin") => Some(BuildSystem::Maturin),
        Some("mesonpy" | "scikit_build_core") => Some(BuildSystem::Pip),
        _ if IN_SETUP_PY.iter().any(|word| setup_py.contains(word)) => Some(BuildSystem::SetupPy),
        _ if get(&["tool", "setuptools", "ext-modules"]).is_some()
            || get(&["tool", "setuptools-rust"]).is_some() =>
        {
            Some(BuildSystem::Pip)
        }
        // These compile nothing by themselves.
        None | Some("setuptools" | "flit_core" | "flit_scm") => None,
        Some("hatchling")
            if get(&["tool", "hatch", "build"]).is_none_or(|build| !build.to_string().contains("hooks")) =>
        {
            None
        }
        Some("poetry") if get(&["tool", "poetry", "build"]).is_none() => None,
        Some("pdm") if get(&["tool", "pdm", "build"]).is_none() => None,
        Some(_) => has_sources.then_some(BuildSystem::Pip),
    }
}

/// Returns the parts of a `pyproject.toml` that a build reads.
fn build_tables(pyproject: &Table) -> Vec<Option<Value>> {
    let places: [&[&str]; 6] = [
        &["build-system"],
        &["tool", "maturin"],
        &["tool", "meson-python"],
        &["tool", "scikit-build"],
        &["tool", "setuptools-rust"],
        &["tool", "setuptools", "ext-modules"],
    ];
    places
        .iter()
        .map(|keys| value_at(pyproject, keys).cloned())
        .collect()
}

pub(crate) fn bytes(folder: &Path, path: &str) -> Option<Vec<u8>> {
    fs::read(folder.join(path)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn system(pyproject: &str, setup_py: &str, has_sources: bool) -> Option<BuildSystem> {
        build_system(&pyproject.parse().unwrap(), setup_py, has_sources)
    }

    #[test]
    fn build_systems_are_known_by_what_they_say() {
        let backend = |name: &str| format!("[build-system]\nbuild-backend = '{name}'\n");
        assert_eq!(system(&backend("maturin"), "", false), Some(BuildSystem::Maturin));
        assert_eq!(system(&backend("mesonpy"), "", false), Some(BuildSystem::Pip));
        assert_eq!(
            system(&backend("scikit_build_core.build"), "", false),
            Some(BuildSystem::Pip)
        );
        let setup = "setup(ext_modules=[Extension('a', ['a.c'])])";
        assert_eq!(system("", setup, true), Some(BuildSystem::SetupPy));
        assert_eq!(
            system(&backend("setuptools.build_meta"), setup, true),
            Some(BuildSystem::SetupPy)
        );
        assert_eq!(system(&backend("own.hooks"), "", true), Some(BuildSystem::Pip));
        assert_eq!(
            system("[[tool.setuptools.ext-modules]]\nname='a'\n", "", true),
            Some(BuildSystem::Pip)
        );
        assert_eq!(system("", "setup()", true), None);
        assert_eq!(system(&backend("hatchling.build"), "", false), None);
        assert_eq!(system("", "", true), None);
    }

    #[test]
    fn scripts_of_cffi_are_sources() {
        let text = "setup(cffi_modules=['a/build.py:ffi', \"b.py:x\"], name='c.py:d')";
        assert_eq!(cffi_scripts(text), ["a/build.py", "b.py"]);
        assert_eq!(cffi_scripts("setup()"), Vec::<String>::new());
    }

    #[test]
    fn sources_and_binaries_are_known_by_their_names() {
        assert!(is_source("a/b.pyx") && is_source("src/lib.rs") && !is_source("a/b.py") && !is_source("c"));
        assert!(is_binary("a/b.cpython-312-x86_64-linux-gnu.so") && !is_binary("a/b.py"));
    }
}
