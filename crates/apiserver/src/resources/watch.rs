//! Watches: chunks of JSON lines or protobuf frames, or messages of a WebSocket. Nothing is taken from the
//! engine before the connection has room, so a slow client waits for itself only.

mod frames;
mod websocket;

use bytes::{Bytes, BytesMut};
use futures::stream;
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};
use ironclad_api::fields;
use ironclad_api::params::ListOptions;
use ironclad_api::status::Status;
use ironclad_client::{Operation, Request};
use ironclad_engine::{Response, Watch, WatchEvent};
use ironclad_env::Seldom;
use tokio_util::sync::WaitForCancellationFutureOwned;

use self::frames::Frames;
use super::Asked;
use crate::metrics::Sent;
use crate::negotiate::Accepted;
use crate::reply::{BodyError, Reply, with_body};
use crate::server::Shared;
use crate::websocket as handshake;

/// Events that are there already are written together up to this size.
const BATCH: usize = 64 * 1024;

pub async fn serve(shared: &Shared, asked: Asked<'_>, accepted: Accepted) -> Result<Reply, Status> {
    let frames = Frames::new(shared, &asked, &accepted)?;
    let operation = Operation::Watch(options(&asked)?);
    let mut target = asked.target();
    target.name.clear();
    let response = shared.engine.carry_out(asked.context, Request { target, operation }).await?;
    let Response::Watch(watch) = response else {
        return Err(Status::internal_error("the engine answered a watch with an object"));
    };
    let sent = shared.metrics.watching.of(&asked.served.gvr);
    let stop = Seldom::new(shared.stop.clone().cancelled_owned());
    let events = Events { watch: *watch, frames, stop, sent };
    if handshake::is_wanted(&asked.parts.headers) {
        return websocket::serve(shared, asked, events);
    }
    let chunks = stream::unfold(events, |mut events| async move {
        let chunk = events.next().await?;
        Some((Ok::<_, BodyError>(Frame::data(chunk)), events))
    });
    Ok(with_body(200, accepted.encoding.stream_type(), StreamBody::new(Box::pin(chunks)).boxed_unsync()))
}

/// A watch of one object (`/watch/.../name`) is one with a selector for its name.
fn options(asked: &Asked<'_>) -> Result<ListOptions, Status> {
    let mut options = ListOptions::from_query(asked.query, &asked.served.gvr.group_resource())?;
    if !asked.resource.names_object() {
        return Ok(options);
    }
    let name = &asked.resource.name;
    if options.field_selector.is_everything() {
        options.field_selector = fields::Selector::equals("metadata.name", name.clone());
    } else if options.field_selector.exact_value("metadata.name") != Some(name) {
        return Err(Status::bad_request("fieldSelector metadata.name doesn't match requested name"));
    }
    Ok(options)
}

/// A running watch, in the form that its client asked for.
struct Events {
    watch: Watch,
    frames: Frames,
    /// Set when the server stops: watches end at once.
    stop: Seldom<WaitForCancellationFutureOwned>,
    sent: Sent,
}

impl Events {
    /// The next event's line or frame; `None` at the end.
    async fn next_one(&mut self) -> Option<Bytes> {
        let event = tokio::select! {
            biased;
            () = &mut self.stop => None,
            event = self.watch.next() => event,
        };
        Some(self.line(&event?))
    }

    fn line(&mut self, event: &WatchEvent) -> Bytes {
        let line = self.frames.line(self.watch.served(), event);
        self.sent.event(line.len());
        line
    }

    /// The lines of the next event and of those that are there already.
    async fn next(&mut self) -> Option<Bytes> {
        let first = self.next_one().await?;
        let Some(second) = self.watch.next_now() else { return Some(first) };
        let mut lines = BytesMut::with_capacity(first.len() * 2);
        lines.extend_from_slice(&first);
        let mut event = Some(second);
        while let Some(more) = event {
            let line = self.line(&more);
            lines.extend_from_slice(&line);
            event = if lines.len() < BATCH { self.watch.next_now() } else { None };
        }
        Some(lines.freeze())
    }
}
