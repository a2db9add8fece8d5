//! Tolerations of nodes' taints.
//! Source: <https://kubernetes.io/docs/concepts/scheduling-eviction/taint-and-toleration/>

use ironclad_api::{FieldError, Path, validation};
use k8s_openapi::api::core::v1 as core;

use super::{Errors, one_of, text};

const EFFECTS: [&str; 3] = ["NoSchedule", "PreferNoSchedule", "NoExecute"];

pub(crate) fn tolerations(tolerations: &[core::Toleration], path: &Path) -> Errors {
    let each = tolerations.iter().enumerate();
    each.flat_map(|(index, toleration)| self::toleration(toleration, &path.index(index))).collect()
}

fn toleration(toleration: &core::Toleration, path: &Path) -> Errors {
    let (key, operator) = (text(&toleration.key), text(&toleration.operator));
    let (value, effect) = (text(&toleration.value), text(&toleration.effect));
    let mut errors = match key {
        "" => Errors::new(),
        key => validation::label::label_key(&path.child("key"), key),
    };
    let at = path.child("operator");
    if key.is_empty() && operator != "Exists" {
        let detail =
            "operator must be Exists when `key` is empty, which means \"match all values and all keys\"";
        errors.push(FieldError::invalid(&at, operator, detail));
    }
    if toleration.toleration_seconds.is_some() && effect != "NoExecute" {
        let detail = "effect must be 'NoExecute' when `tolerationSeconds` is set";
        errors.push(FieldError::invalid(&path.child("effect"), effect, detail));
    }
    match operator {
        "" | "Equal" => {
            let faults = validation::label_value(value);
            errors.extend((!faults.is_empty()).then(|| FieldError::invalid(&at, value, faults.join(";"))));
        }
        "Exists" => {
            let detail = "value must be empty when `operator` is 'Exists'";
            errors.extend((!value.is_empty()).then(|| FieldError::invalid(&at, value, detail)));
        }
        // Comparisons are an alpha feature; upstream names them all the same.
        "Lt" | "Gt" => {
            errors.push(FieldError::not_supported(&at, operator, ["Equal", "Exists", "Lt", "Gt"]));
        }
        other => errors.push(FieldError::not_supported(&at, other, ["Equal", "Exists"])),
    }
    if !effect.is_empty() {
        errors.extend(one_of(&path.child("effect"), effect, &EFFECTS));
    }
    errors
}
