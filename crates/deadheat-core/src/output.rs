//! The benchmarks' return values, compared between the sides: a version that returns a different value is not
//! an optimisation.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Floats that differ by less than this, relatively, are equal, because another order of additions changes them.
const FLOAT_TOLERANCE: f64 = 1e-9;
/// The longest value shown, in characters; longer ones are cut.
const MOST_SHOWN: usize = 60;

/// The return value of a benchmark's first sample, as one process transferred it.
#[derive(Clone, Debug, PartialEq, JsonSchema, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Output {
    /// A tree of `[tag, content]`; `docs/protocol.md` has the tags.
    Value {
        value: Value,
    },
    /// The digest of a value that is too large to be transferred.
    Digest {
        sha256: String,
        has_floats: bool,
    },
    NotComparable {
        reason: String,
    },
    /// Something that does its work only when consumed: a generator, an iterator, a coroutine.
    Unconsumed {
        what: String,
    },
}

/// Whether both sides return the same value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, JsonSchema, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OutputCheck {
    Same,
    Different,
    /// It cannot be transferred, or differs from process to process.
    NotComparable,
    #[default]
    NotChecked,
}

/// The place where two values differ.
#[derive(Clone, Debug, PartialEq, Eq, JsonSchema, Serialize, Deserialize)]
pub struct Difference {
    /// The path from the value in Python's syntax, such as `['rows'][3].total`; empty for the value itself.
    pub place: String,
    pub base: String,
    pub head: String,
}

/// The return values of one side's processes, so far.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Outputs {
    first: Option<Output>,
    count: usize,
    changes: bool,
}

impl Outputs {
    pub fn add(&mut self, output: Output) {
        self.count += 1;
        match &self.first {
            None => self.first = Some(output),
            Some(first) => self.changes = self.changes || compare(first, &output) != Compared::Equal,
        }
    }

    /// Returns the number of values.
    pub fn count(&self) -> usize {
        self.count
    }

    /// Adds the values of other processes.
    pub fn extend(&mut self, others: Outputs) {
        if let (Some(first), Some(other)) = (&self.first, &others.first) {
            self.changes |= compare(first, other) != Compared::Equal;
        }
        self.changes |= others.changes;
        self.count += others.count;
        self.first = self.first.take().or(others.first);
    }

    /// Returns the value that every process returned; `None` if they do not agree, or there were fewer than
    /// two.
    fn settled(&self) -> Option<&Output> {
        self.first.as_ref().filter(|_| self.count >= 2 && !self.changes)
    }

    /// Returns the kind of the returned value, if it would have had to be consumed.
    pub fn unconsumed(&self) -> Option<&str> {
        match &self.first {
            Some(Output::Unconsumed { what }) => Some(what),
            _ => None,
        }
    }
}

/// Returns `a` or `an`.
pub fn article(noun: &str) -> &'static str {
    if noun.starts_with(['a', 'e', 'i', 'o', 'u']) {
        "an"
    } else {
        "a"
    }
}

/// Explains why the sides' return values cannot be compared, if [`check`] says so.
pub fn why_not_comparable(base: &Outputs, head: &Outputs) -> String {
    let reason_of = |outputs: &Outputs| match &outputs.first {
        Some(Output::NotComparable { reason }) => Some(reason.clone()),
        Some(Output::Unconsumed { what }) => Some(format!("the call returns {} {what}", article(what))),
        _ => None,
    };
    if let Some(reason) = reason_of(base).or_else(|| reason_of(head)) {
        return reason;
    }
    if base.changes || head.changes {
        return "it is not the same in every process of one side".to_owned();
    }
    "they are large, and may differ only in the last digits of floats".to_owned()
}

/// Compares the sides' return values. Only a value on which two processes of one side agree can differ between sides.
pub fn check(base: &Outputs, head: &Outputs) -> (OutputCheck, Option<Difference>) {
    if base.count < 2 || head.count < 2 {
        return (OutputCheck::NotChecked, None);
    }
    let (Some(base), Some(head)) = (base.settled(), head.settled()) else {
        return (OutputCheck::NotComparable, None);
    };
    match compare(base, head) {
        Compared::Equal => (OutputCheck::Same, None),
        Compared::Different(difference) => (OutputCheck::Different, Some(difference)),
        Compared::Unknown => (OutputCheck::NotComparable, None),
    }
}

#[derive(Clone, Debug, PartialEq)]
enum Compared {
    Equal,
    Different(Difference),
    Unknown,
}

fn compare(base: &Output, head: &Output) -> Compared {
    match (base, head) {
        (Output::Value { value: base }, Output::Value { value: head }) => {
            match difference(base, head, String::new()) {
                None => Compared::Equal,
                Some(difference) => Compared::Different(difference),
            }
        }
        (
            Output::Digest {
                sha256: base,
                has_floats,
            },
            Output::Digest { sha256: head, .. },
        ) => match (base == head, has_floats) {
            (true, _) => Compared::Equal,
            // They may differ by less than the tolerance.
            (false, true) => Compared::Unknown,
            (false, false) => Compared::Different(whole("a large value", "a different large value")),
        },
        (Output::NotComparable { .. } | Output::Unconsumed { .. }, _)
        | (_, Output::NotComparable { .. } | Output::Unconsumed { .. }) => Compared::Unknown,
        (Output::Value { value }, Output::Digest { .. }) => {
            Compared::Different(whole(&shown(value), "a much larger value"))
        }
        (Output::Digest { .. }, Output::Value { value }) => {
            Compared::Different(whole("a much larger value", &shown(value)))
        }
    }
}

