//! Checks an applied configuration against the schema, with the texts of
//! structured-merge-diff, and lists the paths it sets.

use std::collections::BTreeSet;
use std::fmt::{Display, Write};

use serde_json::Value;

use super::atom::{Atom, List, ListKind, MapType, Scalar, atom};
use super::field_set::FieldSet;
use super::path::PathElement;
use crate::patch::go_value;
use crate::schema::Schema;

/// Bytes of errors that are told of one object. A path may be long, and lead to many things that are wrong.
const MAX_ERRORS: usize = 1 << 20;

/// Every error, each as `path: message`; upstream's one text for all of them.
pub(super) fn validate(value: &Value, schema: &Schema) -> Result<(), String> {
    let mut check = Check::default();
    check.value(value, schema);
    match &check.errors[..] {
        [] => Ok(()),
        [one] => Err(one.clone()),
        many => Err(format!("errors:\n  {}", many.join("\n  "))),
    }
}

#[derive(Default)]
struct Check {
    /// Where the value stands that is looked at.
    path: String,
    errors: Vec<String>,
    /// Of all errors.
    bytes: usize,
}

impl Check {
    fn report(&mut self, message: &str) {
        let colon = if self.path.is_empty() { "" } else { ": " };
        if self.bytes <= MAX_ERRORS {
            let error = [&self.path, colon, message].concat();
            self.bytes += error.len();
            self.errors.push(error);
        }
    }

    /// Looks at what stands at `step` of here.
    fn at(&mut self, step: impl Display, look: impl FnOnce(&mut Self)) {
        let length = self.path.len();
        // Writing to a String cannot fail.
        let _ = write!(self.path, "{step}");
        look(self);
        self.path.truncate(length);
    }

    fn value(&mut self, value: &Value, schema: &Schema) {
        match (atom(schema, Some(value)), value) {
            (_, Value::Null) => {}
            (Atom::Scalar(scalar), value) => {
                if let Some(message) = misfit(scalar, value) {
                    self.report(&message);
                }
            }
            (Atom::List(list), Value::Array(items)) => self.items(items, list),
            (Atom::List(_), value) => self.report(&format!("expected list, got &{{{}}}", go_value(value))),
            (Atom::Map(map), Value::Object(fields)) => {
                for (name, value) in fields {
                    let Some(schema) = map.field(name) else {
                        let unknown = |check: &mut Self| check.report("field not declared in schema");
                        return self.at(format_args!(".{name}"), unknown);
                    };
                    self.at(format_args!(".{name}"), |check| check.value(value, schema));
                }
            }
            (Atom::Map(_), value) => self.report(&format!("expected map, got &{{{}}}", go_value(value))),
        }
    }

    fn items(&mut self, items: &[Value], list: List<'_>) {
        let mut seen = BTreeSet::new();
        for (index, item) in items.iter().enumerate() {
            let element = match list.kind {
                ListKind::Atomic => PathElement::Index(i64::try_from(index).unwrap_or(i64::MAX)),
                _ => match list.element(item) {
                    Ok(element) => element,
                    Err(why) => return self.report(&format!("element {index}: {why}")),
                },
            };
            if !seen.insert(element.clone()) {
                self.report(&format!("duplicate entries for key {element}"));
            }
            self.at(element, |check| check.value(item, list.items));
        }
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
    match (atom(schema, Some(value)), value) {
        (Atom::List(list), Value::Array(items)) if !is_atomic_list(list) => items_of(items, list),
        (Atom::Map(map), Value::Object(fields)) if !map.atomic => {
            fields.iter().filter_map(|(name, value)| field_of(map, name, value)).collect()
        }
        _ => FieldSet::new(),
    }
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

fn field_of(map: MapType<'_>, name: &str, value: &Value) -> Option<(PathElement, bool, FieldSet)> {
    let (element, schema) = map.element(name)?;
    let is_empty = value.is_null() || value.as_object().is_some_and(serde_json::Map::is_empty);
    let member = is_leaf(value, schema) || is_empty || map.declared(name).is_none();
    Some((element, member, field_set(value, schema)))
}

/// Elements that stand twice in the list are owned as one, without what is below them.
fn items_of(items: &[Value], list: List<'_>) -> FieldSet {
    let mut seen = BTreeSet::new();
    let mut duplicates = BTreeSet::new();
    for element in items.iter().filter_map(|item| list.element(item).ok()) {
        if !seen.insert(element.clone()) {
            duplicates.insert(element);
        }
    }
    let owned = items.iter().filter_map(|item| {
        let element = list.element(item).ok()?;
        let below = match duplicates.contains(&element) {
            true => FieldSet::new(),
            false => field_set(item, list.items),
        };
        Some((element, true, below))
    });
    owned.collect()
}
