//! The consequences that the difference of a path may have, by its place and by the files that mention its
//! name.

use std::cell::OnceCell;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use deadheat_core::dependencies::Declaration;
use deadheat_core::model::{PerSide, Side};

use crate::project::dependency_files::{declaring_files, local_requirements};
use crate::project::extension_modules::{is_near_code, is_source};
use crate::project::file_set::FileSet;
use crate::project::layout::{ProjectLayout, is_test_module};
use crate::system::paths::{file_name, is_inside, join, normalize, parent, relative};

/// A path that differs between the sides and is not the suite's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ChangedPath {
    WithoutEffect,
    /// A file whose functions are compared.
    Python,
    /// A file that declares dependencies.
    Declaration(Declaration),
    /// A source of a compiled part.
    CompiledSource,
    /// A change with unknown consequences, and why it may have any.
    MayAffectAll(&'static str),
}

/// The facts by which changed paths are told apart.
pub(crate) struct Evidence<'a> {
    project: &'a ProjectLayout,
    files: &'a FileSet,
    checkouts: PerSide<&'a Path>,
    /// The files that declare dependencies.
    declaring: BTreeSet<String>,
    /// The folders of the repository that are installed.
    installed: BTreeSet<String>,
    /// The texts of the benchmarks and of the code, read on first use.
    benchmarks: OnceCell<String>,
    code: OnceCell<String>,
}

impl<'a> Evidence<'a> {
    pub(crate) fn new(
        project: &'a ProjectLayout,
        files: &'a FileSet,
        checkouts: PerSide<&'a Path>,
        mut installed: BTreeSet<String>,
    ) -> Self {
        let folder = |side: Side| checkouts.get(side).join(&project.folder);
        let within = |path: &str| normalize(&join(&project.folder, path));
        let declaring = Side::BOTH
            .into_iter()
            .flat_map(|side| declaring_files(&folder(side), &[]))
            .filter_map(|name| within(&name))
            .collect();
        installed.retain(|folder| !is_inside(&project.folder, folder));
        let local = Side::BOTH
            .into_iter()
            .flat_map(|side| local_requirements(&folder(side), &[]));
        let local = local.filter_map(|local| within(&local.target));
        installed.extend(local.filter(|folder| *folder != project.folder));
        Evidence {
            project,
            files,
            checkouts,
            declaring,
            installed,
            benchmarks: OnceCell::new(),
            code: OnceCell::new(),
        }
    }

    /// Returns the consequences that a difference at this path may have; the first rule that holds decides.
    pub(crate) fn kind_of(&self, path: &str) -> ChangedPath {
        let project = self.project;
        let extension = file_name(path)
            .rsplit_once('.')
            .map_or("", |(_, extension)| extension);
        let is_code = project.is_code(path);
        if extension == "pyi" {
            // Only type checkers read it.
            return ChangedPath::WithoutEffect;
        }
        let named = self.declaring.contains(path).then_some(Declaration::Requirements);
        if let Some(declaration) = declaration_in(project, path).or(named) {
            return ChangedPath::Declaration(declaration);
        }
        if !is_code && self.installed.iter().any(|folder| is_inside(path, folder)) {
            return ChangedPath::MayAffectAll("is in a part of the repository that is installed");
        }
        if extension == "py" && (is_code || self.runs_with_benchmarks(path)) {
            return ChangedPath::Python;
        }
        if is_source(path) && (is_code || is_near_code(project, path)) {
            return ChangedPath::CompiledSource;
        }
        if (is_code || self.is_beside_benchmarks(path))
            && extension != "py"
            && (!WITHOUT_EFFECT.contains(&extension) || names_file(self.code(), path))
        {
            return ChangedPath::MayAffectAll("is data that the code may read");
        }
        if !is_near_code(project, path) || is_about_code(project, path) {
            return ChangedPath::WithoutEffect;
        }
        // A folder without an `__init__.py` may be a package, and `sys.path` may lead anywhere.
        match extension {
            "py" if names_module(self.code(), path) => {
                ChangedPath::MayAffectAll("lies beside the packages, and the code contains its name")
            }
            "py" => ChangedPath::WithoutEffect,
            _ if names_file(self.code(), path) => {
                ChangedPath::MayAffectAll("is data whose name the code contains")
            }
            _ => ChangedPath::WithoutEffect,
        }
    }

