//! Keeps the order of the rooms of the driver and of the core: a file uses its own room and the rooms below it, and no
//! files use each other in a circle. `docs/design.md` lists the rooms.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// The folders and files of the driver's `src`, the lowest first: a room knows all rooms below it.
const DRIVER: [&str; 17] = [
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
    "distribute",
    "experiments",
    "commands",
    "mcp",
    "lib",
];

/// Those of the core's `src`, each with the rooms that it knows: many stand beside each other.
const CORE: [(&str, &[&str]); 16] = [
    ("output", &[]),
    ("script_output", &[]),
    ("model", &["output"]),
    ("protocol", &["output", "model"]),
    ("source", &["model"]),
    ("dependencies", &["model", "source"]),
    ("observed", &["model", "protocol"]),
    ("text", &["model"]),
    ("judge", &["output", "model", "protocol", "text"]),
    ("test_profile", &["model", "protocol", "judge"]),
    ("race", &["output", "model", "text", "judge"]),
    (
        "report",
        &["output", "model", "text", "judge", "test_profile", "race"],
    ),
    ("micro", &["output", "model", "text", "judge", "race"]),
    (
        "records",
        &["output", "script_output", "model", "text", "report", "micro"],
    ),
    (
        "answers",
        &[
            "model",
            "text",
            "test_profile",
            "race",
            "report",
            "micro",
            "records",
        ],
    ),
    ("lib", &[]),
];

/// The rooms of a crate, the lowest first, each with those that it knows.
type Rooms = Vec<(&'static str, Vec<&'static str>)>;

fn driver() -> (Rooms, Sources) {
    let known = |index: usize| DRIVER[..index].to_vec();
    let rooms = DRIVER.iter().enumerate();
    let rooms = rooms.map(|(index, room)| (*room, known(index))).collect();
    (rooms, sources("src"))
}

fn core() -> (Rooms, Sources) {
    let rooms = CORE.iter().map(|(room, known)| (*room, known.to_vec()));
    (rooms.collect(), sources("../deadheat-core/src"))
}

/// The module path of each file, such as `git/revisions`, with its code but not its tests.
type Sources = BTreeMap<String, String>;

#[test]
fn no_file_uses_a_room_that_its_own_does_not_know() {
    for (rooms, sources) in [driver(), core()] {
        assert_eq!(unknown_imports(&rooms, &sources), Vec::<String>::new());
    }
}

#[test]
fn no_files_use_each_other_in_a_circle() {
    for (_, sources) in [driver(), core()] {
        assert_eq!(circle(&imports(&sources)), None);
    }
}

#[test]
fn an_import_from_a_higher_room_is_found_and_names_both_rooms() {
    let (rooms, sources) = driver();
    let planted = "use crate::{\n    git::revisions,\n    commands::compare::resume::{self, load},\n};\n";
    assert_eq!(
        found_with(&rooms, &sources, "git/revisions", planted),
        "git/revisions uses commands/compare/resume: `git` does not know `commands`"
    );
    let planted = "fn f() { crate::passes::runner::run_pass() }";
    assert_eq!(
        found_with(&rooms, &sources, "system/files", planted),
        "system/files uses passes/runner: `system` does not know `passes`"
    );
    let (rooms, sources) = core();
    let planted = "use crate::report::terminal::page::Style;";
    assert_eq!(
        found_with(&rooms, &sources, "judge/gate", planted),
        "judge/gate uses report/terminal/page: `judge` does not know `report`"
    );
    // Neither is above the other.
    assert_eq!(
        found_with(&rooms, &sources, "judge/merge", "use crate::source;"),
        "judge/merge uses source: `judge` does not know `source`"
    );
    assert_eq!(
        found_with(
            &rooms,
            &sources,
            "model/report",
            "use super::super::judge::stats::Threshold;"
        ),
        "model/report uses judge/stats: `model` does not know `judge`"
    );
}

#[test]
fn a_circle_of_files_is_found() {
    let circle_with = |sources: &Sources, planted: [(&str, &str); 2]| {
        let mut sources = sources.clone();
        for (file, code) in planted {
            sources.get_mut(file).unwrap().push_str(code);
        }
        circle(&imports(&sources)).unwrap()
    };
    let files = circle_with(
        &driver().1,
        [
            ("git", "use crate::git::submodules;"),
            ("git/submodules", "use crate::git::revisions;"),
        ],
    );
    assert!(
        files.contains(&"git".to_owned()) && files.contains(&"git/submodules".to_owned()),
        "{files:?}"
    );
    let files = circle_with(
        &core().1,
        [
            ("judge/stats", "use super::sequential::Sampling;"),
            ("judge/sequential", "use crate::judge::stats;"),
        ],
    );
    assert!(
        files.contains(&"judge/stats".to_owned()) && files.contains(&"judge/sequential".to_owned()),
        "{files:?}"
    );
}

/// Returns the only finding after `planted` was added to a file.
fn found_with(rooms: &Rooms, sources: &Sources, file: &str, planted: &str) -> String {
    let mut sources = sources.clone();
    sources.get_mut(file).unwrap().push_str(planted);
    let [found] = unknown_imports(rooms, &sources).try_into().unwrap();
    found
}

fn sources(folder: &str) -> Sources {
    let top = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let mut sources = Sources::new();
    let mut folders = vec![top.clone()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            if path.extension().is_none_or(|extension| extension != "rs") {
                continue;
            }
            let relative = path.strip_prefix(&top).unwrap().with_extension("");
            let module = relative.to_str().unwrap().trim_end_matches("/mod").to_owned();
            // Tests may use anything.
            if !["_tests", "/tests", "/scripted", "testing"]
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

/// Returns the files that each file uses, by the paths in it that begin with `crate::` or `super::`, or with the name of
/// a file below it after `use`.
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
            .chain(from_above(module, &code))
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

/// Returns the paths that begin with `super::`, from the top of the crate.
fn from_above(module: &str, code: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (at, name) in code.match_indices("super::") {
        // Of `super::super::`, the first one stands for both.
        if code[..at].ends_with("super::") {
            continue;
        }
        let (mut above, mut rest) = (module, &code[at..]);
        while let Some(inner) = rest.strip_prefix(name) {
            (above, rest) = (above.rsplit_once('/').map_or("", |(above, _)| above), inner);
        }
        let above = above.replace('/', "::");
        let from_top = |path: String| format!("{above}::{path}").trim_start_matches(':').to_owned();
        found.extend(paths(rest).into_iter().map(from_top));
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

fn unknown_imports(rooms: &Rooms, sources: &Sources) -> Vec<String> {
    let room_of = |module: &str| module.split('/').next().unwrap_or_default().to_owned();
    let known_to = |name: &str| {
        let room = rooms.iter().find(|(room, _)| *room == name);
        let (_, known) = room.unwrap_or_else(|| panic!("`{name}` is not in the list of rooms"));
        known
    };
    let mut found = Vec::new();
    for (file, used) in imports(sources) {
        let room = room_of(file);
        let known = known_to(&room);
        for used in used {
            let other = room_of(used);
            known_to(&other);
            if other != room && !known.contains(&other.as_str()) {
                found.push(format!("{file} uses {used}: `{room}` does not know `{other}`"));
            }
        }
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
