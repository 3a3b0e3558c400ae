//! When a benchmark has had enough replicates.

use super::*;

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
        machine: None,
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
fn a_prescribed_number_of_replicates_ends_them_although_more_may_follow() {
    let mut script = Script::new(&[("a", Act::Takes(3_000), Act::Takes(3_000))]);
    let mut schedule = schedule(0);
    schedule.replicates = None;
    let until = schedule.until;
    let measured = run_by(&schedule, Goal::Verdict, &mut script, Sampling::Exactly(1), until).unwrap();
    assert_eq!(counts(&measured), [("a", 1, 1)]);
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
    // Two are the fewest that have an interval; they get one look.
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
