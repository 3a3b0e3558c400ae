//! Poetry's own way of declaring dependencies, converted to PEP 508.

use toml::Value;

use super::tables::table_of;

/// Converts Poetry's dependencies to PEP 508. `^1.2` and `~1.2` become ranges; path dependencies are left out.
pub(super) fn of_poetry(table: Option<&Value>) -> Vec<String> {
    table_of(table)
        .filter(|(name, _)| *name != "python")
        .filter_map(|(name, value)| {
            // Of several entries for several systems, the first is used for all.
            let value = value.as_array().and_then(|list| list.first()).unwrap_or(value);
            of_entry(name, value)
        })
        .collect()
}

fn of_entry(name: &str, value: &Value) -> Option<String> {
    let text = |key: &str| value.get(key).and_then(Value::as_str);
    let is_optional = value.get("optional").and_then(Value::as_bool) == Some(true);
    if is_optional || text("path").is_some() {
        return None;
    }
    let extras = value.get("extras").and_then(Value::as_array);
    let extras: Vec<&str> = extras.into_iter().flatten().filter_map(Value::as_str).collect();
    let extras = match extras.is_empty() {
        true => String::new(),
        false => format!("[{}]", extras.join(",")),
    };
    if let Some(url) = text("git") {
        let revision = text("rev").or_else(|| text("tag")).or_else(|| text("branch"));
        let revision = revision.map_or(String::new(), |revision| format!("@{revision}"));
        return Some(format!("{name}{extras} @ git+{url}{revision}"));
    }
    let version = value.as_str().or_else(|| text("version")).unwrap_or("*");
    let range = poetry_ranges(version);
    let marker = text("markers").map_or(String::new(), |marker| format!(" ; {marker}"));
    Some(format!("{name}{extras}{range}{marker}"))
}

/// Converts the parts of a constraint, all of which must hold. PEP 508 has no alternatives: they become an empty range.
pub(super) fn poetry_ranges(text: &str) -> String {
    if text.contains('|') {
        return String::new();
    }
    let ranges = text
        .split(',')
        .map(poetry_range)
        .filter(|range| !range.is_empty());
    ranges.collect::<Vec<_>>().join(",")
}

/// Converts one part: `^1.2.3` allows versions that keep the first number that is not zero, `~1.2` the second number.
fn poetry_range(text: &str) -> String {
    let text = text.trim();
    let above = |version: &str, at: usize| {
        let numbers: Vec<u64> = version.split('.').map_while(|part| part.parse().ok()).collect();
        let mut upper: Vec<u64> = numbers.iter().copied().take(at + 1).collect();
        if let Some(last) = upper.last_mut() {
            *last += 1;
        }
        let upper: Vec<String> = upper.iter().map(u64::to_string).collect();
        format!(">={version},<{}", upper.join("."))
    };
    if let Some(version) = text.strip_prefix('^') {
        let parts = version.split('.').count();
        let first = version.split('.').position(|part| part != "0");
        above(version, first.unwrap_or(parts - 1))
    } else if let Some(version) = text.strip_prefix('~').filter(|rest| !rest.starts_with('=')) {
        above(version, usize::from(version.contains('.')))
    } else if text == "*" {
        String::new()
    } else if text.starts_with(|first: char| first.is_ascii_digit()) {
        format!("=={text}")
    } else {
        text.to_owned()
    }
}
