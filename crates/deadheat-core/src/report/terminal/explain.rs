//! One benchmark or one function of a report, for a terminal.

use super::page::{Page, Style};
use super::table::Column;
use crate::model::{Comparison, FunctionComparison, Report};
use crate::report::breakdown::{ShownBreakdown, both, calls, share};
use crate::report::explain::{Function, Subject};
use crate::report::words::why;
use crate::text::{change, duration, main_line, plain, speedup};

/// The room that names keep before columns are dropped.
const LEAST_NAME: usize = 24;

/// Renders the explanation, with `depth` rows in its table.
pub fn render_explained(report: &Report, subject: &Subject<'_>, depth: usize, style: Style) -> String {
    let mut page = Page {
        text: String::new(),
        style,
    };
    match subject {
        Subject::Benchmark(row) => page.explained_benchmark(report, row, depth),
        Subject::NotMeasured(row) => {
            let message = plain(main_line(&row.message));
            page.line(&format!("{}: {}", plain(&row.benchmark), row.reason));
            page.prose("", &message);
        }
        Subject::Function(function) => page.explained_function(report, function, depth),
    }
    page.text
}

impl Page {
    fn explained_benchmark(&mut self, report: &Report, row: &Comparison, depth: usize) {
        let (base, head) = (duration(row.base.median_ns), duration(row.head.median_ns));
        self.line(&format!("{}: {}", plain(&row.benchmark), row.verdict));
        self.line(&format!(
            "{base} → {head}, {}, {}",
            change(&row.estimate),
            speedup(row.estimate.point_estimate)
        ));
        self.prose("", &why(report, row));
        let parts = row.profile.as_deref().unwrap_or(&row.functions);
        let mut breakdown = ShownBreakdown::of(row);
        breakdown.title = "Functions".to_owned();
        breakdown.functions = parts;
        self.breakdown(&breakdown, depth);
        for warning in &row.warnings {
            self.prose("warning: ", &plain(&warning.message));
        }
    }

    fn explained_function(&mut self, report: &Report, function: &Function<'_>, depth: usize) {
        let changed = function.target.and_then(|target| target.change);
        let changed = changed.map_or_else(|| "not changed".to_owned(), |change| change.to_string());
        let (path, qualname) = (plain(function.path), plain(function.qualname));
        self.line(&format!("{path}::{qualname}: {changed}"));
        if let Some(detail) = function.target.and_then(|target| target.detail.as_deref()) {
            self.prose("", &plain(detail));
        }
        let rows = function.benchmarks(report);
        if rows.is_empty() {
            return self.line("no measured benchmark runs it");
        }
        self.heading("Benchmarks that run it");
        let shown = &rows[..rows.len().min(depth)];
        let names: Vec<String> = shown.iter().map(|(row, _)| plain(&row.benchmark)).collect();
        let columns = |form: usize| self.columns_of_benchmarks(shown, form);
        let table = self.fitted("benchmark", &names, &[LEAST_NAME; 3], columns);
        self.table(table);
        self.left_out("", rows.len() - shown.len());
    }

    fn columns_of_benchmarks(
        &self,
        rows: &[(&Comparison, Option<&FunctionComparison>)],
        form: usize,
    ) -> Vec<Column> {
        let cells = |of: &dyn Fn(&Comparison, &FunctionComparison) -> String| {
            let cells = rows
                .iter()
                .map(|(row, part)| part.map_or(String::new(), |part| of(row, part)));
            cells.collect::<Vec<String>>()
        };
        let verdicts = rows.iter().map(|(row, _)| self.judged(row.verdict, row.reason));
        let mut columns = vec![Column::of_words("verdict", verdicts.collect())];
        if form < 2 {
            columns.push(Column::of_numbers("calls", cells(&|_, part| calls(part))));
        }
        if form < 1 {
            let time = |_: &Comparison, part: &FunctionComparison| {
                let time = [&part.base, &part.head].map(|side| side.as_ref()?.total_ns.map(duration));
                let [base, head] = time;
                both(base, head, "")
            };
            columns.push(Column::of_numbers("time", cells(&time)));
        }
        let shares = |_: &Comparison, part: &FunctionComparison| {
            both(share(part.base.as_ref()), share(part.head.as_ref()), " %")
        };
        let explains = |row: &Comparison, part: &FunctionComparison| {
            let part = ShownBreakdown::of(row).explained_by(part);
            part.map_or(String::new(), |part| format!("{:.0} %", part * 100.0))
        };
        columns.push(Column::of_numbers("share of time", cells(&shares)));
        columns.push(Column::of_numbers("explains", cells(&explains)));
        columns
    }
}
