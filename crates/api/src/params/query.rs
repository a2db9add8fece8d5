//! The query of a URL.

use std::fmt;

use crate::goprint::quote;
use crate::status::Status;

/// Names and values in order, decoded.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Query(Vec<(String, String)>);

impl Query {
    /// Reads what stands behind the question mark. Pairs with a broken escape or a semicolon
    /// are left out, as Go leaves them out.
    pub fn parse(raw: &str) -> Self {
        let pairs = raw.split('&').filter(|pair| !pair.is_empty() && !pair.contains(';'));
        Self(pairs.filter_map(decode_pair).collect())
    }

    /// The first value of a name.
    pub fn first(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// The first value of a name; empty when there is none.
    pub fn text(&self, name: &str) -> &str {
        self.first(name).unwrap_or_default()
    }

    /// All values of a name, in order.
    pub fn all<'a, 'n>(&'a self, name: &'n str) -> impl Iterator<Item = &'a str> + use<'a, 'n> {
        self.0.iter().filter(move |(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// Any value but `0` and `false` is true, the empty one too.
    pub fn flag(&self, name: &str) -> Option<bool> {
        let value = self.first(name)?;
        Some(value != "0" && !value.eq_ignore_ascii_case("false"))
    }

    /// A whole number, or Go's words for what is none.
    pub fn integer(&self, name: &str) -> Result<Option<i64>, Status> {
        let Some(text) = self.first(name) else { return Ok(None) };
        let number = text.parse::<i64>();
        number.map(Some).map_err(|error| Status::bad_request(number_error("ParseInt", text, &error)))
    }

    /// Whether a list is to be a watch.
    pub fn wants_watch(&self) -> bool {
        self.flag("watch").unwrap_or(false)
    }
}

impl fmt::Display for Query {
    /// As it stands in a URL.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (name, value)) in self.0.iter().enumerate() {
            f.write_str(if index > 0 { "&" } else { "" })?;
            encode(f, name)?;
            f.write_str("=")?;
            encode(f, value)?;
        }
        Ok(())
    }
}

/// Escapes all but the characters that RFC 3986 leaves alone.
fn encode(f: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    text.bytes().try_for_each(|byte| match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
            write!(f, "{}", char::from(byte))
        }
        byte => write!(f, "%{byte:02X}"),
    })
}

impl<K: Into<String>, V: Into<String>> FromIterator<(K, V)> for Query {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(pairs: I) -> Self {
        Self(pairs.into_iter().map(|(name, value)| (name.into(), value.into())).collect())
    }
}

/// Go's words for a text that is no number.
pub(super) fn number_error(function: &str, text: &str, error: &std::num::ParseIntError) -> String {
    let why = match error.kind() {
        std::num::IntErrorKind::PosOverflow | std::num::IntErrorKind::NegOverflow => "value out of range",
        _ => "invalid syntax",
    };
    format!("strconv.{function}: parsing {}: {why}", quote(text))
}

fn decode_pair(pair: &str) -> Option<(String, String)> {
    let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
    Some((decode(name)?, decode(value)?))
}

/// Percent escapes, and plus signs for spaces. Bytes that are not UTF-8 become U+FFFD.
fn decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let mut digit = || char::from(rest.next()?).to_digit(16);
                u8::try_from(digit()? * 16 + digit()?).ok()?
            }
            byte => byte,
        });
    }
    Some(match String::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => String::from_utf8_lossy(error.as_bytes()).into_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries_are_decoded_as_go_decodes_them() {
        let check = |raw: &str, want: &[(&str, &str)]| {
            assert_eq!(Query::parse(raw), want.iter().copied().collect(), "{raw}");
        };
        check("", &[]);
        check("a=1&b=2&a=3", &[("a", "1"), ("b", "2"), ("a", "3")]);
        check("a=x+y%3Dz&b&=c", &[("a", "x y=z"), ("b", ""), ("", "c")]);
        check("a=%zz&b=%4&c=1;d=2&e=%C3%A9", &[("e", "é")]);
        check("a=%ff", &[("a", "\u{fffd}")]);
        check("a=b=c", &[("a", "b=c")]);
    }

    #[test]
    fn values_are_read_as_flags_and_numbers() {
        let query = Query::parse("t=1&e=&f=0&g=FALSE&n=-3&x=x&o=99999999999999999999");
        let check = |name: &str, want: Option<bool>| assert_eq!(query.flag(name), want, "{name}");
        check("t", Some(true));
        check("e", Some(true));
        check("f", Some(false));
        check("g", Some(false));
        check("absent", None);
        let check = |name: &str, want: Result<Option<i64>, &str>| {
            assert_eq!(query.integer(name).map_err(|e| e.message), want.map_err(str::to_owned));
        };
        check("n", Ok(Some(-3)));
        check("absent", Ok(None));
        check("x", Err("strconv.ParseInt: parsing \"x\": invalid syntax"));
        check("e", Err("strconv.ParseInt: parsing \"\": invalid syntax"));
        check("o", Err("strconv.ParseInt: parsing \"99999999999999999999\": value out of range"));
    }
}
