//! The screen of `deadheat profile`: the functions whose own time differs most, the slowest tests, and the answer.

use comfy_table::Cell;

use super::functions::short_if;
use super::page::{Page, Style};
use super::rows::{change, change_title};
use super::table::Column;
use crate::model::Verdict;
use crate::report::breakdown::{both, count};
use crate::report::names::common_prefix;
use crate::report::words::core_of;
use crate::test_profile::{FunctionTimes, SHORTEST_NS, TestComparison, TestProfile, Times};
use crate::text::{counted, duration, plain, signed_duration, speedup};

/// The largest number of rows of each table.
const MOST_ROWS: usize = 20;
/// The confidence level of all intervals.
const LEVEL: &str = "99 %";

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
                counted(settings.replicates, "replicate"),
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
    page.prose(
        "      ",
        &format!("pytest {}", plain(&settings.arguments.join(" "))),
    );
    page.function_times(&profile.functions);
    page.tests(&profile.tests);
    page.missing(&profile.missing);
    page.list_warnings(&profile.warnings.iter().collect::<Vec<_>>());
    page.text.push('\n');
    page.prose("", &answer(profile));
    page.steps(&profile.next);
    page.text
}

impl Page {
    fn function_times(&mut self, functions: &[FunctionTimes]) {
        if functions.is_empty() {
            return;
        }
        self.heading("Functions, by the change in their own time over all tests");
        let most = self.most();
        let shown = &functions[..functions.len().min(most)];
        let names: Vec<String> = shown.iter().map(|function| plain(&function.name)).collect();
        let columns = |form: usize| {
            let time = |times: fn(&FunctionTimes) -> Option<Times>, of: fn(Times) -> f64| {
                shown.iter().map(move |function| {
                    times(function).map_or_else(|| "-".to_owned(), |times| duration(of(times)))
                })
            };
            // Short bounds, and then none.
            let narrower = form.saturating_sub(1).min(2);
            let mut columns = Vec::new();
            if form < 5 {
                let cells = shown.iter().map(|function| {
                    Cell::new(function.change.map_or(String::new(), |change| change.to_string()))
                });
                columns.push(Column::of_words("changed", cells.collect()));
            }
            if form < 4 {
                let cells = shown.iter().map(|function| {
                    let calls = |times: Option<Times>| times.map(|times| count(times.calls));
                    both(calls(function.base), calls(function.head), "")
                });
                columns.push(Column::of_numbers("calls", cells));
            }
            let changes = shown.iter().map(|function| {
                let estimate = function.self_estimate.as_ref();
                estimate.map_or(String::new(), |estimate| change(estimate, narrower))
            });
            columns.extend([
                Column::of_numbers("own base", time(|function| function.base, |times| times.self_ns)),
                Column::of_numbers("own head", time(|function| function.head, |times| times.self_ns)),
                Column::of_numbers(change_title(LEVEL, narrower), changes),
            ]);
            if form < 1 {
                let base = time(|function| function.base, |times| times.total_ns);
                let head = time(|function| function.head, |times| times.total_ns);
                columns.push(Column::of_numbers("cumulative base", base));
                columns.push(Column::of_numbers("head", head));
            }
            columns
        };
        let table = self.fitted("function", &names, &[24, 24, 16, 16, 16], columns);
        self.table(table);
        self.left_out("", functions.len() - shown.len());
        self.prose(
            "",
            "Measured by cProfile, for orientation: functions with many calls look slower than they are.",
        );
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
        self.left_out("", tests.len() - shown.len());
        let is_changed =
            |test: &&TestComparison| matches!(test.verdict, Some(Verdict::Improved | Verdict::Regressed));
        let changed: Vec<&TestComparison> = tests[shown.len()..].iter().filter(is_changed).collect();
        if !changed.is_empty() {
            let first = &changed[..changed.len().min(MOST_ROWS)];
            self.test_table("Other tests that changed", first);
            self.left_out("", changed.len() - first.len());
        }
    }

    fn test_table(&mut self, title: &str, tests: &[&TestComparison]) {
        let names: Vec<&str> = tests.iter().map(|test| test.test.as_str()).collect();
        let prefix = common_prefix(&names);
        self.heading(title);
        if !prefix.is_empty() {
            self.line(&format!("in {}", plain(prefix.trim_end_matches(':'))));
        }
        let shown: Vec<String> = names.iter().map(|name| plain(&name[prefix.len()..])).collect();
        let columns = |form: usize| {
            let time = |nanoseconds: f64| short_if(form >= 1, duration(nanoseconds));
            let narrower = form.saturating_sub(1);
            let changes = tests.iter().map(|test| {
                let estimate = test.estimate.as_ref();
                estimate.map_or(String::new(), |estimate| change(estimate, narrower))
            });
            let verdicts = tests.iter().map(|test| match test.verdict {
                None => Cell::new("too short"),
                Some(verdict) => self.judged(verdict, test.reason),
            });
            vec![
                Column::of_numbers("base", tests.iter().map(|test| time(test.base.median_ns))),
                Column::of_numbers("head", tests.iter().map(|test| time(test.head.median_ns))),
                Column::of_numbers(change_title(LEVEL, narrower), changes),
                Column::of_words("verdict", verdicts.collect()),
            ]
        };
        let table = self.fitted("test", &shown, &[28, 20, 12], columns);
        self.table(table);
    }

    fn most(&self) -> usize {
        if self.style.verbose { usize::MAX } else { MOST_ROWS }
    }
}

/// Returns the answer in one sentence.
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
    let tests = counted(profile.tests.len(), "test");
    let mut text = format!("Of {tests}: {}", parts.join(", "));
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
