//! The differences between the two checkouts that could affect a benchmark.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use deadheat_core::dependencies::{self, Declaration, DependencyChange};
use deadheat_core::model::{FunctionPlace, PerSide, Side, TargetFunction, Warning, WarningCode};
use deadheat_core::source::{self, ChangedFile, Unattributed};

use crate::error::Failure;
use crate::project::classify::{ChangedPath, Evidence};
use crate::project::extension_modules::is_near_code;
use crate::project::file_set::FileSet;
use crate::project::layout::ProjectLayout;
use crate::system::files::read_if_any;

#[derive(Debug, Default)]
pub(crate) struct Changes {
    pub(crate) targets: Vec<TargetFunction>,
    /// Functions of the benchmarks that name something that changed: they are the same on both sides, and running one
    /// counts as running a target.
    pub(crate) in_benchmarks: Vec<TargetFunction>,
    /// Changes with unknown consequences: they may affect any benchmark.
    pub(crate) unattributed: Vec<Unattributed>,
    /// Files that declare other dependencies on head; `None` if one cannot be read.
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

impl Changes {
    /// Notes a change with unknown consequences.
    fn may_affect_all(&mut self, path: &str, why: impl Into<String>) {
        self.unattributed.push(Unattributed {
            path: path.to_owned(),
            what: why.into(),
        });
    }

    fn compare_declarations(
        &mut self,
        path: &str,
        declaration: Declaration,
        versions: &PerSide<Option<Vec<u8>>>,
    ) {
        let texts = versions
            .as_ref()
            .map(|bytes| bytes.as_deref().map(String::from_utf8_lossy));
        let texts = texts.as_ref().map(Option::as_deref);
        let changes = dependencies::differences(declaration, texts);
        let all = changes.as_deref().unwrap_or_default();
        if changes.is_some() && all.is_empty() {
            return;
        }
        let named: Vec<String> = all.iter().take(3).map(ToString::to_string).collect();
        let dots = if all.len() > named.len() { ", …" } else { "" };
        let what = match named.is_empty() {
            true => "may declare other dependencies".to_owned(),
            false => format!("declares other dependencies ({}{dots})", named.join(", ")),
        };
        self.may_affect_all(path, what);
        self.dependencies.push((path.to_owned(), changes));
    }

