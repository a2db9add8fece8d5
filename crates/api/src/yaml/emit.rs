//! Writing: block style, keys sorted, list items level with their field, as Go's YAML.

use serde_json::{Map, Value};

use super::scalar;
use crate::goprint;

/// The document with a final newline.
pub fn encode(value: &Value) -> String {
    let mut out = String::new();
    match value {
        Value::Object(map) if !map.is_empty() => fields(&mut out, map, 0),
        Value::Array(list) if !list.is_empty() => items(&mut out, list, 0),
        scalar => {
            inline(&mut out, scalar, 0);
            out.push('\n');
        }
    }
    out
}

fn indent(out: &mut String, level: usize) {
    out.extend(std::iter::repeat_n("  ", level));
}

fn fields(out: &mut String, map: &Map<String, Value>, level: usize) {
    for (index, (name, value)) in map.iter().enumerate() {
        // The first field of a list's item stands behind its dash.
        if index > 0 || !out.ends_with("- ") {
            indent(out, level);
        }
        out.push_str(&scalar_text(name));
        out.push(':');
        match value {
            Value::Object(map) if !map.is_empty() => {
                out.push('\n');
                fields(out, map, level + 1);
            }
            Value::Array(list) if !list.is_empty() => {
                out.push('\n');
                items(out, list, level);
            }
            scalar => {
                out.push(' ');
                inline(out, scalar, level + 1);
                out.push('\n');
            }
        }
    }
}

fn items(out: &mut String, list: &[Value], level: usize) {
    for (index, value) in list.iter().enumerate() {
        if index > 0 || !out.ends_with("- ") {
            indent(out, level);
        }
        out.push_str("- ");
        match value {
            Value::Object(map) if !map.is_empty() => fields(out, map, level + 1),
            Value::Array(list) if !list.is_empty() => items(out, list, level + 1),
            scalar => {
                inline(out, scalar, level + 1);
                out.push('\n');
            }
        }
    }
}

/// A scalar or an empty collection; lines of a block scalar stand at `level`.
fn inline(out: &mut String, value: &Value, level: usize) {
    match value {
        Value::Null => out.push_str("null"),
        Value::Object(_) => out.push_str("{}"),
        Value::Array(_) => out.push_str("[]"),
        Value::String(text) if is_block(text) => block(out, text, level),
        Value::String(text) => out.push_str(&scalar_text(text)),
        other => out.push_str(&goprint::plain(other)),
    }
}

/// Several lines that a literal block can hold as they are.
fn is_block(text: &str) -> bool {
    let printable = |c: char| matches!(c, '\n' | '\t') || goprint::is_printable(c);
    text.contains('\n') && !text.starts_with([' ', '\n', '\t']) && text.chars().all(printable)
}

fn block(out: &mut String, text: &str, level: usize) {
    out.push('|');
    match text.strip_suffix('\n') {
        None => out.push('-'),
        Some(rest) if rest.ends_with('\n') => out.push('+'),
        Some(_) => {}
    }
    for line in text.strip_suffix('\n').unwrap_or(text).split('\n') {
        out.push('\n');
        if !line.is_empty() {
            indent(out, level);
            out.push_str(line);
        }
    }
}

/// A string on one line: bare where it reads back as the same string, quoted otherwise.
fn scalar_text(text: &str) -> String {
    if !text.chars().all(goprint::is_printable) {
        return double_quoted(text);
    }
    match is_bare(text) {
        true if scalar::is_string(text) => text.to_owned(),
        // It may have quotes within.
        true => double_quoted(text),
        false => format!("'{}'", text.replace('\'', "''")),
    }
}

/// JSON's quotes, which YAML reads; DEL and its like escaped too.
fn double_quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            '\r' => out.push_str("\\r"),
            c if goprint::is_printable(c) => out.push(c),
            c => match u32::from(c) {
                code @ 0..0x1_0000 => out.push_str(&format!("\\u{code:04x}")),
                code => out.push_str(&format!("\\U{code:08x}")),
            },
        }
    }
    out.push('"');
    out
}

/// Whether the text can stand without quotes at all.
fn is_bare(text: &str) -> bool {
    let Some(first) = text.chars().next() else { return true };
    let opener = "#,[]{}&*!|>'\"%@`".contains(first);
    let dash = "-?:".contains(first) && text.chars().nth(1).is_none_or(|c| c == ' ');
    let marker = text.starts_with("---") || text.starts_with("...");
    let inner = text.contains(": ") || text.contains(" #") || text.ends_with(':') || text.ends_with(' ');
    !(opener || dash || marker || inner || first == ' ')
}
