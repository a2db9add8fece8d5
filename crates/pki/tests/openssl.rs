//! Our certificates before openssl's eyes, and its requests before ours.
//! Skipped where there is no `openssl`.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use ironclad_pki::ca::{CLUSTER_CA, CertificateAuthority, FRONT_PROXY_CA};
use ironclad_pki::certificate::Certificate;
use ironclad_pki::csr::CertificateRequest;
use ironclad_pki::issue::{LEAF_LIFETIME, Template};
use ironclad_pki::key::PrivateKey;
use ironclad_pki::subject::Subject;
use ironclad_pki::usage::Usage;
use ironclad_pki::verify::CaPool;
use jiff::Timestamp;

/// 2026-01-01T00:00:00Z.
const NOW: i64 = 1_767_225_600;

fn now() -> Timestamp {
    Timestamp::from_second(NOW).unwrap()
}

/// Output of `openssl ARGS` in `dir`, both streams.
fn openssl(dir: &Path, args: &[&str]) -> (bool, String) {
    let output = Command::new("openssl").current_dir(dir).args(args).output().unwrap();
    let text = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8_lossy(&text).into_owned())
}

/// A directory to work in, or none without openssl.
fn workshop() -> Option<tempfile::TempDir> {
    if Command::new("openssl").arg("version").output().is_err() {
        eprintln!("skipped: no openssl here");
        return None;
    }
    Some(tempfile::tempdir().unwrap())
}

fn write(dir: &Path, name: &str, text: &str) {
    std::fs::write(dir.join(name), text).unwrap();
}

fn issue(ca: &CertificateAuthority, template: &Template) -> Certificate {
    let key = PrivateKey::generate().unwrap();
    ca.issue(template, key.public_key(), LEAF_LIFETIME, now(), [0xa5; 16]).unwrap()
}

#[test]
fn openssl_verifies_what_we_issue_for_its_purpose_only() {
    let Some(dir) = workshop() else { return };
    let dir = dir.path();
    let ca = CertificateAuthority::generate(CLUSTER_CA, now(), [1; 16]).unwrap();
    let proxy_ca = CertificateAuthority::generate(FRONT_PROXY_CA, now(), [2; 16]).unwrap();
    write(dir, "ca.crt", &ca.certificate().to_pem());
    write(dir, "proxy-ca.crt", &proxy_ca.certificate().to_pem());
    let ips = vec!["10.96.0.1".parse().unwrap(), "fd00::1".parse().unwrap()];
    let server = Template::server(Subject::new("kube-apiserver", &[]), vec!["kubernetes".into()], ips);
    write(dir, "server.crt", &issue(&ca, &server).to_pem());
    write(dir, "client.crt", &issue(&ca, &Template::client(Subject::new("jane", &["a", "b", "a"]))).to_pem());
    write(
        dir,
        "proxy.crt",
        &issue(&proxy_ca, &Template::client(Subject::new("front-proxy-client", &[]))).to_pem(),
    );
    let at = NOW.to_string();
    let check = |extra: &[&str], file: &str, want: bool| {
        let mut args = vec!["verify", "-x509_strict", "-attime", &at];
        args.extend_from_slice(extra);
        args.push(file);
        let (ok, text) = openssl(dir, &args);
        assert_eq!(ok, want, "{args:?}: {text}");
    };
    check(&["-CAfile", "ca.crt"], "ca.crt", true);
    check(
        &["-CAfile", "ca.crt", "-purpose", "sslserver", "-verify_hostname", "kubernetes"],
        "server.crt",
        true,
    );
    check(&["-CAfile", "ca.crt", "-purpose", "sslserver", "-verify_ip", "fd00::1"], "server.crt", true);
    check(&["-CAfile", "ca.crt", "-verify_hostname", "other"], "server.crt", false);
    check(&["-CAfile", "ca.crt", "-purpose", "sslclient"], "server.crt", false);
    check(&["-CAfile", "ca.crt", "-purpose", "sslclient"], "client.crt", true);
    check(&["-CAfile", "ca.crt", "-purpose", "sslserver"], "client.crt", false);
    check(&["-CAfile", "proxy-ca.crt", "-purpose", "sslclient"], "proxy.crt", true);
    check(&["-CAfile", "ca.crt"], "proxy.crt", false);
    check(&["-CAfile", "proxy-ca.crt"], "client.crt", false);
}

#[test]
fn openssl_reads_the_fields_we_mean() {
    let Some(dir) = workshop() else { return };
    let dir = dir.path();
    let ca = CertificateAuthority::generate(CLUSTER_CA, now(), [1; 16]).unwrap();
    write(dir, "ca.crt", &ca.certificate().to_pem());
    write(dir, "client.crt", &issue(&ca, &Template::client(Subject::new("jane", &["b", "a", "b"]))).to_pem());
    let (_, text) = openssl(dir, &["x509", "-in", "client.crt", "-noout", "-text"]);
    for want in [
        "Serial Number:\n            25:a5:a5:a5:a5:a5:a5:a5:a5:a5:a5:a5:a5:a5:a5:a5",
        "Subject: O = b, O = a, O = b, CN = jane",
        "Issuer: CN = kubernetes",
        "Not Before: Dec 31 23:55:00 2025 GMT",
        "Not After : Jan  1 00:00:00 2027 GMT",
        "X509v3 Key Usage: critical\n                Digital Signature",
        "X509v3 Extended Key Usage: \n                TLS Web Client Authentication",
        "X509v3 Basic Constraints: critical\n                CA:FALSE",
        "ASN1 OID: prime256v1",
    ] {
        assert!(text.contains(want), "{want} is not in\n{text}");
    }
    let (_, text) = openssl(dir, &["x509", "-in", "ca.crt", "-noout", "-text"]);
    for want in
        ["CA:TRUE", "Digital Signature, Certificate Sign, CRL Sign", "Not After : Dec 30 00:00:00 2035 GMT"]
    {
        assert!(text.contains(want), "{want} is not in\n{text}");
    }
}