    /// Whether a file of the tests runs with the benchmarks: other tests do not, unless a benchmark uses something from
    /// their modules.
    fn runs_with_benchmarks(&self, path: &str) -> bool {
        let root = self.project.tests_root.as_deref();
        root.is_some_and(|root| is_inside(path, root))
            && (!is_test_module(path) || names_module(self.benchmarks(), path))
    }

    /// Whether a path lies in the tests root with the benchmarks, which often read data that lies there for all tests.
    fn is_beside_benchmarks(&self, path: &str) -> bool {
        let (Some(tests), Some(benchmarks)) = (&self.project.tests_root, &self.project.benchmarks_root)
        else {
            return false;
        };
        is_inside(benchmarks, tests) && is_inside(path, tests)
    }

    fn benchmarks(&self) -> &str {
        self.benchmarks.get_or_init(|| {
            let shared = self.files.below("").filter(|path| self.project.is_shared(path));
            text_of(shared.map(str::to_owned), self.checkouts.head)
        })
    }

    fn code(&self) -> &str {
        self.code.get_or_init(|| {
            let paths = head_paths(self.project, self.files).into_iter();
            text_of(paths, self.checkouts.head)
        })
    }
}

const WITHOUT_EFFECT: [&str; 4] = ["md", "rst", "typed", "gitignore"];

/// Returns all Python files of head's code, tests and benchmarks.
pub(crate) fn head_paths(project: &ProjectLayout, files: &FileSet) -> BTreeSet<String> {
    let in_roots = project.roots().into_iter().flat_map(|root| {
        let below = files.below(&root).map(|path| join(&root, path));
        below.chain(std::iter::once(root.clone())).collect::<Vec<_>>()
    });
    let shared = files.below("").filter(|path| project.is_shared(path));
    in_roots
        .chain(shared.map(str::to_owned))
        .filter(|path| path.ends_with(".py"))
        .collect()
}

/// Joins Python files into one text to look for names in, without comments, because many a header names the licence
/// file.
fn text_of(paths: impl Iterator<Item = String>, checkout: &Path) -> String {
    let sources = paths
        .filter(|path| path.ends_with(".py"))
        .filter_map(|path| fs::read(checkout.join(path)).ok());
    let mut text = String::new();
    for source in sources {
        let source = String::from_utf8_lossy(&source);
        for line in source.lines().filter(|line| !line.trim_start().starts_with('#')) {
            text.push_str(line);
            text.push('\n');
        }
    }
    text
}

/// Whether a text contains the name by which a module is imported.
fn names_module(text: &str, path: &str) -> bool {
    let name = match file_name(path) {
        "__init__.py" => file_name(parent(path)),
        file => file.trim_end_matches(".py"),
    };
    names(text, name)
}

/// Whether a text contains the name of a file, or that of its folder as part of a path.
fn names_file(text: &str, path: &str) -> bool {
    let folder = file_name(parent(path));
    let as_part = ["\"{}\"", "'{}'", "{}/"].map(|form| form.replace("{}", folder));
    text.contains(file_name(path)) || (!folder.is_empty() && as_part.iter().any(|part| text.contains(part)))
}

/// Whether a text contains a name, not as part of a longer one.
fn names(text: &str, name: &str) -> bool {
    let is_part = |character: Option<char>| character.is_some_and(|c| c.is_alphanumeric() || c == '_');
    text.match_indices(name).any(|(start, _)| {
        let (before, after) = (&text[..start], &text[start + name.len()..]);
        !is_part(before.chars().next_back()) && !is_part(after.chars().next())
    })
}

