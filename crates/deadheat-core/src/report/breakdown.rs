//! A breakdown by function as every form shows it: its rows, and the sentences below them.

use super::words::within;
use crate::model::{CallProfile, Change, Comparison, FunctionComparison, ProfileNote, Report, Side};
use crate::text::{change, change_percent, count_of, duration, plain, signed_duration, speedup};

/// The smallest difference, as a part of base's time, that is divided: percentages of a smaller one would be noise.
const SMALLEST_EXPLAINED: f64 = 0.02;

/// A breakdown, with the time that it divides.
pub(super) struct ShownBreakdown<'a> {
    pub(super) title: String,
    pub(super) functions: &'a [FunctionComparison],
    pub(super) unexplained_ns: Option<f64>,
    pub(super) base_ns: f64,
    /// Head minus base: the part of base's time that the estimate gives.
    pub(super) change_ns: f64,
}

impl<'a> ShownBreakdown<'a> {
    /// Makes the breakdown of one benchmark.
    pub(super) fn of(row: &'a Comparison) -> Self {
        ShownBreakdown {
            title: format!("Changed functions in {}", plain(&row.benchmark)),
            functions: &row.functions,
            unexplained_ns: row.unexplained_ns,
            base_ns: row.base.median_ns,
            change_ns: change_ns(row),
        }
    }

    /// Makes the breakdown of everything that was measured.
    pub(super) fn of_all(report: &'a Report) -> Self {
        let profiled = report.comparisons.iter();
        let profiled = profiled.filter(|row| row.unexplained_ns.is_some());
        let (base_ns, change_ns) = profiled.fold((0.0, 0.0), |(base, change), row| {
            (base + row.base.median_ns, change + change_ns(row))
        });
        ShownBreakdown {
            title: "Changed functions, over all measured benchmarks".to_owned(),
            functions: &report.summary.functions,
            unexplained_ns: report.summary.unexplained_ns,
            base_ns,
            change_ns,
        }
    }

    /// Whether the difference is large enough to be divided.
    fn is_divided(&self) -> bool {
        self.change_ns != 0.0 && self.change_ns.abs() >= SMALLEST_EXPLAINED * self.base_ns
    }

    /// Returns the part of the difference that is a function's own; above 1 if others work against it.
    pub(super) fn explained_by(&self, function: &FunctionComparison) -> Option<f64> {
        let side = |profile: &Option<CallProfile>| match profile {
            None => Some(0.0),
            Some(profile) => profile.self_ns,
        };
        let own = side(&function.head)? - side(&function.base)?;
        (self.unexplained_ns.is_some() && self.is_divided()).then(|| own / self.change_ns)
    }
}

/// Explains the notes in the table in words.
pub(super) fn notes(functions: &[&FunctionComparison]) -> Vec<String> {
    let texts = [
        (
            ProfileNote::MostlyProbe,
            "(probe): nearly all of the measured time is the cost of measuring it",
        ),
        (
            ProfileNote::CallsOnly,
            "(calls): generators and coroutines are counted but not timed before Python 3.12",
        ),
        (
            ProfileNote::Unbalanced,
            "greenlets switched stacks without Python's knowledge: these times may belong to other functions",
        ),
    ];
    let has = |note| functions.iter().any(|function| function.note == Some(note));
    let texts = texts.into_iter().filter(|(note, _)| has(*note));
    texts.map(|(_, text)| text.to_owned()).collect()
}

/// Describes how much of the end-to-end difference is the changed functions' own, and the rest.
pub(super) fn reconciliation(breakdown: &ShownBreakdown<'_>) -> Option<String> {
    let rest = breakdown.unexplained_ns?;
    let difference = breakdown.change_ns;
    let explained = difference - rest;
    let percent = if breakdown.is_divided() {
        format!(" ({:.0} %)", explained / difference * 100.0)
    } else {
        String::new()
    };
    let is_affected = |function: &&FunctionComparison| function.change == Some(Change::Affected);
    let affected: Vec<&FunctionComparison> = breakdown.functions.iter().filter(is_affected).collect();
    let theirs: f64 = affected.iter().map(|function| function.own_difference_ns()).sum();
    let who = match affected.len() {
        0 => format!(
            "the changed functions explain {}{percent}",
            signed_duration(explained)
        ),
        all if all == breakdown.functions.len() => {
            format!(
                "the affected functions explain {}{percent}",
                signed_duration(explained)
            )
        }
        _ => format!(
            "the changed functions explain {} and the affected ones {}{}",
            signed_duration(explained - theirs),
            signed_duration(theirs),
            percent.replace('(', "(together ")
        ),
    };
    Some(format!(
        "Of {} end to end, {who}; the rest is {}.",
        signed_duration(difference),
        signed_duration(rest)
    ))
}

