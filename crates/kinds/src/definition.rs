//! A CustomResourceDefinition as it is read: by its own kind, by the kinds it defines, and
//! by what serves them.

use ironclad_api::Object;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Value, json};

/// The finalizer that holds a definition back until its objects are gone.
pub const CLEANUP: &str = "customresourcecleanup.apiextensions.k8s.io";

pub const ESTABLISHED: &str = "Established";
pub const NAMES_ACCEPTED: &str = "NamesAccepted";
pub const TERMINATING: &str = "Terminating";

/// The parts of a CustomResourceDefinition beside its metadata.
#[derive(Clone, Debug, Default, PartialEq, Hash, Deserialize)]
#[serde(default)]
pub struct Definition {
    pub spec: Spec,
    pub status: Status,
}

#[derive(Clone, Debug, Default, PartialEq, Hash, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Spec {
    pub group: String,
    pub names: Names,
    /// `Cluster` or `Namespaced`
    pub scope: String,
    #[serde(deserialize_with = "or_default")]
    pub versions: Vec<Version>,
    pub conversion: Option<Conversion>,
    pub preserve_unknown_fields: bool,
}

#[derive(Clone, Debug, Default, PartialEq, Hash, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Names {
    pub plural: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub singular: String,
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "or_default")]
    pub short_names: Vec<String>,
    pub kind: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub list_kind: String,
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "or_default")]
    pub categories: Vec<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Hash, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Version {
    pub name: String,
    pub served: bool,
    pub storage: bool,
    pub deprecated: bool,
    pub deprecation_warning: Option<String>,
    pub schema: Option<Validation>,
    pub subresources: Option<Subresources>,
    #[serde(deserialize_with = "or_default")]
    pub additional_printer_columns: Vec<PrinterColumn>,
    #[serde(deserialize_with = "or_default")]
    pub selectable_fields: Vec<SelectablePath>,
}

#[derive(Clone, Debug, Default, PartialEq, Hash, Deserialize)]
#[serde(default)]
pub struct Validation {
    /// As it stands: a JSON schema.
    #[serde(rename = "openAPIV3Schema")]
    pub schema: Option<Value>,
}

#[derive(Clone, Debug, Default, PartialEq, Hash, Deserialize)]
#[serde(default)]
pub struct Subresources {
    pub status: Option<Value>,
    pub scale: Option<Scale>,
}

#[derive(Clone, Debug, Default, PartialEq, Hash, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Scale {
    pub spec_replicas_path: String,
    pub status_replicas_path: String,
    pub label_selector_path: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Hash, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct PrinterColumn {
    pub name: String,
    #[serde(rename = "type")]
    pub column_type: String,
    pub format: String,
    pub description: String,
    pub priority: i32,
    pub json_path: String,
}

#[derive(Clone, Debug, Default, PartialEq, Hash, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct SelectablePath {
    pub json_path: String,
}

#[derive(Clone, Debug, Default, PartialEq, Hash, Deserialize)]
#[serde(default)]
pub struct Conversion {
    /// `None` or `Webhook`
    pub strategy: String,
    pub webhook: Option<Webhook>,
}

#[derive(Clone, Debug, Default, PartialEq, Hash, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Webhook {
    pub client_config: Option<ClientConfig>,
    #[serde(deserialize_with = "or_default")]
    pub conversion_review_versions: Vec<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Hash, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct ClientConfig {
    pub url: Option<String>,
    pub service: Option<ServiceReference>,
    pub ca_bundle: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Hash, Deserialize)]
#[serde(default)]
pub struct ServiceReference {
    pub namespace: String,
    pub name: String,
    pub path: Option<String>,
    pub port: Option<i64>,
}

#[derive(Clone, Debug, Default, PartialEq, Hash, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Status {
    #[serde(deserialize_with = "or_default")]
    pub conditions: Vec<Condition>,
    pub accepted_names: Names,
    #[serde(deserialize_with = "or_default")]
    pub stored_versions: Vec<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Condition {
    #[serde(rename = "type")]
    pub condition_type: String,
    /// `True`, `False` or `Unknown`
    pub status: String,
    pub last_transition_time: Option<String>,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub reason: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub message: String,
}

/// Go writes empty lists as null.
fn or_default<'de, D: Deserializer<'de>, T: DeserializeOwned + Default>(
    deserializer: D,
) -> Result<T, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

impl Definition {
    /// Reads a CustomResourceDefinition; one that has not passed its schema is empty.
    pub fn read(object: &Object) -> Self {
        object.to_typed().unwrap_or_default()
    }

    pub fn has_condition(&self, condition_type: &str) -> bool {
        self.status.condition(condition_type).is_some_and(|condition| condition.status == "True")
    }
}

impl Status {
    /// Writes it into the object.
    pub fn write(&self, object: &mut Object) {
        let status = object.section_mut("status");
        status.insert("conditions".into(), json!(self.conditions));
        status.insert("acceptedNames".into(), json!(self.accepted_names));
        status.insert("storedVersions".into(), json!(self.stored_versions));
    }

    pub fn condition(&self, condition_type: &str) -> Option<&Condition> {
        self.conditions.iter().find(|condition| condition.condition_type == condition_type)
    }

    /// Puts a condition in the place of the one of its type; the time of the transition
    /// changes only with the status.
    pub fn set_condition(&mut self, mut new: Condition, now: &str) {
        new.last_transition_time = Some(now.to_owned());
        let standing = self.conditions.iter_mut().find(|old| old.condition_type == new.condition_type);
        let Some(old) = standing else {
            self.conditions.push(new);
            return;
        };
        if old.status == new.status && old.last_transition_time.is_some() {
            new.last_transition_time = old.last_transition_time.take();
        }
        *old = new;
    }
}

impl Condition {
    pub fn new(condition_type: &str, status: bool, reason: &str, message: impl Into<String>) -> Self {
        Self {
            condition_type: condition_type.to_owned(),
            status: if status { "True" } else { "False" }.to_owned(),
            last_transition_time: None,
            reason: reason.to_owned(),
            message: message.into(),
        }
    }

    /// Whether both say the same, whenever it began.
    pub fn says_the_same(&self, other: &Self) -> bool {
        let said = |condition: &Self| {
            (
                condition.condition_type.clone(),
                condition.status.clone(),
                condition.reason.clone(),
                condition.message.clone(),
            )
        };
        said(self) == said(other)
    }
}

impl Version {
    /// The schema, if there is one.
    pub fn open_api_schema(&self) -> Option<&Value> {
        self.schema.as_ref()?.schema.as_ref()
    }

    pub fn has_status(&self) -> bool {
        self.subresources.as_ref().is_some_and(|subresources| subresources.status.is_some())
    }

    pub fn scale(&self) -> Option<&Scale> {
        self.subresources.as_ref()?.scale.as_ref()
    }
}

impl Spec {
    pub fn storage_version(&self) -> Option<&Version> {
        self.versions.iter().find(|version| version.storage)
    }
}
