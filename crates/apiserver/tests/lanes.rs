//! One client's greed is not everybody's: while an ordinary user floods the server in every way
//! there is, administrators and nodes are answered, and memory stays bounded.

mod cluster;

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use cluster::{Cluster, Setup, start_with};
use http::{HeaderValue, Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use ironclad_pki::issue::Template;
use ironclad_pki::key::PrivateKey;
use ironclad_pki::subject::Subject;
use ironclad_pki::tls::CertificateSlot;
use jiff::Timestamp;
use rustls::pki_types::PrivateKeyDer;
use serde_json::json;
use tokio::io::AsyncWriteExt;
use tokio::sync::Mutex;
use tokio::task::JoinSet;

const CM: &str = "/api/v1/namespaces/default/configmaps";
const PODS: &str = "/api/v1/namespaces/default/pods";
const LEASES: &str = "/apis/coordination.k8s.io/v1/namespaces/default/leases";

/// What one request of an administrator or a node may take, in a debug build on a busy machine. Whoever is starved
/// waits for 15 s, or is refused.
const PATIENCE: Duration = Duration::from_secs(6);

const LARGEST: usize = 3 << 20;

/// Memory is the process's, so that tests take turns.
static TURN: Mutex<()> = Mutex::const_new(());

/// A server with upstream's flow schemas and priority levels, and three who use it.
struct World {
    cluster: Cluster,
    admin: Arc<CertificateSlot>,
    node: Arc<CertificateSlot>,
    tenant: Arc<CertificateSlot>,
}

fn identity(cluster: &Cluster, subject: Subject) -> Arc<CertificateSlot> {
    let key = PrivateKey::generate().expect("a key");
    let lifetime = Duration::from_secs(3600);
    let issued = cluster.bundle.cluster_ca.ca.issue(
        &Template::client(subject),
        key.public_key(),
        lifetime,
        Timestamp::now(),
        [7; 16],
    );
    let certificate = issued.expect("a certificate").der().clone();
    CertificateSlot::new(vec![certificate], PrivateKeyDer::Pkcs8(key.to_pkcs8())).expect("an identity")
}

impl World {
    async fn start() -> Self {
        let cluster = start_with(Setup { fairness: true, ..Setup::default() }).await;
        let admin = identity(&cluster, Subject::new("root", &["system:masters"]));
        let node = identity(&cluster, Subject::node("node-1"));
        let tenant = identity(&cluster, Subject::new("tenant", &["tenants"]));
        let world = Self { cluster, admin, node, tenant };
        let mut admin = Client::open(&world, &world.admin).await;
        let mut create = async |path: &str, body: String| {
            assert_eq!(admin.send("POST", path, body).await, Some(201));
        };
        for (role, group) in [("cluster-admin", "tenants"), ("system:node", "system:nodes")] {
            let binding = json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding",
                "metadata": {"name": format!("test-{group}")},
                "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role},
                "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "Group", "name": group}]});
            let path = "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings";
            create(path, binding.to_string()).await;
        }
        create(LEASES, lease(0)).await;
        // Lists of it are several megabytes long.
        for at in 0..40 {
            create(CM, map(&format!("m{at}"), 100_000)).await;
        }
        world
    }
}

fn map(name: &str, bytes: usize) -> String {
    let map = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name},
        "data": {"x": "x".repeat(bytes)}});
    map.to_string()
}

/// A connection of one of them.
struct Client {
    sender: SendRequest<Full<Bytes>>,
}

impl Client {
    async fn open(world: &World, identity: &Arc<CertificateSlot>) -> Self {
        let io = world.cluster.connect_as(Some(identity.clone())).await;
        let (sender, connection) = http1::handshake(TokioIo::new(io)).await.expect("HTTP");
        tokio::spawn(connection);
        Self { sender }
    }

