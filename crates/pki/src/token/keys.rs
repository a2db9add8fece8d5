//! Public keys that verify tokens, and the first half of believing one: the
//! issuer and the signature.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::TokenError;
use crate::key::{KeyKind, PublicKey};

/// A key that tokens may be signed with.
#[derive(Clone, Debug)]
pub struct VerificationKey {
    public: PublicKey,
    id: String,
    decoding: DecodingKey,
    algorithm: Algorithm,
}

// === impl VerificationKey ===

impl VerificationKey {
    pub fn new(public: PublicKey) -> Result<Self, TokenError> {
        let bytes = public.key_bytes();
        let (algorithm, decoding) = match public.kind() {
            KeyKind::P256 => (Algorithm::ES256, DecodingKey::from_ec_der(bytes)),
            KeyKind::P384 => (Algorithm::ES384, DecodingKey::from_ec_der(bytes)),
            KeyKind::Rsa => (Algorithm::RS256, DecodingKey::from_rsa_der(bytes)),
            KeyKind::Other => return Err(TokenError::UnusableKey),
        };
        Ok(VerificationKey { id: public.id(), public, decoding, algorithm })
    }

    pub fn id(&self) -> &str {
        &self.id
    }

    pub fn public_key(&self) -> &PublicKey {
        &self.public
    }

    /// The JWA name of the only algorithm this key is believed with.
    pub fn algorithm(&self) -> &'static str {
        match self.algorithm {
            Algorithm::ES256 => "ES256",
            Algorithm::ES384 => "ES384",
            _ => "RS256",
        }
    }

    /// Times and audiences are checked by the caller: jsonwebtoken would read
    /// the machine's clock, and a token without audiences is the API server's.
    fn validation(&self, issuers: &[String]) -> Validation {
        let mut validation = Validation::new(self.algorithm);
        validation.set_issuer(issuers);
        validation.required_spec_claims.clear();
        validation.required_spec_claims.insert("iss".to_owned());
        validation.validate_exp = false;
        validation.validate_nbf = false;
        validation.validate_aud = false;
        validation
    }
}

/// The claims of `token` if one of `issuers` issued it and one of `keys` signed
/// it. A token that names its key is tried with that key only.
pub(super) fn open<C: DeserializeOwned + Clone>(
    token: &str,
    issuers: &[String],
    keys: &[VerificationKey],
) -> Result<C, TokenError> {
    if !issuers.contains(&unverified_issuer(token).ok_or(TokenError::NotOurs)?) {
        return Err(TokenError::NotOurs);
    }
    let header = jsonwebtoken::decode_header(token).map_err(|_| TokenError::NotOurs)?;
    let named = header.kid.filter(|id| !id.is_empty());
    let mut outcome = Err(TokenError::NoKey);
    for key in keys.iter().filter(|key| named.as_ref().is_none_or(|id| *id == key.id)) {
        match jsonwebtoken::decode::<C>(token, &key.decoding, &key.validation(issuers)) {
            Ok(data) => return Ok(data.claims),
            Err(error) => outcome = Err(TokenError::Signature { reason: error.to_string() }),
        }
    }
    outcome
}

/// The `iss` of a compact JWT. Not verified: good only for asking whether it
/// is worth verifying.
pub(super) fn unverified_issuer(token: &str) -> Option<String> {
    #[derive(Deserialize)]
    struct Issuer {
        #[serde(default)]
        iss: String,
    }
    let mut parts = token.split('.');
    let (_header, payload, _signature) = (parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() {
        return None;
    }
    let payload = URL_SAFE_NO_PAD.decode(payload).ok()?;
    serde_json::from_slice::<Issuer>(&payload).ok().map(|claims| claims.iss)
}
