//! What a scalar is: the rules of YAML 1.1 as Go's `yaml.v2` applies them.

use serde_json::Value;

use super::YamlError;
use crate::goprint::json_float;

/// The value of a plain scalar without a tag.
pub(super) fn resolve(text: &str) -> Result<Value, YamlError> {
    match text.as_bytes().first() {
        None => Ok(Value::Null),
        Some(b'y' | b'Y' | b'n' | b'N' | b't' | b'T' | b'f' | b'F' | b'o' | b'O' | b'~') => Ok(word(text)),
        Some(b'.' | b'+' | b'-' | b'0'..=b'9') => number(text),
        Some(_) => Ok(text.into()),
    }
}

fn word(text: &str) -> Value {
    match text {
        "y" | "Y" | "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" => true.into(),
        "n" | "N" | "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off" | "OFF" => false.into(),
        "~" | "null" | "Null" | "NULL" => Value::Null,
        _ => text.into(),
    }
}

fn number(text: &str) -> Result<Value, YamlError> {
    match text {
        ".nan" | ".NaN" | ".NAN" => return Err(YamlError::NoJson("NaN")),
        ".inf" | ".Inf" | ".INF" | "+.inf" | "+.Inf" | "+.INF" => return Err(YamlError::NoJson("+Inf")),
        "-.inf" | "-.Inf" | "-.INF" => return Err(YamlError::NoJson("-Inf")),
        _ => {}
    }
    if text.starts_with('.') {
        return Ok(float(text).unwrap_or_else(|| text.into()));
    }
    // Underscores may group digits.
    let plain = text.replace('_', "");
    Ok(integer(&plain).or_else(|| float(&plain)).unwrap_or_else(|| text.into()))
}

/// An integer in any base; beyond i64 a float, as JSON reads it.
fn integer(plain: &str) -> Option<Value> {
    let (negative, digits) = match plain.as_bytes() {
        [b'-', ..] => (true, plain.get(1..)?),
        [b'+', ..] => (false, plain.get(1..)?),
        _ => (false, plain),
    };
    let (base, digits) = match digits.as_bytes() {
        [b'0', b'x' | b'X', ..] => (16, digits.get(2..)?),
        [b'0', b'b' | b'B', ..] => (2, digits.get(2..)?),
        [b'0', b'o' | b'O', ..] => (8, digits.get(2..)?),
        [b'0', _, ..] => (8, digits.get(1..)?),
        _ => (10, digits),
    };
    // The standard parser would take a second sign.
    let magnitude = u64::from_str_radix(digits, base).ok().filter(|_| !digits.starts_with(['+', '-']))?;
    if negative {
        return i64::try_from(-i128::from(magnitude)).ok().map(Value::from);
    }
    Some(i64::try_from(magnitude).map_or_else(|_| Value::from(magnitude as f64), Value::from))
}

/// A decimal float. A whole one becomes an integer on its way through JSON.
fn float(plain: &str) -> Option<Value> {
    let numeral = plain.bytes().all(|b| b.is_ascii_digit() || b"+-.eE".contains(&b));
    let value = plain.parse::<f64>().ok().filter(|value| numeral && value.is_finite())?;
    Some(json_float(value).parse::<i64>().map_or_else(|_| Value::from(value), Value::from))
}

/// Whether a plain scalar reads back as this string, and reads so to other parsers too,
/// some of which take `12:30` for a number in base 60 and `2026-01-01` for a time.
pub(super) fn is_string(text: &str) -> bool {
    let string = matches!(resolve(text), Ok(Value::String(_)));
    string && !is_base_60(text) && !is_date(text)
}

fn is_base_60(text: &str) -> bool {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let whole = unsigned.split('.').next().unwrap_or_default();
    let mut groups = whole.split(':');
    let first = groups.next().unwrap_or_default();
    let head = first.starts_with(|c: char| c.is_ascii_digit());
    let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit() || b == b'_');
    let rest = |group: &str| matches!(group.as_bytes(), [b'0'..=b'9'] | [b'0'..=b'5', b'0'..=b'9']);
    head && digits(first) && whole.contains(':') && groups.all(rest)
}

fn is_date(text: &str) -> bool {
    let year = text.bytes().take_while(u8::is_ascii_digit).count();
    year == 4 && text.as_bytes().get(4) == Some(&b'-')
}
