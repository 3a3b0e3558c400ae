//! The report for a terminal. Everything can be read without colour; the answer comes last.

mod answer;
mod doubts;
mod explain;
mod functions;
mod noise;
mod page;
mod race;
mod rows;
mod setup;
mod table;
mod tests_run;

use page::Page;

use crate::model::Report;

pub use explain::render_explained;
pub use page::Style;
pub(crate) use page::bare_table;
pub use race::render_race;
pub use tests_run::render_tests;

pub fn render(report: &Report, style: Style) -> String {
    let mut page = Page {
        text: String::new(),
        style,
    };
    page.revisions(report);
    page.functions(&report.target_functions);
    page.selection(report);
    page.plan(report);
    if let Some(noise) = &report.noise {
        page.noise(report, noise);
        page.missing(&report.missing);
        page.warnings(report);
        page.judge_machine(report, noise);
        return page.text;
    }
    page.comparisons(report);
    page.resources(report);
    page.breakdowns(report);
    page.surveys(report);
    page.missing(&report.missing);
    page.warnings(report);
    page.answer(report);
    page.recorded(report);
    page.steps(&report.next);
    page.text
}
