//! The conclusions from the measurements: verdicts, rows that are missing, and doubts about the whole.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use deadheat_core::judge;
use deadheat_core::judge::MeasuredBenchmark;
use deadheat_core::judge::sequential::Sampling;
use deadheat_core::judge::stats::FEWEST_REPLICATES;
use deadheat_core::judge::thresholds::Thresholds;
use deadheat_core::model::{
    Comparison, MeasuringMachine, Missing, MissingReason, Round, Summary, Warning, WarningCode,
};
use deadheat_core::output::{self, OutputCheck};
use deadheat_core::text::counted;

use crate::commands::common::row_warnings::warnings_of_row;
use crate::commands::common::suite_origin::{Origin, missing_after};
use crate::error::ExitCode;
use crate::events::Events;
use crate::passes::measure::{Measured, ReplicateSet};
use crate::passes::runner::{BenchmarkFailure, StoppedBy};
use crate::prepare::import_hints::how_not_to_skip;

/// Replicates that take longer than this, and spend more than this share on starting up and on fixtures, are worth a
/// warning.
const EXPENSIVE: Duration = Duration::from_secs(3);
const EXPENSIVE_SHARE: f64 = 0.8;
/// Samples shorter than this say little.
const SHORT_SAMPLE_NS: u64 = 20_000;

/// The benchmarks that were measured, and the rules for judging them.
pub(crate) struct Judging<'a> {
    pub(crate) runnable: Vec<String>,
    /// The rows that were missing before.
    pub(crate) missing: Vec<Missing>,
    /// The benchmarks in whose timed part nothing differs.
    pub(crate) controls: &'a BTreeSet<String>,
    pub(crate) origin: &'a Origin,
    pub(crate) sampling: Sampling,
    pub(crate) thresholds: Thresholds,
    /// Whether a command is measured, which times itself as it likes.
    pub(crate) is_script: bool,
}

pub(crate) struct Conclusion {
    pub(crate) machines: Vec<MeasuringMachine>,
    pub(crate) comparisons: Vec<Comparison>,
    pub(crate) summary: Summary,
    pub(crate) missing: Vec<Missing>,
    pub(crate) is_partial: bool,
    pub(crate) exit: ExitCode,
}

impl Judging<'_> {
    /// Judges the measurements.
    pub(crate) fn conclude(self, measured: Measured, events: &dyn Events) -> Conclusion {
        let Measured {
            benchmarks,
            failures,
            newly,
            replicate_time,
            inside,
            project_modules,
            stopped,
            last_words,
            one_at_a_time,
            several_cores,
            machines,
        } = measured;
        let mut missing = self.missing;
        let (failed_later, never_measured): (Vec<_>, Vec<_>) = failures
            .into_iter()
            .partition(|failure| benchmarks.contains_key(&failure.benchmark));
        let never_measured = never_measured.into_iter();
        missing.extend(never_measured.map(|failure| missing_after(failure, self.origin)));
        let rows = Rows {
            controls: self.controls,
            failed_later: &failed_later,
            one_at_a_time: &one_at_a_time,
            several_cores: &several_cores,
        };
        let (measured, unfinished) = rows.of(self.runnable, benchmarks, &missing);
        missing.extend(unfinished);
        if !self.is_script {
            warn_of_short_samples(measured.iter().filter(|(_, is_short)| *is_short).count(), events);
        }
        let measured = measured.into_iter().map(|(row, _)| row).collect();
        let kinds: Vec<u32> = machines.iter().map(|machine| machine.kind).collect();
        let (comparisons, total, geometric_mean) =
            judge::judge_on_machines(measured, self.sampling, &self.thresholds, &kinds);
        events.warn_all(judge::machine_words::warnings(&machines, &comparisons));
        events.warn_all(judge::controls_moved(&comparisons));
        let measured_any = !comparisons.is_empty();
        warn_of_setup(replicate_time, inside, events);
        if newly > 0 && measured_any && (project_modules.base == 0 || project_modules.head == 0) {
            warn_of_imports(events);
        }
        if !measured_any {
            warn_of_skips(&missing, events);
        }
        let summary = Summary {
            counts: judge::count(&comparisons, &missing),
            controls: judge::controls(&comparisons),
            total,
            geometric_mean,
            functions: Vec::new(),
            unexplained_ns: None,
            profile: None,
        };
        if let Some(by) = &stopped {
            warn_of_end(by, &last_words, events);
        }
        let exit = match (&stopped, measured_any) {
            (Some(_), _) => ExitCode::StoppedEarly,
            (None, true) => ExitCode::Done,
            (None, false) => ExitCode::NothingMeasured,
        };
        Conclusion {
            machines,
            comparisons,
            summary,
            missing,
            is_partial: stopped.is_some(),
            exit,
        }
    }
}

