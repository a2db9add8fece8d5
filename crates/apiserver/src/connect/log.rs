//! A container's log: plain text that flows for as long as the agent has some, as a body or over a WebSocket.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use futures::{SinkExt, StreamExt};
use http::header::{CONNECTION, HOST, HeaderName, HeaderValue};
use http::request::Parts;
use http::{Method, Request};
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use ironclad_api::GroupResource;
use ironclad_api::goprint::quote;
use ironclad_api::status::{Response as Generic, Status};
use tokio_tungstenite::tungstenite::Message;

use super::location::Location;
use super::{backend, forward};
use crate::reply::{self, Reply};
use crate::resources::Asked;
use crate::server::Shared;
use crate::websocket;

/// So much of an agent's error is read.
const MAX_ERROR: usize = 50_000;

/// Subprotocols of one stream that only the server writes to (upstream's `wsstream.Reader`).
const BINARY: [&str; 2] = ["", "binary.k8s.io"];
const BASE64: &str = "base64.binary.k8s.io";

pub async fn serve(shared: &Shared, location: &Location, asked: Asked<'_>) -> Result<Reply, Status> {
    let body = ask(shared, location, &asked).await?;
    match websocket::is_wanted(&asked.parts.headers) {
        true => over_websocket(shared, asked.parts, body),
        false => Ok(reply::with_body(200, "text/plain", forward::streamed(body))),
    }
}

async fn ask(shared: &Shared, location: &Location, asked: &Asked<'_>) -> Result<Incoming, Status> {
    let get = Request::builder().method(Method::GET).uri(&location.path).header(HOST, location.authority());
    let get = get.body(reply::empty()).map_err(Status::internal_error)?;
    let answer = backend::send(shared, location, get)
        .await
        .map_err(|error| Status::unclassified(format!("Get {}: {error}", quote(&location.to_string()))))?;
    let code = answer.status();
    if (200..=206).contains(&code.as_u16()) {
        return Ok(answer.into_body());
    }
    let body = Limited::new(answer.into_body(), MAX_ERROR).collect().await;
    let body = body.map(|body| body.to_bytes()).unwrap_or_default();
    let text = String::from_utf8_lossy(&body);
    Err(match code.as_u16() {
        500 => Status::internal_error(text),
        400 => Status::bad_request(text),
        code => {
            let resource = GroupResource::new("", format!("{}/log", asked.resource.resource));
            let name = &asked.resource.name;
            let response =
                Generic { code, method: "", resource: &resource, name, body: &text, retry_after_seconds: 0 };
            Status::from_response(&response, false)
        }
    })
}

fn over_websocket(shared: &Shared, parts: Parts, mut body: Incoming) -> Result<Reply, Status> {
    let Some(protocol) = choose(&websocket::offered(&parts.headers)) else { return Ok(no_protocol()) };
    let (reply, opened) = websocket::accept(parts, protocol)?;
    let (env, stop) = (shared.env.clone(), shared.stop.clone());
    let task = async move {
        let Some((mut socket, _session)) = opened.await else { return };
        // An empty message tells the client that the log begins.
        let mut next = Some(Bytes::new());
        while let Some(bytes) = next {
            if socket.send(message(protocol, bytes)).await.is_err() {
                return;
            }
            next = loop {
                tokio::select! {
                    frame = body.frame() => match frame {
                        Some(Ok(frame)) => match frame.into_data() {
                            Ok(data) if !data.is_empty() => break Some(data),
                            _ => {}
                        },
                        _ => break None,
                    },
                    // Reading answers pings and notices the end.
                    incoming = socket.next() => match incoming {
                        Some(Ok(message)) if !message.is_close() => {}
                        _ => break None,
                    },
                    () = stop.cancelled() => break None,
                }
            };
        }
        websocket::finish(&env, socket).await;
    };
    shared.env.spawn("log", Box::pin(task));
    Ok(reply)
}

/// The first protocol of the client's list that is known; none offered is one of them.
fn choose(offered: &[String]) -> Option<&'static str> {
    let known = |name: &str| BINARY.into_iter().chain([BASE64]).find(|known| *known == name);
    match offered {
        [] => known(""),
        offered => offered.iter().find_map(|name| known(name)),
    }
}

fn no_protocol() -> Reply {
    let mut reply = reply::text(403, "");
    reply::set(&mut reply, HeaderName::from_static("sec-websocket-version"), "13");
    reply.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    reply
}

fn message(protocol: &str, bytes: Bytes) -> Message {
    match protocol {
        BASE64 => Message::Text(STANDARD.encode(bytes).into()),
        _ => Message::Binary(bytes),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clients_first_known_protocol_is_taken() {
        let check = |offered: &[&str], want: Option<&str>| {
            let offered: Vec<String> = offered.iter().map(|&name| name.to_owned()).collect();
            assert_eq!(choose(&offered), want, "{offered:?}");
        };
        check(&[], Some(""));
        check(&["chat", "binary.k8s.io"], Some("binary.k8s.io"));
        check(&["base64.binary.k8s.io", "binary.k8s.io"], Some("base64.binary.k8s.io"));
        check(&["channel.k8s.io"], None);
    }
}
