//! Foreign text on its way to a terminal or into a file.

/// Escapes the characters of a foreign text that would steer a terminal, break the line, hide, or turn the
/// text around.
pub fn plain(text: &str) -> String {
    escape(text, |_| false)
}

/// Escapes as [`plain`] does, but keeps lines and tabs.
pub fn plain_lines(text: &str) -> String {
    escape(text, |character| matches!(character, '\n' | '\t'))
}

fn escape(text: &str, stays: fn(char) -> bool) -> String {
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        match !stays(character) && (character.is_control() || is_deceptive(character)) {
            true => shown.push_str(&escaped(character)),
            false => shown.push(character),
        }
    }
    shown
}

/// Whether a character is invisible, and changes how others are shown. The joiner of emoji is none of them.
fn is_deceptive(character: char) -> bool {
    matches!(character,
        '\u{61c}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

/// Escapes a character as Python does, and pytest in its ids: `\n`, `\x1b`, `\u202e`.
fn escaped(character: char) -> String {
    match character {
        '\n' => "\\n".to_owned(),
        '\r' => "\\r".to_owned(),
        '\t' => "\\t".to_owned(),
        _ => match u32::from(character) {
            code @ ..0x100 => format!("\\x{code:02x}"),
            code => format!("\\u{code:04x}"),
        },
    }
}

/// Capitalizes the first letter.
pub(crate) fn sentence(words: &str) -> String {
    let mut characters = words.chars();
    let first = characters.next().map(|first| first.to_uppercase().to_string());
    first.unwrap_or_default() + characters.as_str()
}

/// Shortens a commit for people. A stored report may name anything as one.
pub fn short_commit(commit: &str) -> String {
    plain(&commit.chars().take(10).collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_are_shown_not_sent() {
        assert_eq!(plain("a\x1b[31mb\tc"), "a\\x1b[31mb\\tc");
        assert_eq!(plain("\0\u{9b}"), "\\x00\\x9b");
        assert_eq!(plain_lines("a\tb\nc\r"), "a\tb\nc\\r");
    }

    #[test]
    fn nothing_breaks_the_line_hides_or_turns_the_text_around() {
        assert_eq!(plain("a\nb\r\u{2028}c"), "a\\nb\\r\\u2028c");
        assert_eq!(plain("test_\u{202e}gnp.exe"), "test_\\u202egnp.exe");
        assert_eq!(
            plain_lines("\u{2066}a\u{2069}\u{200f}\u{200b}\n"),
            "\\u2066a\\u2069\\u200f\\u200b\n"
        );
        assert_eq!(plain("größe-中文-👩\u{200d}🔬"), "größe-中文-👩\u{200d}🔬");
    }
}
