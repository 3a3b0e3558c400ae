//! The schedule with scripted workers: exact times, no processes, no waiting.

mod failures;
mod set_ups;
mod stopping;

use std::collections::BTreeSet;
use std::time::Duration;

use super::*;
use deadheat_core::judge;
use deadheat_core::judge::MeasuredBenchmark;
use deadheat_core::judge::sequential::Sampling;
use deadheat_core::judge::stats::Threshold;
use deadheat_core::micro::Worth;
use deadheat_core::model::{Clock, Order, PerSide, Replicate, Round, Sample, Side, Verdict};

use crate::error::Failure;
use crate::passes::measure::replicate_set::*;
use crate::passes::measure::rounds::*;
use crate::passes::measure::samples::{are_set_ups, as_many_as_fit};
use crate::passes::runner::{StoppedBy, hash_seed};
use crate::worker::scripted::{Act, Script, schedule, spec};

const TWO_PERCENT: f64 = 2.0;

fn run(script: &mut Script, replicates: usize) -> anyhow::Result<Measured> {
    run_until(script, Sampling::Exactly(replicates), schedule(replicates).until)
}

fn run_until(script: &mut Script, sampling: Sampling, budget_ends: Instant) -> anyhow::Result<Measured> {
    run_for(Goal::Verdict, script, sampling, budget_ends)
}

fn run_for(
    goal: Goal,
    script: &mut Script,
    sampling: Sampling,
    budget_ends: Instant,
) -> anyhow::Result<Measured> {
    let mut schedule = schedule(0);
    schedule.replicates = sampling.exact_count();
    run_by(&schedule, goal, script, sampling, budget_ends)
}

fn run_by(
    schedule: &Schedule,
    goal: Goal,
    script: &mut Script,
    sampling: Sampling,
    budget_ends: Instant,
) -> anyhow::Result<Measured> {
    let benchmarks = script.benchmarks();
    let stopping = Stopping {
        call_times: BTreeMap::new(),
        sampling,
        goal,
        thresholds: Threshold::from_percent(TWO_PERCENT).into(),
        budget_ends,
    };
    measure(
        schedule,
        stopping,
        BTreeMap::new(),
        &spec(None),
        &benchmarks,
        script,
        &mut |_| {},
    )
}

fn rows(measured: &Measured) -> Vec<String> {
    measured
        .failures
        .iter()
        .map(|row| {
            let side = row.side.map_or("both".to_owned(), |side| side.to_string());
            format!("{} {:?} on {side}: {}", row.benchmark, row.kind, row.message)
        })
        .collect()
}

#[test]
fn exact_times_give_exact_verdicts() {
    let measured = run(
        &mut Script::new(&[
            ("faster", Act::Takes(10_000), Act::Takes(5_000)),
            ("same", Act::Takes(3_000), Act::Takes(3_000)),
            ("slower", Act::Takes(100), Act::Takes(150)),
            ("slow", Act::Takes(700_000_000), Act::Takes(700_000_000)),
        ]),
        12,
    )
    .unwrap();
    assert_eq!(measured.failures, []);
    assert_eq!(measured.project_modules, PerSide::new(4 * 12 * 3, 4 * 12 * 3));
    let rows = measured
        .benchmarks
        .into_iter()
        .map(|(benchmark, rounds)| MeasuredBenchmark {
            is_control: false,
            benchmark,
            replicates: rounds.replicates,
            looks: rounds.looks,
            ..MeasuredBenchmark::default()
        });
    let (comparisons, total, _) = judge::judge(
        rows.collect(),
        Sampling::Exactly(12),
        &Threshold::from_percent(TWO_PERCENT).into(),
    );
    let verdicts: Vec<(&str, Verdict, String)> = comparisons
        .iter()
        .map(|row| {
            (
                row.benchmark.as_str(),
                row.verdict,
                format!("{:.4}", row.estimate.point_estimate),
            )
        })
        .collect();
    assert_eq!(
        verdicts,
        [
            ("faster", Verdict::Improved, "0.5000".to_owned()),
            ("same", Verdict::Unchanged, "1.0000".to_owned()),
            ("slow", Verdict::Unchanged, "1.0000".to_owned()),
            ("slower", Verdict::Regressed, "1.5000".to_owned()),
        ]
    );
    assert_eq!(total.unwrap().verdict, Verdict::Unchanged);
}