fn change_ns(row: &Comparison) -> f64 {
    row.base.median_ns * (row.estimate.point_estimate - 1.0)
}

pub(super) fn headings(functions: &[&FunctionComparison]) -> [String; 8] {
    let level = functions
        .iter()
        .find_map(|function| function.estimate)
        .map_or(99.0, |estimate| {
            estimate.confidence_interval.confidence_level * 100.0
        });
    [
        "function".to_owned(),
        "changed".to_owned(),
        "calls".to_owned(),
        "base".to_owned(),
        "head".to_owned(),
        format!("change [{level:.0} %]"),
        "speedup".to_owned(),
        "share of time".to_owned(),
    ]
}

/// Returns the row of one function, its name first.
pub(super) fn cells(function: &FunctionComparison, with_interval: bool) -> Vec<String> {
    let (base, head) = (function.base.as_ref(), function.head.as_ref());
    let time = |profile: Option<&CallProfile>| match profile.map(|profile| profile.total_ns) {
        None => "-".to_owned(),
        Some(Some(time)) => duration(time),
        Some(None) if function.note == Some(ProfileNote::CallsOnly) => "(calls)".to_owned(),
        Some(None) => "(probe)".to_owned(),
    };
    let changed = match &function.estimate {
        Some(estimate) if with_interval => change(estimate),
        Some(estimate) if estimate.may_be_none() => within(estimate),
        Some(estimate) => change_percent(estimate.point_estimate),
        None => String::new(),
    };
    vec![
        plain(&function.name),
        function.change.map_or(String::new(), |change| change.to_string()),
        calls(function),
        time(base),
        time(head),
        changed,
        function
            .estimate
            .as_ref()
            .filter(|estimate| with_interval || !estimate.may_be_none())
            .map_or(String::new(), |estimate| speedup(estimate.point_estimate)),
        both(share(base), share(head), " %"),
    ]
}

/// Formats the calls of a function per iteration.
pub(super) fn calls(function: &FunctionComparison) -> String {
    let calls = |side| function.side(side).map(|profile| count(profile.calls));
    both(calls(Side::Base), calls(Side::Head), "")
}

/// Formats both sides: `12` if they are the same, else `12 → 3`; `-` for a side that has none.
pub(super) fn both(base: Option<String>, head: Option<String>, unit: &str) -> String {
    let text = |side: Option<String>| side.unwrap_or_else(|| "-".to_owned());
    if base.is_none() && head.is_none() {
        return String::new();
    }
    if base == head {
        return text(base) + unit;
    }
    format!("{} → {}{unit}", text(base), text(head))
}

pub(super) fn share(profile: Option<&CallProfile>) -> Option<String> {
    let share = profile?.share? * 100.0;
    Some(if share < 9.95 {
        format!("{share:.1}")
    } else {
        format!("{share:.0}")
    })
}

/// Formats the calls per iteration: `1,000`, or `0.33` if not every iteration calls.
pub(super) fn count(calls: f64) -> String {
    if (calls - calls.round()).abs() > 0.005 {
        return format!("{calls:.2}");
    }
    count_of(calls)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_are_grouped_and_fractions_shown() {
        assert_eq!(count(1.0), "1");
        assert_eq!(count(1_234_567.0), "1,234,567");
        assert_eq!(count(1.0 / 3.0), "0.33");
    }

    #[test]
    fn what_both_sides_share_is_said_once() {
        let text = |text: &str| Some(text.to_owned());
        assert_eq!(both(text("12"), text("12"), " %"), "12 %");
        assert_eq!(both(text("12"), text("3"), " %"), "12 → 3 %");
        assert_eq!(both(None, text("3"), ""), "- → 3");
    }
}
