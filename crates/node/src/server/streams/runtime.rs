//! The runtime's streaming server.

use std::io;
use std::time::Duration;

use http::header::{CONNECTION, CONTENT_LENGTH, HOST, HeaderValue, TRANSFER_ENCODING, UPGRADE};
use http::{Method, Request, Response, StatusCode, Uri};
use hyper::body::Incoming;
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use ironclad_env::{Env, EnvironmentExt};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, split};
use tokio::net::TcpStream;

use crate::server::Place;
use crate::server::reply::{self, Body, Reply};

/// What is on its way in each direction at most.
const BLOCK: usize = 32 * 1024;
/// How long the last bytes may take when the client has ended.
const LAST_BYTES: Duration = Duration::from_secs(5);

/// Opens a connection that speaks SPDY/3.1 with `protocol` inside.
pub(super) async fn open_spdy(env: &Env, url: &str, protocol: &'static str) -> io::Result<TokioIo<Upgraded>> {
    let mut request = Request::new(reply::empty());
    *request.method_mut() = Method::POST;
    let headers = request.headers_mut();
    headers.insert(UPGRADE, HeaderValue::from_static("SPDY/3.1"));
    headers.insert("X-Stream-Protocol-Version", HeaderValue::from_static(protocol));
    let answer = send(env, url, request).await?;
    if answer.status() != StatusCode::SWITCHING_PROTOCOLS {
        return Err(io::Error::other(format!("the runtime answers {}", answer.status())));
    }
    hyper::upgrade::on(answer).await.map(TokioIo::new).map_err(io::Error::other)
}

/// Passes an upgrade on as it is, and joins the two connections once both agree. What they say to each other is not
/// looked into.
pub(super) async fn pass(env: &Env, url: &str, mut request: Request<Incoming>) -> Reply {
    let client = hyper::upgrade::on(&mut request);
    let place = Place::of(&request);
    let (parts, _) = request.into_parts();
    let mut onward = Request::new(reply::empty());
    *onward.method_mut() = parts.method;
    *onward.headers_mut() = parts.headers;
    for name in [HOST, http::header::AUTHORIZATION, CONTENT_LENGTH, TRANSFER_ENCODING] {
        onward.headers_mut().remove(name);
    }
    let mut answer = match send(env, url, onward).await {
        Ok(answer) => answer,
        Err(error) => return unreachable(&error),
    };
    match answer.status().as_u16() {
        101 => {}
        400.. => return refused(answer).await,
        code => {
            let message = format!("invalid upgrade response: status code {code}");
            return reply::text(StatusCode::INTERNAL_SERVER_ERROR, message);
        }
    }
    let runtime = hyper::upgrade::on(&mut answer);
    let timer = env.clone();
    let joined = async move {
        let _place = place;
        let (Ok(client), Ok(runtime)) = (client.await, runtime.await) else { return };
        join(&timer, TokioIo::new(client), TokioIo::new(runtime)).await;
    };
    env.spawn("stream", Box::pin(joined));
    let mut reply = Response::new(reply::empty());
    *reply.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    *reply.headers_mut() = answer.headers().clone();
    reply
}

/// What a client is told when there is no way to the runtime.
pub(super) fn unreachable(error: &io::Error) -> Reply {
    let message = format!("error dialing backend: {error}");
    reply::text(StatusCode::INTERNAL_SERVER_ERROR, message)
}

/// Copies both ways until one side ends, then lets the other have its last bytes. Either may hang up at any time; that
/// is how such streams end.
async fn join(
    env: &Env,
    client: impl AsyncRead + AsyncWrite + Send,
    runtime: impl AsyncRead + AsyncWrite + Send,
) {
    let (mut from_client, mut to_client) = split(client);
    let (mut from_runtime, mut to_runtime) = split(runtime);
    let inward = copy(&mut from_client, &mut to_runtime);
    let outward = copy(&mut from_runtime, &mut to_client);
    tokio::pin!(inward, outward);
    tokio::select! {
        () = &mut inward => drop(env.timeout(LAST_BYTES, outward).await),
        () = &mut outward => {}
    }
}

async fn copy(from: &mut (impl AsyncRead + Unpin), to: &mut (impl AsyncWrite + Unpin)) {
    let mut block = vec![0; BLOCK];
    while let Ok(read @ 1..) = from.read(&mut block).await {
        let bytes = block.get(..read).unwrap_or_default();
        // What is there goes at once: the other end may be a terminal.
        if to.write_all(bytes).await.is_err() || to.flush().await.is_err() {
            break;
        }
    }
    // The other end may be gone already.
    let _ = to.shutdown().await;
}

async fn refused(answer: Response<Incoming>) -> Reply {
    use http_body_util::{BodyExt, Limited};
    const MOST: usize = 64 * 1024;
    let code = answer.status();
    let text = Limited::new(answer.into_body(), MOST).collect().await;
    reply::text(code, text.map(|text| text.to_bytes()).unwrap_or_default())
}

async fn send(env: &Env, url: &str, mut request: Request<Body>) -> io::Result<Response<Incoming>> {
    let uri: Uri = url.parse().map_err(io::Error::other)?;
    let authority =
        uri.authority().ok_or_else(|| io::Error::other("the runtime's URL names no host"))?.clone();
    let port = authority.port_u16().unwrap_or(80);
    let stream = TcpStream::connect((authority.host(), port)).await?;
    stream.set_nodelay(true)?;
    let handshake = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await;
    let (mut sender, connection) = handshake.map_err(io::Error::other)?;
    let driven = async move {
        let _ = connection.with_upgrades().await;
    };
    env.spawn("runtime-stream", Box::pin(driven));
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    *request.uri_mut() = path.parse().map_err(io::Error::other)?;
    request.headers_mut().insert(CONNECTION, HeaderValue::from_static("Upgrade"));
    let host = HeaderValue::from_str(authority.as_str()).map_err(io::Error::other)?;
    request.headers_mut().insert(HOST, host);
    sender.send_request(request).await.map_err(io::Error::other)
}
