//! The built-in signers against upstream's checks.

use super::*;
use crate::issue::Template;
use crate::key::PrivateKey;
use crate::sans::Sans;
use crate::subject::Subject;

fn request(subject: Subject, sans: Sans) -> CertificateRequest {
    let template = Template { subject, sans, usages: vec![] };
    let text = CertificateRequest::make(&template, &PrivateKey::generate().unwrap()).unwrap();
    CertificateRequest::from_pem(text.as_bytes()).unwrap()
}

fn check(signer: Signer, subject: Subject, sans: Sans, usages: &[Usage], want: &str) {
    let got = signer.check(&request(subject, sans), usages);
    assert_eq!(got.map_or_else(|error| error.to_string(), |()| "ok".to_owned()), want, "{signer:?}");
}

fn dns() -> Sans {
    Sans::new(["n1".to_owned()], [])
}

fn ip() -> Sans {
    Sans::new([], ["10.0.0.1".parse().unwrap()])
}

#[test]
fn node_clients() {
    let check = |subject, sans, usages: &[Usage], want| {
        check(Signer::ApiServerClientKubelet, subject, sans, usages, want);
    };
    let usages = [Usage::DigitalSignature, Usage::ClientAuth];
    let rsa_usages = [Usage::ClientAuth, Usage::KeyEncipherment, Usage::DigitalSignature];
    let node = || Subject::node("n1");
    check(node(), Sans::default(), &usages, "ok");
    check(node(), Sans::default(), &rsa_usages, "ok");
    let wrong_group = "subject organization is not system:nodes";
    check(Subject::new("system:node:n1", &[]), Sans::default(), &usages, wrong_group);
    check(Subject::new("system:node:n1", &["system:nodes", "x"]), Sans::default(), &usages, wrong_group);
    let wrong_name = "subject common name does not begin with system:node:";
    check(Subject::new("n1", &["system:nodes"]), Sans::default(), &usages, wrong_name);
    check(node(), dns(), &usages, "DNS subjectAltNames are not allowed");
    check(node(), ip(), &usages, "IP subjectAltNames are not allowed");
    let email = Sans { emails: vec!["a@b".into()], ..Sans::default() };
    check(node(), email, &usages, "Email subjectAltNames are not allowed");
    let uri = Sans { uris: vec!["x:y".into()], ..Sans::default() };
    check(node(), uri, &usages, "URI subjectAltNames are not allowed");
    let wrong_usages = "usages did not match [client auth digital signature key encipherment]";
    check(node(), Sans::default(), &[Usage::ClientAuth], wrong_usages);
    check(node(), Sans::default(), &[Usage::ClientAuth, Usage::ServerAuth], wrong_usages);
}

#[test]
fn node_servers() {
    let check =
        |subject, sans, usages: &[Usage], want| check(Signer::KubeletServing, subject, sans, usages, want);
    let usages = [Usage::DigitalSignature, Usage::ServerAuth];
    check(Subject::node("n1"), dns(), &usages, "ok");
    check(Subject::node("n1"), ip(), &usages, "ok");
    check(Subject::node("n1"), Sans::default(), &usages, "DNS or IP subjectAltName is required");
    let wrong_usages = "usages did not match [digital signature key encipherment server auth]";
    check(Subject::node("n1"), ip(), &[Usage::DigitalSignature, Usage::ClientAuth], wrong_usages);
    let wrong_name = "subject common name does not begin with system:node:";
    check(Subject::new("n1", &["system:nodes"]), ip(), &usages, wrong_name);
}

#[test]
fn clients_and_the_rest() {
    let user = || Subject::new("jane", &["dev"]);
    let client = |usages: &[Usage], want| check(Signer::ApiServerClient, user(), dns(), usages, want);
    client(&[Usage::ClientAuth], "ok");
    client(&[Usage::ClientAuth, Usage::KeyEncipherment, Usage::DigitalSignature], "ok");
    client(&[Usage::DigitalSignature], "missing required usage for client certificate: client auth");
    client(&[Usage::ClientAuth, Usage::ServerAuth], "invalid usage for client certificate: server auth");
    check(Signer::LegacyUnknown, user(), dns(), &[Usage::CodeSigning], "ok");
}

#[test]
fn signers_are_found_by_name() {
    assert_eq!(Signer::from_name("kubernetes.io/kubelet-serving"), Some(Signer::KubeletServing));
    assert_eq!(Signer::from_name("example.com/mine"), None);
}
