//! Taints of devices, and what tolerates them.

use ironclad_api::field::{FieldError, FieldErrors, Path};
use ironclad_api::validation::label::label_key;
use k8s_openapi::api::resource::v1::{DeviceTaint, DeviceToleration};

use super::names::label_value;

const EFFECTS: [&str; 3] = ["NoExecute", "NoSchedule", "None"];
const OPERATORS: [&str; 2] = ["Equal", "Exists"];

pub(super) fn taint(taint: &DeviceTaint, path: &Path) -> FieldErrors {
    let mut errors = label_key(&path.child("key"), &taint.key);
    let value = taint.value.as_deref().unwrap_or_default();
    if !value.is_empty() {
        errors.extend(label_value(value, &path.child("value")));
    }
    let effect = path.child("effect");
    match taint.effect.as_str() {
        "" => errors.push(FieldError::required(&effect, "")),
        given => errors.extend(unknown_effect(given, &effect)),
    }
    errors
}

fn unknown_effect(effect: &str, path: &Path) -> Option<FieldError> {
    (!EFFECTS.contains(&effect)).then(|| FieldError::not_supported(path, effect, EFFECTS))
}

pub(super) fn tolerations(tolerations: &[DeviceToleration], path: &Path) -> FieldErrors {
    let each = tolerations.iter().enumerate();
    each.flat_map(|(index, each)| toleration(each, &path.index(index))).collect()
}

fn toleration(toleration: &DeviceToleration, path: &Path) -> FieldErrors {
    let text = |field: &Option<String>| field.clone().unwrap_or_default();
    let (key, value, effect) = (text(&toleration.key), text(&toleration.value), text(&toleration.effect));
    let mut errors = FieldErrors::new();
    if !key.is_empty() {
        errors.extend(label_key(&path.child("key"), &key));
    }
    let (at, operator) = (path.child("value"), path.child("operator"));
    match text(&toleration.operator).as_str() {
        "Exists" if !value.is_empty() => {
            errors.push(FieldError::invalid(&at, value, "must be empty for operator `Exists`"));
        }
        "Exists" => {}
        "Equal" => errors.extend(label_value(&value, &at)),
        "" => errors.push(FieldError::required(&operator, "")),
        other => errors.push(FieldError::not_supported(&operator, other, OPERATORS)),
    }
    if !effect.is_empty() {
        errors.extend(unknown_effect(&effect, &path.child("effect")));
    }
    errors
}
