//! The server: what it is made of, how it starts and how it stops.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use ironclad_auth::Authenticators;
use ironclad_engine::{Authorizer, Engine, User};
use ironclad_env::Env;
use ironclad_pki::tls::{self, CertificateSlot, TlsError};
use ironclad_traces::Tracer;
use jiff::Timestamp;
use prometheus::Registry;
use serde_json::Value;
use thiserror::Error;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::aggregation::{self, Aggregation};
use crate::audit;
use crate::authenticate::{FrontProxy, Identification};
use crate::connect::Backends;
use crate::discovery::Discovery;
use crate::fairness::Fairness;
use crate::health::Check;
use crate::in_process::InProcess;
use crate::listen::{self, Acceptor};
use crate::metrics::Metrics;
use crate::openapi::OpenApi;
use crate::streams::{self, Streams};
use crate::version::Version;

/// How the server is to be.
pub struct Config {
    /// Port 0 takes any free port.
    pub listen: SocketAddr,
    /// Where clients reach it, as discovery tells them: `10.0.0.1:6443`. Empty: the address
    /// that it listens on.
    pub advertise: String,
    /// The serving certificate; may be replaced while the server runs.
    pub identity: Arc<CertificateSlot>,
    pub version: Version,
    pub audit: audit::Plan,
    /// What lets others verify service-account tokens.
    pub oidc: Option<Oidc>,
    /// How long requests that are under way may take when the server stops.
    pub drain: Duration,
}

/// The documents of `/.well-known/openid-configuration` and `/openid/v1/jwks`
/// (`ironclad_pki::token`).
pub struct Oidc {
    pub configuration: Value,
    pub keys: Value,
}

/// Looks up how many bytes there are; `None` if that cannot be told.
pub type StoredBytes = Arc<dyn Fn() -> Option<u64> + Send + Sync>;

/// What the server stands on.
pub struct Parts {
    pub env: Env,
    pub engine: Arc<Engine>,
    pub authenticators: Authenticators,
    pub front_proxy: Option<FrontProxy>,
    pub authorizer: Arc<dyn Authorizer>,
    /// Without it, logs, exec and the like are refused.
    pub backends: Option<Backends>,
    /// Without it, this server serves all of the API itself.
    pub aggregation: Option<aggregation::Settings>,
    /// Health checks beside the server's own.
    pub checks: Vec<Check>,
    /// Other parts may add their metrics to it.
    pub metrics: Registry,
    /// What `/configz` shows: without secrets.
    pub configuration: Value,
    /// Without it, nothing is traced.
    pub tracer: Option<Arc<Tracer>>,
    /// Tells what the store takes of its disk.
    pub stored_bytes: Option<StoredBytes>,
}

