//! The order of merged lists. `$setElementOrder/LIST` gives the order of the elements the
//! client knows; elements that only the server has keep their place among them. Precedence:
//! `$setElementOrder`, then the order in the patch, then the order in the live list.

use std::collections::HashMap;

use serde_json::Value;

use super::PatchError;
use super::error::{go_type_of, go_value};
use super::strategic::{DIRECTIVE, Fields, SET_ELEMENT_ORDER, list_field, without_directives};
use super::strategic_list::{elements_are_objects, merge_list, no_merge_key};
use crate::schema::{Schema, Strategy};

/// Merges every list that `patch` has an order for and takes it out of `patch`.
pub(super) fn merge_ordered_lists(
    original: &mut Fields,
    patch: &mut Fields,
    schema: &Schema,
) -> Result<(), PatchError> {
    let directives: Vec<String> =
        patch.keys().filter(|name| name.starts_with(SET_ELEMENT_ORDER)).cloned().collect();
    for directive in directives {
        let Some(Value::Array(order)) = patch.remove(&directive) else { return Err(bad_format()) };
        let Some((SET_ELEMENT_ORDER, list)) = directive.split_once('/') else { return Err(bad_format()) };
        merge_ordered_list(original, patch, list, &order, schema)?;
    }
    Ok(())
}

fn merge_ordered_list(
    original: &mut Fields,
    patch: &mut Fields,
    list: &str,
    order: &[Value],
    schema: &Schema,
) -> Result<(), PatchError> {
    let current = as_list(original.get(list))?;
    let changes = as_list(patch.get(list))?;
    let field = list_field(schema, list)?;
    let key = field.merge_key();
    check_order(changes.as_deref().unwrap_or_default(), order, key)?;
    let merged = match (&current, &changes) {
        (None, None) => return Ok(()),
        (Some(current), None) => current.clone(),
        (None, Some(changes)) => changes.iter().cloned().filter_map(without_directives).collect(),
        (Some(current), Some(changes)) if field.has_strategy(Strategy::Merge) => {
            merge_list(current.clone(), changes.clone(), field, false)?
        }
        (Some(_), Some(changes)) => changes.clone(),
    };
    let (current, changes) = (current.unwrap_or_default(), changes.unwrap_or_default());
    let (known, server_only) = partition(merged, order, key)?;
    elements_are_objects(&current, &changes)?;
    let ordered = keep_order(known, server_only, order, &current, key)?;
    original.insert(list.to_owned(), Value::Array(ordered));
    patch.remove(list);
    Ok(())
}

fn as_list(value: Option<&Value>) -> Result<Option<Vec<Value>>, PatchError> {
    match value {
        None => Ok(None),
        Some(Value::Array(items)) => Ok(Some(items.clone())),
        Some(other) => Err(bad_type("[]interface {}", other)),
    }
}

/// The elements of the patch must stand in `order`, and in the same order.
fn check_order(changes: &[Value], order: &[Value], key: Option<&str>) -> Result<(), PatchError> {
    if changes.is_empty() || order.is_empty() {
        return Ok(());
    }
    let mut places = order.iter();
    for change in changes {
        if let (Some(_), other) = (key, change) {
            let fields = other.as_object().ok_or_else(|| bad_type("map[string]interface {}", other))?;
            if fields.contains_key(DIRECTIVE) {
                continue;
            }
        }
        let mut found = false;
        for place in places.by_ref() {
            if same_element(change, place, key)? {
                found = true;
                break;
            }
        }
        if !found {
            return Err(PatchError::Failed(format!(
                "The order in patch list:\n{}\n doesn't match {SET_ELEMENT_ORDER} list:\n{}\n",
                go_value(&Value::Array(changes.to_vec())),
                go_value(&Value::Array(order.to_vec()))
            )));
        }
    }
    Ok(())
}

fn same_element(left: &Value, right: &Value, key: Option<&str>) -> Result<bool, PatchError> {
    let Some(key) = key else { return Ok(left == right) };
    Ok(key_value(left, key)? == key_value(right, key)?)
}

fn key_value<'a>(element: &'a Value, key: &str) -> Result<&'a Value, PatchError> {
    let fields = element.as_object().ok_or_else(|| bad_type("map[string]interface {}", element))?;
    fields.get(key).ok_or_else(|| no_merge_key(fields, key))
}

/// The place of each element in a list: by its merge key, or by its value.
pub(super) struct Places<'a> {
    key: Option<&'a str>,
    by_identity: HashMap<String, usize>,
}

impl<'a> Places<'a> {
    pub(super) fn of(list: &[Value], key: Option<&'a str>) -> Self {
        let mut by_identity = HashMap::with_capacity(list.len());
        for (place, element) in list.iter().enumerate() {
            if let Some(identity) = identity(element, key) {
                by_identity.entry(identity).or_insert(place);
            }
        }
        Self { key, by_identity }
    }

    pub(super) fn find(&self, element: &Value) -> Option<usize> {
        self.by_identity.get(&identity(element, self.key)?).copied()
    }

    /// Notes an element that is not in the list yet.
    pub(super) fn add(&mut self, element: &Value, place: usize) {
        if let Some(identity) = identity(element, self.key) {
            self.by_identity.entry(identity).or_insert(place);
        }
    }
}

/// What two elements have in common if they are the same one.
fn identity(element: &Value, key: Option<&str>) -> Option<String> {
    match key {
        Some(key) => element.get(key).map(Value::to_string),
        None => Some(element.to_string()),
    }
}

/// Splits a merged list into the elements that `order` names and those only the server has.
pub(super) fn partition(
    merged: Vec<Value>,
    order: &[Value],
    key: Option<&str>,
) -> Result<(Vec<Value>, Vec<Value>), PatchError> {
    if let Some(key) = key {
        for element in &merged {
            key_value(element, key)?;
        }
    }
    let places = Places::of(order, key);
    Ok(merged.into_iter().partition(|element| places.find(element).is_some()))
}

/// Sorts `known` by `order` and `server_only` by `server_order`, then puts each server-only
/// element before the first known one that follows it on the server.
pub(super) fn keep_order(
    mut known: Vec<Value>,
    mut server_only: Vec<Value>,
    order: &[Value],
    server_order: &[Value],
    key: Option<&str>,
) -> Result<Vec<Value>, PatchError> {
    if let Some(key) = key {
        for element in order {
            key_value(element, key)?;
        }
    }
    let (order, server_order) = (Places::of(order, key), Places::of(server_order, key));
    known.sort_by_cached_key(|element| order.find(element).unwrap_or(usize::MAX));
    server_only.sort_by_cached_key(|element| server_order.find(element).unwrap_or(usize::MAX));

    let mut merged = Vec::with_capacity(known.len() + server_only.len());
    let mut server_only = server_only.into_iter().peekable();
    for element in known {
        let place = server_order.find(&element);
        let goes_before = |candidate: &Value| match (server_order.find(candidate), place) {
            (Some(candidate), Some(place)) => candidate < place,
            _ => false,
        };
        while let Some(candidate) = server_only.next_if(|candidate| goes_before(candidate)) {
            merged.push(candidate);
        }
        merged.push(element);
    }
    merged.extend(server_only);
    Ok(merged)
}

fn bad_format() -> PatchError {
    PatchError::Malformed("invalid patch format of setElementOrder list".to_owned())
}

fn bad_type(expected: &str, found: &Value) -> PatchError {
    PatchError::Failed(format!("expected a {expected}, but received a {}", go_type_of(found)))
}
