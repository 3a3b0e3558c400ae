//! Fixtures for each call.

use super::*;

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
