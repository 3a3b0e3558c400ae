//! The layout of a project: its code, tests and benchmarks. Paths are relative to the repository, with `/`.

use std::collections::BTreeSet;
use std::path::Path;

use deadheat_core::protocol::{self, HelloRequest};

use crate::config::Config;
use crate::error::Failure;
use crate::project::file_set::FileSet;
use crate::project::siblings;
use crate::system::paths::{file_name, is_inside, join, normalize, parent, relative, shown};

/// The folders in which benchmarks are looked for, in this order.
pub(crate) const USUAL_BENCHMARK_FOLDERS: [&str; 9] = [
    ".codeflash/benchmarks",
    "benchmarks",
    "benchmark",
    "bench",
    "tests/benchmarks",
    "tests/benchmark",
    "tests/bench",
    "tests/performance",
    "tests/perf",
];

/// The alternatives for a project without benchmarks.
pub(crate) const WITHOUT_BENCHMARKS: &str = "without any: `deadheat compare --tests tests/test_thing.py::test_name` times ordinary \
     tests, `deadheat profile -- tests` compares them under a profiler, `deadheat micro` times one function or two \
     statements, and `deadheat compare --script CMD` any command";
const NOT_CODE: [&str; 10] = [
    "tests",
    "test",
    "docs",
    "benchmarks",
    "bench",
    "examples",
    "setup.py",
    "noxfile.py",
    "conftest.py",
    "__init__.py",
];

/// The folders that often hold packages, whether or not anything says so. In the first, every folder that holds Python
/// files is code; in the others, only packages are.
const USUAL_SOURCE_FOLDERS: [&str; 5] = ["src", "python", "pysrc", "lib", "backend"];

/// The layout of the project that is measured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ProjectLayout {
    /// The folder that pytest runs in; empty for the repository's top.
    pub(crate) folder: String,
    /// Packages and modules of the code to be measured.
    pub(crate) module_roots: Vec<String>,
    /// Folders that go on the path.
    pub(crate) import_folders: Vec<String>,
    pub(crate) tests_root: Option<String>,
    pub(crate) benchmarks_root: Option<String>,
    /// Top-level names of the code.
    pub(crate) code_names: Vec<String>,
    /// Top-level names of packages that hold tests or benchmarks.
    pub(crate) test_packages: Vec<String>,
    /// Names of test modules outside any package.
    pub(crate) loose_names: Vec<String>,
}

impl ProjectLayout {
    /// Finds the layout. `benchmarks_root` is relative to the repository, unlike the paths in `config`.
    pub(crate) fn lay_out(
        config: &Config,
        repository: &Path,
        files: &FileSet,
        benchmarks_root: Option<&str>,
    ) -> Result<Self, Failure> {
        let folder = relative_folder(&config.folder, repository);
        let within = |path: &str| join(&folder, path);
        let (mut module_roots, mut import_folders) = match &config.module_root {
            Some(root) => {
                let root = named("module-root", &folder, root)?;
                if !files.exists(&root) {
                    return Err(
                        Failure::usage(format!("module-root `{root}` does not exist at either ref"))
                            .hint("correct module-root in pyproject.toml; it is relative to that file"),
                    );
                }
                let import_folder = import_folder_of(files, &root);
                (vec![root], vec![import_folder])
            }
            None => find_code(config, &folder, files, benchmarks_root),
        };
        for (sibling, its_config) in siblings::of(config, &folder, repository, files) {
            for source in source_folders(&its_config, files, &sibling) {
                let names = code_in(files, &source, Packages::in_folder(&source));
                module_roots.extend(names.map(|name| join(&source, name)));
                import_folders.push(source);
            }
        }
        let tests_root = match &config.tests_root {
            Some(root) => Some(named("tests-root", &folder, root)?),
            None => ["tests", "test"]
                .map(within)
                .into_iter()
                .find(|path| files.is_folder(path)),
        };
        let benchmarks_root = match benchmarks_root {
            Some(root) => Some(root.to_owned()),
            None => usual_benchmarks_root(&folder, files),
        };
        check_benchmarks_root(benchmarks_root.as_deref(), &module_roots)?;
        let test_roots: Vec<&String> = tests_root.iter().chain(&benchmarks_root).collect();
        let (test_packages, loose_names) = names_of_tests(&test_roots, files);
        Ok(ProjectLayout {
            code_names: names_of_code(&module_roots, &import_folders, files),
            folder,
            module_roots,
            import_folders,
            tests_root,
            benchmarks_root,
            test_packages,
            loose_names,
        })
    }

