//! Making tokens.

use jiff::Timestamp;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde::Serialize;

use super::claims::{Claims, Kubernetes, NumericDate};
use super::{Binding, ObjectRef, TokenError, username};
use crate::key::PrivateKey;

/// Signs tokens of one issuer with one key.
pub struct TokenSigner {
    issuer: String,
    key: EncodingKey,
    key_id: String,
}

/// What a token is to say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Grant {
    pub namespace: String,
    pub service_account: ObjectRef,
    pub binding: Binding,
    /// Whom the token is for; never empty in a token of the TokenRequest API.
    pub audiences: Vec<String>,
    pub expiration_seconds: i64,
    /// Warn whoever still uses the token this long after now (see
    /// [`WARN_ONLY_SECONDS`](super::WARN_ONLY_SECONDS)).
    pub warn_after_seconds: Option<i64>,
}

// === impl TokenSigner ===

impl TokenSigner {
    pub fn new(issuer: impl Into<String>, key: &PrivateKey) -> Self {
        TokenSigner {
            issuer: issuer.into(),
            key: EncodingKey::from_ec_der(key.to_pkcs8().secret_pkcs8_der()),
            key_id: key.public_key().id(),
        }
    }

    /// A signed token. `id` is a fresh UUID: its `jti`, by which the audit log
    /// tells tokens apart.
    pub fn sign(&self, grant: &Grant, id: &str, now: Timestamp) -> Result<String, TokenError> {
        self.sign_claims(&claims(&self.issuer, grant, id, now))
    }

    /// Any claims at all, with the signer's key.
    pub fn sign_claims(&self, claims: &impl Serialize) -> Result<String, TokenError> {
        let header = Header { typ: None, kid: Some(self.key_id.clone()), ..Header::new(Algorithm::ES256) };
        jsonwebtoken::encode(&header, claims, &self.key)
            .map_err(|error| TokenError::Sign { reason: error.to_string() })
    }
}

impl std::fmt::Debug for TokenSigner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "TokenSigner({}, {})", self.issuer, self.key_id)
    }
}

fn claims(issuer: &str, grant: &Grant, id: &str, now: Timestamp) -> Claims {
    let after = |seconds: i64| NumericDate(now.as_second().saturating_add(seconds));
    let mut kubernetes = Kubernetes {
        namespace: grant.namespace.clone(),
        serviceaccount: grant.service_account.clone(),
        warnafter: grant.warn_after_seconds.filter(|&seconds| seconds != 0).map(after),
        ..Kubernetes::default()
    };
    match grant.binding.clone() {
        Binding::None => {}
        Binding::Pod { pod, node } => (kubernetes.pod, kubernetes.node) = (Some(pod), node),
        Binding::Secret(secret) => kubernetes.secret = Some(secret),
        Binding::Node(node) => kubernetes.node = Some(node),
    }
    Claims {
        iss: issuer.to_owned(),
        sub: username(&grant.namespace, &grant.service_account.name),
        aud: grant.audiences.clone(),
        exp: Some(after(grant.expiration_seconds)),
        iat: Some(after(0)),
        nbf: Some(after(0)),
        jti: id.to_owned(),
        kubernetes,
    }
}
