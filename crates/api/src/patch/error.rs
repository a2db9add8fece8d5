//! Why a patch was refused, in upstream's words.

use serde_json::Value;

use crate::goprint;
use crate::status::{Details, Reason, Status};

/// A patch that cannot be applied; the text is upstream's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PatchError {
    /// The patch itself is malformed: 400.
    #[error("{0}")]
    Malformed(String),
    /// The patch has more operations than are allowed: 413.
    #[error("The allowed maximum operations in a JSON patch is {limit}, got {operations}")]
    TooManyOperations { limit: usize, operations: usize },
    /// The patch does not fit the document: 422. Upstream answers with a general text and
    /// keeps this one to itself.
    #[error("{0}")]
    DoesNotApply(String),
    /// The patch asks for something the document's types do not allow: 500, as upstream.
    #[error("{0}")]
    Failed(String),
}

impl From<PatchError> for Status {
    fn from(error: PatchError) -> Status {
        let text = error.to_string();
        match error {
            PatchError::Malformed(_) => Status::bad_request(text),
            PatchError::TooManyOperations { .. } => Status {
                message: format!("Request entity too large: {text}"),
                reason: Reason::RequestEntityTooLarge,
                code: 413,
                ..Status::bad_request("")
            },
            PatchError::DoesNotApply(_) => Status {
                message: "the server rejected our request due to an error in our request".to_owned(),
                reason: Reason::Invalid,
                code: 422,
                details: Some(Box::new(Details::default())),
                ..Status::bad_request("")
            },
            PatchError::Failed(_) => Status::unclassified(text),
        }
    }
}

/// A JSON value as Go's `%v` prints the map, slice and scalar types it decodes to:
/// `map[a:1 b:[x <nil>]]`.
pub fn go_value(value: &Value) -> String {
    match value {
        Value::Null => "<nil>".to_owned(),
        Value::String(text) => text.clone(),
        Value::Array(items) => format!("[{}]", joined(items.iter().map(go_value))),
        Value::Object(fields) => {
            let fields = fields.iter().map(|(name, value)| format!("{name}:{}", go_value(value)));
            format!("map[{}]", joined(fields))
        }
        scalar => goprint::plain(scalar),
    }
}

/// What `reflect.TypeOf` prints for a decoded JSON value.
pub(super) fn go_type_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "%!s(<nil>)",
        Value::Bool(_) => "bool",
        Value::Number(n) if n.is_f64() => "float64",
        Value::Number(_) => "int64",
        Value::String(_) => "string",
        Value::Array(_) => "[]interface {}",
        Value::Object(_) => "map[string]interface {}",
    }
}

fn joined(items: impl Iterator<Item = String>) -> String {
    items.collect::<Vec<_>>().join(" ")
}
