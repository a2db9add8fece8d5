//! Splits an expression into tokens. What is no token is reported and left out.

use super::token::{Kind, Token};
use crate::issue::Issues;
use crate::source::Source;

/// Longest first.
const SYMBOLS: [&str; 25] = [
    "==", "!=", "<=", ">=", "&&", "||", "<", ">", "[", "]", "{", "}", "(", ")", ".", ",", "-", "!", "?", ":",
    "+", "*", "/", "%", "",
];

pub(super) struct Lexer<'a> {
    source: &'a Source,
    at: usize,
}

impl<'a> Lexer<'a> {
    pub(super) fn new(source: &'a Source) -> Self {
        Self { source, at: 0 }
    }

    /// All tokens; the last one is [`Kind::End`].
    pub(super) fn tokens(mut self, issues: &mut Issues) -> Vec<Token> {
        let mut tokens = Vec::new();
        loop {
            self.skip_blank();
            let start = self.at;
            if self.peek(0).is_none() {
                tokens.push(Token { kind: Kind::End, text: "<EOF>".to_owned(), at: start });
                return tokens;
            }
            match self.token() {
                Some(kind) => {
                    tokens.push(Token { kind, text: self.source.text(start, self.at), at: start });
                }
                None => self.refuse(start, issues),
            }
        }
    }

    /// Reports what could not be read, with the character that ended the attempt.
    fn refuse(&mut self, start: usize, issues: &mut Issues) {
        let end = (self.at + 1).min(self.source.len());
        let text = self.source.text(start, end);
        issues.report(
            self.source,
            start,
            format!("Syntax error: token recognition error at: '{}'", escape(&text)),
        );
        self.at = end;
    }

    fn peek(&self, ahead: usize) -> Option<char> {
        self.source.at(self.at + ahead)
    }

    fn skip_blank(&mut self) {
        loop {
            match (self.peek(0), self.peek(1)) {
                (Some('\t' | ' ' | '\r' | '\n' | '\u{c}'), _) => self.at += 1,
                (Some('/'), Some('/')) => {
                    while self.peek(0).is_some_and(|c| c != '\n') {
                        self.at += 1;
                    }
                }
                _ => return,
            }
        }
    }

    fn token(&mut self) -> Option<Kind> {
        let first = self.peek(0)?;
        match first {
            '"' | '\'' => self.string().then_some(Kind::String),
            '0'..='9' => Some(self.number()),
            '.' if self.peek(1).is_some_and(|c| c.is_ascii_digit()) => Some(self.number()),
            '`' => self.escaped_identifier(),
            'a'..='z' | 'A'..='Z' | '_' => self.word(),
            _ => self.symbol(),
        }
    }

    fn symbol(&mut self) -> Option<Kind> {
        let next = |symbol: &&&str| symbol.chars().enumerate().all(|(i, c)| self.peek(i) == Some(c));
        let symbol = SYMBOLS.iter().find(next)?;
        if symbol.is_empty() {
            // The first half of a two-letter operator is part of what is refused.
            self.at += usize::from(matches!(self.peek(0), Some('=' | '&' | '|')));
            return None;
        }
        self.at += symbol.len();
        Some(Kind::Symbol)
    }

    /// An identifier, a keyword, or a string with a prefix.
    fn word(&mut self) -> Option<Kind> {
        if let Some((prefix, kind)) = self.string_prefix() {
            self.at += prefix;
            let raw = self.source.at(self.at - 1).is_some_and(|c| matches!(c, 'r' | 'R'));
            return if raw { self.raw_string() } else { self.string() }.then_some(kind);
        }
        let start = self.at;
        while self.peek(0).is_some_and(|c| c.is_ascii_alphanumeric() || c == '_') {
            self.at += 1;
        }
        Some(match self.source.text(start, self.at).as_str() {
            "in" => Kind::Symbol,
            "true" | "false" | "null" => Kind::Word,
            _ => Kind::Identifier,
        })
    }

    fn string_prefix(&self) -> Option<(usize, Kind)> {
        let letter = |at, set: &str| self.peek(at).is_some_and(|c| set.contains(c));
        let quote = |at| letter(at, "\"'");
        if letter(0, "bB") && letter(1, "rR") && quote(2) {
            return Some((2, Kind::Bytes));
        }
        if letter(0, "bB") && quote(1) {
            return Some((1, Kind::Bytes));
        }
        (letter(0, "rR") && quote(1)).then_some((1, Kind::String))
    }

