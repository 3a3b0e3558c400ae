//! Runs on several machines with known answers. `cargo run --release --package deadheat-core --example machines`
//! simulates more of them.

mod simulated;

use deadheat_core::judge::machine_words::{kind_names, of_kinds, warnings};
use deadheat_core::judge::machines::{agreements, at_odds, estimates, log_ratios, outliers};
use deadheat_core::judge::sequential::Sampling;
use deadheat_core::judge::stats::Threshold;
use deadheat_core::judge::{MeasuredBenchmark, judge, judge_on_machines};
use deadheat_core::model::{
    Agreement, Comparison, Machine, MeasuringMachine, OpenReason, Outlier, PerSide, Python, Replicate,
    Verdict, WarningCode,
};

use simulated::machines::{Machines, disagreeing, named, replicate};
use simulated::{Noise, Random};

fn bias() -> f64 {
    0.05_f64.ln_1p()
}

fn machines(noise: Noise, each: Vec<(f64, f64)>) -> Machines {
    Machines {
        noise,
        each,
        shared: 0.5,
        uneven: false,
    }
}

#[test]
fn a_machine_that_is_5_percent_off_is_named_alone() {
    let mut random = Random(3);
    for (count, deviation, most_pairs) in [(3, 0.01, 14), (5, 0.01, 14), (3, 0.03, 45), (5, 0.03, 45)] {
        for odd in 0..count {
            let sign = if odd % 2 == 0 { 1.0 } else { -1.0 };
            let mut each = vec![(0.0, 1.0); count];
            each[odd].0 = sign * bias();
            let found = named(&machines(Noise::Normal(deviation), each), &mut random);
            let [(machine, pairs, outlier)] = found.as_slice() else {
                panic!("{found:?}");
            };
            assert_eq!(*machine as usize, odd);
            assert!(*pairs <= most_pairs, "{pairs} of {count} at {deviation}");
            let truth = (sign * bias()).exp();
            assert!(outlier.lower < truth && truth < outlier.upper, "{outlier:?}");
            assert_eq!(outlier.replicates, *pairs);
        }
    }
}

#[test]
fn sound_machines_are_not_named_however_they_spread() {
    let mut random = Random(4);
    let kinds = [
        machines(Noise::Normal(0.01), vec![(0.0, 1.0); 3]),
        machines(Noise::HeavyTails(0.015, 0.03), vec![(0.0, 1.0); 5]),
        machines(Noise::Normal(0.01), vec![(0.0, 1.0), (0.0, 10.0), (0.0, 1.0)]),
        Machines {
            uneven: true,
            ..machines(Noise::Normal(0.03), vec![(0.0, 1.0); 5])
        },
        // The others are 5 % off on average if two of four are 10 % off: a sound one is still not named.
        Machines {
            shared: 1.0,
            ..machines(
                Noise::Normal(0.01),
                vec![(0.0, 1.0), (0.1, 1.0), (0.0, 1.0), (0.1, 1.0), (0.0, 1.0)],
            )
        },
    ];
    for machines in kinds {
        let biased = machines.biased();
        for _ in 0..20 {
            let found = named(&machines, &mut random);
            assert!(
                found.iter().all(|(machine, ..)| biased.contains(machine)),
                "{found:?}"
            );
        }
    }
}

/// Returns the replicates of one benchmark, for each machine the logarithms of its ratios.
fn benchmark(of_machines: &[&[f64]]) -> Vec<Replicate> {
    let each = of_machines.iter().enumerate().flat_map(|(machine, values)| {
        let values = values.iter().enumerate();
        values.map(move |(pair, value)| replicate(machine as u32, (pair * 100 + machine) as u32, *value))
    });
    each.collect()
}

const AROUND: [f64; 8] = [-0.01, 0.012, -0.004, 0.006, 0.0, 0.008, -0.011, -0.001];

fn around(center: f64) -> Vec<f64> {
    AROUND.iter().map(|value| center + value).collect()
}

#[test]
fn the_distance_of_an_outlier_is_that_of_students_t() {
    let (sound, odd) = (around(0.0), around(0.2));
    let replicates = benchmark(&[&sound, &odd, &sound, &sound]);
    let found = outliers([replicates.as_slice()].into_iter(), &[0; 4], 1);
    let [
        (
            1,
            Outlier {
                ratio,
                lower,
                upper,
                replicates: 8,
            },
        ),
    ] = found.as_slice()
    else {
        panic!("{found:?}");
    };
    assert!((ratio.ln() - 0.2).abs() < 1e-6);
    // The variances of eight values, and of three times eight of them, which are estimated from 7 and 23 degrees of
    // freedom; an error of 0.0005 for four machines is t(0.000125, 7) = 7.6123.
    let squares: f64 = AROUND.iter().map(|value| value * value).sum();
    let error = (squares / 7.0 / 8.0 + 3.0 * squares / 23.0 / 24.0).sqrt();
    for (end, sign) in [(lower, -1.0), (upper, 1.0)] {
        let reach = sign * (end.ln() - 0.2) / error;
        assert!((reach - 7.6123).abs() < 0.001, "{reach}");
    }
}

