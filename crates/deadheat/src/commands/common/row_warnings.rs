//! The doubts about a single benchmark's row.

use deadheat_core::judge::stats;
use deadheat_core::model::{PerSide, Side, Warning, WarningCode};
use deadheat_core::output::{self, Difference, Outputs};
use deadheat_core::text;
use deadheat_core::text::counted;

use crate::passes::measure::{ReplicateSet, UsedUp};
use crate::passes::runner::BenchmarkFailure;

/// A side that is this busy while it should wait slows the other one down.
const BUSY_SHARE: f64 = 0.1;

/// A time that cannot be told from the loop around the call; the worker gives no less (`RESOLUTION_NS`).
const BELOW_RESOLUTION_NS: f64 = 1.0;

/// Returns the warnings that make one row doubtful. `beside` is one side's message while the other one was in
/// the benchmark, if both cannot run at once.
pub(crate) fn warnings_of_row(
    benchmark: &str,
    rounds: &ReplicateSet,
    failure: Option<&BenchmarkFailure>,
    beside: Option<&str>,
    difference: Option<&Difference>,
) -> Vec<Warning> {
    let mut row = RowWarnings {
        benchmark,
        warnings: Vec::new(),
    };
    row.of_failures(failure, beside);
    row.of_calls(rounds);
    row.of_first_calls(rounds);
    row.of_processes(rounds);
    row.of_outputs(rounds, difference);
    row.warnings
}

struct RowWarnings<'a> {
    benchmark: &'a str,
    warnings: Vec<Warning>,
}

