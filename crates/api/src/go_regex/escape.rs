//! Escapes, inside and outside of character classes.

use super::SyntaxError;

const INVALID: &str = "invalid escape sequence";
const RANGE: &str = "invalid character class range";

/// What a backslash and what follows it stand for.
pub(super) enum Escape {
    Char(char),
    /// A set of characters, as a class of the `regex` crate.
    Set(String),
}

/// Reads the escape that `rest` begins with; the answer's number is its length in bytes.
pub(super) fn read(rest: &str) -> Result<(Escape, usize), SyntaxError> {
    let mut chars = rest.char_indices().skip(1);
    let Some((_, letter)) = chars.next() else {
        return Err(SyntaxError::new("trailing backslash at end of expression", ""));
    };
    let length = 1 + letter.len_utf8();
    let one = |c| Ok((Escape::Char(c), length));
    match letter {
        'd' | 'D' | 's' | 'S' | 'w' | 'W' => Ok((Escape::Set(perl(letter).to_owned()), length)),
        'p' | 'P' => property(rest),
        'a' => one('\x07'),
        'f' => one('\x0c'),
        'n' => one('\n'),
        'r' => one('\r'),
        't' => one('\t'),
        'v' => one('\x0b'),
        'x' => hex(rest),
        '0'..='7' => octal(rest),
        c if c.is_ascii() && !c.is_ascii_alphanumeric() => one(c),
        _ => Err(SyntaxError::new(INVALID, rest.get(..length).unwrap_or(rest))),
    }
}

/// Go's sets are ASCII.
fn perl(letter: char) -> &'static str {
    match letter {
        'd' => "[0-9]",
        'D' => "[^0-9]",
        's' => r"[\t\n\x0c\r ]",
        'S' => r"[^\t\n\x0c\r ]",
        'w' => "[0-9A-Za-z_]",
        _ => "[^0-9A-Za-z_]",
    }
}

/// `\pN`, `\p{Greek}`, `\p{^Greek}` and their opposites.
fn property(rest: &str) -> Result<(Escape, usize), SyntaxError> {
    let body = rest.get(2..).unwrap_or_default();
    let (name, length) = match body.strip_prefix('{') {
        Some(braced) => match braced.split_once('}') {
            Some((name, _)) => (name, name.len() + 4),
            None => return Err(SyntaxError::new(RANGE, rest)),
        },
        None => {
            let width = body.chars().next().map_or(0, char::len_utf8);
            (body.get(..width).unwrap_or_default(), 2 + width)
        }
    };
    let whole = rest.get(..length).unwrap_or(rest);
    let (inverted, name) = name.strip_prefix('^').map_or((false, name), |name| (true, name));
    let letter = if rest.starts_with(r"\P") != inverted { 'P' } else { 'p' };
    let set = if name == "Any" { format!(r"\{letter}{{any}}") } else { format!(r"\{letter}{{{name}}}") };
    let plain = name.chars().all(|c| c.is_ascii_alphabetic() || c == '_');
    match plain && regex::Regex::new(&set).is_ok() {
        true => Ok((Escape::Set(set), length)),
        false => Err(SyntaxError::new(RANGE, whole)),
    }
}

/// `\x7F` or `\x{10FFFF}`.
fn hex(rest: &str) -> Result<(Escape, usize), SyntaxError> {
    let body = rest.get(2..).unwrap_or_default();
    let (digits, length) = match body.strip_prefix('{') {
        Some(braced) => {
            let digits = braced.split_once('}').map_or("", |(digits, _)| digits);
            (digits, digits.len() + 4)
        }
        None => (body.get(..2).unwrap_or_default(), 4),
    };
    let is_hex = digits.chars().all(|c| c.is_ascii_hexdigit());
    let code = is_hex.then(|| u32::from_str_radix(digits, 16).ok()).flatten().and_then(char::from_u32);
    let error = || SyntaxError::new(INVALID, rest.get(..length).unwrap_or(rest));
    Ok((Escape::Char(code.ok_or_else(error)?), length))
}

/// Up to three octal digits. One that is not zero alone would refer back to a group, which Go does not have.
fn octal(rest: &str) -> Result<(Escape, usize), SyntaxError> {
    let body = rest.get(1..).unwrap_or_default();
    let digits: String = body.chars().take(3).take_while(|c| matches!(c, '0'..='7')).collect();
    let length = 1 + digits.len();
    let error = || SyntaxError::new(INVALID, rest.get(..2).unwrap_or(rest));
    if digits.len() == 1 && digits != "0" {
        return Err(error());
    }
    let code = u32::from_str_radix(&digits, 8).ok().and_then(char::from_u32);
    Ok((Escape::Char(code.ok_or_else(error)?), length))
}

/// A character as the `regex` crate reads it literally, also in a class.
pub(super) fn literal(c: char, out: &mut String) {
    if c.is_ascii_punctuation() && !matches!(c, '<' | '>') {
        out.push('\\');
    }
    out.push(c);
}
