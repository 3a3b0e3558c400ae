//! `deadheat clean`.

use std::path::Path;

use crate::cache;
use crate::cli::CleanArgs;
use crate::command::Limits;
use crate::failure::Exit;
use crate::git::Git;
use crate::interrupt::Interrupt;
use crate::options::{Verbosity, verbosity};
use crate::output;
use crate::workspace::{self, Kept};

pub(crate) fn run(args: &CleanArgs, folder: &Path, interrupt: &Interrupt) -> anyhow::Result<Exit> {
    let mut removed = workspace::sweep(
        &Git::anywhere(folder, &Limits::without_end(interrupt))?,
        Kept::Remove,
    )?;
    removed.extend(cache::clear()?);
    let removed: Vec<String> = removed.iter().map(|path| path.display().to_string()).collect();
    if args.output.json {
        let value = serde_json::json!({ "removed": removed });
        output::print(format!("{value}\n").as_bytes())?;
    } else if verbosity(&args.output) != Verbosity::Quiet {
        let mut text: String = removed.iter().map(|path| format!("removed {path}\n")).collect();
        if removed.is_empty() {
            text = "nothing to remove\n".to_owned();
        }
        output::print(text.as_bytes())?;
    }
    Ok(Exit::Done)
}