    /// The head of the answer, and its body as it comes; `None` where the connection broke.
    async fn ask(&mut self, method: &str, path: &str, body: Bytes) -> Option<Response<Incoming>> {
        self.sender.ready().await.ok()?;
        let media_type = if method == "PATCH" { "application/merge-patch+json" } else { "application/json" };
        let request = Request::builder().method(method).uri(path).header("host", "x");
        let request = request.header("content-type", media_type);
        self.sender.send_request(request.body(Full::new(body)).expect("a request")).await.ok()
    }

    /// The answer's code; its body is read and forgotten.
    async fn send(&mut self, method: &str, path: &str, body: impl Into<Bytes>) -> Option<u16> {
        let answer = self.ask(method, path, body.into()).await?;
        let (head, mut body) = answer.into_parts();
        while let Some(frame) = body.frame().await {
            frame.ok()?;
        }
        Some(head.status.as_u16())
    }
}

/// The process's resident memory: server and clients together.
fn resident_bytes() -> usize {
    let statm = std::fs::read_to_string("/proc/self/statm").expect("figures of the process");
    let pages: usize = statm.split(' ').nth(1).and_then(|pages| pages.parse().ok()).expect("pages");
    pages * 4096
}

// === the flood ===

/// Sends the same request, one after the other.
async fn repeats(world: Arc<World>, method: &'static str, path: &'static str, body: Bytes) {
    loop {
        let mut client = Client::open(&world, &world.tenant).await;
        while client.send(method, path, body.clone()).await.is_some() {}
    }
}

/// Sends this and nothing more, and reads nothing.
async fn stalls(world: Arc<World>, bytes: Bytes) {
    let mut io = world.cluster.connect_as(Some(world.tenant.clone())).await;
    // The server may close before everything is sent.
    let _ = io.write_all(&bytes).await;
    std::future::pending::<()>().await;
}

fn head(method: &str, path: &str, more: &str) -> String {
    format!("{method} {path} HTTP/1.1\r\nhost: x\r\n{more}\r\n")
}

/// A create of the largest size, of which so much has come.
fn begun(come: usize) -> Bytes {
    let mut request = head("POST", CM, &format!("content-length: {LARGEST}\r\n"));
    request.extend(std::iter::repeat_n(' ', come));
    request.into()
}

