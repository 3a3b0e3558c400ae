//! Text from elsewhere on its way into a file.

use super::terminal::{escaped, plain};

/// Keeps a text on one line, and in the order in which it was written: characters that would break the line or turn the
/// text around are escaped.
pub(super) fn one_line(text: &str) -> String {
    let turns = |character: char| {
        matches!(character,
            '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{2028}' | '\u{2029}')
    };
    if !text.contains(|character: char| character.is_control() || turns(character)) {
        return text.to_owned();
    }
    plain(text)
        .chars()
        .map(|character| match turns(character) {
            true => escaped(character),
            false => character.to_string(),
        })
        .collect()
}

/// Capitalizes the first letter.
pub(super) fn sentence(words: &str) -> String {
    let mut characters = words.chars();
    let first = characters.next().map(|first| first.to_uppercase().to_string());
    first.unwrap_or_default() + characters.as_str()
}

#[cfg(test)]
mod tests {
    use super::one_line;

    #[test]
    fn nothing_breaks_the_line_or_turns_it_around() {
        assert_eq!(one_line("a\nb\r\u{2028}c"), "a\\nb\\r\\u2028c");
        assert_eq!(one_line("test_\u{202e}gnp.exe"), "test_\\u202egnp.exe");
        assert_eq!(one_line("größe-中文-👩\u{200d}🔬"), "größe-中文-👩\u{200d}🔬");
    }
}
