//! Objects as bytes: how they are stored, how they are served, how a watch frames them.
//!
//! Stored JSON begins with `{"kind":…,"apiVersion":…,"metadata":{` and has no
//! resourceVersion, because the revision is known only when the write commits. It is
//! spliced in, as the first member of the metadata, when the entry is made; the object is
//! never encoded twice.

pub mod at_rest;
pub mod scan;

use std::io::Write;

use bytes::{BufMut, Bytes, BytesMut};
use ironclad_api::{Object, json};
use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::{Map, Value};

pub use at_rest::{AtRest, AtRestError, Plain};

/// What happened to an object, as a watch says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventType {
    Added,
    Modified,
    Deleted,
    Bookmark,
    Error,
}

impl EventType {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Added => "ADDED",
            Self::Modified => "MODIFIED",
            Self::Deleted => "DELETED",
            Self::Bookmark => "BOOKMARK",
            Self::Error => "ERROR",
        }
    }
}

/// A watch line, and the object's JSON as a slice of it.
#[derive(Clone, Debug)]
pub struct Framed {
    pub frame: Bytes,
    pub json: Bytes,
}

/// The stored form of an object: our member order, no resourceVersion.
pub fn encode(object: &Object) -> Bytes {
    json::encode(&Stored(object)).into()
}

/// An object in our member order.
struct Stored<'a>(&'a Object);

/// Metadata without its resourceVersion, and with the long managedFields last, so that a
/// scan finds the short things first.
struct StoredMetadata<'a>(Option<&'a Map<String, Value>>);

impl Serialize for Stored<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut members = serializer.serialize_map(None)?;
        members.serialize_entry("kind", self.0.kind())?;
        members.serialize_entry("apiVersion", self.0.api_version())?;
        members.serialize_entry("metadata", &StoredMetadata(self.0.metadata()))?;
        let rest =
            self.0.0.iter().filter(|(name, _)| !matches!(name.as_str(), "kind" | "apiVersion" | "metadata"));
        for (name, value) in rest {
            members.serialize_entry(name, value)?;
        }
        members.end()
    }
}

impl Serialize for StoredMetadata<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (owners, revision) = ("managedFields", "resourceVersion");
        let first = self.0.into_iter().flatten().filter(|(name, _)| *name != owners && *name != revision);
        let last = self.0.into_iter().flatten().filter(|(name, _)| *name == owners);
        serializer.collect_map(first.chain(last))
    }
}

/// The served form of stored bytes that were committed at `revision`.
pub fn stamp(stored: &[u8], revision: u64) -> Bytes {
    let (head, tail) = split(stored);
    let mut out = BytesMut::with_capacity(stored.len() + 48);
    put_stamped(&mut out, head, tail, revision);
    out.freeze()
}

/// The served form, inside its watch line.
pub fn frame(event: EventType, stored: &[u8], revision: u64) -> Framed {
    let (head, tail) = split(stored);
    let mut out = BytesMut::with_capacity(stored.len() + 96);
    let _ = write!((&mut out).writer(), "{{\"type\":\"{}\",\"object\":", event.as_str());
    let start = out.len();
    put_stamped(&mut out, head, tail, revision);
    let end = out.len();
    out.extend_from_slice(b"}\n");
    let frame = out.freeze();
    Framed { json: frame.slice(start..end), frame }
}

/// A watch line around served bytes.
pub fn frame_served(event: EventType, json: &[u8]) -> Bytes {
    let mut out = BytesMut::with_capacity(json.len() + 40);
    let _ = write!((&mut out).writer(), "{{\"type\":\"{}\",\"object\":", event.as_str());
    out.extend_from_slice(json);
    out.extend_from_slice(b"}\n");
    out.freeze()
}

fn put_stamped(out: &mut BytesMut, head: &[u8], tail: &[u8], revision: u64) {
    out.extend_from_slice(head);
    let _ = write!(out.writer(), "\"resourceVersion\":\"{revision}\"");
    if tail.first() != Some(&b'}') {
        out.put_u8(b',');
    }
    out.extend_from_slice(tail);
}

