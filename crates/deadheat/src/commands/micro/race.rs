//! A race between more than two variants.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use deadheat_core::judge::race::Race;
use deadheat_core::judge::sequential::Sampling;
use deadheat_core::judge::stats::{self, FEWEST_REPLICATES, Threshold};
use deadheat_core::micro::{MicroRace, render_race};
use deadheat_core::model::{PerSide, Python, SCHEMA_VERSION, Side, Warning, WarningCode};
use deadheat_core::output::{self, OutputCheck};
use deadheat_core::protocol::MicroRequest;
use deadheat_core::race::{RaceVerdict, answer, raced};
use deadheat_core::text::main_line;

use crate::cli::micro::MicroTarget;
use crate::commands::common::row_warnings::warnings_of_row;
use crate::commands::micro::caveats;
use crate::commands::micro::failure::{cannot_be_parsed, error_line, mistyped};
use crate::commands::micro::screening::Screening;
use crate::commands::micro::several::Several;
use crate::commands::micro::{next, not_pinned, print_json, python_of};
use crate::error::{ExitCode, Failure};
use crate::passes::measure::{self, Goal, ReplicateSet, Stopping};
use crate::passes::runner::{Schedule, StoppedBy};
use crate::report::progress::Progress;
use crate::system::cpu_pinning::CpuPinning;
use crate::system::terminal;
use crate::worker::launcher::ProcessLauncher;
use crate::worker::session::{CollectSpec, WorkerSpec};

/// The measurements of a race.
struct Raced {
    race: Race,
    /// For each pair of the one that led and another one.
    sets: BTreeMap<(usize, usize), BTreeMap<String, ReplicateSet>>,
    failed: BTreeMap<usize, String>,
    pairs: usize,
}

/// The outcome of one process pair.
enum Lap {
    LogRatio(f64),
    Failed { message: String, side: Option<Side> },
    TimeIsOver,
}

