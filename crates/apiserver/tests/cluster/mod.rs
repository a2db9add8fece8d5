//! A server over the model store with a few kinds, and a bare HTTP client for it.
#![allow(dead_code, reason = "each test binary uses a part of it")]

pub mod kinds;
pub mod pods;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Request};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use ironclad_api::{GroupVersionKind, GroupVersionResource, Object};
use ironclad_apiserver::audit::{self, Policy};
use ironclad_apiserver::{Backends, Config, InProcess, Parts, Server, Version};
use ironclad_auth::authorize::{BuiltIn, Chain};
use ironclad_auth::{Anonymous, Authenticators, NodeAuthorizer, Rbac, Union, bootstrap};
use ironclad_client::{Cache, Client, Target};
use ironclad_engine::gate::{
    Admission, AdmissionRequest, Attributes, Authorizer, Decision, TokenAuthenticator,
};
use ironclad_engine::{Engine, Registry, User};
use ironclad_env::{BoxFuture, RealEnv};
use ironclad_kinds::flow_control;
use ironclad_pki::bundle::{self, Bundle, Description, NodeDescription};
use ironclad_pki::tls::{self, CertificateSlot, Trust};
use ironclad_pki::verify::CaPool;
use ironclad_store::model::MemoryStore;
use ironclad_webhook::Patience;
use rustls::pki_types::ServerName;
use serde_json::Value;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

pub struct Cluster {
    pub server: Server,
    pub bundle: Bundle,
    pub folder: tempfile::TempDir,
    pub engine: Arc<Engine>,
}

/// Asked once the cache that RBAC reads is there.
#[derive(Default)]
struct Late(OnceLock<Arc<dyn Authorizer>>);

impl Authorizer for Late {
    fn authorize<'a>(&'a self, attributes: &'a Attributes) -> BoxFuture<'a, Decision> {
        match self.0.get() {
            Some(authorizer) => authorizer.authorize(attributes),
            None => Box::pin(std::future::ready(Decision::NoOpinion { reason: "not ready".into() })),
        }
    }
}

struct NoAdmission;

impl Admission for NoAdmission {
    fn mutate<'a>(
        &'a self,
        _: &'a mut AdmissionRequest<'_>,
    ) -> BoxFuture<'a, Result<(), ironclad_api::Status>> {
        Box::pin(std::future::ready(Ok(())))
    }

    fn validate<'a>(
        &'a self,
        _: &'a AdmissionRequest<'_>,
    ) -> BoxFuture<'a, Result<(), ironclad_api::Status>> {
        Box::pin(std::future::ready(Ok(())))
    }
}

pub const LOCALHOST: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

fn description(folder: &tempfile::TempDir, port: u16) -> Description {
    Description {
        dir: folder.path().to_owned(),
        cluster_name: "test".into(),
        api_url: format!("https://127.0.0.1:{port}"),
        server_dns: vec!["localhost".into()],
        server_ips: vec![LOCALHOST],
        nodes: vec![NodeDescription { name: "node-1".into(), dns: Vec::new(), ips: vec![LOCALHOST] }],
    }
}

pub async fn start() -> Cluster {
    start_with(Setup::default()).await
}

/// With an audit log by this policy.
pub async fn start_logging(policy: Policy) -> Cluster {
    start_with(Setup { policy, ..Setup::default() }).await
}

/// What is not as usual.
#[derive(Default)]
pub struct Setup {
    /// Of the audit log, which is `audit/audit.log` in the cluster's folder.
    pub policy: Policy,
    pub audit_webhook: Option<audit::webhook::Settings>,
    pub tokens: Vec<Arc<dyn TokenAuthenticator>>,
    /// An AuthorizationConfiguration; empty: RBAC.
    pub authorization: Vec<u8>,
    /// The only paths that anonymous requests may have; empty: all.
    pub anonymous_paths: Vec<String>,
    /// With upstream's flow schemas and priority levels.
    pub fairness: bool,
}

fn authorizer(text: &[u8], cache: Arc<dyn Cache>) -> Arc<dyn Authorizer> {
    let rbac = Rbac::new(cache.clone());
    if text.is_empty() {
        return Union::new(vec![rbac]);
    }
    let node = Arc::new(NodeAuthorizer::new(cache, &[]));
    let built_in = BuiltIn { env: RealEnv::shared(), node, rbac, patience: Patience::USUAL };
    Chain::configured(built_in, text).unwrap_or_else(|error| panic!("{error}"))
}

