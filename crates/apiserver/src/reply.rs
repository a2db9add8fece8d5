//! Answers and their bodies.

mod gzip;
mod pieces;

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER};
use http::{Response, StatusCode};
use http_body::{Frame, SizeHint};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full};
use ironclad_api::protobuf::{self, EncodeError};
use ironclad_api::status::Status;
use ironclad_api::{Object, json, yaml};
use serde::Serialize;
use serde_json::Value;

use crate::negotiate::{Accepted, Encoding};

pub use gzip::{accepts_gzip, unpacked};
pub use pieces::{Pieces, pieces};

/// Why a body broke off. The client sees a cut connection or stream.
pub type BodyError = Box<dyn std::error::Error + Send + Sync>;
pub type Body = UnsyncBoxBody<Bytes, BodyError>;
pub type Reply = Response<Body>;

pub fn full(bytes: impl Into<Bytes>) -> Body {
    Full::new(bytes.into()).map_err(|never| match never {}).boxed_unsync()
}

pub fn empty() -> Body {
    full(Bytes::new())
}

/// A reply with a body of a known type.
pub fn bytes(code: u16, media_type: &'static str, body: impl Into<Bytes>) -> Reply {
    with_body(code, media_type, full(body))
}

pub fn with_body(code: u16, media_type: &'static str, body: Body) -> Reply {
    let mut reply = Response::new(body);
    *reply.status_mut() = status_code(code);
    reply.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
    reply
}

/// Plain text, as upstream's muxes write it.
pub fn text(code: u16, text: impl Into<String>) -> Reply {
    let mut reply = bytes(code, "text/plain; charset=utf-8", text.into());
    set(&mut reply, HeaderName::from_static("x-content-type-options"), "nosniff");
    reply
}

/// A value in the form that the client takes.
pub fn value<T: Serialize + ?Sized>(code: u16, accepted: &Accepted, value: &T) -> Reply {
    match encode(accepted, value) {
        Ok(encoded) => bytes(code, accepted.encoding.media_type(), encoded),
        // JSON can say everything.
        Err(error) => status(&Status::internal_error(error), &Accepted::default()),
    }
}

/// Fails only in protobuf, for what has no message.
pub fn encode<T: Serialize + ?Sized>(accepted: &Accepted, value: &T) -> Result<Vec<u8>, EncodeError> {
    let mut bytes = match accepted.encoding {
        Encoding::Yaml => return Ok(yaml::encode(&tree(value)).into()),
        Encoding::Protobuf => return protobuf::encode(&Object::from_value(tree(value)).unwrap_or_default()),
        Encoding::Json if accepted.pretty => json::encode_pretty(value),
        Encoding::Json => json::encode(value),
    };
    bytes.push(b'\n');
    Ok(bytes)
}

fn tree<T: Serialize + ?Sized>(value: &T) -> Value {
    serde_json::to_value(value).unwrap_or_default()
}

/// A Status, as an answer.
pub fn status(status: &Status, accepted: &Accepted) -> Reply {
    let code = if status.code == 0 { 200 } else { status.code };
    let mut reply = value(code, accepted, status);
    if let Some(seconds) = status.retry_after_seconds().filter(|seconds| *seconds > 0) {
        set(&mut reply, RETRY_AFTER, &seconds.to_string());
    }
    reply
}

/// Sets a header; a value that cannot stand in one is left out.
pub fn set(reply: &mut Reply, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        reply.headers_mut().insert(name, value);
    }
}

pub fn status_code(code: u16) -> StatusCode {
    StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

/// A body that keeps something alive until it is written or given up.
pub fn guarded<G: Send + Unpin + 'static>(body: Body, guard: G) -> Body {
    Guarded { body, _guard: guard }.boxed_unsync()
}

struct Guarded<G> {
    body: Body,
    _guard: G,
}

impl<G: Unpin> http_body::Body for Guarded<G> {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        Pin::new(&mut self.get_mut().body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
