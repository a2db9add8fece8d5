//! Certificates made by a CA: servers, clients, and whatever a request asks for.

use std::net::IpAddr;
use std::time::Duration;

use der::Encode;
use der::asn1::{BitString, GeneralizedTime, OctetString};
use jiff::Timestamp;
use rustls_pki_types::CertificateDer;
use signature::{Keypair, Signer};
use thiserror::Error;
use x509_cert::TbsCertificate;
use x509_cert::builder::profile::BuilderProfile;
use x509_cert::builder::{Builder, CertificateBuilder};
use x509_cert::ext::pkix::{AuthorityKeyIdentifier, BasicConstraints, SubjectKeyIdentifier};
use x509_cert::ext::{Extension, ToExtension};
use x509_cert::name::Name;
use x509_cert::request::{CertReq, RequestBuilder};
use x509_cert::serial_number::SerialNumber;
use x509_cert::spki::{
    AlgorithmIdentifierOwned, DynSignatureAlgorithmIdentifier, EncodePublicKey, SignatureBitStringEncoding,
    SubjectPublicKeyInfoRef,
};
use x509_cert::time::{Time, Validity};

use crate::ca::CertificateAuthority;
use crate::certificate::{Certificate, CertificateError, Window};
use crate::key::{PrivateKey, PublicKey};
use crate::oid;
use crate::sans::Sans;
use crate::subject::{Subject, SubjectError};
use crate::usage::{self, Usage};

/// How far before now a certificate begins, so that a machine whose clock is a
/// little behind accepts it. Upstream's value.
pub const BACKDATE: Duration = Duration::from_secs(5 * 60);

/// How long serving and client certificates live. They are renewed while
/// running when a third of this is left.
pub const LEAF_LIFETIME: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// Random bytes for a serial number. 127 bits of it are used, which makes a
/// repeat impossible in practice and keeps the number positive.
pub type Serial = [u8; 16];

/// Why a certificate could not be made.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum IssueError {
    #[error("cannot issue a certificate at {now}: the time is out of range; set the machine's clock")]
    Time { now: Timestamp },
    #[error("the signer has expired: NotAfter={not_after}")]
    SignerExpired { not_after: Timestamp },
    #[error(transparent)]
    Subject(#[from] SubjectError),
    #[error("cannot encode the certificate: {reason}")]
    Encode { reason: String },
    #[error(transparent)]
    Made(#[from] CertificateError),
}

/// What a certificate is to say. Who signs it, for which key and until when are
/// the arguments of [`CertificateAuthority::issue`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Template {
    pub subject: Subject,
    pub sans: Sans,
    pub usages: Vec<Usage>,
}

// === impl Template ===

impl Template {
    /// A server's certificate: TLS clients compare the names, not the subject.
    pub fn server(subject: Subject, dns: Vec<String>, ips: Vec<IpAddr>) -> Self {
        Template {
            subject,
            sans: Sans::new(dns, ips),
            usages: vec![Usage::DigitalSignature, Usage::ServerAuth],
        }
    }

    /// A client's certificate: CN is the user, each O a group, in order.
    pub fn client(subject: Subject) -> Self {
        Template { subject, sans: Sans::default(), usages: vec![Usage::DigitalSignature, Usage::ClientAuth] }
    }

    /// The serving certificate of a node's agent, as the
    /// `kubernetes.io/kubelet-serving` signer would issue it.
    pub fn node_serving(node: &str, dns: Vec<String>, ips: Vec<IpAddr>) -> Self {
        Template::server(Subject::node(node), dns, ips)
    }

    /// The client certificate of a node's agent.
    pub fn node_client(node: &str) -> Self {
        Template::client(Subject::node(node))
    }
}

// === impl CertificateAuthority ===

