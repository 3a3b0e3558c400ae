//! Breakdowns by function: base against head as bars, with the numbers beside them.

use std::fmt::Write as _;

use super::markup::{name, number};
use super::{change_cell, plots};
use crate::model::{FunctionComparison, ProfileNote, Side};
use crate::report::breakdown::{Section, both, count, notes, reconciliation};
use crate::text::{duration, signed_duration, speedup};

/// Renders the changed functions, with the part of the difference that they explain; empty without any.
pub(super) fn breakdown(section: &Section<'_>) -> String {
    let functions = section.functions;
    if functions.is_empty() {
        return String::new();
    }
    let most = functions
        .iter()
        .map(FunctionComparison::weight_ns)
        .fold(0.0, f64::max);
    let mut html = head(&[
        "function",
        "time in it",
        "change [interval]",
        "speedup",
        "calls",
        "share of time",
    ]);
    for function in functions {
        let total = |side| function.side(side).and_then(|profile| profile.total_ns);
        let (change, speedup) = match &function.estimate {
            Some(estimate) => (change_cell(estimate), speedup(estimate.point_estimate)),
            None => (String::new(), String::new()),
        };
        let calls = |side| function.side(side).map(|profile| count(profile.calls));
        let share = |side| function.side(side).and_then(|profile| profile.share).map(share);
        let _ = writeln!(
            html,
            "<tr>{}<td class=\"bar\">{}{}</td><td class=\"n\">{change}</td><td class=\"n\">{speedup}</td>\
             <td class=\"n\">{}</td><td class=\"n\">{}</td></tr>",
            heading(function),
            plots::bars(total(Side::Base), total(Side::Head), most),
            times(function, total),
            both(calls(Side::Base), calls(Side::Head), ""),
            both(share(Side::Base), share(Side::Head), " %"),
        );
    }
    html.push_str("</tbody></table></div>\n");
    let shown: Vec<&FunctionComparison> = functions.iter().collect();
    for words in reconciliation(section).into_iter().chain(notes(&shown)) {
        let _ = writeln!(html, "<p class=\"note\">{}</p>", number(&words));
    }
    html
}

/// Renders every function of the project that takes a noticeable part of the time, by its own time.
pub(super) fn survey(functions: &[FunctionComparison]) -> String {
    if functions.is_empty() {
        return "<p class=\"note\">no function of the project takes 1 % of the time</p>\n".to_owned();
    }
    let own = |function: &FunctionComparison, side| function.side(side).and_then(|profile| profile.self_ns);
    let most = functions
        .iter()
        .flat_map(|function| Side::BOTH.map(|side| own(function, side).unwrap_or(0.0)))
        .fold(0.0, f64::max);
    let mut html = head(&[
        "function",
        "own time",
        "own change",
        "calls",
        "with what it calls",
    ]);
    for function in functions {
        let calls = |side| function.side(side).map(|profile| count(profile.calls));
        let total = |side| {
            function
                .side(side)
                .and_then(|profile| profile.total_ns)
                .map(duration)
        };
        let _ = writeln!(
            html,
            "<tr>{}<td class=\"bar\">{}{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td></tr>",
            heading(function),
            plots::bars(own(function, Side::Base), own(function, Side::Head), most),
            times(function, |side| own(function, side)),
            number(&signed_duration(function.own_difference_ns())),
            both(calls(Side::Base), calls(Side::Head), ""),
            both(total(Side::Base), total(Side::Head), ""),
        );
    }
    html.push_str(
        "</tbody></table></div>\n<p class=\"note\">As cProfile sees them: functions with many short calls seem more expensive \
         than they are.</p>\n",
    );
    html
}

fn head(titles: &[&str]) -> String {
    let mut html = "<div class=\"scroll\"><table class=\"functions\"><thead><tr>".to_owned();
    for (column, title) in titles.iter().enumerate() {
        let class = if column > 1 { " class=\"n\"" } else { "" };
        let _ = write!(html, "<th scope=\"col\"{class}>{title}</th>");
    }
    html.push_str("</tr></thead><tbody>\n");
    html
}

fn heading(function: &FunctionComparison) -> String {
    let change = function
        .change
        .map_or(String::new(), |change| format!("<small>{change}</small>"));
    format!(
        "<th scope=\"row\"><code>{}</code>{change}</th>",
        name(&function.name)
    )
}

/// Renders both sides' times, in the order of their bars.
fn times(function: &FunctionComparison, time: impl Fn(Side) -> Option<f64>) -> String {
    let words = |side| {
        let words = match (function.side(side), time(side)) {
            (None, _) => "does not run".to_owned(),
            (_, Some(time)) => duration(time),
            (Some(_), None) if function.note == Some(ProfileNote::CallsOnly) => "(calls)".to_owned(),
            (Some(_), None) => "(probe)".to_owned(),
        };
        format!("<span><i class=\"{side}\">{side}</i> {words}</span>")
    };
    format!(
        "<span class=\"times\">{}{}</span>",
        words(Side::Base),
        words(Side::Head)
    )
}

fn share(share: f64) -> String {
    let percent = share * 100.0;
    if percent < 9.95 {
        format!("{percent:.1}")
    } else {
        format!("{percent:.0}")
    }
}
