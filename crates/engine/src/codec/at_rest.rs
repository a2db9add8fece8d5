//! What happens to bytes between the engine and the store.

use bytes::Bytes;
use ironclad_api::GroupResource;

/// Encrypts what the configuration names before it reaches the store.
pub trait AtRest: Send + Sync + 'static {
    /// The stored form of `plain`. `key` is the store's key and should be authenticated with the bytes.
    fn seal(&self, resource: &GroupResource, key: &[u8], plain: Bytes) -> Result<Bytes, AtRestError>;

    /// The plain form of what [`AtRest::seal`] made, or of what was stored before sealing was configured.
    fn open(&self, resource: &GroupResource, key: &[u8], stored: Bytes) -> Result<Bytes, AtRestError>;
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
