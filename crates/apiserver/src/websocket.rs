//! The server's side of WebSockets (RFC 6455), for what this server itself says over them: watches and logs.

use std::time::Duration;

use futures::{SinkExt, StreamExt};
use http::header::{
    HeaderMap, HeaderValue, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_PROTOCOL, UPGRADE,
};
use http::request::Parts;
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use ironclad_api::status::Status;
use ironclad_env::{Env, EnvironmentExt};
use tokio::io::AsyncWriteExt;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::frame::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};

use crate::connect::upgrade::{Session, is_upgrade, switching};
use crate::reply::{self, Reply};

/// Clients have nothing to say but pings and the close.
const MAX_MESSAGE: usize = 4 * 1024;

/// What waits for a client that does not read: one message, and answers to its pings.
const MAX_UNSENT: usize = 16 * 1024 * 1024;

/// How long a client may take to say goodbye.
const LAST_WORDS: Duration = Duration::from_secs(5);

pub type Socket = WebSocketStream<TokioIo<Upgraded>>;

pub fn is_wanted(headers: &HeaderMap) -> bool {
    let protocol = headers.get(UPGRADE).map(HeaderValue::as_bytes).unwrap_or_default();
    is_upgrade(headers) && protocol.eq_ignore_ascii_case(b"websocket")
}

/// The subprotocols that the client offers, its favourite first.
pub fn offered(headers: &HeaderMap) -> Vec<String> {
    let values = headers.get_all(SEC_WEBSOCKET_PROTOCOL).into_iter().filter_map(|value| value.to_str().ok());
    let names = values.flat_map(|value| value.split(',')).map(str::trim);
    names.filter(|name| !name.is_empty()).map(str::to_owned).collect()
}

/// Agrees to a handshake (section 4.2.2) and to `protocol`; empty means none. The future is
/// the connection with its session, or `None` if the client went away first.
pub fn accept(
    mut parts: Parts,
    protocol: &str,
) -> Result<(Reply, impl Future<Output = Option<(Socket, Session)>> + Send + use<>), Status> {
    let key = parts.headers.get(SEC_WEBSOCKET_KEY);
    let key = key.ok_or_else(|| Status::bad_request("the WebSocket handshake has no key"))?;
    let upgrade = parts.extensions.remove::<OnUpgrade>();
    let upgrade = upgrade.ok_or_else(|| Status::bad_request("the connection cannot be upgraded"))?;
    let session = parts.extensions.remove().unwrap_or_default();
    let mut reply = switching();
    reply::set(&mut reply, SEC_WEBSOCKET_ACCEPT, &derive_accept_key(key.as_bytes()));
    reply::set(&mut reply, UPGRADE, "websocket");
    if !protocol.is_empty() {
        reply::set(&mut reply, SEC_WEBSOCKET_PROTOCOL, protocol);
    }
    Ok((reply, async { Some((open(upgrade).await?, session)) }))
}

async fn open(upgrade: OnUpgrade) -> Option<Socket> {
    let io = TokioIo::new(upgrade.await.ok()?);
    let config = WebSocketConfig::default()
        .max_message_size(Some(MAX_MESSAGE))
        .max_frame_size(Some(MAX_MESSAGE))
        .read_buffer_size(MAX_MESSAGE)
        .max_write_buffer_size(MAX_UNSENT);
    Some(WebSocketStream::from_raw_socket(io, Role::Server, Some(config)).await)
}

/// Says that all has been said, and hangs up when the client has heard it: to clients, any other end is a failure.
pub async fn finish(env: &Env, mut socket: Socket) {
    let normal = CloseFrame { code: CloseCode::Normal, reason: Default::default() };
    if socket.send(Message::Close(Some(normal))).await.is_err() {
        return;
    }
    let heard = async { while let Some(Ok(_)) = socket.next().await {} };
    env.timeout(LAST_WORDS, heard).await;
    // The client may be gone already.
    let _ = socket.get_mut().shutdown().await;
}
