//! Paths inside volumes and containers.

use ironclad_api::{FieldError, Path};

/// No element is `..`.
pub(crate) fn no_backsteps(value: &str, path: &Path) -> Option<FieldError> {
    let steps_back = value.split('/').any(|element| element == "..");
    steps_back.then(|| FieldError::invalid(path, value, "must not contain '..'"))
}

/// Relative, and never up.
pub(super) fn descending(value: &str, path: &Path) -> Vec<FieldError> {
    let absolute =
        value.starts_with('/').then(|| FieldError::invalid(path, value, "must be a relative path"));
    absolute.into_iter().chain(no_backsteps(value, path)).collect()
}

/// The same, and its first element does not begin with the two dots that nodes use themselves.
pub(super) fn unreserved(value: &str, path: &Path) -> Vec<FieldError> {
    let mut errors = descending(value, path);
    if value.starts_with("..") && !value.starts_with("../") {
        errors.push(FieldError::invalid(path, value, "must not start with '..'"));
    }
    errors
}

/// The permissions of a file.
pub(super) fn mode(mode: Option<i32>, path: &Path) -> Option<FieldError> {
    let mode = mode.filter(|mode| !(0..=0o777).contains(mode))?;
    Some(FieldError::invalid(path, mode, "must be a number between 0 and 0777 (octal), both inclusive"))
}
