//! The breakdown by function: the time that each of the changed ones took on each side.

use comfy_table::Cell;

use super::page::Page;
use super::setup::MOST_FUNCTIONS;
use super::table::Column;
use crate::model::{CallProfile, FunctionComparison, Report, Side};
use crate::report::breakdown::{ShownBreakdown, calls, cells, headings, notes, reconciliation};
use crate::text::{duration, plain, signed_duration};

/// Columns are dropped before names get shorter than this.
const LEAST_NAME: usize = 24;

impl Page {
    pub(super) fn breakdowns(&mut self, report: &Report) {
        let most = if self.style.verbose {
            usize::MAX
        } else {
            MOST_FUNCTIONS
        };
        if self.style.verbose {
            let rows = report.comparisons.iter();
            for row in rows.filter(|row| !row.functions.is_empty()) {
                self.breakdown(&ShownBreakdown::of(row), most);
            }
        }
        self.breakdown(&ShownBreakdown::of_all(report), most);
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
            self.line("  no function of the project takes 1 % of the time or more");
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
        self.left_out("", functions.len().saturating_sub(most));
        self.prose(
            "",
            "Measured by cProfile: functions with many short calls look more expensive than they are.",
        );
    }

    pub(super) fn breakdown(&mut self, breakdown: &ShownBreakdown<'_>, most: usize) {
        if breakdown.functions.is_empty() {
            return;
        }
        self.heading(&breakdown.title);
        let shown: Vec<&FunctionComparison> = breakdown.functions.iter().take(most).collect();
        let names: Vec<String> = shown.iter().map(|function| plain(&function.name)).collect();
        let titles = headings(&shown);
        let columns = |form: usize| {
            // The intervals are dropped first if the terminal is narrow.
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
        self.left_out("", breakdown.functions.len().saturating_sub(most));
        for line in reconciliation(breakdown).into_iter().chain(notes(&shown)) {
            self.prose("", &line);
        }
    }
}

fn changed(function: &FunctionComparison) -> Cell {
    Cell::new(function.change.map_or(String::new(), |change| change.to_string()))
}

/// Removes the gap before the unit, if there is little room.
pub(super) fn short_if(is_short: bool, amount: String) -> String {
    match is_short {
        true => amount.replace(' ', ""),
        false => amount,
    }
}
