//! The system's own trusted roots, for a kubeconfig that names no CA.

use rustls_pki_types::CertificateDer;

use crate::pem;

/// Where distributions keep them, in the order Go looks.
const FILES: &[&str] = &[
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/pki/tls/cacert.pem",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/ssl/cert.pem",
];

/// The roots of the first bundle found; empty if the machine has none.
pub fn system_roots() -> Vec<CertificateDer<'static>> {
    let bundle = FILES.iter().find_map(|path| std::fs::read(path).ok());
    bundle.and_then(|text| pem::certificates(&text).ok()).unwrap_or_default()
}
