//! Which requests a configuration is about: operations, groups, versions, resources, selectors.

use std::collections::BTreeSet;

use ironclad_api::field::{FieldError, FieldErrors, Path};
use ironclad_api::validation::invalid_each;
use ironclad_api::validation::path::path_segment_name;
use serde_json::json;

use super::shape::{MatchResources, Rule};

const OPERATIONS: [&str; 5] = ["*", "CONNECT", "CREATE", "DELETE", "UPDATE"];
/// What can be mutated.
const MUTATING_OPERATIONS: [&str; 4] = ["*", "CONNECT", "CREATE", "UPDATE"];
const SCOPES: [&str; 3] = ["*", "Cluster", "Namespaced"];
const MATCH_POLICIES: [&str; 2] = ["Equivalent", "Exact"];
const FAILURE_POLICIES: [&str; 2] = ["Fail", "Ignore"];

fn has_wildcard(list: &[String]) -> bool {
    list.iter().any(|item| item == "*")
}

/// A wildcard stands alone.
fn lone_wildcard(path: &Path, list: &[String], what: &str) -> Option<FieldError> {
    let detail = format!("if '*' is present, must not specify other {what}");
    (list.len() > 1 && has_wildcard(list)).then(|| FieldError::invalid(path, json!(list), detail))
}

/// A value out of a few, if it is given.
pub(super) fn one_of(path: &Path, value: Option<&str>, supported: &[&str]) -> Option<FieldError> {
    let value = value.filter(|value| !supported.contains(value))?;
    Some(FieldError::not_supported(path, value, supported.iter().copied()))
}

pub(super) fn failure_policy(path: &Path, value: Option<&str>) -> Option<FieldError> {
    one_of(&path.child("failurePolicy"), value, &FAILURE_POLICIES)
}

pub(super) fn match_policy(path: &Path, value: Option<&str>) -> Option<FieldError> {
    one_of(&path.child("matchPolicy"), value, &MATCH_POLICIES)
}

/// A rule of a webhook.
pub(super) fn rule(rule: &Rule, path: &Path) -> FieldErrors {
    let operations = path.child("operations");
    let mut errors = FieldErrors::new();
    if rule.operations.is_empty() {
        errors.push(FieldError::required(&operations, ""));
    }
    errors.extend(lone_wildcard(&operations, &rule.operations, "operations"));
    for (index, operation) in rule.operations.iter().enumerate() {
        errors.extend(one_of(&operations.index(index), Some(operation), &OPERATIONS));
    }
    let (groups, versions) = (path.child("apiGroups"), path.child("apiVersions"));
    if rule.api_groups.is_empty() {
        errors.push(FieldError::required(&groups, ""));
    }
    errors.extend(lone_wildcard(&groups, &rule.api_groups, "API groups"));
    if rule.api_versions.is_empty() {
        errors.push(FieldError::required(&versions, ""));
    }
    errors.extend(lone_wildcard(&versions, &rule.api_versions, "API versions"));
    errors.extend(required_items(&versions, &rule.api_versions));
    errors.extend(resources(&rule.resources, &path.child("resources")));
    errors.extend(one_of(&path.child("scope"), rule.scope.as_deref(), &SCOPES));
    errors
}

fn required_items(path: &Path, list: &[String]) -> FieldErrors {
    let empty = list.iter().enumerate().filter(|(_, item)| item.is_empty());
    empty.map(|(index, _)| FieldError::required(&path.index(index), "")).collect()
}

/// `pods`, `pods/status`, `pods/*`, `*/scale`, `*`, `*/*`: none may cover another.
fn resources(resources: &[String], path: &Path) -> FieldErrors {
    let mut errors = FieldErrors::new();
    if resources.is_empty() {
        errors.push(FieldError::required(path, ""));
    }
    let (mut all_of_resource, mut resource_of_all) = (BTreeSet::new(), BTreeSet::new());
    // As upstream: the last of those without a subresource decides.
    let mut last_is_plain = false;
    for (index, whole) in resources.iter().enumerate() {
        let path = path.index(index);
        if whole.is_empty() {
            errors.push(FieldError::required(&path, ""));
            continue;
        }
        let Some((resource, subresource)) = whole.split_once('/') else {
            last_is_plain = whole != "*";
            continue;
        };
        let covered = |by: String| {
            FieldError::invalid(&path, whole, format!("if '{by}' is present, must not specify {whole}"))
        };
        if all_of_resource.contains(resource) {
            errors.push(covered(format!("{resource}/*")));
        }
        if resource_of_all.contains(subresource) {
            errors.push(covered(format!("*/{subresource}")));
        }
        if subresource == "*" {
            all_of_resource.insert(resource);
        }
        if resource == "*" {
            resource_of_all.insert(subresource);
        }
    }
    let invalid = |detail: &str| FieldError::invalid(path, json!(resources), detail);
    if resources.len() > 1 && resources.iter().any(|resource| resource == "*/*") {
        errors.push(invalid("if '*/*' is present, must not specify other resources"));
    }
    if has_wildcard(resources) && last_is_plain {
        errors.push(invalid("if '*' is present, must not specify other resources without subresources"));
    }
    errors
}

/// What a policy or its binding is about.
pub(super) fn match_resources(matched: &MatchResources, path: &Path) -> FieldErrors {
    let mut errors = FieldErrors::new();
    match matched.match_policy.as_deref() {
        None => errors.push(FieldError::required(&path.child("matchPolicy"), "")),
        policy => errors.extend(match_policy(path, policy)),
    }
    let selectors =
        [("namespaceSelector", &matched.namespace_selector), ("objectSelector", &matched.object_selector)];
    for (field, selector) in selectors {
        let path = path.child(field);
        match selector {
            None => errors.push(FieldError::required(&path, "")),
            Some(selector) => errors.extend(selector.validate(&path)),
        }
    }
    let rules = [
        ("resourceRules", &matched.resource_rules),
        ("excludeResourceRules", &matched.exclude_resource_rules),
    ];
    for (field, rules) in rules {
        let path = path.child(field);
        let each = rules.iter().enumerate();
        errors.extend(each.flat_map(|(index, rule)| named_rule(rule, &path.index(index))));
    }
    errors
}

fn named_rule(named: &Rule, path: &Path) -> FieldErrors {
    let mut errors = FieldErrors::new();
    let mut seen = BTreeSet::new();
    for (index, name) in named.resource_names.iter().enumerate() {
        let path = path.child("resourceNames").index(index);
        errors.extend(invalid_each(&path, name, path_segment_name(name)));
        if !seen.insert(name) {
            errors.push(FieldError::duplicate(&path, name));
        }
    }
    errors.extend(rule(named, path));
    errors
}

/// A mutating policy changes what is created and updated, and nothing else.
pub(super) fn mutating_operations(matched: &MatchResources, path: &Path) -> FieldErrors {
    let path = path.child("resourceRules").child("operations");
    let operations = matched.resource_rules.iter().flat_map(|rule| &rule.operations);
    operations.filter_map(|operation| one_of(&path, Some(operation), &MUTATING_OPERATIONS)).collect()
}
