//! Breakdowns of made-up samples.

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

fn profiled<'a>(replicates: &'a [ProfileReplicate], base_ns: f64, estimate: &'a Estimate) -> Profiled<'a> {
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
    let is = |value: f64, expected: f64| assert!((value / expected - 1.0).abs() < 1e-6, "{value} {expected}");
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
