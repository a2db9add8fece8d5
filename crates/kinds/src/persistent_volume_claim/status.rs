//! Rules for a claim's status.

use ironclad_api::quantity::Quantity;
use ironclad_api::{FieldError, Object, Path, validation};
use serde_json::{Map, Value};

use crate::fields::one_of;

const RESIZE_STATES: [&str; 5] = [
    "ControllerResizeInProgress",
    "ControllerResizeInfeasible",
    "NodeResizeInProgress",
    "NodeResizeInfeasible",
    "NodeResizePending",
];

pub(super) fn validate(claim: &Object) -> Vec<FieldError> {
    let status = Path::new("status");
    let part = |field: &str| -> Map<String, Value> {
        claim.at(&["status", field]).and_then(Value::as_object).cloned().unwrap_or_default()
    };
    let mut errors = Vec::new();
    for (resource, amount) in &part("capacity") {
        errors.extend(not_negative(amount, &status.child("capacity").key(resource)));
    }
    let path = status.child("allocatedResourceStatuses");
    for (resource, state) in &part("allocatedResourceStatuses") {
        errors.extend(resource_name(resource, &path));
        let known = state.as_str().is_some_and(|state| RESIZE_STATES.contains(&state));
        if !known {
            errors.push(FieldError::not_supported(&path, resource, RESIZE_STATES));
        }
    }
    let path = status.child("allocatedResources");
    for (resource, amount) in &part("allocatedResources") {
        let named = resource_name(resource, &path);
        match named.is_empty() {
            true => errors.extend(not_negative(amount, &path.key(resource))),
            false => errors.extend(named),
        }
    }
    errors
}

fn not_negative(amount: &Value, path: &Path) -> Option<FieldError> {
    let amount = Quantity::from_json(amount).ok().filter(|amount| amount.value() < 0)?;
    Some(FieldError::invalid(path, amount.value(), "must be a valid resource quantity"))
}

/// Of Kubernetes' own resources a claim has storage only.
fn resource_name(name: &str, path: &Path) -> Vec<FieldError> {
    let errors = validation::label::label_key(path, name);
    let native = !name.contains('/') || name.contains("kubernetes.io/");
    match errors.is_empty() && native {
        true => one_of(path, name, &["storage"]).into_iter().collect(),
        false => errors,
    }
}
