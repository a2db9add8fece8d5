//! Clients that send slowly, too much, or never read: each costs a bounded amount of memory, and
//! the others are served.

mod cluster;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use cluster::{Cluster, LOCALHOST, ask, start};
use futures::future::join_all;
use http::Request;
use http_body_util::Full;
use hyper::client::conn::http2::{self, SendRequest};
use hyper_util::rt::{TokioExecutor, TokioIo};
use ironclad_pki::tls::{self, CertificateSlot, Trust};
use rustls::pki_types::ServerName;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

const CM: &str = "/api/v1/namespaces/default/configmaps";

/// What a test is ready to wait for on a busy machine.
const PATIENCE: Duration = Duration::from_secs(20);

/// The process's resident memory: server and clients together.
fn resident_bytes() -> usize {
    let statm = std::fs::read_to_string("/proc/self/statm").expect("figures of the process");
    let pages: usize = statm.split(' ').nth(1).and_then(|pages| pages.parse().ok()).expect("pages");
    pages * 4096
}

fn head(method: &str, path: &str, more: &str) -> String {
    format!("{method} {path} HTTP/1.1\r\nhost: x\r\n{more}\r\n")
}

/// A connection on which this has been sent.
async fn sent(cluster: &Cluster, bytes: impl AsRef<[u8]>) -> TlsStream<TcpStream> {
    let mut io = cluster.connect(false).await;
    // The server may close before everything is sent.
    let _ = io.write_all(bytes.as_ref()).await;
    io
}

/// What comes until the other side closes, or for as long as the test is patient.
async fn answer(io: &mut TlsStream<TcpStream>) -> String {
    let mut bytes = Vec::new();
    let _ = tokio::time::timeout(PATIENCE, io.read_to_end(&mut bytes)).await;
    String::from_utf8_lossy(&bytes).into_owned()
}

async fn fill(cluster: &Cluster, count: usize, bytes_each: usize) {
    for at in 0..count {
        let map = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": format!("m{at}")},
            "data": {"x": "x".repeat(bytes_each)}});
        assert_eq!(cluster.send(ask("POST", CM).json(&map)).await.code, 201);
    }
}