#[test]
fn requests_of_openssl_are_read_and_signed() {
    let Some(dir) = workshop() else { return };
    let dir = dir.path();
    let ca = CertificateAuthority::generate(CLUSTER_CA, now(), [1; 16]).unwrap();
    write(dir, "ca.crt", &ca.certificate().to_pem());
    let pool = CaPool::new(std::slice::from_ref(ca.certificate())).unwrap();
    let keys = [
        vec!["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"],
        vec!["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"],
        vec!["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-384"],
        vec!["-algorithm", "ED25519"],
    ];
    for key in keys {
        let (ok, text) = openssl(dir, &[&["genpkey", "-out", "k.pem"], key.as_slice()].concat());
        assert!(ok, "{text}");
        let san = "subjectAltName=DNS:a.b,IP:10.0.0.1,IP:fd00::1,email:x@y.z,URI:spiffe://x/y";
        let (ok, text) = openssl(
            dir,
            &[
                "req",
                "-new",
                "-key",
                "k.pem",
                "-out",
                "r.csr",
                "-subj",
                "/O=one/O=two/O=one/CN=jane",
                "-addext",
                san,
                "-addext",
                "basicConstraints=critical,CA:TRUE",
            ],
        );
        assert!(ok, "{text}");
        let request = CertificateRequest::from_pem(&std::fs::read(dir.join("r.csr")).unwrap()).unwrap();
        assert_eq!(request.subject, Subject::new("jane", &["one", "two", "one"]));
        assert_eq!(request.sans.dns, ["a.b"]);
        assert_eq!(request.sans.ips.len(), 2);
        assert_eq!((request.sans.emails.len(), request.sans.uris.len()), (1, 1));
        let usages = [Usage::DigitalSignature, Usage::ClientAuth];
        let signed = ca.sign_request(&request, &usages, Duration::from_secs(3600), now(), [3; 16]).unwrap();
        assert!(!signed.is_ca);
        write(dir, "signed.crt", &signed.to_pem());
        let at = NOW.to_string();
        let verify = ["verify", "-attime", &at, "-CAfile", "ca.crt", "-purpose", "sslclient", "signed.crt"];
        let (ok, text) = openssl(dir, &verify);
        assert!(ok, "{key:?}: {text}");
        let who = pool.verify_client(&[signed.der().clone()], now()).unwrap();
        assert_eq!((who.common_name.as_str(), who.organizations.len()), ("jane", 3));
    }
}

#[test]
fn openssl_reads_our_requests_and_keys() {
    let Some(dir) = workshop() else { return };
    let dir = dir.path();
    let key = PrivateKey::generate().unwrap();
    write(dir, "k.pem", &key.to_pem());
    write(dir, "r.csr", &CertificateRequest::make(&Template::node_client("n1"), &key).unwrap());
    let (ok, text) = openssl(dir, &["req", "-in", "r.csr", "-verify", "-noout", "-subject"]);
    assert!(ok && text.contains("O = system:nodes, CN = system:node:n1"), "{text}");
    let (ok, text) = openssl(dir, &["pkey", "-in", "k.pem", "-check", "-noout"]);
    assert!(ok, "{text}");
}

/// A chain with an intermediate CA, made by openssl, leads to the root.
#[test]
fn intermediates_that_the_client_sends_are_used() {
    let Some(dir) = workshop() else { return };
    let dir = dir.path();
    let run = |args: &[&str]| {
        let (ok, text) = openssl(dir, args);
        assert!(ok, "{args:?}: {text}");
    };
    let days = ["-days", "3650"];
    let new_key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];
    run(&[
        &["req", "-x509", "-subj", "/CN=root", "-keyout", "root.key", "-out", "root.crt"][..],
        &new_key,
        &days,
    ]
    .concat());
    run(&[&["req", "-new", "-subj", "/CN=mid", "-keyout", "mid.key", "-out", "mid.csr"][..], &new_key]
        .concat());
    write(dir, "mid.ext", "basicConstraints=critical,CA:TRUE\nkeyUsage=keyCertSign");
    run(&[
        &["x509", "-req", "-in", "mid.csr", "-CA", "root.crt", "-CAkey", "root.key", "-set_serial", "2"][..],
        &["-extfile", "mid.ext", "-out", "mid.crt"],
        &days,
    ]
    .concat());
    run(&[&["req", "-new", "-subj", "/O=g/CN=u", "-keyout", "u.key", "-out", "u.csr"][..], &new_key].concat());
    write(dir, "u.ext", "basicConstraints=CA:FALSE");
    run(&[
        &["x509", "-req", "-in", "u.csr", "-CA", "mid.crt", "-CAkey", "mid.key", "-set_serial", "3"][..],
        &["-extfile", "u.ext", "-out", "u.crt"],
        &days,
    ]
    .concat());
    let read =
        |name: &str| Certificate::all_from_pem(&std::fs::read(dir.join(name)).unwrap()).unwrap().remove(0);
    let pool = CaPool::new(&[read("root.crt")]).unwrap();
    let (leaf, mid) = (read("u.crt").der().clone(), read("mid.crt").der().clone());
    let at = Timestamp::now();
    let who = pool.verify_client(&[leaf.clone(), mid], at).unwrap();
    assert_eq!((who.common_name.as_str(), who.organizations.as_slice()), ("u", &["g".to_owned()][..]));
    assert!(pool.verify_client(&[leaf], at).is_err());
}
