//! The breakdown by function, from the samples of the profile pass. It explains, and never decides.
//!
//! A function's share comes from the traced iterations; its time is that share of the benchmark's time in the timed,
//! untraced iterations. So the two tables of a report never contradict each other, and a machine that was slower during
//! one of the passes has no effect. Head's length is base's times the estimate of their ratio, because the medians of
//! the two sides carry the drift between them.

use super::stats::{self, LogEstimate};
use crate::model::{CallProfile, Estimate, FunctionComparison, PerSide, ProfileNote, Side, TargetFunction};
use crate::protocol::FunctionSample;

/// The largest cost of the probes, as a multiple of a reported time: an error of a tenth in their calibrated cost would
/// be an error of a quarter in the time.
const MOST_PROBES: f64 = 2.5;

/// One sample of the profile pass on one side.
#[derive(Clone, Debug, PartialEq)]
pub struct ProfileSample {
    pub iterations: u64,
    /// The time without the cost of profiling.
    pub length_ns: f64,
    /// The number of functions that were left although they were not the last ones entered.
    pub unbalanced: u64,
    pub functions: Vec<FunctionSample>,
}

/// The samples of one benchmark from one pair of traced processes.
pub type ProfileReplicate = PerSide<Vec<ProfileSample>>;

/// The profiles of one benchmark, with the results of its timed pass.
#[derive(Clone, Copy, Debug)]
pub struct Profiled<'a> {
    pub replicates: &'a [ProfileReplicate],
    /// Nanoseconds per timed iteration on base.
    pub base_ns: f64,
    /// The estimate of the benchmark as a whole.
    pub estimate: &'a Estimate,
}

impl Profiled<'_> {
    fn length_ns(&self, side: Side) -> f64 {
        match side {
            Side::Base => self.base_ns,
            Side::Head => self.base_ns * self.estimate.point_estimate,
        }
    }
}

/// The part of the difference between the sides that a set of functions explains.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Breakdown {
    /// The most expensive first.
    pub functions: Vec<FunctionComparison>,
    /// The change of the benchmarks' time that is not the functions' own; `None` if nothing was profiled.
    pub unexplained_ns: Option<f64>,
}

/// One function's figures in one replicate on one side, summed over benchmarks, in nanoseconds of the timed pass.
#[derive(Clone, Copy, Debug, Default)]
struct Figures {
    calls: f64,
    total: f64,
    total_probes: f64,
    own: f64,
    own_probes: f64,
    is_calls_only: bool,
}

/// Breaks one benchmark down by function, or several together: then times are sums over the benchmarks' iterations.
pub fn breakdown(targets: &[TargetFunction], benchmarks: &[Profiled<'_>]) -> Breakdown {
    let Some(divided) = Divided::new(benchmarks) else {
        return Breakdown::default();
    };
    let mut functions = Vec::new();
    let mut explained = 0.0;
    for ((number, target), name) in targets.iter().enumerate().zip(names(targets)) {
        let figures = divided.figures(number);
        if let Some(function) = divided.function(target, name, number, &figures) {
            functions.push(function);
            // Even if a time is too uncertain to be shown: in a sum, its error is small compared with the
            // others.
            let own = |side| stats::median(figures.get(side).iter().map(|one| one.own)).unwrap_or(0.0);
            explained += own(Side::Head) - own(Side::Base);
        }
    }
    functions.sort_by(|a, b| b.weight_ns().total_cmp(&a.weight_ns()));
    Breakdown {
        functions,
        unexplained_ns: Some(divided.length_ns.head - divided.length_ns.base - explained),
    }
}

/// The benchmarks whose time is divided.
struct Divided<'a> {
    /// Those that were profiled; at least one.
    benchmarks: Vec<&'a Profiled<'a>>,
    length_ns: PerSide<f64>,
    is_unbalanced: bool,
}