impl CertificateAuthority {
    /// A certificate for `key`, from five minutes before `now` until `lifetime`
    /// after it, or until this CA ends if that is sooner.
    pub fn issue(
        &self,
        template: &Template,
        key: &PublicKey,
        lifetime: Duration,
        now: Timestamp,
        serial: Serial,
    ) -> Result<Certificate, IssueError> {
        let window = self.window(now, lifetime)?;
        self.issue_in(template.subject.to_name()?, template, key, window, serial)
    }

    /// As [`issue`](Self::issue), with the name and the validity decided by the caller.
    pub(crate) fn issue_in(
        &self,
        name: Name,
        template: &Template,
        key: &PublicKey,
        window: Window,
        serial: Serial,
    ) -> Result<Certificate, IssueError> {
        let profile = Profile {
            issuer: self.certificate().name().clone(),
            issuer_key_id: self.certificate().key_identifier(),
            subject: name,
            template,
            is_ca: false,
        };
        sign(profile, key, self.key(), window, serial)
    }

    /// The validity of a certificate of `lifetime` issued at `now`, cut to this
    /// CA's own: a certificate that outlives its issuer would only look valid.
    pub(crate) fn window(&self, now: Timestamp, lifetime: Duration) -> Result<Window, IssueError> {
        let ca = self.certificate().window;
        if now >= ca.not_after {
            return Err(IssueError::SignerExpired { not_after: ca.not_after });
        }
        let mut window = window_from(now, lifetime)?;
        window.not_after = window.not_after.min(ca.not_after);
        Ok(window)
    }
}

/// From `BACKDATE` before `now` until `lifetime` after it.
pub(crate) fn window_from(now: Timestamp, lifetime: Duration) -> Result<Window, IssueError> {
    let bad_time = IssueError::Time { now };
    match (now.checked_sub(BACKDATE), now.checked_add(lifetime)) {
        (Ok(not_before), Ok(not_after)) if not_before >= Timestamp::UNIX_EPOCH => {
            Ok(Window { not_before, not_after })
        }
        _ => Err(bad_time),
    }
}

/// A certificate signed with its own key.
pub(crate) fn self_sign(
    subject: &Subject,
    key: &PrivateKey,
    window: Window,
    serial: Serial,
) -> Result<Certificate, IssueError> {
    let name = subject.to_name()?;
    let template = Template {
        usages: vec![Usage::DigitalSignature, Usage::CertSign, Usage::CrlSign],
        ..Template::default()
    };
    let profile = Profile {
        issuer: name.clone(),
        issuer_key_id: None,
        subject: name,
        template: &template,
        is_ca: true,
    };
    sign(profile, key.public_key(), key, window, serial)
}

fn sign(
    profile: Profile<'_>,
    key: &PublicKey,
    signer: &PrivateKey,
    window: Window,
    serial: Serial,
) -> Result<Certificate, IssueError> {
    let encode = |reason: &dyn std::fmt::Display| IssueError::Encode { reason: reason.to_string() };
    let validity = Validity::new(time(window.not_before)?, time(window.not_after)?);
    let serial = serial_number(serial).map_err(|error| encode(&error))?;
    let signer = CaSigner(signer);
    let certificate = CertificateBuilder::new(profile, serial, validity, key.info().clone())
        .and_then(|builder| builder.build::<_, EcdsaSignature>(&signer))
        .map_err(|error| encode(&error))?;
    let der = certificate.to_der().map_err(|error| encode(&error))?;
    Ok(Certificate::from_der(CertificateDer::from(der))?)
}

fn time(at: Timestamp) -> Result<Time, IssueError> {
    let seconds = u64::try_from(at.as_second()).map_err(|_| IssueError::Time { now: at })?;
    GeneralizedTime::from_unix_duration(Duration::from_secs(seconds))
        .map(Time::from)
        .map_err(|_| IssueError::Time { now: at })
}

/// Positive, and never zero (RFC 5280 section 4.1.2.2).
fn serial_number(mut bytes: Serial) -> Result<SerialNumber, der::Error> {
    bytes[0] &= 0x7f;
    if bytes.iter().all(|&byte| byte == 0) {
        bytes[15] = 1;
    }
    SerialNumber::new(&bytes)
}