#[test]
fn both_sides_of_a_replicate_share_a_seed_and_the_next_has_another() {
    let mut script = Script::new(&[("a", Act::Takes(1_000), Act::Takes(1_000))]);
    let measured = run(&mut script, 3).unwrap();
    let sides: Vec<Side> = script.seeds.iter().map(|(side, _)| *side).collect();
    let turns = [
        Side::Base,
        Side::Head,
        Side::Head,
        Side::Base,
        Side::Base,
        Side::Head,
    ];
    assert_eq!(sides, turns);
    let seeds: Vec<u32> = script.seeds.iter().map(|(_, seed)| *seed).collect();
    assert!(seeds.chunks(2).all(|pair| pair[0] == pair[1]));
    assert!(seeds[0] != seeds[2] && seeds[2] != seeds[4]);
    let recorded: Vec<u32> = measured.benchmarks["a"]
        .replicates
        .iter()
        .map(|replicate| replicate.seed)
        .collect();
    assert_eq!(recorded, [seeds[0], seeds[2], seeds[4]]);
}

#[test]
fn a_calibration_that_is_disturbed_does_not_make_samples_short() {
    let imports = (1, 250_000_000);
    for (at, lost_ns) in (1..8).map(|at| (at, 4_000_000)).chain([imports]) {
        let stumbles = Act::Stumbles { ns: 30, at, lost_ns };
        let mut script = Script::new(&[("a", stumbles, Act::Takes(30))]);
        let measured = run(&mut script, 2).unwrap();
        let replicates = &measured.benchmarks["a"].replicates;
        for round in replicates.iter().flat_map(|replicate| &replicate.rounds) {
            assert_eq!(
                (round.base.iterations, round.head.iterations),
                (10_000, 10_000),
                "{at}"
            );
        }
    }
}

#[test]
fn a_first_call_that_is_too_slow_to_be_made_twice_does_not_make_samples_short() {
    let fills_a_cache = || Act::IsColdAtFirst {
        first_ns: 800_000_000,
        later_ns: 30,
    };
    for base in [Act::Takes(30), fills_a_cache()] {
        for one_core in [false, true] {
            let mut script = Script::new(&[("a", base.clone(), fills_a_cache())]);
            let schedule = Schedule {
                one_core,
                ..schedule(2)
            };
            let sampling = Sampling::Exactly(2);
            let measured = run_by(&schedule, Goal::Verdict, &mut script, sampling, schedule.until).unwrap();
            let found = &measured.benchmarks["a"];
            assert!(found.first_calls.iter().all(|(first, _)| first.head == 800e6));
            let replicates = &found.replicates;
            for round in replicates.iter().flat_map(|replicate| &replicate.rounds) {
                assert_eq!((round.base.iterations, round.head.iterations), (10_000, 10_000));
            }
            assert!(replicates.iter().all(|replicate| replicate.clock == Clock::Wall));
        }
    }
}

#[test]
fn a_cold_first_round_does_not_decide_how_many_there_are() {
    let time = RoundsTime::new(Goal::Verdict, Duration::from_millis(300), 1);
    let count = |first_ns: u64, later_ns: u64| {
        let mut take = |round| Ok((round, if round == 0 { first_ns } else { later_ns }));
        as_many_as_fit(50, time, &mut take).ok().unwrap().len()
    };
    assert_eq!(count(100_000_000, 10_000), 50);
    assert!(count(100_000_000, 100_000_000) < 50);
}

#[test]
fn only_set_ups_grow_with_the_calls() {
    // The first request tells nothing.
    assert!(!are_set_ups(25_000_000, 1, f64::INFINITY));
    // Something else had the core for as long as before, or for the first time.
    assert!(!are_set_ups(25_000_000, 2, 25e6));
    assert!(!are_set_ups(25_000_000, 400, 1e3));
    assert!(are_set_ups(49_000_000, 2, 25e6));
}

#[test]
fn rounds_visit_the_sides_in_alternating_order() {
    let measured = run(
        &mut Script::new(&[("a", Act::Takes(1_000), Act::Takes(1_000))]),
        2,
    )
    .unwrap();
    let rounds = &measured.benchmarks["a"].replicates[0].rounds;
    assert_eq!(rounds.len(), MOST_ROUNDS);
    let orders: Vec<Order> = rounds.iter().take(4).map(|round| round.order).collect();
    assert_eq!(
        orders,
        [Order::BaseHead, Order::HeadBase, Order::BaseHead, Order::HeadBase]
    );
    // The same number of calls on both sides.
    assert!(
        rounds
            .iter()
            .all(|round| round.base.iterations == 300 && round.head.iterations == 300)
    );
}

