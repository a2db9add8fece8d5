//! What the server sets in a pod, and what it does not let clients set.

use ironclad_api::object::string_map;
use ironclad_api::{Object, Status};
use ironclad_engine::strategy::{Part, Preparation};
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::conditions::{self, Condition};
use super::{BINDING, EPHEMERAL_CONTAINERS, RESIZE, app_armor, qos};
use crate::pod_template::{defaults, gates};
use crate::spec::{object_at, objects_at};

pub(super) fn prepare(
    new: &mut Object,
    old: Option<&Object>,
    preparation: &Preparation<'_>,
) -> Result<(), Status> {
    match (old, preparation.part) {
        (None, _) => create(new, preparation.now),
        (Some(old), Part::Main) => update(new, old),
        (Some(old), Part::Status) => status(new, old),
        (Some(old), EPHEMERAL_CONTAINERS) => keep_but_ephemeral_containers(new, old),
        (Some(old), RESIZE) => keep_but_resources(new, old),
        (Some(_), BINDING | Part::Named(_)) => {}
    }
    Ok(())
}

fn spec(pod: &Object) -> Option<&Map<String, Value>> {
    pod.0.get("spec").and_then(Value::as_object)
}

// === create ===

fn create(pod: &mut Object, now: Timestamp) {
    // Admission may have set the service account under one of its names.
    defaults::mirror_service_account(pod.section_mut("spec"));
    gates::drop_disabled(pod.section_mut("spec"), None);
    let class = qos::class(pod);
    pod.0.insert("status".into(), json!({ "phase": "Pending", "qosClass": class }));
    if !list(pod, "schedulingGates").is_empty() {
        let gated = Condition {
            kind: "PodScheduled",
            status: "False",
            reason: "SchedulingGated",
            message: "Scheduling is blocked due to non-empty scheduling gates",
        };
        conditions::set(pod, &gated, now);
    }
    let labels = string_map(pod.metadata().and_then(|metadata| metadata.get("labels")));
    select_by_label_keys(pod.section_mut("spec"), &labels);
    app_armor::fields_from_annotations(pod);
}

fn list<'a>(pod: &'a Object, field: &str) -> &'a [Value] {
    pod.at(&["spec", field]).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

type Labels = std::collections::BTreeMap<String, String>;

/// `matchLabelKeys` become part of the selectors beside them, with the pod's own values
/// (KEP-3633, KEP-3243).
fn select_by_label_keys(spec: &mut Map<String, Value>, labels: &Labels) {
    for constraint in objects_at(spec, "topologySpreadConstraints") {
        extend_selector(constraint, labels);
    }
    let Some(affinity) = object_at(spec, "affinity") else { return };
    for kind in ["podAffinity", "podAntiAffinity"] {
        let Some(affinity) = object_at(affinity, kind) else { continue };
        for term in objects_at(affinity, "preferredDuringSchedulingIgnoredDuringExecution") {
            if let Some(term) = object_at(term, "podAffinityTerm") {
                extend_selector(term, labels);
            }
        }
        for term in objects_at(affinity, "requiredDuringSchedulingIgnoredDuringExecution") {
            extend_selector(term, labels);
        }
    }
}

/// A term without a selector matches nothing, whatever its keys.
fn extend_selector(term: &mut Map<String, Value>, labels: &Labels) {
    let mut more = Vec::new();
    for (keys, operator) in [("matchLabelKeys", "In"), ("mismatchLabelKeys", "NotIn")] {
        let keys = term.get(keys).and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
        let known = keys.filter_map(|key| Some((key, labels.get(key)?)));
        more.extend(known.map(|(key, value)| json!({"key": key, "operator": operator, "values": [value]})));
    }
    let Some(selector) = object_at(term, "labelSelector").filter(|_| !more.is_empty()) else { return };
    let expressions = selector.entry("matchExpressions").or_insert_with(|| json!([]));
    if let Some(expressions) = expressions.as_array_mut() {
        expressions.extend(more);
    }
}

// === update ===

fn update(new: &mut Object, old: &Object) {
    defaults::mirror_service_account(new.section_mut("spec"));
    gates::drop_disabled(new.section_mut("spec"), spec(old));
}

