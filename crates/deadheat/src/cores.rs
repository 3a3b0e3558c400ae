//! Which core the measured processes run on. Both sides share one core: two cores of a machine are seldom alike, and
//! a neighbour slows one of them.

use crate::failure::Failure;

/// What the user asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pinning {
    /// The quietest core.
    Quietest,
    Core(usize),
    Off,
}

/// The cores of this run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Cores {
    /// Where both sides run.
    pub(crate) measuring: Option<usize>,
    /// Where the driver stays meanwhile.
    driver: Vec<usize>,
}

impl Cores {
    pub(crate) fn not_pinned() -> Self {
        Cores {
            measuring: None,
            driver: Vec::new(),
        }
    }

    /// Whether the driver has to share the core that it measures on.
    pub(crate) fn is_shared_with_driver(&self) -> bool {
        self.measuring.is_some_and(|core| self.driver == [core])
    }

    pub(crate) fn choose(pinning: Pinning) -> anyhow::Result<Self> {
        let allowed = platform::allowed_cores();
        let core = match pinning {
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
                core
            }
            Pinning::Quietest => match platform::quietest(&allowed) {
                Some(core) => core,
                None => return Ok(Self::not_pinned()),
            },
        };
        let others: Vec<usize> = allowed.iter().copied().filter(|&other| other != core).collect();
        let cores = Cores {
            measuring: Some(core),
            driver: if others.is_empty() { vec![core] } else { others },
        };
        // A container may list cores and refuse to pin to them.
        if !platform::pin_this_thread(&[core]) || !platform::pin_this_thread(&cores.driver) {
            platform::pin_this_thread(&allowed);
            if let Pinning::Core(core) = pinning {
                return Err(
                    Failure::usage(format!("--cpu {core}: the system refuses to pin to this core"))
                        .hint("--no-pin measures without a core of its own, and claims no error rate")
                        .into(),
                );
            }
            return Ok(Self::not_pinned());
        }
        Ok(cores)
    }

    /// Runs `start` so that the process it starts is on the measuring core from its first instruction on: a child
    /// inherits the affinity of the thread that starts it, and pools are sized from it at import.
    pub(crate) fn start_on_measuring_core<T>(&self, start: impl FnOnce() -> T) -> T {
        let Some(core) = self.measuring else {
            return start();
        };
        platform::pin_this_thread(&[core]);
        let started = start();
        platform::pin_this_thread(&self.driver);
        started
    }
}

#[cfg(target_os = "linux")]
mod platform {
    use std::time::Duration;

    use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

    const LOOK: Duration = Duration::from_millis(200);

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

    /// The core that did least over a short look; of equals the last, because the first takes the interrupts.
    pub(super) fn quietest(allowed: &[usize]) -> Option<usize> {
        let before = busy_ticks();
        std::thread::sleep(LOOK);
        let after = busy_ticks();
        let busy = |core: usize| -> u64 {
            let of = |ticks: &[(usize, u64)]| {
                ticks
                    .iter()
                    .find(|(name, _)| *name == core)
                    .map(|(_, busy)| *busy)
            };
            match (of(&before), of(&after)) {
                (Some(before), Some(after)) => after.saturating_sub(before),
                _ => 0,
            }
        };
        allowed.iter().copied().rev().min_by_key(|&core| busy(core))
    }

    /// Clock ticks that each core was not idle, from `/proc/stat`: user, nice, system, (idle, iowait,) irq, softirq,
    /// steal.
    fn busy_ticks() -> Vec<(usize, u64)> {
        let text = std::fs::read_to_string("/proc/stat").unwrap_or_default();
        text.lines()
            .filter_map(|line| {
                let mut fields = line.strip_prefix("cpu")?.split_whitespace();
                let core: usize = fields.next()?.parse().ok()?;
                let ticks: Vec<u64> = fields.filter_map(|field| field.parse().ok()).collect();
                Some((
                    core,
                    ticks.iter().take(8).sum::<u64>() - ticks.get(3)? - ticks.get(4)?,
                ))
            })
            .filter(|_| text.starts_with("cpu "))
            .collect()
    }
}

#[cfg(not(target_os = "linux"))]
mod platform {
    pub(super) fn allowed_cores() -> Vec<usize> {
        Vec::new()
    }

    pub(super) fn pin_this_thread(_cores: &[usize]) -> bool {
        false
    }

    pub(super) fn quietest(_allowed: &[usize]) -> Option<usize> {
        None
    }
}
