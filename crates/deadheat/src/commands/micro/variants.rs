//! The compared code of each side, and the folders that its modules are found in.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context;
use deadheat_core::micro::Form;
use deadheat_core::model::{PerSide, Side, Warning, WarningCode};
use deadheat_core::protocol::{self, GivenModule, HelloRequest, MicroCode};
use deadheat_core::source;

use crate::cli::micro::MicroTarget;
use crate::config::Config;
use crate::config::settings;
use crate::error::Failure;
use crate::git::Git;
use crate::project::file_set::FileSet;
use crate::project::layout::ProjectLayout;
use crate::system::paths::{file_name, join, parent};

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

impl Variants {
    pub(crate) fn find(asked: &MicroTarget, around: &VariantContext<'_>) -> anyhow::Result<Self> {
        match asked {
            MicroTarget::Script { script } => of_script(script, around),
            MicroTarget::Function {
                file,
                qualname,
                call,
                setup,
                base,
            } => of_function(file, qualname, call, setup.as_ref(), base, around),
            MicroTarget::Statements { a, b, setup } => of_statements(a, b, setup.as_ref(), around),
        }
    }
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

    fn head_commit(&self) -> anyhow::Result<Option<String>> {
        match self.git {
            Some(git) => git.commit("HEAD"),
            None => Ok(None),
        }
    }

    /// Returns the hello request for the workers; `first` goes on the path before the project's folders.
    fn hello(&self, project: Option<ProjectLayout>, first: &[PathBuf]) -> HelloRequest {
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
    fn project_if_any(&self) -> anyhow::Result<Option<ProjectLayout>> {
        let files = self.working_files()?;
        Ok(lay_out(self.config, self.top(), &files).ok())
    }

    /// Writes a text into a file for the workers, and returns its path.
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

fn of_script(script: &str, around: &VariantContext<'_>) -> anyhow::Result<Variants> {
    let path = existing(script, around)?;
    let text = fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let functions = source::functions_of(&text)
        .map_err(|error| Failure::usage(format!("{script} cannot be parsed: {error}")))?;
    let functions = functions.keys().map(String::as_str).collect();
    let file = path.display().to_string();
    let source = around.keep("script.py", &text)?;
    let (names, code) = match form_of_script(script, &text, &functions)? {
        ScriptForm::Functions => {
            let module = GivenModule {
                name: name_of_script(&path),
                file,
                source,
            };
            let code = VARIANTS.map(|name| MicroCode::Script {
                module: module.clone(),
                function: name.to_owned(),
            });
            (VARIANTS.map(str::to_owned), code)
        }
        ScriptForm::Program => {
            let code = PerSide::new("a", "b").map(|argument| MicroCode::Program {
                script: script.to_owned(),
                argument: argument.to_owned(),
                file: file.clone(),
                source: source.clone(),
            });
            let name = file_name(script);
            (PerSide::new(format!("{name} a"), format!("{name} b")), code)
        }
    };
    let folder = path.parent().unwrap_or(around.folder).to_owned();
    Ok(Variants {
        form: Form::Script,
        target: script.to_owned(),
        base_commit: around.head_commit()?,
        path: None,
        function: None,
        names,
        code,
        hello: around.hello(around.project_if_any()?, &[folder]),
        warnings: Vec::new(),
        lacking: None,
    })
}

/// How a script holds its two variants.
enum ScriptForm {
    /// As functions of the names in [`VARIANTS`].
    Functions,
    /// It looks at its argument.
    Program,
}

fn form_of_script(script: &str, text: &[u8], functions: &BTreeSet<&str>) -> Result<ScriptForm, Failure> {
    let has = VARIANTS.map(|name| functions.contains(name));
    let (present, absent) = match (has.base, has.head) {
        (true, true) => return Ok(ScriptForm::Functions),
        (false, false) if looks_at_arguments(&String::from_utf8_lossy(text)) => {
            return Ok(ScriptForm::Program);
        }
        (false, false) => return Err(without_variants(script, functions.iter().copied())),
        (true, false) => (VARIANTS.base, VARIANTS.head),
        (false, true) => (VARIANTS.head, VARIANTS.base),
    };
    let others = functions
        .iter()
        .copied()
        .filter(|name| *name != present && !name.contains('.'));
    Err(
        Failure::usage(format!("{script} has a function {present} and no {absent}"))
            .hint(format!(
                "{present} and {absent} are the two variants, each called without arguments: write {absent}, too"
            ))
            .near(absent, others),
    )
}

/// The words that show in a script's text that it looks at its argument: the list itself, or a library that reads it.
const READERS_OF_ARGUMENTS: [&str; 9] = [
    "argv",
    "orig_argv",
    "argparse",
    "click",
    "typer",
    "fire",
    "docopt",
    "getopt",
    "optparse",
];

fn looks_at_arguments(text: &str) -> bool {
    text.split(|c: char| !c.is_alphanumeric() && c != '_')
        .any(|word| READERS_OF_ARGUMENTS.contains(&word))
}

fn without_variants<'a>(script: &str, functions: impl Iterator<Item = &'a str>) -> Failure {
    let failure = Failure::usage(format!(
        "{script} has neither bench_a and bench_b, nor does it look at its argument (`a` or `b`): there are no two variants"
    ));
    let top_level: Vec<&str> = functions.filter(|name| !name.contains('.')).collect();
    match top_level.as_slice() {
        [] => failure.hint(
            "write the two variants as functions bench_a and bench_b, or have it choose by sys.argv[1]; two statements are \
             compared with -a STMT -b STMT",
        ),
        [first, ..] => failure.hint(format!(
            "did you mean `{script}::{first}`, as in HEAD against the working tree? deadheat micro {script}::{first} --call \
             \"{first}(...)\""
        )),
    }
}

/// Returns the name that a script is imported by: its own with a prefix, because other code could mean a module of its
/// own name.
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

fn of_function(
    file: &str,
    qualname: &str,
    call: &str,
    setup: Option<&String>,
    base: &str,
    around: &VariantContext<'_>,
) -> anyhow::Result<Variants> {
    let git = around
        .git
        .ok_or_else(|| Failure::tool("a function is compared inside a repository"))?;
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
    });
    let first: Vec<PathBuf> = own_folder.iter().map(|folder| git.top().join(folder)).collect();
    let unchanged = (base_text == head_text).then(|| {
        Warning::new(
            WarningCode::NothingChanged,
            format!("`{path}` is the same in {base} and in the working tree"),
            Some("is the change saved? --base REF compares with another commit"),
        )
    });
    Ok(Variants {
        form: Form::Function,
        target: format!("{path}::{qualname}"),
        base_commit: Some(commit),
        path: Some(path),
        function: Some(qualname.to_owned()),
        names: PerSide::new(base.to_owned(), "working tree".to_owned()),
        code,
        hello: around.hello(Some(project), &first),
        warnings: unchanged.into_iter().collect(),
        lacking,
    })
}