/// Why the server did not start. The message says what to do.
#[derive(Debug, Error)]
pub enum StartError {
    #[error("cannot listen on {address}: {error}. Is another server running there?")]
    Listen { address: SocketAddr, error: io::Error },
    #[error("cannot open the audit log {}: {error}", path.display())]
    Audit { path: PathBuf, error: io::Error },
    #[error(transparent)]
    Tls(#[from] TlsError),
    #[error("metrics are registered twice: {0}")]
    Metrics(#[from] prometheus::Error),
}

/// What every request needs.
pub struct Shared {
    pub env: Env,
    pub engine: Arc<Engine>,
    pub identification: Identification,
    pub authorizer: Arc<dyn Authorizer>,
    pub backends: Option<Backends>,
    pub aggregation: Option<Arc<Aggregation>>,
    pub version: Version,
    pub started: Timestamp,
    pub oidc: Option<Oidc>,
    pub metrics: Metrics,
    pub fairness: Arc<Fairness>,
    pub audit: Option<Arc<audit::Sinks>>,
    pub discovery: Discovery,
    pub configuration: Value,
    pub tracer: Option<Arc<Tracer>>,
    pub stored_bytes: Option<StoredBytes>,
    pub openapi: OpenApi,
    pub streams: Arc<Streams>,
    /// Set when the server stops: streams end.
    pub stop: CancellationToken,
    checks: Vec<Check>,
}

impl Shared {
    /// All health checks, the server's own first.
    pub fn checks(&self) -> Vec<Check> {
        let stopping = self.stop.clone();
        let mut checks = vec![Check::live("ping", || Ok(()))];
        checks.extend(self.checks.iter().cloned());
        checks.push(Check::ready("shutdown", move || match stopping.is_cancelled() {
            true => Err("process is shutting down".into()),
            false => Ok(()),
        }));
        checks
    }
}

/// A running server. Dropping it stops accepting, without waiting for anything.
pub struct Server {
    pub address: SocketAddr,
    shared: Arc<Shared>,
    connections: TaskTracker,
    drain: Duration,
    accepting: CancellationToken,
}

impl Server {
    /// Listens, and serves from then on.
    pub async fn start(config: Config, parts: Parts) -> Result<Self, StartError> {
        let Config { listen, advertise, identity, version, audit, oidc, drain } = config;
        let Parts {
            env,
            engine,
            authenticators,
            front_proxy,
            authorizer,
            backends,
            aggregation,
            checks,
            metrics,
            configuration,
            tracer,
            stored_bytes,
        } = parts;
        let path = audit.file.as_ref().map(|file| file.path.clone()).unwrap_or_default();
        let figures = audit::Figures::new(&metrics)?;
        let audit = audit::Sinks::open(&env, audit, figures);
        let audit = audit.map_err(|error| StartError::Audit { path, error })?;
        let mut hints = vec![&authenticators.client_ca];
        hints.extend(front_proxy.as_ref().map(|proxy| &proxy.ca));
        let tls = Arc::new(tls::server_config(identity, &hints)?);
        let failed = |error| StartError::Listen { address: listen, error };
        let listener = tokio::net::TcpListener::bind(listen).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let advertise = if advertise.is_empty() { address.to_string() } else { advertise };
        let aggregation = aggregation.map(|settings| Aggregation::start(settings, &*engine.cache()));
        let stop = CancellationToken::new();
        let fairness = Fairness::start(env.clone(), engine.cache(), &metrics, stop.clone())?;
        let metrics = Metrics::new(metrics)?;
        let shared = Arc::new(Shared {
            identification: Identification { env: env.clone(), authenticators, front_proxy },
            discovery: Discovery::new(advertise),
            openapi: OpenApi::new(env.clone(), version.git_version.clone()),
            streams: Streams::new(env.clone(), metrics.panics.clone()),
            fairness,
            metrics,
            stop,
            started: env.now(),
            env,
            engine,
            authorizer,
            backends,
            aggregation,
            version,
            oidc,
            audit,
            checks,
            configuration,
            tracer,
            stored_bytes,
        });
        tend_extensions(&shared);
        let tending = streams::tend(Arc::downgrade(&shared.streams), shared.stop.clone());
        shared.env.spawn("streams", Box::pin(tending));
        let (connections, accepting) = (TaskTracker::new(), CancellationToken::new());
        let acceptor = Acceptor { listener, tls, shared: shared.clone(), connections: connections.clone() };
        let stop = accepting.clone();
        shared.env.spawn(
            "accept",
            Box::pin(async move {
                tokio::select! {
                    () = listen::run(acceptor) => {}
                    () = stop.cancelled() => {}
                }
            }),
        );
        Ok(Self { address, shared, connections, drain, accepting })
    }

    /// Refuses new connections, ends streams, lets requests finish for as long as the
    /// configuration says, and returns when all connections are closed or that time is over.
    pub async fn shutdown(self) {
        use ironclad_env::EnvironmentExt;
        self.accepting.cancel();
        self.shared.stop.cancel();
        self.connections.close();
        if self.shared.env.timeout(self.drain, self.connections.wait()).await.is_none() {
            tracing::warn!(open = self.connections.len(), "connections did not end in time");
        }
        if let Some(audit) = &self.shared.audit {
            audit.finish(self.drain).await;
        }
    }
}

/// Looks after the servers that serve groups of their own.
fn tend_extensions(shared: &Arc<Shared>) {
    let user =
        User { name: "system:apiserver".into(), groups: vec!["system:masters".into()], ..User::default() };
    let client = InProcess::new(shared.engine.clone()).user(user, "kube-apiserver");
    shared.env.spawn("aggregation", Box::pin(aggregation::tend(Arc::downgrade(shared), client)));
}

impl Drop for Server {
    fn drop(&mut self) {
        self.accepting.cancel();
        self.shared.stop.cancel();
    }
}
