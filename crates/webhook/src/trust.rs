//! Whether a server is the one that was meant.

use std::sync::Arc;

use ironclad_pki::certificate::Certificate;
use ironclad_pki::pem;
use ironclad_pki::tls::{self, CertificateSlot, HTTP1, signatures};
use jiff::Timestamp;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{WebPkiServerVerifier, verify_server_name};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};

use crate::error::CallError;

/// A client that believes servers whose certificates lead to one of the bundle's; to one of
/// this machine's if the bundle is empty.
pub(crate) fn client_config(
    ca_bundle: &[u8],
    identity: Option<Arc<CertificateSlot>>,
) -> Result<ClientConfig, CallError> {
    let unusable = |why: &str| CallError::Unusable(format!("unable to load root certificates: {why}"));
    let roots = match ca_bundle {
        [] => tls::system_roots(),
        bundle => pem::certificates(bundle).map_err(|_| unusable("unable to parse bytes as PEM block"))?,
    };
    let config = ClientConfig::builder_with_provider(tls::provider())
        .with_safe_default_protocol_versions()
        .map_err(|error| unusable(&error.to_string()))?;
    let config = config.dangerous().with_custom_certificate_verifier(Arc::new(Verifier::new(roots)));
    let mut config = match identity {
        Some(identity) => config.with_client_cert_resolver(identity),
        None => config.with_no_client_auth(),
    };
    config.alpn_protocols = HTTP1.iter().map(|protocol| protocol.to_vec()).collect();
    Ok(config)
}

/// Chains as everywhere; and a server that shows one of the roots itself, as those with a
/// self-signed certificate do. Go believes them, also when the certificate says that it is a CA's.
#[derive(Debug)]
struct Verifier {
    roots: Vec<CertificateDer<'static>>,
    /// `None` where no root can sign anything.
    chains: Option<Arc<WebPkiServerVerifier>>,
}

impl Verifier {
    fn new(roots: Vec<CertificateDer<'static>>) -> Self {
        let mut store = RootCertStore::empty();
        store.add_parsable_certificates(roots.iter().cloned());
        let chains =
            WebPkiServerVerifier::builder_with_provider(Arc::new(store), tls::provider()).build().ok();
        Self { roots, chains }
    }

    /// Name and validity of a certificate that is believed as it is.
    fn verify_root(
        &self,
        shown: &CertificateDer<'_>,
        name: &ServerName<'_>,
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let parsed = Certificate::from_der(shown.clone().into_owned());
        let parsed = parsed.map_err(|_| Error::InvalidCertificate(CertificateError::BadEncoding))?;
        let now = i64::try_from(now.as_secs()).ok().and_then(|now| Timestamp::from_second(now).ok());
        if !now.is_some_and(|now| parsed.window.contains(now)) {
            return Err(Error::InvalidCertificate(CertificateError::Expired));
        }
        verify_server_name(&ParsedCertificate::try_from(shown)?, name)?;
        Ok(ServerCertVerified::assertion())
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        if self.roots.iter().any(|root| root == end_entity) {
            return self.verify_root(end_entity, server_name, now);
        }
        match &self.chains {
            Some(chains) => {
                chains.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
            }
            None => Err(Error::InvalidCertificate(CertificateError::UnknownIssuer)),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        signatures::tls12(message, certificate, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        signatures::tls13(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        signatures::schemes()
    }
}