    fn string(&mut self) -> bool {
        self.quoted(true)
    }

    fn raw_string(&mut self) -> bool {
        self.quoted(false)
    }

    /// A string in single or triple quotes. Stands behind it, or at what cannot be in it.
    fn quoted(&mut self, escapes: bool) -> bool {
        let Some(quote) = self.peek(0) else { return false };
        let triple = self.peek(1) == Some(quote) && self.peek(2) == Some(quote);
        if triple && self.finish(quote, escapes, 3) {
            return true;
        }
        self.finish(quote, escapes, 1)
    }

    fn finish(&mut self, quote: char, escapes: bool, width: usize) -> bool {
        let start = self.at;
        self.at += width;
        loop {
            if (0..width).all(|i| self.peek(i) == Some(quote)) {
                self.at += width;
                return true;
            }
            let read = match self.peek(0) {
                None => 0,
                Some('\n' | '\r') if width == 1 => 0,
                Some('\\') if escapes => self.escape_length(),
                Some(_) => 1,
            };
            if read == 0 {
                if width == 3 {
                    self.at = start;
                }
                return false;
            }
            self.at += read;
        }
    }

    /// The length of the escape sequence here; 0 if it is none.
    fn escape_length(&self) -> usize {
        let hex = |n: usize| (2..2 + n).all(|i| self.peek(i).is_some_and(|c| c.is_ascii_hexdigit()));
        let octal = |i| matches!(self.peek(i), Some('0'..='7'));
        match self.peek(1) {
            Some('a' | 'b' | 'f' | 'n' | 'r' | 't' | 'v' | '"' | '\'' | '\\' | '?' | '`') => 2,
            Some('x' | 'X') if hex(2) => 4,
            Some('u') if hex(4) => 6,
            Some('U') if hex(8) => 10,
            Some('0'..='3') if octal(2) && octal(3) => 4,
            _ => 0,
        }
    }

    fn number(&mut self) -> Kind {
        if self.peek(0) == Some('0')
            && self.peek(1) == Some('x')
            && self.peek(2).is_some_and(|c| c.is_ascii_hexdigit())
        {
            self.at += 2;
            self.skip(|c| c.is_ascii_hexdigit());
            return self.unsigned_suffix();
        }
        self.skip(|c| c.is_ascii_digit());
        let mut kind = Kind::Int;
        if self.peek(0) == Some('.') && self.peek(1).is_some_and(|c| c.is_ascii_digit()) {
            self.at += 1;
            self.skip(|c| c.is_ascii_digit());
            kind = Kind::Float;
        }
        if matches!(self.peek(0), Some('e' | 'E')) {
            let sign = usize::from(matches!(self.peek(1), Some('+' | '-')));
            if self.peek(1 + sign).is_some_and(|c| c.is_ascii_digit()) {
                self.at += 1 + sign;
                self.skip(|c| c.is_ascii_digit());
                kind = Kind::Float;
            }
        }
        if kind == Kind::Int { self.unsigned_suffix() } else { kind }
    }

    fn unsigned_suffix(&mut self) -> Kind {
        if matches!(self.peek(0), Some('u' | 'U')) {
            self.at += 1;
            return Kind::Uint;
        }
        Kind::Int
    }

    fn skip(&mut self, belongs: impl Fn(char) -> bool) {
        while self.peek(0).is_some_and(&belongs) {
            self.at += 1;
        }
    }

    fn escaped_identifier(&mut self) -> Option<Kind> {
        self.at += 1;
        let start = self.at;
        self.skip(|c| c.is_ascii_alphanumeric() || "_.-/ ".contains(c));
        if self.peek(0) != Some('`') || self.at == start {
            return None;
        }
        self.at += 1;
        Some(Kind::EscapedIdentifier)
    }
}

/// Blanks in an error text are shown as escapes.
fn escape(text: &str) -> String {
    text.replace('\n', "\\n").replace('\r', "\\r").replace('\t', "\\t")
}
