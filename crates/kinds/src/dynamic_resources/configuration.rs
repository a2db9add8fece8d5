//! Parameters that a driver understands and nobody else.

use ironclad_api::field::{FieldError, FieldErrors, Path};
use k8s_openapi::api::resource::v1::OpaqueDeviceConfiguration;
use serde_json::Value;

use super::names;

/// Bytes of JSON.
pub(super) const LONGEST_DATA: usize = 10 << 10;

/// `kept` says that they were stored so before, when there was no limit.
pub(super) fn validate(opaque: Option<&OpaqueDeviceConfiguration>, kept: bool, path: &Path) -> FieldErrors {
    let path = path.child("opaque");
    let Some(opaque) = opaque else { return vec![FieldError::required(&path, "")] };
    let mut errors = names::driver(&opaque.driver, &path.child("driver"));
    errors.extend(data(&opaque.parameters.0, kept, &path.child("parameters")));
    errors
}

/// A JSON object of bounded size.
pub(super) fn data(data: &Value, kept: bool, path: &Path) -> FieldErrors {
    let error = match data {
        Value::Null => FieldError::required(path, ""),
        data if !kept && data.to_string().len() > LONGEST_DATA => FieldError::too_long(path, LONGEST_DATA),
        Value::Object(_) => return FieldErrors::new(),
        _ => FieldError::invalid(path, "<value omitted>", "must be a valid JSON object"),
    };
    vec![error]
}
