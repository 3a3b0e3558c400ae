//! `deadheat race`: which of several refs is the fastest. Every candidate is opened beside the reference, as
//! `deadheat compare` does; then the candidates are measured in turn, until the race is decided.

mod contest;
mod entrant;
mod next;
mod results;

use std::time::{Duration, Instant};

use deadheat_core::model::{PerSide, Revision, WarningCode};
use deadheat_core::race::RaceStatus;
use deadheat_core::text::{counted, main_line};

use crate::Installation;
use crate::cli::options::CompareOptions;
use crate::commands::common::context::{CompareContext, Context, StartingPoint, drawn_seed};
use crate::commands::race::contest::Contest;
use crate::commands::race::entrant::{Entrant, Opened};
use crate::commands::race::results::Found;
use crate::config::settings::CompareSettings;
use crate::error::{ExitCode, Failure, is_stopped, is_worth_a_report};
use crate::events::Events;
use crate::git::revisions;
use crate::report::listener::Listener;
use crate::report::output;
use crate::system::disturbances::DisturbanceMonitor;
use crate::system::interrupt::Interrupt;

pub(crate) fn run(
    options: &CompareOptions,
    refs: &[String],
    installation: &Installation,
    interrupt: &Interrupt,
) -> anyhow::Result<ExitCode> {
    options.outputs.check_writable()?;
    let StartingPoint { limits, git, config } = StartingPoint::open(&options.sides, interrupt)?;
    let settings = CompareSettings::merge(options, None, &config, git.top())?;
    let revisions = revisions::resolve_each(&git, refs)?;
    let listener = Listener::new(options.outputs.verbosity);
    let pairs: Vec<PerSide<Revision>> = revisions
        .iter()
        .map(|revision| PerSide::new(revisions[0].clone(), revision.clone()))
        .collect();
    let seed = settings.sides.seed.unwrap_or_else(drawn_seed);
    let contexts: Vec<CompareContext<'_>> = pairs
        .iter()
        .map(|revisions| CompareContext {
            context: Context {
                settings: &settings.sides,
                installation,
                git: &git,
                config: &config,
                revisions,
                listener: &listener,
                limits: limits.clone(),
                seed,
            },
            settings: &settings,
        })
        .collect();
    let mut found = Found::new(revisions, seed);
    let outcome = race(&contexts, &mut found);
    listener.finish();
    found.warn_all(None, listener.take_warnings());
    let is_wanted = |error: &anyhow::Error| is_worth_a_report(error) && !options.outputs.written.is_empty();
    let exit = match outcome {
        Ok(exit) => Ok(exit),
        Err(error) if is_wanted(&error) => {
            found.is_partial = is_stopped(&error);
            found.end(&error);
            Err(error)
        }
        Err(error) => return Err(error),
    };
    let mut report = found.into_report(&settings);
    report.next = next::next_steps(&report, &git.afterwards(), refs, options);
    output::write_race(&report, &options.outputs)?;
    exit
}

