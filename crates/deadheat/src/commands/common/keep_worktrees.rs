//! The end of a comparison's worktrees: removed, or kept (`--keep`) with the commands that run one side by hand.

use deadheat_core::model::{PerSide, Python, Side};
use deadheat_core::report::quoted;

use crate::commands::common::context::Context;
use crate::error::ExitCode;
use crate::project::layout::ProjectLayout;
use crate::system::terminal::print_note;
use crate::workspace::checkout::Checkouts;

/// Returns the commands that run benchmarks in the worktrees. `nodes` are the files or tests for pytest, relative to the
/// project's folder.
pub(crate) fn pytest_by_hand(
    checkouts: &Checkouts,
    project: &ProjectLayout,
    pythons: &PerSide<Python>,
    nodes: &[String],
) -> PerSide<String> {
    let nodes: Vec<String> = nodes.iter().map(|node| quoted(node)).collect();
    let worktrees = checkouts.worktrees();
    PerSide::new(Side::Base, Side::Head).map(|side| {
        let worktree = worktrees.get(side);
        let folders = project.import_folders.iter();
        let path: Vec<String> = folders
            .map(|folder| worktree.join(folder).display().to_string())
            .collect();
        format!(
            "PYTHONPATH={} {} -m pytest {}",
            quoted(&path.join(":")),
            quoted(&pythons.get(side).path),
            nodes.join(" ")
        )
    })
}

/// Ends a run with its outcome: keeps the worktrees if there are commands for a shell in the project's
/// `folder`, and removes them otherwise. An error of the run comes before one of keeping them.
pub(crate) fn close(
    mut checkouts: Checkouts,
    context: &Context<'_>,
    folder: &str,
    by_hand: Option<&PerSide<String>>,
    outcome: anyhow::Result<ExitCode>,
) -> anyhow::Result<ExitCode> {
    let kept = by_hand.map_or(Ok(()), |commands| keep(&mut checkouts, context, folder, commands));
    checkouts.close(context.git, context.listener);
    let exit = outcome?;
    kept.map(|()| exit)
}

fn keep(
    checkouts: &mut Checkouts,
    context: &Context<'_>,
    folder: &str,
    commands: &PerSide<String>,
) -> anyhow::Result<()> {
    checkouts.workspace.keep(context.git)?;
    context.listener.finish();
    let mut text = format!(
        "kept {}; to run one side by hand:\n",
        checkouts.workspace.folder().display()
    );
    for side in Side::BOTH {
        let folder = checkouts.workspace.worktree(side).join(folder);
        let folder = quoted(&folder.display().to_string());
        text.push_str(&format!("  cd {folder} && {}\n", commands.get(side)));
    }
    text.push_str("`deadheat clean` removes both worktrees");
    print_note(&text);
    Ok(())
}
