//! A site: everything on one machine that workers need, in a file. With it, any process of this machine can measure.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context;
use deadheat_core::model::{PerSide, Python, Side, Warning};
use deadheat_core::protocol::HelloRequest;
use serde::{Deserialize, Serialize};

use crate::Installation;
use crate::passes::workers::WorkerPool;
use crate::system::command::Deadline;
use crate::system::cpu_pinning::{CpuPinning, Pinning};
use crate::system::limits::MemoryLimit;
use crate::worker::launcher::{Forks, ProcessLauncher, WorkerKind};
use crate::worker::process::WorkerCommand;
use crate::worker::session::{CollectSpec, WorkerSpec};

/// Checked-out revisions that are ready to be measured.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Site {
    sides: PerSide<SiteSide>,
    pub(super) collect: CollectSpec,
    keyword: Option<String>,
    pytest_args: Vec<String>,
    /// The native part, which watching workers load.
    extension: String,
    /// The folder for the workers' logs.
    logs: PathBuf,
    pub(crate) python: PerSide<Python>,
    /// The doubts that came up while it was made.
    pub(crate) warnings: Vec<Warning>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SiteSide {
    hello: HelloRequest,
    interpreter: PathBuf,
    script: PathBuf,
    folder: PathBuf,
    environment: Vec<(OsString, OsString)>,
    memory_limit_mib: Option<u64>,
}

impl Site {
    pub(crate) fn of(workers: &WorkerPool, python: PerSide<Python>, warnings: Vec<Warning>) -> Self {
        let spec = &workers.spec;
        let sides = PerSide::new(Side::Base, Side::Head).map(|side| {
            let command = workers.launcher.commands.get(side);
            let variables = command.environment.iter();
            SiteSide {
                hello: spec.hello.get(side).clone(),
                interpreter: command.interpreter.clone(),
                script: command.script.clone(),
                folder: command.folder.clone(),
                environment: variables
                    .map(|(name, value)| (name.clone(), value.clone()))
                    .collect(),
                memory_limit_mib: command.memory_limit.map(MemoryLimit::mib),
            }
        });
        Site {
            sides,
            collect: spec.collect.clone(),
            keyword: spec.keyword.clone(),
            pytest_args: spec.pytest_args.clone(),
            extension: workers.extension.clone(),
            logs: workers.launcher.logs.clone(),
            python,
            warnings,
        }
    }

    /// Writes the file. Only the user can read it: it holds the environment's variables.
    pub(crate) fn write(&self, path: &Path) -> anyhow::Result<()> {
        let folder = path.parent().unwrap_or(Path::new("."));
        let file = tempfile::NamedTempFile::new_in(folder)?;
        serde_json::to_writer(&file, self)?;
        file.persist(path)?;
        Ok(())
    }

    pub(crate) fn read(path: &Path) -> anyhow::Result<Self> {
        let cannot = || format!("cannot read the site {}", path.display());
        let text = fs::read(path).with_context(cannot)?;
        serde_json::from_slice(&text).with_context(cannot)
    }

    /// Whether its worktrees are still there.
    pub(crate) fn is_there(&self) -> bool {
        Side::BOTH
            .iter()
            .all(|side| self.sides.get(*side).folder.is_dir())
    }

    /// Returns the project's folders in the worktrees.
    pub(crate) fn folders(&self) -> PerSide<PathBuf> {
        self.sides
            .as_ref()
            .map(|side| side.folder.join(&side.hello.project))
    }

    /// Returns its workers, of which none is started yet.
    pub(crate) fn workers(
        &self,
        installation: &Installation,
        cores: CpuPinning,
        pinning: Pinning,
        limits: &Deadline,
    ) -> anyhow::Result<WorkerPool> {
        let hello = self.sides.as_ref().map(|side| side.hello.clone());
        let can_fork = installation.worker_file("fork_server.py").is_file();
        let kind = WorkerKind::Benchmarks;
        let forks = Forks::new(can_fork.then(|| hello.clone()), kind, limits.until);
        // Several processes may use the site at once.
        let logs = self.logs.join(std::process::id().to_string());
        fs::create_dir_all(&logs).with_context(|| format!("cannot write to {}", logs.display()))?;
        let commands = self.sides.as_ref().map(|side| WorkerCommand {
            interpreter: side.interpreter.clone(),
            script: side.script.clone(),
            folder: side.folder.clone(),
            environment: side.environment.iter().cloned().collect(),
            memory_limit: side.memory_limit_mib.map(MemoryLimit::of_mib),
        });
        let mut launcher = ProcessLauncher::new(commands, logs, pinning, &limits.interrupt, forks);
        launcher.move_to(cores);
        let spec = WorkerSpec {
            hello,
            trace: None,
            collect: self.collect.clone(),
            micro: None,
            keyword: self.keyword.clone(),
            pytest_args: self.pytest_args.clone(),
        };
        Ok(WorkerPool::new(
            spec,
            launcher,
            self.extension.clone(),
            limits.until,
        ))
    }
}
