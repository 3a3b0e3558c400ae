//! The nesting depth of a source, found before it is parsed: the parser's memory and the stack that its trees need grow
//! with the depth, and a few thousand bytes can be nested thousands of times.
//!
//! The limits are those of CPython or above them, so that no file that it runs is refused here. A source that cannot be
//! split into strings and brackets is refused as well: the parser would see another nesting there than this scan.

use super::syntax_error::SyntaxError;

/// CPython's own limits for brackets and indentation.
const MOST_BRACKETS: usize = 200;
const MOST_INDENTATIONS: usize = 100;
/// The limit for operators that are nested without brackets: no CPython parses that many.
const MOST_OPERATORS: usize = 10_000;

/// The outline of a source, found before it is parsed.
#[derive(Debug)]
pub(super) struct Outline {
    /// An upper bound for the depth of the source's syntax tree.
    pub depth: usize,
    /// The offsets where strings name a character by its number.
    pub numbered_characters: Vec<usize>,
}

pub(super) fn outline(text: &str) -> Result<Outline, SyntaxError> {
    let mut scanner = Scanner {
        bytes: text.as_bytes(),
        position: 0,
        line: 1,
        levels: vec![Level::new(Kind::File, 0)],
        brackets: 0,
        operators: 0,
        indentations: Vec::new(),
        deepest: 0,
        numbered_characters: Vec::new(),
    };
    scanner.scan()?;
    Ok(Outline {
        depth: scanner.deepest,
        numbered_characters: scanner.numbered_characters,
    })
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    File,
    /// A bracket, by the one that closes it.
    Bracket(u8),
    /// `{` in an f-string.
    Field,
    /// An f-string between its quotes.
    Text(Quotes),
    /// The format after the colon of a field, with the quotes of its f-string.
    Format(Quotes),
}

#[derive(Clone, Copy, PartialEq, Eq)]
struct Quotes {
    quote: u8,
    is_triple: bool,
    /// Whether a backslash in it may name a character.
    has_escapes: bool,
}

/// The file, or a bracket or string that is still open.
struct Level {
    kind: Kind,
    /// The line where it began.
    line: u32,
    /// The number of operators since the last comma.
    operators: usize,
    /// The number of lambdas whose colon has not come yet; their commas separate parameters.
    lambdas: usize,
}

impl Level {
    fn new(kind: Kind, line: u32) -> Self {
        Level {
            kind,
            line,
            operators: 0,
            lambdas: 0,
        }
    }
}

/// The width of an indentation, where a tab reaches to the next multiple of eight, and where it is as wide as a space.
#[derive(Clone, Copy)]
struct Indentation {
    wide: usize,
    narrow: usize,
}

struct Scanner<'a> {
    bytes: &'a [u8],
    position: usize,
    line: u32,
    levels: Vec<Level>,
    brackets: usize,
    /// The number of operators on all levels together.
    operators: usize,
    indentations: Vec<Indentation>,
    deepest: usize,
    numbered_characters: Vec<usize>,
}

