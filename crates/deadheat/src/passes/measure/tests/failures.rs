//! Benchmarks and workers that fail, and sides that cannot run at once.

use super::*;

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
    assert!(rows[6].contains(": it is too slow or hangs\n"));
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
    for pair in replicates.iter().flat_map(|replicate| &replicate.rounds) {
        assert!((pair.head.per_iteration_ns() / pair.base.per_iteration_ns() - 2.0).abs() < 1e-9);
    }
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
        for pair in replicates.iter().flat_map(|replicate| &replicate.rounds) {
            let times = pair.head.per_iteration_ns() / pair.base.per_iteration_ns();
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
