//! Proxies to nodes, pods and services: upgraded connections, whatever is wrong at the other end, and what is added
//! to a request on its way.

mod cluster;

use std::future::Future;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use cluster::pods::{PODS, node, own_address, pod, websocket};
use cluster::{Ask, Cluster, LOCALHOST, ask, start};
use futures::{SinkExt, StreamExt, stream};
use http::{Request, Response};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::client::conn::http2;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::Role;

/// Nothing here takes longer, unless it hangs.
const SOON: Duration = Duration::from_secs(20);

type Body = UnsyncBoxBody<Bytes, std::convert::Infallible>;

/// Serves every connection of a port of its own.
async fn serve<F>(ip: IpAddr, each: impl Fn(TcpStream) -> F + Send + 'static) -> SocketAddr
where
    F: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind((ip, 0)).await.expect("a port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(each(stream));
        }
    });
    address
}

/// A web server. `gone` is told when nobody reads `/endless` any more.
async fn web(ip: IpAddr, gone: Arc<Notify>) -> SocketAddr {
    serve(ip, move |stream| {
        let gone = gone.clone();
        let service = service_fn(move |request| {
            let answer = answer(request, gone.clone());
            async move { Ok::<_, std::convert::Infallible>(answer.await) }
        });
        async move {
            let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
            let _ = connection.with_upgrades().await;
        }
    })
    .await
}

async fn answer(request: Request<Incoming>, gone: Arc<Notify>) -> Response<Body> {
    let text = |text: String| Response::new(Full::new(Bytes::from(text)).boxed_unsync());
    match request.uri().path() {
        "/echo" => echo(request).unwrap_or_else(|| text("no upgrade".into())),
        "/endless" => Response::new(endless(gone)),
        "/body" => {
            let length = request.into_body().collect().await.map(|body| body.to_bytes().len());
            text(format!("{length:?}"))
        }
        _ => {
            let headers = request.headers().iter();
            let lines = headers.map(|(name, value)| format!("{name}: {}\n", value.to_str().expect("text")));
            text(format!("{}\n{}", request.uri(), lines.collect::<String>()))
        }
    }
}

/// A WebSocket that says everything back.
fn echo(mut request: Request<Incoming>) -> Option<Response<Body>> {
    let key = derive_accept_key(request.headers().get("sec-websocket-key")?.as_bytes());
    let query = request.uri().query().unwrap_or_default().to_owned();
    let reply = Response::builder()
        .status(101)
        .header("connection", "Upgrade")
        .header("upgrade", "websocket")
        .header("sec-websocket-accept", key)
        .body(Full::new(Bytes::new()).boxed_unsync());
    tokio::spawn(async move {
        let Ok(upgraded) = hyper::upgrade::on(&mut request).await else { return };
        let io = TokioIo::new(upgraded);
        let mut socket = WebSocketStream::from_raw_socket(io, Role::Server, None).await;
        let _ = socket.send(Message::Text(query.into())).await;
        while let Some(Ok(message)) = socket.next().await {
            if !(message.is_close() || socket.send(message).await.is_ok()) {
                return;
            }
        }
    });
    reply.ok()
}

fn endless(gone: Arc<Notify>) -> Body {
    struct Tell(Arc<Notify>);
    impl Drop for Tell {
        fn drop(&mut self) {
            self.0.notify_one();
        }
    }
    let frames = stream::unfold(Tell(gone), |tell| async move {
        Some((Ok(Frame::data(Bytes::from_static(&[b'x'; 16 * 1024]))), tell))
    });
    StreamBody::new(frames).boxed_unsync()
}

async fn service(c: &Cluster, name: &str, pod: &str, address: SocketAddr) {
    let service = json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": name},
        "spec": {"ports": [{"name": "http", "port": 80}]}});
    let services = "/api/v1/namespaces/default/services";
    assert_eq!(c.send(ask("POST", services).json(&service)).await.code, 201);
    let slice = json!({"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "addressType": "IPv4",
        "metadata": {"name": name, "labels": {"kubernetes.io/service-name": name}},
        "ports": [{"name": "http", "port": address.port()}],
        "endpoints": [{"addresses": [address.ip().to_string()],
            "targetRef": {"kind": "Pod", "name": pod, "namespace": "default"}}]});
    let slices = "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices";
    assert_eq!(c.send(ask("POST", slices).json(&slice)).await.code, 201);
}

/// A cluster whose pod `web`, service `front` and node `node-1` all lead to a web server; `None` on a machine
/// without an address that may be proxied to.
struct Site {
    cluster: Cluster,
    address: SocketAddr,
    gone: Arc<Notify>,
}

impl Site {
    async fn start() -> Option<Self> {
        let Some(ip) = own_address() else {
            eprintln!("skipped: this machine has no address but loopback");
            return None;
        };
        let cluster = start().await;
        let gone = Arc::new(Notify::new());
        let address = web(ip, gone.clone()).await;
        node(&cluster, ip, 10250).await;
        pod(&cluster, "web", "node-1", &["main"], &ip.to_string(), address.port()).await;
        service(&cluster, "front", "web", address).await;
        Some(Self { cluster, address, gone })
    }

