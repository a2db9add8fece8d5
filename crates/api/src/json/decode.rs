//! One pass over the bytes, recursive in depth, with the errors of Go's scanner.

use serde_json::map::Entry;
use serde_json::{Map, Number, Value};

use super::{DecodeError, Decoded, MAX_DEPTH, MAX_DUPLICATES};
use crate::goprint::quote;

/// Places of fields that are noted of one document.
const MAX_POSITIONS: usize = 1000;

/// Bytes of paths that are written out to tell fields of one document apart. Beyond it repeated fields go unnoticed:
/// a hostile document is not read for minutes.
const MAX_PRINTED: usize = 64 << 20;

pub(super) fn decode(bytes: &[u8]) -> Result<Decoded, DecodeError> {
    let mut reader = Reader::new(bytes, &[]);
    let value = reader.value(None, 0)?;
    reader.skip_space();
    if reader.at < bytes.len() {
        return Err(reader.unexpected("after top-level value"));
    }
    match reader.overflow {
        Some(number) => Err(DecodeError::Overflow(number)),
        None => Ok(Decoded { value, duplicates: reader.duplicates }),
    }
}

/// Each place of `bytes` where one of the fields stands, by its path, from front to back.
pub(super) fn positions(bytes: &[u8], some: &[String], others: &[String]) -> Vec<String> {
    let sought = [some, others];
    let mut reader = Reader::new(bytes, &sought);
    // The document has been read before: an error ends the search, no more.
    let _ = reader.value(None, 0);
    reader.found
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
    duplicates: Vec<String>,
    /// Paths of the fields whose places are noted in `found`.
    sought: &'a [&'a [String]],
    found: Vec<String>,
    printed: usize,
    /// The first number that was too large. Syntax errors anywhere come before it.
    overflow: Option<String>,
}

/// The path to the value being read, as a list that lives on the stack.
struct Place<'p> {
    parent: Option<&'p Place<'p>>,
    step: Step<'p>,
}

enum Step<'p> {
    Field(&'p str),
    Index(usize),
}

impl Place<'_> {
    fn print(&self, out: &mut String) {
        if let Some(parent) = self.parent {
            parent.print(out);
        }
        match self.step {
            Step::Field(name) => {
                if !out.is_empty() {
                    out.push('.');
                }
                out.push_str(name);
            }
            Step::Index(index) => out.push_str(&format!("[{index}]")),
        }
    }
}

type Read<T> = Result<T, DecodeError>;

