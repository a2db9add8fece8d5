//! Validation errors of single fields (`k8s.io/apimachinery/pkg/util/validation/field`).

use std::collections::HashSet;
use std::fmt::{self, Write};

use serde_json::Value;
use smallvec::SmallVec;

use crate::goprint;

/// Where a field stands in an object: `spec.containers[0].env[1].name`, `data[key.txt]`.
///
/// Rules make a path for each field that they look at, and most fields are well: short ones take no memory of their own.
#[derive(PartialEq, Eq, Hash)]
pub struct Path(SmallVec<[u8; 64]>);

impl Clone for Path {
    /// All bytes at once, where a derived one takes them one by one.
    fn clone(&self) -> Self {
        Self(SmallVec::from_slice(&self.0))
    }
}

impl Path {
    pub fn new(name: impl AsRef<str>) -> Self {
        Self(SmallVec::from_slice(name.as_ref().as_bytes()))
    }

    /// The path before any field. Its first child prints without a leading dot.
    pub fn root() -> Self {
        Self(SmallVec::new())
    }

    /// A field of this path. Several levels at once may be written with dots.
    pub fn child(&self, name: &str) -> Self {
        let mut path = self.clone();
        if !path.0.is_empty() {
            path.0.push(b'.');
        }
        path.0.extend_from_slice(name.as_bytes());
        path
    }

    pub fn index(&self, index: usize) -> Self {
        let mut path = self.clone();
        // Writing to memory cannot fail.
        let _ = write!(path, "[{index}]");
        path
    }

    /// An entry of a map.
    pub fn key(&self, key: &str) -> Self {
        let mut path = self.clone();
        for part in ["[", key, "]"] {
            path.0.extend_from_slice(part.as_bytes());
        }
        path
    }

    pub fn as_str(&self) -> &str {
        // Put together of whole strings.
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl fmt::Write for Path {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0.extend_from_slice(text.as_bytes());
        Ok(())
    }
}

impl fmt::Debug for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Path").field(&self.as_str()).finish()
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl From<&str> for Path {
    fn from(path: &str) -> Self {
        Self::new(path)
    }
}

/// What is wrong with a field. The same words are the `reason` of a Status cause.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    NotFound,
    Required,
    Duplicate,
    Invalid,
    NotSupported,
    Forbidden,
    TooLong,
    TooShort,
    TooMany,
    TooFew,
    TypeInvalid,
    Internal,
}

impl ErrorKind {
    /// The machine-readable reason of a Status cause.
    pub fn reason(self) -> &'static str {
        match self {
            Self::NotFound => "FieldValueNotFound",
            Self::Required => "FieldValueRequired",
            Self::Duplicate => "FieldValueDuplicate",
            Self::Invalid => "FieldValueInvalid",
            Self::NotSupported => "FieldValueNotSupported",
            Self::Forbidden => "FieldValueForbidden",
            Self::TooLong => "FieldValueTooLong",
            Self::TooShort => "FieldValueTooShort",
            Self::TooMany => "FieldValueTooMany",
            Self::TooFew => "FieldValueTooFew",
            Self::TypeInvalid => "FieldValueTypeInvalid",
            Self::Internal => "InternalError",
        }
    }

    /// The words that open the message.
    pub fn words(self) -> &'static str {
        match self {
            Self::NotFound => "Not found",
            Self::Required => "Required value",
            Self::Duplicate => "Duplicate value",
            Self::Invalid | Self::TypeInvalid => "Invalid value",
            Self::NotSupported => "Unsupported value",
            Self::Forbidden => "Forbidden",
            Self::TooLong => "Too long",
            Self::TooShort => "Too short",
            Self::TooMany => "Too many",
            Self::TooFew => "Too few",
            Self::Internal => "Internal error",
        }
    }

    fn prints_value(self) -> bool {
        !matches!(self, Self::Required | Self::Forbidden | Self::TooLong | Self::TooShort | Self::Internal)
    }
}

/// The value that was refused, by the way it is printed.
#[derive(Clone, Debug, PartialEq)]
pub enum BadValue {
    /// Left out of the message.
    Omitted,
    /// Printed in Go's quotes.
    Text(String),
    /// Numbers and booleans are printed plainly, everything else as Go's JSON.
    Json(Value),
    /// Printed as it stands: for Go structs, whose fields print in the order of their
    /// declaration and under Go's own names.
    Printed(String),
}

impl BadValue {
    fn printed(&self) -> Option<String> {
        match self {
            Self::Omitted => None,
            Self::Text(text) => Some(goprint::quote(text)),
            Self::Json(value) => Some(goprint::plain(value)),
            Self::Printed(text) => Some(text.clone()),
        }
    }
}