fn whole(base: &str, head: &str) -> Difference {
    Difference {
        place: String::new(),
        base: base.to_owned(),
        head: head.to_owned(),
    }
}

fn here(base: &Value, head: &Value, place: String) -> Option<Difference> {
    Some(Difference {
        place,
        base: shown(base),
        head: shown(head),
    })
}

/// Returns the first place where two nodes differ.
fn difference(base: &Value, head: &Value, place: String) -> Option<Difference> {
    let here = |place: String| here(base, head, place);
    let (tag, other_tag) = (tag_of(base), tag_of(head));
    if tag != other_tag {
        // In Python, 1 == 1.0 == True.
        let same = number(base)
            .zip(number(head))
            .is_some_and(|(base, head)| base == head);
        return (!same).then(|| here(place)).flatten();
    }
    match tag {
        "float" => (!same_float(&base[1], &head[1])).then(|| here(place)).flatten(),
        "complex" => {
            let same = (1..3).all(|part| same_float(&base[part][1], &head[part][1]));
            (!same).then(|| here(place)).flatten()
        }
        "list" | "tuple" => {
            let (parts, others) = (parts_of(base, 1), parts_of(head, 1));
            if parts.len() != others.len() {
                return here(place);
            }
            let mut pairs = parts.iter().zip(others).enumerate();
            pairs.find_map(|(index, (part, other))| difference(part, other, format!("{place}[{index}]")))
        }
        "dict" => difference_of_dicts(base, head, place),
        "set" | "frozenset" => {
            let (parts, others) = (parts_of(base, 1), parts_of(head, 1));
            let same = parts.len() == others.len()
                && parts
                    .iter()
                    .zip(others)
                    .all(|(part, other)| difference(part, other, String::new()).is_none());
            (!same).then(|| here(place)).flatten()
        }
        "object" => difference_of_objects(base, head, place),
        _ => (base != head).then(|| here(place)).flatten(),
    }
}

fn difference_of_dicts(base: &Value, head: &Value, place: String) -> Option<Difference> {
    let (items, others) = (parts_of(base, 1), parts_of(head, 1));
    if items.len() != others.len() {
        return here(base, head, place);
    }
    let mut pairs = items.iter().zip(others);
    pairs.find_map(|(item, other)| {
        // Items are sorted by their keys: another key is another dict.
        match difference(&item[0], &other[0], String::new()) {
            Some(_) => here(base, head, place.clone()),
            None => difference(&item[1], &other[1], format!("{place}[{}]", shown(&item[0]))),
        }
    })
}

fn difference_of_objects(base: &Value, head: &Value, place: String) -> Option<Difference> {
    let (fields, others) = (parts_of(base, 2), parts_of(head, 2));
    if base[1] != head[1] || fields.len() != others.len() {
        return here(base, head, place);
    }
    let mut pairs = fields.iter().zip(others);
    pairs.find_map(|(field, other)| {
        if field[0] != other[0] {
            return here(base, head, place.clone());
        }
        let inner = match field[0].as_str() {
            Some("") | None => place.clone(),
            Some(name) => format!("{place}.{name}"),
        };
        difference(&field[1], &other[1], inner)
    })
}

fn number(node: &Value) -> Option<f64> {
    match tag_of(node) {
        "bool" => node[1].as_bool().map(|value| f64::from(u8::from(value))),
        "int" => node[1].as_str()?.parse().ok(),
        "float" => node[1].as_f64(),
        _ => None,
    }
}

fn tag_of(node: &Value) -> &str {
    node[0].as_str().unwrap_or_default()
}

fn parts_of(node: &Value, index: usize) -> &[Value] {
    node[index].as_array().map_or(&[], Vec::as_slice)
}

fn same_float(base: &Value, head: &Value) -> bool {
    match (base.as_f64(), head.as_f64()) {
        (Some(base), Some(head)) => (base - head).abs() <= FLOAT_TOLERANCE * base.abs().max(head.abs()),
        // Non-finite floats are strings.
        _ => base == head,
    }
}

