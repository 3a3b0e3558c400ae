use super::*;
use crate::records::row::TOTAL;

fn row(base: &str, head: &str, speedup: f64, status: &str) -> Row {
    Row {
        time: Some("2026-01-02T00:00:00Z".to_owned()),
        base: Some(base.to_owned()),
        head: Some(head.to_owned()),
        benchmark: Some(TOTAL.to_owned()),
        speedup: Some(speedup),
        status: Some(status.to_owned()),
        ..Row::default()
    }
}

fn baseline() -> Baseline {
    Baseline {
        commit: "A".to_owned(),
        date: Some("2026-01-01T00:00:00Z".to_owned()),
        branch: None,
    }
}

fn cumulative(rows: &[Row]) -> Option<(f64, Source, usize)> {
    let found = History::new(rows, Some(&baseline())).cumulative()?;
    Some((
        (found.speedup * 1000.0).round() / 1000.0,
        found.source,
        found.steps,
    ))
}

#[test]
fn steps_are_multiplied() {
    let mut rows = vec![
        row("A", "B", 1.2, "keep"),
        row("B", "X", 9.0, "discard"),
        row("B", "C", 1.5, "keep"),
        row("C", "Y", 9.0, "mixed"),
    ];
    assert_eq!(cumulative(&rows), Some((1.8, Source::ProductOfSteps, 2)));
    let known = baseline();
    let history = History::new(&rows, Some(&known));
    assert_eq!(history.last_kept(), Some("C"));
    assert_eq!(history.experiments.len(), 4);
    // A state that is measured again counts once.
    rows.push(row("B", "C", 2.0, "keep"));
    assert_eq!(cumulative(&rows), Some((2.4, Source::ProductOfSteps, 2)));
}

#[test]
fn a_measured_total_goes_before() {
    let mut rows = vec![
        row("A", "B", 1.2, "keep"),
        row("B", "C", 1.5, "keep"),
        row("A", "C", 1.7, "keep"),
    ];
    assert_eq!(cumulative(&rows), Some((1.7, Source::Measured, 1)));
    // With one more step, it is one of the steps.
    rows.push(row("C", "D", 2.0, "keep"));
    assert_eq!(cumulative(&rows), Some((3.4, Source::ProductOfSteps, 2)));
}

#[test]
fn steps_with_gaps_between_them_are_multiplied_and_that_is_said() {
    let rows = [row("A", "B", 1.2, "keep"), row("B2", "C", 1.5, "keep")];
    assert_eq!(cumulative(&rows), Some((1.8, Source::ProductOfSteps, 2)));
    let has_gaps = |rows: &[Row]| {
        let known = baseline();
        History::new(rows, Some(&known)).cumulative().unwrap().has_gaps
    };
    assert!(has_gaps(&rows));
    // A mixed experiment is in between.
    assert!(has_gaps(&[
        row("A", "B", 1.2, "mixed"),
        row("B", "C", 3.0, "keep")
    ]));
    assert!(!has_gaps(&[
        row("A", "B", 1.2, "keep"),
        row("B", "C", 3.0, "keep")
    ]));
}

fn of_benchmark(name: &str, base_ns: f64, speedup: f64, total: &Row) -> Row {
    Row {
        benchmark: Some(name.to_owned()),
        base_ns: Some(base_ns),
        speedup: Some(speedup),
        ..total.clone()
    }
}

