//! Reading: the parser's events into a JSON tree, with a stack of our own, so that no
//! input can exhaust the thread's.

use std::collections::HashMap;

use base64::Engine;
use granit_parser::{Event, Parser, ScalarStyle, ScanError, Tag};
use serde_json::{Map, Value};

use super::{Decoded, YamlError, scalar};
use crate::goprint::quote;
use crate::json::MAX_DEPTH;

/// Repeated keys that are reported of one document.
const MAX_DUPLICATES: usize = 100;

/// What all aliases of a document may expand to, in bytes of the tree.
const MAX_EXPANSION: usize = 16 << 20;

/// The least a value takes.
const NODE_SIZE: usize = 32;

const CORE: &str = "tag:yaml.org,2002:";

pub(super) fn decode(bytes: &[u8]) -> Result<Decoded, YamlError> {
    let text =
        std::str::from_utf8(bytes).map_err(|_| YamlError::Whole("invalid leading UTF-8 octet".to_owned()))?;
    let options = granit_parser::options! {
        emit_comments: false,
        flow_nesting_limit: MAX_DEPTH + 1,
        block_nesting_limit: MAX_DEPTH + 1,
    };
    let mut builder = Builder::default();
    for event in Parser::new_from_str_with_options(text, options) {
        let (event, span) = event.map_err(|error| scan_error(&error))?;
        builder.line = span.start.line();
        // As upstream: what follows the first document is not looked at.
        if matches!(event, Event::DocumentEnd) {
            break;
        }
        builder.take(event)?;
    }
    let value = builder.document.map_or(Value::Null, |node| node.value);
    Ok(Decoded { value, duplicates: builder.duplicates })
}

fn scan_error(error: &ScanError) -> YamlError {
    YamlError::At { line: error.marker().line(), message: error.info() }
}

/// A finished value, with what it costs to copy it and how deep it nests.
#[derive(Clone)]
struct Node {
    value: Value,
    size: usize,
    height: usize,
}

/// A collection whose end has not come yet.
struct Open {
    anchor: usize,
    /// Where it begins.
    line: usize,
    size: usize,
    height: usize,
    content: Content,
}

enum Content {
    List(Vec<Value>),
    Map { fields: Map<String, Value>, key: Option<Key> },
}

enum Key {
    /// The name, and how Go prints the key that it came from.
    Field(String, String),
    /// `<<`
    Merge,
}

#[derive(Default)]
struct Builder {
    open: Vec<Open>,
    anchors: HashMap<usize, Node>,
    expanded: usize,
    document: Option<Node>,
    duplicates: Vec<String>,
    line: usize,
}

impl Builder {
    fn fail<T>(&self, message: impl Into<String>) -> Result<T, YamlError> {
        Err(YamlError::At { line: self.line, message: message.into() })
    }

    fn take(&mut self, event: Event<'_>) -> Result<(), YamlError> {
        match event {
            Event::Scalar(text, style, anchor, tag) => self.scalar(&text, style, anchor, tag.as_deref()),
            Event::SequenceStart(_, anchor, _) => self.open(anchor, Content::List(Vec::new())),
            Event::MappingStart(_, anchor, _) => {
                self.open(anchor, Content::Map { fields: Map::new(), key: None })
            }
            Event::SequenceEnd | Event::MappingEnd => self.close(),
            Event::Alias(anchor) => self.alias(anchor),
            _ => Ok(()),
        }
    }

    // === nodes ===

    fn scalar(
        &mut self,
        text: &str,
        style: ScalarStyle,
        anchor: usize,
        tag: Option<&Tag>,
    ) -> Result<(), YamlError> {
        let plain = style == ScalarStyle::Plain && tag.is_none();
        if plain && text == "<<" && self.expects_key() {
            return self.set_key(Key::Merge);
        }
        let value = match tag {
            None if plain => scalar::resolve(text)?,
            None => text.into(),
            Some(tag) => self.tagged(text, tag)?,
        };
        self.finish(Node { size: NODE_SIZE + text.len(), height: 0, value }, anchor)
    }

    /// A tag of the core schema fixes the type; all others leave a string.
    fn tagged(&self, text: &str, tag: &Tag) -> Result<Value, YamlError> {
        let core = tag.handle() == CORE;
        let name = tag.suffix();
        match name {
            "binary" if core => match base64::engine::general_purpose::STANDARD.decode(without_space(text)) {
                Ok(bytes) => Ok(String::from_utf8_lossy(&bytes).into()),
                Err(_) => self.fail("!!binary value contains invalid base64 data"),
            },
            "bool" | "int" | "float" | "null" if core => {
                let value = scalar::resolve(text)?;
                let found = type_name(&value);
                if found != name && (found, name) != ("int", "float") {
                    return self.fail(format!("cannot decode !!{found} `{text}` as a !!{name}"));
                }
                Ok(value)
            }
            _ => Ok(text.into()),
        }
    }

