//! A watch's stream of lines, as JSON events.

use bytes::{Buf, Bytes, BytesMut};
use http::Response;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use ironclad_api::status::Status;
use serde::Deserialize;
use serde_json::value::RawValue;

/// The longest line: objects are at most 1.5 MiB in etcd, so this is generous.
const MAX_LINE: usize = 16 * 1024 * 1024;

#[derive(Debug, PartialEq)]
pub(crate) enum Event {
    /// Added or modified: the encoded object.
    Put(Bytes),
    /// Deleted: its last state.
    Delete(Bytes),
    /// Nothing happened up to this object's resourceVersion.
    Bookmark(Bytes),
    /// The watch is over.
    Error(Box<Status>),
}

/// Splits a response into events.
pub(crate) struct Events {
    body: Incoming,
    buffer: BytesMut,
}

#[derive(Deserialize)]
struct Line<'a> {
    #[serde(rename = "type")]
    kind: &'a str,
    #[serde(borrow)]
    object: &'a RawValue,
}

impl Events {
    pub(crate) fn new(response: Response<Incoming>) -> Self {
        Self { body: response.into_body(), buffer: BytesMut::new() }
    }

    /// The next event; `None` when the server ended the stream. `Err` says what broke.
    pub(crate) async fn next(&mut self) -> Option<Result<Event, String>> {
        let mut searched = 0;
        loop {
            let end =
                self.buffer.get(searched..).and_then(|rest| rest.iter().position(|byte| *byte == b'\n'));
            if let Some(end) = end {
                let line = self.buffer.split_to(searched + end).freeze();
                self.buffer.advance(1);
                return Some(read(&line));
            }
            searched = self.buffer.len();
            if searched > MAX_LINE {
                return Some(Err(format!("a watch event of more than {MAX_LINE} bytes")));
            }
            match self.body.frame().await? {
                Ok(frame) => self.buffer.extend(frame.into_data().unwrap_or_default()),
                Err(error) => return Some(Err(error.to_string())),
            }
        }
    }
}

fn read(line: &Bytes) -> Result<Event, String> {
    let parsed: Line<'_> = serde_json::from_slice(line).map_err(|error| error.to_string())?;
    let object = line.slice_ref(parsed.object.get().as_bytes());
    match parsed.kind {
        "ADDED" | "MODIFIED" => Ok(Event::Put(object)),
        "DELETED" => Ok(Event::Delete(object)),
        "BOOKMARK" => Ok(Event::Bookmark(object)),
        "ERROR" => {
            let status = serde_json::from_slice(&object).map_err(|error| error.to_string())?;
            Ok(Event::Error(Box::new(status)))
        }
        kind => Err(format!("an unknown kind of watch event: {kind}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_an_event_whose_object_is_not_copied() {
        for (line, expected) in [
            (r#"{"type":"ADDED","object":{"a":1}}"#, Ok(Event::Put(Bytes::from_static(br#"{"a":1}"#)))),
            (r#"{"type":"DELETED","object":{}}"#, Ok(Event::Delete(Bytes::from_static(b"{}")))),
            (r#"{"type":"BOOKMARK","object":{}}"#, Ok(Event::Bookmark(Bytes::from_static(b"{}")))),
            (r#"{"type":"NEWS","object":{}}"#, Err("an unknown kind of watch event: NEWS".to_owned())),
        ] {
            assert_eq!(read(&Bytes::from_static(line.as_bytes())), expected, "{line}");
        }
        assert!(read(&Bytes::from_static(b"nonsense")).is_err());
    }
}
