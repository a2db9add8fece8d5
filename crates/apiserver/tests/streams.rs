//! Logs, exec and proxies, passed on to a node's agent that is only pretended.

mod cluster;

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use bytes::Bytes;
use cluster::pods::{PODS, agent, node, own_address, pod, websocket};
use cluster::{Ask, Cluster, LOCALHOST, ask, start};
use futures::StreamExt;
use http::{Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::Role;

/// Waits until the audit log has just these stages of the requests whose path has `part`.
async fn stages(cluster: &Cluster, part: &str, want: &[&str]) {
    let log = cluster.folder.path().join("audit/audit.log");
    let mut found: Vec<Value> = Vec::new();
    for _ in 0..1000 {
        let text = std::fs::read_to_string(&log).unwrap_or_default();
        let events = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let of_path = |event: &Value| event["requestURI"].as_str().is_some_and(|path| path.contains(part));
        found = events.filter(of_path).map(|event| event["stage"].clone()).collect();
        if found.len() >= want.len() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(found, want, "{part}");
}

/// An agent that answers with what it was asked, and echoes what is sent over upgraded connections.
async fn answer(caller: String, mut request: Request<Incoming>) -> Response<Full<Bytes>> {
    let path = request.uri().to_string();
    let reply = |code: u16, text: String| {
        let mut reply = Response::new(Full::new(Bytes::from(text)));
        *reply.status_mut() = StatusCode::from_u16(code).expect("a code");
        reply
    };
    if path.starts_with("/containerLogs/default/web/bad") {
        return reply(400, "container \"bad\" in pod \"web\" is waiting to start".into());
    }
    if !path.starts_with("/exec") {
        return reply(200, format!("{caller} {path}\n"));
    }
    if path.contains("command=fail") {
        return reply(500, "no such command".into());
    }
    let mut agreed = reply(101, String::new());
    for name in ["connection", "upgrade", "sec-websocket-protocol"] {
        if let Some(value) = request.headers().get(name) {
            agreed.headers_mut().insert(name.parse::<http::HeaderName>().expect("a name"), value.clone());
        }
    }
    tokio::spawn(async move {
        let Ok(upgraded) = hyper::upgrade::on(&mut request).await else { return };
        let mut io = TokioIo::new(upgraded);
        let _ = io.write_all(format!("{path}\n").as_bytes()).await;
        let (mut from, mut to) = tokio::io::split(io);
        let _ = tokio::io::copy(&mut from, &mut to).await;
    });
    agreed
}

fn upgrade(path: impl Into<String>) -> Ask {
    ask("GET", path)
        .header("connection", "Upgrade")
        .header("upgrade", "websocket")
        .header("sec-websocket-version", "13")
        .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")
        .header("sec-websocket-protocol", "v5.channel.k8s.io")
}

#[tokio::test(flavor = "multi_thread")]
async fn logs_come_from_the_nodes_agent() {
    let cluster = start().await;
    let c = &cluster;
    let port = agent(c, answer).await;
    node(c, LOCALHOST, port).await;
    pod(c, "web", "node-1", &["main"], "", 80).await;
    pod(c, "two", "node-1", &["a", "b"], "", 80).await;
    pod(c, "pending", "", &["main"], "", 80).await;
    pod(c, "lost", "node-9", &["main"], "", 80).await;
    let log = |rest: &str| ask("GET", format!("{PODS}/{rest}"));
    let answer = c.send(log("web/log?follow=true&tailLines=5&timestamps=true")).await;
    assert_eq!((answer.code, answer.header("content-type")), (200, "text/plain"));
    let want = "kube-apiserver-kubelet-client /containerLogs/default/web/main?follow=true&timestamps=true&tailLines=5\n";
    assert_eq!(answer.text(), want);
    let check = async |rest: &str, code: u16, message: &str| {
        let answer = c.send(log(rest)).await;
        assert_eq!(
            (answer.code, answer.json()["message"].as_str().unwrap_or_default()),
            (code, message),
            "{rest}"
        );
    };
    check("two/log", 400, "a container name must be specified for pod two, choose one of: [a b]").await;
    check("two/log?container=z", 400, "container z is not valid for pod two").await;
    check("gone/log", 404, "pods \"gone\" not found").await;
    check("lost/log", 404, "nodes \"node-9\" not found").await;
    let invalid =
        "PodLogOptions \"web\" is invalid: tailLines: Invalid value: -1: must be greater than or equal to 0";
    check("web/log?tailLines=-1", 422, invalid).await;
    assert_eq!(c.send(log("pending/log")).await.code, 204);
    for (protocol, want) in [
        (
            "",
            Message::Binary(Bytes::from_static(
                b"kube-apiserver-kubelet-client /containerLogs/default/web/main\n",
            )),
        ),
        (
            "binary.k8s.io",
            Message::Binary(Bytes::from_static(
                b"kube-apiserver-kubelet-client /containerLogs/default/web/main\n",
            )),
        ),
        (
            "base64.binary.k8s.io",
            Message::Text(
                "a3ViZS1hcGlzZXJ2ZXIta3ViZWxldC1jbGllbnQgL2NvbnRhaW5lckxvZ3MvZGVmYXVsdC93ZWIvbWFpbgo=".into(),
            ),
        ),
    ] {
        let answer = c.open(websocket(format!("{PODS}/web/log"), protocol)).await;
        assert_eq!(answer.status(), 101, "{protocol}");
        let agreed = answer
            .headers()
            .get("sec-websocket-protocol")
            .map(|value| value.to_str().expect("text").to_owned());
        assert_eq!(agreed.unwrap_or_default(), protocol);
        let io = TokioIo::new(hyper::upgrade::on(answer).await.expect("upgraded"));
        let socket = WebSocketStream::from_raw_socket(io, Role::Client, None).await;
        let messages: Vec<Message> = socket.map(|message| message.expect("a message")).collect().await;
        let [first, text, end] = messages.as_slice() else { panic!("{messages:?}") };
        assert!(first.is_empty() && end.is_close(), "{messages:?}");
        assert_eq!(*text, want, "{protocol}");
    }
    assert_eq!(c.send(websocket(format!("{PODS}/web/log"), "chat")).await.code, 403);
    pod(c, "broken", "node-1", &["bad"], "", 80).await;
    let denied = c.send(log("web/log").anonymously()).await.json();
    let want = "pods \"web\" is forbidden: User \"system:anonymous\" cannot get resource \"pods/log\" in API group \"\" in \
        the namespace \"default\"";
    assert_eq!(denied["message"], want);
}

/// The agent's certificate is for another address of this machine.
#[tokio::test(flavor = "multi_thread")]
async fn logs_of_a_foreign_agent_are_read_only_if_the_client_insists() {
    let cluster = start().await;
    let c = &cluster;
    let port = agent(c, answer).await;
    node(c, [127, 0, 0, 2].into(), port).await;
    pod(c, "web", "node-1", &["main"], "", 80).await;
    let refused = c.send(ask("GET", format!("{PODS}/web/log"))).await;
    let message = refused.json()["message"].as_str().unwrap_or_default().to_owned();
    let get = format!("Get \"https://127.0.0.2:{port}/containerLogs/default/web/main\": tls: ");
    assert!(refused.code == 500 && message.starts_with(&get), "{message}");
    let answer = c.send(ask("GET", format!("{PODS}/web/log?insecureSkipTLSVerifyBackend=true"))).await;
    let want = "kube-apiserver-kubelet-client /containerLogs/default/web/main\n";
    assert_eq!((answer.code, answer.text().as_str()), (200, want));
}

#[tokio::test(flavor = "multi_thread")]
async fn exec_joins_both_ends_byte_by_byte() {
    let cluster = start().await;
    let c = &cluster;
    let port = agent(c, answer).await;
    node(c, LOCALHOST, port).await;
    pod(c, "web", "node-1", &["main"], "", 80).await;
    pod(c, "pending", "", &["main"], "", 80).await;
    let answer = c
        .open(upgrade(format!("{PODS}/web/exec?command=sh&command=-c&command=a+b&stdin=true&stdout=1")))
        .await;
    assert_eq!(answer.status(), 101);
    assert_eq!(answer.headers()["sec-websocket-protocol"], "v5.channel.k8s.io");
    let mut io = TokioIo::new(hyper::upgrade::on(answer).await.expect("upgraded"));
    let want = "/exec/default/web/main?input=1&output=1&command=sh&command=-c&command=a+b\n";
    let mut line = vec![0; want.len()];
    io.read_exact(&mut line).await.expect("the path");
    assert_eq!(String::from_utf8_lossy(&line), want);
    // It is being done, and is told to have been done when it has.
    stages(c, "/exec?", &["ResponseStarted"]).await;
    let sent: Vec<u8> = (0..200_000u32).map(|n| n as u8).collect();
    let (mut from, mut to) = tokio::io::split(io);
    let writing = sent.clone();
    tokio::spawn(async move {
        to.write_all(&writing).await.expect("sent");
        to.shutdown().await.expect("ended");
    });
    let mut echoed = Vec::new();
    let _ = from.read_to_end(&mut echoed).await;
    assert_eq!(echoed, sent);
    stages(c, "/exec?", &["ResponseStarted", "ResponseComplete"]).await;

    let check = async |request: Ask, code: u16, message: &str| {
        let answer = c.send(request).await;
        assert_eq!((answer.code, answer.json()["message"].as_str().unwrap_or_default()), (code, message));
    };
    check(ask("GET", format!("{PODS}/web/exec?command=x")), 400, "Upgrade request required").await;
    check(upgrade(format!("{PODS}/pending/exec")), 400, "pod pending does not have a host assigned").await;
    // Whoever may only read may not run anything.
    let rbac = "/apis/rbac.authorization.k8s.io/v1/namespaces/default";
    let role = json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": {"name": "reader"},
        "rules": [{"verbs": ["get"], "apiGroups": [""], "resources": ["pods/exec"]}]});
    assert_eq!(c.send(ask("POST", format!("{rbac}/roles")).json(&role)).await.code, 201);
    let binding = json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding", "metadata": {"name": "reader"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "reader"},
        "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "jane"}]});
    assert_eq!(c.send(ask("POST", format!("{rbac}/rolebindings")).json(&binding)).await.code, 201);
    let jane = upgrade(format!("{PODS}/web/exec?command=sh")).header("impersonate-user", "jane");
    check(jane, 403, "pods \"web\" is forbidden: ").await;
    let failed = c.send(upgrade(format!("{PODS}/web/exec?command=fail"))).await;
    assert_eq!((failed.code, failed.text().as_str()), (500, "no such command"));
}

