//! Every replicate's ratio in time order.
use std::fmt::Write as _;

use maud::{Markup, html};

use super::canvas::{INNER, Plot, at};
use crate::judge::stats::{self, Threshold};
use crate::model::Comparison;
use crate::report::html::axis::Axis;
use crate::report::html::markup::number;
use crate::text::{counted, signed_percent};

/// The largest number of points; more replicates are drawn in groups.
const MOST_POINTS: usize = 300;

/// Draws every replicate's ratio in time order, with the estimate and its interval across.
pub(in crate::report::html) fn replicates(row: &Comparison, threshold: Threshold) -> Option<Plot> {
    let all = stats::log_ratios(&row.replicates);
    let median = stats::median(all.iter().copied())?;
    let lowest = all.iter().copied().fold(f64::INFINITY, f64::min);
    let highest = all.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let label = format!(
        "Change of head against base in each of {}, in time order: lowest {} %, median {} %, highest {} %",
        counted(row.replicates.len(), "replicate"),
        percent(lowest),
        percent(median),
        percent(highest)
    );
    let drawing = Drawing::of(row, threshold, &all, median);
    Some(Plot {
        svg: drawing.svg(&label),
        caption: drawing.caption(),
    })
}

/// The points: logarithms of ratios, and the axis that has room for them.
struct Drawing {
    axis: Axis,
    /// Half of the band in which a change is too small to matter.
    band: f64,
    estimate: f64,
    bounds: [f64; 2],
    first: Vec<f64>,
    /// The fresh replicates that measured a regression again.
    again: Vec<f64>,
    /// The number of replicates in each point.
    group: usize,
    /// "No change" is shown if that leaves the replicates apart.
    is_zero_near: bool,
}

impl Drawing {
    fn of(row: &Comparison, threshold: Threshold, all: &[f64], median: f64) -> Self {
        let again = match &row.confirmation {
            Some(confirmation) => stats::log_ratios(&confirmation.replicates),
            None => Vec::new(),
        };
        let bounds = row.estimate.confidence_interval;
        let bounds = [bounds.lower_bound.ln(), bounds.upper_bound.ln()];
        let (first, group) = thinned(all);
        let (again, _) = thinned(&again);

        let band = threshold.ratio().ln();
        let values = || first.iter().chain(&again).copied();
        // The interval of few replicates may be far wider than their range.
        let close = Axis::over(values(), band);
        let room = bounds.map(|bound| bound.clamp(median - close.span(), median + close.span()));
        let close = Axis::over(values().chain(room), band);
        let is_zero_near = median.abs() <= 2.5 * close.span();
        let axis = match is_zero_near {
            true => Axis::over(values().chain(room).chain([-band, band]), band),
            false => close,
        };
        Drawing {
            axis,
            band,
            estimate: row.estimate.point_estimate.ln(),
            bounds,
            first,
            again,
            group,
            is_zero_near,
        }
    }

    fn svg(&self, label: &str) -> Markup {
        let ticks = self.axis.ratio_ticks(16.0, 0.0);
        html! {
            svg.figure role="img" aria-label=(label) {
                @if self.is_zero_near { (self.across(-self.band, self.band, "band")) }
                (self.across(self.bounds[0], self.bounds[1], "certain"))
                @for (place, _) in &ticks { (line(100.0 - place, "grid")) }
                @if self.is_zero_near { (self.line(0.0, "zero")) }
                (self.line(self.estimate, "estimate"))
                @for (place, label) in &ticks {
                    text x="4" y=(at(100.0 - place)) dy="-3" { (label) }
                }
                svg viewBox="0 0 1000 1000" preserveAspectRatio="none" {
                    path.dots d=(self.dots(&self.first, 0)) {}
                    @if !self.again.is_empty() {
                        path class="dots again" d=(self.dots(&self.again, self.first.len())) {}
                    }
                }
            }
        }
    }

    fn across(&self, low: f64, high: f64, class: &str) -> Markup {
        let (top, bottom) = (100.0 - self.axis.percent(high), 100.0 - self.axis.percent(low));
        html! { rect class=(class) width="100%" y=(at(top)) height=(at(bottom - top)) {} }
    }

    fn line(&self, value: f64, class: &str) -> Markup {
        line(100.0 - self.axis.percent(value), class)
    }

    /// Returns the path of the points; `from` is the number of points before them.
    fn dots(&self, values: &[f64], from: usize) -> String {
        let count = (self.first.len() + self.again.len()).max(1) as f64;
        let mut path = String::new();
        for (index, value) in values.iter().enumerate() {
            let x = 150.0 + 830.0 * ((from + index) as f64 + 0.5) / count;
            let y = INNER - self.axis.percent(*value) * INNER / 100.0;
            let _ = write!(path, "M{x:.0} {y:.0}h0");
        }
        path
    }

    fn caption(&self) -> String {
        let mut caption = match self.group {
            1 => "A point is a replicate: a fresh pair of processes. ".to_owned(),
            group => format!("A point is the median of {group} replicates. "),
        };
        if !self.again.is_empty() {
            caption.push_str("Squares are the fresh replicates that measured the regression again. ");
        }
        caption.push_str("The line is the estimate, the tinted area its interval");
        caption.push_str(match self.is_zero_near {
            true => "; the grey band is too small to matter.",
            false => "; “no change” lies outside the picture.",
        });
        caption
    }
}

fn line(percent: f64, class: &str) -> Markup {
    let y = at(percent);
    html! { line class=(class) x2="100%" y1=(y) y2=(y) {} }
}

/// Returns medians of neighbours, few enough to be distinguished, and the number of neighbours in each.
fn thinned(values: &[f64]) -> (Vec<f64>, usize) {
    let group = values.len().div_ceil(MOST_POINTS).max(1);
    let groups = values
        .chunks(group)
        .filter_map(|group| stats::median(group.iter().copied()));
    (groups.collect(), group)
}

/// Formats the logarithm of a ratio as a change in percent.
fn percent(log: f64) -> String {
    number(&signed_percent(log.exp()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_replicates_are_drawn_in_groups() {
        let values: Vec<f64> = (0..1000).map(f64::from).collect();
        let (drawn, group) = thinned(&values);
        assert_eq!((drawn.len(), group), (250, 4));
        assert_eq!(drawn[0], 1.5);
        assert_eq!(thinned(&values[..300]), (values[..300].to_vec(), 1));
        assert_eq!(thinned(&[]), (vec![], 1));
    }
}
