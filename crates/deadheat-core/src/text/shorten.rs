//! Names and sentences that are too long for their place.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// Returns the width in columns of the terminal.
pub(crate) fn width(text: &str) -> usize {
    text.width()
}

/// Shortens a name that is too long, but keeps both ends: the file says where, the end says which.
pub(crate) fn shorten(text: &str, room: usize) -> String {
    if width(text) <= room {
        return text.to_owned();
    }
    let head = room.saturating_sub(1) / 3;
    let tail = room.saturating_sub(1) - head;
    let start = fitting(text.chars(), head);
    let end: Vec<char> = fitting(text.chars().rev(), tail).chars().collect();
    format!("{start}…{}", end.into_iter().rev().collect::<String>())
}

/// Cuts a text that is too long.
pub(crate) fn cut(text: &str, room: usize) -> String {
    if width(text) <= room {
        return text.to_owned();
    }
    format!("{}…", fitting(text.chars(), room.saturating_sub(1)))
}

/// Returns as many characters as fit.
pub(crate) fn fitting(characters: impl Iterator<Item = char>, room: usize) -> String {
    let mut used = 0;
    characters
        .take_while(|character| {
            used += character.width().unwrap_or(0);
            used <= room
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_keep_both_ends() {
        assert_eq!(shorten("test_short", 20), "test_short");
        assert_eq!(shorten("abcdefghijklmnopqrstuvwxyz", 10), "abc…uvwxyz");
    }
}
