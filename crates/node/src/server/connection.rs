//! One connection to the agent: its place among the others, its limits, its end.

use std::convert::Infallible;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use http::{Request, StatusCode};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use ironclad_env::{Env, EnvironmentExt};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::OwnedSemaphorePermit;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

use super::reply::Reply;
use super::{Chain, Shared, route};

/// How long a client may take for its handshake.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// Headers of a request.
const MOST_HEAD: u32 = 64 * 1024;
/// Requests at a time over HTTP/2.
const MOST_STREAMS: u32 = 250;

/// For how long a connection may be of no use.
#[derive(Clone, Copy)]
struct Limits {
    /// HTTP/1.1: from the end of one request to the end of the next one's head.
    head: Duration,
    /// HTTP/2: between two requests. It takes up to twice as long to be noticed.
    unused: Duration,
    /// HTTP/2: a silent peer is asked whether it lives, and given up if it does not answer in half of this.
    silent: Duration,
}

/// The API server's.
const LIMITS: Limits = Limits {
    head: Duration::from_secs(32),
    unused: Duration::from_secs(90),
    silent: Duration::from_secs(30),
};

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

/// Serves a connection to its end. Whoever is nobody gets one answer.
pub(super) async fn serve(shared: Arc<Shared>, acceptor: TlsAcceptor, stream: TcpStream, place: Place) {
    if let Err(error) = prepare(&stream) {
        tracing::debug!(%error, "a socket could not be configured");
    }
    let Some(Ok(stream)) = shared.env.timeout(HANDSHAKE, acceptor.accept(stream)).await else { return };
    let (_, session) = stream.get_ref();
    let is_h2 = session.alpn_protocol() == Some(b"h2");
    let chain = session.peer_certificates().unwrap_or_default();
    let chain: Chain = Arc::new(chain.iter().map(|certificate| certificate.clone().into_owned()).collect());
    let env = shared.env.clone();
    let answer = move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(place.clone());
        route::answer(shared.clone(), chain.clone(), request)
    };
    if let Err(error) = drive(&env, stream, is_h2, LIMITS, answer).await {
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

async fn drive<F: Future<Output = Reply> + Send + 'static>(
    env: &Env,
    io: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    is_h2: bool,
    limits: Limits,
    answer: impl Fn(Request<Incoming>) -> F + Send + Sync,
) -> hyper::Result<()> {
    let (ends, traffic) = (CancellationToken::new(), Arc::new(Traffic::default()));
    let service = service_fn(|request| {
        let (answered, ends, exchange) = (answer(request), ends.clone(), Exchange::begin(&traffic));
        async move {
            let reply = answered.await;
            if reply.status() == StatusCode::UNAUTHORIZED {
                ends.cancel();
            }
            Ok::<_, Infallible>(if is_h2 { exchange.until_written(reply) } else { reply })
        }
    });
    let io = TokioIo::new(io);
    if is_h2 {
        let served = http2::Builder::new(TokioExecutor::new())
            .timer(TokioTimer::new())
            .max_header_list_size(MOST_HEAD)
            .max_concurrent_streams(MOST_STREAMS)
            .keep_alive_interval(limits.silent)
            .keep_alive_timeout(limits.silent / 2)
            .serve_connection(io, service);
        let mut served = pin!(served);
        tokio::select! {
            result = served.as_mut() => return result,
            () = ends.cancelled() => {}
            () = disuse(env, &traffic, limits.unused) => {}
        }
        served.as_mut().graceful_shutdown();
        // A peer that does not answer any more is no reason to wait.
        return env.timeout(limits.unused, served).await.unwrap_or(Ok(()));
    }
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.head)
        .max_buf_size(MOST_HEAD as usize)
        .serve_connection(io, service)
        .with_upgrades();
    let mut served = pin!(served);
    tokio::select! {
        result = served.as_mut() => return result,
        () = ends.cancelled() => served.as_mut().graceful_shutdown(),
    }
    served.await
}

/// What a connection is used for.
#[derive(Default)]
struct Traffic {
    /// Requests so far.
    begun: AtomicU64,
    /// Requests whose answers are not written yet.
    open: AtomicU64,
}

/// Ends when a connection has not been used for `limit`.
async fn disuse(env: &Env, traffic: &Traffic, limit: Duration) {
    let mut before = None;
    loop {
        let begun = traffic.begun.load(Ordering::Acquire);
        if before.replace(begun) == Some(begun) && traffic.open.load(Ordering::Acquire) == 0 {
            return;
        }
        env.sleep(limit).await;
    }
}

