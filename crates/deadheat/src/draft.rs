//! The report as it grows, and what is concluded from what was measured.

use std::collections::BTreeSet;

use deadheat_core::model::{Missing, MissingReason, PerSide, Revision, Side, Warning, WarningCode};
use deadheat_core::report::{
    self, Machine, MeasuredBenchmark, Report, SCHEMA_VERSION, Selection, SelectionRule, Settings, Summary,
};
use deadheat_core::sequential::Sampling;
use deadheat_core::stats::{CONFIDENCE_LEVEL, FEWEST_REPLICATES};

use crate::benchmarks;
use crate::config::Config;
use crate::failure::Exit;
use crate::measure::Measured;
use crate::options::CompareOptions;
use crate::walk::StoppedBy;

const DEFAULT_THRESHOLD_PERCENT: f64 = 2.0;
/// A side that is this busy while it should wait slows the other one down.
const BUSY_SHARE: f64 = 0.1;
/// Samples shorter than this say little.
const SHORT_SAMPLE_NS: u64 = 20_000;

/// The report as far as it is known.
pub(crate) struct Draft {
    pub(crate) report: Report,
}

impl Draft {
    pub(crate) fn new(options: &CompareOptions, config: &Config, revisions: PerSide<Revision>) -> Self {
        let seed = options.seed.unwrap_or_else(drawn_seed);
        let threshold_percent = options
            .threshold_percent
            .or(config.threshold)
            .unwrap_or(DEFAULT_THRESHOLD_PERCENT);
        Draft {
            report: Report {
                schema_version: SCHEMA_VERSION,
                tool_version: env!("CARGO_PKG_VERSION").to_owned(),
                partial: false,
                revisions,
                settings: Settings {
                    threshold_percent,
                    confidence_level: CONFIDENCE_LEVEL,
                    replicates: match options.sampling {
                        Sampling::Exactly(count) => Some(count),
                        Sampling::UntilSettled => None,
                    },
                    budget_seconds: None,
                    fail_on: options.fail_on.clone(),
                    timeout_seconds: options.timeout.as_secs_f64(),
                    benchmarks_root: None,
                    benchmarks_from: "head".to_owned(),
                    keyword: options.keyword.clone(),
                    all: options.all,
                    profile: options.profile,
                    module_roots: Vec::new(),
                    tests_root: None,
                    injected: config.inject.iter().chain(&options.inject).cloned().collect(),
                },
                seed,
                machine: Machine {
                    system: std::env::consts::OS.to_owned(),
                    architecture: std::env::consts::ARCH.to_owned(),
                    processor: processor_name(),
                    cores: std::thread::available_parallelism().map_or(1, usize::from),
                    pinned_core: None,
                },
                python: None,
                target_functions: Vec::new(),
                selection: Selection {
                    rule: SelectionRule::All,
                    reason: "every benchmark".to_owned(),
                },
                plan: None,
                summary: Summary {
                    counts: report::count(&[], &[]),
                    total: None,
                    geometric_mean: None,
                    functions: Vec::new(),
                    unexplained_ns: None,
                    profile: None,
                },
                noise: None,
                comparisons: Vec::new(),
                missing: Vec::new(),
                warnings: Vec::new(),
            },
        }
    }

    pub(crate) fn warn(&mut self, code: WarningCode, message: &str, hint: Option<&str>) {
        self.report.warnings.push(Warning {
            code,
            message: message.to_owned(),
            hint: hint.map(str::to_owned),
            benchmark: None,
        });
    }
}