/// The sources of the rows' doubts.
struct Rows<'a> {
    controls: &'a BTreeSet<String>,
    failed_later: &'a [BenchmarkFailure],
    one_at_a_time: &'a BTreeMap<String, String>,
    several_cores: &'a BTreeSet<String>,
}

impl Rows<'_> {
    /// Returns the rows of measured benchmarks, each with a flag that its prescribed samples are too short,
    /// and the rows of those that the run did not reach.
    fn of(
        &self,
        runnable: Vec<String>,
        mut benchmarks: BTreeMap<String, ReplicateSet>,
        missing: &[Missing],
    ) -> (Vec<(MeasuredBenchmark, bool)>, Vec<Missing>) {
        let known: BTreeSet<&String> = missing.iter().map(|row| &row.benchmark).collect();
        let (mut measured, mut unfinished) = (Vec::new(), Vec::new());
        for benchmark in runnable {
            let rounds = benchmarks.remove(&benchmark).unwrap_or_default();
            if rounds.replicates.len() >= FEWEST_REPLICATES {
                let is_short = is_prescribed_and_short(&rounds);
                measured.push((self.row(benchmark, rounds), is_short));
            } else if !known.contains(&benchmark) {
                unfinished.push(Missing {
                    benchmark,
                    side: None,
                    reason: MissingReason::Unfinished,
                    message: "the run ended before it was measured".to_owned(),
                });
            }
        }
        (measured, unfinished)
    }

    fn row(&self, benchmark: String, rounds: ReplicateSet) -> MeasuredBenchmark {
        let output = output::check(&rounds.outputs.base, &rounds.outputs.head);
        let failure = self
            .failed_later
            .iter()
            .find(|failure| failure.benchmark == benchmark);
        let beside = self.one_at_a_time.get(&benchmark).map(String::as_str);
        let mut warnings = warnings_of_row(&benchmark, &rounds, failure, beside, output.1.as_ref());
        let several_cores = self.several_cores.contains(&benchmark);
        if several_cores {
            warnings.push(on_several_cores().of(&benchmark));
        }
        let first_call_ns = rounds.first_calls_apart();
        MeasuredBenchmark {
            // A benchmark whose return values are not known to be equal may have got different work from its
            // set-up.
            is_control: self.controls.contains(&benchmark) && output.0 == OutputCheck::Same,
            output,
            benchmark,
            replicates: rounds.replicates,
            set_aside: rounds.set_aside,
            looks: rounds.looks,
            replicate_seconds: rounds.replicate_seconds,
            set_up_each_call: rounds.set_up_each_call,
            several_cores,
            first_call_ns,
            warnings,
        }
    }
}

pub(crate) fn on_several_cores() -> Warning {
    Warning::new(
        WarningCode::SeveralCores,
        "it uses more than one core at once, so it was measured on all of them: no error rate is claimed for it",
        Some(
            "measure it again, and trust only results that both runs agree on; --cpu N measures it on one core",
        ),
    )
}