    /// Returns a project of which only the folder is known: no code to inspect, and no benchmarks.
    pub(crate) fn of_any_language(config: &Config, repository: &Path) -> Self {
        let folder = relative_folder(&config.folder, repository);
        ProjectLayout {
            import_folders: vec![folder.clone()],
            folder,
            module_roots: Vec::new(),
            tests_root: None,
            benchmarks_root: None,
            code_names: Vec::new(),
            test_packages: Vec::new(),
            loose_names: Vec::new(),
        }
    }

    /// Returns the hello request that describes the project to a worker; `repository` is the user's own checkout.
    pub(crate) fn hello(&self, worktree: &Path, repository: &Path) -> HelloRequest {
        HelloRequest {
            protocol: protocol::VERSION,
            worktree: worktree.display().to_string(),
            repository: repository.display().to_string(),
            project: self.folder.clone(),
            import_folders: self.import_folders.clone(),
            code_names: self.code_names.clone(),
            test_packages: self.test_packages.clone(),
            loose_names: self.loose_names.clone(),
        }
    }

    /// Returns the roots of everything that belongs to the project.
    pub(crate) fn roots(&self) -> Vec<String> {
        let mut roots = self.module_roots.clone();
        roots.extend(self.tests_root.clone());
        roots.extend(self.benchmarks_root.clone());
        roots
    }

    pub(crate) fn is_code(&self, path: &str) -> bool {
        self.module_roots.iter().any(|root| is_inside(path, root))
    }

    /// Whether both sides take a file from one side, usually head: those in the benchmarks root, and each `conftest.py`
    /// above it.
    pub(crate) fn is_shared(&self, path: &str) -> bool {
        let Some(root) = &self.benchmarks_root else {
            return false;
        };
        is_inside(path, root) || (file_name(path) == "conftest.py" && is_inside(root, parent(path)))
    }

    /// Returns the name that a file of the project's code is imported by.
    pub(crate) fn dotted_name(&self, path: &str) -> Option<String> {
        let folder = innermost(&self.import_folders, path)?;
        let name = relative(path, folder).strip_suffix(".py")?.replace('/', ".");
        Some(match name.strip_suffix(".__init__") {
            Some(package) => package.to_owned(),
            None => name,
        })
    }
}

/// The kinds of folders that are taken for packages.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Packages {
    /// Those with an `__init__.py` somewhere in them, because there are other folders next to them that are not code.
    Marked,
    /// All that hold Python files: an `__init__.py` may be left out.
    All,
}

impl Packages {
    fn in_folder(folder: &str) -> Self {
        match file_name(folder) {
            "src" => Packages::All,
            _ => Packages::Marked,
        }
    }
}

/// Resolves a configured path, which is relative to the project's folder.
fn named(key: &str, folder: &str, path: &str) -> Result<String, Failure> {
    normalize(&join(folder, path)).ok_or_else(|| {
        Failure::usage(format!("{key} `{path}` lies outside the repository"))
            .hint("give a path inside the repository, relative to pyproject.toml")
    })
}

/// Finds the roots of the code and the folders that it is imported from, if nothing names them.
fn find_code(
    config: &Config,
    folder: &str,
    files: &FileSet,
    benchmarks_root: Option<&str>,
) -> (Vec<String>, Vec<String>) {
    let folders = source_folders(config, files, folder);
    // Tests do not count as the project's code, even if they lie beside it.
    let tests_root = config
        .tests_root
        .as_deref()
        .and_then(|path| normalize(&join(folder, path)));
    let asked_for: Vec<String> = [benchmarks_root.map(str::to_owned), tests_root]
        .into_iter()
        .flatten()
        .filter(|path| holds_tests(files, path))
        .collect();
    let roots_of = |choose: fn(&str) -> Packages| -> Vec<String> {
        let of_folder = |folder: &String| {
            let names = code_in(files, folder, choose(folder));
            names.map(|name| join(folder, name)).collect::<Vec<_>>()
        };
        let all: Vec<String> = folders.iter().flat_map(of_folder).collect();
        let others = all.iter().filter(|root| !asked_for.contains(root));
        let others: Vec<String> = others.cloned().collect();
        match others.is_empty() && asked_for.iter().any(|root| !files.is_file(root)) {
            true => all,
            false => others,
        }
    };
    let mut roots = roots_of(Packages::in_folder);
    if roots.is_empty() {
        roots = roots_of(|_| Packages::All);
    }
    (roots, folders)
}