/// Turns what was measured into the report and the exit code.
pub(crate) fn conclude(
    draft: &mut Draft,
    runnable: Vec<String>,
    measured: Measured,
    base_own: &BTreeSet<String>,
) -> Exit {
    let report = &mut draft.report;
    let Measured {
        mut benchmarks,
        setbacks,
        newly: _,
        replicate_time: _,
        project_modules,
        stopped,
        last_words,
    } = measured;
    report.missing.extend(
        setbacks
            .into_iter()
            .map(|setback| benchmarks::missing_after(setback, base_own)),
    );
    let known: BTreeSet<String> = report.missing.iter().map(|row| row.benchmark.clone()).collect();
    let mut rows = Vec::new();
    let mut short = 0;
    for benchmark in runnable {
        let rounds = benchmarks.remove(&benchmark).unwrap_or_default();
        if rounds.replicates.len() < FEWEST_REPLICATES {
            if !known.contains(&benchmark) {
                report.missing.push(Missing {
                    benchmark,
                    side: None,
                    reason: MissingReason::Unfinished,
                    message: "the run ended before it was measured".to_owned(),
                });
            }
            continue;
        }
        let mut warnings = Vec::new();
        for side in Side::BOTH {
            let share = rounds.idle.get(side).share();
            if share > BUSY_SHARE {
                warnings.push(Warning {
                    code: WarningCode::IdleSideBusy,
                    message: format!(
                        "{side} used the processor for {:.0} % of the time in which only {} should have run",
                        share * 100.0,
                        side.other()
                    ),
                    hint: Some(
                        "a background thread or a server of the benchmark distorts both times".to_owned(),
                    ),
                    benchmark: Some(benchmark.clone()),
                });
            }
        }
        let shortest = |pair: &deadheat_core::model::Pair| pair.base.elapsed_ns.min(pair.head.elapsed_ns);
        if rounds
            .replicates
            .iter()
            .flat_map(|replicate| &replicate.pairs)
            .all(|pair| shortest(pair) < SHORT_SAMPLE_NS)
        {
            short += 1;
        }
        rows.push(MeasuredBenchmark {
            benchmark,
            replicates: rounds.replicates,
            looks: rounds.looks,
            replicate_seconds: rounds.replicate_seconds,
            warnings,
        });
    }
    let (comparisons, total, geometric_mean) =
        report::judge(rows, report.settings.sampling(), report.settings.threshold());
    report.summary = Summary {
        counts: report::count(&comparisons, &report.missing),
        total,
        geometric_mean,
        functions: Vec::new(),
        unexplained_ns: None,
        profile: None,
    };
    report.comparisons = comparisons;
    let measured_any = !report.comparisons.is_empty();
    if short > 0 {
        draft.warn(
            WarningCode::FewSamples,
            &format!("{short} benchmarks prescribe so few calls (benchmark.pedantic) that each sample is shorter than 20 µs"),
            Some("such times are mostly noise: give them more iterations, or raise --replicates"),
        );
    }
    if measured_any && (project_modules.base == 0 || project_modules.head == 0) {
        draft.warn(
            WarningCode::ProjectNotImported,
            "no benchmark imported the project's code from the worktrees: its changes cannot be in these numbers, unless \
             the benchmarks run it in other processes",
            Some("is module-root in pyproject.toml right? is the project installed where it would be found first?"),
        );
    }
    if let Some(by) = stopped {
        draft.report.partial = true;
        let mut message = format!("stopped {by} before all replicates were done");
        if let StoppedBy::Worker(_) = by {
            message.push_str(&format!("; its last words:\n{last_words}"));
        }
        draft.warn(WarningCode::StoppedEarly, &message, None);
        return Exit::StoppedEarly;
    }
    if measured_any {
        Exit::Done
    } else {
        Exit::NothingMeasured
    }
}

fn drawn_seed() -> u64 {
    use std::hash::{BuildHasher, RandomState};
    // Kept below 2^53, so that every reader of JSON reads the same number.
    RandomState::new().hash_one(std::process::id()) >> 11
}

fn processor_name() -> Option<String> {
    let text = std::fs::read_to_string("/proc/cpuinfo").ok()?;
    let line = text.lines().find(|line| line.starts_with("model name"))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}
