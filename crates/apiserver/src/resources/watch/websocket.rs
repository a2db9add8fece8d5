//! A watch over a WebSocket: one message per event, text or binary.

use bytes::Bytes;
use futures::{SinkExt, StreamExt};
use ironclad_api::protobuf;
use ironclad_api::status::Status;
use tokio_tungstenite::tungstenite::Message;

use super::{Asked, Events};
use crate::negotiate::Encoding;
use crate::reply::Reply;
use crate::server::Shared;
use crate::websocket;

pub fn serve(shared: &Shared, asked: Asked<'_>, mut events: Events) -> Result<Reply, Status> {
    // Whatever the client calls it: there is one way to send events.
    let protocol = websocket::offered(&asked.parts.headers).into_iter().next().unwrap_or_default();
    let (reply, opened) = websocket::accept(asked.parts, &protocol)?;
    let env = shared.env.clone();
    shared.env.spawn(
        "watch",
        Box::pin(async move {
            let Some((mut socket, _session)) = opened.await else { return };
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
            websocket::finish(&env, socket).await;
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
