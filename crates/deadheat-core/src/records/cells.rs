//! The cells of `results.tsv`: our columns, and how numbers and texts are read and written.

use super::tidy::tidy;

pub(super) const COLUMNS: [&str; 13] = [
    "time",
    "base",
    "head",
    "benchmark",
    "base_ns",
    "head_ns",
    "speedup",
    "ci_low",
    "ci_high",
    "verdict",
    "micro_speedup",
    "status",
    "description",
];

/// Reads a time or a ratio: positive, and of a size that can be measured. Spreadsheets write some numbers with a comma.
pub(super) fn read_number(text: &str) -> Option<f64> {
    let text = match text.contains('.') {
        true => text.to_owned(),
        false => text.replacen(',', ".", 1),
    };
    let number: f64 = text.parse().ok()?;
    (1e-12..=1e18).contains(&number).then_some(number)
}

/// Makes a text that cannot end its field. To readers that support quotes, one that begins with a quote would go on to
/// the next quote, over any number of rows; a space before it is trimmed again on reading.
pub(super) fn field(text: &str) -> String {
    let text = tidy(text);
    if text.starts_with('"') {
        format!(" {text}")
    } else {
        text
    }
}

/// Formats a number with six significant digits.
pub(super) fn number(value: Option<f64>) -> String {
    let Some(value) = value.filter(|value| value.is_finite()) else {
        return String::new();
    };
    if value == 0.0 {
        return "0".to_owned();
    }
    let magnitude = value.abs().log10().floor();
    // Small enough for an f64's digits in any case.
    let decimals = (5.0 - magnitude).clamp(0.0, 300.0) as usize;
    let text = format!("{value:.decimals$}");
    match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_keep_six_digits() {
        assert_eq!(number(Some(1.5)), "1.5");
        assert_eq!(number(Some(100.0)), "100");
        assert_eq!(number(Some(0.000_123_456_78)), "0.000123457");
        assert_eq!(number(Some(98_765_432_109.0)), "98765432109");
        assert_eq!(number(Some(f64::NAN)), "");
        assert_eq!(number(Some(0.0)), "0");
    }
}
