//! The WebSocket handshake (RFC 6455, section 4.2).

use http::header::{
    CONNECTION, HeaderValue, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_PROTOCOL, UPGRADE,
};
use http::{HeaderMap, Request, Response, StatusCode};
use hyper::body::Incoming;
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::frame::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};

use super::upgrade;
use crate::server::reply::{self, Reply};

/// Greater messages end the connection.
const MOST_BYTES: usize = 4 << 20;

/// Every connection has such a buffer.
const READ_AT_ONCE: usize = 32 * 1024;

/// What waits for a client that does not read: one message (at its longest in base64), and answers to its pings.
const MOST_UNSENT: usize = 2 * MOST_BYTES;

pub(super) type Socket = WebSocketStream<TokioIo<Upgraded>>;

pub(super) fn is_wanted(headers: &HeaderMap) -> bool {
    upgrade(headers).is_some_and(|protocol| protocol.eq_ignore_ascii_case("websocket"))
}

/// The protocols that the client offers, its favourite first.
pub(super) fn offered(headers: &HeaderMap) -> Vec<String> {
    let values = headers.get_all(SEC_WEBSOCKET_PROTOCOL).into_iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).map(|name| name.trim().to_owned()).collect()
}

/// The answer that agrees to `protocol` (empty: to none), and the connection to come.
pub(super) fn agree(mut request: Request<Incoming>, protocol: &str) -> Result<(Reply, OnUpgrade), Reply> {
    let bad = |why: &'static str| reply::text(StatusCode::BAD_REQUEST, why);
    let key = request.headers().get(SEC_WEBSOCKET_KEY).ok_or_else(|| bad("no WebSocket key\n"))?;
    let accept = HeaderValue::from_str(&derive_accept_key(key.as_bytes()));
    let (Ok(accept), Ok(protocol)) = (accept, HeaderValue::from_str(protocol)) else {
        return Err(bad("bad WebSocket handshake\n"));
    };
    let mut answer = Response::new(reply::empty());
    *answer.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = answer.headers_mut();
    headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(SEC_WEBSOCKET_ACCEPT, accept);
    if !protocol.is_empty() {
        headers.insert(SEC_WEBSOCKET_PROTOCOL, protocol);
    }
    Ok((answer, hyper::upgrade::on(&mut request)))
}

/// The connection, once the answer has been sent.
pub(super) async fn opened(upgrade: OnUpgrade) -> Option<Socket> {
    let upgraded = upgrade.await.ok()?;
    let config = WebSocketConfig::default()
        .max_message_size(Some(MOST_BYTES))
        .max_frame_size(Some(MOST_BYTES))
        .read_buffer_size(READ_AT_ONCE)
        .max_write_buffer_size(MOST_UNSENT);
    Some(WebSocketStream::from_raw_socket(TokioIo::new(upgraded), Role::Server, Some(config)).await)
}

/// Says that all has been said: to clients, any other end is a failure.
pub(super) fn farewell() -> Message {
    Message::Close(Some(CloseFrame { code: CloseCode::Normal, reason: Default::default() }))
}
