//! Plots as inline SVG. Places are percentages, so that a plot fills whatever width it is given and its letters keep
//! their size; paths are in an inner picture that is stretched. Samples are thinned to what can be seen.

use std::fmt::Write as _;

use super::axis::Axis;
use super::markup::number;
use crate::judge::stats::{self, Threshold};
use crate::model::{Comparison, Counts, Estimate, PerSide, Replicate, Side, Verdict};
use crate::text::{duration, signed_percent};

/// The largest number of points; more replicates are drawn in groups.
const MOST_POINTS: usize = 300;
/// The largest number of bars in one side's distribution.
const MOST_BARS: usize = 44;
/// Samples farther from the median than this many times the distance of the quartiles are counted, but not drawn.
const FENCE: f64 = 6.0;
/// The least distance of labels on the shared axis, and the width of their letters, in percent of its width.
const LABEL_GAP: f64 = 16.0;
const LETTER: f64 = 3.0;
/// The inner pictures' width and height.
const INNER: f64 = 1000.0;

/// The marks of the verdicts, for `<use>`: they differ in shape, and point to where head is on the axis.
pub(super) const MARKS: &str = concat!(
    "<svg class=\"marks\" width=\"0\" height=\"0\" aria-hidden=\"true\"><defs>",
    "<path id=\"improved\" d=\"M4-5.5-6 0 4 5.5Z\"/>",
    "<path id=\"regressed\" d=\"M-4-5.5 6 0-4 5.5Z\"/>",
    "<circle id=\"unchanged\" r=\"4.5\"/>",
    "<circle id=\"inconclusive\" r=\"4\" class=\"hollow\"/>",
    "<path id=\"lower\" d=\"M8-5 2 0 8 5\" class=\"arrow\"/>",
    "<path id=\"higher\" d=\"M-8-5-2 0-8 5\" class=\"arrow\"/>",
    "</defs></svg>\n",
);

/// A drawing and the words about it.
pub(super) struct Plot {
    pub(super) svg: String,
    /// The explanation that a reader needs.
    pub(super) caption: String,
}

/// Draws the mark of a verdict, to go with its word.
pub(super) fn mark(verdict: Verdict) -> String {
    format!(
        "<svg class=\"mark\" viewBox=\"-8 -8 16 16\" aria-hidden=\"true\"><use href=\"#{verdict}\"/></svg>"
    )
}

/// Draws an estimate with its interval on the axis that all benchmarks share. The numbers are next to it.
pub(super) fn interval(axis: Axis, estimate: &Estimate, verdict: Verdict) -> String {
    let bounds = estimate.confidence_interval;
    let (low, high) = (
        axis.place(bounds.lower_bound.ln()),
        axis.place(bounds.upper_bound.ln()),
    );
    let mut svg = format!(
        "<svg class=\"interval {verdict}\" aria-hidden=\"true\"><line x1=\"{}%\" x2=\"{}%\" y1=\"50%\" y2=\"50%\"/>",
        at(low.percent),
        at(high.percent)
    );
    if low.is_beyond {
        svg.push_str("<use href=\"#lower\" y=\"50%\"/>");
    }
    if high.is_beyond {
        svg.push_str("<use href=\"#higher\" x=\"100%\" y=\"50%\"/>");
    }
    let point = axis.percent(estimate.point_estimate.ln()).clamp(3.0, 97.0);
    let _ = write!(
        svg,
        "<use href=\"#{verdict}\" x=\"{}%\" y=\"50%\"/></svg>",
        at(point)
    );
    svg
}

/// Draws the labels of the shared axis.
pub(super) fn interval_labels(axis: Axis) -> String {
    let mut svg = "<svg class=\"labels\" aria-hidden=\"true\">".to_owned();
    for (percent, label) in axis.ratio_ticks(LABEL_GAP, LETTER) {
        let _ = write!(svg, "<text x=\"{}%\" y=\"12\">{label}</text>", at(percent));
    }
    svg.push_str("</svg>");
    svg
}

