//! The breakdowns by function.

use std::cmp::Reverse;

use super::comment::Section;
use super::escape::{code, html_code};
use super::page::{Page, closing, line, opening, table, unbroken};
use crate::model::{Comparison, FunctionComparison, Verdict};
use crate::report::breakdown::{
    ShownBreakdown, cells as function_cells, headings as function_headings, notes, reconciliation,
};
use crate::text::{change_percent, duration};

impl Page<'_> {
    /// Renders the times of the changed functions, over all benchmarks.
    pub(super) fn functions(&self) -> Option<Section> {
        let all = ShownBreakdown::of_all(self.report);
        let count = all.functions.len();
        (count > 0).then(|| Section {
            rank: 5,
            opening: opening(&format!("Changed functions over all benchmarks: {count}")),
            blocks: vec![breakdown(&all)],
            closing: closing(),
            most_bytes: None,
            called: "overall breakdown",
        })
    }

    /// Renders the changed functions of each benchmark, changed benchmarks first.
    pub(super) fn functions_by_benchmark(&self) -> Option<Section> {
        let mut rows: Vec<&Comparison> = self.rows().filter(|row| !row.functions.is_empty()).collect();
        rows.sort_by_key(|row| Reverse(matches!(row.verdict, Verdict::Improved | Verdict::Regressed)));
        // A single benchmark has the same table as all together.
        (rows.len() > 1 || self.report.summary.functions.is_empty()).then(|| Section {
            rank: 9,
            opening: opening("Changed functions, benchmark by benchmark"),
            blocks: rows
                .iter()
                .map(|row| {
                    let name = row.benchmark.strip_prefix(self.prefix).unwrap_or(&row.benchmark);
                    let title = format!(
                        "{} {}: {}",
                        html_code(name),
                        change_percent(row.estimate.point_estimate),
                        row.verdict
                    );
                    opening(&title) + &breakdown(&ShownBreakdown::of(row)) + &closing()
                })
                .collect(),
            closing: closing(),
            most_bytes: None,
            called: "benchmark breakdown",
        })
    }

    /// Renders where the time goes, with `--profile`.
    pub(super) fn survey(&self) -> Option<Section> {
        let functions = self.report.summary.profile.as_ref()?;
        let time = |time: Option<f64>| time.map_or("-".to_owned(), |time| unbroken(&duration(time)));
        let rows = functions.iter().map(|function| {
            let (base, head) = (function.base.as_ref(), function.head.as_ref());
            line(&[
                code(&function.name),
                function.change.map_or(String::new(), |change| change.to_string()),
                time(base.and_then(|profile| profile.total_ns)),
                time(head.and_then(|profile| profile.total_ns)),
                time(base.and_then(|profile| profile.self_ns)),
                time(head.and_then(|profile| profile.self_ns)),
            ])
        });
        let headings = ["function", "changed", "base ", "head ", "own base ", "own head "];
        Some(Section {
            rank: 10,
            opening: opening("All functions, as measured by cProfile") + &table(&headings),
            blocks: rows.collect(),
            closing: closing(),
            most_bytes: None,
            called: "profiled function",
        })
    }
}

/// Renders a table of functions, with its reconciliation and notes below.
fn breakdown(breakdown: &ShownBreakdown<'_>) -> String {
    let functions: Vec<&FunctionComparison> = breakdown.functions.iter().collect();
    let headings = function_headings(&functions);
    let headings: Vec<String> = headings
        .iter()
        .enumerate()
        .map(|(column, heading)| match column {
            0 | 1 => heading.clone(),
            _ => format!("{heading} "),
        })
        .collect();
    let mut text = table(&headings.iter().map(String::as_str).collect::<Vec<_>>());
    for function in &functions {
        let mut cells = function_cells(function, true);
        for cell in &mut cells[1..] {
            *cell = unbroken(cell);
        }
        cells[0] = code(&function.name);
        text.push_str(&line(&cells));
    }
    let below: Vec<String> = reconciliation(breakdown)
        .into_iter()
        .chain(notes(&functions))
        .collect();
    if !below.is_empty() {
        text.push_str(&format!("\n{}\n", below.join("<br>")));
    }
    text
}
