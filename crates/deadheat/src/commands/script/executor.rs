//! Runs a measured command once: in a fresh process, with its resource use, and without leaving any of its
//! processes running.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::File;
use std::io::{Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::Context;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use serde::Deserialize;

use crate::system::command::{Deadline, Group};
use crate::system::cpu_pinning::CpuPinning;
use crate::system::files;
use crate::system::limits::{MOST_PRINTED, MemoryLimit};

/// The interval at which a wait checks whether the user stopped the run or its time is over. The command's time is
/// taken elsewhere meanwhile.
const LOOK: Duration = Duration::from_millis(50);

/// Runs commands, each through a separate small interpreter, which can ask the system for the peak memory of its child
/// alone.
pub(crate) struct CommandExecutor {
    /// The Python that runs deadheat, because the project need not have one.
    pub(crate) interpreter: PathBuf,
    pub(crate) script: PathBuf,
    pub(crate) command: String,
    /// The limit of each process of the command.
    pub(crate) memory_limit: Option<MemoryLimit>,
}

/// The folder of a side's runs, their variables and their log.
pub(crate) struct CommandEnvironment {
    pub(crate) folder: PathBuf,
    pub(crate) variables: BTreeMap<OsString, OsString>,
    /// The output of the last run.
    pub(crate) log: PathBuf,
}

/// The resources that a run used, with all processes that it waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub(crate) struct Usage {
    pub(crate) elapsed_ns: u64,
    pub(crate) user_ns: u64,
    pub(crate) system_ns: u64,
    /// The peak memory of the largest process.
    pub(crate) peak_bytes: u64,
}

impl Usage {
    /// Returns the number of cores that it kept busy, on average.
    pub(crate) fn cores(&self) -> f64 {
        (self.user_ns + self.system_ns) as f64 / self.elapsed_ns.max(1) as f64
    }
}

/// The end of a run.
pub(crate) enum CommandOutcome {
    Well(Usage),
    Badly(ExitStatus),
    /// It ended together with the process that watched it.
    Lost(ExitStatus),
    /// It had run for this long when the run of deadheat had to end.
    Late(Duration),
    /// It printed more than [`MOST_PRINTED`].
    OutputTooLarge,
    Interrupted,
}

#[derive(Deserialize)]
struct Facts {
    /// The status as `wait4` gives it.
    status: i32,
    #[serde(flatten)]
    usage: Usage,
}

impl CommandExecutor {
    pub(crate) fn run(
        &self,
        place: &CommandEnvironment,
        seed: u32,
        cores: &CpuPinning,
        limits: &Deadline,
    ) -> anyhow::Result<CommandOutcome> {
        let log =
            File::create(&place.log).with_context(|| format!("cannot create {}", place.log.display()))?;
        let mut command = Command::new(&self.interpreter);
        command
            .args(["-I", "-S"])
            .arg(&self.script)
            .arg(&self.command)
            .current_dir(&place.folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(log);
        let started = Instant::now();
        // The group is ended even after a run that ended well: processes that it left would disturb the next one.
        let mut group = cores.start_on(cores.measuring, || Group::start(&mut command))?;
        // It still waits for its variables, and the processes that it starts inherit the limit.
        if let Some(limit) = self.memory_limit {
            limit.set_for(group.id())?;
        }
        if let Some(mut stdin) = group.child.stdin.take() {
            // If it has already ended, the missing reply shows that.
            let _ = stdin.write_all(&variables_for(place, seed));
        }
        let mut stdout = group.child.stdout.take().context("stdout is piped")?;
        while !is_readable(&stdout) {
            if limits.interrupt.is_asked() {
                return Ok(CommandOutcome::Interrupted);
            }
            if Instant::now() >= limits.until {
                return Ok(CommandOutcome::Late(started.elapsed()));
            }
            if files::is_larger_than(&place.log, MOST_PRINTED) {
                return Ok(CommandOutcome::OutputTooLarge);
            }
        }
        let mut reply = Vec::new();
        stdout.read_to_end(&mut reply)?;
        let Ok(facts) = serde_json::from_slice::<Facts>(&reply) else {
            return Ok(CommandOutcome::Lost(group.child.wait()?));
        };
        let status = ExitStatus::from_raw(facts.status);
        Ok(if status.success() {
            CommandOutcome::Well(facts.usage)
        } else {
            CommandOutcome::Badly(status)
        })
    }
}

fn is_readable(stdout: &impl std::os::fd::AsFd) -> bool {
    let mut descriptors = [PollFd::new(stdout, PollFlags::IN)];
    let limit = Timespec {
        tv_sec: 0,
        tv_nsec: LOOK.subsec_nanos().into(),
    };
    matches!(poll(&mut descriptors, Some(&limit)), Ok(count) if count > 0)
}

/// Returns `NAME=VALUE`, with NUL after each, and with one hash seed for both sides.
fn variables_for(place: &CommandEnvironment, seed: u32) -> Vec<u8> {
    let seed = (OsString::from("PYTHONHASHSEED"), OsString::from(seed.to_string()));
    let own = place.variables.iter().filter(|(name, _)| **name != seed.0);
    let mut bytes = Vec::new();
    for (name, value) in own.chain([(&seed.0, &seed.1)]) {
        bytes.extend(name.as_bytes());
        bytes.push(b'=');
        bytes.extend(value.as_bytes());
        bytes.push(0);
    }
    bytes
}
