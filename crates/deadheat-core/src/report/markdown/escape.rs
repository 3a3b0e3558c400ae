//! Foreign text in Markdown that others will see: it can neither break the page nor mention anyone.
//!
//! GitHub looks for mentions and references in rendered Markdown, but not inside code, so whatever could be one is made
//! code.

use crate::text::{cut, plain, shorten};

/// The longest name; longer ones are shortened in the middle.
const LONGEST_NAME: usize = 150;
/// The longest message; longer ones are cut.
const LONGEST_MESSAGE: usize = 400;

/// Renders a name as code, in a sentence or in a table cell.
pub(super) fn code(name: &str) -> String {
    code_span(&shorten(&plain(name), LONGEST_NAME))
}

fn code_span(text: &str) -> String {
    if text.is_empty() {
        return "(empty)".to_owned();
    }
    // A bar ends a table cell, even inside code.
    if text.contains('|') {
        return format!("<code>{}</code>", entities(text));
    }
    let fence = "`".repeat(longest_run(text, '`') + 1);
    let needs_room = |character: char| character == '`' || character == ' ';
    let room = if text.starts_with(needs_room) || text.ends_with(needs_room) {
        " "
    } else {
        ""
    };
    format!("{fence}{room}{text}{room}{fence}")
}

/// Renders a name as code for places that only understand HTML.
pub(super) fn html_code(name: &str) -> String {
    let text = shorten(&plain(name), LONGEST_NAME);
    let text = text
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;");
    format!("<code>{text}</code>")
}

/// Replaces characters that have a meaning in HTML or in Markdown by ones without.
fn entities(text: &str) -> String {
    let shown = |character: char| match character {
        character if character.is_ascii_punctuation() && character != '-' => {
            format!("&#{};", u32::from(character))
        }
        character => character.to_string(),
    };
    text.chars().map(shown).collect()
}

/// Renders a code block, unchanged except for characters that cannot be seen.
pub(super) fn block(text: &str) -> String {
    let fence = "`".repeat((longest_run(text, '`') + 1).max(3));
    let lines: Vec<String> = text.lines().map(plain).collect();
    format!("{fence}sh\n{}\n{fence}", lines.join("\n"))
}

fn longest_run(text: &str, character: char) -> usize {
    text.split(|other| other != character)
        .map(str::len)
        .max()
        .unwrap_or(0)
}

/// Renders a message: words that have a meaning in Markdown or on GitHub become code, and so do names that the message
/// itself has in backticks.
pub(super) fn prose(message: &str) -> String {
    let text = cut(&plain(message), LONGEST_MESSAGE);
    let mut shown = String::new();
    let mut rest = text.as_str();
    while let Some((before, name, after)) = marked(rest) {
        shown.push_str(&words(before, shown.is_empty()));
        shown.push_str(&code_span(name));
        rest = after;
    }
    shown.push_str(&words(rest, shown.is_empty()));
    shown
}

/// Returns the text before the first name in backticks, the name, and the text after it.
fn marked(text: &str) -> Option<(&str, &str, &str)> {
    let (before, rest) = text.split_once('`')?;
    let (name, after) = rest.split_once('`')?;
    (!name.is_empty()).then_some((before, name, after))
}

fn words(text: &str, is_beginning: bool) -> String {
    let mut is_first = is_beginning;
    let words = text.split(' ').map(|word| {
        let first = is_first;
        is_first = is_first && word.is_empty();
        if word.is_empty() {
            return String::new();
        }
        let begins_a_block = first && (word.starts_with(['-', '+', '=']) || is_numbered(word));
        if is_plain(word) && !begins_a_block {
            return word.to_owned();
        }
        // Punctuation around a name is not a part of it.
        let inner = word
            .trim_start_matches('(')
            .trim_end_matches(['.', ',', ';', ':', ')']);
        if inner.is_empty() {
            return code_span(word);
        }
        let begin = word.len() - word.trim_start_matches('(').len();
        let (before, after) = (&word[..begin], &word[begin + inner.len()..]);
        format!("{before}{}{after}", code_span(inner))
    });
    words.collect::<Vec<_>>().join(" ")
}

/// Whether a word would begin a numbered list: `1.`, `12)`.
fn is_numbered(word: &str) -> bool {
    let digits = word.trim_start_matches(|character: char| character.is_ascii_digit());
    digits.len() < word.len() && matches!(digits, "." | ")")
}

/// Whether a word has no special meaning anywhere in a line.
fn is_plain(word: &str) -> bool {
    let is_tame =
        |character: char| !character.is_ascii_punctuation() || ".,;:'\"()%/+-=?!".contains(character);
    let lower = word.to_ascii_lowercase();
    let is_link = lower.contains("://") || lower.contains("www.");
    // `:name:` is an emoji, and `GH-1` an issue.
    let is_picture = word.matches(':').count() > 1;
    word.chars().all(is_tame) && !is_link && !is_picture && !lower.contains("gh-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_code_whatever_is_in_them() {
        assert_eq!(code("a.py::test[x-<b>]"), "`a.py::test[x-<b>]`");
        assert_eq!(code("a`b``c"), "```a`b``c```");
        assert_eq!(code("`a`"), "`` `a` ``");
        assert_eq!(code("a|b_"), "<code>a&#124;b&#95;</code>");
        assert_eq!(code("a\nb"), "`a\\nb`");
        assert_eq!(code(""), "(empty)");
        assert_eq!(html_code("</code><b>"), "<code>&lt;/code&gt;&lt;b&gt;</code>");
    }

    #[test]
    fn a_block_is_not_ended_by_what_is_in_it() {
        assert_eq!(block("a"), "```sh\na\n```");
        assert_eq!(block("a\n```\nb"), "````sh\na\n```\nb\n````");
    }

    #[test]
    fn messages_call_nobody_and_keep_their_words() {
        assert_eq!(prose("of 12.5 % (a/b.py:3)"), "of 12.5 % (a/b.py:3)");
        assert_eq!(
            prose("names `TABLE`, which changed"),
            "names `TABLE`, which changed"
        );
        assert_eq!(prose("see @user and #1."), "see `@user` and `#1`.");
        assert_eq!(prose("(my_name), *x*"), "(`my_name`), `*x*`");
        assert_eq!(prose("an odd ` here"), "an odd `` ` `` here");
        assert_eq!(
            prose("https://x/issues/1 GH-1 :tada:"),
            "`https://x/issues/1` `GH-1` `:tada`:"
        );
        assert_eq!(prose("1. one"), "`1`. one");
        assert_eq!(prose("--all a"), "`--all` a");
        assert_eq!(prose("a | b <b>"), "a <code>&#124;</code> b `<b>`");
        assert_eq!(prose("..."), "...");
        assert_eq!(prose("#:"), "`#`:");
    }
}
