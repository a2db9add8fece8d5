//! Groups that another server serves: requests, discovery, OpenAPI, availability.

mod cluster;

use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use cluster::{Cluster, LOCALHOST, ask, start};
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use ironclad_pki::issue::Template;
use ironclad_pki::key::PrivateKey;
use ironclad_pki::subject::Subject;
use ironclad_pki::tls::{self, CertificateSlot};
use ironclad_pki::verify::CaPool;
use rustls::pki_types::PrivateKeyDer;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

const SERVICES: &str = "/apis/apiregistration.k8s.io/v1/apiservices";
const AGGREGATED: &str = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";

/// A server for `wardle.example.com/v1alpha1` that says what it was asked, and by whom.
async fn extension(cluster: &Cluster) -> u16 {
    let key = PrivateKey::generate().expect("a key");
    let names = vec!["sample-api.default.svc".to_owned()];
    let template = Template::server(Subject::new("sample-api", &[]), names, Vec::new());
    let now = jiff::Timestamp::now();
    let ca = &cluster.bundle.cluster_ca.ca;
    let certificate = ca.issue(&template, key.public_key(), Duration::from_secs(3600), now, [7; 16]);
    let chain = vec![certificate.expect("a certificate").der().clone()];
    let identity = CertificateSlot::new(chain, PrivateKeyDer::Pkcs8(key.to_pkcs8())).expect("an identity");
    let front_proxy = CaPool::new(&cluster.bundle.front_proxy_ca.trusted).expect("a pool");
    let config = tls::server_config(identity, &[&front_proxy]).expect("TLS");
    let listener = TcpListener::bind((LOCALHOST, 0)).await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (acceptor, front_proxy) = (acceptor.clone(), front_proxy.clone());
            tokio::spawn(async move {
                let Ok(stream) = acceptor.accept(stream).await else { return };
                let chain = stream.get_ref().1.peer_certificates().unwrap_or_default().to_vec();
                let proxy = front_proxy.verify_client(&chain, jiff::Timestamp::now());
                let proxy = proxy.map(|proxy| proxy.common_name).unwrap_or_default();
                let service = service_fn(move |request| answer(proxy.clone(), request));
                let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
            });
        }
    });
    port
}

