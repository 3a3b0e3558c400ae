//! `deadheat clean`.

use std::path::Path;

use crate::cli::args::CleanArgs;
use crate::cli::options::{Verbosity, verbosity};
use crate::error::ExitCode;
use crate::git::Git;
use crate::system::cache;
use crate::system::command::Deadline;
use crate::system::interrupt::Interrupt;
use crate::system::terminal;
use crate::workspace::{self, Kept};

pub(crate) fn run(args: &CleanArgs, folder: &Path, interrupt: &Interrupt) -> anyhow::Result<ExitCode> {
    let mut removed = workspace::sweep(&Git::anywhere(folder, &Deadline::never(interrupt))?, Kept::Remove)?;
    removed.extend(cache::clear()?);
    let removed: Vec<String> = removed.iter().map(|path| path.display().to_string()).collect();
    if args.output.json {
        let value = serde_json::json!({ "removed": removed });
        terminal::print(format!("{value}\n").as_bytes())?;
    } else if verbosity(&args.output) != Verbosity::Quiet {
        let mut text: String = removed.iter().map(|path| format!("removed {path}\n")).collect();
        if removed.is_empty() {
            text = "nothing to remove\n".to_owned();
        }
        terminal::print(text.as_bytes())?;
    }
    Ok(ExitCode::Done)
}
