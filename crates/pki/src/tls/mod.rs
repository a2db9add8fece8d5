//! TLS configurations: HTTP/2 and HTTP/1.1, TLS 1.2 and up, aws-lc-rs.
//!
//! The server asks for a client certificate, accepts any whose key the client
//! proves to hold, and leaves it to [`crate::verify`] to say who that is.

mod accept;
mod roots;
pub mod signatures;
mod slot;

use std::sync::{Arc, LazyLock};

use rustls::crypto::CryptoProvider;
use rustls::{ClientConfig, DistinguishedName, RootCertStore, ServerConfig};
use rustls_pki_types::CertificateDer;
use thiserror::Error;

pub use roots::system_roots;
pub use slot::CertificateSlot;

use crate::verify::CaPool;
use accept::{AnyClient, AnyServer};

/// ALPN for ordinary API traffic, HTTP/2 preferred.
pub const HTTP: &[&[u8]] = &[b"h2", b"http/1.1"];
/// ALPN for connections that will be upgraded (exec, attach, port-forward).
pub const HTTP1: &[&[u8]] = &[b"http/1.1"];
/// No ALPN, for connectors that set their own (hyper-rustls insists).
pub const UNSET: &[&[u8]] = &[];

/// Why a TLS configuration could not be made.
#[derive(Clone, Debug, Error, PartialEq)]
pub enum TlsError {
    #[error("the certificate and its private key cannot serve TLS: {0}")]
    Identity(rustls::Error),
    #[error("a CA certificate cannot be trusted: {0}")]
    Root(rustls::Error),
    #[error("no CA certificate was given to verify the server with")]
    NoRoots,
    #[error("TLS is misconfigured: {0}")]
    Config(rustls::Error),
}

/// How a client decides whether to believe a server.
#[derive(Clone, Debug)]
pub enum Trust {
    /// The server's chain must lead to one of these.
    Roots(Vec<CertificateDer<'static>>),
    /// Any server is believed (`insecure-skip-tls-verify`).
    Insecure,
}

/// The one crypto provider of this program.
pub fn provider() -> Arc<CryptoProvider> {
    static PROVIDER: LazyLock<Arc<CryptoProvider>> =
        LazyLock::new(|| Arc::new(rustls::crypto::aws_lc_rs::default_provider()));
    PROVIDER.clone()
}

/// A server that presents what `identity` holds at each handshake. `hints` are
/// the CAs whose names tell a client which of its certificates to send.
pub fn server_config(identity: Arc<CertificateSlot>, hints: &[&CaPool]) -> Result<ServerConfig, TlsError> {
    let names = hints.iter().flat_map(|pool| pool.subjects()).map(DistinguishedName::in_sequence).collect();
    let mut config = ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(TlsError::Config)?
        .with_client_cert_verifier(Arc::new(AnyClient::new(names)))
        .with_cert_resolver(identity);
    config.alpn_protocols = protocols(HTTP);
    Ok(config)
}

/// A client that believes servers by `trust` and shows what `identity` holds.
/// `alpn` is one of [`HTTP`], [`HTTP1`], [`UNSET`].
pub fn client_config(
    trust: &Trust,
    identity: Option<Arc<CertificateSlot>>,
    alpn: &[&[u8]],
) -> Result<ClientConfig, TlsError> {
    let builder = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(TlsError::Config)?;
    let builder = match trust {
        Trust::Roots(roots) => builder.with_root_certificates(store(roots)?),
        Trust::Insecure => builder.dangerous().with_custom_certificate_verifier(Arc::new(AnyServer)),
    };
    let mut config = match identity {
        Some(identity) => builder.with_client_cert_resolver(identity),
        None => builder.with_no_client_auth(),
    };
    config.alpn_protocols = protocols(alpn);
    Ok(config)
}

fn store(roots: &[CertificateDer<'static>]) -> Result<RootCertStore, TlsError> {
    if roots.is_empty() {
        return Err(TlsError::NoRoots);
    }
    let mut store = RootCertStore::empty();
    for root in roots {
        store.add(root.clone()).map_err(TlsError::Root)?;
    }
    Ok(store)
}

fn protocols(alpn: &[&[u8]]) -> Vec<Vec<u8>> {
    alpn.iter().map(|protocol| protocol.to_vec()).collect()
}

#[cfg(test)]
mod tests;
