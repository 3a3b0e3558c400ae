//! The compared code of each side, and the folders that its modules are found in.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context;
use deadheat_core::micro::Form;
use deadheat_core::model::{PerSide, Side, Warning, WarningCode};
use deadheat_core::protocol::{self, GivenModule, HelloRequest, MicroCode};
use deadheat_core::source;
use deadheat_core::text::counted;

use crate::config::Config;
use crate::config::settings;
use crate::error::Failure;
use crate::git::Git;
use crate::project::file_set::FileSet;
use crate::project::layout::ProjectLayout;
use crate::system::paths::{join, parent};

/// The folder that deadheat was started in, with its repository and configuration.
pub(crate) struct VariantContext<'a> {
    pub(crate) folder: &'a Path,
    /// `None` outside a repository.
    pub(crate) git: Option<&'a Git>,
    pub(crate) config: &'a Config,
    /// The folder for the texts of modules.
    pub(crate) scratch: &'a Path,
}

/// The two variants of a piece of code.
#[derive(Debug)]
pub(crate) struct Variants {
    pub(crate) form: Form,
    pub(crate) target: String,
    pub(crate) base_commit: Option<String>,
    /// Relative to the repository.
    pub(crate) path: Option<String>,
    pub(crate) function: Option<String>,
    pub(crate) names: PerSide<String>,
    pub(crate) code: PerSide<MicroCode>,
    pub(crate) hello: HelloRequest,
    pub(crate) warnings: Vec<Warning>,
    /// The side that does not have the function.
    pub(crate) lacking: Option<Side>,
}

impl VariantContext<'_> {
    fn top(&self) -> &Path {
        self.git.map_or(self.folder, Git::top)
    }

    fn working_files(&self) -> anyhow::Result<FileSet> {
        let paths = match self.git {
            // The listing of the whole repository, wherever deadheat was started.
            Some(git) => git.working_paths()?,
            None => Vec::new(),
        };
        Ok(FileSet::new(paths))
    }

    /// Returns the Python files that could have been meant: those of the working tree, and those in the folder that
    /// deadheat was started in. Paths below that folder are relative to it.
    fn python_files(&self) -> Vec<String> {
        let mut known: Vec<String> = Vec::new();
        let here = fs::canonicalize(self.folder).unwrap_or_else(|_| self.folder.to_owned());
        if let Ok(files) = self.working_files() {
            known.extend(files.below("").map(|path| {
                let whole = self.top().join(path);
                let from_here = whole
                    .strip_prefix(&here)
                    .map(|inside| inside.display().to_string());
                from_here.unwrap_or_else(|_| path.to_owned())
            }));
        }
        if let Ok(entries) = fs::read_dir(self.folder) {
            known.extend(
                entries
                    .flatten()
                    .map(|entry| entry.file_name().to_string_lossy().into_owned()),
            );
        }
        known.retain(|path| path.ends_with(".py"));
        known.sort();
        known.dedup();
        known
    }

    pub(super) fn head_commit(&self) -> anyhow::Result<Option<String>> {
        match self.git {
            Some(git) => git.commit("HEAD"),
            None => Ok(None),
        }
    }

    /// Returns the hello request for the workers; `first` goes on the path before the project's folders.
    pub(super) fn hello(&self, project: Option<ProjectLayout>, first: &[PathBuf]) -> HelloRequest {
        let top = self.top().display().to_string();
        let mut hello = HelloRequest {
            protocol: protocol::VERSION,
            worktree: top.clone(),
            repository: top,
            project: String::new(),
            import_folders: first.iter().map(|folder| folder.display().to_string()).collect(),
            code_names: Vec::new(),
            test_packages: Vec::new(),
            loose_names: Vec::new(),
        };
        if let Some(project) = project {
            hello.import_folders.extend(project.import_folders);
            hello.code_names = project.code_names;
            hello.test_packages = project.test_packages;
            hello.loose_names = project.loose_names;
        }
        hello
    }

    /// Returns the project's layout, if there is one; a script needs none.
    pub(super) fn project_if_any(&self) -> anyhow::Result<Option<ProjectLayout>> {
        let files = self.working_files()?;
        Ok(lay_out(self.config, self.top(), &files).ok())
    }

    /// Writes a text into a file for the workers, and returns its path.
    pub(super) fn keep(&self, name: &str, text: &[u8]) -> anyhow::Result<String> {
        let path = self.scratch.join(name);
        fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
        Ok(path.display().to_string())
    }
}

pub(super) fn of_statements(
    a: &str,
    b: &str,
    setup: Option<&String>,
    around: &VariantContext<'_>,
) -> anyhow::Result<Variants> {
    let code = PerSide::new(a, b).map(|statement| MicroCode::Statement {
        setup: setup.cloned(),
        statement: statement.to_owned(),
    });
    Ok(Variants {
        form: Form::Statements,
        target: format!("-a {a} -b {b}"),
        base_commit: around.head_commit()?,
        path: None,
        function: None,
        names: PerSide::new("-a".to_owned(), "-b".to_owned()),
        code,
        hello: around.hello(around.project_if_any()?, &[]),
        warnings: Vec::new(),
        lacking: None,
    })
}

