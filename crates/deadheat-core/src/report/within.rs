//! JSON of a limited length, for readers that pay for every byte.

use serde_json::Value;

use super::without_samples;
use crate::text::cut;

/// The lengths that texts are cut to, one after the other.
const TEXTS: [usize; 4] = [400, 200, 100, 50];

/// Returns a value in at most `most` bytes: without the fields that are null and the digits that mean nothing; if that
/// is not enough, with short texts, and then with short lists, which `"cut": true` says. Commands stay whole.
pub fn within(mut value: Value, most: usize) -> Value {
    without_samples::shorten(&mut value);
    without_nulls(&mut value);
    for length in TEXTS {
        if length_of(&value) <= most {
            return value;
        }
        cut_texts(&mut value, length);
    }
    loop {
        let length = length_of(&value);
        let list = longest_list(&mut value).filter(|_| length > most);
        let Some(list) = list else {
            return value;
        };
        // Half of a list never takes more than half of the whole.
        let kept = if length > 2 * most {
            list.len() / 2
        } else {
            list.len() - 1
        };
        list.truncate(kept);
        if let Value::Object(fields) = &mut value {
            fields.insert("cut".to_owned(), true.into());
        }
    }
}

fn length_of(value: &Value) -> usize {
    value.to_string().len()
}

fn without_nulls(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.retain(|_, value| !value.is_null());
            fields.values_mut().for_each(without_nulls);
        }
        Value::Array(values) => values.iter_mut().for_each(without_nulls),
        _ => {}
    }
}

fn cut_texts(value: &mut Value, length: usize) {
    match value {
        Value::String(text) => *text = cut(text, length),
        Value::Array(values) => values.iter_mut().for_each(|value| cut_texts(value, length)),
        Value::Object(fields) => {
            let texts = fields.iter_mut().filter(|(name, _)| !is_exact(name));
            texts.for_each(|(_, value)| cut_texts(value, length));
        }
        _ => {}
    }
}

/// Whether a field means nothing when it is cut.
fn is_exact(name: &str) -> bool {
    matches!(name, "argv" | "report" | "file" | "state_folder")
}

/// Returns the list that takes most, among those that are not empty.
fn longest_list(value: &mut Value) -> Option<&mut Vec<Value>> {
    fn lists<'a>(value: &'a mut Value, found: &mut Vec<(usize, &'a mut Vec<Value>)>) {
        match value {
            Value::Array(values) if !values.is_empty() => {
                let length = values.iter().map(length_of).sum();
                found.push((length, values));
            }
            Value::Object(fields) => {
                let fields = fields.iter_mut().filter(|(name, _)| *name != "argv");
                fields.for_each(|(_, value)| lists(value, found));
            }
            _ => {}
        }
    }
    let mut found = Vec::new();
    lists(value, &mut found);
    found
        .into_iter()
        .max_by_key(|(length, _)| *length)
        .map(|(_, list)| list)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_short_value_stays_without_its_nulls() {
        let value = json!({"a": null, "b": [1, {"c": null}], "d": 0.123_456_789});
        assert_eq!(within(value, 100), json!({"b": [1, {}], "d": 0.123_457}));
    }

    #[test]
    fn texts_are_cut_before_lists_and_commands_are_never_cut() {
        let long = "x".repeat(600);
        let value = json!({"why": long, "next": [{"argv": ["deadheat", long]}], "rows": [1, 2]});
        let short = within(value.clone(), 1000);
        assert_eq!(short["next"], value["next"]);
        assert_eq!(short["rows"], value["rows"]);
        assert!(short["why"].as_str().unwrap().len() < 250);
        assert_eq!(short["cut"], Value::Null);
    }

    #[test]
    fn the_end_of_the_longest_list_goes_first() {
        let rows: Vec<Value> = (0..100_000)
            .map(|number| json!({"benchmark": format!("test_{number}")}))
            .collect();
        let short = within(json!({"rows": rows, "next": [{"argv": ["git"]}]}), 1500);
        assert!(short.to_string().len() <= 1500);
        assert_eq!(short["cut"], true);
        assert_eq!(short["next"], json!([{"argv": ["git"]}]));
        let kept = short["rows"].as_array().unwrap();
        assert!(kept.len() > 40 && kept[..] == rows[..kept.len()]);
    }
}
