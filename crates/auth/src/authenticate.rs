//! From credentials to a user: client certificates, then bearer tokens, then anonymous.

use std::sync::Arc;

use ironclad_engine::gate::{TokenAuthenticator, User};
use ironclad_pki::verify::CaPool;
use jiff::Timestamp;
use rustls_pki_types::CertificateDer;

pub mod bootstrap_tokens;
mod figures;
pub mod jwt;
pub mod legacy_service_account;
pub mod service_account;
pub mod tokens;
pub mod webhook;

pub const AUTHENTICATED: &str = "system:authenticated";
pub const UNAUTHENTICATED: &str = "system:unauthenticated";
pub const ANONYMOUS: &str = "system:anonymous";

/// What a request shows of who it is.
#[derive(Default)]
pub struct Credentials<'a> {
    /// The chain of the TLS peer, leaf first; its key was proved in the handshake.
    pub chain: &'a [CertificateDer<'a>],
    /// The token of an `Authorization: Bearer` header (or of a WebSocket subprotocol).
    pub token: Option<&'a str>,
    /// The URL's path, decoded.
    pub path: &'a str,
}

/// Who gets in without credentials.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Anonymous {
    pub enabled: bool,
    /// Only to these paths; empty: to all.
    pub paths: Vec<String>,
}

impl Anonymous {
    pub fn everywhere() -> Self {
        Self { enabled: true, paths: Vec::new() }
    }

    fn admits(&self, path: &str) -> bool {
        self.enabled && (self.paths.is_empty() || self.paths.iter().any(|known| known == path))
    }
}

/// Every way to say who one is, in upstream's order.
pub struct Authenticators {
    pub client_ca: CaPool,
    pub tokens: Arc<dyn TokenAuthenticator>,
    /// Whether a request without credentials is `system:anonymous` or refused.
    pub anonymous: Anonymous,
}

impl Authenticators {
    /// The user behind a request. `Err` is answered with 401 whatever the reason;
    /// the reason is for the log.
    pub async fn authenticate(&self, credentials: &Credentials<'_>, now: Timestamp) -> Result<User, String> {
        let mut reasons = Vec::new();
        match self.certificate(credentials.chain, now) {
            Ok(Some(user)) => return Ok(authenticated(user)),
            Ok(None) => {}
            Err(reason) => reasons.push(reason),
        }
        if let Some(token) = credentials.token {
            match self.tokens.authenticate(token, &[]).await {
                Ok(Some(found)) => return Ok(authenticated(found.user)),
                Ok(None) => reasons.push("unknown token".into()),
                Err(reason) => reasons.push(reason),
            }
        }
        if reasons.is_empty() && self.anonymous.admits(credentials.path) {
            let groups = vec![UNAUTHENTICATED.into()];
            return Ok(User { name: ANONYMOUS.into(), groups, ..User::default() });
        }
        if reasons.is_empty() {
            reasons.push("no credentials".into());
        }
        Err(reasons.join("; "))
    }

    fn certificate(&self, chain: &[CertificateDer<'_>], now: Timestamp) -> Result<Option<User>, String> {
        if chain.is_empty() {
            return Ok(None);
        }
        let identity = self.client_ca.verify_client(chain, now).map_err(|error| error.to_string())?;
        figures::certificate(identity.not_after.duration_since(now));
        if identity.common_name.is_empty() {
            return Ok(None);
        }
        let credential =
            ("authentication.kubernetes.io/credential-id".to_owned(), vec![identity.credential_id()]);
        Ok(Some(User {
            name: identity.common_name,
            uid: identity.uid.unwrap_or_default(),
            groups: identity.organizations,
            extra: [credential].into(),
        }))
    }
}

/// Adds the group that every authenticated user is in.
fn authenticated(mut user: User) -> User {
    if !user.groups.iter().any(|group| group == AUTHENTICATED) {
        user.groups.push(AUTHENTICATED.into());
    }
    user
}
