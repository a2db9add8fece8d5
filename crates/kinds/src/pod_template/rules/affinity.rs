//! Affinity to nodes and to other pods.

use std::collections::{BTreeMap, BTreeSet};

use ironclad_api::labels::LabelSelector;
use ironclad_api::{FieldError, Path, validation};
use k8s_openapi::api::core::v1 as core;

use super::{Errors, items};
use crate::label_selectors::selector;

const REQUIRED: &str = "requiredDuringSchedulingIgnoredDuringExecution";
const PREFERRED: &str = "preferredDuringSchedulingIgnoredDuringExecution";
const NOT_AN_OPERATOR: &str = "not a valid selector operator";
const BOTH: &str = "exists in both matchLabelKeys and labelSelector";
const NO_SELECTOR: &str = "must not be specified when labelSelector is not set";

pub(super) fn affinity(affinity: Option<&core::Affinity>, path: &Path) -> Errors {
    let Some(affinity) = affinity else { return Errors::new() };
    let mut errors = Errors::new();
    if let Some(node) = &affinity.node_affinity {
        errors.extend(node_affinity(node, &path.child("nodeAffinity")));
    }
    if let Some(pods) = &affinity.pod_affinity {
        let required = items(&pods.required_during_scheduling_ignored_during_execution);
        let preferred = items(&pods.preferred_during_scheduling_ignored_during_execution);
        errors.extend(pod_terms(required, preferred, &path.child("podAffinity")));
    }
    if let Some(pods) = &affinity.pod_anti_affinity {
        let required = items(&pods.required_during_scheduling_ignored_during_execution);
        let preferred = items(&pods.preferred_during_scheduling_ignored_during_execution);
        errors.extend(pod_terms(required, preferred, &path.child("podAntiAffinity")));
    }
    errors
}

fn weight(weight: i32, path: &Path) -> Option<FieldError> {
    let fault = || FieldError::invalid(&path.child("weight"), weight, "must be in the range 1-100");
    (!(1..=100).contains(&weight)).then(fault)
}

// === nodes ===

fn node_affinity(affinity: &core::NodeAffinity, path: &Path) -> Errors {
    let mut errors = Errors::new();
    if let Some(required) = &affinity.required_during_scheduling_ignored_during_execution {
        errors.extend(node_selector(required, true, &path.child(REQUIRED)));
    }
    let preferred = items(&affinity.preferred_during_scheduling_ignored_during_execution);
    for (index, term) in preferred.iter().enumerate() {
        let path = path.child(PREFERRED).index(index);
        errors.extend(weight(term.weight, &path));
        // A preference for a label that cannot be is merely useless.
        errors.extend(node_term(&term.preference, false, &path.child("preference")));
    }
    errors
}

pub(crate) fn node_selector(selector: &core::NodeSelector, check_values: bool, path: &Path) -> Errors {
    let path = path.child("nodeSelectorTerms");
    let mut errors = Errors::new();
    if selector.node_selector_terms.is_empty() {
        errors.push(FieldError::required(&path, "must have at least one node selector term"));
    }
    for (index, term) in selector.node_selector_terms.iter().enumerate() {
        errors.extend(node_term(term, check_values, &path.index(index)));
    }
    errors
}

fn node_term(term: &core::NodeSelectorTerm, check_values: bool, path: &Path) -> Errors {
    let mut errors = Errors::new();
    for (index, expression) in items(&term.match_expressions).iter().enumerate() {
        errors.extend(node_labels(expression, check_values, &path.child("matchExpressions").index(index)));
    }
    for (index, field) in items(&term.match_fields).iter().enumerate() {
        errors.extend(node_fields(field, &path.child("matchFields").index(index)));
    }
    errors
}

fn node_labels(expression: &core::NodeSelectorRequirement, check_values: bool, path: &Path) -> Errors {
    let values = items(&expression.values);
    let at = path.child("values");
    let mut errors = Errors::new();
    match (expression.operator.as_str(), values.len()) {
        ("In" | "NotIn", 0) => {
            let detail = "must be specified when `operator` is 'In' or 'NotIn'";
            errors.push(FieldError::required(&at, detail));
        }
        ("Exists" | "DoesNotExist", 1..) => {
            let detail = "may not be specified when `operator` is 'Exists' or 'DoesNotExist'";
            errors.push(FieldError::forbidden(&at, detail));
        }
        ("Gt" | "Lt", 0 | 2..) => {
            let detail = "must be specified single value when `operator` is 'Lt' or 'Gt'";
            errors.push(FieldError::required(&at, detail));
        }
        ("In" | "NotIn" | "Exists" | "DoesNotExist" | "Gt" | "Lt", _) => {}
        (other, _) => errors.push(FieldError::invalid(&path.child("operator"), other, NOT_AN_OPERATOR)),
    }
    errors.extend(validation::label::label_key(&path.child("key"), &expression.key));
    if check_values {
        for (index, value) in values.iter().enumerate() {
            errors.extend(validation::invalid_each(&at.index(index), value, validation::label_value(value)));
        }
    }
    errors
}

