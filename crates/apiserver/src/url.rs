//! Paths and queries of URLs: what the query's reader (`api::params::Query`) leaves.

use std::borrow::Cow;

/// A path without its escapes. `None` if one of them is malformed; bytes that are not
/// UTF-8 become U+FFFD.
pub fn decode_path(text: &str) -> Option<Cow<'_, str>> {
    if !text.contains('%') {
        return Some(Cow::Borrowed(text));
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => hex(rest.next()?)? * 16 + hex(rest.next()?)?,
            byte => byte,
        });
    }
    Some(Cow::Owned(match String::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => String::from_utf8_lossy(error.as_bytes()).into_owned(),
    }))
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

/// Escapes a value of a query, as Go's `url.QueryEscape`.
fn escape(value: &str, out: &mut String) {
    for byte in value.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => out.push(char::from(byte)),
            b' ' => out.push('+'),
            byte => push_escaped(byte, out),
        }
    }
}

fn push_escaped(byte: u8, out: &mut String) {
    const DIGITS: [char; 16] =
        ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'A', 'B', 'C', 'D', 'E', 'F'];
    out.push('%');
    out.push(DIGITS[usize::from(byte >> 4)]);
    out.push(DIGITS[usize::from(byte & 15)]);
}

/// Pairs as the text of a query, with its question mark; empty without pairs.
pub fn query(pairs: &[(&str, String)]) -> String {
    let mut out = String::new();
    for (name, value) in pairs {
        out.push(if out.is_empty() { '?' } else { '&' });
        escape(name, &mut out);
        out.push('=');
        escape(value, &mut out);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_decoded() {
        let check = |text: &str, want: Option<&str>| assert_eq!(decode_path(text).as_deref(), want, "{text}");
        check("/api/v1", Some("/api/v1"));
        check("/a%2Fb+c", Some("/a/b+c"));
        check("/%zz", None);
        check("/%4", None);
        check("/%ff", Some("/\u{fffd}"));
    }

    #[test]
    fn values_are_escaped_as_go_escapes_them() {
        assert_eq!(query(&[("command", "a b&c".into()), ("x", "/é".into())]), "?command=a+b%26c&x=%2F%C3%A9");
        assert_eq!(query(&[]), "");
    }
}
