//! The facts of a report: what was compared, where and how.

use std::fmt::Write as _;

use serde_json::Value;

use super::markup::{sentences, text};
use crate::model::{Machine, Python, Report, Revision, Settings, Side};
use crate::report::parts;
use crate::report::words::{core_of, replicates_of};
use crate::text::sentence;

/// Renders revisions, machine and settings as one list of terms.
pub(super) fn facts(report: &Report) -> String {
    let mut rows: Vec<(String, String)> = Vec::new();
    let mut add = |term: &str, words: String| rows.push((term.to_owned(), words));
    for side in Side::BOTH {
        add(&side.to_string(), revision(report.revisions.get(side)));
    }
    if let Some(python) = &report.python {
        let words = |python: &Python| {
            let Python {
                path,
                version,
                implementation,
                pytest,
            } = python;
            let pytest = if pytest.is_empty() {
                String::new()
            } else {
                format!(", pytest {pytest}")
            };
            text(&format!("{implementation} {version}{pytest} ({path})"))
        };
        if python.base == python.head {
            add("Python", words(&python.head));
        } else {
            add("Python of base", words(&python.base));
            add("Python of head", words(&python.head));
        }
    }
    let words = |machine: &Machine| {
        let processor = machine.processor.as_deref();
        let processor = processor.map_or(String::new(), |name| format!(", {name}"));
        let core = match report.comparisons.is_empty() {
            true => String::new(),
            false => format!(", {}", core_of(machine)),
        };
        text(&format!(
            "{} {}{processor}, {} cores{core}",
            machine.system, machine.architecture, machine.cores
        ))
    };
    if report.shards.is_empty() {
        add("Machine", words(&report.machine));
    }
    for (shards, machine) in parts::machines(report, words) {
        add(&format!("Machine of {shards}"), machine);
    }
    if let Some(replicates) = replicates_of(report) {
        add("Measured", replicates);
    }
    add("Selection", sentences(&report.selection.reason));
    add("Seed", report.seed.to_string());
    // Every setting that is set, also those that later versions add.
    if let Ok(Value::Object(settings)) = serde_json::to_value(&report.settings) {
        for (key, value) in &settings {
            let (term, words) = match key.as_str() {
                "all" => ("All benchmarks".to_owned(), setting(value)),
                "partition" => (
                    "Part".to_owned(),
                    report.settings.partition.map(|part| part.to_string()),
                ),
                "thresholds" => ("Thresholds by glob".to_owned(), thresholds(&report.settings)),
                key => (sentence(&key.replace('_', " ")), setting(value)),
            };
            if let Some(words) = words {
                add(&term, text(&words));
            }
        }
    }
    let mut html = "<dl class=\"facts\">\n".to_owned();
    for (term, words) in rows {
        let _ = writeln!(html, "<div><dt>{term}</dt><dd>{words}</dd></div>");
    }
    html.push_str("</dl>\n");
    html
}

/// Renders a revision as typed, and its commit.
pub(super) fn revision(revision: &Revision) -> String {
    let commit = text(&revision.commit);
    let dirty = if revision.dirty {
        " with uncommitted changes"
    } else {
        ""
    };
    if revision.name.is_empty() || revision.commit.starts_with(&revision.name) {
        return format!("<code>{commit}</code>{dirty}");
    }
    format!("<bdi>{}</bdi> <code>{commit}</code>{dirty}", text(&revision.name))
}

fn thresholds(settings: &Settings) -> Option<String> {
    let words: Vec<String> = settings
        .thresholds
        .iter()
        .map(|(glob, percent)| format!("{glob}: {percent} %"))
        .collect();
    (!words.is_empty()).then(|| words.join(", "))
}

/// Returns the words for a setting's value; `None` where it is not set.
fn setting(value: &Value) -> Option<String> {
    match value {
        Value::Null | Value::Bool(false) => None,
        Value::Bool(true) => Some("yes".to_owned()),
        Value::Number(number) => Some(number.to_string().trim_end_matches(".0").to_owned()),
        Value::String(text) => Some(text.clone()).filter(|text| !text.is_empty()),
        Value::Array(values) => {
            let words: Vec<String> = values.iter().filter_map(setting).collect();
            Some(words.join(", ")).filter(|text| !text.is_empty())
        }
        // A gate: its kind and its limit.
        Value::Object(fields) => {
            let words: Vec<String> = ["what", "percent"]
                .into_iter()
                .chain(
                    fields
                        .keys()
                        .map(String::as_str)
                        .filter(|key| !["what", "percent"].contains(key)),
                )
                .filter_map(|key| setting(fields.get(key)?))
                .collect();
            Some(words.join(":")).filter(|text| !text.is_empty())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_that_are_not_set_are_left_out() {
        let value = |json: &str| setting(&serde_json::from_str(json).unwrap());
        assert_eq!(value("null"), None);
        assert_eq!(value("false"), None);
        assert_eq!(value("[]"), None);
        assert_eq!(value("2.0").unwrap(), "2");
        assert_eq!(value("20").unwrap(), "20");
        assert_eq!(value("\"a_path/b\"").unwrap(), "a_path/b");
        assert_eq!(value("[\"a\", \"b\"]").unwrap(), "a, b");
        let gates = "[{\"what\": \"regression\", \"percent\": 5.0}, {\"what\": \"output_change\"}]";
        assert_eq!(value(gates).unwrap(), "regression:5, output_change");
    }
}
