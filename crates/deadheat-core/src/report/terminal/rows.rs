//! The tables of times and of other resources.

use comfy_table::{Cell, Color};

use super::page::Page;
use super::table::Column;
use crate::model::{Comparison, Estimate, Judged, Report, ResourceComparison};
use crate::output::OutputCheck;
use crate::report::machines;
use crate::report::names::prefix_of;
use crate::report::words::{differs, within};
use crate::text::{
    amount, change_bounded, change_percent, duration, plain, short_percent, signed_percent, speedup,
};

impl Page {
    pub(super) fn comparisons(&mut self, report: &Report) {
        if report.comparisons.is_empty() {
            return;
        }
        let names: Vec<&str> = report
            .comparisons
            .iter()
            .map(|row| row.benchmark.as_str())
            .collect();
        let prefix = prefix_of(report, &names);
        let is_one = report.comparisons.len() == 1;
        // A command may give a total that is not the sum of its rows.
        let total = report.summary.total.as_ref();
        let total = total.filter(|total| !is_one || differs(total, &report.comparisons[0].estimate));
        let mean = report.summary.geometric_mean.as_ref().filter(|_| !is_one);
        let sums: Vec<(&str, &Judged)> = [("total", total), ("geometric mean", mean)]
            .into_iter()
            .filter_map(|(name, judged)| Some((name, judged?)))
            .collect();
        let benchmarks = report.comparisons.iter();
        let mut names: Vec<String> = benchmarks
            .map(|row| plain(&row.benchmark[prefix.len()..]))
            .collect();
        // An empty line comes before the sums.
        let gap = usize::from(!sums.is_empty());
        names.extend(std::iter::repeat_n(String::new(), gap));
        names.extend(sums.iter().map(|(name, _)| (*name).to_owned()));

        let columns = |form: usize| self.time_columns(report, &sums, form);
        let table = self.fitted("benchmark", &names, &[28, 24, 20, 12], columns);
        if !prefix.is_empty() {
            self.heading(&format!("Benchmarks in {}", plain(prefix.trim_end_matches(':'))));
        } else {
            self.heading("Benchmarks");
        }
        let rows = report.comparisons.iter().enumerate();
        let notes = rows.filter_map(|(index, row)| Some((index, machines::of_row(report, row)?)));
        self.table_with(table, &notes.collect());
    }

    fn time_columns(&self, report: &Report, sums: &[(&str, &Judged)], form: usize) -> Vec<Column> {
        let gap = usize::from(!sums.is_empty());
        let of_rows = |cell: &dyn Fn(&Comparison) -> Cell, of_sum: &dyn Fn(&Judged) -> Cell| {
            let rows = report.comparisons.iter().map(cell);
            let gap = std::iter::repeat_n(Cell::new(""), gap);
            let sums = sums.iter().map(|(_, judged)| of_sum(judged));
            rows.chain(gap).chain(sums).collect::<Vec<Cell>>()
        };
        let time = |nanoseconds: f64| {
            let time = duration(nanoseconds);
            Cell::new(if form < 2 { time } else { time.replace(' ', "") })
        };
        let sum = |nanoseconds: Option<f64>| nanoseconds.map_or(Cell::new(""), time);
        let change = |estimate: &Estimate| Cell::new(change(estimate, form.saturating_sub(2)));
        let mut columns = vec![
            Column::of_numbers(
                "base",
                of_rows(&|row| time(row.base.median_ns), &|all| sum(all.base_ns)),
            ),
            Column::of_numbers(
                "head",
                of_rows(&|row| time(row.head.median_ns), &|all| sum(all.head_ns)),
            ),
            Column::of_numbers(
                change_title(&level_of(&report.comparisons[0].estimate), form.saturating_sub(2)),
                of_rows(&|row| change(&row.estimate), &|all| change(&all.estimate)),
            ),
        ];
        if form == 0 {
            let speedup = |estimate: &Estimate| Cell::new(speedup(estimate.point_estimate));
            columns.push(Column::of_numbers(
                "speedup",
                of_rows(&|row| speedup(&row.estimate), &|all| speedup(&all.estimate)),
            ));
        }
        // The verdicts are the benchmarks': scripts count the lines that end with one.
        columns.push(Column::of_words(
            "verdict",
            of_rows(&|row| self.judged_row(row, form), &|_| Cell::new("")),
        ));
        columns
    }