/// Formats a value as Python would print it, cut to a glance.
fn shown(node: &Value) -> String {
    let text = |value: &Value| match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let full = match tag_of(node) {
        "none" => "None".to_owned(),
        "bool" => if node[1] == Value::Bool(true) {
            "True"
        } else {
            "False"
        }
        .to_owned(),
        "str" => format!("'{}'", text(&node[1])),
        "long_str" => format!("a str of {} characters", node[1]),
        "complex" => format!("complex({}, {})", text(&node[1][1]), text(&node[2][1])),
        "list" | "tuple" | "set" | "frozenset" | "dict" => {
            format!("a {} of {}", tag_of(node), parts_of(node, 1).len())
        }
        "object" => format!("a {}", text(&node[1])),
        "text" => text(&node[2]),
        _ => text(&node[1]),
    };
    if full.chars().count() <= MOST_SHOWN {
        return full;
    }
    let cut: String = full.chars().take(MOST_SHOWN).collect();
    format!("{cut}…")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn outputs(values: &[Value]) -> Outputs {
        let mut outputs = Outputs::default();
        for value in values {
            outputs.add(Output::Value { value: value.clone() });
        }
        outputs
    }

    fn checked(base: &Value, head: &Value) -> (OutputCheck, Option<String>) {
        let twice = |value: &Value| outputs(&[value.clone(), value.clone()]);
        let (check, difference) = check(&twice(base), &twice(head));
        let words = difference.map(|found| format!("{}: {} != {}", found.place, found.base, found.head));
        (check, words)
    }

    #[test]
    fn the_first_difference_is_named_as_python_would_reach_it() {
        let row = |total: &str| {
            json!([
                "dict",
                [[
                    ["str", "rows"],
                    [
                        "list",
                        [["none"], ["object", "m.Row", [["total", ["int", total]]]]]
                    ]
                ]]
            ])
        };
        assert_eq!(checked(&row("3"), &row("3")), (OutputCheck::Same, None));
        assert_eq!(
            checked(&row("3"), &row("4")),
            (
                OutputCheck::Different,
                Some("['rows'][1].total: 3 != 4".to_owned())
            )
        );
        assert_eq!(
            checked(&json!(["list", []]), &json!(["list", [["none"]]]))
                .1
                .unwrap(),
            ": a list of 0 != a list of 1"
        );
        assert_eq!(
            checked(&json!(["int", "1"]), &json!(["bool", true])).0,
            OutputCheck::Same
        );
        assert_eq!(
            checked(&json!(["int", "1"]), &json!(["str", "1"])).0,
            OutputCheck::Different
        );
    }

    #[test]
    fn floats_are_equal_within_a_billionth() {
        let float = |value: f64| json!(["list", [["float", value]]]);
        assert_eq!(checked(&float(1.0), &float(1.0 + 1e-12)).0, OutputCheck::Same);
        assert_eq!(
            checked(&float(1e300), &float(1e300 * (1.0 + 1e-8))).0,
            OutputCheck::Different
        );
        assert_eq!(checked(&float(0.0), &float(1e-12)).0, OutputCheck::Different);
        let nan = json!(["float", "nan"]);
        assert_eq!(checked(&nan, &nan).0, OutputCheck::Same);
        assert_eq!(checked(&nan, &json!(["float", 1.0])).0, OutputCheck::Different);
    }

    #[test]
    fn what_changes_by_itself_is_not_comparable() {
        let (one, two) = (json!(["int", "1"]), json!(["int", "2"]));
        let drawn = outputs(&[one.clone(), two.clone()]);
        let fixed = outputs(&[one.clone(), one.clone()]);
        assert_eq!(check(&drawn, &fixed).0, OutputCheck::NotComparable);
        assert_eq!(check(&fixed, &drawn).0, OutputCheck::NotComparable);
        assert_eq!(check(&fixed, &outputs(&[two])).0, OutputCheck::NotChecked);
    }

    #[test]
    fn why_they_cannot_be_compared_is_known() {
        let of = |output: Output| {
            let mut outputs = Outputs::default();
            outputs.add(output.clone());
            outputs.add(output);
            outputs
        };
        let generator = of(Output::Unconsumed {
            what: "generator".to_owned(),
        });
        let list = outputs(&[json!(["list", []]), json!(["list", []])]);
        assert_eq!(check(&list, &generator).0, OutputCheck::NotComparable);
        assert_eq!(
            (list.unconsumed(), generator.unconsumed()),
            (None, Some("generator"))
        );
        assert_eq!(
            why_not_comparable(&list, &generator),
            "the call returns a generator"
        );
        let hidden = of(Output::NotComparable {
            reason: "a Row shows an address".to_owned(),
        });
        assert_eq!(why_not_comparable(&list, &hidden), "a Row shows an address");
        let drawn = outputs(&[json!(["int", "1"]), json!(["int", "2"])]);
        assert_eq!(
            why_not_comparable(&drawn, &list),
            "it is not the same in every process of one side"
        );
    }

    #[test]
    fn large_values_are_told_apart_unless_they_hold_floats() {
        let digests = |sha256: &str, has_floats| {
            let mut outputs = Outputs::default();
            for _ in 0..2 {
                outputs.add(Output::Digest {
                    sha256: sha256.to_owned(),
                    has_floats,
                });
            }
            outputs
        };
        assert_eq!(
            check(&digests("a", true), &digests("a", true)).0,
            OutputCheck::Same
        );
        assert_eq!(
            check(&digests("a", true), &digests("b", true)).0,
            OutputCheck::NotComparable
        );
        assert_eq!(
            check(&digests("a", false), &digests("b", false)).0,
            OutputCheck::Different
        );
    }
}
