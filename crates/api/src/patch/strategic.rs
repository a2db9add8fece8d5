//! Strategic merge patch: a merge patch that knows the kind's types, so that lists whose
//! elements have names are merged element by element.
//!
//! Directives: `$patch: replace|delete` in an object or list element, `$retainKeys`,
//! `$setElementOrder/LIST`, `$deleteFromPrimitiveList/LIST`. Rules and error texts follow
//! apimachinery's strategicpatch. Source:
//! <https://github.com/kubernetes/design-proposals-archive/blob/main/cli/preserve-order-in-strategic-merge-patch.md>

use std::collections::HashSet;

use serde_json::{Map, Value};

use super::PatchError;
use super::error::{go_type_of, go_value};
use super::strategic_list::merge_list;
use super::strategic_order::merge_ordered_lists;
use crate::goprint::quote;
use crate::schema::{Schema, Shape, Strategy};

pub(super) const DIRECTIVE: &str = "$patch";
const RETAIN_KEYS: &str = "$retainKeys";
pub(super) const SET_ELEMENT_ORDER: &str = "$setElementOrder";
pub(super) const DELETE_FROM_LIST: &str = "$deleteFromPrimitiveList";

pub(super) type Fields = Map<String, Value>;

/// Merges `patch` into `document`, an object of the kind that `schema` describes.
pub fn strategic(document: &Value, patch: &Value, schema: &Schema) -> Result<Value, PatchError> {
    let patch = match patch {
        Value::Object(patch) => patch.clone(),
        Value::Null => Fields::new(),
        other => {
            let found = crate::schema::json_type(other);
            return Err(PatchError::Malformed(format!(
                "json: cannot unmarshal {found} into Go value of type map[string]interface {{}}"
            )));
        }
    };
    let document = document.as_object().cloned().unwrap_or_default();
    merge_object(document, patch, schema).map(Value::Object)
}

/// Merges two objects of one type.
pub(super) fn merge_object(
    mut original: Fields,
    mut patch: Fields,
    schema: &Schema,
) -> Result<Fields, PatchError> {
    if let Some(directive) = patch.remove(DIRECTIVE) {
        return whole_object(&directive, patch);
    }
    retain_keys(&mut original, &mut patch)?;
    merge_ordered_lists(&mut original, &mut patch, schema)?;
    for (name, value) in patch {
        match listed_for_deletion(&name)? {
            Some(list) => delete_from_list(&mut original, list, value, schema)?,
            None => merge_field(&mut original, name, value, schema)?,
        }
    }
    Ok(original)
}

/// `$patch` in an object decides over all of it.
fn whole_object(directive: &Value, mut patch: Fields) -> Result<Fields, PatchError> {
    match directive.as_str() {
        Some("replace") => Ok(patch),
        Some("delete") => Ok(Fields::new()),
        _ => {
            patch.insert(DIRECTIVE.to_owned(), directive.clone());
            Err(bad_directive(directive, &patch))
        }
    }
}

pub(super) fn bad_directive(directive: &Value, element: &Fields) -> PatchError {
    let element = go_value(&Value::Object(element.clone()));
    PatchError::Failed(format!("unknown patch type: {} in map: {element}", go_value(directive)))
}

/// `$retainKeys` lists every field that may remain; the patch must not set another.
fn retain_keys(original: &mut Fields, patch: &mut Fields) -> Result<(), PatchError> {
    let Some(keys) = patch.remove(RETAIN_KEYS) else { return Ok(()) };
    let bad_format = || PatchError::Malformed("invalid patch format of retainKeys".to_owned());
    let keys: HashSet<&str> =
        keys.as_array().ok_or_else(bad_format)?.iter().filter_map(Value::as_str).collect();
    let is_directive = |name: &str| name.starts_with(DELETE_FROM_LIST) || name.starts_with(SET_ELEMENT_ORDER);
    for (name, value) in patch.iter() {
        if !value.is_null() && !is_directive(name) && !keys.contains(name.as_str()) {
            return Err(bad_format());
        }
    }
    original.retain(|name, _| keys.contains(name.as_str()));
    Ok(())
}

