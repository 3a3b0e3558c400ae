//! One side of the report in the format of a saved pytest-benchmark run, so that its own `compare` command reads it.
//!
//! A round is a replicate here: the median of one process, as everywhere in the report. For base, pytest-benchmark's
//! median is therefore the time in the report's table.

use serde_json::{Map, Value, json};

use crate::judge::stats;
use crate::model::{Comparison, Replicate, Report, Side};

/// The version of pytest-benchmark whose format is used.
const LIKE_VERSION: &str = "5.3.1";

/// Converts one side of the report; `now` is an ISO 8601 time.
pub fn pytest_benchmark(report: &Report, side: Side, now: &str) -> Value {
    let revision = report.revisions.get(side);
    let machine = &report.machine;
    let python = report.python.as_ref().map(|python| python.get(side));
    let (implementation, version) = python.map_or(("", ""), |python| {
        (python.implementation.as_str(), python.version.as_str())
    });
    let benchmarks: Vec<Value> = report
        .comparisons
        .iter()
        .map(|row| benchmark(row, side))
        .collect();
    json!({
        "machine_info": {
            "node": "",
            "processor": machine.processor,
            "machine": machine.architecture,
            "python_compiler": "",
            "python_implementation": implementation,
            "python_implementation_version": version,
            "python_version": version,
            "python_build": ["", ""],
            "release": "",
            "system": machine.system,
            "cpu": { "brand_raw": machine.processor, "count": machine.cores, "arch_string_raw": machine.architecture },
        },
        "commit_info": {
            "id": revision.commit,
            "time": null,
            "author_time": null,
            "dirty": revision.dirty,
            "project": "",
            "branch": revision.name,
        },
        "benchmarks": benchmarks,
        "datetime": now,
        "version": LIKE_VERSION,
    })
}

fn benchmark(row: &Comparison, side: Side) -> Value {
    let name = row.benchmark.rsplit_once("::").map_or(&*row.benchmark, |_| {
        // A parameter may also contain the separator.
        let scope = row.benchmark.split('[').next().unwrap_or_default();
        scope
            .rfind("::")
            .map_or(&*row.benchmark, |at| &row.benchmark[at + 2..])
    });
    let param = name
        .split_once('[')
        .and_then(|(_, parameters)| parameters.strip_suffix(']'));
    json!({
        "group": null,
        "name": name,
        "fullname": row.benchmark,
        "params": null,
        "param": param,
        "extra_info": { "deadheat": { "verdict": row.verdict, "estimate": row.estimate } },
        "options": {},
        "stats": statistics(&row.replicates, side),
    })
}

/// Returns pytest-benchmark's statistics, by its definitions, of the seconds per iteration over the replicates.
fn statistics(replicates: &[Replicate], side: Side) -> Value {
    let mut seconds: Vec<f64> = replicates
        .iter()
        .filter_map(|replicate| {
            let rounds = replicate.rounds.iter();
            stats::median(rounds.map(|round| match side {
                Side::Base => round.base.per_iteration_ns(),
                Side::Head => round.head.per_iteration_ns(),
            }))
        })
        .map(|nanoseconds| nanoseconds / 1e9)
        .collect();
    seconds.sort_by(f64::total_cmp);
    let Some((&min, &max)) = seconds.first().zip(seconds.last()) else {
        return Value::Object(Map::new());
    };
    let count = seconds.len();
    let total: f64 = seconds.iter().sum();
    let mean = total / count as f64;
    let squares: f64 = seconds.iter().map(|value| (value - mean).powi(2)).sum();
    let deviation = (squares / (count.max(2) - 1) as f64).sqrt();
    let median = stats::median(seconds.iter().copied()).unwrap_or(mean);
    let (first_quartile, third_quartile) = quartiles(&seconds);
    let range = third_quartile - first_quartile;
    let (low_fence, high_fence) = (first_quartile - 1.5 * range, third_quartile + 1.5 * range);
    let inside = || {
        seconds
            .iter()
            .copied()
            .filter(|value| (low_fence..=high_fence).contains(value))
    };
    let iqr_outliers = count - inside().count();
    let stddev_outliers = seconds
        .iter()
        .filter(|value| (*value - mean).abs() > deviation)
        .count();
    json!({
        "min": min,
        "max": max,
        "mean": mean,
        "stddev": deviation,
        "rounds": count,
        "median": median,
        "iqr": range,
        "q1": first_quartile,
        "q3": third_quartile,
        "iqr_outliers": iqr_outliers,
        "stddev_outliers": stddev_outliers,
        "outliers": format!("{stddev_outliers};{iqr_outliers}"),
        "ld15iqr": inside().next().unwrap_or(min),
        "hd15iqr": inside().next_back().unwrap_or(max),
        "ops": count as f64 / total,
        "total": total,
        "iterations": 1,
    })
}

/// Returns the quartiles: the medians of both sorted halves; of an odd number, between the two ways to halve it.
fn quartiles(sorted: &[f64]) -> (f64, f64) {
    let count = sorted.len();
    let between =
        |one: usize, weight: f64, other: usize| weight * sorted[one] + (1.0 - weight) * sorted[other];
    let quarter = count / 4;
    match count % 4 {
        _ if count == 1 => (sorted[0], sorted[0]),
        1 => (
            between(quarter - 1, 0.25, quarter),
            between(3 * quarter, 0.75, 3 * quarter + 1),
        ),
        3 => (
            between(quarter, 0.75, quarter + 1),
            between(3 * quarter + 1, 0.25, 3 * quarter + 2),
        ),
        _ => {
            let half = |values: &[f64]| stats::median(values.iter().copied()).unwrap_or(f64::NAN);
            (half(&sorted[..count / 2]), half(&sorted[count / 2..]))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::quartiles;

    #[test]
    fn quartiles_are_those_of_pytest_benchmark() {
        // From its own Stats.
        let of = |count: u32| {
            quartiles(
                &(1..=count)
                    .map(|value| f64::from(value * value))
                    .collect::<Vec<_>>(),
            )
        };
        assert_eq!(of(1), (1.0, 1.0));
        assert_eq!(of(2), (1.0, 4.0));
        assert_eq!(of(3), (1.75, 7.75));
        assert_eq!(of(5), (3.25, 18.25));
        assert_eq!(of(8), (6.5, 42.5));
        assert_eq!(of(11), (10.75, 76.75));
    }
}