pub(super) fn of_function(
    file: &str,
    qualname: &str,
    call: &str,
    setup: Option<&String>,
    base: &str,
    around: &VariantContext<'_>,
) -> anyhow::Result<Variants> {
    let git = around
        .git
        .ok_or_else(|| Failure::tool("a function can only be compared inside a git repository"))?;
    let files = around.working_files()?;
    let file_path = existing(file, around)?;
    let path = path_in_repository(file, &file_path, git)?;
    let commit = commit_of(base, git)?;
    let base_text = git.file(&commit, &path)?.ok_or_else(|| {
        Failure::usage(format!(
            "{base} has no file `{path}`: there is nothing to compare it with"
        ))
        .hint("name a commit that has it: --base REF; or compare two variants: -a STMT -b STMT")
    })?;
    let head_text = fs::read(&file_path).with_context(|| format!("cannot read {}", file_path.display()))?;
    let lacking = check_function(qualname, &path, &PerSide::new(&base_text, &head_text), base)?;
    let project = lay_out(around.config, git.top(), &files)?;
    let (name, own_folder) = importable_name(&path, &project, &files)?;
    let sources = PerSide::new(
        around.keep("base.py", &base_text)?,
        around.keep("head.py", &head_text)?,
    );
    let code = sources.map(|source| MicroCode::Function {
        module: GivenModule {
            name: name.clone(),
            file: file_path.display().to_string(),
            source,
        },
        setup: setup.cloned(),
        statement: call.to_owned(),
        qualname: qualname.to_owned(),
    });
    let first: Vec<PathBuf> = own_folder.iter().map(|folder| git.top().join(folder)).collect();
    let unchanged = (base_text == head_text).then(|| {
        Warning::new(
            WarningCode::NothingChanged,
            format!("`{path}` is the same in {base} and in the working tree"),
            Some("is the change saved, or in another module, which is the same on both sides? --base REF compares with another commit"),
        )
    });
    let others = match base {
        "HEAD" => other_files(&path, &project, git),
        _ => None,
    };
    Ok(Variants {
        form: Form::Function,
        target: format!("{path}::{qualname}"),
        base_commit: Some(commit),
        path: Some(path),
        function: Some(qualname.to_owned()),
        names: PerSide::new(base.to_owned(), "working tree".to_owned()),
        code,
        hello: around.hello(Some(project), &first),
        warnings: unchanged.into_iter().chain(others).collect(),
        lacking,
    })
}

/// Returns the warning about other files of the code with uncommitted changes, whose effect is on both sides.
fn other_files(path: &str, project: &ProjectLayout, git: &Git) -> Option<Warning> {
    let mut changed = git.uncommitted_paths().unwrap_or_default();
    changed.retain(|other| other != path && project.is_code(other));
    let first = changed.first()?;
    let others = match changed.len() {
        1 => String::new(),
        count => format!(" and {}", counted(count - 1, "other file")),
    };
    Some(Warning::new(
        WarningCode::OtherFilesChanged,
        format!(
            "`{first}`{others} changed, too, and is the working tree's on both sides: its effect is not in this answer"
        ),
        Some("screen a function of each changed file, or commit the change and compare"),
    ))
}

fn path_in_repository(typed: &str, file: &Path, git: &Git) -> Result<String, Failure> {
    match file.strip_prefix(git.top()) {
        Ok(path) => Ok(path.to_string_lossy().into_owned()),
        Err(_) => Err(Failure::usage(format!(
            "{typed} lies outside the repository {}",
            git.top().display()
        ))
        .hint(
            "outside a repository, compare the functions bench_a and bench_b of a script: deadheat micro \
             SCRIPT.py",
        )),
    }
}

fn commit_of(base: &str, git: &Git) -> anyhow::Result<String> {
    if let Some(commit) = git.commit(base)? {
        return Ok(commit);
    }
    let names = git.ref_names()?;
    Err(
        Failure::usage(format!("`{base}` is not a commit of this repository"))
            .hint(
                "`git branch --all` and `git tag` list possible values of --base; `git fetch` gets the \
                 commits of the server",
            )
            .near(base, names.iter().map(String::as_str))
            .into(),
    )
}

/// Returns the name that a file is imported by, and the folder that has to be on the path if the project's
/// are not enough.
fn importable_name(
    path: &str,
    project: &ProjectLayout,
    files: &FileSet,
) -> Result<(String, Option<String>), Failure> {
    let (name, own_folder) = match project.dotted_name(path) {
        Some(name) => (name, None),
        None => name_outside(path, files),
    };
    if !name.split('.').all(is_importable) {
        return Err(Failure::usage(format!(
            "`{path}` cannot be imported: `{name}` is not a valid module name"
        )));
    }
    Ok((name, own_folder))
}

