//! The notices to read before believing the numbers.
use maud::{Markup, html};

use super::markup::{name, sentences};
use super::words::SHORT_LIST;
use crate::judge::gate;
use crate::model::{Report, Warning};
use crate::report::parts;
use crate::report::warnings::grouped;
use crate::text::{counted, plain, sentence};

pub(super) fn notices(report: &Report) -> Markup {
    let part = parts::merged_from(report).or_else(|| parts::part_of_suite(report));
    html! {
        @if let Some(line) = gate::failure(report) {
            p class="notice bad" { b { "Gate failed:" } " " (plain(&line)) }
        }
        @if report.partial {
            p.notice { b { "Stopped early." } " The report contains everything that was finished by then." }
        }
        @if let Some(words) = part {
            p.notice { b { (plain(&sentence(&words))) "." } }
        }
        @if let Some(recorded) = &report.recorded {
            p.notice {
                "Recorded as " b { (recorded.status) } (recorded.by_rule())
                " in " code { (plain(&recorded.file)) }
            }
        }
        (warnings(report))
    }
}

fn warnings(report: &Report) -> Markup {
    let own = report.comparisons.iter().flat_map(|row| &row.warnings);
    let groups = grouped(report.warnings.iter().chain(own));
    if groups.is_empty() {
        return html! {};
    }
    html! {
        details.warnings open[groups.len() <= SHORT_LIST] {
            summary { (counted(groups.len(), "warning")) }
            // The panel of each benchmark has its warnings in full.
            @for (one, more) in groups {
                (warning(one, true))
                @if more > 0 { p.note { "The same of " (counted(more, "more benchmark")) "." } }
            }
        }
    }
}

pub(super) fn warning(warning: &Warning, with_benchmark: bool) -> Markup {
    let benchmark = warning.benchmark.as_ref().filter(|_| with_benchmark);
    html! {
        div.warning {
            b { "Warning" }
            " "
            span.message {
                @if let Some(benchmark) = benchmark { code { (name(benchmark)) } ": " }
                (sentences(&warning.message))
            }
            @if let Some(hint) = &warning.hint { span.hint { (sentences(hint)) } }
        }
    }
}
