//! What may change in a claim: its volume once, and its size and attributes while it is bound.

use ironclad_api::quantity::Quantity;
use ironclad_api::{FieldError, Object, Path, validation};
use serde_json::Value;

use super::data_sources;
use crate::fields::{immutable, value_at};
use crate::go_form;
use crate::line_diff;
use crate::spec::object_at;
use crate::volume_rules::CLASS_ANNOTATION;

const CLASS: &[&str] = &["spec", "storageClassName"];
const ATTRIBUTES: &[&str] = &["spec", "volumeAttributesClassName"];
const REQUEST: &[&str] = &["spec", "resources", "requests", "storage"];

pub(super) fn validate(new: &Object, old: &Object) -> Vec<FieldError> {
    let mut errors = Vec::new();
    // An annotation may become the field it stands for.
    let upgraded = is_upgraded(new, old);
    let annotation = |claim: &Object| claim.annotation(CLASS_ANNOTATION).unwrap_or_default().to_owned();
    if !upgraded && annotation(new) != annotation(old) {
        let path = Path::new("metadata").child("annotations").child(CLASS_ANNOTATION);
        errors.push(FieldError::invalid(&path, annotation(new), validation::meta::IMMUTABLE));
    }
    errors.extend(changed(new, old));
    errors.extend(shrunk(new, old));
    errors.extend(immutable(&Path::new("volumeMode"), &["spec", "volumeMode"], new, old));
    errors.extend(without_attributes(new, old));
    errors
}

fn is_upgraded(new: &Object, old: &Object) -> bool {
    let Some(class) = old.annotation(CLASS_ANNOTATION) else { return false };
    let kept = new.annotation(CLASS_ANNOTATION).is_none_or(|annotation| annotation == class);
    value_at(old, CLASS).is_null() && value_at(new, CLASS) == class && kept
}

/// A class may be given where there was none; an annotation must not say otherwise.
fn takes_class(new: &Object, old: &Object) -> bool {
    let class = value_at(new, CLASS);
    let agrees = old.annotation(CLASS_ANNOTATION).is_none_or(|annotation| class == annotation);
    !class.is_null() && value_at(old, CLASS).is_null() && agrees
}

/// The spec but for what may change.
fn changed(new: &Object, old: &Object) -> Option<FieldError> {
    let (mut new, mut old) = (new.clone(), settled(old));
    let (class_taken, bound) =
        (is_upgraded(&new, &old) || takes_class(&new, &old), new.str_at(&["status", "phase"]) == "Bound");
    if old.str_at(&["spec", "volumeName"]).is_empty() {
        set(&mut old, "volumeName", value_at(&new, &["spec", "volumeName"]));
    }
    if class_taken {
        set(&mut new, "storageClassName", value_at(&old, CLASS));
    }
    if bound {
        set(&mut new, "volumeAttributesClassName", value_at(&old, ATTRIBUTES));
        let request = value_at(&old, REQUEST);
        let resources = object_at(new.section_mut("spec"), "resources");
        if let Some(requests) = resources.and_then(|resources| object_at(resources, "requests")) {
            requests.insert("storage".into(), request);
        }
    }
    let (new, old) = (value_at(&new, &["spec"]), value_at(&old, &["spec"]));
    (!is_same(&new, &old)).then(|| {
        let shown = |spec: &Value| go_form::pretty("PersistentVolumeClaimSpec", spec);
        let diff = line_diff::unified(&shown(&old), &shown(&new));
        let detail = format!(
            "spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims\n{diff}"
        );
        FieldError::forbidden(&Path::new("spec"), detail)
    })
}

/// A claim from before both fields were kept the same is compared as if they had been.
fn settled(old: &Object) -> Object {
    let mut settled = old.clone();
    data_sources::settle(&mut settled, Some(old));
    settled
}

fn set(claim: &mut Object, field: &str, value: Value) {
    match value {
        Value::Null => drop(claim.section_mut("spec").remove(field)),
        value => drop(claim.section_mut("spec").insert(field.to_owned(), value)),
    }
}

/// Amounts count by their value.
fn is_same(new: &Value, old: &Value) -> bool {
    let without = |spec: &Value| {
        let mut rest = spec.clone();
        if let Some(rest) = rest.as_object_mut() {
            rest.remove("resources");
        }
        rest
    };
    let amounts = |spec: &Value, list: &str| {
        let list = spec.get("resources").and_then(|resources| resources.get(list));
        crate::pod_template::container_resources::amounts_of(list)
    };
    without(new) == without(old)
        && ["requests", "limits"].into_iter().all(|list| amounts(new, list) == amounts(old, list))
}

/// A claim that asked for more than it could get may ask for less again (KEP-1790), but never for
/// what it has already.
fn shrunk(new: &Object, old: &Object) -> Option<FieldError> {
    let amount = |claim: &Object, path: &[&str]| -> Quantity {
        claim.at(path).and_then(|amount| Quantity::from_json(amount).ok()).unwrap_or_default()
    };
    let size = amount(new, REQUEST);
    let refused = size < amount(old, REQUEST) && size <= amount(old, &["status", "capacity", "storage"]);
    let path = Path::new("spec").child("resources").child("requests").child("storage");
    refused.then(|| FieldError::forbidden(&path, "field can not be less than status.capacity"))
}

fn without_attributes(new: &Object, old: &Object) -> Option<FieldError> {
    let class = value_at(new, ATTRIBUTES);
    let applied = old.at(&["status", "currentVolumeAttributesClassName"]).is_some_and(Value::is_string);
    if !applied || class == value_at(old, ATTRIBUTES) {
        return None;
    }
    let whereto = match class.as_str() {
        None => "nil",
        Some("") => "empty string",
        Some(_) => return None,
    };
    let detail =
        format!("update to {whereto} is forbidden when status.currentVolumeAttributesClassName is not nil");
    Some(FieldError::forbidden(&Path::new("spec").child("volumeAttributesClassName"), detail))
}
