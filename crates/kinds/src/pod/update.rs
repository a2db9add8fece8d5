//! Rules for new pods, and for what may change in one.

use std::collections::{HashMap, HashSet};

use ironclad_api::{FieldError, Object, Path};
use k8s_openapi::api::core::v1 as core;
use serde_json::{Map, Value, json};

use super::defaults;
use crate::go_form;
use crate::line_diff;
use crate::pod_template::rules;
use crate::spec::typed;

const MIRROR: &str = "kubernetes.io/config.mirror";
const MAX_DEADLINE: i64 = i32::MAX as i64;
const CHANGEABLE: &str = "pod updates may not change fields other than `spec.containers[*].image`,\
    `spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing \
    tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)";

pub(super) fn created(pod: &Object) -> Vec<FieldError> {
    let whole: core::Pod = typed(pod);
    let mut errors = rules::pod(&whole);
    let path = Path::new("spec");
    if !list(pod, "ephemeralContainers").is_empty() {
        errors.push(FieldError::forbidden(&path.child("ephemeralContainers"), "cannot be set on create"));
    }
    if !pod.str_at(&["spec", "nodeName"]).is_empty() && !list(pod, "schedulingGates").is_empty() {
        let detail = "cannot be set until all schedulingGates have been cleared";
        errors.push(FieldError::forbidden(&path.child("nodeName"), detail));
    }
    errors.extend(rules::annotations::match_fields(&whole));
    errors
}

pub(super) fn updated(new: &Object, old: &Object) -> Vec<FieldError> {
    // A pod stored before a default existed has it now; a spec that stays as it was has them all.
    let stored = (new.0.get("spec") != old.0.get("spec")).then(|| {
        let mut stored = old.clone();
        defaults::pod(&mut stored);
        stored
    });
    let old = stored.as_ref().unwrap_or(old);
    let mut errors = rules::changed_pod(&typed(new), || typed(old));
    errors.extend(annotations(new, old));
    match spec_change(new, old) {
        Ok(more) => errors.extend(more),
        // The rest cannot be compared.
        Err(more) => errors.extend(more),
    }
    errors
}

fn list<'a>(pod: &'a Object, field: &str) -> &'a [Value] {
    pod.at(&["spec", field]).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

fn number(pod: &Object, field: &str) -> Option<i64> {
    pod.at(&["spec", field]).and_then(Value::as_i64)
}

/// Annotations that say where a pod comes from, or how it is confined, never change.
pub(super) fn annotations(new: &Object, old: &Object) -> Vec<FieldError> {
    const APP_ARMOR: &str = "container.apparmor.security.beta.kubernetes.io/";
    let path = Path::new("metadata").child("annotations");
    let all =
        |pod: &Object| ironclad_api::object::string_map(pod.metadata().and_then(|m| m.get("annotations")));
    let (new, old) = (all(new), all(old));
    let mut errors = Vec::new();
    for (key, _) in old.iter().filter(|(key, value)| new.get(*key) != Some(value)) {
        if key.starts_with(APP_ARMOR) {
            errors
                .push(FieldError::forbidden(&path.key(key), "may not remove or update AppArmor annotations"));
        }
        if key == MIRROR {
            errors.push(FieldError::forbidden(
                &path.key(key),
                "may not remove or update mirror pod annotation",
            ));
        }
    }
    for key in new.keys().filter(|key| !old.contains_key(*key)) {
        if key.starts_with(APP_ARMOR) {
            errors.push(FieldError::forbidden(&path.key(key), "may not add AppArmor annotations"));
        }
        if key == MIRROR {
            errors.push(FieldError::forbidden(&path.key(key), "may not add mirror pod annotation"));
        }
    }
    errors
}

/// `Err` for what makes any further comparison pointless.
fn spec_change(new: &Object, old: &Object) -> Result<Vec<FieldError>, Vec<FieldError>> {
    let path = Path::new("spec");
    let mut errors = Vec::new();
    for containers in ["containers", "initContainers"] {
        let path = path.child(containers);
        if list(new, containers).len() != list(old, containers).len() {
            errors.push(FieldError::forbidden(&path, "pod updates may not add or remove containers"));
            return Err(errors);
        }
        errors.extend(images(list(new, containers), &path));
    }
    let (deadline, before) = (number(new, "activeDeadlineSeconds"), number(old, "activeDeadlineSeconds"));
    if let Some(error) = self::deadline(deadline, before) {
        errors.push(error);
        if deadline.is_some() {
            return Err(errors);
        }
    }
    errors.extend(tolerations(new, old));
    errors.extend(scheduling_gates(new, old));
    errors.extend(other_fields(new, old));
    Ok(errors)
}