pub async fn start_with(setup: Setup) -> Cluster {
    let env = RealEnv::shared();
    let folder = tempfile::tempdir().expect("a folder");
    let random = env.clone();
    let mut serial = move || {
        let mut serial = [0; 16];
        random.fill(&mut serial);
        serial
    };
    let open = |port: u16, serial: &mut dyn FnMut() -> [u8; 16]| {
        bundle::open(&description(&folder, port), RealEnv::shared().now(), serial).expect("a bundle").0
    };
    let bundle = open(1, &mut serial);

    let late = Arc::new(Late::default());
    let asked: Arc<dyn Authorizer> = late.clone();
    let mut kinds = kinds::all(&asked);
    if setup.fairness {
        kinds.push(Arc::new(flow_control::FlowSchema::new()));
        kinds.push(Arc::new(flow_control::PriorityLevelConfiguration::new()));
    }
    let parts = ironclad_engine::Parts::new(
        env.clone(),
        MemoryStore::new(),
        Registry::new(kinds),
        asked,
        Arc::new(NoAdmission),
    );
    let engine = Engine::start(parts).await.expect("an engine");
    let authorizer = authorizer(&setup.authorization, engine.cache());
    assert!(late.0.set(authorizer.clone()).is_ok());

    let (chain, key) = bundle.api_server.to_tls();
    let log = audit::Settings::at(folder.path().join("audit/audit.log"));
    let config = Config {
        listen: SocketAddr::new(LOCALHOST, 0),
        advertise: String::new(),
        identity: CertificateSlot::new(chain, key).expect("an identity"),
        version: Version::new("0000000", "2026-01-01T00:00:00Z"),
        audit: audit::Plan { policy: setup.policy, file: Some(log), webhook: setup.audit_webhook },
        oidc: None,
        drain: Duration::from_secs(5),
    };
    let parts = Parts {
        env,
        engine: engine.clone(),
        authenticators: Authenticators {
            client_ca: CaPool::new(&bundle.cluster_ca.trusted).expect("a pool"),
            tokens: ironclad_auth::authenticate::tokens::Tokens::new(setup.tokens),
            anonymous: Anonymous { enabled: true, paths: setup.anonymous_paths },
        },
        front_proxy: None,
        authorizer,
        backends: Some(backends(&bundle)),
        aggregation: Some(aggregation(&bundle)),
        checks: Vec::new(),
        configuration: serde_json::json!({"clusterName": "test"}),
        tracer: None,
        stored_bytes: None,
        metrics: prometheus::Registry::new(),
    };
    let server = Server::start(config, parts).await.expect("a server");
    let bundle = open(server.address.port(), &mut serial);
    let cluster = Cluster { server, bundle, folder, engine };
    cluster.bootstrap(setup.fairness).await;
    cluster
}

/// Finds every service on this machine.
struct Here;

impl ironclad_webhook::Resolver for Here {
    fn resolve(&self, _: &str, _: &str, port: u16) -> Result<String, String> {
        Ok(format!("127.0.0.1:{port}"))
    }
}

fn aggregation(bundle: &Bundle) -> ironclad_apiserver::Aggregation {
    let (chain, key) = bundle.front_proxy_client.to_tls();
    let identity = CertificateSlot::new(chain, key).expect("an identity");
    ironclad_apiserver::Aggregation { resolver: Arc::new(Here), identity }
}

fn backends(bundle: &Bundle) -> Backends {
    let (chain, key) = bundle.kubelet_client.to_tls();
    let identity = CertificateSlot::new(chain, key).expect("an identity");
    let roots = bundle.cluster_ca.trusted.iter().map(|ca| ca.der().clone()).collect();
    let nodes =
        tls::client_config(&Trust::Roots(roots), Some(identity), tls::HTTP1).expect("a configuration");
    let proxied = tls::client_config(&Trust::Insecure, None, tls::HTTP1).expect("a configuration");
    Backends { nodes: Arc::new(nodes), proxied: Arc::new(proxied) }
}

/// An answer, read whole.
pub struct Answer {
    pub code: u16,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }
}

pub struct Ask {
    pub method: &'static str,
    pub path: String,
    pub headers: Vec<(&'static str, String)>,
    pub body: Bytes,
    pub anonymous: bool,
}

pub fn ask(method: &'static str, path: impl Into<String>) -> Ask {
    Ask { method, path: path.into(), headers: Vec::new(), body: Bytes::new(), anonymous: false }
}

impl Ask {
    pub fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    pub fn body(mut self, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self
    }

    pub fn json(self, body: &Value) -> Self {
        self.body(serde_json::to_vec(body).expect("JSON"))
    }

