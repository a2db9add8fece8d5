//! As much of SPDY/3.1 as a client of the runtime's streaming server needs: opening streams, data both ways, ends.
//!
//! Header blocks are zlib streams, one per direction. The runtime's are not looked into: what they say (nothing) does
//! not matter. Ours are stored blocks, each followed by an empty one, which is what a flush looks like; such a stream
//! says of itself that it needs no dictionary, which Go's reader accepts, so that neither a compressor nor SPDY's
//! dictionary is needed. Flow control is absent on both sides: `moby/spdystream`, which every runtime uses, has none.

use std::io;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

const VERSION: u16 = 3;
const SYN_STREAM: u16 = 1;
const RST_STREAM: u16 = 3;
const PING: u16 = 6;
const GOAWAY: u16 = 7;
const FLAG_FIN: u8 = 1;
/// A frame's length has 24 bits; a peer that uses them all is not one of ours.
const MOST_FRAME: usize = 4 << 20;
/// Data is cut into frames of at most this size.
const MOST_DATA: usize = 32 * 1024;

/// The half that sends.
pub(super) struct Writer<W> {
    io: W,
    /// Streams that a client opens have odd numbers.
    next_stream: u32,
    /// Whether the zlib stream of headers has begun.
    begun: bool,
}

/// The half that receives.
pub(super) struct Reader<R> {
    io: R,
}

/// What the peer has to say.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Frame {
    Data {
        stream: u32,
        bytes: Bytes,
        last: bool,
    },
    /// The stream is broken off.
    Reset {
        stream: u32,
    },
    /// To be sent back, if it is not an answer to one of ours.
    Ping(u32),
    /// The peer wants no more streams.
    GoAway,
    /// Nothing that matters here.
    Other,
}

impl<W: AsyncWrite + Unpin> Writer<W> {
    pub(super) fn new(io: W) -> Self {
        Self { io, next_stream: 1, begun: false }
    }

    /// Opens a stream and returns its number.
    pub(super) async fn open(&mut self, headers: &[(&str, &str)]) -> io::Result<u32> {
        let stream = self.next_stream;
        self.next_stream += 2;
        let block = self.header_block(headers)?;
        let mut frame = BytesMut::new();
        put_control(&mut frame, SYN_STREAM, 0, 10 + block.len());
        frame.put_u32(stream);
        // No associated stream, priority and slot 0.
        frame.put_u32(0);
        frame.put_u16(0);
        frame.extend_from_slice(&block);
        self.io.write_all(&frame).await?;
        self.io.flush().await?;
        Ok(stream)
    }

    /// Sends data; `last` ends this direction of the stream.
    pub(super) async fn data(&mut self, stream: u32, bytes: &[u8], last: bool) -> io::Result<()> {
        let mut pieces = bytes.chunks(MOST_DATA).peekable();
        if pieces.peek().is_none() {
            self.piece(stream, &[], last).await?;
        }
        while let Some(piece) = pieces.next() {
            let last = last && pieces.peek().is_none();
            self.piece(stream, piece, last).await?;
        }
        self.io.flush().await
    }

    async fn piece(&mut self, stream: u32, bytes: &[u8], last: bool) -> io::Result<()> {
        let mut head = BytesMut::with_capacity(8);
        head.put_u32(stream);
        let flags = if last { FLAG_FIN } else { 0 };
        head.put_u32(u32::from(flags) << 24 | bytes.len() as u32);
        self.io.write_all(&head).await?;
        self.io.write_all(bytes).await
    }

    /// Sends a ping back.
    pub(super) async fn pong(&mut self, id: u32) -> io::Result<()> {
        let mut frame = BytesMut::new();
        put_control(&mut frame, PING, 0, 4);
        frame.put_u32(id);
        self.io.write_all(&frame).await?;
        self.io.flush().await
    }

    fn header_block(&mut self, headers: &[(&str, &str)]) -> io::Result<BytesMut> {
        let mut plain = BytesMut::new();
        plain.put_u32(headers.len() as u32);
        for (name, value) in headers {
            for text in [&name.to_ascii_lowercase(), *value] {
                plain.put_u32(text.len() as u32);
                plain.extend_from_slice(text.as_bytes());
            }
        }
        let length = u16::try_from(plain.len()).map_err(io::Error::other)?;
        let mut block = BytesMut::new();
        if !std::mem::replace(&mut self.begun, true) {
            block.extend_from_slice(&[0x78, 0x01]);
        }
        for (length, content) in [(length, &plain[..]), (0, &[][..])] {
            block.put_u8(0);
            block.put_u16_le(length);
            block.put_u16_le(!length);
            block.extend_from_slice(content);
        }
        Ok(block)
    }
}

impl<R: AsyncRead + Unpin> Reader<R> {
    pub(super) fn new(io: R) -> Self {
        Self { io }
    }

    /// The next frame; `None` at the end of the connection.
    pub(super) async fn frame(&mut self) -> io::Result<Option<Frame>> {
        let mut head = [0; 8];
        match self.io.read_exact(&mut head).await {
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
            read => read.map(drop)?,
        }
        let mut head = &head[..];
        let first = head.get_u32();
        let second = head.get_u32();
        let (flags, length) = ((second >> 24) as u8, (second & 0x00ff_ffff) as usize);
        if length > MOST_FRAME {
            return Err(io::Error::other("a frame is too large"));
        }
        let mut body = vec![0; length];
        self.io.read_exact(&mut body).await?;
        Ok(Some(match first >> 31 {
            0 => Frame::Data { stream: first, bytes: body.into(), last: flags & FLAG_FIN != 0 },
            _ => control((first & 0xffff) as u16, &body),
        }))
    }
}

