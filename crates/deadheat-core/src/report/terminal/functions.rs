//! The breakdown by function: the time that each of the changed ones took on each side.

use comfy_table::Cell;

use super::{Column, MOST_FUNCTIONS, Page, within};
use crate::model::{CallProfile, Change, Comparison, FunctionComparison, ProfileNote, Report, Side};
use crate::text::{
    bounds, change_percent, count_of, duration, plain, signed_duration, signed_percent, speedup,
};

/// The smallest difference, as a part of base's time, that is divided: percentages of a smaller one would be noise.
const SMALLEST_EXPLAINED: f64 = 0.02;

/// Columns are dropped before names get shorter than this.
const LEAST_NAME: usize = 24;

/// A breakdown, with the time that it divides.
pub(in crate::report) struct Section<'a> {
    pub(in crate::report) title: String,
    pub(in crate::report) functions: &'a [FunctionComparison],
    pub(in crate::report) unexplained_ns: Option<f64>,
    pub(in crate::report) base_ns: f64,
    /// Head minus base: the part of base's time that the estimate gives.
    pub(in crate::report) change_ns: f64,
}

impl<'a> Section<'a> {
    /// Makes the section of one benchmark.
    pub(in crate::report) fn of(row: &'a Comparison) -> Self {
        Section {
            title: format!("Changed functions in {}", plain(&row.benchmark)),
            functions: &row.functions,
            unexplained_ns: row.unexplained_ns,
            base_ns: row.base.median_ns,
            change_ns: change_ns(row),
        }
    }

    /// Makes the section of everything that was measured.
    pub(in crate::report) fn of_all(report: &'a Report) -> Self {
        let profiled = report.comparisons.iter();
        let profiled = profiled.filter(|row| row.unexplained_ns.is_some());
        let (base_ns, change_ns) = profiled.fold((0.0, 0.0), |(base, change), row| {
            (base + row.base.median_ns, change + change_ns(row))
        });
        Section {
            title: "Changed functions, over all measured benchmarks".to_owned(),
            functions: &report.summary.functions,
            unexplained_ns: report.summary.unexplained_ns,
            base_ns,
            change_ns,
        }
    }
}

impl Page {
    pub(super) fn breakdowns(&mut self, report: &Report) {
        if self.style.verbose {
            let rows = report.comparisons.iter();
            for row in rows.filter(|row| !row.functions.is_empty()) {
                self.breakdown(&Section::of(row));
            }
        }
        self.breakdown(&Section::of_all(report));
    }

    /// Writes every function of the project with a noticeable share, by the difference of its own time.
    pub(super) fn surveys(&mut self, report: &Report) {
        if self.style.verbose {
            for row in &report.comparisons {
                if let Some(functions) = &row.profile {
                    self.survey(&format!("All functions in {}", plain(&row.benchmark)), functions);
                }
            }
        }
        if let Some(functions) = &report.summary.profile {
            self.survey("All functions, over all measured benchmarks", functions);
        }
    }

    fn survey(&mut self, title: &str, functions: &[FunctionComparison]) {
        self.heading(title);
        if functions.is_empty() {
            self.line("  no function of the project takes 1 % of the time");
            return;
        }
        let most = if self.style.verbose {
            usize::MAX
        } else {
            MOST_FUNCTIONS
        };
        let shown = &functions[..functions.len().min(most)];
        let names: Vec<String> = shown.iter().map(|function| plain(&function.name)).collect();
        let columns = |form: usize| {
            let time = |side: Side, of: fn(&CallProfile) -> Option<f64>| {
                shown.iter().map(move |function| {
                    let time = function.side(side).and_then(of).map(duration);
                    short_if(form >= 4, time.unwrap_or_else(|| "-".to_owned()))
                })
            };
            let mut columns = Vec::new();
            if form < 3 {
                columns.push(Column::of_words("changed", shown.iter().map(changed).collect()));
            }
            if form < 1 {
                columns.push(Column::of_numbers("calls", shown.iter().map(calls)));
            }
            if form < 2 {
                columns.push(Column::of_numbers(
                    "base",
                    time(Side::Base, |profile| profile.total_ns),
                ));
                columns.push(Column::of_numbers(
                    "head",
                    time(Side::Head, |profile| profile.total_ns),
                ));
            }
            let differences = shown
                .iter()
                .map(|function| short_if(form >= 4, signed_duration(function.own_difference_ns())));
            columns.extend([
                Column::of_numbers("own base", time(Side::Base, |profile| profile.self_ns)),
                Column::of_numbers("own head", time(Side::Head, |profile| profile.self_ns)),
                Column::of_numbers("own change", differences),
            ]);
            columns
        };
        let table = self.fitted("function", &names, &[LEAST_NAME; 4], columns);
        self.table(table);
        if functions.len() > most {
            self.line(&format!("… and {} more (-v shows all)", functions.len() - most));
        }
        self.prose(
            "",
            "As cProfile sees them: functions with many short calls seem more expensive than they are.",
        );
    }

