//! The screen of `deadheat profile`: the functions whose own time differs most, the slowest tests, and the answer.

use comfy_table::{Cell, CellAlignment};

use super::functions::{both, count};
use super::{Page, SHORTEST_NAME, Style, bare_table, common_prefix, core_of, plain, shorten, width};
use crate::model::{Estimate, Verdict};
use crate::report::units::{signed_duration, signed_percent};
use crate::report::{duration, speedup};
use crate::test_profile::{FunctionTimes, SHORTEST_NS, TestComparison, TestProfile, Times};

/// Rows of each table.
const MOST_ROWS: usize = 20;

pub fn render_tests(profile: &TestProfile, style: Style) -> String {
    let mut page = Page {
        text: String::new(),
        style,
    };
    page.sides(&profile.revisions);
    let settings = &profile.settings;
    if profile.python.is_some() {
        let measured = (settings.replicates > 0).then(|| {
            [
                format!("{} replicates", settings.replicates),
                core_of(&profile.machine),
            ]
        });
        page.facts(
            profile.python.as_ref(),
            measured.map_or([None, None], |facts| facts.map(Some)),
        );
    }
    page.environment(
        profile.python.as_ref(),
        settings.environment,
        settings.build.as_deref(),
    );
    page.line(&format!("      pytest {}", plain(&settings.arguments.join(" "))));
    page.function_times(&profile.functions);
    page.tests(&profile.tests);
    page.missing(&profile.missing);
    page.list_warnings(&profile.warnings.iter().collect::<Vec<_>>());
    page.text.push('\n');
    page.line(&answer(profile));
    page.text
}

impl Page {
    fn function_times(&mut self, functions: &[FunctionTimes]) {
        if functions.is_empty() {
            return;
        }
        self.heading("Functions, by the difference of their own time over all tests");
        let most = self.most();
        let shown = &functions[..functions.len().min(most)];
        let titles = [
            "function",
            "changed",
            "calls",
            "own base",
            "own head",
            "change [99 % interval]",
            "cumulative base",
            "head",
        ];
        let time = |times: Option<Times>, of: fn(Times) -> f64| {
            times.map_or_else(|| "-".to_owned(), |times| duration(of(times)))
        };
        let rows: Vec<[String; 8]> = shown
            .iter()
            .map(|function| {
                let (base, head) = (function.base, function.head);
                [
                    plain(&function.name),
                    function.change.map_or(String::new(), |change| change.to_string()),
                    both(
                        base.map(|times| count(times.calls)),
                        head.map(|times| count(times.calls)),
                        "",
                    ),
                    time(base, |times| times.self_ns),
                    time(head, |times| times.self_ns),
                    function.self_estimate.as_ref().map_or(String::new(), change),
                    time(base, |times| times.total_ns),
                    time(head, |times| times.total_ns),
                ]
            })
            .collect();
        let mut table = bare_table();
        table.set_header(titles.map(|title| self.title_cell(title)));
        let room = self.room_for_names(&titles, rows.iter().map(|row| row.as_slice()));
        for row in &rows {
            let name = shorten(&row[0], room);
            let cells = std::iter::once(name).chain(row[1..].iter().cloned());
            table.add_row(cells.map(Cell::new).collect::<Vec<_>>());
        }
        for column in 2..titles.len() {
            if let Some(column) = table.column_mut(column) {
                column.set_cell_alignment(CellAlignment::Right);
            }
        }
        self.table(table);
        self.say_more(functions.len(), shown.len());
        self.line("As cProfile sees them, for orientation: what is called often looks slower than it is.");
    }

    fn tests(&mut self, tests: &[TestComparison]) {
        if tests.is_empty() {
            return;
        }
        let shown = &tests[..tests.len().min(self.most())];
        let title = match tests.len() > shown.len() {
            true => format!(
                "Slowest tests ({} of {}), not profiled: setup, call and teardown",
                shown.len(),
                tests.len()
            ),
            false => "Tests, not profiled: setup, call and teardown".to_owned(),
        };
        self.test_table(&title, &shown.iter().collect::<Vec<_>>());
        self.say_more(tests.len(), shown.len());
        let is_changed =
            |test: &&TestComparison| matches!(test.verdict, Some(Verdict::Improved | Verdict::Regressed));
        let changed: Vec<&TestComparison> = tests[shown.len()..].iter().filter(is_changed).collect();
        if !changed.is_empty() {
            let first = &changed[..changed.len().min(MOST_ROWS)];
            self.test_table("Other tests that changed", first);
            self.say_more(changed.len(), first.len());
        }
    }

