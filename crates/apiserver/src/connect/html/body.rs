//! A page on its way through: decompressed, rewritten, compressed again, piece by piece.

use std::io::{self, Write};

use bytes::Bytes;
use flate2::Compression;
use flate2::write::{DeflateDecoder, DeflateEncoder, GzEncoder, MultiGzDecoder};
use futures::stream;
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};
use hyper::body::Incoming;

use super::Page;
use crate::connect::links::Links;
use crate::reply::{Body, BodyError};

/// So much is decompressed at a time, which bounds what comes of it (zlib makes at most a
/// thousand bytes of one).
const PIECE: usize = 4 * 1024;

pub struct Filter {
    decoder: Decoder,
    page: Page,
    encoder: Encoder,
}

enum Decoder {
    None,
    Gzip(MultiGzDecoder<Vec<u8>>),
    Deflate(DeflateDecoder<Vec<u8>>),
}

enum Encoder {
    None,
    Gzip(GzEncoder<Vec<u8>>),
    Deflate(DeflateEncoder<Vec<u8>>),
}

impl Filter {
    /// `None` for a content coding that is not known here: such a page passes as it is.
    pub fn new(coding: &str, links: Links) -> Option<Self> {
        let level = Compression::fast();
        let (decoder, encoder) = match coding {
            "" => (Decoder::None, Encoder::None),
            "gzip" => (
                Decoder::Gzip(MultiGzDecoder::new(Vec::new())),
                Encoder::Gzip(GzEncoder::new(Vec::new(), level)),
            ),
            "deflate" => (
                Decoder::Deflate(DeflateDecoder::new(Vec::new())),
                Encoder::Deflate(DeflateEncoder::new(Vec::new(), level)),
            ),
            _ => return None,
        };
        Some(Self { decoder, page: Page::new(links), encoder })
    }

    fn push(&mut self, bytes: &[u8]) -> io::Result<Vec<u8>> {
        let plain = match &mut self.decoder {
            Decoder::None => None,
            Decoder::Gzip(decoder) => {
                decoder.write_all(bytes)?;
                Some(std::mem::take(decoder.get_mut()))
            }
            Decoder::Deflate(decoder) => {
                decoder.write_all(bytes)?;
                Some(std::mem::take(decoder.get_mut()))
            }
        };
        let mut out = Vec::new();
        self.page.push(plain.as_deref().unwrap_or(bytes), &mut out);
        self.encoder.write(out)
    }

    fn finish(&mut self) -> io::Result<Vec<u8>> {
        let mut out = Vec::new();
        match &mut self.decoder {
            Decoder::None => {}
            Decoder::Gzip(decoder) => {
                decoder.try_finish()?;
                self.page.push(decoder.get_mut(), &mut out);
            }
            Decoder::Deflate(decoder) => {
                decoder.try_finish()?;
                self.page.push(decoder.get_mut(), &mut out);
            }
        }
        self.page.finish(&mut out);
        let mut encoded = self.encoder.write(out)?;
        encoded.append(&mut self.encoder.end()?);
        Ok(encoded)
    }
}

impl Encoder {
    fn write(&mut self, bytes: Vec<u8>) -> io::Result<Vec<u8>> {
        match self {
            Self::None => Ok(bytes),
            Self::Gzip(encoder) => {
                encoder.write_all(&bytes)?;
                Ok(std::mem::take(encoder.get_mut()))
            }
            Self::Deflate(encoder) => {
                encoder.write_all(&bytes)?;
                Ok(std::mem::take(encoder.get_mut()))
            }
        }
    }

    fn end(&mut self) -> io::Result<Vec<u8>> {
        match self {
            Self::None => Ok(Vec::new()),
            Self::Gzip(encoder) => {
                encoder.try_finish()?;
                Ok(std::mem::take(encoder.get_mut()))
            }
            Self::Deflate(encoder) => {
                encoder.try_finish()?;
                Ok(std::mem::take(encoder.get_mut()))
            }
        }
    }
}

struct Flow {
    from: Incoming,
    /// Read and not yet filtered.
    left: Bytes,
    /// `None` once the end is written.
    filter: Option<Filter>,
}

/// The body as it goes on.
pub fn filtered(from: Incoming, filter: Filter) -> Body {
    let flow = Flow { from, left: Bytes::new(), filter: Some(filter) };
    let frames = stream::try_unfold(flow, |mut flow| async move {
        let piece = flow.next().await?;
        Ok::<_, BodyError>(piece.map(|bytes| (Frame::data(bytes), flow)))
    });
    StreamBody::new(Box::pin(frames)).boxed_unsync()
}

impl Flow {
    async fn next(&mut self) -> Result<Option<Bytes>, BodyError> {
        loop {
            let Some(filter) = &mut self.filter else { return Ok(None) };
            if self.left.is_empty() {
                match self.from.frame().await {
                    Some(frame) => self.left = frame?.into_data().unwrap_or_default(),
                    None => {
                        let last = filter.finish()?;
                        self.filter = None;
                        return Ok(Some(last.into()));
                    }
                }
                continue;
            }
            let piece = self.left.split_to(self.left.len().min(PIECE));
            let out = filter.push(&piece)?;
            if !out.is_empty() {
                return Ok(Some(out.into()));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    #[test]
    fn compressed_pages_are_rewritten_too() {
        let html = "<a href=\"/x\">".repeat(1000);
        let want = "<a href=\"/p/x\">".repeat(1000);
        let links = || Links { prefix: "/p".into(), backend: Vec::new(), host: String::new() };
        let pass = |coding: &str, sent: &[u8]| {
            let mut filter = Filter::new(coding, links()).expect("known");
            let mut got: Vec<u8> =
                sent.chunks(7).flat_map(|piece| filter.push(piece).expect("good")).collect();
            got.append(&mut filter.finish().expect("whole"));
            got
        };
        assert_eq!(pass("", html.as_bytes()), want.as_bytes());
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(html.as_bytes()).expect("written");
        let got = pass("gzip", &encoder.finish().expect("whole"));
        let mut text = String::new();
        flate2::read::GzDecoder::new(&got[..]).read_to_string(&mut text).expect("gzip");
        assert_eq!(text, want);
        let mut encoder = DeflateEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(html.as_bytes()).expect("written");
        let got = pass("deflate", &encoder.finish().expect("whole"));
        text.clear();
        flate2::read::DeflateDecoder::new(&got[..]).read_to_string(&mut text).expect("deflate");
        assert_eq!(text, want);
        assert!(Filter::new("br", links()).is_none());
    }
}
