//! The distributions of both sides' samples.
use std::fmt::Write as _;

use maud::{Markup, html};

use super::canvas::{INNER, Plot, at};
use crate::model::{PerSide, Replicate, Side};
use crate::report::html::axis::Axis;
use crate::text::{counted, duration};

/// The largest number of bars in one side's distribution.
const MOST_BARS: usize = 44;
/// Samples farther from the median than this many times the distance of the quartiles are counted, but not drawn.
const FENCE: f64 = 6.0;

/// Draws the distributions of both sides' samples over one axis of time.
pub(in crate::report::html) fn samples(replicates: &[Replicate]) -> Option<Plot> {
    let all = sorted_samples(replicates);
    let quartiles = PerSide {
        base: Quartiles::of(&all.base)?,
        head: Quartiles::of(&all.head)?,
    };
    let drawn = PerSide {
        base: quartiles.base.within_fence(&all.base),
        head: quartiles.head.within_fence(&all.head),
    };
    let beyond = all.base.len() - drawn.base.len() + all.head.len() - drawn.head.len();
    let axis = Axis::over(drawn.base.iter().chain(&drawn.head).copied(), 0.04);
    let svg = html! {
        svg.figure role="img" aria-label=(label(&quartiles)) {
            @for (percent, label) in axis.time_ticks() { (tick(percent, &label)) }
            @for (side, top) in [(Side::Base, 4.0), (Side::Head, 46.0)] {
                (distribution(side, top, drawn.get(side), quartiles.get(side), axis))
            }
        }
    };
    let mut caption =
        "The distribution of the samples' times, each side to its own scale. Below it, the middle half and \
         the median."
            .to_owned();
    if beyond > 0 {
        let lie = if beyond == 1 { "lies" } else { "lie" };
        let _ = write!(
            caption,
            " {} {lie} outside the picture.",
            counted(beyond, "sample")
        );
    }
    Some(Plot { svg, caption })
}

fn label(quartiles: &PerSide<Quartiles>) -> String {
    let words = |side: Side| {
        let quartiles = quartiles.get(side);
        format!(
            "{side} median {}, half of them from {} to {}",
            duration(quartiles.median),
            duration(quartiles.lower),
            duration(quartiles.upper)
        )
    };
    format!(
        "Distribution of the samples: {}; {}",
        words(Side::Base),
        words(Side::Head)
    )
}

fn tick(percent: f64, label: &str) -> Markup {
    let x = at(percent);
    let anchor = match percent {
        percent if percent < 8.0 => "first",
        percent if percent > 92.0 => "last",
        _ => "middle",
    };
    html! {
        line.grid x1=(x) x2=(x) y2="88%" {}
        text x=(x) y="98%" class=(anchor) { (label) }
    }
}

/// Draws one side, whose distribution begins at `top`: the histogram, and below it the middle half with the median.
fn distribution(side: Side, top: f64, drawn: &[f64], quartiles: &Quartiles, axis: Axis) -> Markup {
    let floor = top + 32.0;
    let x = |time: f64| at(axis.percent(time.ln()));
    let (lower, median, upper) = (x(quartiles.lower), x(quartiles.median), x(quartiles.upper));
    html! {
        svg class=(side) y=(at(top)) height="32%" viewBox="0 0 1000 1000" preserveAspectRatio="none" {
            path.area d=(steps(drawn, axis)) {}
        }
        line class={ "half " (side) } x1=(lower) x2=(upper) y1=(at(floor + 3.0)) y2=(at(floor + 3.0)) {}
        line class={ "median " (side) } x1=(median) x2=(median) y1=(at(top)) y2=(at(floor + 5.5)) {}
        text x="4" y=(at(top)) dy="9" class="side" { (side) }
    }
}

/// Returns each side's samples as times per iteration, the shortest first.
pub(in crate::report::html) fn sorted_samples(replicates: &[Replicate]) -> PerSide<Vec<f64>> {
    let rounds = || replicates.iter().flat_map(|replicate| &replicate.rounds);
    let sorted = |mut times: Vec<f64>| {
        times.sort_by(f64::total_cmp);
        times
    };
    PerSide {
        base: sorted(rounds().map(|round| round.base.per_iteration_ns()).collect()),
        head: sorted(rounds().map(|round| round.head.per_iteration_ns()).collect()),
    }
}

/// The numbers of a box plot.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(in crate::report::html) struct Quartiles {
    pub(in crate::report::html) lowest: f64,
    pub(in crate::report::html) lower: f64,
    pub(in crate::report::html) median: f64,
    pub(in crate::report::html) upper: f64,
    pub(in crate::report::html) highest: f64,
}

impl Quartiles {
    /// Computes the quartiles of sorted values; `None` without any.
    pub(in crate::report::html) fn of(sorted: &[f64]) -> Option<Self> {
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

    pub(in crate::report::html) fn in_order(self) -> [f64; 5] {
        [self.lowest, self.lower, self.median, self.upper, self.highest]
    }

    /// Returns the logarithms of the times that are near enough to be drawn.
    fn within_fence(&self, samples: &[f64]) -> Vec<f64> {
        let room = FENCE * (self.upper / self.lower).ln().max(0.01);
        let fits = |time: &&f64| (**time / self.median).ln().abs() <= room;
        samples.iter().filter(fits).map(|time| time.ln()).collect()
    }
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
    fn a_histogram_begins_and_ends_on_the_floor() {
        let axis = Axis::over([0.0, 1.0], 1.0);
        let path = steps(&[0.0, 0.5, 0.5, 1.0], axis);
        assert!(path.starts_with("M0 1000H") && path.ends_with("V1000Z"), "{path}");
        assert!(path.contains("V0H"));
        assert_eq!(steps(&[], axis), "M0 1000Z");
    }
}