/// Whether a benchmark prescribes its number of calls, and all of its samples are so short that they say little.
fn is_prescribed_and_short(rounds: &ReplicateSet) -> bool {
    let shortest = |round: &Round| round.base.elapsed_ns.min(round.head.elapsed_ns);
    let mut each = rounds.replicates.iter().flat_map(|replicate| &replicate.rounds);
    rounds.is_prescribed && each.all(|round| shortest(round) < SHORT_SAMPLE_NS)
}

fn warn_of_short_samples(benchmarks: usize, events: &dyn Events) {
    if benchmarks > 0 {
        let verb = if benchmarks == 1 {
            "prescribes"
        } else {
            "prescribe"
        };
        let words = format!(
            "{} {verb} so few calls (benchmark.pedantic) that each sample is shorter than 20 µs",
            counted(benchmarks, "benchmark")
        );
        let hint = "such times are mostly noise: give them more iterations, or raise --replicates";
        events.doubt(WarningCode::FewSamples, &words, Some(hint));
    }
}

fn warn_of_end(by: &StoppedBy, last_words: &str, events: &dyn Events) {
    let mut message = format!("stopped {by} before all replicates were done");
    if let StoppedBy::Worker(_) = by {
        message.push_str(&format!("; the end of its output:\n{last_words}"));
    }
    events.doubt(WarningCode::StoppedEarly, &message, None);
}

fn warn_of_imports(events: &dyn Events) {
    events.doubt(
        WarningCode::ProjectNotImported,
        "no benchmark imported the project's code from the worktrees: its changes cannot be in these numbers, unless \
         the benchmarks run it in other processes",
        Some("is module-root in pyproject.toml right? is another installed copy of the project found first?"),
    );
}

/// Names the first benchmark that skips itself, if that is why nothing was measured.
fn warn_of_skips(missing: &[Missing], events: &dyn Events) {
    if let Some(skip) = only_skips(missing) {
        let message = format!("`{}` skips itself: {}", skip.benchmark, skip.message);
        let hint = how_not_to_skip(&skip.message);
        events.doubt(WarningCode::NothingMeasured, &message, Some(&hint));
    }
}

fn warn_of_setup(replicate_time: Duration, inside: Duration, events: &dyn Events) {
    let setup = replicate_time.saturating_sub(inside);
    if replicate_time > EXPENSIVE && setup > replicate_time.mul_f64(EXPENSIVE_SHARE) {
        events.doubt(
            WarningCode::ExpensiveSetup,
            &format!(
                "of the {:.1} s that each replicate took, starting and setting up took {:.1} s: its fixtures are set up \
                 again in every process pair",
                replicate_time.as_secs_f64(),
                setup.as_secs_f64()
            ),
            Some("a larger --budget, fewer benchmarks with -k, or a cheaper fixture gives more replicates"),
        );
    }
}

/// Returns the first benchmark that skipped itself, if all others skipped themselves or did not run changed
/// code.
fn only_skips(missing: &[Missing]) -> Option<&Missing> {
    let mut rows = missing
        .iter()
        .filter(|row| row.reason != MissingReason::NotReached);
    let first = rows.next()?;
    let is_skip = |row: &Missing| row.reason == MissingReason::Skipped;
    (is_skip(first) && rows.all(is_skip)).then_some(first)
}

#[cfg(test)]
mod tests {
    use deadheat_core::judge::stats::Threshold;
    use deadheat_core::model::{BenchmarksFrom, Clock, Order, Outlier, PerSide, Replicate, Sample, Side};
    use deadheat_core::output::Output;

    use super::*;
    use crate::events::Heard;
    use crate::passes::runner::FailureKind;

    /// Returns five replicates in which base takes 1 ms and head 2 ms.
    fn twice_as_slow() -> ReplicateSet {
        let mut rounds = ReplicateSet::default();
        let sample = |elapsed_ns| Sample {
            elapsed_ns,
            iterations: 1,
        };
        rounds.replicates = (0..5)
            .map(|seed| Replicate {
                seed,
                clock: Clock::Wall,
                machine: None,
                rounds: vec![Round {
                    order: Order::BaseHead,
                    base: sample(1_000_000),
                    head: sample(2_000_000 + u64::from(seed)),
                }],
            })
            .collect();
        rounds.looks = 2;
        rounds
    }

