//! The group's objects as their rules read them. A field that may be absent and one that is
//! `null` are the same.

use ironclad_api::labels::LabelSelector;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};

#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub(super) struct Configuration {
    #[serde(deserialize_with = "or_default")]
    pub webhooks: Vec<Webhook>,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Webhook {
    pub name: String,
    pub client_config: ClientConfig,
    #[serde(deserialize_with = "or_default")]
    pub rules: Vec<Rule>,
    pub failure_policy: Option<String>,
    pub match_policy: Option<String>,
    pub namespace_selector: Option<LabelSelector>,
    pub object_selector: Option<LabelSelector>,
    pub side_effects: Option<String>,
    pub timeout_seconds: Option<i64>,
    #[serde(deserialize_with = "or_default")]
    pub admission_review_versions: Vec<String>,
    /// Mutating ones only.
    pub reinvocation_policy: Option<String>,
    #[serde(deserialize_with = "or_default")]
    pub match_conditions: Vec<MatchCondition>,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub(super) struct ClientConfig {
    pub url: Option<String>,
    pub service: Option<Service>,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub(super) struct Service {
    pub namespace: String,
    pub name: String,
    pub path: Option<String>,
    pub port: Option<i64>,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Rule {
    /// Policies only.
    #[serde(deserialize_with = "or_default")]
    pub resource_names: Vec<String>,
    #[serde(deserialize_with = "or_default")]
    pub operations: Vec<String>,
    #[serde(deserialize_with = "or_default")]
    pub api_groups: Vec<String>,
    #[serde(deserialize_with = "or_default")]
    pub api_versions: Vec<String>,
    #[serde(deserialize_with = "or_default")]
    pub resources: Vec<String>,
    pub scope: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub(super) struct MatchCondition {
    pub name: String,
    pub expression: String,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct MatchResources {
    pub namespace_selector: Option<LabelSelector>,
    pub object_selector: Option<LabelSelector>,
    #[serde(deserialize_with = "or_default")]
    pub resource_rules: Vec<Rule>,
    #[serde(deserialize_with = "or_default")]
    pub exclude_resource_rules: Vec<Rule>,
    pub match_policy: Option<String>,
}

/// A policy of either phase; what the other has is empty.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct PolicySpec {
    pub param_kind: Option<ParamKind>,
    pub match_constraints: Option<MatchResources>,
    #[serde(deserialize_with = "or_default")]
    pub variables: Vec<Variable>,
    pub failure_policy: Option<String>,
    #[serde(deserialize_with = "or_default")]
    pub match_conditions: Vec<MatchCondition>,
    #[serde(deserialize_with = "or_default")]
    pub validations: Vec<Validation>,
    #[serde(deserialize_with = "or_default")]
    pub audit_annotations: Vec<AuditAnnotation>,
    #[serde(deserialize_with = "or_default")]
    pub mutations: Vec<Mutation>,
    pub reinvocation_policy: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct ParamKind {
    pub api_version: String,
    pub kind: String,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub(super) struct Variable {
    pub name: String,
    pub expression: String,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Validation {
    pub expression: String,
    pub message: String,
    pub reason: Option<String>,
    pub message_expression: String,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct AuditAnnotation {
    pub key: String,
    pub value_expression: String,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Mutation {
    pub patch_type: String,
    pub apply_configuration: Option<PatchExpression>,
    pub json_patch: Option<PatchExpression>,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub(super) struct PatchExpression {
    pub expression: String,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct BindingSpec {
    pub policy_name: String,
    pub param_ref: Option<ParamRef>,
    pub match_resources: Option<MatchResources>,
    /// Of validating ones only.
    #[serde(deserialize_with = "or_default")]
    pub validation_actions: Vec<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct ParamRef {
    pub name: String,
    pub namespace: String,
    pub selector: Option<LabelSelector>,
    pub parameter_not_found_action: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct PolicyStatus {
    pub type_checking: Option<TypeChecking>,
    #[serde(deserialize_with = "or_default")]
    pub conditions: Vec<serde_json::Value>,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct TypeChecking {
    #[serde(deserialize_with = "or_default")]
    pub expression_warnings: Vec<ExpressionWarning>,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct ExpressionWarning {
    pub field_ref: String,
    pub warning: String,
}

/// An object's specification and status.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub(super) struct Body<S: Default> {
    pub spec: S,
    pub status: PolicyStatus,
}

/// Go writes empty lists as null.
fn or_default<'de, D: Deserializer<'de>, T: DeserializeOwned + Default>(
    deserializer: D,
) -> Result<T, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}
