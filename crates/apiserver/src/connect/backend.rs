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
use crate::listen;
use crate::reply::Body;
use crate::server::Shared;

/// Why the other end did not answer. The texts are Go's where it has them.
#[derive(Debug)]
pub enum BackendError {
    /// Nobody knows the name.
    Lookup {
        host: String,
    },
    Dial {
        address: String,
        error: io::Error,
    },
    Timeout {
        address: String,
    },
    Tls(io::Error),
    /// No way to reach such peers was configured.
    Unconfigured,
    Http(hyper::Error),
}

impl fmt::Display for BackendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Lookup { host } => write!(f, "dial tcp: lookup {host}: no such host"),
            Self::Dial { address, error } => match error.kind() {
                io::ErrorKind::ConnectionRefused => {
                    write!(f, "dial tcp {address}: connect: connection refused")
                }
                io::ErrorKind::HostUnreachable => write!(f, "dial tcp {address}: connect: no route to host"),
                io::ErrorKind::NetworkUnreachable => {
                    write!(f, "dial tcp {address}: connect: network is unreachable")
                }
                io::ErrorKind::TimedOut => write!(f, "dial tcp {address}: connect: connection timed out"),
                _ => write!(f, "dial tcp {address}: {error}"),
            },
            Self::Timeout { address } => write!(f, "dial tcp {address}: i/o timeout"),
            Self::Tls(error) => f.write_str(&tls_text(error)),
            Self::Unconfigured => f.write_str("this server has no credentials for node agents"),
            Self::Http(error) => f.write_str(&http_text(error)),
        }
    }
}

fn tls_text(error: &io::Error) -> String {
    use rustls::{CertificateError, Error, InvalidMessage};
    match error.get_ref().and_then(|inner| inner.downcast_ref::<Error>()) {
        // What came was no TLS at all.
        Some(Error::InvalidMessage(InvalidMessage::InvalidContentType)) => {
            "http: server gave HTTP response to HTTPS client".to_owned()
        }
        Some(Error::InvalidCertificate(CertificateError::UnknownIssuer)) => {
            "tls: failed to verify certificate: x509: certificate signed by unknown authority".to_owned()
        }
        _ if error.kind() == io::ErrorKind::UnexpectedEof => "EOF".to_owned(),
        _ => format!("tls: {error}"),
    }
}

fn http_text(error: &hyper::Error) -> String {
    let io = std::error::Error::source(error).and_then(|source| source.downcast_ref::<io::Error>());
    match io.map(io::Error::kind) {
        Some(io::ErrorKind::ConnectionReset) => return "read: connection reset by peer".to_owned(),
        Some(io::ErrorKind::TimedOut) => return "read: connection timed out".to_owned(),
        _ => {}
    }
    if error.is_incomplete_message() || error.is_canceled() {
        return "EOF".to_owned();
    }
    match error.is_parse() {
        true => format!("net/http: HTTP/1.x transport connection broken: malformed HTTP response ({error})"),
        false => error.to_string(),
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
    let connected = shared.env.timeout(CONNECT_TIMEOUT, connect(shared, location)).await;
    let io = connected.ok_or_else(|| BackendError::Timeout { address: location.address() })??;
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

async fn connect(shared: &Shared, location: &Location) -> Result<Box<dyn Io>, BackendError> {
    let own = |config: Arc<rustls::ClientConfig>| Some((config, location.host.as_str()));
    let tls = match (&shared.backends, &location.peer, location.tls) {
        (_, Peer::Foreign, false) => None,
        (_, Peer::Extension(server), _) => Some((server.config.clone(), server.server_name.as_str())),
        (Some(backends), Peer::Agent, _) => own(backends.nodes.clone()),
        (Some(backends), Peer::UnverifiedAgent, _) => own(backends.unverified_nodes()),
        (Some(backends), Peer::Foreign, true) => own(backends.proxied.clone()),
        (None, ..) => return Err(BackendError::Unconfigured),
    };
    let stream = dial(location).await?;
    let Some((config, name)) = tls else { return Ok(Box::new(stream)) };
    let invalid = |error| BackendError::Tls(io::Error::new(io::ErrorKind::InvalidInput, error));
    let name = ServerName::try_from(name.to_owned()).map_err(invalid)?;
    let secured = TlsConnector::from(config).connect(name, stream).await;
    Ok(Box::new(secured.map_err(BackendError::Tls)?))
}

async fn dial(location: &Location) -> Result<TcpStream, BackendError> {
    let host = location.host.as_str();
    let found = tokio::net::lookup_host((host, location.port)).await;
    let addresses: Vec<_> = found.map(Iterator::collect).unwrap_or_default();
    if addresses.is_empty() {
        return Err(BackendError::Lookup { host: host.to_owned() });
    }
    let failed = |error| BackendError::Dial { address: location.address(), error };
    let stream = TcpStream::connect(addresses.as_slice()).await.map_err(failed)?;
    listen::prepare(&stream).map_err(failed)?;
    Ok(stream)
}
