//! A plan: everything that another machine needs to measure the same comparison, in one file: a line of JSON, the files
//! that git does not bring, and a git bundle of the two commits.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Component, Path, PathBuf};

use anyhow::Context;
use deadheat_core::model::{PerSide, Revision, Settings};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::error::Failure;
use crate::git::Git;
use crate::system::command::Deadline;

/// The format of plans.
const VERSION: u32 = 1;
/// The most bytes of files that git does not bring.
const MOST_BYTES: u64 = 256 << 20;
/// Folders that Python and pytest write, which the other machine writes itself.
const CACHES: [&str; 2] = ["__pycache__", ".pytest_cache"];

/// The first line of a plan.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Plan {
    version: u32,
    tool_version: String,
    pub(crate) comparison: PlannedComparison,
    /// The commits whose parents the repository lacks, if it is shallow.
    shallow: String,
    files: Vec<PlannedFile>,
}

/// The comparison that another machine measures.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PlannedComparison {
    pub(crate) revisions: PerSide<Revision>,
    /// The settings that decide about the measurement.
    pub(crate) settings: Settings,
    pub(crate) seed: u64,
    /// The driver's interpreter: another machine uses its own if it does not have it.
    pub(crate) python: PathBuf,
    /// The names of the environment variables that are kept; their values are those of the other machine.
    pub(crate) passed_variables: Vec<String>,
    /// The pull request that is compared, whose code does not see the tokens of GitHub.
    pub(crate) pull_request: Option<u64>,
    pub(crate) fetch: bool,
    /// The folder in which deadheat was started, relative to the repository.
    pub(crate) folder: PathBuf,
    /// The file of the configuration, relative to that folder, if it was named.
    pub(crate) config_file: Option<PathBuf>,
}

/// A file that follows the first line, or that is to be removed.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct PlannedFile {
    /// Relative to the repository.
    path: String,
    /// The number of its bytes; `None`: it is removed.
    bytes: Option<u64>,
    is_executable: bool,
}

/// What a plan is made from.
pub(crate) struct PlanParts<'a> {
    pub(crate) git: &'a Git,
    pub(crate) comparison: PlannedComparison,
    /// The file of the configuration in the working tree, which may not be committed.
    pub(crate) configuration: Option<&'a Path>,
    /// Head's worktree, and the paths in it that are not as in its commit.
    pub(crate) head: &'a Path,
    pub(crate) laid_over: BTreeSet<String>,
}

/// A plan's file.
pub(crate) struct PlanFile {
    pub(crate) path: PathBuf,
    pub(crate) sha256: String,
    pub(crate) bytes: u64,
}

impl PlanParts<'_> {
    /// Writes the plan into a folder.
    pub(crate) fn write(self, folder: &Path) -> anyhow::Result<PlanFile> {
        let (bundle, shallow) = bundle(self.git, &self.comparison.revisions, folder)?;
        let mut contents = Vec::new();
        let mut files = Vec::new();
        let configuration = self.configuration();
        let sources = self.laid_over.iter();
        let sources = sources.map(|path| (path.clone(), self.head.join(path)));
        for (path, source) in configuration.into_iter().chain(sources) {
            files.push(read_file(path, &source, &mut contents)?);
        }
        let plan = Plan {
            version: VERSION,
            tool_version: env!("CARGO_PKG_VERSION").to_owned(),
            comparison: self.comparison,
            shallow,
            files,
        };
        let path = folder.join("comparison.plan");
        let mut whole = serde_json::to_vec(&plan)?;
        whole.push(b'\n');
        whole.append(&mut contents);
        File::open(&bundle)?.read_to_end(&mut whole)?;
        fs::write(&path, &whole).with_context(|| format!("cannot write {}", path.display()))?;
        Ok(PlanFile {
            path,
            sha256: Sha256::digest(&whole)
                .iter()
                .map(|byte| format!("{byte:02x}"))
                .collect(),
            bytes: whole.len() as u64,
        })
    }

    /// Returns the file of the configuration with its path in the repository, if it lies there.
    fn configuration(&self) -> Option<(String, PathBuf)> {
        let file = fs::canonicalize(self.configuration?).ok()?;
        let path = file.strip_prefix(self.git.top()).ok()?.to_str()?;
        Some((path.to_owned(), file.clone()))
    }
}

fn read_file(path: String, source: &Path, contents: &mut Vec<u8>) -> anyhow::Result<PlannedFile> {
    let Ok(metadata) = fs::metadata(source) else {
        return Ok(PlannedFile {
            path,
            bytes: None,
            is_executable: false,
        });
    };
    let before = contents.len();
    let cannot = || format!("cannot read {}", source.display());
    let mut file = File::open(source).with_context(cannot)?;
    file.read_to_end(contents).with_context(cannot)?;
    if contents.len() as u64 > MOST_BYTES {
        return Err(Failure::usage(format!(
            "--on: the files that git does not bring hold more than {} MiB; the last one is {path}",
            MOST_BYTES >> 20
        ))
        .hint("commit what the benchmarks need, or put large data where every machine finds it")
        .into());
    }
    Ok(PlannedFile {
        path,
        bytes: Some((contents.len() - before) as u64),
        is_executable: metadata.permissions().mode() & 0o100 != 0,
    })
}