    fn breakdown(&mut self, section: &Section<'_>) {
        if section.functions.is_empty() {
            return;
        }
        self.heading(&section.title);
        let most = if self.style.verbose {
            usize::MAX
        } else {
            MOST_FUNCTIONS
        };
        let shown: Vec<&FunctionComparison> = section.functions.iter().take(most).collect();
        let names: Vec<String> = shown.iter().map(|function| plain(&function.name)).collect();
        let titles = headings(&shown);
        let columns = |form: usize| {
            // The intervals are dropped first where the terminal is narrow.
            let rows: Vec<Vec<String>> = shown.iter().map(|function| cells(function, form < 1)).collect();
            // Columns that stay for longer have a larger number.
            let kept = [0, 5, 3, 9, 9, 9, 2, 4];
            let columns = (1..titles.len()).filter(|&column| form < kept[column]);
            columns
                .map(|column| {
                    let cells = rows.iter().map(|row| {
                        let is_time = column == 3 || column == 4;
                        short_if(is_time && form >= 6, row[column].clone())
                    });
                    match column {
                        1 => Column::of_words(titles[1].clone(), cells.map(Cell::new).collect()),
                        5 if form > 0 => Column::of_numbers("change", cells),
                        _ => Column::of_numbers(titles[column].clone(), cells),
                    }
                })
                .collect()
        };
        let table = self.fitted(&titles[0], &names, &[LEAST_NAME; 6], columns);
        self.table(table);
        if section.functions.len() > most {
            self.line(&format!(
                "… and {} more (-v shows all)",
                section.functions.len() - most
            ));
        }
        for line in reconciliation(section).into_iter().chain(notes(&shown)) {
            self.prose("", &line);
        }
    }
}

fn changed(function: &FunctionComparison) -> Cell {
    Cell::new(function.change.map_or(String::new(), |change| change.to_string()))
}

fn calls(function: &FunctionComparison) -> String {
    let calls = |side| function.side(side).map(|profile| count(profile.calls));
    both(calls(Side::Base), calls(Side::Head), "")
}

/// Removes the gap before the unit, where there is little room.
pub(super) fn short_if(is_short: bool, amount: String) -> String {
    match is_short {
        true => amount.replace(' ', ""),
        false => amount,
    }
}

/// Explains the notes in the table in words.
pub(in crate::report) fn notes(functions: &[&FunctionComparison]) -> Vec<String> {
    let texts = [
        (
            ProfileNote::MostlyProbe,
            "(probe): nearly all of what was measured is the cost of measuring it",
        ),
        (
            ProfileNote::CallsOnly,
            "(calls): generators and coroutines are counted and not timed before Python 3.12",
        ),
        (
            ProfileNote::Unbalanced,
            "stacks were switched behind Python's back (greenlets): these times may be another function's",
        ),
    ];
    let has = |note| functions.iter().any(|function| function.note == Some(note));
    let texts = texts.into_iter().filter(|(note, _)| has(*note));
    texts.map(|(_, text)| text.to_owned()).collect()
}

/// Describes how much of the end-to-end difference is the changed functions' own, and the rest.
pub(in crate::report) fn reconciliation(section: &Section<'_>) -> Option<String> {
    let rest = section.unexplained_ns?;
    let difference = section.change_ns;
    let explained = difference - rest;
    let percent = if difference != 0.0 && difference.abs() >= SMALLEST_EXPLAINED * section.base_ns {
        format!(" ({:.0} %)", explained / difference * 100.0)
    } else {
        String::new()
    };
    let is_affected = |function: &&FunctionComparison| function.change == Some(Change::Affected);
    let affected: Vec<&FunctionComparison> = section.functions.iter().filter(is_affected).collect();
    let theirs: f64 = affected.iter().map(|function| function.own_difference_ns()).sum();
    let who = match affected.len() {
        0 => format!(
            "the changed functions explain {}{percent}",
            signed_duration(explained)
        ),
        all if all == section.functions.len() => {
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

pub(in crate::report) fn headings(functions: &[&FunctionComparison]) -> [String; 8] {
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
pub(in crate::report) fn cells(function: &FunctionComparison, with_interval: bool) -> Vec<String> {
    let (base, head) = (function.base.as_ref(), function.head.as_ref());
    let time = |profile: Option<&CallProfile>| match profile.map(|profile| profile.total_ns) {
        None => "-".to_owned(),
        Some(Some(time)) => duration(time),
        Some(None) if function.note == Some(ProfileNote::CallsOnly) => "(calls)".to_owned(),
        Some(None) => "(probe)".to_owned(),
    };
    let change = match &function.estimate {
        Some(estimate) if with_interval => format!(
            "{} {}",
            change_percent(estimate.point_estimate),
            bounds(&estimate.confidence_interval, signed_percent)
        ),
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
        change,
        function
            .estimate
            .as_ref()
            .filter(|estimate| with_interval || !estimate.may_be_none())
            .map_or(String::new(), |estimate| speedup(estimate.point_estimate)),
        both(share(base), share(head), " %"),
    ]
}

/// Formats both sides: `12` where they are the same, else `12 → 3`; `-` for a side that has none.
pub(in crate::report) fn both(base: Option<String>, head: Option<String>, unit: &str) -> String {
    let text = |side: Option<String>| side.unwrap_or_else(|| "-".to_owned());
    if base.is_none() && head.is_none() {
        return String::new();
    }
    if base == head {
        return text(base) + unit;
    }
    format!("{} → {}{unit}", text(base), text(head))
}

fn share(profile: Option<&CallProfile>) -> Option<String> {
    let share = profile?.share? * 100.0;
    Some(if share < 9.95 {
        format!("{share:.1}")
    } else {
        format!("{share:.0}")
    })
}

/// Formats the calls per iteration: `1,000`, or `0.33` where not every iteration calls.
pub(in crate::report) fn count(calls: f64) -> String {
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
