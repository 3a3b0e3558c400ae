//! The messages of pytest and of workers.

/// Returns the line of pytest's message that says what went wrong: in a traceback the first one about the last
/// exception, which pytest marks with an `E`; otherwise the first line. Empty for an empty message. A line of a million
/// characters is cut: it stands in sentences, and the row has the whole message.
pub fn main_line(message: &str) -> &str {
    let line = whole_main_line(message);
    let longest = line.char_indices().nth(LONGEST_MAIN_LINE);
    longest.map_or(line, |(end, _)| &line[..end])
}

/// Leaves out the frames of a traceback that are not the project's: those of pytest, of the standard library and of
/// the interpreter, whose paths are absolute. The project's own are relative.
pub fn without_foreign_frames(message: &str) -> String {
    let mut is_kept = true;
    let lines = message.lines().filter(|line| {
        if let Some(path) = path_of_frame(line) {
            is_kept = !path.starts_with(['/', '<', '~']);
        } else if !line.starts_with("    ") {
            is_kept = true;
        }
        is_kept
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// Returns the path of the line `PATH:NUMBER: in NAME`.
fn path_of_frame(line: &str) -> Option<&str> {
    let (place, _) = line.split_once(": in ")?;
    let (path, number) = place.rsplit_once(':')?;
    let is_number = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then_some(path)
}

/// In characters.
const LONGEST_MAIN_LINE: usize = 1000;

fn whole_main_line(message: &str) -> &str {
    let marked = |line: &&str| line.starts_with("E ") || line.starts_with("E\t");
    let from_last = message.lines().rev().skip_while(|line| !marked(line));
    match from_last.take_while(marked).last() {
        Some(line) => line[1..].trim(),
        None => message
            .lines()
            .map(str::trim)
            .find(|line| !line.is_empty())
            .unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_that_says_what_went_wrong() {
        let traceback = "def test():\n>   f()\nE   ValueError: no\n\na.py:3: ValueError";
        assert_eq!(main_line(traceback), "ValueError: no");
        let chained =
            "E   KeyError: 1\n\nThe above exception\n\nE   OSError: in use\nE   assert 1 == 2\n\na.py:3";
        assert_eq!(main_line(chained), "OSError: in use");
        assert_eq!(main_line("\n one\ntwo\n"), "one");
        // A worker's last output is less informative than what happened to it.
        let death = "the process ended: signal: 11 (SIGSEGV)\nlast words";
        assert_eq!(main_line(death), "the process ended: signal: 11 (SIGSEGV)");
        assert_eq!(main_line(""), "");
        assert_eq!(
            main_line(&"\u{20ac}".repeat(5000)).chars().count(),
            LONGEST_MAIN_LINE
        );
    }

    #[test]
    fn a_traceback_keeps_the_frames_of_the_project() {
        let traceback = "/usr/lib/python3/_pytest/python.py:508: in importtestmodule\n    mod = import_path(\n\
                         <frozen importlib._bootstrap>:1204: in _gcd_import\n    ???\n\
                         benchmarks/test_a.py:1: in <module>\n    from pkg.a import f\n\
                         E     File \"pkg/a.py\", line 4\nE       def f(\nE   SyntaxError: '(' was never closed";
        assert_eq!(
            without_foreign_frames(traceback),
            "benchmarks/test_a.py:1: in <module>\n    from pkg.a import f\nE     File \"pkg/a.py\", line 4\n\
             E       def f(\nE   SyntaxError: '(' was never closed"
        );
        let other = "some words: in other words\n    indented";
        assert_eq!(without_foreign_frames(other), other);
    }
}
