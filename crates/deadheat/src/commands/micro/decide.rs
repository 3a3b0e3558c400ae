//! Turns the measurements of a pre-screen into its decision.

use std::time::Duration;

use deadheat_core::judge;
use deadheat_core::judge::MeasuredBenchmark;
use deadheat_core::judge::stats::{self, FEWEST_REPLICATES, Threshold};
use deadheat_core::micro::{Decision, Worth};
use deadheat_core::model::{Comparison, Replicate, Side, Warning};
use deadheat_core::output as outputs;
use deadheat_core::output::{Difference, OutputCheck};

use crate::commands::common::row_warnings::warnings_of_row;
use crate::commands::micro::caveats;
use crate::commands::micro::pending_requests::{PendingRequests, doing};
use crate::commands::micro::screening::{RESERVE, Screening};
use crate::commands::micro::variants::Variants;
use crate::passes::measure::{Measured, ReplicateSet, Stopping};
use crate::passes::runner::Schedule;

/// The number of process pairs that the first look takes.
const FEWEST_LOOKED_AT: f64 = 5.0;

/// The rules for measuring and for deciding.
pub(super) struct Rules {
    pub(super) schedule: Schedule,
    pub(super) stopping: Stopping,
    pub(super) worth: Worth,
    pub(super) threshold: Threshold,
    /// The time until the first process pair.
    pub(super) before: Duration,
}

/// The decision and its grounds.
pub(super) struct Answer {
    pub(super) replicates: Vec<Replicate>,
    pub(super) output: OutputCheck,
    pub(super) output_difference: Option<Difference>,
    /// The reason why the return values cannot be compared.
    pub(super) output_reason: Option<String>,
    /// The warnings about the measured calls.
    pub(super) doubts: Vec<Warning>,
    pub(super) decision: Decision,
    pub(super) reason: String,
    /// The seconds that a run with an answer would take, if this one has none.
    pub(super) seconds_needed: Option<f64>,
    /// `None` if there are too few replicates.
    pub(super) comparison: Option<Comparison>,
}

impl Answer {
    /// Returns the answer if nothing was measured.
    pub(super) fn none() -> Self {
        Answer {
            replicates: Vec::new(),
            output: OutputCheck::NotChecked,
            output_difference: None,
            output_reason: None,
            doubts: Vec::new(),
            decision: Decision::NoAnswer,
            reason: String::new(),
            seconds_needed: None,
            comparison: None,
        }
    }
}

/// The measurements of a pre-screen, and the time that they took.
struct Screened<'a> {
    subject: &'a Variants,
    rules: &'a Rules,
    rounds: ReplicateSet,
    /// The time of one replicate.
    replicate: Duration,
}

impl<'a> Screened<'a> {
    fn new(subject: &'a Variants, mut measured: Measured, rules: &'a Rules) -> Self {
        let rounds = measured.benchmarks.remove(&subject.target).unwrap_or_default();
        let replicate = match rounds.replicate_seconds > 0.0 {
            true => Duration::from_secs_f64(rounds.replicate_seconds),
            false => measured.replicate_time,
        };
        Screened {
            subject,
            rules,
            rounds,
            replicate,
        }
    }

    /// Returns the seconds that a run with this number of replicates takes.
    fn seconds_of(&self, replicates: f64) -> f64 {
        (self.rules.before + RESERVE).as_secs_f64() + replicates * self.replicate.as_secs_f64()
    }

    /// Decides by the measurements, if they are enough for an interval.
    fn judge(&self, output: OutputCheck, doubts: &[Warning]) -> Judgement {
        let log_ratios = stats::log_ratios(&self.rounds.replicates);
        let looks = self.rounds.looks;
        let Rules { stopping, worth, .. } = self.rules;
        let row = MeasuredBenchmark {
            benchmark: self.subject.target.clone(),
            replicates: self.rounds.replicates.clone(),
            looks,
            replicate_seconds: self.rounds.replicate_seconds,
            output: (output, None),
            ..MeasuredBenchmark::default()
        };
        let (mut comparisons, _, _) = judge::judge(vec![row], stopping.sampling, &stopping.thresholds);
        let comparison = comparisons.pop().expect("there are enough replicates");
        let estimate = stopping.sampling.estimate(&log_ratios, looks);
        let (decision, caveats, seconds_needed) = match estimate.and_then(|estimate| worth.decide(&estimate))
        {
            Some(decision) => (
                decision,
                caveats::caveats(doubts.iter().chain(&self.subject.warnings)),
                None,
            ),
            None => {
                let more = worth.replicates_to_decide(&log_ratios, looks);
                let seconds = more.map(|more| self.seconds_of((log_ratios.len() + more) as f64));
                (Decision::NoAnswer, Vec::new(), seconds)
            }
        };
        let mut reason = worth.reason(decision, &comparison.estimate);
        for (index, caveat) in caveats.into_iter().enumerate() {
            let joint = if index == 0 { "; but" } else { ", and" };
            reason.push_str(&format!("{joint} {caveat}"));
        }
        Judgement {
            decision,
            reason,
            seconds_needed,
            comparison: Some(comparison),
        }
    }
}

/// The decision of a pre-screen.
struct Judgement {
    decision: Decision,
    reason: String,
    seconds_needed: Option<f64>,
    comparison: Option<Comparison>,
}

impl Screening<'_> {
    /// Returns the decision, or the reason why there is none.
    pub(super) fn decide(
        &self,
        subject: &Variants,
        measured: Measured,
        rules: &Rules,
        unanswered: &PendingRequests,
    ) -> Answer {
        let screened = Screened::new(subject, measured, rules);
        let rounds = &screened.rounds;
        let (base, head) = (&rounds.outputs.base, &rounds.outputs.head);
        let (output, output_difference) = outputs::check(base, head);
        let output_reason =
            (output == OutputCheck::NotComparable).then(|| outputs::why_not_comparable(base, head));
        let of_row = warnings_of_row(&subject.target, rounds, None, None, output_difference.as_ref());
        let doubts = caveats::complete(of_row, rounds, &self.options.asked, &subject.names);
        let judgement = if rounds.replicates.len() < FEWEST_REPLICATES {
            self.too_few(&screened, unanswered)
        } else {
            screened.judge(output, &doubts)
        };
        let seconds = judgement
            .seconds_needed
            .map(|seconds| format!("; an answer would take about {seconds:.0} s (--timeout)"));
        Answer {
            replicates: screened.rounds.replicates,
            output,
            output_difference,
            output_reason,
            doubts,
            decision: judgement.decision,
            reason: judgement.reason + &seconds.unwrap_or_default(),
            seconds_needed: judgement.seconds_needed,
            comparison: judgement.comparison,
        }
    }

    fn too_few(&self, screened: &Screened<'_>, unanswered: &PendingRequests) -> Judgement {
        let waiting = unanswered.borrow();
        let slow: Vec<String> = Side::BOTH
            .into_iter()
            .filter_map(|side| {
                let request = waiting.get(side).as_ref()?;
                Some(format!("{} {}", screened.subject.names.get(side), doing(request)))
            })
            .collect();
        let slow = match slow.as_slice() {
            [] => String::new(),
            slow => format!(", when {}", slow.join(" and ")),
        };
        let count = screened.rounds.replicates.len();
        Judgement {
            decision: Decision::NoAnswer,
            reason: format!(
                "{count} of at least {FEWEST_LOOKED_AT} process pairs could be measured in {} s{slow}",
                self.options.timeout.as_secs_f64()
            ),
            seconds_needed: (count > 0).then(|| screened.seconds_of(FEWEST_LOOKED_AT)),
            comparison: None,
        }
    }
}
