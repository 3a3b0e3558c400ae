//! Renders `docs/cli.md` from the definitions, and holds the documentation against them.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use clap::{Arg, ArgAction, Command, CommandFactory, Parser};

const REPOSITORY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

const HEAD: &str = "\
# Command line

Every command and option, made from the program's own definitions: the same texts as `--help`. The [reference](reference.md)
says what they mean in detail. `-h`, `--help` and `--version` go with every command.
";

fn page() -> String {
    let mut command = crate::Args::command();
    command.build();
    let mut page = HEAD.to_owned();
    for paragraph in paragraphs(&command) {
        write!(page, "\n{paragraph}").unwrap();
    }
    page.push_str("\n| command | |\n| --- | --- |\n");
    for command in command.get_subcommands().filter(|command| is_own(command)) {
        let (name, about) = (command.get_name(), command.get_about().unwrap());
        writeln!(page, "| [`{name}`](#deadheat-{name}) | {about} |").unwrap();
    }
    for command in command.get_subcommands().filter(|command| is_own(command)) {
        render(command, &mut page);
    }
    page
}

/// Whether the command is not clap's own `help`.
fn is_own(command: &Command) -> bool {
    command.get_name() != "help"
}

fn render(command: &Command, page: &mut String) {
    let usage = command.clone().render_usage();
    let (name, about) = (command.get_name(), command.get_about().unwrap().to_string());
    let about = if about.ends_with('?') { about } else { about + "." };
    writeln!(page, "\n## deadheat {name}\n\n{about}\n\n```text\n{usage}\n```").unwrap();
    let is_shown = |argument: &&Arg| !is_help(argument) && !argument.is_hide_set();
    let arguments = || command.get_arguments().filter(is_shown);
    let mut headings: Vec<&str> = arguments().map(heading).collect();
    let mut seen = Vec::new();
    headings.retain(|heading| {
        !seen.contains(heading) && {
            seen.push(heading);
            true
        }
    });
    for heading in headings {
        writeln!(page, "\n{heading}:\n").unwrap();
        for argument in arguments().filter(|argument| self::heading(argument) == heading) {
            writeln!(page, "- {}", item(argument)).unwrap();
        }
    }
    // The exit codes are those of every command, and stand at the top.
    for paragraph in paragraphs(command).filter(|paragraph| !paragraph.contains("Exit codes:")) {
        write!(page, "\n{paragraph}").unwrap();
    }
}

fn is_help(argument: &Arg) -> bool {
    matches!(
        argument.get_action(),
        ArgAction::Help | ArgAction::HelpShort | ArgAction::HelpLong | ArgAction::Version
    )
}

fn heading(argument: &Arg) -> &str {
    let usual = if argument.is_positional() {
        "Arguments"
    } else {
        "Options"
    };
    argument.get_help_heading().unwrap_or(usual)
}

fn item(argument: &Arg) -> String {
    let mut names: Vec<String> = Vec::new();
    names.extend(argument.get_short().map(|short| format!("-{short}")));
    names.extend(argument.get_long().map(|long| format!("--{long}")));
    let mut shown = names.join(", ");
    if argument.is_positional() || argument.get_action().takes_values() {
        let values: Vec<&str> = argument
            .get_value_names()
            .unwrap()
            .iter()
            .map(|name| name.as_str())
            .collect();
        let values = values.join(" ");
        let space = if shown.is_empty() { "" } else { " " };
        write!(shown, "{space}{values}").unwrap();
    }
    let mut item = format!("`{shown}`: {}", argument.get_help().unwrap());
    if argument.get_action().takes_values() {
        let of = |values: Vec<&str>| values.join(", ");
        let possible = argument.get_possible_values();
        if !possible.is_empty() {
            let possible = possible.iter().map(|value| value.get_name()).collect();
            write!(item, " [possible values: {}]", of(possible)).unwrap();
        }
        let defaults = argument.get_default_values();
        if !defaults.is_empty() {
            let defaults = defaults.iter().map(|value| value.to_str().unwrap()).collect();
            write!(item, " [default: {}]", of(defaults)).unwrap();
        }
    }
    item
}

/// The paragraphs below a command's options: text, or a list with its heading as a block of code.
fn paragraphs(command: &Command) -> impl Iterator<Item = String> {
    let text = command
        .get_after_help()
        .map(ToString::to_string)
        .unwrap_or_default();
    let own = text.split("\n\n").map(str::to_owned).collect::<Vec<_>>();
    own.into_iter()
        .filter(|text| !text.trim().is_empty())
        .map(|text| match text.split_once('\n') {
            Some((heading, list)) if list.starts_with("  ") => {
                let list: Vec<&str> = list
                    .lines()
                    .map(|line| line.strip_prefix("  ").unwrap_or(line))
                    .collect();
                format!("{heading}\n\n```text\n{}\n```\n", list.join("\n").trim_end())
            }
            _ => format!("{}\n", text.trim_end()),
        })
}

#[test]
fn the_page_of_the_command_line_is_that_of_the_definitions() {
    let path = Path::new(REPOSITORY).join("docs/cli.md");
    if std::env::var("DEADHEAT_CLI").is_ok_and(|value| value == "rewrite") {
        std::fs::write(&path, page()).unwrap();
    }
    let documented = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        documented == page(),
        "write docs/cli.md again: DEADHEAT_CLI=rewrite cargo test --package deadheat page_of_the_command_line"
    );
}

fn pages(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let (folders, files): (Vec<_>, Vec<_>) = entries.partition(|path| path.is_dir());
    let own = files
        .into_iter()
        .filter(|path| path.extension().is_some_and(|suffix| suffix == "md"));
    own.chain(folders.iter().flat_map(|folder| pages(folder)))
        .collect()
}

/// The commands of a page's console blocks, with the lines that belong to them.
fn commands(page: &str) -> Vec<String> {
    let blocks = page
        .split("```console\n")
        .skip(1)
        .map(|rest| rest.split("```").next().unwrap());
    let mut found: Vec<String> = Vec::new();
    // Blocks in lists are indented.
    for line in blocks.flat_map(str::lines).map(str::trim_start) {
        if let Some(command) = line.strip_prefix("$ ") {
            found.push(command.to_owned());
        } else if let Some(more) = line.strip_prefix('>') {
            write!(found.last_mut().unwrap(), "\n{}", more.trim_start()).unwrap();
        }
    }
    found
}

#[test]
fn every_command_in_the_documentation_can_be_parsed() {
    let mut checked = 0;
    let mut paths = pages(&Path::new(REPOSITORY).join("docs"));
    paths.extend(pages(&Path::new(REPOSITORY).join("skills")));
    paths.push(Path::new(REPOSITORY).join("README.md"));
    for path in paths {
        for line in commands(&std::fs::read_to_string(&path).unwrap()) {
            // Documents within a command are files of the example.
            let line = line.split(" <<").next().unwrap();
            let words = shlex::split(line).unwrap_or_else(|| panic!("{}: {line}", path.display()));
            let is_separator = |word: &String| ["&&", "||", "|", ">"].contains(&word.as_str());
            let parts = words.split(is_separator);
            for part in parts.filter(|part| part.first().is_some_and(|word| word == "deadheat")) {
                // A semicolon ends a command without a blank before it.
                let part: Vec<&str> = part.iter().map(|word| word.trim_end_matches(';')).collect();
                if let Err(error) = crate::Args::try_parse_from(part) {
                    panic!("{}: {line}\n{error}", path.display());
                }
                checked += 1;
            }
        }
    }
    assert!(checked > 50, "{checked}");
}
