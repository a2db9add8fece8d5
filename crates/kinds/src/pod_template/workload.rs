//! What kinds that keep a number of pods from one template have in common.

use ironclad_api::labels::LabelSelector;
use ironclad_api::object::{object_in, string_map};
use ironclad_api::{FieldError, Object, Path, validation};
use ironclad_engine::strategy::ScalePaths;
use k8s_openapi::api::core::v1 as core;
use serde_json::{Map, Value, json};

use super::{defaults, gates, rules, warnings};
use crate::go_form;

const HIGHER_THAN_REPLICAS: &str = "cannot be greater than status.replicas";

// === defaults and preparation ===

/// The defaults of `spec.template`.
pub(crate) fn default_template(object: &mut Object) {
    defaults::template(object_in(object.section_mut("spec"), "template"));
}

/// Drops what features that are off would need.
pub(crate) fn prepare_template(new: &mut Object, old: Option<&Object>) {
    let old = old.and_then(|old| old.at(&["spec", "template"]));
    prepare(object_in(new.section_mut("spec"), "template"), old);
}

/// The same for a template that stands elsewhere.
pub(crate) fn prepare(template: &mut Map<String, Value>, old: Option<&Value>) {
    let old = old.and_then(|old| old.get("spec")).and_then(Value::as_object);
    let spec = object_in(template, "spec");
    defaults::mirror_service_account(spec);
    gates::drop_disabled(spec, old);
}

pub(crate) fn scale_paths() -> ScalePaths {
    let path = |section: &'static str, field: &'static str| vec![section.into(), field.into()];
    ScalePaths {
        spec_replicas: path("spec", "replicas"),
        status_replicas: path("status", "replicas"),
        selector: Some(path("spec", "selector")),
    }
}

// === rules ===

/// `spec.selector`, and that it selects the template's pods.
pub(crate) fn selector_and_template(new: &Object, old: Option<&Object>) -> Vec<FieldError> {
    let path = Path::new("spec").child("selector");
    let Some(given) = selector_value(new) else {
        let mut errors = vec![FieldError::required(&path, "")];
        // No selector selects nothing, so that the template cannot match it.
        errors.extend(template(new, old, false));
        return errors;
    };
    let selector: LabelSelector = serde_json::from_value(given.clone()).unwrap_or_default();
    let mut errors = selector.validate(&path);
    if selector.is_empty() {
        errors.push(FieldError::invalid(&path, given, "empty selector is invalid for deployment"));
    }
    match selector.to_selector() {
        Err(_) => errors.push(FieldError::invalid(&path, given, "invalid label selector")),
        Ok(parsed) => errors.extend(template(new, old, parsed.matches(&template_labels(new)))),
    }
    errors
}

pub(crate) fn selector_value(object: &Object) -> Option<&Value> {
    object.at(&["spec", "selector"]).filter(|selector| selector.is_object())
}

pub(crate) fn template_labels(object: &Object) -> ironclad_api::labels::Labels {
    string_map(object.at(&["spec", "template", "metadata", "labels"]))
}

/// That the template's labels are not those that the selector asks for.
pub(crate) fn unselected(object: &Object) -> FieldError {
    let path = Path::new("spec.template.metadata.labels");
    let labels = template_labels(object);
    FieldError::invalid(&path, serde_json::json!(labels), "`selector` does not match template `labels`")
}

/// A template of pods that are always restarted.
fn template(new: &Object, old: Option<&Object>, selected: bool) -> Vec<FieldError> {
    let mut errors: Vec<FieldError> = (!selected).then(|| unselected(new)).into_iter().collect();
    errors.extend(template_rules(new, old));
    errors.extend(runs_for_ever(new, "ReplicaSet"));
    errors
}

/// That the template's pods are restarted whenever they end, and have no deadline; `owner` is the
/// kind that upstream's text names.
pub(crate) fn runs_for_ever(object: &Object, owner: &str) -> Vec<FieldError> {
    let path = Path::new("spec.template.spec");
    let mut errors = Vec::new();
    let policy = object.str_at(&["spec", "template", "spec", "restartPolicy"]);
    if policy != "Always" {
        errors.push(FieldError::not_supported(&path.child("restartPolicy"), policy, ["Always"]));
    }
    if object.at(&["spec", "template", "spec", "activeDeadlineSeconds"]).is_some() {
        let detail = format!("activeDeadlineSeconds in {owner} is not Supported");
        errors.push(FieldError::forbidden(&path.child("activeDeadlineSeconds"), detail));
    }
    errors
}

