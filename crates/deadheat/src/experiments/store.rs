//! The state folder: the loop's files, which people and other programs also read and write. Every change is
//! made under a lock, to the file's current content, and each file is written whole or not at all.

use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::Context;
use deadheat_core::model::{Action, NextStep};
use deadheat_core::records::{self, Baseline, History, Results};
use deadheat_core::text::plain;
use rustix::fs::{FlockOperation, OFlags, flock};

use crate::config::Config;
use crate::error::Failure;
use crate::git::Git;
use crate::system::command::Deadline;
use crate::system::files;
use crate::system::interrupt::Interrupt;
use crate::system::terminal;

const DEFAULT_FOLDER: &str = ".codeflash";
const HANDOFF: &str = "HANDOFF.md";
const RESULTS: &str = "results.tsv";
const SETUP: &str = "setup.md";
const MICRO: &str = "micro.jsonl";
const LOCK: &str = ".lock";
const GITIGNORE: &str = ".gitignore";
/// The records outlive `git reset --hard` and are never staged. Other files in the folder are not ignored.
const IGNORED: [&str; 6] = [HANDOFF, RESULTS, SETUP, MICRO, LOCK, GITIGNORE];

/// The longest wait for the lock, which others hold for as long as it takes to write two small files.
const LONGEST_WAIT: Duration = Duration::from_secs(30);
const LOOK: Duration = Duration::from_millis(5);

/// The folder of the loop's files, which need not exist yet.
#[derive(Debug)]
pub(crate) struct ExperimentStore {
    folder: PathBuf,
    /// The top of the checkout, which the folder must stay inside.
    top: PathBuf,
}

/// The right to write, which is given back when this is dropped.
#[derive(Debug)]
pub(crate) struct Lock {
    _file: File,
}

impl ExperimentStore {
    /// Opens the state of the project around a folder.
    pub(crate) fn open(
        folder: &Path,
        config_file: Option<&Path>,
        interrupt: &Interrupt,
    ) -> anyhow::Result<(Git, Self)> {
        let git = Git::discover(folder, &Deadline::never(interrupt))?;
        let config = Config::load(folder, git.top(), config_file)?;
        let state = Self::find(&config, git.top())?;
        Ok((git, state))
    }

    /// Finds the folder that the configuration names, inside the checkout at `top`.
    pub(crate) fn find(config: &Config, top: &Path) -> anyhow::Result<Self> {
        let named = config.state_dir.as_deref().unwrap_or(DEFAULT_FOLDER);
        let outside = || {
            Failure::usage(format!("state-dir `{named}` lies outside the repository"))
                .hint("give a folder inside the repository, relative to pyproject.toml")
        };
        let top = fs::canonicalize(top).with_context(|| format!("cannot read {}", top.display()))?;
        let base = fs::canonicalize(&config.folder)
            .with_context(|| format!("cannot read {}", config.folder.display()))?;
        let base = base.strip_prefix(&top).map_err(|_| outside())?;
        let relative =
            crate::system::paths::normalize(&base.join(named).to_string_lossy()).ok_or_else(outside)?;
        if relative.split('/').any(|part| part == ".git") {
            return Err(outside().into());
        }
        let state = ExperimentStore {
            folder: top.join(relative),
            top,
        };
        state.check_inside(&state.folder)?;
        if state.folder.exists() && !state.folder.is_dir() {
            return Err(Failure::usage(format!(
                "{} is a file, but the loop's files need a folder of that name",
                state.folder.display()
            ))
            .hint("move it away, or name another folder: state-dir under [tool.deadheat]")
            .into());
        }
        Ok(state)
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Refuses a path that symlinks lead out of the repository, or into git's own folder.
    fn check_inside(&self, path: &Path) -> Result<(), Failure> {
        let nearest = path.ancestors().find(|path| fs::symlink_metadata(path).is_ok());
        let refused = |why: String| {
            Failure::usage(format!("{} is not used: {why}", path.display())).hint(
                "the loop's files must be in the repository; state-dir under [tool.deadheat] names their \
                 folder",
            )
        };
        let nearest = nearest.unwrap_or(&self.top);
        let resolved = fs::canonicalize(nearest)
            .map_err(|error| refused(format!("{} is a broken symlink: {error}", nearest.display())))?;
        if !resolved.starts_with(&self.top) {
            return Err(refused(format!(
                "it leads out of the repository, to {}",
                resolved.display()
            )));
        }
        if resolved.starts_with(self.top.join(".git")) {
            return Err(refused("it leads into git's own folder".to_owned()));
        }
        Ok(())
    }

    /// Whether git tracks the experiments, so that `git reset --hard` takes them back with the code.
    pub(crate) fn is_tracked(&self, git: &Git) -> anyhow::Result<bool> {
        let path = self.folder.join(RESULTS).display().to_string();
        Ok(git.line(["ls-files", "--", &path])?.is_some())
    }

    /// Whether git ignores the experiments.
    pub(crate) fn is_ignored(&self, git: &Git) -> anyhow::Result<bool> {
        let path = self.folder.join(RESULTS).display().to_string();
        git.ignores(&path)
    }

    /// Creates the folder if it is missing, and waits until no other process writes.
    pub(crate) fn lock(&self) -> anyhow::Result<Lock> {
        let problem = |error: std::io::Error| {
            Failure::tool(format!("cannot write to {}: {error}", self.folder.display()))
                .hint("is it a folder, and may you write to it?")
        };
        fs::create_dir_all(&self.folder).map_err(problem)?;
        self.check_inside(&self.folder)?;
        self.ignore_itself().map_err(problem)?;
        let path = self.folder.join(LOCK);
        let mut options = OpenOptions::new();
        // A symlink there is not a lock.
        std::os::unix::fs::OpenOptionsExt::custom_flags(&mut options, OFlags::NOFOLLOW.bits().cast_signed());
        let file = options
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path)
            .map_err(problem)?;
        let until = Instant::now() + LONGEST_WAIT;
        loop {
            match flock(&file, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => return Ok(Lock { _file: file }),
                Err(rustix::io::Errno::WOULDBLOCK) if Instant::now() < until => std::thread::sleep(LOOK),
                Err(rustix::io::Errno::WOULDBLOCK) => {
                    return Err(Failure::tool(format!(
                        "another process has held {} for {} s; nothing was written",
                        path.display(),
                        LONGEST_WAIT.as_secs()
                    ))
                    .hint("end the other deadheat, and run this again")
                    .into());
                }
                Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(problem(error.into()).into()),
            }
        }
    }

