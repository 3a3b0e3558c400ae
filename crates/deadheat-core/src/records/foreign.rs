//! Rows that other tools write into `results.tsv`, read into our columns; and our rows, for their columns.
//!
//! codeflash's plugin has `experiment status pattern target before after improvement timestamp commit`, and autoresearch
//! has `commit`, its metrics, `status description`. Cells are texts for people: `3.859ms±0.079ms`, `-7.9% REGRESSION`.

use super::cells::{self, read_number};
use crate::script_output::metric;

/// The columns that have a meaning here. A time of autoresearch may be in any column.
const COLUMNS: [&str; 8] = [
    "experiment",
    "pattern",
    "target",
    "before",
    "after",
    "improvement",
    "timestamp",
    "commit",
];

/// The digits of a hash that the plugin writes.
const SHORT_HASH: usize = 9;

/// The effect of an experiment's status, which may be a word of another tool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StatusEffect {
    Kept,
    /// Given up, for whatever reason.
    Discarded,
    Mixed,
    /// Not an experiment, but the state before the first.
    Baseline,
    /// Not a step, but a measurement of several together.
    Measured,
    /// Unknown.
    Other,
}

impl StatusEffect {
    pub fn of(status: &str) -> Self {
        match status.trim().to_ascii_lowercase().as_str() {
            "keep" => StatusEffect::Kept,
            "discard" | "crash" | "checks_failed" => StatusEffect::Discarded,
            "mixed" => StatusEffect::Mixed,
            "baseline" => StatusEffect::Baseline,
            "measurement" => StatusEffect::Measured,
            _ => StatusEffect::Other,
        }
    }
}

/// The contents of other tools' columns in one row.
#[derive(Debug, Default)]
pub(super) struct ForeignCells {
    pub time: Option<String>,
    pub head: Option<String>,
    pub base_ns: Option<f64>,
    pub head_ns: Option<f64>,
    pub speedup: Option<f64>,
    pub description: Option<String>,
    pub target: Option<String>,
}

impl ForeignCells {
    pub(super) fn read(header: &[String], cell: impl Fn(&str) -> Option<String>) -> Self {
        let cell = |name: &str| cell(name).filter(|text| text != "-");
        let [before, after] = ["before", "after"].map(cell);
        let improvement = cell("improvement");
        let (percent, remark) = improvement.as_deref().map_or((None, ""), improvement_of);
        let ns = |text: &Option<String>| text.as_deref().and_then(nanoseconds);
        let (base_ns, mut head_ns) = (ns(&before), ns(&after));
        let speedup = match (base_ns, head_ns) {
            (Some(base), Some(head)) => Some(base / head),
            // Cells without a time are of something else, and so is the improvement.
            _ if before.is_some() != base_ns.is_some() || after.is_some() != head_ns.is_some() => None,
            _ => percent,
        };
        if head_ns.is_none() && after.is_none() {
            head_ns = metric_column(header).and_then(|name| {
                let value = read_number(&cell(name)?)?;
                Some(metric::seconds(name, value)? * 1e9)
            });
        }
        let target = cell("target");
        let details: Vec<String> = cell("pattern").into_iter().chain(target.clone()).collect();
        let parts = cell("experiment").into_iter().chain(Some(details.join(", ")));
        let mut description = parts
            .filter(|part| !part.is_empty())
            .collect::<Vec<_>>()
            .join(": ");
        if !description.is_empty() && !remark.is_empty() {
            description.push_str(&format!(" ({remark})"));
        }
        ForeignCells {
            time: cell("timestamp"),
            head: cell("commit"),
            base_ns,
            head_ns,
            speedup,
            description: Some(description).filter(|text| !text.is_empty()),
            target,
        }
    }