/// Draws the lines of the shared axis, which go through all rows, as a CSS background.
pub(super) fn interval_background(axis: Axis, threshold: Threshold) -> String {
    let band = threshold.ratio().ln();
    let (low, zero, high) = (axis.percent(-band), axis.percent(0.0), axis.percent(band));
    let line = |percent: f64, color: &str| {
        let percent = at(percent);
        format!(
            "linear-gradient(90deg,transparent calc({percent}% - .5px),var({color}) calc({percent}% - .5px) \
             calc({percent}% + .5px),transparent calc({percent}% + .5px))"
        )
    };
    let ticks = axis.ratio_ticks(LABEL_GAP, LETTER);
    let ticks = ticks.iter().filter(|(percent, _)| (percent - zero).abs() > 0.01);
    let lines: Vec<String> = std::iter::once(line(zero, "--zero"))
        .chain(ticks.map(|(percent, _)| line(*percent, "--grid")))
        .collect();
    let (low, high) = (at(low), at(high));
    format!(
        ".plot{{background-image:{},linear-gradient(90deg,transparent {low}%,var(--band) {low}% {high}%,transparent {high}%)}}\n",
        lines.join(",")
    )
}

/// Draws every replicate's ratio in time order, with the estimate and its interval across.
pub(super) fn replicates(row: &Comparison, threshold: Threshold) -> Option<Plot> {
    let first = stats::log_ratios(&row.replicates);
    let again = match &row.confirmation {
        Some(confirmation) => stats::log_ratios(&confirmation.replicates),
        None => Vec::new(),
    };
    let median = stats::median(first.iter().copied())?;
    let lowest = first.iter().copied().fold(f64::INFINITY, f64::min);
    let highest = first.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let bounds = row.estimate.confidence_interval;
    let bounds = [bounds.lower_bound.ln(), bounds.upper_bound.ln()];
    let (first, group) = thinned(&first);
    let (again, _) = thinned(&again);

    let band = threshold.ratio().ln();
    let values = || first.iter().chain(&again).copied();
    // The interval of few replicates may be far wider than their range.
    let close = Axis::over(values(), band);
    let room = bounds.map(|bound| bound.clamp(median - close.span(), median + close.span()));
    let close = Axis::over(values().chain(room), band);
    // "No change" is shown where that leaves the replicates apart.
    let is_zero_near = median.abs() <= 2.5 * close.span();
    let axis = match is_zero_near {
        true => Axis::over(values().chain(room).chain([-band, band]), band),
        false => close,
    };

    let label = format!(
        "Change of head against base in each of {} replicates, in time order: lowest {} %, median {} %, highest {} %",
        row.replicates.len(),
        percent(lowest),
        percent(median),
        percent(highest)
    );
    let mut svg = format!("<svg class=\"figure\" role=\"img\" aria-label=\"{label}\">");
    let across = |low: f64, high: f64, class: &str| {
        let (top, bottom) = (100.0 - axis.percent(high), 100.0 - axis.percent(low));
        format!(
            "<rect class=\"{class}\" width=\"100%\" y=\"{}%\" height=\"{}%\"/>",
            at(top),
            at(bottom - top)
        )
    };
    let line = |value: f64, class: &str| {
        let y = at(100.0 - axis.percent(value));
        format!("<line class=\"{class}\" x2=\"100%\" y1=\"{y}%\" y2=\"{y}%\"/>")
    };
    if is_zero_near {
        svg.push_str(&across(-band, band, "band"));
    }
    svg.push_str(&across(bounds[0], bounds[1], "certain"));
    for (place, _) in axis.ratio_ticks(16.0, 0.0) {
        let y = at(100.0 - place);
        let _ = write!(svg, "<line class=\"grid\" x2=\"100%\" y1=\"{y}%\" y2=\"{y}%\"/>");
    }
    if is_zero_near {
        svg.push_str(&line(0.0, "zero"));
    }
    svg.push_str(&line(row.estimate.point_estimate.ln(), "estimate"));
    for (place, label) in axis.ratio_ticks(16.0, 0.0) {
        let _ = write!(
            svg,
            "<text x=\"4\" y=\"{}%\" dy=\"-3\">{label}</text>",
            at(100.0 - place)
        );
    }
    let count = (first.len() + again.len()).max(1) as f64;
    let dots = |values: &[f64], from: usize, class: &str| {
        let mut path = String::new();
        for (index, value) in values.iter().enumerate() {
            let x = 150.0 + 830.0 * ((from + index) as f64 + 0.5) / count;
            let y = INNER - axis.percent(*value) * INNER / 100.0;
            let _ = write!(path, "M{x:.0} {y:.0}h0");
        }
        format!("<path class=\"{class}\" d=\"{path}\"/>")
    };
    svg.push_str("<svg viewBox=\"0 0 1000 1000\" preserveAspectRatio=\"none\">");
    svg.push_str(&dots(&first, 0, "dots"));
    if !again.is_empty() {
        svg.push_str(&dots(&again, first.len(), "dots again"));
    }
    svg.push_str("</svg></svg>");

    let mut caption = match group {
        1 => "A point is a replicate: a fresh pair of processes. ".to_owned(),
        group => format!("A point is the median of {group} replicates. "),
    };
    if !again.is_empty() {
        caption.push_str("Squares are the fresh replicates that looked for the regression again. ");
    }
    caption.push_str("The line is the estimate, the tint its interval");
    caption.push_str(match is_zero_near {
        true => "; the grey band is too small to matter.",
        false => "; “no change” is out of sight.",
    });
    Some(Plot { svg, caption })
}