    fn test_table(&mut self, title: &str, tests: &[&TestComparison]) {
        let names: Vec<&str> = tests.iter().map(|test| test.test.as_str()).collect();
        let prefix = common_prefix(&names);
        self.heading(title);
        let titles = ["test", "base", "head", "change [99 % interval]", "verdict"];
        let rows: Vec<[String; 5]> = tests
            .iter()
            .map(|test| {
                let verdict = match (test.verdict, test.reason) {
                    (None, _) => "too short".to_owned(),
                    (Some(verdict), Some(reason)) if self.style.verbose => format!("{verdict}: {reason}"),
                    (Some(verdict), _) => verdict.to_string(),
                };
                [
                    plain(&test.test[prefix.len()..]),
                    duration(test.base.median_ns),
                    duration(test.head.median_ns),
                    test.estimate.as_ref().map_or(String::new(), change),
                    verdict,
                ]
            })
            .collect();
        if !prefix.is_empty() {
            self.line(&format!("in {}", plain(prefix.trim_end_matches(':'))));
        }
        let room = self.room_for_names(&titles, rows.iter().map(|row| row.as_slice()));
        let mut table = bare_table();
        table.set_header(titles.map(|title| self.title_cell(title)));
        for (row, test) in rows.iter().zip(tests) {
            let mut cells: Vec<Cell> = vec![Cell::new(shorten(&row[0], room))];
            cells.extend(row[1..4].iter().map(Cell::new));
            cells.push(self.verdict_cell(&row[4], test.verdict));
            table.add_row(cells);
        }
        for column in 1..4 {
            if let Some(column) = table.column_mut(column) {
                column.set_cell_alignment(CellAlignment::Right);
            }
        }
        self.table(table);
    }

    fn most(&self) -> usize {
        if self.style.verbose { usize::MAX } else { MOST_ROWS }
    }

    fn say_more(&mut self, all: usize, shown: usize) {
        if all > shown {
            self.line(&format!("… and {} more (-v shows all)", all - shown));
        }
    }

    /// What the other columns leave of a line.
    fn room_for_names<'a>(&self, titles: &[&str], rows: impl Iterator<Item = &'a [String]> + Clone) -> usize {
        if self.style.verbose {
            return usize::MAX;
        }
        let others: usize = (1..titles.len())
            .map(|column| {
                let cells = rows.clone().map(|row| width(&row[column]));
                cells.chain([width(titles[column])]).max().unwrap_or(0) + 2
            })
            .sum();
        self.style.width.saturating_sub(others + 2).max(SHORTEST_NAME)
    }
}

fn change(estimate: &Estimate) -> String {
    let interval = estimate.confidence_interval;
    format!(
        "{} % [{}, {}]",
        signed_percent(estimate.point_estimate),
        signed_percent(interval.lower_bound),
        signed_percent(interval.upper_bound)
    )
}

/// One sentence.
fn answer(profile: &TestProfile) -> String {
    if profile.tests.is_empty() {
        return "Nothing was measured.".to_owned();
    }
    let counts = profile.counts;
    let parts: Vec<String> = [
        (counts.improved, "improved"),
        (counts.regressed, "regressed"),
        (counts.unchanged, "unchanged"),
        (counts.inconclusive, "inconclusive"),
        (counts.too_short, "too short to judge"),
    ]
    .into_iter()
    .filter(|(count, _)| *count > 0)
    .map(|(count, word)| format!("{count} {word}"))
    .collect();
    let mut text = match profile.tests.len() {
        1 => format!("Of 1 test: {}", parts.join(", ")),
        all => format!("Of {all} tests: {}", parts.join(", ")),
    };
    if counts.too_short > 0 {
        text.push_str(&format!(" (less than {})", duration(SHORTEST_NS)));
    }
    if let Some(total) = &profile.total {
        text.push_str(&format!(
            "; in total {}",
            match total.verdict {
                Verdict::Improved | Verdict::Regressed => speedup(total.estimate.point_estimate),
                verdict => verdict.to_string(),
            }
        ));
    }
    if counts.failed > 0 {
        text.push_str(&format!("; {} failed", counts.failed));
    }
    match profile.functions.iter().find(|function| function.is_different) {
        Some(function) => text.push_str(&format!(
            "; of the functions, {} changed most: {} of its own time",
            plain(&function.name),
            signed_duration(function.own_difference_ns())
        )),
        None if profile.functions.is_empty() => {}
        None => text.push_str("; no function's own time changed by more than chance explains"),
    }
    if profile.partial {
        text.push_str(" (stopped early: partial)");
    }
    text.push('.');
    text
}
