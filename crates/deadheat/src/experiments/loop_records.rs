//! The records of a loop, read once, with the steps that would follow where it stands.

use std::path::Path;

use deadheat_core::answers::{Checkout, next_in_loop};
use deadheat_core::model::NextStep;
use deadheat_core::records::{Baseline, History, Results};

use crate::experiments::store::ExperimentStore;
use crate::git::Git;
use crate::system::interrupt::Interrupt;

pub(crate) struct LoopRecords {
    git: Git,
    pub(crate) state: ExperimentStore,
    pub(crate) baseline: Option<Baseline>,
    pub(crate) results: Results,
}

impl LoopRecords {
    /// Reads the records of the project around a folder, and warns of cells that were ignored.
    pub(crate) fn read(
        folder: &Path,
        config_file: Option<&Path>,
        interrupt: &Interrupt,
    ) -> anyhow::Result<Self> {
        let (git, state) = ExperimentStore::open(folder, config_file, interrupt)?;
        let baseline = state.known_baseline()?;
        let results = state.results()?;
        state.warn_of(&results.problems);
        Ok(LoopRecords {
            git,
            state,
            baseline,
            results,
        })
    }

    pub(crate) fn history(&self) -> History<'_> {
        History::new(&self.results.rows, self.baseline.as_ref())
    }

    pub(crate) fn next(&self) -> anyhow::Result<Vec<NextStep>> {
        next_steps(&self.git, &self.history(), self.baseline.as_ref())
    }
}

/// Returns the steps that would follow, the most useful one first.
pub(crate) fn next_steps(
    git: &Git,
    history: &History<'_>,
    baseline: Option<&Baseline>,
) -> anyhow::Result<Vec<NextStep>> {
    Ok(next_in_loop(history, baseline, &checkout(git)?))
}

/// Returns the state of the user's checkout.
fn checkout(git: &Git) -> anyhow::Result<Checkout> {
    let head = git.commit("HEAD")?;
    let is_clean = match head {
        Some(_) => git.uncommitted_paths()?.is_empty(),
        None => true,
    };
    Ok(Checkout {
        head,
        subject: git
            .line(["log", "--max-count=1", "--format=%s", "HEAD"])
            .ok()
            .flatten()
            .unwrap_or_default(),
        is_clean,
        is_merging: git.is_stopped_half_way(),
    })
}
