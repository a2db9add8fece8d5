//! Paths to fields of a schema: `.spec.color`, `.spec.labels['a.b']`.

use ironclad_api::field::Path;
use serde_json::Value;

/// The field that a path leads to.
pub(crate) struct Found<'s> {
    pub schema: &'s Value,
    /// The path's first name.
    pub first: String,
    /// The path in the form of errors, by which paths are compared.
    pub path: String,
}

/// Follows a path from a schema; `brackets` says whether `['name']` may stand in it.
pub(crate) fn find<'s>(text: &str, schema: &'s Value, brackets: bool) -> Result<Found<'s>, String> {
    let mut found = Found { schema, first: String::new(), path: String::new() };
    let mut tokens = tokens(text).into_iter();
    let end = || "unexpected end of JSON path".to_owned();
    while let Some(token) = tokens.next() {
        match token {
            "." => found.step(tokens.next().ok_or_else(end)?)?,
            "[" if !brackets => return Err("array notation is not allowed".to_owned()),
            "[" => {
                let quoted = tokens.next().ok_or_else(end)?;
                let name = quoted.strip_prefix('\'').and_then(|rest| rest.strip_suffix('\''));
                let name = name.ok_or_else(|| format!("expected single quoted string but got {quoted}"))?;
                found.step(&unescape(name)?)?;
                match tokens.next().ok_or_else(end)? {
                    "]" => {}
                    other => return Err(format!("expected ] but got {other}")),
                }
            }
            other => return Err(format!("expected [ or . but got: {other}")),
        }
    }
    Ok(found)
}

impl Found<'_> {
    fn step(&mut self, name: &str) -> Result<(), String> {
        let at = if self.path.is_empty() { Path::root() } else { Path::new(self.path.as_str()) };
        let properties = self.schema.get("properties").and_then(Value::as_object);
        let next = match properties.filter(|properties| !properties.is_empty()) {
            Some(properties) => properties.get(name).map(|schema| (schema, at.child(name))),
            None => {
                let values = self.schema.get("additionalProperties").filter(|values| values.is_object());
                values.map(|schema| (schema, at.key(name)))
            }
        };
        let (schema, path) = next.ok_or("does not refer to a valid field")?;
        if self.first.is_empty() {
            self.first = name.to_owned();
        }
        self.schema = schema;
        self.path = path.to_string();
        Ok(())
    }
}

/// Delimiters and what stands between them; a quoted text is one token.
fn tokens(text: &str) -> Vec<&str> {
    let mut tokens = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let length = match first {
            '.' | '[' | ']' => 1,
            '\'' => end_of_quote(rest),
            _ => rest.find(['.', '[', ']']).unwrap_or(rest.len()),
        };
        let (token, after) = rest.split_at(length);
        tokens.push(token);
        rest = after;
    }
    tokens
}

fn end_of_quote(text: &str) -> usize {
    let mut before = ' ';
    for (at, c) in text.char_indices().skip(1) {
        if c == '\'' && before != '\\' {
            return at + 1;
        }
        before = c;
    }
    text.len()
}

fn unescape(text: &str) -> Result<String, String> {
    let mut unescaped = String::new();
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        if c != '\\' {
            unescaped.push(c);
            continue;
        }
        unescaped.push(match chars.next() {
            Some('a') => '\x07',
            Some('b') => '\x08',
            Some('f') => '\x0c',
            Some('n') => '\n',
            Some('r') => '\r',
            Some('t') => '\t',
            Some('v') => '\x0b',
            Some(c @ ('\'' | '\\')) => c,
            other => {
                let other = other.map(String::from).unwrap_or_default();
                return Err(format!("invalid string literal: invalid escape char \\{other}"));
            }
        });
    }
    Ok(unescaped)
}
