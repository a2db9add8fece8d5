//! The agent's HTTPS server, kubelet's API on port 10250: logs, exec, attach, port-forward, statistics, metrics.
//!
//! Clients show a certificate of the cluster's CA or a bearer token. The API server's own client may do everything;
//! of anybody else the API is asked.

mod access;
mod container_logs;
mod listing;
mod metrics;
mod reply;
mod route;
mod stats;
mod streams;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http::Request;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use ironclad_cri::Cri;
use ironclad_env::{Env, EnvironmentExt};
use ironclad_node_core::NodeSettings;
use ironclad_pki::tls::{self, CertificateSlot, TlsError};
use rustls_pki_types::CertificateDer;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_rustls::TlsAcceptor;

use crate::cgroups::Cgroups;
use crate::machine::Machine;
use crate::pods::Book;

/// Connections at a time; more wait to be accepted.
const MOST_CONNECTIONS: usize = 1000;
/// How long a client may take for its handshake.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// A pause after an error of the listening socket, which may come again at once.
const AFTER_ERROR: Duration = Duration::from_millis(50);
/// Between two attempts to take the port: an agent that is being replaced lets go of it soon.
const BIND_RETRY: Duration = Duration::from_millis(200);

/// What requests are answered from.
pub(crate) struct Shared {
    pub env: Env,
    pub settings: Arc<NodeSettings>,
    pub cri: Arc<dyn Cri>,
    pub book: Arc<Book>,
    pub cgroups: Cgroups,
    pub machine: Arc<Machine>,
    pub access: ServerAccess,
}

pub(crate) use access::Access as ServerAccess;

/// Who a client says it is, as far as TLS has to do with it.
type Chain = Arc<Vec<CertificateDer<'static>>>;

/// A place among the connections of the server, kept for as long as anything of one goes on: a stream outlives what
/// was HTTP.
#[derive(Clone)]
pub(crate) struct Place {
    _permit: Option<Arc<OwnedSemaphorePermit>>,
}

impl Place {
    pub(crate) fn new(permit: OwnedSemaphorePermit) -> Self {
        Self { _permit: Some(Arc::new(permit)) }
    }

    /// The place of the connection that a request came over.
    pub(crate) fn of<T>(request: &Request<T>) -> Self {
        request.extensions().get::<Self>().cloned().unwrap_or(Self { _permit: None })
    }
}

/// Serves until dropped.
pub(crate) async fn serve(
    shared: Arc<Shared>,
    listen: SocketAddr,
    identity: Arc<CertificateSlot>,
) -> Result<(), TlsError> {
    let config = tls::server_config(identity, &[shared.access.client_ca()])?;
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = bind(&shared.env, listen).await;
    let connections = Arc::new(Semaphore::new(MOST_CONNECTIONS));
    loop {
        let Ok(permit) = connections.clone().acquire_owned().await else { return Ok(()) };
        let Ok((stream, _)) = listener.accept().await else {
            shared.env.sleep(AFTER_ERROR).await;
            continue;
        };
        let (shared, acceptor) = (shared.clone(), acceptor.clone());
        let env = shared.env.clone();
        let place = Place::new(permit);
        let connection = async move { serve_connection(shared, acceptor, stream, place).await };
        env.spawn("agent-connection", Box::pin(connection));
    }
}

async fn bind(env: &Env, listen: SocketAddr) -> TcpListener {
    let mut told = false;
    loop {
        match TcpListener::bind(listen).await {
            Ok(listener) => return listener,
            Err(error) if !told => {
                tracing::error!(%listen, %error, "the agent's port cannot be taken yet");
                told = true;
            }
            Err(_) => {}
        }
        env.sleep(BIND_RETRY).await;
    }
}

async fn serve_connection(shared: Arc<Shared>, acceptor: TlsAcceptor, stream: TcpStream, place: Place) {
    if let Err(error) = prepare(&stream) {
        tracing::debug!(%error, "a socket could not be configured");
    }
    let Some(Ok(stream)) = shared.env.timeout(HANDSHAKE, acceptor.accept(stream)).await else { return };
    let chain: Chain = {
        let (_, session) = stream.get_ref();
        let chain = session.peer_certificates().unwrap_or_default();
        Arc::new(chain.iter().map(|certificate| certificate.clone().into_owned()).collect())
    };
    let service = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(place.clone());
        let (shared, chain) = (shared.clone(), chain.clone());
        async move { Ok::<_, std::convert::Infallible>(route::answer(shared, chain, request).await) }
    });
    let builder = auto::Builder::new(TokioExecutor::new());
    let served = builder.serve_connection_with_upgrades(TokioIo::new(stream), service).await;
    if let Err(error) = served {
        tracing::debug!(%error, "a connection to the agent broke");
    }
}

/// Small writes go at once; dead peers are noticed.
fn prepare(stream: &TcpStream) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    rustix::net::sockopt::set_socket_keepalive(stream, true)?;
    rustix::net::sockopt::set_tcp_keepidle(stream, Duration::from_secs(60))?;
    rustix::net::sockopt::set_tcp_keepintvl(stream, Duration::from_secs(15))?;
    rustix::net::sockopt::set_tcp_keepcnt(stream, 4)?;
    Ok(())
}