#[test]
fn of_two_machines_neither_is_named_and_the_run_says_so() {
    let replicates = benchmark(&[&around(0.0), &around(0.2), &around(-3.0), &around(-3.0)]);
    let of_run = || [replicates.as_slice()].into_iter();
    assert_eq!(outliers(of_run(), &[0, 0, 1, 1], 1), []);
    let odds = at_odds(of_run(), &[0, 0, 1, 1]);
    assert_eq!(odds.len(), 1);
    assert_eq!((odds[0].kind, odds[0].machines), (0, (0, 1)));
    assert!((odds[0].ratio.ln() + 0.2).abs() < 1e-6);
    let row = Comparison {
        replicates: replicates.clone(),
        ..judged(&[&around(0.0), &around(0.2)], &[0, 0])
    };
    let machines = [machine("one", 0, "EPYC"), machine("\u{1b}two", 0, "EPYC")];
    let said = warnings(&machines, &[row]).remove(0);
    assert_eq!((said.code, said.benchmark), (WarningCode::MachinesDisagree, None));
    assert!(
        said.message
            .starts_with("`one` and `\\x1btwo` are machines of one kind"),
        "{}",
        said.message
    );
    assert!(said.hint.unwrap().contains("third machine"));
    // Without a majority that agrees, three are as good as two.
    let replicates = benchmark(&[&around(0.0), &around(0.2), &around(-0.2)]);
    let of_run = || [replicates.as_slice()].into_iter();
    assert_eq!(outliers(of_run(), &[0; 3], 1), []);
    assert_eq!(at_odds(of_run(), &[0; 3])[0].machines, (1, 2));
    // A trifle is not worth a word, however certain it is.
    let replicates = benchmark(&[&[0.0, 1e-6, 2e-6], &[0.004, 0.004, 0.004], &[0.0, 1e-6, 0.0]]);
    let of_run = || [replicates.as_slice()].into_iter();
    assert_eq!(outliers(of_run(), &[0; 3], 1), []);
    assert_eq!(at_odds(of_run(), &[0; 3]), []);
}

#[test]
fn no_more_than_a_minority_of_a_kind_is_set_aside() {
    // The first machine has no replicates any more, and is one of the two that may be missing.
    let all: Vec<Vec<f64>> = vec![Vec::new(), around(0.0), around(0.3), around(0.0), around(0.0)];
    let replicates = |all: &[Vec<f64>]| benchmark(&all.iter().map(Vec::as_slice).collect::<Vec<_>>());
    let found = |all: &[Vec<f64>]| {
        let replicates = replicates(all);
        let found = outliers([replicates.as_slice()].into_iter(), &vec![0; all.len()], 2);
        found.into_iter().map(|(machine, _)| machine).collect::<Vec<_>>()
    };
    assert_eq!(found(&all), [2]);
    assert!(found(&all[..4]).is_empty());
}

/// Returns a machine of this kind.
fn machine(name: &str, kind: u32, processor: &str) -> MeasuringMachine {
    MeasuringMachine {
        name: name.to_owned(),
        machine: Machine {
            system: "linux".to_owned(),
            kernel: Some("6.8".to_owned()),
            architecture: "x86_64".to_owned(),
            processor: Some(processor.to_owned()),
            cores: 4,
            pinned_core: Some(1),
            later_cores: Vec::new(),
        },
        python: PerSide::same(Python {
            version: format!("3.12.{kind}"),
            ..Python::default()
        }),
        kind,
        replicates: 8,
        outlier: None,
    }
}

fn judged(of_machines: &[&[f64]], kinds: &[u32]) -> Comparison {
    let replicates = benchmark(of_machines);
    let row = MeasuredBenchmark {
        benchmark: "a.py::a".to_owned(),
        looks: 1,
        replicates,
        ..MeasuredBenchmark::default()
    };
    let threshold = Threshold::from_percent(2.0).into();
    judge_on_machines(vec![row], Sampling::Exactly(16), &threshold, kinds)
        .0
        .remove(0)
}

