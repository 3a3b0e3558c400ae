//! The shortest report of a race: one JSON value with the answer and the candidates' statuses.

use serde_json::{Value, json};

use super::without_samples;
use crate::race::{RaceCandidate, RaceReport};
use crate::text::{cut, shorten};

const MOST_BYTES: usize = 1500;

/// Returns the brief report; texts are shortened until it has at most [`MOST_BYTES`] bytes, or are as short as they
/// may be.
pub fn race_brief(report: &RaceReport) -> String {
    let mut text = String::new();
    for length in [120, 60, 30, 15] {
        text = written(report, length);
        if text.len() <= MOST_BYTES {
            break;
        }
    }
    text
}

fn written(report: &RaceReport, length: usize) -> String {
    let name = |name: &String| shorten(name, length);
    let candidate = |candidate: &RaceCandidate| {
        let speedup = candidate.estimate.map(|estimate| 1.0 / estimate.point_estimate);
        json!({"name": name(&candidate.name), "status": candidate.status, "speedup": speedup})
    };
    let next: Vec<Value> = report
        .next
        .iter()
        .take(2)
        .map(|step| json!({"action": step.action, "argv": step.argv, "why": cut(&step.why, length)}))
        .collect();
    let mut value = json!({
        "schema_version": report.schema_version,
        "verdict": report.answer.verdict,
        "partial": report.partial,
        "fastest": report.answer.fastest.iter().map(name).collect::<Vec<_>>(),
        "lead_percent": report.answer.lead_percent,
        "sentence": cut(&report.answer.sentence, 3 * length),
        "candidates": report.candidates.iter().map(candidate).collect::<Vec<_>>(),
        "warnings": report.warnings.len(),
        "next": next,
    });
    without_samples::shorten(&mut value);
    value.to_string()
}
