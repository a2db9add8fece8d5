//! Service-account tokens: JWTs that name a service account and, mostly, the
//! object they live and die with (KEP-1205, KEP-4193).
//!
//! This module checks everything that the token alone can tell: issuer,
//! signature, audience, times. Whether the service account and the bound object
//! still exist is the caller's to look up, by name and UID.
//!
//! Own tokens are signed with ES256; RS256 and ES384 keys verify too, so that
//! tokens of a cluster that was taken over stay good while its keys are listed.

mod claims;
mod discovery;
mod foreign;
mod keys;
mod legacy;
mod mint;
mod verify;

use thiserror::Error;

pub use claims::{Binding, ObjectRef};
pub use discovery::{DISCOVERY_PATH, DiscoveryError, JWKS_PATH, jwks, openid_configuration};
pub use foreign::{ForeignError, ForeignKeys, named_issuer};
pub use keys::VerificationKey;
pub use legacy::{LEGACY_ISSUER, LegacyToken};
pub use mint::{Grant, TokenSigner};
pub use verify::{TokenVerifier, VerifiedToken, invalid_if_deleted_before};

/// A request for exactly this many seconds for a pod is from a client that may
/// not renew: it gets [`EXTENDED_SECONDS`] and a warning after this time.
pub const WARN_ONLY_SECONDS: i64 = 60 * 60 + 7;
/// The extended life of such a token: a year.
pub const EXTENDED_SECONDS: i64 = 365 * 24 * 60 * 60;

/// How far clocks may differ: a token counts this long before and after its time.
pub const LEEWAY_SECONDS: i64 = 60;

/// Why a token was not made or not believed. The texts are upstream's.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum TokenError {
    /// Not a JWT, or not of our issuers: the next authenticator may know it.
    #[error("not a service account token of this cluster")]
    NotOurs,
    #[error("invalid signature, no keys found")]
    NoKey,
    #[error("invalid signature: {reason}")]
    Signature { reason: String },
    #[error(
        "token audiences {} is invalid for the target audiences {}",
        crate::quote::list(token),
        crate::quote::list(wanted)
    )]
    Audience { token: Vec<String>, wanted: Vec<String> },
    #[error("service account token has expired")]
    Expired,
    #[error("service account token is not valid yet")]
    NotYetValid,
    #[error("service account token is issued in the future")]
    IssuedInTheFuture,
    #[error("{claim} claim is missing")]
    Missing { claim: &'static str },
    #[error("sub claim is invalid")]
    Subject,
    #[error("the key cannot be used for tokens (want RSA, or ECDSA on P-256 or P-384)")]
    UnusableKey,
    #[error("cannot sign the token: {reason}")]
    Sign { reason: String },
}

/// `system:serviceaccount:NAMESPACE:NAME`
pub fn username(namespace: &str, name: &str) -> String {
    format!("system:serviceaccount:{namespace}:{name}")
}

/// The groups of every service account in `namespace`.
pub fn groups(namespace: &str) -> Vec<String> {
    vec!["system:serviceaccounts".to_owned(), format!("system:serviceaccounts:{namespace}")]
}

#[cfg(test)]
mod tests;
