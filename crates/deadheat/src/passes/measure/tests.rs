//! The schedule with scripted workers: exact times, no processes, no waiting.

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
fn every_failure_is_one_row_and_the_others_go_on() {
    let ok = || Act::Takes(1_000);
    let measured = run(
        &mut Script::new(&[
            ("a setup", Act::FailsInSetup, ok()),
            ("b sample", ok(), Act::FailsInSample),
            ("c end", Act::FailsAtTheEnd, ok()),
            ("d skip", Act::Skips, Act::Skips),
            ("e both", Act::FailsInSetup, Act::FailsInSetup),
            ("f dies", ok(), Act::Dies),
            ("g hangs", Act::Hangs, ok()),
            ("h fine", ok(), ok()),
        ]),
        3,
    )
    .unwrap();
    // A benchmark that may work without the other side is known to fail only at the end of the replicate.
    let mut rows = rows(&measured);
    rows.sort();
    assert_eq!(
        rows[..6],
        [
            "a setup Failed on base: fixture broke",
            "b sample Failed on head: target broke",
            "c end Failed on base: assertion broke",
            "d skip Skipped on both: not here",
            "e both Failed on both: fixture broke",
            "f dies Failed on head: the process ended: signal: 11 (SIGSEGV)\nthe last words",
        ]
    );
    assert!(rows[6].starts_with("g hangs Endless on base: no answer within"));
    assert!(rows[6].contains(": it is too slow, or has no end\n"));
    assert_eq!(rows.len(), 7);
    let measured: Vec<&String> = measured.benchmarks.keys().collect();
    assert_eq!(measured, ["h fine"]);
}

#[test]
fn a_failed_benchmark_is_not_tried_again_and_a_dead_worker_is_replaced_once() {
    let mut script = Script::new(&[
        ("a", Act::Dies, Act::Takes(1_000)),
        ("b", Act::Takes(1_000), Act::Takes(1_000)),
    ]);
    run(&mut script, 3).unwrap();
    let entered = |what: &str| script.log.borrow().iter().filter(|line| *line == what).count();
    assert_eq!(entered("base enter a"), 1);
    assert_eq!(entered("head leave a"), 1);
    assert_eq!(entered("base enter b"), 3);
    // Three replicates of two processes, and one process that replaces the dead one.
    assert_eq!(script.seeds.len(), 7);
}