/// Opens the candidates, races them, and removes their worktrees.
fn race(contexts: &[CompareContext<'_>], found: &mut Found) -> anyhow::Result<ExitCode> {
    let mut entrants = Vec::new();
    let opened = open_all(contexts, found, &mut entrants);
    let context = &contexts[0].context;
    let (outcome, entrants) = match opened {
        Ok(()) => race_between(contexts, entrants, found),
        Err(error) => (Err(error), entrants),
    };
    for entrant in entrants {
        entrant.site.checkouts.close(context.git, context.listener);
    }
    outcome
}

/// Opens every candidate beside the reference. One that cannot be measured is out, and does not end the race.
fn open_all(
    contexts: &[CompareContext<'_>],
    found: &mut Found,
    entrants: &mut Vec<Entrant>,
) -> anyhow::Result<()> {
    for (candidate, run) in contexts.iter().enumerate().skip(1) {
        let name = found.name(candidate).to_owned();
        if let Some(reason) = found.same_as(candidate, run.context.git) {
            found.set_aside(candidate, RaceStatus::Same, reason);
            continue;
        }
        run.context.limits.check()?;
        let listener = run.context.listener;
        listener.note(&format!("opening {name}"));
        let opened = entrant::open(candidate, run);
        found.warn_all(Some(candidate), listener.take_warnings());
        match opened {
            Ok(Opened::Entrant(entrant)) => {
                found
                    .python
                    .get_or_insert_with(|| entrant.suite.python.base.clone());
                entrants.push(*entrant);
            }
            Ok(Opened::Same(reason)) => found.set_aside(candidate, RaceStatus::Same, reason),
            Err(error) => match error.downcast_ref::<Failure>() {
                Some(failure) if failure.kind.is_worth_a_report() && !is_stopped(&error) => {
                    listener.note(&format!("{name} is out: {}", main_line(&failure.message)));
                    found.set_aside(candidate, RaceStatus::Failed, failure.message.clone());
                }
                _ => return Err(error),
            },
        }
    }
    Ok(())
}

/// Races the entrants that can run the benchmarks of all, and returns them all.
fn race_between(
    contexts: &[CompareContext<'_>],
    entrants: Vec<Entrant>,
    found: &mut Found,
) -> (anyhow::Result<ExitCode>, Vec<Entrant>) {
    let benchmarks = entrant::benchmarks_of_all(&entrants);
    let (mut able, mut unable) = (Vec::new(), Vec::new());
    for mut entrant in entrants {
        match entrant.lacks(&benchmarks) {
            None => {
                entrant.narrow_to(&benchmarks);
                able.push(entrant);
            }
            Some(reason) => {
                found.set_aside(entrant.candidate, RaceStatus::Failed, reason);
                unable.push(entrant);
            }
        }
    }
    if able.is_empty() {
        return (found.nothing_to_race(), unable);
    }
    let (outcome, able) = measure(contexts, able, benchmarks, found);
    unable.extend(able);
    (outcome, unable)
}

fn measure(
    contexts: &[CompareContext<'_>],
    entrants: Vec<Entrant>,
    benchmarks: Vec<String>,
    found: &mut Found,
) -> (anyhow::Result<ExitCode>, Vec<Entrant>) {
    let run = &contexts[0];
    let context = &run.context;
    let cores = match context.choose_cores() {
        Ok(cores) => cores,
        Err(error) => return (Err(error), entrants),
    };
    let first_core = cores.measuring;
    let asked = run.settings.race_budget(&benchmarks, entrants.len());
    let left = context.limits.until.saturating_duration_since(Instant::now());
    // The rest is for the report.
    let budget = asked.min(left * 7 / 8);
    let budget = Duration::from_secs_f64((budget.as_secs_f64() * 100.0).floor() / 100.0);
    context.listener.note(&format!(
        "racing {} over {} for at most {:.0} s",
        counted(entrants.len() + 1, "candidate"),
        counted(benchmarks.len(), "benchmark"),
        budget.as_secs_f64()
    ));
    found.budget_seconds = Some(budget.as_secs_f64());
    let budget_ends = Instant::now() + budget;
    context.listener.until(budget_ends);
    let names = std::iter::once(0).chain(entrants.iter().map(|entrant| entrant.candidate));
    let names = names.map(|candidate| found.name(candidate).to_owned()).collect();
    let conditions = DisturbanceMonitor::begin(&cores);
    let mut contest = Contest::new(run, names, entrants, benchmarks, cores, conditions, budget_ends);
    let outcome = contest.run();
    context.listener.warn_all(contest.conditions.warnings());
    found.pinned_core = context.core_of(&contest.cores).and(first_core);
    found.later_cores.clone_from(&contest.cores.later);
    let exit = outcome.map(|stopped| {
        if let Some(by) = stopped {
            let words = format!("stopped {by} before the race was decided");
            context.listener.doubt(WarningCode::StoppedEarly, &words, None);
        }
        found.is_partial = stopped.is_some();
        found.conclude(&contest, run.settings.threshold_percent);
        match (stopped, found.has_answer()) {
            (Some(_), _) => ExitCode::StoppedEarly,
            (None, true) => ExitCode::Done,
            (None, false) => ExitCode::NothingMeasured,
        }
    });
    (exit, contest.into_entrants())
}