/// Returns the paths in a worktree that are not as in its commit, without what Python and pytest write.
pub(crate) fn paths_beside_commit(git: &Git) -> anyhow::Result<BTreeSet<String>> {
    let words = [
        "status",
        "--porcelain=v1",
        "-z",
        "--ignored",
        "--untracked-files=all",
        "--no-renames",
    ];
    let output = git.run(words)?;
    let text = String::from_utf8_lossy(&output);
    let paths = text.split('\0').filter_map(|entry| entry.get(3..));
    let is_cache = |path: &str| path.split('/').any(|part| CACHES.contains(&part)) || path.ends_with(".pyc");
    let paths = paths.filter(|path| !path.is_empty() && !path.ends_with('/') && !is_cache(path));
    Ok(paths.map(str::to_owned).collect())
}

/// Makes a git bundle of both commits, with the tags that their versions are derived from. Returns its file, and the
/// commits whose parents are missing.
fn bundle(git: &Git, revisions: &PerSide<Revision>, folder: &Path) -> anyhow::Result<(PathBuf, String)> {
    // A bundle holds refs. They are made in a repository of its own, which borrows the objects.
    let store = folder.join("bundle.git");
    git.run(["init", "--quiet", "--bare", &store.to_string_lossy()])?;
    let common = git.common_directory()?;
    fs::create_dir_all(store.join("objects/info"))?;
    let objects = common.join("objects");
    fs::write(
        store.join("objects/info/alternates"),
        format!("{}\n", objects.display()),
    )?;
    let merged = format!("--merged={}", revisions.head.commit);
    let tags = git.run([
        "for-each-ref",
        "--format=%(objectname) %(refname)",
        &merged,
        "refs/tags",
    ])?;
    let mut refs = vec![
        format!("{} refs/deadheat/base", revisions.base.commit),
        format!("{} refs/deadheat/head", revisions.head.commit),
    ];
    refs.extend(String::from_utf8_lossy(&tags).lines().map(str::to_owned));
    fs::write(store.join("packed-refs"), refs.join("\n") + "\n")?;
    let shallow = fs::read_to_string(common.join("shallow")).unwrap_or_default();
    if !shallow.is_empty() {
        fs::write(store.join("shallow"), &shallow)?;
    }
    let file = folder.join("commits.bundle");
    let store = Git::of_directory(&store, folder, git);
    store.run(["bundle", "create", "--quiet", &file.to_string_lossy(), "--all"])?;
    Ok((file, shallow))
}

impl Plan {
    /// Reads a plan, and makes a repository of it in the empty `folder`: head's commit, with the files that lay over it.
    pub(crate) fn unpack(
        file: &Path,
        folder: &Path,
        limits: &Deadline,
    ) -> anyhow::Result<(PlannedComparison, Git)> {
        let cannot = || format!("cannot read the plan {}", file.display());
        let mut reader = BufReader::new(File::open(file).with_context(cannot)?);
        let mut line = Vec::new();
        reader.read_until(b'\n', &mut line).with_context(cannot)?;
        let plan: Plan = serde_json::from_slice(&line).with_context(cannot)?;
        if plan.version != VERSION || plan.tool_version != env!("CARGO_PKG_VERSION") {
            return Err(Failure::tool(format!(
                "the plan is of deadheat {}, and this machine has {}",
                plan.tool_version,
                env!("CARGO_PKG_VERSION")
            ))
            .hint("install the same version on all machines")
            .into());
        }
        let mut contents = Vec::new();
        for planned in &plan.files {
            let mut content = Vec::new();
            (&mut reader)
                .take(planned.bytes.unwrap_or(0))
                .read_to_end(&mut content)
                .with_context(cannot)?;
            contents.push(content);
        }
        let bundle = folder.with_extension("bundle");
        std::io::copy(&mut reader, &mut File::create(&bundle)?)?;
        let git = repository(&plan, &bundle, folder, limits)?;
        for (planned, content) in plan.files.iter().zip(contents) {
            planned.write(folder, &content)?;
        }
        fs::remove_file(&bundle)?;
        Ok((plan.comparison, git))
    }
}

/// Makes a repository of a plan's bundle.
fn repository(plan: &Plan, bundle: &Path, folder: &Path, limits: &Deadline) -> anyhow::Result<Git> {
    fs::create_dir_all(folder)?;
    let git = Git::anywhere(folder, limits)?;
    git.run(["init", "--quiet"])?;
    if !plan.shallow.is_empty() {
        fs::write(folder.join(".git/shallow"), &plan.shallow)?;
    }
    let bundle = bundle.to_string_lossy();
    git.run([
        "fetch",
        "--quiet",
        "--no-recurse-submodules",
        &bundle,
        "refs/*:refs/*",
    ])?;
    git.run([
        "checkout",
        "--quiet",
        "--detach",
        &plan.comparison.revisions.head.commit,
    ])?;
    Git::discover(folder, limits)
}

impl PlannedFile {
    fn write(&self, folder: &Path, content: &[u8]) -> anyhow::Result<()> {
        let is_below = |part| matches!(part, Component::Normal(_));
        if !Path::new(&self.path).components().all(is_below) {
            return Err(Failure::tool(format!(
                "the plan names a file outside the project: {}",
                self.path
            ))
            .into());
        }
        let path = folder.join(&self.path);
        if self.bytes.is_none() {
            let _ = fs::remove_file(&path);
            return Ok(());
        }
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        let mode = if self.is_executable { 0o755 } else { 0o644 };
        let mut file = File::create(&path).with_context(|| format!("cannot write {}", path.display()))?;
        file.write_all(content)?;
        file.set_permissions(fs::Permissions::from_mode(mode))?;
        Ok(())
    }
}
