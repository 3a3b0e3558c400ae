//! `--env per-ref`: an environment for each side, made from the dependencies that its revision declares. It
//! is cached by its inputs, so that it is made once and then used without a network.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use deadheat_core::dependencies::{self, Declaration, Declared};
use deadheat_core::model::Side;
use toml::Table;

use crate::error::{ErrorKind, Failure};
use crate::git::Git;
use crate::prepare::env_vars;
use crate::prepare::interpreter::{self, Interpreter, python_of};
use crate::project::dependency_files::{Local, declaring_files, local_requirements};
use crate::system::cache::{self, Entry, Kind};
use crate::system::command::{self, Deadline};
use crate::system::files;
use crate::system::paths::file_name;

/// Lock files, the most informative first.
const LOCKS: [&str; 5] = [
    "uv.lock",
    "pylock.toml",
    "poetry.lock",
    "pdm.lock",
    "Pipfile.lock",
];
/// Requirements files that are used if a project declares nothing else: all that exist.
const USUAL_REQUIREMENTS: [&str; 8] = [
    "requirements.txt",
    "requirements-dev.txt",
    "requirements_dev.txt",
    "dev-requirements.txt",
    "requirements-test.txt",
    "requirements-tests.txt",
    "test-requirements.txt",
    "requirements/test.txt",
];

/// The tool that makes environments.
#[derive(Clone, Debug)]
pub(crate) enum Installer {
    Uv(PathBuf),
    Pip,
}

impl Installer {
    /// Finds uv next to the interpreter or on the PATH; otherwise takes pip.
    pub(crate) fn find(variables: &BTreeMap<OsString, OsString>, python: &Path) -> Self {
        let beside = python.parent().map(Path::to_owned);
        let folders = beside.into_iter().chain(env_vars::search_path(variables));
        // Some are shims that only report that there is no uv.
        let runs = |program: &PathBuf| {
            let mut command = Command::new(program);
            command.arg("--version").stdin(Stdio::null());
            command.output().is_ok_and(|output| output.status.success())
        };
        let found = folders
            .map(|folder| folder.join("uv"))
            .find(|program| program.is_file() && runs(program));
        found.map_or(Installer::Pip, Installer::Uv)
    }

    fn name(&self) -> &'static str {
        match self {
            Installer::Uv(_) => "uv",
            Installer::Pip => "pip",
        }
    }
}

/// The inputs of one side's environment.
pub(crate) struct VenvSpec<'a> {
    pub(crate) side: Side,
    /// The project's folder in this side's worktree.
    pub(crate) folder: PathBuf,
    pub(crate) worktree: &'a Path,
    pub(crate) commit: &'a str,
    /// The Python that environments are made with.
    pub(crate) python: &'a Interpreter,
    pub(crate) installer: &'a Installer,
    /// The requirements files to be used, relative to the project's folder.
    pub(crate) requirements: &'a [String],
    pub(crate) variables: &'a BTreeMap<OsString, OsString>,
    pub(crate) probe: PathBuf,
}

/// An existing environment, which no other run removes as long as this lives.
pub(crate) struct Venv {
    pub(crate) interpreter: Interpreter,
    pub(crate) folder: PathBuf,
    /// A description of its inputs and its installer, for people.
    pub(crate) made_from: String,
    /// The reason why the project itself is not installed in it, if that failed.
    pub(crate) without_project: Option<String>,
    _entry: Entry,
}

const LOG: &str = "output.log";
const ENVIRONMENT: &str = "environment";
const WITHOUT_PROJECT: &str = "without-project";