impl<'a> Divided<'a> {
    /// Returns `None` if nothing was profiled.
    fn new(benchmarks: &'a [Profiled<'_>]) -> Option<Self> {
        let benchmarks: Vec<&Profiled<'_>> = benchmarks
            .iter()
            .filter(|one| !one.replicates.is_empty())
            .collect();
        let is_unbalanced = benchmarks
            .iter()
            .flat_map(|one| one.replicates)
            .flat_map(|replicate| replicate.base.iter().chain(&replicate.head))
            .any(|sample| sample.unbalanced > 0);
        let length_ns = PerSide::new(Side::Base, Side::Head)
            .map(|side| benchmarks.iter().map(|one| one.length_ns(side)).sum::<f64>());
        (!benchmarks.is_empty()).then_some(Divided {
            benchmarks,
            length_ns,
            is_unbalanced,
        })
    }

    fn figures(&self, number: usize) -> PerSide<Vec<Figures>> {
        PerSide::new(Side::Base, Side::Head).map(|side| figures(&self.benchmarks, number, side))
    }

    /// Compares a function's figures; `None` if it ran on neither side.
    fn function(
        &self,
        target: &TargetFunction,
        name: String,
        number: usize,
        figures: &PerSide<Vec<Figures>>,
    ) -> Option<FunctionComparison> {
        let PerSide { base, head } = PerSide::new(Side::Base, Side::Head).map(|side| {
            let figures = figures.get(side);
            let ran = figures.iter().any(|one| one.calls > 0.0 || one.total > 0.0);
            ran.then(|| call_profile(figures, *self.length_ns.get(side)))
        });
        let present: Vec<&CallProfile> = [&base, &head].into_iter().flatten().collect();
        if present.is_empty() {
            return None;
        }
        let has_times = present.iter().all(|profile| profile.total_ns.is_some());
        let estimate = match has_times {
            true => ratio(&self.benchmarks, number, figures),
            false => None,
        };
        Some(FunctionComparison {
            name,
            qualname: target.qualname.clone(),
            path: target.path.clone(),
            change: target.change,
            note: self.note(figures, &present),
            head: agreeing(base.as_ref(), head, estimate.as_ref()),
            base,
            estimate,
        })
    }

    /// Returns the note on a function's times.
    fn note(&self, figures: &PerSide<Vec<Figures>>, profiles: &[&CallProfile]) -> Option<ProfileNote> {
        let mut figures = figures.base.iter().chain(&figures.head);
        let lacks_times = |profile: &&CallProfile| profile.total_ns.is_none() || profile.self_ns.is_none();
        if figures.any(|one| one.is_calls_only) {
            Some(ProfileNote::CallsOnly)
        } else if profiles.iter().any(lacks_times) {
            Some(ProfileNote::MostlyProbe)
        } else {
            self.is_unbalanced.then_some(ProfileNote::Unbalanced)
        }
    }
}

/// Returns the functions with at least this share of the time on either side, the largest difference of their own time
/// first: in the total time, everything around a changed function differs as much as it does.
pub fn weighty(functions: Vec<FunctionComparison>, least_share: f64) -> Vec<FunctionComparison> {
    let share = |function: &FunctionComparison, side| {
        let profile = function.side(side);
        profile.and_then(|profile| profile.share).unwrap_or(0.0)
    };
    let mut weighty: Vec<FunctionComparison> = functions
        .into_iter()
        .filter(|function| {
            Side::BOTH
                .into_iter()
                .any(|side| share(function, side) >= least_share)
        })
        .collect();
    weighty.sort_by(|a, b| {
        b.own_difference_ns()
            .abs()
            .total_cmp(&a.own_difference_ns().abs())
    });
    weighty
}

/// Combines the breakdowns of all benchmarks by summing their rows.
///
/// Values that a row lacks are not in the sums. A change is the mean of the rows' ratios, weighted by their times on
/// base; their errors are independent of one another.
pub fn combine(rows: &[(&[FunctionComparison], PerSide<f64>)]) -> Vec<FunctionComparison> {
    let length = PerSide::new(Side::Base, Side::Head)
        .map(|side| rows.iter().map(|(_, length)| length.get(side)).sum::<f64>());
    let mut together: Vec<Vec<&FunctionComparison>> = Vec::new();
    for function in rows.iter().flat_map(|(functions, _)| functions.iter()) {
        let is_same = |others: &&mut Vec<&FunctionComparison>| {
            let first = others[0];
            (&first.path, &first.qualname, &first.name)
                == (&function.path, &function.qualname, &function.name)
        };
        match together.iter_mut().find(is_same) {
            Some(others) => others.push(function),
            None => together.push(vec![function]),
        }
    }
    let mut combined: Vec<FunctionComparison> = together
        .iter()
        .map(|rows| {
            let base = sum_of_calls(rows, Side::Base, length.base);
            let head = sum_of_calls(rows, Side::Head, length.head);
            let has_times = [&base, &head]
                .into_iter()
                .all(|side| side.as_ref().is_some_and(|side| side.total_ns.is_some()));
            let notes = || rows.iter().filter_map(|row| row.note);
            let note = notes()
                .find(|note| *note == ProfileNote::CallsOnly)
                .or_else(|| notes().find(|note| *note == ProfileNote::Unbalanced))
                .or_else(|| notes().next().filter(|_| !has_times));
            FunctionComparison {
                estimate: if has_times { mean_ratio(rows) } else { None },
                base,
                head,
                note,
                ..rows[0].clone()
            }
        })
        .collect();
    combined.sort_by(|a, b| b.weight_ns().total_cmp(&a.weight_ns()));
    combined
}

