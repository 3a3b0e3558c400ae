//! Outside input may be anything: no text makes a reader panic or hang.
//!
//! `PROPTEST_CASES=100000 cargo test --release -p deadheat-core --test hostile_sources` searches longer.

use std::collections::BTreeSet;

use deadheat_core::protocol::decode_reply;
use deadheat_core::source::{ChangedFile, Differences, compare, functions_with_lines, holds_benchmarks};
use proptest::prelude::*;
use proptest::sample::select;

const CONVERSATIONS: [&str; 4] = [
    include_str!("../../../tests/protocol/measuring.jsonl"),
    include_str!("../../../tests/protocol/profiling.jsonl"),
    include_str!("../../../tests/protocol/failures.jsonl"),
    include_str!("../../../tests/protocol/testing.jsonl"),
];

/// Returns every reply of the golden conversations.
fn replies() -> Vec<String> {
    let lines = CONVERSATIONS.iter().flat_map(|text| text.lines());
    let messages = lines.map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    messages
        .filter(|entry| entry["from"] != "driver")
        .map(|entry| entry["message"].to_string())
        .collect()
}

/// Returns a text with pieces replaced by others, at any position.
fn spoiled(original: Vec<u8>, changes: &[(usize, usize, Vec<u8>)]) -> Vec<u8> {
    let mut bytes = original;
    for (start, length, new) in changes {
        let start = start % (bytes.len() + 1);
        let end = (start + length).min(bytes.len());
        bytes.splice(start..end, new.iter().copied());
    }
    bytes
}

fn changes_of_json() -> impl Strategy<Value = Vec<(usize, usize, Vec<u8>)>> {
    let piece = prop_oneof![
        proptest::collection::vec(any::<u8>(), 0..4),
        select(vec![
            "null",
            "-1",
            "1e999",
            "18446744073709551616",
            "\"",
            "{",
            "}",
            "[",
            "]",
            ",",
            "\\ud800",
            "1e-320",
            "true",
        ])
        .prop_map(|text| text.as_bytes().to_vec()),
    ];
    proptest::collection::vec((any::<usize>(), 0..12_usize, piece), 0..4)
}

/// Parts of Python files, whole and broken.
const PARTS: [&str; 96] = [
    "def ",
    "class ",
    "async def ",
    "lambda ",
    "lambda: ",
    "f",
    "g",
    "C",
    "x",
    "self",
    "(",
    ")",
    "[",
    "]",
    "{",
    "}",
    ":",
    ",",
    ";",
    ".",
    "=",
    ":=",
    "==",
    "->",
    "+",
    "-",
    "*",
    "**",
    "@",
    "|",
    "<",
    "~",
    "not ",
    "await ",
    "yield ",
    "return ",
    "if ",
    "elif ",
    "else",
    "for ",
    "in ",
    "while ",
    "try",
    "except ",
    "except* ",
    "finally",
    "with ",
    "as ",
    "match ",
    "case ",
    "type ",
    "global ",
    "nonlocal ",
    "import ",
    "from ",
    "pass",
    "del ",
    "0",
    "1.5",
    "0xFFFFFFFFFFFFFFFFFF",
    "10000000000000000000000",
    "'",
    "\"",
    "'''",
    "\"\"\"",
    "f'",
    "f\"",
    "rf'",
    "b'",
    "r'",
    "u'",
    "t'",
    "{x",
    "{x=",
    "{x!r:",
    "}}",
    "\\",
    "\\N{",
    "\\ud800",
    "\n",
    "\n    ",
    "\n        ",
    "\n\t",
    "\r\n",
    "\r",
    "\x0c",
    " ",
    "# coding: ",
    "latin-1",
    "shift_jis",
    "TYPE_CHECKING",
    "__name__ == '__main__'",
    "\u{feff}",
    "é",
    "ﬁ",
    "\0",
];

fn soup() -> impl Strategy<Value = Vec<u8>> {
    let part = prop_oneof![
        30 => select(&PARTS[..]).prop_map(|part| part.as_bytes().to_vec()),
        1 => proptest::collection::vec(any::<u8>(), 1..3),
        // One part repeated, for deep nesting and long tokens.
        2 => (select(&PARTS[..]), 2..400_usize).prop_map(|(part, times)| part.repeat(times).into_bytes()),
    ];
    proptest::collection::vec(part, 0..60).prop_map(|parts| parts.concat())
}

