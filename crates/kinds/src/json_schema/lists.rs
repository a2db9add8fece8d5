//! Lists whose elements may not repeat: `x-kubernetes-list-type: set` and `map`.

use std::collections::BTreeMap;

use ironclad_api::field::{FieldError, FieldErrors, Path};
use ironclad_api::goprint;
use serde_json::{Map, Value};

use super::{Additional, ListType, Rules};
use crate::fields::add;

/// The elements that repeat an earlier one; of several that are the same, the second is told of.
pub(super) fn duplicates(rules: &Rules, value: &Value, path: &Path) -> FieldErrors {
    match value {
        Value::Object(fields) => in_object(rules, fields, path),
        Value::Array(items) => in_list(rules, items, path),
        _ => FieldErrors::new(),
    }
}

fn in_object(rules: &Rules, fields: &Map<String, Value>, path: &Path) -> FieldErrors {
    let mut errors = FieldErrors::new();
    for (name, value) in fields {
        if let Additional::Each(schema) = &rules.additional {
            add(&mut errors, duplicates(schema, value, &path.key(name)));
        }
        if let Some(schema) = rules.properties.get(name) {
            add(&mut errors, duplicates(schema, value, &path.child(name)));
        }
    }
    errors
}

fn in_list(rules: &Rules, items: &[Value], path: &Path) -> FieldErrors {
    let mut errors = match &rules.list {
        ListType::Atomic => FieldErrors::new(),
        ListType::Set => repeated(items.iter().cloned(), path),
        ListType::Map(keys) => of_map(keys, items, path),
    };
    if let Some(schema) = &rules.items {
        let each = items.iter().enumerate();
        add(&mut errors, each.flat_map(|(index, item)| duplicates(schema, item, &path.index(index))));
    }
    errors
}

fn of_map(keys: &[String], items: &[Value], path: &Path) -> FieldErrors {
    if let Some((index, item)) =
        items.iter().enumerate().find(|(_, item)| !item.is_object() && !item.is_null())
    {
        let detail = "must be an object for an array of list-type map";
        return vec![FieldError::invalid(&path.index(index), item, detail)];
    }
    let identity = |item: &Value| {
        let own = keys.iter().filter_map(|key| Some((key.clone(), item.get(key)?.clone())));
        Value::Object(own.collect())
    };
    repeated(items.iter().map(identity), path)
}

/// Values are told apart by their JSON.
fn repeated(values: impl Iterator<Item = Value>, path: &Path) -> FieldErrors {
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    let mut errors = FieldErrors::new();
    for (index, value) in values.enumerate() {
        let times = seen.entry(goprint::json(&value)).or_default();
        *times += 1;
        if *times == 2 {
            add(&mut errors, [FieldError::duplicate(&path.index(index), value)]);
        }
    }
    errors
}
