//! A parsed certificate: the fields that decide what happens to it.

use std::fmt;

use der::Decode;
use jiff::Timestamp;
use rustls_pki_types::CertificateDer;
use thiserror::Error;
use x509_cert::ext::pkix::{BasicConstraints, SubjectAltName, SubjectKeyIdentifier};
use x509_cert::time::{Time, Validity};

use crate::key::{KeyError, PublicKey};
use crate::pem::{self, PemError};
use crate::sans::Sans;
use crate::subject::{Subject, SubjectError};

/// Why a certificate could not be read.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum CertificateError {
    #[error(transparent)]
    Pem(#[from] PemError),
    #[error("not a valid X.509 certificate: {reason}")]
    Der { reason: String },
    #[error(transparent)]
    Subject(#[from] SubjectError),
    #[error(transparent)]
    Key(#[from] KeyError),
}

impl From<der::Error> for CertificateError {
    fn from(error: der::Error) -> Self {
        CertificateError::Der { reason: error.to_string() }
    }
}

/// When a certificate is valid; both ends included (RFC 5280 section 4.1.2.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    pub not_before: Timestamp,
    pub not_after: Timestamp,
}

/// A certificate and what it says. Not verified by being parsed.
#[derive(Clone, PartialEq, Eq)]
pub struct Certificate {
    der: CertificateDer<'static>,
    parsed: x509_cert::Certificate,
    pub subject: Subject,
    pub sans: Sans,
    pub window: Window,
    pub public_key: PublicKey,
    /// BasicConstraints CA.
    pub is_ca: bool,
}

// === impl Window ===

impl Window {
    pub fn contains(&self, now: Timestamp) -> bool {
        self.not_before <= now && now <= self.not_after
    }

    /// Whether less than a third of the whole life is left at `now`: the moment
    /// to renew, early enough to survive a long outage of the renewer.
    pub fn is_due(&self, now: Timestamp) -> bool {
        let life = self.not_after.as_second() - self.not_before.as_second();
        let left = self.not_after.as_second() - now.as_second();
        left < life / 3
    }

    /// Whole seconds until the end, negative once it has passed.
    pub fn seconds_left(&self, now: Timestamp) -> i64 {
        self.not_after.as_second() - now.as_second()
    }

    fn from_validity(validity: &Validity) -> Result<Self, CertificateError> {
        let moment = |time: &Time| {
            let seconds = i64::try_from(time.to_unix_duration().as_secs()).ok();
            seconds
                .and_then(|seconds| Timestamp::from_second(seconds).ok())
                .ok_or_else(|| CertificateError::Der { reason: "a date is out of range".to_owned() })
        };
        Ok(Window { not_before: moment(&validity.not_before)?, not_after: moment(&validity.not_after)? })
    }
}

// === impl Certificate ===

impl Certificate {
    pub fn from_der(der: CertificateDer<'static>) -> Result<Self, CertificateError> {
        let parsed = x509_cert::Certificate::from_der(&der)?;
        let tbs = parsed.tbs_certificate();
        let sans = match tbs.get_extension::<SubjectAltName>()? {
            Some((_, names)) => Sans::from_extension(&names)?,
            None => Sans::default(),
        };
        let is_ca = tbs.get_extension::<BasicConstraints>()?.is_some_and(|(_, constraints)| constraints.ca);
        let public_key = PublicKey::from_der(&der::Encode::to_der(tbs.subject_public_key_info())?)?;
        Ok(Certificate {
            subject: Subject::from_name(tbs.subject())?,
            window: Window::from_validity(tbs.validity())?,
            sans,
            public_key,
            is_ca,
            der,
            parsed,
        })
    }

    /// Every certificate of a PEM bundle, in order; at least one.
    pub fn all_from_pem(text: &[u8]) -> Result<Vec<Self>, CertificateError> {
        pem::certificates(text)?.into_iter().map(Self::from_der).collect()
    }

    pub fn der(&self) -> &CertificateDer<'static> {
        &self.der
    }

    pub fn to_pem(&self) -> String {
        pem::encode(pem::Label::Certificate, &self.der)
    }

    /// The serial number, big-endian, without leading zeros.
    pub fn serial(&self) -> &[u8] {
        self.parsed.tbs_certificate().serial_number().as_bytes()
    }

    /// Whether `issuer` signed this. Says nothing about either's validity.
    pub(crate) fn is_signed_by(&self, issuer: &Certificate) -> bool {
        let (algorithm, signature) = (self.parsed.signature_algorithm(), self.parsed.signature());
        self.parsed.tbs_certificate().issuer() == issuer.name()
            && crate::signed::check(&self.der, algorithm, signature, &issuer.public_key).is_ok()
    }

    pub(crate) fn name(&self) -> &x509_cert::name::Name {
        self.parsed.tbs_certificate().subject()
    }

    /// The SubjectKeyIdentifier extension, which issued certificates must repeat.
    pub(crate) fn key_identifier(&self) -> Option<der::asn1::OctetString> {
        let extension = self.parsed.tbs_certificate().get_extension::<SubjectKeyIdentifier>();
        extension.ok().flatten().map(|(_, SubjectKeyIdentifier(id))| id)
    }
}

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Certificate")
            .field("subject", &self.subject)
            .field("sans", &self.sans)
            .field("window", &self.window)
            .field("is_ca", &self.is_ca)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn renewal_is_due_in_the_last_third() {
        let check = |now: i64, due: bool| {
            let at = |second| Timestamp::from_second(second).unwrap();
            let window = Window { not_before: at(1000), not_after: at(1300) };
            assert_eq!(window.is_due(at(now)), due, "at {now}");
        };
        check(1000, false);
        check(1200, false);
        check(1201, true);
        check(1300, true);
        check(5000, true);
        check(0, false);
    }

    #[test]
    fn what_is_not_a_certificate_is_refused() {
        assert!(Certificate::from_der(CertificateDer::from(b"\x30\x03\x02\x01\x00".to_vec())).is_err());
        assert!(Certificate::all_from_pem(b"").is_err());
    }
}