#[test]
fn sides_of_very_different_speed_get_samples_of_the_same_length() {
    let measured = run(
        &mut Script::new(&[("a", Act::Takes(400_000), Act::Takes(1_000))]),
        2,
    )
    .unwrap();
    let round = measured.benchmarks["a"].replicates[0].rounds[0];
    assert_eq!((round.base.iterations, round.head.iterations), (1, 300));
}

#[test]
fn slow_benchmarks_get_fewer_rounds_but_both_orders() {
    let measured = run(
        &mut Script::new(&[
            ("4 ms", Act::Takes(4_000_000), Act::Takes(4_000_000)),
            ("200 ms", Act::Takes(200_000_000), Act::Takes(200_000_000)),
            ("2 s", Act::Takes(2_000_000_000), Act::Takes(2_000_000_000)),
        ]),
        2,
    )
    .unwrap();
    assert_eq!(measured.benchmarks["4 ms"].replicates[0].rounds.len(), FEW_ROUNDS);
    let rounds = |benchmark: &str| {
        measured.benchmarks[benchmark]
            .replicates
            .iter()
            .map(|one| one.rounds.len())
    };
    assert!(rounds("200 ms").all(|count| count == FEWEST_ROUNDS));
    assert!(rounds("2 s").all(|count| count == 1));
    let orders = measured.benchmarks["2 s"]
        .replicates
        .iter()
        .map(|one| one.rounds[0].order);
    assert_eq!(orders.collect::<Vec<_>>(), [Order::BaseHead, Order::HeadBase]);
}

#[test]
fn a_prescribed_number_of_calls_is_never_exceeded() {
    let prescribed = |samples| Act::Prescribed {
        ns: 5_000,
        iterations: 3,
        samples,
    };
    let measured = run(
        &mut Script::new(&[
            ("five", prescribed(5), prescribed(5)),
            ("one", prescribed(1), prescribed(1)),
        ]),
        2,
    )
    .unwrap();
    assert_eq!(measured.benchmarks["one"].replicates[0].rounds.len(), 1);
    assert_eq!(measured.benchmarks["five"].replicates[0].rounds.len(), 5);
    assert_eq!(
        measured.benchmarks["five"].replicates[0].rounds[0]
            .base
            .iterations,
        3
    );
}

#[test]
fn benchmarks_on_several_cores_have_processes_of_their_own_and_the_wall_clock() {
    let (act, clash) = (Act::Takes(50_000_000), Act::HoldsAPort(50_000_000));
    let mut script = Script::new(&[
        ("a", act.clone(), act.clone()),
        ("b", act.clone(), act.clone()),
        ("c", act.clone(), act),
        ("d", clash.clone(), clash),
    ]);
    let schedule = Schedule {
        one_core: true,
        several_cores: ["b".to_owned(), "d".to_owned()].into(),
        one_at_a_time: [("d".to_owned(), "in use".to_owned())].into(),
        ..schedule(2)
    };
    let sampling = Sampling::Exactly(2);
    let measured = run_by(&schedule, Goal::Verdict, &mut script, sampling, schedule.until);
    let clocks = measured
        .unwrap()
        .benchmarks
        .into_iter()
        .map(|(benchmark, rounds)| {
            let clocks = rounds.replicates.iter().map(|replicate| replicate.clock);
            (benchmark, clocks.collect::<Vec<_>>())
        });
    let at_once = vec![Clock::Processor; 2];
    let expected = [
        ("a", at_once.clone()),
        ("b", vec![Clock::Wall; 2]),
        ("c", at_once),
        ("d", vec![Clock::Wall; 2]),
    ];
    assert!(clocks.eq(expected.map(|(benchmark, clocks)| (benchmark.to_owned(), clocks))));
    // In each replicate, two pairs of processes, and one pair whose sides do not run at the same time.
    assert_eq!(script.seeds.len(), 12);
    let log = script.log.borrow();
    let told = |line: &&String| line.starts_with("from now on") || line.starts_with("base enter");
    let lines: Vec<&str> = log.iter().filter(told).map(String::as_str).collect();
    let one_replicate = [
        "base enter a",
        "base enter c",
        "from now on all cores",
        "base enter b",
        "base enter d",
        "from now on one core",
    ];
    assert_eq!(lines, one_replicate.repeat(2));
}

