//! `Object{...}` and `JSONPatch{...}`: what mutating policies make.
//!
//! Source: <https://kubernetes.io/docs/reference/access-authn-authz/mutating-admission-policy/>

use std::any::Any;
use std::collections::BTreeMap;

use serde_json::{Map as Object, Value as Json};

use super::Library;
use crate::error::Error;
use crate::eval::Answer;
use crate::types::Type;
use crate::value::{Foreign, Key, Map, Value};

/// A message that an expression made, as JSON.
#[derive(Debug, PartialEq)]
pub(crate) struct Message {
    name: String,
    fields: Object<String, Json>,
}

pub(super) fn declare(library: &mut Library) {
    let id = "string_jsonpatch_escapeKey_string";
    library.function("jsonpatch.escapeKey", id, [Type::String], Type::String, |args| match args {
        [Value::String(key)] => Ok(Value::string(key.replace('~', "~0").replace('/', "~1"))),
        _ => Err(Error::no_such_overload()),
    });
}

/// The types of the fields of a message. `None` if there is no such message.
pub(crate) fn message_fields(name: &str) -> Option<fn(&str) -> Option<Type>> {
    match name {
        "JSONPatch" => Some(|field| match field {
            "op" | "path" | "from" => Some(Type::String),
            "value" => Some(Type::Dyn),
            _ => None,
        }),
        // The fields of an object are checked against its schema when the patch is applied.
        _ if name == "Object" || name.starts_with("Object.") => Some(|_| Some(Type::Dyn)),
        _ => None,
    }
}

impl Message {
    pub(crate) fn make<'a>(name: &str, fields: Vec<(&str, Value<'a>)>) -> Answer<'a> {
        let mut json = Object::new();
        for (field, value) in fields {
            let unprintable =
                || Error::new(format!("unsupported value of field {field}: {}", value.type_name()));
            json.insert(field.to_owned(), value.to_json().ok_or_else(unprintable)?);
        }
        Ok(Value::foreign(Self { name: name.to_owned(), fields: json }))
    }

    pub(crate) fn field(&self, name: &str) -> Option<Value<'static>> {
        self.fields.get(name).map(owned)
    }

    pub(crate) fn to_json(&self) -> Option<Json> {
        Some(Json::Object(self.fields.clone()))
    }
}

/// A value that borrows nothing.
fn owned(json: &Json) -> Value<'static> {
    match json {
        Json::String(text) => Value::string(text.clone()),
        Json::Array(items) => Value::list(items.iter().map(owned).collect()),
        Json::Object(fields) => {
            let entries: BTreeMap<_, _> =
                fields.iter().map(|(name, value)| (Key::String(name.clone().into()), owned(value))).collect();
            Value::Map(Map::Shared(entries.into()))
        }
        Json::Null => Value::Null,
        Json::Bool(value) => Value::Bool(*value),
        Json::Number(number) => match number.as_i64() {
            Some(value) => Value::Int(value),
            None => Value::Double(number.as_f64().unwrap_or_default()),
        },
    }
}

impl Foreign for Message {
    fn type_name(&self) -> &'static str {
        if self.name == "JSONPatch" { "JSONPatch" } else { "Object" }
    }

    fn as_any(&self) -> &dyn Any {
        self
    }

    fn equals(&self, other: &dyn Foreign) -> bool {
        other.as_any().downcast_ref::<Self>().is_some_and(|other| self == other)
    }
}