/// The rules for `spec.template`; on an update those that were kept before.
pub(crate) fn template_rules(new: &Object, old: Option<&Object>) -> Vec<FieldError> {
    let path = Path::new("spec").child("template");
    match old {
        None => rules::template(&typed_template(new), &path),
        Some(old) => rules::changed_template(&typed_template(new), &typed_template(old), &path),
    }
}

pub(crate) fn typed_template(object: &Object) -> core::PodTemplateSpec {
    let template = object.at(&["spec", "template"]).cloned().unwrap_or_else(|| Value::Object(Map::new()));
    serde_json::from_value(template).unwrap_or_default()
}

/// `spec.FIELD`, which is of that [kind](go_form), is the same; absent and null are the same too.
pub(crate) fn immutable(new: &Object, old: &Object, field: &str, kind: &str) -> Vec<FieldError> {
    let value = |object: &Object| object.at(&["spec", field]).cloned().unwrap_or_default();
    go_form::immutable(&Path::new("spec").child(field), kind, &value(new), &value(old))
}

/// Numbers of `section` that are not below zero.
pub(crate) fn not_negative(object: &Object, section: &str, fields: &[&str]) -> Vec<FieldError> {
    let path = Path::new(section);
    let number = |field: &str| object.at(&[section, field]).and_then(Value::as_i64).unwrap_or(0);
    let each = fields.iter();
    each.flat_map(|field| validation::number::not_negative(&path.child(field), number(field))).collect()
}

/// Counts of replicas in a status: `parts` are not more than all.
pub(crate) fn replica_counts(object: &Object, parts: &[&str]) -> Vec<FieldError> {
    let path = Path::new("status");
    let number = |field: &str| object.at(&["status", field]).and_then(Value::as_i64).unwrap_or(0);
    let more = parts.iter().filter(|part| number(part) > number("replicas"));
    let mut errors: Vec<FieldError> =
        more.map(|part| FieldError::invalid(&path.child(part), number(part), HIGHER_THAN_REPLICAS)).collect();
    let available = number("availableReplicas");
    if available > number("readyReplicas") {
        let detail = "cannot be greater than readyReplicas";
        errors.push(FieldError::invalid(&path.child("availableReplicas"), available, detail));
    }
    errors
}

/// That a status does not go back in how often names of revisions collided.
pub(crate) fn collisions(new: &Object, old: &Object) -> Option<FieldError> {
    let count = |object: &Object| object.at(&["status", "collisionCount"]).and_then(Value::as_i64);
    let fewer = count(old).is_some_and(|old| count(new).is_none_or(|new| new < old));
    let path = Path::new("status").child("collisionCount");
    fewer.then(|| FieldError::invalid(&path, count(new).unwrap_or(0), "cannot be decremented"))
}

// === warnings ===

/// Of a new object, or of one whose spec has changed.
pub(crate) fn warnings(new: &Object, old: Option<&Object>) -> Vec<String> {
    let mut all = Vec::new();
    match old {
        None => all.extend(name_warning(new)),
        Some(old) if new.generation() == old.generation() => return all,
        Some(_) => {}
    }
    all.extend(template_warnings(new));
    all
}

/// Of `spec.template`.
pub(crate) fn template_warnings(object: &Object) -> Vec<String> {
    warnings::of_template(&typed_template(object), &Path::new("spec").child("template"))
}

/// Names of pods begin with the name of their owner.
pub(crate) fn name_warning(object: &Object) -> Option<String> {
    let faults = validation::dns1123_label(object.name());
    (!faults.is_empty()).then(|| {
        format!(
            "metadata.name: this is used in Pod names and hostnames, which can result in surprising behavior; a DNS \
             label is recommended: [{}]",
            faults.join(" ")
        )
    })
}

/// An empty status, as new objects have it.
pub(crate) fn clear_status(object: &mut Object) {
    object.0.insert("status".into(), json!({}));
}
