//! The fields that the scale subresource reads and writes.

use ironclad_api::field::{FieldError, FieldErrors, Path};
use ironclad_api::goprint;
use ironclad_api::gvk::Name;
use ironclad_engine::strategy::ScalePaths;
use serde_json::Value;

use crate::definition::Scale;

const MAX_REPLICAS: i64 = i32::MAX as i64;

pub(super) fn paths(scale: &Scale) -> ScalePaths {
    let selector = scale.label_selector_path.as_deref().filter(|path| !path.is_empty());
    ScalePaths {
        spec_replicas: names(&scale.spec_replicas_path),
        status_replicas: names(&scale.status_replicas_path),
        selector: selector.map(names),
    }
}

fn names(path: &str) -> Vec<Name> {
    fields(path).map(|name| Name::Owned(name.to_owned())).collect()
}

fn fields(path: &str) -> impl Iterator<Item = &str> {
    path.strip_prefix('.').unwrap_or(path).split('.')
}

pub(super) fn validate_spec(object: &Value, scale: &Scale) -> FieldErrors {
    replicas(object, &scale.spec_replicas_path).into_iter().collect()
}

pub(super) fn validate_status(object: &Value, scale: &Scale) -> FieldErrors {
    let selector = scale.label_selector_path.as_deref().and_then(|path| {
        let error = at(object, path, "string", Value::is_string).err()?;
        Some(FieldError::invalid(&Path::new(path), "", error))
    });
    replicas(object, &scale.status_replicas_path).into_iter().chain(selector).collect()
}

fn replicas(object: &Value, path: &str) -> Option<FieldError> {
    let field = Path::new(path);
    let replicas = match at(object, path, "int64", Value::is_i64) {
        Err(error) => return Some(FieldError::invalid(&field, 0, error)),
        Ok(value) => value.and_then(Value::as_i64).unwrap_or(0),
    };
    let why = match replicas {
        ..0 => "should be a non-negative integer".to_owned(),
        0..=MAX_REPLICAS => return None,
        _ => format!("should be less than or equal to {MAX_REPLICAS}"),
    };
    Some(FieldError::invalid(&field, replicas, why))
}

/// The value at a path; the error is that of Go's accessors for a value of another type.
fn at<'v>(
    object: &'v Value,
    path: &str,
    go_type: &str,
    fits: fn(&Value) -> bool,
) -> Result<Option<&'v Value>, String> {
    let mut value = object;
    let mut walked = String::new();
    for name in fields(path) {
        let Some(fields) = value.as_object() else {
            return Err(wrong_type(&walked, value, "map[string]interface{}"));
        };
        let Some(next) = fields.get(name) else { return Ok(None) };
        walked.push('.');
        walked.push_str(name);
        value = next;
    }
    match fits(value) {
        true => Ok(Some(value)),
        false => Err(wrong_type(&walked, value, go_type)),
    }
}

fn wrong_type(path: &str, value: &Value, wanted: &str) -> String {
    let (printed, found) = match value {
        Value::Null => ("<nil>".to_owned(), "<nil>"),
        Value::Bool(_) => (goprint::plain(value), "bool"),
        Value::String(text) => (text.clone(), "string"),
        Value::Number(number) if number.is_i64() => (goprint::plain(value), "int64"),
        Value::Number(_) => (goprint::plain(value), "float64"),
        Value::Array(_) => (goprint::json(value), "[]interface {}"),
        Value::Object(_) => (goprint::json(value), "map[string]interface {}"),
    };
    format!("{path} accessor error: {printed} is of the type {found}, expected {wanted}")
}
