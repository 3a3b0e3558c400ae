//! The sections beside the table of benchmarks: a list or a table each, absent if it would be empty.
use maud::{Markup, html};

use super::functions;
use super::markup::{lines, name, number};
use super::words::{SHORT_LIST, change_cell, verdict_words};
use crate::judge::machine_words::kind_names;
use crate::model::{Missing, MissingReason, PerSide, Python, Report, TargetFunction};
use crate::report::breakdown::ShownBreakdown;
use crate::report::names::prefix_of;
use crate::report::parts;
use crate::text::{amount, change_percent, count_of, counted, cut, main_line, plain, sentence};

/// The heading of a column, and whether there are numbers in it.
type Heading = (&'static str, bool);

fn table(headings: &[Heading], rows: &Markup) -> Markup {
    html! {
        div.scroll {
            table {
                thead {
                    tr {
                        @for (title, is_number) in headings {
                            th class=[is_number.then_some("n")] scope="col" { (title) }
                        }
                    }
                }
                tbody { (rows) }
            }
        }
    }
}

/// Renders the plan of `--dry-run`.
pub(super) fn plan(report: &Report) -> Markup {
    html! {
        @if let Some(plan) = &report.plan {
            section aria-labelledby="plan" {
                h2 id="plan" { "Would be measured" }
                ul.names { @for benchmark in &plan.benchmarks { li { code { (name(benchmark)) } } } }
            }
        }
    }
}

/// Renders the results of `deadheat noise`.
pub(super) fn noise(report: &Report) -> Markup {
    let Some(noise) = report.noise.as_ref().filter(|noise| !noise.is_empty()) else {
        return html! {};
    };
    let headings = [
        ("benchmark", false),
        ("spread", true),
        ("smallest change found", true),
    ];
    let rows = html! {
        @for row in noise {
            tr {
                th scope="row" { code { (name(&row.benchmark)) } }
                td.n { (format!("{:.2} %", row.spread_percent)) }
                td.n {
                    @if let Some(percent) = row.smallest_change_percent { (format!("{percent:.1} %")) }
                    @else { "none" }
                }
            }
        }
    };
    html! {
        section aria-labelledby="noise" {
            h2 id="noise" { "The same code on both sides" }
            (table(&headings, &rows))
        }
    }
}

/// Renders the breakdowns over all measured benchmarks together.
pub(super) fn breakdowns(report: &Report) -> Markup {
    let all = ShownBreakdown::of_all(report);
    html! {
        @if let Some(breakdown) = functions::breakdown(&all) {
            section aria-labelledby="breakdown" {
                h2 id="breakdown" { (all.title) }
                (breakdown)
            }
        }
        @if let Some(profile) = &report.summary.profile {
            section aria-labelledby="profile" {
                h2 id="profile" { "All functions, over all measured benchmarks" }
                (functions::survey(profile))
            }
        }
    }
}

/// The largest number of machines in a table: the JSON report has all.
const MOST_MACHINES: usize = 100;

/// Renders the machines of a run on several.
pub(super) fn machines(report: &Report) -> Markup {
    if report.machines.is_empty() {
        return html! {};
    }
    let kinds = kind_names(&report.machines);
    let python = |python: &PerSide<Python>| {
        let PerSide { base, head } = python.as_ref().map(|python| {
            let Python {
                implementation,
                version,
                ..
            } = python;
            format!("{implementation} {version}")
        });
        if base == head {
            head
        } else {
            format!("{base} and {head}")
        }
    };
    let headings = [
        ("machine", false),
        ("kind", false),
        ("kernel", false),
        ("Python", false),
        ("cores", true),
        ("replicates", true),
        ("outlier", false),
    ];
    let rows = html! {
        @for row in report.machines.iter().take(MOST_MACHINES) {
            tr {
                th scope="row" { code { (name(&row.name)) } }
                td { (kinds.get(&row.kind).map_or("", String::as_str)) }
                td { (plain(row.machine.kernel.as_deref().unwrap_or_default())) }
                td { (plain(&python(&row.python))) }
                td.n { (row.machine.cores) }
                td.n { (row.replicates) }
                td {
                    @if let Some(outlier) = &row.outlier {
                        (number(&change_percent(outlier.ratio))) " from the others: "
                        (counted(outlier.replicates, "replicate")) " set aside"
                    }
                }
            }
        }
    };
    html! {
        h3 { "Machines" }
        (table(&headings, &rows))
        @if let Some(more @ 1..) = report.machines.len().checked_sub(MOST_MACHINES) {
            p.note { "And " (counted(more, "more machine")) ", which the JSON report has." }
        }
    }
}

/// Renders the resources other than time that the benchmarks use.
pub(super) fn resources(report: &Report) -> Markup {
    if report.resources.is_empty() {
        return html! {};
    }
    let names: Vec<&str> = report
        .resources
        .iter()
        .map(|row| row.benchmark.as_str())
        .collect();
    let prefix = prefix_of(report, &names);
    let headings = [
        ("benchmark", false),
        ("resource", false),
        ("base", true),
        ("head", true),
        ("change [interval]", true),
        ("verdict", false),
    ];
    let rows = html! {
        @for row in &report.resources {
            tr {
                th scope="row" { code { (name(&row.benchmark[prefix.len()..])) } }
                td { (row.resource) }
                td.n { (amount(row.resource, row.median.base)) }
                td.n { (amount(row.resource, row.median.head)) }
                td.n { (change_cell(&row.estimate)) }
                td { (verdict_words(row.verdict)) }
            }
        }
    };
    html! {
        section aria-labelledby="resources" {
            h2 id="resources" { "Resources" }
            (table(&headings, &rows))
        }
    }
}

/// Renders the benchmarks without numbers, by reason, failures first.
pub(super) fn missing(missing: &[Missing]) -> Markup {
    let reasons = [
        MissingReason::Failed,
        MissingReason::Unfinished,
        MissingReason::Skipped,
        MissingReason::OnlyBase,
        MissingReason::OnlyHead,
        MissingReason::NotReached,
    ];
    html! {
        @if !missing.is_empty() {
            section aria-labelledby="missing" {
                h2 id="missing" { "Not measured" }
                @for reason in reasons {
                    (missing_by(reason, missing.iter().filter(|row| row.reason == reason).collect()))
                }
            }
        }
    }
}

fn missing_by(reason: MissingReason, rows: Vec<&Missing>) -> Markup {
    if rows.is_empty() {
        return html! {};
    }
    let count = rows.len();
    // Rows with the same message are grouped.
    let mut groups: Vec<Vec<&Missing>> = Vec::new();
    for row in rows {
        let same = |group: &&mut Vec<&Missing>| group[0].message == row.message && group[0].side == row.side;
        match groups.iter_mut().find(same) {
            Some(group) => group.push(row),
            None => groups.push(vec![row]),
        }
    }
    html! {
        details.missing open[count <= SHORT_LIST] {
            summary { (sentence(&reason.to_string())) " " b { (count_of(count as f64)) } }
            @for group in groups {
                ul.names { @for row in &group { li { code { (name(&row.benchmark)) } } } }
                (message(group[0]))
            }
        }
    }
}

/// Renders why a benchmark has no numbers.
fn message(row: &Missing) -> Markup {
    let side = match row.reason {
        MissingReason::Failed | MissingReason::Skipped => row.side,
        _ => None,
    };
    let line = main_line(&row.message);
    html! {
        p.message {
            @if let Some(side) = side { "on " (side) ": " }
            (plain(&cut(line, 500)))
        }
        @if row.message.trim() != line {
            details { summary { "Whole message" } pre tabindex="0" { (lines(&row.message)) } }
        }
    }
}

/// Renders the functions that the difference between the revisions touches.
pub(super) fn targets(targets: &[TargetFunction]) -> Markup {
    if targets.is_empty() {
        return html! {};
    }
    let headings = [
        ("function", false),
        ("where", false),
        ("change", false),
        ("run by", true),
    ];
    let rows = html! { @for one in targets { (target(one)) } };
    html! {
        section aria-labelledby="targets" {
            h2 id="targets" { "Changed functions" }
            details open[targets.len() <= 4 * SHORT_LIST] {
                summary { (parts::of_targets(targets)) }
                (table(&headings, &rows))
            }
        }
    }
}

fn target(target: &TargetFunction) -> Markup {
    html! {
        tr {
            th scope="row" { code { (name(&target.qualname)) } }
            td { code { (name(&target.path)) ":" (target.lines.0) "–" (target.lines.1) } }
            td {
                @if let Some(change) = target.change { (change) }
                @if let Some(detail) = &target.detail { @if target.change.is_some() { ": " } (plain(detail)) }
            }
            td.n {
                @if target.reached_by.is_empty() { "–" }
                @else { (counted(target.reached_by.len(), "benchmark")) }
            }
        }
    }
}
