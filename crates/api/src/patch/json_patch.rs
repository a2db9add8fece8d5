//! JSON patch (RFC 6902), with the results and error texts of evanphx/json-patch v4, which
//! upstream uses: `replace` of a missing field adds it, `test` of a missing field matches
//! null, and the root can be replaced but not added or removed.

use serde_json::{Map, Value};

use super::PatchError;
use super::json_pointer::find;
use crate::goprint::quote;
use crate::schema::json_type;

/// Operations that one patch may have.
pub const MAX_OPERATIONS: usize = 10_000;
/// Bytes by which the `copy` operations of one patch may grow the document.
pub const MAX_COPY_BYTES: usize = 3 * 1024 * 1024;
/// Unknown fields that are reported of one patch.
const MAX_UNKNOWN: usize = 100;

/// Reads a JSON patch from a request's body and applies it.
pub fn json_patch(document: &Value, patch: &[u8]) -> Result<Value, PatchError> {
    let patch = crate::json::decode(patch).map_err(|e| PatchError::Malformed(e.to_string()))?;
    JsonPatch::from_value(patch.value)?.apply(document)
}

/// A list of operations, not yet known to be well-formed one by one.
#[derive(Debug)]
pub struct JsonPatch {
    operations: Vec<Map<String, Value>>,
}

