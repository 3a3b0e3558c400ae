//! The core that the measured processes run on. Both sides share one core, because two cores of a machine are seldom
//! alike and a neighbour slows one of them.

use std::cell::Cell;
use std::time::{Duration, Instant};

use deadheat_core::text::counted;

use crate::error::Failure;
use crate::system::command::Deadline;
use crate::system::core_lock::CoreLock;

/// The pinning that the user asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pinning {
    /// The quietest core of those that no other run measures on.
    Quietest,
    Core(usize),
    Off,
}

impl Pinning {
    /// Returns the pinning of `--no-pin` and `--cpu`.
    pub(crate) fn asked(no_pin: bool, core: Option<usize>) -> Self {
        match (no_pin, core) {
            (true, _) => Pinning::Off,
            (_, Some(core)) => Pinning::Core(core),
            _ => Pinning::Quietest,
        }
    }
}

/// The longest wait for a core, and the interval at which it is looked for.
const LONGEST_WAIT: Duration = Duration::from_secs(120);
const LOOK_FOR_FREE: Duration = Duration::from_millis(100);
/// Another core is taken if it is quieter by this share of its time.
const CLEARLY_QUIETER: f64 = 0.25;

/// The cores of this run.
#[derive(Clone, Debug)]
pub(crate) struct CpuPinning {
    /// The core that both sides run on.
    pub(crate) measuring: Option<usize>,
    /// The lock that shows other runs that the core is used.
    pub(crate) measuring_use: CoreLock,
    /// The cores that the driver stays on meanwhile.
    driver: Vec<usize>,
    /// The core where a process may start while another one starts on the measuring core. It is on the same memory
    /// node: the memory that a process touches first lies next to its core, so that a process started on another node
    /// would stay slower than its peer.
    pub(crate) spare: Option<usize>,
    last_look: Option<Look>,
    /// The cores that the measuring moved to.
    pub(crate) later: Vec<usize>,
    /// Whether the system refused to pin a process after it had pinned others.
    has_failed: Cell<bool>,
}

/// Processor time of the measured processes, in clock ticks since the beginning.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct OwnTicks {
    pub(crate) measuring: u64,
    /// On [`CpuPinning::spare`].
    pub(crate) spare: u64,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Look {
    /// The text of `/proc/stat`.
    cores: String,
    own: OwnTicks,
}

impl CpuPinning {
    pub(crate) fn not_pinned() -> Self {
        CpuPinning {
            measuring: None,
            measuring_use: CoreLock::default(),
            driver: Vec::new(),
            spare: None,
            last_look: None,
            later: Vec::new(),
            has_failed: Cell::new(false),
        }
    }

    /// Whether the driver has to share the core that it measures on.
    pub(crate) fn is_shared_with_driver(&self) -> bool {
        self.measuring.is_some_and(|core| self.driver == [core])
    }

    /// Chooses a core that nobody else measures on, and keeps all other runs from it for as long as this lives. Waits for
    /// one if there is none.
    pub(crate) fn reserve(pinning: Pinning, limits: &Deadline) -> anyhow::Result<Self> {
        let allowed = platform::allowed_cores();
        let candidates = match pinning {
            Pinning::Core(core) => vec![core],
            Pinning::Off => return Ok(Self::not_pinned()),
            Pinning::Quietest if allowed.is_empty() => return Ok(Self::not_pinned()),
            Pinning::Quietest => by_quietness(&platform::busy_shares(&allowed)),
        };
        let until = Instant::now() + LONGEST_WAIT;
        let (core, lock) = loop {
            let free = |core: &usize| Some((*core, CoreLock::alone_on(*core)?));
            if let Some(found) = candidates.iter().find_map(free) {
                break found;
            }
            if Instant::now() >= until {
                return Err(
                    Failure::nothing_measured("other runs measure on every core of this machine")
                        .hint("let each machine's workers offer no more slots than it has cores to spare")
                        .into(),
                );
            }
            limits.check()?;
            std::thread::sleep(LOOK_FOR_FREE);
        };
        Self::on_core(core, lock, &allowed, Pinning::Core(core))
    }

    /// Returns for each of `count` cores, the quietest ones, the cores that the process which measures there may use: that
    /// core, and those on which nothing is measured.
    pub(crate) fn share_out(count: usize) -> anyhow::Result<Vec<(usize, Vec<usize>)>> {
        let allowed = platform::allowed_cores();
        if allowed.len() < count {
            let cores = match allowed.len() {
                0 => "this system cannot pin a process to a core".to_owned(),
                cores => format!("only {} may be used here", counted(cores, "core")),
            };
            return Err(Failure::usage(format!("--on local:{count}: {cores}")).into());
        }
        let mut measuring = by_quietness(&platform::busy_shares(&allowed));
        let spare = measuring.split_off(count);
        if !spare.is_empty() {
            platform::pin_this_thread(&spare);
        }
        let with_spare = |core| std::iter::once(core).chain(spare.iter().copied()).collect();
        Ok(measuring
            .into_iter()
            .map(|core| (core, with_spare(core)))
            .collect())
    }

