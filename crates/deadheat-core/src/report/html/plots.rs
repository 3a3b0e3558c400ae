//! Plots as inline SVG. Places are percentages, so that a plot fills whatever width it is given and its letters keep
//! their size; paths are in an inner picture that is stretched. Samples are thinned to what can be seen.

mod canvas;
mod replicates;
mod samples;

use maud::{Markup, html};

use super::axis::Axis;
use crate::judge::stats::Threshold;
use crate::model::{Counts, Estimate, Side, Verdict};

use canvas::at;

pub(super) use canvas::Plot;
pub(super) use replicates::replicates;
pub(super) use samples::{Quartiles, samples, sorted_samples};

/// The least distance of labels on the shared axis, and the width of their letters, in percent of its width.
const LABEL_GAP: f64 = 16.0;
const LETTER: f64 = 3.0;
/// Draws the marks of the verdicts, for `<use>`: they differ in shape, and point to where head is on the axis.
pub(super) fn marks() -> Markup {
    html! {
        svg.marks width="0" height="0" aria-hidden="true" {
            defs {
                path id="improved" d="M4-5.5-6 0 4 5.5Z" {}
                path id="regressed" d="M-4-5.5 6 0-4 5.5Z" {}
                circle id="unchanged" r="4.5" {}
                circle id="inconclusive" r="4" class="hollow" {}
                path id="unexplained" d="M0-5 5 0 0 5-5 0Z" class="hollow" {}
                path id="lower" d="M8-5 2 0 8 5" class="arrow" {}
                path id="higher" d="M-8-5-2 0-8 5" class="arrow" {}
            }
        }
    }
}

/// Draws the mark of a verdict, to go with its word.
pub(super) fn mark(verdict: Verdict) -> Markup {
    html! {
        svg.mark viewBox="-8 -8 16 16" aria-hidden="true" { use href={ "#" (verdict) } {} }
    }
}

/// Draws an estimate with its interval on the axis that all benchmarks share. The numbers are next to it.
pub(super) fn interval(axis: Axis, estimate: &Estimate, verdict: Verdict) -> Markup {
    let bounds = estimate.confidence_interval;
    let (low, high) = (
        axis.place(bounds.lower_bound.ln()),
        axis.place(bounds.upper_bound.ln()),
    );
    let point = axis.percent(estimate.point_estimate.ln()).clamp(3.0, 97.0);
    html! {
        svg class={ "interval " (verdict) } aria-hidden="true" {
            line x1=(at(low.percent)) x2=(at(high.percent)) y1="50%" y2="50%" {}
            @if low.is_beyond { use href="#lower" y="50%" {} }
            @if high.is_beyond { use href="#higher" x="100%" y="50%" {} }
            use href={ "#" (verdict) } x=(at(point)) y="50%" {}
        }
    }
}

/// Draws the labels of the shared axis.
pub(super) fn interval_labels(axis: Axis) -> Markup {
    html! {
        svg.labels aria-hidden="true" {
            @for (percent, label) in axis.ratio_ticks(LABEL_GAP, LETTER) {
                text x=(at(percent)) y="12" { (label) }
            }
        }
    }
}

/// Draws the lines of the shared axis, which go through all rows, as a CSS background.
pub(super) fn interval_background(axis: Axis, threshold: Threshold) -> String {
    let band = threshold.ratio().ln();
    let (low, zero, high) = (axis.percent(-band), axis.percent(0.0), axis.percent(band));
    let line = |percent: f64, color: &str| {
        let percent = at(percent);
        format!(
            "linear-gradient(90deg,transparent calc({percent} - .5px),var({color}) calc({percent} - .5px) \
             calc({percent} + .5px),transparent calc({percent} + .5px))"
        )
    };
    let ticks = axis.ratio_ticks(LABEL_GAP, LETTER);
    let ticks = ticks.iter().filter(|(percent, _)| (percent - zero).abs() > 0.01);
    let lines: Vec<String> = std::iter::once(line(zero, "--zero"))
        .chain(ticks.map(|(percent, _)| line(*percent, "--grid")))
        .collect();
    let (low, high) = (at(low), at(high));
    format!(
        ".plot{{background-image:{},linear-gradient(90deg,transparent {low},var(--band) {low} {high},transparent {high})}}\n",
        lines.join(",")
    )
}

/// Draws two bars, base above head, on the scale of `most`; none for a side that has no number.
pub(super) fn bars(base: Option<f64>, head: Option<f64>, most: f64) -> Markup {
    let width = |value: f64| match most > 0.0 {
        true => (value / most).clamp(0.0, 1.0) * 100.0,
        false => 0.0,
    };
    html! {
        svg.bars aria-hidden="true" {
            @for (side, value, y) in [(Side::Base, base, 4), (Side::Head, head, 24)] {
                @if let Some(value) = value {
                    rect class=(side) y=(y) height="12" width=(at(width(value))) {}
                }
            }
        }
    }
}

/// Draws how the measured benchmarks divide into verdicts, as one bar.
pub(super) fn shares(counts: Counts) -> Markup {
    let parts = [
        (Verdict::Regressed, counts.regressed),
        (Verdict::Improved, counts.improved),
        (Verdict::Inconclusive, counts.inconclusive),
        (Verdict::Unexplained, counts.unexplained),
        (Verdict::Unchanged, counts.unchanged),
    ];
    let total = parts.iter().map(|(_, count)| count).sum::<usize>().max(1) as f64;
    let mut end = 0.0;
    let bars = parts.into_iter().filter(|(_, count)| *count > 0);
    let bars = bars.map(|(verdict, count)| {
        let (from, width) = (end, count as f64 / total * 100.0);
        end += width;
        (verdict, from, width)
    });
    html! {
        svg.shares aria-hidden="true" {
            @for (verdict, from, width) in bars {
                rect class=(verdict) x=(at(from)) width=(at(width)) height="100%" {}
            }
        }
    }
}
