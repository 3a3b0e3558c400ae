//! Keeps the order of the driver's rooms: a file uses its own room and the rooms below it, and no files use each other
//! in a circle. `docs/design.md` lists the rooms.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// The folders and files of `src`, the lowest first.
const ROOMS: [&str; 15] = [
    "error",
    "events",
    "system",
    "cli",
    "config",
    "git",
    "project",
    "workspace",
    "prepare",
    "worker",
    "passes",
    "report",
    "experiments",
    "commands",
    "lib",
];

/// The module path of each file, such as `git/revisions`, with its code but not its tests.
type Sources = BTreeMap<String, String>;

#[test]
fn no_file_uses_a_higher_room() {
    assert_eq!(upward_imports(&sources()), Vec::<String>::new());
}

#[test]
fn no_files_use_each_other_in_a_circle() {
    assert_eq!(circle(&imports(&sources())), None);
}

#[test]
fn an_import_from_a_higher_room_is_found_and_names_both_rooms() {
    let mut sources = sources();
    let planted = "use crate::{\n    git::revisions,\n    commands::compare::resume::{self, load},\n};\n";
    sources.get_mut("git/revisions").unwrap().push_str(planted);
    let [found] = upward_imports(&sources).try_into().unwrap();
    assert_eq!(
        found,
        "git/revisions uses commands/compare/resume: `commands` is a higher room than `git`"
    );
    let mut sources = self::sources();
    let planted = "fn f() { crate::passes::runner::walk() }";
    sources.get_mut("system/files").unwrap().push_str(planted);
    let [found] = upward_imports(&sources).try_into().unwrap();
    assert_eq!(
        found,
        "system/files uses passes/runner: `passes` is a higher room than `system`"
    );
}

#[test]
fn a_circle_of_files_is_found() {
    let mut sources = sources();
    sources
        .get_mut("git")
        .unwrap()
        .push_str("use crate::git::submodules;");
    sources
        .get_mut("git/submodules")
        .unwrap()
        .push_str("use crate::git::revisions;");
    let circle = circle(&imports(&sources)).unwrap();
    assert!(
        circle.contains(&"git".to_owned()) && circle.contains(&"git/submodules".to_owned()),
        "{circle:?}"
    );
}

fn sources() -> Sources {
    let top = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut sources = Sources::new();
    let mut folders = vec![top.clone()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let relative = path.strip_prefix(&top).unwrap().with_extension("");
            let module = relative.to_str().unwrap().trim_end_matches("/mod").to_owned();
            // Tests may use anything.
            if !["_tests", "/tests", "/scripted"]
                .iter()
                .any(|end| module.ends_with(end))
            {
                let text = fs::read_to_string(&path).unwrap();
                let code = text.split("#[cfg(test)]\nmod tests").next().unwrap_or_default();
                sources.insert(module, code.to_owned());
            }
        }
    }
    sources
}

/// Returns the files that each file uses, by the paths in it that begin with `crate::`, or with the name of a file
/// below it after `use`.
fn imports(sources: &Sources) -> BTreeMap<&str, BTreeSet<&str>> {
    let of = |(module, code): (&'_ String, &String)| -> BTreeSet<String> {
        let code: String = code
            .lines()
            .filter(|line| !line.trim_start().starts_with("//"))
            .collect();
        let below = code.match_indices("use ").flat_map(|(at, name)| {
            let inside = |path: String| format!("{}::{path}", module.replace('/', "::"));
            paths(&code[at + name.len()..]).into_iter().map(inside)
        });
        let paths = code
            .match_indices("crate::")
            .flat_map(|(at, name)| paths(&code[at + name.len()..]))
            .chain(below);
        paths
            .filter_map(|path| file_of(sources, &path))
            .filter(|file| file != module)
            .collect()
    };
    let mut found = BTreeMap::new();
    for source in sources {
        let files = of(source);
        let files = files
            .iter()
            .map(|file| sources.get_key_value(file).unwrap().0.as_str());
        found.insert(source.0.as_str(), files.collect());
    }
    found
}

/// Returns the paths at the beginning of a text: `a::b`, or each of those in `a::{b, c::{d, e}}`.
fn paths(text: &str) -> Vec<String> {
    let end = text
        .find(|character: char| !(character.is_ascii_alphanumeric() || "_:".contains(character)))
        .unwrap_or(text.len());
    let (start, rest) = text.split_at(end);
    let Some(inside) = rest
        .strip_prefix('{')
        .filter(|_| start.is_empty() || start.ends_with("::"))
    else {
        return vec![start.to_owned()];
    };
    let (mut depth, mut begin, mut found) = (0, 0, Vec::new());
    for (at, character) in inside.char_indices() {
        if depth == 0 && ",}".contains(character) {
            let inner = paths(inside[begin..at].trim_start());
            found.extend(inner.into_iter().map(|path| format!("{start}{path}")));
            begin = at + 1;
        }
        match character {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            _ => {}
        }
    }
    found
}

/// Returns the file that a path such as `git::revisions::resolve` leads into.
fn file_of(sources: &Sources, path: &str) -> Option<String> {
    let parts: Vec<&str> = path.split("::").collect();
    let mut candidates = (1..=parts.len()).rev().map(|count| parts[..count].join("/"));
    candidates.find(|candidate| sources.contains_key(candidate))
}

fn upward_imports(sources: &Sources) -> Vec<String> {
    let room = |module: &str| module.split('/').next().unwrap_or_default().to_owned();
    let rank = |module: &str| {
        let room = room(module);
        let rank = ROOMS.iter().position(|name| *name == room);
        rank.unwrap_or_else(|| panic!("`{room}` is not in the list of rooms"))
    };
    let mut found = Vec::new();
    for (file, used) in imports(sources) {
        let higher = used.into_iter().filter(|used| rank(used) > rank(file));
        found.extend(higher.map(|used| {
            let (above, below) = (room(used), room(file));
            format!("{file} uses {used}: `{above}` is a higher room than `{below}`")
        }));
    }
    found
}

/// Returns files that use each other in a circle. Files that use nothing that is left are taken away one after the
/// other; what remains lies on a circle, or uses one.
fn circle(imports: &BTreeMap<&str, BTreeSet<&str>>) -> Option<Vec<String>> {
    let mut left = imports.clone();
    loop {
        let ends: Vec<&str> = left
            .iter()
            .filter(|(_, used)| !used.iter().any(|file| left.contains_key(file)))
            .map(|(file, _)| *file)
            .collect();
        if ends.is_empty() {
            let files: Vec<String> = left.into_keys().map(str::to_owned).collect();
            return (!files.is_empty()).then_some(files);
        }
        for file in ends {
            left.remove(file);
        }
    }
}
