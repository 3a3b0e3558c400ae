//! The driver: every part of deadheat that has side effects. `deadheat-core` only computes values from values; the
//! Python package runs in the project's interpreter.

#![forbid(unsafe_code)]

#[cfg(not(unix))]
compile_error!("deadheat supports Linux and macOS; on Windows, use it inside WSL");

mod cli;
mod commands;
mod config;
mod distribute;
mod error;
mod events;
mod experiments;
mod git;
mod mcp;
mod passes;
mod prepare;
mod project;
mod report;
mod system;
mod worker;
mod workspace;

use std::ffi::OsString;
use std::path::PathBuf;

use clap::Parser;

use crate::cli::args::{Args, CommandArgs};
use crate::cli::micro::MicroOptions;
use crate::cli::options::{CompareOptions, ProfileOptions, ReportOptions};
use crate::commands::{
    clean, compare, demo, detect, explain, handoff, log, merge, micro, profile, race, replicate, skill,
    slurm, start, status,
};
use crate::error::{ErrorKind, ExitCode, Failure};
use crate::system::interrupt::Interrupt;
use crate::system::terminal;
use crate::system::{guard, limits};

/// The locations of the installation's other parts.
#[derive(Clone, Debug)]
pub struct Installation {
    /// The installed `deadheat` Python package.
    pub package_folder: PathBuf,
    /// The Python that runs deadheat.
    pub interpreter: PathBuf,
    /// The native module that contains this code, which traced workers also load.
    pub extension: PathBuf,
    /// Whether deadheat was started to outlive its terminal.
    pub ignores_hangup: bool,
}

/// Starts the launcher, whose own file is the next argument.
const LAUNCH: &str = "from deadheat import __main__ as launcher; launcher.__file__ = sys.argv.pop(1); \
                      sys.exit(launcher.main())";

impl Installation {
    /// Returns the words after the interpreter that start this program again; its arguments follow.
    fn launch_words(&self) -> Vec<OsString> {
        let mut words = self.python_words(LAUNCH);
        words.push(self.package_folder.join("__main__.py").into_os_string());
        words
    }

    /// Returns the words after the interpreter that run code with the packages of exactly this installation: neither the
    /// folder that it runs in nor a variable leads to others.
    fn python_words(&self, code: &str) -> Vec<OsString> {
        let site = self.extension.ancestors().nth(2).unwrap_or(&self.package_folder);
        let code = format!("import sys; sys.path.insert(0, sys.argv.pop(1)); {code}");
        vec!["-I".into(), "-c".into(), code.into(), site.into()]
    }

    fn worker_file(&self, name: &str) -> PathBuf {
        self.package_folder
            .join("side/deadheat_worker/scripts")
            .join(name)
    }
}

/// Runs one command with the arguments after the program's name, and returns its exit code. A panic is
/// printed and becomes 5, so that it is not taken for a regression.
pub fn main(arguments: Vec<OsString>, installation: &Installation) -> i32 {
    if !terminal::stand_in_for_closed_streams() {
        terminal::print_failure(
            "stdout is closed: the answer would be lost",
            Some("to discard it, redirect it: >/dev/null"),
        );
        return ExitCode::ToolFailed as i32;
    }
    // A second call in the same process finds the logger in place.
    let _ = env_logger::Builder::from_env("DEADHEAT_LOG").try_init();
    guard::set_up(installation);
    let outcome = std::panic::catch_unwind(|| run(arguments, installation));
    guard::dismiss();
    outcome.unwrap_or_else(|_| {
        terminal::print_failure(
            "a bug in deadheat: the program panicked (above)",
            Some("please report it with the command and the lines above"),
        );
        ExitCode::ToolFailed as i32
    })
}

