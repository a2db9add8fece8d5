//! Signs what was approved for one of the cluster's own signers.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ironclad_api::Object;
use ironclad_pki::ca::CertificateAuthority;
use ironclad_pki::csr::{CertificateRequest, granted_duration};
use ironclad_pki::issue::Serial;
use ironclad_pki::signers::Signer;
use ironclad_pki::usage::Usage;
use jiff::Timestamp;
use k8s_openapi::api::certificates::v1::CertificateSigningRequest;

use super::{Seen, has, issued};

/// The longest that anybody gets: a year, as upstream.
const LONGEST: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// The request with its certificate, or with why there will be none; `None` if it is not to be signed.
pub(super) fn sign(
    authority: &CertificateAuthority,
    seen: &Seen,
    parsed: &CertificateRequest,
    now: Timestamp,
) -> Option<Object> {
    let request = &seen.request;
    let signer = Signer::from_name(&request.spec.signer_name)?;
    let is_refused = has(request, "Denied") || has(request, "Failed");
    if !has(request, "Approved") || is_refused || !issued(request).is_empty() {
        return None;
    }
    match certificate(authority, signer, request, parsed, now) {
        Ok(pem) => {
            let mut object = seen.object.clone();
            object.section_mut("status").insert("certificate".into(), STANDARD.encode(pem).into());
            Some(object)
        }
        Err(Refusal::Signer(why)) => {
            Some(seen.with_condition("Failed", "SignerValidationFailure", &why, now))
        }
        Err(Refusal::Authority(why)) => {
            tracing::error!(request = seen.object.name(), error = why, "cannot sign a certificate");
            None
        }
    }
}

enum Refusal {
    /// The signer does not sign such requests, now or later.
    Signer(String),
    /// The CA cannot sign anything; the request is not at fault.
    Authority(String),
}

fn certificate(
    authority: &CertificateAuthority,
    signer: Signer,
    request: &CertificateSigningRequest,
    parsed: &CertificateRequest,
    now: Timestamp,
) -> Result<String, Refusal> {
    let usages = Usage::parse_all(request.spec.usages.as_deref().unwrap_or_default());
    let usages = usages.map_err(|error| Refusal::Signer(error.to_string()))?;
    signer.check(parsed, &usages).map_err(|error| Refusal::Signer(error.to_string()))?;
    let duration = granted_duration(request.spec.expiration_seconds, LONGEST);
    let certificate = authority.sign_request(parsed, &usages, duration, now, serial(request));
    certificate.map(|certificate| certificate.to_pem()).map_err(|error| Refusal::Authority(error.to_string()))
}

/// The request's uid: random, unlike any other's, and the same should the request be signed again.
fn serial(request: &CertificateSigningRequest) -> Serial {
    let uid = request.metadata.uid.as_deref().unwrap_or_default();
    let digits: Vec<u8> =
        uid.chars().filter_map(|c| c.to_digit(16)).filter_map(|d| u8::try_from(d).ok()).collect();
    let mut serial = Serial::default();
    for (byte, pair) in serial.iter_mut().zip(digits.chunks(2)) {
        *byte = pair.iter().fold(0, |byte, digit| byte << 4 | digit);
    }
    serial
}
