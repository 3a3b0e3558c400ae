//! The differences between the two checkouts that could affect a benchmark.

use std::cell::LazyCell;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use deadheat_core::dependencies::{self, Declaration, DependencyChange};
use deadheat_core::model::{FunctionPlace, PerSide, Side, TargetFunction, Warning, WarningCode};
use deadheat_core::source::{self, ChangedFile, Unattributed};

use crate::error::Failure;
use crate::project::compiled::{is_near_code, is_source};
use crate::project::dependency_files::{declaring_files, local_requirements};
use crate::project::file_set::Files;
use crate::project::layout::{Project, is_test_module};
use crate::system::files::read_if_any;
use crate::system::paths::{file_name, is_inside, join, normalize, parent, relative};

#[derive(Debug, Default)]
pub(crate) struct Differences {
    pub(crate) targets: Vec<TargetFunction>,
    /// Functions of the benchmarks that name something that changed: they are the same on both sides, and running one
    /// counts as running a target.
    pub(crate) in_benchmarks: Vec<TargetFunction>,
    /// Changes with unknown consequences: they may affect any benchmark.
    pub(crate) unattributed: Vec<Unattributed>,
    /// Files that declare other dependencies on head; `None` where one cannot be read.
    pub(crate) dependencies: Vec<(String, Option<Vec<DependencyChange>>)>,
    /// Sources of a compiled part that differ.
    pub(crate) compiled: Vec<String>,
    /// The Python files of the code that differ, with the functions in them that share a qualified name.
    pub(crate) changed: BTreeMap<String, BTreeSet<String>>,
    /// The files of `changed` whose code differs outside functions, or that only one side has.
    pub(crate) outside: BTreeSet<String>,
    /// The line in base of each function of a changed file that is the same on both sides, by its place in head.
    pub(crate) unchanged: BTreeMap<FunctionPlace, u32>,
    pub(crate) warnings: Vec<Warning>,
}

impl Differences {
    /// Returns the functions whose calls are looked for: the project's `targets`, whose positions are their numbers,
    /// and then those of the suite.
    pub(crate) fn watched<'a>(&'a self, targets: &'a [TargetFunction]) -> Vec<&'a TargetFunction> {
        targets.iter().chain(&self.in_benchmarks).collect()
    }

    /// Describes the first of the changes with unknown consequences, and says how many more there are.
    pub(crate) fn first_unattributed(&self) -> Option<String> {
        let first = self.unattributed.first()?;
        let more = match self.unattributed.len() - 1 {
            0 => String::new(),
            more => format!(", and {more} more such changes"),
        };
        Some(format!("`{}` {}{more}", first.path, first.what))
    }
}

const WITHOUT_EFFECT: [&str; 4] = ["md", "rst", "typed", "gitignore"];

