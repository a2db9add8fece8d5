//! An HTTPS server on this machine's loopback, for tests of whoever calls webhooks.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use ironclad_env::{Env, EnvironmentExt, Task};
use ironclad_pki::ca::CertificateAuthority;
use ironclad_pki::issue::{LEAF_LIFETIME, Template};
use ironclad_pki::key::PrivateKey;
use ironclad_pki::kubeconfig::{self, Credential};
use ironclad_pki::subject::Subject;
use ironclad_pki::tls::{self, CertificateSlot};
use parking_lot::Mutex;
use rustls::pki_types::PrivateKeyDer;
use serde_json::Value;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use crate::endpoint::{Endpoint, Place};
use crate::resolver::Resolver;

/// What a server answers.
#[derive(Clone, Debug)]
pub struct Reply {
    pub code: u16,
    pub content_type: &'static str,
    pub body: String,
    pub delay: Duration,
}

impl Reply {
    pub fn json(body: &Value) -> Self {
        let (code, content_type) = (200, "application/json");
        Self { code, content_type, body: body.to_string(), delay: Duration::ZERO }
    }
}

/// From the path with its query, and the posted document, to the answer.
pub type Answerer = dyn Fn(&str, &Value) -> Reply + Send + Sync;

/// A running server; it stops when it is dropped.
pub struct Server {
    pub address: SocketAddr,
    /// PEM.
    pub ca_bundle: Vec<u8>,
    pub connections: Arc<AtomicUsize>,
    /// Paths with queries, and documents, in the order they came.
    pub seen: Arc<Mutex<Vec<(String, Value)>>>,
    task: Task,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Server {
    /// A server with a certificate for `127.0.0.1` and these names.
    pub async fn start(env: &Env, names: &[&str], answer: Box<Answerer>) -> Self {
        let ca = CertificateAuthority::generate("webhook-ca", env.now(), serial(env)).expect("a CA");
        let key = PrivateKey::generate().expect("a key");
        let names = names.iter().map(|name| (*name).to_owned()).collect();
        let template = Template::server(Subject::new("webhook", &[]), names, vec![[127, 0, 0, 1].into()]);
        let certificate = ca.issue(&template, key.public_key(), LEAF_LIFETIME, env.now(), serial(env));
        let chain = vec![certificate.expect("a certificate").der().clone()];
        let slot = CertificateSlot::new(chain, PrivateKeyDer::Pkcs8(key.to_pkcs8())).expect("a pair");
        let config = Arc::new(tls::server_config(slot, &[]).expect("a configuration"));
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let connections = Arc::new(AtomicUsize::new(0));
        let seen = Arc::new(Mutex::new(Vec::new()));
        let shared = Arc::new(Shared { answer, seen: seen.clone(), env: env.clone() });
        let counter = connections.clone();
        let inner = env.clone();
        let task = env.spawn(
            "webhook server",
            Box::pin(async move {
                while let Ok((stream, _)) = listener.accept().await {
                    counter.fetch_add(1, Ordering::SeqCst);
                    let serve = serve(stream, TlsAcceptor::from(config.clone()), shared.clone());
                    inner.spawn("webhook connection", Box::pin(serve));
                }
            }),
        );
        Self { address, ca_bundle: ca.certificate().to_pem().into_bytes(), connections, seen, task }
    }

    /// This server by its address.
    pub fn at(&self, path: &str) -> Endpoint {
        let place = Place::Url(format!("https://{}{path}", self.address));
        Endpoint { place, ca_bundle: self.ca_bundle.clone() }
    }

    /// A kubeconfig whose server is a path of this one.
    pub fn kubeconfig(&self, path: &str) -> String {
        let url = format!("https://{}{path}", self.address);
        let ca = String::from_utf8_lossy(&self.ca_bundle);
        let file = kubeconfig::build("hook", &url, &ca, "caller", &Credential::Token("secret".into()));
        file.to_yaml().expect("YAML")
    }

    /// A resolver for which every Service is this server.
    pub fn resolver(&self) -> Arc<dyn Resolver> {
        Arc::new(Always(self.address))
    }
}

struct Always(SocketAddr);

impl Resolver for Always {
    fn resolve(&self, _: &str, _: &str, _: u16) -> Result<String, String> {
        Ok(self.0.to_string())
    }
}

struct Shared {
    answer: Box<Answerer>,
    seen: Arc<Mutex<Vec<(String, Value)>>>,
    env: Env,
}

fn serial(env: &Env) -> [u8; 16] {
    let mut serial = [1; 16];
    serial[8..].copy_from_slice(&env.random_u64().to_be_bytes());
    serial
}

async fn serve(stream: TcpStream, tls: TlsAcceptor, shared: Arc<Shared>) {
    let Ok(stream) = tls.accept(stream).await else { return };
    let service = service_fn(|request| answer(request, shared.clone()));
    // A client that goes away in the middle is what some tests are about.
    let _ = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}

async fn answer(
    request: Request<Incoming>,
    shared: Arc<Shared>,
) -> Result<Response<Full<Bytes>>, hyper::Error> {
    let path = request.uri().path_and_query().map(ToString::to_string).unwrap_or_default();
    let body = request.into_body().collect().await?.to_bytes();
    let document = serde_json::from_slice(&body).unwrap_or_default();
    let reply = (shared.answer)(&path, &document);
    shared.seen.lock().push((path, document));
    shared.env.sleep(reply.delay).await;
    let response = Response::builder().status(reply.code).header("content-type", reply.content_type);
    Ok(response.body(Full::new(Bytes::from(reply.body))).unwrap_or_default())
}