/// Owners and the deletion are not the status's business, and the class of service was
/// settled when the pod was made.
fn status(new: &mut Object, old: &Object) {
    for field in ["ownerReferences", "deletionTimestamp"] {
        keep_meta(new, old, field);
    }
    let class = old.str_at(&["status", "qosClass"]).to_owned();
    let observed = old.at(&["status", "observedGeneration"]).cloned();
    let mut generations = observed_generations(old);
    let status = new.section_mut("status");
    let unset = |value: Option<&Value>| value.and_then(Value::as_i64).unwrap_or(0) == 0;
    if status.get("qosClass").and_then(Value::as_str).unwrap_or_default().is_empty() && !class.is_empty() {
        status.insert("qosClass".into(), class.into());
    }
    if let Some(observed) = observed.filter(|_| unset(status.get("observedGeneration"))) {
        status.insert("observedGeneration".into(), observed);
    }
    // Several conditions may have one type: they are matched in order.
    for condition in objects_at(status, "conditions") {
        let kind = condition.get("type").cloned().unwrap_or_default();
        let Some(at) = generations.iter().position(|(standing, _)| *standing == kind) else { continue };
        let (_, generation) = generations.remove(at);
        if generation != 0 && unset(condition.get("observedGeneration")) {
            condition.insert("observedGeneration".into(), generation.into());
        }
    }
}

fn observed_generations(pod: &Object) -> Vec<(Value, i64)> {
    let conditions = pod.at(&["status", "conditions"]).and_then(Value::as_array).into_iter().flatten();
    let generation = |condition: &Value| condition["observedGeneration"].as_i64().unwrap_or(0);
    conditions.map(|condition| (condition["type"].clone(), generation(condition))).collect()
}

fn keep_meta(new: &mut Object, old: &Object, field: &str) {
    match old.metadata().and_then(|metadata| metadata.get(field)) {
        Some(value) => new.set_meta(field, value.clone()),
        None => drop(new.remove_meta(field)),
    }
}

// === parts of the spec ===

/// Metadata that writes of a part of the spec cannot change.
/// Source: `metav1.ResetObjectMetaForStatus`.
const KEPT_METADATA: [&str; 5] =
    ["labels", "annotations", "finalizers", "ownerReferences", "deletionTimestamp"];

fn keep_metadata_and_status(new: &mut Object, old: &Object) {
    KEPT_METADATA.iter().for_each(|field| keep_meta(new, old, field));
    match old.0.get("status") {
        Some(status) => drop(new.0.insert("status".into(), status.clone())),
        None => drop(new.0.remove("status")),
    }
}

fn keep_but_ephemeral_containers(new: &mut Object, old: &Object) {
    let added = new.section_mut("spec").remove("ephemeralContainers");
    let mut kept = spec(old).cloned().unwrap_or_default();
    kept.remove("ephemeralContainers");
    kept.extend(added.map(|containers| ("ephemeralContainers".to_owned(), containers)));
    gates::drop_disabled(&mut kept, spec(old));
    new.0.insert("spec".into(), kept.into());
    keep_metadata_and_status(new, old);
}

/// Where containers were added, removed, renamed or moved, everything stays as it was sent, so that
/// validation says so.
fn keep_but_resources(new: &mut Object, old: &Object) {
    let sent = new.section_mut("spec").clone();
    let mut kept = spec(old).cloned().unwrap_or_default();
    for containers in ["containers", "initContainers"] {
        if count(&sent, containers) != count(&kept, containers) {
            return;
        }
    }
    match sent.get("resources") {
        Some(resources) => drop(kept.insert("resources".into(), resources.clone())),
        None => drop(kept.remove("resources")),
    }
    for containers in ["containers", "initContainers"] {
        take_resources(&sent, &mut kept, containers);
    }
    new.0.insert("spec".into(), kept.into());
    keep_metadata_and_status(new, old);
}

fn count(spec: &Map<String, Value>, containers: &str) -> usize {
    spec.get(containers).and_then(Value::as_array).map_or(0, Vec::len)
}

fn take_resources(sent: &Map<String, Value>, kept: &mut Map<String, Value>, containers: &str) {
    let new: Vec<&Value> = sent.get(containers).and_then(Value::as_array).into_iter().flatten().collect();
    let old = kept.get(containers).and_then(Value::as_array).into_iter().flatten();
    if new.iter().zip(old).any(|(new, old)| new["name"] != old["name"]) {
        if let Some(all) = sent.get(containers) {
            kept.insert(containers.to_owned(), all.clone());
        }
        return;
    }
    for (old, new) in objects_at(kept, containers).zip(new) {
        for field in ["resources", "resizePolicy"] {
            match new.get(field) {
                Some(value) => drop(old.insert(field.to_owned(), value.clone())),
                None => drop(old.remove(field)),
            }
        }
    }
}
