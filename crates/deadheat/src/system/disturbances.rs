//! Disturbances that the system reports during measuring. They become warnings and do not change any number.

use std::fs;

use deadheat_core::model::{Warning, WarningCode};

use crate::system::core_lock::CoreLock;
use crate::system::cpu_pinning::{CoreTicks, CpuPinning, OwnTicks, core_ticks};
use crate::system::processes;

/// The share of the core's time from which its use by something else is reported.
const FOREIGN_SHARE: f64 = 0.05;
const STOLEN_SHARE: f64 = 0.02;
/// The fraction by which the core's frequency may fall before it is reported.
const FREQUENCY_FALL: f64 = 0.1;

/// The counters at one moment, or their increase over a period.
#[derive(Clone, Copy, Debug, Default)]
struct Counters {
    core: CoreTicks,
    /// Processor time of this process's children that have ended, in clock ticks; and of this process, if it shares
    /// their core.
    children: u64,
    /// The number of times that the core slowed itself down because it was too hot.
    throttles: u64,
}

impl Counters {
    fn now(core: usize, is_shared: bool) -> Self {
        let own = is_shared.then(|| processes::times("self")).flatten();
        let own = own.map_or(0, |times| times.own);
        Counters {
            core: core_ticks(core).unwrap_or_default(),
            children: processes::workers_ticks().unwrap_or_default() + own,
            throttles: throttles(core).unwrap_or_default(),
        }
    }

    fn add(&mut self, from: Counters, to: Counters) {
        let since = |of: fn(&Counters) -> u64| of(&to).saturating_sub(of(&from));
        self.core.all += since(|counters| counters.core.all);
        self.core.busy += since(|counters| counters.core.busy);
        self.core.stolen += since(|counters| counters.core.stolen);
        self.children += since(|counters| counters.children);
        self.throttles += since(|counters| counters.throttles);
    }
}

/// A period of measuring, on one core after another.
#[derive(Clone, Debug, Default)]
pub(crate) struct DisturbanceMonitor {
    /// The core that is measured on, and its counters when that began; `None` if nothing is pinned.
    present: Option<(usize, Counters)>,
    earlier: Counters,
    /// Processor time that our own processes used on other cores, in clock ticks.
    ticks_elsewhere: u64,
    /// The measuring core's frequency each time that it had just worked.
    frequencies_khz: Vec<u64>,
    /// Whether this process has no other core.
    is_shared_with_driver: bool,
    core_use: CoreLock,
    /// Whether another run shared the core at any moment that was checked.
    is_core_shared: bool,
}

impl DisturbanceMonitor {
    pub(crate) fn begin(cores: &CpuPinning) -> Self {
        DisturbanceMonitor {
            present: cores
                .measuring
                .map(|core| (core, Counters::now(core, cores.is_shared_with_driver()))),
            core_use: cores.measuring_use.clone(),
            is_shared_with_driver: cores.is_shared_with_driver(),
            is_core_shared: cores.measuring_use.is_shared(),
            ..DisturbanceMonitor::default()
        }
    }

    /// Continues with the core that is measured on now. Every process that measured must have ended.
    pub(crate) fn follow(&mut self, cores: &CpuPinning) {
        if let (Some((core, began)), Some(next)) = (self.present, cores.measuring)
            && core != next
        {
            let is_shared = self.is_shared_with_driver;
            self.earlier.add(began, Counters::now(core, is_shared));
            self.present = Some((next, Counters::now(next, is_shared)));
        }
        self.core_use.clone_from(&cores.measuring_use);
        self.is_core_shared |= self.core_use.is_shared();
    }

    pub(crate) fn frequency_of(&mut self, core: usize) {
        self.frequencies_khz.extend(frequency_khz(core));
    }

    /// Counts the ticks of a process that ran on another core until now.
    pub(crate) fn started_elsewhere(&mut self, process: u32) {
        if let Some(times) = processes::times(&process.to_string()) {
            self.ticks_elsewhere += times.own + times.of_ended_children;
        }
    }

    /// Returns the ticks of all workers that have ended.
    pub(crate) fn own_ticks(&self) -> OwnTicks {
        OwnTicks {
            measuring: processes::workers_ticks()
                .unwrap_or_default()
                .saturating_sub(self.ticks_elsewhere),
            spare: self.ticks_elsewhere,
        }
    }

    /// Returns the warnings since the beginning; every process that measured must have ended.
    pub(crate) fn warnings(&self) -> Vec<Warning> {
        let Some((core, began)) = self.present else {
            return Vec::new();
        };
        let mut all = self.earlier;
        all.add(began, Counters::now(core, self.is_shared_with_driver));
        let governor = fs::read_to_string(format!("{}/scaling_governor", frequency_folder(core)));
        let governor = governor.unwrap_or_default();
        let mut warnings = self.warnings_of(all, governor.trim());
        if self.is_core_shared || self.core_use.is_shared() {
            warnings.push(Warning::new(
                WarningCode::MeasuringCoreShared,
                "another run of deadheat measured on the same core at the same time",
                Some("run one after the other, or give each its own core with --cpu"),
            ));
        }
        warnings
    }

