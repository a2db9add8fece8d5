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
//! The file may change while the server runs: see [`Encryption::follow`].
//!
//! Source: <https://kubernetes.io/docs/tasks/administer-cluster/encrypt-data/>.

mod aes_cbc;
mod aes_gcm;
mod configuration;
mod following;
mod identity;
mod kms;
mod kms_settings;
mod resources;
mod secretbox;
#[cfg(test)]
mod tests;
mod transformer;

use arc_swap::ArcSwap;
use bytes::Bytes;
use ironclad_api::{GroupResource, field};
use ironclad_engine::codec::{AtRest, AtRestError};
use ironclad_env::Env;

use transformer::Transformers;

pub use configuration::{Configuration, ConfigurationError, standard};
pub use following::ReloadError;

/// The engine's way to the store, with the configured keys.
pub struct Encryption {
    env: Env,
    configuration: ArcSwap<Configuration>,
}

impl Encryption {
    pub fn new(configuration: Configuration, env: Env) -> Self {
        Self { env, configuration: ArcSwap::from_pointee(configuration) }
    }

    /// Asks the configured services for keys, once. The error is what [`Encryption::health`] says from then on;
    /// what needs no service works all the same.
    pub async fn look(&self) -> Result<(), String> {
        let configuration = self.configuration.load_full();
        configuration.look(&self.env).await;
        configuration.health()
    }

    /// Looks after the configured services from now on.
    pub fn tend(&self) {
        self.configuration.load().tend(&self.env);
    }

    /// Whether all configured key management services are well: the check `kms-providers`.
    pub fn health(&self) -> Result<(), String> {
        self.configuration.load().health()
    }
}

impl Configuration {
    fn of(&self, resource: &GroupResource) -> Option<&Transformers> {
        self.entries.iter().find(|(name, _)| name.covers(resource)).map(|(_, transformers)| transformers)
    }

    async fn look(&self, env: &Env) {
        for service in &self.services {
            // What is found is kept, and told by `health`.
            let _ = service.look(env).await;
        }
    }

    fn tend(&self, env: &Env) {
        self.services.iter().for_each(|service| service.tend(env));
    }

    fn health(&self) -> Result<(), String> {
        let each = self.services.iter().enumerate();
        let faults =
            each.filter_map(|(at, service)| Some(format!("kms-provider-{at}: {}", service.health().err()?)));
        field::aggregate_texts(faults).map_or(Ok(()), Err)
    }
}

impl AtRest for Encryption {
    fn seal(&self, resource: &GroupResource, key: &[u8], plain: Bytes) -> Result<Bytes, AtRestError> {
        match self.configuration.load().of(resource) {
            Some(transformers) => transformers.seal(&self.env, key, plain),
            None => Ok(plain),
        }
    }

    /// What was sealed before its resource was taken out of the configuration is refused by [`AtRest::open`]'s
    /// caller: it is not an object.
    fn open(&self, resource: &GroupResource, key: &[u8], stored: Bytes) -> Result<Bytes, AtRestError> {
        // Owned, because opening may wait for a service.
        match self.configuration.load_full().of(resource) {
            Some(transformers) => transformers.open(&self.env, key, stored),
            None => identity::plain(stored),
        }
    }

    fn seals(&self, resource: &GroupResource) -> bool {
        self.configuration.load().of(resource).is_some()
    }

    fn is_stale(&self, resource: &GroupResource, stored: &[u8]) -> bool {
        let configuration = self.configuration.load();
        configuration.of(resource).is_some_and(|transformers| !transformers.wrote(stored))
    }
}
