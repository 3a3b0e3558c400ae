//! `deadheat skill`: prints the skills for coding agents, and installs them where agents look for them.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context;
use deadheat_core::answers::{InstalledSkill, Skills};
use deadheat_core::model::{Action, NextStep};

use crate::cli::args::SkillArgs;
use crate::cli::options::{Verbosity, verbosity};
use crate::error::{ExitCode, Failure};
use crate::report::output;
use crate::system::{files, terminal};

/// Embeds the files of `skills` in the program.
macro_rules! skill_files {
    ($($path:literal),+ $(,)?) => {
        &[$(($path, include_str!(concat!("../../../../skills/", $path)))),+]
    };
}

const FILES: &[(&str, &str)] = skill_files!(
    "deadheat/SKILL.md",
    "deadheat/references/commands.md",
    "deadheat/references/example.md",
    "write-a-benchmark/SKILL.md",
    "write-a-benchmark/references/writing-benchmarks.md",
);

struct Agent {
    name: &'static str,
    /// The folder in which it looks for skills, in a project and in the home folder.
    skills: &'static str,
    /// The names of which at least one is where it is used.
    traces: &'static [&'static str],
}

const AGENTS: [Agent; 2] = [
    Agent {
        name: "claude",
        skills: ".claude/skills",
        traces: &[".claude", "CLAUDE.md"],
    },
    Agent {
        name: "codex",
        skills: ".agents/skills",
        traces: &[".agents", ".codex", "AGENTS.md"],
    },
];

pub(crate) fn run(args: &SkillArgs, folder: &Path) -> anyhow::Result<ExitCode> {
    let Some(target) = &args.install else {
        return print(args);
    };
    let home = std::env::home_dir().filter(|home| home.is_absolute());
    let folders = destinations(target.as_deref(), args.user, folder, home.as_deref())?;
    if !args.replace {
        check_for_other_files(&folders)?;
    }
    let mut installed = Vec::new();
    for folder in &folders {
        for skill in skills() {
            installed.push(install(skill, folder)?);
        }
    }
    if args.output.json {
        output::print_json(&Skills {
            installed: &installed,
            next: vec![NextStep::command(
                Action::Detect,
                &["deadheat", "detect", "--write"],
                "it shows whether benchmarks can be compared here",
            )],
            ..Skills::default()
        })?;
    } else if verbosity(&args.output) != Verbosity::Quiet {
        let line = |skill: &InstalledSkill| {
            let done = if skill.written { "installed" } else { "up to date" };
            format!("{done}: {}\n", skill.folder)
        };
        let text: String = installed.iter().map(line).collect();
        terminal::print(text.as_bytes())?;
    }
    Ok(ExitCode::Done)
}

fn print(args: &SkillArgs) -> anyhow::Result<ExitCode> {
    let main = format!("{}/SKILL.md", args.skill);
    let found = FILES
        .iter()
        .find(|(path, _)| [args.skill.as_str(), main.as_str()].contains(path));
    let Some((path, text)) = found else {
        let names: Vec<&str> = FILES.iter().map(|(path, _)| *path).collect();
        let failure = Failure::usage(format!("there is no skill `{}`", args.skill));
        return Err(failure.hint(format!("choose one of {}", names.join(", "))).into());
    };
    match args.output.json {
        true => output::print_json(&Skills {
            file: Some(path),
            text: Some(text),
            ..Skills::default()
        })?,
        false => terminal::print(text.as_bytes())?,
    }
    Ok(ExitCode::Done)
}

/// The names of the skills, in order.
fn skills() -> impl Iterator<Item = &'static str> {
    FILES
        .iter()
        .filter_map(|(path, _)| path.strip_suffix("/SKILL.md"))
}

fn files_of(skill: &str) -> impl Iterator<Item = (&'static str, &'static str)> {
    let is_own = move |path: &str| path.split('/').next() == Some(skill);
    FILES.iter().copied().filter(move |(path, _)| is_own(path))
}

/// Returns the folders to install into. `folder` is the current one.
fn destinations(
    target: Option<&str>,
    for_user: bool,
    folder: &Path,
    home: Option<&Path>,
) -> Result<Vec<PathBuf>, Failure> {
    let project = folder.ancestors().find(|folder| folder.join(".git").exists());
    let project = project.unwrap_or(folder);
    let place = match (for_user, home) {
        (false, _) => project,
        (true, Some(home)) => home,
        (true, None) => return Err(Failure::usage("the home folder is unknown").hint("set HOME")),
    };
    let Some(target) = target else {
        let is_used = |agent: &&Agent| {
            let places = [Some(project), home].into_iter().flatten();
            places
                .flat_map(|place| agent.traces.iter().map(|name| place.join(name)))
                .any(|path| path.exists())
        };
        let used = AGENTS.iter().filter(is_used);
        let folders: Vec<PathBuf> = used.map(|agent| place.join(agent.skills)).collect();
        if folders.is_empty() {
            let failure =
                Failure::usage("no files of an agent were found in the project or your home folder");
            return Err(failure.hint(name_a_place()));
        }
        return Ok(folders);
    };
    if let Some(agent) = AGENTS.iter().find(|agent| agent.name == target) {
        return Ok(vec![place.join(agent.skills)]);
    }
    if for_user {
        let failure = Failure::usage(format!("--user goes with an agent, and `{target}` is none"));
        return Err(failure.hint(name_a_place()));
    }
    let chosen = folder.join(target);
    // A misspelt agent is not a folder to make.
    if !target.contains('/') && !chosen.is_dir() {
        let failure = Failure::usage(format!("`{target}` is neither an agent nor a folder"));
        return Err(failure.hint(format!("{}; a new folder: ./{target}", name_a_place())));
    }
    Ok(vec![chosen])
}