impl Screening<'_> {
    /// Races the variants until one is the fastest, or the time is over.
    pub(super) fn race(&self, several: &Several) -> anyhow::Result<ExitCode> {
        self.refuse_what_compares_two()?;
        let interpreter = self.choose_interpreter()?;
        let cores = CpuPinning::choose(self.options.pinning)?;
        let pinned_core = cores.measuring;
        let mut launcher = self.launcher(&interpreter, cores);
        let mut progress = Progress::new(self.options.verbosity);
        progress.step("measuring");
        let outcome = self.measure_in_turn(several, pinned_core, &mut launcher);
        progress.finish();
        let raced = outcome?;
        let python = python_of(interpreter);
        let mut warnings = self.warnings_of(several, &raced);
        warnings.extend(launcher.conditions.warnings());
        warnings.extend(pinned_core.is_none().then(not_pinned));
        let report = self.report_of(several, &raced, python, pinned_core, warnings);
        match self.options.json {
            true => print_json(&report, self.options)?,
            false => terminal::print(render_race(&report).as_bytes())?,
        }
        Ok(match report.answer.verdict {
            RaceVerdict::Winner | RaceVerdict::Tied => ExitCode::Done,
            RaceVerdict::Inconclusive | RaceVerdict::NothingMeasured => ExitCode::NothingMeasured,
        })
    }

    fn refuse_what_compares_two(&self) -> Result<(), Failure> {
        let option = match (self.options.memory, self.options.gate) {
            (true, _) => "--memory",
            (_, true) => "--gate",
            _ => return Ok(()),
        };
        Err(
            Failure::usage(format!("{option} compares two variants, and there are more"))
                .hint("find the fastest first, then compare it with the present one"),
        )
    }

    fn cannot_be_parsed(&self, option: &str, error: &str) -> Failure {
        let option = match (option, &self.options.asked) {
            ("<statement>", MicroTarget::Statements { .. }) => "one of the statements",
            (option, _) => option,
        };
        cannot_be_parsed(option, error)
    }

    fn measure_in_turn(
        &self,
        several: &Several,
        pinned_core: Option<usize>,
        launcher: &mut ProcessLauncher,
    ) -> anyhow::Result<Raced> {
        let threshold = Threshold::from_percent(self.threshold_percent());
        let mut raced = Raced {
            race: Race::new(several.names.len(), threshold),
            sets: BTreeMap::new(),
            failed: BTreeMap::new(),
            pairs: 0,
        };
        let whole = self.schedule(pinned_core);
        let mut lasted = Duration::ZERO;
        for replicate in 0.. {
            let challengers = raced.race.challengers();
            let is_over = Instant::now() + lasted > self.until && replicate >= FEWEST_REPLICATES;
            if challengers.is_empty() || is_over {
                break;
            }
            let started = Instant::now();
            let schedule = Schedule {
                earlier: replicate,
                ..whole.clone()
            };
            let leader = raced.race.leader();
            let mut log_ratios = Vec::new();
            let mut is_over = false;
            for challenger in challengers {
                match self.lap(several, &mut raced, (leader, challenger), &schedule, launcher)? {
                    Lap::LogRatio(log_ratio) => log_ratios.push((challenger, log_ratio)),
                    Lap::Failed { message, side } => {
                        if let Some((option, error)) = mistyped(&message) {
                            return Err(self.cannot_be_parsed(option, error).into());
                        }
                        let lost = [(leader, Side::Head), (challenger, Side::Base)];
                        // Without a side, it is both.
                        for (variant, _) in lost.into_iter().filter(|(_, other)| side != Some(*other)) {
                            raced.failed.insert(variant, error_line(&message).to_owned());
                            raced.race.withdraw(variant);
                        }
                    }
                    Lap::TimeIsOver => is_over = true,
                }
                if is_over || raced.failed.contains_key(&leader) {
                    break;
                }
            }
            // Without the one that led, its replicate is worth nothing.
            if !log_ratios.is_empty() && !raced.failed.contains_key(&leader) {
                raced.race.add(&log_ratios);
            }
            if is_over {
                break;
            }
            lasted = started.elapsed();
        }
        raced.race.finish();
        // A difference that is not worth a commit does not matter.
        let worth = Threshold::from_percent(self.options.worth_percent);
        raced.race.tie_within(worth);
        Ok(raced)
    }

    /// Measures one process pair.
    fn lap(
        &self,
        several: &Several,
        raced: &mut Raced,
        pair: (usize, usize),
        schedule: &Schedule,
        launcher: &mut ProcessLauncher,
    ) -> anyhow::Result<Lap> {
        let target = &several.target;
        let set = raced.sets.remove(&pair).unwrap_or_default();
        let before = count(&set, target);
        let stopping = Stopping {
            sampling: Sampling::Exactly(1),
            goal: Goal::Decision(self.worth()),
            call_times: BTreeMap::new(),
            thresholds: Threshold::from_percent(self.threshold_percent()).into(),
            budget_ends: self.until,
        };
        let measured = measure::measure(
            schedule,
            stopping,
            set,
            &spec(several, pair),
            std::slice::from_ref(target),
            launcher,
            &mut |_| {},
        )?;
        raced.pairs += 1;
        let set = raced
            .sets
            .entry(pair)
            .insert_entry(measured.benchmarks)
            .into_mut();
        match measured.stopped {
            Some(StoppedBy::User) => return Err(Failure::stopped().into()),
            Some(_) => return Ok(Lap::TimeIsOver),
            None => {}
        }
        let last = set.get(target).and_then(|set| set.replicates.last());
        let log_ratio = last
            .and_then(stats::log_ratio)
            .filter(|_| count(set, target) > before);
        Ok(match (measured.failures.last(), log_ratio) {
            (None, Some(log_ratio)) => Lap::LogRatio(log_ratio),
            (None, None) => Lap::Failed {
                message: "it gave no time".to_owned(),
                side: Some(Side::Head),
            },
            (Some(failure), _) => Lap::Failed {
                message: failure.message.trim().to_owned(),
                side: failure.side,
            },
        })
    }

    fn warnings_of(&self, several: &Several, raced: &Raced) -> Vec<Warning> {
        let mut warnings: Vec<Warning> = Vec::new();
        for (&(leader, challenger), sets) in &raced.sets {
            let Some(set) = sets.get(&several.target) else {
                continue;
            };
            let names = PerSide::new(several.names[leader].clone(), several.names[challenger].clone());
            let asked = match &self.options.asked {
                MicroTarget::Statements { setup, .. } => MicroTarget::Statements {
                    a: names.base.clone(),
                    b: names.head.clone(),
                    more: Vec::new(),
                    setup: setup.clone(),
                },
                other => other.clone(),
            };
            let of_row = warnings_of_row(&several.target, set, None, None, None);
            let mut own = caveats::complete(of_row, set, &asked, &names);
            own.extend(differs(set, &names));
            for mut warning in own {
                warning.benchmark = None;
                if warning.code != WarningCode::OutputDiffers {
                    warning.message = format!("{} beside {}: {}", names.head, names.base, warning.message);
                }
                // Beside another leader, only news counts.
                let is_known = warnings.iter().any(|known| known.code == warning.code);
                if leader == 0 || !is_known {
                    warnings.push(warning);
                }
            }
        }
        warnings
    }

    fn report_of(
        &self,
        several: &Several,
        raced_so_far: &Raced,
        python: Python,
        pinned_core: Option<usize>,
        warnings: Vec<Warning>,
    ) -> MicroRace {
        let Raced {
            race,
            sets,
            failed,
            pairs,
        } = raced_so_far;
        let of_reference = (1..several.names.len()).filter_map(|other| sets.get(&(0, other)));
        let of_reference = of_reference.filter_map(|sets| sets.get(&several.target));
        let reference_ns = stats::median(of_reference.map(|set| set.median_ns(Side::Base)));
        let mut candidates = raced(race, &several.names, reference_ns);
        for candidate in &mut candidates {
            let number = several.names.iter().position(|name| *name == candidate.name);
            let number = number.unwrap_or_default();
            candidate.reason = failed.get(&number).cloned();
            let set = sets.get(&(0, number)).and_then(|sets| sets.get(&several.target));
            candidate.output = match set {
                Some(set) => output::check(&set.outputs.base, &set.outputs.head).0,
                None if number == 0 => OutputCheck::Same,
                None => OutputCheck::NotChecked,
            };
        }
        let threshold_percent = self.threshold_percent();
        let mut answer = answer(race, &several.names, threshold_percent);
        if race.times().replicates().is_empty() {
            let reason = failed
                .values()
                .next()
                .map_or("nothing could be measured in time", |reason| main_line(reason));
            answer.verdict = RaceVerdict::NothingMeasured;
            answer.sentence = reason.to_owned();
        }
        let seconds = self.started.elapsed().as_secs_f64();
        let open = answer.verdict == RaceVerdict::Inconclusive;
        let longer =
            open.then(|| next::longer(self.options, (3.0 * self.options.timeout.as_secs_f64()).ceil()));
        MicroRace {
            schema_version: SCHEMA_VERSION,
            form: several.form,
            target: several.target.clone(),
            base_commit: several.base_commit.clone(),
            answer,
            candidates,
            threshold_percent,
            worth_percent: self.options.worth_percent,
            seconds,
            pairs: *pairs,
            replicates: race.times().replicates().to_vec(),
            raced: several.names.clone(),
            python: Some(python),
            pinned_core,
            warnings,
            next: longer.into_iter().collect(),
        }
    }
}

