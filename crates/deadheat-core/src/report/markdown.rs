//! The report as Markdown for a comment on a pull request: the answer in the first line, then the changes;
//! everything else is folded.

mod answer;
mod comment;
mod conditions;
mod doubts;
mod escape;
mod functions;
mod page;
mod rows;

use comment::{Section, fit};
use page::Page;

use super::names::prefix_of;
use crate::model::Report;

pub fn markdown(report: &Report) -> String {
    let page = Page {
        report,
        prefix: prefix(report),
    };
    let sections: Vec<Section> = [
        Some(page.head()),
        page.plan(),
        page.noise(),
        page.changed(),
        page.failed(),
        page.changed_resources(),
        page.warnings(),
        page.inconclusive(),
        page.unexplained(),
        page.unchanged(),
        page.other_resources(),
        page.functions(),
        page.functions_by_benchmark(),
        page.survey(),
        page.missing(),
        Some(page.conditions()),
        Some(page.command()),
    ]
    .into_iter()
    .flatten()
    .filter(|section| !section.blocks.is_empty())
    .collect();
    fit(&sections)
}

fn prefix(report: &Report) -> &str {
    let names: Vec<&str> = report
        .comparisons
        .iter()
        .map(|row| row.benchmark.as_str())
        .collect();
    prefix_of(report, &names)
}