    /// Runs `start` so that the process it starts may use only these cores.
    pub(crate) fn start_within<T>(cores: &[usize], start: impl FnOnce() -> T) -> T {
        let before = platform::allowed_cores();
        platform::pin_this_thread(cores);
        let started = start();
        platform::pin_this_thread(&before);
        started
    }

    pub(crate) fn choose(pinning: Pinning) -> anyhow::Result<Self> {
        let allowed = platform::allowed_cores();
        let (core, measuring_use) = match pinning {
            Pinning::Off => return Ok(Self::not_pinned()),
            Pinning::Core(core) => {
                if allowed.is_empty() {
                    return Err(Failure::usage("--cpu: this system cannot pin a process to a core").into());
                }
                if !allowed.contains(&core) {
                    let list: Vec<String> = allowed.iter().map(ToString::to_string).collect();
                    return Err(Failure::usage(format!(
                        "--cpu {core}: not one of the cores that may be used here"
                    ))
                    .hint(format!("the cores are {}", list.join(", ")))
                    .into());
                }
                (core, CoreLock::of(core))
            }
            Pinning::Quietest => match quietest_unused(&platform::busy_shares(&allowed)) {
                Some(chosen) => chosen,
                None => return Ok(Self::not_pinned()),
            },
        };
        Self::on_core(core, measuring_use, &allowed, pinning)
    }

    fn on_core(
        core: usize,
        measuring_use: CoreLock,
        allowed: &[usize],
        pinning: Pinning,
    ) -> anyhow::Result<Self> {
        let others: Vec<usize> = allowed.iter().copied().filter(|&other| other != core).collect();
        let cores = CpuPinning {
            measuring: Some(core),
            measuring_use,
            spare: spare(core, &others),
            driver: if others.is_empty() { vec![core] } else { others },
            last_look: None,
            later: Vec::new(),
            has_failed: Cell::new(false),
        };
        // A container may list cores and refuse to pin to them.
        if !platform::pin_this_thread(&[core]) || !platform::pin_this_thread(&cores.driver) {
            platform::pin_this_thread(allowed);
            if let Pinning::Core(core) = pinning {
                return Err(
                    Failure::usage(format!("--cpu {core}: the system refuses to pin to this core"))
                        .hint("--no-pin measures without pinning, and claims no error rate")
                        .into(),
                );
            }
            return Ok(Self::not_pinned());
        }
        Ok(cores)
    }

    /// Looks for the quietest core again, between two replicates, while none of the measured processes runs. Only the
    /// use of each core by others since the last look counts.
    pub(crate) fn look_again(&mut self, pinning: Pinning, own: OwnTicks) {
        let (Some(present), Pinning::Quietest) = (self.measuring, pinning) else {
            return;
        };
        let all: Vec<usize> = self
            .driver
            .iter()
            .copied()
            .filter(|&core| core != present)
            .chain([present])
            .collect();
        let now = Look {
            cores: read_ticks(),
            own,
        };
        let Some(before) = self.last_look.replace(now.clone()) else {
            return;
        };
        let shares = all.iter().map(|&core| {
            let own = |look: &Look| match core {
                core if core == present => look.own.measuring,
                core if Some(core) == self.spare => look.own.spare,
                _ => 0,
            };
            let share = ticks_of(core, &before.cores).zip(ticks_of(core, &now.cores));
            let share = share.map_or(0.0, |(earlier, later)| {
                later.busy_share_since(earlier, own(&now).saturating_sub(own(&before)))
            });
            (core, share)
        });
        let next = next_core(present, &shares.collect::<Vec<_>>());
        if next == present {
            return;
        }
        let next_use = CoreLock::of(next);
        if next_use.is_shared() {
            return;
        }
        let driver: Vec<usize> = all.into_iter().filter(|&core| core != next).collect();
        if platform::pin_this_thread(&driver) {
            self.spare = spare(next, &driver);
            (self.measuring, self.driver, self.last_look) = (Some(next), driver, None);
            self.measuring_use = next_use;
            if !self.later.contains(&next) {
                self.later.push(next);
            }
        }
    }

    /// Runs `start` so that the process it starts is on `core` alone from its first instruction, because a child
    /// inherits the affinity of the thread that starts it, and pools are sized from it at import.
    pub(crate) fn start_on<T>(&self, core: Option<usize>, start: impl FnOnce() -> T) -> T {
        let Some(core) = core else {
            return start();
        };
        self.start_on_each_of(&[core], start)
    }