/// Compares the checkouts, which must still be as the refs (or the working tree) have them.
pub(crate) fn find(
    project: &Project,
    paths: &BTreeSet<String>,
    files: &Files,
    checkouts: PerSide<&Path>,
    installed: BTreeSet<String>,
) -> anyhow::Result<Differences> {
    let mut found = Differences::default();
    let mut python = Vec::new();
    let is_below_tests = |path: &str| {
        let root = project.tests_root.as_deref();
        root.is_some_and(|root| is_inside(path, root))
    };
    // Read on first use.
    let benchmarks = LazyCell::new(|| {
        let shared = files.below("").filter(|path| project.is_shared(path));
        text_of(shared.map(str::to_owned), checkouts.head)
    });
    let code = LazyCell::new(|| text_of(head_paths(project, files).into_iter(), checkouts.head));
    // Other tests do not run with the benchmarks, unless a benchmark uses something from their modules.
    let in_tests =
        |path: &str| is_below_tests(path) && (!is_test_module(path) || names_module(&benchmarks, path));
    // Benchmarks inside the tests root often read data that lies there for all tests.
    let beside_benchmarks = |path: &str| {
        let (Some(tests), Some(benchmarks)) = (&project.tests_root, &project.benchmarks_root) else {
            return false;
        };
        is_inside(benchmarks, tests) && is_inside(path, tests)
    };
    let declaring: BTreeSet<String> = Side::BOTH
        .into_iter()
        .flat_map(|side| declaring_files(&checkouts.get(side).join(&project.folder), &[]))
        .filter_map(|name| normalize(&join(&project.folder, &name)))
        .collect();
    let installed_folders: BTreeSet<String> = Side::BOTH
        .into_iter()
        .flat_map(|side| local_requirements(&checkouts.get(side).join(&project.folder), &[]))
        .filter_map(|local| normalize(&join(&project.folder, &local.target)))
        .filter(|folder| *folder != project.folder)
        .chain(
            installed
                .into_iter()
                .filter(|folder| !is_inside(&project.folder, folder)),
        )
        .collect();
    for path in paths {
        if project.is_shared(path) {
            if path.ends_with(".py") {
                // pytest reports what is wrong with it.
                let suite = source::compare([changed_file(path, checkouts)?]);
                let broken = suite.unattributed.into_iter().take(suite.syntax_errors.len());
                found.unattributed.extend(broken);
            }
            continue;
        }
        let links = checkouts.map(|checkout| fs::read_link(checkout.join(path)).ok());
        if links.base != links.head && (project.is_code(path) || is_near_code(project, path)) {
            found.unattributed.push(Unattributed {
                path: path.clone(),
                what: "is a link that leads elsewhere".to_owned(),
            });
            continue;
        }
        let versions = PerSide {
            base: read_if_any(&checkouts.base.join(path))?,
            head: read_if_any(&checkouts.head.join(path))?,
        };
        if versions.base == versions.head {
            continue;
        }
        let extension = file_name(path)
            .rsplit_once('.')
            .map_or("", |(_, extension)| extension);
        if extension == "pyi" {
            // Only type checkers read it.
            continue;
        }
        let named = declaring.contains(path).then_some(Declaration::Requirements);
        if let Some(declaration) = declaration_in(project, path).or(named) {
            let texts = versions
                .as_ref()
                .map(|bytes| bytes.as_deref().map(String::from_utf8_lossy));
            let texts = texts.as_ref().map(Option::as_deref);
            let changes = dependencies::differences(declaration, texts);
            if changes.as_ref().is_none_or(|changes| !changes.is_empty()) {
                let named: Vec<String> = changes
                    .iter()
                    .flatten()
                    .take(3)
                    .map(ToString::to_string)
                    .collect();
                let dots = if changes.as_ref().is_some_and(|all| all.len() > named.len()) {
                    ", …"
                } else {
                    ""
                };
                found.unattributed.push(Unattributed {
                    path: path.clone(),
                    what: match named.is_empty() {
                        true => "may declare other dependencies".to_owned(),
                        false => format!("declares other dependencies ({}{dots})", named.join(", ")),
                    },
                });
                found.dependencies.push((path.clone(), changes));
            }
        } else if !project.is_code(path) && installed_folders.iter().any(|folder| is_inside(path, folder)) {
            found.unattributed.push(Unattributed {
                path: path.clone(),
                what: "is in a part of the repository that is installed".to_owned(),
            });
        } else if extension == "py" && (project.is_code(path) || in_tests(path)) {
            python.push(path);
        } else if is_source(path) && (project.is_code(path) || is_near_code(project, path)) {
            found.unattributed.push(Unattributed {
                path: path.clone(),
                what: "is compiled, and its source differs".to_owned(),
            });
            found.compiled.push(path.clone());
        } else if (project.is_code(path) || beside_benchmarks(path))
            && extension != "py"
            && (!WITHOUT_EFFECT.contains(&extension) || names_file(&code, path))
        {
            found.unattributed.push(Unattributed {
                path: path.clone(),
                what: "is data that the code may read".to_owned(),
            });
        } else if is_near_code(project, path) && !is_about_code(project, path) {
            // A folder without an `__init__.py` may be a package, and `sys.path` may lead anywhere.
            let what = match extension {
                "py" if names_module(&code, path) => {
                    "lies beside the packages, and the code has its name in it"
                }
                "py" => continue,
                _ if names_file(&code, path) => "is data that the code has the name of",
                _ => continue,
            };
            found.unattributed.push(Unattributed {
                path: path.clone(),
                what: what.to_owned(),
            });
        }
    }
    let changes = source::compare(
        python
            .iter()
            .map(|path| changed_file(path, checkouts))
            .collect::<anyhow::Result<Vec<_>>>()?,
    );
    for problem in &changes.syntax_errors {
        found.warnings.push(Warning::new(
            WarningCode::SyntaxError,
            format!(
                "on {}, `{}` cannot be parsed: {}",
                problem.side, problem.path, problem.error
            ),
            Some("its functions are not among the changed ones; every benchmark is measured"),
        ));
    }
    (found.in_benchmarks, found.targets) = changes
        .targets
        .into_iter()
        .partition(|target| project.is_shared(&target.path));
    found.unattributed.extend(changes.unattributed);
    found.changed = python
        .into_iter()
        .map(|path| {
            (
                path.clone(),
                changes.ambiguous.get(path).cloned().unwrap_or_default(),
            )
        })
        .collect();
    found.outside = changes.outside;
    found.unchanged = changes.unchanged;
    Ok(found)
}

/// Returns the changed functions of the suite, which count where each side runs its own.
pub(crate) fn in_suite(
    project: &Project,
    paths: &BTreeSet<String>,
    checkouts: PerSide<&Path>,
) -> anyhow::Result<Vec<TargetFunction>> {
    let files = paths
        .iter()
        .filter(|path| path.ends_with(".py") && project.is_shared(path));
    let files = files.map(|path| changed_file(path, checkouts));
    Ok(source::compare(files.collect::<anyhow::Result<Vec<_>>>()?).targets)
}