/// The list that `$deleteFromPrimitiveList/LIST` names.
fn listed_for_deletion(name: &str) -> Result<Option<&str>, PatchError> {
    if !name.starts_with(DELETE_FROM_LIST) {
        return Ok(None);
    }
    match name.split_once('/') {
        Some((DELETE_FROM_LIST, list)) => Ok(Some(list)),
        _ => Err(PatchError::Malformed("invalid patch format of primitive list".to_owned())),
    }
}

fn delete_from_list(
    original: &mut Fields,
    list: &str,
    deletions: Value,
    schema: &Schema,
) -> Result<(), PatchError> {
    match (original.get_mut(list), deletions) {
        (_, Value::Null) => {
            original.remove(list);
        }
        (Some(Value::Array(items)), Value::Array(deletions)) => {
            let field = list_field(schema, list)?;
            let merged = merge_list(std::mem::take(items), deletions, field, true)?;
            original.insert(list.to_owned(), Value::Array(merged));
        }
        _ => {}
    }
    Ok(())
}

fn merge_field(original: &mut Fields, name: String, value: Value, schema: &Schema) -> Result<(), PatchError> {
    match (original.get_mut(&name), value) {
        (_, Value::Null) => {
            original.remove(&name);
        }
        (Some(Value::Object(current)), Value::Object(patch)) => {
            let field = field(schema, &name)?;
            let merged = match field.has_strategy(Strategy::Replace) {
                true => patch,
                false => merge_object(std::mem::take(current), patch, field)?,
            };
            original.insert(name, Value::Object(merged));
        }
        (Some(Value::Array(items)), Value::Array(patch)) => {
            let field = list_field(schema, &name)?;
            let merged = match field.has_strategy(Strategy::Merge) {
                true => merge_list(std::mem::take(items), patch, field, false)?,
                false => patch,
            };
            original.insert(name, Value::Array(merged));
        }
        (Some(current), value) if go_type_of(current) == go_type_of(&value) => *current = value,
        (_, mut value) => {
            discard_nulls(&mut value);
            match without_directives(value) {
                Some(value) => original.insert(name, value),
                None => original.remove(&name),
            };
        }
    }
    Ok(())
}

/// Drops the null fields of objects at any depth.
fn discard_nulls(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.retain(|_, value| !value.is_null());
            fields.values_mut().for_each(discard_nulls);
        }
        Value::Array(items) => items.iter_mut().for_each(discard_nulls),
        _ => {}
    }
}

/// The value without the objects that carry a `$patch` directive; `None` if it is one.
pub(super) fn without_directives(value: Value) -> Option<Value> {
    match value {
        Value::Object(fields) if fields.contains_key(DIRECTIVE) => None,
        Value::Object(fields) => {
            let kept = fields.into_iter().filter_map(|(k, v)| Some((k, without_directives(v)?)));
            Some(Value::Object(kept.collect()))
        }
        Value::Array(items) => Some(Value::Array(items.into_iter().filter_map(without_directives).collect())),
        scalar => Some(scalar),
    }
}

// === what the schema says of a field ===

fn field<'a>(schema: &'a Schema, name: &str) -> Result<&'a Schema, PatchError> {
    let kind = match &schema.resolve().shape {
        Shape::Object(object) => {
            return object.property(name).map(|property| &property.schema).ok_or_else(|| {
                let (type_name, name) = (schema.struct_name(), quote(name));
                PatchError::Failed(format!(
                    "unable to find api field in struct {type_name} for the json field {name}"
                ))
            });
        }
        Shape::Map(_) => "map",
        Shape::List(_) => "slice",
        Shape::Raw => "struct",
        _ => "interface",
    };
    Err(PatchError::Failed(format!(
        "merging an object in json but data type is not struct, instead is: {kind}"
    )))
}

pub(super) fn list_field<'a>(schema: &'a Schema, name: &str) -> Result<&'a Schema, PatchError> {
    let field = field(schema, name)?;
    match field.items() {
        Some(_) => Ok(field),
        None => Err(PatchError::Failed("expected slice or array type, but got: struct".to_owned())),
    }
}
