//! One request to the other end, on a connection of its own: streams would hold any pool's
//! connections anyway.

use std::fmt;
use std::io;
use std::sync::Arc;

use http::{Request, Response};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use ironclad_env::EnvironmentExt;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::CONNECT_TIMEOUT;
use super::location::{Location, Peer};
use crate::reply::Body;
use crate::server::Shared;

/// Why the other end did not answer. The texts are Go's where it has them.
#[derive(Debug)]
pub enum BackendError {
    Dial {
        address: String,
        error: io::Error,
    },
    Timeout {
        address: String,
    },
    /// No way to reach such peers was configured.
    Unconfigured,
    Http(hyper::Error),
}

impl fmt::Display for BackendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dial { address, error } => match error.kind() {
                io::ErrorKind::ConnectionRefused => {
                    write!(f, "dial tcp {address}: connect: connection refused")
                }
                io::ErrorKind::HostUnreachable => write!(f, "dial tcp {address}: connect: no route to host"),
                io::ErrorKind::NetworkUnreachable => {
                    write!(f, "dial tcp {address}: connect: network is unreachable")
                }
                _ => write!(f, "dial tcp {address}: {error}"),
            },
            Self::Timeout { address } => write!(f, "dial tcp {address}: i/o timeout"),
            Self::Unconfigured => f.write_str("this server has no credentials for node agents"),
            Self::Http(error) => write!(f, "{error}"),
        }
    }
}

trait Io: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Io for T {}

/// Sends the request and waits for the head of the answer.
pub async fn send(
    shared: &Shared,
    location: &Location,
    request: Request<Body>,
) -> Result<Response<Incoming>, BackendError> {
    let address = format!("{}:{}", location.host, location.port);
    let connected = shared.env.timeout(CONNECT_TIMEOUT, connect(shared, location)).await;
    let io = match connected {
        None => return Err(BackendError::Timeout { address }),
        Some(result) => result?.map_err(|error| BackendError::Dial { address, error })?,
    };
    let (mut sender, connection) = http1::handshake(TokioIo::new(io)).await.map_err(BackendError::Http)?;
    // Ends with the answer's body, or with either end of an upgraded connection.
    shared.env.spawn(
        "backend",
        Box::pin(async move {
            if let Err(error) = connection.with_upgrades().await {
                tracing::debug!(%error, "connection to a backend broke");
            }
        }),
    );
    sender.send_request(request).await.map_err(BackendError::Http)
}

async fn connect(shared: &Shared, location: &Location) -> Result<io::Result<Box<dyn Io>>, BackendError> {
    let own = |config: &Arc<rustls::ClientConfig>| Some((config.clone(), location.host.as_str()));
    let tls = match (&shared.backends, &location.peer, location.tls) {
        (_, Peer::Foreign, false) => None,
        (_, Peer::Extension(server), _) => Some((server.config.clone(), server.server_name.as_str())),
        (Some(backends), Peer::Agent, _) => own(&backends.nodes),
        (Some(backends), Peer::Foreign, true) => own(&backends.proxied),
        (None, ..) => return Err(BackendError::Unconfigured),
    };
    Ok(open(location, tls).await)
}

async fn open(
    location: &Location,
    tls: Option<(Arc<rustls::ClientConfig>, &str)>,
) -> io::Result<Box<dyn Io>> {
    let stream = TcpStream::connect((location.host.as_str(), location.port)).await?;
    stream.set_nodelay(true)?;
    let Some((config, name)) = tls else { return Ok(Box::new(stream)) };
    let name = ServerName::try_from(name.to_owned());
    let name = name.map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?;
    Ok(Box::new(TlsConnector::from(config).connect(name, stream).await?))
}