/// Draws the distributions of both sides' samples over one axis of time.
pub(super) fn samples(replicates: &[Replicate]) -> Option<Plot> {
    let sides = sorted_samples(replicates);
    let quartiles = PerSide {
        base: Quartiles::of(&sides.base)?,
        head: Quartiles::of(&sides.head)?,
    };
    let mut beyond = 0;
    let shown = |samples: &[f64], quartiles: &Quartiles, beyond: &mut usize| -> Vec<f64> {
        let room = FENCE * (quartiles.upper / quartiles.lower).ln().max(0.01);
        let fits = |time: &f64| (time / quartiles.median).ln().abs() <= room;
        let shown: Vec<f64> = samples
            .iter()
            .filter(|time| fits(time))
            .map(|time| time.ln())
            .collect();
        *beyond += samples.len() - shown.len();
        shown
    };
    let shown = PerSide {
        base: shown(&sides.base, &quartiles.base, &mut beyond),
        head: shown(&sides.head, &quartiles.head, &mut beyond),
    };
    let axis = Axis::over(shown.base.iter().chain(&shown.head).copied(), 0.04);

    let words = |side: Side| {
        let quartiles = quartiles.get(side);
        format!(
            "{side} median {}, half of them from {} to {}",
            duration(quartiles.median),
            duration(quartiles.lower),
            duration(quartiles.upper)
        )
    };
    let mut svg = format!(
        "<svg class=\"figure\" role=\"img\" aria-label=\"Distribution of the samples: {}; {}\">",
        words(Side::Base),
        words(Side::Head)
    );
    for (percent, label) in axis.time_ticks() {
        let x = at(percent);
        let anchor = match percent {
            percent if percent < 8.0 => " class=\"first\"",
            percent if percent > 92.0 => " class=\"last\"",
            _ => " class=\"middle\"",
        };
        let _ = write!(
            svg,
            "<line class=\"grid\" x1=\"{x}%\" x2=\"{x}%\" y2=\"88%\"/><text x=\"{x}%\" y=\"98%\"{anchor}>{label}</text>"
        );
    }
    for (side, top) in [(Side::Base, 4.0), (Side::Head, 46.0)] {
        let (floor, quartiles) = (top + 32.0, quartiles.get(side));
        let _ = write!(
            svg,
            "<svg class=\"{side}\" y=\"{top}%\" height=\"32%\" viewBox=\"0 0 1000 1000\" preserveAspectRatio=\"none\">\
             <path class=\"area\" d=\"{}\"/></svg>",
            steps(shown.get(side), axis)
        );
        let x = |time: f64| at(axis.percent(time.ln()));
        let _ = write!(
            svg,
            "<line class=\"half {side}\" x1=\"{}%\" x2=\"{}%\" y1=\"{}%\" y2=\"{}%\"/>\
             <line class=\"median {side}\" x1=\"{}%\" x2=\"{}%\" y1=\"{}%\" y2=\"{}%\"/>\
             <text x=\"4\" y=\"{}%\" dy=\"9\" class=\"side\">{side}</text>",
            x(quartiles.lower),
            x(quartiles.upper),
            at(floor + 3.0),
            at(floor + 3.0),
            x(quartiles.median),
            x(quartiles.median),
            at(top),
            at(floor + 5.5),
            at(top)
        );
    }
    svg.push_str("</svg>");
    let mut caption =
        "How often a sample took how long; each side to its own scale. Below it the middle half, and the median."
            .to_owned();
    match beyond {
        0 => {}
        1 => caption.push_str(" 1 sample lies outside of the picture."),
        count => {
            let _ = write!(caption, " {count} samples lie outside of the picture.");
        }
    }
    Some(Plot { svg, caption })
}

