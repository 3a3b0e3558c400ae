//! Races with known answers. `cargo run --release --package deadheat-core --example race` simulates more of them.

mod simulated;

use deadheat_core::judge::race::{Race, Standing, Times};
use deadheat_core::judge::stats::Threshold;

use simulated::{End, Noise, Outcome, Random, all_pairwise, race, slower_by};

/// Runs a race in which nearly nothing is left to chance, and counts its replicates.
fn plain_race(times: &[f64]) -> (Race, usize) {
    let mut race = Race::new(times.len(), Threshold::from_percent(2.0));
    for index in 0..200 {
        let challengers = race.challengers();
        if challengers.is_empty() {
            return (race, index);
        }
        add(&mut race, times, index);
    }
    panic!("it does not end");
}

fn add(race: &mut Race, times: &[f64], index: usize) {
    let wiggle = 1e-4 * (index % 3) as f64;
    let leader = times[race.leader()];
    let log_ratios: Vec<(usize, f64)> = race
        .challengers()
        .into_iter()
        .map(|challenger| (challenger, times[challenger] - leader + wiggle))
        .collect();
    race.add(&log_ratios);
}

fn races(count: usize, slower: &[f64], noise: &Noise) -> Vec<Outcome> {
    let mut random = Random(7);
    let times = slower_by(slower);
    (0..count).map(|_| race(&times, noise, &mut random)).collect()
}

#[test]
fn the_fastest_leads_and_the_others_drop_out() {
    let (race, _) = plain_race(&slower_by(&[10.0, 20.0, 0.0, 13.0]));
    assert_eq!(race.leader(), 2);
    assert_eq!(race.remaining(), [2]);
    assert_eq!(race.standing(0), Standing::Dropped { by: 2 });
    let lead = race.lead(0).exp_m1() * 100.0;
    assert!((9.0..10.0).contains(&lead), "{lead}");
    let to_reference = race.estimate(0, 2).unwrap();
    assert!((to_reference.center + 1.1_f64.ln()).abs() < 1e-3);
}

#[test]
fn those_within_the_threshold_are_tied_and_rest() {
    let times = slower_by(&[0.5, 0.0, 40.0, 1.0]);
    let (race, replicates) = plain_race(&times);
    assert!(race.challengers().is_empty());
    assert_eq!(race.remaining(), [0, 1, 3]);
    assert!(matches!(race.standing(2), Standing::Dropped { .. }));
    assert!(replicates <= 10, "{replicates}");
}

#[test]
fn nothing_is_decided_before_the_first_look() {
    let mut race = Race::new(3, Threshold::from_percent(2.0));
    let times = slower_by(&[0.0, 900.0, 900.0]);
    add(&mut race, &times, 0);
    add(&mut race, &times, 1);
    assert_eq!(race.challengers(), [1, 2]);
    assert_eq!(race.estimate(0, 1), None);
    // The end is a look, and a change of nine times is plain.
    race.finish();
    assert_eq!(race.remaining(), [0]);
}

#[test]
fn one_that_drops_out_keeps_the_interval_of_its_last_look() {
    let mut race = Race::new(3, Threshold::from_percent(2.0));
    let mut kept = None;
    for index in 0..30 {
        let (slow, spread) = (0.4 + 1e-4 * f64::from(index % 3), 0.05 * f64::from(index % 2));
        match race.challengers().as_slice() {
            [1, 2] => race.add(&[(1, slow), (2, spread)]),
            [2] => race.add(&[(2, spread)]),
            other => panic!("{other:?}"),
        }
        if kept.is_none() && race.challengers() == [2] {
            kept = race.estimate(0, 1);
        }
    }
    assert!(kept.is_some());
    assert_eq!(race.estimate(0, 1), kept);
    assert_eq!((race.replicates_of(1), race.replicates_of(2)), (5, 30));
}

#[test]
fn the_race_goes_on_without_one_that_fails() {
    let times = slower_by(&[3.0, 0.0, 2.0]);
    let mut race = Race::new(3, Threshold::from_percent(2.0));
    for index in 0..7 {
        add(&mut race, &times, index);
    }
    assert_eq!(
        (race.leader(), race.standing(0)),
        (1, Standing::Dropped { by: 1 })
    );
    race.withdraw(1);
    assert_eq!(race.standing(1), Standing::Withdrawn);
    // Those that were only slower than it are back, by what is known about them.
    assert_eq!(race.leader(), 2);
    assert_eq!(race.remaining(), [0, 2]);
    assert_eq!(race.standing(0), Standing::Tied);
    race.withdraw(0);
    race.withdraw(2);
    assert_eq!(race.remaining(), [0; 0]);
    assert_eq!(race.challengers(), [0; 0]);
}

