//! How the holder of a certificate signs a handshake, which every verifier of ours checks alike.

use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::{verify_tls12_signature, verify_tls13_signature};
use rustls::{DigitallySignedStruct, Error, SignatureScheme};
use rustls_pki_types::CertificateDer;

/// A verifier's `verify_tls12_signature`.
pub fn tls12(
    message: &[u8],
    certificate: &CertificateDer<'_>,
    signed: &DigitallySignedStruct,
) -> Result<HandshakeSignatureValid, Error> {
    verify_tls12_signature(message, certificate, signed, &super::provider().signature_verification_algorithms)
}

/// A verifier's `verify_tls13_signature`.
pub fn tls13(
    message: &[u8],
    certificate: &CertificateDer<'_>,
    signed: &DigitallySignedStruct,
) -> Result<HandshakeSignatureValid, Error> {
    verify_tls13_signature(message, certificate, signed, &super::provider().signature_verification_algorithms)
}

/// A verifier's `supported_verify_schemes`.
pub fn schemes() -> Vec<SignatureScheme> {
    super::provider().signature_verification_algorithms.supported_schemes()
}