    /// Adds the differences between the functions of Python files.
    fn add_functions(&mut self, changes: source::Differences, python: Vec<&String>, project: &ProjectLayout) {
        for problem in &changes.syntax_errors {
            self.warnings.push(Warning::new(
                WarningCode::SyntaxError,
                format!(
                    "on {}, `{}` cannot be parsed: {}",
                    problem.side, problem.path, problem.error
                ),
                Some("its functions are not among the changed ones; every benchmark is measured"),
            ));
        }
        let ambiguous = |path: &String| changes.ambiguous.get(path).cloned().unwrap_or_default();
        self.changed = python
            .into_iter()
            .map(|path| (path.clone(), ambiguous(path)))
            .collect();
        (self.in_benchmarks, self.targets) = changes
            .targets
            .into_iter()
            .partition(|target| project.is_shared(&target.path));
        self.unattributed.extend(changes.unattributed);
        self.outside = changes.outside;
        self.unchanged = changes.unchanged;
    }

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

/// Compares the checkouts, which must still be as the refs (or the working tree) have them. `installed`: the folders of
/// the repository that the interpreter imports from.
pub(crate) fn find(
    project: &ProjectLayout,
    paths: &BTreeSet<String>,
    files: &FileSet,
    checkouts: PerSide<&Path>,
    installed: BTreeSet<String>,
) -> anyhow::Result<Changes> {
    let mut found = Changes::default();
    let mut python = Vec::new();
    let evidence = Evidence::new(project, files, checkouts, installed);
    for path in paths {
        if project.is_shared(path) {
            found.unattributed.extend(broken_suite_file(path, checkouts)?);
            continue;
        }
        let links = checkouts.map(|checkout| fs::read_link(checkout.join(path)).ok());
        // A link to a file that is not code is read like any file.
        let is_folder = || {
            Side::BOTH
                .iter()
                .any(|side| checkouts.get(*side).join(path).is_dir())
        };
        if links.base != links.head && (project.is_code(path) || is_near_code(project, path) && is_folder()) {
            found.may_affect_all(path, "is a symlink with another target");
            continue;
        }
        let versions = PerSide {
            base: read_if_any(&checkouts.base.join(path))?,
            head: read_if_any(&checkouts.head.join(path))?,
        };
        if versions.base == versions.head {
            continue;
        }
        match evidence.kind_of(path) {
            ChangedPath::WithoutEffect => {}
            ChangedPath::Python => python.push(path),
            ChangedPath::Declaration(declaration) => found.compare_declarations(path, declaration, &versions),
            ChangedPath::CompiledSource => {
                found.may_affect_all(path, "is compiled, and its source differs");
                found.compiled.push(path.clone());
            }
            ChangedPath::MayAffectAll(why) => found.may_affect_all(path, why),
        }
    }
    let sources = python.iter().map(|path| changed_file(path, checkouts));
    let changes = source::compare(sources.collect::<anyhow::Result<Vec<_>>>()?, cores());
    found.add_functions(changes, python, project);
    Ok(found)
}

/// Returns the differences of a suite's file that cannot be parsed; pytest reports the rest of what is wrong with it.
fn broken_suite_file(path: &str, checkouts: PerSide<&Path>) -> anyhow::Result<Vec<Unattributed>> {
    if !path.ends_with(".py") {
        return Ok(Vec::new());
    }
    let suite = source::compare([changed_file(path, checkouts)?], 1);
    let broken = suite.unattributed.into_iter().take(suite.syntax_errors.len());
    Ok(broken.collect())
}

/// Returns the changed functions of the suite, which count if each side runs its own.
pub(crate) fn in_suite(
    project: &ProjectLayout,
    paths: &BTreeSet<String>,
    checkouts: PerSide<&Path>,
) -> anyhow::Result<Vec<TargetFunction>> {
    let files = paths
        .iter()
        .filter(|path| path.ends_with(".py") && project.is_shared(path));
    let files = files.map(|path| changed_file(path, checkouts));
    Ok(source::compare(files.collect::<anyhow::Result<Vec<_>>>()?, cores()).targets)
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

fn changed_file(path: &str, checkouts: PerSide<&Path>) -> anyhow::Result<ChangedFile> {
    Ok(ChangedFile {
        path: path.to_owned(),
        base: read_if_any(&checkouts.base.join(path))?,
        head: read_if_any(&checkouts.head.join(path))?,
    })
}

/// Returns the functions that `--functions "a.py::f,g;b.py::C.m"` names, instead of those that were found.
pub(crate) fn name_targets(
    asked: &str,
    found: &[TargetFunction],
    files: &FileSet,
    checkouts: PerSide<&Path>,
) -> anyhow::Result<Vec<TargetFunction>> {
    let mut targets = Vec::new();
    for entry in parts(asked, ';') {
        let (path, names) = entry.split_once("::").ok_or_else(|| {
            Failure::usage(format!("--functions: `{entry}` has no `::`")).hint(
                "write FILE.py::function or FILE.py::Class.method, several with `,`; more files with `;`",
            )
        })?;
        let known = PerSide::try_from_fn(|side| known_functions(path, side, checkouts))?;
        if known == PerSide::default() {
            let python: Vec<&str> = files.below("").filter(|path| path.ends_with(".py")).collect();
            return Err(
                Failure::usage(format!("--functions: there is no file `{path}` at either ref"))
                    .near(path, python)
                    .into(),
            );
        }
        for name in parts(names, ',') {
            let is_meant =
                |target: &&TargetFunction| target.path == path && is_called(&target.qualname, name);
            let matching: Vec<TargetFunction> = found.iter().filter(is_meant).cloned().collect();
            if matching.is_empty() {
                targets.push(named_target(path, name, &known)?);
            }
            targets.extend(matching);
        }
    }
    Ok(targets)
}

fn parts(list: &str, separator: char) -> impl Iterator<Item = &str> {
    let parts = list.split(separator).map(str::trim);
    parts.filter(|part| !part.is_empty())
}

/// The lines of the functions in a file, by their qualified names.
type KnownFunctions = BTreeMap<String, (u32, u32)>;

/// Returns the functions of a file; `None` if this side does not have it.
fn known_functions(
    path: &str,
    side: Side,
    checkouts: PerSide<&Path>,
) -> anyhow::Result<Option<KnownFunctions>> {
    let Some(source) = read_if_any(&checkouts.get(side).join(path))? else {
        return Ok(None);
    };
    let functions = source::functions_of(&source).map_err(|error| {
        Failure::usage(format!(
            "--functions: on {side}, `{path}` cannot be parsed: {error}"
        ))
    })?;
    Ok(Some(functions))
}

/// Returns a function that is named although it did not change.
fn named_target(
    path: &str,
    name: &str,
    known: &PerSide<Option<KnownFunctions>>,
) -> Result<TargetFunction, Failure> {
    let found = known.as_ref().map(|functions| {
        let mut functions = functions.iter().flatten();
        functions.find(|(qualname, _)| is_called(qualname, name))
    });
    let Some((qualname, lines)) = found.head.or(found.base) else {
        let all: BTreeSet<&str> = [&known.base, &known.head]
            .into_iter()
            .flat_map(|functions| functions.iter().flatten())
            .map(|(qualname, _)| qualname.as_str())
            .collect();
        return Err(Failure::usage(format!(
            "--functions: `{path}` has no function `{name}` at either ref"
        ))
        .near(name, all));
    };
    Ok(TargetFunction {
        path: path.to_owned(),
        qualname: qualname.clone(),
        change: None,
        lines: *lines,
        detail: Some("named by --functions".to_owned()),
        places: found.map(|found| {
            found.map(|(qualname, lines)| FunctionPlace {
                path: path.to_owned(),
                qualname: qualname.clone(),
                line: lines.0,
            })
        }),
        reached_by: Vec::new(),
    })
}

/// Whether a function has this name, where `outer.inner` also means `outer.<locals>.inner`.
fn is_called(qualname: &str, name: &str) -> bool {
    qualname == name || qualname.replace(".<locals>.", ".") == name
}