fn differs(set: &ReplicateSet, names: &PerSide<String>) -> Option<Warning> {
    let (_, difference) = output::check(&set.outputs.base, &set.outputs.head);
    let difference = difference?;
    let at = match difference.place.as_str() {
        "" => String::new(),
        place => format!(" at {place}"),
    };
    let words = format!(
        "{} returns {}{at}, and {} returns {}",
        names.head, difference.head, names.base, difference.base
    );
    let hint = "is it still correct? its time is that of other work";
    Some(Warning::new(WarningCode::OutputDiffers, words, Some(hint)))
}

fn count(sets: &BTreeMap<String, ReplicateSet>, target: &str) -> usize {
    sets.get(target).map_or(0, |set| set.replicates.len())
}

fn spec(several: &Several, (leader, challenger): (usize, usize)) -> WorkerSpec {
    let codes = PerSide::new(leader, challenger).map(|variant| several.codes[variant].clone());
    WorkerSpec {
        trace: None,
        hello: PerSide::new(several.hello.clone(), several.hello.clone()),
        collect: CollectSpec::default(),
        micro: Some(codes.map(|code| MicroRequest {
            benchmark: several.target.clone(),
            watch: None,
            code,
        })),
        keyword: None,
        pytest_args: Vec::new(),
    }
}
