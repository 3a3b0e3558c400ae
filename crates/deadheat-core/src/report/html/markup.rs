//! Text from elsewhere, made harmless: nothing that a repository can name becomes markup, code or a reordered line.

use std::fmt::Write as _;

use crate::text::{escaped, shorten};

/// The longest name in a list: longer ones are cut in the middle, and each is shown in full somewhere.
pub(super) const NAME_ROOM: usize = 120;
/// The longest message: longer ones are cut, because the JSON report has them in full.
const MESSAGE_ROOM: usize = 20_000;

/// Escapes a text for elements and for attributes in double quotes. Control characters, and those that would reorder or
/// hide others, are shown as their escapes.
pub(super) fn text(text: &str) -> String {
    escape(text, |_| false)
}

/// Escapes a text with its lines and tabs, for `<pre>`.
pub(super) fn lines(text: &str) -> String {
    let cut: String = text.chars().take(MESSAGE_ROOM).collect();
    let left = text.chars().count() - cut.chars().count();
    let mut html = escape(&cut, |character| matches!(character, '\n' | '\t'));
    if left > 0 {
        let _ = write!(html, "\n… and {left} characters more, which the JSON report has");
    }
    html
}

/// Escapes our own sentences, in which names of code are in backticks.
pub(super) fn sentences(text: &str) -> String {
    let html = lines(text);
    if !html.matches('`').count().is_multiple_of(2) {
        return html;
    }
    let mut marked = String::with_capacity(html.len());
    for (index, part) in html.split('`').enumerate() {
        match index % 2 {
            0 => marked.push_str(part),
            _ => {
                let _ = write!(marked, "<code>{part}</code>");
            }
        }
    }
    marked
}

/// Renders a name in a list: isolated from the direction of its neighbours, and cut in the middle if very long.
pub(super) fn name(name: &str) -> String {
    // Escapes make a name longer, so it is cut before them.
    format!("<bdi>{}</bdi>", escape(&shorten(name, NAME_ROOM), |_| false))
}

/// Gives numbers a typographical minus.
pub(super) fn number(text: &str) -> String {
    text.replace('-', "\u{2212}")
}

fn escape(text: &str, stays: impl Fn(char) -> bool) -> String {
    let mut html = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => html.push_str("&amp;"),
            '<' => html.push_str("&lt;"),
            '>' => html.push_str("&gt;"),
            '"' => html.push_str("&quot;"),
            '\'' => html.push_str("&#39;"),
            character if stays(character) => html.push(character),
            character if character.is_control() || is_deceptive(character) => {
                html.push_str(&escaped(character));
            }
            character => html.push(character),
        }
    }
    html
}

/// Whether a character is invisible, and changes how others are shown.
fn is_deceptive(character: char) -> bool {
    matches!(character,
        '\u{61c}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_becomes_markup() {
        assert_eq!(
            text("<b a=\"1\" c='2'>&"),
            "&lt;b a=&quot;1&quot; c=&#39;2&#39;&gt;&amp;"
        );
        assert_eq!(text("größe 中文"), "größe 中文");
        assert_eq!(
            sentences("`f` and `<g>`"),
            "<code>f</code> and <code>&lt;g&gt;</code>"
        );
        assert_eq!(sentences("a ` alone"), "a ` alone");
    }

    #[test]
    fn what_cannot_be_seen_is_shown() {
        assert_eq!(
            text("a\x1b[31m\0\u{202e}b\u{2028}\n"),
            "a\\x1b[31m\\x00\\u202eb\\u2028\\n"
        );
        assert_eq!(lines("a\tb\nc\r"), "a\tb\nc\\r");
    }

    #[test]
    fn long_texts_are_cut_and_say_so() {
        let long = lines(&"é".repeat(MESSAGE_ROOM + 5));
        assert!(long.ends_with("é\n… and 5 characters more, which the JSON report has"));
        let cut = name(&format!("a{}z", "-".repeat(1 << 20)));
        assert_eq!(cut.chars().count(), NAME_ROOM + "<bdi></bdi>".len());
        assert!(cut.starts_with("<bdi>a-") && cut.ends_with("-z</bdi>"));
    }
}
