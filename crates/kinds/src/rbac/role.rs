//! Role and ClusterRole.

use ironclad_api::validation::name::{self, NameRule};
use ironclad_api::{FieldError, Object, Path, labels};
use ironclad_engine::strategy::{KindSpec, Preparation, Scope, Strategy};
use k8s_openapi::api::rbac::v1::{self as rbac, PolicyRule};
use serde_json::Value;

use super::GROUP;
use crate::spec::{spec, typed};

pub struct Role {
    spec: KindSpec,
}

pub struct ClusterRole {
    spec: KindSpec,
}

impl Role {
    pub fn new() -> Self {
        Self { spec: role_spec("Role", "roles", Scope::Namespaced) }
    }
}

impl ClusterRole {
    pub fn new() -> Self {
        Self { spec: role_spec("ClusterRole", "clusterroles", Scope::Cluster) }
    }
}

impl Default for Role {
    fn default() -> Self {
        Self::new()
    }
}

impl Default for ClusterRole {
    fn default() -> Self {
        Self::new()
    }
}

/// The columns are those of kinds that have none of their own: name and creation time.
fn role_spec(kind: &'static str, resource: &'static str, scope: Scope) -> KindSpec {
    spec(GROUP, "v1", kind, resource, scope)
}

impl Strategy for Role {
    fn spec(&self) -> &KindSpec {
        &self.spec
    }

    fn name_rule(&self) -> NameRule {
        name::path_segment
    }

    fn validate(&self, new: &Object, _: Option<&Object>, _: &Preparation<'_>) -> Vec<FieldError> {
        let role: rbac::Role = typed(new);
        validate_rules(role.rules.as_deref().unwrap_or_default(), true)
    }
}

impl Strategy for ClusterRole {
    fn spec(&self) -> &KindSpec {
        &self.spec
    }

    fn name_rule(&self) -> NameRule {
        name::path_segment
    }

    fn validate(&self, new: &Object, _: Option<&Object>, _: &Preparation<'_>) -> Vec<FieldError> {
        let role: rbac::ClusterRole = typed(new);
        let mut errors = validate_rules(role.rules.as_deref().unwrap_or_default(), false);
        errors.extend(role.aggregation_rule.iter().flat_map(validate_aggregation));
        errors
    }
}

fn validate_rules(rules: &[PolicyRule], namespaced: bool) -> Vec<FieldError> {
    let path = Path::new("rules");
    let each = rules.iter().enumerate();
    each.flat_map(|(index, rule)| validate_rule(rule, namespaced, &path.index(index))).collect()
}

fn validate_rule(rule: &PolicyRule, namespaced: bool, path: &Path) -> Vec<FieldError> {
    let given = |list: &Option<Vec<String>>| list.as_ref().is_some_and(|list| !list.is_empty());
    let mut errors = Vec::new();
    if rule.verbs.is_empty() {
        errors.push(FieldError::required(&path.child("verbs"), "verbs must contain at least one value"));
    }
    if let Some(urls) = rule.non_resource_urls.as_ref().filter(|urls| !urls.is_empty()) {
        let path = path.child("nonResourceURLs");
        let invalid = |detail: &str| FieldError::invalid(&path, serde_json::json!(urls), detail);
        if namespaced {
            errors.push(invalid("namespaced rules cannot apply to non-resource URLs"));
        }
        if given(&rule.api_groups) || given(&rule.resources) || given(&rule.resource_names) {
            errors.push(invalid("rules cannot apply to both regular resources and non-resource URLs"));
        }
        return errors;
    }
    if !given(&rule.api_groups) {
        let detail = "resource rules must supply at least one api group";
        errors.push(FieldError::required(&path.child("apiGroups"), detail));
    }
    if !given(&rule.resources) {
        let detail = "resource rules must supply at least one resource";
        errors.push(FieldError::required(&path.child("resources"), detail));
    }
    errors
}

fn validate_aggregation(rule: &rbac::AggregationRule) -> Vec<FieldError> {
    let path = Path::new("aggregationRule").child("clusterRoleSelectors");
    let selectors = rule.cluster_role_selectors.as_deref().unwrap_or_default();
    if selectors.is_empty() {
        let detail = "at least one clusterRoleSelector required if aggregationRule is non-nil";
        return vec![FieldError::required(&path, detail)];
    }
    let each = selectors.iter().enumerate();
    each.flat_map(|(index, selector)| {
        let value = serde_json::to_value(selector).unwrap_or_default();
        let selector: labels::LabelSelector = serde_json::from_value(value).unwrap_or_default();
        let mut errors = selector.validate(&path.index(index));
        if selector.to_selector().is_err() {
            let detail = "invalid label selector.";
            errors.push(FieldError::invalid(&path.index(index), Value::Null, detail));
        }
        errors
    })
    .collect()
}