#[test]
fn who_sets_up_first_alternates_between_the_replicates() {
    let mut script = Script::new(&[("a", Act::Takes(1_000), Act::Takes(1_000))]);
    run(&mut script, 4).unwrap();
    let log = script.log.borrow();
    let entered = log.iter().filter(|line| line.contains(" enter "));
    let first: Vec<&str> = entered.step_by(2).map(String::as_str).collect();
    assert_eq!(
        first,
        ["base enter a", "head enter a", "base enter a", "head enter a"]
    );
}

#[test]
fn a_first_call_that_is_far_from_the_later_ones_on_one_side_is_said_however_short_it_is() {
    let reads = |first_ns, later_ns| Act::IsColdAtFirst { first_ns, later_ns };
    let said = |base: Act, head: Act| {
        let mut script = Script::new(&[("a", base, head)]);
        let measured = run(&mut script, 4).unwrap();
        measured.benchmarks["a"].first_calls_apart()
    };
    // Head has read everything, and base is too slow for that.
    assert!(said(Act::Takes(170_000), reads(9_000, 60)).is_some());
    // Both sides are slow at first, as everything is; one of them was made faster.
    assert_eq!(said(reads(12_000, 500), reads(8_000, 60)), None);
    assert_eq!(said(reads(12_000, 500), reads(9_000, 400)), None);
    // A loop that became a formula: cold caches matter only if a call is this short.
    assert_eq!(said(reads(110_000, 100_000), reads(2_000, 60)), None);
    // Head sorts in place a list that base sorts again in each call.
    assert!(said(reads(130_000, 120_000), reads(9_000_000, 40_000)).is_some());
}

#[test]
fn the_share_of_a_wait_in_which_a_side_was_busy_is_known() {
    let idle = |base_ns: u64, head_ns: u64| {
        let act = |idle_ns| Act::IsBusyWhileItWaits {
            ns: 50_000_000,
            idle_ns,
        };
        let mut script = Script::new(&[("a", act(base_ns), act(head_ns))]);
        run(&mut script, 2).unwrap().benchmarks["a"].idle
    };
    // The cost of waiting itself, which does not count.
    for quiet in [0, WAIT_COST_NS] {
        assert_eq!(idle(quiet, quiet).map(IdleUse::share), PerSide::new(0.0, 0.0));
    }
    let head_only = idle(0, 3 * WAIT_COST_NS).head;
    assert!(head_only.waits > 2);
    assert_eq!(head_only.cpu_ns, head_only.waits * 3 * WAIT_COST_NS);
    let share = |waited_ns| {
        IdleUse {
            waits: 10,
            cpu_ns: 3_000_000,
            waited_ns,
        }
        .share()
    };
    assert_eq!(share(10_000_000), 0.1);
    assert_eq!(share(2_000_000), 0.5);
    // If both run at the same time, neither waits after the first calls.
    let busy = Act::IsBusyWhileItWaits {
        ns: 50_000_000,
        idle_ns: 3 * WAIT_COST_NS,
    };
    let mut script = Script::new(&[("a", busy.clone(), busy)]);
    let at_once = Schedule {
        one_core: true,
        ..schedule(2)
    };
    let sampling = Sampling::Exactly(2);
    let measured = run_by(&at_once, Goal::Verdict, &mut script, sampling, at_once.until);
    let idle = measured.unwrap().benchmarks["a"].idle;
    for idle in [idle.base, idle.head] {
        assert!(idle.waits > 0);
        assert_eq!(idle.cpu_ns, idle.waits * 3 * WAIT_COST_NS);
    }
    // However late it saw that its turn had come.
    assert_eq!(share(1_000), 1.0);
    assert_eq!(share(0), 1.0);
}

#[test]
fn who_is_called_first_alternates_between_replicates() {
    let mut script = Script::new(&[("x", Act::Takes(1_000), Act::Takes(1_000))]);
    run(&mut script, 2).unwrap();
    let log = script.log.borrow();
    let firsts: Vec<&str> = log
        .windows(2)
        .filter(|lines| lines[0].ends_with("enter x") && lines[1].ends_with("run 1"))
        .map(|lines| lines[1].as_str())
        .collect();
    assert_eq!(firsts, ["base run 1", "head run 1"]);
}
