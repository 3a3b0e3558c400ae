//! The screen of `deadheat race`: a line for each candidate, and the answer.

use super::page::{Page, Style};
use crate::race::{RaceCandidate, RaceReport, RaceStatus, lines};
use crate::text::{counted, plain, short_commit, speedup};

/// The largest number of benchmarks that are named in one line.
const MOST_NAMED: usize = 5;

pub fn render_race(report: &RaceReport, style: Style) -> String {
    let mut page = Page {
        text: String::new(),
        style,
    };
    page.setup_of_race(report);
    page.text.push('\n');
    for line in lines(&report.candidates, report.reference()) {
        page.line(&line);
    }
    page.rows_of_race(report);
    page.list_warnings(&report.warnings.iter().collect::<Vec<_>>());
    page.text.push('\n');
    page.prose("", &report.answer.sentence);
    if report.partial {
        page.line("stopped early: partial");
    }
    page.steps(&report.next);
    page.text
}

impl Page {
    fn setup_of_race(&mut self, report: &RaceReport) {
        let reference = report
            .candidates
            .iter()
            .find(|one| one.name == report.reference());
        if let Some(reference) = reference {
            let commit = reference.commit.as_deref().map(short_commit).unwrap_or_default();
            self.line(&format!("reference  {commit}  {}", plain(&reference.name)));
        }
        let mut facts = Vec::new();
        if let Some(python) = &report.python {
            facts.push(plain(&format!(
                "{} {}, pytest {}",
                python.implementation, python.version, python.pytest
            )));
        }
        if report.pairs > 0 {
            facts.push(counted(report.pairs, "process pair"));
            facts.push(match report.machine.pinned_core {
                Some(core) => format!("on core {core}"),
                None => "not pinned".to_owned(),
            });
        }
        if !facts.is_empty() {
            self.prose("           ", &facts.join(", "));
        }
        if !report.benchmarks.is_empty() {
            let shown = match self.style.verbose {
                true => report.benchmarks.len(),
                false => MOST_NAMED,
            };
            let names = report.benchmarks.iter().take(shown).map(|name| plain(name));
            let more = report.benchmarks.len().saturating_sub(shown);
            let more = if more > 0 {
                format!(" and {more} more")
            } else {
                String::new()
            };
            let names = names.collect::<Vec<_>>().join(", ");
            let whole = if report.benchmarks.len() > 1 {
                "the total of "
            } else {
                ""
            };
            let count = counted(report.benchmarks.len(), "benchmark");
            self.prose("           ", &format!("{whole}{count}: {names}{more}"));
        }
    }

    /// Writes the benchmarks on which one of the fastest is slower than the reference; with `-v` all.
    fn rows_of_race(&mut self, report: &RaceReport) {
        for candidate in &report.candidates {
            let is_fastest = matches!(candidate.status, RaceStatus::Winner | RaceStatus::Tied);
            let shown = match self.style.verbose {
                true => all_rows(candidate),
                false if is_fastest && candidate.rows.len() > 1 => slower_rows(candidate),
                false => Vec::new(),
            };
            if !shown.is_empty() {
                let verb = if self.style.verbose {
                    "has"
                } else {
                    "is slower than the reference in"
                };
                self.prose(
                    "",
                    &format!("{} {verb} {}", plain(&candidate.name), shown.join(", ")),
                );
            }
        }
    }
}

fn all_rows(candidate: &RaceCandidate) -> Vec<String> {
    let rows = candidate.rows.iter().filter_map(|row| {
        let estimate = row.estimate.as_ref()?;
        Some(format!(
            "{} {}",
            plain(&row.benchmark),
            speedup(estimate.point_estimate)
        ))
    });
    rows.collect()
}

fn slower_rows(candidate: &RaceCandidate) -> Vec<String> {
    let slower = candidate.rows.iter().filter_map(|row| {
        let estimate = row.estimate.as_ref()?;
        (estimate.confidence_interval.lower_bound > 1.0)
            .then(|| format!("{} ({})", plain(&row.benchmark), speedup(estimate.point_estimate)))
    });
    let slower: Vec<String> = slower.collect();
    let more = slower.len().saturating_sub(MOST_NAMED);
    let more = (more > 0).then(|| format!("{more} more"));
    slower.into_iter().take(MOST_NAMED).chain(more).collect()
}
