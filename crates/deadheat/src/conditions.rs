//! What the system says of disturbances while it is measured. It becomes warnings; no number is changed by it.

use std::fs;

use deadheat_core::model::{Warning, WarningCode};

use crate::cores::{CoreTicks, Cores, core_ticks};

/// From here on something else is said to have used the core.
const FOREIGN_SHARE: f64 = 0.05;
const STOLEN_SHARE: f64 = 0.02;

/// The counters at one moment.
#[derive(Clone, Copy, Debug, Default)]
struct Counters {
    core: CoreTicks,
    /// Processor time of this process's children that have ended, in clock ticks.
    children: u64,
    /// How often the core slowed itself down because it was too hot.
    throttles: u64,
}

impl Counters {
    fn now(core: usize) -> Self {
        Counters {
            core: core_ticks(core).unwrap_or_default(),
            children: children_ticks().unwrap_or_default(),
            throttles: throttles(core).unwrap_or_default(),
        }
    }
}

/// A time of measuring.
#[derive(Debug)]
pub(crate) struct Conditions {
    /// None where nothing is pinned.
    began: Option<(usize, Counters)>,
}

impl Conditions {
    pub(crate) fn begin(cores: &Cores) -> Self {
        Conditions {
            began: cores.measuring.map(|core| (core, Counters::now(core))),
        }
    }

    /// What happened since the beginning; every process that measured must have ended.
    pub(crate) fn warnings(&self) -> Vec<Warning> {
        self.began
            .map(|(core, began)| warnings_between(began, Counters::now(core)))
            .unwrap_or_default()
    }
}

fn warnings_between(began: Counters, ended: Counters) -> Vec<Warning> {
    let since = |of: fn(&Counters) -> u64| of(&ended).saturating_sub(of(&began));
    let all = since(|counters| counters.core.all).max(1) as f64;
    let stolen = since(|counters| counters.core.stolen) as f64 / all;
    let busy = since(|counters| counters.core.busy) as f64 / all;
    let foreign = busy - since(|counters| counters.children) as f64 / all;
    let mut warnings = Vec::new();
    let mut warn = |code, message: String, hint: &str| {
        warnings.push(Warning {
            code,
            message,
            hint: Some(hint.to_owned()),
            benchmark: None,
        });
    };
    if foreign > FOREIGN_SHARE {
        warn(
            WarningCode::MachineBusy,
            format!(
                "something else used {:.0} % of the core that was measured on",
                foreign * 100.0
            ),
            "stop what runs beside it, or choose another core with --cpu; intervals are wider than they could be",
        );
    }
    if stolen > STOLEN_SHARE {
        warn(
            WarningCode::StolenTime,
            format!(
                "the hypervisor gave {:.0} % of the measuring core's time to other machines",
                stolen * 100.0
            ),
            "a machine with processors of its own is quieter; intervals are wider than they could be",
        );
    }
    let throttles = since(|counters| counters.throttles);
    if throttles > 0 {
        warn(
            WarningCode::ThermalThrottling,
            format!("the processor was too hot and slowed itself down {throttles} times"),
            "let it cool, or take its highest frequency away for the time of the measurement",
        );
    }
    warnings
}

/// `cutime` and `cstime` of `/proc/self/stat` (see `proc_pid_stat(5)`).
fn children_ticks() -> Option<u64> {
    let text = fs::read_to_string("/proc/self/stat").ok()?;
    // The name before it may hold anything.
    let fields: Vec<&str> = text.rsplit_once(')')?.1.split_whitespace().collect();
    Some(fields.get(13)?.parse::<u64>().ok()? + fields.get(14)?.parse::<u64>().ok()?)
}

fn throttles(core: usize) -> Option<u64> {
    let file = format!("/sys/devices/system/cpu/cpu{core}/thermal_throttle/core_throttle_count");
    fs::read_to_string(file).ok()?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn codes(all: u64, busy: u64, stolen: u64, children: u64, throttles: u64) -> Vec<WarningCode> {
        let ended = Counters {
            core: CoreTicks { all, busy, stolen },
            children,
            throttles,
        };
        let warnings = warnings_between(Counters::default(), ended);
        warnings.iter().map(|warning| warning.code).collect()
    }

    #[test]
    fn what_the_measured_processes_use_is_no_disturbance() {
        assert_eq!(codes(1_000, 980, 0, 970, 0), []);
        assert_eq!(codes(1_000, 980, 0, 800, 0), [WarningCode::MachineBusy]);
        assert_eq!(codes(1_000, 900, 50, 890, 0), [WarningCode::StolenTime]);
        assert_eq!(codes(1_000, 900, 0, 890, 3), [WarningCode::ThermalThrottling]);
        assert_eq!(codes(0, 0, 0, 0, 0), []);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn the_counters_of_this_system_can_be_read() {
        assert!(children_ticks().is_some());
        let core = core_ticks(0).unwrap();
        assert!(core.busy > 0 && core.busy <= core.all);
    }
}
