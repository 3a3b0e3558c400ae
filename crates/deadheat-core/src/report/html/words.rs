//! The forms of a verdict, of a change and of a number that several sections share.

use maud::{Markup, html};

use super::markup::number;
use super::plots;
use crate::model::{Estimate, Report, Verdict};
use crate::text::{bounds, change, change_percent, signed_percent};

/// The longest list that is open from the start.
pub(super) const SHORT_LIST: usize = 5;
/// Verdicts, the most urgent first.
pub(super) const VERDICTS: [Verdict; 5] = [
    Verdict::Regressed,
    Verdict::Improved,
    Verdict::Inconclusive,
    Verdict::Unexplained,
    Verdict::Unchanged,
];

/// Formats a change: `−27.0 % [−27.6, −26.4]`.
pub(super) fn change_text(estimate: &Estimate) -> String {
    number(&change(estimate))
}

/// Renders a change for a column.
pub(super) fn change_cell(estimate: &Estimate) -> Markup {
    let bounds = bounds(&estimate.confidence_interval, signed_percent);
    html! {
        b { (number(&change_percent(estimate.point_estimate))) }
        " "
        span.bounds { (number(&bounds)) }
    }
}

pub(super) fn verdict_words(verdict: Verdict) -> Markup {
    html! { span class={ "verdict " (verdict) } { (plots::mark(verdict)) (verdict) } }
}

pub(super) fn count_with(report: &Report, verdict: Verdict) -> usize {
    let counts = report.summary.counts;
    match verdict {
        Verdict::Improved => counts.improved,
        Verdict::Regressed => counts.regressed,
        Verdict::Unchanged => counts.unchanged,
        Verdict::Inconclusive => counts.inconclusive,
        Verdict::Unexplained => counts.unexplained,
    }
}