/// Returns each side's samples as times per iteration, the shortest first.
pub(super) fn sorted_samples(replicates: &[Replicate]) -> PerSide<Vec<f64>> {
    let pairs = || replicates.iter().flat_map(|replicate| &replicate.pairs);
    let sorted = |mut times: Vec<f64>| {
        times.sort_by(f64::total_cmp);
        times
    };
    PerSide {
        base: sorted(pairs().map(|pair| pair.base.per_iteration_ns()).collect()),
        head: sorted(pairs().map(|pair| pair.head.per_iteration_ns()).collect()),
    }
}

/// The numbers of a box plot.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Quartiles {
    pub(super) lowest: f64,
    pub(super) lower: f64,
    pub(super) median: f64,
    pub(super) upper: f64,
    pub(super) highest: f64,
}

impl Quartiles {
    /// Computes the quartiles of sorted values; `None` without any.
    pub(super) fn of(sorted: &[f64]) -> Option<Self> {
        let last = sorted.len().checked_sub(1)?;
        let at = |part: f64| {
            let place = part * last as f64;
            let (below, above) = (sorted[place.floor() as usize], sorted[place.ceil() as usize]);
            below + (above - below) * place.fract()
        };
        Some(Quartiles {
            lowest: sorted[0],
            lower: at(0.25),
            median: at(0.5),
            upper: at(0.75),
            highest: sorted[last],
        })
    }
}

/// Draws two bars, base above head, on the scale of `most`; none for a side that has no number.
pub(super) fn bars(base: Option<f64>, head: Option<f64>, most: f64) -> String {
    let mut svg = "<svg class=\"bars\" aria-hidden=\"true\">".to_owned();
    for (side, value, y) in [(Side::Base, base, 4), (Side::Head, head, 24)] {
        if let Some(value) = value {
            let width = if most > 0.0 {
                (value / most).clamp(0.0, 1.0) * 100.0
            } else {
                0.0
            };
            let _ = write!(
                svg,
                "<rect class=\"{side}\" y=\"{y}\" height=\"12\" width=\"{}%\"/>",
                at(width)
            );
        }
    }
    svg.push_str("</svg>");
    svg
}

