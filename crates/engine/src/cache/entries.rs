//! Stored bytes to entries.

use std::sync::Arc;

use bytes::Bytes;
use ironclad_api::entry::Fields;
use ironclad_api::{Entry, Object};

use crate::codec::{self, AtRest, EventType, Framed, scan};
use crate::registry::Kind;
use crate::shape;

/// Why a stored value cannot be served.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EntryError {
    #[error("cannot be decrypted: {0}")]
    Sealed(String),
    #[error("is not an object's JSON: {0}")]
    Malformed(String),
}

/// The entry of a stored value.
pub(crate) fn entry(
    kind: &Kind,
    at_rest: &dyn AtRest,
    store_key: &[u8],
    stored: Bytes,
    revision: u64,
) -> Result<Arc<Entry>, EntryError> {
    let plain = open(kind, at_rest, store_key, stored)?;
    parsed(kind, codec::stamp(&plain, revision), revision)
}

/// The entry of a stored value that was just written, with its watch line.
pub(crate) fn framed(
    kind: &Kind,
    at_rest: &dyn AtRest,
    store_key: &[u8],
    stored: Bytes,
    revision: u64,
    event: EventType,
) -> Result<(Arc<Entry>, Bytes), EntryError> {
    let plain = open(kind, at_rest, store_key, stored)?;
    let Framed { frame, json } = codec::frame(event, &plain, revision);
    Ok((parsed(kind, json, revision)?, frame))
}

/// The entry of what this process encoded and committed.
pub(crate) fn entry_of_written(kind: &Kind, encoded: &[u8], revision: u64) -> Result<Arc<Entry>, EntryError> {
    parsed(kind, codec::stamp(encoded, revision), revision)
}

/// The entry of served bytes.
pub(crate) fn parsed(kind: &Kind, json: Bytes, revision: u64) -> Result<Arc<Entry>, EntryError> {
    let mut meta = scan::meta(&json).map_err(|error| EntryError::Malformed(error.to_string()))?;
    meta.fields = Fields::read_by(kind.fields.clone());
    Ok(Arc::new(Entry::new(meta, revision, json)))
}

fn open(kind: &Kind, at_rest: &dyn AtRest, store_key: &[u8], stored: Bytes) -> Result<Bytes, EntryError> {
    let opened = at_rest.open(&kind.resource, store_key, stored);
    let plain = opened.map_err(|error| EntryError::Sealed(error.to_string()))?;
    let malformed = || EntryError::Malformed("it is not a JSON object".to_owned());
    if kind.strategy.upgrades_stored() {
        let object: Object = serde_json::from_slice(&plain).map_err(|_| malformed())?;
        return Ok(codec::encode(&shape::upgrade(kind, object)));
    }
    codec::normalized(plain).ok_or_else(malformed)
}
