//! One committed version of one object, as the cache shares it.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use serde::de::DeserializeOwned;

use crate::decoded::Slot;
use crate::object::{Object, ObjectKey};
use crate::protobuf::{self, EncodeError};
use crate::ties::Ties;

/// A committed object: its JSON exactly as it is served, with what indexes and
/// watchers ask for parsed beside it. Immutable; a new version is a new entry.
pub struct Entry {
    pub key: ObjectKey,
    pub uid: String,
    /// The store's revision that committed this version: `metadata.resourceVersion`.
    pub revision: u64,
    pub labels: BTreeMap<String, String>,
    fields: Fields,
    ties: OnceLock<Ties>,
    /// Carries its resourceVersion already.
    pub json: Bytes,
    decoded: OnceLock<Arc<Slot>>,
    protobuf: OnceLock<Result<Bytes, EncodeError>>,
}

/// Reads the kind's selectable fields, beyond `metadata.name` and `metadata.namespace`, out
/// of an object's bytes.
pub trait FieldReader: Send + Sync + 'static {
    /// Which of the kind's fields has this name.
    fn position(&self, name: &str) -> Option<usize>;

    /// The texts of all fields, in the kind's order.
    fn read(&self, json: &[u8]) -> Box<[Box<str>]>;
}

/// An entry's selectable fields. They are read at first use: most versions of most objects
/// are never asked for them.
#[derive(Clone, Default)]
pub struct Fields {
    reader: Option<Arc<dyn FieldReader>>,
    texts: OnceLock<Box<[Box<str>]>>,
}

impl Fields {
    pub fn read_by(reader: Arc<dyn FieldReader>) -> Self {
        Self { reader: Some(reader), texts: OnceLock::new() }
    }
}

/// What is parsed of an entry beside its bytes.
#[derive(Clone, Default)]
pub struct EntryMeta {
    pub key: ObjectKey,
    pub uid: String,
    pub labels: BTreeMap<String, String>,
    pub fields: Fields,
    /// Read at first use where it is not given.
    pub ties: OnceLock<Ties>,
}

impl Entry {
    pub fn new(meta: EntryMeta, revision: u64, json: Bytes) -> Self {
        let EntryMeta { key, uid, labels, fields, ties } = meta;
        let (decoded, protobuf) = (OnceLock::new(), OnceLock::new());
        Self { key, uid, revision, labels, fields, ties, json, decoded, protobuf }
    }

    /// What is parsed of it, for another entry of the same object.
    pub fn meta(&self) -> EntryMeta {
        EntryMeta {
            key: self.key.clone(),
            uid: self.uid.clone(),
            labels: self.labels.clone(),
            fields: self.fields.clone(),
            ties: self.ties.clone(),
        }
    }

    /// Who owns it and whether it is going.
    pub fn ties(&self) -> &Ties {
        self.ties.get_or_init(|| Ties::read(&self.json))
    }

    /// A selectable field's text, `metadata.name` and `metadata.namespace` included.
    pub fn field(&self, name: &str) -> Option<&str> {
        match name {
            "metadata.name" => Some(&self.key.name),
            "metadata.namespace" => Some(&self.key.namespace),
            name => {
                let reader = self.fields.reader.as_ref()?;
                let at = reader.position(name)?;
                let texts = self.fields.texts.get_or_init(|| reader.read(&self.json));
                texts.get(at).map(|text| &**text)
            }
        }
    }

    /// Whether this text is anywhere in the object's bytes: a quick no for those who look for a rare member.
    pub fn mentions(&self, text: &str) -> bool {
        memchr::memmem::find(&self.json, text.as_bytes()).is_some()
    }

    /// The whole tree, decoded anew at each call.
    pub fn object(&self) -> Object {
        serde_json::from_slice(&self.json).unwrap_or_default()
    }

    /// The object's protobuf message without an envelope, made at first use and shared.
    pub fn protobuf(&self) -> Result<Bytes, EncodeError> {
        let made = || protobuf::encode_message(&self.object()).map(Bytes::from);
        self.protobuf.get_or_init(made).clone()
    }

    /// The object as `T` without its managed fields, shared while it is among the latest decoded. The first
    /// caller fixes the type: one Rust type per kind in a process. `None` if the stored object does not
    /// decode as `T`.
    pub fn typed<T: DeserializeOwned + Send + Sync + 'static>(&self) -> Option<Arc<T>> {
        self.decoded.get_or_init(Arc::default).read(&self.json)
    }
}
