//! What a request must be, and what may change in it.

use std::collections::BTreeSet;

use ironclad_api::Object;
use ironclad_api::field::{FieldError, FieldErrors, Path};
use ironclad_engine::strategy::Part;
use ironclad_pki::csr::CertificateRequest;
use ironclad_pki::signers::Signer;
use ironclad_pki::usage::Usage;
use serde_json::Value;

use super::{APPROVAL, certificate, conditions, signer_name};

const SHORTEST_SECONDS: i64 = 600;
const USAGES: [&str; 23] = [
    "any",
    "cert sign",
    "client auth",
    "code signing",
    "content commitment",
    "crl sign",
    "data encipherment",
    "decipher only",
    "digital signature",
    "email protection",
    "encipher only",
    "ipsec end system",
    "ipsec tunnel",
    "ipsec user",
    "key agreement",
    "key encipherment",
    "microsoft sgc",
    "netscape sgc",
    "ocsp signing",
    "s/mime",
    "server auth",
    "signing",
    "timestamping",
];

pub(super) fn create(request: &Object) -> FieldErrors {
    whole(request, None)
}

pub(super) fn update(new: &Object, old: &Object, part: Part) -> FieldErrors {
    let mut errors = whole(new, Some(old));
    errors.extend(conditions::validate_changes(new, old, part == APPROVAL));
    let certificate = |request: &Object| certificate::bytes(request, &["status", "certificate"]);
    if certificate(new) != certificate(old) {
        let path = Path::new("status").child("certificate");
        if part != Part::Status {
            errors.push(FieldError::forbidden(&path, "updates may not set certificate content"));
        } else if !certificate(old).is_empty() {
            errors.push(FieldError::forbidden(&path, "updates may not modify existing certificate content"));
        }
    }
    errors
}

fn whole(request: &Object, old: Option<&Object>) -> FieldErrors {
    let path = Path::new("spec");
    let mut errors = FieldErrors::new();
    if let Err(error) = CertificateRequest::from_pem(&certificate::bytes(request, &["spec", "request"])) {
        let sent = request.str_at(&["spec", "request"]);
        errors.push(FieldError::invalid(&path.child("request"), sent, error.to_string()));
    }
    errors.extend(usages(request, old, &path.child("usages")));
    errors.extend(signer(request, old, &path.child("signerName")));
    let seconds = request.at(&["spec", "expirationSeconds"]).and_then(Value::as_i64);
    if let Some(seconds) = seconds.filter(|seconds| *seconds < SHORTEST_SECONDS) {
        let detail = "may not specify a duration less than 600 seconds (10 minutes)";
        errors.push(FieldError::invalid(&path.child("expirationSeconds"), seconds, detail));
    }
    errors.extend(conditions::validate(request, old));
    // What was stored as it is stays; so does what was never sound.
    let issued = |request: &Object| request.str_at(&["status", "certificate"]).to_owned();
    let kept = old.is_some_and(|old| issued(old) == issued(request) || certificate::fault(old).is_some());
    if let Some(fault) = certificate::fault(request).filter(|_| !kept) {
        let path = Path::new("status").child("certificate");
        errors.push(FieldError::invalid(&path, "<certificate data>", fault));
    }
    errors
}

fn usages_of(request: &Object) -> Vec<&str> {
    let usages = request.at(&["spec", "usages"]).and_then(Value::as_array).into_iter().flatten();
    usages.filter_map(Value::as_str).collect()
}

fn is_known(usage: &str) -> bool {
    usage.parse::<Usage>().is_ok()
}

fn usages(request: &Object, old: Option<&Object>, path: &Path) -> FieldErrors {
    let (given, before) = (usages_of(request), old.map(usages_of).unwrap_or_default());
    let mut errors = FieldErrors::new();
    if given.is_empty() {
        errors.push(FieldError::required(path, ""));
    }
    if before.iter().all(|usage| is_known(usage)) {
        let unknown = given.iter().enumerate().filter(|(_, usage)| !is_known(usage));
        errors.extend(
            unknown.map(|(index, usage)| FieldError::not_supported(&path.index(index), *usage, USAGES)),
        );
    }
    let mut seen = BTreeSet::new();
    if before.iter().all(|usage| seen.insert(*usage)) {
        let mut seen = BTreeSet::new();
        let repeated = given.iter().enumerate().filter(|(_, usage)| !seen.insert(**usage));
        errors.extend(repeated.map(|(index, usage)| FieldError::duplicate(&path.index(index), *usage)));
    }
    errors
}

fn signer(request: &Object, old: Option<&Object>, path: &Path) -> FieldErrors {
    let name = |request: &Object| request.str_at(&["spec", "signerName"]).to_owned();
    let legacy = Signer::LegacyUnknown.name();
    let given = name(request);
    if given == legacy && old.is_none_or(|old| name(old) != legacy) {
        let detail = "the legacy signerName is not allowed via this API version";
        return vec![FieldError::invalid(path, given, detail)];
    }
    signer_name::validate(&given, path)
}
