//! Asks the finder many questions in one process; `bench/finder/` compares its answers with CPython's.
//!
//! Standard input: a [`Question`] as JSON on every line. Standard output: an [`Answer`] to each. Sources are bytes,
//! written as text whose every character is one byte (Latin-1), because JSON has no bytes.

#![expect(clippy::disallowed_methods, reason = "a program, which the core is not")]

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, Write};
use std::num::NonZero;
use std::thread;

use deadheat_core::model::{FunctionPlace, TargetFunction};
use deadheat_core::observed::Differing;
use deadheat_core::protocol::Observed;
use deadheat_core::source::{self, ChangedFile};
use serde::{Deserialize, Serialize};

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Question {
    /// The functions of a file.
    Functions(String),
    Compare(Vec<Versions>),
    /// The differences between the values of two processes; `again` is a second process of base.
    Differing {
        base: Box<Observed>,
        head: Box<Observed>,
        again: Box<Observed>,
        outside: BTreeSet<String>,
    },
}

#[derive(Deserialize)]
struct Versions {
    path: String,
    base: Option<String>,
    head: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
enum Answer {
    /// Qualified name, first and last line.
    Functions(Vec<(String, u32, u32)>),
    Refused {
        line: u32,
        message: String,
    },
    Changes {
        targets: Vec<Target>,
        /// Files whose code differs outside functions.
        outside: BTreeSet<String>,
        ambiguous: BTreeMap<String, BTreeSet<String>>,
        /// Path, side and line.
        refused: Vec<(String, String, u32)>,
    },
    Differing {
        names: BTreeMap<String, BTreeMap<String, bool>>,
        unloaded: BTreeSet<String>,
        surroundings: BTreeSet<String>,
    },
}

#[derive(Serialize)]
struct Target {
    path: String,
    qualname: String,
    change: String,
    lines: (u32, u32),
    base: Option<(String, String, u32)>,
    head: Option<(String, String, u32)>,
}

fn main() -> std::io::Result<()> {
    let mut output = std::io::stdout().lock();
    for line in std::io::stdin().lock().lines() {
        let question = serde_json::from_str(&line?).map_err(std::io::Error::other)?;
        serde_json::to_writer(&mut output, &answer(question))?;
        output.write_all(b"\n")?;
        output.flush()?;
    }
    Ok(())
}

fn answer(question: Question) -> Answer {
    match question {
        Question::Functions(text) => match source::functions_with_lines(&bytes(&text)) {
            Ok(functions) => Answer::Functions(
                functions
                    .into_iter()
                    .map(|((first, last), qualname)| (qualname, first, last))
                    .collect(),
            ),
            Err(error) => Answer::Refused {
                line: error.line,
                message: error.message,
            },
        },
        Question::Compare(files) => {
            let files = files.into_iter().map(|file| ChangedFile {
                path: file.path,
                base: file.base.as_deref().map(bytes),
                head: file.head.as_deref().map(bytes),
            });
            let changes = source::compare(files, thread::available_parallelism().map_or(1, NonZero::get));
            Answer::Changes {
                targets: changes.targets.into_iter().map(target).collect(),
                outside: changes.outside,
                ambiguous: changes.ambiguous,
                refused: changes
                    .syntax_errors
                    .into_iter()
                    .map(|problem| (problem.path, problem.side.to_string(), problem.error.line))
                    .collect(),
            }
        }
        Question::Differing {
            base,
            head,
            again,
            outside,
        } => {
            let mut differing = Differing::between(&base, &head, &outside);
            differing.leave_out_unstable(&base, &again, &outside);
            Answer::Differing {
                names: differing.names,
                unloaded: differing.unloaded,
                surroundings: differing.surroundings,
            }
        }
    }
}

fn bytes(text: &str) -> Vec<u8> {
    text.chars()
        .map(|character| u8::try_from(character).expect("every character is one byte"))
        .collect()
}

fn target(target: TargetFunction) -> Target {
    let place = |place: FunctionPlace| (place.path, place.qualname, place.line);
    Target {
        change: target.change.map(|change| change.to_string()).unwrap_or_default(),
        path: target.path,
        qualname: target.qualname,
        lines: target.lines,
        base: target.places.base.map(place),
        head: target.places.head.map(place),
    }
}