    /// Writes the cell of a column; `None` if it has no meaning here. An experiment is its description.
    pub(super) fn cell(&self, column: &str) -> Option<String> {
        if !COLUMNS.contains(&column) {
            return None;
        }
        let text = match column {
            "experiment" => self.description.clone(),
            "target" => self.target.clone(),
            "before" => self.base_ns.map(duration),
            "after" => self.head_ns.map(duration),
            "improvement" => self.speedup.map(improvement),
            // Theirs have no zone.
            "timestamp" => self
                .time
                .as_deref()
                .map(|time| time.trim_end_matches('Z').to_owned()),
            "commit" => self
                .head
                .as_deref()
                .map(|head| head.chars().take(SHORT_HASH).collect()),
            _ => None,
        };
        Some(
            text.filter(|text| !text.trim().is_empty())
                .unwrap_or_else(|| "-".to_owned()),
        )
    }
}

/// Returns autoresearch's column for the number that it optimises: the one after the commit.
fn metric_column(header: &[String]) -> Option<&str> {
    let index = header.iter().position(|name| name == "commit")? + 1;
    let name = header.get(index)?.as_str();
    let is_known = cells::COLUMNS.contains(&name) || COLUMNS.contains(&name);
    (!is_known).then_some(name)
}

/// Reads a time with its unit, such as `3.859ms±0.079ms` or `2.3 s (median)`.
fn nanoseconds(text: &str) -> Option<f64> {
    let is_number = |c: char| c.is_ascii_digit() || matches!(c, '.' | ',');
    let end = text.find(|c: char| !is_number(c))?;
    let (number, rest) = text.split_at(end);
    let rest = rest.trim_start();
    let unit = &rest[..rest.find(|c: char| !c.is_alphabetic()).unwrap_or(rest.len())];
    Some(metric::seconds(unit, read_number(number)?)? * 1e9).filter(|ns| *ns > 0.0)
}

/// Reads an improvement, the part of the time that is gone: `+7.2%` is a speedup of 1/0.928. Returns the speedup and the
/// remark.
fn improvement_of(text: &str) -> (Option<f64>, &str) {
    let (speedup, remark) = percent(text).map_or((None, text), |(speedup, rest)| (Some(speedup), rest));
    let remark = remark.trim();
    let inner = remark.strip_prefix('(').and_then(|rest| rest.strip_suffix(')'));
    (speedup, inner.unwrap_or(remark))
}

fn percent(text: &str) -> Option<(f64, &str)> {
    let (sign, rest) = match text.chars().next()? {
        '+' => (1.0, &text[1..]),
        '-' => (-1.0, &text[1..]),
        // A typographical minus.
        sign @ '\u{2212}' => (-1.0, &text[sign.len_utf8()..]),
        // Without a sign, it may be of either direction.
        _ => return None,
    };
    let (number, remark) = rest.split_once('%')?;
    let number = number.trim();
    let percent = match number.bytes().all(|byte| matches!(byte, b'0' | b'.' | b',')) {
        true if number.contains('0') => 0.0,
        _ => read_number(number)?,
    };
    let left = 1.0 - sign * percent / 100.0;
    (left > 0.0).then_some((1.0 / left, remark))
}

/// Returns the number of the next experiment, if the earlier ones have numbers.
pub(super) fn next_number<'a>(experiments: impl Iterator<Item = &'a str>) -> Option<u64> {
    let numbers: Option<Vec<u64>> = experiments
        .filter(|cell| !cell.is_empty() && *cell != "-")
        .map(|cell| cell.parse().ok())
        .collect();
    numbers?.into_iter().max()?.checked_add(1)
}

fn duration(nanoseconds: f64) -> String {
    let (value, unit) = match nanoseconds {
        ns if ns < 1e3 => (ns, "ns"),
        ns if ns < 1e6 => (ns / 1e3, "us"),
        ns if ns < 1e9 => (ns / 1e6, "ms"),
        ns => (ns / 1e9, "s"),
    };
    format!("{value:.3}{unit}")
}