impl<'a> Reader<'a> {
    fn new(bytes: &'a [u8], sought: &'a [&'a [String]]) -> Self {
        Self { bytes, at: 0, duplicates: Vec::new(), sought, found: Vec::new(), printed: 0, overflow: None }
    }

    fn value(&mut self, place: Option<&Place<'_>>, depth: usize) -> Read<Value> {
        self.skip_space();
        match self.peek() {
            Some(b'{') => self.object(place, self.deeper(depth)?).map(Value::Object),
            Some(b'[') => self.array(place, self.deeper(depth)?).map(Value::Array),
            Some(b'"') => self.string().map(Value::String),
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(b't') => self.literal("true", Value::Bool(true)),
            Some(b'f') => self.literal("false", Value::Bool(false)),
            Some(b'n') => self.literal("null", Value::Null),
            _ => Err(self.unexpected("looking for beginning of value")),
        }
    }

    fn deeper(&self, depth: usize) -> Read<usize> {
        if depth < MAX_DEPTH { Ok(depth + 1) } else { Err(self.unexpected("exceeded max depth")) }
    }

    fn object(&mut self, place: Option<&Place<'_>>, depth: usize) -> Read<Map<String, Value>> {
        let mut fields = Map::new();
        self.at += 1;
        self.skip_space();
        if self.take(b'}') {
            return Ok(fields);
        }
        loop {
            self.skip_space();
            if self.peek() != Some(b'"') {
                return Err(self.unexpected("looking for beginning of object key string"));
            }
            let name = self.string()?;
            self.skip_space();
            if !self.take(b':') {
                return Err(self.unexpected("after object key"));
            }
            let known = self.duplicates.len();
            let here = Place { parent: place, step: Step::Field(&name) };
            self.note(&here);
            let value = self.value(Some(&here), depth)?;
            match fields.entry(name) {
                Entry::Vacant(slot) => {
                    slot.insert(value);
                }
                Entry::Occupied(mut slot) => {
                    self.duplicate(known, &Place { parent: place, step: Step::Field(slot.key()) });
                    slot.insert(value);
                }
            }
            self.skip_space();
            if self.take(b'}') {
                return Ok(fields);
            }
            if !self.take(b',') {
                return Err(self.unexpected("after object key:value pair"));
            }
        }
    }

    fn note(&mut self, place: &Place<'_>) {
        if self.sought.is_empty() || self.found.len() >= MAX_POSITIONS {
            return;
        }
        let path = self.path(place);
        if path.as_ref().is_some_and(|path| self.sought.iter().any(|paths| paths.contains(path))) {
            self.found.extend(path);
        }
    }

    /// A path as text, as long as not too much has been written.
    fn path(&mut self, place: &Place<'_>) -> Option<String> {
        if self.printed > MAX_PRINTED {
            return None;
        }
        let mut path = String::new();
        place.print(&mut path);
        let depth = std::iter::successors(Some(place), |place| place.parent).count();
        self.printed += depth + path.len();
        Some(path)
    }

    /// Notes a field before those that were found inside its value, once.
    fn duplicate(&mut self, position: usize, place: &Place<'_>) {
        if self.duplicates.len() >= MAX_DUPLICATES {
            return;
        }
        if let Some(path) = self.path(place).filter(|path| !self.duplicates.contains(path)) {
            self.duplicates.insert(position, path);
        }
    }

    fn array(&mut self, place: Option<&Place<'_>>, depth: usize) -> Read<Vec<Value>> {
        let mut items = Vec::new();
        self.at += 1;
        self.skip_space();
        if self.take(b']') {
            return Ok(items);
        }
        loop {
            let here = Place { parent: place, step: Step::Index(items.len()) };
            items.push(self.value(Some(&here), depth)?);
            self.skip_space();
            if self.take(b']') {
                return Ok(items);
            }
            if !self.take(b',') {
                return Err(self.unexpected("after array element"));
            }
        }
    }

    fn literal(&mut self, word: &str, value: Value) -> Read<Value> {
        for expected in word.bytes() {
            if !self.take(expected) {
                let expected = char::from(expected);
                return Err(self.malformed(&format!("in literal {word} (expecting '{expected}')")));
            }
        }
        Ok(value)
    }

    // === numbers ===

    fn number(&mut self) -> Read<Value> {
        let start = self.at;
        self.take(b'-');
        match self.peek() {
            Some(b'0') => self.at += 1,
            Some(b'1'..=b'9') => self.skip_digits(),
            _ => return Err(self.malformed("in numeric literal")),
        }
        let fraction = self.take(b'.');
        if fraction {
            self.digits("after decimal point in numeric literal")?;
        }
        if self.take(b'e') || self.take(b'E') {
            let _sign = self.take(b'+') || self.take(b'-');
            self.digits("in exponent of numeric literal")?;
        }
        let text = self.bytes.get(start..self.at).unwrap_or_default();
        Ok(self.number_value(std::str::from_utf8(text).unwrap_or_default(), fraction))
    }

    fn number_value(&mut self, text: &str, fraction: bool) -> Value {
        if let Some(integer) = text.parse::<i64>().ok().filter(|_| !fraction) {
            return integer.into();
        }
        // An f64 of a well-formed number is finite or too large, and never an error.
        let float = text.parse::<f64>().ok().and_then(Number::from_f64);
        if float.is_none() && self.overflow.is_none() {
            self.overflow = Some(text.to_owned());
        }
        float.map_or(Value::Null, Value::Number)
    }

    fn digits(&mut self, context: &str) -> Read<()> {
        if !self.peek().is_some_and(|b| b.is_ascii_digit()) {
            return Err(self.malformed(context));
        }
        self.skip_digits();
        Ok(())
    }

    fn skip_digits(&mut self) {
        while self.peek().is_some_and(|b| b.is_ascii_digit()) {
            self.at += 1;
        }
    }

    // === strings ===

    fn string(&mut self) -> Read<String> {
        self.at += 1;
        let mut text = String::new();
        loop {
            let start = self.at;
            while self.peek().is_some_and(|b| b >= 0x20 && b != b'"' && b != b'\\') {
                self.at += 1;
            }
            push_utf8(&mut text, self.bytes.get(start..self.at).unwrap_or_default());
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(text);
                }
                Some(b'\\') => {
                    let c = self.escape()?;
                    text.push(c);
                }
                _ => return Err(self.unexpected("in string literal")),
            }
        }
    }

    fn escape(&mut self) -> Read<char> {
        self.at += 1;
        let c = match self.peek() {
            Some(c @ (b'"' | b'\\' | b'/')) => char::from(c),
            Some(b'b') => '\x08',
            Some(b'f') => '\x0c',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => return self.unicode_escape(),
            _ => return Err(self.malformed("in string escape code")),
        };
        self.at += 1;
        Ok(c)
    }

    /// Half a surrogate pair is U+FFFD; what follows it is read on its own.
    fn unicode_escape(&mut self) -> Read<char> {
        let first = self.code_unit()?;
        if !(0xD800..0xDC00).contains(&first) || !self.rest().starts_with(b"\\u") {
            return Ok(char::from_u32(first).unwrap_or(char::REPLACEMENT_CHARACTER));
        }
        let resume = self.at;
        self.at += 1;
        let second = self.code_unit()?;
        if !(0xDC00..0xE000).contains(&second) {
            self.at = resume;
            return Ok(char::REPLACEMENT_CHARACTER);
        }
        let code = 0x1_0000 + ((first - 0xD800) << 10) + (second - 0xDC00);
        Ok(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER))
    }

    /// `uXXXX`
    fn code_unit(&mut self) -> Read<u32> {
        self.at += 1;
        let mut code = 0;
        for _ in 0..4 {
            let digit = self.peek().and_then(|b| char::from(b).to_digit(16));
            let Some(digit) = digit else {
                return Err(self.malformed("in \\u hexadecimal character escape"));
            };
            code = code * 16 + digit;
            self.at += 1;
        }
        Ok(code)
    }

    // === bytes and errors ===

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn rest(&self) -> &[u8] {
        self.bytes.get(self.at..).unwrap_or_default()
    }

    fn take(&mut self, byte: u8) -> bool {
        let taken = self.peek() == Some(byte);
        self.at += usize::from(taken);
        taken
    }

    fn skip_space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\r' | b'\n')) {
            self.at += 1;
        }
    }

    /// An error where white space may stand: the end of the input is just that.
    fn unexpected(&self, context: &str) -> DecodeError {
        match self.peek() {
            Some(byte) => self.syntax(byte, context),
            None => {
                let message = "unexpected end of JSON input".to_owned();
                DecodeError::Syntax { message, offset: self.bytes.len() }
            }
        }
    }

    /// An error within a token, where Go sees the end of the input as a space.
    fn malformed(&self, context: &str) -> DecodeError {
        self.syntax(self.peek().unwrap_or(b' '), context)
    }

    fn syntax(&self, byte: u8, context: &str) -> DecodeError {
        let offset = (self.at + 1).min(self.bytes.len());
        DecodeError::Syntax { message: format!("invalid character {} {context}", quote_byte(byte)), offset }
    }
}

/// Go takes the byte for a character of its own.
fn quote_byte(byte: u8) -> String {
    match byte {
        b'\'' => r"'\''".to_owned(),
        b'"' => r#"'"'"#.to_owned(),
        byte => format!("'{}'", quote(char::from(byte).encode_utf8(&mut [0; 4])).trim_matches('"')),
    }
}

/// Appends bytes as UTF-8, each that is none as U+FFFD.
fn push_utf8(text: &mut String, mut bytes: &[u8]) {
    loop {
        match std::str::from_utf8(bytes) {
            Ok(valid) => {
                text.push_str(valid);
                return;
            }
            Err(error) => {
                let (valid, rest) = bytes.split_at(error.valid_up_to());
                text.push_str(std::str::from_utf8(valid).unwrap_or_default());
                text.push(char::REPLACEMENT_CHARACTER);
                bytes = rest.get(1..).unwrap_or_default();
            }
        }
    }
}