impl Scanner<'_> {
    fn scan(&mut self) -> Result<(), SyntaxError> {
        self.indent()?;
        while self.position < self.bytes.len() {
            match self.level().kind {
                Kind::Text(quotes) => self.text(quotes)?,
                Kind::Format(quotes) => self.format(quotes)?,
                Kind::File | Kind::Bracket(_) | Kind::Field => self.code()?,
            }
        }
        match self.level().kind {
            Kind::File => Ok(()),
            kind => {
                self.line = self.level().line;
                Err(self.refused(match kind {
                    Kind::Bracket(_) => "the bracket was never closed",
                    _ => "unterminated f-string literal",
                }))
            }
        }
    }

    fn peek(&self, ahead: usize) -> u8 {
        self.bytes.get(self.position + ahead).copied().unwrap_or(0)
    }

    fn refused(&self, message: &str) -> SyntaxError {
        SyntaxError {
            line: self.line,
            message: message.to_owned(),
        }
    }

    fn level(&mut self) -> &mut Level {
        self.levels.last_mut().expect("the file is never closed")
    }

    fn open(&mut self, kind: Kind) -> Result<(), SyntaxError> {
        self.levels.push(Level::new(kind, self.line));
        self.brackets += usize::from(matches!(kind, Kind::Bracket(_) | Kind::Field));
        if self.brackets > MOST_BRACKETS {
            return Err(self.refused("too many nested parentheses"));
        }
        self.note()
    }

    fn close(&mut self) {
        self.forget_operators();
        if let Some(level) = self.levels.pop() {
            self.brackets -= usize::from(matches!(level.kind, Kind::Bracket(_) | Kind::Field));
        }
    }

    fn count_operator(&mut self) -> Result<(), SyntaxError> {
        self.level().operators += 1;
        self.operators += 1;
        self.note()
    }

    fn forget_operators(&mut self) {
        let level = self.level();
        level.lambdas = 0;
        let operators = std::mem::take(&mut level.operators);
        self.operators -= operators;
    }

    fn note(&mut self) -> Result<(), SyntaxError> {
        if self.operators > MOST_OPERATORS {
            return Err(self.refused("too many nested expressions"));
        }
        let depth = self.operators + self.levels.len() + self.indentations.len();
        self.deepest = self.deepest.max(depth);
        Ok(())
    }

    /// Reads the blanks at the beginning of a logical line. Their meaning must not depend on the width of a tab.
    fn indent(&mut self) -> Result<(), SyntaxError> {
        let mut width = Indentation { wide: 0, narrow: 0 };
        loop {
            match self.peek(0) {
                b' ' => {
                    width.wide += 1;
                    width.narrow += 1;
                }
                b'\t' => {
                    width.wide = (width.wide / 8 + 1) * 8;
                    width.narrow += 1;
                }
                b'\x0c' => width = Indentation { wide: 0, narrow: 0 },
                _ => break,
            }
            self.position += 1;
        }
        if matches!(self.peek(0), b'\n' | b'#' | b'\\') || self.position == self.bytes.len() {
            return Ok(());
        }
        while self
            .indentations
            .last()
            .is_some_and(|outer| outer.wide > width.wide)
        {
            self.indentations.pop();
            let outer = self.indentations.last().map_or(0, |outer| outer.wide);
            if outer < width.wide {
                return Err(self.refused("unindent does not match any outer indentation level"));
            }
        }
        let outer = self
            .indentations
            .last()
            .copied()
            .unwrap_or(Indentation { wide: 0, narrow: 0 });
        if outer.wide.cmp(&width.wide) != outer.narrow.cmp(&width.narrow) {
            return Err(self.refused("inconsistent use of tabs and spaces in indentation"));
        }
        if outer.wide < width.wide {
            self.indentations.push(width);
        }
        if self.indentations.len() >= MOST_INDENTATIONS {
            return Err(self.refused("too many levels of indentation"));
        }
        self.note()
    }

    fn code(&mut self) -> Result<(), SyntaxError> {
        let byte = self.peek(0);
        match byte {
            b'\n' => self.end_line()?,
            b'#' => self.skip_while(|byte| byte != b'\n'),
            b'\\' => {
                self.line += u32::from(self.peek(1) == b'\n');
                self.position += 2;
            }
            b'\'' | b'"' => {
                let quotes = self.quotes(byte, true);
                self.string(quotes)?;
            }
            b'(' => self.open_bracket(b')')?,
            b'[' => self.open_bracket(b']')?,
            b'{' => self.open_bracket(b'}')?,
            b')' | b']' | b'}' => self.close_bracket(byte)?,
            b':' => self.colon()?,
            b',' | b';' => {
                self.position += 1;
                if self.level().lambdas == 0 {
                    self.forget_operators();
                }
            }
            b'+' | b'-' | b'*' | b'/' | b'%' | b'@' | b'&' | b'|' | b'^' | b'~' | b'.' | b'<' | b'>' => {
                self.position += 1;
                self.count_operator()?;
            }
            _ if is_word(byte) => self.word()?,
            _ => self.position += 1,
        }
        Ok(())
    }

    fn end_line(&mut self) -> Result<(), SyntaxError> {
        self.line += 1;
        self.position += 1;
        if self.level().kind == Kind::File {
            self.forget_operators();
            self.indent()?;
        }
        Ok(())
    }

    fn open_bracket(&mut self, closing: u8) -> Result<(), SyntaxError> {
        self.position += 1;
        // It may call or subscript the expression before it.
        self.count_operator()?;
        self.open(Kind::Bracket(closing))
    }

    fn close_bracket(&mut self, byte: u8) -> Result<(), SyntaxError> {
        self.position += 1;
        match self.level().kind {
            Kind::Bracket(closing) if closing == byte => self.close(),
            Kind::Field if byte == b'}' => self.close(),
            _ => return Err(self.refused("unmatched bracket")),
        }
        Ok(())
    }

    /// Reads the colon of a lambda, of a field's format, or any other.
    fn colon(&mut self) -> Result<(), SyntaxError> {
        self.position += 1;
        let level = self.level();
        if level.lambdas > 0 {
            level.lambdas -= 1;
        } else if level.kind == Kind::Field {
            let outer = self.levels.iter().rev().nth(1).map(|level| level.kind);
            if let Some(Kind::Text(quotes) | Kind::Format(quotes)) = outer {
                self.open(Kind::Format(quotes))?;
            }
        }
        Ok(())
    }

    fn skip_while(&mut self, is_part: impl Fn(u8) -> bool) {
        while self.position < self.bytes.len() && is_part(self.peek(0)) {
            self.position += 1;
        }
    }

    fn word(&mut self) -> Result<(), SyntaxError> {
        let start = self.position;
        self.skip_while(is_word);
        let word = &self.bytes[start..self.position];
        let quote = self.peek(0);
        if matches!(quote, b'\'' | b'"') {
            match &*word.to_ascii_lowercase() {
                prefix @ (b"f" | b"fr" | b"rf" | b"t" | b"tr" | b"rt") => {
                    let quotes = self.quotes(quote, prefix.len() == 1);
                    return self.open(Kind::Text(quotes));
                }
                b"r" | b"b" | b"br" | b"rb" => {
                    let quotes = self.quotes(quote, false);
                    return self.string(quotes);
                }
                _ => {}
            }
        }
        match word {
            b"lambda" => {
                self.level().lambdas += 1;
                self.count_operator()
            }
            b"not" | b"await" | b"yield" | b"else" => self.count_operator(),
            _ => Ok(()),
        }
    }

    /// Skips the quotes that a string begins with.
    fn quotes(&mut self, quote: u8, has_escapes: bool) -> Quotes {
        let is_triple = self.peek(1) == quote && self.peek(2) == quote;
        self.position += if is_triple { 3 } else { 1 };
        Quotes {
            quote,
            is_triple,
            has_escapes,
        }
    }

    fn string(&mut self, quotes: Quotes) -> Result<(), SyntaxError> {
        let first = self.line;
        while !self.ends(quotes)? {
            if self.position >= self.bytes.len() {
                self.line = first;
                return Err(self.refused("unterminated string literal"));
            }
            self.character(quotes);
        }
        Ok(())
    }

    /// Skips the quotes that end a string, if they are here.
    fn ends(&mut self, quotes: Quotes) -> Result<bool, SyntaxError> {
        let Quotes { quote, is_triple, .. } = quotes;
        if !is_triple && self.peek(0) == b'\n' {
            return Err(self.refused("unterminated string literal"));
        }
        let is_end =
            self.peek(0) == quote && (!is_triple || (self.peek(1) == quote && self.peek(2) == quote));
        if is_end {
            self.position += if is_triple { 3 } else { 1 };
        }
        Ok(is_end)
    }

    /// Skips a character of a string. A backslash keeps a quote from ending even a raw one.
    fn character(&mut self, quotes: Quotes) {
        if self.peek(0) == b'\\' {
            if quotes.has_escapes && matches!(self.peek(1), b'u' | b'U') {
                self.numbered_characters.push(self.position);
            }
            self.position += 1;
        }
        self.line += u32::from(self.peek(0) == b'\n');
        self.position += 1;
    }

    fn text(&mut self, quotes: Quotes) -> Result<(), SyntaxError> {
        if self.ends(quotes)? {
            self.close();
            return Ok(());
        }
        match (self.peek(0), self.peek(1)) {
            (b'{', b'{') | (b'}', b'}') => self.position += 2,
            (b'{', _) => {
                self.position += 1;
                self.open(Kind::Field)?;
            }
            // The braces of `\N{name}` hold no expression.
            (b'\\', b'N') if quotes.has_escapes && self.peek(2) == b'{' => {
                self.position += 3;
                self.skip_while(|byte| byte != b'}' && byte != b'\n' && byte != quotes.quote);
                self.position += usize::from(self.peek(0) == b'}');
            }
            // A backslash does not escape a brace.
            (b'\\', b'{' | b'}') => self.position += 1,
            _ => self.character(quotes),
        }
        Ok(())
    }

    fn format(&mut self, quotes: Quotes) -> Result<(), SyntaxError> {
        match self.peek(0) {
            b'{' => {
                self.position += 1;
                self.open(Kind::Field)?;
            }
            // The field around it sees the same brace.
            b'}' => self.close(),
            b'\n' if !quotes.is_triple => {
                return Err(self.refused("unterminated f-string literal"));
            }
            byte if byte == quotes.quote && !quotes.is_triple => {
                return Err(self.refused("unterminated f-string literal"));
            }
            _ => self.character(quotes),
        }
        Ok(())
    }
}

fn is_word(byte: u8) -> bool {
    byte == b'_' || byte.is_ascii_alphanumeric() || !byte.is_ascii()
}

#[cfg(test)]
mod tests;
