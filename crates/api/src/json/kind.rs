//! What a body says it is, and what is said of a body that cannot be read.

use std::fmt::{self, Write};

use serde_json::Value;

use crate::goprint::quote;
use crate::gvk::{GroupVersion, GroupVersionKind};
use crate::status::Status;

/// Why a body has no kind. The texts are upstream's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TypeError {
    /// `apiVersion` or `kind` is no string, or the body is no object.
    #[error("couldn't get version/kind; json parse error: json: cannot unmarshal {found} into Go {target}")]
    Malformed { found: &'static str, target: &'static str },
    #[error("unexpected GroupVersion string: {0}")]
    Version(String),
    #[error("Object 'Kind' is missing in '{0}'")]
    MissingKind(String),
    #[error("Object 'apiVersion' is missing in '{0}'")]
    MissingVersion(String),
}

const TYPE_STRUCT: &str = "value of type struct { APIVersion string \"json:\\\"apiVersion,omitempty\\\"\"; Kind string \
    \"json:\\\"kind,omitempty\\\"\" }";

/// The kind of a decoded body. What it leaves out is taken from `default`, the kind of the
/// request's path, if there is one. `body` is quoted in errors.
pub fn type_of(
    value: &Value,
    default: Option<&GroupVersionKind>,
    body: &[u8],
) -> Result<GroupVersionKind, TypeError> {
    if !matches!(value, Value::Object(_) | Value::Null) {
        return Err(TypeError::Malformed { found: json_type(value), target: TYPE_STRUCT });
    }
    let api_version = text_field(value, "apiVersion", "struct field .apiVersion of type string")?;
    let kind = text_field(value, "kind", "struct field .kind of type string")?;
    let version = match api_version {
        "" => GroupVersion::new("", ""),
        given if given.matches('/').count() > 1 => return Err(TypeError::Version(given.to_owned())),
        given => {
            let (group, version) = given.split_once('/').unwrap_or(("", given));
            GroupVersion::new(group.to_owned(), version.to_owned())
        }
    };
    let actual = with_default(version.kind(kind.to_owned()), default);
    let body = || String::from_utf8_lossy(body).into_owned();
    if actual.kind.is_empty() {
        return Err(TypeError::MissingKind(body()));
    }
    if actual.version.is_empty() {
        return Err(TypeError::MissingVersion(body()));
    }
    Ok(actual)
}

fn with_default(mut actual: GroupVersionKind, default: Option<&GroupVersionKind>) -> GroupVersionKind {
    let Some(default) = default else { return actual };
    if actual.kind.is_empty() {
        actual.kind = default.kind.clone();
    }
    if actual.version.is_empty() && (actual.group.is_empty() || actual.group == default.group) {
        actual.group = default.group.clone();
        actual.version = default.version.clone();
    }
    actual
}

fn text_field<'a>(value: &'a Value, field: &str, target: &'static str) -> Result<&'a str, TypeError> {
    match value.get(field) {
        None | Some(Value::Null) => Ok(""),
        Some(Value::String(text)) => Ok(text),
        Some(other) => Err(TypeError::Malformed { found: json_type(other), target }),
    }
}

/// As Go's decoder names the type of a JSON value.
fn json_type(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "bool",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

/// The answer to a body that does not decode. `actual` is the kind that the body names (with
/// the path's filled in), if it came so far, and `want` the kind of the resource.
pub fn bad_body(
    actual: Option<&GroupVersionKind>,
    want: &str,
    error: impl fmt::Display,
    body: &[u8],
) -> Status {
    Status::bad_request(match actual.filter(|actual| !actual.kind.is_empty()) {
        Some(actual) => {
            let version = quote(&actual.version);
            format!("{} in version {version} cannot be handled as a {want}: {error}", actual.kind)
        }
        None => {
            let summary = summarize(body);
            format!("the object provided is unrecognized (must be of type {want}): {error} ({summary})")
        }
    })
}

/// The first 30 bytes of a body: JSON as it is, anything else in hexadecimal.
pub fn summarize(body: &[u8]) -> String {
    const SHOWN: usize = 30;
    let (shown, more) = match body.get(..SHOWN) {
        Some(start) if body.len() > SHOWN => (start, " ..."),
        _ => (body, ""),
    };
    match body.first() {
        None => "<empty>".to_owned(),
        Some(b'{') => format!("{}{more}", String::from_utf8_lossy(shown)),
        Some(_) => {
            shown.iter().fold(String::new(), |mut hex, byte| {
                // Writing to a String cannot fail.
                let _ = write!(hex, "{byte:02x}");
                hex
            }) + more
        }
    }
}
