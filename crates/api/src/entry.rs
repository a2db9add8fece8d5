//! One committed version of one object, as the cache shares it.

use std::any::Any;
use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use serde::de::DeserializeOwned;

use crate::object::{Object, ObjectKey, string_map};

/// A committed object: its JSON exactly as it is served, with what indexes and
/// watchers ask for parsed beside it. Immutable; a new version is a new entry.
pub struct Entry {
    pub key: ObjectKey,
    pub uid: String,
    /// The store's revision that committed this version: `metadata.resourceVersion`.
    pub revision: u64,
    pub labels: BTreeMap<String, String>,
    /// The kind's selectable fields beyond `metadata.name` and `metadata.namespace`.
    pub fields: BTreeMap<&'static str, String>,
    pub json: Bytes,
    typed: OnceLock<Option<Arc<dyn Any + Send + Sync>>>,
}

impl Entry {
    /// `json` is the encoding of `object`, which carries its resourceVersion already.
    pub fn new(object: &Object, revision: u64, fields: BTreeMap<&'static str, String>, json: Bytes) -> Self {
        Self {
            key: object.key(),
            uid: object.uid().to_owned(),
            revision,
            labels: string_map(object.metadata().and_then(|m| m.get("labels"))),
            fields,
            json,
            typed: OnceLock::new(),
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
