//! Certificate authorities: a self-signed certificate and the key that signs
//! for it. One per purpose, so that what one vouches for means nothing to the
//! other: the cluster CA for servers and users, the front-proxy CA for the
//! request headers of an aggregator.

use std::time::Duration;

use jiff::Timestamp;
use thiserror::Error;

use crate::certificate::{Certificate, CertificateError};
use crate::issue::{self, IssueError, Serial};
use crate::key::{KeyError, PrivateKey};
use crate::subject::Subject;

/// How long a CA certificate lives. Its key lives on when it is renewed.
pub const CA_LIFETIME: Duration = Duration::from_secs(10 * 365 * 24 * 60 * 60);

/// Common name of the cluster CA, as kubeadm names it.
pub const CLUSTER_CA: &str = "kubernetes";
/// Common name of the CA whose clients may set `X-Remote-User`.
pub const FRONT_PROXY_CA: &str = "front-proxy-ca";

/// Why a CA could not be made or loaded.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum CaError {
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    #[error(transparent)]
    Key(#[from] KeyError),
    #[error(transparent)]
    Issue(#[from] IssueError),
    #[error("the certificate is not a CA's (BasicConstraints says CA:FALSE)")]
    NotACa,
    #[error("the private key does not belong to the certificate")]
    KeyMismatch,
}

/// A CA that can sign.
#[derive(Debug)]
pub struct CertificateAuthority {
    certificate: Certificate,
    key: PrivateKey,
}

// === impl CertificateAuthority ===

impl CertificateAuthority {
    /// A new CA with a new key.
    pub fn generate(common_name: &str, now: Timestamp, serial: Serial) -> Result<Self, CaError> {
        Self::self_signed(&Subject::new(common_name, &[]), PrivateKey::generate()?, now, serial)
    }

    /// A new certificate for an existing key: certificates that the key signed
    /// before stay valid under it.
    pub fn self_signed(
        subject: &Subject,
        key: PrivateKey,
        now: Timestamp,
        serial: Serial,
    ) -> Result<Self, CaError> {
        let window = issue::window_from(now, CA_LIFETIME)?;
        let certificate = issue::self_sign(subject, &key, window, serial)?;
        Ok(CertificateAuthority { certificate, key })
    }

    /// A CA from its two halves, which must belong together.
    pub fn new(certificate: Certificate, key: PrivateKey) -> Result<Self, CaError> {
        if certificate.public_key != *key.public_key() {
            return Err(CaError::KeyMismatch);
        }
        if !certificate.is_ca {
            return Err(CaError::NotACa);
        }
        Ok(CertificateAuthority { certificate, key })
    }

    pub fn certificate(&self) -> &Certificate {
        &self.certificate
    }

    pub fn key(&self) -> &PrivateKey {
        &self.key
    }

    /// The same CA with a fresh certificate for the same name and key.
    pub fn renewed(self, now: Timestamp, serial: Serial) -> Result<Self, CaError> {
        let subject = self.certificate.subject.clone();
        Self::self_signed(&subject, self.key, now, serial)
    }
}
