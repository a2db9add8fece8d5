//! The group's specifications as their rules read them, in the order and under the names in
//! which Go prints them in errors.

use std::ops::Deref;

use ironclad_api::field::BadValue;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A list whose absence and emptiness are the same; empty, Go prints it as null.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct List<T>(Vec<T>);

impl<T> Default for List<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T> Deref for List<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.0
    }
}

impl<'de, T: DeserializeOwned> Deserialize<'de> for List<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self(Option::deserialize(deserializer)?.unwrap_or_default()))
    }
}

impl<T: Serialize> Serialize for List<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        (!self.0.is_empty()).then_some(&self.0).serialize(serializer)
    }
}

/// A specification as Go prints it.
pub(super) fn printed(spec: &impl Serialize) -> BadValue {
    let text = serde_json::to_string(spec).unwrap_or_default();
    let escapes = [('<', "\\u003c"), ('>', "\\u003e"), ('&', "\\u0026")];
    BadValue::Printed(escapes.into_iter().fold(text, |text, (from, to)| text.replace(from, to)))
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[serde(rename_all(serialize = "PascalCase", deserialize = "camelCase"))]
pub(super) struct FlowSchemaSpec {
    pub priority_level_configuration: Reference,
    pub matching_precedence: i64,
    pub distinguisher_method: Option<DistinguisherMethod>,
    pub rules: List<Rules>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[serde(rename_all(serialize = "PascalCase"))]
pub(super) struct Reference {
    pub name: String,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct DistinguisherMethod {
    #[serde(rename(serialize = "Type", deserialize = "type"))]
    pub method: String,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[serde(rename_all(serialize = "PascalCase", deserialize = "camelCase"))]
pub(super) struct Rules {
    pub subjects: List<Subject>,
    pub resource_rules: List<ResourceRule>,
    pub non_resource_rules: List<NonResourceRule>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[serde(rename_all(serialize = "PascalCase", deserialize = "camelCase"))]
pub(super) struct Subject {
    pub kind: String,
    pub user: Option<Reference>,
    pub group: Option<Reference>,
    pub service_account: Option<ServiceAccount>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[serde(rename_all(serialize = "PascalCase"))]
pub(super) struct ServiceAccount {
    pub namespace: String,
    pub name: String,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[serde(rename_all(serialize = "PascalCase", deserialize = "camelCase"))]
pub(super) struct ResourceRule {
    pub verbs: List<String>,
    #[serde(rename(serialize = "APIGroups"))]
    pub api_groups: List<String>,
    pub resources: List<String>,
    pub cluster_scope: bool,
    pub namespaces: List<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[serde(rename_all(serialize = "PascalCase"))]
pub(super) struct NonResourceRule {
    pub verbs: List<String>,
    #[serde(rename(serialize = "NonResourceURLs", deserialize = "nonResourceURLs"))]
    pub urls: List<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[serde(rename_all(serialize = "PascalCase"))]
pub(super) struct PriorityLevelSpec {
    #[serde(rename(serialize = "Type", deserialize = "type"))]
    pub enablement: String,
    pub limited: Option<Limited>,
    pub exempt: Option<Exempt>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[serde(rename_all(serialize = "PascalCase", deserialize = "camelCase"))]
pub(super) struct Limited {
    pub nominal_concurrency_shares: i64,
    pub limit_response: LimitResponse,
    pub lendable_percent: Option<i64>,
    pub borrowing_limit_percent: Option<i64>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[serde(rename_all(serialize = "PascalCase", deserialize = "camelCase"))]
pub(super) struct Exempt {
    pub nominal_concurrency_shares: Option<i64>,
    pub lendable_percent: Option<i64>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[serde(rename_all(serialize = "PascalCase"))]
pub(super) struct LimitResponse {
    #[serde(rename(serialize = "Type", deserialize = "type"))]
    pub response: String,
    pub queuing: Option<Queuing>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[serde(rename_all(serialize = "PascalCase", deserialize = "camelCase"))]
pub(super) struct Queuing {
    pub queues: i64,
    pub hand_size: i64,
    pub queue_length_limit: i64,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub(super) struct Body<S: Default> {
    pub spec: S,
}
