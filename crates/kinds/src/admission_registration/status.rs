//! What a controller reports of a validating policy: warnings of its type checker, and conditions.

use ironclad_api::field::{FieldError, FieldErrors, Path};
use ironclad_api::validation::condition;

use super::shape::{ExpressionWarning, PolicyStatus};
use crate::json_path::JsonPath;

pub(super) fn validate(status: &PolicyStatus) -> FieldErrors {
    let path = Path::new("status");
    let warnings = path.child("typeChecking").child("expressionWarnings");
    let checked = status.type_checking.iter().flat_map(|checking| &checking.expression_warnings);
    let mut errors: FieldErrors = checked
        .enumerate()
        .flat_map(|(index, warning)| self::warning(warning, &warnings.index(index)))
        .collect();
    errors.extend(condition::conditions(&path.child("conditions"), &status.conditions));
    errors
}

fn warning(warning: &ExpressionWarning, path: &Path) -> FieldErrors {
    let mut errors = FieldErrors::new();
    if warning.warning.is_empty() {
        errors.push(FieldError::required(&path.child("warning"), ""));
    }
    let (path, field) = (path.child("fieldRef"), warning.field_ref.trim());
    match JsonPath::parse(field) {
        _ if field.is_empty() => errors.push(FieldError::required(&path, "")),
        Err(why) => errors.push(FieldError::invalid(&path, field, format!("invalid JSONPath: {why}"))),
        Ok(_) => {}
    }
    errors
}