async fn answer(proxy: String, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, hyper::Error> {
    let (parts, body) = request.into_parts();
    let body = String::from_utf8_lossy(&body.collect().await?.to_bytes()).into_owned();
    let all = |name: &str| -> Vec<String> {
        let values = parts.headers.get_all(name).into_iter();
        values.map(|value| value.to_str().unwrap_or_default().to_owned()).collect()
    };
    let path = parts.uri.path();
    let value = match path {
        "/apis" => json!({"kind": "APIGroupList"}),
        "/apis/wardle.example.com/v1alpha1" => {
            json!({"kind": "APIResourceList", "groupVersion": "wardle.example.com/v1alpha1",
            "resources": [{"name": "flunders", "singularName": "flunder", "namespaced": true, "kind": "Flunder",
            "verbs": ["get", "list"]}]})
        }
        "/openapi/v3" => json!({"paths": {"apis/wardle.example.com/v1alpha1":
            {"serverRelativeURL": "/openapi/v3/apis/wardle.example.com/v1alpha1?hash=H"}}}),
        _ => {
            json!({"method": parts.method.as_str(), "url": parts.uri.to_string(), "proxy": proxy, "body": body,
            "user": all("x-remote-user"), "groups": all("x-remote-group"), "authorization": all("authorization"),
            "host": all("host")})
        }
    };
    let code = if parts.method == "POST" { 201 } else { 200 };
    let reply = Response::builder().status(code).header("content-type", "application/json");
    Ok(reply.body(Full::new(Bytes::from(value.to_string()))).expect("an answer"))
}

async fn post(c: &Cluster, path: &str, object: Value) {
    let created = c.send(ask("POST", path).json(&object)).await;
    assert_eq!(created.code, 201, "{}", created.text());
}

fn api_service(port: u16, trust: Value) -> Value {
    let mut spec = json!({"group": "wardle.example.com", "version": "v1alpha1", "groupPriorityMinimum": 2000,
        "versionPriority": 200, "service": {"namespace": "default", "name": "sample-api", "port": port}});
    if let (Some(spec), Value::Object(trust)) = (spec.as_object_mut(), trust) {
        spec.extend(trust);
    }
    json!({"apiVersion": "apiregistration.k8s.io/v1", "kind": "APIService",
        "metadata": {"name": "v1alpha1.wardle.example.com"}, "spec": spec})
}

/// The condition of the extension, once it has this reason.
async fn condition(c: &Cluster, reason: &str) -> Value {
    let mut last = Value::Null;
    for _ in 0..400 {
        let object = c.send(ask("GET", format!("{SERVICES}/v1alpha1.wardle.example.com"))).await.json();
        last = object["status"]["conditions"][0].clone();
        if last["reason"] == reason {
            return last;
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    panic!("the condition stayed {last}")
}

async fn service(c: &Cluster, port: u16) {
    let service = json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "sample-api"},
        "spec": {"type": "ClusterIP", "ports": [{"port": port}]}});
    post(c, "/api/v1/namespaces/default/services", service).await;
    let slice = json!({"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "addressType": "IPv4",
        "metadata": {"name": "sample-api-1", "labels": {"kubernetes.io/service-name": "sample-api"}},
        "ports": [{"name": "", "port": port}], "endpoints": [{"addresses": ["127.0.0.1"]}]});
    post(c, "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices", slice).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_go_to_the_server_of_their_group_as_their_user() {
    let cluster = start().await;
    let c = &cluster;
    let port = extension(c).await;
    let flunders = "/apis/wardle.example.com/v1alpha1/namespaces/default/flunders";
    assert_eq!(c.send(ask("GET", flunders)).await.code, 404, "nobody serves it yet");
    let bundle = STANDARD.encode(c.bundle.cluster_ca.to_pem());
    post(c, SERVICES, api_service(port, json!({"caBundle": bundle}))).await;
    let gone = condition(c, "ServiceNotFound").await;
    assert_eq!(
        (&gone["status"], &gone["message"]),
        (&json!("False"), &json!("service/sample-api in \"default\" is not present"))
    );
    let refused = c.send(ask("GET", flunders)).await;
    assert_eq!((refused.code, refused.text().as_str()), (503, "service unavailable\n"));
    service(c, port).await;
    let good = condition(c, "Passed").await;
    assert_eq!((&good["status"], &good["message"]), (&json!("True"), &json!("all checks passed")));

    let request = ask("POST", format!("{flunders}?dryRun=All")).header("x-remote-user", "root");
    let created = c.send(request.header("authorization", "Basic c2VjcmV0").body("x")).await;
    assert_eq!(created.code, 201);
    let told = created.json();
    let url = format!("{flunders}?dryRun=All");
    assert_eq!((&told["method"], &told["url"], &told["body"]), (&json!("POST"), &json!(url), &json!("x")));
    assert_eq!((&told["proxy"], &told["user"]), (&json!("front-proxy-client"), &json!(["kubernetes-admin"])));
    assert_eq!(told["authorization"], json!([]), "what proves who somebody is stays here");
    assert_eq!(told["host"], json!([format!("127.0.0.1:{port}")]));
    assert!(told["groups"].as_array().expect("groups").contains(&json!("system:authenticated")), "{told}");
    let denied = c.send(ask("GET", flunders).anonymously()).await;
    assert_eq!(denied.code, 403, "authorization comes first");

    let groups = c.send(ask("GET", "/apis")).await.json();
    let names: Vec<&str> = groups["groups"]
        .as_array()
        .expect("groups")
        .iter()
        .filter_map(|group| group["name"].as_str())
        .collect();
    let at = |name: &str| names.iter().position(|known| *known == name);
    assert!(at("wardle.example.com") < at("example.com"), "{names:?}");
    assert!(at("discovery.k8s.io") < at("wardle.example.com"), "{names:?}");
    let one = c.send(ask("GET", "/apis/wardle.example.com/v1alpha1")).await.json();
    assert_eq!(one["resources"][0]["name"], "flunders");
    let all = c.send(ask("GET", "/apis").header("accept", AGGREGATED)).await.json();
    let wardle = all["items"]
        .as_array()
        .expect("items")
        .iter()
        .find(|group| group["metadata"]["name"] == "wardle.example.com");
    let version = &wardle.expect("the group")["versions"][0];
    assert_eq!(
        (&version["freshness"], &version["resources"][0]["resource"]),
        (&json!("Current"), &json!("flunders"))
    );
    let index = c.send(ask("GET", "/openapi/v3")).await.json();
    let url = "/openapi/v3/apis/wardle.example.com/v1alpha1?hash=H";
    assert_eq!(index["paths"]["apis/wardle.example.com/v1alpha1"]["serverRelativeURL"], url);
    assert_eq!(c.send(ask("GET", url)).await.json()["url"], url, "its document is passed on");

    let deleted = c.send(ask("DELETE", format!("{SERVICES}/v1alpha1.wardle.example.com"))).await;
    assert_eq!(deleted.code, 200);
    assert_eq!(c.send(ask("GET", flunders)).await.code, 404);
    let groups = c.send(ask("GET", "/apis")).await.text();
    assert!(!groups.contains("wardle"), "{groups}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_not_the_one_that_was_meant_is_not_believed() {
    let cluster = start().await;
    let c = &cluster;
    let port = extension(c).await;
    service(c, port).await;
    let bundle = STANDARD.encode(c.bundle.front_proxy_ca.to_pem());
    post(c, SERVICES, api_service(port, json!({"caBundle": bundle}))).await;
    let failed = condition(c, "FailedDiscoveryCheck").await;
    let message = failed["message"].as_str().unwrap_or_default();
    let start = format!(
        "failing or missing response from https://127.0.0.1:{port}/apis/wardle.example.com/v1alpha1: Get "
    );
    assert!(message.starts_with(&start), "{message}");
    let path = format!("{SERVICES}/v1alpha1.wardle.example.com");
    let patch = json!({"spec": {"caBundle": null, "insecureSkipTLSVerify": true}});
    let patch = ask("PATCH", path).header("content-type", "application/merge-patch+json").json(&patch);
    assert_eq!(c.send(patch).await.code, 200);
    condition(c, "Passed").await;
}