#[test]
fn a_lead_goes_through_the_one_that_was_faster() {
    let mut race = Race::new(3, Threshold::from_percent(2.0));
    // The second is 10 % slower than the first; the third turns out 5 % faster after it has dropped out.
    for index in 0..5 {
        let wiggle = 1e-4 * f64::from(index);
        race.add(&[(1, 0.1 + wiggle), (2, 0.3 * f64::from(index % 2))]);
    }
    assert_eq!(race.challengers(), [2]);
    for index in 5..45 {
        race.add(&[(2, -0.05 + 1e-4 * f64::from(index % 3))]);
        if race.challengers().is_empty() {
            break;
        }
    }
    assert_eq!((race.leader(), race.remaining()), (2, vec![2]));
    assert_eq!(race.standing(1), Standing::Dropped { by: 0 });
    let direct = race.estimate(2, 1).unwrap();
    assert!(direct.bounds().0 < 0.0);
    assert!(race.lead(1) > 0.1, "{}", race.lead(1));
}

#[test]
fn a_part_of_the_whole_has_its_own_intervals() {
    let mut race = Race::new(2, Threshold::from_percent(2.0));
    let mut part = Times::default();
    for index in 0..7 {
        let wiggle = 1e-4 * f64::from(index % 3);
        part.add(2, race.leader(), &[(1, 0.5 + wiggle)]);
        race.add(&[(1, 0.1 + wiggle)]);
    }
    let (whole, part) = (
        race.estimate(0, 1).unwrap(),
        race.estimate_of(&part, 0, 1).unwrap(),
    );
    assert!((whole.center - 0.1).abs() < 1e-3 && (part.center - 0.5).abs() < 1e-3);
    assert!((whole.half_width - part.half_width).abs() < 1e-12);
}

#[test]
fn at_the_end_a_larger_difference_may_not_matter() {
    let mut race = Race::new(3, Threshold::from_percent(2.0));
    for index in 0..10 {
        let wiggle = 0.01 * f64::from(index % 2);
        race.add(&[(1, wiggle - 0.005), (2, 0.025 * f64::from(index % 3))]);
    }
    race.finish();
    let open = race.challengers();
    assert!(open.contains(&2), "{open:?}");
    race.tie_within(Threshold::from_percent(20.0));
    assert_eq!(race.challengers(), [0; 0]);
    assert_eq!(race.remaining(), [0, 1, 2]);
}

#[test]
fn equal_candidates_are_tied_and_have_no_winner() {
    for noise in [
        Noise::Normal(0.015),
        Noise::HeavyTails(0.01, 0.03),
        Noise::Shared(0.015),
    ] {
        let outcomes = races(100, &[0.0; 5], &noise);
        let tied = outcomes
            .iter()
            .filter(|outcome| matches!(&outcome.end, End::Tied(all) if all.len() == 5));
        assert!(tied.count() >= 98);
        let winners = outcomes
            .iter()
            .filter(|outcome| matches!(outcome.end, End::Winner(_)));
        assert_eq!(winners.count(), 0);
        assert!(outcomes.iter().filter(|outcome| !outcome.covers).count() <= 3);
    }
}

#[test]
fn the_best_of_eight_is_found_with_far_fewer_pairs_than_all_comparisons() {
    let slower = [3.0, 5.0, 3.0, 8.0, 3.0, 0.0, 4.0, 3.0];
    let noise = Noise::Normal(0.015);
    let outcomes = races(100, &slower, &noise);
    let right = outcomes.iter().filter(|outcome| outcome.end == End::Winner(5));
    assert!(right.count() >= 99);
    let pairs: usize = outcomes.iter().map(|outcome| outcome.pairs).sum();
    let mut random = Random(8);
    let of_all: usize = (0..10)
        .map(|_| all_pairwise(&slower_by(&slower), &noise, &mut random))
        .sum();
    assert!(
        (pairs as f64) / 100.0 < 0.6 * of_all as f64 / 10.0,
        "{pairs} {of_all}"
    );
}
