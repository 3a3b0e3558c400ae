//! Numbers formatted for people.

use crate::model::{ConfidenceInterval, Estimate, Resource};

/// Formats a time with three significant digits and the unit that fits: `850 ns`, `12.3 µs`, `1.20 s`.
pub fn duration(nanoseconds: f64) -> String {
    let (value, unit) = match nanoseconds {
        ns if ns < 999.5 => (ns, "ns"),
        ns if ns < 999.5e3 => (ns / 1e3, "µs"),
        ns if ns < 999.5e6 => (ns / 1e6, "ms"),
        ns => (ns / 1e9, "s"),
    };
    format!("{} {unit}", significant(value))
}

/// Formats a time with its sign: `+1.20 µs`, `-850 ns`.
pub(crate) fn signed_duration(nanoseconds: f64) -> String {
    let sign = if nanoseconds < 0.0 { '-' } else { '+' };
    format!("{sign}{}", duration(nanoseconds.abs()))
}

/// The digits that an amount of bytes is written with.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Digits {
    /// `850 B`, `12.3 KiB`, `1.20 GiB`.
    Three,
    /// `850 B`, `12.3 KiB`, `1228.8 MiB`: the lines of `deadheat micro`, which have no larger unit.
    OneDecimal,
}

/// Formats bytes with the unit that fits.
pub(crate) fn bytes(count: f64, digits: Digits) -> String {
    let (limit, units): (f64, &[&str]) = match digits {
        Digits::Three => (1023.5, &["B", "KiB", "MiB", "GiB"]),
        Digits::OneDecimal => (1024.0, &["B", "KiB", "MiB"]),
    };
    let (mut value, mut unit) = (count, 0);
    while value >= limit && unit + 1 < units.len() {
        (value, unit) = (value / 1024.0, unit + 1);
    }
    let number = match digits {
        _ if unit == 0 => format!("{value:.0}"),
        Digits::Three => significant(value),
        Digits::OneDecimal => format!("{value:.1}"),
    };
    format!("{number} {}", units[unit])
}

/// Formats an amount of a resource.
pub(crate) fn amount(resource: Resource, value: f64) -> String {
    match resource {
        Resource::PeakMemory => bytes(value, Digits::Three),
        Resource::Allocations => count_of(value),
        Resource::UserTime | Resource::SystemTime => duration(value),
        Resource::Metric => number(value),
    }
}

/// Formats a number of unknown size and unit with at most six significant digits: `0.9932`, `15200`, `1.2e12`.
pub(crate) fn number(value: f64) -> String {
    if value != 0.0 && !(1e-4..1e9).contains(&value.abs()) {
        return format!("{value:.2e}");
    }
    let decimals = (5.0 - value.abs().max(1e-4).log10().floor()).clamp(0.0, 9.0) as usize;
    let text = format!("{value:.decimals$}");
    match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text,
    }
}

/// Formats a count with its noun, such as `1 benchmark` and `12,000 benchmarks`.
pub fn counted(count: usize, noun: &str) -> String {
    let ending = if count == 1 { "" } else { "s" };
    format!("{} {noun}{ending}", count_of(count as f64))
}

