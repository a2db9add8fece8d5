//! Expressions that select devices.

use ironclad_api::field::{FieldError, FieldErrors, Path};
use k8s_openapi::api::resource::v1::DeviceSelector;

use super::bounded;

const MOST: usize = 32;
/// Bytes.
const LONGEST_EXPRESSION: usize = 10 << 10;

pub(super) fn validate(selectors: &[DeviceSelector], path: &Path) -> FieldErrors {
    bounded::list(selectors, MOST, path, |selector, path| {
        let path = path.child("cel");
        match &selector.cel {
            None => vec![FieldError::required(&path, "")],
            Some(cel) => expression(&cel.expression, &path.child("expression")),
        }
    })
}

fn expression(text: &str, path: &Path) -> FieldErrors {
    if text.len() > LONGEST_EXPRESSION {
        return vec![FieldError::too_long(path, LONGEST_EXPRESSION)];
    }
    FieldErrors::new()
}