    fn warnings_of(&self, counters: Counters, governor: &str) -> Vec<Warning> {
        let all = counters.core.all.max(1) as f64;
        let ours = counters.children.saturating_sub(self.ticks_elsewhere);
        // Stolen time also counts as busy.
        let foreign = counters.core.busy.saturating_sub(counters.core.stolen + ours) as f64 / all;
        let stolen = counters.core.stolen as f64 / all;
        let mut warnings = Vec::new();
        let mut warn = |code, message: String, hint: &str| {
            warnings.push(Warning::new(code, message, Some(hint)));
        };
        if foreign > FOREIGN_SHARE {
            warn(
                WarningCode::MachineBusy,
                format!("something else used {:.0} % of the pinned core", foreign * 100.0),
                "stop other programs, or choose another core with --cpu; intervals are wider than they could \
                 be",
            );
        }
        if stolen > STOLEN_SHARE {
            warn(
                WarningCode::StolenTime,
                format!(
                    "the hypervisor gave {:.0} % of the measuring core's time to other machines",
                    stolen * 100.0
                ),
                "a machine with dedicated processors is quieter; intervals are wider than they could be",
            );
        }
        let throttles = counters.throttles;
        if throttles > 0 {
            warn(
                WarningCode::ThermalThrottling,
                format!("the processor was too hot and slowed itself down {throttles} times"),
                "let it cool down, or cap its frequency while measuring",
            );
        }
        let frequencies = &self.frequencies_khz;
        if let (Some(&lowest), Some(&highest)) = (frequencies.iter().min(), frequencies.iter().max())
            && (lowest as f64) < (1.0 - FREQUENCY_FALL) * highest as f64
        {
            let ghz = |khz: u64| khz as f64 / 1e6;
            let by = match governor {
                "" => String::new(),
                governor => format!(" (allowed by the governor `{governor}`)"),
            };
            warn(
                WarningCode::FrequencyScaling,
                format!(
                    "the frequency of the measuring core dropped from {:.1} to {:.1} GHz at times{by}",
                    ghz(highest),
                    ghz(lowest)
                ),
                "the governor `performance`, mains power, or no turbo keep it steady; intervals are wider than they could be",
            );
        }
        warnings
    }
}

fn frequency_folder(core: usize) -> String {
    format!("/sys/devices/system/cpu/cpu{core}/cpufreq")
}

fn frequency_khz(core: usize) -> Option<u64> {
    let text = fs::read_to_string(format!("{}/scaling_cur_freq", frequency_folder(core))).ok()?;
    text.trim().parse().ok()
}

fn throttles(core: usize) -> Option<u64> {
    let file = format!("/sys/devices/system/cpu/cpu{core}/thermal_throttle/core_throttle_count");
    fs::read_to_string(file).ok()?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn codes(all: u64, busy: u64, stolen: u64, children: u64, throttles: u64) -> Vec<WarningCode> {
        let conditions = DisturbanceMonitor {
            ticks_elsewhere: 100,
            frequencies_khz: vec![3_400_000, 3_300_000],
            ..DisturbanceMonitor::default()
        };
        let counters = Counters {
            core: CoreTicks { all, busy, stolen },
            children: children + conditions.ticks_elsewhere,
            throttles,
        };
        let warnings = conditions.warnings_of(counters, "");
        warnings.iter().map(|warning| warning.code).collect()
    }

    #[test]
    fn what_the_measured_processes_use_is_no_disturbance() {
        assert_eq!(codes(1_000, 980, 0, 970, 0), []);
        assert_eq!(codes(1_000, 980, 0, 800, 0), [WarningCode::MachineBusy]);
        assert_eq!(codes(1_000, 950, 100, 850, 0), [WarningCode::StolenTime]);
        assert_eq!(codes(1_000, 900, 0, 890, 3), [WarningCode::ThermalThrottling]);
        assert_eq!(codes(0, 0, 0, 0, 0), []);
    }

    #[test]
    fn the_times_on_several_cores_add_up() {
        let counters = |all, busy| Counters {
            core: CoreTicks { all, busy, stolen: 0 },
            ..Counters::default()
        };
        let mut sum = counters(50, 20);
        sum.add(counters(1_000, 500), counters(1_100, 590));
        assert_eq!((sum.core.all, sum.core.busy), (150, 110));
    }

    #[test]
    fn a_frequency_that_falls_is_named_with_its_governor() {
        let conditions = DisturbanceMonitor {
            frequencies_khz: vec![3_400_000, 3_400_000, 1_200_000],
            ..DisturbanceMonitor::default()
        };
        let warnings = conditions.warnings_of(Counters::default(), "powersave");
        let messages: Vec<&str> = warnings.iter().map(|warning| warning.message.as_str()).collect();
        assert_eq!(
            messages,
            [
                "the frequency of the measuring core dropped from 3.4 to 1.2 GHz at times (allowed by the \
                 governor `powersave`)"
            ]
        );
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn the_counters_of_this_system_can_be_read() {
        assert!(processes::workers_ticks().is_some());
        let core = core_ticks(0).unwrap();
        assert!(core.busy > 0 && core.busy <= core.all);
    }
}
