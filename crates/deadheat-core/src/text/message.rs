//! The messages of pytest and of workers.

/// Returns the line of pytest's message that says what went wrong: in a traceback the first one about the last
/// exception, which pytest marks with an `E`; otherwise the first line. Empty for an empty message. A line of a million
/// characters is cut: it stands in sentences, and the row has the whole message.
pub fn main_line(message: &str) -> &str {
    let line = whole_main_line(message);
    let longest = line.char_indices().nth(LONGEST_MAIN_LINE);
    longest.map_or(line, |(end, _)| &line[..end])
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
}
