//! Merging an applied configuration into the live object, and taking paths out of an object.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use serde_json::{Map, Value};

use super::atom::{Atom, List, ListKind, MapType, atom};
use super::compare::{fields, items, same_kind};
use super::field_set::FieldSet;
use super::path::PathElement;
use crate::schema::Schema;

/// The live object with everything that `config` sets. Nothing is removed.
pub(super) fn merge(live: &Value, config: &Value, schema: &Schema) -> Value {
    merged(schema, Some(live), Some(config)).unwrap_or(Value::Null)
}

fn merged(schema: &Schema, live: Option<&Value>, config: Option<&Value>) -> Option<Value> {
    let (live_atom, config_atom) = (atom(schema, live), atom(schema, config));
    match (live, config) {
        (None, None) => None,
        (Some(_), None) => merged_as(live_atom, live, config),
        (Some(_), Some(_)) if !same_kind(live_atom, config_atom) => {
            merged_as(config_atom, live, config).or_else(|| config.cloned())
        }
        _ => merged_as(config_atom, live, config),
    }
}

fn merged_as(atom: Atom<'_>, live: Option<&Value>, config: Option<&Value>) -> Option<Value> {
    let whole = || config.or(live).cloned();
    match atom {
        Atom::Scalar(_) => whole(),
        Atom::List(list) => {
            let (live_items, config_items) = (items(live), items(config));
            match list.kind {
                ListKind::Atomic => whole(),
                _ if live_items.is_empty() && config_items.is_empty() => whole(),
                _ => some_items(merged_items(list, live_items, config_items)),
            }
        }
        Atom::Map(map) => {
            let (live_fields, config_fields) = (fields(live), fields(config));
            let bare = |fields: Option<&Map<String, Value>>| fields.is_none_or(Map::is_empty);
            match map.atomic || (bare(live_fields) && bare(config_fields)) {
                true => whole(),
                false => some_fields(merged_fields(map, live_fields, config_fields)),
            }
        }
    }
}

fn merged_fields(
    map: MapType<'_>,
    live: Option<&Map<String, Value>>,
    config: Option<&Map<String, Value>>,
) -> Map<String, Value> {
    let names: BTreeSet<&String> =
        live.into_iter().flatten().chain(config.into_iter().flatten()).map(|(name, _)| name).collect();
    let mut out = Map::new();
    for name in names {
        let (live, config) = (live.and_then(|f| f.get(name)), config.and_then(|f| f.get(name)));
        let value = match map.field(name) {
            Some(schema) => merged(schema, live, config),
            None => config.or(live).cloned(),
        };
        if let Some(value) = value {
            out.insert(name.clone(), value);
        }
    }
    out
}

/// Merges two lists with keys. The elements of the configuration come in its order; those
/// that only the live list has keep their place among them.
fn merged_items(list: List<'_>, live: &[Value], config: &[Value]) -> Vec<Value> {
    let live = Indexed::of(list, live);
    let config = Indexed::of(list, config);
    let is_shared = |element: &&PathElement| live.by_element.contains_key(*element);
    let mut shared: VecDeque<&PathElement> = config.order.iter().filter(is_shared).collect();
    let mut next_shared = shared.pop_front();
    let mut done: BTreeSet<&PathElement> = BTreeSet::new();
    let mut out = Vec::with_capacity(live.order.len().max(config.order.len()));
    let (mut at_live, mut at_config) = (0, 0);

    loop {
        let (from_live, from_config) = (live.order.get(at_live), config.order.get(at_config));
        match (from_live, from_config) {
            (None, None) => return out,
            (Some(element), Some(other)) if element == other => {
                done.insert(element);
                out.extend(merged(list.items, live.value(element), config.value(element)));
                (at_live, at_config) = (at_live + 1, at_config + 1);
                next_shared = shared.pop_front();
                continue;
            }
            (Some(element), Some(_))
                if config.by_element.contains_key(element)
                    && next_shared.is_some_and(|next| next != element) =>
            {
                // Shared, but not the one whose turn it is.
                at_live += 1;
                continue;
            }
            _ => {}
        }
        if let Some(element) = from_live {
            if !config.by_element.contains_key(element) {
                out.extend(merged(list.items, live.values.get(at_live).copied(), None));
                at_live += 1;
                continue;
            }
            if done.contains(element) {
                at_live += 1;
            }
        }
        if let Some(element) = from_config {
            done.insert(element);
            out.extend(merged(list.items, live.value(element), config.value(element)));
            at_config += 1;
            if next_shared == Some(element) {
                next_shared = shared.pop_front();
            }
        }
    }
}

/// A list's elements in order and by key. A key that stands twice has no value: what the
/// configuration says replaces all of them.
struct Indexed<'v> {
    order: Vec<PathElement>,
    values: Vec<&'v Value>,
    by_element: BTreeMap<PathElement, Option<&'v Value>>,
}

impl<'v> Indexed<'v> {
    fn of(list: List<'_>, items: &'v [Value]) -> Self {
        let mut indexed = Self { order: Vec::new(), values: Vec::new(), by_element: BTreeMap::new() };
        for item in items {
            let Ok(element) = list.element(item) else { continue };
            let seen = indexed.by_element.contains_key(&element);
            indexed.by_element.insert(element.clone(), (!seen).then_some(item));
            indexed.order.push(element);
            indexed.values.push(item);
        }
        indexed
    }

    fn value(&self, element: &PathElement) -> Option<&'v Value> {
        self.by_element.get(element).copied().flatten()
    }
}

fn some_items(items: Vec<Value>) -> Option<Value> {
    (!items.is_empty()).then_some(Value::Array(items))
}

fn some_fields(fields: Map<String, Value>) -> Option<Value> {
    (!fields.is_empty()).then_some(Value::Object(fields))
}

// === removal ===

/// The object without the paths of `set`. A map or list that loses its last piece stays,
/// empty; one whose own path is in the set goes.
pub(super) fn remove(value: &Value, schema: &Schema, set: &FieldSet) -> Value {
    match (atom(schema, Some(value)), value) {
        (Atom::Scalar(_), value) => value.clone(),
        (Atom::List(list), Value::Array(items)) if !matches!(list.kind, ListKind::Atomic) => {
            Value::Array(items.iter().filter_map(|item| kept_item(item, list, set)).collect())
        }
        (Atom::Map(map), Value::Object(fields)) if !map.atomic => {
            let kept = fields
                .iter()
                .filter_map(|(name, value)| Some((name.clone(), kept_field(name, value, map, set)?)));
            Value::Object(kept.collect())
        }
        (_, Value::Array(_)) => Value::Array(Vec::new()),
        (_, Value::Object(_)) => Value::Object(Map::new()),
        (_, other) => other.clone(),
    }
}

fn kept_item(item: &Value, list: List<'_>, set: &FieldSet) -> Option<Value> {
    let Ok(element) = list.element(item) else { return Some(item.clone()) };
    kept(&element, item, Some(list.items), set)
}

fn kept_field(name: &str, value: &Value, map: MapType<'_>, set: &FieldSet) -> Option<Value> {
    kept(&PathElement::field(name), value, map.field(name), set)
}

fn kept(element: &PathElement, value: &Value, schema: Option<&Schema>, set: &FieldSet) -> Option<Value> {
    if set.has(element) {
        return None;
    }
    match (set.below(element), schema) {
        (Some(below), Some(schema)) => Some(remove(value, schema, below)),
        _ => Some(value.clone()),
    }
}
