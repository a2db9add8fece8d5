//! The rules for autoscalers.

use ironclad_api::quantity::Quantity;
use ironclad_api::{FieldError, GroupVersion, Object, Path, validation};
use k8s_openapi::api::autoscaling::v2;
use k8s_openapi::apimachinery::pkg::api::resource::Quantity as Text;

use super::metrics;
use crate::spec::typed;

const MAX_PERIOD_SECONDS: i32 = 1800;
const MAX_WINDOW_SECONDS: i32 = 3600;
const SELECT_POLICIES: [&str; 3] = ["Disabled", "Max", "Min"];
const POLICY_TYPES: [&str; 2] = ["Percent", "Pods"];

pub(super) fn validate(new: &Object, old: Option<&Object>, path: &Path) -> Vec<FieldError> {
    let spec_of = |object: &Object| typed::<v2::HorizontalPodAutoscaler>(object).spec;
    let (spec, old) = (spec_of(new), old.map(spec_of));
    let old = old.as_ref();
    let mut errors = replicas(&spec, old, path);
    let target = &spec.scale_target_ref;
    let group = target_group(target, old);
    errors.extend(reference(target, group, &path.child("scaleTargetRef")));
    errors.extend(metrics::validate(&spec, old, &path.child("metrics")));
    if let Some(behavior) = &spec.behavior {
        let path = path.child("behavior");
        errors.extend(scaling_rules(behavior.scale_up.as_ref(), &path.child("scaleUp")));
        errors.extend(scaling_rules(behavior.scale_down.as_ref(), &path.child("scaleDown")));
    }
    errors
}

/// Scaling to zero is off (KEP-2021); who has it keeps it.
fn replicas(
    spec: &v2::HorizontalPodAutoscalerSpec,
    old: Option<&v2::HorizontalPodAutoscalerSpec>,
    path: &Path,
) -> Vec<FieldError> {
    let mut errors = Vec::new();
    let least = if old.is_some_and(|old| old.min_replicas == Some(0)) { 0 } else { 1 };
    if let Some(min) = spec.min_replicas.filter(|min| *min < least) {
        let detail = format!("must be greater than or equal to {least}");
        errors.push(FieldError::invalid(&path.child("minReplicas"), min, detail));
    }
    let (max, at) = (spec.max_replicas, path.child("maxReplicas"));
    if max == 0 {
        errors.push(FieldError::required(&at, "must be set and greater than 0"));
    } else if max < 0 {
        errors.push(FieldError::invalid(&at, max, "must be greater than or equal to 1"));
    }
    if spec.min_replicas.is_some_and(|min| max < min) {
        errors.push(FieldError::invalid(&at, max, "must be greater than or equal to `minReplicas`"));
    }
    errors
}

// === references ===

/// What the apiVersion of a reference must say.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Group {
    Named,
    /// The group may be the core group.
    Any,
    /// Not looked at: it is as it was.
    Unchecked,
}

/// What is scaled has a group, but for the one kind of the core group that can be.
fn target_group(
    target: &v2::CrossVersionObjectReference,
    old: Option<&v2::HorizontalPodAutoscalerSpec>,
) -> Group {
    let is_same = |old: &v2::HorizontalPodAutoscalerSpec| {
        let old = &old.scale_target_ref;
        (&old.api_version, &old.kind) == (&target.api_version, &target.kind)
    };
    match old.is_some_and(is_same) {
        true => Group::Unchecked,
        false if target.kind == "ReplicationController" => Group::Any,
        false => Group::Named,
    }
}

pub(super) fn reference(
    reference: &v2::CrossVersionObjectReference,
    group: Group,
    path: &Path,
) -> Vec<FieldError> {
    let mut errors = Vec::new();
    for (field, value) in [("kind", &reference.kind), ("name", &reference.name)] {
        errors.extend(segment(&path.child(field), value, ""));
    }
    if let Some(fault) = version_fault(reference, group) {
        let version = reference.api_version.as_deref().unwrap_or_default();
        errors.push(FieldError::invalid(&path.child("apiVersion"), version, fault));
    }
    errors
}

/// A text that must be given and can stand in a URL.
pub(super) fn segment(path: &Path, value: &str, absent: &str) -> Vec<FieldError> {
    match value {
        "" => vec![FieldError::required(path, absent)],
        value => validation::invalid_each(path, value, validation::path::path_segment_name(value)),
    }
}

pub(super) fn version_fault(reference: &v2::CrossVersionObjectReference, group: Group) -> Option<String> {
    let text = reference.api_version.as_deref().unwrap_or_default();
    if group == Group::Unchecked {
        return None;
    }
    let named = match text {
        "" | "/" => Some(false),
        // One slash at most; both sides may be empty, as upstream.
        text if text.matches('/').count() > 1 => None,
        text => Some(GroupVersion::parse(text).is_some_and(|version| !version.group.is_empty())),
    };
    match named {
        None => Some(format!("unexpected GroupVersion string: {text}")),
        Some(false) if group == Group::Named => Some("apiVersion must specify API group".to_owned()),
        Some(_) => None,
    }
}

// === behavior ===

fn scaling_rules(rules: Option<&v2::HPAScalingRules>, path: &Path) -> Vec<FieldError> {
    let Some(rules) = rules else { return Vec::new() };
    let mut errors = Vec::new();
    let window = path.child("stabilizationWindowSeconds");
    if let Some(seconds) = rules.stabilization_window_seconds {
        if seconds < 0 {
            errors.push(FieldError::invalid(&window, seconds, "must be greater than or equal to zero"));
        }
        if seconds > MAX_WINDOW_SECONDS {
            let detail = format!("must be less than or equal to {MAX_WINDOW_SECONDS}");
            errors.push(FieldError::invalid(&window, seconds, detail));
        }
    }
    if let Some(policy) = rules.select_policy.as_deref().filter(|policy| !SELECT_POLICIES.contains(policy)) {
        errors.push(FieldError::not_supported(&path.child("selectPolicy"), policy, SELECT_POLICIES));
    }
    let policies = rules.policies.as_deref().unwrap_or_default();
    let at = path.child("policies");
    if policies.is_empty() {
        errors.push(FieldError::required(&at, "must specify at least one Policy"));
    }
    for (index, policy) in policies.iter().enumerate() {
        errors.extend(scaling_policy(policy, &at.index(index)));
    }
    if let Some(tolerance) = rules.tolerance.as_ref().and_then(quantity) {
        errors.extend(validation::number::quantity_not_negative(&path.child("tolerance"), &tolerance));
    }
    errors
}

fn scaling_policy(policy: &v2::HPAScalingPolicy, path: &Path) -> Vec<FieldError> {
    let mut errors = Vec::new();
    if !POLICY_TYPES.contains(&policy.type_.as_str()) {
        errors.push(FieldError::not_supported(&path.child("type"), &policy.type_, POLICY_TYPES));
    }
    errors.extend(validation::number::positive(&path.child("value"), policy.value.into()));
    let at = path.child("periodSeconds");
    errors.extend(validation::number::positive(&at, policy.period_seconds.into()));
    if policy.period_seconds > MAX_PERIOD_SECONDS {
        let detail = format!("must be less than or equal to {MAX_PERIOD_SECONDS}");
        errors.push(FieldError::invalid(&at, policy.period_seconds, detail));
    }
    errors
}

/// A quantity, which has passed its schema.
pub(super) fn quantity(text: &Text) -> Option<Quantity> {
    Quantity::parse(&text.0).ok()
}
