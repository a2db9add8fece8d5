//! A command's streams as WebSocket channels (`v4.channel.k8s.io`, `v5.channel.k8s.io`): the first byte of a message is
//! the channel. Version 5 adds channel 255, which says that another one has ended (KEP-4006).

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

use bytes::{BufMut, BytesMut};
use futures::stream::{SplitSink, SplitStream};
use futures::{SinkExt, StreamExt};
use http::{Request, StatusCode};
use hyper::body::Incoming;
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use ironclad_api::params::StreamOptions;
use tokio::io::{ReadHalf, WriteHalf, split};
use tokio::sync::Mutex;
use tokio_tungstenite::tungstenite::Message;

use super::spdy::{Frame, Reader, Writer};
use super::{REMOTE_COMMAND, runtime, websocket};
use crate::server::Shared;
use crate::server::reply::{self, Reply};

/// In the order in which they are preferred.
const PROTOCOLS: [&str; 2] = ["v5.channel.k8s.io", "v4.channel.k8s.io"];

const STDIN: u8 = 0;
const STDOUT: u8 = 1;
const STDERR: u8 = 2;
const ERROR: u8 = 3;
const RESIZE: u8 = 4;
const CLOSE: u8 = 255;

type Runtime = TokioIo<Upgraded>;
type ToRuntime = Mutex<Writer<WriteHalf<Runtime>>>;

pub(super) async fn answer(
    shared: &Arc<Shared>,
    url: &str,
    options: &StreamOptions,
    request: Request<Incoming>,
) -> Reply {
    let offered = websocket::offered(request.headers());
    let chosen = PROTOCOLS.into_iter().find(|known| offered.iter().any(|protocol| protocol == known));
    let Some(protocol) = chosen else {
        let message = format!("none of these protocols is spoken here: {}\n", offered.join(", "));
        return reply::text(StatusCode::FORBIDDEN, message);
    };
    let (connection, streams) = match open(shared, url, options).await {
        Ok(opened) => opened,
        Err(error) => return reply::text(StatusCode::BAD_GATEWAY, error.to_string()),
    };
    let (reply, upgrade) = match websocket::agree(request, protocol) {
        Ok(agreed) => agreed,
        Err(refused) => return refused,
    };
    let relay = async move {
        if let Some(socket) = websocket::opened(upgrade).await {
            connection.relay(socket, streams).await;
        }
    };
    shared.env.spawn("remote-command", Box::pin(relay));
    reply
}

struct Connection {
    reader: Reader<ReadHalf<Runtime>>,
    writer: ToRuntime,
}

/// Opens the streams that the options ask for, in upstream's order; by channel, the stream's number.
async fn open(
    shared: &Shared,
    url: &str,
    options: &StreamOptions,
) -> io::Result<(Connection, BTreeMap<u8, u32>)> {
    let runtime = runtime::open_spdy(shared, url, REMOTE_COMMAND).await?;
    let (read, write) = split(runtime);
    let mut writer = Writer::new(write);
    let wanted = [
        (ERROR, "error", true),
        (STDIN, "stdin", options.stdin),
        (STDOUT, "stdout", options.stdout),
        (STDERR, "stderr", options.stderr && !options.tty),
        (RESIZE, "resize", options.tty),
    ];
    let mut streams = BTreeMap::new();
    for (channel, kind, _) in wanted.into_iter().filter(|(_, _, wanted)| *wanted) {
        streams.insert(channel, writer.open(&[("streamType", kind)]).await?);
    }
    Ok((Connection { reader: Reader::new(read), writer: Mutex::new(writer) }, streams))
}

impl Connection {
    /// Carries both directions until either end is done.
    async fn relay(self, socket: websocket::Socket, streams: BTreeMap<u8, u32>) {
        let (sink, messages) = socket.split();
        let Self { reader, writer } = self;
        tokio::select! {
            _ = inward(messages, &writer, &streams) => {}
            _ = outward(reader, sink, &writer, &streams) => {}
        }
    }
}

/// From the client to the runtime.
async fn inward(
    mut messages: SplitStream<websocket::Socket>,
    writer: &ToRuntime,
    streams: &BTreeMap<u8, u32>,
) -> io::Result<()> {
    while let Some(Ok(message)) = messages.next().await {
        let Message::Binary(message) = message else { continue };
        let Some((channel, content)) = message.split_first() else { continue };
        let (channel, last) = match (*channel, content) {
            (CLOSE, [closed, ..]) => (*closed, true),
            (channel, _) => (channel, false),
        };
        let Some(stream) = streams.get(&channel).filter(|_| matches!(channel, STDIN | RESIZE)) else {
            continue;
        };
        let content = if last { &[] } else { content };
        if last || !content.is_empty() {
            writer.lock().await.data(*stream, content, last).await?;
        }
    }
    Ok(())
}

/// From the runtime to the client.
async fn outward(
    mut reader: Reader<ReadHalf<Runtime>>,
    mut sink: SplitSink<websocket::Socket, Message>,
    writer: &ToRuntime,
    streams: &BTreeMap<u8, u32>,
) -> io::Result<()> {
    let channels: BTreeMap<u32, u8> = streams.iter().map(|(channel, stream)| (*stream, *channel)).collect();
    let output = |channel: &u8| matches!(*channel, STDOUT | STDERR | ERROR);
    let mut open: Vec<u8> = streams.keys().copied().filter(output).collect();
    while !open.is_empty() {
        let Some(frame) = reader.frame().await? else { break };
        match frame {
            Frame::Data { stream, bytes, last } => {
                let Some(channel) = channels.get(&stream).copied() else { continue };
                if !bytes.is_empty() {
                    let mut message = BytesMut::with_capacity(bytes.len() + 1);
                    message.put_u8(channel);
                    message.extend_from_slice(&bytes);
                    sink.send(Message::Binary(message.freeze())).await.map_err(io::Error::other)?;
                }
                if last {
                    open.retain(|other| *other != channel);
                }
            }
            Frame::Reset { stream } => {
                let channel = channels.get(&stream).copied();
                open.retain(|other| Some(*other) != channel);
            }
            Frame::Ping(id) if id % 2 == 0 => writer.lock().await.pong(id).await?,
            Frame::GoAway | Frame::Ping(_) | Frame::Other => {}
        }
    }
    sink.send(websocket::farewell()).await.map_err(io::Error::other)
}
