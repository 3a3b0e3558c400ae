//! What is compared: the code of each side, and where its modules are found.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context;
use deadheat_core::micro::Form;
use deadheat_core::model::{PerSide, Warning, WarningCode};
use deadheat_core::protocol::{self, GivenModule, HelloRequest, MicroCode};
use deadheat_core::source;

use crate::config::Config;
use crate::failure::Failure;
use crate::git::Git;
use crate::micro::options::Asked;
use crate::project::{Files, Project, file_name, join, parent};

/// Where deadheat was started, and what is around it.
pub(crate) struct Surroundings<'a> {
    pub(crate) folder: &'a Path,
    /// `None` outside a repository.
    pub(crate) git: Option<&'a Git>,
    pub(crate) config: &'a Config,
    /// For the texts of modules.
    pub(crate) scratch: &'a Path,
}

/// The two variants of a piece of code.
#[derive(Debug)]
pub(crate) struct Subject {
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
}

impl Subject {
    pub(crate) fn find(asked: &Asked, around: &Surroundings<'_>) -> anyhow::Result<Self> {
        match asked {
            Asked::Script { script } => of_script(script, around),
            Asked::Function {
                file,
                qualname,
                call,
                setup,
                base,
            } => of_function(file, qualname, call, setup.as_ref(), base, around),
            Asked::Statements { a, b, setup } => of_statements(a, b, setup.as_ref(), around),
        }
    }
}

impl Surroundings<'_> {
    fn top(&self) -> &Path {
        self.git.map_or(self.folder, Git::top)
    }

    fn working_files(&self) -> anyhow::Result<Files> {
        let paths = match self.git {
            // The top's listing, wherever deadheat was started.
            Some(git) => git.working_paths()?,
            None => Vec::new(),
        };
        Ok(Files::new(paths))
    }

    fn head_commit(&self) -> anyhow::Result<Option<String>> {
        match self.git {
            Some(git) => git.commit("HEAD"),
            None => Ok(None),
        }
    }

    /// What the workers are told; `first` goes on the path before the project's own folders.
    fn hello(&self, project: Option<Project>, first: &[PathBuf]) -> HelloRequest {
        let top = self.top().display().to_string();
        let mut hello = HelloRequest {
            protocol: protocol::VERSION,
            worktree: top.clone(),
            repository: top,
            project: String::new(),
            import_folders: first.iter().map(|folder| folder.display().to_string()).collect(),
            roots: Vec::new(),
            code_names: Vec::new(),
            test_packages: Vec::new(),
            loose_names: Vec::new(),
        };
        if let Some(project) = project {
            hello.roots = project.roots();
            hello.import_folders.extend(project.import_folders);
            hello.code_names = project.code_names;
            hello.test_packages = project.test_packages;
            hello.loose_names = project.loose_names;
        }
        hello
    }

    /// The project's layout, where there is one; a script needs none.
    fn project_if_any(&self) -> anyhow::Result<Option<Project>> {
        let files = self.working_files()?;
        Ok(Project::lay_out(self.config, self.top(), &files, None).ok())
    }

    /// Keeps a text for the workers.
    fn keep(&self, name: &str, text: &[u8]) -> anyhow::Result<String> {
        let path = self.scratch.join(name);
        fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
        Ok(path.display().to_string())
    }
}

const VARIANTS: PerSide<&str> = PerSide {
    base: "bench_a",
    head: "bench_b",
};

fn of_script(script: &str, around: &Surroundings<'_>) -> anyhow::Result<Subject> {
    let path = existing(script, around.folder)?;
    let text = fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let functions = source::functions_of(&text)
        .map_err(|error| Failure::usage(format!("{script} cannot be parsed: {error}")))?;
    let file = path.display().to_string();
    let source = around.keep("script.py", &text)?;
    let folder = path.parent().unwrap_or(around.folder).to_owned();
    let has = VARIANTS.map(|name| functions.contains_key(name));
    let (names, code) = match (has.base, has.head) {
        (true, true) => {
            let code = VARIANTS.map(|name| MicroCode::Script {
                module: GivenModule {
                    name: name_of_script(&path),
                    file: file.clone(),
                    source: source.clone(),
                },
                function: name.to_owned(),
            });
            (VARIANTS.map(str::to_owned), code)
        }
        (false, false) => {
            let code = PerSide::new("a", "b").map(|argument| MicroCode::Program {
                script: script.to_owned(),
                argument: argument.to_owned(),
                file: file.clone(),
                source: source.clone(),
            });
            let name = file_name(script);
            (PerSide::new(format!("{name} a"), format!("{name} b")), code)
        }
        (has_a, _) => {
            let (present, absent) = if has_a {
                (VARIANTS.base, VARIANTS.head)
            } else {
                (VARIANTS.head, VARIANTS.base)
            };
            return Err(
                Failure::usage(format!("{script} has a function {present} and no {absent}"))
                    .near(absent, functions.keys().map(String::as_str))
                    .into(),
            );
        }
    };
    Ok(Subject {
        form: Form::Script,
        target: script.to_owned(),
        base_commit: around.head_commit()?,
        path: None,
        function: None,
        names,
        code,
        hello: around.hello(around.project_if_any()?, &[folder]),
        warnings: Vec::new(),
    })
}

/// What a script is imported as: its own name, unless a module of that name could be meant by others.
fn name_of_script(path: &Path) -> String {
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    format!(
        "deadheat_script_{}",
        stem.replace(|c: char| !c.is_alphanumeric(), "_")
    )
}