/// Only the node's name is a field to select by.
fn node_fields(field: &core::NodeSelectorRequirement, path: &Path) -> Errors {
    let values = items(&field.values);
    let at = path.child("values");
    let mut errors = Errors::new();
    match (field.operator.as_str(), values.len()) {
        ("In" | "NotIn", 1) => {}
        ("In" | "NotIn", _) => {
            let detail = "must be only one value when `operator` is 'In' or 'NotIn' for node field selector";
            errors.push(FieldError::required(&at, detail));
        }
        (other, _) => errors.push(FieldError::invalid(&path.child("operator"), other, NOT_AN_OPERATOR)),
    }
    if field.key != "metadata.name" {
        errors.push(FieldError::invalid(&path.child("key"), &field.key, "not a valid field selector key"));
        return errors;
    }
    for (index, value) in values.iter().enumerate() {
        errors.extend(validation::invalid_each(
            &at.index(index),
            value,
            validation::dns1123_subdomain(value),
        ));
    }
    errors
}

// === pods ===

fn pod_terms(
    required: &[core::PodAffinityTerm],
    preferred: &[core::WeightedPodAffinityTerm],
    path: &Path,
) -> Errors {
    let mut errors = Errors::new();
    for (index, term) in required.iter().enumerate() {
        errors.extend(pod_term(term, &path.child(REQUIRED).index(index)));
    }
    for (index, term) in preferred.iter().enumerate() {
        let path = path.child(PREFERRED).index(index);
        errors.extend(weight(term.weight, &path));
        errors.extend(pod_term(&term.pod_affinity_term, &path.child("podAffinityTerm")));
    }
    errors
}

fn pod_term(term: &core::PodAffinityTerm, path: &Path) -> Errors {
    let of_labels = term.label_selector.as_ref().map(selector);
    let of_namespaces = term.namespace_selector.as_ref().map(selector);
    let mut errors = Errors::new();
    errors.extend(of_labels.iter().flat_map(|s| s.validate(&path.child("labelSelector"))));
    errors.extend(of_namespaces.iter().flat_map(|s| s.validate(&path.child("namespaceSelector"))));
    for namespace in items(&term.namespaces) {
        let faults = validation::dns1123_label(namespace);
        errors.extend(validation::invalid_each(&path.child("namespace"), namespace, faults));
    }
    let keys = (items(&term.match_label_keys), items(&term.mismatch_label_keys));
    errors.extend(label_keys(keys, of_labels.as_ref(), path));
    let at = path.child("topologyKey");
    if term.topology_key.is_empty() {
        errors.push(FieldError::required(&at, "can not be empty"));
    }
    errors.extend(validation::label::label_key(&at, &term.topology_key));
    errors
}

/// `matchLabelKeys` and `mismatchLabelKeys`, whose requirements are in the selector by now
/// (KEP-3633).
pub(super) fn label_keys(
    (matching, mismatching): (&[String], &[String]),
    selector: Option<&LabelSelector>,
    path: &Path,
) -> Errors {
    let mut errors = Errors::new();
    for (field, keys) in [("matchLabelKeys", matching), ("mismatchLabelKeys", mismatching)] {
        let at = path.child(field);
        if selector.is_none() && !keys.is_empty() {
            errors.push(FieldError::forbidden(&at, NO_SELECTOR));
            continue;
        }
        for (index, key) in keys.iter().enumerate() {
            errors.extend(validation::label::label_key(&at.index(index), key));
        }
    }
    if let Some(selector) = selector {
        errors.extend(selected_twice(matching, selector, path));
    }
    let mismatching: BTreeSet<&String> = mismatching.iter().collect();
    for (index, key) in matching.iter().enumerate().filter(|(_, key)| mismatching.contains(key)) {
        let detail = "exists in both matchLabelKeys and mismatchLabelKeys";
        errors.push(FieldError::invalid(&path.child("matchLabelKeys").index(index), key, detail));
    }
    errors
}

/// A key's own requirement must be the only one for it.
fn selected_twice(keys: &[String], selector: &LabelSelector, path: &Path) -> Errors {
    let keys: BTreeMap<&String, usize> = keys.iter().enumerate().map(|(index, key)| (key, index)).collect();
    let mut seen: BTreeSet<&String> = selector.match_labels.keys().collect();
    let mut errors = Errors::new();
    for expression in &selector.match_expressions {
        let repeated = !seen.insert(&expression.key);
        if let Some(index) = keys.get(&expression.key).filter(|_| repeated) {
            errors.push(FieldError::invalid(&path.index(*index), &expression.key, BOTH));
        }
    }
    errors
}
