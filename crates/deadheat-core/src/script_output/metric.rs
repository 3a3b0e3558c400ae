//! `METRIC name=number`: the lines in which the measuring script of an optimisation loop prints its numbers.

/// Reads a line; `None` if it is another one, or if its value is not a number.
pub fn parse_line(line: &str) -> Option<(&str, f64)> {
    let rest = line.strip_prefix("METRIC")?;
    let (name, value) = rest.strip_prefix([' ', '\t'])?.trim().split_once('=')?;
    let is_name = !name.is_empty() && !name.contains(|c: char| c.is_whitespace() || c.is_control());
    // Rust also reads words, such as `inf`.
    let is_number = value.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '-' | '+' | '.'));
    let number: f64 = value.parse().ok().filter(|number: &f64| number.is_finite())?;
    (is_name && is_number).then_some((name, number))
}

/// Returns the seconds that a number stands for, by the end of its name: `parse_ms`, `total_µs`, `build_seconds`; the
/// seconds for one of `rows_per_s`. `None` if the name has no unit of time.
pub fn seconds(name: &str, value: f64) -> Option<f64> {
    let (before, unit) = split(name);
    let seconds = match unit.to_lowercase().as_str() {
        "ns" | "nsec" | "nanoseconds" => 1e-9,
        // Unicode has the micro sign and the Greek letter.
        "us" | "\u{b5}s" | "\u{3bc}s" | "usec" | "microseconds" => 1e-6,
        "ms" | "msec" | "milliseconds" => 1e-3,
        "s" | "sec" | "secs" | "second" | "seconds" => 1.0,
        "min" | "mins" | "minutes" => 60.0,
        _ => return None,
    };
    match split(before).1.eq_ignore_ascii_case("per") {
        false => Some(value * seconds),
        true => Some(seconds / value).filter(|seconds| seconds.is_finite()),
    }
}

/// Whether a name is that of the whole script's time: `total` and a unit.
pub fn is_total(name: &str) -> bool {
    seconds(name, 1.0).is_some() && split(name).0.eq_ignore_ascii_case("total")
}

/// Splits a name before its last word.
fn split(name: &str) -> (&str, &str) {
    name.rsplit_once(['_', '.', '-']).unwrap_or(("", name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_real_scripts() {
        for (line, expected) in [
            ("METRIC total_µs=15200", Some(("total_µs", 15200.0))),
            ("METRIC\tval_bpb=0.9979  \r", Some(("val_bpb", 0.9979))),
            ("METRIC delta=-5e1", Some(("delta", -50.0))),
            ("METRIC v1.2-a%=.5", Some(("v1.2-a%", 0.5))),
            ("METRICT a=1", None),
            ("METRICa=1", None),
            (" METRIC a=1", None),
            ("+ echo METRIC a=1", None),
            ("METRIC a=1ms", None),
            ("METRIC a=", None),
            ("METRIC =1", None),
            ("METRIC a b=1", None),
            ("METRIC a\u{1b}[2J=1", None),
            ("METRIC a", None),
            ("METRIC a=NaN", None),
            ("METRIC a=-inf", None),
            ("METRIC a=1e999", None),
        ] {
            assert_eq!(parse_line(line), expected, "{line}");
        }
    }

    #[test]
    fn the_unit_is_the_last_word() {
        for (name, value, expected) in [
            ("total_ms", 250.0, Some(0.25)),
            ("total_µs", 4.0, Some(4e-6)),
            ("total_μs", 4.0, Some(4e-6)),
            ("call.ns", 8.0, Some(8e-9)),
            ("build_Seconds", 2.0, Some(2.0)),
            ("seconds", 2.0, Some(2.0)),
            ("ops_per_s", 4.0, Some(0.25)),
            ("ops_per_sec", 0.0, None),
            ("val_bpb", 1.0, None),
            ("bundle_kb", 1.0, None),
            ("items", 1.0, None),
            ("", 1.0, None),
        ] {
            let found = seconds(name, value).map(|seconds| (seconds * 1e12).round() / 1e12);
            assert_eq!(found, expected, "{name}");
        }
        let totals = ["total_ms", "TOTAL_µs", "total", "total_kb", "grand_total_ms"];
        assert_eq!(totals.map(is_total), [true, true, false, false, false]);
    }
}
