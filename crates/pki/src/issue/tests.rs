//! What issued certificates say.

use super::*;
use crate::testing::{ca, later, now, serial};

fn issue(template: &Template, lifetime: Duration, at: Timestamp) -> Result<Certificate, IssueError> {
    let key = PrivateKey::generate().unwrap();
    ca("kubernetes").issue(template, key.public_key(), lifetime, at, serial(9))
}

#[test]
fn a_certificate_starts_five_minutes_ago_and_never_outlives_its_issuer() {
    let check = |lifetime: u64, not_after: i64| {
        let template = Template::client(Subject::new("u", &[]));
        let window = issue(&template, Duration::from_secs(lifetime), now()).unwrap().window;
        assert_eq!((window.not_before, window.not_after), (later(-300), later(not_after)));
    };
    check(3600, 3600);
    let ten_years = 10 * 365 * 24 * 3600;
    check(ten_years as u64, ten_years);
    check(2 * ten_years as u64, ten_years);
}

#[test]
fn a_time_that_no_certificate_can_hold_is_an_error() {
    let template = Template::client(Subject::new("u", &[]));
    let error = issue(&template, LEAF_LIFETIME, Timestamp::UNIX_EPOCH).unwrap_err();
    assert!(error.to_string().contains("set the machine's clock"), "{error}");
    assert!(issue(&template, Duration::from_secs(u64::MAX), now()).is_err());
}

#[test]
fn names_and_kind_are_as_asked() {
    let ips = vec!["10.0.0.1".parse().unwrap()];
    let template = Template::node_serving("n1", vec!["n1".into(), "n1".into()], ips.clone());
    let certificate = issue(&template, LEAF_LIFETIME, now()).unwrap();
    assert_eq!(certificate.subject, Subject::node("n1"));
    assert_eq!((&certificate.sans.dns, &certificate.sans.ips), (&vec!["n1".to_owned()], &ips));
    assert!(!certificate.is_ca);
    assert_eq!(certificate.serial(), [9; 16]);
}

#[test]
fn a_serial_number_is_positive_whatever_the_random_bytes() {
    let check = |bytes: Serial, want: &[u8]| assert_eq!(serial_number(bytes).unwrap().as_bytes(), want);
    check([0; 16], &[1]);
    let mut all = [0xff; 16];
    all[0] = 0x7f;
    check([0xff; 16], &all);
}

#[test]
fn a_ca_needs_its_own_key_and_to_be_one() {
    use crate::ca::CaError;
    let (one, two) = (ca("one"), ca("two"));
    let key = |ca: &CertificateAuthority| PrivateKey::from_pem(ca.key().to_pem().as_bytes()).unwrap();
    let load =
        |certificate: &Certificate, key| CertificateAuthority::new(certificate.clone(), key).map(|_| ());
    assert_eq!(load(one.certificate(), key(&one)), Ok(()));
    assert_eq!(load(one.certificate(), key(&two)), Err(CaError::KeyMismatch));
    let leaf_key = PrivateKey::generate().unwrap();
    let template = Template::client(Subject::new("u", &[]));
    let leaf = one.issue(&template, leaf_key.public_key(), LEAF_LIFETIME, now(), serial(2)).unwrap();
    assert_eq!(load(&leaf, leaf_key), Err(CaError::NotACa));
    assert!(leaf.is_signed_by(one.certificate()) && !leaf.is_signed_by(two.certificate()));
}
