//! Objects, lists and watch events as Kubernetes' clients read them.

use std::sync::OnceLock;

use bytes::Bytes;
use serde_json::Value;

use super::write::{Writer, field_size};
use super::{MAGIC, tree};
use crate::gvk::{GroupVersion, GroupVersionKind};
use crate::list_meta::ListMeta;
use crate::object::Object;
use crate::schema::{self, Catalog, Property, Schema, Shape};

/// Why a tree could not be written: its kind has no protobuf, or it is not of its kind.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EncodeError {
    #[error("object {kind} of version {version} has no protobuf form")]
    NoMessage { kind: String, version: String },
    #[error("cannot write {found} as protobuf{}{path}", if .path.is_empty() { "" } else { ": " })]
    Value { path: String, found: String },
}

impl EncodeError {
    pub(super) fn of(found: &str) -> Self {
        Self::Value { path: String::new(), found: found.to_owned() }
    }

    /// The error, seen from outside of this field.
    pub(super) fn within(self, field: &str) -> Self {
        match self {
            Self::Value { path, found } if path.is_empty() => Self::Value { path: field.to_owned(), found },
            Self::Value { path, found } => Self::Value { path: format!("{field}.{path}"), found },
            other => other,
        }
    }
}

/// One object with its envelope.
pub fn encode(object: &Object) -> Result<Vec<u8>, EncodeError> {
    let raw = encode_message(object)?;
    let (version, kind) = (object.api_version(), object.kind());
    Ok(envelope(version, kind, &raw))
}

/// The object's message alone, as lists hold it. It does not say which kind it is.
pub fn encode_message(object: &Object) -> Result<Vec<u8>, EncodeError> {
    let mut out = Writer::default();
    let schema = schema_of(object).ok_or_else(|| EncodeError::NoMessage {
        kind: crate::goprint::quote(object.kind()),
        version: crate::goprint::quote(object.api_version()),
    })?;
    tree::message(schema, Some(&object.0), &mut out)?;
    Ok(out.out)
}

/// `runtime.Unknown` around a message.
pub fn envelope(api_version: &str, kind: &str, raw: &[u8]) -> Vec<u8> {
    let mut out = head(api_version, kind, raw.len());
    out.extend_from_slice(raw);
    out.extend_from_slice(TAIL);
    out
}

/// A list, in parts: they are its items with some bytes between them.
pub fn list(
    api_version: &str,
    kind: &str,
    metadata: &ListMeta,
    items: Vec<Bytes>,
) -> Result<impl Iterator<Item = Bytes> + Send + use<>, EncodeError> {
    let mut list = Object::default();
    list.0.insert("metadata".into(), serde_json::to_value(metadata).unwrap_or(Value::Null));
    // Nothing but its metadata: every list has the fields of this one.
    let mut first = Writer::default();
    if let Some(schema) = partial_list().object() {
        tree::message(schema, Some(&list.0), &mut first)?;
    }
    let size: usize = first.out.len() + items.iter().map(|item| field_size(item.len())).sum::<usize>();
    let mut head = head(api_version, kind, size);
    head.extend_from_slice(&first.out);
    let items = items.into_iter().flat_map(|item| {
        let mut head = Writer::default();
        head.head(2, item.len());
        [Bytes::from(head.out), item]
    });
    let tail = std::iter::once(Bytes::from_static(TAIL));
    Ok(std::iter::once(Bytes::from(head)).chain(items).chain(tail))
}

/// How many bytes stand before an event of a watch.
pub const FRAME_HEAD: usize = 4;

/// An event of a watch: its length in four bytes, big-endian, and a `WatchEvent` around an
/// object with its envelope.
pub fn watch_frame(event: &str, object: &[u8]) -> Vec<u8> {
    let mut out = Writer { out: vec![0; FRAME_HEAD] };
    out.bytes(1, event.as_bytes());
    out.head(2, field_size(object.len()));
    out.bytes(1, object);
    let mut frame = out.out;
    let length = u32::try_from(frame.len() - FRAME_HEAD).unwrap_or(u32::MAX);
    for (place, byte) in frame.iter_mut().zip(length.to_be_bytes()) {
        *place = byte;
    }
    frame
}

/// Empty contentEncoding and contentType.
const TAIL: &[u8] = b"\x1a\0\x22\0";

/// Everything before a message of that size.
fn head(api_version: &str, kind: &str, size: usize) -> Vec<u8> {
    let mut type_meta = Writer::default();
    type_meta.bytes(1, api_version.as_bytes());
    type_meta.bytes(2, kind.as_bytes());
    let mut out = Writer { out: MAGIC.to_vec() };
    out.bytes(1, &type_meta.out);
    out.head(2, size);
    out.out
}

fn schema_of(object: &Object) -> Option<&'static schema::Object> {
    let version = match object.api_version() {
        // Discovery's oldest documents, `/api` and `/api/v1`, do not name their version.
        "" => GroupVersion::new("", "v1"),
        version => GroupVersion::parse(version)?,
    };
    match (&*version.group, object.kind()) {
        ("meta.k8s.io", "PartialObjectMetadata") => partial().object(),
        ("meta.k8s.io", "PartialObjectMetadataList") => partial_list().object(),
        (_, kind) => {
            let gvk = GroupVersionKind::new(version.group.clone(), version.version, kind.to_owned());
            Catalog::builtin().schema(&gvk)?.object()
        }
    }
}

// === metadata alone, which OpenAPI does not define ===

const META: &str = "io.k8s.apimachinery.pkg.apis.meta.v1";

fn partial() -> &'static Schema {
    static SCHEMA: OnceLock<Schema> = OnceLock::new();
    SCHEMA.get_or_init(|| object(vec![property("metadata", 1, meta("ObjectMeta"))]))
}

fn partial_list() -> &'static Schema {
    static SCHEMA: OnceLock<Schema> = OnceLock::new();
    SCHEMA.get_or_init(|| {
        let items = Shape::List(Box::new(partial().clone()));
        object(vec![property("metadata", 1, meta("ListMeta")), property("items", 2, items)])
    })
}

fn object(properties: Vec<Property>) -> Schema {
    Schema::of(Shape::Object(Box::new(schema::Object::sorted(properties))))
}

fn property(name: &'static str, number: u16, shape: Shape) -> Property {
    Property { name: name.into(), schema: Schema::of(shape), protobuf: [number, 0, 0], ..Property::default() }
}

fn meta(name: &str) -> Shape {
    Catalog::builtin().id(&format!("{META}.{name}")).map_or(Shape::Raw, Shape::Ref)
}