    /// Formats the verdict on a row, with its threshold and its output: below it if there is little room.
    pub(super) fn judged_row(&self, row: &Comparison, form: usize) -> Cell {
        let verdict = self.judged(row.verdict, row.reason);
        let mut text = verdict.content();
        if let Some(percent) = row.threshold_percent {
            let gap = if form < 3 { ' ' } else { '\n' };
            text.push_str(&format!("{gap}(±{percent} %)"));
        }
        if row.output != OutputCheck::Different {
            return self.verdict_cell(&text, Some(row.verdict));
        }
        let gap = if form < 1 { ' ' } else { '\n' };
        let text = Cell::new(format!("{text},{gap}different output"));
        match self.style.color {
            true => text.fg(Color::Red),
            false => text,
        }
    }

    /// Writes the resources other than time that the benchmarks use.
    pub(super) fn resources(&mut self, report: &Report) {
        let rows = &report.resources;
        let Some(first) = rows.first() else {
            return;
        };
        self.heading("Resources");
        let names: Vec<&str> = rows.iter().map(|row| row.benchmark.as_str()).collect();
        let prefix = prefix_of(report, &names);
        // The rows of one benchmark are grouped under its name.
        let mut last = None;
        let names: Vec<String> = names
            .into_iter()
            .map(|name| match last.replace(name) {
                Some(before) if before == name => String::new(),
                _ => plain(&name[prefix.len()..]),
            })
            .collect();
        let level = level_of(&first.estimate);
        let columns = |form: usize| self.resource_columns(rows, &level, form);
        let table = self.fitted("benchmark", &names, &[20, 16, 12, 12], columns);
        self.table(table);
    }

    fn resource_columns(&self, rows: &[ResourceComparison], level: &str, form: usize) -> Vec<Column> {
        let amount = |resource, value| {
            let amount = amount(resource, value);
            if form < 1 { amount } else { amount.replace(' ', "") }
        };
        let narrower = form.saturating_sub(1);
        let mut columns = vec![
            Column::of_words(
                "resource",
                rows.iter()
                    .map(|row| Cell::new(row.resource.to_string()))
                    .collect(),
            ),
            Column::of_numbers(
                "base",
                rows.iter().map(|row| amount(row.resource, row.median.base)),
            ),
            Column::of_numbers(
                "head",
                rows.iter().map(|row| amount(row.resource, row.median.head)),
            ),
            Column::of_numbers(
                change_title(level, narrower),
                rows.iter().map(|row| change(&row.estimate, narrower)),
            ),
            Column::of_words(
                "verdict",
                rows.iter()
                    .map(|row| self.judged(row.verdict, row.reason))
                    .collect(),
            ),
        ];
        if form > 3 {
            // The base amount follows from the others.
            columns.remove(1);
        }
        columns
    }
}

/// Formats the confidence level of an interval: `99 %`.
fn level_of(estimate: &Estimate) -> String {
    format!("{:.0} %", estimate.confidence_interval.confidence_level * 100.0)
}

/// Formats a change: `-26.7 % [-27.6, -25.9]`; in narrower forms with shorter bounds, and then without them.
pub(super) fn change(estimate: &Estimate, form: usize) -> String {
    let bound = match form {
        0 => signed_percent,
        1 => short_percent,
        // A number alone would say more than is known.
        _ if estimate.may_be_none() => return within(estimate),
        _ => return change_percent(estimate.point_estimate),
    };
    change_bounded(estimate, bound)
}

/// Returns the heading of a column of changes.
pub(super) fn change_title(level: &str, form: usize) -> String {
    match form {
        0 => format!("change [{level} interval]"),
        1 => format!("change [{level}]"),
        _ => "change".to_owned(),
    }
}