    /// Has git ignore the loop's files, unless the folder already has a `.gitignore`.
    fn ignore_itself(&self) -> std::io::Result<()> {
        let lines: String = IGNORED.map(|name| format!("/{name}\n")).concat();
        match OpenOptions::new()
            .write(true)
            .create_new(true)
            .open(self.folder.join(GITIGNORE))
        {
            Ok(mut file) => file.write_all(lines.as_bytes()),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Whether the project has a baseline; not, if its records cannot be read.
    pub(crate) fn has_baseline(config: &Config, top: &Path) -> bool {
        let found = Self::find(config, top).and_then(|state| state.known_baseline());
        matches!(found, Ok(Some(_)))
    }

    /// Whether a loop is under way here.
    pub(crate) fn is_started(&self) -> anyhow::Result<bool> {
        Ok(self.known_baseline()?.is_some() || !self.results()?.rows.is_empty())
    }

    /// Reads a file; a missing one is empty.
    fn read(&self, name: &str) -> anyhow::Result<Vec<u8>> {
        let path = self.folder.join(name);
        self.check_inside(&path)?;
        match fs::read(&path) {
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
                Ok(Vec::new())
            }
            read => read.with_context(|| format!("cannot read {}", path.display())),
        }
    }

    fn read_text(&self, name: &str) -> anyhow::Result<String> {
        String::from_utf8(self.read(name)?).map_err(|_| {
            Failure::usage(format!("{} is not UTF-8", self.folder.join(name).display()))
                .hint("save it as UTF-8; nothing was written")
                .into()
        })
    }

    /// Writes a file. The caller holds the lock, and has read the file since.
    fn write(&self, _lock: &Lock, name: &str, bytes: &[u8]) -> anyhow::Result<PathBuf> {
        let path = self.folder.join(name);
        self.check_inside(&path)?;
        files::write_atomically(&path, bytes)?;
        Ok(path)
    }

    pub(crate) fn results(&self) -> anyhow::Result<Results> {
        Results::parse(&self.read(RESULTS)?).map_err(|problem| {
            Failure::usage(format!("{}: {problem}", self.folder.join(RESULTS).display()))
                .hint("add a header line to it, or move it away; nothing was written")
                .into()
        })
    }

    /// Warns of cells in the table of experiments that were ignored.
    pub(crate) fn warn_of(&self, problems: &[String]) {
        const MOST: usize = 5;
        for problem in problems.iter().take(MOST) {
            terminal::print_note(&format!(
                "warning: {}: {problem}, and is left out",
                self.folder.join(RESULTS).display()
            ));
        }
        if problems.len() > MOST {
            terminal::print_note(&format!("warning: and {} more", problems.len() - MOST));
        }
    }

    pub(crate) fn write_results(&self, lock: &Lock, results: &Results) -> anyhow::Result<PathBuf> {
        self.write(lock, RESULTS, results.bytes())
    }

    pub(crate) fn handoff(&self) -> anyhow::Result<String> {
        self.read_text(HANDOFF)
    }

    pub(crate) fn write_handoff(&self, lock: &Lock, text: &str) -> anyhow::Result<PathBuf> {
        self.write(lock, HANDOFF, text.as_bytes())
    }

    /// Writes `setup.md`'s section about end-to-end benchmarks, and returns its path.
    pub(crate) fn write_setup(&self, benchmarks_root: Result<&str, &str>) -> anyhow::Result<PathBuf> {
        let lock = self.lock()?;
        let text = records::write_setup(&self.read_text(SETUP)?, benchmarks_root);
        self.write(&lock, SETUP, text.as_bytes())
    }

    /// Returns the findings of `micro` so far, one per line; bytes that are not text are replaced.
    pub(crate) fn micro(&self) -> anyhow::Result<String> {
        Ok(String::from_utf8_lossy(&self.read(MICRO)?).into_owned())
    }

    /// Returns the baseline that the loop started from; `None` if none is recorded.
    pub(crate) fn known_baseline(&self) -> anyhow::Result<Option<Baseline>> {
        Ok(self.recorded_baseline()?.map(|(baseline, _)| baseline))
    }

    /// Returns the baseline with the name of its file: another tool may have a row for it.
    fn recorded_baseline(&self) -> anyhow::Result<Option<(Baseline, &'static str)>> {
        if let Some(baseline) = records::read_baseline(&self.handoff()?) {
            return Ok(Some((baseline, HANDOFF)));
        }
        let baseline = records::baseline_of(&self.results()?.rows);
        Ok(baseline.map(|baseline| (baseline, RESULTS)))
    }
}

/// The other commands' access to the records.
impl ExperimentStore {
    /// Returns the commit that the loop started from.
    pub(crate) fn baseline(&self, git: &Git) -> anyhow::Result<String> {
        let Some((baseline, file)) = self.recorded_baseline()? else {
            return Err(Failure::usage(format!(
                "there is no baseline in {}",
                self.folder.join(HANDOFF).display()
            ))
            .named("no_baseline")
            .hint("`deadheat start` makes the current commit the baseline")
            .next(NextStep::command(
                Action::Start,
                &["deadheat", "start"],
                "a loop starts from a baseline",
            ))
            .into());
        };
        self.commit_of(git, &baseline.commit, "the baseline", file)
    }

