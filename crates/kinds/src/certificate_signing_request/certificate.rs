//! The certificate that was issued: PEM with nothing but certificates in it.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ironclad_api::Object;
use ironclad_api::goprint::quote;
use ironclad_pki::certificate::{Certificate, CertificateError};
use ironclad_pki::pem::PemError;

/// The bytes of a field in base64; empty if it is absent.
pub(super) fn bytes(object: &Object, path: &[&str]) -> Vec<u8> {
    STANDARD.decode(object.str_at(path)).unwrap_or_default()
}

/// What is wrong with it; a request that has none yet is fine.
pub(super) fn fault(request: &Object) -> Option<String> {
    let pem = bytes(request, &["status", "certificate"]);
    if pem.is_empty() {
        return None;
    }
    let text = String::from_utf8_lossy(&pem);
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        let label = line.trim_end().strip_prefix("-----BEGIN ").and_then(|rest| rest.strip_suffix("-----"));
        match label {
            Some("CERTIFICATE") if lines.next().is_some_and(|first| first.contains(':')) => {
                return Some("no PEM block headers are permitted".to_owned());
            }
            Some("CERTIFICATE") | None => {}
            Some(other) => {
                return Some(format!("only CERTIFICATE PEM blocks are allowed, found {}", quote(other)));
            }
        }
    }
    match Certificate::all_from_pem(&pem) {
        Ok(_) => None,
        Err(CertificateError::Pem(PemError::Missing { .. })) => {
            Some("must contain at least one CERTIFICATE PEM block".to_owned())
        }
        Err(error) => Some(error.to_string()),
    }
}
