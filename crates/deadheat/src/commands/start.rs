//! `deadheat start`: makes the current commit the baseline of the loop.

use std::path::Path;

use deadheat_core::answers::{Started, next_after_start};
use deadheat_core::model::{Action, NextStep};
use deadheat_core::records::{Baseline, read_baseline, write_baseline};
use deadheat_core::text::plain;

use crate::cli::args::StartArgs;
use crate::cli::options::{Verbosity, verbosity};
use crate::error::{ExitCode, Failure};
use crate::experiments::store::ExperimentStore;
use crate::report::output;
use crate::system::clock;
use crate::system::interrupt::Interrupt;
use crate::system::terminal;

pub(crate) fn run(args: &StartArgs, folder: &Path, interrupt: &Interrupt) -> anyhow::Result<ExitCode> {
    let (git, state) = ExperimentStore::open(folder, args.config_file.as_deref(), interrupt)?;
    let commit = git.commit("HEAD")?.ok_or_else(|| {
        Failure::usage("the repository has no commit yet")
            .hint("commit the state that the loop starts from: git add --all && git commit")
    })?;
    let baseline = Baseline {
        commit,
        date: Some(clock::now()),
        branch: git.line(["symbolic-ref", "--quiet", "--short", "HEAD"])?,
    };
    let uncommitted = git.uncommitted_paths()?;

    let lock = state.lock()?;
    let text = state.handoff()?;
    let earlier = read_baseline(&text);
    if let Some(earlier) = earlier.as_ref().filter(|_| !args.replace) {
        return Err(Failure::usage(format!(
            "there already is a baseline, {}: nothing was changed",
            described(earlier)
        ))
        .named("baseline_exists")
        .hint(
            "continue from it (`deadheat status` shows it), or start over from the current commit: deadheat \
             start --replace",
        )
        .next(NextStep::command(
            Action::NextExperiment,
            &["deadheat", "status"],
            "the loop goes on from its baseline",
        ))
        .into());
    }
    let path = state.write_handoff(&lock, &write_baseline(&text, &baseline))?;
    drop(lock);

    let is_ignored = state.is_ignored(&git)?;
    if verbosity(&args.output) != Verbosity::Quiet {
        warn(&state, &uncommitted, is_ignored);
    }
    let next = next_after_start(uncommitted.is_empty());
    if args.output.json {
        output::print_json(&Started {
            baseline: &baseline,
            replaced: earlier.as_ref(),
            uncommitted: &uncommitted,
            ignored: is_ignored,
            file: path.display().to_string(),
            next: NextStep::for_programs(next),
        })?;
    } else {
        let mut text = format!("baseline: {}\n", described(&baseline));
        if let Some(earlier) = &earlier {
            text.push_str(&format!("instead of: {}\n", described(earlier)));
        }
        text.push_str(&format!("written to {}\n", path.display()));
        text.push_str(&output::next_for_people(&next, verbosity(&args.output)));
        terminal::print(text.as_bytes())?;
    }
    Ok(ExitCode::Done)
}

fn warn(state: &ExperimentStore, uncommitted: &[String], is_ignored: bool) {
    if !uncommitted.is_empty() {
        terminal::print_note(&format!(
            "warning: uncommitted changes are not in the baseline: {}",
            listed(uncommitted)
        ));
    }
    if !is_ignored {
        terminal::print_note(&format!(
            "warning: git does not ignore {}: records that are committed with the code are reset with it; a \
             line in .gitignore keeps them",
            state.folder().display()
        ));
    }
}

fn described(baseline: &Baseline) -> String {
    let branch = baseline.branch.as_deref();
    let on = branch.map(|branch| format!(" on {branch}")).unwrap_or_default();
    let date = baseline.date.as_deref();
    let since = date.map(|date| format!(", set {date}")).unwrap_or_default();
    plain(&format!("{}{on}{since}", baseline.commit))
}

fn listed(paths: &[String]) -> String {
    const MOST: usize = 5;
    let mut names: Vec<String> = paths.iter().take(MOST).map(|path| plain(path)).collect();
    if paths.len() > MOST {
        names.push(format!("and {} more", paths.len() - MOST));
    }
    names.join(", ")
}
