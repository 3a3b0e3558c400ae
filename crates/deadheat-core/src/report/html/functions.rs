//! Breakdowns by function: base against head as bars, with the numbers beside them.
use maud::{Markup, html};

use super::markup::{name, number};
use super::plots;
use super::words::change_cell;
use crate::model::{FunctionComparison, ProfileNote, Side};
use crate::report::breakdown::{ShownBreakdown, both, count, notes, reconciliation};
use crate::text::{duration, signed_duration, speedup};

/// Renders the changed functions, with the part of the difference that they explain; `None` without any.
pub(super) fn breakdown(breakdown: &ShownBreakdown<'_>) -> Option<Markup> {
    let functions = breakdown.functions;
    if functions.is_empty() {
        return None;
    }
    let most = functions
        .iter()
        .map(FunctionComparison::weight_ns)
        .fold(0.0, f64::max);
    let titles = [
        "function",
        "time in it",
        "change [interval]",
        "speedup",
        "calls",
        "share of time",
    ];
    let rows = html! { @for function in functions { (changed(function, most)) } };
    let shown: Vec<&FunctionComparison> = functions.iter().collect();
    Some(html! {
        (table(&titles, &rows))
        @for words in reconciliation(breakdown).into_iter().chain(notes(&shown)) {
            p.note { (number(&words)) }
        }
    })
}

fn changed(function: &FunctionComparison, most: f64) -> Markup {
    let total = |side| function.side(side).and_then(|profile| profile.total_ns);
    let calls = |side| function.side(side).map(|profile| count(profile.calls));
    let share = |side| function.side(side).and_then(|profile| profile.share).map(share);
    html! {
        tr {
            (heading(function))
            td.bar {
                (plots::bars(total(Side::Base), total(Side::Head), most))
                (times(function, total))
            }
            td.n { @if let Some(estimate) = &function.estimate { (change_cell(estimate)) } }
            td.n { @if let Some(estimate) = &function.estimate { (speedup(estimate.point_estimate)) } }
            td.n { (both(calls(Side::Base), calls(Side::Head), "")) }
            td.n { (both(share(Side::Base), share(Side::Head), " %")) }
        }
    }
}

/// Renders every function of the project that takes a noticeable part of the time, by its own time.
pub(super) fn survey(functions: &[FunctionComparison]) -> Markup {
    if functions.is_empty() {
        return html! { p.note { "no function of the project takes 1 % of the time or more" } };
    }
    let most = functions
        .iter()
        .flat_map(|function| Side::BOTH.map(|side| own_time(function, side).unwrap_or(0.0)))
        .fold(0.0, f64::max);
    let titles = ["function", "own time", "own change", "calls", "including calls"];
    let rows = html! { @for function in functions { (surveyed(function, most)) } };
    html! {
        (table(&titles, &rows))
        p.note {
            "Measured by cProfile: functions with many short calls look more expensive than they are."
        }
    }
}

fn surveyed(function: &FunctionComparison, most: f64) -> Markup {
    let own = |side| own_time(function, side);
    let calls = |side| function.side(side).map(|profile| count(profile.calls));
    let total = |side| {
        let profile = function.side(side)?;
        profile.total_ns.map(duration)
    };
    html! {
        tr {
            (heading(function))
            td.bar {
                (plots::bars(own(Side::Base), own(Side::Head), most))
                (times(function, own))
            }
            td.n { (number(&signed_duration(function.own_difference_ns()))) }
            td.n { (both(calls(Side::Base), calls(Side::Head), "")) }
            td.n { (both(total(Side::Base), total(Side::Head), "")) }
        }
    }
}

fn own_time(function: &FunctionComparison, side: Side) -> Option<f64> {
    function.side(side).and_then(|profile| profile.self_ns)
}

/// Renders a table in which all columns but the first two are numbers.
fn table(titles: &[&str], rows: &Markup) -> Markup {
    html! {
        div.scroll {
            table.functions {
                thead {
                    tr {
                        @for (column, title) in titles.iter().enumerate() {
                            th class=[(column > 1).then_some("n")] scope="col" { (title) }
                        }
                    }
                }
                tbody { (rows) }
            }
        }
    }
}

fn heading(function: &FunctionComparison) -> Markup {
    html! {
        th scope="row" {
            code { (name(&function.name)) }
            @if let Some(change) = function.change { small { (change) } }
        }
    }
}

/// Renders both sides' times, in the order of their bars.
fn times(function: &FunctionComparison, time: impl Fn(Side) -> Option<f64>) -> Markup {
    let words = |side| match (function.side(side), time(side)) {
        (None, _) => "does not run".to_owned(),
        (_, Some(time)) => duration(time),
        (Some(_), None) if function.note == Some(ProfileNote::CallsOnly) => "(calls)".to_owned(),
        (Some(_), None) => "(probe)".to_owned(),
    };
    html! {
        span.times {
            @for side in Side::BOTH {
                span { i class=(side) { (side) } " " (words(side)) }
            }
        }
    }
}

fn share(share: f64) -> String {
    let percent = share * 100.0;
    if percent < 9.95 {
        format!("{percent:.1}")
    } else {
        format!("{percent:.0}")
    }
}