fn images(containers: &[Value], path: &Path) -> Vec<FieldError> {
    let image = |container: &Value| container["image"].as_str().unwrap_or_default().to_owned();
    let each = containers.iter().map(image).enumerate();
    let fault = |(index, image): (usize, String)| {
        let path = path.index(index).child("image");
        match image.as_str() {
            "" => Some(FieldError::required(&path, "")),
            padded if padded.trim() != padded => {
                Some(FieldError::invalid(&path, padded, "must not have leading or trailing whitespace"))
            }
            _ => None,
        }
    };
    each.filter_map(fault).collect()
}

/// A deadline may be set, and brought forward.
fn deadline(new: Option<i64>, old: Option<i64>) -> Option<FieldError> {
    let path = Path::new("spec").child("activeDeadlineSeconds");
    match (new, old) {
        (Some(new), _) if !(0..=MAX_DEADLINE).contains(&new) => {
            let detail = ironclad_api::validation::number::range_fault(0, MAX_DEADLINE);
            Some(FieldError::invalid(&path, new, detail))
        }
        (Some(new), Some(old)) if old < new => {
            Some(FieldError::invalid(&path, new, "must be less than or equal to previous value"))
        }
        (None, Some(_)) => {
            let detail = "must not update from a positive integer to nil value";
            Some(FieldError::invalid(&path, Value::Null, detail))
        }
        _ => None,
    }
}

/// Tolerations may be added; those there are may get another time.
fn tolerations(new: &Object, old: &Object) -> Option<FieldError> {
    let timeless = |toleration: &Value| {
        let mut toleration = toleration.clone();
        toleration.as_object_mut().map(|fields| fields.remove("tolerationSeconds"));
        toleration
    };
    let new: HashSet<Value> = list(new, "tolerations").iter().map(timeless).collect();
    let kept = list(old, "tolerations").iter().all(|old| new.contains(&timeless(old)));
    let detail = "existing toleration can not be modified except its tolerationSeconds";
    (!kept).then(|| FieldError::forbidden(&Path::new("spec").child("tolerations"), detail))
}

fn scheduling_gates(new: &Object, old: &Object) -> Vec<FieldError> {
    let path = Path::new("spec").child("schedulingGates");
    let standing: HashSet<&Value> = list(old, "schedulingGates").iter().map(|gate| &gate["name"]).collect();
    let each = list(new, "schedulingGates").iter().enumerate();
    let added = each.filter(|(_, gate)| !standing.contains(&gate["name"]));
    added
        .map(|(index, gate)| {
            let name = gate["name"].as_str().unwrap_or_default();
            let detail = format!("only deletion is allowed, but found new scheduling gate '{name}'");
            FieldError::forbidden(&path.index(index).child("name"), detail)
        })
        .collect()
}

/// Everything else stays as it was, but for what may still steer a gated pod.
fn other_fields(new: &Object, old: &Object) -> Vec<FieldError> {
    if new.0.get("spec") == old.0.get("spec") {
        return Vec::new();
    }
    let spec = |pod: &'_ Object| pod.0.get("spec").and_then(Value::as_object).cloned().unwrap_or_default();
    let (mut new, old) = (spec(new), spec(old));
    let mut errors = Vec::new();
    for containers in ["containers", "initContainers"] {
        keep_images(&mut new, &old, containers);
    }
    for field in ["activeDeadlineSeconds", "schedulingGates", "tolerations"] {
        keep(&mut new, &old, field);
    }
    let grace = |spec: &Map<String, Value>| spec.get("terminationGracePeriodSeconds").and_then(Value::as_i64);
    if grace(&old).is_some_and(|old| old < 0) && grace(&new) == Some(1) {
        keep(&mut new, &old, "terminationGracePeriodSeconds");
    }
    let gates = old.get("schedulingGates").and_then(Value::as_array);
    if gates.is_some_and(|gates| !gates.is_empty()) {
        errors.extend(gated::node_selector(&mut new, &old));
        errors.extend(gated::node_affinity(&mut new, &old));
    }
    if new != old {
        let shown = |spec: Map<String, Value>| go_form::pretty("PodSpec", &Value::Object(spec));
        let diff = line_diff::unified(&shown(old), &shown(new));
        errors.push(FieldError::forbidden(&Path::new("spec"), format!("{CHANGEABLE}\n{diff}")));
    }
    errors
}

fn keep(new: &mut Map<String, Value>, old: &Map<String, Value>, field: &str) {
    match old.get(field) {
        Some(value) => drop(new.insert(field.to_owned(), value.clone())),
        None => drop(new.remove(field)),
    }
}

fn keep_images(new: &mut Map<String, Value>, old: &Map<String, Value>, containers: &str) {
    let old = old.get(containers).and_then(Value::as_array).into_iter().flatten();
    for (new, old) in crate::spec::objects_at(new, containers).zip(old) {
        if let Some(old) = old.as_object() {
            keep(new, old, "image");
        }
    }
}