/// Formats a whole number with its thousands marked: `12,345`.
pub(crate) fn count_of(count: f64) -> String {
    let digits = format!("{count:.0}");
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

fn significant(value: f64) -> String {
    match value.abs() {
        value if value < 9.995 => format!("{value:.2}"),
        value if value < 99.95 => format!("{value:.1}"),
        value => format!("{value:.0}"),
    }
}

/// Formats a ratio head/base as a change: `-26.7 %`, `+3.1 %`.
pub fn change_percent(ratio: f64) -> String {
    format!("{} %", signed_percent(ratio))
}

/// Formats a change with its interval: `-26.7 % [-27.6, -25.9]`.
pub(crate) fn change(estimate: &Estimate) -> String {
    change_bounded(estimate, signed_percent)
}

/// Formats a change as [`change`] does, with each bound formatted by `bound`.
pub(crate) fn change_bounded(estimate: &Estimate, bound: fn(f64) -> String) -> String {
    format!(
        "{} {}",
        change_percent(estimate.point_estimate),
        bounds(&estimate.confidence_interval, bound)
    )
}

/// An interval whose bounds are farther apart than this many times says nothing about a change.
const TOO_WIDE: f64 = 10_000.0;

/// Formats the bounds of a change: `[-27.6, -25.9]`, each by `bound`.
pub(crate) fn bounds(interval: &ConfidenceInterval, bound: fn(f64) -> String) -> String {
    match is_too_wide(interval) {
        true => "[too wide]".to_owned(),
        false => format!(
            "[{}, {}]",
            bound(interval.lower_bound),
            bound(interval.upper_bound)
        ),
    }
}

/// Whether the interval of a ratio is too wide to say anything.
pub(crate) fn is_too_wide(interval: &ConfidenceInterval) -> bool {
    // The ratio is not a number if nothing is known.
    let ratio = interval.upper_bound / interval.lower_bound;
    ratio.is_nan() || ratio > TOO_WIDE
}

/// Formats a change without the unit, for the bounds of an interval.
pub(crate) fn signed_percent(ratio: f64) -> String {
    let percent = (ratio - 1.0) * 100.0;
    if percent >= 99_999.5 {
        return ">+99999".to_owned();
    }
    let text = if percent.abs() < 999.5 {
        format!("{percent:+.1}")
    } else {
        format!("{percent:+.0}")
    };
    // A change that rounds to nothing has no direction.
    if text == "-0.0" { "+0.0".to_owned() } else { text }
}

/// Formats a change with fewer digits: `-0.4`, `+12`, `>+999`.
pub(crate) fn short_percent(ratio: f64) -> String {
    let percent = (ratio - 1.0) * 100.0;
    if percent >= 999.5 {
        return ">+999".to_owned();
    }
    if percent.abs() < 9.95 {
        return signed_percent(ratio);
    }
    format!("{percent:+.0}")
}

/// Formats a ratio head/base as a speedup: `1.36x`, `412x`.
pub fn speedup(ratio: f64) -> String {
    format!("{}x", significant(1.0 / ratio))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_change_where_the_number_would_grow_too_long() {
        assert_eq!(duration(0.5), "0.50 ns");
        assert_eq!(duration(999.4), "999 ns");
        assert_eq!(duration(999.6), "1.00 µs");
        assert_eq!(duration(12_345.0), "12.3 µs");
        assert_eq!(duration(59_960_000.0), "60.0 ms");
        assert_eq!(duration(1_200_000_000.0), "1.20 s");
    }

    #[test]
    fn amounts_of_memory_and_counts() {
        assert_eq!(bytes(0.0, Digits::Three), "0 B");
        assert_eq!(bytes(1023.0, Digits::Three), "1023 B");
        assert_eq!(bytes(1024.0, Digits::Three), "1.00 KiB");
        assert_eq!(bytes(1023.4 * 1024.0, Digits::Three), "1023 KiB");
        assert_eq!(bytes(12.5 * 1_048_576.0, Digits::Three), "12.5 MiB");
        assert_eq!(bytes(3.0 * 1_073_741_824.0, Digits::Three), "3.00 GiB");
        assert_eq!(bytes(1023.6, Digits::OneDecimal), "1024 B");
        assert_eq!(bytes(1024.0, Digits::OneDecimal), "1.0 KiB");
        assert_eq!(bytes(3.0 * 1_073_741_824.0, Digits::OneDecimal), "3072.0 MiB");
        assert_eq!(number(0.9932), "0.9932");
        assert_eq!(number(15_200.0), "15200");
        assert_eq!(number(-0.5), "-0.5");
        assert_eq!(number(0.0), "0");
        assert_eq!(number(1.234e12), "1.23e12");
        assert_eq!(number(0.000_123_456_78), "0.000123457");
        assert_eq!(count_of(7.0), "7");
        assert_eq!(count_of(123.4), "123");
        assert_eq!(count_of(1_234_567.0), "1,234,567");
    }

    #[test]
    fn changes_and_speedups() {
        assert_eq!(change_percent(0.733), "-26.7 %");
        assert_eq!(change_percent(1.0), "+0.0 %");
        assert_eq!(change_percent(0.99999), "+0.0 %");
        assert_eq!(change_percent(41.0), "+4000 %");
        let between = |lower_bound, upper_bound| {
            let interval = ConfidenceInterval {
                confidence_level: 0.99,
                lower_bound,
                upper_bound,
            };
            bounds(&interval, signed_percent)
        };
        assert_eq!(between(0.5, 21.0), "[-50.0, +2000]");
        assert_eq!(between(0.001, 11.0), "[too wide]");
        assert_eq!(between(0.0, f64::INFINITY), "[too wide]");
        assert_eq!(between(f64::NAN, f64::NAN), "[too wide]");
        assert_eq!(short_percent(0.995), "-0.5");
        assert_eq!(short_percent(1.1234), "+12");
        assert_eq!(short_percent(11.0), ">+999");
        assert_eq!(speedup(0.735), "1.36x");
        assert_eq!(speedup(0.0025), "400x");
        assert_eq!(speedup(4.0), "0.25x");
    }
}
