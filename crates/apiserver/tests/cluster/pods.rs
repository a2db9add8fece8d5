//! Nodes and pods that are only pretended, and a node's agent to answer for them.

use std::future::Future;
use std::net::{IpAddr, Ipv4Addr, UdpSocket};
use std::sync::Arc;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use ironclad_pki::tls::{self, CertificateSlot};
use ironclad_pki::verify::CaPool;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use super::{Ask, Cluster, ask};

pub const PODS: &str = "/api/v1/namespaces/default/pods";

/// An agent on every address of the machine: it knows the API server by its certificate, whose name goes with every request. Returns its port.
pub async fn agent<F>(
    cluster: &Cluster,
    answer: impl Fn(String, Request<Incoming>) -> F + Clone + Send + Sync + 'static,
) -> u16
where
    F: Future<Output = Response<Full<Bytes>>> + Send + 'static,
{
    let identity = &cluster.bundle.nodes["node-1"].serving;
    let (chain, key) = identity.to_tls();
    let ca = CaPool::new(&cluster.bundle.cluster_ca.trusted).expect("a pool");
    let config =
        tls::server_config(CertificateSlot::new(chain, key).expect("an identity"), &[&ca]).expect("TLS");
    let listener = TcpListener::bind((Ipv4Addr::UNSPECIFIED, 0)).await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (acceptor, ca, answer) = (acceptor.clone(), ca.clone(), answer.clone());
            tokio::spawn(async move {
                let Ok(stream) = acceptor.accept(stream).await else { return };
                let chain = stream.get_ref().1.peer_certificates().unwrap_or_default().to_vec();
                let caller =
                    ca.verify_client(&chain, jiff::Timestamp::now()).map(|caller| caller.common_name);
                let caller = caller.unwrap_or_default();
                let service = service_fn(move |request| {
                    let answered = answer(caller.clone(), request);
                    async move { Ok::<_, hyper::Error>(answered.await) }
                });
                let _ = http1::Builder::new()
                    .serve_connection(TokioIo::new(stream), service)
                    .with_upgrades()
                    .await;
            });
        }
    });
    port
}

pub async fn make(cluster: &Cluster, path: &str, object: Value) {
    let created = cluster.send(ask("POST", path).json(&object)).await;
    assert_eq!(created.code, 201, "{}", created.text());
    let one = format!("{path}/{}/status", object["metadata"]["name"].as_str().expect("a name"));
    let patch = ask("PATCH", one).header("content-type", "application/merge-patch+json");
    let patched = cluster.send(patch.json(&json!({"status": object["status"]}))).await;
    assert_eq!(patched.code, 200, "{}", patched.text());
}

pub async fn node(cluster: &Cluster, address: IpAddr, port: u16) {
    let status = json!({
        "addresses": [{"type": "Hostname", "address": "node-1"}, {"type": "InternalIP", "address": address.to_string()}],
        "daemonEndpoints": {"kubeletEndpoint": {"Port": port}},
    });
    let node = json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": "node-1"}, "status": status});
    make(cluster, "/api/v1/nodes", node).await;
}

pub async fn pod(cluster: &Cluster, name: &str, node: &str, containers: &[&str], ip: &str, port: u16) {
    let containers: Vec<Value> = containers
        .iter()
        .map(|name| json!({"name": name, "image": "x", "ports": [{"containerPort": port}]}))
        .collect();
    let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name},
        "spec": {"nodeName": node, "containers": containers},
        "status": {"phase": "Running", "podIP": ip, "podIPs": [{"ip": ip}]}});
    make(cluster, "/api/v1/namespaces/default/pods", pod).await;
}

/// A WebSocket handshake that offers a protocol, if it is not empty.
pub fn websocket(path: String, protocol: &str) -> Ask {
    let request = ask("GET", path)
        .header("connection", "Upgrade")
        .header("upgrade", "websocket")
        .header("sec-websocket-version", "13")
        .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==");
    if protocol.is_empty() { request } else { request.header("sec-websocket-protocol", protocol) }
}

/// An address of this machine that is not its own loopback.
pub fn own_address() -> Option<IpAddr> {
    let socket = UdpSocket::bind("0.0.0.0:0").ok()?;
    socket.connect("192.0.2.1:9").ok()?;
    socket
        .local_addr()
        .ok()
        .map(|address| address.ip())
        .filter(|ip| !ip.is_loopback() && !ip.is_unspecified())
}
