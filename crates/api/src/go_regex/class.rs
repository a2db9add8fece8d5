//! Character classes: `[a-z[:digit:]\d]`.

use super::SyntaxError;
use super::escape::{self, Escape};

const RANGE: &str = "invalid character class range";
const NAMES: [&str; 14] = [
    "alnum", "alpha", "ascii", "blank", "cntrl", "digit", "graph", "lower", "print", "punct", "space",
    "upper", "word", "xdigit",
];

/// Reads the class that `pattern` begins with, and writes it as the `regex` crate reads it;
/// the answer is its length in bytes.
pub(super) fn read(pattern: &str, out: &mut String) -> Result<usize, SyntaxError> {
    let mut class = Class { pattern, at: 1 };
    out.push('[');
    if class.take("^") {
        out.push('^');
    }
    let mut first = true;
    while first || !class.rest().starts_with(']') {
        first = false;
        class.item(out)?;
    }
    out.push(']');
    Ok(class.at + 1)
}

struct Class<'p> {
    pattern: &'p str,
    at: usize,
}

impl<'p> Class<'p> {
    fn rest(&self) -> &'p str {
        self.pattern.get(self.at..).unwrap_or_default()
    }

    fn take(&mut self, prefix: &str) -> bool {
        let found = self.rest().starts_with(prefix);
        self.at += if found { prefix.len() } else { 0 };
        found
    }

    /// Where the end of a name must be. (Go looks through all that is left, each time.)
    fn nearby(&self) -> &'p str {
        const LONGEST_NAME: usize = 64;
        let rest = self.rest();
        rest.char_indices().nth(LONGEST_NAME).and_then(|(end, _)| rest.get(..end)).unwrap_or(rest)
    }

    fn missing(&self) -> SyntaxError {
        SyntaxError::new("missing closing ]", self.pattern)
    }

    fn item(&mut self, out: &mut String) -> Result<(), SyntaxError> {
        if self.rest().starts_with("[:")
            && let Some(end) = self.nearby().find(":]")
        {
            return self.named(end, out);
        }
        let start = self.at;
        let low = match self.one()? {
            Escape::Set(set) => {
                out.push_str(&set);
                return Ok(());
            }
            Escape::Char(c) => c,
        };
        escape::literal(low, out);
        let is_range =
            self.rest().starts_with('-') && !self.rest().starts_with("-]") && self.rest().len() > 1;
        if !is_range {
            return Ok(());
        }
        self.at += 1;
        let high = match self.one()? {
            Escape::Char(c) if c >= low => c,
            _ => return Err(SyntaxError::new(RANGE, self.pattern.get(start..self.at).unwrap_or_default())),
        };
        out.push('-');
        escape::literal(high, out);
        Ok(())
    }

    /// `[:alpha:]`, `[:^alpha:]`
    fn named(&mut self, end: usize, out: &mut String) -> Result<(), SyntaxError> {
        let whole = self.rest().get(..end + 2).unwrap_or_default();
        let name = whole.trim_start_matches("[:").trim_end_matches(":]");
        if !NAMES.contains(&name.trim_start_matches('^')) {
            return Err(SyntaxError::new(RANGE, whole));
        }
        out.push_str(whole);
        self.at += whole.len();
        Ok(())
    }

    fn one(&mut self) -> Result<Escape, SyntaxError> {
        let rest = self.rest();
        let Some(c) = rest.chars().next() else { return Err(self.missing()) };
        if c != '\\' {
            self.at += c.len_utf8();
            return Ok(Escape::Char(c));
        }
        let (escape, length) = escape::read(rest)?;
        self.at += length;
        Ok(escape)
    }
}
