//! Reads, replaces or adds one `## Title` section of a Markdown file that people write by hand, and nothing else.

use std::ops::Range;

use super::tidy::tidy;

/// Returns the body of a section; `None` if the text has no such section.
pub fn read_section<'a>(text: &'a str, title: &str) -> Option<&'a str> {
    find(text, title).map(|body| &text[body])
}

/// Replaces the section's body, or adds the section at the end. Every other byte stays; a code block or a
/// comment that runs to the end is closed first, because the section would be part of it.
pub fn replace_section(text: &str, title: &str, body: &str) -> String {
    let line_end = line_end_of(text);
    let body: String = body.lines().flat_map(|line| [line, line_end]).collect();
    let Some(old) = find(text, title) else {
        let newline = if text.ends_with('\n') { "" } else { line_end };
        let gap = match scan(text).unclosed {
            Some(mark) => format!("{newline}{mark}{line_end}{line_end}"),
            None if text.trim_start_matches('\u{feff}').is_empty() || ends_with_blank_line(text) => {
                String::new()
            }
            None => format!("{newline}{line_end}"),
        };
        return format!("{text}{gap}## {title}{line_end}{line_end}{body}");
    };
    let (before, after) = (&text[..old.start], &text[old.end..]);
    let heading_end = if before.ends_with('\n') { "" } else { line_end };
    let gap = if after.is_empty() { "" } else { line_end };
    format!("{before}{heading_end}{line_end}{body}{gap}{after}")
}

pub(super) fn line_end_of(text: &str) -> &'static str {
    match text.find('\n') {
        Some(end) if text[..end].ends_with('\r') => "\r\n",
        _ => "\n",
    }
}

fn ends_with_blank_line(text: &str) -> bool {
    let without = text.strip_suffix('\n').map(|text| text.trim_end_matches('\r'));
    without.is_some_and(|text| text.ends_with('\n'))
}

/// Finds the body of the first section with that title: from the line after its heading to the next heading of its level
/// or above.
fn find(text: &str, title: &str) -> Option<Range<usize>> {
    let mut headings = scan(text).headings.into_iter();
    let ours = headings.find(|heading| heading.level == 2 && heading.title.eq_ignore_ascii_case(title))?;
    let next = headings.find(|heading| heading.level <= 2);
    Some(ours.end..next.map_or(text.len(), |heading| heading.start))
}

struct Heading<'a> {
    level: usize,
    title: &'a str,
    /// The start of its first line.
    start: usize,
    /// The start of the line after it.
    end: usize,
}

/// The construct that encloses the lines; its lines are never headings.
enum Inside<'a> {
    Nothing,
    Fence(&'a str),
    Comment,
}

/// The structure of a file.
struct Structure<'a> {
    /// The headings outside code and comments, of both kinds: `## Title`, and a title over `===` or `---`.
    headings: Vec<Heading<'a>>,
    /// The text that would close a code block or a comment that runs to the end.
    unclosed: Option<&'a str>,
}

fn scan(text: &str) -> Structure<'_> {
    let mut scanner = Scanner {
        text,
        headings: Vec::new(),
        inside: Inside::Nothing,
        paragraph: Paragraph::default(),
    };
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        let end = start + line.len();
        scanner.line(start..end);
        start = end;
    }
    Structure {
        headings: scanner.headings,
        unclosed: match scanner.inside {
            Inside::Nothing => None,
            Inside::Fence(fence) => Some(fence),
            Inside::Comment => Some("-->"),
        },
    }
}

struct Scanner<'a> {
    text: &'a str,
    headings: Vec<Heading<'a>>,
    inside: Inside<'a>,
    paragraph: Paragraph,
}

/// The paragraph that the last line belongs to.
#[derive(Default)]
struct Paragraph {
    /// The number of its lines so far, 0 if there is none.
    lines: usize,
    /// The start of its last line.
    last: usize,
}

impl<'a> Scanner<'a> {
    fn line(&mut self, place: Range<usize>) {
        let start = place.start;
        let line = match start {
            0 => self.text[place.clone()].trim_start_matches('\u{feff}'),
            _ => &self.text[place.clone()],
        };
        let indent = line.len() - line.trim_start_matches(' ').len();
        let is_code = indent > 3 || line.starts_with('\t');
        let content = line.trim();
        let is_paragraph = match self.inside {
            Inside::Fence(fence) => {
                if !is_code && closes(content, fence) {
                    self.inside = Inside::Nothing;
                }
                false
            }
            Inside::Comment => {
                if content.contains("-->") {
                    self.inside = Inside::Nothing;
                }
                false
            }
            Inside::Nothing if content.is_empty() => false,
            // Code cannot interrupt a paragraph.
            Inside::Nothing if is_code => self.paragraph.lines > 0,
            Inside::Nothing => !self.is_structure(content, place),
        };
        self.paragraph = Paragraph {
            lines: if is_paragraph { self.paragraph.lines + 1 } else { 0 },
            last: start,
        };
    }

