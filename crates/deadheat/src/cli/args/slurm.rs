//! The arguments of `deadheat slurm`.

use clap::parser::ValueSource;
use clap::{Arg, ArgMatches, Args, Command, FromArgMatches};

use crate::cli::args::compare::CompareArgs;

const SLURM_HELP: &str = "\
Example:
  deadheat slurm main HEAD --parts 8 -o all.html > run.sh
  sh run.sh --account=NAME --time=30     options of sbatch, for all jobs

-o names the outputs of the merged report.";

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

    /// Returns the name of an option if it was typed.
    pub(crate) fn name(&self, id: &str) -> Option<&str> {
        let (_, words) = self.typed.iter().find(|(typed, _)| typed == id)?;
        words.first()?.split('=').next()
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
        CompareArgs::augment_args(command).after_help(SLURM_HELP)
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
