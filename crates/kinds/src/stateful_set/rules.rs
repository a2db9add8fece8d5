//! The rules for StatefulSets.

use std::collections::BTreeMap;

use ironclad_api::field::BadValue;
use ironclad_api::labels::LabelSelector;
use ironclad_api::{FieldError, Object, Path, validation};
use k8s_openapi::api::apps::v1 as apps;
use k8s_openapi::api::core::v1 as core;
use serde_json::Value;

use super::ROLLING_UPDATE;
use crate::go_form;
use crate::pod_template::{rules, workload};
use crate::rollout;
use crate::spec::typed;
use crate::volume_rules::claim::{self, Leniency};

const ON_DELETE: &str = "OnDelete";
const POLICIES: [&str; 2] = ["OrderedReady", "Parallel"];
const RETENTION: [&str; 2] = ["Retain", "Delete"];
/// What may change.
const MUTABLE: [&str; 7] = [
    "replicas",
    "template",
    "updateStrategy",
    "minReadySeconds",
    "ordinals",
    "revisionHistoryLimit",
    "persistentVolumeClaimRetentionPolicy",
];
const IMMUTABLE: &str = "updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', \
    'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden";

pub(super) fn created(set: &Object) -> Vec<FieldError> {
    spec(set, Checks { names_and_claims: true, template: true })
}

/// What cannot change is not looked at again, and a template not when the set was wrong before.
pub(super) fn updated(new: &Object, old: &Object) -> Vec<FieldError> {
    let was_valid = spec(old, Checks { names_and_claims: false, template: true }).is_empty();
    let mut errors = spec(new, Checks { names_and_claims: false, template: was_valid });
    let fixed = |set: &Object| {
        let mut spec = set.0.get("spec").and_then(Value::as_object).cloned().unwrap_or_default();
        MUTABLE.iter().for_each(|field| drop(spec.remove(*field)));
        spec
    };
    if fixed(new) != fixed(old) {
        errors.push(FieldError::forbidden(&Path::new("spec"), IMMUTABLE));
    }
    errors
}

/// Which rules are asked.
#[derive(Clone, Copy)]
struct Checks {
    /// Those for `serviceName` and `volumeClaimTemplates`.
    names_and_claims: bool,
    template: bool,
}

fn spec(set: &Object, checks: Checks) -> Vec<FieldError> {
    let typed: apps::StatefulSet = typed(set);
    let spec = typed.spec.unwrap_or_default();
    let path = Path::new("spec");
    let policy = spec.pod_management_policy.as_deref().unwrap_or_default();
    let mut errors: Vec<FieldError> =
        either(&path.child("podManagementPolicy"), policy, policy.into(), POLICIES).into_iter().collect();
    let strategy = set.at(&["spec", "updateStrategy"]).cloned().unwrap_or_default();
    errors.extend(update_strategy(&strategy, &path.child("updateStrategy")));
    errors.extend(retention(&spec, &path.child("persistentVolumeClaimRetentionPolicy")));
    if checks.names_and_claims {
        errors.extend(claims(&spec, &path.child("volumeClaimTemplates")));
    }
    errors.extend(workload::not_negative(set, "spec", &["replicas", "minReadySeconds"]));
    let start = spec.ordinals.as_ref().and_then(|ordinals| ordinals.start).unwrap_or(0);
    errors.extend(validation::number::not_negative(&path.child("ordinals.start"), start.into()));
    if let Some(service) =
        spec.service_name.as_ref().filter(|name| checks.names_and_claims && !name.is_empty())
    {
        let faults = validation::dns1123_label(service);
        errors.extend(validation::invalid_each(&path.child("serviceName"), service, faults));
    }
    errors.extend(selector_and_template(set, &spec, checks));
    errors.extend(workload::runs_for_ever(set, "StatefulSet"));
    errors
}

fn either(path: &Path, value: &str, shown: BadValue, supported: [&str; 2]) -> Option<FieldError> {
    let [first, second] = supported;
    match value {
        "" => Some(FieldError::required(path, "")),
        value if supported.contains(&value) => None,
        _ => Some(FieldError::invalid(path, shown, format!("must be '{first}' or '{second}'"))),
    }
}

fn update_strategy(strategy: &Value, path: &Path) -> Vec<FieldError> {
    let rolling = strategy.get("rollingUpdate").filter(|rolling| rolling.is_object());
    let at = path.child("rollingUpdate");
    match (strategy["type"].as_str().unwrap_or_default(), rolling) {
        (ROLLING_UPDATE | ON_DELETE, None) => Vec::new(),
        (ROLLING_UPDATE, Some(rolling)) => rolling_update(rolling, &at),
        (ON_DELETE, Some(rolling)) => {
            let shown = go_form::compact("RollingUpdateStatefulSetStrategy", rolling);
            let detail = format!("only allowed for updateStrategy '{ROLLING_UPDATE}'");
            vec![FieldError::invalid(&at, shown, detail)]
        }
        (kind, _) => {
            let shown = go_form::compact("StatefulSetUpdateStrategy", strategy);
            either(path, kind, shown, [ROLLING_UPDATE, ON_DELETE]).into_iter().collect()
        }
    }
}

