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
    /// The change of the benchmarks' time that is not the functions' own; `None` where nothing was profiled.
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
    let names = names(targets);
    let benchmarks: Vec<&Profiled<'_>> = benchmarks
        .iter()
        .filter(|one| !one.replicates.is_empty())
        .collect();
    if benchmarks.is_empty() {
        return Breakdown::default();
    }
    let length = PerSide::new(Side::Base, Side::Head)
        .map(|side| benchmarks.iter().map(|one| one.length_ns(side)).sum::<f64>());
    let is_unbalanced = benchmarks
        .iter()
        .flat_map(|one| one.replicates)
        .flat_map(|replicate| replicate.base.iter().chain(&replicate.head))
        .any(|sample| sample.unbalanced > 0);
    let mut functions = Vec::new();
    let mut explained = 0.0;
    for (number, target) in targets.iter().enumerate() {
        let figures = PerSide::new(Side::Base, Side::Head).map(|side| figures(&benchmarks, number, side));
        let sides = PerSide::new(Side::Base, Side::Head).map(|side| {
            let figures = figures.get(side);
            let ran = figures.iter().any(|one| one.calls > 0.0 || one.total > 0.0);
            ran.then(|| call_profile(figures, *length.get(side)))
        });
        if sides.base.is_none() && sides.head.is_none() {
            continue;
        }
        // Also where a time is too uncertain to be shown: in a sum, its error is small compared with the others.
        let own = |side| stats::median(figures.get(side).iter().map(|one| one.own)).unwrap_or(0.0);
        explained += own(Side::Head) - own(Side::Base);
        let present = || [&sides.base, &sides.head].into_iter().flatten();
        let calls_only = Side::BOTH
            .into_iter()
            .any(|side| figures.get(side).iter().any(|one| one.is_calls_only));
        let note = if calls_only {
            Some(ProfileNote::CallsOnly)
        } else if present().any(|profile| profile.total_ns.is_none() || profile.self_ns.is_none()) {
            Some(ProfileNote::MostlyProbe)
        } else if is_unbalanced {
            Some(ProfileNote::Unbalanced)
        } else {
            None
        };
        let has_times = present().all(|profile| profile.total_ns.is_some());
        let estimate = if has_times {
            ratio(&benchmarks, number, &figures)
        } else {
            None
        };
        functions.push(FunctionComparison {
            name: names[number].clone(),
            qualname: target.qualname.clone(),
            path: target.path.clone(),
            change: target.change,
            head: agreeing(sides.base.as_ref(), sides.head, estimate.as_ref()),
            base: sides.base,
            estimate,
            note,
        });
    }
    functions.sort_by(|a, b| b.weight_ns().total_cmp(&a.weight_ns()));
    Breakdown {
        functions,
        unexplained_ns: Some(length.head - length.base - explained),
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

/// Returns a short, unique name for each function: the qualified name, with its file where two have the same.
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
mod tests {
    use super::*;
    use crate::model::{Change, ConfidenceInterval};

    fn target(path: &str, qualname: &str, line: u32) -> TargetFunction {
        TargetFunction {
            path: path.to_owned(),
            qualname: qualname.to_owned(),
            change: Some(Change::Modified),
            lines: (line, line),
            detail: None,
            places: PerSide::default(),
            reached_by: Vec::new(),
        }
    }

    fn estimate(point: f64) -> Estimate {
        LogEstimate {
            center: point.ln(),
            standard_error: 0.001,
            half_width: 0.003,
            p_value: 0.0,
        }
        .to_estimate()
    }

    fn row(function: usize, calls: u64, total: f64, own: f64, probes: f64) -> FunctionSample {
        FunctionSample {
            function,
            calls,
            total_ns: Some(total),
            total_probe_ns: probes,
            self_ns: Some(own),
            self_probe_ns: probes,
        }
    }

    fn sample(length_ns: f64, functions: Vec<FunctionSample>) -> Vec<ProfileSample> {
        vec![ProfileSample {
            iterations: 10,
            length_ns,
            unbalanced: 0,
            functions,
        }]
    }

    fn profiled<'a>(
        replicates: &'a [ProfileReplicate],
        base_ns: f64,
        estimate: &'a Estimate,
    ) -> Profiled<'a> {
        Profiled {
            replicates,
            base_ns,
            estimate,
        }
    }

    #[test]
    fn shares_of_the_traced_pass_are_times_of_the_timed_one() {
        let targets = [target("a.py", "f", 1), target("a.py", "g", 5)];
        // The machine was twice as slow while head was traced, which has no effect.
        let replicate = PerSide::new(
            sample(
                10_000.0,
                vec![
                    row(0, 10, 8_000.0, 5_000.0, 100.0),
                    row(1, 20, 3_000.0, 3_000.0, 100.0),
                ],
            ),
            sample(
                10_000.0,
                vec![
                    row(0, 10, 6_000.0, 3_000.0, 100.0),
                    row(1, 20, 3_000.0, 3_000.0, 100.0),
                ],
            ),
        );
        let found = breakdown(
            &targets,
            &[profiled(&[replicate.clone(), replicate], 1_000.0, &estimate(0.5))],
        );
        let [f, g] = &found.functions[..] else { panic!() };
        let (base, head) = (f.base.as_ref().unwrap(), f.head.as_ref().unwrap());
        assert_eq!(
            (base.calls, base.total_ns, base.share),
            (1.0, Some(800.0), Some(0.8))
        );
        assert_eq!(
            (head.total_ns, head.self_ns, head.self_share),
            (Some(300.0), Some(150.0), Some(0.3))
        );
        assert_eq!(g.base.as_ref().unwrap().total_ns, Some(300.0));
        let ratio = f.estimate.unwrap();
        assert!((ratio.point_estimate - 0.375).abs() < 1e-12);
        // Both replicates agree, so only the uncertainty of the timed pass is left.
        let ConfidenceInterval {
            lower_bound,
            upper_bound,
            ..
        } = ratio.confidence_interval;
        assert!(((upper_bound / lower_bound).ln() - 0.006).abs() < 1e-9);
        assert!((ratio.standard_error - 0.001).abs() < 1e-12);
        assert_eq!((f.note, g.note), (None, None));
        // f's own time fell by 350, g's by 150.
        assert!((found.unexplained_ns.unwrap() - 0.0).abs() < 1e-9);
    }

    #[test]
    fn a_function_that_one_side_lacks_has_no_ratio_and_counts_as_explained() {
        let targets = [target("a.py", "new", 1)];
        let replicate = PerSide::new(
            sample(10_000.0, vec![]),
            sample(10_000.0, vec![row(0, 30, 5_000.0, 5_000.0, 10.0)]),
        );
        let found = breakdown(
            &targets,
            &[profiled(&[replicate.clone(), replicate], 1_000.0, &estimate(1.5))],
        );
        assert_eq!(found.functions[0].base, None);
        assert_eq!(found.functions[0].head.as_ref().unwrap().calls, 3.0);
        assert_eq!(found.functions[0].estimate, None);
        assert!((found.unexplained_ns.unwrap() - -250.0).abs() < 1e-9);
    }

    #[test]
    fn a_time_that_is_mostly_probe_is_not_made_up() {
        let targets = [target("a.py", "tiny", 1)];
        let replicate = PerSide::new(
            sample(10_000.0, vec![row(0, 10, 100.0, 100.0, 251.0)]),
            sample(10_000.0, vec![row(0, 10, 100.0, -5.0, 249.0)]),
        );
        let found = breakdown(&targets, &[profiled(&[replicate], 1_000.0, &estimate(1.0))]);
        let tiny = &found.functions[0];
        assert_eq!(tiny.note, Some(ProfileNote::MostlyProbe));
        let base = tiny.base.as_ref().unwrap();
        assert_eq!((base.calls, base.total_ns, base.share), (1.0, None, None));
        assert_eq!(tiny.head.as_ref().unwrap().total_ns, Some(10.0));
        assert_eq!(tiny.head.as_ref().unwrap().self_ns, None);
    }

    #[test]
    fn an_own_time_that_is_mostly_probe_is_not_made_up_either() {
        let own = |self_ns, self_probe_ns| {
            let row = FunctionSample {
                self_probe_ns,
                ..row(0, 10, 1_000.0, self_ns, 0.0)
            };
            let replicate = PerSide::new(sample(10_000.0, vec![row.clone()]), sample(10_000.0, vec![row]));
            let found = breakdown(
                &[target("a.py", "f", 1)],
                &[profiled(&[replicate], 1_000.0, &estimate(1.0))],
            );
            let base = found.functions[0].base.as_ref().unwrap().clone();
            assert_eq!(base.total_ns, Some(100.0));
            (base.self_ns, base.self_share, found.functions[0].note)
        };
        assert_eq!(own(100.0, 249.0), (Some(10.0), Some(0.01), None));
        assert_eq!(own(100.0, 251.0), (None, None, Some(ProfileNote::MostlyProbe)));
        assert_eq!(own(0.0, 0.0), (None, None, Some(ProfileNote::MostlyProbe)));
    }

    #[test]
    fn where_only_calls_can_be_seen_nothing_else_is_said() {
        let calls = FunctionSample {
            total_ns: None,
            self_ns: None,
            ..row(0, 20, 0.0, 0.0, 0.0)
        };
        let replicate = PerSide::new(
            sample(10_000.0, vec![calls.clone()]),
            sample(10_000.0, vec![calls]),
        );
        let found = breakdown(
            &[target("a.py", "f", 1), target("a.py", "never", 9)],
            &[profiled(&[replicate], 1_000.0, &estimate(1.0))],
        );
        let [f] = &found.functions[..] else { panic!() };
        assert_eq!(f.note, Some(ProfileNote::CallsOnly));
        let base = f.base.as_ref().unwrap();
        assert_eq!((base.calls, base.total_ns, base.self_ns), (2.0, None, None));
        assert_eq!((f.estimate, found.unexplained_ns), (None, Some(0.0)));
    }

    #[test]
    fn what_was_entered_before_has_times_without_calls() {
        let replicate = PerSide::new(
            sample(10_000.0, vec![row(0, 0, 5_000.0, 5_000.0, 0.0)]),
            sample(10_000.0, vec![]),
        );
        let found = breakdown(
            &[target("a.py", "generator", 1)],
            &[profiled(&[replicate.clone(), replicate], 1_000.0, &estimate(0.5))],
        );
        let generator = &found.functions[0];
        let base = generator.base.as_ref().unwrap();
        assert_eq!((base.calls, base.total_ns), (0.0, Some(500.0)));
        assert_eq!((&generator.head, generator.estimate), (&None, None));
    }

    #[test]
    fn one_unbalanced_sample_is_said_of_all_functions() {
        let mut replicate = PerSide::new(
            sample(10_000.0, vec![row(0, 10, 5_000.0, 5_000.0, 0.0)]),
            sample(10_000.0, vec![row(0, 10, 5_000.0, 5_000.0, 0.0)]),
        );
        replicate.head[0].unbalanced = 1;
        let found = breakdown(
            &[target("a.py", "f", 1)],
            &[profiled(&[replicate], 1_000.0, &estimate(1.0))],
        );
        assert_eq!(found.functions[0].note, Some(ProfileNote::Unbalanced));
    }

    #[test]
    fn a_pass_that_took_no_time_says_nothing_of_times() {
        let replicate = PerSide::new(
            sample(0.0, vec![row(0, 10, 0.0, 0.0, 0.0)]),
            sample(0.0, vec![row(0, 10, 0.0, 0.0, 0.0)]),
        );
        let found = breakdown(
            &[target("a.py", "f", 1)],
            &[profiled(&[replicate], 1_000.0, &estimate(1.5))],
        );
        assert_eq!(found.functions[0].base.as_ref().unwrap().total_ns, None);
        assert!((found.unexplained_ns.unwrap() - 500.0).abs() < 1e-9);
    }

    #[test]
    fn heads_times_are_those_of_base_times_the_estimate() {
        let replicate = |head| {
            PerSide::new(
                sample(1_000.0, vec![row(0, 10, 500.0, 250.0, 0.0)]),
                sample(1_000.0, vec![row(0, 10, head, head / 2.0, 0.0)]),
            )
        };
        // The medians are the same on both sides, and the mean of the logarithms is not.
        let replicates = [replicate(500.0), replicate(500.0), replicate(800.0)];
        let timed = LogEstimate {
            center: 0.0,
            standard_error: 0.1,
            half_width: 1.0,
            p_value: 1.0,
        };
        let timed = timed.to_estimate();
        let found = breakdown(
            &[target("a.py", "f", 1)],
            &[profiled(&replicates, 1_000.0, &timed)],
        );
        let f = &found.functions[0];
        let (head, ratio) = (f.head.as_ref().unwrap(), f.estimate.unwrap());
        let factor = 1.6_f64.cbrt();
        let is =
            |value: f64, expected: f64| assert!((value / expected - 1.0).abs() < 1e-6, "{value} {expected}");
        is(ratio.point_estimate, factor);
        is(head.total_ns.unwrap(), 500.0 * factor);
        is(head.self_ns.unwrap(), 250.0 * factor);
        is(head.share.unwrap(), 0.5 * factor);
        is(head.self_share.unwrap(), 0.25 * factor);
        // The standard error of 0, 0 and log 1.6 is a third of log 1.6; t(0.995, 2) = 9.924843.
        let shares = 1.6_f64.ln() / 3.0;
        is(ratio.standard_error, shares.hypot(0.1));
        is(half_width(&ratio), (9.924_843 * shares).hypot(1.0));
    }

    fn times(total_ns: f64, self_ns: f64, share: f64) -> Option<CallProfile> {
        Some(CallProfile {
            calls: 2.0,
            total_ns: Some(total_ns),
            self_ns: Some(self_ns),
            share: Some(share),
            self_share: None,
            probe_ns: 1.0,
        })
    }

    fn compared(name: &str, base: Option<CallProfile>, head: Option<CallProfile>) -> FunctionComparison {
        FunctionComparison {
            name: name.to_owned(),
            qualname: name.to_owned(),
            path: "a.py".to_owned(),
            change: None,
            base,
            head,
            estimate: None,
            note: None,
        }
    }

    #[test]
    fn what_has_weight_on_a_side_is_shown_by_what_its_own_time_changed() {
        let functions = vec![
            compared("light", times(1.0, 1.0, 0.009), times(1.0, 1.0, 0.009)),
            compared("around", times(100.0, 1.0, 0.9), times(200.0, 2.0, 0.9)),
            compared("faster", times(50.0, 50.0, 0.01), None),
            compared("slower", None, times(30.0, 30.0, 0.3)),
        ];
        let shown = weighty(functions, 0.01);
        let names: Vec<&str> = shown.iter().map(|function| function.name.as_str()).collect();
        assert_eq!(names, ["faster", "slower", "around"]);
    }

    #[test]
    fn rows_of_several_benchmarks_are_one_row_of_their_sums() {
        let estimated = |ratio: f64, standard_error, half_width| {
            let center = ratio.ln();
            let p_value = 0.0;
            let log = LogEstimate {
                center,
                standard_error,
                half_width,
                p_value,
            };
            Some(log.to_estimate())
        };
        let one = [
            FunctionComparison {
                estimate: estimated(2.0, 0.1, 0.3),
                ..compared("f", times(100.0, 10.0, 0.1), times(200.0, 20.0, 0.2))
            },
            FunctionComparison {
                estimate: estimated(3.0, 0.1, 0.2),
                ..compared("g", times(10.0, 1.0, 0.1), times(30.0, 3.0, 0.2))
            },
        ];
        let two = [FunctionComparison {
            estimate: estimated(1.0, 0.2, 0.1),
            ..compared("f", times(300.0, 30.0, 0.1), times(300.0, 30.0, 0.2))
        }];
        let combined = combine(&[
            (&one, PerSide::new(1_000.0, 1_500.0)),
            (&two, PerSide::new(1_000.0, 1_000.0)),
        ]);
        let [f, g] = &combined[..] else { panic!() };
        let (base, head) = (f.base.as_ref().unwrap(), f.head.as_ref().unwrap());
        assert_eq!((base.calls, base.probe_ns), (4.0, 2.0));
        assert_eq!((base.total_ns, base.self_ns), (Some(400.0), Some(40.0)));
        assert_eq!((base.share, base.self_share), (Some(0.2), Some(0.02)));
        assert_eq!((head.total_ns, head.share), (Some(500.0), Some(0.2)));
        // 200 of head's 500 are twice what they were, 300 are the same.
        let ratio = f.estimate.unwrap();
        assert!((ratio.point_estimate - 1.25).abs() < 1e-12);
        assert!((ratio.standard_error - 0.04_f64.hypot(0.12)).abs() < 1e-12);
        assert!((half_width(&ratio) - 0.12_f64.hypot(0.06)).abs() < 1e-12);
        // A single row is kept as it is.
        assert_eq!(
            (g.base.as_ref().unwrap().calls, g.estimate),
            (2.0, one[1].estimate)
        );
    }

    #[test]
    fn rows_without_a_ratio_have_none_together() {
        let row = compared("f", times(100.0, 10.0, 0.1), times(200.0, 20.0, 0.2));
        let together = |row: FunctionComparison| {
            let rows = [row];
            let lengths = PerSide::new(1_000.0, 1_000.0);
            let mut combined = combine(&[(&rows, lengths), (&rows, lengths)]);
            combined.remove(0)
        };
        assert_eq!(together(row.clone()).estimate, None);
        let nothing = Estimate {
            point_estimate: 0.0,
            ..estimate(1.0)
        };
        let vanished = FunctionComparison {
            estimate: Some(nothing),
            ..row.clone()
        };
        assert_eq!(together(vanished).estimate, None);
        let added = FunctionComparison {
            base: None,
            estimate: Some(estimate(2.0)),
            ..row
        };
        let added = together(added);
        assert_eq!((added.base, added.estimate), (None, None));
        assert_eq!(added.head.unwrap().total_ns, Some(400.0));
    }

    #[test]
    fn the_gravest_note_is_kept_where_it_says_something_of_the_sum() {
        let noted = |notes: &[Option<ProfileNote>], head: Option<CallProfile>| {
            let rows: Vec<[FunctionComparison; 1]> = notes
                .iter()
                .map(|&note| {
                    let row = compared("f", times(100.0, 10.0, 0.1), head.clone());
                    [FunctionComparison { note, ..row }]
                })
                .collect();
            let rows: Vec<_> = rows
                .iter()
                .map(|row| (&row[..], PerSide::new(1_000.0, 1_000.0)))
                .collect();
            combine(&rows)[0].note
        };
        let (calls, probe, unbalanced) = (
            Some(ProfileNote::CallsOnly),
            Some(ProfileNote::MostlyProbe),
            Some(ProfileNote::Unbalanced),
        );
        let head = times(200.0, 20.0, 0.2);
        assert_eq!(noted(&[probe, unbalanced, calls], head.clone()), calls);
        assert_eq!(noted(&[probe, unbalanced, None], head.clone()), unbalanced);
        // Another row has the time.
        assert_eq!(noted(&[probe, None], head), None);
        assert_eq!(noted(&[probe, None], None), probe);
    }

    #[test]
    fn shares_above_one_are_said_as_they_are() {
        let targets = [target("a.py", "in_threads", 1)];
        let replicate = PerSide::new(
            sample(10_000.0, vec![row(0, 40, 35_000.0, 35_000.0, 10.0)]),
            sample(10_000.0, vec![row(0, 40, 35_000.0, 35_000.0, 10.0)]),
        );
        let found = breakdown(&targets, &[profiled(&[replicate], 1_000.0, &estimate(1.0))]);
        assert_eq!(found.functions[0].base.as_ref().unwrap().share, Some(3.5));
    }

    #[test]
    fn several_benchmarks_are_added_up() {
        let targets = [target("a.py", "f", 1)];
        let half = PerSide::new(
            sample(100.0, vec![row(0, 10, 50.0, 50.0, 0.0)]),
            sample(100.0, vec![row(0, 10, 50.0, 50.0, 0.0)]),
        );
        let fifth = PerSide::new(
            sample(100.0, vec![row(0, 20, 20.0, 20.0, 0.0)]),
            sample(100.0, vec![row(0, 20, 20.0, 20.0, 0.0)]),
        );
        let (same, slower) = (estimate(1.0), estimate(2.0));
        let found = breakdown(
            &targets,
            &[
                profiled(&[half.clone(), half], 1_000.0, &same),
                profiled(&[fifth.clone(), fifth], 500.0, &slower),
            ],
        );
        let f = &found.functions[0];
        let (base, head) = (f.base.as_ref().unwrap(), f.head.as_ref().unwrap());
        assert_eq!(
            (base.calls, base.total_ns, base.share),
            (3.0, Some(600.0), Some(0.4))
        );
        assert_eq!((head.total_ns, head.share), (Some(700.0), Some(0.35)));
        assert!((f.estimate.unwrap().point_estimate - 700.0 / 600.0).abs() < 1e-9);
        assert!((found.unexplained_ns.unwrap() - 400.0).abs() < 1e-9);
    }

    #[test]
    fn names_are_short_and_different() {
        let targets = [
            target("pkg/a.py", "outer.<locals>.inner", 1),
            target("pkg/a.py", "C.f", 2),
            target("pkg/b.py", "C.f", 2),
            target("pkg/c.py", "C.x", 3),
            target("pkg/c.py", "C.x", 7),
            target("one/d.py", "g", 1),
            target("two/d.py", "g", 1),
        ];
        assert_eq!(
            names(&targets),
            [
                "outer.inner",
                "a.py:C.f",
                "b.py:C.f",
                "pkg/c.py:3:C.x",
                "pkg/c.py:7:C.x",
                "one/d.py:g",
                "two/d.py:g"
            ]
        );
    }
}