/// What may still change while scheduling gates hold a pod back (KEP-3838): the choice of nodes
/// may only become narrower.
mod gated {
    use super::*;

    pub(super) fn node_selector(
        new: &mut Map<String, Value>,
        old: &Map<String, Value>,
    ) -> Option<FieldError> {
        let selector =
            |spec: &Map<String, Value>| spec.get("nodeSelector").cloned().unwrap_or_else(|| json!({}));
        let (after, before) = (selector(new), selector(old));
        super::keep(new, old, "nodeSelector");
        let kept = before.as_object().into_iter().flatten().all(|(key, value)| after.get(key) == Some(value));
        let detail = "only additions to spec.nodeSelector are allowed (no mutations or deletions)";
        (!kept).then(|| FieldError::invalid(&Path::new("spec").child("nodeSelector"), after, detail))
    }

    pub(super) fn node_affinity(new: &mut Map<String, Value>, old: &Map<String, Value>) -> Vec<FieldError> {
        let affinity =
            |spec: &Map<String, Value>| spec.get("affinity").and_then(|a| a.get("nodeAffinity")).cloned();
        let (after, before) = (affinity(new), affinity(old));
        if after == before {
            return Vec::new();
        }
        put_back(new, old, before.clone());
        let required = "requiredDuringSchedulingIgnoredDuringExecution";
        let terms = |affinity: &Option<Value>| -> Vec<Value> {
            let terms = affinity.as_ref().and_then(|a| a.get(required)?.get("nodeSelectorTerms")?.as_array());
            terms.cloned().unwrap_or_default()
        };
        let path = Path::new("spec")
            .child("affinity")
            .child("nodeAffinity")
            .child(required)
            .child("nodeSelectorTerms");
        let (after, before) = (terms(&after), terms(&before));
        if before.is_empty() {
            return Vec::new();
        }
        if after.len() != before.len() {
            let detail = "no additions/deletions to non-empty NodeSelectorTerms list are allowed";
            return vec![FieldError::invalid(&path, go_form::compact("[]NodeSelectorTerm", &after), detail)];
        }
        let detail = "only additions are allowed (no mutations or deletions)";
        let each =
            after.iter().zip(&before).enumerate().filter(|(_, (after, before))| !narrows(after, before));
        let shown = |term: &Value| go_form::compact("NodeSelectorTerm", term);
        each.map(|(index, (after, _))| FieldError::invalid(&path.index(index), shown(after), detail))
            .collect()
    }

    fn put_back(new: &mut Map<String, Value>, old: &Map<String, Value>, before: Option<Value>) {
        let affinity = ironclad_api::object::object_in(new, "affinity");
        match before {
            Some(before) => drop(affinity.insert("nodeAffinity".into(), before)),
            None => drop(affinity.remove("nodeAffinity")),
        }
        if affinity.is_empty() && !old.contains_key("affinity") {
            new.remove("affinity");
        }
    }

    /// Whether a term asks for all that it asked for, and perhaps for more.
    fn narrows(after: &Value, before: &Value) -> bool {
        let list = |term: &Value, field: &str| term[field].as_array().cloned().unwrap_or_default();
        let fields = ["matchExpressions", "matchFields"];
        // An empty term matches nothing: anything added to it would widen it.
        if fields.iter().all(|field| list(before, field).is_empty()) {
            return fields.iter().all(|field| list(after, field).is_empty());
        }
        fields.iter().all(|field| list(after, field).starts_with(&list(before, field)))
    }
}

/// The `ephemeralcontainers` subresource: containers may be added, and nothing else.
pub(super) fn ephemeral_containers(new: &Object, old: &Object) -> Vec<FieldError> {
    if old.annotation(MIRROR).is_some() {
        let detail = "static pods do not support ephemeral containers";
        return vec![FieldError::forbidden(&Path::root(), detail)];
    }
    let mut errors = rules::changed_pod(&typed(new), || typed(old));
    errors.extend(annotations(new, old));
    let path = Path::new("spec").child("ephemeralContainers");
    let all = list(new, "ephemeralContainers").iter();
    let all: HashMap<&Value, &Value> = all.map(|container| (&container["name"], container)).collect();
    for before in list(old, "ephemeralContainers") {
        let name = before["name"].as_str().unwrap_or_default();
        match all.get(&before["name"]) {
            None => {
                let detail = format!("existing ephemeral containers {name:?} may not be removed\n");
                errors.push(FieldError::forbidden(&path, detail));
            }
            Some(after) if *after != before => {
                let shown = |container: &Value| go_form::pretty("EphemeralContainer", container);
                let diff = line_diff::unified(&shown(before), &shown(after));
                let detail = format!("existing ephemeral containers {name:?} may not be changed\n{diff}");
                errors.push(FieldError::forbidden(&path, detail));
            }
            Some(_) => {}
        }
    }
    errors
}

#[cfg(test)]
mod tests;
