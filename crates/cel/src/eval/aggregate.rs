//! Lists, maps and messages that an expression makes.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Answer, Run};
use crate::error::Error;
use crate::library::Message;
use crate::plan::{ElementNode, Node};
use crate::value::{Key, Map, Value};

const LIST_COST: u64 = 10;
const MAP_COST: u64 = 30;
const MESSAGE_COST: u64 = 40;

impl<'a> Run<'_, 'a> {
    pub(super) fn list(&mut self, elements: &'a [ElementNode]) -> Answer<'a> {
        let mut items = Vec::with_capacity(elements.len());
        for element in elements {
            let value = self.eval(&element.value)?;
            match (element.optional, value) {
                (false, value) => items.push(value),
                (true, Value::Optional(value)) => items.extend(value.map(|value| value.as_ref().clone())),
                (true, value) => {
                    let what = "cannot initialize optional list element from non-optional value";
                    return Err(Error::new(format!("{what} {value}")));
                }
            }
        }
        self.charge(LIST_COST)?;
        Ok(Value::list(items))
    }

    pub(super) fn map(&mut self, entries: &'a [(Node, ElementNode)]) -> Answer<'a> {
        let mut made = Vec::with_capacity(entries.len());
        for (key, element) in entries {
            let key = self.eval(key)?;
            if let Some(value) = self.field_value(&key, element)? {
                made.push((key, value));
            }
        }
        self.charge(MAP_COST)?;
        make_map(made)
    }

    pub(super) fn message(&mut self, name: &'a str, fields: &'a [(String, ElementNode)]) -> Answer<'a> {
        let mut made = Vec::with_capacity(fields.len());
        for (field, element) in fields {
            let key = Value::string(field.as_str());
            if let Some(value) = self.field_value(&key, element)? {
                made.push((field.as_str(), value));
            }
        }
        self.charge(MESSAGE_COST)?;
        Message::make(name, made)
    }

    /// The value of an entry; nothing for an empty optional.
    fn field_value(&mut self, key: &Value<'a>, element: &'a ElementNode) -> Result<Option<Value<'a>>, Error> {
        match (element.optional, self.eval(&element.value)?) {
            (false, value) => Ok(Some(value)),
            (true, Value::Optional(value)) => Ok(value.map(|value| value.as_ref().clone())),
            (true, value) => Err(Error::new(format!(
                "cannot initialize optional entry '{key}' from non-optional value {value}"
            ))),
        }
    }
}

/// A map of entries; the last of one key counts.
pub(crate) fn make_map<'a>(made: Vec<(Value<'a>, Value<'a>)>) -> Answer<'a> {
    let mut entries = BTreeMap::new();
    for (key, value) in made {
        let key =
            Key::of(&key).ok_or_else(|| Error::new(format!("unsupported key type: {}", key.type_name())))?;
        entries.insert(key, value);
    }
    Ok(Value::Map(Map::Shared(Arc::new(entries))))
}
