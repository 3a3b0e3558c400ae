//! A candidate that is open beside the reference: its worktrees, its workers, and the benchmarks that run its changes.

use std::collections::BTreeSet;

use deadheat_core::model::{Missing, SelectionRule};
use deadheat_core::text::{main_line, plain};

use crate::commands::common::context::CompareContext;
use crate::commands::common::findings::Findings;
use crate::commands::compare::collect::Suite;
use crate::commands::compare::steps::{Ready, Site, Steps, narrow_to};
use crate::error::Failure;
use crate::passes::workers::WorkerPool;
use crate::prepare::Prepared;
use crate::project::extension_modules::ExtensionModules;
use crate::workspace::without_checkouts;

pub(super) struct Entrant {
    /// Its number among all candidates.
    pub(super) candidate: usize,
    pub(super) site: Site,
    /// The environments, which are kept as long as this is.
    _prepared: Prepared,
    pub(super) workers: WorkerPool,
    pub(super) suite: Suite,
    /// The benchmarks that run its changes.
    chosen: Vec<String>,
    /// Benchmarks that cannot be measured on it or on the reference.
    missing: Vec<Missing>,
}

pub(super) enum Opened {
    Entrant(Box<Entrant>),
    /// The benchmarks cannot tell it from the reference, for this reason.
    Same(String),
}

/// Opens a candidate. If that fails, nothing of it is left.
pub(super) fn open(candidate: usize, run: &CompareContext<'_>) -> anyhow::Result<Opened> {
    let mut findings = Findings::new(run.context.revisions.clone(), run.context.seed);
    let mut site = Site::open(run, &mut findings, None)?;
    let ready = make_ready(run, &mut site, &mut findings);
    findings.leave_checkouts_out(site.checkouts.worktrees());
    let reference = &run.context.revisions.base.name;
    let same = match ready {
        Ok(Some(ready)) if !ready.chosen.benchmarks.is_empty() => {
            let Ready {
                prepared,
                mut workers,
                suite,
                chosen,
                ..
            } = ready;
            workers.rest();
            return Ok(Opened::Entrant(Box::new(Entrant {
                candidate,
                site,
                _prepared: prepared,
                workers,
                suite,
                chosen: chosen.benchmarks,
                missing: findings.missing,
            })));
        }
        Ok(_) if findings.selection.rule == SelectionRule::NothingChanged => Ok(format!(
            "no code that a benchmark could run differs from {reference}"
        )),
        Ok(_) => Ok(format!("no benchmark runs code that differs from {reference}")),
        Err(error) => Err(match error.downcast::<Failure>() {
            Ok(failure) => Failure {
                message: without_checkouts(&failure.message, site.checkouts.worktrees()),
                ..failure
            }
            .into(),
            Err(error) => error,
        }),
    };
    site.checkouts.close(run.context.git, run.context.listener);
    same.map(Opened::Same)
}

fn make_ready(
    run: &CompareContext<'_>,
    site: &mut Site,
    findings: &mut Findings,
) -> anyhow::Result<Option<Ready>> {
    let sources = &site.sources;
    let worktrees = site.checkouts.worktrees();
    let compiled = ExtensionModules::find(&sources.project, &sources.files, worktrees);
    let hints = run.context.hints(sources, compiled.as_ref(), &site.checkouts);
    let steps = Steps {
        run,
        sources,
        interpreter: &site.interpreter,
        root: &site.root,
    };
    steps.make_ready(compiled.as_ref(), &hints, &mut site.checkouts, findings)
}

/// Returns the benchmarks that run the changes of any entrant, in the reference's order.
pub(super) fn benchmarks_of_all(entrants: &[Entrant]) -> Vec<String> {
    let chosen: BTreeSet<&String> = entrants.iter().flat_map(|entrant| &entrant.chosen).collect();
    let mut benchmarks: Vec<String> = Vec::new();
    for benchmark in entrants.iter().flat_map(|entrant| &entrant.suite.benchmarks) {
        if chosen.contains(benchmark) && !benchmarks.contains(benchmark) {
            benchmarks.push(benchmark.clone());
        }
    }
    benchmarks
}

impl Entrant {
    /// Returns why it cannot run these benchmarks, if it cannot.
    pub(super) fn lacks(&self, benchmarks: &[String]) -> Option<String> {
        let is_lacking = |benchmark: &&String| !self.suite.benchmarks.contains(benchmark);
        let lacking = benchmarks.iter().find(is_lacking)?;
        let row = self.missing.iter().find(|row| row.benchmark == *lacking);
        let why = row.map_or_else(String::new, |row| format!(": {}", main_line(&row.message)));
        Some(format!("it cannot run {}{why}", plain(lacking)))
    }

    /// Lets its workers import no more than the files of these benchmarks.
    pub(super) fn narrow_to(&mut self, benchmarks: &[String]) {
        let Site {
            checkouts, sources, ..
        } = &self.site;
        narrow_to(&mut self.workers, benchmarks, checkouts, &sources.project);
    }
}
