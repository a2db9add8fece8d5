//! What may change in a job.

use ironclad_api::{FieldError, Object, Path};
use serde_json::{Map, Value};

use crate::go_form;
use crate::job_spec::INDEXED;
use crate::pod_template::workload::immutable;
use crate::spec::{object_at, objects_at};

/// What never changes, with its [kind](go_form).
const FIXED: [(&str, &str); 5] = [
    ("completionMode", "n"),
    ("podFailurePolicy", "*PodFailurePolicy"),
    ("backoffLimitPerIndex", "n"),
    ("managedBy", "n"),
    ("successPolicy", "*SuccessPolicy"),
];

pub(super) fn updated(new: &Object, old: &Object) -> Vec<FieldError> {
    let mut errors = completions(new, old);
    errors.extend(immutable(new, old, "selector", "*LabelSelector"));
    errors.extend(template(new, old));
    errors.extend(FIXED.iter().flat_map(|(field, kind)| immutable(new, old, field, kind)));
    errors
}

/// An indexed job may grow and shrink together with its parallelism.
fn completions(new: &Object, old: &Object) -> Vec<FieldError> {
    if new.str_at(&["spec", "completionMode"]) != INDEXED {
        return immutable(new, old, "completions", "n");
    }
    let number = |object: &Object, field: &str| object.at(&["spec", field]).and_then(Value::as_i64);
    let (Some(after), before) = (number(new, "completions"), number(old, "completions")) else {
        return Vec::new();
    };
    if Some(after) == before || Some(after) == number(new, "parallelism") {
        return Vec::new();
    }
    let path = Path::new("spec").child("completions");
    vec![FieldError::invalid(&path, after, "can only be modified in tandem with spec.parallelism")]
}

/// While a suspended job has no pods, where they may run and what they ask for may change
/// (KEP-2926, KEP-5440).
fn template(new: &Object, old: &Object) -> Vec<FieldError> {
    let of =
        |job: &Object| job.at(&["spec", "template"]).and_then(Value::as_object).cloned().unwrap_or_default();
    let (template, mut before) = (of(new), of(old));
    let path = Path::new("spec").child("template");
    if !has_no_pods(old) {
        return same(&path, "PodTemplateSpec", template, before);
    }
    take_scheduling(&mut before, &template);
    let spec = |template: Map<String, Value>| {
        template.get("spec").and_then(Value::as_object).cloned().unwrap_or_default()
    };
    let (spec, mut before) = (spec(template), spec(before));
    for containers in ["containers", "initContainers"] {
        take_resources(&mut before, &spec, containers);
    }
    same(&path.child("spec"), "PodSpec", spec, before)
}

fn same(path: &Path, kind: &str, new: Map<String, Value>, old: Map<String, Value>) -> Vec<FieldError> {
    go_form::immutable(path, kind, &Value::Object(new), &Value::Object(old))
}

fn has_no_pods(job: &Object) -> bool {
    let suspended = job.at(&["spec", "suspend"]) == Some(&Value::Bool(true));
    let started = !job.str_at(&["status", "startTime"]).is_empty();
    let conditions = job.at(&["status", "conditions"]).and_then(Value::as_array).into_iter().flatten();
    let mut suspensions =
        conditions.filter(|condition| condition["type"] == "Suspended" && condition["status"] == "True");
    let active = job.at(&["status", "active"]).and_then(Value::as_i64).unwrap_or(0);
    suspended && (!started || suspensions.next().is_some()) && active == 0
}

/// Makes the scheduling directives of `before` those of `after`.
fn take_scheduling(before: &mut Map<String, Value>, after: &Map<String, Value>) {
    let empty = Map::new();
    let section = |name: &str| after.get(name).and_then(Value::as_object).unwrap_or(&empty);
    let metadata = ironclad_api::object::object_in(before, "metadata");
    for field in ["annotations", "labels"] {
        take(metadata, section("metadata"), field);
    }
    let (spec, new) = (ironclad_api::object::object_in(before, "spec"), section("spec"));
    for field in ["nodeSelector", "tolerations", "schedulingGates"] {
        take(spec, new, field);
    }
    let node_affinity = new.get("affinity").and_then(|affinity| affinity.get("nodeAffinity")).cloned();
    let had_affinity = spec.contains_key("affinity");
    let affinity = ironclad_api::object::object_in(spec, "affinity");
    match node_affinity {
        Some(node_affinity) => drop(affinity.insert("nodeAffinity".into(), node_affinity)),
        None => drop(affinity.remove("nodeAffinity")),
    }
    let wanted = new.contains_key("affinity");
    if affinity.is_empty() && !(wanted && had_affinity) {
        spec.remove("affinity");
    }
    if wanted && !spec.contains_key("affinity") && new.get("affinity") == Some(&Value::Object(Map::new())) {
        spec.insert("affinity".into(), Value::Object(Map::new()));
    }
}

fn take(to: &mut Map<String, Value>, from: &Map<String, Value>, field: &str) {
    match from.get(field) {
        Some(value) => drop(to.insert(field.to_owned(), value.clone())),
        None => drop(to.remove(field)),
    }
}

fn take_resources(before: &mut Map<String, Value>, after: &Map<String, Value>, containers: &str) {
    let new = after.get(containers).and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let count = before.get(containers).and_then(Value::as_array).map_or(0, Vec::len);
    if count != new.len() {
        return;
    }
    for (old, new) in objects_at(before, containers).zip(new) {
        if old.get("name") == new.get("name") {
            match new.get("resources") {
                Some(resources) => drop(old.insert("resources".into(), resources.clone())),
                None => drop(object_at(old, "resources").map(Map::clear)),
            }
        }
    }
}
