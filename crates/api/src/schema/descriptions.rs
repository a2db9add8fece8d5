//! The texts of the API reference, read from the program's own pages each time they are
//! asked for: they are large and only OpenAPI documents hold them.

use std::borrow::Cow;
use std::collections::HashMap;

const TEXT: &str = include_str!("../../data/descriptions.txt");

/// What such a text says, by `(definition, property)`.
pub(crate) type ByProperty = HashMap<(&'static str, &'static str), &'static str>;

/// Indexes a text whose lines are `= DEFINITION` and, of the definition above them, `PROPERTY TEXT`.
pub(crate) fn by_property(text: &'static str) -> ByProperty {
    let mut definition = "";
    let lines = text.lines().filter_map(|line| {
        if let Some(name) = line.strip_prefix("= ") {
            definition = name;
            return None;
        }
        let (property, text) = line.split_once(' ')?;
        Some(((definition, property), text))
    });
    lines.collect()
}

/// Descriptions; the property of a definition's own is empty.
pub struct Descriptions {
    lines: ByProperty,
}

impl Descriptions {
    /// Indexes all descriptions. Drop it when the document is made.
    pub fn read() -> Self {
        Self { lines: by_property(TEXT) }
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