    /// Does the same for all the cores that may be used here.
    pub(crate) fn start_on_all<T>(&self, start: impl FnOnce() -> T) -> T {
        let all: Vec<usize> = self
            .measuring
            .into_iter()
            .chain(self.driver.iter().copied())
            .collect();
        self.start_on_each_of(&all, start)
    }

    fn start_on_each_of<T>(&self, cores: &[usize], start: impl FnOnce() -> T) -> T {
        if self.measuring.is_some() && !platform::pin_this_thread(cores) {
            self.has_failed.set(true);
        }
        let started = start();
        platform::pin_this_thread(&self.driver);
        started
    }

    /// Whether a process could not be put on the core that it should have been measured on.
    pub(crate) fn has_failed(&self) -> bool {
        self.has_failed.get()
    }

    /// Moves a process to the measuring core with all of its threads and children.
    pub(crate) fn move_to_measuring_core(&self, process: u32) {
        if let Some(core) = self.measuring {
            self.move_to(process, core);
        }
    }

    /// Does the same for a core that the process starts on.
    pub(crate) fn move_to(&self, process: u32, core: usize) {
        if !platform::pin_process(process, core) {
            self.has_failed.set(true);
        }
    }
}

/// Returns another core on the measuring core's memory node, or the measuring core itself.
fn spare(measuring: usize, others: &[usize]) -> Option<usize> {
    let node = platform::memory_node(measuring);
    let near = |core: &usize| platform::memory_node(*core) == node;
    Some(others.iter().rev().copied().find(near).unwrap_or(measuring))
}

/// Returns the cores, quietest first; of equals, the last comes first, because the first core takes the interrupts.
fn by_quietness(shares: &[(usize, f64)]) -> Vec<usize> {
    let mut shares: Vec<_> = shares.iter().rev().collect();
    shares.sort_by(|a, b| a.1.total_cmp(&b.1));
    shares.into_iter().map(|(core, _)| *core).collect()
}

/// Returns the quietest core that no other run uses, or the quietest of all if each is used.
fn quietest_unused(shares: &[(usize, f64)]) -> Option<(usize, CoreLock)> {
    let mut quietest = None;
    for core in by_quietness(shares) {
        let core_use = CoreLock::of(core);
        if !core_use.is_shared() {
            return Some((core, core_use));
        }
        quietest = quietest.or(Some((core, core_use)));
    }
    quietest
}

/// Returns the core to continue with: another one only if it is clearly quieter than the present one.
fn next_core(present: usize, shares: &[(usize, f64)]) -> usize {
    let share = |core| {
        shares
            .iter()
            .find(|(other, _)| *other == core)
            .map_or(0.0, |(_, share)| *share)
    };
    match by_quietness(shares).first().copied() {
        Some(other) if share(present) - share(other) > CLEARLY_QUIETER => other,
        _ => present,
    }
}

#[cfg(target_os = "linux")]
mod platform {
    use std::ffi::OsString;
    use std::time::Duration;

    use super::{read_ticks, ticks_of};
    use rustix::io::Errno;
    use rustix::process::Pid;
    use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

    /// Ten clock ticks, as Linux counts them.
    const LOOK: Duration = Duration::from_millis(100);

    pub(super) fn allowed_cores() -> Vec<usize> {
        let Ok(set) = sched_getaffinity(None) else {
            return Vec::new();
        };
        (0..CpuSet::MAX_CPU).filter(|&core| set.is_set(core)).collect()
    }

    pub(super) fn pin_this_thread(cores: &[usize]) -> bool {
        let mut set = CpuSet::new();
        for &core in cores {
            set.set(core);
        }
        sched_setaffinity(None, &set).is_ok()
    }

    /// Returns whether every thread that still exists could be moved.
    pub(super) fn pin_process(process: u32, core: usize) -> bool {
        let mut set = CpuSet::new();
        set.set(core);
        let mut all = true;
        let tasks = std::fs::read_dir(format!("/proc/{process}/task"));
        for task in tasks.into_iter().flatten().flatten() {
            let name = task.file_name();
            if let Some(thread) = name.to_str().and_then(|name| name.parse().ok()) {
                // A thread that has just ended needs no core.
                let pinned = sched_setaffinity(Pid::from_raw(thread), &set);
                all &= pinned.is_ok() || pinned == Err(Errno::SRCH);
            }
            let children = std::fs::read_to_string(task.path().join("children")).unwrap_or_default();
            for child in children.split_whitespace().filter_map(|child| child.parse().ok()) {
                all &= pin_process(child, core);
            }
        }
        all
    }

