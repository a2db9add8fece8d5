//! Objects as `k8s_openapi` types, for reading.
//!
//! Go has a zero time, which it writes as `null`; the types here have times that must be there. An
//! object whose conditions were written without one decodes with Go's zero time in its place.
//!
//! Objects decode without their managed fields: nobody who reads types looks at them, and as trees they are the
//! largest part of most objects.

use std::ops::Range;

use serde::de::value::MapDeserializer;
use serde::de::{DeserializeOwned, Deserializer, IntoDeserializer, Visitor};
use serde::{Deserialize, forward_to_deserialize_any};
use serde_json::value::RawValue;
use serde_json::{Error, Map, Value};

/// The times that the types require.
const REQUIRED_TIMES: [&str; 2] = ["lastTransitionTime", "lastObservedTime"];
const ZERO_TIME: &str = "0001-01-01T00:00:00Z";

/// Decodes a document. Fields that the type lacks are dropped, and `metadata.managedFields` are.
pub(crate) fn from_slice<T: DeserializeOwned>(json: &[u8]) -> Result<T, Error> {
    match managed_fields(json) {
        Some(range) => {
            let (before, after) = (json.get(..range.start), json.get(range.end..));
            decode(&[before.unwrap_or_default(), b"null", after.unwrap_or_default()].concat())
        }
        None => decode(json),
    }
}

fn decode<T: DeserializeOwned>(json: &[u8]) -> Result<T, Error> {
    serde_json::from_slice(json).or_else(|_| from_map(serde_json::from_slice(json)?))
}

/// Where in a document the value of `metadata.managedFields` is.
fn managed_fields(json: &[u8]) -> Option<Range<usize>> {
    #[derive(Deserialize)]
    struct Document<'a> {
        #[serde(borrow)]
        metadata: Metadata<'a>,
    }
    #[derive(Deserialize)]
    struct Metadata<'a> {
        #[serde(borrow, rename = "managedFields")]
        managed_fields: &'a RawValue,
    }
    let document: Document<'_> = serde_json::from_slice(json).ok()?;
    let value = document.metadata.managed_fields.get();
    let start = (value.as_ptr() as usize).checked_sub(json.as_ptr() as usize)?;
    Some(start..start + value.len())
}

/// Decodes an object's tree. Fields that the type lacks are dropped, and `metadata.managedFields` are.
pub(crate) fn from_tree<T: DeserializeOwned>(tree: &Map<String, Value>) -> Result<T, Error> {
    let members = tree.iter().map(|(name, value)| match value {
        Value::Object(metadata) if name == "metadata" => (name.as_str(), Member::Metadata(metadata)),
        value => (name.as_str(), Member::Other(value)),
    });
    T::deserialize(MapDeserializer::new(members)).or_else(|_: Error| {
        let mut tree = tree.clone();
        if let Some(Value::Object(metadata)) = tree.get_mut("metadata") {
            metadata.remove("managedFields");
        }
        from_map(tree)
    })
}

/// A member of an object.
#[derive(Clone, Copy)]
enum Member<'a> {
    Metadata(&'a Map<String, Value>),
    Other(&'a Value),
}

impl<'de> IntoDeserializer<'de, Error> for Member<'de> {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

impl<'de> Deserializer<'de> for Member<'de> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self {
            Self::Metadata(metadata) => {
                let kept = metadata.iter().filter(|(name, _)| *name != "managedFields");
                visitor.visit_map(MapDeserializer::new(kept.map(|(name, value)| (name.as_str(), value))))
            }
            Self::Other(value) => value.deserialize_any(visitor),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self {
            Self::Metadata(_) => visitor.visit_some(self),
            Self::Other(value) => value.deserialize_option(visitor),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        match self {
            Self::Metadata(_) => visitor.visit_newtype_struct(self),
            Self::Other(value) => value.deserialize_newtype_struct(name, visitor),
        }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        match self {
            Self::Metadata(_) => self.deserialize_any(visitor),
            Self::Other(value) => value.deserialize_enum(name, variants, visitor),
        }
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_unit()
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct seq
        tuple tuple_struct map struct identifier
    }
}

fn from_map<T: DeserializeOwned>(mut tree: Map<String, Value>) -> Result<T, Error> {
    fill_times(&mut tree);
    serde_json::from_value(Value::Object(tree))
}

fn fill_times(fields: &mut Map<String, Value>) {
    for (name, value) in fields {
        match value {
            Value::Null if REQUIRED_TIMES.contains(&name.as_str()) => *value = ZERO_TIME.into(),
            Value::Object(fields) => fill_times(fields),
            Value::Array(items) => items.iter_mut().filter_map(Value::as_object_mut).for_each(fill_times),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;
    use serde_json::json;

    use super::*;

    #[derive(Deserialize)]
    struct Service {
        name: String,
        conditions: Vec<Condition>,
    }

    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Condition {
        last_transition_time: String,
    }

    #[test]
    fn managed_fields_are_left_out_and_nothing_else_is() {
        let check = |what: &str, metadata: Value| {
            let mut document = json!({"metadata": metadata, "data": {"managedFields": "kept"}});
            let read: Value = from_slice(document.to_string().as_bytes()).expect("a document");
            let read_tree: Value = from_tree(document.as_object().expect("an object")).expect("an object");
            if let Some(metadata) = document.pointer("/metadata").filter(|metadata| metadata.is_object()) {
                let mut untracked = metadata.clone();
                untracked.as_object_mut().expect("an object").remove("managedFields");
                assert_eq!(read_tree["metadata"], untracked, "{what}");
            }
            assert_eq!(read_tree["data"], document["data"], "{what}");
            if let Some(fields) = document.pointer_mut("/metadata/managedFields") {
                *fields = Value::Null;
            }
            assert_eq!(read, document, "{what}");
        };
        let entry = json!({"manager": "m", "operation": "Apply", "fieldsV1": {"f:data": {"f:\"}]": {}}}});
        check("none", json!({"name": "a"}));
        check("an empty list", json!({"managedFields": [], "name": "a"}));
        check(
            "one in the middle",
            json!({"labels": {"managedFields": "x"}, "managedFields": [entry], "name": "a"}),
        );
        check("several at the end", json!({"annotations": {"a": "b"}, "managedFields": [entry, entry]}));
        check("null", json!({"managedFields": null, "name": "a"}));
    }

    #[test]
    fn a_condition_without_its_time_hides_no_object() {
        let check = |time: Value, want: Option<&str>| {
            let service = json!({"name": "web", "conditions": [{"lastTransitionTime": time}]});
            let tree = service.as_object().expect("an object");
            let read = |service: Service| {
                let times = service.conditions.into_iter().map(|condition| condition.last_transition_time);
                (service.name, times.collect::<Vec<_>>())
            };
            let want = want.map(|time| ("web".to_owned(), vec![time.to_owned()]));
            assert_eq!(from_tree(tree).ok().map(read), want, "{service}");
            assert_eq!(from_slice(service.to_string().as_bytes()).ok().map(read), want, "{service}");
        };
        check("2026-01-01T00:00:00Z".into(), Some("2026-01-01T00:00:00Z"));
        check(Value::Null, Some(ZERO_TIME));
        check(1.into(), None);
    }
}