fn name_a_place() -> String {
    let agents = AGENTS
        .iter()
        .map(|agent| format!("--install {} ({})", agent.name, agent.skills));
    format!(
        "name a place: {}, or --install DIR",
        agents.collect::<Vec<_>>().join(", ")
    )
}

/// Refuses to overwrite files that somebody edited, or that another version installed.
fn check_for_other_files(folders: &[PathBuf]) -> anyhow::Result<()> {
    let mut others = Vec::new();
    for folder in folders {
        for (path, text) in FILES {
            let path = folder.join(path);
            if files::read_if_any(&path)?.is_some_and(|bytes| bytes != text.as_bytes()) {
                others.push(path.display().to_string());
            }
        }
    }
    if others.is_empty() {
        return Ok(());
    }
    let failure = Failure::usage(format!(
        "nothing was installed: these files differ: {}",
        others.join(", ")
    ));
    Err(failure.hint("to overwrite them: --replace").into())
}

fn install(skill: &'static str, folder: &Path) -> anyhow::Result<InstalledSkill> {
    let mut written = false;
    for (path, text) in files_of(skill) {
        let path = folder.join(path);
        if files::read_if_any(&path)?.is_some_and(|bytes| bytes == text.as_bytes()) {
            continue;
        }
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).with_context(|| format!("cannot make {}", parent.display()))?;
        }
        files::write_atomically(&path, text.as_bytes())?;
        written = true;
    }
    Ok(InstalledSkill {
        skill,
        folder: folder.join(skill).display().to_string(),
        written,
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::{Path, PathBuf};

    use super::{FILES, destinations};

    fn files_below(folder: &Path) -> Vec<PathBuf> {
        let entries = std::fs::read_dir(folder).unwrap();
        let paths = entries.map(|entry| entry.unwrap().path());
        let nested = paths.map(|path| {
            if path.is_dir() {
                files_below(&path)
            } else {
                vec![path]
            }
        });
        nested.flatten().collect()
    }

    #[test]
    fn the_program_holds_every_file_of_the_skills() {
        let folder = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../skills"));
        let relative = |path: PathBuf| path.strip_prefix(folder).unwrap().to_str().unwrap().to_owned();
        let found: BTreeSet<String> = files_below(folder).into_iter().map(relative).collect();
        let held: BTreeSet<String> = FILES.iter().map(|(path, _)| (*path).to_owned()).collect();
        assert_eq!(held, found);
    }

    #[test]
    fn skills_go_where_agents_look() {
        let place = tempfile::tempdir().unwrap();
        let (project, home) = (place.path().join("project"), place.path().join("home"));
        let inside = project.join("pkg");
        for folder in [&inside, &project.join(".git"), &home] {
            std::fs::create_dir_all(folder).unwrap();
        }
        let found = |target, for_user| destinations(target, for_user, &inside, Some(&home));
        let claude = PathBuf::from(".claude/skills");
        assert_eq!(found(Some("claude"), false).unwrap(), [project.join(&claude)]);
        assert_eq!(found(Some("codex"), true).unwrap(), [home.join(".agents/skills")]);
        assert_eq!(found(Some("new/one"), false).unwrap(), [inside.join("new/one")]);
        let message = |target, for_user| found(target, for_user).unwrap_err().message;
        assert_eq!(
            message(Some("cluade"), false),
            "`cluade` is neither an agent nor a folder"
        );
        assert_eq!(
            message(Some("./new"), true),
            "--user goes with an agent, and `./new` is none"
        );
        assert!(message(None, false).starts_with("no files of an agent"));
        // An agent that the home folder knows works in this project too.
        std::fs::create_dir(home.join(".claude")).unwrap();
        assert_eq!(found(None, false).unwrap(), [project.join(&claude)]);
        std::fs::write(project.join("AGENTS.md"), "").unwrap();
        let both = [home.join(&claude), home.join(".agents/skills")];
        assert_eq!(found(None, true).unwrap(), both);
    }
}
