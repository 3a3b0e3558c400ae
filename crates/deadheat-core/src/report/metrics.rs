//! The report as `METRIC name=number` lines, for an optimisation loop whose measuring script is deadheat.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use crate::model::Report;
use crate::text::number;

/// The longest part of a benchmark's id in a name.
const LONGEST_NAME: usize = 200;

/// Returns the speedups, more is faster, and the number of benchmarks by verdict.
pub fn metrics(report: &Report) -> String {
    let mut text = String::new();
    let summary = &report.summary;
    if let Some(total) = &summary.total {
        let [low, high] = total.estimate.speedup_interval();
        put(&mut text, "speedup", total.estimate.speedup());
        put(&mut text, "speedup_low", low);
        put(&mut text, "speedup_high", high);
    }
    if let Some(mean) = &summary.geometric_mean {
        put(&mut text, "geometric_mean", mean.estimate.speedup());
    }
    let counts = summary.counts;
    for (name, count) in [
        ("improved", counts.improved),
        ("regressed", counts.regressed),
        ("unchanged", counts.unchanged),
        ("inconclusive", counts.inconclusive),
        ("unexplained", counts.unexplained),
        ("failed", counts.failed),
        ("not_reached", counts.not_reached),
    ] {
        put(&mut text, name, count as f64);
    }
    let mut taken = BTreeSet::new();
    for row in &report.comparisons {
        // The prefix keeps a benchmark from being called like one of the above.
        let name = format!("speedup.{}", name_of(&row.benchmark));
        let mut candidates = (2..).map(|number| format!("{name}_{number}"));
        let mut unique = name.clone();
        while !taken.insert(unique.clone()) {
            unique = candidates.next().unwrap_or_default();
        }
        put(&mut text, &unique, row.estimate.speedup());
    }
    text
}

fn put(text: &mut String, name: &str, value: f64) {
    if value.is_finite() {
        let _ = writeln!(text, "METRIC {name}={}", number(value));
    }
}

/// Returns a benchmark's id in the characters that every reader of such lines accepts.
fn name_of(benchmark: &str) -> String {
    let is_accepted = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.');
    let parts = benchmark
        .split(|c| !is_accepted(c))
        .filter(|part| !part.is_empty());
    let name = parts.collect::<Vec<_>>().join("_");
    name.chars().take(LONGEST_NAME).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Verdict;
    use crate::testing::report;

    #[test]
    fn names_that_would_be_the_same_are_numbered() {
        let names = [
            "b.py::t[a-b]",
            "b.py::t[a b]",
            "b.py::t_a_b_2",
            "b.py::t[a/b]",
            "é",
            "ü",
        ];
        let rows = names.map(|name| (name, 0.5, Verdict::Improved));
        let text = metrics(&report(&rows));
        let found: Vec<&str> = text.lines().filter(|line| line.contains("speedup.")).collect();
        assert_eq!(
            found,
            [
                "METRIC speedup.b.py_t_a_b=2",
                "METRIC speedup.b.py_t_a_b_2=2",
                "METRIC speedup.b.py_t_a_b_2_2=2",
                "METRIC speedup.b.py_t_a_b_3=2",
                "METRIC speedup.=2",
                "METRIC speedup._2=2",
            ]
        );
    }

    #[test]
    fn no_name_becomes_another_line() {
        let hostile = "x=9\nMETRIC speedup=9\r\n\u{2028}METRIC regressed=0";
        let text = metrics(&report(&[(hostile, 1.0, Verdict::Unchanged)]));
        let last = text.lines().last().unwrap();
        assert_eq!(last, "METRIC speedup.x_9_METRIC_speedup_9_METRIC_regressed_0=1");
        assert_eq!(
            text.matches("METRIC speedup=").count(),
            usize::from(text.contains("speedup_low"))
        );
    }
}
