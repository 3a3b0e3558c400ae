//! `--keep`: leaves the worktrees, and says how to run one side by hand.

use deadheat_core::model::{PerSide, Side};
use deadheat_core::report::{Python, quoted};

use crate::git::Git;
use crate::project::layout::ProjectLayout;
use crate::report::listener::Listener;
use crate::system::terminal::print_note;
use crate::workspace::checkout::Checkouts;

/// Keeps the worktrees of a comparison of benchmarks. `nodes` are the files or tests for pytest, relative to the
/// project's folder.
pub(crate) fn pytest_by_hand(
    checkouts: &mut Checkouts,
    git: &Git,
    project: &ProjectLayout,
    pythons: &PerSide<Python>,
    nodes: &[String],
    listener: &Listener,
) -> anyhow::Result<()> {
    let nodes: Vec<String> = nodes.iter().map(|node| quoted(node)).collect();
    let worktrees = checkouts.worktrees();
    let command = |side: Side| {
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
    };
    let commands = PerSide::new(Side::Base, Side::Head).map(command);
    keep(checkouts, git, &project.folder, &commands, listener)
}

/// Keeps the worktrees; `commands` are for a shell in the project's folder.
pub(crate) fn keep(
    checkouts: &mut Checkouts,
    git: &Git,
    folder: &str,
    commands: &PerSide<String>,
    listener: &Listener,
) -> anyhow::Result<()> {
    checkouts.workspace.keep(git)?;
    listener.finish();
    let mut text = format!(
        "kept {}; to run one side by hand:\n",
        checkouts.workspace.folder().display()
    );
    for side in Side::BOTH {
        let folder = checkouts
            .workspace
            .worktree(side)
            .join(folder)
            .display()
            .to_string();
        text.push_str(&format!("  cd {} && {}\n", quoted(&folder), commands.get(side)));
    }
    text.push_str("`deadheat clean` removes both worktrees");
    print_note(&text);
    Ok(())
}
