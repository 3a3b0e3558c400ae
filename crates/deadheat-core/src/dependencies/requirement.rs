//! One requirement, and the spelling that all requirements with its meaning share.

use std::collections::BTreeSet;

/// Normalizes a name as PEP 503 does for comparisons.
pub fn normalize(name: &str) -> String {
    let parts = name.trim().split(['-', '_', '.']).filter(|part| !part.is_empty());
    parts.collect::<Vec<_>>().join("-").to_lowercase()
}

/// Splits a requirement into its name and the rest, without comments and hashes.
pub(super) fn requirement(text: &str) -> Option<(&str, &str)> {
    let text = text.trim();
    let end = text
        .find(|character: char| !(character.is_ascii_alphanumeric() || "-_.".contains(character)))
        .unwrap_or(text.len());
    let (name, rest) = text.split_at(end);
    let is_name = name.starts_with(|first: char| first.is_ascii_alphanumeric())
        && name.ends_with(|last: char| last.is_ascii_alphanumeric());
    let rest = rest.split(" #").next().unwrap_or_default();
    let rest = rest.split(" --").next().unwrap_or_default();
    let rest = rest.trim().trim_end_matches('\\').trim();
    let continues = rest.is_empty() || rest.starts_with(['=', '<', '>', '~', '!', '[', ';', '@', '(']);
    (is_name && continues).then_some((name, rest))
}

/// Formats the rest of a requirement after its name (extras, specifiers or an address, a marker) the same way
/// for all spellings with the same meaning.
pub(super) fn reformatted(said: &str) -> String {
    let mut rest = said.trim();
    let mut formatted = String::new();
    if let Some((extras, after)) = rest.strip_prefix('[').and_then(|inner| inner.split_once(']')) {
        let names: BTreeSet<String> = extras.split(',').map(normalize).collect();
        let names: Vec<String> = names.into_iter().filter(|name| !name.is_empty()).collect();
        if !names.is_empty() {
            formatted.push_str(&format!("[{}]", names.join(",")));
        }
        rest = after.trim();
    }
    let marker = if let Some(address) = rest.strip_prefix('@') {
        // A `;` without a blank before it is part of the address.
        let end = address.find(" ;").unwrap_or(address.len());
        formatted.push_str(&format!("@ {}", address[..end].trim()));
        address[end..].trim().strip_prefix(';')
    } else {
        let (versions, marker) = match rest.split_once(';') {
            Some((versions, marker)) => (versions.trim(), Some(marker)),
            None => (rest, None),
        };
        let inner = versions
            .strip_prefix('(')
            .and_then(|inner| inner.strip_suffix(')'));
        formatted.push_str(&specifiers(inner.unwrap_or(versions)));
        marker
    };
    if let Some(marker) = marker.map(str::trim).filter(|marker| !marker.is_empty()) {
        formatted.push_str(&format!(" ; {}", reformatted_marker(marker)));
    }
    formatted
}

/// Formats version specifiers without blanks, lower bounds first.
pub(super) fn specifiers(text: &str) -> String {
    let each = text.split(',').map(str::trim).filter(|part| !part.is_empty());
    let formatted: BTreeSet<String> = each
        .map(|part| {
            let version = part.trim_start_matches(['=', '<', '>', '!', '~', '^']);
            let operator = &part[..part.len() - version.len()];
            format!("{operator}{}", version.trim())
        })
        .collect();
    formatted.into_iter().rev().collect::<Vec<_>>().join(",")
}

/// Formats a marker with one blank between its parts and one kind of quotes, if its strings allow that.
pub(super) fn reformatted_marker(marker: &str) -> String {
    const OPERATORS: [char; 5] = ['=', '<', '>', '!', '~'];
    let mut parts: Vec<String> = Vec::new();
    let mut rest = marker.trim_start();
    while let Some(first) = rest.chars().next() {
        let end = match first {
            '"' | '\'' => match rest[1..].find(first) {
                Some(length) => length + 2,
                None => return marker.to_owned(),
            },
            '(' | ')' => 1,
            _ if OPERATORS.contains(&first) => rest
                .find(|character| !OPERATORS.contains(&character))
                .unwrap_or(rest.len()),
            _ => rest
                .find(|character: char| {
                    character.is_whitespace() || OPERATORS.contains(&character) || "()\"'".contains(character)
                })
                .unwrap_or(rest.len()),
        };
        let (part, after) = rest.split_at(end);
        parts.push(
            match part.strip_prefix('"').and_then(|text| text.strip_suffix('"')) {
                Some(text) if !text.contains('\'') => format!("'{text}'"),
                _ => part.to_owned(),
            },
        );
        rest = after.trim_start();
    }
    parts.join(" ")
}

/// Formats Poetry's alternative versions, any of which may match.
pub(super) fn alternatives(text: &str) -> String {
    let each: BTreeSet<String> = text
        .split('|')
        .map(specifiers)
        .filter(|one| !one.is_empty())
        .collect();
    each.into_iter().collect::<Vec<_>>().join(" || ")
}
