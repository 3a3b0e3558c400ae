//! A report as JSON without its samples, for programs that read what was found: a twentieth of the size.

use serde::Serialize;
use serde_json::{Number, Value};

/// The significant digits of numbers: more than any measurement has.
const DIGITS: usize = 6;

/// Returns a report without samples. It cannot be judged again, and says so by `"samples": false`.
pub fn without_samples(report: &impl Serialize) -> serde_json::Result<Value> {
    let mut value = serde_json::to_value(report)?;
    shorten(&mut value);
    if let Value::Object(fields) = &mut value {
        fields.insert("samples".to_owned(), Value::Bool(false));
    }
    Ok(value)
}

/// Leaves out the samples, and rounds numbers.
pub(super) fn shorten(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            // The number of replicates is a setting, and stays.
            fields.retain(|name, value| {
                !matches!(name.as_str(), "replicates" | "set_aside") || !value.is_array()
            });
            fields.values_mut().for_each(shorten);
        }
        Value::Array(values) => values.iter_mut().for_each(shorten),
        Value::Number(number) if number.is_f64() => {
            let rounded = format!("{:.*e}", DIGITS - 1, number.as_f64().unwrap_or_default());
            if let Some(rounded) = rounded.parse().ok().and_then(Number::from_f64) {
                *number = rounded;
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn samples_go_and_numbers_are_as_long_as_they_are_good_for() {
        let report = json!({
            "settings": {"replicates": 5}, "count": 123_456_789,
            "comparisons": [{"ratio": 0.123_456_789_012, "replicates": [{"pairs": [1, 2, 3]}], "ns": 123_456_789.0}],
        });
        let expected = json!({
            "settings": {"replicates": 5}, "count": 123_456_789, "samples": false,
            "comparisons": [{"ratio": 0.123_457, "ns": 123_457_000.0}],
        });
        assert_eq!(without_samples(&report).unwrap(), expected);
    }
}