impl From<Value> for BadValue {
    fn from(value: Value) -> Self {
        match value {
            Value::String(text) => Self::Text(text),
            value => Self::Json(value),
        }
    }
}

impl From<&Value> for BadValue {
    fn from(value: &Value) -> Self {
        value.clone().into()
    }
}

impl From<&str> for BadValue {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for BadValue {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<&String> for BadValue {
    fn from(text: &String) -> Self {
        Self::Text(text.clone())
    }
}

macro_rules! plain_bad_value {
    ($($plain:ty),+) => {$(
        impl From<$plain> for BadValue {
            fn from(value: $plain) -> Self {
                Self::Json(value.into())
            }
        }
    )+};
}

plain_bad_value!(i32, i64, u16, u32, u64, usize, f64, bool);

impl<T: Into<BadValue>> From<Option<T>> for BadValue {
    /// A nil pointer prints as `null`.
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Json(Value::Null), Into::into)
    }
}

/// One field's error. `Display` is upstream's text: `spec.x: Invalid value: "y": why`.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{field}: {}", self.body())]
pub struct FieldError {
    pub kind: ErrorKind,
    pub field: String,
    pub bad_value: BadValue,
    pub detail: String,
}

impl FieldError {
    fn new(kind: ErrorKind, field: &Path, bad_value: BadValue, detail: impl Into<String>) -> Self {
        Self { kind, field: field.as_str().to_owned(), bad_value, detail: detail.into() }
    }

    /// The message without the field's name.
    pub fn body(&self) -> String {
        let mut text = self.kind.words().to_owned();
        let value = self.bad_value.printed().filter(|_| self.kind.prints_value());
        let detail = (!self.detail.is_empty()).then_some(self.detail.as_str());
        for part in value.as_deref().into_iter().chain(detail) {
            text.push_str(": ");
            text.push_str(part);
        }
        text
    }

    /// A malformed value.
    pub fn invalid(field: &Path, value: impl Into<BadValue>, detail: impl Into<String>) -> Self {
        Self::new(ErrorKind::Invalid, field, value.into(), detail)
    }

    /// A value of another type than the schema's.
    pub fn type_invalid(field: &Path, value: impl Into<BadValue>, detail: impl Into<String>) -> Self {
        Self::new(ErrorKind::TypeInvalid, field, value.into(), detail)
    }

    /// A value that must be given and is not. The detail may be empty.
    pub fn required(field: &Path, detail: impl Into<String>) -> Self {
        Self::new(ErrorKind::Required, field, BadValue::Omitted, detail)
    }

    /// A value that must be unique and is not.
    pub fn duplicate(field: &Path, value: impl Into<BadValue>) -> Self {
        Self::new(ErrorKind::Duplicate, field, value.into(), "")
    }

    /// A value that names something that does not exist.
    pub fn not_found(field: &Path, value: impl Into<BadValue>) -> Self {
        Self::new(ErrorKind::NotFound, field, value.into(), "")
    }

    /// A value outside an enumeration, whose members are printed in the order given
    /// (upstream sorts most of its lists; the caller does).
    pub fn not_supported<'a>(
        field: &Path,
        value: impl Into<BadValue>,
        supported: impl IntoIterator<Item = &'a str>,
    ) -> Self {
        let detail = match goprint::quote_list(supported) {
            list if list.is_empty() => list,
            list => format!("supported values: {list}"),
        };
        Self::new(ErrorKind::NotSupported, field, value.into(), detail)
    }

    /// A well-formed value that is not permitted here.
    pub fn forbidden(field: &Path, detail: impl Into<String>) -> Self {
        Self::new(ErrorKind::Forbidden, field, BadValue::Omitted, detail)
    }

    /// Longer than `max` bytes. The value itself is never printed.
    pub fn too_long(field: &Path, max: usize) -> Self {
        Self::new(ErrorKind::TooLong, field, BadValue::Omitted, may_not_exceed(max, "byte"))
    }

    /// Longer than `max` characters, where a character may be several bytes.
    pub fn too_long_characters(field: &Path, max: usize) -> Self {
        Self::new(ErrorKind::TooLong, field, BadValue::Omitted, may_not_exceed(max, "character"))
    }

    pub fn too_short(field: &Path, min: usize) -> Self {
        let detail = format!("must be at least {}", counted(min, "character"));
        Self::new(ErrorKind::TooShort, field, BadValue::Omitted, detail)
    }

    pub fn too_many(field: &Path, actual: usize, max: usize) -> Self {
        let detail = format!("must have at most {}", counted(max, "item"));
        Self::new(ErrorKind::TooMany, field, actual.into(), detail)
    }

    pub fn too_few(field: &Path, actual: usize, min: usize) -> Self {
        let detail = format!("must have at least {}", counted(min, "item"));
        Self::new(ErrorKind::TooFew, field, actual.into(), detail)
    }

    /// Not the client's fault.
    pub fn internal(field: &Path, error: impl fmt::Display) -> Self {
        Self::new(ErrorKind::Internal, field, BadValue::Omitted, error.to_string())
    }
}