    /// Whether a line outside code and comments opens one of them, or is or underlines a heading, which is noted.
    fn is_structure(&mut self, content: &'a str, place: Range<usize>) -> bool {
        if let Some(fence) = fence_of(content) {
            self.inside = Inside::Fence(fence);
        } else if content.starts_with("<!--") {
            if !content.contains("-->") {
                self.inside = Inside::Comment;
            }
        } else if let Some((level, title)) = heading_of(content) {
            self.headings.push(Heading {
                level,
                title,
                start: place.start,
                end: place.end,
            });
        } else if let Some(level) = underline_of(content).filter(|_| self.paragraph.lines == 1) {
            // Under several lines it may be a rule that a user drew below ours.
            let start = self.paragraph.last;
            self.headings.push(Heading {
                level,
                title: self.text[start..place.start].trim(),
                start,
                end: place.end,
            });
        } else {
            return false;
        }
        true
    }
}

/// Whether a line closes the code block that `fence` opened.
fn closes(content: &str, fence: &str) -> bool {
    let mark = fence.chars().next().unwrap_or('`');
    content.len() >= fence.len() && content.chars().all(|character| character == mark)
}

/// Returns the marks that open a code block.
fn fence_of(content: &str) -> Option<&str> {
    let mark = content.chars().next().filter(|mark| matches!(mark, '`' | '~'))?;
    let length = content.len() - content.trim_start_matches(mark).len();
    // Backticks that are followed by another one are inline code.
    (length >= 3 && !(mark == '`' && content[length..].contains('`'))).then(|| &content[..length])
}

fn heading_of(content: &str) -> Option<(usize, &str)> {
    let rest = content.trim_start_matches('#');
    let level = content.len() - rest.len();
    if !(1..=6).contains(&level) || !(rest.is_empty() || rest.starts_with([' ', '\t'])) {
        return None;
    }
    let title = rest.trim();
    let without = title.trim_end_matches('#');
    Some((
        level,
        if without.is_empty() || without.ends_with([' ', '\t']) {
            without.trim()
        } else {
            title
        },
    ))
}

fn underline_of(content: &str) -> Option<usize> {
    let only = |mark: char| content.chars().all(|character| character == mark);
    match content {
        _ if only('=') => Some(1),
        _ if only('-') => Some(2),
        _ => None,
    }
}

/// Formats a name for a table cell: as code if that is safe, else escaped.
pub(super) fn cell_of(name: &str) -> String {
    let name = tidy(name);
    if name.is_empty() {
        return name;
    }
    if name.contains(['`', '|', '\\']) {
        escaped(&name)
    } else {
        format!("`{name}`")
    }
}

