//! Text from elsewhere on its way to a terminal or into a file.

/// Escapes the characters of a text from elsewhere that would steer a terminal.
pub fn plain(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        match character.is_control() {
            true => shown.push_str(&escaped(character)),
            false => shown.push(character),
        }
    }
    shown
}

/// Escapes a character as Python does, and pytest in its ids: `\n`, `\x1b`, `\u202e`.
pub fn escaped(character: char) -> String {
    match character {
        '\n' => "\\n".to_owned(),
        '\r' => "\\r".to_owned(),
        '\t' => "\\t".to_owned(),
        _ => match u32::from(character) {
            code @ ..0x100 => format!("\\x{code:02x}"),
            code @ ..0x1_0000 => format!("\\u{code:04x}"),
            code => format!("\\U{code:08x}"),
        },
    }
}

/// Keeps a text on one line, and in the order in which it was written: characters that would break the line or turn the
/// text around are escaped.
pub(crate) fn one_line(text: &str) -> String {
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
        assert_eq!(escaped('\u{202e}'), "\\u202e");
        assert_eq!(escaped('\u{e0001}'), "\\U000e0001");
    }

    #[test]
    fn nothing_breaks_the_line_or_turns_it_around() {
        assert_eq!(one_line("a\nb\r\u{2028}c"), "a\\nb\\r\\u2028c");
        assert_eq!(one_line("test_\u{202e}gnp.exe"), "test_\\u202egnp.exe");
        assert_eq!(one_line("größe-中文-👩\u{200d}🔬"), "größe-中文-👩\u{200d}🔬");
    }
}