    fn open(&mut self, anchor: usize, content: Content) -> Result<(), YamlError> {
        if self.expects_key() {
            return self.fail("invalid map key");
        }
        if self.open.len() >= MAX_DEPTH {
            return self.fail("exceeded max depth");
        }
        self.open.push(Open { anchor, line: self.line, size: NODE_SIZE, height: 0, content });
        Ok(())
    }

    fn close(&mut self) -> Result<(), YamlError> {
        let Some(closed) = self.open.pop() else { return Ok(()) };
        let value = match closed.content {
            Content::List(items) => Value::Array(items),
            Content::Map { fields, .. } => Value::Object(fields),
        };
        self.line = closed.line;
        self.finish(Node { value, size: closed.size, height: closed.height + 1 }, closed.anchor)
    }

    fn alias(&mut self, anchor: usize) -> Result<(), YamlError> {
        let Some(node) = self.anchors.get(&anchor) else {
            return self.fail("anchor value contains itself");
        };
        let node = node.clone();
        self.charge(node.size)?;
        self.finish(node, 0)
    }

    /// Counts what is copied. An anchor's value is copied once to be kept, too.
    fn charge(&mut self, size: usize) -> Result<(), YamlError> {
        self.expanded = self.expanded.saturating_add(size);
        if self.expanded > MAX_EXPANSION {
            return Err(YamlError::Whole("document contains excessive aliasing".to_owned()));
        }
        Ok(())
    }

    /// Puts a value where it belongs: in the open collection, or as the document.
    fn finish(&mut self, node: Node, anchor: usize) -> Result<(), YamlError> {
        if self.open.len() + node.height > MAX_DEPTH {
            return self.fail("exceeded max depth");
        }
        if anchor != 0 {
            self.charge(node.size)?;
            self.anchors.insert(anchor, node.clone());
        }
        if self.expects_key() {
            let key = self.key(&node.value)?;
            return self.set_key(key);
        }
        let Some(open) = self.open.last_mut() else {
            self.document = Some(node);
            return Ok(());
        };
        open.size = open.size.saturating_add(node.size);
        open.height = open.height.max(node.height);
        let (fields, key) = match &mut open.content {
            Content::List(items) => {
                items.push(node.value);
                return Ok(());
            }
            Content::Map { fields, key } => (fields, key.take()),
        };
        match key {
            Some(Key::Merge) => merge(fields, node.value),
            Some(Key::Field(name, printed)) => {
                let repeated = fields.insert(name, node.value).is_some();
                if repeated && self.duplicates.len() < MAX_DUPLICATES {
                    self.duplicates.push(format!("line {}: key {printed} already set in map", self.line));
                }
                Ok(())
            }
            None => Ok(()),
        }
    }

    // === keys ===

    fn expects_key(&self) -> bool {
        let open = self.open.last().map(|open| &open.content);
        matches!(open, Some(Content::Map { key: None, .. }))
    }

    fn set_key(&mut self, new: Key) -> Result<(), YamlError> {
        let line = self.line;
        match self.open.last_mut() {
            Some(Open { content: Content::Map { key, .. }, size, .. }) => {
                *size += match &new {
                    Key::Field(name, _) => NODE_SIZE + name.len(),
                    Key::Merge => 0,
                };
                *key = Some(new);
                Ok(())
            }
            _ => Err(YamlError::At { line, message: "invalid map key".to_owned() }),
        }
    }

    /// A key is the text of a plain value.
    fn key(&self, value: &Value) -> Result<Key, YamlError> {
        match value {
            Value::String(text) => Ok(Key::Field(text.clone(), quote(text))),
            Value::Bool(_) | Value::Number(_) => Ok(Key::Field(value.to_string(), value.to_string())),
            Value::Null => self.fail("unsupported map key of type: %!s(<nil>)"),
            Value::Array(_) | Value::Object(_) => self.fail("invalid map key"),
        }
    }
}

/// Adds the fields of a map, or of several maps of which the first ones win.
fn merge(fields: &mut Map<String, Value>, value: Value) -> Result<(), YamlError> {
    let maps = match value {
        Value::Array(items) => items,
        single => vec![single],
    };
    for map in maps.into_iter().rev() {
        let Value::Object(map) = map else {
            let message = "map merge requires map or sequence of maps as the value";
            return Err(YamlError::Whole(message.to_owned()));
        };
        fields.extend(map);
    }
    Ok(())
}

fn without_space(text: &str) -> String {
    text.chars().filter(|c| !c.is_whitespace()).collect()
}

fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "bool",
        Value::Number(number) if number.is_f64() => "float",
        Value::Number(_) => "int",
        _ => "str",
    }
}
