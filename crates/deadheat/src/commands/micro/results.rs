//! The results of a pre-screen so far, and the report that is made from them.

use std::time::Duration;

use deadheat_core::micro::{MicroReport, Variant};
use deadheat_core::model::{
    Comparison, Python, ResourceComparison, SCHEMA_VERSION, SideTime, Warning, WarningCode,
};
use deadheat_core::text::main_line;

use crate::cli::micro::MicroOptions;
use crate::commands::micro::decide::Answer;
use crate::commands::micro::variants::Variants;
use crate::error::Failure;

/// The results of a pre-screen's steps.
pub(super) struct Results {
    /// `None` if there was no interpreter to start.
    pub(super) python: Option<Python>,
    pub(super) pinned_core: Option<usize>,
    /// The warnings about disturbances of the measurements.
    pub(super) of_machine: Vec<Warning>,
    pub(super) answer: anyhow::Result<Answer>,
    /// The comparison of the memory, or why there is none; `None` if it was not measured.
    pub(super) memory: anyhow::Result<Option<Result<ResourceComparison, String>>>,
}

impl Results {
    /// Returns the results of a pre-screen that could not start anything.
    pub(super) fn of_error(error: anyhow::Error) -> Self {
        Results {
            python: None,
            pinned_core: None,
            of_machine: Vec::new(),
            answer: Err(error),
            memory: Ok(None),
        }
    }

    /// Returns the report, and the error that ended the pre-screen, if one did.
    pub(super) fn into_report(
        self,
        subject: &Variants,
        options: &MicroOptions,
        took: Duration,
    ) -> (MicroReport, anyhow::Result<()>) {
        let (answer, no_answer) = split(self.answer);
        let (memory, no_memory) = split(self.memory);
        let (memory, why_no_memory) = memory.flatten().map_or((None, None), split);
        let outcome = no_answer.or(no_memory).map_or(Ok(()), Err);
        let failure = outcome
            .as_ref()
            .err()
            .and_then(|error| error.downcast_ref::<Failure>());
        let answer = answer.unwrap_or_else(Answer::none);
        let mut warnings = [answer.doubts, subject.warnings.clone(), self.of_machine].concat();
        warnings.extend(why_no_memory.map(|why| memory_not_measured(&why)));
        if answer.replicates.is_empty() {
            // There are no numbers that the machine could have disturbed.
            warnings.retain(|warning| !warning.code.is_about_machine());
        }
        warnings.extend(failure.map(nothing_measured));
        let reason = failure.map_or(answer.reason, |failure| main_line(&failure.message).to_owned());
        let comparison = answer.comparison.as_ref();
        let variant = |name: &String, time: fn(&Comparison) -> SideTime| Variant {
            name: name.clone(),
            median_ns: comparison.map(|comparison| time(comparison).median_ns),
        };
        let report = MicroReport {
            schema_version: SCHEMA_VERSION,
            form: subject.form,
            target: subject.target.clone(),
            base_commit: subject.base_commit.clone(),
            path: subject.path.clone(),
            function: subject.function.clone(),
            base: variant(&subject.names.base, |comparison| comparison.base),
            head: variant(&subject.names.head, |comparison| comparison.head),
            estimate: comparison.map(|comparison| comparison.estimate),
            verdict: comparison.map(|comparison| comparison.verdict),
            reason: comparison.and_then(|comparison| comparison.reason),
            worth_percent: options.worth_percent,
            decision: answer.decision,
            decision_reason: reason,
            seconds_needed: answer.seconds_needed,
            seconds: took.as_secs_f64(),
            output: answer.output,
            output_difference: answer.output_difference,
            output_reason: answer.output_reason,
            memory,
            replicates: answer.replicates,
            python: self.python,
            pinned_core: self.pinned_core,
            warnings,
            next: Vec::new(),
        };
        (report, outcome)
    }
}

fn split<T, E>(result: Result<T, E>) -> (Option<T>, Option<E>) {
    match result {
        Ok(value) => (Some(value), None),
        Err(error) => (None, Some(error)),
    }
}

fn memory_not_measured(why: &str) -> Warning {
    Warning::new(
        WarningCode::NotProfiled,
        format!("the memory was not measured: {why}"),
        Some("--timeout gives more time"),
    )
}

fn nothing_measured(failure: &Failure) -> Warning {
    let hint = failure.hint.as_deref();
    Warning::new(WarningCode::NothingMeasured, &failure.message, hint)
}
