//! A source file's bytes as text, as CPython reads them: PEP 263, the byte order mark, line endings.

use encoding_rs::Encoding;

use super::syntax_error::SyntaxError;

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Python's names for encodings that `encoding_rs` has under other names (underscores are hyphens here).
const OTHER_NAMES: [(&str, &str); 17] = [
    ("932", "shift_jis"),
    ("cp932", "shift_jis"),
    ("ms-kanji", "shift_jis"),
    ("s-jis", "shift_jis"),
    ("shiftjis", "shift_jis"),
    ("eucjp", "euc-jp"),
    ("ujis", "euc-jp"),
    ("u-jis", "euc-jp"),
    ("936", "gbk"),
    ("cp936", "gbk"),
    ("euc-cn", "gbk"),
    ("eucgb2312-cn", "gbk"),
    ("cp949", "euc-kr"),
    ("euckr", "euc-kr"),
    ("uhc", "euc-kr"),
    ("cp950", "big5"),
    ("mac-roman", "macintosh"),
];

/// Encodings of one byte per character that `encoding_rs` does not have and whose lower half is ASCII. Their bytes stay
/// different, which is enough for a comparison of code.
const OTHER_SINGLE_BYTE: [&str; 32] = [
    "cp437",
    "cp720",
    "cp737",
    "cp775",
    "cp850",
    "cp852",
    "cp855",
    "cp856",
    "cp857",
    "cp858",
    "cp860",
    "cp861",
    "cp862",
    "cp863",
    "cp864",
    "cp865",
    "cp869",
    "cp1125",
    "hp-roman8",
    "koi8-t",
    "kz1048",
    "mac-arabic",
    "mac-croatian",
    "mac-farsi",
    "mac-greek",
    "mac-iceland",
    "mac-latin2",
    "mac-romanian",
    "mac-turkish",
    "palmos",
    "ptcp154",
    "iso8859-9",
];

