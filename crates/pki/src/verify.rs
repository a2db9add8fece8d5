//! Client certificates: from a chain that a peer presented to who it is.
//!
//! TLS proved only that the peer holds the key (see [`crate::tls`]); the chain
//! is checked here, per request, against one [`CaPool`]. The client CA and the
//! request-header CA are two pools, and a certificate of one is nobody to the
//! other. Upstream: `staging/src/k8s.io/apiserver/pkg/authentication/request/x509`.

use jiff::Timestamp;
use rustls_pki_types::{CertificateDer, TrustAnchor, UnixTime};
use thiserror::Error;
use webpki::{EndEntityCert, ExtendedKeyUsageValidator, KeyPurposeId, KeyPurposeIdIter, KeyUsage};

use crate::certificate::{Certificate, CertificateError, Window};
use crate::subject::SubjectError;

/// Why a client certificate authenticates nobody. The texts are Go's.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum VerifyError {
    #[error("no client certificate was presented")]
    NoCertificate,
    #[error("x509: certificate has expired or is not yet valid: current time {now} is after {not_after}")]
    Expired { now: Timestamp, not_after: Timestamp },
    #[error("x509: certificate has expired or is not yet valid: current time {now} is before {not_before}")]
    NotYetValid { now: Timestamp, not_before: Timestamp },
    #[error("x509: certificate signed by unknown authority")]
    UnknownAuthority,
    #[error("x509: certificate specifies an incompatible key usage")]
    WrongUsage,
    #[error("x509: malformed certificate: {reason}")]
    Malformed { reason: String },
    #[error(transparent)]
    Subject(#[from] SubjectError),
    #[error("expected 1 UID, but found multiple: {}", crate::quote::list(uids))]
    ManyUids { uids: Vec<String> },
    #[error("UID cannot be an empty string")]
    EmptyUid,
}

/// Certificate authorities that vouch for clients.
#[derive(Clone, Debug, Default)]
pub struct CaPool {
    authorities: Vec<Authority>,
}

/// A trusted root. webpki does not look at a root's own validity; Go does.
#[derive(Clone, Debug)]
struct Authority {
    anchor: TrustAnchor<'static>,
    window: Window,
}

/// Who a verified client certificate says the client is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientIdentity {
    /// The CN: the user. If empty, upstream leaves the request to the next authenticator.
    pub common_name: String,
    /// Every O, in order: the groups.
    pub organizations: Vec<String>,
    /// The user's UID, if the certificate carries one.
    pub uid: Option<String>,
    /// Big-endian serial number.
    pub serial: Vec<u8>,
    /// SHA-256 of the certificate.
    pub sha256: [u8; 32],
    pub not_after: Timestamp,
}

// === impl CaPool ===

impl CaPool {
    pub fn new(certificates: &[Certificate]) -> Result<Self, CertificateError> {
        let authorities = certificates
            .iter()
            .map(|certificate| {
                let anchor = webpki::anchor_from_trusted_cert(certificate.der())
                    .map_err(|error| CertificateError::Der { reason: error.to_string() })?;
                Ok(Authority { anchor: anchor.to_owned(), window: certificate.window })
            })
            .collect::<Result<_, CertificateError>>()?;
        Ok(CaPool { authorities })
    }

    /// Reads a CA file, such as `--client-ca-file`.
    pub fn from_pem(text: &[u8]) -> Result<Self, CertificateError> {
        Self::new(&Certificate::all_from_pem(text)?)
    }

    pub fn is_empty(&self) -> bool {
        self.authorities.is_empty()
    }

    /// The DER contents (without the outer SEQUENCE) of the authorities' names.
    pub(crate) fn subjects(&self) -> impl Iterator<Item = &[u8]> {
        self.authorities.iter().map(|authority| authority.anchor.subject.as_ref())
    }