fn rolling_update(rolling: &Value, path: &Path) -> Vec<FieldError> {
    let partition = rolling.get("partition").and_then(Value::as_i64).unwrap_or(0);
    let mut errors = validation::number::not_negative(&path.child("partition"), partition);
    if rolling.get("maxUnavailable").is_none_or(Value::is_null) {
        return errors;
    }
    let (path, amount) = (path.child("maxUnavailable"), rollout::amount(rolling, "maxUnavailable"));
    errors.extend(rollout::validate(&path, &amount));
    if rollout::value(&amount) == 0 {
        errors.push(FieldError::invalid(&path, rollout::shown(&amount), "cannot be 0"));
    }
    errors.extend(rollout::not_above_100_percent(&path, &amount));
    errors
}

fn retention(spec: &apps::StatefulSetSpec, path: &Path) -> Vec<FieldError> {
    let Some(policy) = &spec.persistent_volume_claim_retention_policy else { return Vec::new() };
    let each = [("whenDeleted", &policy.when_deleted), ("whenScaled", &policy.when_scaled)];
    let wrong = each.into_iter().map(|(field, value)| (field, value.as_deref().unwrap_or_default()));
    let wrong = wrong.filter(|(_, value)| !RETENTION.contains(value));
    wrong.map(|(field, value)| FieldError::not_supported(&path.child(field), value, RETENTION)).collect()
}

fn claims(spec: &apps::StatefulSetSpec, path: &Path) -> Vec<FieldError> {
    let templates = spec.volume_claim_templates.iter().flatten().enumerate();
    templates
        .flat_map(|(index, claim)| {
            let spec = claim.spec.clone().unwrap_or_default();
            claim::spec(&spec, Leniency::default(), &path.index(index).child("spec"))
        })
        .collect()
}

fn selector_and_template(set: &Object, spec: &apps::StatefulSetSpec, checks: Checks) -> Vec<FieldError> {
    let path = Path::new("spec").child("selector");
    let mut errors = Vec::new();
    let Some(given) = workload::selector_value(set) else {
        errors.push(FieldError::required(&path, ""));
        // No selector selects nothing, so that the template cannot match it.
        errors.push(workload::unselected(set));
        errors.extend(template(spec, checks));
        return errors;
    };
    let selector: LabelSelector = serde_json::from_value(given.clone()).unwrap_or_default();
    errors.extend(selector.validate(&path));
    if selector.is_empty() {
        errors.push(FieldError::invalid(&path, given, "empty selector is invalid for statefulset"));
    }
    match selector.to_selector() {
        Err(_) => errors.push(FieldError::invalid(&path, given, "")),
        Ok(parsed) => {
            if !parsed.matches(&workload::template_labels(set)) {
                errors.push(workload::unselected(set));
            }
            errors.extend(template(spec, checks));
        }
    }
    errors
}

/// The template as the pods will have it: named by the controller, with the volumes of their claims.
fn template(spec: &apps::StatefulSetSpec, checks: Checks) -> Vec<FieldError> {
    let mut template = spec.template.clone();
    if let Some(pod) = &mut template.spec {
        pod.subdomain = None;
        pod.hostname = None;
        add_claims(pod, spec);
    }
    let path = Path::new("spec").child("template");
    let mut errors = if checks.template { rules::template(&template, &path) } else { Vec::new() };
    // Upstream says this twice.
    errors.extend(rules::template_metadata(&template, &path));
    errors
}

fn add_claims(pod: &mut core::PodSpec, spec: &apps::StatefulSetSpec) {
    let claims = spec.volume_claim_templates.iter().flatten();
    let names = claims.map(|claim| claim.metadata.name.clone().unwrap_or_default());
    let added: BTreeMap<String, core::Volume> = names.map(|name| (name.clone(), volume_of(name))).collect();
    if added.is_empty() {
        return;
    }
    let kept = pod.volumes.take().unwrap_or_default().into_iter();
    let kept: Vec<core::Volume> = kept.filter(|volume| !added.contains_key(&volume.name)).collect();
    pod.volumes = Some(added.into_values().chain(kept).collect());
}

fn volume_of(claim: String) -> core::Volume {
    let source = core::PersistentVolumeClaimVolumeSource { claim_name: claim.clone(), read_only: None };
    core::Volume { name: claim, persistent_volume_claim: Some(source), ..core::Volume::default() }
}

// === status ===

pub(super) fn status(new: &Object, old: &Object) -> Vec<FieldError> {
    let fields = [
        "replicas",
        "readyReplicas",
        "currentReplicas",
        "updatedReplicas",
        "availableReplicas",
        "observedGeneration",
        "collisionCount",
    ];
    let mut errors = workload::not_negative(new, "status", &fields);
    let number = |field: &str| new.at(&["status", field]).and_then(Value::as_i64).unwrap_or(0);
    let path = Path::new("status");
    for part in ["readyReplicas", "currentReplicas", "updatedReplicas", "availableReplicas"] {
        if number(part) > number("replicas") {
            let detail = "cannot be greater than status.replicas";
            errors.push(FieldError::invalid(&path.child(part), number(part), detail));
        }
    }
    let available = number("availableReplicas");
    if available > number("readyReplicas") {
        let detail = "cannot be greater than status.readyReplicas";
        errors.push(FieldError::invalid(&path.child("availableReplicas"), available, detail));
    }
    errors.extend(workload::collisions(new, old));
    errors
}