    /// A pod behind which every connection is served so.
    async fn pod_of<F>(&self, name: &str, each: impl Fn(TcpStream) -> F + Send + 'static)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let address = serve(self.address.ip(), each).await;
        let ip = address.ip().to_string();
        pod(&self.cluster, name, "node-1", &["main"], &ip, address.port()).await;
    }

    async fn check(&self, request: Ask, code: u16, message: &str) {
        let path = request.path.clone();
        let answer = self.cluster.send(request).await;
        let told = answer.json()["message"].as_str().unwrap_or_default().to_owned();
        assert_eq!((answer.code, told.as_str()), (code, message), "{path}: {}", answer.text());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn websockets_pass_to_pods_services_and_nodes() {
    let Some(site) = Site::start().await else { return };
    let port = site.address.port();
    let paths = [
        format!("{PODS}/web:{port}/proxy/echo?a=%2F"),
        format!("{PODS}/web/proxy/echo?a=%2F"),
        "/api/v1/namespaces/default/services/front:http/proxy/echo?a=%2F".to_owned(),
        format!("/api/v1/nodes/node-1:{port}/proxy/echo?a=%2F"),
    ];
    for path in paths {
        let answer = site.cluster.open(websocket(path.clone(), "")).await;
        assert_eq!(answer.status(), 101, "{path}");
        let io = TokioIo::new(hyper::upgrade::on(answer).await.expect("upgraded"));
        let mut socket = WebSocketStream::from_raw_socket(io, Role::Client, None).await;
        let query = socket.next().await.expect("a message").expect("a message");
        assert_eq!(query, Message::Text("a=%2F".into()), "{path}");
        let sent = Message::Binary(vec![7; 300_000].into());
        socket.send(sent.clone()).await.expect("sent");
        assert_eq!(socket.next().await.expect("an echo").expect("an echo"), sent, "{path}");
        socket.close(None).await.expect("closed");
        while let Some(Ok(_)) = socket.next().await {}
    }
    // Without the upgrade it is a page like any other.
    let page = site.cluster.send(ask("GET", format!("{PODS}/web/proxy/echo"))).await;
    assert_eq!((page.code, page.text().as_str()), (200, "no upgrade"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_behind_a_proxy_is_told_as_upstream_tells_it() {
    let Some(site) = Site::start().await else { return };
    let ip = site.address.ip();
    let get = |path: &str| ask("GET", format!("{PODS}/{path}"));
    let upgrade = |path: &str| websocket(format!("{PODS}/{path}"), "");
    // A port that was free a moment ago.
    let free = TcpListener::bind((ip, 0)).await.expect("a port").local_addr().expect("an address").port();
    let refused = format!("dial tcp {ip}:{free}: connect: connection refused");
    let dead = format!("web:{free}/proxy/");
    site.check(get(&dead), 503, &format!("error trying to reach service: {refused}")).await;
    site.check(upgrade(&dead), 500, &format!("error dialing backend: {refused}")).await;
    let nowhere = get("https:web:/proxy/");
    site.check(
        nowhere,
        503,
        "error trying to reach service: http: server gave HTTP response to HTTPS client",
    )
    .await;

    site.pod_of("mute", |mut stream| async move {
        let _ = stream.read(&mut [0; 1024]).await;
    })
    .await;
    site.check(get("mute/proxy/"), 503, "error trying to reach service: EOF").await;
    site.pod_of("eager", |mut stream| async move {
        let _ = stream.read(&mut [0; 1024]).await;
        let switch = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: mud\r\n\r\n";
        let _ = stream.write_all(switch).await;
        let _ = stream.read(&mut [0; 1024]).await;
    })
    .await;
    let unasked = "backend tried to switch protocol \"mud\" when \"\" was requested";
    site.check(get("eager/proxy/"), 500, unasked).await;
    site.check(upgrade("web/proxy/plain"), 500, "invalid upgrade response: status code 200").await;
    site.pod_of("babble", |mut stream| async move {
        let _ = stream.read(&mut [0; 1024]).await;
        // A head without end.
        while stream.write_all(&[b'x'; 4096]).await.is_ok() {}
    })
    .await;
    let babble = site.cluster.send(get("babble/proxy/")).await;
    assert_eq!(babble.code, 503, "{}", babble.text());

    let services = "/api/v1/namespaces/default/services";
    let missing = "endpoints \"gone\" not found";
    site.check(ask("GET", format!("{services}/gone:http/proxy/")), 404, missing).await;
    let missing = "services \"gone\" not found";
    site.check(ask("GET", format!("{services}/gone:80/proxy/")), 404, missing).await;
    let away = ask("GET", "/api/v1/nodes/node-1:x/proxy/");
    site.check(away, 400, "invalid node request \"node-1:x\"").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_that_are_called_after_the_machine_itself_are_not_proxied_to() {
    let c = &start().await;
    let status = json!({"addresses": [{"type": "Hostname", "address": "localhost"}]});
    let body = json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": "trojan"}, "status": status});
    cluster::pods::make(c, "/api/v1/nodes", body).await;
    for id in ["trojan", "trojan:6443", "https:trojan:6443"] {
        let refused = c.send(ask("GET", format!("/api/v1/nodes/{id}/proxy/"))).await;
        assert_eq!(
            (refused.code, refused.json()["message"].clone()),
            (400, json!("address not allowed")),
            "{id}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn backends_learn_who_asked_and_what_for() {
    let Some(site) = Site::start().await else { return };
    let asked = ask("GET", format!("{PODS}/web/proxy/a/../b//c%2Fd/?q=%20"))
        .header("x-forwarded-for", "198.51.100.7")
        .header("x-custom", "1")
        .header("authorization", "Basic eDp5")
        .header("keep-alive", "timeout=5");
    let answer = site.cluster.send(asked).await;
    let text = answer.text();
    let mut lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.remove(0), "/b/c%2Fd/?q=%20");
    lines.sort_unstable();
    let host = format!("host: {}", site.cluster.authority());
    let uri = format!("x-forwarded-uri: {PODS}/web/proxy/b/c%2Fd/");
    let want =
        [host.as_str(), "x-custom: 1", &format!("x-forwarded-for: 198.51.100.7, {LOCALHOST}"), uri.as_str()];
    assert_eq!(lines, want);
}

#[tokio::test(flavor = "multi_thread")]
async fn proxies_serve_http_2_clients() {
    let Some(site) = Site::start().await else { return };
    let io = site.cluster.connect_h2().await;
    let handshake = http2::handshake(TokioExecutor::new(), TokioIo::new(io)).await;
    let (mut sender, connection) = handshake.expect("HTTP/2");
    tokio::spawn(connection);
    let url = |path: &str| format!("https://{}{PODS}/web/proxy{path}", site.cluster.authority());
    let body = Full::new(Bytes::from(vec![b'x'; 300_000]));
    let post = Request::post(url("/body")).body(body).expect("a request");
    let answer = sender.send_request(post).await.expect("an answer");
    assert_eq!(answer.into_body().collect().await.expect("a body").to_bytes(), "Ok(300000)");
    let get = Request::get(url("/x")).header("cookie", "a=1").header("cookie", "b=2");
    let answer = sender.send_request(get.body(Full::default()).expect("a request")).await.expect("an answer");
    let text = answer.into_body().collect().await.expect("a body").to_bytes();
    let text = String::from_utf8_lossy(&text);
    assert!(text.contains("\ncookie: a=1; b=2\n"), "{text}");
    assert!(text.contains(&format!("\nhost: {}\n", site.cluster.authority())), "{text}");
    assert!(!text.contains("transfer-encoding") && !text.contains("content-length"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_without_end_ends_with_its_reader() {
    let Some(site) = Site::start().await else { return };
    let mut body = site.cluster.open(ask("GET", format!("{PODS}/web/proxy/endless"))).await.into_body();
    let mut seen = 0;
    while seen < 1 << 20 {
        let frame = body.frame().await.expect("more").expect("more");
        seen += frame.data_ref().map_or(0, Bytes::len);
    }
    drop(body);
    tokio::time::timeout(SOON, site.gone.notified()).await.expect("the backend hears of it");
}

/// Both ends of an upgraded connection can end it, and what was said before the end arrives.
#[tokio::test(flavor = "multi_thread")]
async fn an_upgraded_connection_ends_with_either_end() {
    let Some(site) = Site::start().await else { return };
    let agree = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";
    let (sender, mut heard) = tokio::sync::mpsc::unbounded_channel();
    site.pod_of("listener", move |mut stream| {
        let sender = sender.clone();
        async move {
            let _ = stream.read(&mut [0; 4096]).await;
            let _ = stream.write_all(agree).await;
            let mut all = Vec::new();
            let _ = stream.read_to_end(&mut all).await;
            // The client has ended its half; this still reaches it.
            let _ = stream.write_all(b"last words").await;
            let _ = sender.send(all);
        }
    })
    .await;
    site.pod_of("speaker", move |mut stream| async move {
        let _ = stream.read(&mut [0; 4096]).await;
        let _ = stream.write_all(&[agree, &[b'y'; 100_000][..]].concat()).await;
    })
    .await;
    let open = async |pod: &str| {
        let answer = site.cluster.open(websocket(format!("{PODS}/{pod}/proxy/"), "")).await;
        assert_eq!(answer.status(), 101);
        TokioIo::new(hyper::upgrade::on(answer).await.expect("upgraded"))
    };
    let mut io = open("listener").await;
    io.write_all(b"that is all").await.expect("sent");
    io.shutdown().await.expect("ended");
    let mut last = Vec::new();
    let read = tokio::time::timeout(SOON, io.read_to_end(&mut last)).await;
    read.expect("the end").expect("the end");
    assert_eq!(last, b"last words");
    assert_eq!(heard.recv().await.expect("heard"), b"that is all");

    let mut io = open("speaker").await;
    let mut all = Vec::new();
    let read = tokio::time::timeout(SOON, io.read_to_end(&mut all)).await;
    read.expect("the end").expect("the end");
    assert_eq!(all.len(), 100_000);
}