    /// Returns the commit of the last experiment that was kept since the baseline, else the baseline.
    pub(crate) fn last_kept(&self, git: &Git) -> anyhow::Result<String> {
        let baseline = self.known_baseline()?;
        let results = self.results()?;
        match History::new(&results.rows, baseline.as_ref()).last_kept() {
            Some(commit) => self.commit_of(git, commit, "the last experiment that was kept", RESULTS),
            None => self.baseline(git),
        }
    }

    fn commit_of(&self, git: &Git, name: &str, what: &str, file: &str) -> anyhow::Result<String> {
        // A branch may name another commit tomorrow.
        if name.len() < 7 || !name.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(Failure::usage(format!(
                "{what} in {}, `{}`, is not a commit hash",
                self.folder.join(file).display(),
                plain(name)
            ))
            .hint("replace it with the hash that `git rev-parse REF` prints")
            .into());
        }
        git.commit(name)?.ok_or_else(|| {
            Failure::usage(format!(
                "{what} in {}, `{name}`, is not a commit of this repository",
                self.folder.join(file).display()
            ))
            .hint(
                "was it rebased away, or not fetched? name both refs (deadheat compare BASE HEAD); give its row in results.tsv \
                 the status discard; or start over from here: deadheat start --replace",
            )
            .into()
        })
    }

