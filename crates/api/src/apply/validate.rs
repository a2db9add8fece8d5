//! Checks an applied configuration against the schema, with the texts of
//! structured-merge-diff, and lists the paths it sets.

use std::collections::BTreeSet;

use serde_json::Value;

use super::atom::{Atom, List, ListKind, MapType, Scalar, atom};
use super::field_set::FieldSet;
use super::path::PathElement;
use crate::patch::go_value;
use crate::schema::Schema;

/// Every error, each as `path: message`; upstream's one text for all of them.
pub(super) fn validate(value: &Value, schema: &Schema) -> Result<(), String> {
    let mut errors = Vec::new();
    check(value, schema, "", &mut errors);
    match &errors[..] {
        [] => Ok(()),
        [one] => Err(one.clone()),
        many => Err(format!("errors:\n  {}", many.join("\n  "))),
    }
}

fn check(value: &Value, schema: &Schema, path: &str, errors: &mut Vec<String>) {
    let mut report = |message: String| {
        errors.push(if path.is_empty() { message } else { format!("{path}: {message}") });
    };
    match (atom(schema, Some(value)), value) {
        (_, Value::Null) => {}
        (Atom::Scalar(scalar), value) => {
            if let Some(message) = misfit(scalar, value) {
                report(message);
            }
        }
        (Atom::List(list), Value::Array(items)) => check_items(items, list, path, errors),
        (Atom::List(_), value) => report(format!("expected list, got &{{{}}}", go_value(value))),
        (Atom::Map(map), Value::Object(fields)) => {
            for (name, value) in fields {
                let path = format!("{path}.{name}");
                match map.field(name) {
                    Some(schema) => check(value, schema, &path, errors),
                    None => {
                        errors.push(format!("{path}: field not declared in schema"));
                        break;
                    }
                }
            }
        }
        (Atom::Map(_), value) => report(format!("expected map, got &{{{}}}", go_value(value))),
    }
}

fn check_items(items: &[Value], list: List<'_>, path: &str, errors: &mut Vec<String>) {
    let mut seen = BTreeSet::new();
    let prefix = if path.is_empty() { String::new() } else { format!("{path}: ") };
    for (index, item) in items.iter().enumerate() {
        let element = match list.kind {
            ListKind::Atomic => PathElement::Index(i64::try_from(index).unwrap_or(i64::MAX)),
            _ => match list.element(item) {
                Ok(element) => element,
                Err(why) => {
                    errors.push(format!("{prefix}element {index}: {why}"));
                    return;
                }
            },
        };
        let path = format!("{path}{element}");
        if !seen.insert(element.clone()) {
            errors.push(format!("{prefix}duplicate entries for key {element}"));
        }
        check(item, list.items, &path, errors);
    }
}

fn misfit(scalar: Scalar, value: &Value) -> Option<String> {
    match (scalar, value) {
        (Scalar::Number, Value::Number(_))
        | (Scalar::Text, Value::String(_))
        | (Scalar::Boolean, Value::Bool(_))
        | (Scalar::Untyped, Value::Number(_) | Value::String(_) | Value::Bool(_)) => None,
        (Scalar::Number, value) => Some(format!("expected numeric (int or float), got {}", go_type(value))),
        (Scalar::Text, value) => {
            Some(format!("expected string, got &value.valueUnstructured{{Value:{}}}", go_syntax(value)))
        }
        (Scalar::Boolean, value) => Some(format!("expected boolean, got &{{{}}}", go_value(value))),
        (Scalar::Untyped, value) => Some(format!("expected any scalar, got &{{{}}}", go_value(value))),
    }
}

fn go_type(value: &Value) -> &'static str {
    match value {
        Value::Null => "<nil>",
        Value::Bool(_) => "bool",
        Value::Number(_) => "int64",
        Value::String(_) => "string",
        Value::Array(_) => "[]interface {}",
        Value::Object(_) => "map[string]interface {}",
    }
}

/// A value as Go's `%#v` prints it.
fn go_syntax(value: &Value) -> String {
    let joined = |items: Vec<String>| items.join(", ");
    match value {
        Value::Null => "interface {}(nil)".to_owned(),
        Value::String(text) => crate::goprint::quote(text),
        Value::Array(items) => {
            format!("[]interface {{}}{{{}}}", joined(items.iter().map(go_syntax).collect()))
        }
        Value::Object(fields) => {
            let fields = fields.iter().map(|(k, v)| format!("{}:{}", crate::goprint::quote(k), go_syntax(v)));
            format!("map[string]interface {{}}{{{}}}", joined(fields.collect()))
        }
        scalar => go_value(scalar),
    }
}

// === the paths of a value ===

/// The paths a value sets: its leaves, the elements of its lists, and empty maps.
pub(super) fn field_set(value: &Value, schema: &Schema) -> FieldSet {
    let mut set = FieldSet::new();
    match (atom(schema, Some(value)), value) {
        (Atom::List(list), Value::Array(items)) if !is_atomic_list(list) => {
            add_items(&mut set, items, list);
        }
        (Atom::Map(map), Value::Object(fields)) if !map.atomic => {
            for (name, value) in fields {
                add_field(&mut set, map, name, value);
            }
        }
        _ => {}
    }
    set
}

/// Whether the value is owned as one piece, so that its own path is in the set.
pub(super) fn is_leaf(value: &Value, schema: &Schema) -> bool {
    match atom(schema, Some(value)) {
        Atom::Scalar(_) => true,
        Atom::List(list) => is_atomic_list(list),
        Atom::Map(map) => map.atomic,
    }
}

fn is_atomic_list(list: List<'_>) -> bool {
    matches!(list.kind, ListKind::Atomic)
}

fn add_field(set: &mut FieldSet, map: MapType<'_>, name: &str, value: &Value) {
    let Some(schema) = map.field(name) else { return };
    let is_empty = value.is_null() || value.as_object().is_some_and(serde_json::Map::is_empty);
    let member = is_leaf(value, schema) || is_empty || map.declared(name).is_none();
    set.push(PathElement::field(name), member, field_set(value, schema));
}

/// Elements that stand twice in the list are owned as one, without what is below them.
fn add_items(set: &mut FieldSet, items: &[Value], list: List<'_>) {
    let mut seen = BTreeSet::new();
    let mut duplicates = BTreeSet::new();
    for element in items.iter().filter_map(|item| list.element(item).ok()) {
        if !seen.insert(element.clone()) {
            duplicates.insert(element);
        }
    }
    for item in items {
        let Ok(element) = list.element(item) else { continue };
        let below = match duplicates.contains(&element) {
            true => FieldSet::new(),
            false => field_set(item, list.items),
        };
        set.push(element, true, below);
    }
}
