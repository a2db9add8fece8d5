//! Encryption at rest: what the store holds of Secrets, and of whatever else the configuration names, can be
//! read with a key only.
//!
//! ```text
//!  EncryptionConfiguration ─► for each resource a list of transformers
//!                               the first one writes, all of them read
//! ```
//!
//! Stored values begin with who made them, as upstream's do (`k8s:enc:secretbox:v1:KEY:`), so that data moves
//! between the two. A key is rotated by putting the new one first and, once everything has been written anew,
//! taking the old one away: an update that changes nothing still writes what another key made.
//!
//! Source: <https://kubernetes.io/docs/tasks/administer-cluster/encrypt-data/>.

mod aes_cbc;
mod aes_gcm;
mod configuration;
mod identity;
mod resources;
mod secretbox;
#[cfg(test)]
mod tests;
mod transformer;

use bytes::Bytes;
use ironclad_api::GroupResource;
use ironclad_engine::codec::{AtRest, AtRestError};
use ironclad_env::Env;

use resources::ResourceNames;
use transformer::Transformers;

pub use configuration::{Configuration, ConfigurationError, standard};

/// The engine's way to the store, with the configured keys.
pub struct Encryption {
    env: Env,
    /// The first entry that names a resource is the one that counts.
    entries: Vec<(ResourceNames, Transformers)>,
}

impl Encryption {
    pub fn new(configuration: Configuration, env: Env) -> Self {
        Self { env, entries: configuration.entries }
    }

    fn of(&self, resource: &GroupResource) -> Option<&Transformers> {
        self.entries.iter().find(|(names, _)| names.name(resource)).map(|(_, transformers)| transformers)
    }
}

impl AtRest for Encryption {
    fn seal(&self, resource: &GroupResource, key: &[u8], plain: Bytes) -> Result<Bytes, AtRestError> {
        match self.of(resource) {
            Some(transformers) => transformers.seal(&self.env, key, plain),
            None => Ok(plain),
        }
    }

    /// What was sealed before its resource was taken out of the configuration is refused by [`AtRest::open`]'s
    /// caller: it is not an object.
    fn open(&self, resource: &GroupResource, key: &[u8], stored: Bytes) -> Result<Bytes, AtRestError> {
        match self.of(resource) {
            Some(transformers) => transformers.open(key, stored),
            None => identity::plain(stored),
        }
    }

    fn seals(&self, resource: &GroupResource) -> bool {
        self.of(resource).is_some()
    }

    fn is_stale(&self, resource: &GroupResource, stored: &[u8]) -> bool {
        self.of(resource).is_some_and(|transformers| !transformers.wrote(stored))
    }
}
