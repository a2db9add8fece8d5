//! Answers that are put together while they are written: lists and tables. Only one chunk
//! of the answer exists at a time.

use bytes::{Bytes, BytesMut};
use futures::stream;
use http::header::{CONTENT_ENCODING, HeaderValue, VARY};
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};

use super::gzip::Gzip;
use super::{Body, BodyError, Reply, full, with_body};

/// The parts of an answer, in order; each makes some bytes at the end of a buffer.
pub type Pieces = Box<dyn Iterator<Item = Bytes> + Send>;

/// An answer up to this size is written at once and never compressed, as upstream.
const SMALL: usize = 128 * 1024;

/// A larger one goes in chunks of about this size.
const CHUNK: usize = 32 * 1024;

/// The reply that consists of these pieces.
pub fn pieces(code: u16, media_type: &'static str, mut pieces: Pieces, gzip: bool) -> Reply {
    let Some(first) = chunk(&mut pieces, SMALL) else {
        return with_body(code, media_type, full(Bytes::new()));
    };
    if first.len() < SMALL {
        return with_body(code, media_type, full(first));
    }
    if !gzip {
        return with_body(code, media_type, streamed(Chunks { first: Some(first), pieces }));
    }
    let body = streamed(Gzip::new(Chunks { first: Some(first), pieces }));
    let mut reply = with_body(code, media_type, body);
    reply.headers_mut().insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    reply.headers_mut().append(VARY, HeaderValue::from_static("Accept-Encoding"));
    reply
}

struct Chunks {
    first: Option<Bytes>,
    pieces: Pieces,
}

impl Iterator for Chunks {
    type Item = Bytes;

    fn next(&mut self) -> Option<Bytes> {
        self.first.take().or_else(|| chunk(&mut self.pieces, CHUNK))
    }
}

/// At least `size` bytes, if there are so many; `None` at the end.
fn chunk(pieces: &mut Pieces, size: usize) -> Option<Bytes> {
    let first = pieces.next()?;
    if first.len() >= size {
        return Some(first);
    }
    let mut buffer = BytesMut::with_capacity(first.len() + 4096);
    buffer.extend_from_slice(&first);
    while buffer.len() < size {
        match pieces.next() {
            Some(piece) => buffer.extend_from_slice(&piece),
            None => break,
        }
    }
    Some(buffer.freeze())
}

fn streamed(chunks: impl Iterator<Item = Bytes> + Send + 'static) -> Body {
    let frames = chunks.map(|bytes| Ok::<_, BodyError>(Frame::data(bytes)));
    StreamBody::new(stream::iter(frames)).boxed_unsync()
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use futures::FutureExt;

    use super::*;

    fn list(items: usize) -> (Pieces, Vec<u8>) {
        let piece = |n: usize| Bytes::from(format!("{n:->1000},"));
        let whole: Vec<u8> = (0..items).flat_map(|n| piece(n).to_vec()).collect();
        (Box::new((0..items).map(piece)), whole)
    }

    fn read(reply: Reply) -> Vec<u8> {
        let collected = reply.into_body().collect().now_or_never().expect("at once");
        collected.expect("a whole body").to_bytes().to_vec()
    }

    #[test]
    fn every_piece_arrives_whatever_the_size() {
        for items in [0, 1, 100, 128, 132, 500] {
            let (pieces_of, whole) = list(items);
            let reply = pieces(200, "application/json", pieces_of, false);
            assert!(!reply.headers().contains_key(CONTENT_ENCODING));
            assert_eq!(read(reply), whole, "{items} items");
        }
    }

    #[test]
    fn only_large_answers_are_compressed() {
        let (small, _) = list(100);
        assert!(!pieces(200, "application/json", small, true).headers().contains_key(CONTENT_ENCODING));
        let (large, whole) = list(500);
        let reply = pieces(200, "application/json", large, true);
        assert_eq!(reply.headers()[CONTENT_ENCODING], "gzip");
        let compressed = read(reply);
        assert!(compressed.len() < whole.len() / 4);
        let mut plain = Vec::new();
        flate2::read::GzDecoder::new(&*compressed).read_to_end(&mut plain).expect("gzip");
        assert_eq!(plain, whole);
    }
}
