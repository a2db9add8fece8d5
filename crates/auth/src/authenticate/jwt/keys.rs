//! The keys of an issuer: found by its configuration document, read again when a token is signed by another.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwapOption;
use ironclad_env::Env;
use ironclad_pki::token::{ForeignError, ForeignKeys};
use ironclad_webhook::{Caller, Deadline, Endpoint, Place};
use parking_lot::Mutex;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::configuration::Issuer;

const WELL_KNOWN: &str = "/.well-known/openid-configuration";
const DEADLINE: Deadline = Deadline::Silent(Duration::from_secs(30));
/// Between tries while the issuer cannot be reached, as upstream.
const TRY_AGAIN: Duration = Duration::from_secs(10);
/// Keys are not read again sooner than this, whatever tokens are shown.
const REREAD: Duration = Duration::from_secs(5);

/// One issuer's keys as of their last reading.
pub struct IssuerKeys {
    env: Env,
    caller: Arc<Caller>,
    issuer: String,
    document: String,
    ca_bundle: Vec<u8>,
    known: ArcSwapOption<Known>,
    /// When the keys were read last, on the monotonic clock.
    reread: Mutex<Duration>,
}

struct Known {
    jwks_uri: String,
    keys: ForeignKeys,
}

#[derive(Deserialize)]
struct Document {
    issuer: String,
    jwks_uri: String,
}

impl IssuerKeys {
    pub fn new(env: Env, caller: Arc<Caller>, issuer: &Issuer) -> Arc<Self> {
        let document = match &issuer.discovery_url {
            Some(url) => url.clone(),
            None => format!("{}{WELL_KNOWN}", issuer.url.trim_end_matches('/')),
        };
        Arc::new(Self {
            env,
            caller,
            issuer: issuer.url.clone(),
            document,
            ca_bundle: issuer.certificate_authority.clone(),
            known: ArcSwapOption::empty(),
            reread: Mutex::default(),
        })
    }

    /// Reads the keys for the first time, and tries for as long as it takes.
    pub async fn begin(self: Arc<Self>) {
        while let Err(why) = self.discover().await {
            tracing::warn!(issuer = self.issuer, why, "the keys of an issuer of tokens cannot be read");
            self.env.sleep(TRY_AGAIN).await;
        }
    }

    async fn discover(&self) -> Result<(), String> {
        let document: Document = self.read(&self.document).await?;
        if document.issuer != self.issuer {
            return Err(format!(
                "issuer did not match the issuer returned by provider, expected \"{}\" got \"{}\"",
                self.issuer, document.issuer
            ));
        }
        self.read_keys(document.jwks_uri).await
    }

    async fn read_keys(&self, jwks_uri: String) -> Result<(), String> {
        let document: Value = self.read(&jwks_uri).await?;
        let keys = ForeignKeys::parse(document.to_string().as_bytes())?;
        *self.reread.lock() = self.env.elapsed();
        self.known.store(Some(Arc::new(Known { jwks_uri, keys })));
        Ok(())
    }

    async fn read<T: serde::de::DeserializeOwned>(&self, url: &str) -> Result<T, String> {
        let endpoint = Endpoint { place: Place::Url(url.to_owned()), ca_bundle: self.ca_bundle.clone() };
        let body = self.caller.get(&endpoint, DEADLINE).await.map_err(|error| error.to_string())?;
        serde_json::from_slice(&body).map_err(|error| format!("{url}: {error}"))
    }

    /// The claims of a token that the issuer signed.
    pub async fn open(&self, token: &str) -> Result<Map<String, Value>, String> {
        let Some(known) = self.known.load_full() else { return Err("authenticator not initialized".into()) };
        match known.keys.open(token) {
            Err(ForeignError::Signature) if self.may_reread() => {}
            opened => return opened.map_err(|error| format!("verify token: {error}")),
        }
        self.read_keys(known.jwks_uri.clone()).await.map_err(|why| format!("verify token: {why}"))?;
        let Some(known) = self.known.load_full() else { return Err("authenticator not initialized".into()) };
        known.keys.open(token).map_err(|error| format!("verify token: {error}"))
    }

    /// Takes the turn to read the keys again, if it is time.
    fn may_reread(&self) -> bool {
        let (now, mut last) = (self.env.elapsed(), self.reread.lock());
        let due = now >= *last + REREAD;
        if due {
            *last = now;
        }
        due
    }
}
