//! Certificates, keys, tokens and kubeconfigs: the identities of a cluster.
//!
//! Everything here is a plain function of its arguments: time comes in as
//! `now`, serial numbers as random bytes. Two things are not: [`key`] generation
//! draws on the crypto library's own entropy, and the disk is touched by
//! [`bundle::open`] (reads and writes), [`kubeconfig::load`] and
//! [`tls::system_roots`] (read). There are no sockets. rustls, once configured,
//! reads the machine's clock to judge a server's certificate.
//!
//! - [`ca`], [`issue`], [`csr`], [`signers`]: certificates out.
//! - [`verify`], [`tls`]: certificates in. TLS accepts any client certificate
//!   whose key the client holds; [`verify::CaPool`] decides per request who that
//!   is, so that a foreign certificate gets a 401 and not a broken handshake.
//! - [`token`]: service-account tokens, their keys and the OIDC documents.
//! - [`kubeconfig`]: written for our users, read from anybody's.
//! - [`bundle`]: all of it on disk, created, checked and renewed.
//!
//! One crypto provider, aws-lc-rs. Own keys are ECDSA P-256 (see [`key`]);
//! foreign keys may be RSA or ECDSA.

pub mod bundle;
pub mod ca;
pub mod certificate;
pub mod csr;
pub mod issue;
pub mod key;
pub mod kubeconfig;
mod oid;
pub mod pem;
pub mod private_file;
mod quote;
pub mod sans;
mod signed;
pub mod signers;
pub mod subject;
#[cfg(test)]
mod testing;
pub mod tls;
pub mod token;
pub mod usage;
pub mod verify;

/// The SHA-256 of `bytes`.
pub(crate) fn sha256(bytes: &[u8]) -> [u8; 32] {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, bytes);
    let mut out = [0; 32];
    out.copy_from_slice(digest.as_ref());
    out
}