    /// Returns the memory node that a core is next to.
    pub(super) fn memory_node(core: usize) -> Option<OsString> {
        let entries = std::fs::read_dir(format!("/sys/devices/system/cpu/cpu{core}")).ok()?;
        let mut names = entries.flatten().map(|entry| entry.file_name());
        names.find(|name| name.to_string_lossy().starts_with("node"))
    }

    /// Returns how busy each core is during a short look, from 0 to 1.
    pub(super) fn busy_shares(cores: &[usize]) -> Vec<(usize, f64)> {
        let before = read_ticks();
        std::thread::sleep(LOOK);
        let after = read_ticks();
        let shares = cores.iter().map(|&core| {
            let ticks = ticks_of(core, &before).zip(ticks_of(core, &after));
            (
                core,
                ticks.map_or(0.0, |(before, after)| after.busy_share_since(before, 0)),
            )
        });
        shares.collect()
    }
}

/// Clock ticks of one core since the machine was started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct CoreTicks {
    pub(crate) all: u64,
    /// Not idle, for any process.
    pub(crate) busy: u64,
    /// Used by other machines on the same host.
    pub(crate) stolen: u64,
}

impl CoreTicks {
    /// Returns how busy the core was with others, from 0 to 1; `own` is the number of ticks that our processes used.
    fn busy_share_since(self, before: CoreTicks, own: u64) -> f64 {
        let all = self.all.saturating_sub(before.all).max(1);
        let busy = self.busy.saturating_sub(before.busy);
        busy.saturating_sub(own) as f64 / all as f64
    }
}

/// Reads `/proc/stat` (see `proc_stat(5)`): user, nice, system, idle, iowait, irq, softirq, steal.
pub(crate) fn core_ticks(core: usize) -> Option<CoreTicks> {
    ticks_of(core, &read_ticks())
}

fn read_ticks() -> String {
    std::fs::read_to_string("/proc/stat").unwrap_or_default()
}

fn ticks_of(core: usize, text: &str) -> Option<CoreTicks> {
    let name = format!("cpu{core} ");
    let line = text.lines().find_map(|line| line.strip_prefix(&name))?;
    let ticks: Vec<u64> = line
        .split_whitespace()
        .filter_map(|field| field.parse().ok())
        .collect();
    let all = ticks.iter().take(8).sum::<u64>();
    Some(CoreTicks {
        all,
        busy: all - ticks.get(3)? - ticks.get(4)?,
        stolen: *ticks.get(7)?,
    })
}

#[cfg(not(target_os = "linux"))]
mod platform {
    pub(super) fn allowed_cores() -> Vec<usize> {
        Vec::new()
    }

    pub(super) fn pin_this_thread(_cores: &[usize]) -> bool {
        false
    }

    pub(super) fn pin_process(_process: u32, _core: usize) -> bool {
        true
    }

    pub(super) fn memory_node(_core: usize) -> Option<std::ffi::OsString> {
        None
    }

    pub(super) fn busy_shares(_cores: &[usize]) -> Vec<(usize, f64)> {
        Vec::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_of_the_quietest_cores_comes_first() {
        assert_eq!(
            by_quietness(&[(0, 0.1), (1, 0.0), (2, 0.0), (3, 0.9)]),
            [2, 1, 0, 3]
        );
    }

    #[test]
    fn only_what_others_use_makes_a_core_busy() {
        let ticks = |all, busy| CoreTicks { all, busy, stolen: 0 };
        assert_eq!(ticks(300, 150).busy_share_since(ticks(100, 50), 80), 0.1);
        assert_eq!(ticks(300, 150).busy_share_since(ticks(100, 50), 120), 0.0);
        assert_eq!(ticks(100, 50).busy_share_since(ticks(100, 50), 0), 0.0);
    }

    #[test]
    fn the_core_is_changed_for_a_clearly_quieter_one_only() {
        assert_eq!(next_core(1, &[(0, 0.0), (1, 0.2)]), 1);
        assert_eq!(next_core(1, &[(0, 0.0), (1, 0.9)]), 0);
        assert_eq!(next_core(1, &[(0, 0.9), (1, 0.9)]), 1);
        assert_eq!(next_core(1, &[]), 1);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_process_that_cannot_be_pinned_is_noted() {
        let nowhere = 1023;
        let cores = CpuPinning {
            measuring: Some(nowhere),
            ..CpuPinning::not_pinned()
        };
        assert!(!cores.has_failed());
        cores.move_to(std::process::id(), nowhere);
        assert!(cores.has_failed());
        let cores = CpuPinning {
            measuring: Some(nowhere),
            ..CpuPinning::not_pinned()
        };
        cores.start_on(cores.measuring, || ());
        assert!(cores.has_failed());
        assert!(!platform::pin_process(std::process::id(), nowhere));
        assert!(
            platform::pin_process(u32::MAX >> 1, 0),
            "a process that has ended needs no core"
        );
    }
}
