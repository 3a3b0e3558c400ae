//! The cores of this machine as workers.

use std::collections::{BTreeMap, VecDeque};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{ChildStdin, Command, Stdio};
use std::sync::mpsc::{self, Receiver, Sender};
use std::time::Duration;

use crate::Installation;
use crate::distribute::engine::{Engine, EngineEvent, answered, read_lines};
use crate::distribute::scheduler::WorkerSlots;
use crate::distribute::serve::write_line;
use crate::distribute::task::Task;
use crate::error::Failure;
use crate::system::command::Group;
use crate::system::cpu_pinning::CpuPinning;
use crate::system::files::tail_of;

/// A process of this program that measures on one core.
struct Core {
    group: Group,
    input: Option<ChildStdin>,
    /// The tasks that it was given and has not answered, the first first.
    tasks: VecDeque<u64>,
    log: PathBuf,
}

/// The name of a core, with a line that its process wrote, or `None` at the end.
type Line = (String, Option<String>);

/// This machine's cores.
pub(crate) struct LocalCores {
    cores: BTreeMap<String, Core>,
    /// Keeps the receiver open.
    _sender: Sender<Line>,
    receiver: Receiver<Line>,
    has_told: bool,
}

impl LocalCores {
    /// Starts a process for each of `count` cores, the quietest of this machine.
    pub(crate) fn open(
        count: usize,
        site: &Path,
        logs: &Path,
        installation: &Installation,
    ) -> anyhow::Result<Self> {
        let (sender, receiver) = mpsc::channel();
        let mut cores = BTreeMap::new();
        for (measuring, allowed) in CpuPinning::share_out(count)? {
            let log = logs.join(format!("core-{measuring}.log"));
            let mut command = Command::new(&installation.interpreter);
            command
                .args(installation.launch_words())
                .arg("replicate")
                .arg("--site")
                .arg(site)
                .arg("--cpu")
                .arg(measuring.to_string())
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .stderr(File::create(&log)?);
            let mut group = CpuPinning::start_within(&allowed, || Group::start_tidily(&mut command))?;
            let name = format!("core {measuring}");
            let input = group.child.stdin.take();
            if let Some(output) = group.child.stdout.take() {
                let (sender, name) = (sender.clone(), name.clone());
                read_lines(output, move |line| sender.send((name.clone(), line)).is_ok());
            }
            let core = Core {
                group,
                input,
                tasks: VecDeque::new(),
                log,
            };
            cores.insert(name, core);
        }
        Ok(LocalCores {
            cores,
            _sender: sender,
            receiver,
            has_told: false,
        })
    }

    fn workers(&self) -> EngineEvent {
        let names = self.cores.keys().cloned();
        EngineEvent::Workers(names.map(|name| WorkerSlots { name, slots: 1 }).collect())
    }
}

impl Engine for LocalCores {
    fn wait(&mut self, limit: Duration) -> Option<EngineEvent> {
        if !std::mem::replace(&mut self.has_told, true) {
            return Some(self.workers());
        }
        let (name, line) = self.receiver.recv_timeout(limit).ok()?;
        let core = self.cores.get_mut(&name)?;
        if let Some(line) = line {
            return Some(answered(core.tasks.pop_front()?, &line));
        }
        let core = self.cores.remove(&name)?;
        if self.cores.is_empty() {
            let words = tail_of(&core.log);
            return Some(EngineEvent::Broken(Failure::tool(format!(
                "the process that measured on {name} ended. The end of its output:\n\n{words}"
            ))));
        }
        // Its task is lost with it.
        Some(self.workers())
    }

    fn submit(&mut self, worker: &str, task: &Task) {
        if let Some(core) = self.cores.get_mut(worker) {
            core.tasks.push_back(task.id);
            if let Some(input) = &mut core.input {
                // If it has just ended, its output says so.
                let _ = write_line(input, task);
            }
        }
    }

    fn cancel(&mut self, _task: u64) {
        // A task is short, and the process is needed for the next one.
    }
}

impl Drop for LocalCores {
    fn drop(&mut self) {
        for core in self.cores.values_mut() {
            // All are told to end before any is waited for.
            core.input = None;
        }
        for core in self.cores.values_mut() {
            core.group.ask_to_end();
        }
    }
}
