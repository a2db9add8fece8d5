//! Watches: as chunks, as tables, as WebSocket messages.

mod cluster;

use std::time::Duration;

use bytes::Bytes;
use cluster::{Ask, Cluster, ask, start};
use futures::StreamExt;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::Role;

const CM: &str = "/api/v1/namespaces/default/configmaps";

fn create(name: &str) -> Ask {
    ask("POST", CM).json(&json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}}))
}

/// The lines of a watch as they come.
struct Lines {
    body: Incoming,
    rest: Vec<u8>,
}

impl Lines {
    async fn open(cluster: &Cluster, request: Ask) -> Self {
        let answer = cluster.open(request).await;
        assert_eq!(answer.status(), 200);
        assert_eq!(answer.headers()["content-type"], "application/json");
        Self { body: answer.into_body(), rest: Vec::new() }
    }

    async fn next(&mut self) -> Option<Value> {
        loop {
            if let Some(end) = self.rest.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.rest.drain(..=end).collect();
                return serde_json::from_slice(&line).ok();
            }
            let frame =
                tokio::time::timeout(Duration::from_secs(5), self.body.frame()).await.expect("in time")?;
            let data: Bytes = frame.ok()?.into_data().ok()?;
            self.rest.extend_from_slice(&data);
        }
    }

    /// The type and name of the next event.
    async fn event(&mut self) -> (String, String) {
        let event = self.next().await.expect("an event");
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        (text(&event["type"]), text(&event["object"]["metadata"]["name"]))
    }
}

fn event(kind: &str, name: &str) -> (String, String) {
    (kind.to_owned(), name.to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watch_tells_every_change_once_and_in_order() {
    let cluster = start().await;
    let c = &cluster;
    let first = c.send(create("a")).await.json();
    let mut all = Lines::open(c, ask("GET", format!("{CM}?watch=1"))).await;
    let since = first["metadata"]["resourceVersion"].as_str().expect("a version");
    let mut later = Lines::open(c, ask("GET", format!("{CM}?watch=1&resourceVersion={since}"))).await;
    let mut one = Lines::open(c, ask("GET", "/api/v1/watch/namespaces/default/configmaps/b")).await;
    assert_eq!(all.event().await, event("ADDED", "a"));
    c.send(create("b")).await;
    let patch = ask("PATCH", format!("{CM}/b")).header("content-type", "application/merge-patch+json");
    c.send(patch.json(&json!({"data": {"x": "y"}}))).await;
    c.send(ask("DELETE", format!("{CM}/a"))).await;
    for lines in [&mut all, &mut later] {
        assert_eq!(lines.event().await, event("ADDED", "b"));
        assert_eq!(lines.event().await, event("MODIFIED", "b"));
        assert_eq!(lines.event().await, event("DELETED", "a"));
    }
    assert_eq!(one.event().await, event("ADDED", "b"));
    assert_eq!(one.event().await, event("MODIFIED", "b"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watch_ends_when_it_was_to_or_when_the_server_stops() {
    let cluster = start().await;
    let mut short = Lines::open(&cluster, ask("GET", format!("{CM}?watch=1&timeoutSeconds=1"))).await;
    assert_eq!(short.next().await, None);
    let expired = ask("GET", format!("{CM}?watch=1&resourceVersion=999999&timeoutSeconds=1"));
    let answer = cluster.open(expired).await;
    assert!(answer.status() == 200 || answer.status() == 504, "{}", answer.status());
    let mut open = Lines::open(&cluster, ask("GET", format!("{CM}?watch=1"))).await;
    let stopped = tokio::spawn(cluster.server.shutdown());
    assert_eq!(open.next().await, None);
    stopped.await.expect("stopped");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_watch_defines_its_columns_once() {
    let cluster = start().await;
    let c = &cluster;
    c.send(create("a")).await;
    let accept = "application/json;as=Table;v=v1;g=meta.k8s.io";
    let mut lines = Lines::open(c, ask("GET", format!("{CM}?watch=1")).header("accept", accept)).await;
    c.send(create("b")).await;
    let first = lines.next().await.expect("an event");
    let second = lines.next().await.expect("an event");
    let summary = |event: &Value| {
        let table = &event["object"];
        let columns = table["columnDefinitions"].as_array().map_or(0, Vec::len);
        (event["type"].clone(), table["rows"][0]["cells"][0].clone(), columns > 0)
    };
    assert_eq!(summary(&first), (json!("ADDED"), json!("a"), true));
    assert_eq!(summary(&second), (json!("ADDED"), json!("b"), false));
    let partial = "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io";
    let mut lines = Lines::open(c, ask("GET", format!("{CM}?watch=1")).header("accept", partial)).await;
    let event = lines.next().await.expect("an event");
    assert_eq!(
        (&event["object"]["kind"], &event["object"]["metadata"]["name"]),
        (&json!("PartialObjectMetadata"), &json!("a"))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watch_may_be_a_websocket() {
    let cluster = start().await;
    let c = &cluster;
    c.send(create("a")).await;
    let handshake = ask("GET", format!("{CM}?watch=1"))
        .header("connection", "Upgrade")
        .header("upgrade", "websocket")
        .header("sec-websocket-version", "13")
        .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==");
    let answer = c.open(handshake).await;
    assert_eq!(answer.status(), 101);
    assert_eq!(answer.headers()["sec-websocket-accept"], "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    let io = TokioIo::new(hyper::upgrade::on(answer).await.expect("upgraded"));
    let mut socket = WebSocketStream::from_raw_socket(io, Role::Client, None).await;
    let message = socket.next().await.expect("a message").expect("readable");
    let event: Value = serde_json::from_str(message.to_text().expect("text")).expect("JSON");
    assert_eq!((&event["type"], &event["object"]["metadata"]["name"]), (&json!("ADDED"), &json!("a")));
}
