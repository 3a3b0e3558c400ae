//! Foreign text on its way into the page. `maud` escapes whatever is not `Markup`; here it is cut to a
//! readable length, and invisible characters are shown.
use std::fmt::Write as _;

use maud::{Markup, html};

use crate::text::{counted, plain, plain_lines, shorten};

/// The longest name in a list: longer ones are cut in the middle, and each is shown in full somewhere.
pub(super) const NAME_ROOM: usize = 120;
/// The longest message: longer ones are cut, because the JSON report has them in full.
const MESSAGE_ROOM: usize = 20_000;

/// Shows a text with its lines and tabs, for `<pre>`.
pub(super) fn lines(text: &str) -> String {
    let cut: String = text.chars().take(MESSAGE_ROOM).collect();
    let left = text.chars().count() - cut.chars().count();
    let mut shown = plain_lines(&cut);
    if left > 0 {
        let more = counted(left, "more character");
        let _ = write!(shown, "\n… and {more}, which the JSON report has");
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
    html! { bdi { (plain(&shorten(name, NAME_ROOM))) } }
}

/// Gives numbers a typographical minus.
pub(super) fn number(text: &str) -> String {
    text.replace('-', "\u{2212}")
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
    fn long_texts_are_cut_and_say_so() {
        let long = lines(&"é".repeat(MESSAGE_ROOM + 5));
        assert!(long.ends_with("é\n… and 5 more characters, which the JSON report has"));
        let cut = name(&format!("a{}z", "-".repeat(1 << 20))).into_string();
        assert_eq!(cut.chars().count(), NAME_ROOM + "<bdi></bdi>".len());
        assert!(cut.starts_with("<bdi>a-") && cut.ends_with("-z</bdi>"));
    }
}