/// Returns the form in which a file declares dependencies, if it is the project's own.
fn declaration_in(project: &ProjectLayout, path: &str) -> Option<Declaration> {
    let folder = parent(path);
    let is_own = folder == project.folder
        || (parent(folder) == project.folder && folder.ends_with("requirements"))
        // A workspace's lock file.
        || (file_name(path) == "uv.lock" && is_inside(&project.folder, folder));
    let name = match file_name(folder) {
        // `requirements/test.txt`.
        "requirements" => path.get(project.folder.len()..)?.trim_start_matches('/'),
        _ => file_name(path),
    };
    Declaration::of_file(name).filter(|_| is_own)
}

/// Whether a file documents or builds the project: documentation, examples, settings of a forge or of tools.
fn is_about_code(project: &ProjectLayout, path: &str) -> bool {
    let top = relative(path, &project.folder)
        .split('/')
        .next()
        .unwrap_or_default();
    top.starts_with('.')
        || [
            "docs",
            "doc",
            "examples",
            "setup.py",
            "noxfile.py",
            "pyproject.toml",
        ]
        .contains(&top)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::config::Config;

    #[test]
    fn the_place_of_a_file_and_who_has_its_name_decide_what_its_change_may_do() {
        let read_by_code = "open('table.csv'); import helper\n";
        let files: BTreeMap<&str, &str> = [
            ("pkg/__init__.py", read_by_code),
            ("pkg/core.pyi", ""),
            ("pkg/data.bin", ""),
            ("pkg/notes.md", ""),
            ("pkg/fast.c", ""),
            ("table.csv", ""),
            ("other.csv", ""),
            ("helper/tools.py", ""),
            ("tests/benchmarks/test_b.py", "from tests.test_used import x\n"),
            ("tests/test_used.py", ""),
            ("tests/test_unused.py", ""),
            ("tests/util.py", ""),
            ("tests/data.json", ""),
            ("requirements.txt", "attrs\n"),
            ("pyproject.toml", "[project]\nname = 'pkg'\n"),
            ("docs/index.html", ""),
        ]
        .into();
        let top = tempfile::tempdir().unwrap();
        for (path, text) in &files {
            let path = top.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        let config = Config {
            folder: top.path().to_owned(),
            ..Config::default()
        };
        let files = FileSet::new(files.keys().map(|&path| path.to_owned()));
        let project = ProjectLayout::lay_out(&config, top.path(), &files, Some("tests/benchmarks")).unwrap();
        let checkouts = PerSide::new(top.path(), top.path());
        let evidence = Evidence::new(&project, &files, checkouts, BTreeSet::new());
        let all = |kind: ChangedPath| matches!(kind, ChangedPath::MayAffectAll(_));
        for path in ["pkg/__init__.py", "tests/util.py", "tests/test_used.py"] {
            assert_eq!(evidence.kind_of(path), ChangedPath::Python, "{path}");
        }
        for path in ["pkg/data.bin", "tests/data.json", "table.csv"] {
            assert!(all(evidence.kind_of(path)), "{path}");
        }
        for path in [
            "pkg/core.pyi",
            "pkg/notes.md",
            "other.csv",
            "tests/test_unused.py",
            "docs/index.html",
        ] {
            assert_eq!(evidence.kind_of(path), ChangedPath::WithoutEffect, "{path}");
        }
        assert_eq!(evidence.kind_of("pkg/fast.c"), ChangedPath::CompiledSource);
        for path in ["requirements.txt", "pyproject.toml"] {
            assert!(
                matches!(evidence.kind_of(path), ChangedPath::Declaration(_)),
                "{path}"
            );
        }
    }

    #[test]
    fn a_name_in_another_one_is_not_named() {
        assert!(names("from tests.test_a import x", "test_a"));
        assert!(names("test_a", "test_a"));
        assert!(!names("def test_a_more(): my_test_a", "test_a"));
    }
}