/// Valid Python, so that more than the parser is reached.
const WHOLE: &str = r#"
from typing import TYPE_CHECKING, List as L
import a.b.c, d as e
LIMIT: int = 3
DOUBLE = LIMIT * 2
if TYPE_CHECKING:
    import f
elif LIMIT > 2:
    def g(x=LIMIT, *args, y: L = [i for i in range(DOUBLE)], **kw): return f"{x=!r:>{y}} {'a' 'b'}"
else:
    class G(e.Base, metaclass=M):
        __slots__ = ("a",)
try:
    import numpy
except (ImportError, OSError) as error:
    numpy = None
finally:
    pass
@decorator(LIMIT)
class C[T](Base):
    """Docstring."""
    size = 1
    def m(self, n=size):
        global LIMIT
        match n:
            case [1, *rest] | {"a": 1, **rest}: return (lambda q: q + LIMIT)(rest)
            case _ if (z := n): yield {k: v async for k, v in z}
        def nested():
            nonlocal n
            n += 1
        class Inner:
            def deep(self): return "\ud800", 0xFFFF_FFFF_FFFF_FFFF_FFFF
    @property
    def p(self): return self.size
    @p.setter
    def p(self, v): self.size = v
type Alias[T] = list[T]
for i in range(3): total = i
with open("x") as handle: data = handle.read()
if __name__ == "__main__":
    main()
"#;

fn file() -> impl Strategy<Value = Vec<u8>> {
    let spoiled_whole = proptest::collection::vec(
        (
            any::<usize>(),
            0..20_usize,
            select(&PARTS[..]).prop_map(|part| part.as_bytes().to_vec()),
        ),
        0..6,
    )
    .prop_map(|changes| spoiled(WHOLE.as_bytes().to_vec(), &changes));
    prop_oneof![
        spoiled_whole,
        soup(),
        proptest::collection::vec(any::<u8>(), 0..300)
    ]
}

fn found(base: Option<Vec<u8>>, head: Option<Vec<u8>>) -> Differences {
    let file = ChangedFile {
        path: "a.py".to_owned(),
        base,
        head,
    };
    compare([file], 1)
}

proptest! {
    #[test]
    fn a_reply_is_read_or_refused(line in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = decode_reply(&line);
    }

    #[test]
    fn a_spoiled_reply_is_read_or_refused(reply in select(replies()), changes in changes_of_json()) {
        let line = spoiled(reply.into_bytes(), &changes);
        if let Ok(reply) = decode_reply(&line) {
            // Whatever was read must serialize again.
            prop_assert!(serde_json::to_string(&reply).is_ok());
        }
    }

    #[test]
    fn any_two_files_are_compared(base in proptest::option::of(file()), head in proptest::option::of(file())) {
        let changes = found(base, head);
        for target in &changes.targets {
            prop_assert!(1 <= target.lines.0 && target.lines.0 <= target.lines.1, "{target:?}");
            prop_assert!(target.places.base.is_some() || target.places.head.is_some());
        }
    }

    #[test]
    fn a_file_is_the_same_as_itself(source in file()) {
        let changes = found(Some(source.clone()), Some(source));
        prop_assert!(changes.targets.is_empty(), "{:?}", changes.targets);
    }

    #[test]
    fn lines_are_those_of_the_file(source in file()) {
        let ends = |source: &[u8]| {
            let text = String::from_utf8_lossy(source).replace("\r\n", "\n").replace('\r', "\n");
            text.matches('\n').count() as u32 + 1
        };
        match functions_with_lines(&source) {
            Ok(functions) => {
                let lines: BTreeSet<u32> = functions.iter().flat_map(|((first, last), _)| [*first, *last]).collect();
                prop_assert!(lines.last().is_none_or(|last| *last <= ends(&source)));
            }
            Err(error) => prop_assert!(1 <= error.line && error.line <= ends(&source), "{error}"),
        }
        let _ = holds_benchmarks(&source);
    }
}

#[test]
fn nested_replies_are_refused() {
    for unit in ["[", "{\"reply\":"] {
        assert!(decode_reply(unit.repeat(1_000_000).as_bytes()).is_err());
    }
}
