//! Maps and objects: a JSON object read through its schema, entries gathered on the way, or
//! fields worked out when they are asked for.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use serde_json::Value as Json;

use super::{Text, Value};
use crate::declared::{Declared, Shape};
use crate::error::Error;
use crate::escaping;

type Object = serde_json::Map<String, Json>;

/// A map; cloning it copies no entries.
#[derive(Clone)]
pub enum Map<'a> {
    Json(&'a Object, Option<&'a Declared>),
    Shared(Arc<BTreeMap<Key<'a>, Value<'a>>>),
    Lazy(&'a (dyn Fields + 'a)),
}

/// An object whose fields are evaluated when they are read: a policy's `variables`.
pub trait Fields: Sync {
    /// The value of a field, or `None` if there is no such field.
    fn field(&self, name: &str) -> Option<Result<Value<'_>, Error>>;
}

/// A key of a map. `1` and `1u` are the same key.
#[derive(Clone, Debug)]
pub enum Key<'a> {
    Bool(bool),
    Int(i64),
    Uint(u64),
    String(Text<'a>),
}

impl<'a> Key<'a> {
    /// The key that a value is; a whole double is the integer of its value.
    pub(crate) fn of(value: &Value<'a>) -> Option<Self> {
        match value {
            Value::Bool(key) => Some(Key::Bool(*key)),
            Value::Int(key) => Some(Key::Int(*key)),
            Value::Uint(key) => Some(Key::Uint(*key)),
            Value::String(key) => Some(Key::String(key.clone())),
            // Doubles below 2^63 in size convert without loss once they are whole.
            Value::Double(key) if key.fract() == 0.0 && key.abs() < 9.2e18 => Some(Key::Int(*key as i64)),
            _ => None,
        }
    }

    fn rank(&self) -> (u8, i128, &str) {
        match self {
            Key::Bool(key) => (0, i128::from(*key), ""),
            Key::Int(key) => (1, i128::from(*key), ""),
            Key::Uint(key) => (1, i128::from(*key), ""),
            Key::String(key) => (2, 0, key),
        }
    }
}

impl<'a> From<Key<'a>> for Value<'a> {
    fn from(key: Key<'a>) -> Self {
        match key {
            Key::Bool(key) => Value::Bool(key),
            Key::Int(key) => Value::Int(key),
            Key::Uint(key) => Value::Uint(key),
            Key::String(key) => Value::String(key),
        }
    }
}

impl PartialEq for Key<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Key<'_> {}

impl PartialOrd for Key<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Key<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.rank().cmp(&other.rank())
    }
}

impl<'a> Map<'a> {
    pub fn len(&self) -> usize {
        match self {
            Map::Json(object, _) => object.len(),
            Map::Shared(entries) => entries.len(),
            Map::Lazy(_) => 0,
        }
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The value under a key. A field of an object is found by its escaped name, and one that
    /// is null is as good as absent.
    pub fn get(&self, key: &Value<'a>) -> Result<Option<Value<'a>>, Error> {
        match (self, key) {
            (Map::Json(object, declared), Value::String(key)) => Ok(json_entry(object, *declared, key)),
            (Map::Json(_, Some(_)), _) => Err(Error::no_such_overload()),
            (Map::Json(..), _) => Ok(None),
            (Map::Shared(entries), key) => Ok(Key::of(key).and_then(|key| entries.get(&key).cloned())),
            (Map::Lazy(fields), Value::String(key)) => fields.field(key).transpose(),
            (Map::Lazy(_), _) => Err(Error::no_such_overload()),
        }
    }

    /// The keys, in order.
    pub fn keys(&self) -> Vec<Value<'a>> {
        match self {
            Map::Json(object, declared) => {
                object.keys().filter_map(|name| json_key(name, *declared)).collect()
            }
            Map::Shared(entries) => entries.keys().cloned().map(Value::from).collect(),
            Map::Lazy(_) => Vec::new(),
        }
    }

    /// An entry, if there is one.
    pub(crate) fn first(&self) -> Option<(Value<'a>, Option<Value<'a>>)> {
        let key = match self {
            Map::Json(object, declared) => object.keys().find_map(|name| json_key(name, *declared))?,
            Map::Shared(entries) => entries.keys().next().cloned().map(Value::from)?,
            Map::Lazy(_) => return None,
        };
        let value = self.get(&key).ok().flatten();
        Some((key, value))
    }

    /// Adds an entry, in place if nobody else holds the map. Fails on a key that is there.
    pub(crate) fn insert(self, key: &Value<'a>, value: Value<'a>) -> Result<Self, Error> {
        let mut entries = match self {
            Map::Shared(entries) => entries,
            other => Arc::new(other.entries()?),
        };
        let key = Key::of(key).ok_or_else(|| Error::new(format!("unsupported key type: {key}")))?;
        if entries.contains_key(&key) {
            let key = Value::from(key);
            return Err(Error::new(format!("insert failed: key {key} already exists")));
        }
        Arc::make_mut(&mut entries).insert(key, value);
        Ok(Map::Shared(entries))
    }

    fn entries(&self) -> Result<BTreeMap<Key<'a>, Value<'a>>, Error> {
        let mut entries = BTreeMap::new();
        for key in self.keys() {
            if let (Some(value), Some(key)) = (self.get(&key)?, Key::of(&key)) {
                entries.insert(key, value);
            }
        }
        Ok(entries)
    }
}

fn json_entry<'a>(object: &'a Object, declared: Option<&'a Declared>, key: &str) -> Option<Value<'a>> {
    let Some(declared) = declared else { return object.get(key).map(Value::from_json) };
    match &declared.shape {
        Shape::Object(properties) => {
            let name = escaping::unescape(key)?;
            let value = object.get(name.as_ref()).filter(|value| !value.is_null())?;
            Some(Value::of(value, Some(properties.get(name.as_ref())?)))
        }
        Shape::Map(element) => object.get(key).map(|value| Value::of(value, Some(element))),
        _ => object.get(key).map(Value::from_json),
    }
}

fn json_key<'a>(name: &'a str, declared: Option<&'a Declared>) -> Option<Value<'a>> {
    match declared.map(|declared| &declared.shape) {
        Some(Shape::Object(properties)) => {
            properties.get(name)?;
            Some(match escaping::escape(name) {
                Some(std::borrow::Cow::Owned(escaped)) => Value::string(escaped),
                _ => Value::string(name),
            })
        }
        _ => Some(Value::string(name)),
    }
}

impl fmt::Debug for Map<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Map::Json(object, _) => object.fmt(f),
            Map::Shared(entries) => entries.fmt(f),
            Map::Lazy(_) => f.write_str("{..}"),
        }
    }
}
