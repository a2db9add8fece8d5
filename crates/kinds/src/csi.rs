//! Rules of the Container Storage Interface that several kinds have.

use ironclad_api::{FieldError, Path, validation};

const MAX_DRIVER: usize = 63;

/// A driver's name: a DNS subdomain but for its case.
pub(crate) fn driver_name(name: &str, path: &Path) -> Vec<FieldError> {
    if name.is_empty() {
        return vec![FieldError::required(path, "")];
    }
    let mut errors = Vec::new();
    if name.len() > MAX_DRIVER {
        errors.push(FieldError::too_long(path, MAX_DRIVER));
    }
    errors.extend(validation::invalid_each(path, name, validation::dns1123_subdomain(&name.to_lowercase())));
    errors
}
