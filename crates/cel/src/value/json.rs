//! JSON to values and back.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value as Json;

use super::{List, Map, Timestamp, Value};
use crate::declared::{Declared, Shape};

impl<'a> Value<'a> {
    /// A JSON value as it is: whole numbers are ints, the others doubles.
    pub fn from_json(json: &'a Json) -> Self {
        match json {
            Json::Null => Value::Null,
            Json::Bool(value) => Value::Bool(*value),
            Json::Number(number) => match number.as_i64() {
                Some(value) => Value::Int(value),
                None => Value::Double(number.as_f64().unwrap_or_default()),
            },
            Json::String(text) => Value::string(text.as_str()),
            Json::Array(items) => Value::List(List::json(items, None)),
            Json::Object(object) => Value::Map(Map::Json(object, None)),
        }
    }

    /// A JSON value of a declared type: a date is a timestamp there, base64 is bytes. What
    /// does not fit its type is taken as it is; validation by schema has refused it before.
    pub fn typed(json: &'a Json, declared: &'a Declared) -> Self {
        match (&declared.shape, json) {
            (Shape::Object(_) | Shape::Map(_), Json::Object(object)) => {
                Value::Map(Map::Json(object, Some(declared)))
            }
            (Shape::List(..), Json::Array(items)) => Value::List(List::json(items, Some(declared))),
            (Shape::Double, Json::Number(number)) => Value::Double(number.as_f64().unwrap_or_default()),
            (Shape::Int, Json::Number(number)) => whole(number).unwrap_or_else(|| Value::from_json(json)),
            (_, Json::String(text)) => {
                formatted(&declared.shape, text).unwrap_or_else(|| Value::string(text.as_str()))
            }
            _ => Value::from_json(json),
        }
    }

    pub(crate) fn of(json: &'a Json, declared: Option<&'a Declared>) -> Self {
        match declared {
            Some(declared) => Self::typed(json, declared),
            None => Self::from_json(json),
        }
    }

    /// The JSON of a value. `None` if it has none, as a type or a library's value.
    pub fn to_json(&self) -> Option<Json> {
        Some(match self {
            Value::Null | Value::Optional(None) => Json::Null,
            Value::Bool(value) => Json::Bool(*value),
            Value::Int(value) => Json::from(*value),
            Value::Uint(value) => Json::from(*value),
            Value::Double(value) => serde_json::Number::from_f64(*value).map(Json::Number)?,
            Value::String(text) => Json::String(text.to_string()),
            Value::Bytes(bytes) => Json::String(STANDARD.encode(bytes)),
            Value::Duration(_) | Value::Timestamp(_) => Json::String(self.to_text()?),
            Value::List(list) => list.iter().map(|item| item.to_json()).collect::<Option<_>>()?,
            Value::Map(map) => {
                let entry = |key: Value<'a>| {
                    let value = map.get(&key).ok()??.to_json()?;
                    Some((key.to_text()?, value))
                };
                Json::Object(map.keys().into_iter().map(entry).collect::<Option<_>>()?)
            }
            Value::Optional(Some(value)) => value.to_json()?,
            Value::Foreign(value) => value.as_any().downcast_ref::<crate::library::Message>()?.to_json()?,
            Value::Type(_) => return None,
        })
    }
}

fn whole<'a>(number: &serde_json::Number) -> Option<Value<'a>> {
    let value = number.as_i64().or_else(|| {
        let value = number.as_f64()?;
        (value.fract() == 0.0 && value.abs() < 9.2e18).then_some(value as i64)
    });
    value.map(Value::Int)
}

/// A string of a format that is a type of its own.
fn formatted<'a>(shape: &Shape, text: &str) -> Option<Value<'a>> {
    match shape {
        Shape::Bytes => STANDARD.decode(text).ok().map(Value::bytes),
        Shape::Duration => {
            let duration = ironclad_api::duration::parse(text).ok()?;
            i64::try_from(duration.as_nanos()).ok().map(Value::Duration)
        }
        Shape::Date => Timestamp::parse(&format!("{text}T00:00:00Z")).map(Value::Timestamp),
        Shape::DateTime => Timestamp::parse(text).map(Value::Timestamp),
        _ => None,
    }
}