/// Escapes every character that has a meaning in Markdown or HTML, on one line.
pub(super) fn escaped(text: &str) -> String {
    let mut escaped = String::new();
    for character in tidy(text).chars() {
        if matches!(
            character,
            '\\' | '`' | '*' | '_' | '[' | ']' | '<' | '>' | '|' | '&' | '~' | '#' | '!' | '$'
        ) {
            escaped.push('\\');
        }
        escaped.push(character);
    }
    escaped
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_section_is_replaced_and_nothing_else() {
        let text = "# Notes\n\n## One\nold\n### Inner\nold\n\n## Two\nstays\n";
        assert_eq!(
            replace_section(text, "One", "new"),
            "# Notes\n\n## One\n\nnew\n\n## Two\nstays\n"
        );
        assert_eq!(
            replace_section(text, "Two", "new"),
            "# Notes\n\n## One\nold\n### Inner\nold\n\n## Two\n\nnew\n"
        );
    }

    #[test]
    fn a_section_that_is_missing_is_added_at_the_end() {
        assert_eq!(replace_section("", "One", "a"), "## One\n\na\n");
        assert_eq!(replace_section("text", "One", "a"), "text\n\n## One\n\na\n");
        assert_eq!(replace_section("text\n", "One", "a"), "text\n\n## One\n\na\n");
        assert_eq!(replace_section("text\n\n", "One", "a"), "text\n\n## One\n\na\n");
        assert_eq!(
            replace_section("~~~~\ncode\n", "One", "a"),
            "~~~~\ncode\n~~~~\n\n## One\n\na\n"
        );
        assert_eq!(
            replace_section("x\r\n", "One", "a\nb"),
            "x\r\n\r\n## One\r\n\r\na\r\nb\r\n"
        );
    }

    #[test]
    fn code_and_comments_hold_no_headings() {
        let text = "```sh\n## One\n``` not the end\n~~~\n## One\n````\n<!--\n## One\n-->\n    ## One\n## Ones\n##One\n";
        assert_eq!(read_section(text, "One"), None);
        let text = "## One\n```\n## Two\n```\nmore\n~~~~\n# Three\n~~~\n";
        assert_eq!(replace_section(text, "One", "new"), "## One\n\nnew\n");
    }

    #[test]
    fn headings_come_in_several_forms() {
        assert_eq!(read_section("\u{feff}## One ##\nbody\n", "One"), Some("body\n"));
        assert_eq!(read_section("One\n---\nbody\n", "One"), Some("body\n"));
        assert_eq!(read_section("## One\na\n\nBig\n===\nb\n", "One"), Some("a\n\n"));
        assert_eq!(read_section("## One\na\n# C#\nb\n", "One"), Some("a\n"));
        // A rule under our own lines is not a heading.
        assert_eq!(
            read_section("## One\na: 1\nb: 2\n---\nc\n", "One"),
            Some("a: 1\nb: 2\n---\nc\n")
        );
        assert_eq!(read_section("## One", "One"), Some(""));
        assert_eq!(replace_section("## One", "One", "a"), "## One\n\na\n");
    }

    #[test]
    fn a_name_cannot_break_a_table() {
        assert_eq!(cell_of("a.py::test[x]"), "`a.py::test[x]`");
        assert_eq!(cell_of("<b>"), "`<b>`");
        assert_eq!(cell_of("a|b"), "a\\|b");
        assert_eq!(cell_of("a\\|`b\nc"), "a\\\\\\|\\`b c");
    }

    fn unescaped_pipes(line: &str) -> usize {
        let mut escaped = false;
        let mut pipes = 0;
        for character in line.chars() {
            pipes += usize::from(character == '|' && !escaped);
            escaped = character == '\\' && !escaped;
        }
        pipes
    }

    proptest! {
        #[test]
        fn no_name_has_a_pipe_of_its_own(name in "(?s)[a\\\\|`<\n_]*") {
            let cell = cell_of(&name);
            prop_assert_eq!(unescaped_pipes(&cell), 0);
            prop_assert_eq!(cell.lines().count().max(1), 1);
        }

        #[test]
        fn the_rest_of_a_file_stays(
            before in proptest::collection::vec("(## Other|```|~~~|<!--|-->|# a|text|===|---|    x| |\t|é)?\r?", 0..12),
            old in proptest::collection::vec("(text|### x|- a)?", 0..4),
            after in proptest::collection::vec("(## Other|```|text|===|# b|One)?\r?", 0..8),
            new in "[a-z]{1,5}(\n[a-z]{1,5})?",
        ) {
            let before: String = before.iter().flat_map(|line| [line, "\n"]).collect();
            let old: String = old.iter().flat_map(|line| [line, "\n"]).collect();
            let after: String = after.iter().flat_map(|line| [line, "\n"]).collect();
            let text = format!("{before}## One\n{old}## Next\n{after}");
            let replaced = replace_section(&text, "One", &new);
            if read_section(&before, "One").is_none() && read_section(&text, "One") == Some(&old) {
                let head = format!("{before}## One\n");
                let tail = format!("## Next\n{after}");
                prop_assert!(replaced.starts_with(&head));
                prop_assert!(replaced.ends_with(&tail));
                let line_end = line_end_of(&text);
                let lines: String = new.lines().flat_map(|line| [line, line_end]).collect();
                let inserted = format!("{line_end}{lines}{line_end}");
                prop_assert_eq!(replaced.len(), head.len() + inserted.len() + tail.len());
            }
            // If the heading was in code or in a comment, the section is a new one.
            prop_assert_eq!(read_section(&replaced, "One").map(|body| body.replace('\r', "").trim().to_owned()), Some(new.clone()));
            prop_assert_eq!(replace_section(&replaced, "One", &new), replaced);
        }
    }
}
