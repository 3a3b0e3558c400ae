//! The file that a command writes with `--script-output`: its own timings, one per key. In `metric`, the lines that it
//! prints instead.

pub mod metric;

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::Value;

/// The key of the total, which is not one of the parts.
pub const TOTAL: &str = "__total__";
/// The longest accepted time in seconds, about thirty years.
const MOST_SECONDS: f64 = 1e9;

/// Parses keys with their seconds, in file order. The error says what is wrong with the file, without its name.
pub fn parse(text: &str) -> Result<Vec<(String, f64)>, String> {
    if text.trim().is_empty() {
        return Err("it is empty".to_owned());
    }
    let document: Document = serde_json::from_str(text).map_err(|error| {
        let not_finite = ["NaN", "Infinity"].into_iter().find(|word| text.contains(word));
        match not_finite {
            Some(word) if error.is_syntax() => format!("it is not JSON, which has no {word} ({error})"),
            _ => format!("it is not JSON ({error})"),
        }
    })?;
    let entries = match document {
        Document::Object(entries) => entries,
        Document::Other(kind) => {
            return Err(format!("it contains {kind}, not an object of keys and seconds"));
        }
    };
    if entries.is_empty() {
        return Err("it has no keys".to_owned());
    }
    let mut seconds: Vec<(String, f64)> = Vec::new();
    for (key, value) in entries {
        if seconds.iter().any(|(known, _)| *known == key) {
            return Err(format!("`{key}` appears twice"));
        }
        let number = match &value {
            Value::Number(number) => number.as_f64().unwrap_or(f64::INFINITY),
            Value::Object(_) => {
                return Err(format!(
                    "`{key}` is an object: the value of every key must be a number of seconds"
                ));
            }
            other => return Err(format!("`{key}` is {}, not a number of seconds", kind(other))),
        };
        if number < 0.0 {
            return Err(format!("`{key}` is {number}: a time cannot be below zero"));
        }
        if number > MOST_SECONDS {
            return Err(format!("`{key}` is {number}: is that in seconds?"));
        }
        seconds.push((key, number));
    }
    Ok(seconds)
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

/// JSON whose outermost object keeps its order and its duplicate keys.
enum Document {
    Object(Vec<(String, Value)>),
    Other(&'static str),
}

impl<'de> Deserialize<'de> for Document {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(DocumentVisitor)
    }
}

struct DocumentVisitor;

impl<'de> Visitor<'de> for DocumentVisitor {
    type Value = Document;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Document, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = map.next_entry()? {
            entries.push(entry);
        }
        Ok(Document::Object(entries))
    }

    fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut list: A) -> Result<Document, A::Error> {
        while list.next_element::<serde::de::IgnoredAny>()?.is_some() {}
        Ok(Document::Other("a list"))
    }

    fn visit_unit<E>(self) -> Result<Document, E> {
        Ok(Document::Other("null"))
    }

    fn visit_bool<E>(self, _: bool) -> Result<Document, E> {
        Ok(Document::Other("a boolean"))
    }

    fn visit_i64<E>(self, _: i64) -> Result<Document, E> {
        Ok(Document::Other("a number"))
    }

    fn visit_u64<E>(self, _: u64) -> Result<Document, E> {
        Ok(Document::Other("a number"))
    }

    fn visit_f64<E>(self, _: f64) -> Result<Document, E> {
        Ok(Document::Other("a number"))
    }

    fn visit_str<E>(self, _: &str) -> Result<Document, E> {
        Ok(Document::Other("a string"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_stay_in_the_order_of_the_file() {
        let text = r#"{"z": 1, "a": 0.25, "__total__": 1.5e0, "m::[x]": 0}"#;
        let expected = [("z", 1.0), ("a", 0.25), (TOTAL, 1.5), ("m::[x]", 0.0)];
        assert_eq!(
            parse(text).unwrap(),
            expected.map(|(key, seconds)| (key.to_owned(), seconds))
        );
    }

    #[test]
    fn what_is_no_time_is_said_in_words() {
        for (text, words) in [
            (" \n", "empty"),
            ("{}", "no keys"),
            ("{\"a\": 1", "not JSON"),
            ("{\"a\": 1} x", "not JSON"),
            ("{\"a\": NaN}", "no NaN"),
            ("{\"a\": -Infinity}", "no Infinity"),
            ("{\"a\": -0.5}", "below zero"),
            ("{\"a\": 1e12}", "in seconds"),
            ("{\"a\": {\"b\": 1}}", "`a` is an object"),
            ("{\"a\": \"1\"}", "a string"),
            ("{\"a\": [1]}", "a list"),
            ("{\"a\": null}", "null"),
            ("{\"a\": true}", "a boolean"),
            ("{\"a\": 1, \"a\": 2}", "twice"),
            ("[{\"a\": 1}]", "it contains a list"),
            ("1.5", "it contains a number"),
            ("\"a\"", "it contains a string"),
            ("null", "it contains null"),
        ] {
            let error = parse(text).unwrap_err();
            assert!(error.contains(words), "{text}: {error}");
        }
    }
}
