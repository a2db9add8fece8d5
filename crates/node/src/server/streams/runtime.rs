//! The runtime's streaming server.

use std::io;

use http::header::{CONNECTION, HOST, HeaderValue, UPGRADE};
use http::{Method, Request, Response, StatusCode, Uri};
use hyper::body::Incoming;
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use tokio::io::copy_bidirectional;
use tokio::net::TcpStream;

use crate::server::Shared;
use crate::server::reply::{self, Body, Reply};

/// Opens a connection that speaks SPDY/3.1 with `protocol` inside.
pub(super) async fn open_spdy(
    shared: &Shared,
    url: &str,
    protocol: &'static str,
) -> io::Result<TokioIo<Upgraded>> {
    let mut request = Request::new(reply::empty());
    *request.method_mut() = Method::POST;
    let headers = request.headers_mut();
    headers.insert(UPGRADE, HeaderValue::from_static("SPDY/3.1"));
    headers.insert("X-Stream-Protocol-Version", HeaderValue::from_static(protocol));
    let answer = send(shared, url, request).await?;
    if answer.status() != StatusCode::SWITCHING_PROTOCOLS {
        return Err(io::Error::other(format!("the runtime answers {}", answer.status())));
    }
    hyper::upgrade::on(answer).await.map(TokioIo::new).map_err(io::Error::other)
}

/// Passes an upgrade on as it is, and joins the two connections once both agree.
pub(super) async fn pass(shared: &Shared, url: &str, mut request: Request<Incoming>) -> Reply {
    let client = hyper::upgrade::on(&mut request);
    let (parts, _) = request.into_parts();
    let mut onward = Request::new(reply::empty());
    *onward.method_mut() = parts.method;
    *onward.headers_mut() = parts.headers;
    onward.headers_mut().remove(HOST);
    onward.headers_mut().remove(http::header::AUTHORIZATION);
    let mut answer = match send(shared, url, onward).await {
        Ok(answer) => answer,
        Err(error) => return reply::text(StatusCode::BAD_GATEWAY, error.to_string()),
    };
    if answer.status() != StatusCode::SWITCHING_PROTOCOLS {
        return refused(answer).await;
    }
    let runtime = hyper::upgrade::on(&mut answer);
    let joined = async move {
        let (Ok(client), Ok(runtime)) = (client.await, runtime.await) else { return };
        // Either end may hang up at any time; that is how such streams end.
        let _ = copy_bidirectional(&mut TokioIo::new(client), &mut TokioIo::new(runtime)).await;
    };
    shared.env.spawn("stream", Box::pin(joined));
    let mut reply = Response::new(reply::empty());
    *reply.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    *reply.headers_mut() = answer.headers().clone();
    reply
}

async fn refused(answer: Response<Incoming>) -> Reply {
    use http_body_util::{BodyExt, Limited};
    const MOST: usize = 64 * 1024;
    let code = answer.status();
    let text = Limited::new(answer.into_body(), MOST).collect().await;
    reply::text(code, text.map(|text| text.to_bytes()).unwrap_or_default())
}

async fn send(shared: &Shared, url: &str, mut request: Request<Body>) -> io::Result<Response<Incoming>> {
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
    shared.env.spawn("runtime-stream", Box::pin(driven));
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    *request.uri_mut() = path.parse().map_err(io::Error::other)?;
    request.headers_mut().insert(CONNECTION, HeaderValue::from_static("Upgrade"));
    let host = HeaderValue::from_str(authority.as_str()).map_err(io::Error::other)?;
    request.headers_mut().insert(HOST, host);
    sender.send_request(request).await.map_err(io::Error::other)
}
