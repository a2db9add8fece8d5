//! Streams between a client and a runtime that is only pretended.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use futures::{SinkExt, StreamExt};
use http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use ironclad_api::params::{Query, StreamOptions};
use ironclad_env::RealEnv;
use tokio::io::{AsyncReadExt, AsyncWriteExt, split};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::Role;

use super::spdy::{Frame, Reader, Writer};
use super::{channels, options, runtime, tunnel, websocket};
use crate::server::Place;

/// Nothing here takes longer, unless it hangs.
const SOON: Duration = Duration::from_secs(20);

const STATUS: &str =
    r#"{"metadata":{},"status":"Failure","message":"command terminated with exit code 3","code":500}"#;

/// What the pretended runtime does with a connection that speaks SPDY.
#[derive(Clone, Copy)]
enum Runtime {
    /// A command that says back what it reads, up to `end`; sizes of its terminal too. Then it fails.
    Command,
    /// Says every byte back, and a farewell behind the last one.
    Echo,
    /// Agrees to nothing.
    Refusing,
    /// Answers as if nothing had been asked.
    Plain,
}

/// Starts the runtime; its URL.
async fn start(runtime: Runtime) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve(runtime, stream));
        }
    });
    format!("http://{address}/token")
}

async fn serve(runtime: Runtime, mut stream: TcpStream) {
    let head = head(&mut stream).await;
    assert!(head.contains(" /token HTTP/1.1\r\n") && head.contains("upgrade: SPDY/3.1"), "{head}");
    assert!(!head.contains("authorization") && !head.contains("content-length: 5"), "{head}");
    let protocols: Vec<&str> =
        head.lines().filter_map(|line| line.strip_prefix("x-stream-protocol-version: ")).collect();
    let agreed = format!(
        "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\n\
         X-Stream-Protocol-Version: {}\r\n\r\n",
        protocols.last().copied().unwrap_or_default()
    );
    let answer = match runtime {
        Runtime::Refusing => "HTTP/1.1 403 Forbidden\r\nContent-Length: 10\r\n\r\nnone of it",
        Runtime::Plain => "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
        Runtime::Command | Runtime::Echo => &agreed,
    };
    stream.write_all(answer.as_bytes()).await.expect("answered");
    match runtime {
        Runtime::Command => command(stream).await,
        Runtime::Echo => {
            let (mut from, mut to) = stream.split();
            let _ = tokio::io::copy(&mut from, &mut to).await;
            let _ = to.write_all(b"farewell").await;
        }
        Runtime::Refusing | Runtime::Plain => {}
    }
}

/// Up to the empty line.
async fn head(stream: &mut TcpStream) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.expect("a head"));
    }
    String::from_utf8(head).expect("text")
}

/// Streams by their numbers, as the agent opens them for a command with input and output: the status, input, output,
/// and then either errors or sizes.
async fn command(stream: TcpStream) {
    const STATUS_STREAM: u32 = 1;
    const INPUT: u32 = 3;
    const OUTPUT: u32 = 5;
    const LAST: u32 = 7;
    let (from, to) = split(stream);
    let (mut reader, mut writer) = (Reader::new(from), Writer::new(to));
    let mut sizes = Vec::new();
    while let Ok(Some(frame)) = reader.frame().await {
        match frame {
            Frame::Data { stream: INPUT, bytes, last } => {
                writer.data(OUTPUT, &bytes, false).await.expect("sent");
                if last || bytes.ends_with(b"end") {
                    break;
                }
            }
            Frame::Data { stream: LAST, bytes, .. } => sizes.extend_from_slice(&bytes),
            _ => {}
        }
    }
    let said = if sizes.is_empty() { b"oops".to_vec() } else { sizes };
    let sized = said != b"oops";
    let data = [(if sized { OUTPUT } else { LAST }, said), (STATUS_STREAM, STATUS.as_bytes().to_vec())];
    for (stream, bytes) in data {
        writer.data(stream, &bytes, false).await.expect("sent");
    }
    for stream in [OUTPUT, LAST, STATUS_STREAM] {
        writer.data(stream, b"", true).await.expect("sent");
    }
    // The agent hangs up.
    while let Ok(Some(_)) = reader.frame().await {}
}

/// An agent before a runtime, over plain HTTP, with room for one connection.
struct Agent {
    address: SocketAddr,
    room: Arc<Semaphore>,
}

impl Agent {
    async fn before(runtime: Runtime) -> Self {
        Self::before_url(start(runtime).await).await
    }