/// What is many times as large when it is decoded.
fn dense() -> Bytes {
    let head = r#"{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"dense"},"x":["#;
    format!("{head}{}0]}}", r#"{"":0},"#.repeat(100_000)).into()
}

/// Everything at once, until it is dropped.
fn flood(world: &Arc<World>) -> JoinSet<()> {
    let mut flood = JoinSet::new();
    let watch = Bytes::from(head("GET", &format!("{CM}?watch=1"), ""));
    for _ in 0..20 {
        let again = |method, path, body| repeats(world.clone(), method, path, body);
        flood.spawn(again("GET", CM, Bytes::new()));
        flood.spawn(again("GET", "/api/v1/configmaps?labelSelector=a%3Db", Bytes::new()));
        flood.spawn(again("POST", CM, map("large", LARGEST - 1000).into()));
        flood.spawn(again("POST", CM, dense()));
        for begun in [begun(1000), begun(LARGEST - 1), watch.clone(), Bytes::new()] {
            flood.spawn(stalls(world.clone(), begun));
        }
    }
    flood
}

// === those who must not notice ===

/// Works for a while. Says how often, and what took longest.
async fn works(period: Duration, mut once: impl AsyncFnMut(usize)) -> (usize, Duration) {
    let (began, mut longest, mut count) = (Instant::now(), Duration::ZERO, 0);
    while began.elapsed() < period {
        let asked = Instant::now();
        let done = tokio::time::timeout(PATIENCE, once(count)).await;
        assert!(done.is_ok(), "it is starved after {count} times");
        longest = longest.max(asked.elapsed());
        count += 1;
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    (count, longest)
}

async fn in_time<T>(work: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, work).await.expect("in time")
}

fn pod(at: usize) -> String {
    json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": format!("p{at}")}}).to_string()
}

fn lease(round: usize) -> String {
    let lease = json!({"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": {"name": "node-1"},
        "spec": {"leaseTransitions": round}});
    lease.to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_starves_neither_administrators_nor_nodes() {
    const PERIOD: Duration = Duration::from_secs(5);
    let _turn = TURN.lock().await;
    let world = Arc::new(World::start().await);
    let mut watches = Client::open(&world, &world.node).await;
    let watch = watches.ask("GET", &format!("{PODS}?watch=1"), Bytes::new()).await.expect("an answer");
    assert_eq!(watch.status().as_u16(), 200);
    let mut events = watch.into_body();

    let before = resident_bytes();
    let _flood = flood(&world);
    tokio::time::sleep(Duration::from_millis(500)).await;
    // Who comes while it lasts is let in too.
    let mut reads = in_time(Client::open(&world, &world.admin)).await;
    let mut writes = in_time(Client::open(&world, &world.admin)).await;
    let mut renews = in_time(Client::open(&world, &world.node)).await;
    let mut highest = 0;
    let outcome = tokio::join!(
        works(PERIOD, async |_| assert_eq!(reads.send("GET", &format!("{CM}/m0"), "").await, Some(200))),
        works(PERIOD, async |at| {
            assert_eq!(writes.send("POST", PODS, pod(at)).await, Some(201));
        }),
        works(PERIOD, async |at| {
            assert_eq!(renews.send("PATCH", &format!("{LEASES}/node-1"), lease(at)).await, Some(200));
        }),
        works(PERIOD, async |_| assert!(matches!(events.frame().await, Some(Ok(_))), "the watch ended")),
        works(PERIOD, async |_| highest = highest.max(resident_bytes())),
    );
    let grown = highest.saturating_sub(before) >> 20;
    eprintln!("reads, writes, renewals, events, looks: {outcome:?}, {grown} MB more");
    assert!(grown < 600, "{grown} MB");
}

#[tokio::test(flavor = "multi_thread")]
async fn large_bodies_share_what_their_level_may_hold() {
    const STALLED: usize = 30;
    let _turn = TURN.lock().await;
    let world = Arc::new(World::start().await);
    let mut admin = Client::open(&world, &world.admin).await;
    let mut node = Client::open(&world, &world.node).await;
    let mut tenant = Client::open(&world, &world.tenant).await;
    let before = resident_bytes();
    let mut stalled = JoinSet::new();
    let most = begun(LARGEST - 1);
    for _ in 0..STALLED {
        stalled.spawn(stalls(world.clone(), most.clone()));
    }
    tokio::time::sleep(Duration::from_millis(1500)).await;
    let grown = resident_bytes().saturating_sub(before) >> 20;
    assert!(grown < 45, "{grown} MB for {STALLED} bodies");

    let large = |name: &str| map(name, 900_000);
    assert_eq!(in_time(admin.send("POST", CM, large("admin"))).await, Some(201));
    assert_eq!(in_time(node.send("PATCH", &format!("{LEASES}/node-1"), lease(1))).await, Some(200));
    assert_eq!(in_time(tenant.send("POST", CM, map("small", 10_000))).await, Some(201));
    let mut late = Client::open(&world, &world.tenant).await;
    let refused = late.ask("POST", &format!("{CM}?timeout=2s"), large("late").into()).await;
    let refused = refused.expect("an answer");
    assert_eq!(
        (refused.status().as_u16(), &refused.headers()["retry-after"]),
        (429, &HeaderValue::from_static("1"))
    );

    drop(stalled);
    let served = async {
        while tenant.send("POST", CM, large("tenant")).await != Some(201) {
            tenant = Client::open(&world, &world.tenant).await;
        }
    };
    // What is given back is there for others.
    in_time(served).await;
}
