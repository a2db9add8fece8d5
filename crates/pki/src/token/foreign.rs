//! Tokens of other issuers (OpenID Connect): their published keys, and the signature alone. Times, audiences
//! and what the claims mean are the caller's.
//!
//! Source: RFC 7515, RFC 7517, <https://openid.net/specs/openid-connect-core-1_0.html>.

use jsonwebtoken::jwk::{Jwk, JwkSet, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde_json::{Map, Value};
use thiserror::Error;

use super::keys::unverified_issuer;

/// Those that a public key belongs to: with the others whoever knows it could sign.
const ALGORITHMS: [Algorithm; 8] = [
    Algorithm::RS256,
    Algorithm::RS384,
    Algorithm::RS512,
    Algorithm::ES256,
    Algorithm::ES384,
    Algorithm::PS256,
    Algorithm::PS384,
    Algorithm::PS512,
];

/// A set of keys as an issuer publishes it.
#[derive(Clone, Default)]
pub struct ForeignKeys {
    keys: Vec<ForeignKey>,
}

#[derive(Clone)]
struct ForeignKey {
    id: Option<String>,
    decoding: DecodingKey,
}

#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ForeignError {
    #[error("malformed jwt: {0}")]
    Malformed(String),
    #[error("unsupported signing algorithm: {0}")]
    Algorithm(String),
    /// The keys may have been changed since they were read.
    #[error("failed to verify signature: failed to verify id token signature")]
    Signature,
}

/// The issuer that a token names; nothing of it is verified.
pub fn named_issuer(token: &str) -> Option<String> {
    unverified_issuer(token).filter(|issuer| !issuer.is_empty())
}

impl ForeignKeys {
    /// Keys that this program cannot use are left out.
    pub fn parse(jwks: &[u8]) -> Result<Self, String> {
        let set: JwkSet = serde_json::from_slice(jwks).map_err(|error| error.to_string())?;
        Ok(Self { keys: set.keys.iter().filter_map(ForeignKey::of).collect() })
    }

    /// The claims of a token that one of the keys signed. One that names its key is tried with that alone.
    pub fn open(&self, token: &str) -> Result<Map<String, Value>, ForeignError> {
        let malformed = |error: jsonwebtoken::errors::Error| ForeignError::Malformed(error.to_string());
        let header = jsonwebtoken::decode_header(token).map_err(malformed)?;
        if !ALGORITHMS.contains(&header.alg) {
            return Err(ForeignError::Algorithm(format!("{:?}", header.alg)));
        }
        let named = header.kid.filter(|id| !id.is_empty());
        let fits = |key: &&ForeignKey| match (&named, &key.id) {
            (Some(named), Some(id)) => named == id,
            _ => true,
        };
        let validation = signature_only(header.alg);
        let opened = self.keys.iter().filter(fits).find_map(|key| {
            jsonwebtoken::decode::<Map<String, Value>>(token, &key.decoding, &validation).ok()
        });
        opened.map(|data| data.claims).ok_or(ForeignError::Signature)
    }
}

impl ForeignKey {
    fn of(jwk: &Jwk) -> Option<Self> {
        if jwk.common.public_key_use.as_ref().is_some_and(|usage| *usage != PublicKeyUse::Signature) {
            return None;
        }
        Some(Self { id: jwk.common.key_id.clone(), decoding: DecodingKey::from_jwk(jwk).ok()? })
    }
}

fn signature_only(algorithm: Algorithm) -> Validation {
    let mut validation = Validation::new(algorithm);
    validation.required_spec_claims.clear();
    validation.validate_exp = false;
    validation.validate_nbf = false;
    validation.validate_aud = false;
    validation
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::key::PrivateKey;
    use crate::token::{Binding, Grant, ObjectRef, TokenSigner, VerificationKey, jwks};

    #[test]
    fn a_token_is_believed_by_the_issuers_keys_only() {
        let (key, other) = (PrivateKey::generate().expect("a key"), PrivateKey::generate().expect("a key"));
        let grant = Grant {
            namespace: "n".into(),
            service_account: ObjectRef { name: "a".into(), uid: "u".into() },
            binding: Binding::None,
            audiences: vec!["api".into()],
            expiration_seconds: 600,
            warn_after_seconds: None,
        };
        let now = jiff::Timestamp::UNIX_EPOCH;
        let token = TokenSigner::new("https://issuer", &key).sign(&grant, "id", now).expect("a token");
        let published = |keys: &[&PrivateKey]| {
            let keys: Vec<_> = keys
                .iter()
                .map(|key| VerificationKey::new(key.public_key().clone()).expect("a key"))
                .collect();
            ForeignKeys::parse(jwks(&keys).to_string().as_bytes()).expect("keys")
        };
        let issuer = |keys: &[&PrivateKey]| published(keys).open(&token).map(|claims| claims["iss"].clone());
        assert_eq!(issuer(&[&key]), Ok(json!("https://issuer")));
        assert_eq!(issuer(&[&other, &key]), Ok(json!("https://issuer")));
        assert_eq!(issuer(&[&other]), Err(ForeignError::Signature));
        assert_eq!(issuer(&[]), Err(ForeignError::Signature));
        assert_eq!(named_issuer(&token).as_deref(), Some("https://issuer"));
        assert!(matches!(published(&[&key]).open("a.b.c"), Err(ForeignError::Malformed(_))));
    }
}
