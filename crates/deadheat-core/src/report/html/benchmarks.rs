//! Every benchmark on one axis, with the panel that opens under it.
use maud::{Markup, html};

use super::axis::Axis;
use super::markup::name;
use super::panel::panel;
use super::plots;
use super::words::{VERDICTS, change_cell, count_with, verdict_words};
use crate::model::{Comparison, Estimate, Judged, Report, Verdict};
use crate::output::OutputCheck;
use crate::report::machines;
use crate::report::names::prefix_of;
use crate::text::{count_of, counted, duration, speedup};

pub(super) fn benchmarks(report: &Report, axis: Axis) -> Markup {
    if report.comparisons.is_empty() {
        return html! {};
    }
    let names: Vec<&str> = report
        .comparisons
        .iter()
        .map(|row| row.benchmark.as_str())
        .collect();
    let prefix = prefix_of(report, &names);
    let place = prefix.trim_end_matches(':');
    let mut rows: Vec<(usize, &Comparison)> = report.comparisons.iter().enumerate().collect();
    let ratio = |row: &Comparison| row.estimate.point_estimate;
    rows.sort_by(|(_, a), (_, b)| ratio(b).total_cmp(&ratio(a)));
    html! {
        section aria-labelledby="benchmarks-title" {
            h2 id="benchmarks-title" {
                "Benchmarks"
                @if !place.is_empty() { " " span.place { "in " code { (name(place)) } } }
            }
            (legend(report))
            (toolbar(report))
            table.benchmarks id="benchmarks" aria-describedby="legend" {
                (headings(axis))
                @for (index, row) in rows { (benchmark(report, axis, index, row, prefix)) }
                @if report.comparisons.len() > 1 { (sums(report, axis)) }
            }
            p.none id="none" hidden { "No measured benchmark matches." }
        }
    }
}

fn legend(report: &Report) -> Markup {
    let rows = &report.comparisons;
    let level = rows[0].estimate.confidence_interval.confidence_level * 100.0;
    let some_have_their_own = rows.iter().any(|row| row.threshold_percent.is_some());
    html! {
        p.note id="legend" {
            "Time of head against base, on a logarithmic axis: a mark is the estimate, the line its "
            (format!("{level:.0}")) " % interval. Within the grey band (±" (report.settings.threshold_percent)
            " %) a change is too small to matter"
            @if some_have_their_own { "; a row that shows a threshold has its own" }
            "."
        }
    }
}

fn headings(axis: Axis) -> Markup {
    html! {
        thead {
            tr {
                (sortable("benchmark", "name", "name"))
                (sortable("change [interval]", "change", "n change"))
                th.plot scope="col" {
                    span.ends { span { "← faster" } span { "slower →" } }
                    (plots::interval_labels(axis))
                }
                (sortable("base", "base", "n base"))
                (sortable("head", "head", "n head"))
                th class="n speedup" scope="col" { "speedup" }
                (sortable("verdict", "verdict", ""))
            }
        }
    }
}

fn sortable(title: &str, key: &str, class: &str) -> Markup {
    html! {
        th class=(class) scope="col" aria-sort=[(key == "change").then_some("descending")] {
            button.sort type="button" data-key=(key) { (title) }
        }
    }
}

/// Renders the controls that narrow the table down; the script shows them.
fn toolbar(report: &Report) -> Markup {
    let different = report
        .comparisons
        .iter()
        .filter(|row| row.output == OutputCheck::Different)
        .count();
    let orders = ["change", "name", "base", "head", "verdict"].map(|key| (key, key));
    html! {
        div.toolbar id="toolbar" hidden {
            input type="search" id="search" placeholder="Search by name" aria-label="Search benchmarks by name"
                autocomplete="off" spellcheck="false";
            div.chips role="group" aria-label="Show only" {
                @for verdict in VERDICTS {
                    (chip(&verdict.to_string(), &verdict_words(verdict), count_with(report, verdict)))
                }
                (chip("other-output", &html! { "different output" }, different))
            }
            label.order {
                "Sort by "
                select id="order" {
                    @for (key, title) in orders.into_iter().chain([("index", "as in the suite")]) {
                        option value=(key) { (title) }
                    }
                }
            }
            span.shown id="shown" role="status" {}
        }
    }
}

/// Renders the button that shows only the rows of a kind, if there are any.
fn chip(only: &str, title: &Markup, count: usize) -> Markup {
    html! {
        @if count > 0 {
            button.chip type="button" data-only=(only) aria-pressed="false" {
                (title) " " b { (count_of(count as f64)) }
            }
        }
    }
}

fn benchmark(report: &Report, axis: Axis, index: usize, row: &Comparison, prefix: &str) -> Markup {
    let is_other = row.output == OutputCheck::Different;
    let panel_id = format!("p{index}");
    let exact = |number: f64| format!("{number:e}");
    let times = [row.base.median_ns, row.head.median_ns].map(duration);
    html! {
        tbody id={ "b" (index) } data-verdict=(row.verdict) data-index=(index)
            data-change=(exact(row.estimate.point_estimate))
            data-base=(exact(row.base.median_ns)) data-head=(exact(row.head.median_ns))
            data-other-output[is_other] {
            tr.row {
                th.name scope="row" {
                    button.open type="button" aria-expanded="false" aria-controls=(panel_id) {
                        span.chevron aria-hidden="true" {}
                        span { (name(&row.benchmark[prefix.len()..])) }
                    }
                    @if is_other { span.flag { "different output" } }
                    @if !row.warnings.is_empty() { span.flag { (counted(row.warnings.len(), "warning")) } }
                }
                (numbers(axis, &row.estimate, row.verdict, times))
                td.said {
                    (verdict_words(row.verdict))
                    // On its own line below the verdict.
                    @if let Some(percent) = row.threshold_percent { small { "threshold " (percent) " %" } }
                    @if let Some(kinds) = machines::of_row(report, row) { small { (kinds) } }
                }
            }
            tr.panel id=(panel_id) hidden {
                td colspan="7" { (panel(row, index, report.settings.threshold())) }
            }
        }
    }
}

fn numbers(axis: Axis, estimate: &Estimate, verdict: Verdict, [base, head]: [String; 2]) -> Markup {
    html! {
        td class="n change" { (change_cell(estimate)) }
        td.plot { (plots::interval(axis, estimate, verdict)) }
        td class="n base" { (base) }
        td class="n head" { (head) }
        td class="n speedup" { (speedup(estimate.point_estimate)) }
    }
}

fn sums(report: &Report, axis: Axis) -> Markup {
    let summary = &report.summary;
    html! {
        tfoot {
            @if let Some(total) = &summary.total { (sum(axis, "total", total)) }
            @if let Some(mean) = &summary.geometric_mean { (sum(axis, "geometric mean", mean)) }
        }
    }
}

fn sum(axis: Axis, title: &str, judged: &Judged) -> Markup {
    let times = [judged.base_ns, judged.head_ns].map(|time| time.map_or(String::new(), duration));
    html! {
        tr.row {
            th.name scope="row" { (title) }
            (numbers(axis, &judged.estimate, judged.verdict, times))
            td.said { (verdict_words(judged.verdict)) }
        }
    }
}
