//! Conditions that must hold, or must not, before a pod is bound to a device's node.

use std::collections::BTreeSet;

use ironclad_api::field::{FieldError, FieldErrors, Path};
use ironclad_api::validation::label::label_key;
use serde_json::json;

use super::bounded;

const MOST: usize = 4;
const BINDING: &str = "bindingConditions";
const FAILURE: &str = "bindingFailureConditions";

/// Both or none, none of them twice.
pub(super) fn validate(binding: &[String], failure: &[String], path: &Path) -> FieldErrors {
    let (at, failure_at) = (path.child(BINDING), path.child(FAILURE));
    let rule = |condition: &String, path: &Path| label_key(path, condition);
    let mut errors = bounded::list(binding, MOST, &at, rule);
    errors.extend(bounded::list(failure, MOST, &failure_at, rule));
    let mut seen = BTreeSet::new();
    let repeated = binding.iter().enumerate().filter(|(_, condition)| !seen.insert(condition.as_str()));
    errors.extend(repeated.map(|(index, condition)| FieldError::duplicate(&at.index(index), condition)));
    let mut seen = BTreeSet::new();
    for (index, condition) in failure.iter().enumerate() {
        let path = failure_at.index(index);
        if !seen.insert(condition) {
            errors.push(FieldError::duplicate(&path, condition));
        }
        if binding.contains(condition) {
            let detail = "bindingFailureConditions must not overlap with bindingConditions";
            errors.push(FieldError::invalid(&path, condition, detail));
        }
    }
    let lone = |path: &Path, missing: &str, given: &str| {
        let detail = format!("{missing} are required to use {given}");
        FieldError::invalid(path, json!(null), detail)
    };
    if binding.is_empty() && !failure.is_empty() {
        errors.push(lone(&at, BINDING, FAILURE));
    }
    if failure.is_empty() && !binding.is_empty() {
        errors.push(lone(&failure_at, FAILURE, BINDING));
    }
    errors
}
