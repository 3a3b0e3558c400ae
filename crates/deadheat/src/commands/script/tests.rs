//! Tests of the rows, the resources and the plan of a command.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::Path;

use super::*;
use deadheat_core::judge::stats::Threshold;
use deadheat_core::model::{Missing, MissingReason, PerSide, Resource, Sample, Side};
use deadheat_core::script_output::TOTAL;

use crate::commands::script::executor::Usage;
use crate::commands::script::resources::resources;
use crate::commands::script::rows::CommandRun;
use crate::commands::script::rows::Rows;
use crate::commands::script::runner::in_worktree;
use crate::error::Failure;
use crate::passes::measure::Goal;

fn sample(elapsed_ns: u64) -> Sample {
    Sample {
        elapsed_ns,
        iterations: 1,
    }
}

fn ran(times: &[(&str, u64)]) -> CommandRun {
    CommandRun {
        usage: Usage {
            elapsed_ns: 100,
            user_ns: 150,
            system_ns: 30,
            peak_bytes: 1 << 20,
        },
        times: times
            .iter()
            .map(|&(key, time)| (key.to_owned(), sample(time)))
            .collect(),
        numbers: Vec::new(),
    }
}

fn rows(base: &[&str], head: &[&str]) -> (Result<Rows, Failure>, Vec<Missing>) {
    let times = |keys: &[&str]| ran(&keys.iter().map(|&key| (key, 1)).collect::<Vec<_>>());
    let script = Script {
        command: "make bench".to_owned(),
        output: Some("out.json".to_owned()),
    };
    let mut missing = Vec::new();
    let rows = Rows::of(&script, &PerSide::new(times(base), times(head)), &mut missing);
    (rows, missing)
}

#[test]
fn rows_come_in_the_order_of_head_and_the_total_last() {
    let (rows, missing) = rows(&["a", "b", "c", TOTAL], &[TOTAL, "c", "new", "a"]);
    let rows = rows.unwrap();
    assert_eq!(rows.all, ["c", "a", TOTAL]);
    assert_eq!(rows.listed(), ["c", "a"]);
    let missing: Vec<_> = missing
        .iter()
        .map(|row| (row.benchmark.as_str(), row.reason, row.side))
        .collect();
    assert_eq!(
        missing,
        [
            ("new", MissingReason::OnlyHead, Some(Side::Head)),
            ("b", MissingReason::OnlyBase, Some(Side::Base))
        ]
    );
}

#[test]
fn a_total_that_one_side_lacks_is_none() {
    let (rows, missing) = rows(&["a", TOTAL], &["a"]);
    assert_eq!(rows.unwrap().total, None);
    assert_eq!(missing[0].benchmark, TOTAL);
}

#[test]
fn a_total_alone_is_a_row() {
    let (rows, _) = rows(&[TOTAL], &[TOTAL]);
    assert_eq!(rows.unwrap().listed(), [TOTAL]);
}

#[test]
fn sides_without_a_common_key_cannot_be_compared() {
    let (rows, _) = rows(&["a"], &["b"]);
    assert!(rows.unwrap_err().message.ends_with("base: `a`; head: `b`"));
}

#[test]
fn a_command_is_on_several_cores_when_its_processor_time_is_more_than_the_time() {
    assert!((ran(&[]).usage.cores() - 1.8).abs() < 1e-9);
}

#[test]
fn what_is_shorter_than_a_tick_is_not_divided() {
    let usage = |user_ns, system_ns| Usage {
        user_ns,
        system_ns,
        ..ran(&[]).usage
    };
    let pair = PerSide::new(usage(30_000_000, 4_000_000), usage(5_000_000, 0));
    let rows = resources("a", &[pair; 3], 1);
    let kinds: Vec<Resource> = rows.iter().map(|row| row.resource).collect();
    assert_eq!(kinds, [Resource::UserTime, Resource::PeakMemory]);
    assert_eq!(rows[0].replicates, [PerSide::new(30e6, 5e6); 3]);
}

#[test]
fn a_plan_has_two_pairs_at_least_and_ends_with_the_budget() {
    let plan = |pair: f64, sampling, budget: f64| {
        let stopping = Stopping {
            call_times: BTreeMap::new(),
            sampling,
            goal: Goal::Verdict,
            thresholds: Threshold::from_percent(2.0).into(),
            budget_ends: Instant::now() + Duration::from_secs_f64(budget),
        };
        let before = Duration::from_secs(1);
        plan(&["a".to_owned()], before, Duration::from_secs_f64(pair), stopping).estimated_seconds
    };
    assert!((plan(1.0, Sampling::UntilSettled, 60.0) - 11.0).abs() < 0.1);
    assert!((plan(10.0, Sampling::UntilSettled, 60.0) - 61.0).abs() < 0.1);
    assert!((plan(100.0, Sampling::UntilSettled, 60.0) - 201.0).abs() < 0.1);
    assert!((plan(1.0, Sampling::Exactly(7), 0.0) - 8.0).abs() < 0.1);
}

#[test]
fn the_users_checkout_gives_way_to_the_worktree() {
    let value = OsString::from("/home/me/project/src:/opt/lib:src:/home/me/projects");
    let variables = BTreeMap::from([(OsString::from("PYTHONPATH"), value)]);
    let moved = in_worktree(variables, Path::new("/home/me/project"), Path::new("/cache/base"));
    assert_eq!(
        moved[&OsString::from("PYTHONPATH")],
        "/cache/base/src:/opt/lib:src:/home/me/projects"
    );
}