async fn assert_served(cluster: &Cluster) {
    let served = tokio::time::timeout(PATIENCE, cluster.send(ask("GET", format!("{CM}?limit=1")))).await;
    assert_eq!(served.expect("in time").code, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_does_not_come_is_given_up_and_changes_nothing() {
    let cluster = start().await;
    let request = head("POST", &format!("{CM}?timeout=1s"), "content-length: 500\r\nconnection: close\r\n");
    let mut io = sent(&cluster, request + "{\"apiVersion\": \"v1\"").await;
    let answer = answer(&mut io).await;
    assert!(answer.starts_with("HTTP/1.1 504 "), "{answer}");
    assert!(answer.contains(r#""reason":"Timeout""#), "{answer}");
    assert_eq!(cluster.send(ask("GET", CM)).await.json()["items"], json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_too_large_is_refused() {
    let cluster = start().await;
    let check = async |request: Vec<u8>, want: &[&str]| {
        let mut io = sent(&cluster, request).await;
        let answer = answer(&mut io).await;
        assert!(want.iter().any(|want| answer.starts_with(want)), "{answer:.200}");
    };
    let long = format!("{CM}?labelSelector={}", "a,".repeat(100_000));
    check(head("GET", &long, "connection: close\r\n").into_bytes(), &["HTTP/1.1 414", "HTTP/1.1 431"]).await;
    let large = vec![b' '; 4 << 20];
    let length = format!("content-length: {}\r\nconnection: close\r\n", large.len());
    check([head("POST", CM, &length).into_bytes(), large].concat(), &["HTTP/1.1 413"]).await;
    let chunks = "10000\r\n".to_owned() + &" ".repeat(0x10000) + "\r\n";
    let endless =
        head("POST", CM, "transfer-encoding: chunked\r\nconnection: close\r\n") + &chunks.repeat(300);
    check(endless.into_bytes(), &["HTTP/1.1 413"]).await;
    assert_served(&cluster).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn announced_bodies_cost_what_has_come_of_them() {
    let cluster = start().await;
    assert_served(&cluster).await;
    let before = resident_bytes();
    let request = head("POST", CM, "content-length: 3145728\r\n") + "{";
    let open = join_all((0..100).map(|_| sent(&cluster, &request))).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    // Both ends of a TLS connection take some 100 KB here; the bodies would be 300 MB.
    let grown = resident_bytes().saturating_sub(before);
    assert!(grown < 50 << 20, "{} KB for {} connections", grown >> 10, open.len());
    assert_served(&cluster).await;
}

/// HTTP/2 as the administrator.
async fn connect_h2(cluster: &Cluster) -> SendRequest<Full<Bytes>> {
    let read = |path: &Path| std::fs::read(path);
    let admin = cluster.bundle.admin.resolve(None, cluster.folder.path(), &read).expect("a kubeconfig");
    let (chain, key) = admin.identity.expect("an identity");
    let identity = CertificateSlot::new(chain, key).expect("an identity");
    let roots = cluster.bundle.cluster_ca.trusted.iter().map(|ca| ca.der().clone()).collect();
    let config =
        tls::client_config(&Trust::Roots(roots), Some(identity), tls::HTTP).expect("a configuration");
    let stream = TcpStream::connect(cluster.server.address).await.expect("a connection");
    let name = ServerName::IpAddress(LOCALHOST.into());
    let io = TlsConnector::from(Arc::new(config)).connect(name, stream).await.expect("TLS");
    let (sender, connection) =
        http2::handshake(TokioExecutor::new(), TokioIo::new(io)).await.expect("HTTP/2");
    tokio::spawn(connection);
    sender
}

fn get(path: &str) -> Request<Full<Bytes>> {
    Request::get(format!("https://localhost{path}")).body(Full::default()).expect("a request")
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_that_are_reset_at_once_leave_nothing_behind() {
    let cluster = start().await;
    for _ in 0..5 {
        let mut sender = connect_h2(&cluster).await;
        for _ in 0..1000 {
            if sender.ready().await.is_err() {
                // The server has had enough of it.
                break;
            }
            let request = sender.send_request(get(CM));
            // Long enough to be sent, too short for an answer.
            let _ = tokio::time::timeout(Duration::from_micros(50), request).await;
        }
    }
    assert_served(&cluster).await;
    let idle = r#"apiserver_current_inflight_requests{request_kind="mutating"} 0"#;
    let page = cluster.send(ask("GET", "/metrics")).await.text();
    let reading = page.lines().find_map(|line| {
        line.strip_prefix(r#"apiserver_current_inflight_requests{request_kind="readOnly"} "#)
    });
    assert!(reading.is_some_and(|count| count.parse().is_ok_and(|count: u64| count <= 1)), "{reading:?}");
    assert!(page.contains(idle) || !page.contains("mutating"), "{page}");
}

#[tokio::test(flavor = "multi_thread")]
async fn watches_that_nobody_reads_share_what_they_hold() {
    let cluster = start().await;
    let change = async |rounds: usize| {
        for round in 0..rounds {
            let patch = json!({"data": {"x": format!("{round}").repeat(50_000)}});
            let patch = ask("PATCH", format!("{CM}/m0"))
                .header("content-type", "application/merge-patch+json")
                .json(&patch);
            assert_eq!(cluster.send(patch).await.code, 200);
        }
    };
    fill(&cluster, 1, 50_000).await;
    change(60).await;
    let before = resident_bytes();
    let watch = head("GET", &format!("{CM}?watch=1"), "");
    let watches = join_all((0..50).map(|_| sent(&cluster, &watch))).await;
    let mut h2 = connect_h2(&cluster).await;
    let mut unread = Vec::new();
    for _ in 0..50 {
        unread.push(h2.send_request(get(&format!("{CM}?watch=1"))).await.expect("a watch"));
    }
    change(60).await;
    // 100 watches of 3 MB.
    let grown = resident_bytes().saturating_sub(before);
    assert!(grown < 80 << 20, "{} MB for {} watches", grown >> 20, watches.len() + unread.len());
    assert_served(&cluster).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_that_nobody_reads_costs_two_megabytes_at_most() {
    const READERS: usize = 10;
    let cluster = start().await;
    fill(&cluster, 60, 100_000).await;
    let table = "accept: application/json;as=Table;v=v1;g=meta.k8s.io\r\n";
    let forms = ["", "accept-encoding: gzip\r\n", table, "accept: application/yaml\r\n"];
    for form in forms {
        // Once whole: what is made once and kept is not counted.
        let once = sent(&cluster, head("GET", CM, &format!("{form}connection: close\r\n"))).await;
        drop(answer(&mut { once }).await);
        let before = resident_bytes();
        let readers = join_all((0..READERS).map(|_| sent(&cluster, head("GET", CM, form)))).await;
        tokio::time::sleep(Duration::from_millis(500)).await;
        let each = resident_bytes().saturating_sub(before) / READERS;
        assert!(each < 2 << 20, "{} KB for each {form:?}", each >> 10);
        drop(readers);
    }
    let pretty = head("GET", &format!("{CM}?pretty=1"), "");
    let before = resident_bytes();
    let readers = join_all((0..READERS).map(|_| sent(&cluster, &pretty))).await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    let each = resident_bytes().saturating_sub(before) / READERS;
    assert!(each < 2 << 20, "{} KB for each of {} indented lists", each >> 10, readers.len());
    assert_served(&cluster).await;
}

/// As slow as the limits that it waits for.
#[tokio::test(flavor = "multi_thread")]
async fn connections_that_say_nothing_are_closed() {
    let cluster = start().await;
    let silent = async {
        let mut io = TcpStream::connect(cluster.server.address).await.expect("a connection");
        let closed = tokio::time::timeout(Duration::from_secs(15), io.read(&mut [0; 1])).await;
        assert!(closed.is_ok(), "a handshake may take for ever");
    };
    let half = async {
        let mut io = sent(&cluster, "GET / HTTP/1.1\r\nhost: ").await;
        let closed = tokio::time::timeout(Duration::from_secs(40), io.read(&mut [0; 1])).await;
        assert!(closed.is_ok(), "a head may take for ever");
    };
    tokio::join!(silent, half);
}
