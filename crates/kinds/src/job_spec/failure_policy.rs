//! `spec.podFailurePolicy` (KEP-3329).

use std::collections::BTreeSet;

use ironclad_api::field::BadValue;
use ironclad_api::{FieldError, Path, goprint, validation};
use k8s_openapi::api::batch::v1 as batch;
use serde_json::{Value, json};

const ACTIONS: [&str; 4] = ["Count", "FailIndex", "FailJob", "Ignore"];
const OPERATORS: [&str; 2] = ["In", "NotIn"];
const STATUSES: [&str; 3] = ["False", "True", "Unknown"];
const MAX_RULES: usize = 20;
const MAX_EXIT_CODES: usize = 255;
const MAX_PATTERNS: usize = 20;

pub(super) fn validate(spec: &batch::JobSpec, path: &Path) -> Vec<FieldError> {
    let Some(policy) = &spec.pod_failure_policy else { return Vec::new() };
    let path = path.child("rules");
    let mut errors = Vec::new();
    if policy.rules.len() > MAX_RULES {
        errors.push(FieldError::too_many(&path, policy.rules.len(), MAX_RULES));
    }
    let containers = containers(spec);
    for (index, rule) in policy.rules.iter().enumerate() {
        errors.extend(self::rule(rule, spec, &containers, &path.index(index)));
    }
    errors
}

/// A word that must be given, out of an enumeration.
fn word(path: &Path, value: &str, supported: &[&str]) -> Option<FieldError> {
    match value {
        "" => {
            let list = supported.iter().map(|word| goprint::quote(word)).collect::<Vec<_>>().join(" ");
            Some(FieldError::required(path, format!("valid values: [{list}]")))
        }
        value if supported.contains(&value) => None,
        value => Some(FieldError::not_supported(path, value, supported.iter().copied())),
    }
}

fn rule(
    rule: &batch::PodFailurePolicyRule,
    spec: &batch::JobSpec,
    containers: &Names<'_>,
    path: &Path,
) -> Vec<FieldError> {
    let action = path.child("action");
    let mut errors: Vec<FieldError> = word(&action, &rule.action, &ACTIONS).into_iter().collect();
    if rule.action == "FailIndex" && spec.backoff_limit_per_index.is_none() {
        let detail = "requires the backoffLimitPerIndex to be set";
        errors.push(FieldError::invalid(&action, &rule.action, detail));
    }
    let conditions = rule.on_pod_conditions.as_deref().unwrap_or_default();
    if let Some(codes) = &rule.on_exit_codes {
        errors.extend(exit_codes(codes, containers, &path.child("onExitCodes")));
    }
    errors.extend(pod_conditions(conditions, &path.child("onPodConditions")));
    let fault = match (rule.on_exit_codes.is_some(), conditions.is_empty()) {
        (true, false) => Some("specifying both OnExitCodes and OnPodConditions is not supported"),
        (false, true) => Some("specifying one of OnExitCodes and OnPodConditions is required"),
        _ => None,
    };
    errors.extend(fault.map(|fault| FieldError::invalid(path, BadValue::Omitted, fault)));
    errors
}

fn pod_conditions(
    patterns: &[batch::PodFailurePolicyOnPodConditionsPattern],
    path: &Path,
) -> Vec<FieldError> {
    let mut errors = Vec::new();
    if patterns.len() > MAX_PATTERNS {
        errors.push(FieldError::too_many(path, patterns.len(), MAX_PATTERNS));
    }
    for (index, pattern) in patterns.iter().enumerate() {
        let path = path.index(index);
        errors.extend(validation::label::label_key(&path.child("type"), &pattern.type_));
        errors.extend(word(&path.child("status"), pattern.status.as_deref().unwrap_or_default(), &STATUSES));
    }
    errors
}

fn exit_codes(
    codes: &batch::PodFailurePolicyOnExitCodesRequirement,
    containers: &Names<'_>,
    path: &Path,
) -> Vec<FieldError> {
    let mut errors: Vec<FieldError> =
        word(&path.child("operator"), &codes.operator, &OPERATORS).into_iter().collect();
    if let Some(name) = codes.container_name.as_ref().filter(|name| !containers.contains(name.as_str())) {
        let detail = "must be one of the container or initContainer names in the pod template";
        errors.push(FieldError::invalid(&path.child("containerName"), name, detail));
    }
    let at = path.child("values");
    match codes.values.len() {
        0 => errors.push(FieldError::invalid(&at, Value::Null, "at least one value is required")),
        count if count > MAX_EXIT_CODES => errors.push(FieldError::too_many(&at, count, MAX_EXIT_CODES)),
        _ => {}
    }
    let mut seen = BTreeSet::new();
    for (index, code) in codes.values.iter().enumerate() {
        let path = at.index(index);
        if codes.operator == "In" && *code == 0 {
            errors.push(FieldError::invalid(&path, *code, "must not be 0 for the In operator"));
        }
        if !seen.insert(code) {
            errors.push(FieldError::duplicate(&path, *code));
        }
    }
    if !codes.values.is_sorted() {
        errors.push(FieldError::invalid(&at, json!(codes.values), "must be ordered"));
    }
    errors
}

type Names<'a> = BTreeSet<&'a str>;

/// The names that a rule may be about.
fn containers(spec: &batch::JobSpec) -> Names<'_> {
    let pod = spec.template.spec.iter();
    let all = pod.flat_map(|pod| pod.containers.iter().chain(pod.init_containers.iter().flatten()));
    all.map(|container| container.name.as_str()).collect()
}