enum Codec {
    Utf8,
    Ascii,
    /// One byte per character.
    Bytes,
    Other(&'static Encoding),
}

/// Decodes a source file, with `\n` for each of Python's three line endings.
pub(super) fn decode(source: &[u8]) -> Result<String, SyntaxError> {
    if let Some(offset) = source.iter().position(|&byte| byte == 0) {
        return Err(refused(source, offset, "source code cannot contain null bytes"));
    }
    let (marked, source) = match source.strip_prefix(BYTE_ORDER_MARK) {
        Some(rest) => (true, rest),
        None => (false, source),
    };
    if source.starts_with(BYTE_ORDER_MARK) {
        return Err(refused(source, 0, "a second byte order mark"));
    }
    let codec = match declared(source) {
        None => Codec::Utf8,
        Some((name, offset)) => {
            let codec = codec_of(&name)
                .ok_or_else(|| refused(source, offset, &format!("unknown encoding: {name}")))?;
            if marked && name != "utf-8" {
                return Err(refused(
                    source,
                    offset,
                    &format!("encoding problem: {name} with a byte order mark"),
                ));
            }
            codec
        }
    };
    let malformed = |offset| refused(source, offset, "the bytes do not fit the file's encoding");
    let text = match codec {
        Codec::Utf8 => std::str::from_utf8(source)
            .map_err(|error| malformed(error.valid_up_to()))?
            .to_owned(),
        Codec::Ascii => match source.iter().position(|byte| !byte.is_ascii()) {
            Some(offset) => return Err(malformed(offset)),
            None => source.iter().copied().map(char::from).collect(),
        },
        Codec::Bytes => source.iter().copied().map(char::from).collect(),
        Codec::Other(encoding) => encoding
            .decode_without_bom_handling_and_without_replacement(source)
            .ok_or_else(|| malformed(first_malformed(encoding, source)))?
            .into_owned(),
    };
    Ok(with_one_line_ending(text))
}

fn refused(source: &[u8], offset: usize, message: &str) -> SyntaxError {
    let before = &source[..offset];
    let ends = before
        .iter()
        .enumerate()
        .filter(|&(index, &byte)| byte == b'\n' || (byte == b'\r' && source.get(index + 1) != Some(&b'\n')));
    SyntaxError {
        line: ends.count() as u32 + 1,
        message: message.to_owned(),
    }
}

/// Returns the encoding that a comment in the first two lines declares, as Python normalises it, and the line's offset.
fn declared(source: &[u8]) -> Option<(String, usize)> {
    let mut offset = 0;
    for _ in 0..2 {
        let rest = &source[offset..];
        let length = rest
            .iter()
            .position(|byte| b"\r\n".contains(byte))
            .unwrap_or(rest.len());
        let line = rest[..length].trim_ascii_start();
        if line.first().is_some_and(|&byte| byte != b'#') {
            return None;
        }
        if let Some(name) = named_in(line) {
            return Some((normalized(&name), offset));
        }
        let line_ending = if rest[length..].starts_with(b"\r\n") { 2 } else { 1 };
        offset = (offset + length + line_ending).min(source.len());
    }
    None
}

/// Returns the group of `coding[:=]\s*([-\w.]+)`.
fn named_in(comment: &[u8]) -> Option<String> {
    let keyword = b"coding";
    (0..comment.len()).find_map(|start| {
        let rest = comment[start..].strip_prefix(keyword)?;
        let (b':' | b'=', rest) = rest.split_first()? else {
            return None;
        };
        let blank = rest
            .iter()
            .take_while(|byte| matches!(byte, b' ' | b'\t'))
            .count();
        let name: String = rest[blank..]
            .iter()
            .take_while(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(byte))
            .map(|&byte| char::from(byte))
            .collect();
        (!name.is_empty()).then_some(name)
    })
}

fn normalized(name: &str) -> String {
    let name = name.to_ascii_lowercase().replace('_', "-");
    let is = |known: &str| {
        name.strip_prefix(known)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
    };
    if is("utf-8") {
        return "utf-8".to_owned();
    }
    if ["latin-1", "iso-8859-1", "iso-latin-1"].into_iter().any(is) {
        return "iso-8859-1".to_owned();
    }
    name
}

fn codec_of(name: &str) -> Option<Codec> {
    match name {
        "utf-8" | "utf8" | "u8" | "utf" | "cp65001" | "utf-8-sig" => Some(Codec::Utf8),
        "ascii" | "us-ascii" | "646" | "ansi-x3.4-1968" => Some(Codec::Ascii),
        "iso-8859-1" | "latin1" | "latin" | "l1" | "iso8859-1" | "8859" | "cp819" => Some(Codec::Bytes),
        _ if OTHER_SINGLE_BYTE.contains(&name) => Some(Codec::Bytes),
        _ => {
            let label = OTHER_NAMES
                .iter()
                .find(|(python, _)| *python == name)
                .map_or(name, |(_, label)| label);
            let encoding = Encoding::for_label(label.as_bytes())
                // `latin2`, `iso8859-15`
                .or_else(|| Encoding::for_label(label.replace('-', "_").as_bytes()))?;
            encoding.is_ascii_compatible().then_some(Codec::Other(encoding))
        }
    }
}

/// Returns the offset of the first line that is not of the encoding.
fn first_malformed(encoding: &'static Encoding, source: &[u8]) -> usize {
    let mut offset = 0;
    for line in source.split_inclusive(|&byte| byte == b'\n') {
        if encoding
            .decode_without_bom_handling_and_without_replacement(line)
            .is_none()
        {
            break;
        }
        offset += line.len();
    }
    offset
}

fn with_one_line_ending(text: String) -> String {
    if text.contains('\r') {
        text.replace("\r\n", "\n").replace('\r', "\n")
    } else {
        text
    }
}

/// Replaces lone surrogates at the given places by characters of a private-use plane, in longer escapes on the same
/// lines: Rust's strings, and so the parser's, have no lone surrogates, and all of them would be the same character.
pub(super) fn without_surrogates(text: String, numbered_characters: &[usize]) -> String {
    let digits_of_surrogate = |place: usize| {
        let escape = &text[place..];
        let digits = escape
            .strip_prefix("\\u")
            .or(escape.strip_prefix("\\U0000"))?
            .get(..4)?;
        let number = u32::from_str_radix(digits, 16).ok()?;
        (0xD800..=0xDFFF)
            .contains(&number)
            .then_some((place + escape.find(digits)?, digits))
    };
    let mut changed = String::new();
    let mut copied = 0;
    for (&place, (start, digits)) in numbered_characters
        .iter()
        .filter_map(|place| Some((place, digits_of_surrogate(*place)?)))
    {
        changed.push_str(&text[copied..place]);
        changed.push_str("\\U0010");
        changed.push_str(digits);
        copied = start + digits.len();
    }
    if copied == 0 {
        return text;
    }
    changed.push_str(&text[copied..]);
    changed
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(source: &[u8]) -> Result<String, u32> {
        decode(source).map_err(|error| error.line)
    }

    #[test]
    fn the_encoding_that_the_file_names_is_used() {
        assert_eq!(text(b"x = '\xc3\xa9'"), Ok("x = 'é'".to_owned()));
        assert_eq!(
            text(b"# -*- coding: latin-1 -*-\n'\xe9'"),
            Ok("# -*- coding: latin-1 -*-\n'é'".to_owned())
        );
        assert_eq!(
            text(b"#!python\n# vim: set fileencoding=Latin_1-unix :\n'\xe9'").map(|text| text.contains('é')),
            Ok(true)
        );
        // The second byte is an ASCII backslash.
        assert_eq!(
            text(b"# coding=shift_jis\n'\x95\x5c'"),
            Ok("# coding=shift_jis\n'表'".to_owned())
        );
        assert_eq!(
            text(b"# coding=koi8-r\n\xc1 = 1"),
            Ok("# coding=koi8-r\nа = 1".to_owned())
        );
        assert_eq!(
            text(b"# coding=iso8859-15\n'\xa4'"),
            Ok("# coding=iso8859-15\n'€'".to_owned())
        );
        assert_eq!(
            text(b"# coding=cp437\n'\x80'"),
            Ok("# coding=cp437\n'\u{80}'".to_owned())
        );
        assert_eq!(text(b"\xef\xbb\xbfx"), Ok("x".to_owned()));
        assert_eq!(
            text(b"\xef\xbb\xbf# coding=utf_8\nx"),
            Ok("# coding=utf_8\nx".to_owned())
        );
    }

    #[test]
    fn a_comment_counts_in_the_first_two_lines_only() {
        assert_eq!(
            text(b"\n\n# coding: nonsense\n"),
            Ok("\n\n# coding: nonsense\n".to_owned())
        );
        assert_eq!(
            text(b"x\n# coding: nonsense\n"),
            Ok("x\n# coding: nonsense\n".to_owned())
        );
        assert_eq!(text(b"\n# coding: nonsense\n"), Err(2));
        assert_eq!(text(b"\x0c# coding: nonsense"), Err(1));
    }

    #[test]
    fn what_python_cannot_decode_is_refused_with_its_line() {
        assert_eq!(text(b"a = 1\nb = '\xf6'\n"), Err(2));
        assert_eq!(text(b"# coding: ascii\n\n'\xe9'\n"), Err(3));
        assert_eq!(text(b"# coding: shift_jis\n\n'\xff\xff'\n"), Err(3));
        assert_eq!(text(b"# coding: utf-16\nx"), Err(1));
        assert_eq!(text(b"\xef\xbb\xbf# coding: latin-1\nx"), Err(1));
        assert_eq!(text(b"\xef\xbb\xbf\xef\xbb\xbfx"), Err(1));
        assert_eq!(text(b"a\r\rb = '\0'"), Err(3));
    }

    #[test]
    fn all_line_endings_are_one() {
        assert_eq!(text(b"'''a\r\nb\rc\n'''"), Ok("'''a\nb\nc\n'''".to_owned()));
    }

    #[test]
    fn lone_surrogates_stay_different() {
        let surrogates = |text: &str| {
            let places: Vec<usize> = text.match_indices('\\').map(|(place, _)| place).collect();
            without_surrogates(text.to_owned(), &places)
        };
        assert_eq!(
            surrogates(r"'\ud800' é '\uDFFF' '\U0000d801' "),
            r"'\U0010d800' é '\U0010DFFF' '\U0010d801' "
        );
        for same in [r"'\ud7ff'", r"'\u", r"'\ud8é", r"'\U0001d800'", "\\u+d80"] {
            assert_eq!(surrogates(same), same);
        }
    }
}
