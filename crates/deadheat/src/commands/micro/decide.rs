//! Turns the measurements of a pre-screen into its decision.

use std::time::Duration;

use deadheat_core::micro::{Decision, MicroReport, Worth};
use deadheat_core::model::{Side, SideTime};
use deadheat_core::output as outputs;
use deadheat_core::output::OutputCheck;
use deadheat_core::report::{self, MeasuredBenchmark};
use deadheat_core::stats::{self, FEWEST_REPLICATES};

use crate::commands::common::row_warnings::warnings_of_row;
use crate::commands::micro::caveats;
use crate::commands::micro::pending_requests::{PendingRequests, doing};
use crate::commands::micro::screening::{RESERVE, Screening};
use crate::commands::micro::variants::Variants;
use crate::passes::measure::{Measured, ReplicateSet, Stopping};

/// The number of process pairs that the first look takes.
const FEWEST_LOOKED_AT: f64 = 5.0;

/// The measurements, and the rules for deciding.
pub(super) struct Screened {
    pub(super) rounds: ReplicateSet,
    /// The time of one replicate.
    pub(super) replicate: Duration,
    /// The time until the first process pair.
    pub(super) before: Duration,
    pub(super) stopping: Stopping,
    pub(super) worth: Worth,
}

impl Screened {
    pub(super) fn new(
        subject: &Variants,
        mut measured: Measured,
        before: Duration,
        stopping: Stopping,
        worth: Worth,
    ) -> Self {
        let rounds = measured.benchmarks.remove(&subject.target).unwrap_or_default();
        let replicate = match rounds.replicate_seconds > 0.0 {
            true => Duration::from_secs_f64(rounds.replicate_seconds),
            false => measured.replicate_time,
        };
        Screened {
            rounds,
            replicate,
            before,
            stopping,
            worth,
        }
    }

    /// Returns the seconds that a run with this number of replicates takes.
    fn seconds_of(&self, replicates: f64) -> f64 {
        (self.before + RESERVE).as_secs_f64() + replicates * self.replicate.as_secs_f64()
    }
}

impl Screening<'_> {
    /// Adds the decision to the report, or what it lacks.
    pub(super) fn decide(
        &self,
        subject: &Variants,
        screened: Screened,
        unanswered: &PendingRequests,
        report: &mut MicroReport,
    ) {
        let rounds = &screened.rounds;
        (report.output, report.output_difference) =
            outputs::check(&rounds.outputs.base, &rounds.outputs.head);
        if report.output == OutputCheck::NotComparable {
            let outputs = &rounds.outputs;
            report.output_reason = Some(outputs::why_not_comparable(&outputs.base, &outputs.head));
        }
        let difference = report.output_difference.as_ref();
        let of_row = warnings_of_row(&subject.target, rounds, None, None, difference);
        // These come before the warnings about the machine.
        let doubts = caveats::complete(of_row, rounds, &self.options.asked, &subject.names);
        report.warnings.splice(0..0, doubts);
        report.replicates.clone_from(&rounds.replicates);
        if rounds.replicates.len() < FEWEST_REPLICATES {
            self.explain_too_few(subject, &screened, unanswered, report);
        } else {
            judge(subject, screened, report);
        }
        if report.decision == Decision::NoAnswer
            && let Some(seconds) = report.seconds_needed
        {
            report.decision_reason.push_str(&format!(
                "; an answer would take about {seconds:.0} s (--timeout)"
            ));
        }
    }

    fn explain_too_few(
        &self,
        subject: &Variants,
        screened: &Screened,
        unanswered: &PendingRequests,
        report: &mut MicroReport,
    ) {
        let waiting = unanswered.borrow();
        let slow: Vec<String> = Side::BOTH
            .into_iter()
            .filter_map(|side| {
                let request = waiting.get(side).as_ref()?;
                Some(format!("{} {}", subject.names.get(side), doing(request)))
            })
            .collect();
        let slow = match slow.as_slice() {
            [] => String::new(),
            slow => format!(", when {}", slow.join(" and ")),
        };
        let count = screened.rounds.replicates.len();
        report.decision_reason = format!(
            "{count} of at least {FEWEST_LOOKED_AT} process pairs could be measured in {} s{slow}",
            self.options.timeout.as_secs_f64()
        );
        if count > 0 {
            report.seconds_needed = Some(screened.seconds_of(FEWEST_LOOKED_AT));
        }
    }
}

/// Judges the measurements, which are enough for an interval.
fn judge(subject: &Variants, screened: Screened, report: &mut MicroReport) {
    let log_ratios = stats::log_ratios(&screened.rounds.replicates);
    let looks = screened.rounds.looks;
    let estimate = screened.stopping.sampling.estimate(&log_ratios, looks);
    let worth = &screened.worth;
    let decision = estimate.and_then(|estimate| worth.decide(&estimate));
    if decision.is_none() {
        let more = worth.replicates_to_decide(&log_ratios, looks);
        let count = log_ratios.len();
        report.seconds_needed = more.map(|more| screened.seconds_of((count + more) as f64));
    }
    let row = MeasuredBenchmark {
        benchmark: subject.target.clone(),
        replicates: screened.rounds.replicates,
        looks,
        replicate_seconds: screened.rounds.replicate_seconds,
        output: (report.output, None),
        ..MeasuredBenchmark::default()
    };
    let stopping = &screened.stopping;
    let (mut comparisons, _, _) = report::judge(vec![row], stopping.sampling, &stopping.thresholds);
    let comparison = comparisons.pop().expect("there are enough replicates");
    let median = |side: SideTime| Some(side.median_ns);
    report.base.median_ns = median(comparison.base);
    report.head.median_ns = median(comparison.head);
    report.verdict = Some(comparison.verdict);
    report.reason = comparison.reason;
    report.decision = decision.unwrap_or(Decision::NoAnswer);
    report.decision_reason = worth.reason(report.decision, &comparison.estimate);
    report.estimate = Some(comparison.estimate);
    if report.decision != Decision::NoAnswer {
        for (index, caveat) in caveats::caveats(report).into_iter().enumerate() {
            let joint = if index == 0 { "; but" } else { ", and" };
            report.decision_reason.push_str(&format!("{joint} {caveat}"));
        }
    }
}
