//! The arguments of `deadheat skill`.

use crate::cli::args::shared::OutputArgs;

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  deadheat skill\n  deadheat skill write-a-benchmark\n  deadheat skill --install claude\n  \
                  deadheat skill --install --user",
    args_override_self = true
)]
pub(crate) struct SkillArgs {
    /// Print this skill, or this file of one: deadheat, write-a-benchmark, deadheat/references/commands.md
    #[arg(value_name = "SKILL", default_value = "deadheat", conflicts_with = "install")]
    pub(crate) skill: String,
    /// Install all skills into the project for an agent: claude into .claude/skills, codex into .agents/skills, which
    /// other agents read too; or into a folder [without a value: for the agents that have files in the project or in
    /// your home folder]
    #[arg(long, value_name = "claude|codex|DIR")]
    pub(crate) install: Option<Option<String>>,
    /// Install into your home folder, for all projects
    #[arg(long, requires = "install")]
    pub(crate) user: bool,
    /// Overwrite installed files that differ
    #[arg(long, requires = "install")]
    pub(crate) replace: bool,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
}
