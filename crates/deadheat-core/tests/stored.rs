//! Judging a stored report again gives the same numbers, to the last digit, and other verdicts with another threshold.

mod fixture;

use std::collections::BTreeMap;

use deadheat_core::judge::sequential::Sampling;
use deadheat_core::judge::stats::Threshold;
use deadheat_core::judge::thresholds::Thresholds;
use deadheat_core::judge::{MeasuredBenchmark, Unsound, judge, judge_again, noise};
use deadheat_core::model::{Clock, OpenReason, Order, Replicate, Report, Round, Sample, ToSettle, Verdict};
use deadheat_core::output::OutputCheck;

use fixture::{report, report_on_machines};

/// Writes a report and reads it back.
fn stored(report: &Report) -> Report {
    serde_json::from_str(&serde_json::to_string(report).unwrap()).unwrap()
}

#[test]
fn a_report_with_every_kind_of_row_comes_out_as_it_was() {
    let report = report();
    let again = judge_again(stored(&report), None).unwrap();
    // Part by part, because the message for the whole would print all samples.
    for (row, before) in again.comparisons.iter().zip(&report.comparisons) {
        assert_eq!(row.estimate, before.estimate);
        assert_eq!((row.verdict, row.reason), (before.verdict, before.reason));
        assert_eq!(row.to_settle, before.to_settle);
    }
    assert!(again == report);
}

#[test]
fn a_report_of_several_machines_comes_out_as_it_was() {
    let report = report_on_machines();
    assert!(
        report
            .comparisons
            .iter()
            .any(|row| row.reason == Some(OpenReason::MachinesDisagree))
    );
    assert!(judge_again(stored(&report), None).unwrap() == report);
    // The kinds still disagree, but their verdicts do not.
    let coarse = judge_again(stored(&report), Some(50.0)).unwrap();
    assert_eq!(coarse.comparisons[1].agreement, report.comparisons[1].agreement);
    assert_eq!(coarse.comparisons[1].verdict, Verdict::Unchanged);
    let mut elsewhere = report;
    elsewhere.comparisons[0].replicates[0].machine = Some(4);
    let benchmark = elsewhere.comparisons[0].benchmark.clone();
    assert_eq!(judge_again(elsewhere, None), Err(Unsound::Samples { benchmark }));
}

#[test]
fn the_noise_of_a_machine_comes_out_as_it_was() {
    let mut report = report();
    report.noise = Some(noise(&report.comparisons, 12, &report.settings.thresholds()));
    assert!(judge_again(stored(&report), None).unwrap() == report);
}

#[test]
fn verdicts_follow_another_threshold_and_samples_do_not() {
    let report = report();
    let coarse = judge_again(stored(&report), Some(50.0)).unwrap();
    assert_eq!(coarse.settings.threshold_percent, 50.0);
    let verdicts: Vec<Verdict> = coarse.comparisons.iter().map(|row| row.verdict).collect();
    use Verdict::{Improved, Inconclusive, Unchanged};
    assert_eq!(
        verdicts,
        [Unchanged, Unchanged, Unchanged, Inconclusive, Improved, Unchanged]
    );
    assert_eq!(coarse.summary.counts.unchanged, 4);
    for (row, before) in coarse.comparisons.iter().zip(&report.comparisons) {
        assert_eq!(row.estimate, before.estimate);
        assert!(row.replicates == before.replicates);
    }
    // A row that was not confirmed does not become a regression again.
    let again = judge_again(coarse, Some(2.0)).unwrap();
    assert_eq!(again.comparisons[5].reason, Some(OpenReason::NotConfirmed));
    assert_eq!(again.summary, report.summary);
}

