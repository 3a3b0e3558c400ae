//! The facts of a report: revisions, machine and settings.
use maud::{Markup, html};
use serde_json::Value;

use super::markup::sentences;
use crate::model::{Machine, Python, Report, Revision, Settings, Side};
use crate::report::words::{core_of, replicates_of};
use crate::report::{machines, parts};
use crate::text::{counted, plain, sentence};

/// A term and what it stands for in this report.
type Fact = (String, Markup);

/// Renders revisions, machine and settings as one list of terms.
pub(super) fn facts(report: &Report) -> Markup {
    let mut facts: Vec<Fact> = Vec::new();
    for side in Side::BOTH {
        facts.push((side.to_string(), revision(report.revisions.get(side))));
    }
    facts.extend(pythons(report));
    facts.extend(places(report));
    if let Some(replicates) = replicates_of(report) {
        facts.push(fact("Measured", &replicates));
    }
    facts.push(("Selection".to_owned(), sentences(&report.selection.reason)));
    facts.push(fact("Seed", &report.seed.to_string()));
    facts.extend(settings(&report.settings));
    html! {
        dl.facts {
            @for (term, words) in facts {
                div { dt { (term) } dd { (words) } }
            }
        }
    }
}

fn fact(term: &str, words: &str) -> Fact {
    (term.to_owned(), html! { (plain(words)) })
}

fn pythons(report: &Report) -> Vec<Fact> {
    let Some(python) = &report.python else {
        return Vec::new();
    };
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
        format!("{implementation} {version}{pytest} ({path})")
    };
    if python.base == python.head {
        vec![fact("Python", &words(&python.head))]
    } else {
        vec![
            fact("Python of base", &words(&python.base)),
            fact("Python of head", &words(&python.head)),
        ]
    }
}

/// The machine, or those of the run, or of the parts that a report was merged from.
fn places(report: &Report) -> Vec<Fact> {
    let words = |machine: &Machine| {
        let processor = machine.processor.as_deref();
        let processor = processor.map_or(String::new(), |name| format!(", {name}"));
        let core = match report.comparisons.is_empty() {
            true => String::new(),
            false => format!(", {}", core_of(machine)),
        };
        format!(
            "{} {}{processor}, {}{core}",
            machine.system,
            machine.architecture,
            counted(machine.cores, "core")
        )
    };
    if let Some(summary) = machines::summary(report) {
        return vec![fact("Machines", &summary)];
    }
    if report.parts.is_empty() {
        return vec![fact("Machine", &words(&report.machine))];
    }
    parts::machines(report, words)
        .into_iter()
        .map(|(parts, machine)| fact(&format!("Machine of {parts}"), &machine))
        .collect()
}

/// Every setting that is set, also those that later versions add.
fn settings(settings: &Settings) -> Vec<Fact> {
    let Ok(Value::Object(values)) = serde_json::to_value(settings) else {
        return Vec::new();
    };
    let of = |(key, value): (&String, &Value)| {
        let (term, words) = match key.as_str() {
            "all" => ("All benchmarks".to_owned(), setting(value)),
            "partition" => ("Part".to_owned(), settings.part.map(|part| part.to_string())),
            "balance" => {
                let file = settings.balance.as_ref().map(|balance| balance.file.clone());
                ("Cut by the seconds of".to_owned(), file)
            }
            "thresholds" => ("Thresholds by glob".to_owned(), thresholds(settings)),
            key => (sentence(&key.replace('_', " ")), setting(value)),
        };
        words.map(|words| fact(&term, &words))
    };
    values.iter().filter_map(of).collect()
}

/// Renders a revision as typed, and its commit.
fn revision(revision: &Revision) -> Markup {
    let is_named = !revision.name.is_empty() && !revision.commit.starts_with(&revision.name);
    html! {
        @if is_named { bdi { (plain(&revision.name)) } " " }
        code { (plain(&revision.commit)) }
        @if revision.dirty { " with uncommitted changes" }
    }
}

fn thresholds(settings: &Settings) -> Option<String> {
    let words: Vec<String> = settings
        .thresholds
        .iter()
        .map(|(glob, percent)| format!("{glob}: {percent} %"))
        .collect();
    (!words.is_empty()).then(|| words.join(", "))
}

/// Returns the words for a setting's value; `None` if it is not set.
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