/// Finds the folder of the benchmarks by its name.
fn usual_benchmarks_root(folder: &str, files: &FileSet) -> Option<String> {
    let folders = USUAL_BENCHMARK_FOLDERS.map(|name| join(folder, name));
    // Files in such a folder that pytest would not collect count only if there are no benchmarks elsewhere.
    let holds = |is_wanted: fn(&str) -> bool| folders.iter().find(|path| files.below(path).any(is_wanted));
    holds(is_benchmark_module)
        .or_else(|| holds(|path| path.ends_with(".py")))
        .cloned()
}

/// Refuses a benchmarks root that both sides share with the code.
fn check_benchmarks_root(benchmarks_root: Option<&str>, module_roots: &[String]) -> Result<(), Failure> {
    if benchmarks_root == Some("") {
        return Err(Failure::usage(
            "the benchmarks root is the whole repository: both sides would run the same code",
        )
        .hint("give the folder or file of the benchmarks alone: --benchmarks-root DIR"));
    }
    if let Some(benchmarks) = benchmarks_root
        && let Some(root) = module_roots.iter().find(|root| is_inside(root, benchmarks))
    {
        return Err(Failure::usage(format!(
            "the benchmarks root `{}` holds the code to be measured (`{root}`): both sides would run the same code",
            shown(benchmarks)
        ))
        .hint("give the folder or file of the benchmarks alone: --benchmarks-root DIR"));
    }
    Ok(())
}

/// Returns the dotted names of the code's packages and modules.
fn names_of_code(module_roots: &[String], import_folders: &[String], files: &FileSet) -> Vec<String> {
    let mut code_names = BTreeSet::new();
    for root in module_roots {
        let Some(import_folder) = innermost(import_folders, root) else {
            continue;
        };
        if root == import_folder {
            for name in code_in(files, root, Packages::All) {
                code_names.extend(owned_names(files, root, name, Packages::All));
            }
        } else if let Some(name) = relative(root, import_folder).split('/').next() {
            let packages = Packages::in_folder(import_folder);
            code_names.extend(owned_names(files, import_folder, name, packages));
        }
    }
    code_names.into_iter().collect()
}

/// Returns the packages of the tests, and the names of the modules that are not in one.
fn names_of_tests(roots: &[&String], files: &FileSet) -> (Vec<String>, Vec<String>) {
    let mut test_packages = BTreeSet::new();
    let mut loose_names = BTreeSet::new();
    for &root in roots {
        let root_folder = if files.is_file(root) {
            parent(root)
        } else {
            root.as_str()
        };
        if files.is_file(&join(root_folder, "__init__.py")) {
            let top = import_folder_of(files, root_folder);
            if let Some(name) = relative(root_folder, &top).split('/').next() {
                test_packages.insert(name.to_owned());
            }
        } else {
            loose_names.extend(
                files
                    .children(root_folder)
                    .into_iter()
                    .filter(|name| {
                        name.ends_with(".py") || files.is_file(&format!("{root_folder}/{name}/__init__.py"))
                    })
                    .map(module_name),
            );
        }
    }
    loose_names.remove("conftest");
    (
        test_packages.into_iter().collect(),
        loose_names.into_iter().collect(),
    )
}

