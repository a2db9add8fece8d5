//! A port-forward as kubectl sends it since 1.31: SPDY/3.1, cut into WebSocket messages (KEP-4006).

use bytes::Bytes;
use futures::{SinkExt, StreamExt};
use http::Request;
use hyper::body::Incoming;
use ironclad_env::Env;
use tokio::io::{AsyncReadExt, AsyncWriteExt, split};
use tokio_tungstenite::tungstenite::Message;

use super::{PORT_FORWARD, TUNNEL, runtime, websocket};
use crate::server::Place;
use crate::server::reply::Reply;

const BLOCK: usize = 32 * 1024;

pub(super) async fn answer(env: &Env, url: &str, request: Request<Incoming>) -> Reply {
    let place = Place::of(&request);
    let runtime = match runtime::open_spdy(env, url, PORT_FORWARD).await {
        Ok(runtime) => runtime,
        Err(error) => return runtime::unreachable(&error),
    };
    let (reply, upgrade) = match websocket::agree(request, TUNNEL) {
        Ok(agreed) => agreed,
        Err(refused) => return refused,
    };
    let relay = async move {
        let _place = place;
        let Some(socket) = websocket::opened(upgrade).await else { return };
        let (mut sink, mut messages) = socket.split();
        let (mut from_runtime, mut to_runtime) = split(runtime);
        let inward = async {
            while let Some(Ok(message)) = messages.next().await {
                let Message::Binary(bytes) = message else { continue };
                if to_runtime.write_all(&bytes).await.is_err() {
                    return;
                }
            }
        };
        let outward = async {
            let mut block = vec![0; BLOCK];
            while let Ok(read @ 1..) = from_runtime.read(&mut block).await {
                let bytes = Bytes::copy_from_slice(block.get(..read).unwrap_or_default());
                if sink.send(Message::Binary(bytes)).await.is_err() {
                    return;
                }
            }
            let _ = sink.send(websocket::farewell()).await;
        };
        // Either end hangs up when it has enough.
        tokio::select! {
            () = inward => {}
            () = outward => {}
        }
    };
    env.spawn("port-forward", Box::pin(relay));
    reply
}
