//! JSON merge patch (RFC 7386), as evanphx/json-patch v4 does it. It differs from the RFC
//! where a patch's list replaces a value that is not an object: nulls inside the list's
//! objects are dropped.

use serde_json::{Map, Value};

use super::PatchError;
use crate::schema::json_type;

/// Merges `patch` into `document`. The patch must be an object.
pub fn merge_patch(document: &Value, patch: &Value) -> Result<Value, PatchError> {
    let patch = match patch {
        Value::Object(patch) => patch,
        Value::Null => return Err(PatchError::Malformed("Invalid JSON Patch".to_owned())),
        other => {
            let found = json_type(other);
            return Err(PatchError::Malformed(format!(
                "error decoding patch: json: cannot unmarshal {found} into Go value of type map[string]interface {{}}"
            )));
        }
    };
    let mut merged = document.clone();
    match &mut merged {
        Value::Object(fields) => merge_fields(fields, patch),
        other => *other = without_nulls(&Value::Object(patch.clone())),
    }
    Ok(merged)
}

fn merge_fields(fields: &mut Map<String, Value>, patch: &Map<String, Value>) {
    for (name, value) in patch {
        if value.is_null() {
            fields.remove(name);
            continue;
        }
        match (fields.get_mut(name), value) {
            (Some(Value::Object(current)), Value::Object(patch)) => merge_fields(current, patch),
            (Some(current @ Value::Object(_)), value) => *current = value.clone(),
            _ => {
                fields.insert(name.clone(), without_nulls(value));
            }
        }
    }
}

/// Drops the null fields of objects at any depth; null elements of lists stay.
fn without_nulls(value: &Value) -> Value {
    match value {
        Value::Object(fields) => {
            let kept = fields.iter().filter(|(_, value)| !value.is_null());
            Value::Object(kept.map(|(name, value)| (name.clone(), without_nulls(value))).collect())
        }
        Value::Array(items) => Value::Array(items.iter().map(without_nulls).collect()),
        scalar => scalar.clone(),
    }
}