fn of_statements(
    a: &str,
    b: &str,
    setup: Option<&String>,
    around: &Surroundings<'_>,
) -> anyhow::Result<Subject> {
    let code = PerSide::new(a, b).map(|statement| MicroCode::Statement {
        setup: setup.cloned(),
        statement: statement.to_owned(),
    });
    Ok(Subject {
        form: Form::Statements,
        target: format!("-a {a} -b {b}"),
        base_commit: around.head_commit()?,
        path: None,
        function: None,
        names: PerSide::new("-a".to_owned(), "-b".to_owned()),
        code,
        hello: around.hello(around.project_if_any()?, &[]),
        warnings: Vec::new(),
    })
}

fn of_function(
    file: &str,
    qualname: &str,
    call: &str,
    setup: Option<&String>,
    base: &str,
    around: &Surroundings<'_>,
) -> anyhow::Result<Subject> {
    let git = around
        .git
        .ok_or_else(|| Failure::tool("a function is compared inside a repository"))?;
    let files = around.working_files()?;
    let file_path = existing(file, around.folder)
        .map_err(|failure| failure.near(file, files.below("").filter(|path| path.ends_with(".py"))))?;
    let path = file_path
        .strip_prefix(git.top())
        .map_err(|_| {
            Failure::usage(format!(
                "{file} lies outside the repository {}",
                git.top().display()
            ))
        })?
        .to_string_lossy()
        .into_owned();
    let Some(commit) = git.commit(base)? else {
        let names = git.ref_names()?;
        return Err(
            Failure::usage(format!("`{base}` is no commit of this repository"))
                .near(base, names.iter().map(String::as_str))
                .into(),
        );
    };
    let Some(base_text) = git.file(&commit, &path)? else {
        return Err(Failure::usage(format!(
            "{base} has no file `{path}`: there is nothing to compare it with"
        ))
        .hint("name a commit that has it: --base REF; or compare two variants: -a STMT -b STMT")
        .into());
    };
    let head_text = fs::read(&file_path).with_context(|| format!("cannot read {}", file_path.display()))?;
    check_function(qualname, &path, &PerSide::new(&base_text, &head_text), base)?;

    let project = Project::lay_out(around.config, git.top(), &files, None)?;
    let (name, own_folder) = match project.dotted_name(&path) {
        Some(name) => (name, None),
        None => name_outside(&path, &files),
    };
    if !name.split('.').all(is_importable) {
        return Err(Failure::usage(format!(
            "`{path}` cannot be imported: `{name}` is no name of a module"
        ))
        .into());
    }
    let mut warnings = Vec::new();
    if base_text == head_text {
        warnings.push(Warning::new(
            WarningCode::NothingChanged,
            format!("`{path}` is the same in {base} and in the working tree"),
            Some("is the change saved? --base REF compares with another commit"),
        ));
    }
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
    });
    let first: Vec<PathBuf> = own_folder.iter().map(|folder| git.top().join(folder)).collect();
    Ok(Subject {
        form: Form::Function,
        target: format!("{path}::{qualname}"),
        base_commit: Some(commit),
        path: Some(path),
        function: Some(qualname.to_owned()),
        names: PerSide::new(base.to_owned(), "working tree".to_owned()),
        code,
        hello: around.hello(Some(project), &first),
        warnings,
    })
}

/// A file as typed, relative to where deadheat was started; symlinks resolved.
fn existing(typed: &str, folder: &Path) -> Result<PathBuf, Failure> {
    let path = folder.join(typed);
    match fs::canonicalize(&path) {
        Ok(path) if path.is_file() => Ok(path),
        Ok(_) => Err(Failure::usage(format!("{typed} is no file"))),
        Err(_) => Err(Failure::usage(format!("there is no file {typed}"))),
    }
}

fn check_function(qualname: &str, path: &str, texts: &PerSide<&Vec<u8>>, base: &str) -> Result<(), Failure> {
    let names = PerSide::new(base, "the working tree");
    let known = PerSide::try_from_fn(|side| {
        source::functions_of(texts.get(side)).map_err(|error| {
            Failure::usage(format!(
                "`{path}` in {} cannot be parsed: {error}",
                names.get(side)
            ))
        })
    })?;
    let all: BTreeSet<&str> = known
        .base
        .keys()
        .chain(known.head.keys())
        .map(String::as_str)
        .collect();
    let in_it = format!("{qualname}.");
    // A class is known by what is in it.
    if all.contains(qualname) || all.iter().any(|name| name.starts_with(&in_it)) {
        return Ok(());
    }
    Err(Failure::usage(format!(
        "`{path}` has no function `{qualname}`, neither in {base} nor in the working tree"
    ))
    .near(qualname, all))
}

/// The name of a module outside the project's import folders, and the folder that goes on the path for it.
fn name_outside(path: &str, files: &Files) -> (String, Option<String>) {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_module_outside_the_import_folders_is_named_from_its_package() {
        let files = Files::new(["tools/kit/__init__.py", "tools/kit/a.py", "b.py"].map(str::to_owned));
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

    #[test]
    fn a_script_has_a_name_that_nobody_else_has() {
        assert_eq!(
            name_of_script(Path::new("/x/json.try-1.py")),
            "deadheat_script_json_try_1"
        );
    }
}
