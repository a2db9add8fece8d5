//! Upstream's rules for what a quota counts, and for whom.

use std::collections::BTreeSet;

use ironclad_api::{FieldError, Object, Path, validation};
use k8s_openapi::api::core::v1 as core;
use serde_json::{Value, json};

use crate::fields::{items, value_at};
use crate::go_form;
use crate::pod_template::container_resources::{amounts_of, is_huge_page};
use crate::resource_names;
use crate::spec::typed;

type Errors = Vec<FieldError>;

const SCOPES: [&str; 7] = [
    "Terminating",
    "NotTerminating",
    "BestEffort",
    "NotBestEffort",
    "PriorityClass",
    "VolumeAttributesClass",
    "CrossNamespacePodAffinity",
];
/// No object is in both.
const CONFLICTS: [[&str; 2]; 2] = [["BestEffort", "NotBestEffort"], ["Terminating", "NotTerminating"]];
/// Names without a prefix that a quota may count.
const RESOURCES: [&str; 19] = [
    "cpu",
    "memory",
    "ephemeral-storage",
    "requests.cpu",
    "requests.memory",
    "requests.storage",
    "requests.ephemeral-storage",
    "limits.cpu",
    "limits.memory",
    "limits.ephemeral-storage",
    "pods",
    "resourcequotas",
    "services",
    "replicationcontrollers",
    "secrets",
    "persistentvolumeclaims",
    "configmaps",
    "services.nodeports",
    "services.loadbalancers",
];
const OF_PODS: [&str; 7] =
    ["pods", "cpu", "memory", "limits.cpu", "limits.memory", "requests.cpu", "requests.memory"];

pub(super) fn quota(new: &Object, old: Option<&Object>) -> Errors {
    let path = Path::new("spec");
    let quota: core::ResourceQuota = typed(new);
    let spec = quota.spec.unwrap_or_default();
    let mut errors = amounts(new, &["spec", "hard"]);
    errors.extend(scopes(&spec, &path));
    errors.extend(selector(&spec, &path.child("scopeSelector")));
    let set = |quota: &Object| -> BTreeSet<String> {
        let scopes = value_at(quota, &["spec", "scopes"]);
        scopes.as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
    };
    if old.is_some_and(|old| set(old) != set(new)) {
        let shown = value_at(new, &["spec", "scopes"]);
        errors.push(FieldError::invalid(&path.child("scopes"), shown, validation::meta::IMMUTABLE));
    }
    errors
}

pub(super) fn status(quota: &Object) -> Errors {
    [amounts(quota, &["status", "hard"]), amounts(quota, &["status", "used"])].concat()
}

fn amounts(quota: &Object, path: &[&str; 2]) -> Errors {
    let at = Path::new(path[0]).child(path[1]);
    let mut errors = Errors::new();
    for (resource, amount) in amounts_of(quota.at(path)) {
        let at = at.key(&resource);
        errors.extend(resource_name(&resource, &at));
        errors.extend(resource_names::amount(&resource, &amount, &at));
    }
    errors
}

fn resource_name(name: &str, path: &Path) -> Errors {
    let mut errors = resource_names::resource(name, path);
    if !name.contains('/') && !is_standard(name) {
        errors.push(FieldError::invalid(path, name, "must be a standard resource for quota"));
    }
    errors
}

fn is_standard(name: &str) -> bool {
    RESOURCES.contains(&name) || is_huge_page(name) || name.starts_with("requests.hugepages-")
}

/// Whether objects in this scope have any of the resource.
fn is_countable(scope: &str, resource: &str) -> bool {
    match scope {
        "Terminating"
        | "NotTerminating"
        | "NotBestEffort"
        | "PriorityClass"
        | "CrossNamespacePodAffinity" => OF_PODS.contains(&resource),
        "BestEffort" => resource == "pods",
        "VolumeAttributesClass" => ["persistentvolumeclaims", "requests.storage"].contains(&resource),
        _ => true,
    }
}