impl JsonPatch {
    /// Checks that the patch is a list of objects of a bearable length.
    pub fn from_value(patch: Value) -> Result<Self, PatchError> {
        let operations = match patch {
            Value::Array(operations) => operations,
            Value::Null => Vec::new(),
            other => return Err(wrong_type(&other, "[]handlers.jsonPatchOp")),
        };
        let operations: Vec<Map<String, Value>> =
            operations.into_iter().map(operation).collect::<Result<_, _>>()?;
        match operations.len() {
            0..=MAX_OPERATIONS => Ok(Self { operations }),
            many => Err(PatchError::TooManyOperations { limit: MAX_OPERATIONS, operations: many }),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.operations.is_empty()
    }

    /// The fields that no operation has, as strict field validation reports them.
    pub fn unknown_fields(&self) -> Vec<String> {
        let known = ["op", "path", "from", "value"];
        let fields = self.operations.iter().enumerate().flat_map(|(index, fields)| {
            fields.keys().filter(|name| !known.contains(&name.as_str())).map(move |name| (index, name))
        });
        let error =
            |(index, name)| format!("json patch unknown field {}", quote(&format!("[{index}].{name}")));
        fields.map(error).take(MAX_UNKNOWN).collect()
    }

    /// The patched document. Nothing is applied if one operation fails.
    pub fn apply(&self, document: &Value) -> Result<Value, PatchError> {
        let mut document = document.clone();
        let mut copied_bytes = 0;
        for operation in &self.operations {
            apply(&mut document, operation, &mut copied_bytes).map_err(PatchError::DoesNotApply)?;
        }
        Ok(document)
    }
}

fn operation(value: Value) -> Result<Map<String, Value>, PatchError> {
    match value {
        Value::Object(operation) => Ok(operation),
        Value::Null => Ok(Map::new()),
        other => Err(wrong_type(&other, "handlers.jsonPatchOp")),
    }
}

fn wrong_type(value: &Value, go_type: &str) -> PatchError {
    let found = json_type(value);
    let error = format!("json: cannot unmarshal {found} into Go value of type {go_type}");
    PatchError::Malformed(format!("error decoding patch: {error}"))
}

fn apply(document: &mut Value, operation: &Map<String, Value>, copied: &mut usize) -> Result<(), String> {
    match operation.get("op").and_then(Value::as_str).unwrap_or("unknown") {
        "add" => add(document, operation),
        "remove" => remove(document, operation),
        "replace" => replace(document, operation),
        "move" => relocate(document, operation),
        "copy" => copy(document, operation, copied),
        "test" => test(document, operation),
        kind => Err(format!("Unexpected kind: {kind}")),
    }
}

// === the six operations ===

fn add(document: &mut Value, operation: &Map<String, Value>) -> Result<(), String> {
    let path = path_of(operation, "path")
        .map_err(|_| "add operation failed to decode path: missing value".to_owned())?;
    let place = find(document, path).ok_or_else(|| {
        format!("add operation does not apply: doc is missing path: \"{path}\": missing value")
    })?;
    place.add(value_of(operation)).map_err(|e| format!("error in add for path: '{path}': {e}"))
}

fn remove(document: &mut Value, operation: &Map<String, Value>) -> Result<(), String> {
    let path = path_of(operation, "path")
        .map_err(|_| "remove operation failed to decode path: missing value".to_owned())?;
    let place = find(document, path).ok_or_else(|| {
        format!("remove operation does not apply: doc is missing path: \"{path}\": missing value")
    })?;
    place.remove().map_err(|e| format!("error in remove for path: '{path}': {e}"))
}

fn replace(document: &mut Value, operation: &Map<String, Value>) -> Result<(), String> {
    let path =
        path_of(operation, "path").map_err(|e| format!("replace operation failed to decode path: {e}"))?;
    if path.is_empty() {
        return replace_root(document, value_of(operation));
    }
    let place = find(document, path).ok_or_else(|| {
        format!("replace operation does not apply: doc is missing path: {path}: missing value")
    })?;
    place.existing().map_err(|_| {
        format!("replace operation does not apply: doc is missing key: {path}: missing value")
    })?;
    place.set(value_of(operation)).map_err(|e| format!("error in remove for path: '{path}': {e}"))
}

fn replace_root(document: &mut Value, value: Value) -> Result<(), String> {
    match value {
        Value::Object(_) | Value::Array(_) => {
            *document = value;
            Ok(())
        }
        _ => Err("replace operation value must be object or array: %!w(<nil>)".to_owned()),
    }
}

fn relocate(document: &mut Value, operation: &Map<String, Value>) -> Result<(), String> {
    let from =
        path_of(operation, "from").map_err(|e| format!("move operation failed to decode from: {e}"))?;
    let place = find(document, from).ok_or_else(|| {
        format!("move operation does not apply: doc is missing from path: {from}: missing value")
    })?;
    let step = place.step().to_owned();
    let value = place.get().map_err(|e| format!("error in move for path: '{step}': {e}"))?;
    place.remove().map_err(|e| format!("error in move for path: '{step}': {e}"))?;

    let path =
        path_of(operation, "path").map_err(|e| format!("move operation failed to decode path: {e}"))?;
    let place = find(document, path).ok_or_else(|| {
        format!("move operation does not apply: doc is missing destination path: {path}: missing value")
    })?;
    place.add(value).map_err(|e| format!("error in move for path: '{path}': {e}"))
}

fn copy(document: &mut Value, operation: &Map<String, Value>, copied: &mut usize) -> Result<(), String> {
    let from =
        path_of(operation, "from").map_err(|e| format!("copy operation failed to decode from: {e}"))?;
    let place = find(document, from).ok_or_else(|| {
        format!("copy operation does not apply: doc is missing from path: {from}: missing value")
    })?;
    let value = place.get().map_err(|e| format!("error in copy for from: '{from}': {e}"))?;

    let path = path_of(operation, "path")
        .map_err(|_| "copy operation failed to decode path: missing value".to_owned())?;
    let place = find(document, path).ok_or_else(|| {
        format!("copy operation does not apply: doc is missing destination path: {path}: missing value")
    })?;
    charge(&value, copied)?;
    place.add(value).map_err(|e| format!("error while adding value during copy: {e}"))
}

fn test(document: &mut Value, operation: &Map<String, Value>) -> Result<(), String> {
    let path =
        path_of(operation, "path").map_err(|e| format!("test operation failed to decode path: {e}"))?;
    let expected = value_of(operation);
    let equal = if path.is_empty() {
        *document == expected
    } else {
        let place = find(document, path).ok_or_else(|| {
            format!("test operation does not apply: is missing path: {path}: missing value")
        })?;
        let found = place.existing().map_err(|e| format!("error in test for path: '{path}': {e}"))?;
        found.map_or(expected.is_null(), |found| *found == expected)
    };
    if equal { Ok(()) } else { Err(format!("testing value {path} failed: test failed")) }
}

// === the parts of an operation ===

/// The value of `path` or `from`.
fn path_of<'a>(operation: &'a Map<String, Value>, field: &str) -> Result<&'a str, String> {
    match operation.get(field) {
        Some(Value::String(path)) => Ok(path),
        None | Some(Value::Null) if field == "path" => {
            Err("operation missing path field: missing value".into())
        }
        None | Some(Value::Null) => Err(format!("operation, missing {field} field: missing value")),
        Some(other) => {
            Err(format!("json: cannot unmarshal {} into Go value of type string", json_type(other)))
        }
    }
}

fn value_of(operation: &Map<String, Value>) -> Value {
    operation.get("value").cloned().unwrap_or_default()
}

/// Counts the bytes of a copied value against [`MAX_COPY_BYTES`].
fn charge(value: &Value, copied: &mut usize) -> Result<(), String> {
    if !value.is_null() {
        *copied += value.to_string().len();
    }
    if *copied <= MAX_COPY_BYTES {
        return Ok(());
    }
    Err(format!(
        "Unable to complete the copy, the accumulated size increase of copy is {copied}, exceeding the limit {MAX_COPY_BYTES}"
    ))
}