/// The extensions of Kubernetes' certificates. The builder's own profiles are
/// those of the public web and refuse repeated O attributes.
struct Profile<'a> {
    issuer: Name,
    /// The issuer's SubjectKeyIdentifier; derived from its key if it has none.
    issuer_key_id: Option<OctetString>,
    subject: Name,
    template: &'a Template,
    is_ca: bool,
}

impl BuilderProfile for Profile<'_> {
    fn get_issuer(&self, _subject: &Name) -> Name {
        self.issuer.clone()
    }

    fn get_subject(&self) -> Name {
        self.subject.clone()
    }

    fn build_extensions(
        &self,
        key: SubjectPublicKeyInfoRef<'_>,
        issuer_key: SubjectPublicKeyInfoRef<'_>,
        _tbs: &TbsCertificate,
    ) -> x509_cert::builder::Result<Vec<Extension>> {
        let mut list = Vec::new();
        let mut add =
            |extension: Result<Extension, der::Error>| extension.map(|extension| list.push(extension));
        if let Some(bits) = usage::key_usage(&self.template.usages) {
            add(bits.to_extension(&self.subject, &[]))?;
        }
        if let Some(purposes) = usage::extended_key_usage(&self.template.usages) {
            add(purposes.to_extension(&self.subject, &[]))?;
        }
        let constraints = BasicConstraints { ca: self.is_ca, path_len_constraint: None };
        add(constraints.to_extension(&self.subject, &[]))?;
        add(SubjectKeyIdentifier::try_from(key)?.to_extension(&self.subject, &[]))?;
        let authority = match &self.issuer_key_id {
            Some(id) => AuthorityKeyIdentifier { key_identifier: Some(id.clone()), ..Default::default() },
            None => AuthorityKeyIdentifier::try_from(issuer_key)?,
        };
        add(authority.to_extension(&self.subject, &[]))?;
        if let Some(names) = self.template.sans.to_extension()? {
            add(names.to_extension(&self.subject, &[]))?;
        }
        Ok(list)
    }
}

/// A private key as x509-cert's builder wants its signer.
struct CaSigner<'a>(&'a PrivateKey);

/// An ASN.1 ECDSA signature, which a certificate carries as it is.
struct EcdsaSignature(Vec<u8>);

impl Keypair for CaSigner<'_> {
    type VerifyingKey = PublicKey;

    fn verifying_key(&self) -> PublicKey {
        self.0.public_key().clone()
    }
}

impl Signer<EcdsaSignature> for CaSigner<'_> {
    fn try_sign(&self, message: &[u8]) -> Result<EcdsaSignature, signature::Error> {
        self.0.sign(message).map(EcdsaSignature).map_err(|_| signature::Error::new())
    }
}

impl DynSignatureAlgorithmIdentifier for CaSigner<'_> {
    fn signature_algorithm_identifier(&self) -> x509_cert::spki::Result<AlgorithmIdentifierOwned> {
        Ok(AlgorithmIdentifierOwned { oid: oid::ECDSA_WITH_SHA256, parameters: None })
    }
}

impl EncodePublicKey for PublicKey {
    fn to_public_key_der(&self) -> x509_cert::spki::Result<der::Document> {
        Ok(der::Document::try_from(self.as_der())?)
    }
}

impl SignatureBitStringEncoding for EcdsaSignature {
    fn to_bitstring(&self) -> der::Result<BitString> {
        BitString::from_bytes(&self.0)
    }
}

impl PrivateKey {
    pub(crate) fn sign_request(&self, builder: RequestBuilder) -> x509_cert::builder::Result<CertReq> {
        builder.build::<_, EcdsaSignature>(&CaSigner(self))
    }
}

#[cfg(test)]
mod tests;
