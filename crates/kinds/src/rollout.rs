//! How much of a workload may change or be away at once: a number of pods or a percentage.

use ironclad_api::field::BadValue;
use ironclad_api::intstr::IntOrString;
use ironclad_api::{FieldError, Path, validation};
use serde_json::{Value, json};

/// An amount as it stands in an object; absent is 0.
pub(crate) fn amount(parent: &Value, field: &str) -> IntOrString {
    parent.get(field).and_then(IntOrString::from_json).unwrap_or(IntOrString::Int(0))
}

/// A number that is not negative, or a percentage.
pub(crate) fn validate(path: &Path, amount: &IntOrString) -> Vec<FieldError> {
    match amount {
        IntOrString::Int(number) => validation::number::not_negative(path, i64::from(*number)),
        IntOrString::String(text) => validation::invalid_each(path, text, validation::word::percent(text)),
    }
}

pub(crate) fn not_above_100_percent(path: &Path, amount: &IntOrString) -> Option<FieldError> {
    let above = percent(amount).is_some_and(|percent| percent > 100);
    above.then(|| FieldError::invalid(path, shown(amount), "must not be greater than 100%"))
}

/// The number, of pods or of percents.
pub(crate) fn value(amount: &IntOrString) -> i64 {
    percent(amount).unwrap_or_else(|| amount.int_value())
}

/// The number of a well-formed percentage.
fn percent(amount: &IntOrString) -> Option<i64> {
    let IntOrString::String(text) = amount else { return None };
    validation::word::percent(text).is_empty().then(|| amount.percent().unwrap_or(i64::MAX))
}

pub(crate) fn shown(amount: &IntOrString) -> BadValue {
    json!(amount).into()
}
