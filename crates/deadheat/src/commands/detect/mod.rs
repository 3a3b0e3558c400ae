//! `deadheat detect`: the parts of deadheat that can be used in this project, as it is in the working tree, and why not
//! the rest.

mod checks;
mod collection;
mod next;
mod probes;

use std::path::{Path, PathBuf};

use deadheat_core::answers::{Detected, Fallback};
use deadheat_core::model::NextStep;
use deadheat_core::text::{plain, short_commit};

use crate::Installation;
use crate::cli::args::DetectArgs;
use crate::cli::options::{Verbosity, verbosity};
use crate::commands::detect::checks::Found;
use crate::commands::detect::next::next_steps;
use crate::commands::detect::probes::Detection;
use crate::config::Config;
use crate::error::{ErrorKind, ExitCode, Failure, is_stopped};
use crate::experiments::store::ExperimentStore;
use crate::git::Git;
use crate::report::output;
use crate::report::progress::Progress;
use crate::system::command::Deadline;
use crate::system::interrupt::Interrupt;
use crate::system::terminal;

pub(crate) fn run(
    args: &DetectArgs,
    folder: &Path,
    installation: &Installation,
    interrupt: &Interrupt,
) -> anyhow::Result<ExitCode> {
    if let Some(file) = args
        .place
        .config_file
        .as_ref()
        .filter(|file| !folder.join(file).is_file())
    {
        return Err(
            Failure::usage(format!("--config-file {}: there is no such file", file.display())).into(),
        );
    }
    let mut progress = Progress::new(verbosity(&args.output));
    let mut found = Found::default();
    let git = repository(folder, interrupt, &mut found)?;
    let top = git.as_ref().map_or(folder, Git::top).to_owned();
    let config = configuration(args, folder, &top, &mut found);
    let detection = Detection {
        args,
        installation,
        interrupt,
        git: git.as_ref(),
        top: &top,
        config: &config,
    };
    detection.look(&mut found, &mut progress);
    progress.finish();
    found.complete();
    if interrupt.is_asked() {
        return Err(Failure::stopped().into());
    }
    let fallbacks = fallbacks(&found);
    let written = match args.write {
        // Without a checkout there is no place for state: the git directory itself is not a place for files.
        true if git.is_none() => Some(Err(
            "there is no checkout of a repository to write it into".to_owned()
        )),
        true => Some(write(&config, &top, &found)),
        false => None,
    };
    let is_loop = git
        .as_ref()
        .is_some_and(|git| ExperimentStore::has_baseline(&config, git.top()));
    let next = next_steps(&found, &fallbacks, is_loop);
    print(args, &found, &fallbacks, written.as_ref(), next)?;
    Ok(ExitCode::Done)
}

fn repository(folder: &Path, interrupt: &Interrupt, found: &mut Found) -> anyhow::Result<Option<Git>> {
    let git = match Git::discover(folder, &Deadline::never(interrupt)) {
        Ok(git) => git,
        Err(error) if is_stopped(&error) => return Err(error),
        Err(error) => {
            let words = terminal::whole_message(&error);
            let (hint, reason) = match error.downcast_ref::<Failure>() {
                Some(failure) if failure.kind == ErrorKind::BareRepository => {
                    (failure.hint.clone(), "a bare repository")
                }
                _ => {
                    let usual = "git init && git add --all && git commit: deadheat compares two commits";
                    (Some(usual.to_owned()), "no git repository")
                }
            };
            found.in_the_way("git", words, hint.as_deref(), reason);
            return Ok(None);
        }
    };
    match git.commit("HEAD") {
        Ok(Some(commit)) => found.yes(
            "git",
            format!("{}, at {}", git.top().display(), short_commit(&commit)),
        ),
        Ok(None) => found.in_the_way(
            "git",
            format!("{} has no commit yet", git.top().display()),
            Some("git add --all && git commit"),
            "no commits",
        ),
        Err(error) => found.in_the_way("git", terminal::whole_message(&error), None, "git failed"),
    }
    Ok(Some(git))
}

/// Reads the configuration. One that cannot be read is a no, and everything else is checked as if it did not exist.
fn configuration(args: &DetectArgs, folder: &Path, top: &Path, found: &mut Found) -> Config {
    match Config::load(folder, top, args.place.config_file.as_deref()) {
        Ok(config) => {
            found.yes("configuration", described(args, folder, &config));
            config
        }
        Err(error) => {
            let hint = error
                .downcast_ref::<Failure>()
                .and_then(|failure| failure.hint.clone());
            let words = terminal::whole_message(&error);
            found.in_the_way(
                "configuration",
                words,
                hint.as_deref(),
                "the configuration cannot be read",
            );
            Config {
                folder: top.to_owned(),
                ..Config::default()
            }
        }
    }
}

