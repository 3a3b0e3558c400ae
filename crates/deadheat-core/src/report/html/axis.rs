//! Axes: the place of a value in a plot, in percent of its width or height, and the values that are marked.
use super::markup::number;
use crate::judge::stats::Threshold;
use crate::model::Estimate;
use crate::text::duration;

/// The reach of the shared axis, in usual distances from "no change"; values beyond it are at its edge.
const FARTHEST: f64 = 5.0;
/// The part of a plot that stays free at either end.
const MARGIN: f64 = 0.06;
/// The least distance of a label from the ends, in percent: nearer ones would be cut.
const EDGE: f64 = 4.0;

/// A range of numbers, mostly logarithms.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Axis {
    low: f64,
    high: f64,
}

/// The place of a value, in percent; at the edge for values beyond it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Place {
    pub(super) percent: f64,
    pub(super) is_beyond: bool,
}

impl Axis {
    /// Makes an axis over all these values, and a little more.
    pub(super) fn over(values: impl IntoIterator<Item = f64>, smallest_span: f64) -> Self {
        let finite = values.into_iter().filter(|value| value.is_finite());
        let (low, high) = finite.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| {
            (low.min(value), high.max(value))
        });
        let (low, high) = if low <= high { (low, high) } else { (0.0, 0.0) };
        let missing = (smallest_span - (high - low)).max(0.0) / 2.0;
        let margin = (high - low + 2.0 * missing) * MARGIN;
        Axis {
            low: low - missing - margin,
            high: high + missing + margin,
        }
    }

    /// Makes the axis that all benchmarks share, of the logarithm of head/base: it has room for every estimate and most
    /// of its interval, unless a few of them are so far out that the others could not be distinguished.
    pub(super) fn shared(estimates: &[&Estimate], threshold: Threshold) -> Self {
        let band = threshold.ratio().ln();
        let points = || {
            let logarithms = estimates.iter().map(|one| one.point_estimate.ln());
            logarithms.filter(|value| value.is_finite())
        };
        let mut distances: Vec<f64> = points().map(f64::abs).collect();
        distances.sort_by(f64::total_cmp);
        let usual = distances.get(distances.len() * 3 / 4).copied().unwrap_or(0.0);
        let farthest = (usual * FARTHEST).max(band * FARTHEST);
        let reach = |direction: f64| {
            let points = points()
                .map(|value| value * direction)
                .fold(0.0, f64::max)
                .min(farthest);
            let bounds = estimates.iter().flat_map(|one| {
                let interval = one.confidence_interval;
                [
                    interval.lower_bound.ln() * direction,
                    interval.upper_bound.ln() * direction,
                ]
            });
            let room = points.max(2.0 * band) * 1.5;
            let bounds = bounds.filter(|bound| bound.is_finite() && *bound <= room);
            bounds.fold(points, f64::max).max(2.0 * band)
        };
        let (faster, slower) = (reach(-1.0), reach(1.0));
        let margin = (faster + slower) * MARGIN;
        Axis {
            low: -faster - margin,
            high: slower + margin,
        }
    }

    pub(super) fn span(self) -> f64 {
        self.high - self.low
    }

    pub(super) fn place(self, value: f64) -> Place {
        let part = (value - self.low) / self.span();
        Place {
            percent: part.clamp(0.0, 1.0) * 100.0,
            is_beyond: !(0.0..=1.0).contains(&part),
        }
    }

    pub(super) fn percent(self, value: f64) -> f64 {
        self.place(value).percent
    }

    /// Returns the marked ratios of an axis of logarithms, with their labels as changes, "no change" first.
    /// `letter_percent` is the part of the axis that a letter of a label takes, if labels are along it.
    pub(super) fn ratio_ticks(self, gap_percent: f64, letter_percent: f64) -> Vec<(f64, String)> {
        let candidates = if self.span() > 0.4 {
            coarse_ratios()
        } else {
            self.even_ratios()
        };
        let mut ticks: Vec<(f64, String)> = Vec::new();
        let mut candidates: Vec<f64> = candidates
            .into_iter()
            .filter(|ratio| {
                let place = self.place(ratio.ln());
                let half = change_label(*ratio).chars().count() as f64 * letter_percent / 2.0;
                let edge = EDGE.max(half);
                !place.is_beyond && (edge..=100.0 - edge).contains(&place.percent)
            })
            .collect();
        // "No change" is marked if it is in sight; then from the outside to the inside, as far as there is
        // room.
        candidates.sort_by(|a, b| {
            let rank = |ratio: f64| {
                if ratio == 1.0 {
                    f64::INFINITY
                } else {
                    ratio.ln().abs()
                }
            };
            rank(*b).total_cmp(&rank(*a))
        });
        for ratio in candidates {
            let percent = self.percent(ratio.ln());
            if ticks
                .iter()
                .all(|(other, _)| (other - percent).abs() >= gap_percent)
            {
                ticks.push((percent, change_label(ratio)));
            }
        }
        ticks
    }

    /// Returns the marked times of an axis of logarithms of nanoseconds.
    pub(super) fn time_ticks(self) -> Vec<(f64, String)> {
        let (low, high) = (self.low.exp(), self.high.exp());
        let candidates: Vec<f64> = if high / low > 6.0 {
            let decades = (low.log10().floor() as i32)..=(high.log10().ceil() as i32);
            let steps: &[f64] = if high / low > 200.0 {
                &[1.0]
            } else {
                &[1.0, 2.0, 5.0]
            };
            decades
                .flat_map(|decade| steps.iter().map(move |step| step * 10_f64.powi(decade)))
                .collect()
        } else {
            multiples(low, high, 5.0)
        };
        let mut ticks: Vec<(f64, String)> = Vec::new();
        for time in candidates {
            let place = self.place(time.ln());
            let is_free = ticks
                .last()
                .is_none_or(|(other, _)| place.percent - other >= 12.0);
            if !place.is_beyond && is_free {
                ticks.push((place.percent, duration(time)));
            }
        }
        ticks
    }

    /// Returns the ratios at even steps of the change in percent.
    fn even_ratios(self) -> Vec<f64> {
        let change = |log: f64| (log.exp() - 1.0) * 100.0;
        let steps = multiples(change(self.low), change(self.high), 6.0);
        steps.into_iter().map(|percent| 1.0 + percent / 100.0).collect()
    }
}

