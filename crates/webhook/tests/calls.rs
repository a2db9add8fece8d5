//! Calls of a real HTTPS server.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use ironclad_env::RealEnv;
use ironclad_webhook::resolver::NoServices;
use ironclad_webhook::testing::{Reply, Server};
use ironclad_webhook::{CallError, Caller, Deadline, Endpoint, Patience, Place, Remote};
use serde_json::json;

const NAMES: &[&str] = &["hook.ns.svc"];

async fn server() -> Server {
    let answer = |path: &str, _: &serde_json::Value| match path.split('?').next().unwrap_or_default() {
        "/slow" => Reply { delay: Duration::from_secs(5), ..Reply::json(&json!({})) },
        "/empty" => Reply { body: String::new(), ..Reply::json(&json!({})) },
        "/missing" => {
            Reply { code: 404, content_type: "text/plain", ..Reply::json(&json!("404 page not found")) }
        }
        "/broken" => {
            Reply { code: 500, content_type: "text/plain", body: "oh\n".into(), delay: Duration::ZERO }
        }
        "/status" => {
            let status =
                json!({ "kind": "Status", "apiVersion": "v1", "status": "Failure", "message": "no" });
            Reply { code: 403, ..Reply::json(&status) }
        }
        _ => Reply::json(&json!({ "fine": true })),
    };
    Server::start(&RealEnv::shared(), NAMES, Box::new(answer)).await
}

fn service(name: &str, ca_bundle: &[u8]) -> Endpoint {
    let place =
        Place::Service { namespace: "ns".into(), name: name.into(), port: 8443, path: "/fine/".into() };
    Endpoint { place, ca_bundle: ca_bundle.to_vec() }
}

async fn check(caller: &Caller, endpoint: &Endpoint, want: Result<&str, &str>) {
    let answer = caller.post(endpoint, Bytes::from_static(b"{}"), Deadline::Told { seconds: 1 }).await;
    let answer = answer.map(|body| String::from_utf8_lossy(&body).into_owned());
    let answer = answer.map_err(|error| error.to_string());
    assert_eq!(answer.as_deref().map_err(String::as_str), want, "{endpoint:?}");
}

#[tokio::test]
async fn an_answer_or_the_words_of_gos_client_come_back() {
    let server = server().await;
    let caller = Caller::new(RealEnv::shared(), server.resolver());
    let at = |path: &str| server.at(path);
    check(&caller, &at("/fine"), Ok("{\"fine\":true}")).await;
    check(&caller, &service("hook", &server.ca_bundle), Ok("{\"fine\":true}")).await;
    let slow = format!("Post \"https://{}/slow?timeout=1s\": context deadline exceeded", server.address);
    check(&caller, &at("/slow"), Err(&slow)).await;
    let empty = "0-length response with status code: 200 and content type: application/json";
    check(&caller, &at("/empty"), Err(empty)).await;
    check(&caller, &at("/missing"), Err("the server could not find the requested resource")).await;
    let broken = "an error on the server (\"oh\") has prevented the request from succeeding";
    check(&caller, &at("/broken"), Err(broken)).await;
    check(&caller, &at("/status"), Err("no")).await;
    let name = "Post \"https://other.ns.svc:8443/fine?timeout=1s\": tls: failed to verify certificate: x509: \
                certificate is valid for hook.ns.svc, not other.ns.svc";
    check(&caller, &service("other", &server.ca_bundle), Err(name)).await;
    let paths: Vec<String> = server.seen.lock().iter().map(|(path, _)| path.clone()).collect();
    assert_eq!(paths[..2], ["/fine?timeout=1s", "/fine?timeout=1s"]);
}

#[tokio::test]
async fn only_the_bundle_is_believed() {
    let (server, other) = (server().await, server().await);
    let caller = Caller::new(RealEnv::shared(), server.resolver());
    for bundle in [&other.ca_bundle, &Vec::new()] {
        let why = "Post \"https://hook.ns.svc:8443/fine?timeout=1s\": tls: failed to verify certificate: x509: \
                   certificate signed by unknown authority";
        check(&caller, &service("hook", bundle), Err(why)).await;
    }
    let bundle = Endpoint { ca_bundle: b"no PEM".to_vec(), ..server.at("/") };
    check(&caller, &bundle, Err("unable to load root certificates: unable to parse bytes as PEM block"))
        .await;
}

