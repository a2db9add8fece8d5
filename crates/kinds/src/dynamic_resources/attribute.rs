//! What is known of a device: one value for each attribute.

use ironclad_api::field::{BadValue, FieldError, FieldErrors, Path};
use k8s_openapi::api::resource::v1::DeviceAttribute;
use serde_json::{Value, json};

/// Bytes.
pub(super) const LONGEST_VALUE: usize = 64;
const VERSION: &str = "must be a string compatible with semver.org spec 2.0.0";

/// Lists of values are an alpha feature, which is off: they are dropped before this.
pub(super) fn validate(attribute: &DeviceAttribute, path: &Path) -> FieldErrors {
    let mut errors = FieldErrors::new();
    errors.extend(attribute.string.iter().flat_map(|text| value(text, false, &path.child("string"))));
    errors.extend(attribute.version.iter().flat_map(|text| value(text, true, &path.child("version"))));
    let fields = [
        attribute.bool.is_some(),
        attribute.int.is_some(),
        attribute.string.is_some(),
        attribute.version.is_some(),
    ];
    let detail = "exactly one value must be specified";
    match fields.into_iter().filter(|given| *given).count() {
        0 => errors.push(FieldError::invalid(path, "", detail)),
        1 => {}
        _ => errors.push(FieldError::invalid(path, printed(attribute), detail)),
    }
    errors
}

fn value(text: &str, is_version: bool, path: &Path) -> FieldErrors {
    let mut errors = FieldErrors::new();
    if is_version && !is_semantic_version(text) {
        errors.push(FieldError::invalid(path, text, VERSION));
    }
    if text.len() > LONGEST_VALUE {
        errors.push(FieldError::too_long(path, LONGEST_VALUE));
    }
    errors
}

/// `1.2.3-alpha.1+build.5` (<https://semver.org>, 2.0.0).
fn is_semantic_version(text: &str) -> bool {
    let (rest, build) = text.split_once('+').map_or((text, None), |(rest, build)| (rest, Some(build)));
    let (core, release) = rest.split_once('-').map_or((rest, None), |(core, release)| (core, Some(release)));
    let is_number = |part: &str| {
        !part.is_empty()
            && part.bytes().all(|b| b.is_ascii_digit())
            && (part == "0" || !part.starts_with('0'))
    };
    let is_word =
        |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    let is_release =
        |part: &str| is_word(part) && (is_number(part) || !part.bytes().all(|b| b.is_ascii_digit()));
    core.split('.').count() == 3
        && core.split('.').all(is_number)
        && release.is_none_or(|release| release.split('.').all(is_release))
        && build.is_none_or(|build| build.split('.').all(is_word))
}

/// As Go prints its own struct.
fn printed(attribute: &DeviceAttribute) -> BadValue {
    let fields = [
        ("IntValue", json!(attribute.int)),
        ("BoolValue", json!(attribute.bool)),
        ("StringValue", json!(attribute.string)),
        ("VersionValue", json!(attribute.version)),
        ("IntValues", Value::Null),
        ("BoolValues", Value::Null),
        ("StringValues", Value::Null),
        ("VersionValues", Value::Null),
    ];
    let each: Vec<String> = fields
        .iter()
        .map(|(field, value)| format!("\"{field}\":{}", ironclad_api::goprint::json(value)))
        .collect();
    BadValue::Printed(format!("{{{}}}", each.join(",")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_semantic() {
        let check = |text: &str, valid: bool| assert_eq!(is_semantic_version(text), valid, "{text}");
        for text in ["0.0.0", "1.2.3", "1.2.3-alpha.1", "1.2.3+b.01", "1.2.3-0a+x-y", "1.0.0--1"] {
            check(text, true);
        }
        for text in ["", "1", "1.2", "01.2.3", "1.2.3-", "1.2.3-01", "1.2.3+", "v1.2.3", "1.2.3-a_b"] {
            check(text, false);
        }
    }
}