#[test]
fn an_open_row_says_what_would_settle_it_and_no_other_does() {
    let replicates = |log_ratios: &[f64]| -> Vec<Replicate> {
        let each = log_ratios.iter().zip(0..);
        each.map(|(log_ratio, seed)| {
            let sample = |elapsed_ns| Sample {
                elapsed_ns,
                iterations: 1,
            };
            Replicate {
                seed,
                clock: Clock::Wall,
                machine: None,
                rounds: vec![Round {
                    order: Order::BaseHead,
                    base: sample(1_000_000_000),
                    head: sample((1e9 * log_ratio.exp()).round() as u64),
                }],
            }
        })
        .collect()
    };
    let to_settle = |log_ratios: &[f64]| {
        let measured = MeasuredBenchmark {
            benchmark: "test_a".to_owned(),
            replicates: replicates(log_ratios),
            looks: 2,
            replicate_seconds: 1.5,
            output: (OutputCheck::Same, None),
            ..MeasuredBenchmark::default()
        };
        let thresholds = Thresholds::new(Threshold::from_percent(2.0), BTreeMap::new());
        let (rows, _, _) = judge(vec![measured], Sampling::UntilSettled, &thresholds);
        (rows[0].verdict, rows[0].to_settle)
    };
    let needs = |replicates, seconds| Some(ToSettle { replicates, seconds });
    let open = Verdict::Inconclusive;
    assert_eq!(to_settle(&[-0.005, 0.005]), (open, needs(5, 7.5)));
    assert_eq!(
        to_settle(&[0.0, 0.005, 0.01, 0.015, 0.02]),
        (open, needs(9, 13.5))
    );
    // Too many replicates to wait for.
    assert_eq!(to_settle(&[0.0097, 0.0147, 0.0197, 0.0247, 0.0297]), (open, None));
    assert_eq!(
        to_settle(&[0.0, 0.0001, 0.0002, 0.0001, 0.0]),
        (Verdict::Unchanged, None)
    );
    assert_eq!(
        to_settle(&[0.5, 0.5001, 0.5002, 0.5001, 0.5]),
        (Verdict::Regressed, None)
    );
}

#[test]
fn what_would_settle_a_row_is_known_again_after_another_threshold() {
    let report = report();
    let there_and_back = |report: &Report| {
        let coarse = judge_again(stored(report), Some(2_000.0)).unwrap();
        assert_eq!(coarse.comparisons[3].to_settle, None);
        let fine = judge_again(stored(&coarse), Some(2.0)).unwrap();
        fine.comparisons[3].to_settle.unwrap()
    };
    let before = report.comparisons[3].to_settle.unwrap();
    assert!(before.seconds > 0.0);
    assert_eq!(there_and_back(&report), before);
    // As before `replicate_seconds` was stored.
    let mut older = report;
    for row in &mut older.comparisons {
        row.replicate_seconds = None;
    }
    assert!(judge_again(stored(&older), None).unwrap() == older);
    let after = there_and_back(&older);
    assert_eq!(after.replicates, before.replicates);
    assert!((after.seconds / before.seconds - 1.0).abs() < 1e-12);
}

#[test]
fn a_total_that_a_command_gave_itself_stays_and_gets_its_verdict() {
    let mut report = report();
    report.settings.script = Some("make bench".to_owned());
    report.settings.script_output = Some("out.json".to_owned());
    let total = report.summary.total.as_mut().unwrap();
    total.estimate = report.comparisons[0].estimate;
    total.verdict = Verdict::Improved;
    total.reason = None;
    let same = judge_again(stored(&report), None).unwrap();
    assert_eq!(same.summary.total, report.summary.total);
    let coarse = judge_again(stored(&report), Some(60.0)).unwrap();
    assert_eq!(coarse.summary.total.unwrap().verdict, Verdict::Unchanged);
}

#[test]
fn what_no_run_writes_is_refused() {
    let refused = |change: fn(&mut Report)| {
        let mut report = report();
        change(&mut report);
        judge_again(report, None).unwrap_err()
    };
    assert_eq!(
        refused(|report| report.settings.threshold_percent = 0.0),
        Unsound::Threshold
    );
    assert_eq!(
        refused(|report| report.revisions.base.commit = "ä/b".to_owned()),
        Unsound::Commit
    );
    let samples = |refused| matches!(refused, Unsound::Samples { .. });
    assert!(samples(refused(|report| {
        report.comparisons[2].replicates.truncate(1);
    })));
    assert!(samples(refused(|report| {
        report.comparisons[2].replicates[3].rounds.clear();
    })));
    assert!(samples(refused(|report| {
        report.comparisons[2].replicates[3].rounds[0].base.iterations = 0;
    })));
    assert!(samples(refused(
        |report| report.comparisons[2].looks = 4_000_000_000
    )));
    assert!(samples(refused(|report| report.resources[0].replicates.clear())));
}
