//! The texts of the API reference, read from the program's own pages each time they are
//! asked for: they are large and only OpenAPI documents hold them.

use std::borrow::Cow;
use std::collections::HashMap;

const TEXT: &str = include_str!("../../data/descriptions.txt");

/// Descriptions by `(definition, property)`; the property of the definition's own is empty.
pub struct Descriptions {
    lines: HashMap<(&'static str, &'static str), &'static str>,
}

impl Descriptions {
    /// Indexes all descriptions. Drop it when the document is made.
    pub fn read() -> Self {
        let mut lines = HashMap::with_capacity(4096);
        let mut definition = "";
        for line in TEXT.lines() {
            if let Some(name) = line.strip_prefix("= ") {
                definition = name;
            } else if let Some((property, text)) = line.split_once(' ') {
                lines.insert((definition, property), text);
            }
        }
        Self { lines }
    }

    /// The description of a definition (`property` empty) or of one of its properties.
    pub fn get(&self, definition: &str, property: &str) -> Option<Cow<'static, str>> {
        let line = *self.lines.get(&(definition, property))?;
        (!line.is_empty()).then(|| unescape(line))
    }
}

fn unescape(line: &'static str) -> Cow<'static, str> {
    if !line.contains('\\') {
        return Cow::Borrowed(line);
    }
    let mut text = String::with_capacity(line.len());
    let mut chars = line.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => text.push(if chars.next() == Some('n') { '\n' } else { '\\' }),
            c => text.push(c),
        }
    }
    Cow::Owned(text)
}
