//! Text from elsewhere on its way into the page. That nothing of it becomes markup is `maud`'s doing, which escapes
//! whatever is no `Markup`; here it is cut to a length that can be read, and what cannot be seen is shown.
use std::fmt::Write as _;

use maud::{Markup, html};

use crate::text::{escaped, shorten};

/// The longest name in a list: longer ones are cut in the middle, and each is shown in full somewhere.
pub(super) const NAME_ROOM: usize = 120;
/// The longest message: longer ones are cut, because the JSON report has them in full.
const MESSAGE_ROOM: usize = 20_000;

/// Shows control characters, and those that would reorder or hide others, as their escapes.
pub(super) fn shown(text: &str) -> String {
    show(text, |_| false)
}

/// Shows a text with its lines and tabs, for `<pre>`.
pub(super) fn lines(text: &str) -> String {
    let cut: String = text.chars().take(MESSAGE_ROOM).collect();
    let left = text.chars().count() - cut.chars().count();
    let mut shown = show(&cut, |character| matches!(character, '\n' | '\t'));
    if left > 0 {
        let _ = write!(shown, "\n… and {left} characters more, which the JSON report has");
    }
    shown
}

/// Renders our own sentences, in which names of code are in backticks.
pub(super) fn sentences(text: &str) -> Markup {
    let text = lines(text);
    let is_paired = text.matches('`').count().is_multiple_of(2);
    html! {
        @if is_paired {
            @for (index, part) in text.split('`').enumerate() {
                @if index % 2 == 0 { (part) } @else { code { (part) } }
            }
        } @else {
            (text)
        }
    }
}

/// Renders a name in a list: isolated from the direction of its neighbours, and cut in the middle if very long.
pub(super) fn name(name: &str) -> Markup {
    // Escapes make a name longer, so it is cut before them.
    html! { bdi { (shown(&shorten(name, NAME_ROOM))) } }
}

/// Gives numbers a typographical minus.
pub(super) fn number(text: &str) -> String {
    text.replace('-', "\u{2212}")
}

fn show(text: &str, stays: impl Fn(char) -> bool) -> String {
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        if !stays(character) && (character.is_control() || is_deceptive(character)) {
            shown.push_str(&escaped(character));
        } else {
            shown.push(character);
        }
    }
    shown
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
            name("<b a=\"1\" c='2'>&").into_string(),
            "<bdi>&lt;b a=&quot;1&quot; c='2'&gt;&amp;</bdi>"
        );
        assert_eq!(
            sentences("`f` and `<g>`").into_string(),
            "<code>f</code> and <code>&lt;g&gt;</code>"
        );
        assert_eq!(sentences("a ` alone").into_string(), "a ` alone");
    }

    #[test]
    fn what_cannot_be_seen_is_shown() {
        assert_eq!(shown("größe 中文"), "größe 中文");
        assert_eq!(
            shown("a\x1b[31m\0\u{202e}b\u{2028}\n"),
            "a\\x1b[31m\\x00\\u202eb\\u2028\\n"
        );
        assert_eq!(lines("a\tb\nc\r"), "a\tb\nc\\r");
    }

    #[test]
    fn long_texts_are_cut_and_say_so() {
        let long = lines(&"é".repeat(MESSAGE_ROOM + 5));
        assert!(long.ends_with("é\n… and 5 characters more, which the JSON report has"));
        let cut = name(&format!("a{}z", "-".repeat(1 << 20))).into_string();
        assert_eq!(cut.chars().count(), NAME_ROOM + "<bdi></bdi>".len());
        assert!(cut.starts_with("<bdi>a-") && cut.ends_with("-z</bdi>"));
    }
}