    pub fn anonymously(mut self) -> Self {
        self.anonymous = true;
        self
    }
}

impl Cluster {
    /// The namespaces and roles that every cluster has.
    async fn bootstrap(&self, fairness: bool) {
        let admin =
            User { name: "bootstrap".into(), groups: vec!["system:masters".into()], ..User::default() };
        let client = InProcess::new(self.engine.clone()).user(admin, "bootstrap");
        for name in ["default", "kube-system", "kube-public"] {
            create(&*client, "", "v1", "namespaces", "", named("v1", "Namespace", name)).await;
        }
        for (gvk, object) in policy() {
            let resource = format!("{}s", gvk.kind.to_lowercase());
            let namespace = object.namespace().to_owned();
            create(&*client, &gvk.group, &gvk.version, &resource, &namespace, object).await;
        }
        for wanted in flow_control::bootstrap::all().into_iter().filter(|_| fairness) {
            create(&*client, flow_control::GROUP, "v1", wanted.resource, "", wanted.object).await;
        }
    }

    pub fn kubeconfig(&self) -> PathBuf {
        self.bundle.admin_path.clone()
    }

    pub fn authority(&self) -> String {
        self.server.address.to_string()
    }

    /// A connection as the administrator, or as nobody.
    pub async fn connect(&self, anonymous: bool) -> tokio_rustls::client::TlsStream<TcpStream> {
        self.connect_as(self.admin().filter(|_| !anonymous)).await
    }

    fn admin(&self) -> Option<Arc<CertificateSlot>> {
        let read = |path: &std::path::Path| std::fs::read(path);
        let connection = self.bundle.admin.resolve(None, self.folder.path(), &read).expect("a kubeconfig");
        connection.identity.map(|(chain, key)| CertificateSlot::new(chain, key).expect("an identity"))
    }

    pub async fn connect_as(
        &self,
        identity: Option<Arc<CertificateSlot>>,
    ) -> tokio_rustls::client::TlsStream<TcpStream> {
        self.connect_speaking(identity, tls::HTTP1).await
    }

    /// A connection as the administrator that speaks HTTP/2.
    pub async fn connect_h2(&self) -> tokio_rustls::client::TlsStream<TcpStream> {
        self.connect_speaking(self.admin(), tls::HTTP).await
    }

    async fn connect_speaking(
        &self,
        identity: Option<Arc<CertificateSlot>>,
        protocols: &[&[u8]],
    ) -> tokio_rustls::client::TlsStream<TcpStream> {
        let roots = self.bundle.cluster_ca.trusted.iter().map(|ca| ca.der().clone()).collect();
        let config = tls::client_config(&Trust::Roots(roots), identity, protocols).expect("a configuration");
        let stream = TcpStream::connect(self.server.address).await.expect("a connection");
        let name = ServerName::IpAddress(LOCALHOST.into());
        TlsConnector::from(Arc::new(config)).connect(name, stream).await.expect("TLS")
    }

    /// Sends a request on a connection of its own and waits for the head of the answer.
    pub async fn open(&self, ask: Ask) -> http::Response<Incoming> {
        let io = self.connect(ask.anonymous).await;
        let (mut sender, connection) = http1::handshake(TokioIo::new(io)).await.expect("HTTP");
        tokio::spawn(connection.with_upgrades());
        let mut request =
            Request::builder().method(ask.method).uri(&ask.path).header("host", self.authority());
        for (name, value) in &ask.headers {
            request = request.header(*name, value);
        }
        sender.send_request(request.body(Full::new(ask.body)).expect("a request")).await.expect("an answer")
    }

    pub async fn send(&self, ask: Ask) -> Answer {
        let (parts, body) = self.open(ask).await.into_parts();
        let body = body.collect().await.expect("a whole body").to_bytes();
        Answer { code: parts.status.as_u16(), headers: parts.headers, body }
    }
}

/// The published policy, in which one role stands twice: what it says is put together.
fn policy() -> Vec<(GroupVersionKind, Object)> {
    let mut policy: Vec<(GroupVersionKind, Object)> = Vec::new();
    for (gvk, object) in bootstrap::objects().expect("the policy") {
        match policy.iter_mut().find(|(known, other)| *known == gvk && other.key() == object.key()) {
            Some((_, known)) => {
                *known = bootstrap::reconcile(known, &object).unwrap_or_else(|| known.clone())
            }
            None => policy.push((gvk, object)),
        }
    }
    policy
}

pub fn named(api_version: &str, kind: &str, name: &str) -> Object {
    let value = serde_json::json!({"apiVersion": api_version, "kind": kind, "metadata": {"name": name}});
    Object::from_value(value).expect("an object")
}

pub async fn create(
    client: &dyn Client,
    group: &str,
    version: &str,
    resource: &str,
    namespace: &str,
    object: Object,
) {
    let gvr = GroupVersionResource::new(group.to_owned(), version.to_owned(), resource.to_owned());
    let target = Target::collection(gvr, namespace);
    client.call(ironclad_client::Request::create(target, object)).await.expect("created");
}
