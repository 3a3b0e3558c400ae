//! The arguments of `deadheat slurm`.

use clap::parser::ValueSource;
use clap::{Arg, ArgMatches, Args, Command, FromArgMatches};

use crate::cli::args::compare::CompareArgs;

const SLURM_HELP: &str = "\
Example:
  deadheat slurm main HEAD --parts 8 -o all.html > run.sh
  sh run.sh --account=NAME --time=30     options of sbatch, for all jobs

-o names the outputs of the merged report.";

/// The options of `compare` that have no meaning in an array, and why.
const REFUSED: [(&str, &str); 14] = [
    ("partition", "each task of the array has its own part"),
    (
        "working_tree",
        "the files may change before the last task has started: commit them",
    ),
    ("pull_request", "name its two commits, which all nodes must have"),
    ("continued", "continue one of the parts, and merge them again"),
    ("script", "a command cannot be cut into parts"),
    ("record", "the verdicts are those of the merged report"),
    ("dry_run", "`deadheat compare --dry-run` shows the benchmarks"),
    ("keep", "no worktree is kept on a node"),
    ("cpu", "SLURM chooses the cores"),
    (
        "json",
        "the merged report is in all.json; -o writes other formats",
    ),
    (
        "brief",
        "the merged report is in all.json; -o writes other formats",
    ),
    (
        "metrics",
        "the merged report is in all.json; -o writes other formats",
    ),
    (
        "samples",
        "the merged report is in all.json; -o writes other formats",
    ),
    ("progress_json", "each part writes its progress into its log"),
];

/// The options that only go with one of these.
const WITH_THEM: [&str; 4] = ["script_output", "status", "guard", "allow_partial"];

#[derive(Debug, clap::Args)]
#[command(args_override_self = true)]
pub(crate) struct SlurmArgs {
    /// Cut the suite into this number of parts, each a task of the array
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(crate) parts: u32,
    /// Write the parts' reports, the logs and the merged report (all.json) into this folder, which all nodes must see
    /// [default: deadheat-BASE-HEAD]
    #[arg(long, value_name = "DIR")]
    pub(crate) folder: Option<String>,
    #[command(flatten, next_help_heading = None)]
    pub(crate) compare: CompareWords,
}

/// The arguments of `compare`, and the words that they are made from.
#[derive(Debug)]
pub(crate) struct CompareWords {
    pub(crate) args: Box<CompareArgs>,
    /// The options that were typed, by id.
    typed: Vec<(String, Vec<String>)>,
}

impl CompareWords {
    /// Returns the words of all typed options but these.
    pub(crate) fn without<'a>(&'a self, ids: &'a [&str]) -> impl Iterator<Item = &'a String> {
        let kept = self.typed.iter().filter(|(id, _)| !ids.contains(&id.as_str()));
        kept.flat_map(|(_, words)| words)
    }

    /// Returns the name of an option that was typed and has no meaning here, and why.
    pub(crate) fn refused(&self) -> Option<(&str, &'static str)> {
        REFUSED.iter().find_map(|(id, why)| {
            let (_, words) = self.typed.iter().find(|(typed, _)| typed == id)?;
            Some((words.first()?.split('=').next()?, *why))
        })
    }
}

impl FromArgMatches for CompareWords {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let command = CompareArgs::augment_args(Command::new("compare"));
        let typed = command.get_arguments().filter(|argument| {
            matches.value_source(argument.get_id().as_str()) == Some(ValueSource::CommandLine)
        });
        Ok(CompareWords {
            typed: typed
                .map(|argument| (argument.get_id().to_string(), words(argument, matches)))
                .collect(),
            args: Box::new(CompareArgs::from_arg_matches(matches)?),
        })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

impl Args for CompareWords {
    fn augment_args(command: Command) -> Command {
        let refused = REFUSED.iter().map(|(id, _)| *id);
        // An unknown id panics, in every test of the definition.
        let hidden = refused.chain(WITH_THEM);
        hidden
            .fold(CompareArgs::augment_args(command), |command, id| {
                command.mut_arg(id, |argument| argument.hide(true))
            })
            .after_help(SLURM_HELP)
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

/// Returns an option with its values, as they would be typed.
fn words(argument: &Arg, matches: &ArgMatches) -> Vec<String> {
    let name = match (argument.get_long(), argument.get_short()) {
        (Some(long), _) => format!("--{long}"),
        (None, short) => short.map_or(String::new(), |short| format!("-{short}")),
    };
    if !argument.get_action().takes_values() {
        return vec![name];
    }
    let values = matches.get_raw(argument.get_id().as_str()).into_iter().flatten();
    let values = values.map(|value| value.to_string_lossy().into_owned());
    let typed = |value: String| match (name.starts_with("--"), value.starts_with('-')) {
        (true, true) => vec![format!("{name}={value}")],
        (false, true) => vec![format!("{name}{value}")],
        _ => vec![name.clone(), value],
    };
    values.flat_map(typed).collect()
}
