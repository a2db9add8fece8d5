//! The agent's HTTPS server, kubelet's API on port 10250: logs, exec, attach, port-forward, statistics, metrics.
//!
//! Clients show a certificate of the cluster's CA or a bearer token. The API server's own client may do everything;
//! of anybody else the API is asked.

mod access;
mod connection;
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

use ironclad_cri::Cri;
use ironclad_env::Env;
use ironclad_node_core::NodeSettings;
use ironclad_pki::tls::{self, CertificateSlot, TlsError};
use rustls_pki_types::CertificateDer;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio_rustls::TlsAcceptor;

use crate::cgroups::Cgroups;
use crate::machine::Machine;
use crate::pods::Book;

/// Connections at a time; more wait to be accepted.
const MOST_CONNECTIONS: usize = 1000;
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
use connection::Place;

/// Who a client says it is, as far as TLS has to do with it.
type Chain = Arc<Vec<CertificateDer<'static>>>;

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
        let connection = connection::serve(shared, acceptor, stream, place);
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