/// Returns about that many multiples of a round number.
fn multiples(low: f64, high: f64, about: f64) -> Vec<f64> {
    let rough = (high - low) / about;
    let decade = 10_f64.powf(rough.log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0]
        .map(|factor| factor * decade)
        .into_iter()
        .find(|step| *step >= rough * 0.99);
    let step = step.unwrap_or(rough);
    if !(step > 0.0 && step.is_finite()) {
        return Vec::new();
    }
    let first = (low / step).ceil() as i64;
    let last = (high / step).floor() as i64;
    (first..=last).map(|count| count as f64 * step).collect()
}

fn coarse_ratios() -> Vec<f64> {
    let near = [
        0.2, 0.25, 0.5, 0.75, 0.8, 0.9, 0.95, 1.0, 1.05, 1.1, 1.25, 1.5, 2.0, 3.0, 5.0,
    ];
    let far = (1..=9).flat_map(|decade| [10_f64.powi(decade), 10_f64.powi(-decade)]);
    near.into_iter().chain(far).collect()
}

/// Formats a round ratio as a change without needless digits: `−50 %`, `+2.5 %`, `0`.
fn change_label(ratio: f64) -> String {
    let percent = (ratio - 1.0) * 100.0;
    if percent.abs() < 1e-9 {
        return "0".to_owned();
    }
    // Enough digits for all the nines.
    let digits = (-ratio.log10().round() - 2.0).max(2.0) as usize;
    let text = format!("{percent:+.digits$}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    format!("{} %", number(text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::ConfidenceInterval;

    fn estimate(ratio: f64, half_width: f64) -> Estimate {
        Estimate {
            point_estimate: ratio,
            standard_error: half_width / 4.0,
            confidence_interval: ConfidenceInterval {
                lower_bound: ratio * (-half_width).exp(),
                upper_bound: ratio * half_width.exp(),
                confidence_level: 0.99,
            },
        }
    }

    fn shared(rows: &[(f64, f64)]) -> Axis {
        let estimates: Vec<Estimate> = rows.iter().map(|&(ratio, half)| estimate(ratio, half)).collect();
        Axis::shared(
            &estimates.iter().collect::<Vec<_>>(),
            Threshold::from_percent(2.0),
        )
    }

    #[test]
    fn everything_is_in_sight_but_a_few_that_are_far_out() {
        let rows = [
            (0.95, 0.01),
            (1.04, 0.01),
            (1.0, 0.02),
            (0.97, 0.01),
            (0.002, 0.1),
        ];
        let axis = shared(&rows);
        for (ratio, half) in &rows[..4] {
            assert!(!axis.place(ratio.ln() - half).is_beyond && !axis.place(ratio.ln() + half).is_beyond);
        }
        assert_eq!(
            axis.place(0.002_f64.ln()),
            Place {
                percent: 0.0,
                is_beyond: true
            }
        );
        // One benchmark alone is not an outlier.
        assert!(!shared(&[(0.002, 0.1)]).place(0.002_f64.ln()).is_beyond);
    }

    #[test]
    fn no_interval_pushes_the_estimates_together() {
        let axis = shared(&[(0.98, 0.01), (1.03, 0.01), (1.0, 3.0)]);
        assert!(axis.span() < 0.3, "{axis:?}");
        assert!(axis.place(3.0).is_beyond);
    }

    #[test]
    fn the_axis_of_nothing_shows_the_threshold() {
        let axis = Axis::shared(&[], Threshold::from_percent(2.0));
        assert!(!axis.place(0.02).is_beyond && !axis.place(-0.02).is_beyond);
        assert!(axis.span().is_finite() && axis.span() > 0.0);
        assert!(Axis::over([f64::NAN, f64::INFINITY], 1.0).span() >= 1.0);
    }

    #[test]
    fn ticks_are_round_and_apart() {
        let labels = |axis: Axis| -> Vec<String> {
            let mut ticks = axis.ratio_ticks(14.0, 0.0);
            ticks.sort_by(|a, b| a.0.total_cmp(&b.0));
            ticks.into_iter().map(|(_, label)| label).collect()
        };
        assert_eq!(
            labels(shared(&[(0.96, 0.005), (1.05, 0.01)])),
            ["−4 %", "−2 %", "0", "+2 %", "+4 %", "+6 %"]
        );
        assert_eq!(
            labels(shared(&[(0.25, 0.01), (2.0, 0.01)])),
            ["−75 %", "−50 %", "0", "+100 %"]
        );
        // Both halves of a label must fit.
        let axis = shared(&[(0.25, 0.01), (2.0, 0.01)]);
        for (place, label) in axis.ratio_ticks(14.0, 2.5) {
            let half = label.chars().count() as f64 * 1.25;
            assert!((half..=100.0 - half).contains(&place), "{label} at {place}");
        }
        let times: Vec<String> = Axis::over([12_000_f64.ln(), 13_100_f64.ln()], 0.04)
            .time_ticks()
            .into_iter()
            .map(|(_, label)| label)
            .collect();
        assert_eq!(times, ["12.0 µs", "12.5 µs", "13.0 µs"]);
        let wide = Axis::over([50_f64.ln(), 90_000_f64.ln()], 0.04);
        assert_eq!(wide.time_ticks().len(), 4);
    }

    #[test]
    fn labels_have_the_digits_that_they_need() {
        assert_eq!(change_label(1.0), "0");
        assert_eq!(change_label(0.5), "−50 %");
        assert_eq!(change_label(1.025), "+2.5 %");
        assert_eq!(change_label(0.001), "−99.9 %");
        assert_eq!(change_label(1e-6), "−99.9999 %");
        assert_eq!(change_label(1000.0), "+99900 %");
    }
}
