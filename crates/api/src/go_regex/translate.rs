//! From Go's syntax to that of the `regex` crate.

use super::SyntaxError;
use super::class;
use super::escape::{self, Escape};

/// The largest count of a repetition in Go.
const MAX_REPEAT: u32 = 1000;

/// What stands before a repetition.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Last {
    /// The start of an alternative.
    Nothing,
    Atom,
    /// A repetition, which began at this byte of the pattern.
    Repeated(usize),
}

struct Translator<'p> {
    pattern: &'p str,
    at: usize,
    open: usize,
    last: Last,
    out: String,
}

pub(super) fn translate(pattern: &str) -> Result<String, SyntaxError> {
    let mut translator = Translator { pattern, at: 0, open: 0, last: Last::Nothing, out: String::new() };
    while let Some(c) = translator.rest().chars().next() {
        translator.step(c)?;
    }
    match translator.open {
        0 => Ok(translator.out),
        _ => Err(SyntaxError::new("missing closing )", pattern)),
    }
}

impl<'p> Translator<'p> {
    fn rest(&self) -> &'p str {
        self.pattern.get(self.at..).unwrap_or_default()
    }

    fn step(&mut self, c: char) -> Result<(), SyntaxError> {
        match c {
            '(' => return self.group(),
            ')' => return self.close(),
            '|' => self.pass(c, Last::Nothing),
            '*' | '+' | '?' => return self.repeat(1),
            '{' => match count(self.rest()) {
                Some(length) => return self.repeat(length),
                None => self.literal(c),
            },
            '[' => {
                self.at += class::read(self.rest(), &mut self.out)?;
                self.last = Last::Atom;
            }
            '\\' => return self.escape(),
            '.' | '^' | '$' => self.pass(c, Last::Atom),
            c => self.literal(c),
        }
        Ok(())
    }

    fn pass(&mut self, c: char, last: Last) {
        self.out.push(c);
        self.at += c.len_utf8();
        self.last = last;
    }

    fn literal(&mut self, c: char) {
        escape::literal(c, &mut self.out);
        self.at += c.len_utf8();
        self.last = Last::Atom;
    }

    // === groups ===

    /// Nothing is captured, so that names do not matter.
    fn group(&mut self) -> Result<(), SyntaxError> {
        let rest = self.rest();
        if !rest.starts_with("(?") {
            self.at += 1;
            self.opened("(?:");
            return Ok(());
        }
        if let Some(name) = rest.strip_prefix("(?P<").or_else(|| rest.strip_prefix("(?<")) {
            return self.named(rest, name);
        }
        let flags: &str = rest.get(2..).unwrap_or_default();
        let length = flags.find(|c| !matches!(c, 'i' | 'm' | 's' | 'U' | '-')).unwrap_or(flags.len());
        let end = flags.get(length..).and_then(|rest| rest.chars().next());
        let whole = rest.get(..2 + length + end.map_or(0, char::len_utf8)).unwrap_or(rest);
        match end {
            None => return Err(SyntaxError::new("missing closing )", self.pattern)),
            Some(':') => self.opened(whole),
            // Flags for the rest of the group; they are no atom.
            Some(')') if length > 0 => {
                self.out.push_str(whole);
                self.last = Last::Nothing;
            }
            Some(_) => return Err(SyntaxError::new("invalid or unsupported Perl syntax", whole)),
        }
        self.at += whole.len();
        Ok(())
    }

    fn opened(&mut self, text: &str) {
        self.out.push_str(text);
        self.open += 1;
        self.last = Last::Nothing;
    }

    fn named(&mut self, rest: &str, name: &str) -> Result<(), SyntaxError> {
        const INVALID: &str = "invalid named capture";
        let Some((name, after)) = name.split_once('>') else { return Err(SyntaxError::new(INVALID, rest)) };
        let length = rest.len() - after.len();
        let valid = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        if !valid {
            return Err(SyntaxError::new(INVALID, rest.get(..length).unwrap_or(rest)));
        }
        self.at += length;
        self.opened("(?:");
        Ok(())
    }

    fn close(&mut self) -> Result<(), SyntaxError> {
        if self.open == 0 {
            return Err(SyntaxError::new("unexpected )", self.pattern));
        }
        self.open -= 1;
        self.pass(')', Last::Atom);
        Ok(())
    }

    // === repetitions ===

    /// A repetition of this length, with the `?` that makes it lazy.
    fn repeat(&mut self, length: usize) -> Result<(), SyntaxError> {
        let start = self.at;
        let operator = self.rest().get(..length).unwrap_or_default();
        self.at += length;
        match self.last {
            Last::Nothing => {
                return Err(SyntaxError::new("missing argument to repetition operator", operator));
            }
            Last::Repeated(first) => {
                let both = self.pattern.get(first..self.at).unwrap_or_default();
                return Err(SyntaxError::new("invalid nested repetition operator", both));
            }
            Last::Atom => {}
        }
        if !in_bounds(operator) {
            return Err(SyntaxError::new("invalid repeat count", operator));
        }
        self.out.push_str(operator);
        if self.rest().starts_with('?') {
            self.out.push('?');
            self.at += 1;
        }
        self.last = Last::Repeated(start);
        Ok(())
    }

    // === escapes ===

    fn escape(&mut self) -> Result<(), SyntaxError> {
        let rest = self.rest();
        let boundary = match rest.as_bytes().get(1) {
            Some(b'b') => r"(?-u:\b)",
            Some(b'B') => r"(?-u:\B)",
            Some(b'A') => r"\A",
            Some(b'z') => r"\z",
            Some(b'Q') => {
                self.quoted();
                return Ok(());
            }
            _ => "",
        };
        if !boundary.is_empty() {
            self.out.push_str(boundary);
            self.at += 2;
            self.last = Last::Atom;
            return Ok(());
        }
        let (escape, length) = escape::read(rest)?;
        match escape {
            Escape::Char(c) => escape::literal(c, &mut self.out),
            Escape::Set(set) => self.out.push_str(&set),
        }
        self.at += length;
        self.last = Last::Atom;
        Ok(())
    }

    /// `\Q..\E`: everything in between is literal.
    fn quoted(&mut self) {
        let body = self.rest().get(2..).unwrap_or_default();
        let (text, length) = match body.split_once(r"\E") {
            Some((text, _)) => (text, text.len() + 4),
            None => (body, body.len() + 2),
        };
        text.chars().for_each(|c| escape::literal(c, &mut self.out));
        self.at += length;
        if !text.is_empty() {
            self.last = Last::Atom;
        }
    }
}

/// The length of the `{n}`, `{n,}` or `{n,m}` that the text begins with.
fn count(text: &str) -> Option<usize> {
    let text = text.strip_prefix('{')?;
    let end = text.find(|c: char| !c.is_ascii_digit() && c != ',')?;
    let inner = text.get(..end).filter(|_| text.get(end..).is_some_and(|rest| rest.starts_with('}')))?;
    let (least, most) = inner.split_once(',').map_or((inner, None), |(least, most)| (least, Some(most)));
    let digits = |text: &str| text.chars().all(|c| c.is_ascii_digit());
    let is_count = !least.is_empty() && digits(least) && most.is_none_or(digits);
    is_count.then_some(inner.len() + 2)
}

fn in_bounds(operator: &str) -> bool {
    let inner = operator.trim_start_matches('{').trim_end_matches('}');
    if inner.len() == operator.len() {
        return true;
    }
    let (least, most) = inner.split_once(',').unwrap_or((inner, inner));
    let parse = |text: &str| text.parse::<u32>().ok().filter(|count| *count <= MAX_REPEAT);
    match (parse(least), most) {
        (Some(_), "") => true,
        (Some(least), most) => parse(most).is_some_and(|most| least <= most),
        (None, _) => false,
    }
}
