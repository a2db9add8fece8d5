//! One committed version of one object, as the cache shares it.

use std::any::Any;
use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use serde::de::DeserializeOwned;

use crate::gvk::Name;
use crate::object::{Object, ObjectKey};

/// A committed object: its JSON exactly as it is served, with what indexes and
/// watchers ask for parsed beside it. Immutable; a new version is a new entry.
pub struct Entry {
    pub key: ObjectKey,
    pub uid: String,
    /// The store's revision that committed this version: `metadata.resourceVersion`.
    pub revision: u64,
    pub labels: BTreeMap<String, String>,
    pub fields: Fields,
    /// Carries its resourceVersion already.
    pub json: Bytes,
    typed: OnceLock<Option<Arc<dyn Any + Send + Sync>>>,
}

/// The texts of a kind's selectable fields beyond `metadata.name` and `metadata.namespace`.
/// The names are the kind's and shared by all its entries.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fields {
    pub names: Arc<[Name]>,
    pub values: Box<[Box<str>]>,
}

impl Fields {
    pub fn get(&self, name: &str) -> Option<&str> {
        let at = self.names.iter().position(|known| known == name)?;
        self.values.get(at).map(|value| &**value)
    }
}

/// What is parsed of an entry beside its bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EntryMeta {
    pub key: ObjectKey,
    pub uid: String,
    pub labels: BTreeMap<String, String>,
    pub fields: Fields,
}

impl Entry {
    pub fn new(meta: EntryMeta, revision: u64, json: Bytes) -> Self {
        let EntryMeta { key, uid, labels, fields } = meta;
        Self { key, uid, revision, labels, fields, json, typed: OnceLock::new() }
    }

    /// What is parsed of it, for another entry of the same object.
    pub fn meta(&self) -> EntryMeta {
        EntryMeta {
            key: self.key.clone(),
            uid: self.uid.clone(),
            labels: self.labels.clone(),
            fields: self.fields.clone(),
        }
    }

    /// A selectable field's text, `metadata.name` and `metadata.namespace` included.
    pub fn field(&self, name: &str) -> Option<&str> {
        match name {
            "metadata.name" => Some(&self.key.name),
            "metadata.namespace" => Some(&self.key.namespace),
            name => self.fields.get(name),
        }
    }

    /// The whole tree, decoded anew at each call.
    pub fn object(&self) -> Object {
        serde_json::from_slice(&self.json).unwrap_or_default()
    }

    /// The object as `T`, decoded at most once per version and shared. The first
    /// caller fixes the type: one Rust type per kind in a process. `None` if the
    /// stored object does not decode as `T`.
    pub fn typed<T: DeserializeOwned + Send + Sync + 'static>(&self) -> Option<Arc<T>> {
        let decoded = self.typed.get_or_init(|| {
            let typed: T = serde_json::from_slice(&self.json).ok()?;
            Some(Arc::new(typed) as Arc<dyn Any + Send + Sync>)
        });
        decoded.clone()?.downcast::<T>().ok()
    }
}
