//! Reads the times and the children of processes from the system. The results are empty if there is no
//! `/proc`.

use std::fs;
use std::sync::atomic::{AtomicI64, Ordering};

/// The ticks of workers that a fork server has reaped, less those of the servers that ended: the system adds both to
/// this process's children when a server ends, which is too late for the workers, and the servers measured nothing.
static FORKED_TICKS: AtomicI64 = AtomicI64::new(0);

/// Returns the processor time of this process's workers that have ended.
pub(crate) fn workers_ticks() -> Option<u64> {
    let reaped = times("self")?.of_ended_children;
    Some(reaped.saturating_add_signed(FORKED_TICKS.load(Ordering::Relaxed)))
}

/// Counts a worker that a fork server has reaped.
#[cfg(target_os = "linux")]
pub(crate) fn add_forked(ticks: u64) {
    FORKED_TICKS.fetch_add(ticks.cast_signed(), Ordering::Relaxed);
}

/// Subtracts the ticks of a fork server that ends: its own and its workers' will be among those of this process's
/// children.
#[cfg(target_os = "linux")]
pub(crate) fn remove_fork_server(server: Ticks) {
    let all = server.own + server.of_ended_children;
    FORKED_TICKS.fetch_sub(all.cast_signed(), Ordering::Relaxed);
}

/// Processor time in clock ticks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Ticks {
    pub(crate) own: u64,
    pub(crate) of_ended_children: u64,
}

/// Reads the times of one process, by its number or `self`: `utime` and `stime`, `cutime` and `cstime` of
/// `/proc/PROCESS/stat` (see `proc_pid_stat(5)`).
pub(crate) fn times(process: &str) -> Option<Ticks> {
    let text = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // The name in the parentheses may hold anything.
    let mut fields = text.rsplit_once(')')?.1.split_whitespace().skip(11);
    let mut next = || fields.next()?.parse::<u64>().ok();
    Some(Ticks {
        own: next()? + next()?,
        of_ended_children: next()? + next()?,
    })
}

/// Returns the processes that a process has started, and those that they have; those that left their parents are not
/// found.
pub(crate) fn descendants(process: u32) -> Vec<u32> {
    let mut found = Vec::new();
    let mut parents = vec![process];
    while let Some(parent) = parents.pop() {
        let Ok(threads) = fs::read_dir(format!("/proc/{parent}/task")) else {
            continue;
        };
        for thread in threads.flatten() {
            let children = fs::read_to_string(thread.path().join("children")).unwrap_or_default();
            let children = children
                .split_whitespace()
                .filter_map(|child| child.parse::<u32>().ok());
            for child in children
                .filter(|child| !found.contains(child))
                .collect::<Vec<_>>()
            {
                found.push(child);
                parents.push(child);
            }
        }
    }
    found
}

/// Returns the processor time that these processes have used, if they still exist, in nanoseconds.
pub(crate) fn cpu_ns(processes: &[u32]) -> u64 {
    processes
        .iter()
        .filter_map(|process| scheduled_ns(*process).or_else(|| counted_ns(*process)))
        .sum()
}

/// Returns the processor time to the nanosecond, because a turn takes less than a clock tick. It is the first field of
/// `/proc/PROCESS/task/THREAD/schedstat`, which some kernels are built without.
fn scheduled_ns(process: u32) -> Option<u64> {
    let threads = fs::read_dir(format!("/proc/{process}/task")).ok()?;
    threads
        .flatten()
        .map(|thread| {
            let text = fs::read_to_string(thread.path().join("schedstat")).ok()?;
            text.split_whitespace().next()?.parse::<u64>().ok()
        })
        .sum()
}

fn counted_ns(process: u32) -> Option<u64> {
    let ticks = times(&process.to_string())?.own;
    Some(ticks * 1_000_000_000 / rustix::param::clock_ticks_per_second().max(1))
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::io::{BufRead, BufReader};
    use std::process::{Command, Stdio};

    use super::*;

    #[test]
    fn grandchildren_are_found_and_their_time_is_read() {
        // It uses a tenth of a second, says so, and waits until its input ends.
        let busy =
            "import sys, time\nwhile time.process_time() < 0.1: pass\nprint(1, flush=True)\nsys.stdin.read()";
        let mut shell = Command::new("sh")
            .args(["-c", "python3 -c \"$1\"; true", "sh", busy])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(shell.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        let found = descendants(std::process::id());
        assert!(found.contains(&shell.id()));
        let below = descendants(shell.id());
        assert_eq!(below.len(), 1, "{below:?}");
        assert!(cpu_ns(&below) >= 90_000_000);
        assert!(counted_ns(below[0]).unwrap() >= 90_000_000);
        drop(shell.stdin.take());
        shell.wait().unwrap();
        assert!(descendants(shell.id()).is_empty());
    }
}