fn sum_of_calls(rows: &[&FunctionComparison], side: Side, length: f64) -> Option<CallProfile> {
    let sides: Vec<&CallProfile> = rows.iter().filter_map(|row| row.side(side)).collect();
    if sides.is_empty() {
        return None;
    }
    let sum = |of: fn(&CallProfile) -> Option<f64>| {
        let known = || sides.iter().filter_map(|profile| of(profile));
        known().next().is_some().then(|| known().sum::<f64>())
    };
    let total_ns = sum(|profile| profile.total_ns);
    let self_ns = sum(|profile| profile.self_ns);
    Some(CallProfile {
        calls: sides.iter().map(|profile| profile.calls).sum(),
        total_ns,
        self_ns,
        share: total_ns.map(|time| time / length),
        self_share: self_ns.map(|time| time / length),
        probe_ns: sides.iter().map(|profile| profile.probe_ns).sum(),
    })
}

fn mean_ratio(rows: &[&FunctionComparison]) -> Option<Estimate> {
    let weighted: Vec<(f64, &Estimate)> = rows
        .iter()
        .filter_map(|row| Some((row.side(Side::Base)?.total_ns?, row.estimate.as_ref()?)))
        .collect();
    if let [(_, only)] = weighted.as_slice() {
        return Some(**only);
    }
    let base: f64 = weighted.iter().map(|(weight, _)| weight).sum();
    let head: f64 = weighted
        .iter()
        .map(|(weight, estimate)| weight * estimate.point_estimate)
        .sum();
    let error = |of: fn(&Estimate) -> f64| {
        let parts = weighted.iter().map(|(weight, estimate)| {
            let part = weight * estimate.point_estimate / head;
            (part * of(estimate)).powi(2)
        });
        parts.sum::<f64>().sqrt()
    };
    let ratio = head / base;
    (ratio > 0.0 && ratio.is_finite()).then(|| {
        LogEstimate {
            center: ratio.ln(),
            standard_error: error(|estimate| estimate.standard_error),
            half_width: error(half_width),
            p_value: f64::NAN,
        }
        .to_estimate()
    })
}