#[test]
fn a_clash_of_the_sides_is_recognised_in_a_later_replicate_too() {
    let clash = |ns| Act::HoldsAPortIn { process: 2, ns };
    let mut script = Script::new(&[("port", clash(10_000), clash(20_000))]);
    let measured = run(&mut script, 5).unwrap();
    assert_eq!(measured.failures, []);
    assert_eq!(measured.one_at_a_time["port"], "OSError: Address already in use");
    let replicates = &measured.benchmarks["port"].replicates;
    assert_eq!(replicates.len(), 5);
    for round in replicates.iter().flat_map(|replicate| &replicate.rounds) {
        assert!((round.head.per_iteration_ns() / round.base.per_iteration_ns() - 2.0).abs() < 1e-9);
    }
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
fn sides_that_cannot_stand_at_once_are_measured_one_after_the_other() {
    let mut script = Script::new(&[
        ("lock", Act::HoldsALock(40_000), Act::HoldsALock(10_000)),
        ("port", Act::HoldsAPort(10_000), Act::HoldsAPort(20_000)),
        ("usual", Act::Takes(1_000), Act::Takes(1_000)),
    ]);
    let measured = run(&mut script, 4).unwrap();
    assert_eq!(measured.failures, []);
    assert_eq!(measured.one_at_a_time["port"], "OSError: Address already in use");
    // The limit is the first side's set-up time and ten seconds, not the minutes that a benchmark may take.
    assert!(measured.one_at_a_time["lock"].starts_with("no answer within 10"));
    assert_eq!(measured.one_at_a_time.len(), 2);
    for (benchmark, ratio) in [("lock", 0.25), ("port", 2.0), ("usual", 1.0)] {
        let replicates = &measured.benchmarks[benchmark].replicates;
        assert_eq!(replicates.len(), 4);
        for round in replicates.iter().flat_map(|replicate| &replicate.rounds) {
            let times = round.head.per_iteration_ns() / round.base.per_iteration_ns();
            assert!((times / ratio - 1.0).abs() < 1e-9);
        }
        // The side that comes first alternates.
        let firsts = replicates.iter().map(|replicate| replicate.rounds[0].order);
        let expected = if benchmark == "usual" {
            Order::BaseHead
        } else {
            Order::HeadBase
        };
        assert_eq!(firsts.clone().next(), Some(expected));
        assert_eq!(
            firsts.skip(1).collect::<Vec<_>>(),
            [Order::HeadBase, Order::BaseHead, Order::HeadBase]
        );
    }
    let log = script.log.borrow();
    let entered = |what: &str| log.iter().filter(|line| *line == what).count();
    // Each side alone in every replicate, and once together with the other.
    assert_eq!((entered("base enter port"), entered("head enter port")), (5, 5));
}

#[test]
fn what_fails_by_itself_is_no_matter_of_the_other_side() {
    let mut script = Script::new(&[
        ("breaks", Act::Takes(1_000), Act::FailsInSetup),
        ("works", Act::Takes(1_000), Act::Takes(1_000)),
    ]);
    let measured = run(&mut script, 3).unwrap();
    assert_eq!(rows(&measured), ["breaks Failed on head: fixture broke"]);
    assert_eq!(measured.one_at_a_time, BTreeMap::new());
    let log = script.log.borrow();
    let entered = |what: &str| log.iter().filter(|line| *line == what).count();
    // Base, which works, is not run again for that.
    assert_eq!(
        (entered("base enter breaks"), entered("head enter breaks")),
        (1, 2)
    );
}

#[test]
fn a_module_from_elsewhere_ends_the_run_with_its_name() {
    for act in [Act::ImportsFromElsewhere, Act::FailsWithAModuleFromElsewhere] {
        let error = run(&mut Script::new(&[("a", Act::Takes(1_000), act)]), 2).unwrap_err();
        let failure = error.downcast_ref::<Failure>().unwrap();
        assert!(
            failure
                .message
                .contains("on head, `pkg.core` was imported from /home/user/checkout/pkg/core.py")
        );
        assert!(failure.hint.is_some());
    }
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
    // A loop that became a formula: cold caches matter only where a call is this short.
    assert_eq!(said(reads(110_000, 100_000), reads(2_000, 60)), None);
    // Head sorts in place what base sorts anew each time.
    assert!(said(reads(130_000, 120_000), reads(9_000_000, 40_000)).is_some());
}

#[test]
fn the_timeout_keeps_the_replicates_that_are_finished() {
    let mut script = Script::new(&[(
        "a",
        Act::Takes(20_000),
        Act::HangsFromProcess {
            process: 2,
            ns: 10_000,
        },
    )]);
    let mut ends_soon = schedule(1_000);
    ends_soon.until = Instant::now() + Duration::from_secs(2);
    let sampling = Sampling::Exactly(1_000);
    let measured = run_by(&ends_soon, Goal::Verdict, &mut script, sampling, ends_soon.until).unwrap();
    assert_eq!(measured.stopped, Some(StoppedBy::Timeout));
    assert_eq!(measured.failures, []);
    assert_eq!(measured.benchmarks["a"].replicates.len(), 2);
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
    // Where both run at once, neither waits after the first calls.
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
fn benchmarks_that_nobody_has_looked_at_count_in_the_correction() {
    // Five replicates whose p-value is 0.00065 after all looks.
    let mut clear = ReplicateSet {
        replicates: [-0.01, -0.005, 0.0, 0.005, 0.01]
            .map(|spread: f64| replicate((1e9 * (0.0743 + spread).exp()) as u64))
            .to_vec(),
        looks: 1,
        ..ReplicateSet::default()
    };
    clear.look(Sampling::UntilSettled);
    let stopping = Stopping {
        call_times: BTreeMap::new(),
        sampling: Sampling::UntilSettled,
        goal: Goal::Verdict,
        thresholds: Threshold::from_percent(TWO_PERCENT).into(),
        budget_ends: Instant::now(),
    };
    let beside = |others: usize| {
        let mut benchmarks: BTreeMap<String, ReplicateSet> = (0..others)
            .map(|number| (format!("b{number}"), ReplicateSet::default()))
            .collect();
        benchmarks.insert("a".to_owned(), clear.clone());
        settled(&benchmarks, &stopping).len()
    };
    assert_eq!(beside(0), 1);
    assert_eq!(beside(30), 0);
}

/// Returns a replicate in which base takes a second.
fn replicate(head_ns: u64) -> Replicate {
    let sample = |elapsed_ns| Sample {
        elapsed_ns,
        iterations: 1,
    };
    Replicate {
        seed: 0,
        clock: Clock::Wall,
        rounds: vec![Round {
            order: Order::BaseHead,
            base: sample(1_000_000_000),
            head: sample(head_ns),
        }],
    }
}

#[test]
fn seeds_are_repeatable() {
    assert_eq!(hash_seed(7, 0), hash_seed(7, 0));
    assert_ne!(hash_seed(7, 0), hash_seed(8, 0));
}

/// Returns a benchmark whose head is this much slower than base, in one process after another.
fn varying(percents: &[i64]) -> (Act, Act) {
    let base = 1_000_000;
    let head = percents
        .iter()
        .map(|percent| (base + base / 100 * percent) as u64);
    (Act::Takes(base as u64), Act::TakesByProcess(head.collect()))
}

fn counts(measured: &Measured) -> Vec<(&str, usize, u32)> {
    let rows = measured.benchmarks.iter();
    rows.map(|(name, rounds)| (name.as_str(), rounds.replicates.len(), rounds.looks))
        .collect()
}

#[test]
fn clear_cases_end_early_and_open_ones_go_on() {
    let (noisy_base, noisy_head) = varying(&[-2, 2]);
    let (twice_base, twice_head) = varying(&[99, 101]);
    let mut script = Script::new(&[
        ("noisy", noisy_base, noisy_head),
        ("same", Act::Takes(3_000), Act::Takes(3_000)),
        ("twice", twice_base, twice_head),
    ]);
    let far = schedule(0).until;
    let measured = run_until(&mut script, Sampling::UntilSettled, far).unwrap();
    // From tables of t: ±2 % in turn has a half width of 2.2 % at the sixth look (16 of 20 kept, 15 degrees of freedom,
    // 0.0015 in both tails), and of 1.8 % at the seventh (24 of 30, 23 degrees, 0.001). An unchanged benchmark takes
    // five.
    assert_eq!(
        counts(&measured),
        [("noisy", 30, 7), ("same", 5, 2), ("twice", 3, 1)]
    );
}

#[test]
fn a_slow_benchmark_delays_itself_only() {
    let mut script = Script::new(&[
        ("fast", Act::Takes(3_000), Act::Takes(3_000)),
        ("slow", Act::Takes(600_000_000), Act::Takes(600_000_000)),
    ]);
    let benchmarks = script.benchmarks();
    let mut schedule = schedule(0);
    schedule.replicates = None;
    let stopping = Stopping {
        call_times: BTreeMap::from([("slow".to_owned(), Duration::from_millis(600))]),
        sampling: Sampling::UntilSettled,
        goal: Goal::Verdict,
        thresholds: Threshold::from_percent(TWO_PERCENT).into(),
        budget_ends: schedule.until,
    };
    let measured = measure(
        &schedule,
        stopping,
        BTreeMap::new(),
        &spec(None),
        &benchmarks,
        &mut script,
        &mut |_| {},
    )
    .unwrap();
    assert_eq!(counts(&measured), [("fast", 5, 2), ("slow", 5, 2)]);
    let log = script.log.borrow();
    let place = |line: &str| log.iter().position(|other| other == line);
    let last = log.iter().rposition(|line| line == "base leave fast");
    assert!(last < place("base enter slow"), "{log:?}");
}

#[test]
fn the_budget_ends_what_stays_open() {
    let (base, head) = varying(&[-30, 30]);
    let mut script = Script::new(&[
        ("noisy", base, head),
        ("same", Act::Takes(3_000), Act::Takes(3_000)),
    ]);
    let measured = run_until(&mut script, Sampling::UntilSettled, Instant::now()).unwrap();
    // Two are the fewest that have an interval; they are looked at once.
    assert_eq!(counts(&measured), [("noisy", 2, 1), ("same", 2, 1)]);
    assert_eq!(measured.stopped, None);
}

#[test]
fn a_decision_is_there_before_the_verdict() {
    let far = Instant::now() + Duration::from_secs(3_600);
    let worth = Goal::Decision(Worth::from_percent(20.0));
    let (base, head) = varying(&[-3, 3]);
    let mut script = Script::new(&[
        ("noisy", base, head),
        ("twice", Act::Takes(20_000), Act::Takes(10_000)),
    ]);
    let measured = run_for(worth, &mut script, Sampling::UntilSettled, far).unwrap();
    // ±3 % in turn has a half width of 13 % at the second look (4 degrees of freedom, 0.0005 in both tails); a speedup
    // of 20 % is 18.2 % away.
    assert_eq!(counts(&measured), [("noisy", 5, 2), ("twice", 3, 1)]);
}

#[test]
fn the_first_calls_are_all_that_a_decision_asks_of_slow_code() {
    let worth = Goal::Decision(Worth::from_percent(20.0));
    let mut script = Script::new(&[
        ("slow", Act::Takes(50_000_000), Act::Takes(40_000_000)),
        ("slower", Act::Takes(700_000_000), Act::Takes(600_000_000)),
    ]);
    let until = schedule(0).until;
    let measured = run_for(worth, &mut script, Sampling::Exactly(2), until).unwrap();
    for rounds in measured.benchmarks.values() {
        let rounds: Vec<&[Round]> = rounds
            .replicates
            .iter()
            .map(|replicate| replicate.rounds.as_slice())
            .collect();
        assert_eq!(
            rounds.iter().map(|rounds| rounds.len()).collect::<Vec<_>>(),
            [1, 1]
        );
        assert_eq!(
            [rounds[0][0].order, rounds[1][0].order],
            [Order::BaseHead, Order::HeadBase]
        );
    }
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

/// Returns the requests to enter a benchmark, in their order.
fn entries(script: &Script) -> Vec<String> {
    let log = script.log.borrow();
    log.iter()
        .filter(|line| line.contains(" enter "))
        .cloned()
        .collect()
}

#[test]
fn calls_that_use_up_what_their_fixtures_made_get_fixtures_of_their_own() {
    let spent = |first_ns| Act::UsesUp {
        first_ns,
        later_ns: 2_000,
    };
    let mut script = Script::new(&[
        ("spent", spent(24_000_000), spent(300_000)),
        ("usual", Act::Takes(1_000), Act::Takes(1_000)),
    ]);
    let measured = run(&mut script, 3).unwrap();
    let spent = &measured.benchmarks["spent"];
    assert!(spent.set_up_each_call);
    assert_eq!(spent.replicates.len(), 3);
    assert_eq!(spent.median_ns(Side::Base), 24_000_000.0);
    assert_eq!(spent.median_ns(Side::Head), 300_000.0);
    let used_up = spent.used_up.unwrap();
    assert_eq!(
        (used_up.base.first_ns, used_up.base.later_ns),
        (24_000_000.0, 2_000.0)
    );
    assert_eq!(spent.first_calls_apart(), None);
    assert!(!measured.benchmarks["usual"].set_up_each_call);
    assert_eq!(
        set_up_each_call(&measured.benchmarks),
        BTreeSet::from(["spent".to_owned()])
    );
    let of_spent: Vec<String> = entries(&script)
        .into_iter()
        .filter(|line| line.ends_with("spent") && line.starts_with("base"))
        .collect();
    assert_eq!(of_spent[0], "base enter spent");
    assert_eq!(of_spent[1..], ["base enter with set-ups spent"; 3]);
}

#[test]
fn a_first_call_that_is_slow_whatever_is_set_up_leaves_the_set_up_as_it_is() {
    let cold = |first_ns| Act::IsColdAtFirst {
        first_ns,
        later_ns: 200_000,
    };
    let mut script = Script::new(&[("cold", cold(9_000_000), cold(9_000_000))]);
    let measured = run(&mut script, 3).unwrap();
    let cold = &measured.benchmarks["cold"];
    assert!(!cold.set_up_each_call);
    assert_eq!(cold.replicates.len(), 3);
    assert_eq!(cold.median_ns(Side::Base), 200_000.0);
    assert_eq!(set_up_each_call(&measured.benchmarks), BTreeSet::new());
    let with_set_ups = entries(&script)
        .into_iter()
        .filter(|line| line.contains("with set-ups"));
    assert_eq!(with_set_ups.count(), 2);
}

#[test]
fn a_second_call_that_fails_gets_fixtures_of_its_own() {
    let mut script = Script::new(&[
        ("broken", Act::FailsInSample, Act::FailsInSample),
        (
            "inserts",
            Act::FailsTheSecondTime(400_000),
            Act::FailsTheSecondTime(200_000),
        ),
    ]);
    let measured = run(&mut script, 3).unwrap();
    let inserts = &measured.benchmarks["inserts"];
    assert!(inserts.set_up_each_call);
    assert_eq!(inserts.used_up, None);
    assert_eq!(inserts.replicates.len(), 3);
    assert_eq!(rows(&measured), ["broken Failed on base: target broke"]);
    assert_eq!(
        set_up_each_call(&measured.benchmarks),
        BTreeSet::from(["inserts".to_owned()])
    );
}

#[test]
fn fixtures_that_cannot_be_set_up_again_lose_nothing() {
    let once = |first_ns| Act::UsesUpWhatThereIsOnce {
        first_ns,
        later_ns: 200_000,
    };
    let mut script = Script::new(&[("once", once(9_000_000), once(900_000))]);
    let measured = run(&mut script, 3).unwrap();
    assert_eq!(measured.failures, []);
    let once = &measured.benchmarks["once"];
    assert!(!once.set_up_each_call);
    assert_eq!(once.replicates.len(), 3);
    assert!(once.first_calls_apart().is_some());
}
