//! The machine that this program runs on, as reports name it.

use deadheat_core::model::Machine;

/// Describes this machine.
pub(crate) fn machine(pinned_core: Option<usize>, later_cores: Vec<usize>) -> Machine {
    Machine {
        system: std::env::consts::OS.to_owned(),
        kernel: None,
        architecture: std::env::consts::ARCH.to_owned(),
        processor: processor_name(),
        cores: std::thread::available_parallelism().map_or(1, usize::from),
        pinned_core,
        later_cores,
    }
}

/// Describes one of several machines, which may have different kernels.
pub(crate) fn machine_of_many(core: Option<usize>) -> Machine {
    let release = std::fs::read_to_string("/proc/sys/kernel/osrelease").ok();
    Machine {
        kernel: release.map(|release| release.trim().to_owned()),
        ..machine(core, Vec::new())
    }
}

/// Returns a suffix for the names of files that machines with one home folder must not share; empty if it is unknown.
pub(crate) fn suffix() -> String {
    let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    boot.get(..8).map_or_else(String::new, |boot| format!("-{boot}"))
}

fn processor_name() -> Option<String> {
    let text = std::fs::read_to_string("/proc/cpuinfo").ok()?;
    let line = text.lines().find(|line| line.starts_with("model name"))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}