/// A web server that says what it was asked; `/away` leads elsewhere.
async fn web(ip: IpAddr) -> SocketAddr {
    let listener = TcpListener::bind((ip, 0)).await.expect("a port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let service = service_fn(|request: Request<Incoming>| async move {
                let mut reply = Response::builder();
                if request.uri().path() == "/away" {
                    reply = reply.status(302).header("location", "/home?x=1");
                }
                let prefix = request
                    .headers()
                    .get("x-forwarded-uri")
                    .and_then(|value| value.to_str().ok())
                    .unwrap_or("");
                let mut text = format!("{} {} {prefix}", request.method(), request.uri());
                if request.uri().path() == "/page" {
                    reply = reply.header("content-type", "text/html; charset=utf-8");
                    reply = reply.header("access-control-allow-origin", "*");
                    text = "<a href=\"/rewriteme\">test</a>".into();
                }
                reply.body(Full::new(Bytes::from(text)))
            });
            tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
        }
    });
    address
}

#[tokio::test(flavor = "multi_thread")]
async fn proxies_reach_pods_and_services_but_never_the_machine_itself() {
    let cluster = start().await;
    let c = &cluster;
    let port = agent(c, answer).await;
    node(c, LOCALHOST, port).await;
    pod(c, "loop", "node-1", &["main"], "127.0.0.1", 80).await;
    let refused = c.send(ask("GET", format!("{PODS}/loop/proxy/"))).await;
    assert_eq!((refused.code, refused.json()["message"].clone()), (400, json!("address not allowed")));
    let refused = c.send(ask("GET", "/api/v1/nodes/node-1/proxy/pods")).await;
    assert_eq!((refused.code, refused.json()["message"].clone()), (400, json!("address not allowed")));
    let Some(ip) = own_address() else {
        eprintln!("skipped: this machine has no address but loopback");
        return;
    };
    let address = web(ip).await;
    pod(c, "web", "node-1", &["main"], &ip.to_string(), address.port()).await;
    let proxy = format!("{PODS}/web/proxy");
    let answer = c.send(ask("POST", format!("{proxy}/a%20b?q=1")).body("x")).await;
    assert_eq!((answer.code, answer.text()), (200, format!("POST /a%20b?q=1 {proxy}/a%20b")));
    let redirect = c.send(ask("GET", format!("{proxy}?q=1"))).await;
    assert_eq!((redirect.code, redirect.header("location")), (301, format!("{proxy}/?q=1").as_str()));
    let away = c.send(ask("GET", format!("{proxy}/away"))).await;
    assert_eq!((away.code, away.header("location")), (302, format!("{proxy}/home?x=1").as_str()));
    let page = c.send(ask("GET", format!("{proxy}/page"))).await;
    assert_eq!(page.text(), format!("<a href=\"{proxy}/rewriteme\">test</a>"));
    assert_eq!(page.header("access-control-allow-origin"), "");
    let head = c.send(ask("HEAD", format!("{proxy}/page"))).await;
    assert_eq!((head.code, head.body.len()), (200, 0));
    for method in ["DELETE", "OPTIONS", "PATCH", "PUT"] {
        let answer = c.send(ask(method, format!("{proxy}?method={method}"))).await;
        assert_eq!(answer.text(), format!("{method} /?method={method} {proxy}/"));
    }

    let services = "/api/v1/namespaces/default/services";
    let service = json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "front"},
        "spec": {"ports": [{"name": "http", "port": 80}]}});
    assert_eq!(c.send(ask("POST", services).json(&service)).await.code, 201);
    let none = c.send(ask("GET", format!("{services}/front:http/proxy/"))).await;
    assert_eq!(
        (none.code, none.json()["message"].clone()),
        (503, json!("no endpoints available for service \"front\""))
    );
    let slice = json!({"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "addressType": "IPv4",
        "metadata": {"name": "front-1", "labels": {"kubernetes.io/service-name": "front"}},
        "ports": [{"name": "http", "port": address.port()}],
        "endpoints": [{"addresses": [ip.to_string()], "conditions": {"ready": true},
            "targetRef": {"kind": "Pod", "name": "web", "namespace": "default"}}]});
    let slices = "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices";
    assert_eq!(c.send(ask("POST", slices).json(&slice)).await.code, 201);
    for id in ["front:http", "front:80", "http:front:http"] {
        let answer = c.send(ask("GET", format!("{services}/{id}/proxy/x"))).await;
        assert_eq!(answer.text(), format!("GET /x {services}/{id}/proxy/x"));
    }
    let port = c.send(ask("GET", format!("{services}/front:81/proxy/"))).await;
    assert_eq!(
        (port.code, port.json()["message"].clone()),
        (503, json!("no service port 81 found for service \"front\""))
    );
}