impl RowWarnings<'_> {
    fn warn(&mut self, code: WarningCode, message: String, hint: &str) {
        self.warnings
            .push(Warning::new(code, message, Some(hint)).of(self.benchmark));
    }

    fn of_failures(&mut self, failure: Option<&BenchmarkFailure>, beside: Option<&str>) {
        if let Some(failure) = failure {
            self.warn(
                WarningCode::FailedLater,
                format!("it failed while replicates were added: {}", failure.main_line()),
                "its earlier measurements are kept",
            );
        }
        if let Some(words) = beside {
            self.warn(
            WarningCode::OneSideAtATime,
            format!(
                "its sides cannot be set up at the same time ({}): they were measured one after the other",
                text::main_line(words)
            ),
            "a disturbance of the machine may then affect only one side, which widens the interval; with a \
             port chosen by the system, or files in `tmp_path`, the sides can take turns",
        );
        }
    }

    fn of_calls(&mut self, rounds: &ReplicateSet) {
        let medians = PerSide::new(Side::Base, Side::Head).map(|side| rounds.median_ns(side));
        if medians.base.min(medians.head) <= BELOW_RESOLUTION_NS {
            self.warn(
            WarningCode::BelowResolution,
            format!(
                "an iteration takes {BELOW_RESOLUTION_NS} ns or less, which cannot be told apart from the \
                 loop around it"
            ),
            "time more work in each iteration: the ratio only covers the part that can be measured",
        );
        }
        if rounds.set_up_each_call {
            let times = rounds.used_up.map(|used_up| {
                let words = |calls: UsedUp| {
                    let [first, later] = [calls.first_ns, calls.later_ns].map(text::duration);
                    format!("{first} and {later}")
                };
                let [base, head] = [used_up.base, used_up.head].map(words);
                format!(
                    ": if calls share them, the first and the later ones take {base} on base, {head} on head"
                )
            });
            self.warn(
                WarningCode::SetUpEachCall,
                format!(
                    "its fixtures are set up for each call{}",
                    times.unwrap_or_default()
                ),
                "a call uses up or changes what the fixtures made: the verdict is about calls with fresh \
                 fixtures",
            );
        }
    }

    fn of_first_calls(&mut self, rounds: &ReplicateSet) {
        let medians = PerSide::new(Side::Base, Side::Head).map(|side| rounds.median_ns(side));
        if let Some(first) = rounds.first_calls_apart() {
            let [base, head] = [first.base, first.head].map(text::duration);
            let [later_on_base, later_on_head] = [medians.base, medians.head].map(text::duration);
            self.warn(
            WarningCode::FirstCallDiffers,
            format!(
                "the first call of a process takes {base} on base and {head} on head; the verdict is about the later ones, \
                 which take {later_on_base} and {later_on_head}"
            ),
            "a call may use up or change what the set-up made, or fill a cache: benchmark.pedantic with a `setup` gives each \
             call its own, and --tests sets a test up again for each call",
        );
        }
    }

    fn of_processes(&mut self, rounds: &ReplicateSet) {
        let strays = stats::strays(&stats::log_ratios(&rounds.replicates));
        if strays > 0 {
            self.warn(
            WarningCode::StrayReplicates,
            format!(
                "{strays} of {} {} far from all others: the verdict describes the rest",
                counted(rounds.replicates.len(), "process pair"),
                if strays == 1 { "is" } else { "are" }
            ),
            "a disturbance, or code that is fast in some processes and slow in others: see the replicates in the JSON",
        );
        }
        for side in Side::BOTH {
            let share = rounds.idle.get(side).share();
            if share > BUSY_SHARE {
                self.warn(
                    WarningCode::IdleSideBusy,
                    format!(
                        "{side} used the processor for {:.0} % of the time in which only {} should have run",
                        share * 100.0,
                        side.other()
                    ),
                    "a background thread or a server of the benchmark distorts both times",
                );
            }
        }
    }

    fn of_outputs(&mut self, rounds: &ReplicateSet, difference: Option<&Difference>) {
        let unconsumed = PerSide::new(&rounds.outputs.base, &rounds.outputs.head).map(Outputs::unconsumed);
        if let Some(what) = unconsumed.base.or(unconsumed.head) {
            let sides: Vec<String> = Side::BOTH
                .into_iter()
                .filter(|&side| unconsumed.get(side).is_some())
                .map(|side| format!("on {side}"))
                .collect();
            self.warn(
                WarningCode::OutputNotConsumed,
                format!(
                    "the call returns {} {what} that nothing consumes: its body is not timed ({})",
                    output::article(what),
                    sides.join(" and ")
                ),
                "consume it in the timed code: list(...)",
            );
        }
        if let Some(Difference { place, base, head }) = difference {
            let at = match place.as_str() {
                "" => String::new(),
                place => format!("at {place}, "),
            };
            self.warn(
                WarningCode::OutputDiffers,
                format!("it returns a different value on head: {at}{base} on base, {head} on head"),
                "a version that returns a different value is not an optimisation, unless the difference is \
                 intended",
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the warnings of a benchmark whose sides used the processor for this part of their waits.
    fn of_idle(base: f64, head: f64) -> Vec<String> {
        let mut rounds = ReplicateSet::default();
        for (side, share) in [(Side::Base, base), (Side::Head, head)] {
            let idle = rounds.idle.get_mut(side);
            (idle.cpu_ns, idle.waited_ns) = ((share * 1e9) as u64, 1_000_000_000);
        }
        let warnings = warnings_of_row("b.py::test_a", &rounds, None, None, None);
        assert!(
            warnings
                .iter()
                .all(|warning| warning.code == WarningCode::IdleSideBusy)
        );
        warnings.into_iter().map(|warning| warning.message).collect()
    }

    #[test]
    fn each_side_that_is_busy_while_it_waits_is_said() {
        let [base, head] = [("base", "head"), ("head", "base")].map(|(side, other)| {
            move |percent: u32| {
                format!(
                    "{side} used the processor for {percent} % of the time in which only {other} should have run"
                )
            }
        });
        assert_eq!(of_idle(0.1, 0.1), [""; 0]);
        assert_eq!(of_idle(0.0, 0.11), [head(11)]);
        assert_eq!(of_idle(0.5, 0.02), [base(50)]);
        assert_eq!(of_idle(0.25, 3.0), [base(25), head(100)]);
    }
}
