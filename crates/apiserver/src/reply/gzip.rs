//! Compression of large answers, chunk by chunk.

use std::io::{Read, Write};

use bytes::Bytes;
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use http::HeaderMap;
use http::header::ACCEPT_ENCODING;

use crate::negotiate::header;

/// Level 1, as upstream: the others cost several times the CPU for little.
const LEVEL: Compression = Compression::new(1);

pub struct Gzip<I> {
    chunks: I,
    /// `None` once the trailer has been written.
    encoder: Option<GzEncoder<Vec<u8>>>,
}

impl<I> Gzip<I> {
    pub fn new(chunks: I) -> Self {
        Self { chunks, encoder: Some(GzEncoder::new(Vec::new(), LEVEL)) }
    }
}

impl<I: Iterator<Item = Bytes>> Iterator for Gzip<I> {
    type Item = Bytes;

    fn next(&mut self) -> Option<Bytes> {
        loop {
            let mut encoder = self.encoder.take()?;
            let Some(chunk) = self.chunks.next() else {
                // Writing to a Vec cannot fail.
                return encoder.finish().ok().map(Bytes::from);
            };
            let _ = encoder.write_all(&chunk);
            let compressed = std::mem::take(encoder.get_mut());
            self.encoder = Some(encoder);
            if !compressed.is_empty() {
                return Some(compressed.into());
            }
        }
    }
}

/// What was compressed here.
pub fn unpacked(compressed: &[u8]) -> Bytes {
    let mut plain = Vec::new();
    // What breaks off is what there is.
    let _ = GzDecoder::new(compressed).read_to_end(&mut plain);
    plain.into()
}

/// Whether the client takes gzip.
pub fn accepts_gzip(headers: &HeaderMap) -> bool {
    header(headers, &ACCEPT_ENCODING).split(',').any(|token| token.trim() == "gzip")
}
