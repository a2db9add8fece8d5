//! The tokens in Secrets of type `kubernetes.io/service-account-token`: no
//! times, no audience, good while the Secret holds them.

use serde::{Deserialize, Serialize};

use super::keys::open;
use super::{TokenError, TokenSigner, TokenVerifier, username};

/// The `iss` of all such tokens.
pub const LEGACY_ISSUER: &str = "kubernetes/serviceaccount";

/// What such a token says. The caller must check that the Secret lives and
/// holds this very token, and that the service account lives.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LegacyToken {
    pub namespace: String,
    pub service_account_name: String,
    pub service_account_uid: String,
    pub secret_name: String,
}

#[derive(Clone, Serialize, Deserialize)]
struct Claims {
    iss: String,
    #[serde(rename = "kubernetes.io/serviceaccount/namespace", default)]
    namespace: String,
    #[serde(rename = "kubernetes.io/serviceaccount/secret.name", default)]
    secret_name: String,
    #[serde(rename = "kubernetes.io/serviceaccount/service-account.name", default)]
    name: String,
    #[serde(rename = "kubernetes.io/serviceaccount/service-account.uid", default)]
    uid: String,
    #[serde(default)]
    sub: String,
}

// === impl LegacyToken ===

impl LegacyToken {
    /// Signs it with the signer's key; the issuer is always the legacy one.
    pub fn sign(&self, signer: &TokenSigner) -> Result<String, TokenError> {
        signer.sign_claims(&Claims {
            iss: LEGACY_ISSUER.to_owned(),
            namespace: self.namespace.clone(),
            secret_name: self.secret_name.clone(),
            name: self.service_account_name.clone(),
            uid: self.service_account_uid.clone(),
            sub: username(&self.namespace, &self.service_account_name),
        })
    }

    /// Believes a token signed by one of `verifier`'s keys. Such a token is for
    /// the API server only, so its audiences are the API server's.
    pub fn verify(token: &str, verifier: &TokenVerifier) -> Result<Self, TokenError> {
        let claims: Claims = open(token, &[LEGACY_ISSUER.to_owned()], &verifier.keys)?;
        for (claim, value) in [
            ("sub", &claims.sub),
            ("namespace", &claims.namespace),
            ("secretName", &claims.secret_name),
            ("serviceAccountName", &claims.name),
            ("serviceAccountUID", &claims.uid),
        ] {
            if value.is_empty() {
                return Err(TokenError::Missing { claim });
            }
        }
        if claims.sub != username(&claims.namespace, &claims.name) {
            return Err(TokenError::Subject);
        }
        Ok(LegacyToken {
            namespace: claims.namespace,
            service_account_name: claims.name,
            service_account_uid: claims.uid,
            secret_name: claims.secret_name,
        })
    }
}
