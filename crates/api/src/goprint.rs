//! Values printed as Go prints them, because upstream's error texts contain them.

use std::fmt::Write;

use serde_json::{Map, Value};

/// A string as Go's `%q` prints it: double quotes, C escapes, `\x`, `\u` and `\U`
/// for what is not printable.
pub fn quote(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    text.chars().for_each(|c| push_quoted(&mut out, c));
    out.push('"');
    out
}

/// The quoted strings joined by `", "`, as upstream lists supported values.
pub fn quote_list<'a>(items: impl IntoIterator<Item = &'a str>) -> String {
    items.into_iter().map(quote).collect::<Vec<_>>().join(", ")
}

fn push_quoted(out: &mut String, c: char) {
    match c {
        '"' => out.push_str("\\\""),
        '\\' => out.push_str("\\\\"),
        '\x07' => out.push_str("\\a"),
        '\x08' => out.push_str("\\b"),
        '\x0c' => out.push_str("\\f"),
        '\n' => out.push_str("\\n"),
        '\r' => out.push_str("\\r"),
        '\t' => out.push_str("\\t"),
        '\x0b' => out.push_str("\\v"),
        ' '..='~' => out.push(c),
        c => push_beyond_ascii(out, c),
    }
}

fn push_beyond_ascii(out: &mut String, c: char) {
    let code = c as u32;
    // Writing to a String cannot fail.
    let _ = match code {
        0..0x80 => write!(out, "\\x{code:02x}"),
        _ if is_printable(c) => write!(out, "{c}"),
        0x80..0x1_0000 => write!(out, "\\u{code:04x}"),
        _ => write!(out, "\\U{code:08x}"),
    };
}

/// Rust's own notion of printable, which is the same Unicode categories as Go's. The
/// leading letter keeps combining marks from being escaped for standing first.
pub fn is_printable(c: char) -> bool {
    if c.is_ascii() {
        return (' '..='~').contains(&c);
    }
    let probe: String = ['a', c].iter().collect();
    probe.escape_debug().nth(1) == Some(c)
}

/// JSON as Go's `json.Marshal` writes it: no spaces, keys sorted, and `<`, `>`, `&`
/// and the two Unicode line separators escaped.
pub fn json(value: &Value) -> String {
    let mut out = String::new();
    push_json(&mut out, value);
    out
}

/// A JSON object of these members, in their order, behind a prefix.
pub(crate) fn json_object<'a>(prefix: &str, members: impl Iterator<Item = (&'a str, &'a Value)>) -> String {
    let mut out = String::with_capacity(64);
    out.push_str(prefix);
    push_members(&mut out, members);
    out
}

/// A JSON value as Go's `%v` prints the plain types; lists and objects as JSON.
pub fn plain(value: &Value) -> String {
    match value {
        Value::Number(n) if n.is_f64() => float(n.as_f64().unwrap_or_default(), -4),
        _ => json(value),
    }
}

fn push_json(out: &mut String, value: &Value) {
    match value {
        Value::Null => out.push_str("null"),
        Value::Bool(b) => out.push_str(if *b { "true" } else { "false" }),
        Value::Number(n) if n.is_f64() => out.push_str(&json_float(n.as_f64().unwrap_or_default())),
        Value::Number(n) => out.push_str(&n.to_string()),
        Value::String(s) => push_json_string(out, s),
        Value::Array(items) => {
            out.push('[');
            for (i, item) in items.iter().enumerate() {
                separate(out, i);
                push_json(out, item);
            }
            out.push(']');
        }
        Value::Object(fields) => {
            push_members(out, in_gos_order(fields).map(|(name, field)| (name.as_str(), field)));
        }
    }
}

fn push_members<'a>(out: &mut String, members: impl Iterator<Item = (&'a str, &'a Value)>) {
    out.push('{');
    for (i, (name, field)) in members.enumerate() {
        separate(out, i);
        push_json_string(out, name);
        out.push(':');
        push_json(out, field);
    }
    out.push('}');
}

