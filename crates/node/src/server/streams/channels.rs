//! A command's streams as WebSocket channels, in each of the [protocols](super::protocol).

use std::collections::BTreeMap;
use std::io;

use bytes::{Bytes, BytesMut};
use futures::stream::{SplitSink, SplitStream};
use futures::{SinkExt, StreamExt};
use http::{Request, StatusCode};
use hyper::body::Incoming;
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use ironclad_api::params::StreamOptions;
use ironclad_env::Env;
use tokio::io::{ReadHalf, WriteHalf, split};
use tokio::sync::Mutex;
use tokio_tungstenite::tungstenite::Message;

use super::protocol::{self, Protocol};
use super::spdy::{Frame, Reader, Writer};
use super::{REMOTE_COMMAND, runtime, websocket};
use crate::server::Place;
use crate::server::reply::{self, Reply};

const STDIN: u8 = 0;
const STDOUT: u8 = 1;
const STDERR: u8 = 2;
const ERROR: u8 = 3;
const RESIZE: u8 = 4;
const CLOSE: u8 = 255;

/// What is kept of the runtime's Status, for clients that get its text only.
const MOST_STATUS: usize = 64 * 1024;

type Runtime = TokioIo<Upgraded>;
type ToRuntime = Mutex<Writer<WriteHalf<Runtime>>>;
type ToClient = SplitSink<websocket::Socket, Message>;

pub(super) async fn answer(
    env: &Env,
    url: &str,
    options: &StreamOptions,
    request: Request<Incoming>,
) -> Reply {
    let place = Place::of(&request);
    let offered = websocket::offered(request.headers());
    let Some(protocol) = protocol::choose(&offered) else {
        let message = format!("none of these protocols is spoken here: {}\n", offered.join(", "));
        return reply::text(StatusCode::FORBIDDEN, message);
    };
    let (connection, streams) = match open(env, url, options).await {
        Ok(opened) => opened,
        Err(error) => return runtime::unreachable(&error),
    };
    let (reply, upgrade) = match websocket::agree(request, protocol.name) {
        Ok(agreed) => agreed,
        Err(refused) => return refused,
    };
    let relay = async move {
        let _place = place;
        if let Some(socket) = websocket::opened(upgrade).await {
            connection.relay(socket, streams, protocol).await;
        }
    };
    env.spawn("remote-command", Box::pin(relay));
    reply
}

struct Connection {
    reader: Reader<ReadHalf<Runtime>>,
    writer: ToRuntime,
}

/// Opens the streams that the options ask for, in upstream's order; by channel, the stream's number.
async fn open(env: &Env, url: &str, options: &StreamOptions) -> io::Result<(Connection, BTreeMap<u8, u32>)> {
    let runtime = runtime::open_spdy(env, url, REMOTE_COMMAND).await?;
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
    async fn relay(self, socket: websocket::Socket, streams: BTreeMap<u8, u32>, protocol: Protocol) {
        let (mut sink, messages) = socket.split();
        let Self { reader, writer } = self;
        // An empty message tells the client that all is in place.
        let first = [STDOUT, STDERR].into_iter().find(|channel| streams.contains_key(channel));
        if sink.send(protocol.encode(first.unwrap_or(ERROR), &[])).await.is_err() {
            return;
        }
        tokio::select! {
            _ = inward(messages, &writer, &streams, protocol) => {}
            _ = outward(reader, Client { sink, protocol }, &writer, &streams) => {}
        }
    }
}

/// From the client to the runtime.
async fn inward(
    mut messages: SplitStream<websocket::Socket>,
    writer: &ToRuntime,
    streams: &BTreeMap<u8, u32>,
    protocol: Protocol,
) -> io::Result<()> {
    while let Some(Ok(message)) = messages.next().await {
        let Some((channel, content)) = protocol.decode(message) else { continue };
        let (channel, content, last) = match content.first() {
            Some(closed) if channel == CLOSE && protocol.half_close => (*closed, Bytes::new(), true),
            _ => (channel, content, false),
        };
        let Some(stream) = streams.get(&channel).filter(|_| matches!(channel, STDIN | RESIZE)) else {
            continue;
        };
        if last || !content.is_empty() {
            writer.lock().await.data(*stream, &content, last).await?;
        }
    }
    Ok(())
}

/// The client's end, as its protocol has it.
struct Client {
    sink: ToClient,
    protocol: Protocol,
}

impl Client {
    async fn send(&mut self, channel: u8, content: &[u8]) -> io::Result<()> {
        self.sink.send(self.protocol.encode(channel, content)).await.map_err(io::Error::other)
    }
}

/// From the runtime to the client.
async fn outward(
    mut reader: Reader<ReadHalf<Runtime>>,
    mut client: Client,
    writer: &ToRuntime,
    streams: &BTreeMap<u8, u32>,
) -> io::Result<()> {
    let channels: BTreeMap<u32, u8> = streams.iter().map(|(channel, stream)| (*stream, *channel)).collect();
    let output = |channel: &u8| matches!(*channel, STDOUT | STDERR | ERROR);
    let mut open: Vec<u8> = streams.keys().copied().filter(output).collect();
    let mut status = BytesMut::new();
    while !open.is_empty() {
        let Some(frame) = reader.frame().await? else { break };
        match frame {
            Frame::Data { stream, bytes, last } => {
                let Some(channel) = channels.get(&stream).copied() else { continue };
                if channel == ERROR && !client.protocol.status {
                    let room = MOST_STATUS.saturating_sub(status.len());
                    status.extend_from_slice(bytes.get(..room).unwrap_or(&bytes));
                } else if !bytes.is_empty() {
                    client.send(channel, &bytes).await?;
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
    if let Some(failure) = protocol::failure(&status).filter(|_| !client.protocol.status) {
        client.send(ERROR, failure.as_bytes()).await?;
    }
    client.sink.send(websocket::farewell()).await.map_err(io::Error::other)
}