    async fn before_url(url: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let room = Arc::new(Semaphore::new(1));
        let places = room.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (url, permit) = (url.clone(), places.clone().acquire_owned().await.expect("open"));
                let place = Place::new(permit);
                let service = service_fn(move |mut request: Request<Incoming>| {
                    request.extensions_mut().insert(place.clone());
                    let url = url.clone();
                    async move {
                        let env = RealEnv::shared();
                        let options = options(&Query::parse(request.uri().query().unwrap_or_default()));
                        Ok::<_, Infallible>(match request.uri().path() {
                            "/forward" => tunnel::answer(&env, &url, request).await,
                            _ if websocket::is_wanted(request.headers()) => {
                                channels::answer(&env, &url, &options, request).await
                            }
                            _ => runtime::pass(&env, &url, request).await,
                        })
                    }
                });
                tokio::spawn(
                    http1::Builder::new().serve_connection(TokioIo::new(stream), service).with_upgrades(),
                );
            }
        });
        Self { address, room }
    }

    /// Sends a head; the connection, and the head of the answer.
    async fn ask(&self, line: &str, headers: &[(&str, &str)]) -> (TcpStream, String) {
        let headers: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        let mut stream = TcpStream::connect(self.address).await.expect("a connection");
        let sent = format!("{line} HTTP/1.1\r\nHost: node\r\nConnection: Upgrade\r\n{headers}\r\n");
        stream.write_all(sent.as_bytes()).await.expect("sent");
        let answer = tokio::time::timeout(SOON, head(&mut stream)).await.expect("an answer");
        (stream, answer.to_ascii_lowercase())
    }

    async fn websocket(&self, path: &str, protocol: &str) -> WebSocketStream<TcpStream> {
        let mut headers = vec![
            ("Upgrade", "websocket"),
            ("Sec-WebSocket-Version", "13"),
            ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
        ];
        headers.extend((!protocol.is_empty()).then_some(("Sec-WebSocket-Protocol", protocol)));
        let (stream, answer) = self.ask(&format!("GET {path}"), &headers).await;
        assert!(answer.starts_with("http/1.1 101 "), "{answer}");
        let agreed = format!("sec-websocket-protocol: {}\r\n", protocol.to_ascii_lowercase());
        assert_eq!(answer.contains(&agreed), !protocol.is_empty(), "{answer}");
        WebSocketStream::from_raw_socket(stream, Role::Client, None).await
    }

    /// Waits until nothing of any connection is left.
    async fn is_left(&self) {
        let _permit = tokio::time::timeout(SOON, self.room.acquire()).await.expect("all of it ends");
    }
}

/// All messages up to the close, as channel and content.
async fn messages(socket: &mut WebSocketStream<TcpStream>, base64: bool) -> Vec<(u8, String)> {
    let mut all = Vec::new();
    loop {
        let next = tokio::time::timeout(SOON, socket.next()).await.expect("a message");
        let bytes = match next.expect("a close").expect("a message") {
            Message::Close(_) => return all,
            Message::Text(text) if base64 => {
                let (channel, content) = text.split_at(1);
                let content = STANDARD.decode(content).expect("base64");
                [&[channel.as_bytes()[0] - b'0'], content.as_slice()].concat()
            }
            Message::Binary(bytes) if !base64 => bytes.to_vec(),
            other => panic!("{other:?}"),
        };
        all.push((bytes[0], String::from_utf8(bytes[1..].to_vec()).expect("text")));
    }
}