/// Returns the folders that go on the path if the user has named no code: those that pytest puts there, then
/// those of the build, or a usual one, or the project's own.
fn source_folders(config: &Config, files: &FileSet, folder: &str) -> Vec<String> {
    let holding_code = |named: &[String]| -> Vec<String> {
        named
            .iter()
            .filter(|path| !NOT_CODE.contains(&path.split('/').next().unwrap_or_default()))
            .filter_map(|path| normalize(&join(folder, path)))
            .filter(|path| files.below(path).any(|inside| inside.ends_with(".py")))
            .collect()
    };
    let mut folders = holding_code(&config.python_path);
    let of_build = holding_code(&config.source_folders);
    if of_build.is_empty() {
        let usual = USUAL_SOURCE_FOLDERS.map(|name| join(folder, name));
        let is_package = |path: &str| files.is_file(&join(path, "__init__.py"));
        let holds_packages = |path: &str, but: &[&str]| {
            let mut names = files.children(path).into_iter();
            names.any(|name| !but.contains(&name) && is_package(&join(path, name)))
        };
        let source = usual.into_iter().find(|path| match file_name(path) {
            "src" => files.below(path).any(|inside| inside.ends_with(".py")),
            _ => !is_package(path) && holds_packages(path, &[]) && !holds_packages(folder, &NOT_CODE),
        });
        folders.push(source.unwrap_or_else(|| folder.to_owned()));
    }
    folders.extend(of_build);
    let mut seen = BTreeSet::new();
    folders.retain(|folder| seen.insert(folder.clone()));
    folders
}

/// Whether a file, or a file directly in a folder, is for pytest.
fn holds_tests(files: &FileSet, path: &str) -> bool {
    is_test_module(path) || files.children(path).into_iter().any(is_benchmark_module)
}

/// Whether a file has the name of a test or of a benchmark.
fn is_benchmark_module(path: &str) -> bool {
    path.ends_with(".py") && (is_test_module(path) || file_name(path).starts_with("bench"))
}

/// Returns the packages and modules directly in a folder.
fn code_in<'a>(
    files: &'a FileSet,
    folder: &str,
    packages: Packages,
) -> impl Iterator<Item = &'a str> + use<'a> {
    let folder = folder.to_owned();
    files.children(&folder).into_iter().filter(move |name| {
        if NOT_CODE.contains(name) || name.starts_with('.') {
            return false;
        }
        if let Some(stem) = name.strip_suffix(".py") {
            return is_identifier(stem);
        }
        let path = join(&folder, name);
        is_identifier(name)
            && files.below(&path).any(|inside| match packages {
                Packages::Marked => file_name(inside) == "__init__.py",
                Packages::All => inside.ends_with(".py"),
            })
    })
}

/// Returns the dotted names that belong to the project alone, for a module or package in a folder. A folder without an
/// `__init__.py` is a namespace that other distributions may share: only the packages and modules inside are the
/// project's own.
fn owned_names(files: &FileSet, folder: &str, name: &str, packages: Packages) -> Vec<String> {
    let path = join(folder, name);
    if name.ends_with(".py") || files.is_file(&join(&path, "__init__.py")) {
        return vec![module_name(name)];
    }
    code_in(files, &path, packages)
        .flat_map(|inner| owned_names(files, &path, inner, packages))
        .map(|inner| format!("{name}.{inner}"))
        .collect()
}

/// Returns the nearest folder at or above a path that is not itself a package.
fn import_folder_of(files: &FileSet, path: &str) -> String {
    let mut folder = if files.is_file(path) { parent(path) } else { path };
    while !folder.is_empty() && files.is_file(&join(folder, "__init__.py")) {
        folder = parent(folder);
    }
    folder.to_owned()
}

fn is_identifier(name: &str) -> bool {
    name.chars()
        .all(|character| character.is_alphanumeric() || character == '_')
        && !name.starts_with(|character: char| character.is_numeric())
}

fn module_name(file: &str) -> String {
    file.strip_suffix(".py").unwrap_or(file).to_owned()
}

/// Whether pytest collects a file by its name, unless a project's configuration says otherwise.
pub(crate) fn is_test_module(path: &str) -> bool {
    file_name(path).starts_with("test_") || path.ends_with("_test.py")
}

/// Returns the folder that code is imported from: in a workspace, the member's and not the top.
fn innermost<'a>(import_folders: &'a [String], path: &str) -> Option<&'a String> {
    let around = import_folders.iter().filter(|folder| is_inside(path, folder));
    around.max_by_key(|folder| folder.len())
}

fn relative_folder(folder: &Path, repository: &Path) -> String {
    let relative = folder.strip_prefix(repository).unwrap_or(Path::new(""));
    relative.to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests;
