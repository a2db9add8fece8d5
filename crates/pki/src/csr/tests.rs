//! Requests of our own; those of openssl are in `tests/openssl.rs`.

use super::*;
use crate::testing::{ca, later, now, serial};
use crate::usage::Usage;

fn request(template: &Template) -> (CertificateRequest, PrivateKey) {
    let key = PrivateKey::generate().unwrap();
    let text = CertificateRequest::make(template, &key).unwrap();
    (CertificateRequest::from_pem(text.as_bytes()).unwrap(), key)
}

fn node_request() -> Template {
    let template = Template::node_serving("n1", vec!["n1".into()], vec!["10.0.0.1".parse().unwrap()]);
    Template { usages: vec![], ..template }
}

#[test]
fn a_request_is_read_back_and_signed_as_it_was_sent() {
    let template = Template { subject: Subject::new("u", &["b", "a", "b"]), ..node_request() };
    let (request, key) = request(&template);
    assert_eq!((&request.subject, &request.sans), (&template.subject, &template.sans));
    assert_eq!(&request.public_key, key.public_key());
    let usages = [Usage::DigitalSignature, Usage::ServerAuth];
    let certificate = ca("kubernetes")
        .sign_request(&request, &usages, Duration::from_secs(3600), now(), serial(5))
        .unwrap();
    assert_eq!((certificate.subject, certificate.sans), (template.subject, template.sans));
    assert_eq!(&certificate.public_key, key.public_key());
    assert!(!certificate.is_ca);
}

/// Upstream: backdated by five minutes, which only certificates of eight hours
/// and more pay for at their end; never longer than the signer.
#[test]
fn durations_are_upstreams() {
    let (request, _) = request(&node_request());
    let check = |duration: u64, not_after: i64| {
        let ca = ca("kubernetes");
        let signed = ca.sign_request(&request, &[], Duration::from_secs(duration), now(), serial(5)).unwrap();
        assert_eq!((signed.window.not_before, signed.window.not_after), (later(-300), later(not_after)));
    };
    check(600, 600);
    check(8 * 3600 - 1, 8 * 3600 - 1);
    check(8 * 3600, 8 * 3600 - 300);
    check(100 * 365 * 24 * 3600, 10 * 365 * 24 * 3600);

    let granted = |requested: Option<i32>| granted_duration(requested, Duration::from_secs(3600)).as_secs();
    assert_eq!([None, Some(1800), Some(7200), Some(1), Some(-1)].map(granted), [3600, 1800, 3600, 600, 600]);
}

#[test]
fn what_is_not_a_genuine_request_is_refused() {
    let check = |text: &str, want: &str| {
        let error = CertificateRequest::from_pem(text.as_bytes()).unwrap_err();
        assert_eq!(error.to_string(), want);
    };
    let not_a_request = "PEM block type must be CERTIFICATE REQUEST";
    check("", not_a_request);
    check("not pem", not_a_request);
    check(&ca("x").certificate().to_pem(), not_a_request);

    let text = CertificateRequest::make(&node_request(), &PrivateKey::generate().unwrap()).unwrap();
    let good = pem::first(Label::Request, text.as_bytes()).unwrap();
    // Another name under the same signature.
    let position = good.windows(14).position(|window| window == b"system:node:n1").unwrap();
    let mut renamed = good.clone();
    renamed[position + 13] = b'2';
    check(
        &pem::encode(Label::Request, &renamed),
        "unable to verify certificate request signature: the signature does not match",
    );
    for length in 0..good.len() {
        assert!(CertificateRequest::from_der(&good[..length]).is_err());
    }
}

#[test]
fn no_byte_of_a_request_or_certificate_can_be_changed() {
    let key = PrivateKey::generate().unwrap();
    let text = CertificateRequest::make(&node_request(), &key).unwrap();
    let request = pem::first(Label::Request, text.as_bytes()).unwrap();
    let ca = ca("kubernetes");
    let pool = crate::verify::CaPool::new(std::slice::from_ref(ca.certificate())).unwrap();
    let subject = Subject::new("jane", &["dev"]);
    let lifetime = Duration::from_secs(3600);
    let client = ca.issue(&Template::client(subject), key.public_key(), lifetime, now(), serial(2)).unwrap();
    let changed = |der: &[u8], index: usize, bit: u8| {
        let mut bytes = der.to_vec();
        bytes[index] ^= bit;
        bytes
    };
    for bit in [1, 0x80] {
        for index in 0..request.len() {
            assert!(CertificateRequest::from_der(&changed(&request, index, bit)).is_err(), "{index}");
        }
        for index in 0..client.der().len() {
            let chain = [changed(client.der(), index, bit).into()];
            assert!(pool.verify_client(&chain, now()).is_err(), "{index}");
        }
    }
}