/// Stored or served bytes, cut where the resourceVersion belongs; one that is there is left out.
fn split(json: &[u8]) -> (&[u8], &[u8]) {
    let Some(at) = metadata_start(json) else { return (json, b"}") };
    let (head, tail) = json.split_at(at);
    (head, without_revision(tail))
}

fn without_revision(tail: &[u8]) -> &[u8] {
    let Some(rest) = tail.strip_prefix(b"\"resourceVersion\":\"") else { return tail };
    let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let rest = rest.get(digits + 1..).unwrap_or_default();
    rest.strip_prefix(b",").unwrap_or(rest)
}

/// The apiVersion of stored or served bytes; `None` if they are not in our member order.
pub fn api_version(json: &[u8]) -> Option<&str> {
    let rest = after_string(json.strip_prefix(b"{\"kind\":\"")?)?.strip_prefix(b",\"apiVersion\":\"")?;
    let end = rest.iter().position(|byte| *byte == b'"')?;
    std::str::from_utf8(&rest[..end]).ok()
}

/// Where the members of the metadata begin; `None` if the bytes are not in our member order.
pub fn metadata_start(json: &[u8]) -> Option<usize> {
    let rest = after_string(json.strip_prefix(b"{\"kind\":\"")?)?.strip_prefix(b",\"apiVersion\":\"")?;
    let rest = after_string(rest)?.strip_prefix(b",\"metadata\":{")?;
    Some(json.len() - rest.len())
}

/// What follows the closing quote of a string without escapes.
fn after_string(text: &[u8]) -> Option<&[u8]> {
    let end = text.iter().position(|byte| matches!(byte, b'"' | b'\\'))?;
    (text[end] == b'"').then(|| &text[end + 1..])
}

/// Bytes in our member order, from those of any encoder. `None` if they are not an object.
pub fn normalized(stored: Bytes) -> Option<Bytes> {
    match metadata_start(&stored) {
        Some(_) => Some(stored),
        None => Some(encode(&Object::from_value(serde_json::from_slice(&stored).ok()?)?)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn object(value: Value) -> Object {
        Object::from_value(value).expect("an object")
    }

    #[test]
    fn the_revision_is_spliced_into_the_metadata() {
        let check = |value: Value, want: &str| {
            let stored = encode(&object(value));
            assert_eq!(stamp(&stored, 7), want);
            assert_eq!(frame(EventType::Added, &stored, 7).json, want);
            assert_eq!(stamp(&stamp(&stored, 123), 7), want, "a stamp is replaced");
        };
        check(
            json!({"apiVersion": "v1", "kind": "A", "data": {"metadata": {}}, "metadata": {"name": "x"}}),
            r#"{"kind":"A","apiVersion":"v1","metadata":{"resourceVersion":"7","name":"x"},"data":{"metadata":{}}}"#,
        );
        check(
            json!({"apiVersion": "v1", "kind": "A", "metadata": {"resourceVersion": "3"}}),
            r#"{"kind":"A","apiVersion":"v1","metadata":{"resourceVersion":"7"}}"#,
        );
        check(
            json!({"apiVersion": "v1", "kind": "A"}),
            r#"{"kind":"A","apiVersion":"v1","metadata":{"resourceVersion":"7"}}"#,
        );
    }

    #[test]
    fn a_frame_is_one_line_around_the_object() {
        let framed = frame(EventType::Deleted, br#"{"kind":"A","apiVersion":"v1","metadata":{}}"#, 5);
        let want = r#"{"type":"DELETED","object":{"kind":"A","apiVersion":"v1","metadata":{"resourceVersion":"5"}}}"#;
        assert_eq!(framed.frame, format!("{want}\n"));
        assert_eq!(frame_served(EventType::Deleted, &framed.json), framed.frame);
    }

    #[test]
    fn foreign_member_order_is_normalized() {
        let foreign = Bytes::from_static(br#"{"apiVersion":"v1","kind":"A","metadata":{"name":"x"}}"#);
        let ours = normalized(foreign).expect("an object");
        assert_eq!(ours, &br#"{"kind":"A","apiVersion":"v1","metadata":{"name":"x"}}"#[..]);
        assert_eq!(api_version(&ours), Some("v1"));
        assert_eq!(normalized(Bytes::from_static(b"[1]")), None);
    }
}