fn control(kind: u16, mut body: &[u8]) -> Frame {
    let number = if body.len() >= 4 { Some(body.get_u32()) } else { None };
    match (kind, number) {
        (RST_STREAM, Some(stream)) => Frame::Reset { stream: stream & 0x7fff_ffff },
        (PING, Some(id)) => Frame::Ping(id),
        (GOAWAY, _) => Frame::GoAway,
        _ => Frame::Other,
    }
}

fn put_control(frame: &mut BytesMut, kind: u16, flags: u8, length: usize) {
    frame.put_u16(0x8000 | VERSION);
    frame.put_u16(kind);
    frame.put_u32(u32::from(flags) << 24 | length as u32);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_stream_is_opened_as_the_draft_has_it() {
        let mut written = Vec::new();
        let mut writer = Writer::new(&mut written);
        assert_eq!(writer.open(&[("streamType", "error")]).await.expect("written"), 1);
        assert_eq!(writer.open(&[]).await.expect("written"), 3);
        let block = [
            &[0x78, 0x01, 0, 27, 0, 0xe4, 0xff][..],
            &[0, 0, 0, 1, 0, 0, 0, 10],
            b"streamtype",
            &[0, 0, 0, 5],
            b"error",
            &[0, 0, 0, 0xff, 0xff],
        ]
        .concat();
        let head = [0x80, 3, 0, 1, 0, 0, 0, 10 + block.len() as u8, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0];
        assert_eq!(written.get(..18), Some(&head[..]));
        assert_eq!(written.get(18..18 + block.len()), Some(&block[..]));
        let second = &written[18 + block.len()..];
        assert_eq!(second.get(8..12), Some(&[0, 0, 0, 3][..]));
        assert_eq!(second.get(18..20), Some(&[0, 4][..]), "the zlib stream goes on");
    }

    #[tokio::test]
    async fn frames_are_told_apart() {
        let bytes = [
            &[0, 0, 0, 5, 1, 0, 0, 2, b'h', b'i'][..],
            &[0x80, 3, 0, 6, 0, 0, 0, 4, 0, 0, 0, 2],
            &[0x80, 3, 0, 3, 0, 0, 0, 8, 0, 0, 0, 5, 0, 0, 0, 1],
            &[0x80, 3, 0, 2, 0, 0, 0, 4, 0, 0, 0, 5],
        ]
        .concat();
        let mut reader = Reader::new(&bytes[..]);
        let mut frames = Vec::new();
        while let Some(frame) = reader.frame().await.expect("read") {
            frames.push(frame);
        }
        let data = Frame::Data { stream: 5, bytes: Bytes::from_static(b"hi"), last: true };
        assert_eq!(frames, [data, Frame::Ping(2), Frame::Reset { stream: 5 }, Frame::Other]);
    }

    #[tokio::test]
    async fn what_is_no_frame_ends_the_connection_and_costs_little() {
        let check = async |bytes: &[u8], want: Result<usize, &str>| {
            let mut reader = Reader::new(bytes);
            let mut frames = 0;
            let got = loop {
                match reader.frame().await {
                    Ok(Some(_)) => frames += 1,
                    Ok(None) => break Ok(frames),
                    Err(error) => break Err(error.to_string()),
                }
            };
            assert_eq!(got, want.map_err(str::to_owned), "{bytes:?}");
        };
        check(&[], Ok(0)).await;
        check(&[0, 0, 0], Ok(0)).await;
        check(&[0, 0, 0, 1, 0, 0, 0, 4, b'h', b'i'], Err("early eof")).await;
        check(&[0, 0, 0, 1, 0, 0xff, 0xff, 0xff], Err("a frame is too large")).await;
        check(&[0x80, 3, 0, 1, 0, 0x40, 0, 1], Err("a frame is too large")).await;
        // Control frames without content, and of no known kind.
        let empty: Vec<u8> = (0..=20).flat_map(|kind| [0x80, 3, 0, kind, 0, 0, 0, 0]).collect();
        check(&empty, Ok(21)).await;
    }

    /// Whatever comes, it is read to its end or refused.
    #[tokio::test]
    async fn noise_is_read_or_refused() {
        let mut seed = 0x2545_f491_4f6c_dd1d_u64;
        for _ in 0..2000 {
            let mut noise = Vec::new();
            while noise.len() < 512 {
                seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                let word = (seed >> 32) as u32;
                // A small length keeps frames coming.
                let length = if word & 3 == 0 { word } else { word & 0x1f };
                noise.extend_from_slice(&word.to_be_bytes());
                noise.extend_from_slice(&length.to_be_bytes());
            }
            let mut reader = Reader::new(&noise[..]);
            let most = noise.len();
            let mut frames = 0;
            while let Ok(Some(_)) = reader.frame().await {
                frames += 1;
                assert!(frames <= most);
            }
        }
    }
}
