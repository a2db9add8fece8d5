//! The server's side of SPDY/3.1 as container runtimes speak it: enough to be one, for kubectl.
//! Source: <https://www.chromium.org/spdy/spdy-protocol/spdy-protocol-draft3-1/>

use std::collections::BTreeMap;
use std::sync::Arc;

use flate2::{Decompress, FlushDecompress, Status};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

const SYN_STREAM: u16 = 1;
const PING: u16 = 6;
const FIN: u8 = 1;

/// What both sides' compression begins with (section 2.6.10.1): names and values of headers, the names with lengths.
fn dictionary() -> Vec<u8> {
    const NAMES: &str = "options head post put delete trace accept accept-charset accept-encoding accept-language \
        accept-ranges age allow authorization cache-control connection content-base content-encoding content-language \
        content-length content-location content-md5 content-range content-type date etag expect expires from host \
        if-match if-modified-since if-none-match if-range if-unmodified-since last-modified location max-forwards \
        pragma proxy-authenticate proxy-authorization range referer retry-after server te trailer transfer-encoding \
        upgrade user-agent vary via warning www-authenticate method get status 200_OK version HTTP/1.1 url public \
        set-cookie keep-alive origin";
    const VALUES: &str = "100101201202205206300302303304305306307402405406407408409410411412413414415416417502504505\
        203 Non-Authoritative Information204 No Content301 Moved Permanently400 Bad Request401 Unauthorized\
        403 Forbidden404 Not Found500 Internal Server Error501 Not Implemented503 Service Unavailable\
        Jan Feb Mar Apr May Jun Jul Aug Sept Oct Nov Dec 00:00:00 Mon, Tue, Wed, Thu, Fri, Sat, Sun, GMT\
        chunked,text/html,image/png,image/jpg,image/gif,application/xml,application/xhtml+xml,text/plain,\
        text/javascript,publicprivatemax-age=gzip,deflate,sdchcharset=utf-8charset=iso-8859-1,utf-,*,enq=0.";
    let mut bytes = Vec::new();
    for name in NAMES.split_whitespace() {
        bytes.extend_from_slice(&(name.len() as u32).to_be_bytes());
        bytes.extend_from_slice(name.replace('_', " ").as_bytes());
    }
    bytes.extend_from_slice(VALUES.as_bytes());
    bytes
}

/// Sends frames, in the order they are given, from anywhere.
#[derive(Clone)]
pub struct Sender(UnboundedSender<Vec<u8>>);

impl Sender {
    /// Data of a stream; `last` ends it.
    pub fn data(&self, stream: u32, bytes: &[u8], last: bool) {
        let flags = if last { u32::from(FIN) << 24 } else { 0 };
        let head = [stream.to_be_bytes(), (flags | bytes.len() as u32).to_be_bytes()].concat();
        // The client may be gone.
        let _ = self.0.send([&head, bytes].concat());
    }

    fn control(&self, kind: u8, content: &[u8]) {
        let head = [&[0x80, 3, 0, kind][..], &(content.len() as u32).to_be_bytes()].concat();
        let _ = self.0.send([&head, content].concat());
    }
}

/// A stream that the client has opened.
pub struct Stream {
    pub id: u32,
    pub headers: BTreeMap<String, String>,
    /// What the client sends on it; ends with its half of the stream.
    pub data: UnboundedReceiver<Vec<u8>>,
}

/// Speaks on a connection. The streams come as the client opens them, until it hangs up.
pub fn serve(io: impl AsyncRead + AsyncWrite + Send + 'static) -> (Sender, UnboundedReceiver<Stream>) {
    let (from, mut to) = tokio::io::split(io);
    let (frames, mut queue) = unbounded_channel::<Vec<u8>>();
    let (opened, streams) = unbounded_channel();
    tokio::spawn(async move {
        while let Some(frame) = queue.recv().await {
            if to.write_all(&frame).await.is_err() || to.flush().await.is_err() {
                return;
            }
        }
        let _ = to.shutdown().await;
    });
    let sender = Sender(frames);
    tokio::spawn(read(from, sender.clone(), opened));
    (sender, streams)
}

async fn read(mut from: impl AsyncRead + Unpin, sender: Sender, opened: UnboundedSender<Stream>) {
    let mut headers = Headers::default();
    let mut data: BTreeMap<u32, UnboundedSender<Vec<u8>>> = BTreeMap::new();
    while let Ok(first) = from.read_u32().await {
        let Ok(second) = from.read_u32().await else { return };
        let (flags, mut content) = ((second >> 24) as u8, vec![0; (second & 0x00ff_ffff) as usize]);
        if from.read_exact(&mut content).await.is_err() {
            return;
        }
        let number = |at: usize| u32::from_be_bytes(content[at..at + 4].try_into().expect("four bytes"));
        match (first >> 31, (first & 0xffff) as u16) {
            (0, _) => {
                if let Some(stream) = data.get(&first) {
                    let _ = stream.send(content);
                }
                if flags & FIN != 0 {
                    data.remove(&first);
                }
            }
            (_, SYN_STREAM) => {
                let id = number(0);
                let (each, receiver) = unbounded_channel();
                let headers = headers.read(&content[10..]);
                if flags & FIN == 0 {
                    data.insert(id, each);
                }
                sender.control(2, &[&id.to_be_bytes()[..], headers.reply()].concat());
                let _ = opened.send(Stream { id, headers: headers.fields, data: receiver });
            }
            (_, PING) => sender.control(6, &content),
            _ => {}
        }
    }
}

/// The client's headers, which are one zlib stream over all frames.
struct Headers {
    inflate: Decompress,
    dictionary: Arc<[u8]>,
    replied: bool,
}

impl Default for Headers {
    fn default() -> Self {
        Self { inflate: Decompress::new(true), dictionary: dictionary().into(), replied: false }
    }
}

struct Block {
    fields: BTreeMap<String, String>,
    first: bool,
}

impl Block {
    /// No headers, in stored blocks of a zlib stream of our own.
    fn reply(&self) -> &'static [u8] {
        const ALL: &[u8] = &[0x78, 1, 0, 4, 0, 0xfb, 0xff, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff];
        if self.first { ALL } else { &ALL[2..] }
    }
}

impl Headers {
    fn read(&mut self, block: &[u8]) -> Block {
        let mut plain = Vec::with_capacity(64 * 1024);
        let start = self.inflate.total_in();
        loop {
            let taken = (self.inflate.total_in() - start) as usize;
            match self.inflate.decompress_vec(&block[taken..], &mut plain, FlushDecompress::Sync) {
                Ok(Status::Ok | Status::BufError | Status::StreamEnd) => break,
                Err(error) if error.needs_dictionary().is_some() => {
                    // Fails if it is not the very dictionary that the client has.
                    self.inflate.set_dictionary(&self.dictionary).expect("the dictionary");
                }
                Err(error) => panic!("headers: {error}"),
            }
        }
        let count = u32::from_be_bytes(plain[..4].try_into().expect("four bytes"));
        let mut fields = BTreeMap::new();
        let mut at = 4;
        let mut text = || {
            let length = u32::from_be_bytes(plain[at..at + 4].try_into().expect("four bytes")) as usize;
            let text = String::from_utf8(plain[at + 4..at + 4 + length].to_vec()).expect("text");
            at += 4 + length;
            text
        };
        for _ in 0..count {
            let name = text();
            fields.insert(name, text());
        }
        Block { fields, first: !std::mem::replace(&mut self.replied, true) }
    }
}
