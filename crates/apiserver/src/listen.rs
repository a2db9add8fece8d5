//! Connections: TCP, TLS, HTTP/1.1 and HTTP/2, each with its limits.
//!
//! The protocol is what ALPN settled, so nothing is guessed from the first bytes and a
//! client that sends none is caught by the same timeouts as every other.

mod gather;
mod places;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use ironclad_env::{EnvironmentExt, Seldom};
use parking_lot::Mutex;
use rustls::pki_types::CertificateDer;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use self::gather::{Broken, Gather};
use self::places::{Place, Places};
use crate::authenticate::Peer;
use crate::metrics::Counted;
use crate::pipeline;
use crate::server::Shared;

/// From the first byte to the end of the TLS handshake.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);

/// The same where places are scarce.
const SHORT_HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(2);

/// From the end of one request to the end of the next one's headers; upstream's.
const HEADER_TIMEOUT: Duration = Duration::from_secs(32);

/// Headers of a request, HTTP/1.1. Go's limit is 1 MiB; no client needs that.
const MAX_BUFFER: usize = 64 * 1024;

/// Headers of a request, HTTP/2.
const MAX_HEADER_LIST: u32 = 64 * 1024;

/// A Go client puts every watch on one connection.
const MAX_STREAMS: u32 = 1000;

/// What a client may send before we read it: per stream and together. Less than upstream's: bodies of requests that
/// wait their turn lie here, outside of what their priority level may hold.
const STREAM_WINDOW: u32 = 64 * 1024;
const CONNECTION_WINDOW: u32 = 1024 * 1024;

/// What may wait to be sent on one stream.
const SEND_BUFFER: usize = 64 * 1024;

/// A peer that is silent is asked whether it lives, and given up if it does not answer.
const PING_INTERVAL: Duration = Duration::from_secs(30);
const PING_TIMEOUT: Duration = Duration::from_secs(15);

/// A connection without requests and streams is closed after this time, as upstream.
const IDLE_TIMEOUT: Duration = Duration::from_secs(90);

/// How long a peer may leave sent bytes unconfirmed, or its window closed, while there is something to send.
const UNREAD_TIMEOUT: Duration = Duration::from_secs(120);

/// From so many streams at once on, a connection looks whether others have something to write too. For fewer it does
/// not pay: a look costs what a small answer does.
const COMPANY: usize = 4;

/// After an error of accept (out of file descriptors), which would else repeat at once.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

pub struct Acceptor {
    pub listener: TcpListener,
    pub tls: Arc<rustls::ServerConfig>,
    pub shared: Arc<Shared>,
    pub connections: TaskTracker,
}

/// A connection as its requests see it.
pub struct Connection {
    pub address: SocketAddr,
    pub peer: Peer,
    /// Set to end the connection after the requests that are under way.
    pub close: CancellationToken,
    /// When its last request began, on the monotonic clock.
    last_asked: Mutex<Duration>,
    /// As often as it has streams, and once more.
    streams: Arc<()>,
}

impl Connection {
    fn new(address: SocketAddr, chain: Vec<CertificateDer<'static>>, now: Duration) -> Self {
        let peer = Peer::new(chain);
        Self {
            address,
            peer,
            close: CancellationToken::new(),
            last_asked: Mutex::new(now),
            streams: Arc::default(),
        }
    }

    /// Notes that a request has begun.
    pub fn has_asked(&self, now: Duration) {
        *self.last_asked.lock() = now;
    }

    /// Counts a stream until the result is dropped: it keeps the connection in use.
    pub fn stream(&self) -> Arc<()> {
        self.streams.clone()
    }

    /// Whether several requests or streams may want to write to it.
    fn has_company(&self) -> bool {
        Arc::strong_count(&self.streams) > COMPANY
    }

    /// How long nobody has used it.
    fn unused(&self, now: Duration) -> Duration {
        match Arc::strong_count(&self.streams) > 1 {
            true => Duration::ZERO,
            false => now.saturating_sub(*self.last_asked.lock()),
        }
    }
}

/// Accepts connections until it is dropped.
pub async fn run(acceptor: Acceptor) {
    let places = Places::new();
    let tls = TlsAcceptor::from(acceptor.tls);
    loop {
        let Some(place) = places.take().await else { return };
        let (stream, address) = match acceptor.listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                acceptor.shared.env.sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        let (tls, shared) = (tls.clone(), acceptor.shared.clone());
        let task = acceptor.connections.track_future(async move {
            let _open = Counted::new(shared.metrics.connections.clone());
            serve(shared, tls, stream, address, place).await;
        });
        acceptor.shared.env.spawn("connection", Box::pin(task));
    }
}

