//! How values print: as Go prints them in error texts, and as `string()` makes them.

use std::fmt;

use super::Value;

/// A string in Go's quotes.
pub(crate) fn quote(text: &str) -> String {
    ironclad_api::goprint::quote(text)
}

impl Value<'_> {
    /// What `string()` makes of it. `None` if its type has no such conversion.
    pub(crate) fn to_text(&self) -> Option<String> {
        Some(match self {
            Value::Bool(value) => value.to_string(),
            Value::Int(value) => value.to_string(),
            Value::Uint(value) => value.to_string(),
            Value::Double(value) => double(*value),
            Value::String(text) => text.to_string(),
            Value::Bytes(bytes) => std::str::from_utf8(bytes).ok()?.to_owned(),
            Value::Duration(nanos) => format!("{}s", seconds(*nanos)),
            Value::Timestamp(time) => time.format(),
            Value::Type(name) => (*name).to_owned(),
            _ => return None,
        })
    }
}

/// Seconds in decimal digits, without an exponent.
fn seconds(nanos: i64) -> String {
    let sign = if nanos < 0 { "-" } else { "" };
    let nanos = nanos.unsigned_abs();
    let (whole, rest) = (nanos / 1_000_000_000, nanos % 1_000_000_000);
    match rest {
        0 => format!("{sign}{whole}"),
        _ => format!("{sign}{whole}.{}", format!("{rest:09}").trim_end_matches('0')),
    }
}

/// `strconv.FormatFloat(value, 'g', -1, 64)`: the shortest digits that mean the number, with an exponent if
/// that is below -4 or above 5.
fn double(value: f64) -> String {
    if value.is_nan() {
        return "NaN".to_owned();
    }
    if value.is_infinite() {
        return if value > 0.0 { "+Inf" } else { "-Inf" }.to_owned();
    }
    let scientific = format!("{value:e}");
    let (digits, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if (-4..6).contains(&exponent) {
        return format!("{value}");
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{digits}e{sign}{:02}", exponent.abs())
}

impl fmt::Display for Value<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Null => f.write_str("null"),
            Value::Duration(nanos) => {
                f.write_str(&ironclad_api::duration::format(jiff::SignedDuration::from_nanos(*nanos)))
            }
            Value::List(list) => {
                f.write_str("[")?;
                for (at, item) in list.iter().enumerate() {
                    write!(f, "{}{item}", if at == 0 { "" } else { ", " })?;
                }
                f.write_str("]")
            }
            Value::Map(map) => {
                f.write_str("{")?;
                for (at, key) in map.keys().iter().enumerate() {
                    write!(f, "{}{key}: ", if at == 0 { "" } else { ", " })?;
                    if let Ok(Some(value)) = map.get(key) {
                        write!(f, "{value}")?;
                    }
                }
                f.write_str("}")
            }
            Value::Optional(None) => f.write_str("optional.none()"),
            Value::Optional(Some(value)) => write!(f, "optional({value})"),
            Value::Foreign(value) => write!(f, "{value:?}"),
            _ => f.write_str(&self.to_text().unwrap_or_default()),
        }
    }
}