/// How many of the quota's resources are not to be had in a scope.
fn uncountable(spec: &core::ResourceQuotaSpec, scope: &str) -> usize {
    let resources = spec.hard.iter().flatten().map(|(resource, _)| resource);
    resources.filter(|resource| is_standard(resource) && !is_countable(scope, resource)).count()
}

fn conflicts(scopes: &BTreeSet<&str>) -> usize {
    CONFLICTS.iter().filter(|pair| pair.iter().all(|scope| scopes.contains(scope))).count()
}

fn scopes(spec: &core::ResourceQuotaSpec, path: &Path) -> Errors {
    let path = path.child("scopes");
    let invalid = |detail: &str| FieldError::invalid(&path, json!(spec.scopes), detail);
    let mut errors = Errors::new();
    for scope in items(&spec.scopes) {
        if !SCOPES.contains(&scope.as_str()) {
            errors.push(invalid("unsupported scope"));
        }
        errors
            .extend((0..uncountable(spec, scope)).map(|_| invalid("unsupported scope applied to resource")));
    }
    let all = items(&spec.scopes).iter().map(String::as_str).collect();
    errors.extend((0..conflicts(&all)).map(|_| invalid("conflicting scopes")));
    errors
}

fn selector(spec: &core::ResourceQuotaSpec, path: &Path) -> Errors {
    let Some(selector) = &spec.scope_selector else { return Errors::new() };
    let path = path.child("matchExpressions");
    let expressions = items(&selector.match_expressions);
    let mut errors = Errors::new();
    for expression in expressions {
        let scope = expression.scope_name.as_str();
        if !SCOPES.contains(&scope) {
            errors.push(FieldError::invalid(&path.child("scopeName"), scope, "unsupported scope"));
        }
        errors.extend((0..uncountable(spec, scope)).map(|_| {
            FieldError::invalid(
                &path,
                go_form::compact("ScopeSelector", selector),
                "unsupported scope applied to resource",
            )
        }));
        errors.extend(operator(expression, &path));
    }
    let all = expressions.iter().map(|expression| expression.scope_name.as_str()).collect();
    let shown = json!(spec.scopes);
    errors.extend(
        (0..conflicts(&all)).map(|_| FieldError::invalid(&path, shown.clone(), "conflicting scopes")),
    );
    errors
}

fn operator(expression: &core::ScopedResourceSelectorRequirement, path: &Path) -> Errors {
    let (scope, operator) = (expression.scope_name.as_str(), expression.operator.as_str());
    let values = items(&expression.values);
    let at = path.child("operator");
    let mut errors = Errors::new();
    let valued = ["PriorityClass", "VolumeAttributesClass"].contains(&scope);
    if SCOPES.contains(&scope) && !valued && operator != "Exists" {
        let detail = "must be 'Exists' when scope is any of ResourceQuotaScopeTerminating, \
            ResourceQuotaScopeNotTerminating, ResourceQuotaScopeBestEffort, ResourceQuotaScopeNotBestEffort or \
            ResourceQuotaScopeCrossNamespacePodAffinity";
        errors.push(FieldError::invalid(&at, operator, detail));
    }
    let values_path = path.child("values");
    match operator {
        "In" | "NotIn" if values.is_empty() => {
            let detail = "must be at least one value when `operator` is 'In' or 'NotIn' for scope selector";
            errors.push(FieldError::required(&values_path, detail));
        }
        "Exists" | "DoesNotExist" if !values.is_empty() => {
            let detail = "must be no value when `operator` is 'Exist' or 'DoesNotExist' for scope selector";
            errors.push(FieldError::invalid(&values_path, json!(values), detail));
        }
        "In" | "NotIn" | "Exists" | "DoesNotExist" => {}
        other => errors.push(FieldError::invalid(&at, other, "not a valid selector operator")),
    }
    errors
}
