//! `healthCheckNodePort`: load balancers ask here whether this node has endpoints of a service.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderValue};
use http::{Response, StatusCode};
use http_body_util::Full;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use ironclad_env::{Env, EnvironmentExt, Task};
use ironclad_proxy::HealthCheck;
use parking_lot::RwLock;
use tokio::net::{TcpListener, TcpStream};

/// How long a client may take for its question.
const PATIENCE: Duration = Duration::from_secs(5);
const BIND_RETRY: Duration = Duration::from_secs(5);

type Answers = Arc<RwLock<BTreeMap<u16, HealthCheck>>>;

/// One small server per port and address.
pub(super) struct HealthServers {
    env: Env,
    addresses: Vec<IpAddr>,
    answers: Answers,
    servers: BTreeMap<u16, Vec<Task>>,
}

impl Drop for HealthServers {
    fn drop(&mut self) {
        self.servers.values().flatten().for_each(Task::abort);
    }
}

impl HealthServers {
    pub(super) fn new(env: Env, addresses: Vec<IpAddr>) -> Self {
        Self { env, addresses, answers: Arc::default(), servers: BTreeMap::new() }
    }

    /// Answers these from now on, and only these.
    pub(super) fn set(&mut self, checks: &[HealthCheck]) {
        let wanted = super::ports(checks);
        *self.answers.write() = checks.iter().map(|check| (check.port, check.clone())).collect();
        self.servers.retain(|port, tasks| {
            let keep = wanted.contains(port);
            if !keep {
                tasks.iter().for_each(Task::abort);
            }
            keep
        });
        for port in wanted {
            if !self.servers.contains_key(&port) {
                let tasks = self.addresses.iter().map(|ip| self.serve(SocketAddr::new(*ip, port))).collect();
                self.servers.insert(port, tasks);
            }
        }
    }

    fn serve(&self, address: SocketAddr) -> Task {
        let (env, answers) = (self.env.clone(), self.answers.clone());
        let serve = async move {
            let listener = loop {
                match TcpListener::bind(address).await {
                    Ok(listener) => break listener,
                    Err(error) => tracing::warn!(%address, %error, "a health check port cannot be taken"),
                }
                env.sleep(BIND_RETRY).await;
            };
            loop {
                // One at a time: load balancers ask rarely and the answer is at hand.
                if let Ok((stream, _)) = listener.accept().await {
                    let _ = env.timeout(PATIENCE, answer(stream, address.port(), answers.clone())).await;
                }
            }
        };
        self.env.spawn("health-check-port", Box::pin(serve))
    }
}

async fn answer(stream: TcpStream, port: u16, answers: Answers) {
    let service = service_fn(move |_| {
        let found = answers.read().get(&port).map(HealthCheck::answer);
        async move { Ok::<_, Infallible>(response(found)) }
    });
    let builder = hyper::server::conn::http1::Builder::new();
    let _ = builder.serve_connection(TokioIo::new(stream), service).await;
}

fn response(found: Option<(u16, String)>) -> Response<Full<Bytes>> {
    let (code, body) = found.unwrap_or((503, String::new()));
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = StatusCode::from_u16(code).unwrap_or(StatusCode::SERVICE_UNAVAILABLE);
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}