/// The members of an object: sorted, but for a label selector's, which is the one type that most refusals of a
/// change quote, and whose two fields Go has the other way round.
fn in_gos_order(fields: &Map<String, Value>) -> impl Iterator<Item = (&String, &Value)> {
    const SELECTOR: [&str; 2] = ["matchExpressions", "matchLabels"];
    let is_selector = fields.len() == 2 && SELECTOR.iter().all(|field| fields.contains_key(*field));
    let turned = if is_selector { 1 } else { 0 };
    fields.iter().skip(turned).chain(fields.iter().take(turned))
}

fn separate(out: &mut String, index: usize) {
    if index > 0 {
        out.push(',');
    }
}

fn push_json_string(out: &mut String, text: &str) {
    out.push('"');
    for c in text.chars() {
        // Writing to a String cannot fail.
        let _ = match c {
            '"' => write!(out, "\\\""),
            '\\' => write!(out, "\\\\"),
            '\n' => write!(out, "\\n"),
            '\r' => write!(out, "\\r"),
            '\t' => write!(out, "\\t"),
            '\x08' => write!(out, "\\b"),
            '\x0c' => write!(out, "\\f"),
            '\0'..='\x1f' | '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => write!(out, "\\u{:04x}", c as u32),
            c => write!(out, "{c}"),
        };
    }
    out.push('"');
}

/// The shortest decimal that reads back as `f`, in exponent form beyond Go's JSON bounds.
pub(crate) fn json_float(f: f64) -> String {
    let text = float(f, -6);
    // JSON drops the zero that pads Go's two-digit exponents: 1e-09 becomes 1e-9.
    match text.split_once("e-0") {
        Some((mantissa, exponent)) => format!("{mantissa}e-{exponent}"),
        None => text,
    }
}

/// `%g` with the shortest digits: exponent form below `10^least` and from `10^21` up.
fn float(f: f64, least: i32) -> String {
    let scientific = format!("{f:e}");
    let Some((mantissa, exponent)) = scientific.split_once('e') else { return scientific };
    let exponent: i32 = exponent.parse().unwrap_or_default();
    if f == 0.0 || (least..21).contains(&exponent) {
        return format!("{f}");
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{mantissa}e{sign}{:02}", exponent.abs())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn quotes_as_go_does() {
        let check = |text: &str, want: &str| assert_eq!(quote(text), want);
        check("a b", r#""a b""#);
        check("a\"b\\", r#""a\"b\\""#);
        check("\n\t\x07\x01\x7f", r#""\n\t\a\x01\x7f""#);
        check("héllo ☃ e\u{301}", "\"héllo ☃ e\u{301}\"");
        check("\u{a0}\u{2028}\u{feff}", r#""\u00a0\u2028\ufeff""#);
        check("\u{e0001}", r#""\U000e0001""#);
        check("😀", "\"😀\"");
    }

    #[test]
    fn json_is_written_as_go_does() {
        let check = |value: Value, want: &str| assert_eq!(json(&value), want);
        check(json!({"b": [1, "x", null], "a": true}), r#"{"a":true,"b":[1,"x",null]}"#);
        check(
            json!({"matchExpressions": [{"key": "k", "operator": "Exists"}], "matchLabels": {"a": "b"}}),
            r#"{"matchLabels":{"a":"b"},"matchExpressions":[{"key":"k","operator":"Exists"}]}"#,
        );
        check(json!("<a & b>"), r#""\u003ca \u0026 b\u003e""#);
        check(json!("\u{1}\u{2028}"), r#""\u0001\u2028""#);
        check(
            json!([1.0, 1.5, 1e20, 1e21, 1e-6, 1e-7, 0.0]),
            "[1,1.5,100000000000000000000,1e+21,0.000001,1e-7,0]",
        );
    }

    #[test]
    fn plain_floats_are_go_percent_v() {
        let check = |f: f64, want: &str| assert_eq!(plain(&json!(f)), want);
        check(3.0, "3");
        check(0.0001, "0.0001");
        check(0.00001, "1e-05");
        check(1e20, "100000000000000000000");
        check(2.5e21, "2.5e+21");
    }
}
