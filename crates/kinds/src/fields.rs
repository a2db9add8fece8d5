//! Rules about single fields that many kinds have.

use ironclad_api::field::FieldErrors;
use ironclad_api::{FieldError, Object, Path};
use serde_json::Value;

/// So many errors of a custom resource are told of. It may have lists of a million elements, each of
/// them wrong, and an error is much larger than what it is about.
pub(crate) const MOST_ERRORS: usize = 10_000;

/// Adds errors, as long as there is room.
pub(crate) fn add(errors: &mut FieldErrors, more: impl IntoIterator<Item = FieldError>) {
    let room = MOST_ERRORS.saturating_sub(errors.len());
    errors.extend(more.into_iter().take(room));
}

/// The entries of a list that may be absent.
pub(crate) fn items<T>(list: &Option<Vec<T>>) -> &[T] {
    list.as_deref().unwrap_or_default()
}

/// A text that may be absent.
pub(crate) fn text(text: &Option<String>) -> &str {
    text.as_deref().unwrap_or_default()
}

/// A text that must be given.
pub(crate) fn required(path: &Path, value: &str) -> Option<FieldError> {
    value.is_empty().then(|| FieldError::required(path, ""))
}

/// A value out of an enumeration, which is told in the order given.
pub(crate) fn one_of(path: &Path, value: &str, supported: &[&str]) -> Option<FieldError> {
    (!supported.contains(&value)).then(|| FieldError::not_supported(path, value, supported.iter().copied()))
}

/// A part of an object; null when absent.
pub(crate) fn value_at(object: &Object, path: &[&str]) -> Value {
    object.at(path).cloned().unwrap_or_default()
}

/// `field is immutable` unless both objects have the same at `field`, which is told as `path`.
pub(crate) fn immutable(path: &Path, field: &[&str], new: &Object, old: &Object) -> Vec<FieldError> {
    ironclad_api::validation::meta::immutable(path, &value_at(new, field), &value_at(old, field))
}
