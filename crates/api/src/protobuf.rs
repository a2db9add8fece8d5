//! The protobuf form of objects, to and from the tree that their JSON is. Field numbers are
//! facts of the schema catalog; Kubernetes' JSON is not proto3's, so times, quantities,
//! IntOrString and embedded objects are transcoded by their shapes.
//!
//! Source: <https://kubernetes.io/docs/reference/using-api/api-concepts/#protobuf-encoding>

mod encode;
mod message;
mod tree;
mod wire;
mod write;

use serde_json::Value;

use crate::gvk::{GroupVersion, GroupVersionKind};
use crate::object::Object;
use crate::schema::Catalog;

pub use encode::{EncodeError, FRAME_HEAD, encode, encode_message, envelope, list, watch_frame};
use wire::Wire;

pub const MEDIA_TYPE: &str = "application/vnd.kubernetes.protobuf";

/// What every encoded object begins with.
const MAGIC: &[u8] = b"k8s\0";

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    #[error("provided data does not appear to be a protobuf message, expected prefix [107 56 115 0]")]
    NoMagic,
    #[error("unexpected EOF")]
    Truncated,
    /// A varint that does not end, or a field that cannot be.
    #[error("proto: illegal tag or value")]
    Malformed,
    #[error("proto: wrong wireType = {wire} for field {field}")]
    WireType { field: String, wire: u8 },
    #[error("proto: field {0} contains invalid UTF-8")]
    Text(String),
    #[error("unexpected GroupVersion string: {0}")]
    Version(String),
    #[error("no kind {kind} is registered for version {version}")]
    UnknownKind { kind: String, version: String },
    /// JSON within the message cannot be read.
    #[error("{0}")]
    Json(String),
    #[error("exceeded max depth")]
    Depth,
}

/// Reads one object. What its envelope does not say of its kind is taken from `default`.
pub fn decode(bytes: &[u8], default: Option<&GroupVersionKind>) -> Result<Object, DecodeError> {
    decode_at(bytes, default, 0)
}

fn decode_at(bytes: &[u8], default: Option<&GroupVersionKind>, depth: usize) -> Result<Object, DecodeError> {
    let envelope = read_envelope(bytes.strip_prefix(MAGIC).ok_or(DecodeError::NoMagic)?)?;
    let gvk = kind_of(&envelope, default)?;
    let schema = Catalog::builtin().schema(&gvk).ok_or_else(|| DecodeError::UnknownKind {
        kind: crate::goprint::quote(&gvk.kind),
        version: crate::goprint::quote(&gvk.api_version()),
    })?;
    let mut object = Object::default();
    if let Some(known) = schema.object() {
        message::message(known, envelope.raw, &[], &mut object.0, depth)?;
    }
    object.set_type(&gvk);
    Ok(object)
}

/// `runtime.Unknown`.
#[derive(Default)]
struct Envelope<'a> {
    api_version: String,
    kind: String,
    raw: &'a [u8],
}

fn read_envelope(bytes: &[u8]) -> Result<Envelope<'_>, DecodeError> {
    let mut envelope = Envelope::default();
    for field in wire::fields(bytes) {
        match field? {
            (1, Wire::Bytes(type_meta)) => {
                for field in wire::fields(type_meta) {
                    match field? {
                        (1, wire) => envelope.api_version = wire.text("apiVersion")?.to_owned(),
                        (2, wire) => envelope.kind = wire.text("kind")?.to_owned(),
                        _ => {}
                    }
                }
            }
            (2, Wire::Bytes(raw)) => envelope.raw = raw,
            _ => {}
        }
    }
    Ok(envelope)
}

fn kind_of(
    envelope: &Envelope<'_>,
    default: Option<&GroupVersionKind>,
) -> Result<GroupVersionKind, DecodeError> {
    let fallback = default.cloned().unwrap_or_else(|| GroupVersionKind::new("", "", ""));
    let kind = match envelope.kind.as_str() {
        "" => fallback.kind.clone(),
        kind => kind.to_owned().into(),
    };
    match envelope.api_version.as_str() {
        "" => Ok(GroupVersionKind { kind, ..fallback }),
        version => {
            let parsed = GroupVersion::parse(version);
            Ok(parsed.ok_or_else(|| DecodeError::Version(version.to_owned()))?.kind(kind))
        }
    }
}

/// An object within an object: JSON, or an envelope of its own.
fn embedded(bytes: &[u8], depth: usize) -> Result<Value, DecodeError> {
    if bytes.starts_with(MAGIC) {
        return Ok(decode_at(bytes, None, depth)?.into_value());
    }
    let decoded = crate::json::decode(bytes).map_err(|error| DecodeError::Json(error.to_string()))?;
    Ok(decoded.value)
}

#[cfg(test)]
mod tests;