fn path_in_repository(typed: &str, file: &Path, git: &Git) -> Result<String, Failure> {
    match file.strip_prefix(git.top()) {
        Ok(path) => Ok(path.to_string_lossy().into_owned()),
        Err(_) => Err(Failure::usage(format!(
            "{typed} lies outside the repository {}",
            git.top().display()
        ))
        .hint("a script outside is compared by its functions bench_a and bench_b: deadheat micro SCRIPT.py")),
    }
}

fn commit_of(base: &str, git: &Git) -> anyhow::Result<String> {
    if let Some(commit) = git.commit(base)? {
        return Ok(commit);
    }
    let names = git.ref_names()?;
    Err(
        Failure::usage(format!("`{base}` is not a commit of this repository"))
            .hint("`git branch --all` and `git tag` list what --base may name; `git fetch` brings what is on the server")
            .near(base, names.iter().map(String::as_str))
            .into(),
    )
}

/// Returns the name that a file is imported by, and the folder that has to be on the path where the project's are not
/// enough.
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
            "`{path}` cannot be imported: `{name}` is not a name of a module"
        )));
    }
    Ok((name, own_folder))
}

/// Finds a file as typed, relative to the folder that deadheat was started in, and resolves symlinks.
fn existing(typed: &str, around: &VariantContext<'_>) -> Result<PathBuf, Failure> {
    let path = around.folder.join(typed);
    match fs::canonicalize(&path) {
        Ok(path) if path.is_file() => Ok(path),
        Ok(path) if path.is_dir() => Err(Failure::usage(format!("{typed} is a folder"))
            .hint("name a file: a script, or FILE.py::FUNCTION")),
        Ok(_) => Err(Failure::usage(format!("{typed} is not a file"))
            .hint("the text is read before anything runs, which takes an ordinary file")),
        Err(_) => {
            let known = around.python_files();
            let failure = Failure::usage(format!("there is no file {typed}")).hint(format!(
                "a file is named by its path from here, {}: a script, or FILE.py::FUNCTION",
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

/// Returns the side that lacks the function; fails where both do.
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
                None => {
                    "there is no function at all in it: two statements can be compared with -a STMT -b STMT"
                        .to_owned()
                }
            });
            Err(failure.near(qualname, all))
        }
    }
}

/// Joins the first few of the names; `None` where there are none.
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

    #[test]
    fn whether_a_script_looks_at_its_argument() {
        assert!(looks_at_arguments("import sys\nrun(sys.argv[1])"));
        assert!(looks_at_arguments("from argparse import ArgumentParser"));
        assert!(looks_at_arguments("@click.command()"));
        assert!(!looks_at_arguments("def fired(clicks): pass"));
        let hint = |names: &[&str]| without_variants("util.py", names.iter().copied()).hint.unwrap();
        assert!(hint(&["helper", "C.m"]).starts_with("did you mean `util.py::helper`"));
        assert!(hint(&["C.m"]).contains("bench_a"));
    }

    #[test]
    fn a_script_has_a_name_that_nobody_else_has() {
        assert_eq!(
            name_of_script(Path::new("/x/json.try-1.py")),
            "deadheat_script_json_try_1"
        );
    }
}
