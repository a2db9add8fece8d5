//! What expressions evaluate to. Values borrow from the object under evaluation: reading a
//! field copies nothing.

mod compare;
mod equality;
mod foreign;
mod json;
mod list;
mod map;
mod print;
mod text;
mod timestamp;

use std::sync::Arc;

pub use foreign::Foreign;
pub use list::List;
pub use map::{Fields, Key, Map};
pub use text::Text;
pub use timestamp::Timestamp;

pub(crate) use equality::index_of as list_index_of;
pub(crate) use print::quote;

use crate::types::Type;

/// A value. Cloning is cheap: what is not borrowed is shared.
#[derive(Clone, Debug)]
pub enum Value<'a> {
    Null,
    Bool(bool),
    Int(i64),
    Uint(u64),
    Double(f64),
    String(Text<'a>),
    Bytes(Arc<[u8]>),
    /// Nanoseconds.
    Duration(i64),
    Timestamp(Timestamp),
    List(List<'a>),
    Map(Map<'a>),
    /// A type, by its name.
    Type(&'static str),
    Optional(Option<Arc<Value<'a>>>),
    /// A value of a library: a quantity, a URL, an address.
    Foreign(Arc<dyn Foreign>),
}

impl<'a> Value<'a> {
    pub fn string(text: impl Into<Text<'a>>) -> Self {
        Value::String(text.into())
    }

    pub fn bytes(bytes: impl Into<Arc<[u8]>>) -> Self {
        Value::Bytes(bytes.into())
    }

    pub fn list(items: Vec<Value<'a>>) -> Self {
        Value::List(List::new(items))
    }

    pub(crate) fn foreign(value: impl Foreign) -> Self {
        Value::Foreign(Arc::new(value))
    }

    pub(crate) fn some(value: Value<'a>) -> Self {
        Value::Optional(Some(Arc::new(value)))
    }

    /// A value that may be absent.
    pub fn optional(value: Option<Value<'a>>) -> Self {
        Value::Optional(value.map(Arc::new))
    }

    /// The value inside a library's value, if it is one of `T`.
    pub(crate) fn as_foreign<T: Foreign>(&self) -> Option<&T> {
        match self {
            Value::Foreign(value) => value.as_any().downcast_ref(),
            _ => None,
        }
    }

    pub fn as_str(&self) -> Option<&str> {
        match self {
            Value::String(text) => Some(text),
            _ => None,
        }
    }

    pub fn as_bool(&self) -> Option<bool> {
        match self {
            Value::Bool(value) => Some(*value),
            _ => None,
        }
    }

    pub(crate) fn as_int(&self) -> Option<i64> {
        match self {
            Value::Int(value) => Some(*value),
            _ => None,
        }
    }

    /// The name of its type, as error texts have it.
    pub fn type_name(&self) -> &'static str {
        match self {
            Value::Null => "null_type",
            Value::Bool(_) => "bool",
            Value::Int(_) => "int",
            Value::Uint(_) => "uint",
            Value::Double(_) => "double",
            Value::String(_) => "string",
            Value::Bytes(_) => "bytes",
            Value::Duration(_) => "google.protobuf.Duration",
            Value::Timestamp(_) => "google.protobuf.Timestamp",
            Value::List(_) => "list",
            Value::Map(_) => "map",
            Value::Type(_) => "type",
            Value::Optional(_) => "optional_type",
            Value::Foreign(value) => value.type_name(),
        }
    }

    /// The name of cel-go's own type for it.
    pub(crate) fn go_type(&self) -> String {
        match self {
            Value::Null | Value::Bool(_) | Value::Int(_) | Value::Uint(_) | Value::Double(_) => {}
            Value::String(_) | Value::Bytes(_) | Value::Duration(_) | Value::Timestamp(_) => {}
            Value::Type(_) => return "*types.Type".to_owned(),
            Value::Optional(_) => return "*types.Optional".to_owned(),
            Value::List(_) | Value::Map(_) | Value::Foreign(_) => return self.type_name().to_owned(),
        }
        let name = self.type_name().trim_start_matches("google.protobuf.").trim_end_matches("_type");
        let (first, rest) = name.split_at(1);
        format!("types.{}{rest}", first.to_ascii_uppercase())
    }

    /// Whether a parameter of the type takes the value. Of a list or a map, the first element
    /// is looked at.
    pub(crate) fn fits(&self, parameter: &Type) -> bool {
        match (parameter, self) {
            (Type::Dyn | Type::Any | Type::Param(_) | Type::Error, _) => true,
            (Type::List(element), Value::List(list)) => list.get(0).is_none_or(|first| first.fits(element)),
            (Type::Map(pair), Value::Map(map)) => map.first().is_none_or(|(key, value)| {
                key.fits(&pair.0) && value.is_none_or(|value| value.fits(&pair.1))
            }),
            _ => self.type_name() == parameter.name(),
        }
    }

    /// What `size()` would say: characters, bytes or elements. 1 for everything else.
    pub(crate) fn size(&self) -> u64 {
        let length = match self {
            Value::String(text) => text.chars().count(),
            Value::Bytes(bytes) => bytes.len(),
            Value::List(list) => list.len(),
            Value::Map(map) => map.len(),
            Value::Optional(Some(value)) => return value.size(),
            Value::Foreign(value) => value.size(),
            _ => 1,
        };
        length as u64
    }

    /// A value that means nothing: zero, empty, null.
    pub(crate) fn is_zero(&self) -> bool {
        match self {
            Value::Null => true,
            Value::Bool(value) => !value,
            Value::Int(value) | Value::Duration(value) => *value == 0,
            Value::Uint(value) => *value == 0,
            Value::Double(value) => *value == 0.0,
            Value::Optional(value) => value.is_none(),
            Value::Timestamp(time) => *time == Timestamp::ZERO,
            Value::String(_) | Value::Bytes(_) | Value::List(_) | Value::Map(_) => self.size() == 0,
            Value::Type(_) | Value::Foreign(_) => false,
        }
    }
}
