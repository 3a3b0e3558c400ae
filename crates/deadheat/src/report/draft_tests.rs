//! Tests of what a report says about measurements, without measuring.

use std::path::PathBuf;

use clap::Parser;
use deadheat_core::model::{Clock, Order, Pair, Replicate, Sample};
use deadheat_core::output::Output;
use deadheat_core::report::BenchmarksFrom;

use super::*;
use crate::cli::{Args, CommandArgs};
use crate::passes::walk::SetbackKind;

pub(crate) fn draft(arguments: &[&str]) -> Draft {
    let words = ["deadheat", "compare"].iter().chain(arguments);
    let CommandArgs::Compare(args) = Args::parse_from(words).command else {
        panic!("it is `compare`");
    };
    let options = CompareOptions::new(*args, PathBuf::new()).unwrap();
    let revision = |name: &str| Revision {
        name: name.to_owned(),
        commit: name.to_owned(),
        dirty: false,
    };
    Draft::new(
        &options,
        &Config::default(),
        PerSide::new(revision("base"), revision("head")),
    )
}

/// Returns five replicates in which base takes 1 ms and head 2 ms.
fn twice_as_slow() -> Rounds {
    let mut rounds = Rounds::default();
    let sample = |elapsed_ns| Sample {
        elapsed_ns,
        iterations: 1,
    };
    rounds.replicates = (0..5)
        .map(|seed| Replicate {
            seed,
            clock: Clock::Wall,
            pairs: vec![Pair {
                order: Order::BaseHead,
                base: sample(1_000_000),
                head: sample(2_000_000 + u64::from(seed)),
            }],
        })
        .collect();
    rounds.looks = 2;
    rounds
}

fn measured(rounds: Rounds) -> Measured {
    Measured {
        benchmarks: [("a.py::a".to_owned(), rounds)].into(),
        newly: 5,
        project_modules: PerSide::new(1, 1),
        ..Measured::default()
    }
}

fn concluded(arguments: &[&str], measured: Measured) -> Draft {
    let mut draft = draft(arguments);
    let origin = Origin {
        from: BenchmarksFrom::Head,
        replaced: BTreeSet::new(),
    };
    draft.controls = ["a.py::a".to_owned()].into();
    conclude(&mut draft, vec!["a.py::a".to_owned()], measured, &origin);
    draft
}

fn codes(draft: &Draft) -> Vec<WarningCode> {
    let of_rows = draft.report.comparisons.iter().flat_map(|row| &row.warnings);
    let all = draft.report.warnings.iter().chain(of_rows);
    all.map(|warning| warning.code).collect()
}

#[test]
fn a_benchmark_that_fails_later_keeps_its_numbers_and_says_so() {
    let failed = Setback {
        benchmark: "a.py::a".to_owned(),
        side: Some(Side::Head),
        kind: SetbackKind::Failed,
        message: "E   OSError: no more".to_owned(),
    };
    let draft = concluded(
        &[],
        Measured {
            setbacks: vec![failed],
            ..measured(twice_as_slow())
        },
    );
    assert_eq!(draft.report.missing, []);
    let said = draft.report.comparisons[0]
        .warnings
        .iter()
        .find(|warning| warning.code == WarningCode::FailedLater);
    assert!(said.unwrap().message.ends_with("OSError: no more"));
}

#[test]
fn setting_up_that_takes_most_of_the_time_is_said() {
    let taking = |seconds: f64, inside: f64| {
        let times = Measured {
            replicate_time: Duration::from_secs_f64(seconds),
            inside: Duration::from_secs_f64(inside),
            ..measured(twice_as_slow())
        };
        codes(&concluded(&[], times)).contains(&WarningCode::ExpensiveSetup)
    };
    let long = 2.0 * EXPENSIVE.as_secs_f64();
    assert!(taking(long, 0.01 * long));
    assert!(!taking(long, 0.9 * long));
    assert!(!taking(0.5 * EXPENSIVE.as_secs_f64(), 0.0));
}

#[test]
fn only_what_is_seen_to_return_the_same_is_a_control() {
    let returning = |base: i64, head: i64| {
        let mut rounds = twice_as_slow();
        for (outputs, value) in [(&mut rounds.outputs.base, base), (&mut rounds.outputs.head, head)] {
            for _ in 0..2 {
                let value = serde_json::json!(["int", value.to_string()]);
                outputs.add(Output::Value { value });
            }
        }
        concluded(&[], measured(rounds)).report.comparisons.remove(0)
    };
    assert!(returning(1, 1).is_control);
    assert!(!returning(1, 2).is_control);
}

#[test]
fn messages_have_the_repositorys_own_paths_whichever_side_they_come_from() {
    let mut draft = draft(&[]);
    draft.report.missing = ["/tmp/run/base/a.py:1", "/tmp/run/head/a.py:1"]
        .map(|message| Missing {
            benchmark: "a.py::a".to_owned(),
            side: None,
            reason: MissingReason::Failed,
            message: message.to_owned(),
        })
        .to_vec();
    draft.leave_checkouts_out(PerSide::new(
        Path::new("/tmp/run/base"),
        Path::new("/tmp/run/head"),
    ));
    let messages = draft.report.missing.iter().map(|row| row.message.as_str());
    assert!(messages.eq(["a.py:1", "a.py:1"]));
}
