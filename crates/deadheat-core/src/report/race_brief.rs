//! The shortest report of a race: one JSON value with the answer, and how many candidates have which status.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::brief::BRIEF_BYTES;
use super::without_samples;
use crate::race::RaceReport;
use crate::text::{cut, shorten};

/// The largest number of the fastest candidates that are named.
const MOST_NAMED: usize = 5;

/// Returns the brief report; texts are shortened until it fits, however long the names are.
pub fn race_brief(report: &RaceReport) -> String {
    let mut text = String::new();
    for length in [200, 100, 50, 25] {
        text = written(report, length);
        if text.len() <= BRIEF_BYTES {
            break;
        }
    }
    text
}

fn written(report: &RaceReport, length: usize) -> String {
    let name = |name: &String| shorten(name, length);
    let answer = &report.answer;
    let first = report.candidates.first();
    let estimate = first.and_then(|candidate| candidate.estimate);
    let mut statuses: BTreeMap<String, usize> = BTreeMap::new();
    for candidate in &report.candidates {
        if let Ok(Value::String(status)) = serde_json::to_value(candidate.status) {
            *statuses.entry(status).or_default() += 1;
        }
    }
    let next: Vec<Value> = report
        .next
        .iter()
        .filter(|step| step.argv.iter().map(String::len).sum::<usize>() <= 3 * length)
        .map(|step| json!({"action": step.action, "argv": step.argv, "why": cut(&step.why, length)}))
        .collect();
    let mut value = json!({
        "schema_version": report.schema_version,
        "verdict": answer.verdict,
        "partial": report.partial,
        "fastest": answer.fastest.iter().take(MOST_NAMED).map(name).collect::<Vec<_>>(),
        "speedup": estimate.map(|estimate| estimate.speedup()),
        "next_best": answer.next_best.as_ref().map(name),
        "lead_percent": answer.lead_percent,
        "sentence": cut(&answer.sentence, 2 * length),
        "statuses": statuses,
        "warnings": report.warnings.len(),
        "next": next,
    });
    without_samples::shorten(&mut value);
    value.to_string()
}
