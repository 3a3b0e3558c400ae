//! `deadheat demo`: an example project with two commits, compared for real.

use std::fs;
use std::path::Path;

use anyhow::Context;
use clap::Parser;
use deadheat_core::model::Environments;

use crate::Installation;
use crate::cli::args::{Args, CommandArgs, DemoArgs};
use crate::cli::options::{CompareOptions, Outputs, Verbosity};
use crate::commands::compare;
use crate::error::ExitCode;
use crate::git::Git;
use crate::system::command::Deadline;
use crate::system::interrupt::Interrupt;
use crate::system::terminal;

/// Embeds the example's files in the program.
macro_rules! tree {
    ($side:literal: $($path:literal),+ $(,)?) => {
        &[$(($path, include_str!(concat!("../../../../examples/demo/", $side, "/", $path)))),+]
    };
}

type Tree = &'static [(&'static str, &'static str)];

const BASE: Tree = tree!("base":
    "pyproject.toml",
    "ledger/__init__.py",
    "ledger/account.py",
    "ledger/entries.py",
    "benchmarks/test_ledger.py",
);
const HEAD: Tree = tree!("head":
    "pyproject.toml",
    "ledger/__init__.py",
    "ledger/account.py",
    "ledger/entries.py",
    "benchmarks/test_ledger.py",
    "benchmarks/test_monthly.py",
);

pub(crate) fn run(
    args: DemoArgs,
    installation: &Installation,
    interrupt: &Interrupt,
) -> anyhow::Result<ExitCode> {
    let outputs = Outputs::new(&args.output, &args.report)?;
    let folder = tempfile::Builder::new().prefix("deadheat-demo-").tempdir()?;
    let git = Git::anywhere(folder.path(), &Deadline::never(interrupt))?;
    git.run(["init", "--quiet", "--initial-branch=main"])?;
    commit(&git, folder.path(), BASE, "A small ledger")?;
    commit(&git, folder.path(), HEAD, "Faster totals, and a monthly view")?;
    if outputs.verbosity != Verbosity::Quiet {
        terminal::print_note("deadheat compare HEAD^ HEAD --all --replicates 20    (in an example project)");
    }
    let compare = Args::parse_from([
        "deadheat",
        "compare",
        "HEAD^",
        "HEAD",
        "--all",
        "--replicates",
        "20",
    ]);
    let CommandArgs::Compare(compare) = compare.command else {
        unreachable!("it is `compare`");
    };
    let mut options = CompareOptions::new(*compare, fs::canonicalize(folder.path())?)?;
    options.outputs = outputs;
    // The interpreter that runs deadheat has the pytest that was installed with deadheat.
    options.sides.python = Some(match args.python {
        Some(python) => python,
        None => installation.interpreter.display().to_string(),
    });
    options.sides.environments = Some(Environments::Shared);
    compare::run(&options, installation, interrupt)
}

fn commit(git: &Git, folder: &Path, tree: Tree, message: &str) -> anyhow::Result<()> {
    for (path, text) in tree {
        let path = folder.join(path);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
    }
    git.run(["add", "--all", "--force"])?;
    // An example must not use the user's identity, signing key and hooks.
    git.run([
        "-c",
        "user.name=deadheat",
        "-c",
        "user.email=deadheat@localhost",
        "-c",
        "commit.gpgSign=false",
        "-c",
        "core.hooksPath=/dev/null",
        "commit",
        "--quiet",
        "--message",
        message,
    ])?;
    Ok(())
}