fn improvement(speedup: f64) -> String {
    let text = format!("{:+.1}%", (1.0 - 1.0 / speedup) * 100.0);
    match text.as_str() {
        "-0.0%" => "+0.0%".to_owned(),
        _ => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_as_people_write_them() {
        for (text, expected) in [
            ("3.859ms±0.079ms", Some(3_859_000)),
            ("2.386ms±0.119ms (from ef629a99e)", Some(2_386_000)),
            ("2.325ms median", Some(2_325_000)),
            ("36.721ms (median 27.9)", Some(36_721_000)),
            ("1,5 s", Some(1_500_000_000)),
            ("12µs", Some(12_000)),
            ("12 μs", Some(12_000)),
            ("7us", Some(7_000)),
            ("850ns", Some(850)),
            ("2 min", Some(120_000_000_000)),
            ("120MB", None),
            ("3.859", None),
            ("0ms", None),
            ("fast", None),
            ("±1ms", None),
            ("12m", None),
        ] {
            let found = nanoseconds(text).map(|ns| ns.round() as u64);
            assert_eq!(found, expected, "{text}");
        }
    }

    #[test]
    fn an_improvement_is_the_part_of_the_time_that_is_gone() {
        for (text, speedup, remark) in [
            ("+7.2%", Some(1.0776), ""),
            ("-7.9% REGRESSION", Some(0.9268), "REGRESSION"),
            ("\u{2212}7,9 %", Some(0.9268), ""),
            ("+50% (single)", Some(2.0), "single"),
            ("+20% over the baseline", Some(1.25), "over the baseline"),
            ("+0.0%", Some(1.0), ""),
            ("+100%", None, "+100%"),
            ("7.2%", None, "7.2%"),
            ("+fast%", None, "+fast%"),
            ("(keypoint-only)", None, "keypoint-only"),
            (
                "1-ULP FP regression broke 26 tests",
                None,
                "1-ULP FP regression broke 26 tests",
            ),
        ] {
            let (found, words) = improvement_of(text);
            assert_eq!(found.map(|found| (found * 1e4).round() / 1e4), speedup, "{text}");
            assert_eq!(words, remark, "{text}");
        }
    }

    #[test]
    fn an_improvement_of_something_else_is_not_a_speedup() {
        let read = |before: &str, after: &str| {
            let cells = [("before", before), ("after", after), ("improvement", "+50%")];
            let of = |name: &str| {
                cells
                    .iter()
                    .find(|(known, _)| *known == name)
                    .map(|(_, cell)| (*cell).to_owned())
            };
            ForeignCells::read(&[], of).speedup
        };
        assert_eq!(read("3ms", "2ms"), Some(1.5));
        assert_eq!(read("-", "-"), Some(2.0));
        assert_eq!(read("3ms", "-"), Some(2.0));
        assert_eq!(read("120MB", "60MB"), None);
        assert_eq!(read("3ms", "60MB"), None);
    }

    #[test]
    fn statuses_of_all_tools_have_a_standing() {
        for (status, expected) in [
            (" Keep ", StatusEffect::Kept),
            ("discard", StatusEffect::Discarded),
            ("crash", StatusEffect::Discarded),
            ("CHECKS_FAILED", StatusEffect::Discarded),
            ("mixed", StatusEffect::Mixed),
            ("baseline", StatusEffect::Baseline),
            ("measurement", StatusEffect::Measured),
            ("no-op", StatusEffect::Other),
            ("", StatusEffect::Other),
        ] {
            assert_eq!(StatusEffect::of(status), expected, "{status}");
        }
    }

    #[test]
    fn our_numbers_in_their_form() {
        assert_eq!(duration(3_859_000.0), "3.859ms");
        assert_eq!(duration(12.5), "12.500ns");
        assert_eq!(duration(2e9), "2.000s");
        assert_eq!(duration(7_250.0), "7.250us");
        assert_eq!(improvement(1.0776), "+7.2%");
        assert_eq!(improvement(0.9268), "-7.9%");
        assert_eq!(improvement(0.99999), "+0.0%");
        assert_eq!(nanoseconds(&duration(7_250.0)), Some(7_250.0));
    }

    #[test]
    fn experiments_are_numbered_on_where_they_have_numbers() {
        let next = |cells: &[&str]| next_number(cells.iter().copied());
        assert_eq!(next(&["1", "-", "12", ""]), Some(13));
        assert_eq!(next(&["1", "exp-2"]), None);
        assert_eq!(next(&[]), None);
    }
}