/// Finds a file as typed, relative to the folder that deadheat was started in, and resolves symlinks.
pub(super) fn existing(typed: &str, around: &VariantContext<'_>) -> Result<PathBuf, Failure> {
    let path = around.folder.join(typed);
    match fs::canonicalize(&path) {
        Ok(path) if path.is_file() => Ok(path),
        Ok(path) if path.is_dir() => Err(Failure::usage(format!("{typed} is a folder"))
            .hint("name a file: a script, or FILE.py::FUNCTION")),
        Ok(_) => Err(Failure::usage(format!("{typed} is not a file"))
            .hint("its text is read before anything runs, so it must be an ordinary file")),
        Err(_) => {
            let known = around.python_files();
            let failure = Failure::usage(format!("there is no file {typed}")).hint(format!(
                "give its path from here, {}: a script, or FILE.py::FUNCTION",
                around.folder.display()
            ));
            // Perhaps the name of a module, with or without its suffix.
            let stem = typed.strip_suffix(".py").unwrap_or(typed).replace('.', "/");
            let as_path = format!("{stem}.py");
            let ending = format!("/{as_path}");
            let meant = known
                .iter()
                .find(|path| **path == as_path || path.ends_with(&ending));
            Err(match meant {
                Some(path) => failure.hint(format!("did you mean `{path}`?")),
                None => failure.near(typed, known.iter().map(String::as_str)),
            })
        }
    }
}

/// Returns the side that lacks the function; fails if both do.
fn check_function(
    qualname: &str,
    path: &str,
    texts: &PerSide<&Vec<u8>>,
    base: &str,
) -> Result<Option<Side>, Failure> {
    let names = PerSide::new(base, "the working tree");
    let known = PerSide::try_from_fn(|side| {
        source::functions_of(texts.get(side)).map_err(|error| {
            Failure::usage(format!(
                "`{path}` in {} cannot be parsed: {error}",
                names.get(side)
            ))
        })
    })?;
    let in_it = format!("{qualname}.");
    // A class is recognized by the functions in it.
    let has = |side| {
        let functions = known.get(side);
        functions.contains_key(qualname) || functions.keys().any(|name| name.starts_with(&in_it))
    };
    match (has(Side::Base), has(Side::Head)) {
        (true, true) => Ok(None),
        (true, false) => Ok(Some(Side::Head)),
        (false, true) => Ok(Some(Side::Base)),
        (false, false) => {
            let all: BTreeSet<&str> = known
                .base
                .keys()
                .chain(known.head.keys())
                .map(String::as_str)
                .collect();
            let failure = Failure::usage(format!(
                "`{path}` has no function `{qualname}`, neither in {base} nor in the working tree"
            ))
            .hint(match named(all.iter().copied()) {
                Some(names) => format!("it has {names}"),
                None => "it has no functions: two statements can be compared with -a STMT -b STMT".to_owned(),
            });
            Err(failure.near(qualname, all))
        }
    }
}

/// Joins the first few of the names; `None` if there are none.
fn named<'a>(names: impl Iterator<Item = &'a str>) -> Option<String> {
    const MOST: usize = 6;
    let quoted: Vec<String> = names.map(|name| format!("`{name}`")).collect();
    let more = match quoted.len().saturating_sub(MOST) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    (!quoted.is_empty()).then(|| format!("{}{more}", quoted[..quoted.len().min(MOST)].join(", ")))
}

/// Returns the name of a module outside the project's import folders, and the folder that goes on the path for it.
fn name_outside(path: &str, files: &FileSet) -> (String, Option<String>) {
    let mut folder = parent(path);
    while !folder.is_empty() && files.is_file(&join(folder, "__init__.py")) {
        folder = parent(folder);
    }
    let inside = path[folder.len()..].trim_start_matches('/');
    let name = inside.strip_suffix(".py").unwrap_or(inside).replace('/', ".");
    let name = name.strip_suffix(".__init__").unwrap_or(&name).to_owned();
    (name, Some(folder.to_owned()))
}

fn is_importable(name: &str) -> bool {
    !name.is_empty()
        && !name.starts_with(|c: char| c.is_numeric())
        && name.chars().all(|c| c.is_alphanumeric() || c == '_')
}

fn lay_out(config: &Config, top: &Path, files: &FileSet) -> Result<ProjectLayout, Failure> {
    let root = settings::benchmarks_root(None, config, top)?;
    ProjectLayout::lay_out(config, top, files, root.as_deref())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_module_outside_the_import_folders_is_named_from_its_package() {
        let files = FileSet::new(["tools/kit/__init__.py", "tools/kit/a.py", "b.py"].map(str::to_owned));
        let named = |path| name_outside(path, &files);
        assert_eq!(
            named("tools/kit/a.py"),
            ("kit.a".to_owned(), Some("tools".to_owned()))
        );
        assert_eq!(
            named("tools/kit/__init__.py"),
            ("kit".to_owned(), Some("tools".to_owned()))
        );
        assert_eq!(named("b.py"), ("b".to_owned(), Some(String::new())));
    }
}
