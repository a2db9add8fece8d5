//! Connections to one endpoint, kept between calls. HTTP/1.1, as upstream, so that calls
//! spread over the pods of a Service.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use ironclad_env::Env;
use ironclad_pki::tls::CertificateSlot;
use parking_lot::Mutex;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::endpoint::{Endpoint, Parts, Place};
use crate::error::{self, CallError};
use crate::resolver::Resolver;
use crate::trust;

/// Connections kept for one endpoint; more are closed after their call.
const MAX_IDLE: usize = 8;
/// A connection that was idle for so long is not used again.
const MAX_IDLE_TIME: Duration = Duration::from_secs(90);

pub(crate) type Sender = SendRequest<Full<Bytes>>;

/// One endpoint's TLS configuration and connections.
pub(crate) struct Connections {
    pub parts: Parts,
    place: Place,
    tls: Arc<ClientConfig>,
    idle: Mutex<Vec<Idle>>,
}

struct Idle {
    sender: Sender,
    /// Of the environment's monotonic clock.
    since: Duration,
}

impl Connections {
    pub fn new(endpoint: &Endpoint, identity: Option<Arc<CertificateSlot>>) -> Result<Self, CallError> {
        Ok(Self {
            parts: endpoint.parts()?,
            place: endpoint.place.clone(),
            tls: Arc::new(trust::client_config(&endpoint.ca_bundle, identity)?),
            idle: Mutex::default(),
        })
    }

    /// Sends on a connection that is open already, if there is one; a server may close it at
    /// any moment, so a request that was lost with one is sent again on a new one.
    pub async fn send(
        &self,
        env: &Env,
        resolver: &dyn Resolver,
        request: impl Fn() -> Request<Full<Bytes>>,
    ) -> Result<(Response<Incoming>, Sender), String> {
        if let Some(mut sender) = self.take(env)
            && let Ok(response) = sender.send_request(request()).await
        {
            return Ok((response, sender));
        }
        let mut sender = self.connect(env, resolver).await?;
        let response = sender.send_request(request()).await.map_err(|error| error::exchange(&error))?;
        Ok((response, sender))
    }

    fn take(&self, env: &Env) -> Option<Sender> {
        let now = env.elapsed();
        let mut idle = self.idle.lock();
        idle.retain(|idle| !idle.sender.is_closed() && now.saturating_sub(idle.since) < MAX_IDLE_TIME);
        let at = idle.iter().rposition(|idle| idle.sender.is_ready())?;
        Some(idle.swap_remove(at).sender)
    }

    /// Keeps a connection whose answer has been read to its end.
    pub fn keep(&self, env: &Env, sender: Sender) {
        let mut idle = self.idle.lock();
        if idle.len() < MAX_IDLE && !sender.is_closed() {
            idle.push(Idle { sender, since: env.elapsed() });
        }
    }

    fn address(&self, resolver: &dyn Resolver) -> Result<String, String> {
        match &self.place {
            Place::Service { namespace, name, port, .. } => resolver.resolve(namespace, name, *port),
            Place::Url(_) if self.parts.server_name.contains(':') => {
                Ok(format!("[{}]:{}", self.parts.server_name, self.parts.port))
            }
            Place::Url(_) => Ok(format!("{}:{}", self.parts.server_name, self.parts.port)),
        }
    }

    async fn connect(&self, env: &Env, resolver: &dyn Resolver) -> Result<Sender, String> {
        let address = self.address(resolver)?;
        let stream = TcpStream::connect(&address).await.map_err(|error| error::dial(&address, &error))?;
        stream.set_nodelay(true).map_err(|error| error::dial(&address, &error))?;
        let name = self.parts.server_name.as_str();
        let server = ServerName::try_from(name.to_owned())
            .map_err(|_| format!("tls: \"{name}\" is not a name that a server can have"))?;
        let stream = TlsConnector::from(self.tls.clone()).connect(server, stream).await;
        let stream = stream.map_err(|error| error::handshake(name, &error))?;
        let (sender, connection) =
            handshake(TokioIo::new(stream)).await.map_err(|error| error::exchange(&error))?;
        // Ends when its sender is dropped or the server closes it.
        env.spawn(
            "webhook",
            Box::pin(async move {
                if let Err(error) = connection.await {
                    tracing::debug!(%error, "connection to a webhook broke");
                }
            }),
        );
        Ok(sender)
    }
}
