//! Certificate requests (PKCS#10, RFC 2986): read, checked, signed.
//!
//! Only the subject and the names of a request reach the certificate; usages
//! and duration are the signer's decision, and any other extension that was
//! asked for (CA:TRUE, say) is dropped. As upstream's `certificates/authority`.

use std::time::Duration;

use der::{Decode, Encode};
use jiff::Timestamp;
use thiserror::Error;
use x509_cert::ext::Extensions;
use x509_cert::ext::pkix::SubjectAltName;
use x509_cert::name::Name;
use x509_cert::request::{CertReq, RequestBuilder};

use crate::ca::CertificateAuthority;
use crate::certificate::Certificate;
use crate::issue::{BACKDATE, IssueError, Serial, Template};
use crate::key::{PrivateKey, PublicKey};
use crate::oid;
use crate::pem::{self, Label};
use crate::sans::Sans;
use crate::subject::Subject;
use crate::usage::Usage;

/// Certificates shorter than this keep their whole duration after now; longer
/// ones count it from the backdated start. Upstream's value.
const SHORT: Duration = Duration::from_secs(8 * 60 * 60);

/// The shortest duration that is granted: twice the backdating.
pub const MIN_DURATION: Duration = Duration::from_secs(10 * 60);

/// Why a request was refused.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum CsrError {
    /// Upstream's text.
    #[error("PEM block type must be CERTIFICATE REQUEST")]
    NotARequest,
    #[error("unable to parse certificate request: {reason}")]
    Malformed { reason: String },
    #[error("unable to verify certificate request signature: {reason}")]
    Signature { reason: String },
    #[error("cannot make a certificate request: {reason}")]
    Make { reason: String },
}

/// A well-formed request whose signature was checked: its sender holds the key.
#[derive(Clone, Debug)]
pub struct CertificateRequest {
    pub subject: Subject,
    pub sans: Sans,
    pub public_key: PublicKey,
    /// The subject as it was sent; it goes into the certificate unchanged.
    name: Name,
}

// === impl CertificateRequest ===

impl CertificateRequest {
    /// Reads the first block of a PEM text (`spec.request`) and checks its signature.
    pub fn from_pem(text: &[u8]) -> Result<Self, CsrError> {
        let request = pem::blocks(text).ok().and_then(|blocks| blocks.into_iter().next());
        match request {
            Some((Label::Request, der)) => Self::from_der(&der),
            _ => Err(CsrError::NotARequest),
        }
    }

    pub fn from_der(der: &[u8]) -> Result<Self, CsrError> {
        let malformed = |reason: &dyn std::fmt::Display| CsrError::Malformed { reason: reason.to_string() };
        let request = CertReq::from_der(der).map_err(|error| malformed(&error))?;
        let key = request.info.public_key.to_der().map_err(|error| malformed(&error))?;
        let public_key = PublicKey::from_der(&key).map_err(|error| malformed(&error))?;
        crate::signed::check(der, &request.algorithm, &request.signature, &public_key)
            .map_err(|reason| CsrError::Signature { reason: reason.to_owned() })?;
        Ok(CertificateRequest {
            subject: Subject::from_name(&request.info.subject).map_err(|error| malformed(&error))?,
            sans: requested_names(&request).map_err(|error| malformed(&error))?,
            public_key,
            name: request.info.subject,
        })
    }

    /// A request for `template` by the holder of `key`, as PEM: what a joining
    /// node sends. Usages are not part of it; they go beside it in the API.
    pub fn make(template: &Template, key: &PrivateKey) -> Result<String, CsrError> {
        let failed = |reason: &dyn std::fmt::Display| CsrError::Make { reason: reason.to_string() };
        let name = template.subject.to_name().map_err(|error| failed(&error))?;
        let mut builder = RequestBuilder::new(name).map_err(|error| failed(&error))?;
        if let Some(names) = template.sans.to_extension().map_err(|error| failed(&error))? {
            builder.add_extension(&names).map_err(|error| failed(&error))?;
        }
        let request = key.sign_request(builder).map_err(|error| failed(&error))?;
        let der = request.to_der().map_err(|error| failed(&error))?;
        Ok(pem::encode(Label::Request, &der))
    }
}

/// The subject alternative names among the requested extensions.
fn requested_names(request: &CertReq) -> Result<Sans, der::Error> {
    let attributes =
        request.info.attributes.iter().filter(|attribute| attribute.oid == oid::EXTENSION_REQUEST);
    for value in attributes.flat_map(|attribute| attribute.values.iter()) {
        let extensions: Extensions = value.decode_as()?;
        let names = extensions.iter().find(|extension| extension.extn_id == SAN_OID);
        if let Some(names) = names {
            return Sans::from_extension(&SubjectAltName::from_der(names.extn_value.as_bytes())?);
        }
    }
    Ok(Sans::default())
}

const SAN_OID: der::asn1::ObjectIdentifier = <SubjectAltName as der::oid::AssociatedOid>::OID;

// === impl CertificateAuthority ===

impl CertificateAuthority {
    /// Signs a request for exactly these usages.
    ///
    /// The certificate starts five minutes before `now`. Shorter than eight
    /// hours it ends `duration` after now, else five minutes sooner, and never
    /// after this CA.
    pub fn sign_request(
        &self,
        request: &CertificateRequest,
        usages: &[Usage],
        duration: Duration,
        now: Timestamp,
        serial: Serial,
    ) -> Result<Certificate, IssueError> {
        let lifetime = if duration < SHORT { duration } else { duration.saturating_sub(BACKDATE) };
        let window = self.window(now, lifetime)?;
        let template = Template {
            subject: request.subject.clone(),
            sans: request.sans.clone(),
            usages: usages.to_vec(),
        };
        self.issue_in(request.name.clone(), &template, &request.public_key, window, serial)
    }
}

/// The duration to grant for `spec.expirationSeconds`: at most the signer's
/// own, at least ten minutes.
pub fn granted_duration(requested_seconds: Option<i32>, signer: Duration) -> Duration {
    let Some(seconds) = requested_seconds else { return signer };
    let requested = Duration::from_secs(u64::try_from(seconds).unwrap_or(0));
    if requested > signer { signer } else { requested.max(MIN_DURATION) }
}

#[cfg(test)]
mod tests;