/// Draws how the measured benchmarks divide into verdicts, as one bar.
pub(super) fn shares(counts: Counts) -> String {
    let parts = [
        (Verdict::Regressed, counts.regressed),
        (Verdict::Improved, counts.improved),
        (Verdict::Inconclusive, counts.inconclusive),
        (Verdict::Unexplained, counts.unexplained),
        (Verdict::Unchanged, counts.unchanged),
    ];
    let total = parts.iter().map(|(_, count)| count).sum::<usize>().max(1) as f64;
    let mut svg = "<svg class=\"shares\" aria-hidden=\"true\">".to_owned();
    let mut from = 0.0;
    for (verdict, count) in parts.into_iter().filter(|(_, count)| *count > 0) {
        let width = count as f64 / total * 100.0;
        let _ = write!(
            svg,
            "<rect class=\"{verdict}\" x=\"{}%\" width=\"{}%\" height=\"100%\"/>",
            at(from),
            at(width)
        );
        from += width;
    }
    svg.push_str("</svg>");
    svg
}

/// Returns medians of neighbours, few enough to be distinguished, and the number of neighbours in each.
fn thinned(values: &[f64]) -> (Vec<f64>, usize) {
    let group = values.len().div_ceil(MOST_POINTS).max(1);
    let groups = values
        .chunks(group)
        .filter_map(|group| stats::median(group.iter().copied()));
    (groups.collect(), group)
}

/// Returns the outline of a histogram, from floor to floor.
fn steps(values: &[f64], axis: Axis) -> String {
    let count = ((values.len() as f64).sqrt() * 3.0) as usize;
    let bars = count.clamp(12, MOST_BARS);
    let mut heights = vec![0_usize; bars];
    for value in values {
        let bar = (axis.percent(*value) / 100.0 * bars as f64) as usize;
        heights[bar.min(bars - 1)] += 1;
    }
    let highest = heights.iter().copied().max().unwrap_or(0).max(1) as f64;
    let mut path = format!("M0 {INNER}");
    let mut last = 0;
    for (bar, &height) in heights.iter().enumerate() {
        if height != last {
            let x = INNER * bar as f64 / bars as f64;
            let y = INNER * (1.0 - height as f64 / highest);
            let _ = write!(path, "H{x:.0}V{y:.0}");
            last = height;
        }
    }
    if last > 0 {
        let _ = write!(path, "H{INNER}V{INNER}");
    }
    path.push('Z');
    path
}

/// Formats the logarithm of a ratio as a change in percent.
fn percent(log: f64) -> String {
    number(&signed_percent(log.exp()))
}

/// Formats a coordinate, without digits that nobody sees.
fn at(value: f64) -> String {
    let text = format!("{value:.2}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quartiles_lie_between_samples_where_they_must() {
        let quartiles = Quartiles::of(&[1.0, 2.0, 3.0, 4.0]).unwrap();
        assert_eq!(
            (quartiles.lower, quartiles.median, quartiles.upper),
            (1.75, 2.5, 3.25)
        );
        assert_eq!((quartiles.lowest, quartiles.highest), (1.0, 4.0));
        assert_eq!(Quartiles::of(&[7.0]).unwrap().upper, 7.0);
        assert_eq!(Quartiles::of(&[]), None);
    }

    #[test]
    fn many_replicates_are_drawn_in_groups() {
        let values: Vec<f64> = (0..1000).map(f64::from).collect();
        let (drawn, group) = thinned(&values);
        assert_eq!((drawn.len(), group), (250, 4));
        assert_eq!(drawn[0], 1.5);
        assert_eq!(thinned(&values[..300]), (values[..300].to_vec(), 1));
        assert_eq!(thinned(&[]), (vec![], 1));
    }

    #[test]
    fn a_histogram_begins_and_ends_on_the_floor() {
        let axis = Axis::over([0.0, 1.0], 1.0);
        let path = steps(&[0.0, 0.5, 0.5, 1.0], axis);
        assert!(path.starts_with("M0 1000H") && path.ends_with("V1000Z"), "{path}");
        assert!(path.contains("V0H"));
        assert_eq!(steps(&[], axis), "M0 1000Z");
    }

    #[test]
    fn coordinates_are_short() {
        assert_eq!(at(50.0), "50");
        assert_eq!(at(12.345), "12.35");
        assert_eq!(at(0.1), "0.1");
    }
}