#[test]
fn steps_that_measured_different_benchmarks_add_up_over_all_of_them() {
    let (first, second) = (row("A", "B", 4.0, "keep"), row("B", "C", 3.0, "keep"));
    let mut rows = vec![
        of_benchmark("f", 2000.0, 4.0, &first),
        first,
        of_benchmark("g", 2000.0, 2.0, &second),
        of_benchmark("f", 500.0, 5.0, &second),
        second,
    ];
    // 2000 + 2000 ns became 100 + 1000 ns.
    assert_eq!(cumulative(&rows), Some((3.636, Source::ProductOfSteps, 2)));
    // Not all of them were measured in the first, and nothing was decided in the second.
    let part = Row {
        verdict: Some("improved".to_owned()),
        ..row("A", "C", 9.0, "keep")
    };
    rows.extend([of_benchmark("f", 2000.0, 9.0, &part), part.clone()]);
    let open = Row {
        verdict: Some("inconclusive".to_owned()),
        time: Some("2026-01-03T00:00:00Z".to_owned()),
        ..row("A", "C", 7.0, "keep")
    };
    rows.extend(["f", "g"].map(|name| of_benchmark(name, 2000.0, 7.0, &open)));
    rows.push(open);
    assert_eq!(cumulative(&rows).unwrap().1, Source::ProductOfSteps);
    let whole = Row {
        time: Some("2026-01-04T00:00:00Z".to_owned()),
        ..part
    };
    rows.extend(["f", "g"].map(|name| of_benchmark(name, 2000.0, 3.5, &whole)));
    rows.push(Row {
        speedup: Some(3.5),
        ..whole
    });
    assert_eq!(cumulative(&rows), Some((3.5, Source::Measured, 1)));
}

#[test]
fn what_was_before_the_baseline_does_not_count() {
    let rows = [
        Row {
            time: Some("2025-12-31T00:00:00Z".to_owned()),
            ..row("0", "A", 3.0, "keep")
        },
        // It ended in the baseline, in the same second.
        Row {
            time: Some("2026-01-01T00:00:00Z".to_owned()),
            ..row("0", "A", 3.0, "keep")
        },
    ];
    assert_eq!(cumulative(&rows), None);
    assert_eq!(History::new(&rows, None).experiments.len(), 2);
    let known = baseline();
    assert_eq!(History::new(&rows, Some(&known)).last_kept(), None);
}

#[test]
fn dates_of_another_form_leave_nothing_out() {
    let rows = [row("A", "B", 1.5, "keep")];
    for (date, count) in [
        ("yesterday", 1),
        ("2026-01-02", 1),
        ("2026-01-03", 0),
        ("3 January", 1),
        ("二〇二六", 1),
    ] {
        let known = Baseline {
            date: Some(date.to_owned()),
            ..baseline()
        };
        assert_eq!(
            History::new(&rows, Some(&known)).experiments.len(),
            count,
            "{date}"
        );
    }
}

#[test]
fn unknown_numbers_are_left_out() {
    assert_eq!(cumulative(&[]), None);
    let mut unknown = row("A", "B", 1.0, "keep");
    unknown.speedup = None;
    assert_eq!(cumulative(std::slice::from_ref(&unknown)), None);
    let rows = [unknown, row("B", "C", 1.5, "Keep")];
    assert_eq!(cumulative(&rows), Some((1.5, Source::ProductOfSteps, 1)));
}

#[test]
fn hashes_may_be_shortened() {
    assert!(is_commit(Some("0123456789"), "01234567"));
    assert!(!is_commit(Some("0123456789"), "012345"));
    assert!(!is_commit(None, "01234567"));
}

#[test]
fn the_newest_status_of_a_commit_counts() {
    let known = baseline();
    let last_kept = |rows: &[Row]| {
        let history = History::new(rows, Some(&known));
        history.last_kept().map(str::to_owned)
    };
    let mut rows = vec![row("A", "B", 1.2, "keep"), row("B", "C", 1.5, "keep")];
    rows.push(row("A", "C", 1.8, "checks_failed"));
    assert_eq!(last_kept(&rows).as_deref(), Some("B"));
    rows.push(row("B", "C", 1.5, "keep"));
    assert_eq!(last_kept(&rows).as_deref(), Some("C"));
    let history = History::new(&rows, Some(&known));
    let once: Vec<_> = history
        .once(StatusEffect::Kept)
        .iter()
        .map(|row| row.head.clone().unwrap())
        .collect();
    assert_eq!(once, ["B", "C"]);
    assert!(history.once(StatusEffect::Discarded).is_empty());
}