/// The list that validation functions fill.
pub type FieldErrors = Vec<FieldError>;

/// All errors as one text: a single one as it is, several in brackets, each text once
/// and in order. `None` for no errors.
pub fn aggregate(errors: &[FieldError]) -> Option<String> {
    aggregate_texts(errors.iter().map(FieldError::to_string))
}

/// `utilerrors.Aggregate` over plain messages.
pub fn aggregate_texts(messages: impl IntoIterator<Item = String>) -> Option<String> {
    let mut seen = HashSet::new();
    let mut texts: Vec<String> = messages.into_iter().filter(|text| seen.insert(text.clone())).collect();
    match texts.len() {
        0 | 1 => texts.pop(),
        _ => Some(format!("[{}]", texts.join(", "))),
    }
}

fn counted(count: usize, unit: &str) -> String {
    format!("{count} {unit}{}", if count == 1 { "" } else { "s" })
}

fn may_not_exceed(max: usize, unit: &str) -> String {
    format!("may not be more than {}", counted(max, unit))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn paths_print_as_upstream_prints_them() {
        let check = |path: Path, want: &str| assert_eq!(path.to_string(), want);
        check(Path::new("spec").child("containers").index(0).child("name"), "spec.containers[0].name");
        check(Path::new("data").key("a.b/c"), "data[a.b/c]");
        check(Path::root().child("metadata"), "metadata");
        check(Path::root().index(1).index(2), "[1][2]");
    }

    #[test]
    fn errors_print_as_upstream_prints_them() {
        let f = &Path::new("spec.x");
        let check = |error: FieldError, want: &str| assert_eq!(error.to_string(), want);
        check(FieldError::invalid(f, "a\"b", "why"), r#"spec.x: Invalid value: "a\"b": why"#);
        check(FieldError::invalid(f, 3, "must be less"), "spec.x: Invalid value: 3: must be less");
        check(FieldError::invalid(f, json!({"a": "<"}), ""), r#"spec.x: Invalid value: {"a":"\u003c"}"#);
        check(FieldError::invalid(f, None::<&str>, "x"), "spec.x: Invalid value: null: x");
        check(FieldError::type_invalid(f, true, "t"), "spec.x: Invalid value: true: t");
        check(FieldError::required(f, ""), "spec.x: Required value");
        check(FieldError::required(f, "why"), "spec.x: Required value: why");
        check(FieldError::duplicate(f, "a"), r#"spec.x: Duplicate value: "a""#);
        check(FieldError::not_found(f, "a"), r#"spec.x: Not found: "a""#);
        check(
            FieldError::not_supported(f, "x", ["A", "B"]),
            r#"spec.x: Unsupported value: "x": supported values: "A", "B""#,
        );
        check(FieldError::not_supported(f, "x", []), r#"spec.x: Unsupported value: "x""#);
        check(FieldError::forbidden(f, "not now"), "spec.x: Forbidden: not now");
        check(FieldError::too_long(f, 63), "spec.x: Too long: may not be more than 63 bytes");
        check(FieldError::too_long(f, 1), "spec.x: Too long: may not be more than 1 byte");
        check(FieldError::too_long_characters(f, 9), "spec.x: Too long: may not be more than 9 characters");
        check(FieldError::too_short(f, 2), "spec.x: Too short: must be at least 2 characters");
        check(FieldError::too_many(f, 3, 2), "spec.x: Too many: 3: must have at most 2 items");
        check(FieldError::too_many(f, 3, 1), "spec.x: Too many: 3: must have at most 1 item");
        check(FieldError::too_few(f, 0, 1), "spec.x: Too few: 0: must have at least 1 item");
        check(FieldError::internal(f, "oops"), "spec.x: Internal error: oops");
    }

    #[test]
    fn aggregates_drop_repetitions() {
        let a = FieldError::required(&Path::new("a"), "");
        let b = FieldError::required(&Path::new("b"), "");
        let check =
            |errors: &[FieldError], want: Option<&str>| assert_eq!(aggregate(errors).as_deref(), want);
        check(&[], None);
        check(&[a.clone(), a.clone()], Some("a: Required value"));
        check(&[a.clone(), b.clone(), a], Some("[a: Required value, b: Required value]"));
    }
}