fn changed_file(path: &str, checkouts: PerSide<&Path>) -> anyhow::Result<ChangedFile> {
    Ok(ChangedFile {
        path: path.to_owned(),
        base: read_if_any(&checkouts.base.join(path))?,
        head: read_if_any(&checkouts.head.join(path))?,
    })
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

/// Whether a file documents or builds the project: documentation, examples, settings of a forge or of tools.
fn is_about_code(project: &Project, path: &str) -> bool {
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

/// Whether a text contains a name, not as part of a longer one.
fn names(text: &str, name: &str) -> bool {
    let is_part = |character: Option<char>| character.is_some_and(|c| c.is_alphanumeric() || c == '_');
    text.match_indices(name).any(|(start, _)| {
        let (before, after) = (&text[..start], &text[start + name.len()..]);
        !is_part(before.chars().next_back()) && !is_part(after.chars().next())
    })
}

/// Returns all Python files of head's code, tests and benchmarks.
pub(crate) fn head_paths(project: &Project, files: &Files) -> BTreeSet<String> {
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

/// Returns the form in which a file declares dependencies, where it is the project's own.
fn declaration_in(project: &Project, path: &str) -> Option<Declaration> {
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

/// Returns the functions that `--functions "a.py::f,g;b.py::C.m"` names, instead of those that were found.
pub(crate) fn name_targets(
    asked: &str,
    found: &[TargetFunction],
    files: &Files,
    checkouts: PerSide<&Path>,
) -> anyhow::Result<Vec<TargetFunction>> {
    let mut targets = Vec::new();
    for entry in asked.split(';').map(str::trim).filter(|entry| !entry.is_empty()) {
        let Some((path, names)) = entry.split_once("::") else {
            return Err(anyhow::Error::from(
                Failure::usage(format!("--functions: `{entry}` has no `::`")).hint(
                    "write FILE.py::function or FILE.py::Class.method, several with `,`; more files with `;`",
                ),
            ));
        };
        let known: PerSide<Option<BTreeMap<String, (u32, u32)>>> = PerSide::try_from_fn(|side| {
            let Some(source) = read_if_any(&checkouts.get(side).join(path))? else {
                return anyhow::Ok(None);
            };
            let functions = source::functions_of(&source).map_err(|error| {
                Failure::usage(format!(
                    "--functions: on {side}, `{path}` cannot be parsed: {error}"
                ))
            })?;
            Ok(Some(functions))
        })?;
        if known == PerSide::default() {
            let python: Vec<&str> = files.below("").filter(|path| path.ends_with(".py")).collect();
            return Err(anyhow::Error::from(
                Failure::usage(format!("--functions: there is no file `{path}` at either ref"))
                    .near(path, python),
            ));
        }
        for name in names.split(',').map(str::trim).filter(|name| !name.is_empty()) {
            let matching: Vec<&TargetFunction> = found
                .iter()
                .filter(|target| target.path == path && is_called(&target.qualname, name))
                .collect();
            if !matching.is_empty() {
                targets.extend(matching.into_iter().cloned());
                continue;
            }
            let found_on = |side: Side| {
                let functions = known.get(side).iter().flatten();
                functions
                    .filter(|(qualname, _)| is_called(qualname, name))
                    .map(|(qualname, lines)| (qualname.clone(), *lines))
                    .next()
            };
            let Some((qualname, lines)) = found_on(Side::Head).or_else(|| found_on(Side::Base)) else {
                let all: BTreeSet<&str> = Side::BOTH
                    .into_iter()
                    .flat_map(|side| known.get(side).iter().flatten())
                    .map(|(qualname, _)| qualname.as_str())
                    .collect();
                return Err(anyhow::Error::from(
                    Failure::usage(format!(
                        "--functions: `{path}` has no function `{name}` at either ref"
                    ))
                    .near(name, all),
                ));
            };
            let place_on = |side: Side| {
                found_on(side).map(|(qualname, lines)| FunctionPlace {
                    path: path.to_owned(),
                    qualname,
                    line: lines.0,
                })
            };
            targets.push(TargetFunction {
                path: path.to_owned(),
                qualname,
                change: None,
                lines,
                detail: Some("named by --functions".to_owned()),
                places: PerSide::new(place_on(Side::Base), place_on(Side::Head)),
                reached_by: Vec::new(),
            });
        }
    }
    Ok(targets)
}

/// Whether a function has this name, where `outer.inner` also means `outer.<locals>.inner`.
fn is_called(qualname: &str, name: &str) -> bool {
    qualname == name || qualname.replace(".<locals>.", ".") == name
}

#[cfg(test)]
mod tests {
    use super::names;

    #[test]
    fn a_name_in_another_one_is_not_named() {
        assert!(names("from tests.test_a import x", "test_a"));
        assert!(names("test_a", "test_a"));
        assert!(!names("def test_a_more(): my_test_a", "test_a"));
    }
}