fn message(channel: u8, content: &[u8], base64: bool) -> Message {
    match base64 {
        true => Message::Text(format!("{channel}{}", STANDARD.encode(content)).into()),
        false => Message::Binary([&[channel], content].concat().into()),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn commands_are_spoken_to_in_every_protocol() {
    let agent = &Agent::before(Runtime::Command).await;
    let check = async |protocol: &str, status: &str| {
        let base64 = protocol.contains("base64");
        let mut socket = agent.websocket("/exec?input=1&output=1&error=1", protocol).await;
        // A channel that is not there, one that is not to be written to, and a message that is none.
        for (channel, content) in [(9, &b"x"[..]), (1, b"x"), (0, b"hello, "), (0, b"this is the end")] {
            socket.send(message(channel, content, base64)).await.expect("sent");
        }
        let got = messages(&mut socket, base64).await;
        let output: String =
            got.iter().filter(|(channel, _)| *channel == 1).map(|(_, text)| text.as_str()).collect();
        assert_eq!(
            got.first(),
            Some(&(1, String::new())),
            "{protocol}: an empty message says that it begins"
        );
        assert_eq!(output, "hello, this is the end", "{protocol}");
        let rest: Vec<(u8, &str)> = got
            .iter()
            .filter(|(channel, _)| *channel > 1)
            .map(|(channel, text)| (*channel, text.as_str()))
            .collect();
        assert_eq!(rest, [(2, "oops"), (3, status)], "{protocol}");
        drop(socket);
        agent.is_left().await;
    };
    let text = "command terminated with exit code 3";
    check("v5.channel.k8s.io", STATUS).await;
    check("v4.channel.k8s.io", STATUS).await;
    check("v4.base64.channel.k8s.io", STATUS).await;
    check("channel.k8s.io", text).await;
    check("base64.channel.k8s.io", text).await;
    check("", text).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn input_ends_and_terminals_change_their_size() {
    let agent = Agent::before(Runtime::Command).await;
    let mut socket = agent.websocket("/exec?input=1&output=1&tty=1", "v5.channel.k8s.io").await;
    let size = r#"{"Width":80,"Height":24}"#;
    socket.send(message(4, size.as_bytes(), false)).await.expect("sent");
    socket.send(message(0, b"typed", false)).await.expect("sent");
    socket.send(message(255, &[0], false)).await.expect("sent");
    let got = messages(&mut socket, false).await;
    let want =
        [(1, ""), (1, "typed"), (1, size), (3, STATUS)].map(|(channel, text)| (channel, text.to_owned()));
    // The end of the input may come as a frame of its own, which says nothing.
    assert_eq!(got, want);
    drop(socket);
    agent.is_left().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn spdy_passes_byte_by_byte() {
    let agent = Agent::before(Runtime::Echo).await;
    for method in ["POST", "GET"] {
        let headers = [
            ("Upgrade", "SPDY/3.1"),
            ("X-Stream-Protocol-Version", "v4.channel.k8s.io"),
            ("X-Stream-Protocol-Version", "v3.channel.k8s.io"),
            ("Authorization", "Bearer secret"),
        ];
        let (mut stream, answer) = agent.ask(&format!("{method} /exec"), &headers).await;
        assert!(answer.starts_with("http/1.1 101 "), "{answer}");
        // All that the client offers gets there, and what is agreed to comes back.
        for line in ["upgrade: spdy/3.1\r\n", "x-stream-protocol-version: v3.channel.k8s.io\r\n"] {
            assert!(answer.contains(line), "{answer}");
        }
        let sent: Vec<u8> = (0..300_000_u32).map(|n| (n % 251) as u8).collect();
        let (mut from, mut to) = stream.split();
        let sending = async {
            to.write_all(&sent).await.expect("sent");
            to.shutdown().await.expect("ended");
        };
        let mut got = Vec::new();
        let (_, read) = tokio::join!(sending, tokio::time::timeout(SOON, from.read_to_end(&mut got)));
        read.expect("an end").expect("an end");
        assert!(got == [&sent[..], b"farewell"].concat(), "{} bytes came back", got.len());
        drop(stream);
        agent.is_left().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_keeps_its_place_until_it_ends() {
    let agent = Agent::before(Runtime::Echo).await;
    let (stream, _) = agent.ask("POST /exec", &[("Upgrade", "SPDY/3.1")]).await;
    assert_eq!(agent.room.available_permits(), 0);
    drop(stream);
    agent.is_left().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forward_is_tunnelled_through_a_websocket() {
    let agent = Agent::before(Runtime::Echo).await;
    let mut socket = agent.websocket("/forward", super::TUNNEL).await;
    let sent = vec![5; 300_000];
    socket.send(Message::Binary(sent.clone().into())).await.expect("sent");
    let mut got = Vec::new();
    while got.len() < sent.len() {
        let next = tokio::time::timeout(SOON, socket.next()).await.expect("more");
        let Some(Ok(Message::Binary(bytes))) = next else { panic!("{next:?}") };
        got.extend_from_slice(&bytes);
    }
    assert!(got == sent);
    drop(socket);
    agent.is_left().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_runtime_that_does_not_agree_is_quoted() {
    let spdy = [("Upgrade", "SPDY/3.1"), ("Content-Length", "5")];
    let check = async |agent: Agent, code: &str, text: &str| {
        let (mut stream, answer) = agent.ask("POST /exec", &spdy).await;
        assert!(answer.starts_with(&format!("http/1.1 {code} ")), "{answer}");
        let mut body = vec![0; text.len()];
        let read = tokio::time::timeout(SOON, stream.read_exact(&mut body)).await;
        read.expect("a body").expect("a body");
        assert_eq!(String::from_utf8_lossy(&body), text);
    };
    check(Agent::before(Runtime::Refusing).await, "403", "none of it").await;
    check(Agent::before(Runtime::Plain).await, "500", "invalid upgrade response: status code 200").await;
    let free = TcpListener::bind("127.0.0.1:0").await.expect("a port").local_addr().expect("an address");
    let down = Agent::before_url(format!("http://{free}/token")).await;
    check(down, "500", "error dialing backend: ").await;
}

/// Streams are opened for what is asked for.
#[test]
fn both_spellings_of_the_options_are_read() {
    let check = |query: &str, want: [bool; 4]| {
        let StreamOptions { stdin, stdout, stderr, tty, .. } = options(&Query::parse(query));
        assert_eq!([stdin, stdout, stderr, tty], want, "{query}");
    };
    check("input=1&output=1&error=1", [true, true, true, false]);
    check("stdin=true&stdout=true&tty=true", [true, true, false, true]);
    check("command=sh", [false; 4]);
}