/// A request, until its answer is written or given up.
struct Exchange(Arc<Traffic>);

impl Exchange {
    fn begin(traffic: &Arc<Traffic>) -> Self {
        traffic.begun.fetch_add(1, Ordering::AcqRel);
        traffic.open.fetch_add(1, Ordering::AcqRel);
        Self(traffic.clone())
    }

    fn until_written(self, reply: Reply) -> Reply {
        reply.map(|body| {
            let held = move |frame| {
                let _open = &self;
                frame
            };
            body.map_frame(held).boxed_unsync()
        })
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use http_body_util::Full;
    use hyper::client::conn::http2 as client;
    use ironclad_env::RealEnv;
    use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};

    use super::*;
    use crate::server::reply;

    const SHORT: Limits = Limits {
        head: Duration::from_millis(200),
        unused: Duration::from_millis(200),
        silent: Duration::from_secs(5),
    };
    /// Nothing here takes longer, unless it hangs.
    const SOON: Duration = Duration::from_secs(20);

    /// The client's end of a connection: `/no` is not authorized, `/slow` takes longer than any limit.
    fn connect(is_h2: bool) -> DuplexStream {
        let (ours, theirs) = tokio::io::duplex(64 * 1024);
        tokio::spawn(async move {
            let answer = |request: Request<Incoming>| async move {
                match request.uri().path() {
                    "/no" => reply::text(StatusCode::UNAUTHORIZED, "Unauthorized"),
                    "/slow" => {
                        tokio::time::sleep(SHORT.unused * 6).await;
                        reply::text(StatusCode::OK, "late")
                    }
                    _ => reply::text(StatusCode::OK, "yes"),
                }
            };
            drive(&RealEnv::shared(), theirs, is_h2, SHORT, answer).await
        });
        ours
    }

    #[tokio::test]
    async fn http_1_connections_end_when_they_are_of_no_use() {
        let check = async |sent: &str, want: &str| {
            let mut stream = connect(false);
            stream.write_all(sent.as_bytes()).await.expect("sent");
            let mut got = String::new();
            let read = tokio::time::timeout(SOON, stream.read_to_string(&mut got)).await;
            read.expect("the server hangs up").expect("text");
            assert!(got.contains(want) && (!want.is_empty() || got.is_empty()), "{sent:?}: {got}");
        };
        check("", "").await;
        check("GET / HTTP/1.1\r\nHost: ", "").await;
        check("GET / HTTP/1.1\r\nHost: node\r\n\r\n", "\r\n\r\nyes").await;
        check("GET /slow HTTP/1.1\r\nHost: node\r\n\r\n", "\r\n\r\nlate").await;
        check("GET /no HTTP/1.1\r\nHost: node\r\n\r\nGET / HTTP/1.1\r\nHost: node\r\n\r\n", "Unauthorized")
            .await;
        let large = format!("GET / HTTP/1.1\r\nX: {}\r\n", "x".repeat(MOST_HEAD as usize));
        check(&large[..MOST_HEAD as usize], "431").await;
    }

    #[tokio::test]
    async fn http_2_connections_end_when_they_are_of_no_use() {
        let check = async |paths: &[&str], want: &[(u16, &str)]| {
            let handshake = client::handshake(TokioExecutor::new(), TokioIo::new(connect(true))).await;
            let (mut sender, connection) = handshake.expect("HTTP/2");
            let connection = tokio::spawn(connection);
            let mut got = Vec::new();
            for path in paths {
                let request = Request::get(format!("https://node{path}")).body(Full::<Bytes>::default());
                let answer = sender.send_request(request.expect("a request")).await.expect("an answer");
                let code = answer.status().as_u16();
                let body = answer.into_body().collect().await.expect("a body").to_bytes();
                got.push((code, String::from_utf8_lossy(&body).into_owned()));
            }
            let got: Vec<(u16, &str)> = got.iter().map(|(code, body)| (*code, body.as_str())).collect();
            assert_eq!(got, want);
            let ended = tokio::time::timeout(SOON, connection).await.expect("the server hangs up");
            ended.expect("no panic").expect("in order");
        };
        check(&[], &[]).await;
        check(&["/", "/slow"], &[(200, "yes"), (200, "late")]).await;
        check(&["/no"], &[(401, "Unauthorized")]).await;
    }
}
