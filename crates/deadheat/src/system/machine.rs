//! The machine that this program runs on, as reports name it.

use deadheat_core::model::Machine;

/// Describes this machine.
pub(crate) fn machine(pinned_core: Option<usize>, later_cores: Vec<usize>) -> Machine {
    Machine {
        system: std::env::consts::OS.to_owned(),
        architecture: std::env::consts::ARCH.to_owned(),
        processor: processor_name(),
        cores: std::thread::available_parallelism().map_or(1, usize::from),
        pinned_core,
        later_cores,
    }
}

fn processor_name() -> Option<String> {
    let text = std::fs::read_to_string("/proc/cpuinfo").ok()?;
    let line = text.lines().find(|line| line.starts_with("model name"))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}
