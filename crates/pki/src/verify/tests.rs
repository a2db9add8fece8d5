//! Client certificates against two CAs.

use std::time::Duration;

use super::*;
use crate::ca::CertificateAuthority;
use crate::issue::{IssueError, LEAF_LIFETIME, Template};
use crate::key::PrivateKey;
use crate::subject::Subject;
use crate::testing::{ca, later, now, serial};
use crate::usage::Usage;

const YEAR: i64 = 365 * 24 * 60 * 60;

fn pool(ca: &CertificateAuthority) -> CaPool {
    CaPool::new(std::slice::from_ref(ca.certificate())).unwrap()
}

fn issue(ca: &CertificateAuthority, template: &Template) -> Certificate {
    let key = PrivateKey::generate().unwrap();
    ca.issue(template, key.public_key(), LEAF_LIFETIME, now(), serial(7)).unwrap()
}

fn client(subject: Subject) -> Template {
    Template::client(subject)
}

#[test]
fn the_user_is_the_cn_and_the_groups_are_the_os_in_order() {
    let ca = ca("kubernetes");
    let certificate = issue(&ca, &client(Subject::new("jane", &["dev", "admin", "dev"])));
    let identity = pool(&ca).verify_client(&[certificate.der().clone()], now()).unwrap();
    assert_eq!(identity.common_name, "jane");
    assert_eq!(identity.organizations, ["dev", "admin", "dev"]);
    assert_eq!(identity.uid, None);
    assert_eq!(identity.serial, [7; 16]);
    assert_eq!(identity.not_after, later(YEAR));
    assert!(identity.credential_id().starts_with("X509SHA256="));
    assert_eq!(identity.credential_id().len(), "X509SHA256=".len() + 64);
}

#[test]
fn what_does_not_authenticate_says_why() {
    let (ours, theirs) = (ca("kubernetes"), ca("kubernetes"));
    let user = || client(Subject::new("jane", &[]));
    let check = |template: &Template, at: i64, want: &str| {
        let certificate = issue(&ours, template);
        let error = pool(&ours).verify_client(&[certificate.der().clone()], later(at)).unwrap_err();
        assert_eq!(error.to_string(), want);
    };
    check(
        &user(),
        YEAR + 1,
        "x509: certificate has expired or is not yet valid: current time 2027-01-01T00:00:01Z is after 2027-01-01T00:00:00Z",
    );
    check(
        &user(),
        -301,
        "x509: certificate has expired or is not yet valid: current time 2025-12-31T23:54:59Z is before 2025-12-31T23:55:00Z",
    );
    let server = Template::server(Subject::new("jane", &[]), vec!["a".into()], vec![]);
    check(&server, 0, "x509: certificate specifies an incompatible key usage");
    let many = Subject { uids: vec!["1".into(), "2".into()], ..Subject::new("jane", &[]) };
    check(&client(many), 0, "expected 1 UID, but found multiple: [\"1\" \"2\"]");

    let certificate = issue(&theirs, &user());
    let chain = [certificate.der().clone()];
    assert_eq!(pool(&ours).verify_client(&chain, now()), Err(VerifyError::UnknownAuthority));
    assert_eq!(CaPool::default().verify_client(&chain, now()), Err(VerifyError::UnknownAuthority));
    assert_eq!(pool(&ours).verify_client(&[], now()), Err(VerifyError::NoCertificate));
    let garbage = [CertificateDer::from(b"\x30\x00".to_vec())];
    assert!(matches!(pool(&ours).verify_client(&garbage, now()), Err(VerifyError::Malformed { .. })));
}

#[test]
fn a_uid_attribute_is_the_users_uid() {
    let ca = ca("kubernetes");
    let subject = Subject { uids: vec!["42".into()], ..Subject::new("jane", &[]) };
    let certificate = issue(&ca, &client(subject));
    let identity = pool(&ca).verify_client(&[certificate.der().clone()], now()).unwrap();
    assert_eq!(identity.uid.as_deref(), Some("42"));
}

/// Go accepts a client certificate that names no purpose, or any purpose.
#[test]
fn an_unnamed_or_any_purpose_is_good_for_clients() {
    let ca = ca("kubernetes");
    for usages in [vec![], vec![Usage::Any], vec![Usage::ServerAuth, Usage::ClientAuth]] {
        let template = Template { usages, ..client(Subject::new("jane", &[])) };
        let certificate = issue(&ca, &template);
        assert!(pool(&ca).verify_client(&[certificate.der().clone()], now()).is_ok(), "{template:?}");
    }
}

#[test]
fn any_ca_of_the_pool_will_do_and_a_dead_root_vouches_for_nobody() {
    let (one, two) = (ca("one"), ca("two"));
    let both = CaPool::new(&[one.certificate().clone(), two.certificate().clone()]).unwrap();
    for ca in [&one, &two] {
        let certificate = issue(ca, &client(Subject::new("jane", &[])));
        assert!(both.verify_client(&[certificate.der().clone()], now()).is_ok());
    }
    // A leaf that claims to outlive its root, which `issue` never makes.
    let key = PrivateKey::generate().unwrap();
    let template = client(Subject::new("jane", &[]));
    let window = Window { not_before: now(), not_after: later(20 * YEAR) };
    let name = template.subject.to_name().unwrap();
    let leaf = one.issue_in(name, &template, key.public_key(), window, serial(3)).unwrap();
    let error = both.verify_client(&[leaf.der().clone()], later(11 * YEAR)).unwrap_err();
    assert_eq!(
        error,
        VerifyError::Expired { now: later(11 * YEAR), not_after: one.certificate().window.not_after }
    );
    assert_eq!(
        one.issue(&template, key.public_key(), Duration::from_secs(60), later(11 * YEAR), serial(4)),
        Err(IssueError::SignerExpired { not_after: one.certificate().window.not_after })
    );
}
