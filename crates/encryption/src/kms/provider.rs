//! A configured key management service: what seals and opens with its help.

use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use bytes::Bytes;
use ironclad_engine::codec::AtRestError;
use ironclad_env::{Env, EnvironmentExt};
use jiff::Timestamp;
use parking_lot::Mutex;

use super::dek::Dek;
use super::encrypted::EncryptedDekSourceType as Kind;
use super::envelope::{Source, key_id_hash};
use super::figures::{self, Method, Way};
use super::remembered::Remembered;
use super::service::KeyService;
use super::v2::DecryptRequest;
use crate::transformer::{Transformer, failed};

pub struct Kms {
    pub(super) name: String,
    prefix: String,
    pub(super) service: KeyService,
    /// What objects are written with. `None` until the service has answered once.
    pub(super) state: ArcSwapOption<State>,
    /// The interface's version that the service told first.
    pub(super) version: OnceLock<String>,
    pub(super) health: Mutex<Result<(), String>>,
    deks: Remembered,
}

/// A seed and how long it may be written with.
#[derive(Clone)]
pub(super) struct State {
    pub source: Source,
    pub dek: Arc<Dek>,
    pub expires: Timestamp,
}

impl Kms {
    pub fn new(name: &str, socket: impl Into<PathBuf>, timeout: Duration) -> Self {
        Self {
            name: name.to_owned(),
            prefix: format!("k8s:enc:kms:v2:{name}:"),
            service: KeyService::new(socket, timeout),
            state: ArcSwapOption::empty(),
            version: OnceLock::new(),
            health: Mutex::new(Err("it has not been asked yet".to_owned())),
            deks: Remembered::default(),
        }
    }

    /// What the last look at it found.
    pub fn health(&self) -> Result<(), String> {
        self.health.lock().clone()
    }

    /// How long one call may take.
    pub fn timeout(&self) -> Duration {
        self.service.timeout()
    }

    /// Written with from now on.
    pub(super) fn install(&self, state: State) {
        self.remember(state.source.clone(), state.dek.clone());
        self.state.store(Some(Arc::new(state)));
    }

    fn remember(&self, source: Source, dek: Arc<Dek>) {
        figures::remembers(&self.name, self.deks.put(source, dek));
    }

    /// The state as upstream's reads see it: there is one.
    pub(super) fn current(&self) -> Result<Arc<State>, AtRestError> {
        self.state.load_full().ok_or_else(|| failed("got unexpected nil transformer"))
    }

    /// The key of a stored object, which the service unwraps if it has not been met before.
    fn dek(&self, env: &Env, source: Source) -> Result<Arc<Dek>, AtRestError> {
        if let Some(known) = self.deks.get(&source) {
            return Ok(known);
        }
        let request = DecryptRequest {
            ciphertext: source.wrapped.clone(),
            uid: env.uuid(),
            key_id: source.key_id.clone(),
            annotations: source.annotations.clone(),
        };
        let since = env.elapsed();
        let answer = self.service.decrypt(request);
        figures::called(&self.name, Method::Decrypt, env.elapsed().saturating_sub(since), &answer);
        let answer = answer.map_err(|error| failed(format!("failed to decrypt DEK, error: {error}")))?;
        let dek = Arc::new(Dek::unwrapped(source.kind, &answer.plaintext)?);
        self.remember(source, dek.clone());
        Ok(dek)
    }
}

impl Transformer for Kms {
    fn prefix(&self) -> &str {
        &self.prefix
    }

    fn seal(&self, env: &Env, path: &[u8], plain: Bytes) -> Result<Bytes, AtRestError> {
        let state = self.current()?;
        state.check(env.now())?;
        let sealed = state.dek.seal(env, path, &plain)?;
        figures::used(&self.name, Way::ToStorage, &state.source.key_id, env.now());
        Ok(state.source.encode(sealed).into())
    }

    fn open(&self, env: &Env, path: &[u8], sealed: Bytes) -> Result<Bytes, AtRestError> {
        let (source, sealed) = Source::decode(&sealed)?;
        figures::used(&self.name, Way::FromStorage, &source.key_id, env.now());
        self.dek(env, source)?.open(path, &sealed)
    }

    /// Without a state nothing can be written: the attempt has to say so instead of passing for done.
    fn is_stale(&self, sealed: &[u8]) -> bool {
        let Some(state) = self.state.load_full() else { return true };
        match Source::decode(sealed) {
            Ok((source, _)) => {
                source.key_id != state.source.key_id || source.kind != Kind::HkdfSha256XnonceAesGcmSeed
            }
            Err(_) => true,
        }
    }
}

impl State {
    /// Whether it may still be written with.
    pub fn check(&self, now: Timestamp) -> Result<(), AtRestError> {
        if now <= self.expires {
            return Ok(());
        }
        Err(failed(format!(
            "encryptedDEKSource with keyID hash {:?} expired at {} (current time is {})",
            key_id_hash(&self.source.key_id),
            seconds(self.expires),
            seconds(now)
        )))
    }
}

/// RFC 3339 without fractions.
pub(super) fn seconds(time: Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}
