//! Bodies of requests, read whole and within a limit.

use bytes::{Bytes, BytesMut};
use http_body::Body;
use http_body_util::BodyExt;
use ironclad_api::status::Status;

/// What upstream takes (`MaxRequestBodyBytes`).
pub const MAX_BODY: usize = 3 * 1024 * 1024;

/// So much of a body that is too large is read and thrown away, because many clients look
/// at the answer only when they have sent everything.
const MAX_DISCARDED: usize = 4 * MAX_BODY;

/// The body, or 413.
pub async fn read<B>(mut body: B) -> Result<Bytes, Status>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: std::fmt::Display,
{
    if body.size_hint().lower() > MAX_BODY as u64 {
        return Err(too_large(body).await);
    }
    let mut first = Bytes::new();
    let mut rest = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| Status::bad_request(error.to_string()))?;
        let Ok(data) = frame.into_data() else { continue };
        if first.len() + rest.len() + data.len() > MAX_BODY {
            return Err(too_large(body).await);
        }
        // Most bodies are one frame, which needs no copy.
        match first.is_empty() {
            true => first = data,
            false => rest.extend_from_slice(&data),
        }
    }
    if rest.is_empty() {
        return Ok(first);
    }
    let mut whole = BytesMut::with_capacity(first.len() + rest.len());
    whole.extend_from_slice(&first);
    whole.extend_from_slice(&rest);
    Ok(whole.freeze())
}

async fn too_large<B: Body<Data = Bytes> + Unpin>(mut body: B) -> Status {
    let mut discarded = 0;
    while discarded < MAX_DISCARDED {
        match body.frame().await {
            Some(Ok(frame)) => discarded += frame.data_ref().map_or(0, Bytes::len),
            _ => break,
        }
    }
    Status::request_entity_too_large(MAX_BODY)
}

#[cfg(test)]
mod tests {
    use futures::{FutureExt, stream};
    use http_body::Frame;
    use http_body_util::{Full, StreamBody};

    use super::*;

    fn chunks(
        count: usize,
        size: usize,
    ) -> impl Body<Data = Bytes, Error = std::convert::Infallible> + Unpin {
        let chunk = move |n: usize| Ok(Frame::data(Bytes::from(vec![n as u8; size])));
        StreamBody::new(stream::iter((0..count).map(chunk)))
    }

    #[test]
    fn bodies_are_put_together_within_the_limit() {
        let check = |count: usize, size: usize, want: Result<usize, u16>| {
            let got = read(chunks(count, size)).now_or_never().expect("at once");
            assert_eq!(got.map(|body| body.len()).map_err(|status| status.code), want, "{count} of {size}");
        };
        check(0, 0, Ok(0));
        check(1, 10, Ok(10));
        check(3, 10, Ok(30));
        check(3, 1 << 20, Ok(MAX_BODY));
        check(3073, 1024, Err(413));
    }

    #[test]
    fn a_body_that_announces_its_size_is_refused() {
        let body = Full::new(Bytes::from(vec![0; MAX_BODY + 1]));
        let status = read(body).now_or_never().expect("at once").expect_err("too large");
        assert_eq!(status.message, "Request entity too large: limit is 3145728");
    }
}
