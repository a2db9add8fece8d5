//! When two values are equal. Values of different types never are, except for numbers.

use std::cmp::Ordering;

use super::{Foreign, List, Map, Value};
use crate::declared::ListKind;

impl PartialEq for Value<'_> {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Value::Null, Value::Null) => true,
            (Value::Bool(a), Value::Bool(b)) => a == b,
            (Value::String(a), Value::String(b)) => a == b,
            (Value::Bytes(a), Value::Bytes(b)) => a == b,
            (Value::Duration(a), Value::Duration(b)) => a == b,
            (Value::Timestamp(a), Value::Timestamp(b)) => a == b,
            (Value::Type(a), Value::Type(b)) => a == b,
            (Value::Optional(a), Value::Optional(b)) => a == b,
            (Value::List(a), Value::List(b)) => lists(a, b),
            (Value::Map(a), Value::Map(b)) => maps(a, b),
            (Value::Foreign(a), Value::Foreign(b)) => foreigners(a.as_ref(), b.as_ref()),
            (a, b) => a.compare_numbers(b) == Some(Ordering::Equal),
        }
    }
}

fn foreigners(a: &dyn Foreign, b: &dyn Foreign) -> bool {
    a.type_name() == b.type_name() && a.equals(b)
}

/// The order of a set's or a map list's elements does not matter.
fn lists(a: &List<'_>, b: &List<'_>) -> bool {
    if a.len() != b.len() {
        return false;
    }
    match a.kind() {
        ListKind::Atomic => a.iter().zip(b.iter()).all(|(a, b)| a == b),
        ListKind::Set => b.iter().all(|item| index_of(a, &item).is_some()),
        ListKind::Map(keys) => {
            b.iter().all(|item| a.iter().any(|own| own.has_same_keys(&item, keys) && own == item))
        }
    }
}

/// Where an element equal to the value is.
pub(crate) fn index_of(list: &List<'_>, value: &Value<'_>) -> Option<usize> {
    list.iter().position(|item| item == *value)
}

fn maps<'a>(a: &Map<'a>, b: &Map<'a>) -> bool {
    if let (Map::Json(a, declared), Map::Json(b, _)) = (a, b) {
        if std::ptr::eq(*a, *b) {
            return true;
        }
        // Fields that the schema does not have are compared as they are.
        let unknown = |name: &str| {
            declared.is_some_and(|declared| !declared.is_map() && declared.property(name).is_none())
        };
        if a.iter().any(|(name, value)| unknown(name) && b.get(name).is_some_and(|other| other != value)) {
            return false;
        }
    }
    a.len() == b.len()
        && a.keys().iter().all(|key| matches!((a.get(key), b.get(key)), (Ok(a), Ok(b)) if a == b))
}

impl<'a> Value<'a> {
    /// Whether two elements of a map list stand for the same thing.
    pub(crate) fn has_same_keys(&self, other: &Value<'a>, keys: &[String]) -> bool {
        let (Value::Map(a), Value::Map(b)) = (self, other) else { return false };
        keys.iter().all(|key| {
            let key = Value::string(crate::escaping::escape(key).unwrap_or_default().into_owned());
            matches!((a.get(&key), b.get(&key)), (Ok(a), Ok(b)) if a == b)
        })
    }
}