#[tokio::test]
async fn what_cannot_be_reached_is_said() {
    let address = server().await.address;
    let caller = Caller::new(RealEnv::shared(), Arc::new(NoServices));
    let url = |url: String| Endpoint { place: Place::Url(url), ca_bundle: Vec::new() };
    // The server is gone with its statement.
    tokio::time::sleep(Duration::from_millis(50)).await;
    let refused =
        format!("Post \"https://{address}/a?timeout=1s\": dial tcp {address}: connect: connection refused");
    check(&caller, &url(format!("https://{address}/a")), Err(&refused)).await;
    let missing = "Post \"https://hook.ns.svc:8443/fine?timeout=1s\": service \"hook\" not found";
    check(&caller, &service("hook", b""), Err(missing)).await;
    let plain = "Unparsable URL: parse \"http://a/b\": it is not an https URL";
    check(&caller, &url("http://a/b".into()), Err(plain)).await;
}

#[tokio::test]
async fn calls_share_a_connection_and_survive_its_end() {
    let server = server().await;
    let caller = Caller::new(RealEnv::shared(), server.resolver());
    for _ in 0..3 {
        check(&caller, &server.at("/fine"), Ok("{\"fine\":true}")).await;
    }
    assert_eq!(server.connections.load(Ordering::SeqCst), 1);
    // A call that is given up takes its connection with it.
    let slow = format!("Post \"https://{}/slow?timeout=1s\": context deadline exceeded", server.address);
    check(&caller, &server.at("/slow"), Err(&slow)).await;
    check(&caller, &server.at("/fine"), Ok("{\"fine\":true}")).await;
}

#[tokio::test]
async fn a_kubeconfig_says_whom_to_call() {
    let server = server().await;
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("hook.yaml");
    let load = |text: &str| {
        std::fs::write(&path, text).expect("written");
        Remote::load(RealEnv::shared(), &path)
    };
    let good = server.kubeconfig("/fine");
    let remote = load(&good).unwrap_or_else(|error| panic!("{error}"));
    check(&remote.caller, &remote.endpoint, Ok("{\"fine\":true}")).await;
    let refused = |text: &str, want: &str| {
        let error = load(text).err().map(|error| error.to_string()).unwrap_or_default();
        assert!(error.contains(want), "{error}");
    };
    refused(&good.replace("https://", "http://"), "must be an https URL");
    refused(
        &good.replace("    server:", "    insecure-skip-tls-verify: true\n    server:"),
        "insecure-skip-tls-verify",
    );
    refused("kind: Config", "current-context");
}

#[tokio::test]
async fn failures_that_pass_are_tried_again() {
    let count = Arc::new(AtomicUsize::new(0));
    let counter = count.clone();
    let answer = move |path: &str, _: &serde_json::Value| {
        let call = counter.fetch_add(1, Ordering::SeqCst);
        let code = if path.starts_with("/late") && call < 2 { 500 } else { 403 };
        let reply = Reply::json(&json!({ "fine": true }));
        if path.starts_with("/late") && call >= 2 { reply } else { Reply { code, ..reply } }
    };
    let server = Server::start(&RealEnv::shared(), NAMES, Box::new(answer)).await;
    let caller = Caller::new(RealEnv::shared(), server.resolver());
    let check = async |path: &str, calls: u32, with_everything: bool, fine: bool, made: usize| {
        count.store(0, Ordering::SeqCst);
        let patience = Patience { calls, first_wait: Duration::from_millis(1), with_everything };
        let deadline = Deadline::Told { seconds: 5 };
        let answer =
            caller.post_patiently(&server.at(path), Bytes::from_static(b"{}"), deadline, patience).await;
        let outcome = (answer.is_ok(), count.load(Ordering::SeqCst));
        assert_eq!(outcome, (fine, made), "{path} {calls} {answer:?}");
    };
    check("/late", 5, false, true, 3).await;
    check("/late", 2, false, false, 2).await;
    check("/never", 5, false, false, 1).await;
    check("/never", 3, true, false, 3).await;
    let empty = CallError::Empty(String::new());
    assert!(!empty.is_passing());
}
