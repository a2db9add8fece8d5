//! An API object as a JSON tree, with its metadata at hand.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::gvk::GroupVersionKind;

/// Where an object lives within its resource. `namespace` is empty for cluster-scoped kinds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ObjectKey {
    pub namespace: String,
    pub name: String,
}

impl ObjectKey {
    pub fn new(namespace: impl Into<String>, name: impl Into<String>) -> Self {
        Self { namespace: namespace.into(), name: name.into() }
    }

    pub fn cluster(name: impl Into<String>) -> Self {
        Self::new("", name)
    }
}

impl fmt::Display for ObjectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.namespace.as_str() {
            "" => f.write_str(&self.name),
            namespace => write!(f, "{namespace}/{}", self.name),
        }
    }
}

/// The tree of one object. Always a JSON object at its root, and its `metadata`,
/// when there is one, is a JSON object too (the decoder refuses anything else).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Object(pub Map<String, Value>);

impl Object {
    pub fn new(gvk: &GroupVersionKind, key: &ObjectKey) -> Self {
        let mut object = Self::default();
        object.set_type(gvk);
        object.set_meta("name", key.name.clone());
        if !key.namespace.is_empty() {
            object.set_meta("namespace", key.namespace.clone());
        }
        object
    }

    /// `None` if the value is not a JSON object or its metadata is not one.
    pub fn from_value(value: Value) -> Option<Self> {
        let Value::Object(root) = value else { return None };
        let metadata_ok = root.get("metadata").is_none_or(Value::is_object);
        metadata_ok.then_some(Self(root))
    }

    /// The tree of a typed object (`k8s_openapi` values and our own serde types).
    pub fn from_typed<T: Serialize>(typed: &T) -> Result<Self, serde_json::Error> {
        serde_json::from_value(serde_json::to_value(typed)?)
    }

    /// Decodes into a typed object. Fields that the type lacks are dropped, so the
    /// result is for reading and never for storing.
    pub fn to_typed<T: DeserializeOwned>(&self) -> Result<T, serde_json::Error> {
        crate::typed::from_tree(&self.0)
    }

    pub fn into_value(self) -> Value {
        Value::Object(self.0)
    }

    pub fn key(&self) -> ObjectKey {
        ObjectKey::new(self.namespace(), self.name())
    }

    pub fn api_version(&self) -> &str {
        self.0.get("apiVersion").and_then(Value::as_str).unwrap_or_default()
    }

    pub fn kind(&self) -> &str {
        self.0.get("kind").and_then(Value::as_str).unwrap_or_default()
    }

    pub fn set_type(&mut self, gvk: &GroupVersionKind) {
        self.0.insert("apiVersion".into(), gvk.api_version().into());
        self.0.insert("kind".into(), gvk.kind.to_string().into());
    }

    // === metadata ===

    pub fn metadata(&self) -> Option<&Map<String, Value>> {
        self.0.get("metadata").and_then(Value::as_object)
    }

    pub fn metadata_mut(&mut self) -> &mut Map<String, Value> {
        object_in(&mut self.0, "metadata")
    }

    /// A string field of the metadata; empty when absent.
    pub fn meta_str(&self, field: &str) -> &str {
        self.metadata().and_then(|m| m.get(field)).and_then(Value::as_str).unwrap_or_default()
    }

    pub fn set_meta(&mut self, field: &str, value: impl Into<Value>) {
        self.metadata_mut().insert(field.to_owned(), value.into());
    }

    pub fn remove_meta(&mut self, field: &str) -> Option<Value> {
        self.0.get_mut("metadata").and_then(Value::as_object_mut)?.remove(field)
    }

    pub fn name(&self) -> &str {
        self.meta_str("name")
    }

    pub fn namespace(&self) -> &str {
        self.meta_str("namespace")
    }

    pub fn uid(&self) -> &str {
        self.meta_str("uid")
    }

    pub fn resource_version(&self) -> &str {
        self.meta_str("resourceVersion")
    }

    pub fn generation(&self) -> i64 {
        self.metadata().and_then(|m| m.get("generation")).and_then(Value::as_i64).unwrap_or(0)
    }

    /// The RFC 3339 text of `metadata.deletionTimestamp`, when deletion has begun.
    pub fn deletion_timestamp(&self) -> Option<&str> {
        self.metadata()?.get("deletionTimestamp")?.as_str()
    }

    pub fn finalizers(&self) -> impl Iterator<Item = &str> {
        let list = self.metadata().and_then(|m| m.get("finalizers")).and_then(Value::as_array);
        list.into_iter().flatten().filter_map(Value::as_str)
    }

    pub fn label(&self, key: &str) -> Option<&str> {
        self.metadata()?.get("labels")?.get(key)?.as_str()
    }

    pub fn annotation(&self, key: &str) -> Option<&str> {
        self.metadata()?.get("annotations")?.get(key)?.as_str()
    }

    pub fn set_annotation(&mut self, key: &str, value: impl Into<Value>) {
        object_in(self.metadata_mut(), "annotations").insert(key.to_owned(), value.into());
    }

    // === body ===

    /// The value at a path of field names, e.g. `at(&["spec", "replicas"])`.
    pub fn at(&self, path: &[&str]) -> Option<&Value> {
        let (first, rest) = path.split_first()?;
        rest.iter().try_fold(self.0.get(*first)?, |value, field| value.get(field))
    }

    pub fn str_at(&self, path: &[&str]) -> &str {
        self.at(path).and_then(Value::as_str).unwrap_or_default()
    }

    /// The JSON object at `field`, made empty if it is absent or something else.
    pub fn section_mut(&mut self, field: &str) -> &mut Map<String, Value> {
        object_in(&mut self.0, field)
    }
}

/// The JSON object at `field` of `parent`, made empty if it is absent or something else.
pub fn object_in<'a>(parent: &'a mut Map<String, Value>, field: &str) -> &'a mut Map<String, Value> {
    let slot = parent.entry(field).or_insert_with(|| Value::Object(Map::new()));
    if !slot.is_object() {
        *slot = Value::Object(Map::new());
    }
    match slot {
        Value::Object(map) => map,
        _ => unreachable!("made an object just above"),
    }
}

/// A map of strings (labels, annotations) out of a JSON value; what is not a string is skipped.
pub fn string_map(value: Option<&Value>) -> BTreeMap<String, String> {
    let map = value.and_then(Value::as_object);
    let pairs = map.into_iter().flatten();
    pairs.filter_map(|(k, v)| Some((k.clone(), v.as_str()?.to_owned()))).collect()
}