    /// Adds a line to `micro.jsonl`.
    pub(crate) fn append_micro(&self, line: &str) -> anyhow::Result<()> {
        let lock = self.lock()?;
        let mut bytes = self.read(MICRO)?;
        if !bytes.is_empty() && !bytes.ends_with(b"\n") {
            bytes.push(b'\n');
        }
        bytes.extend_from_slice(line.trim_end().as_bytes());
        bytes.push(b'\n');
        self.write(&lock, MICRO, &bytes)?;
        Ok(())
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    /// Returns a state folder in an empty checkout.
    pub(crate) fn state(top: &Path, state_dir: Option<&str>) -> anyhow::Result<ExperimentStore> {
        let config = Config {
            folder: top.to_owned(),
            state_dir: state_dir.map(str::to_owned),
            ..Config::default()
        };
        ExperimentStore::find(&config, top)
    }

    #[test]
    fn the_folder_lies_inside_the_repository() {
        let folder = tempfile::tempdir().unwrap();
        let top = folder.path().join("top");
        fs::create_dir_all(top.join(".git")).unwrap();
        assert!(state(&top, None).unwrap().folder().ends_with("top/.codeflash"));
        assert!(state(&top, Some("a/../b")).unwrap().folder().ends_with("top/b"));
        for outside in ["..", "../other", "/tmp", ".git/loop"] {
            assert!(state(&top, Some(outside)).is_err(), "{outside}");
        }
        symlink(folder.path(), top.join("out")).unwrap();
        symlink(top.join(".git"), top.join("git")).unwrap();
        symlink(folder.path().join("nowhere"), top.join("nowhere")).unwrap();
        for outside in ["out", "out/deeper", "git", "nowhere"] {
            assert!(state(&top, Some(outside)).is_err(), "{outside}");
        }
    }

    #[test]
    fn a_file_that_leads_out_of_the_repository_is_neither_read_nor_written() {
        let folder = tempfile::tempdir().unwrap();
        let top = folder.path().join("top");
        fs::create_dir_all(top.join(".codeflash")).unwrap();
        fs::write(folder.path().join("mine"), "mine").unwrap();
        let state = state(&top, None).unwrap();
        for name in [HANDOFF, SETUP, LOCK] {
            symlink(folder.path().join("mine"), top.join(".codeflash").join(name)).unwrap();
        }
        assert!(state.handoff().is_err());
        assert!(state.lock().is_err());
        fs::remove_file(top.join(".codeflash").join(LOCK)).unwrap();
        assert!(state.write_setup(Ok("bench")).is_err());
        assert_eq!(fs::read_to_string(folder.path().join("mine")).unwrap(), "mine");
    }

    #[test]
    fn the_refs_of_the_loop() {
        let folder = tempfile::tempdir().unwrap();
        let git = Git::anywhere(folder.path(), &Deadline::never(&Interrupt::default())).unwrap();
        let commit = || {
            let identity = ["-c", "user.name=t", "-c", "user.email=t@localhost"];
            let commit = ["commit", "--quiet", "--allow-empty", "--message", "change"];
            git.run(identity.into_iter().chain(commit)).unwrap();
            git.commit("HEAD").unwrap().unwrap()
        };
        git.run(["init", "--quiet", "--initial-branch=main"]).unwrap();
        let [first, second] = [commit(), commit()];
        let state = state(folder.path(), None).unwrap();
        assert!(
            state
                .baseline(&git)
                .unwrap_err()
                .to_string()
                .contains("no baseline")
        );
        let lock = state.lock().unwrap();
        let short = &first[..12];
        state
            .write_handoff(&lock, &format!("## Baseline\ncommit: {short}\n"))
            .unwrap();
        assert_eq!(state.baseline(&git).unwrap(), first);
        assert_eq!(state.last_kept(&git).unwrap(), first);
        let rows = format!("benchmark\thead\tstatus\n__total__\t{second}\tkeep\n__total__\t{first}\tmixed\n");
        fs::write(state.folder().join(RESULTS), &rows).unwrap();
        assert_eq!(state.last_kept(&git).unwrap(), second);
        fs::write(state.folder().join(RESULTS), rows.replace(&second, "0123456789")).unwrap();
        assert!(
            state
                .last_kept(&git)
                .unwrap_err()
                .to_string()
                .contains("0123456789")
        );
    }

    #[test]
    fn lines_of_micro_are_added_by_many_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let state = state(folder.path(), None).unwrap();
        fs::create_dir_all(state.folder()).unwrap();
        fs::write(state.folder().join(MICRO), "an old line without an end").unwrap();
        std::thread::scope(|scope| {
            for writer in 0..4 {
                let state = &state;
                scope.spawn(move || {
                    for line in 0..5 {
                        state
                            .append_micro(&format!("{{\"{writer}\": {line}}}\n"))
                            .unwrap();
                    }
                });
            }
        });
        let text = state.micro().unwrap();
        assert_eq!(text.lines().count(), 21);
        assert!(text.starts_with("an old line without an end\n{"));
    }
}
