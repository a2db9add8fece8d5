//! A watch over a WebSocket: one message per event, text or binary.

use bytes::Bytes;
use futures::{SinkExt, StreamExt};
use ironclad_api::protobuf;
use ironclad_api::status::Status;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};

use super::{Asked, Events};
use crate::connect::upgrade;
use crate::negotiate::Encoding;
use crate::reply::Reply;
use crate::server::Shared;

/// Clients have nothing to say but pings and the close.
const MAX_MESSAGE: usize = 4 * 1024;

pub fn serve(shared: &Shared, asked: Asked<'_>, mut events: Events) -> Result<Reply, Status> {
    let (reply, upgraded) = upgrade::accept_websocket(asked.parts)?;
    shared.env.spawn(
        "watch",
        Box::pin(async move {
            let Some(io) = upgraded.await else { return };
            let config = WebSocketConfig::default()
                .max_message_size(Some(MAX_MESSAGE))
                .max_frame_size(Some(MAX_MESSAGE));
            let mut socket = WebSocketStream::from_raw_socket(io, Role::Server, Some(config)).await;
            loop {
                tokio::select! {
                    line = events.next_one() => {
                        let Some(line) = line else { break };
                        let Some(message) = message(events.frames.encoding, line) else { break };
                        if socket.send(message).await.is_err() {
                            return;
                        }
                    }
                    // Reading answers pings and notices the end.
                    incoming = socket.next() => match incoming {
                        Some(Ok(message)) if !message.is_close() => {}
                        _ => break,
                    },
                }
            }
            // The client may be gone already.
            let _ = socket.close(None).await;
        }),
    );
    Ok(reply)
}

fn message(encoding: Encoding, line: Bytes) -> Option<Message> {
    Some(match encoding {
        // A message has a length of its own.
        Encoding::Protobuf => Message::Binary(line.slice(protobuf::FRAME_HEAD.min(line.len())..)),
        _ => Message::Text(line.try_into().ok()?),
    })
}