async fn serve(shared: Arc<Shared>, tls: TlsAcceptor, stream: TcpStream, address: SocketAddr, place: Place) {
    if let Err(error) = prepare(&stream) {
        tracing::debug!(%address, %error, "a socket could not be configured");
    }
    let patience = if place.is_reserved { SHORT_HANDSHAKE_TIMEOUT } else { HANDSHAKE_TIMEOUT };
    let secured = match shared.env.timeout(patience, tls.accept(stream)).await {
        Some(Ok(secured)) => secured,
        Some(Err(error)) => {
            shared.metrics.handshake_failures.inc();
            tracing::debug!(%address, %error, "TLS handshake error");
            return;
        }
        None => {
            shared.metrics.handshake_failures.inc();
            return;
        }
    };
    let (_, session) = secured.get_ref();
    let chain = session.peer_certificates().unwrap_or_default();
    let chain: Vec<CertificateDer<'static>> =
        chain.iter().map(|certificate| certificate.clone().into_owned()).collect();
    if place.is_reserved && !is_known(&shared, &chain) {
        tracing::warn!(%address, "too many connections: one without a certificate of the cluster was closed");
        return;
    }
    let is_h2 = session.alpn_protocol() == Some(b"h2");
    let connection = Arc::new(Connection::new(address, chain, shared.env.elapsed()));
    let served = match is_h2 {
        true => serve_h2(shared, connection, secured).await,
        false => serve_h1(shared, connection, secured).await.map_err(Broken::from),
    };
    if let Err(error) = served {
        tracing::debug!(%address, %error, "a connection broke");
    }
}

/// Whether the client's certificate is the cluster's.
fn is_known(shared: &Shared, chain: &[CertificateDer<'static>]) -> bool {
    shared.identification.authenticators.client_ca.verify_client(chain, shared.env.now()).is_ok()
}

/// Ends when the connection has been of no use for too long. (HTTP/1.1 has its own time for that.)
async fn disused(shared: Arc<Shared>, connection: Arc<Connection>) {
    loop {
        let unused = connection.unused(shared.env.elapsed());
        match IDLE_TIMEOUT.checked_sub(unused).filter(|left| !left.is_zero()) {
            Some(left) => shared.env.sleep(left).await,
            None => return,
        }
    }
}

/// Small writes go at once; dead peers are noticed.
pub fn prepare(stream: &TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    rustix::net::sockopt::set_socket_keepalive(stream, true)?;
    rustix::net::sockopt::set_tcp_keepidle(stream, Duration::from_secs(60))?;
    rustix::net::sockopt::set_tcp_keepintvl(stream, Duration::from_secs(15))?;
    rustix::net::sockopt::set_tcp_keepcnt(stream, 4)?;
    let unread = u32::try_from(UNREAD_TIMEOUT.as_millis()).unwrap_or(u32::MAX);
    rustix::net::sockopt::set_tcp_user_timeout(stream, unread)?;
    Ok(())
}

/// Completes when the server stops, or when the connection is to end.
fn ending(shared: &Shared, connection: &Connection) -> impl Future<Output = ()> + use<> {
    let stop = shared.stop.clone().cancelled_owned();
    let close = connection.close.clone().cancelled_owned();
    Seldom::new(async move {
        tokio::select! {
            () = stop => {}
            () = close => {}
        }
    })
}

async fn serve_h1(
    shared: Arc<Shared>,
    connection: Arc<Connection>,
    secured: TlsStream<TcpStream>,
) -> hyper::Result<()> {
    let ending = ending(&shared, &connection);
    let service = service_fn(move |request: hyper::Request<Incoming>| {
        pipeline::serve(shared.clone(), connection.clone(), request)
    });
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .max_buf_size(MAX_BUFFER)
        .serve_connection(TokioIo::new(secured), service)
        .with_upgrades();
    let mut served = std::pin::pin!(served);
    tokio::select! {
        result = served.as_mut() => return result,
        () = ending => {}
    }
    served.as_mut().graceful_shutdown();
    served.await
}

async fn serve_h2(
    shared: Arc<Shared>,
    connection: Arc<Connection>,
    secured: TlsStream<TcpStream>,
) -> Result<(), Broken> {
    let ending = ending(&shared, &connection);
    let disused = Seldom::new(disused(shared.clone(), connection.clone()));
    let used = connection.clone();
    let has_company = || used.has_company();
    let service = service_fn(move |request: hyper::Request<Incoming>| {
        pipeline::serve(shared.clone(), connection.clone(), request)
    });
    let stream = Gather::new(secured);
    let served = http2::Builder::new(TokioExecutor::new())
        .timer(TokioTimer::new())
        .max_concurrent_streams(MAX_STREAMS)
        .max_header_list_size(MAX_HEADER_LIST)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_send_buf_size(SEND_BUFFER)
        .keep_alive_interval(PING_INTERVAL)
        .keep_alive_timeout(PING_TIMEOUT)
        .serve_connection(TokioIo::new(stream.clone()), service);
    let mut served = std::pin::pin!(served);
    tokio::select! {
        result = stream.turns(served.as_mut(), has_company) => return result,
        () = ending => {}
        () = disused => {}
    }
    // GOAWAY: the client opens a new connection for what comes next.
    served.as_mut().graceful_shutdown();
    stream.turns(served, has_company).await
}
