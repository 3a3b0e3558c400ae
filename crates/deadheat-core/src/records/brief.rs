//! The loop's state and its experiments as one JSON value of at most [`BRIEF_BYTES`] bytes.

use serde::Serialize;
use serde_json::{Value, json};

use super::foreign::StatusEffect;
use super::handoff::Baseline;
use super::history::{Cumulative, History};
use super::results::Results;
use super::row::Row;
use crate::model::NextStep;
use crate::report::{BRIEF_BYTES, within};

/// An experiment in few words.
#[derive(Serialize)]
struct BriefRow<'a> {
    time: Option<&'a str>,
    head: Option<&'a str>,
    status: Option<&'a str>,
    verdict: Option<&'a str>,
    speedup: Option<f64>,
    interval: Option<[f64; 2]>,
    micro_speedup: Option<f64>,
    /// The cumulative speedup at that point.
    so_far: Option<f64>,
    description: Option<&'a str>,
}

/// Returns the state of the loop: what `deadheat status` prints, with the last experiment only.
pub fn brief_status(results: &Results, baseline: Option<&Baseline>, next: &[NextStep]) -> Value {
    let history = History::new(&results.rows, baseline);
    let count = |effect| history.once(effect).len();
    let value = json!({
        "baseline": baseline,
        "last_kept": history.last_kept().or(baseline.map(|baseline| baseline.commit.as_str())),
        "counts": {
            "keep": count(StatusEffect::Kept),
            "mixed": count(StatusEffect::Mixed),
            "discard": count(StatusEffect::Discarded),
            "other": history.others().count(),
        },
        "cumulative": history.cumulative(),
        "last": rows(results, &history).next(),
        "next": next,
    });
    within(value, BRIEF_BYTES)
}

/// Returns the experiments, the newest first, as many as fit.
pub fn brief_log(results: &Results, baseline: Option<&Baseline>, next: &[NextStep]) -> Value {
    let history = History::new(&results.rows, baseline);
    // More never fit.
    let newest: Vec<BriefRow<'_>> = rows(results, &history).take(BRIEF_BYTES / 40).collect();
    let value = json!({
        "experiments": results.rows.iter().filter(|row| row.is_experiment()).count(),
        "cumulative": history.cumulative(),
        "next": next,
        "rows": newest,
    });
    within(value, BRIEF_BYTES)
}

/// Returns the experiments, the newest first.
fn rows<'a>(results: &'a Results, history: &History<'a>) -> impl Iterator<Item = BriefRow<'a>> {
    let rows = results.rows.iter().enumerate().rev();
    rows.filter(|(_, row)| row.is_experiment())
        .map(|(index, row)| brief_row(row, history.so_far(index)))
}

fn brief_row(row: &Row, so_far: Option<Cumulative>) -> BriefRow<'_> {
    BriefRow {
        time: row.time.as_deref(),
        head: row.head.as_deref().map(|head| head.get(..10).unwrap_or(head)),
        status: row.status.as_deref(),
        verdict: row.verdict.as_deref(),
        speedup: row.speedup,
        interval: row.ci_low.zip(row.ci_high).map(|(low, high)| [low, high]),
        micro_speedup: row.micro_speedup,
        so_far: so_far.map(|total| total.speedup),
        description: row.description.as_deref(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::records::TOTAL;

    fn results(experiments: usize) -> Results {
        let mut results = Results::parse(b"").unwrap();
        let rows = (0..experiments).flat_map(|number| {
            ["a.py::test_a", TOTAL].map(|benchmark| Row {
                time: Some(format!("2026-01-05T20:{number:02}:12Z")),
                base: Some(format!("{number:040}")),
                head: Some(format!("{:040}", number + 1)),
                benchmark: Some(benchmark.to_owned()),
                speedup: Some(1.5),
                ci_low: Some(1.25),
                ci_high: Some(1.75),
                verdict: Some("improved".to_owned()),
                status: Some("keep".to_owned()),
                description: Some(format!("experiment {number}")),
                ..Row::default()
            })
        });
        results.append(&rows.collect::<Vec<_>>());
        results
    }

    #[test]
    fn the_newest_experiments_that_fit_are_listed() {
        let log = brief_log(&results(50), None, &[]);
        assert!(log.to_string().len() <= BRIEF_BYTES);
        assert_eq!((&log["experiments"], &log["cut"]), (&json!(50), &json!(true)));
        let rows = log["rows"].as_array().unwrap();
        assert!(rows.len() >= 6, "{log:#}");
        let descriptions: Vec<&str> = rows
            .iter()
            .filter_map(|row| row["description"].as_str())
            .collect();
        assert_eq!(descriptions[..2], ["experiment 49", "experiment 48"]);
        let few = brief_log(&results(2), None, &[]);
        assert_eq!(few["cut"], Value::Null);
        assert_eq!(few["rows"][1]["so_far"], 1.5);
        assert_eq!(few["rows"][0]["so_far"], few["cumulative"]["speedup"]);
    }

    #[test]
    fn the_state_has_counts_and_the_last_experiment() {
        let state = brief_status(&results(3), None, &[]);
        assert_eq!(
            state["counts"],
            json!({"keep": 3, "mixed": 0, "discard": 0, "other": 0})
        );
        assert_eq!(state["last"]["description"], "experiment 2");
        assert_eq!(state["last_kept"], format!("{:040}", 3));
        let empty = brief_status(&results(0), None, &[]);
        assert_eq!(
            (&empty["last"], &empty["last_kept"]),
            (&Value::Null, &Value::Null)
        );
    }
}