#[test]
fn kinds_that_differ_are_not_averaged() {
    let (fast, slow) = (-1.31_f64.ln(), -1.12_f64.ln());
    let row = judged(&[&around(fast), &around(slow)], &[0, 1]);
    assert!(matches!(row.agreement, Some(Agreement { agree: false, p_value }) if p_value < 1e-6));
    let [one, other] = row.by_kind.as_slice() else {
        panic!("{:?}", row.by_kind);
    };
    assert_eq!((one.kind, one.replicates, other.kind), (0, 8, 1));
    assert!((one.estimate.speedup() - 1.31).abs() < 0.001 && (other.estimate.speedup() - 1.12).abs() < 0.001);
    // From the lowest end to the highest, and the middle in between.
    let (all, hull) = (row.estimate, row.estimate.confidence_interval);
    let ends = [one, other].map(|kind| kind.estimate.confidence_interval);
    assert!((hull.lower_bound - ends[0].lower_bound).abs() < 1e-12);
    assert!((hull.upper_bound - ends[1].upper_bound).abs() < 1e-12);
    let middle = (hull.lower_bound * hull.upper_bound).sqrt();
    assert!((all.point_estimate - middle).abs() < 1e-12);
    // It is faster on both.
    assert_eq!((row.verdict, row.reason), (Verdict::Improved, None));

    let names = [machine("a", 0, "EPYC"), machine("b", 1, "Xeon")];
    let said = of_kinds(&row, &kind_names(&names)).unwrap();
    assert!(
        said.starts_with("1.31x (1.29 to 1.33) on EPYC, 1.12x (1.1") && said.ends_with(") on Xeon"),
        "{said}"
    );
    let warnings = warnings(&names, std::slice::from_ref(&row));
    assert_eq!(warnings.len(), 1);
    assert_eq!(warnings[0].code, WarningCode::MachinesDisagree);
    assert_eq!(warnings[0].benchmark.as_deref(), Some("a.py::a"));
    assert!(warnings[0].message.contains(&said));
    let alike = [machine("a", 0, "EPYC"), machine("b", 1, "EPYC")];
    assert!(
        of_kinds(&row, &kind_names(&alike))
            .unwrap()
            .contains("on EPYC with Python 3.12.1")
    );
}

#[test]
fn kinds_with_other_verdicts_leave_a_row_open() {
    let row = judged(&[&around(-0.3), &around(0.0), &around(-0.3)], &[0, 1, 0]);
    assert_eq!(
        (row.verdict, row.reason, row.to_settle),
        (Verdict::Inconclusive, Some(OpenReason::MachinesDisagree), None)
    );
    let both_ways = judged(&[&around(-0.3), &around(0.3)], &[0, 1]);
    assert_eq!(both_ways.reason, Some(OpenReason::MachinesDisagree));
    // Each has its verdict: more replicates would not help.
    let replicates = benchmark(&[&around(-0.3), &around(0.0)]);
    let estimates = estimates(&log_ratios(&replicates, &[0, 1]), Sampling::Exactly(16), 1).unwrap();
    let agreement = agreements([&estimates].into_iter()).remove(0);
    assert!(estimates.is_settled(agreement, Threshold::from_percent(2.0), true));
    assert!(!estimates.is_settled(agreement, Threshold::from_percent(1.0), true));
}

#[test]
fn kinds_that_agree_are_one() {
    let of_machines: [&[f64]; 2] = [&around(-0.3), &around(-0.301)];
    let row = judged(&of_machines, &[0, 1]);
    assert!(row.agreement.unwrap().agree);
    assert_eq!(row.by_kind.len(), 2);
    let of_one = judged(&of_machines, &[0, 0]);
    assert_eq!((row.estimate, row.verdict), (of_one.estimate, Verdict::Improved));
    assert_eq!((of_one.by_kind, of_one.agreement), (Vec::new(), None));
    assert_eq!(of_kinds(&row, &kind_names(&[machine("a", 0, "EPYC")])), None);
    // One replicate has no spread to compare with.
    assert_eq!(judged(&[&around(-0.3), &[-0.1]], &[0, 1]).agreement, None);
}

#[test]
fn totals_are_not_averages_either() {
    let row = |name: &str, of_machines: &[&[f64]]| MeasuredBenchmark {
        benchmark: name.to_owned(),
        looks: 1,
        replicates: benchmark(of_machines),
        ..MeasuredBenchmark::default()
    };
    let rows = || {
        vec![
            row("a", &[&around(-0.3), &around(0.0)]),
            row("b", &[&around(-0.3), &around(0.0)]),
        ]
    };
    let threshold = Threshold::from_percent(2.0).into();
    let (_, total, mean) = judge_on_machines(rows(), Sampling::Exactly(16), &threshold, &[0, 1]);
    for judged in [total.unwrap(), mean.unwrap()] {
        assert_eq!(judged.reason, Some(OpenReason::MachinesDisagree));
        let interval = judged.estimate.confidence_interval;
        assert!(interval.lower_bound < 0.74 && interval.upper_bound > 1.0);
    }
    let (_, total, _) = judge(rows(), Sampling::Exactly(16), &threshold);
    assert_ne!(total.unwrap().reason, Some(OpenReason::MachinesDisagree));
}

#[test]
fn equal_kinds_rarely_disagree_and_different_ones_do() {
    let mut random = Random(5);
    let unequal = [(3, 0.04, 0.0), (10, 0.005, 0.0), (5, 0.02, 0.0)];
    let wrong = (0..400)
        .filter(|_| disagreeing(&unequal, &mut random) > 0)
        .count();
    assert!(wrong <= 4, "{wrong} of 400");
    let different = [(5, 0.01, -1.31_f64.ln()), (5, 0.01, -1.12_f64.ln())];
    for _ in 0..20 {
        assert!(disagreeing(&different, &mut random) >= 23);
    }
}