fn described(args: &DetectArgs, folder: &Path, config: &Config) -> String {
    let file = match &args.place.config_file {
        Some(file) => folder.join(file),
        None => config.folder.join("pyproject.toml"),
    };
    if file.is_file() {
        file.display().to_string()
    } else {
        "no pyproject.toml: every setting is detected or a default".to_owned()
    }
}

fn fallbacks(found: &Found) -> Vec<Fallback> {
    let fallback = |name, problem: Option<&str>, detail: &str| Fallback {
        name,
        applies: problem.is_none(),
        detail: problem.unwrap_or(detail).to_owned(),
    };
    let has = |check: &str| found.is_ok(check);
    let no_git = (!has("git")).then_some("it needs a git repository with a commit");
    let no_tests = match found.tests {
        _ if !has("pytest") => Some("it needs pytest in the project's interpreter"),
        None => Some("the tests could not be collected"),
        Some(0) => Some("no tests were found"),
        Some(_) => None,
    };
    let count = found.tests.unwrap_or(0);
    vec![
        fallback(
            "micro",
            (!has("interpreter")).then_some("it needs an interpreter"),
            match no_git {
                None => "deadheat micro FILE.py::FUNCTION --call EXPR, on uncommitted code, in seconds",
                Some(_) => {
                    "deadheat micro SCRIPT.py with functions bench_a and bench_b, or -a STMT -b STMT; FILE.py::FUNCTION needs a git \
                     repository with a commit"
                }
            },
        ),
        fallback(
            "tests",
            no_git.or(no_tests),
            &format!("deadheat compare --tests FILE::NAME times ordinary tests; there are {count}"),
        ),
        fallback(
            "profile",
            no_git.or(no_tests),
            "deadheat profile BASE HEAD -- PYTEST_ARGS, functions and slowest tests, base against head",
        ),
        fallback(
            "script",
            no_git,
            "deadheat compare --script CMD, any command as the benchmark",
        ),
    ]
}

fn write(config: &Config, top: &Path, found: &Found) -> Result<PathBuf, String> {
    let section = match (&found.reason, &found.benchmarks_root) {
        (None, Some(root)) => Ok(root.as_str()),
        (Some(reason), _) => Err(reason.as_str()),
        (None, None) => Err("no benchmarks-root"),
    };
    ExperimentStore::find(config, top)
        .and_then(|state| state.write_setup(section))
        .map_err(|error| terminal::whole_message(&error))
}

fn print(
    args: &DetectArgs,
    found: &Found,
    fallbacks: &[Fallback],
    written: Option<&Result<PathBuf, String>>,
    next: Vec<NextStep>,
) -> anyhow::Result<()> {
    let path = written
        .and_then(|written| written.as_ref().ok())
        .map(|path| path.display().to_string());
    let problem = written.and_then(|written| written.as_ref().err());
    if args.output.json {
        return output::print_json(&Detected {
            available: found.reason.is_none(),
            reason: found.reason.as_deref(),
            benchmarks_root: found.benchmarks_root.as_deref(),
            benchmarks: found.benchmarks,
            tests: found.tests,
            memray: found.memray.as_deref(),
            checks: &found.checks,
            fallbacks,
            written: path.as_deref(),
            not_written: problem.map(String::as_str),
            next: NextStep::for_programs(next),
        });
    }
    let verbosity = verbosity(&args.output);
    let mut text = String::new();
    let mut line = |name: &str, ok: bool, detail: &str, hint: Option<&str>| {
        let answer = if ok { "yes" } else { "no" };
        let detail = match verbosity {
            Verbosity::Verbose => plain(&detail.replace('\n', " / ")),
            _ => plain(detail.lines().next().unwrap_or_default()),
        };
        text.push_str(&format!("{name:<16}  {answer:<3}  {detail}\n"));
        if let Some(hint) = hint {
            text.push_str(&format!("{:<16}       hint: {}\n", "", plain(hint)));
        }
    };
    if verbosity != Verbosity::Quiet {
        for check in &found.checks {
            line(check.check, check.ok, &check.detail, check.hint.as_deref());
        }
        for fallback in fallbacks {
            let name = format!("fallback {}", fallback.name);
            line(&name, fallback.applies, &fallback.detail, None);
        }
    }
    match &found.reason {
        None => text.push_str("deadheat compare: available\n"),
        Some(reason) => text.push_str(&format!("deadheat compare: not available (reason: {reason})\n")),
    }
    if let Some(path) = path {
        text.push_str(&format!("written to {path}\n"));
    }
    if let Some(problem) = problem {
        text.push_str(&format!("not written: {}\n", plain(problem)));
    }
    text.push_str(&output::next_for_people(&next, verbosity));
    terminal::print(text.as_bytes())
}