/// Returns one function's figures by replicate; the benchmark with the fewest replicates limits their number.
fn figures(benchmarks: &[&Profiled<'_>], number: usize, side: Side) -> Vec<Figures> {
    let count = benchmarks
        .iter()
        .map(|one| one.replicates.len())
        .min()
        .unwrap_or(0);
    (0..count)
        .map(|replicate| {
            let mut sum = Figures::default();
            for one in benchmarks {
                let samples = one.replicates[replicate].get(side);
                let length: f64 = samples.iter().map(|sample| sample.length_ns).sum();
                let iterations: u64 = samples.iter().map(|sample| sample.iterations).sum();
                let scale = if length > 0.0 {
                    one.length_ns(side) / length
                } else {
                    0.0
                };
                let rows = samples.iter().flat_map(|sample| &sample.functions);
                for row in rows.filter(|row| row.function == number) {
                    sum.calls += row.calls as f64 / iterations.max(1) as f64;
                    sum.total += row.total_ns.unwrap_or(0.0) * scale;
                    sum.total_probes += row.total_probe_ns * scale;
                    sum.own += row.self_ns.unwrap_or(0.0) * scale;
                    sum.own_probes += row.self_probe_ns * scale;
                    sum.is_calls_only |= row.total_ns.is_none();
                }
            }
            sum
        })
        .collect()
}

/// Sets head's times to base's times the estimate, as for benchmarks.
fn agreeing(
    base: Option<&CallProfile>,
    head: Option<CallProfile>,
    estimate: Option<&Estimate>,
) -> Option<CallProfile> {
    let head = head?;
    let (Some(base_ns), Some(head_ns), Some(estimate)) =
        (base.and_then(|base| base.total_ns), head.total_ns, estimate)
    else {
        return Some(head);
    };
    let factor = base_ns * estimate.point_estimate / head_ns;
    let scaled = |time: Option<f64>| time.map(|time| time * factor);
    Some(CallProfile {
        total_ns: scaled(head.total_ns),
        self_ns: scaled(head.self_ns),
        share: scaled(head.share),
        self_share: scaled(head.self_share),
        ..head
    })
}

fn call_profile(figures: &[Figures], length: f64) -> CallProfile {
    let middle = |of: fn(&Figures) -> f64| stats::median(figures.iter().map(of)).unwrap_or(0.0);
    let is_calls_only = figures.iter().any(|one| one.is_calls_only);
    let told = |time: f64, probes: f64| {
        let is_told = !is_calls_only && time > 0.0 && probes <= MOST_PROBES * time;
        is_told.then_some(time)
    };
    let probes = middle(|one| one.total_probes);
    let total_ns = told(middle(|one| one.total), probes);
    let self_ns = told(middle(|one| one.own), middle(|one| one.own_probes));
    let count = figures.len().max(1) as f64;
    CallProfile {
        calls: figures.iter().map(|one| one.calls).sum::<f64>() / count,
        total_ns,
        self_ns,
        share: total_ns.map(|time| time / length),
        self_share: self_ns.map(|time| time / length),
        probe_ns: probes,
    }
}

/// Estimates head/base of a function's total time: the ratio of its shares, replicate by replicate, times that of the
/// benchmarks, each with its own uncertainty.
fn ratio(benchmarks: &[&Profiled<'_>], number: usize, together: &PerSide<Vec<Figures>>) -> Option<Estimate> {
    let logs: Option<Vec<f64>> = together
        .base
        .iter()
        .zip(&together.head)
        .map(|(base, head)| (base.total > 0.0 && head.total > 0.0).then(|| (head.total / base.total).ln()))
        .collect();
    let shares = stats::estimate(&logs?)?;
    // The benchmarks' own uncertainty, weighted by their part of the function's time.
    let weights: Vec<f64> = benchmarks
        .iter()
        .map(|one| {
            let alone = figures(&[one], number, Side::Base);
            stats::median(alone.iter().map(|figures| figures.total)).unwrap_or(0.0)
        })
        .collect();
    let sum: f64 = weights.iter().sum();
    let variance = |of: fn(&Estimate) -> f64| -> f64 {
        let parts = benchmarks.iter().zip(&weights);
        parts
            .map(|(one, weight)| (weight / sum * of(one.estimate)).powi(2))
            .sum()
    };
    let combined = LogEstimate {
        center: shares.center,
        standard_error: (shares.standard_error.powi(2) + variance(|estimate| estimate.standard_error)).sqrt(),
        half_width: (shares.half_width.powi(2) + variance(half_width)).sqrt(),
        p_value: shares.p_value,
    };
    Some(combined.to_estimate())
}

/// Returns the half width of the interval of the logarithm.
fn half_width(estimate: &Estimate) -> f64 {
    let interval = estimate.confidence_interval;
    (interval.upper_bound / interval.lower_bound).ln() / 2.0
}

/// Returns a short, unique name for each function: the qualified name, with its file if two have the same.
pub fn names(targets: &[TargetFunction]) -> Vec<String> {
    let forms: [fn(&TargetFunction) -> String; 4] = [
        |target| target.qualname.replace(".<locals>.", "."),
        |target| format!("{}:{}", file_name(&target.path), target.qualname),
        |target| format!("{}:{}", target.path, target.qualname),
        |target| format!("{}:{}:{}", target.path, target.lines.0, target.qualname),
    ];
    let mut names: Vec<String> = targets.iter().map(forms[0]).collect();
    for form in &forms[1..] {
        let before = names.clone();
        for (index, name) in names.iter_mut().enumerate() {
            if before.iter().filter(|other| **other == before[index]).count() > 1 {
                *name = form(&targets[index]);
            }
        }
    }
    names
}

fn file_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

#[cfg(test)]
mod tests;
