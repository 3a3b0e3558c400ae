//! Opens a plan on this machine: worktrees, environments, builds. They are made once, and used by all processes that
//! measure the plan's comparison here.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;
use deadheat_core::model::Environments;

use crate::Installation;
use crate::cli::options::Verbosity;
use crate::commands::common::context::{CompareContext, Context};
use crate::commands::common::findings::Findings;
use crate::commands::compare::steps;
use crate::config::Config;
use crate::config::settings::{CompareSettings, SideSettings};
use crate::distribute::plan::{Plan, PlannedComparison};
use crate::distribute::site::Site;
use crate::report::listener::Listener;
use crate::system::cache;
use crate::system::command::Deadline;
use crate::system::cpu_pinning::Pinning;
use crate::system::interrupt::Interrupt;
use crate::system::machine::suffix;
use crate::workspace::Workspace;
use crate::workspace::shared::{SharedFolder, Turn};

/// The file of the site in the folder of a plan.
const SITE_FILE: &str = "site.json";

/// Returns the site of a plan, and the lock that keeps it while it is used.
pub(super) fn open(
    plan: &Path,
    installation: &Installation,
    interrupt: &Interrupt,
) -> anyhow::Result<(Site, File)> {
    let limits = Deadline::never(interrupt);
    let shared = folder_of(plan)?;
    loop {
        match shared.turn(SITE_FILE, &limits)? {
            Turn::Made(lock) => {
                let site = Site::read(&shared.path().join(SITE_FILE))?;
                if site.is_there() {
                    return Ok((site, lock));
                }
                // Somebody has removed a part of it.
                drop(lock);
                shared.remove(&limits)?;
            }
            Turn::ToBeMade(workspace) => {
                let (site, workspace) = make(plan, *workspace, installation, &limits)?;
                site.write(&workspace.folder().join(SITE_FILE))?;
                return Ok((site, workspace.share()?));
            }
        }
    }
}

/// Removes everything that was made for a plan.
pub(super) fn remove(plan: &Path, interrupt: &Interrupt) -> anyhow::Result<()> {
    folder_of(plan)?.remove(&Deadline::never(interrupt))
}

fn folder_of(plan: &Path) -> anyhow::Result<SharedFolder> {
    let content = fs::read(plan).with_context(|| format!("cannot read the plan {}", plan.display()))?;
    SharedFolder::named(&format!("plan-{}{}", cache::key([content]), suffix()))
}

fn make(
    plan: &Path,
    workspace: Workspace,
    installation: &Installation,
    limits: &Deadline,
) -> anyhow::Result<(Site, Workspace)> {
    let (comparison, git) = Plan::unpack(plan, &workspace.folder().join("repository"), limits)?;
    workspace.write_owner(&git, false)?;
    let started_in = git.top().join(&comparison.folder);
    let config = Config::load(&started_in, git.top(), comparison.config_file.as_deref())?;
    let sides = side_settings(&comparison, started_in);
    let mut settings = CompareSettings::of_stored(
        &comparison.revisions,
        comparison.seed,
        &comparison.settings,
        sides,
    );
    settings.pull_request = comparison.pull_request;
    let listener = Listener::new(Verbosity::Quiet);
    let run = CompareContext {
        context: Context {
            settings: &settings.sides,
            installation,
            git: &git,
            config: &config,
            revisions: &comparison.revisions,
            listener: &listener,
            limits: limits.clone(),
            seed: comparison.seed,
        },
        settings: &settings,
    };
    let mut findings = Findings::new(comparison.revisions.clone(), comparison.seed);
    let (workers, workspace) = steps::open_for_others(&run, workspace, &mut findings)?;
    let python = findings.python.unwrap_or_default();
    Ok((Site::of(&workers, python, listener.take_warnings()), workspace))
}

fn side_settings(comparison: &PlannedComparison, started_in: PathBuf) -> SideSettings {
    let python = comparison
        .python
        .is_file()
        .then(|| comparison.python.display().to_string());
    SideSettings {
        started_in,
        config_file: comparison.config_file.clone(),
        python,
        injected: Vec::new(),
        passed_variables: comparison.passed_variables.clone(),
        environment: Environments::default(),
        requirements: Vec::new(),
        build: None,
        memory_limit_mib: None,
        fetch: comparison.fetch,
        pinning: Pinning::Quietest,
        timeout: Duration::ZERO,
        seed: None,
    }
}
