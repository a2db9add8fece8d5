//! What the server does about defects of its own, strangers, and clients that misbehave.

mod cluster;

use std::time::Duration;

use cluster::{ask, start};
use ironclad_pki::ca::CertificateAuthority;
use ironclad_pki::issue::{Serial, Template};
use ironclad_pki::key::PrivateKey;
use ironclad_pki::subject::Subject;
use ironclad_pki::tls::CertificateSlot;
use jiff::Timestamp;
use rustls::pki_types::PrivateKeyDer;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

const LIFETIME: Duration = Duration::from_secs(3600);

#[tokio::test(flavor = "multi_thread")]
async fn a_panic_is_one_requests_failure() {
    let cluster = start().await;
    let class = json!({"apiVersion": "node.k8s.io/v1", "kind": "RuntimeClass", "metadata": {"name": "x"}, "handler": "y"});
    for _ in 0..2 {
        let answer = cluster.send(ask("POST", "/apis/node.k8s.io/v1/runtimeclasses").json(&class)).await;
        let status = answer.json();
        assert_eq!((answer.code, status["reason"].as_str()), (500, Some("InternalError")));
        assert!(status["message"].as_str().is_some_and(|text| text.contains("caused apiserver to panic")));
    }
    assert_eq!(
        cluster.send(ask("GET", "/apis/node.k8s.io/v1/runtimeclasses")).await.json()["items"],
        json!([])
    );
    let page = cluster.send(ask("GET", "/metrics")).await.text();
    assert!(page.contains("apiserver_request_panics_total 2\n"), "{page}");
    let log = std::fs::read_to_string(cluster.folder.path().join("audit/audit.log")).expect("an audit log");
    assert_eq!(log.matches(r#""stage":"Panic""#).count(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_foreign_certificate_gets_an_answer_and_not_a_broken_handshake() {
    let cluster = start().await;
    let serial: Serial = [7; 16];
    let now = Timestamp::now();
    let ca = CertificateAuthority::generate("elsewhere", now, serial).expect("a CA");
    let key = PrivateKey::generate().expect("a key");
    let template = Template::client(Subject::new("kubernetes-admin", &["system:masters"]));
    let certificate = ca.issue(&template, key.public_key(), LIFETIME, now, serial).expect("a certificate");
    let key = PrivateKeyDer::Pkcs8(key.to_pkcs8());
    let slot = CertificateSlot::new(vec![certificate.der().clone()], key).expect("an identity");
    let mut io = cluster.connect_as(Some(slot)).await;
    io.write_all(b"GET /version HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await.expect("sent");
    let mut answer = String::new();
    io.read_to_string(&mut answer).await.expect("an answer");
    assert!(answer.starts_with("HTTP/1.1 401 "), "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_that_are_no_requests_end_the_connection_and_nothing_else() {
    let cluster = start().await;
    let check = async |bytes: Vec<u8>, want: &str| {
        let mut io = cluster.connect(false).await;
        // The server may close before everything is sent.
        let _ = io.write_all(&bytes).await;
        let mut answer = Vec::new();
        let read = tokio::time::timeout(Duration::from_secs(10), io.read_to_end(&mut answer)).await;
        assert!(read.is_ok(), "the connection stays open");
        let answer = String::from_utf8_lossy(&answer);
        assert!(answer.starts_with(want), "{answer}");
    };
    check(b"\x16\x03\x01nonsense\r\n\r\n".to_vec(), "HTTP/1.1 400").await;
    check(b"GET /%zz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n".to_vec(), "HTTP/1.1 400").await;
    let long = format!("GET / HTTP/1.1\r\nhost: x\r\nx-long: {}\r\n\r\n", "x".repeat(200_000));
    check(long.into_bytes(), "HTTP/1.1 431").await;
    let many = format!("GET / HTTP/1.1\r\nhost: x\r\n{}\r\n", "x: y\r\n".repeat(500));
    check(many.into_bytes(), "HTTP/1.1 431").await;
    assert_eq!(cluster.send(ask("GET", "/readyz")).await.text(), "ok");
}
