//! `deadheat compare`: from the options to the report, step by step.

pub(crate) mod benchmarks;
mod breakdown;
pub(crate) mod collect;
mod distributed;
mod finish;
mod measurement;
mod measuring;
mod notes;
pub(crate) mod reach_selection;
pub(crate) mod resume;
mod select;
pub(crate) mod steps;
mod verdicts;

use crate::Installation;
use crate::cli::options::{CompareOptions, RecordedBase, Verbosity, WorktreeCleanup};
use crate::commands::common::context::{CompareContext, Context, StartingPoint, reported_python, seed_of};
use crate::commands::common::findings::Findings;
use crate::commands::common::keep_worktrees;
use crate::commands::compare::steps::{Site, Steps};
use crate::commands::script;
use crate::config::Config;
use crate::config::settings::CompareSettings;
use crate::error::ExitCode;
use crate::events::Events;
use crate::experiments::record;
use crate::experiments::store::ExperimentStore;
use crate::git::{Git, pull_request, revisions};
use crate::report::listener::Listener;
use crate::report::load;
use crate::system::command::Deadline;
use crate::system::interrupt::Interrupt;
use crate::system::paths::seen_from;
use deadheat_core::model::{PerSide, Revision, WarningCode};
use deadheat_core::text;

pub(crate) fn run(
    options: &CompareOptions,
    installation: &Installation,
    interrupt: &Interrupt,
) -> anyhow::Result<ExitCode> {
    options.outputs.check_writable()?;
    let StartingPoint { limits, git, config } = StartingPoint::open(&options.sides, interrupt)?;
    let continued = options.continued.as_deref().map(resume::load).transpose()?;
    let mut settings = CompareSettings::merge(options, continued, &config, git.top())?;
    if let Some(file) = &options.balance {
        settings.balance_by(file, load::read_costs(file, "--balance")?);
    }
    resume::check_machines(settings.continued.as_ref(), settings.on.is_some())?;
    let listener = Listener::new(options.outputs.verbosity);
    if let (Some(part), Some(by)) = (settings.partition, &settings.partition_by) {
        listener.note(&format!("part {part}, by {by}"));
    }
    let state = match (&options.to_record, settings.refs.recorded) {
        (None, None) => None,
        _ => Some(ExperimentStore::find(&config, git.top())?),
    };
    let mut revisions = resolve(&git, &settings, state.as_ref(), &limits, &listener)?;
    if let Some(earlier) = &settings.continued {
        // The commits are the same; the refs are kept as typed.
        revisions.clone_from(&earlier.revisions);
    }
    let recording = state.as_ref().zip(options.to_record.as_ref());
    if let Some((state, _)) = recording {
        record::check(state, &revisions)?;
    }
    if settings.refs.recorded == Some(RecordedBase::LastKept) {
        warn_of_another_history(&git, &revisions, &listener)?;
    }
    let seed = seed_of(&settings, &revisions);
    let mut findings = Findings::new(revisions.clone(), seed);
    let run = CompareContext {
        context: Context {
            settings: &settings.sides,
            installation,
            git: &git,
            config: &config,
            revisions: &revisions,
            listener: &listener,
            limits,
            seed,
        },
        settings: &settings,
    };
    let outcome = match &settings.script {
        Some(script) => script::compare(&run, script, &mut findings),
        None => compare(&run, &mut findings),
    };
    listener.finish();
    finish::finish(&run, options, findings, outcome, recording)
}

/// Resolves the refs to commits for a run that is not here.
pub(crate) fn resolve_for(
    git: &Git,
    settings: &CompareSettings,
    config: &Config,
    limits: &Deadline,
) -> anyhow::Result<PerSide<Revision>> {
    let recorded = settings.refs.recorded;
    let state = recorded
        .map(|_| ExperimentStore::find(config, git.top()))
        .transpose()?;
    resolve(
        git,
        settings,
        state.as_ref(),
        limits,
        &Listener::new(Verbosity::Quiet),
    )
}

/// Resolves the refs to commits.
fn resolve(
    git: &Git,
    settings: &CompareSettings,
    state: Option<&ExperimentStore>,
    limits: &Deadline,
    events: &dyn Events,
) -> anyhow::Result<PerSide<Revision>> {
    match (state, settings.refs.recorded, settings.pull_request) {
        (_, _, Some(number)) => pull_request::resolve(git, number, limits, events),
        (Some(state), Some(recorded), _) => {
            let commit = match recorded {
                RecordedBase::Baseline => state.baseline(git)?,
                RecordedBase::LastKept => state.last_kept(git)?,
            };
            revisions::resolve_recorded(git, &settings.refs, recorded, commit)
        }
        _ => revisions::resolve(git, &settings.refs),
    }
}

/// Warns if head does not build on the last kept commit, because it was amended, rebased or reset away.
fn warn_of_another_history(
    git: &Git,
    PerSide { base, head }: &PerSide<Revision>,
    events: &dyn Events,
) -> anyhow::Result<()> {
    if !git.is_ancestor(&base.commit, &head.commit)? {
        let short = text::short_commit(&base.commit);
        let words = format!(
            "the last kept commit, {short}, is not in the history of {}",
            head.name
        );
        events.doubt(
            WarningCode::AnotherHistory,
            &words,
            Some(
                "was it amended, rebased or reset away? name both refs, or give its row in results.tsv the status discard",
            ),
        );
    }
    Ok(())
}

/// Compares the benchmarks: checks both revisions out, and removes them at the end.
fn compare(run: &CompareContext<'_>, findings: &mut Findings) -> anyhow::Result<ExitCode> {
    let Site {
        sources,
        interpreter,
        root,
        mut checkouts,
    } = Site::open(run, findings, None)?;
    let project = &sources.project;
    let steps = Steps {
        run,
        sources: &sources,
        interpreter: &interpreter,
        root: &root,
    };
    let outcome = steps.run(&mut checkouts, findings);
    let is_kept = run.settings.worktrees == WorktreeCleanup::Keep;
    let by_hand = is_kept.then(|| {
        let own = || reported_python(&PerSide::same(interpreter.clone()));
        let pythons = findings.python.clone().unwrap_or_else(own);
        let nodes = match run.settings.tests.as_slice() {
            [] => vec![seen_from(&project.folder, &root)],
            tests => tests.to_vec(),
        };
        keep_worktrees::pytest_by_hand(&checkouts, project, &pythons, &nodes)
    });
    keep_worktrees::close(
        checkouts,
        &run.context,
        &project.folder,
        by_hand.as_ref(),
        outcome,
    )
}