    fn measured(rounds: ReplicateSet) -> Measured {
        Measured {
            benchmarks: [("a.py::a".to_owned(), rounds)].into(),
            newly: 5,
            project_modules: PerSide::new(1, 1),
            ..Measured::default()
        }
    }

    fn concluded(measured: Measured) -> (Conclusion, Vec<Warning>) {
        let heard = Heard::default();
        let judging = Judging {
            runnable: vec!["a.py::a".to_owned()],
            missing: Vec::new(),
            controls: &["a.py::a".to_owned()].into(),
            origin: &Origin {
                from: BenchmarksFrom::Head,
                replaced: BTreeSet::new(),
            },
            sampling: Sampling::UntilSettled,
            thresholds: Threshold::from_percent(2.0).into(),
            is_script: false,
        };
        let conclusion = judging.conclude(measured, &heard);
        (conclusion, heard.warnings())
    }

    #[test]
    fn a_benchmark_that_fails_later_keeps_its_numbers_and_says_so() {
        let failed = BenchmarkFailure {
            benchmark: "a.py::a".to_owned(),
            side: Some(Side::Head),
            kind: FailureKind::Failed,
            message: "E   OSError: no more".to_owned(),
        };
        let (conclusion, _) = concluded(Measured {
            failures: vec![failed],
            ..measured(twice_as_slow())
        });
        assert_eq!(conclusion.missing, []);
        let said = conclusion.comparisons[0]
            .warnings
            .iter()
            .find(|warning| warning.code == WarningCode::FailedLater);
        assert!(said.unwrap().message.ends_with("OSError: no more"));
    }

    #[test]
    fn the_machines_and_the_replicates_that_were_set_aside_are_in_the_report() {
        let machine = |name: &str| MeasuringMachine {
            name: name.to_owned(),
            machine: crate::system::machine::machine(None, Vec::new()),
            python: PerSide::default(),
            kind: 0,
            replicates: 5,
            outlier: None,
        };
        let mut odd = machine("tcp://c");
        odd.outlier = Some(Outlier {
            ratio: 1.05,
            lower: 1.03,
            upper: 1.07,
            replicates: 1,
        });
        let mut rounds = twice_as_slow();
        for replicate in &mut rounds.replicates {
            replicate.machine = Some(0);
        }
        let mut aside = rounds.replicates[0].clone();
        aside.machine = Some(2);
        rounds.set_aside = vec![aside];
        let (conclusion, warnings) = concluded(Measured {
            machines: vec![machine("tcp://a"), machine("tcp://b"), odd],
            ..measured(rounds)
        });
        assert_eq!(conclusion.machines.len(), 3);
        let row = &conclusion.comparisons[0];
        assert_eq!((row.replicates.len(), row.set_aside.len()), (5, 1));
        let [warning] = warnings.as_slice() else {
            panic!("{warnings:?}");
        };
        assert_eq!(warning.code, WarningCode::MachineOutlier);
        assert!(
            warning
                .message
                .starts_with("`tcp://c` is unlike the other machines of its kind: its head/base is 1.050")
        );
    }

    #[test]
    fn setting_up_that_takes_most_of_the_time_is_said() {
        let taking = |seconds: f64, inside: f64| {
            let times = Measured {
                replicate_time: Duration::from_secs_f64(seconds),
                inside: Duration::from_secs_f64(inside),
                ..measured(twice_as_slow())
            };
            let (_, warnings) = concluded(times);
            warnings
                .iter()
                .any(|warning| warning.code == WarningCode::ExpensiveSetup)
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
            concluded(measured(rounds)).0.comparisons.remove(0)
        };
        assert!(returning(1, 1).is_control);
        assert!(!returning(1, 2).is_control);
    }
}
