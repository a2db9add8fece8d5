//! Looking at a key management service again and again: is it well, and has its key changed?

use std::sync::{Arc, Weak};
use std::time::Duration;

use ironclad_api::field;
use ironclad_env::{Env, EnvironmentExt};

use super::dek::Dek;
use super::encrypted::EncryptedDekSourceType as Kind;
use super::envelope::{Source, check_key_id, key_id_hash};
use super::figures::{self, Method};
use super::provider::{Kms, State, seconds};
use super::v2::{EncryptRequest, StatusResponse};

/// How long a seed may be written with after the service last said that its key is current: a migration that
/// begins so long after a change of the key uses the new one, or fails.
const WRITABLE: Duration = Duration::from_secs(180);

/// Upstream asks every minute, and when its health is asked for at most every 20 seconds; here it is the latter
/// always, so that the answer to a health check need not wait for the service.
const WELL: Duration = Duration::from_secs(20);
const UNWELL: Duration = Duration::from_secs(3);

impl Kms {
    /// Looks at the service for as long as somebody else holds it.
    pub fn tend(self: &Arc<Self>, env: &Env) {
        env.spawn("kms", Box::pin(tend(Arc::downgrade(self), env.clone())));
    }

    /// Looks at the service once.
    pub async fn look(&self, env: &Env) -> Result<(), String> {
        let found = self.found(env).await;
        if let Err(why) = &found {
            tracing::warn!(kms = self.name, why, "kms plugin failed health check probe");
        }
        self.health.lock().clone_from(&found);
        found
    }

    async fn found(&self, env: &Env) -> Result<(), String> {
        let name = &self.name;
        let since = env.elapsed();
        let status = self.service.status().await;
        figures::called(name, Method::Status, env.elapsed().saturating_sub(since), &status);
        let status = status.map_err(|error| {
            format!(
                "failed to perform status section of the healthz check for KMS Provider {name}, error: {error}"
            )
        })?;
        let mut faults: Vec<String> = Vec::new();
        if status.healthz != "ok" {
            faults.push(format!("got unexpected healthz status: {}", status.healthz));
        }
        faults.extend(self.version_fault(&status));
        match check_key_id(&status.key_id) {
            Ok(()) => {
                figures::told(name, &status.key_id, env.now());
                faults.extend(self.follow(env, &status.key_id).await.err());
            }
            Err(why) => {
                figures::invalid(name, &status.key_id);
                let hash = key_id_hash(&status.key_id);
                faults.push(format!("got invalid KMSv2 KeyID hash {hash:?}: {why}"));
            }
        }
        match field::aggregate_texts(faults) {
            None => Ok(()),
            Some(why) => Err(format!("kmsv2 Provider {name} is not healthy, error: {why}")),
        }
    }

    fn version_fault(&self, status: &StatusResponse) -> Option<String> {
        let told = &status.version;
        if !matches!(told.as_str(), "v2" | "v2beta1") {
            return Some(format!("expected KMSv2 API version v2, got {told}"));
        }
        let first = self.version.get_or_init(|| told.clone());
        (first != told).then(|| {
            format!(
                "KMSv2 API version should not change after the initial status response version {first}, got {told}"
            )
        })
    }

    /// Keeps the seed of the service's key, or makes one for its new key. A failure leaves the old one, which may be
    /// written with until it expires.
    async fn follow(&self, env: &Env, key_id: &str) -> Result<(), String> {
        // Counted from before the call: the limit is an upper bound.
        let expires = env.now() + WRITABLE;
        let state = self.state.load_full();
        if let Some(state) = state.as_ref().filter(|state| state.source.key_id == key_id) {
            self.install(State { expires, ..(**state).clone() });
            return Ok(());
        }
        let uid = env.uuid();
        let (source, why) = match self.wrap(env, &uid).await {
            Ok((source, dek)) if source.key_id == key_id => {
                tracing::info!(kms = self.name, uid, key = key_id_hash(key_id), "a new seed is in use");
                self.install(State { source, dek: Arc::new(dek), expires });
                return Ok(());
            }
            Ok((source, _)) => (Some(source), "<nil>".to_owned()),
            Err(why) => (None, why),
        };
        Err(format!(
            "failed to rotate DEK uid={uid:?}, useSeed=true, errState={}, errGen={why}, statusKeyIDHash={:?}, \
             encryptKeyIDHash={:?}, stateKeyIDHash={:?}, expirationTimestamp={}",
            if state.is_some() { "<nil>" } else { "got unexpected nil transformer" },
            key_id_hash(key_id),
            key_id_hash(source.as_ref().map_or("", |source| &source.key_id)),
            key_id_hash(state.as_ref().map_or("", |state| &state.source.key_id)),
            state.map_or_else(|| "0001-01-01T00:00:00Z".to_owned(), |state| seconds(state.expires)),
        ))
    }

    /// A new seed, wrapped by the service.
    async fn wrap(&self, env: &Env, uid: &str) -> Result<(Source, Dek), String> {
        let (dek, secret) = Dek::generate(env);
        let request = EncryptRequest { plaintext: secret, uid: uid.to_owned() };
        let since = env.elapsed();
        let answer = self.service.encrypt(request).await;
        figures::called(&self.name, Method::Encrypt, env.elapsed().saturating_sub(since), &answer);
        let answer = answer.map_err(|error| format!("failed to encrypt DEK, error: {error}"))?;
        let source = Source {
            kind: Kind::HkdfSha256XnonceAesGcmSeed,
            wrapped: answer.ciphertext,
            key_id: answer.key_id,
            annotations: answer.annotations,
        };
        source.check()?;
        Ok((source, dek))
    }
}

async fn tend(kms: Weak<Kms>, env: Env) {
    let health = |kms: &Weak<Kms>| kms.upgrade().map(|kms| kms.health());
    while let Some(health) = health(&kms) {
        env.sleep(if health.is_ok() { WELL } else { UNWELL }).await;
        let Some(kms) = kms.upgrade() else { return };
        let _ = kms.look(&env).await;
    }
}
