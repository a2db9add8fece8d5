//! What happens to bytes between the engine and the store.

use bytes::Bytes;
use ironclad_api::GroupResource;

/// Encrypts what the configuration names before it reaches the store.
pub trait AtRest: Send + Sync + 'static {
    /// The stored form of `plain`. `key` is the store's key and should be authenticated with the bytes.
    fn seal(&self, resource: &GroupResource, key: &[u8], plain: Bytes) -> Result<Bytes, AtRestError>;

    /// The plain form of what [`AtRest::seal`] made, or of what was stored before sealing was configured.
    fn open(&self, resource: &GroupResource, key: &[u8], stored: Bytes) -> Result<Bytes, AtRestError>;

    /// Whether objects of this resource may be stored in another form than their plain one.
    fn seals(&self, _resource: &GroupResource) -> bool {
        false
    }

    /// Whether these stored bytes were sealed in another way than they would be now: then even
    /// a write that changes nothing stores them anew.
    fn is_stale(&self, _resource: &GroupResource, _stored: &[u8]) -> bool {
        false
    }
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct AtRestError(pub String);

/// Stores everything as it is.
pub struct Plain;

impl AtRest for Plain {
    fn seal(&self, _resource: &GroupResource, _key: &[u8], plain: Bytes) -> Result<Bytes, AtRestError> {
        Ok(plain)
    }

    fn open(&self, _resource: &GroupResource, _key: &[u8], stored: Bytes) -> Result<Bytes, AtRestError> {
        Ok(stored)
    }
}
