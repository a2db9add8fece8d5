//! What lets others verify our tokens: the key set (RFC 7517) and the OpenID
//! Connect provider document, with the fields upstream serves.

use std::collections::BTreeSet;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use der::asn1::UintRef;
use der::{Decode, Reader, SliceReader};
use serde_json::{Value, json};
use thiserror::Error;

use super::VerificationKey;
use crate::key::KeyKind;

/// Where the provider document is served.
pub const DISCOVERY_PATH: &str = "/.well-known/openid-configuration";
/// Where the key set is served.
pub const JWKS_PATH: &str = "/openid/v1/jwks";

/// Why there is no provider document. Tokens work without it; upstream logs
/// this and serves no discovery.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum DiscoveryError {
    #[error("empty issuer URL")]
    NoIssuer,
    #[error("issuer URL must use https scheme, got: {issuer}")]
    NotHttps { issuer: String },
    #[error("issuer URL may not include a query, got: {issuer}")]
    Query { issuer: String },
    #[error("issuer URL may not include a fragment, got: {issuer}")]
    Fragment { issuer: String },
    #[error("jwksURI requires https scheme, parsed as: {uri}")]
    KeysNotHttps { uri: String },
    #[error("no keys provided for validating keyset")]
    NoKeys,
}

/// The key set of all `keys`.
pub fn jwks(keys: &[VerificationKey]) -> Value {
    let keys: Vec<Value> = keys.iter().filter_map(jwk).collect();
    json!({ "keys": keys })
}

/// The provider document of `issuer`, whose keys are at `jwks_uri`.
pub fn openid_configuration(
    issuer: &str,
    jwks_uri: &str,
    keys: &[VerificationKey],
) -> Result<Value, DiscoveryError> {
    check_issuer(issuer)?;
    if !jwks_uri.starts_with("https://") {
        return Err(DiscoveryError::KeysNotHttps { uri: jwks_uri.to_owned() });
    }
    if keys.is_empty() {
        return Err(DiscoveryError::NoKeys);
    }
    let algorithms: BTreeSet<&str> = keys.iter().map(VerificationKey::algorithm).collect();
    Ok(json!({
        "issuer": issuer,
        "jwks_uri": jwks_uri,
        "response_types_supported": ["id_token"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": algorithms,
    }))
}

fn check_issuer(issuer: &str) -> Result<(), DiscoveryError> {
    let issuer = issuer.to_owned();
    if issuer.is_empty() {
        Err(DiscoveryError::NoIssuer)
    } else if !issuer.starts_with("https://") {
        Err(DiscoveryError::NotHttps { issuer })
    } else if issuer.split('#').next().is_some_and(|url| url.contains('?')) {
        Err(DiscoveryError::Query { issuer })
    } else if issuer.contains('#') {
        Err(DiscoveryError::Fragment { issuer })
    } else {
        Ok(())
    }
}

fn jwk(key: &VerificationKey) -> Option<Value> {
    let encode = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
    let public = key.public_key();
    let mut jwk = match public.kind() {
        KeyKind::Rsa => {
            let (modulus, exponent) = rsa_numbers(public.key_bytes())?;
            json!({ "kty": "RSA", "n": encode(&modulus), "e": encode(&exponent) })
        }
        kind => {
            let (x, y) = point(public.key_bytes())?;
            let curve = if kind == KeyKind::P384 { "P-384" } else { "P-256" };
            json!({ "kty": "EC", "crv": curve, "x": encode(x), "y": encode(y) })
        }
    };
    let object = jwk.as_object_mut()?;
    object.insert("use".to_owned(), json!("sig"));
    object.insert("kid".to_owned(), json!(key.id()));
    object.insert("alg".to_owned(), json!(key.algorithm()));
    Some(jwk)
}

/// The halves of an uncompressed curve point (SEC1 section 2.3.3).
fn point(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (&form, coordinates) = bytes.split_first()?;
    (form == 4 && coordinates.len() % 2 == 0).then(|| coordinates.split_at(coordinates.len() / 2))
}

/// Modulus and exponent of a PKCS#1 `RSAPublicKey`, without leading zeros.
fn rsa_numbers(der: &[u8]) -> Option<(Vec<u8>, Vec<u8>)> {
    let mut reader = SliceReader::new(der).ok()?;
    reader
        .sequence(|inner| {
            let modulus = UintRef::decode(inner)?.as_bytes().to_vec();
            let exponent = UintRef::decode(inner)?.as_bytes().to_vec();
            Ok::<_, der::Error>((modulus, exponent))
        })
        .ok()
}