    /// Who the client is, if `chain` (its certificate first, then intermediates)
    /// leads to one of these authorities and may be used by a client at `now`.
    pub fn verify_client(
        &self,
        chain: &[CertificateDer<'_>],
        now: Timestamp,
    ) -> Result<ClientIdentity, VerifyError> {
        let (leaf, intermediates) = chain.split_first().ok_or(VerifyError::NoCertificate)?;
        self.verify_chain(leaf, intermediates, now)?;
        identity(leaf)
    }

    fn verify_chain(
        &self,
        leaf: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: Timestamp,
    ) -> Result<(), VerifyError> {
        let seconds = u64::try_from(now.as_second()).unwrap_or(0);
        let time = UnixTime::since_unix_epoch(std::time::Duration::from_secs(seconds));
        // Roots outside their own validity are left out, so that another root
        // with the same key can still vouch.
        let (live, dead): (Vec<_>, Vec<_>) = self.authorities.iter().partition(|a| a.window.contains(now));
        let anchors: Vec<_> = live.iter().map(|authority| borrow(&authority.anchor)).collect();
        let check = |anchors: &[TrustAnchor<'_>]| {
            let leaf = EndEntityCert::try_from(leaf)?;
            let algorithms = webpki::ALL_VERIFICATION_ALGS;
            leaf.verify_for_usage(algorithms, anchors, intermediates, time, ClientUsage, None, None).map(drop)
        };
        let error = match check(&anchors) {
            Ok(()) => return Ok(()),
            Err(error) => error,
        };
        // The certificate is good but its root is not: say that, not "unknown".
        if let webpki::Error::UnknownIssuer = error
            && let Some(root) = dead.iter().find(|root| check(&[borrow(&root.anchor)]).is_ok())
        {
            return Err(outside(root.window, now));
        }
        Err(explain(error, now))
    }
}

/// The same anchor, not copied: this runs for every request.
fn borrow<'a>(anchor: &'a TrustAnchor<'static>) -> TrustAnchor<'a> {
    TrustAnchor {
        subject: anchor.subject.as_ref().into(),
        subject_public_key_info: anchor.subject_public_key_info.as_ref().into(),
        name_constraints: anchor.name_constraints.as_ref().map(|bytes| bytes.as_ref().into()),
    }
}

fn outside(window: Window, now: Timestamp) -> VerifyError {
    if now < window.not_before {
        VerifyError::NotYetValid { now, not_before: window.not_before }
    } else {
        VerifyError::Expired { now, not_after: window.not_after }
    }
}

/// webpki's verdict in our words.
fn explain(error: webpki::Error, now: Timestamp) -> VerifyError {
    let moment = |time: UnixTime| {
        let seconds = i64::try_from(time.as_secs()).unwrap_or(i64::MAX);
        Timestamp::from_second(seconds).unwrap_or(Timestamp::MAX)
    };
    match error {
        webpki::Error::CertExpired { not_after, .. } => {
            VerifyError::Expired { now, not_after: moment(not_after) }
        }
        webpki::Error::CertNotValidYet { not_before, .. } => {
            VerifyError::NotYetValid { now, not_before: moment(not_before) }
        }
        webpki::Error::RequiredEkuNotFoundContext(_) => VerifyError::WrongUsage,
        webpki::Error::UnknownIssuer | webpki::Error::InvalidSignatureForPublicKey => {
            VerifyError::UnknownAuthority
        }
        other => VerifyError::Malformed { reason: other.to_string() },
    }
}

fn identity(leaf: &CertificateDer<'_>) -> Result<ClientIdentity, VerifyError> {
    let certificate = Certificate::from_der(leaf.clone().into_owned())
        .map_err(|error| VerifyError::Malformed { reason: error.to_string() })?;
    Ok(ClientIdentity {
        uid: uid(&certificate.subject.uids)?,
        serial: certificate.serial().to_vec(),
        sha256: crate::sha256(leaf),
        not_after: certificate.window.not_after,
        common_name: certificate.subject.common_name,
        organizations: certificate.subject.organizations,
    })
}

fn uid(uids: &[String]) -> Result<Option<String>, VerifyError> {
    match uids {
        [] => Ok(None),
        [uid] if uid.is_empty() => Err(VerifyError::EmptyUid),
        [uid] => Ok(Some(uid.clone())),
        many => Err(VerifyError::ManyUids { uids: many.to_vec() }),
    }
}

/// Client authentication as Go reads it: the purpose is named, or "any" is, or
/// no purpose is named at all.
struct ClientUsage;

impl ExtendedKeyUsageValidator for ClientUsage {
    fn validate(&self, purposes: KeyPurposeIdIter<'_, '_>) -> Result<(), webpki::Error> {
        /// 2.5.29.37.0 and 1.3.6.1.5.5.7.3.2, DER contents.
        const ANY: KeyPurposeId<'static> = KeyPurposeId::new(&[0x55, 0x1d, 0x25, 0x00]);
        const CLIENT: KeyPurposeId<'static> = KeyPurposeId::new(&[0x2b, 6, 1, 5, 5, 7, 3, 2]);
        let mut present = Vec::new();
        for purpose in purposes {
            let purpose = purpose?;
            if purpose == ANY || purpose == CLIENT {
                return Ok(());
            }
            present.push(purpose.to_decoded_oid());
        }
        if present.is_empty() {
            return Ok(());
        }
        let required = KeyUsage::client_auth();
        Err(webpki::Error::RequiredEkuNotFoundContext(webpki::RequiredEkuNotFoundContext {
            required,
            present,
        }))
    }
}

// === impl ClientIdentity ===

impl ClientIdentity {
    /// The value of `authentication.kubernetes.io/credential-id`.
    pub fn credential_id(&self) -> String {
        use std::fmt::Write;
        let mut id = String::from("X509SHA256=");
        for byte in self.sha256 {
            // Writing to a String cannot fail.
            let _ = write!(id, "{byte:02x}");
        }
        id
    }
}

#[cfg(test)]
mod tests;
