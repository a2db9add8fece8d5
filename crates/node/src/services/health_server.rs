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
use tokio::sync::Semaphore;

/// How long a client may take for its question.
const PATIENCE: Duration = Duration::from_secs(5);
/// Clients at a time, per port and address; more wait to be accepted.
const MOST_CLIENTS: usize = 64;
const BIND_RETRY: Duration = Duration::from_secs(5);
/// A pause after an error of the listening socket, which may come again at once.
const AFTER_ERROR: Duration = Duration::from_millis(50);

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
            serve(listener, &env, answers).await;
        };
        self.env.spawn("health-check-port", Box::pin(serve))
    }
}

/// Answers several at a time, so that nobody who says nothing keeps load balancers waiting.
async fn serve(listener: TcpListener, env: &Env, answers: Answers) {
    let port = listener.local_addr().map_or(0, |address| address.port());
    let clients = Arc::new(Semaphore::new(MOST_CLIENTS));
    loop {
        let Ok(permit) = clients.clone().acquire_owned().await else { return };
        let Ok((stream, _)) = listener.accept().await else {
            env.sleep(AFTER_ERROR).await;
            continue;
        };
        let (clock, answers) = (env.clone(), answers.clone());
        let client = async move {
            let _permit = permit;
            let _ = clock.timeout(PATIENCE, answer(stream, port, answers)).await;
        };
        env.spawn("health-check-client", Box::pin(client));
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

#[cfg(test)]
mod tests {
    use ironclad_env::RealEnv;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    #[tokio::test]
    async fn clients_that_say_nothing_keep_nobody_waiting() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("bound");
        let port = address.port();
        let check = HealthCheck { namespace: "ns".into(), service: "web".into(), port, local_endpoints: 2 };
        let answers: Answers = Arc::new(RwLock::new(BTreeMap::from([(port, check)])));
        let server = tokio::spawn(async move { serve(listener, &RealEnv::shared(), answers).await });
        let mut silent = Vec::new();
        for _ in 0..8 {
            silent.push(TcpStream::connect(address).await.expect("connected"));
        }
        let mut client = TcpStream::connect(address).await.expect("connected");
        client.write_all(b"GET / HTTP/1.0\r\n\r\n").await.expect("asked");
        let mut answer = String::new();
        let read = tokio::time::timeout(PATIENCE / 2, client.read_to_string(&mut answer)).await;
        read.expect("at once").expect("text");
        assert!(answer.starts_with("HTTP/1.0 200") && answer.contains("\"localEndpoints\":2"), "{answer}");
        server.abort();
    }
}