impl VenvSpec<'_> {
    fn read(&self, name: &str) -> Option<String> {
        fs::read_to_string(self.folder.join(name)).ok()
    }

    fn pyproject(&self) -> Table {
        let text = self.read("pyproject.toml").unwrap_or_default();
        text.parse().unwrap_or_default()
    }

    /// Returns the lock file; that of a workspace lies above the project, and its name begins with `../`.
    fn lock(&self) -> Option<String> {
        let own = LOCKS.into_iter().find(|name| self.folder.join(name).is_file());
        own.map(str::to_owned).or_else(|| {
            let above = self.folder.ancestors().skip(1);
            let above = above.take_while(|folder| folder.starts_with(self.worktree));
            let found = above
                .enumerate()
                .find(|(_, folder)| folder.join("uv.lock").is_file());
            found.map(|(steps, _)| format!("{}uv.lock", "../".repeat(steps + 1)))
        })
    }

    /// Returns the requirements files to be used.
    fn requirements_files(&self, declared: &Declared) -> Vec<String> {
        if !self.requirements.is_empty() {
            return self.requirements.to_vec();
        }
        let declares = declared.is_static || self.lock().is_some();
        let usual = USUAL_REQUIREMENTS
            .into_iter()
            .filter(|name| !declares && self.folder.join(name).is_file());
        usual.map(str::to_owned).collect()
    }

    /// Returns a key for this environment, from all files that may define its content.
    pub(crate) fn key(&self) -> anyhow::Result<String> {
        let Interpreter { path, version, .. } = self.python;
        let mut parts: Vec<Vec<u8>> = [
            env!("CARGO_PKG_VERSION"),
            self.installer.name(),
            &path.display().to_string(),
            version,
            std::env::consts::ARCH,
        ]
        .map(|part| part.as_bytes().to_vec())
        .to_vec();
        let mut names = declaring_files(&self.folder, self.requirements);
        names.extend(self.lock());
        for name in names {
            parts.push(files::read_if_any(&self.folder.join(&name))?.unwrap_or_default());
            parts.push(name.into_bytes());
        }
        parts.extend(self.requirements.iter().map(|name| name.clone().into_bytes()));
        if self.takes_from_repository() {
            parts.push(self.commit.as_bytes().to_vec());
        }
        Ok(cache::key(parts))
    }

    /// Whether packages of the repository other than the project itself are installed, which are as in the commit.
    fn takes_from_repository(&self) -> bool {
        let pyproject = self.pyproject();
        let uv = pyproject.get("tool").and_then(|tool| tool.get("uv"));
        let lock = self.lock().and_then(|name| self.read(&name)).unwrap_or_default();
        let lock: Table = lock.parse().unwrap_or_default();
        let packages = lock.get("package").and_then(toml::Value::as_array);
        let is_local = |package: &&toml::Value| {
            let source = package.get("source");
            let place = ["editable", "directory", "virtual"]
                .into_iter()
                .find_map(|key| source.and_then(|source| source.get(key)));
            place
                .and_then(toml::Value::as_str)
                .is_some_and(|place| place != ".")
        };
        uv.is_some_and(|uv| uv.get("workspace").is_some())
            || packages.into_iter().flatten().filter(is_local).count() > 0
            || !local_requirements(&self.folder, self.requirements).is_empty()
    }

    /// Whether there is something to install, rather than a folder of files.
    fn is_package(&self) -> bool {
        let pyproject = self.pyproject();
        self.folder.join("setup.py").is_file()
            || pyproject.contains_key("project")
            || pyproject.contains_key("build-system")
    }

    /// Returns the environment, and makes it if it does not exist.
    pub(crate) fn make(
        &self,
        git: &Git,
        limits: &Deadline,
        say: &mut dyn FnMut(&str),
    ) -> anyhow::Result<Venv> {
        self.check()?;
        let mut declared = dependencies::declared(&self.pyproject());
        if !self.folder.join("setup.py").is_file() && !self.pyproject().contains_key("project") {
            let pipfile = self
                .read("Pipfile")
                .map(|text| dependencies::declared_in_pipfile(&text));
            let cfg = self
                .read("setup.cfg")
                .map(|text| dependencies::declared_in_setup_cfg(&text));
            declared
                .requirements
                .extend(pipfile.into_iter().chain(cfg).flatten());
        }
        let made_from = self.made_from(&declared);
        let entry = Entry::use_or_make(Kind::Environments, &self.key()?, limits, say)?;
        let folder = entry.folder().join(ENVIRONMENT);
        let log = entry.folder().join(LOG);
        if !entry.is_ready() {
            say(&format!("making the environment of {} ({made_from})", self.side));
            entry.empty()?;
            let making = VenvInstaller {
                recipe: self,
                folder: &folder,
                log: &log,
                limits,
            };
            making.all(git, &declared, entry.folder())?;
            entry.set_ready()?;
        }
        let interpreter = interpreter::of_environment(&folder, &self.probe).map_err(|problem| {
            Failure::nothing_measured(format!(
                "the environment of {} cannot be used: {problem}",
                self.side
            ))
            .hint("`deadheat clean` removes it, and the next run makes it again")
        })?;
        Ok(Venv {
            interpreter,
            without_project: fs::read_to_string(entry.folder().join(WITHOUT_PROJECT)).ok(),
            folder,
            made_from,
            _entry: entry,
        })
    }

    /// Refuses a revision from which no environment can be made.
    fn check(&self) -> Result<(), Failure> {
        if let Some(Err(error)) = self.read("pyproject.toml").map(|text| text.parse::<Table>()) {
            return Err(Failure::usage(format!(
                "on {}, pyproject.toml cannot be read: {}",
                self.side,
                error.message()
            )));
        }
        let locals = local_requirements(&self.folder, self.requirements);
        if let Some(Local { file, line, .. }) = locals.iter().find(|local| local.line.starts_with('-')) {
            return Err(Failure::usage(format!(
                "`{file}` installs a part of the repository as editable on {} (`{line}`), and an environment outlives its checkout",
                self.side
            ))
            .hint("name it without -e, or other requirements files: --requirements FILE"));
        }
        Ok(())
    }

    fn made_from(&self, declared: &Declared) -> String {
        let mut files: Vec<String> = self.lock().into_iter().collect();
        files.extend(self.requirements_files(declared));
        if files.is_empty() {
            let name = match self.read("pyproject.toml") {
                Some(_) => "pyproject.toml",
                None => "setup.py",
            };
            files.push(name.to_owned());
        }
        format!("by {} from {}", self.installer.name(), files.join(", "))
    }
}

