//! The values of literals: numbers and quoted strings with their escapes.

use super::token::{Kind, Token};
use crate::ast::Literal;

/// The value of a literal token, with the sign that stood before it.
pub(super) fn value(token: &Token, negative: bool) -> Result<Literal, String> {
    match token.kind {
        Kind::Int => int(&token.text, negative),
        Kind::Uint => uint(&token.text),
        Kind::Float => float(&token.text, negative),
        Kind::String => string(&token.text).map(Literal::String),
        Kind::Bytes => unescape(token.text.get(1..).unwrap_or_default(), true).map(Literal::Bytes),
        _ => Ok(match token.text.as_str() {
            "true" => Literal::Bool(true),
            "false" => Literal::Bool(false),
            _ => Literal::Null,
        }),
    }
}

fn int(text: &str, negative: bool) -> Result<Literal, String> {
    let (digits, radix) = digits(text);
    let sign = if negative { "-" } else { "" };
    let value = i64::from_str_radix(&format!("{sign}{digits}"), radix);
    value.map(Literal::Int).map_err(|_| "invalid int literal".to_owned())
}

fn uint(text: &str) -> Result<Literal, String> {
    let (digits, radix) = digits(text.trim_end_matches(['u', 'U']));
    u64::from_str_radix(digits, radix).map(Literal::Uint).map_err(|_| "invalid uint literal".to_owned())
}

fn digits(text: &str) -> (&str, u32) {
    text.strip_prefix("0x").map_or((text, 10), |hex| (hex, 16))
}

fn float(text: &str, negative: bool) -> Result<Literal, String> {
    let value: Option<f64> = text.parse().ok().filter(|value: &f64| value.is_finite());
    let value = value.ok_or("invalid double literal")?;
    Ok(Literal::Double(if negative { -value } else { value }))
}

fn string(text: &str) -> Result<String, String> {
    String::from_utf8(unescape(text, false)?).map_err(|_| "unable to unescape string".to_owned())
}

/// The content of a quoted string. In bytes, `\x` and octal escapes are bytes; in strings
/// they are characters.
fn unescape(quoted: &str, bytes: bool) -> Result<Vec<u8>, String> {
    let text = quoted.replace("\r\n", "\n").replace('\r', "\n");
    let (text, raw) = match text.strip_prefix(['r', 'R']) {
        Some(rest) => (rest, true),
        None => (text.as_str(), false),
    };
    let width =
        if text.len() >= 6 && (text.starts_with("'''") || text.starts_with("\"\"\"")) { 3 } else { 1 };
    let content = text.get(width..text.len().saturating_sub(width)).ok_or("unable to unescape string")?;
    if raw {
        return Ok(content.as_bytes().to_vec());
    }
    let mut out = Vec::with_capacity(content.len());
    let mut rest = content;
    while let Some(c) = rest.chars().next() {
        rest = &rest[c.len_utf8()..];
        if c == '\\' {
            rest = escape(rest, bytes, &mut out)?;
        } else {
            push(&mut out, c);
        }
    }
    Ok(out)
}

/// Reads an escape behind its backslash; returns what follows it.
fn escape<'a>(rest: &'a str, bytes: bool, out: &mut Vec<u8>) -> Result<&'a str, String> {
    let letter = rest.chars().next().ok_or("unable to unescape string, found '\\' as last character")?;
    let tail = &rest[letter.len_utf8()..];
    let plain = match letter {
        'a' => Some(7),
        'b' => Some(8),
        'f' => Some(12),
        'n' => Some(b'\n'),
        'r' => Some(b'\r'),
        't' => Some(b'\t'),
        'v' => Some(11),
        '\\' | '\'' | '"' | '`' | '?' => Some(letter as u8),
        _ => None,
    };
    if let Some(byte) = plain {
        out.push(byte);
        return Ok(tail);
    }
    let (digits, radix, from) = match letter {
        'x' | 'X' => (2, 16, tail),
        'u' if !bytes => (4, 16, tail),
        'U' if !bytes => (8, 16, tail),
        '0'..='3' => (3, 8, rest),
        _ => return Err("unable to unescape string".to_owned()),
    };
    let number = from.get(..digits).and_then(|text| u32::from_str_radix(text, radix).ok());
    let number = number.ok_or(match radix {
        8 => "unable to unescape octal sequence in string",
        _ => "unable to unescape string",
    })?;
    if bytes {
        out.push(u8::try_from(number).map_err(|_| "unable to unescape string")?);
    } else {
        push(out, char::from_u32(number).ok_or("invalid unicode code point")?);
    }
    Ok(&from[digits..])
}

fn push(out: &mut Vec<u8>, c: char) {
    out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
}
