//! A report with given verdicts, for tests.

use crate::model::{
    Comparison, ConfidenceInterval, Estimate, Judged, Machine, PerSide, Report, Revision, SCHEMA_VERSION,
    Selection, SelectionRule, Settings, SideTime, Summary, TargetFunction, Verdict,
};
use crate::output::OutputCheck;

/// Returns a report in which a benchmark takes 1 ms on base, and that times the given ratio on head.
pub(crate) fn report(rows: &[(&str, f64, Verdict)]) -> Report {
    let comparisons: Vec<Comparison> = rows
        .iter()
        .map(|&(benchmark, ratio, verdict)| comparison(benchmark, ratio, verdict))
        .collect();
    let sum = |time: fn(&Comparison) -> f64| comparisons.iter().map(time).sum::<f64>();
    let (base_ns, head_ns) = (sum(|row| row.base.median_ns), sum(|row| row.head.median_ns));
    let total = comparisons.first().map(|first| Judged {
        estimate: estimate(head_ns / base_ns),
        verdict: first.verdict,
        reason: None,
        base_ns: Some(base_ns),
        head_ns: Some(head_ns),
    });
    let revision = |name: &str| Revision {
        name: name.to_owned(),
        commit: name.to_owned(),
        dirty: false,
    };
    Report {
        schema_version: SCHEMA_VERSION,
        samples: true,
        tool_version: "0".to_owned(),
        partial: false,
        revisions: PerSide::new(revision("base"), revision("head")),
        settings: Settings::default(),
        seed: 1,
        machine: Machine {
            system: "linux".to_owned(),
            kernel: None,
            architecture: "x86_64".to_owned(),
            processor: None,
            cores: 2,
            pinned_core: None,
            later_cores: Vec::new(),
        },
        machines: Vec::new(),
        parts: Vec::new(),
        python: None,
        target_functions: Vec::new(),
        selection: Selection {
            rule: SelectionRule::All,
            reason: String::new(),
        },
        suite: Vec::new(),
        suite_parts: Vec::new(),
        plan: None,
        summary: Summary {
            total,
            ..Summary::default()
        },
        noise: None,
        comparisons,
        resources: Vec::new(),
        missing: Vec::new(),
        warnings: Vec::new(),
        guard: None,
        recorded: None,
        next: Vec::new(),
    }
}

fn comparison(benchmark: &str, ratio: f64, verdict: Verdict) -> Comparison {
    Comparison {
        benchmark: benchmark.to_owned(),
        base: SideTime { median_ns: 1e6 },
        head: SideTime {
            median_ns: 1e6 * ratio,
        },
        estimate: estimate(ratio),
        verdict,
        reason: None,
        is_control: false,
        set_up_each_call: false,
        several_cores: false,
        first_call_ns: None,
        threshold_percent: None,
        looks: 1,
        replicate_seconds: None,
        to_settle: None,
        output: OutputCheck::Same,
        output_difference: None,
        confirmation: None,
        by_kind: Vec::new(),
        agreement: None,
        part: None,
        replicates: Vec::new(),
        set_aside: Vec::new(),
        functions: Vec::new(),
        unexplained_ns: None,
        profile: None,
        warnings: Vec::new(),
    }
}

fn estimate(ratio: f64) -> Estimate {
    Estimate {
        point_estimate: ratio,
        standard_error: 0.01,
        confidence_interval: ConfidenceInterval {
            lower_bound: ratio * 0.97,
            upper_bound: ratio * 1.03,
            confidence_level: 0.99,
        },
    }
}

pub(crate) fn target(path: &str, qualname: &str, reached_by: &[&str]) -> TargetFunction {
    TargetFunction {
        path: path.to_owned(),
        qualname: qualname.to_owned(),
        change: None,
        lines: (1, 2),
        detail: None,
        places: PerSide::default(),
        reached_by: reached_by.iter().map(|&name| name.to_owned()).collect(),
    }
}