/// An environment that is being made.
struct VenvInstaller<'a> {
    recipe: &'a VenvSpec<'a>,
    folder: &'a Path,
    log: &'a Path,
    limits: &'a Deadline,
}

impl VenvInstaller<'_> {
    fn all(&self, git: &Git, declared: &Declared, scratch: &Path) -> anyhow::Result<()> {
        self.environment()?;
        let lock = self.recipe.lock();
        self.dependencies(declared, lock.as_deref(), scratch)?;
        let worktree = Git::at(self.recipe.worktree, git);
        let before = worktree.all_but_committed()?;
        self.project(declared, lock.as_deref(), scratch)?;
        self.undo_changes(&worktree, &before.into_iter().collect())?;
        if interpreter::of_environment(self.folder, &self.recipe.probe).is_err() {
            self.install(&["pytest>=7"])?;
        }
        Ok(())
    }

    fn dependencies(&self, declared: &Declared, lock: Option<&str>, scratch: &Path) -> anyhow::Result<()> {
        match (self.recipe.installer, lock) {
            (Installer::Uv(uv), Some(lock)) if lock.ends_with("uv.lock") => self.sync(uv, declared),
            _ => self.requirements(declared, lock, scratch),
        }
    }

    /// Has uv install the packages that its lock file names.
    fn sync(&self, uv: &Path, declared: &Declared) -> anyhow::Result<()> {
        let mut sync = self.command(uv);
        // The interpreter is named, because `.python-version` may select another one.
        sync.args([
            "sync",
            "--frozen",
            "--no-install-project",
            "--no-editable",
            "--python",
        ])
        .arg(python_of(self.folder))
        .env("UV_PROJECT_ENVIRONMENT", self.folder);
        for group in &declared.groups {
            sync.args(["--group", group]);
        }
        for extra in &declared.extras {
            sync.args(["--extra", extra]);
        }
        self.step(&mut sync)
    }

    /// Installs the packages that the project and its requirements files declare, in the versions of the lock
    /// file.
    fn requirements(&self, declared: &Declared, lock: Option<&str>, scratch: &Path) -> anyhow::Result<()> {
        let recipe = self.recipe;
        let has_hashes = |file: &String| recipe.read(file).is_some_and(|text| text.contains("--hash="));
        let files = recipe.requirements_files(declared).into_iter();
        let (hashed, others): (Vec<String>, Vec<String>) = files.partition(has_hashes);
        // If one requirement has hashes, pip wants hashes for everything.
        for file in &hashed {
            self.install(&["-r", file])?;
        }
        let mut arguments = declared.requirements.clone();
        arguments.extend(others.into_iter().flat_map(|file| ["-r".to_owned(), file]));
        let pins = lock.and_then(|name| {
            dependencies::constraints(Declaration::of_file(file_name(name))?, &recipe.read(name)?)
        });
        if let Some(pins) = pins.filter(|pins| !pins.is_empty()) {
            let file = scratch.join("constraints.txt");
            fs::write(&file, pins)?;
            // If nothing else declares dependencies, every locked package is needed.
            let how = if arguments.is_empty() { "-r" } else { "-c" };
            arguments.extend([how.to_owned(), file.display().to_string()]);
        }
        if arguments.is_empty() {
            return Ok(());
        }
        self.install(&arguments)
    }

    /// Installs the project's metadata, from which packages read their own version, but not its code: that is the
    /// worktree's.
    fn project(&self, declared: &Declared, lock: Option<&str>, scratch: &Path) -> anyhow::Result<()> {
        if !self.recipe.is_package() {
            return Ok(());
        }
        let needs_its_own = !declared.is_static && lock.is_none();
        if needs_its_own {
            return self.install(&["--editable", "."]);
        }
        let Err(error) = self.install(&["--no-deps", "--editable", "."]) else {
            return Ok(());
        };
        let failure = error.downcast::<Failure>()?;
        if failure.kind != ErrorKind::CommandFailed {
            return Err(failure.into());
        }
        Ok(fs::write(
            scratch.join(WITHOUT_PROJECT),
            files::tail_of(self.log),
        )?)
    }

    /// Undoes the changes of an installation to the worktree; `before` are the paths that were not committed
    /// before it.
    fn undo_changes(&self, worktree: &Git, before: &BTreeSet<String>) -> anyhow::Result<()> {
        let changed: BTreeSet<String> = worktree.uncommitted_paths()?.into_iter().collect();
        let now = worktree.all_but_committed()?.into_iter();
        for path in now.filter(|path| !before.contains(path)) {
            if changed.contains(&path) {
                worktree.restore(&path)?;
            } else {
                files::remove_with_empty_folders(self.recipe.worktree, &path);
            }
        }
        Ok(())
    }

    fn environment(&self) -> anyhow::Result<()> {
        let python = &self.recipe.python.path;
        match self.recipe.installer {
            Installer::Uv(uv) => {
                let mut venv = self.command(uv);
                venv.args(["venv", "--no-project", "--python"])
                    .arg(python)
                    .arg(self.folder);
                self.step(&mut venv)
            }
            Installer::Pip => {
                let mut venv = self.command(python);
                venv.args(["-m", "venv"]).arg(self.folder);
                if self.step(&mut venv).is_ok() {
                    return Ok(());
                }
                // Some systems ship Python without the part of venv that installs pip; pip itself can do it instead.
                let mut venv = self.command(python);
                venv.args(["-m", "venv", "--clear", "--without-pip"])
                    .arg(self.folder);
                self.step(&mut venv)?;
                let mut pip = self.command(python);
                pip.args(["-m", "pip", "--python"])
                    .arg(python_of(self.folder))
                    .args(["install", "pip"]);
                self.step(&mut pip)
            }
        }
    }

    fn install(&self, arguments: &[impl AsRef<OsStr>]) -> anyhow::Result<()> {
        let mut command = match self.recipe.installer {
            Installer::Uv(uv) => {
                let mut command = self.command(uv);
                command
                    .args(["pip", "install", "--python"])
                    .arg(python_of(self.folder));
                command
            }
            Installer::Pip => {
                let mut command = self.command(&python_of(self.folder));
                command.args([
                    "-m",
                    "pip",
                    "install",
                    "--no-input",
                    "--disable-pip-version-check",
                ]);
                command
            }
        };
        self.step(command.args(arguments))
    }

    fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command
            .current_dir(&self.recipe.folder)
            .env_clear()
            .envs(self.recipe.variables)
            .env("VIRTUAL_ENV", self.folder);
        command
    }

    fn step(&self, command: &mut Command) -> anyhow::Result<()> {
        let status = command::run(command, self.log, self.limits)?;
        if status.success() {
            return Ok(());
        }
        let words: Vec<String> = std::iter::once(command.get_program())
            .chain(command.get_args())
            .map(|word| word.to_string_lossy().into_owned())
            .collect();
        Err(Failure::new(ErrorKind::CommandFailed, format!(
            "the environment of {} cannot be made ({status}): {}\nThe end of its output:\n\n{}",
            self.recipe.side,
            words.join(" "),
            files::tail_of(self.log)
        ))
        .hint(format!(
            "is the network available, and do the revision's dependencies install by hand? --requirements FILE names other \
             files to install from; all of the output: {}",
            self.log.display()
        ))
        .into())
    }
}
