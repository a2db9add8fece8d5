//! Merging two lists: scalars are united, objects are matched by their merge key.

use serde_json::Value;

use super::PatchError;
use super::error::{go_type_of, go_value};
use super::strategic::{DIRECTIVE, Fields, bad_directive, merge_object};
use super::strategic_order::{Places, keep_order, partition};
use crate::schema::Schema;

/// Merges `patch` into `original`, or removes its scalars from it if `deleting`. `field` is
/// the schema of the list. The patch's elements come in the patch's order.
pub(super) fn merge_list(
    original: Vec<Value>,
    patch: Vec<Value>,
    field: &Schema,
    deleting: bool,
) -> Result<Vec<Value>, PatchError> {
    if original.is_empty() && patch.is_empty() {
        return Ok(original);
    }
    if !elements_are_objects(&original, &patch)? {
        return Ok(merge_scalars(original, patch, deleting));
    }
    let Some(key) = field.merge_key() else {
        return Err(PatchError::Failed("cannot merge lists without merge key for struct".to_owned()));
    };
    let (mut merged, patch) = apply_element_directives(original, patch, key)?;
    let server_order = merged.clone();
    let order = patch.clone();
    merge_elements(&mut merged, patch, key, field)?;
    let (from_patch, server_only) = partition(merged, &order, Some(key))?;
    keep_order(from_patch, server_only, &order, &server_order, Some(key))
}

fn merge_scalars(original: Vec<Value>, patch: Vec<Value>, deleting: bool) -> Vec<Value> {
    let in_patch = Places::of(&patch, None);
    if deleting {
        return original.into_iter().filter(|value| in_patch.find(value).is_none()).collect();
    }
    let mut merged: Vec<Value> = Vec::new();
    let mut seen = Places::of(&[], None);
    for value in original.iter().chain(&patch) {
        if seen.find(value).is_none() {
            seen.add(value, merged.len());
            merged.push(value.clone());
        }
    }
    let (from_patch, server_only): (Vec<_>, Vec<_>) =
        merged.into_iter().partition(|value| in_patch.find(value).is_some());
    keep_order(from_patch, server_only, &patch, &original, None).unwrap_or_default()
}

/// `$patch: delete` elements delete by key; one `$patch: replace` element makes the others
/// the whole list. Returns what to merge into, and the elements to merge.
fn apply_element_directives(
    mut original: Vec<Value>,
    patch: Vec<Value>,
    key: &str,
) -> Result<(Vec<Value>, Vec<Value>), PatchError> {
    let mut ordinary = Vec::with_capacity(patch.len());
    let mut deleted = Places::of(&[], Some(key));
    let mut replace = false;
    for element in patch {
        let Value::Object(fields) = &element else { continue };
        match fields.get(DIRECTIVE) {
            None => ordinary.push(element),
            Some(directive) => match directive.as_str() {
                Some("delete") => {
                    if !fields.contains_key(key) {
                        return Err(no_merge_key(fields, key));
                    }
                    deleted.add(&element, 0);
                }
                Some("replace") => replace = true,
                Some("merge") => {
                    let text = "merging lists cannot yet be specified in the patch";
                    return Err(PatchError::Failed(text.to_owned()));
                }
                _ => return Err(bad_directive(directive, fields)),
            },
        }
    }
    original.retain(|candidate| deleted.find(candidate).is_none());
    Ok(if replace { (ordinary, Vec::new()) } else { (original, ordinary) })
}

fn merge_elements(
    merged: &mut Vec<Value>,
    patch: Vec<Value>,
    key: &str,
    field: &Schema,
) -> Result<(), PatchError> {
    let Some(items) = field.items() else { return Ok(()) };
    let mut places = Places::of(merged, Some(key));
    for element in patch {
        let place = places.find(&element);
        if place.is_none() {
            places.add(&element, merged.len());
        }
        let Value::Object(element) = element else { continue };
        if !element.contains_key(key) {
            return Err(no_merge_key(&element, key));
        }
        match place.and_then(|place| merged.get_mut(place)) {
            Some(Value::Object(current)) => {
                *current = merge_object(std::mem::take(current), element, items)?;
            }
            _ => merged.push(Value::Object(element)),
        }
    }
    Ok(())
}

/// Whether the elements of both lists are objects; they must all be of one type, not lists.
pub(super) fn elements_are_objects(original: &[Value], patch: &[Value]) -> Result<bool, PatchError> {
    let mut elements = original.iter().chain(patch);
    let Some(first) = elements.next() else {
        return Err(PatchError::Failed("no elements in any of the given slices".to_owned()));
    };
    if first.is_array() {
        return Err(PatchError::DoesNotApply("lists of lists are not supported".to_owned()));
    }
    if elements.any(|element| go_type_of(element) != go_type_of(first)) {
        let lists: Vec<String> =
            [original, patch].iter().map(|list| go_value(&Value::Array(list.to_vec()))).collect();
        let lists = lists.join(" ");
        return Err(PatchError::Failed(format!("list element types are not identical: [{lists}]")));
    }
    Ok(first.is_object())
}

pub(super) fn no_merge_key(element: &Fields, key: &str) -> PatchError {
    let element = go_value(&Value::Object(element.clone()));
    PatchError::Failed(format!("map: {element} does not contain declared merge key: {key}"))
}
