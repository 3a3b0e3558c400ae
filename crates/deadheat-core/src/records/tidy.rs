//! Text on its way into a file of which every line is read again.

/// Turns a text into one line of a file: characters that would end a field or a line become spaces.
///
/// U+2028 and U+2029 are not control characters, but end lines where texts are split by Unicode's rules.
pub(super) fn tidy(text: &str) -> String {
    let ends_a_line =
        |character: char| character.is_control() || matches!(character, '\u{2028}' | '\u{2029}');
    text.replace(ends_a_line, " ").trim().to_owned()
}