fn run(arguments: Vec<OsString>, installation: &Installation) -> i32 {
    let name = std::iter::once(OsString::from("deadheat"));
    let wants_json = arguments.iter().any(|word| word == "--json" || word == "--brief");
    let reports_json = arguments.iter().any(|word| word == "--progress-json");
    let args = match Args::try_parse_from(name.chain(arguments)) {
        Ok(args) => args,
        Err(error) => {
            // This includes the help and the version, which are not errors.
            let _ = error.print();
            if error.exit_code() != 0 {
                let message = error.to_string();
                let message = message.split("\n\nUsage:").next().unwrap_or_default();
                let failure = Failure::usage(message.trim_start_matches("error: ").trim());
                for_programs(&failure, wants_json, reports_json);
            }
            return error.exit_code();
        }
    };
    match dispatch(args, installation) {
        Ok(exit) => exit as i32,
        Err(error) => {
            let failure = error.downcast_ref::<Failure>();
            let kind = failure.map_or(ErrorKind::Tool, |failure| failure.kind);
            let hint = failure.and_then(|failure| failure.hint.clone());
            let message = terminal::whole_message(&error);
            terminal::print_failure(&message, hint.as_deref());
            // The others have a report, with their words in it.
            let wants_json = wants_json && !kind.is_worth_a_report();
            let failure = match failure {
                Some(failure) => failure.with_message(message),
                None => Failure::new(kind, message),
            };
            for_programs(&failure, wants_json, reports_json);
            kind.exit() as i32
        }
    }
}

/// Writes an error as JSON to stdout, and to stderr, where that was asked for.
fn for_programs(failure: &Failure, on_stdout: bool, on_stderr: bool) {
    if on_stderr {
        report::output::report_failure(failure);
    }
    if on_stdout {
        report::output::print_failure(failure);
    }
}

fn dispatch(args: Args, installation: &Installation) -> anyhow::Result<ExitCode> {
    let (interrupt, _guard) = Interrupt::listen(installation.ignores_hangup)?;
    if args.command.runs_code() {
        limits::check_descriptors()?;
    }
    match args.command {
        CommandArgs::Compare(args) => {
            let options = CompareOptions::new(*args, current_folder()?)?;
            compare::run(&options, installation, &interrupt)
        }
        CommandArgs::Race(args) => {
            let (options, refs) = CompareOptions::race(*args, current_folder()?)?;
            race::run(&options, &refs, installation, &interrupt)
        }
        CommandArgs::Micro(args) => {
            let options = MicroOptions::new(*args, current_folder()?)?;
            micro::run(&options, installation, &interrupt)
        }
        CommandArgs::Merge(args) => merge::run(&args),
        CommandArgs::Slurm(args) => slurm::run(args, &current_folder()?, &interrupt),
        CommandArgs::Noise(args) => {
            let options = CompareOptions::noise(*args, current_folder()?)?;
            compare::run(&options, installation, &interrupt)
        }
        CommandArgs::Profile(args) => {
            let options = ProfileOptions::new(*args, current_folder()?)?;
            profile::run(&options, installation, &interrupt)
        }
        CommandArgs::Detect(args) => detect::run(&args, &current_folder()?, installation, &interrupt),
        CommandArgs::Start(args) => start::run(&args, &current_folder()?, &interrupt),
        CommandArgs::Status(args) => status::run(&args, &current_folder()?, &interrupt),
        CommandArgs::Log(args) => log::run(&args, &current_folder()?, &interrupt),
        CommandArgs::Handoff(args) => handoff::run(&args, &current_folder()?, &interrupt),
        CommandArgs::Report(args) => commands::report::run(&ReportOptions::new(args)?),
        CommandArgs::Explain(args) => explain::run(&args),
        CommandArgs::Demo(args) => demo::run(args, installation, &interrupt),
        CommandArgs::Skill(args) => skill::run(&args, &current_folder()?),
        CommandArgs::Replicate(args) => replicate::run(&args, installation, &interrupt),
        CommandArgs::Clean(args) => clean::run(&args, &current_folder()?, &interrupt),
        CommandArgs::Mcp(_) => mcp::run(installation, current_folder()?),
    }
}

fn current_folder() -> anyhow::Result<PathBuf> {
    let folder = std::env::current_dir()
        .map_err(|error| Failure::usage(format!("the current folder cannot be used: {error}")))?;
    Ok(folder)
}
